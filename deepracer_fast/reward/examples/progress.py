"""Get round the track: each step earns what it added to the lap, in percent of the lap."""

last_progress = 0.0


def reward_function(params: dict) -> float:
    """The reward for one step, from what the simulator says about the car."""
    global last_progress

    # Nothing has been gained yet when an episode begins: its first call sees 2 steps.
    if params["steps"] <= 2:
        last_progress = params["progress"]

    gained = params["progress"] - last_progress
    last_progress = params["progress"]
    return float(gained)
