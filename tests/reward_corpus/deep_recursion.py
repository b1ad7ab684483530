# expect: error
def down(n):
    return down(n + 1)

def reward_function(params):
    return down(0)
