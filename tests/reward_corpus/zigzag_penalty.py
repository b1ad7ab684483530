# expect: compiled
ABS_STEERING_THRESHOLD = 15

def reward_function(params):
    marker_1 = 0.1 * params['track_width']
    marker_2 = 0.25 * params['track_width']
    marker_3 = 0.5 * params['track_width']
    d = params['distance_from_center']
    steering = abs(params['steering_angle'])  # the size alone
    reward = 1.0 if d <= marker_1 else 0.5 if d <= marker_2 else 0.1 if d <= marker_3 else 1e-3
    if steering > ABS_STEERING_THRESHOLD:
        reward *= 0.8
    return reward
