# expect: error
def my_reward(params):
    return 1.0
