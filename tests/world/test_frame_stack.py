"""Promises of ``frame_stack``: every car sees its own last frames, oldest first."""

from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

CARS, STEPS, SEED = 6, 60, 4
# Fast and to one side, so that episodes end soon and not all at once.
COMMANDS = np.stack([np.linspace(-30.0, 30.0, CARS), np.linspace(2.0, 4.0, CARS)], axis=1)


FRONT = "FRONT_FACING_CAMERA"


def simulator(frames: int, camera: str = FRONT, cars: int = CARS, **options: Any) -> Simulator:
    usual = {"threads": 1, "seed": SEED, "rules": RaceRules(random_start=True)} | options
    return Simulator("reinvent_base", cars, (camera,), frame_stack=frames, **usual)


def seen(stacked: Simulator, camera: str, commands: np.ndarray) -> list[np.ndarray]:
    """What the cars see in each step."""
    results = [stacked.reset().observation[camera].copy()]
    for _ in range(STEPS):
        results.append(stacked.step(commands.astype(np.float32)).observation[camera].copy())
    return results


@pytest.mark.parametrize("camera", ["FRONT_FACING_CAMERA", "STEREO_CAMERAS"])
@pytest.mark.parametrize("frames", [2, 4])
def test_a_stack_is_the_history_of_each_cars_episode(frames: int, camera: str) -> None:
    """Against the obvious way: a list of frames for each car."""
    single = simulator(1, camera)
    result = single.reset()
    histories = [[frame.copy()] for frame in result.observation[camera]]
    endings = 0
    for stack in seen(simulator(frames, camera), camera, COMMANDS):
        for history, found in zip(histories, stack, strict=True):
            last = ([history[0]] * frames + history)[-frames:]
            assert (found == np.concatenate(last, axis=-1)).all()
        result = single.step(COMMANDS.astype(np.float32))
        for car, ended in enumerate(result.terminated | result.truncated):
            frame = result.observation[camera][car].copy()
            histories[car] = [frame] if ended else [*histories[car], frame]
            endings += ended
    assert endings > CARS


def test_cars_in_parts_see_what_they_see_together() -> None:
    whole = seen(simulator(3), FRONT, COMMANDS)
    halves = [
        seen(simulator(3, cars=3, first_car=i, cars_in_batch=CARS), FRONT, COMMANDS[i : i + 3])
        for i in (0, 3)
    ]
    for together, *parts in zip(whole, *halves, strict=True):
        assert (together == np.concatenate(parts)).all()


def test_episodes_that_begin_together_begin_anew() -> None:
    stacked = simulator(3)
    seen(stacked, FRONT, COMMANDS)
    stack = stacked.begin_episodes(1).observation[FRONT]
    assert (stack == stack[..., :1]).all()


def test_a_car_that_is_placed_begins_anew_and_leaves_the_others_alone() -> None:
    stacked = simulator(2)
    before = seen(stacked, FRONT, COMMANDS)[-1]
    after = stacked.place([1], 3.0, 0.7, 0.0).observation[FRONT]
    assert (after[1, ..., 0] == after[1, ..., 1]).all()
    assert (np.delete(after, 1, axis=0) == np.delete(before, 1, axis=0)).all()


def test_a_box_that_is_placed_is_in_the_newest_frame_only() -> None:
    rules = RaceRules(race=RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=1))
    stacked = simulator(2, cars=1, rules=rules)
    stacked.reset()
    still = stacked.step([[0.0, 1.0]]).observation[FRONT].copy()
    x, y, heading = stacked.vehicle_states()[0, :3]
    before_it = [[x + np.cos(heading), y + np.sin(heading)]]
    box = stacked.place_objects([0], before_it).observation[FRONT]
    assert (box[..., 0] == still[..., 0]).all()
    assert (box[..., 1] != still[..., 1]).any()


def test_what_cannot_be_stacked_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frame_stack must lie in 1..4, got 5"):
        simulator(5)
    with pytest.raises(ConfigError, match="frame_stack needs a camera, got LIDAR"):
        simulator(2, "LIDAR")
