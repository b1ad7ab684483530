# expect: compiled
class PARAMS:
    prev_speed = None
    prev_steering_angle = None
    prev_steps = None
    speeds = []

def reward_function(params):
    steps = params['steps']
    if PARAMS.prev_steps is None or steps < PARAMS.prev_steps:
        PARAMS.prev_speed = None
        PARAMS.prev_steering_angle = None
        PARAMS.speeds = []
    PARAMS.speeds.append(params['speed'])
    if len(PARAMS.speeds) > 5:
        PARAMS.speeds.pop(0)
    mean_speed = sum(PARAMS.speeds) / len(PARAMS.speeds)
    reward = mean_speed
    if PARAMS.prev_speed is not None and PARAMS.prev_speed > params['speed']:
        reward *= 0.9
    if PARAMS.prev_steering_angle is not None:
        reward -= 0.005 * abs(PARAMS.prev_steering_angle - params['steering_angle'])
    PARAMS.prev_speed = params['speed']
    PARAMS.prev_steering_angle = params['steering_angle']
    PARAMS.prev_steps = steps
    return max(float(reward), 1e-3)
