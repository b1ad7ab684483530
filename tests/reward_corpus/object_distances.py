# expect: compiled
import math

SAFE = 0.8

def dist(a, b):
    return math.hypot(a[0] - b[0], a[1] - b[1])

def reward_function(params):
    me = (params['x'], params['y'])
    objects = params['objects_location']
    reward = 1.0 - params['distance_from_center'] / params['track_width']
    if params['is_crashed']:
        return 1e-3
    if objects:
        nearest = min(dist(me, o) for o in objects)
        if nearest < SAFE:
            reward *= nearest / SAFE
        speeds = params.get('objects_speed', [])
        moving = [s for s in speeds if s > 0]
        reward += 0.1 * len(moving)
        order = sorted(range(len(objects)), key=lambda i: dist(me, objects[i]))
        if params['objects_left_of_center'][order[0]] != params['is_left_of_center']:
            reward += 0.25
    return max(reward, 1e-3)
