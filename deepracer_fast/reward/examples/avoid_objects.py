"""Object avoidance: stay on the road, and off the side on which the next object stands."""

import math

SIGHT = 1.5  # metres to the next object from which its side of the road is to be left
LEAST = 0.001  # nothing is worth less


def next_object(params: dict) -> tuple:
    """Distance of the next object ahead in metres, and whether the car is on its side."""
    ahead = params["closest_objects"][1]
    object_x, object_y = params["objects_location"][ahead]
    distance = math.hypot(object_x - params["x"], object_y - params["y"])
    same_side = params["objects_left_of_center"][ahead] == params["is_left_of_center"]
    return distance, same_side


def reward_function(params: dict) -> float:
    """The reward for one step, from what the simulator says about the car."""
    if params["is_crashed"] or not params["all_wheels_on_track"]:
        return LEAST
    # The middle of the road is worth 1.0, its border 0.5.
    reward = 1.0 - params["distance_from_center"] / params["track_width"]

    if len(params["objects_location"]) > 0:  # none in a time trial
        distance, same_side = next_object(params)
        if same_side and distance < SIGHT:
            reward *= max(distance / SIGHT - 0.2, 0.0)
    return max(reward, LEAST)
