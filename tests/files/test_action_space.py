"""Promises of action_space.py: the console's grid, the two mappings, and what is refused."""

import numpy as np
import pytest

from deepracer_fast.errors import ActionError
from deepracer_fast.files.action_space import (
    ContinuousActionSpace,
    DiscreteActionSpace,
    discrete_grid,
)
from deepracer_fast.files.model_metadata import read_model_metadata

LIST = DiscreteActionSpace(steering_angle_deg=(-30.0, 0.0, 30.0), speed=(1.0, 6.0, 2.0))
BOX = ContinuousActionSpace(steering_low=-20.0, steering_high=30.0, speed_low=1.0, speed_high=3.0)


def test_grid_runs_right_to_left_with_speed_inside():
    grid = discrete_grid(30, 3, 1, 2)
    assert grid.steering_angle_deg == (-30, -30, 0, 0, 30, 30)
    assert grid.speed == (0.5, 1, 0.5, 1, 0.5, 1)
    assert grid.size == 6


@pytest.mark.parametrize(
    ("file", "arguments"),
    [("odd_3.json", (30, 5, 6, 3)), ("odd_5.json", (30, 3, 1, 3)), ("odd_6.json", (30, 5, 1, 2))],
)
def test_grid_is_the_one_that_the_console_wrote(shared, file, arguments):
    written = read_model_metadata(shared / "models/metadata" / file).action_space
    assert discrete_grid(*arguments) == written


def test_grid_of_one_angle_drives_straight_on():
    assert discrete_grid(30, 1, 4, 1) == DiscreteActionSpace((0.0,), (4.0,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3, 1, 1), "max_steering_deg must be above 0, got 0"),
        ((30, 0, 1, 1), "steering_levels must be 1 or more, got 0"),
        ((30, 3, float("inf"), 1), "max_speed must hold finite numbers, got inf"),
        ((30, 3, 1, -2), "speed_levels must be 1 or more, got -2"),
    ],
)
def test_grid_refuses_arguments_out_of_range(arguments, message):
    with pytest.raises(ActionError, match=message):
        discrete_grid(*arguments)


def test_index_is_looked_up_and_speed_above_4_is_kept():
    commands = LIST.to_commands(np.array([2, 1], dtype=np.int32))
    assert commands.dtype == np.float32
    np.testing.assert_array_equal(commands, [[30, 2], [0, 6]])


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([[0]], r"must have shape \(B,\), got \(1, 1\)"),
        ([0.0], "must be integers, got float64"),
        ([True], "must be integers, got bool"),
        ([0, 3], r"must lie in 0\.\.2, got 3 for car 1"),
        ([-1], r"must lie in 0\.\.2, got -1 for car 0"),
    ],
)
def test_bad_indices_are_refused(indices, message):
    with pytest.raises(ActionError, match=message):
        LIST.to_commands(indices)


def test_values_map_linearly_to_the_bounds_and_are_clipped():
    commands = BOX.to_commands([[-1, -1], [0, 0], [1, 1], [-7, 7]])
    assert commands.dtype == np.float32
    np.testing.assert_array_equal(commands, [[-20, 1], [5, 2], [30, 3], [-20, 3]])
    assert BOX.size == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, 0.0], r"must have shape \(B, 2\), got \(2,\)"),
        ([[0.0, 0.0, 0.0]], r"must have shape \(B, 2\), got \(1, 3\)"),
        ([[0.0, 0.0], [0.0, np.nan]], "must be finite, got nan for car 1, speed"),
        ([[np.inf, 0.0]], "must be finite, got inf for car 0, steering_angle"),
        ([["a", "b"]], "must be numbers"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ActionError, match=message):
        BOX.to_commands(values)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((10, 10, 1, 2), "steering_angle: low must be less than high, got low 10, high 10"),
        ((-10, 10, 2, 1), "speed: low must be less than high, got low 2, high 1"),
        ((-10, 10, float("nan"), 1), "speed must hold finite numbers, got nan"),
    ],
)
def test_box_with_bad_bounds_is_refused(bounds, message):
    with pytest.raises(ActionError, match=message):
        ContinuousActionSpace(*bounds)


@pytest.mark.parametrize(
    ("angles", "speeds", "message"),
    [
        ((), (), "got 0 angles and 0 speeds"),
        ((1.0, 2.0), (1.0,), "got 2 angles and 1 speeds"),
        ((1.0, 2.0), (1.0, float("nan")), "action 1 must hold finite numbers, got nan"),
    ],
)
def test_list_that_is_no_list_of_actions_is_refused(angles, speeds, message):
    with pytest.raises(ActionError, match=message):
        DiscreteActionSpace(angles, speeds)
