# expect: compiled
mode = 'start'
last_side = None

def side(params):
    if params['distance_from_center'] < 0.1:
        return 'middle'
    return 'left' if params['is_left_of_center'] else 'right'

def reward_function(params):
    global mode, last_side
    where = side(params)
    reward = 1.0
    if mode == 'start':
        reward = 0.5
        mode = 'drive'
    elif mode == 'drive' and last_side != where:
        reward -= 0.2
        mode = 'weave'
    elif mode in ('weave', 'lost'):
        mode = 'drive'
        reward += 0.1
    if where == 'middle':
        reward += 1
    last_side = where
    return reward
