# expect: error
def reward_function(params):
    return params['spead'] * 2
