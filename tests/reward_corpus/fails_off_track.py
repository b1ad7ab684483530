# expect: error
def reward_function(params):
    if params['is_offtrack']:
        return None
    return 1.0
