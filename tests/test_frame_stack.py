"""Promises of ``deepracer_fast.frame_stack``: every car sees its own last frames, oldest first."""

import numpy as np
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.frame_stack import FrameStack
from deepracer_fast.simulator import RaceRules, Simulator

CARS, STEPS, SEED = 6, 60, 4
# Fast and to one side, so that episodes end soon and not all at once.
COMMANDS = np.stack([np.linspace(-30.0, 30.0, CARS), np.linspace(2.0, 4.0, CARS)], axis=1)


def simulator(cars: int = CARS, first: int = 0, camera: str = "FRONT_FACING_CAMERA") -> Simulator:
    return Simulator(
        "reinvent_base",
        cars,
        sensors=(camera,),
        num_threads=1,
        seed=SEED,
        rules=RaceRules(random_start=True),
        first_car=first,
        cars_in_batch=CARS,
    )


def seen(stacked: FrameStack, camera: str, commands: np.ndarray) -> list[np.ndarray]:
    """What the cars see in each step."""
    results = [stacked.reset().observation[camera].copy()]
    for _ in range(STEPS):
        results.append(stacked.step(commands.astype(np.float32)).observation[camera].copy())
    return results


@pytest.mark.parametrize("camera", ["FRONT_FACING_CAMERA", "STEREO_CAMERAS"])
@pytest.mark.parametrize("frames", [2, 4])
def test_a_stack_is_the_history_of_each_cars_episode(frames: int, camera: str) -> None:
    """Against the obvious way: a list of frames for each car."""
    single = simulator(camera=camera)
    result = single.reset()
    histories = [[frame.copy()] for frame in result.observation[camera]]
    endings = 0
    for stack in seen(FrameStack(simulator(camera=camera), frames), camera, COMMANDS):
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
    camera = "FRONT_FACING_CAMERA"
    whole = seen(FrameStack(simulator(), 3), camera, COMMANDS)
    halves = [
        seen(FrameStack(simulator(3, first), 3), camera, COMMANDS[first : first + 3])
        for first in (0, 3)
    ]
    for together, *parts in zip(whole, *halves, strict=True):
        assert (together == np.concatenate(parts)).all()


def test_episodes_that_begin_together_begin_anew() -> None:
    stacked = FrameStack(simulator(), 3)
    seen(stacked, "FRONT_FACING_CAMERA", COMMANDS)
    stack = stacked.begin_episodes(1).observation["FRONT_FACING_CAMERA"]
    assert (stack == stack[..., :1]).all()


def test_what_cannot_be_stacked_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frames must lie in 2..4, got 5"):
        FrameStack(simulator(), 5)
    with pytest.raises(ConfigError, match="of a camera only, got LIDAR"):
        FrameStack(simulator(camera="LIDAR"), 2)
