# expect: compiled
import math

def reward_function(params):
    here = (params['x'], params['y'])
    candidates = [(math.dist(here, p), k) for k, p in enumerate(params['waypoints'])]
    first, second = sorted(candidates)[:2]
    distance, index = min(candidates)
    a, *middle, b = [1, 2, 3, first[0]]
    return distance + index / 100 + (first < second) + second[0] + a + sum(middle) + b
