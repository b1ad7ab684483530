"""Stay close to the centre line: the nearer the car, the higher the reward."""


def reward_function(params: dict) -> float:
    """The reward for one step, from what the simulator says about the car."""
    width = params["track_width"]
    distance = params["distance_from_center"]

    # Three bands around the centre line, each a fraction of the road's full width. Half the
    # width is the border itself, so beyond the last band the car has left the road.
    if distance <= 0.1 * width:
        return 1.0
    if distance <= 0.25 * width:
        return 0.5
    if distance <= 0.5 * width:
        return 0.1
    return 0.001
