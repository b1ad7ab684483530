# expect: compiled
import math
def reward_function(params):
    objects_location = params['objects_location']
    agent_x = params['x']
    agent_y = params['y']
    _, next_object_index = params['closest_objects']
    objects_left_of_center = params['objects_left_of_center']
    is_left_of_center = params['is_left_of_center']

    reward = 1e-3
    if params['all_wheels_on_track'] and (0.5 * params['track_width'] - params['distance_from_center']) >= 0.05:
        reward_lane = 1.0
    else:
        reward_lane = 1e-3

    reward_avoid = 1.0
    if len(objects_location) > 0:
        next_object_loc = objects_location[next_object_index]
        distance_closest_object = math.sqrt((agent_x - next_object_loc[0])**2 + (agent_y - next_object_loc[1])**2)
        is_same_lane = objects_left_of_center[next_object_index] == is_left_of_center
        if is_same_lane:
            if 0.5 <= distance_closest_object < 0.8:
                reward_avoid *= 0.5
            elif 0.3 <= distance_closest_object < 0.5:
                reward_avoid *= 0.2
            elif distance_closest_object < 0.3:
                reward_avoid = 1e-3

    reward += 1.0 * reward_lane + 4.0 * reward_avoid
    return reward
