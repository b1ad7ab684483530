# expect: compiled
prev_speed = None
prev_steering = 0.0

def reward_function(params):
    global prev_speed, prev_steering
    if params['steps'] <= 2:
        prev_speed = None
        prev_steering = 0.0
    reward = params['progress'] / 100 + 0.1
    if prev_speed is not None:
        if params['speed'] > prev_speed:
            reward += 0.5
        elif params['speed'] < prev_speed:
            reward -= 0.05
    if abs(params['steering_angle'] - prev_steering) > 20:
        reward *= 0.7
    prev_speed = params['speed']
    prev_steering = params['steering_angle']
    return float(reward)
