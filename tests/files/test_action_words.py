"""Promises of ``action_words``: what people type becomes the actions that it says."""

from pathlib import Path

import pytest

from deepracer_fast.errors import ActionError
from deepracer_fast.files.action_space import (
    ContinuousActionSpace,
    DiscreteActionSpace,
    discrete_grid,
)
from deepracer_fast.files.action_words import (
    action_space_of,
    in_words,
    read_actions,
    read_speeds,
    read_steering,
    rows_of,
)
from deepracer_fast.pictures.action_space import draw_actions


@pytest.mark.parametrize(
    ("text", "angles"),
    [
        ("30:5", (-30.0, -15.0, 0.0, 15.0, 30.0)),
        ("0", (0.0,)),
        ("12.5:3", (-12.5, 0.0, 12.5)),
        ("30:1", (0.0,)),
        ("-30, 0,20", (-30.0, 0.0, 20.0)),
    ],
)
def test_steering_is_a_maximum_with_levels_or_a_list(text: str, angles: tuple[float, ...]) -> None:
    assert read_steering(text) == angles


@pytest.mark.parametrize(
    ("text", "speeds"),
    [("3:3", (1.0, 2.0, 3.0)), ("1.5", (1.5,)), ("4:1", (4.0,)), (".5,2", (0.5, 2.0))],
)
def test_speed_is_a_maximum_with_levels_or_a_list(text: str, speeds: tuple[float, ...]) -> None:
    assert read_speeds(text) == speeds


def test_the_usual_actions_are_the_labs() -> None:
    assert action_space_of() == discrete_grid(30.0, 5, 1.0, 3)
    assert action_space_of("30:7", "4:4") == discrete_grid(30.0, 7, 4.0, 4)


def test_a_box_goes_from_the_least_to_the_greatest() -> None:
    assert action_space_of("20:5", "0.5,2", continuous=True) == ContinuousActionSpace(
        -20.0, 20.0, 0.5, 2.0
    )


def test_actions_one_by_one_keep_their_order() -> None:
    space = read_actions("30@0.5, 0@2,-30@.5")
    assert space == DiscreteActionSpace((30.0, 0.0, -30.0), (0.5, 2.0, 0.5))
    assert rows_of(space)[1] == {"steering_angle": 0.0, "speed": 2.0}


@pytest.mark.parametrize(
    ("make", "text", "message"),
    [
        (read_steering, "", "steering must be MAX:LEVELS such as 30:5, .* got ''"),
        (read_steering, "left", "steering must be MAX:LEVELS"),
        (read_steering, "30:0", "steering_levels must be 1 or more"),
        (read_steering, "20", "20 alone goes round in circles: 20:5 are five angles"),
        (read_steering, "-30:5", "max_steering_deg must be above 0"),
        (read_steering, "-45,45", "within 30 degrees, .* got -45"),
        (read_speeds, "9", "from 0.1 to 4 m/s, which is what the car drives, got 9"),
        (read_speeds, "0,1", "from 0.1 to 4 m/s, .* got 0"),
        (read_speeds, "1,nan", "speed must be MAX:LEVELS"),
        (read_actions, "30", "must be steering@speed with commas between"),
        (read_actions, "30@9", "from 0.1 to 4 m/s"),
        (lambda text: action_space_of(text, "4:40"), "30:41", "1000 actions, got 41 .* times 40"),
    ],
)
def test_what_is_no_action_space_is_refused(make, text, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ActionError, match=message):
        make(text)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (action_space_of("30:3", "2:2"), "6 actions: steering -30, 0, 30 deg, speed 1, 2 m/s"),
        (read_actions("0@0.333"), "1 action: steering 0 deg, speed 0.333 m/s"),
        (action_space_of("30:31", "1:1"), "31 actions: steering -30 to 30 deg, speed 1 m/s"),
        (
            ContinuousActionSpace(-30.0, 30.0, 0.5, 2.0),
            "continuous: steering -30 to 30 deg, speed 0.5 to 2 m/s",
        ),
    ],
)
def test_a_space_is_told_in_a_line(space, words) -> None:  # type: ignore[no-untyped-def]
    assert in_words(space) == words


@pytest.mark.parametrize("continuous", [False, True])
def test_a_space_is_drawn(continuous: bool, tmp_path: Path) -> None:
    picture = tmp_path / "actions.png"
    draw_actions(action_space_of(continuous=continuous), picture, "Flash $1$")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
