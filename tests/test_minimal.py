"""The one to run if you run one: build a simulator, drive a few cars, look at what comes back."""

import numpy as np

from deepracer_fast.reward import load_reward
from deepracer_fast.world.simulator import PREPARE, STATUS_NAMES, Simulator


def test_cars_drive_and_every_array_has_its_shape_and_type() -> None:
    simulator = Simulator("reinvent_base", num_cars=3, threads=1)
    result = simulator.reset()
    picture = result.observation["FRONT_FACING_CAMERA"]
    assert (picture.shape, picture.dtype) == ((3, 120, 160, 1), np.uint8)
    assert picture.std() > 5, "the picture shows something"

    actions = np.array([[0.0, 1.0], [10.0, 1.5], [-10.0, 2.0]], np.float32)
    result = simulator.step(actions)
    assert [STATUS_NAMES[code] for code in result.status] == ["prepare"] * 3
    start = simulator.vehicle_states()[:, :2]
    for _ in range(10):
        result = simulator.step(actions)
    assert (np.hypot(*(simulator.vehicle_states()[:, :2] - start).T) > 0.2).all()

    assert (result.params["x"].shape, result.params["x"].dtype) == ((3,), np.float32)
    assert result.params["closest_waypoints"].shape == (3, 2)
    assert result.params["all_wheels_on_track"].dtype == np.bool_
    assert result.params["waypoints"].shape == (119, 2)
    assert result.params["steps"].tolist() == [11.0] * 3
    assert (result.terminated.dtype, result.truncated.dtype) == (np.bool_, np.bool_)
    assert not (result.terminated | result.truncated | (result.status == PREPARE)).any()


def test_reward_function_reads_what_the_simulator_writes() -> None:
    simulator = Simulator("reinvent_base", num_cars=2, sensors=(), threads=1)
    result = simulator.step([[0.0, 1.0], [5.0, 2.0]])
    reward = load_reward("def reward_function(params):\n    return params['speed']\n")
    assert reward(result.params).tolist() == [1.0, 2.0]
