# expect: compiled
def reward_function(params):
    if params['offtrack'] or params['crashed']:
        return 1e-3
    return 1.0 + params.get('speed', 0) * 0.1
