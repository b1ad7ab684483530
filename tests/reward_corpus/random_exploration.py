# expect: interpreted
import random

random.seed(7)

def reward_function(params):
    noise = random.uniform(-0.01, 0.01)
    return 1.0 + noise
