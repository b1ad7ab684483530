"""Head to head: drive fast, and pass the cars ahead on the free side of the road."""

import math

SIGHT = 1.2  # metres to the next car from which it is to be passed
FULL_SPEED = 2.0  # m/s that are worth the whole reward
LEAST = 0.001  # nothing is worth less


def reward_function(params: dict) -> float:
    """The reward for one step, from what the simulator says about the car."""
    if params["is_crashed"] or not params["all_wheels_on_track"]:
        return LEAST
    reward = 0.5 + 0.5 * min(params["speed"] / FULL_SPEED, 1.0)

    # The cars right behind and right ahead: one that is being passed changes from one to the other.
    for index in params["closest_objects"]:
        if index >= len(params["objects_location"]):
            break  # a time trial: there is no other car
        car_x, car_y = params["objects_location"][index]
        distance = math.hypot(car_x - params["x"], car_y - params["y"])
        same_side = params["objects_left_of_center"][index] == params["is_left_of_center"]
        if same_side and distance < SIGHT:
            reward *= 0.2
    return reward
