# expect: compiled
left_lane = [1, 2, 3, 4, 5, 6, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]
right_lane = [40, 41, 42, 43, 44, 45, 46, 47, 48]
center_lane = list(range(7, 20)) + list(range(31, 40)) + list(range(49, 72))
fast = [*range(0, 12), *range(50, 72)]
slow = set(range(25, 35))

def reward_function(params):
    next_wp = params["closest_waypoints"][1]
    is_left = params["is_left_of_center"]
    d = params["distance_from_center"]
    reward = 21
    if params["all_wheels_on_track"]:
        reward += 10
    else:
        reward -= 10
    if next_wp in left_lane and is_left:
        reward += 10
    elif next_wp in right_lane and not is_left:
        reward += 10
    elif next_wp in center_lane and d < 0.15:
        reward += 10
    else:
        reward -= 10
    if next_wp in fast:
        reward += 10 if params["speed"] >= 2 else -10
    elif next_wp in slow:
        if params["speed"] <= 1.5:
            reward += 10
        else:
            reward -= 10
    return float(reward)
