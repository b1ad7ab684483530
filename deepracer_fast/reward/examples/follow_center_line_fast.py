"""Stay close to the centre line and keep moving: going slowly costs half of the reward."""

SLOW_SPEED = 1.0  # metres per second; choose one between the speeds of your action space
SLOW_SPEED_FACTOR = 0.5


def center_line_reward(distance: float, width: float) -> float:
    """1.0 in the middle of the road, less in two bands beside it, next to nothing outside."""
    # (widest distance that still counts, as a fraction of the road's width; reward)
    for fraction, reward in ((0.1, 1.0), (0.25, 0.5), (0.5, 0.1)):
        if distance <= fraction * width:
            return reward
    return 0.001


def reward_function(params: dict) -> float:
    """The reward for one step, from what the simulator says about the car."""
    reward = center_line_reward(params["distance_from_center"], params["track_width"])

    # This is the speed that the car was told to drive, not the one that it has reached.
    if params["speed"] < SLOW_SPEED:
        reward *= SLOW_SPEED_FACTOR
    return reward
