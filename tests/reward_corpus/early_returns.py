# expect: compiled
MIN_REWARD = 1e-4

def on_track(params):
    if not params['all_wheels_on_track']:
        return False
    if params['is_offtrack']:
        return False
    return params['distance_from_center'] <= params['track_width'] * 0.5

def reward_function(params):
    if not on_track(params):
        return MIN_REWARD
    if params['is_reversed']:
        return MIN_REWARD * 2
    if params['speed'] < 1:
        return 0.2
    reward = 1
    reward += params['speed'] ** 2
    return reward
