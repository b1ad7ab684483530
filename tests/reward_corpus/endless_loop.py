# expect: error
def reward_function(params):
    count = 0
    while True:
        count += 1
    return count
