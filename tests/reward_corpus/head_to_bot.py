# expect: compiled
def reward_function(params):
    behind, ahead = params['closest_objects'][0], params['closest_objects'][1]
    distances = params['objects_distance']
    speed = params['speed']
    reward = 0.1 + speed / 4
    if len(distances) == 0:
        return reward
    gap = distances[ahead] - params['projection_distance']
    if gap < 0:
        gap += params['track_length']
    rear = (params['projection_distance'] - distances[behind]) % params['track_length']
    same_lane = params['objects_left_of_center'][ahead] is params['is_left_of_center']
    if params['object_in_camera'] and same_lane and gap < 1.5:
        reward *= gap / 1.5
        closing = speed - params['objects_speed'][ahead]
        if closing > 0:
            time_to_hit = gap / closing
            reward -= 0.1 / (1 + time_to_hit)
    elif rear < 0.5:
        reward += 0.2
    if params['is_crashed'] or params['is_offtrack']:
        reward = 1e-3
    return max(reward, 1e-3)
