"""Promises of ``driving_habits``: what is said about how a policy drives."""

from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.driving.habits import driving_habits
from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid

SPACE = discrete_grid(30.0, 5, 1.0, 3)
BOX = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)


def trace(actions: list[Any], metres: float = 0.05) -> dict[str, npt.NDArray[Any]]:
    """A car that goes straight on, at 15 steps a second, after a step that prepares it."""
    count = len(actions) + 1
    return {
        "episode": np.zeros(count, int),
        "X": np.arange(count) * metres,
        "Y": np.zeros(count),
        "tstamp": np.arange(count) / 15,
        "action": np.array([actions[0], *actions]),
        "episode_status": np.array(["prepare"] + ["in_progress"] * len(actions)),
    }


def index_of(steering: float, speed: float) -> int:
    pairs = zip(SPACE.steering_angle_deg, SPACE.speed, strict=True)
    return next(
        k for k, pair in enumerate(pairs) if np.allclose(pair, (steering, speed), atol=0.01)
    )


def remarks(actions: list[Any], space: Any = SPACE) -> str:
    return " ".join(driving_habits(trace(actions), space).remarks(space))


def test_the_summary_has_the_speed_that_was_driven_and_the_actions_in_use() -> None:
    straight, left = index_of(0, 1.0), index_of(15, 2 / 3)
    habits = driving_habits(trace([straight] * 75 + [left] * 25, metres=0.04), SPACE)
    assert habits.summary(SPACE) == (
        "mean speed 0.60 m/s; 2 of 15 actions used, most: 0 deg 1.00 m/s 75%, 15 deg 0.67 m/s 25%"
    )


def test_more_than_the_fastest_speed_asked_for_is_explained() -> None:
    fastest = [index_of(0, 1.0)] * 50
    faster, as_asked = (driving_habits(trace(fastest, each / 15), SPACE) for each in (1.02, 1.001))
    assert faster.summary(SPACE).startswith("mean speed 1.02 m/s (the wheels turn 1 to 2 % faster")
    assert "wheels" not in as_asked.summary(SPACE)


def test_a_car_that_crawls_is_told_of_its_reward() -> None:
    crawling = [index_of(angle, 1 / 3) for angle in (-30, -15, 0, 15, 30)] * 20
    assert "slowest speed, 0.33 m/s, in 100% of its steps" in remarks(crawling)
    assert "slowest" not in remarks([*crawling, *[index_of(0, 1.0)] * 20])
    one_speed = discrete_grid(30.0, 7, 1.0, 1)
    assert "slowest" not in remarks(list(range(7)) * 20, one_speed)


def test_few_actions_of_many_are_noticed() -> None:
    assert "2 of its 15 actions" in remarks([index_of(0, 1.0), index_of(15, 1.0)] * 20)
    few = discrete_grid(30.0, 3, 1.0, 1)
    assert "actions" not in remarks([1] * 40, few)


def test_zig_zags_are_counted_by_the_second() -> None:
    left, right, straight = (index_of(angle, 1.0) for angle in (30, -30, 0))
    zig_zag = [left, straight, right, straight] * 15
    assert "zig-zags: 7.4 times a second" in remarks(zig_zag)
    assert "zig-zags" not in remarks([left] * 60 + [right] * 60), "a bend, then another"
    assert "zig-zags" in remarks([[1.0, 0.0], [-1.0, 0.0]] * 30, BOX)


def test_a_box_says_its_ranges_and_an_empty_trace_says_nothing_odd() -> None:
    habits = driving_habits(trace([[0.5, -1.0], [-0.5, 1.0]]), BOX)
    assert habits.summary(BOX).endswith(
        "steering -15 to 15 degrees, speeds asked for 0.50 to 1.00 m/s"
    )
    nothing = {name: column[:1] for name, column in trace([0]).items()}
    habits = driving_habits(nothing, SPACE)
    assert habits.mean_speed == 0.0 and list(habits.remarks(SPACE)) == []
    assert habits.summary(SPACE).startswith("mean speed 0.00 m/s")
