"""Stay close to the centre line without zigzagging: steering hard costs a part of the reward."""

HARD_STEERING = 15.0  # degrees to either side
HARD_STEERING_FACTOR = 0.8


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

    # The angle is positive to the left and negative to the right: its size is what matters.
    if abs(params["steering_angle"]) > HARD_STEERING:
        reward *= HARD_STEERING_FACTOR
    return reward
