"""Action spaces in words: made of what people type, and told in a line, a table, or rows of data.

In: steering and speed as levels ("30:5", "1:3"), as lists ("-30,0,30", "1"), or as pairs of both
("-30@0.5,0@2"). Out: an action space. The other way: what it holds, as text. Neighbours:
``action_space`` has the spaces; ``commands.garage`` and ``train`` ask for them,
``pictures.action_space`` draws them.
"""

import re
from collections.abc import Callable

from rich.table import Table

from deepracer_fast import _core
from deepracer_fast.checks.values import shown
from deepracer_fast.errors import ActionError
from deepracer_fast.files.action_space import (
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    even_speeds,
    even_steering,
    every_pair,
)

USUAL_STEERING, USUAL_SPEED = "30:5", "1:3"
"""Those of the lab's first car, 15 actions."""

STEERING_LIMIT_DEG: float = _core.STEERING_LIMIT_DEG
"""The front wheels turn no further; what a console lets people choose."""

SPEED_LIMITS: tuple[float, float] = _core.SPEED_LIMITS
"""m/s: the car drives at no other speeds; what a console lets people choose."""

MOST_ACTIONS = 1000
"""Of a list that somebody types; models have 5 to 30."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_LEVELS = re.compile(rf"({_NUMBER}):(\d{{1,4}})")
_PAIR = re.compile(rf"({_NUMBER})@({_NUMBER})")


def read_steering(text: str) -> tuple[float, ...]:
    """Steering angles, degrees: "30:5" are five from -30 to 30, or they are listed.

    Raises:
        ActionError: it is none of these, or beyond what the wheels turn.
    """
    angles = _levels("steering", text, even_steering, USUAL_STEERING, _check_steering)
    if len(set(angles)) == 1 and angles[0]:
        levels = f"{abs(angles[0]):g}:5"
        raise ActionError(
            f"steering {angles[0]:g} alone goes round in circles: {levels} are five angles up to it"
        )
    return angles


def read_speeds(text: str) -> tuple[float, ...]:
    """Speeds, m/s: "1:3" are three up to 1, or they are listed.

    Raises:
        ActionError: it is none of these, or beyond what the car drives.
    """
    return _levels("speed", text, even_speeds, USUAL_SPEED, _check_speed)


def read_actions(text: str) -> DiscreteActionSpace:
    """Actions one by one: "-30@0.5,0@2" are steering -30 degrees at 0.5 m/s, and 0 at 2.

    Raises:
        ActionError: it is no such list, or beyond what the car does.
    """
    pairs = [_PAIR.fullmatch(part) for part in _parts(text)]
    if not pairs or None in pairs:
        raise ActionError(
            "actions must be steering@speed with commas between, such as -30@0.5,0@2, got "
            f"{shown(text)}"
        )
    steering = tuple(float(pair[1]) for pair in pairs if pair)
    speed = tuple(float(pair[2]) for pair in pairs if pair)
    _check_steering(steering)
    _check_speed(speed)
    return DiscreteActionSpace(steering, speed)


def action_space_of(
    steering: str = USUAL_STEERING, speed: str = USUAL_SPEED, continuous: bool = False
) -> ActionSpace:
    """Every steering angle with every speed; or the box from the least to the greatest of each.

    Raises:
        ActionError: one cannot be read, or there are too many actions.
    """
    angles, speeds = read_steering(steering), read_speeds(speed)
    if continuous:
        return ContinuousActionSpace(min(angles), max(angles), min(speeds), max(speeds))
    if len(angles) * len(speeds) > MOST_ACTIONS:
        raise ActionError(
            f"an action space may have {MOST_ACTIONS} actions, got {len(angles)} steering angles "
            f"times {len(speeds)} speeds"
        )
    return every_pair(angles, speeds)


def levels_of(space: ActionSpace) -> tuple[list[float], list[float]]:
    """Its angles and its speeds, each once and in order; of a box the ends of both."""
    if isinstance(space, DiscreteActionSpace):
        return sorted(set(space.steering_angle_deg)), sorted(set(space.speed))
    return [space.steering_low, space.steering_high], [space.speed_low, space.speed_high]


def in_words(space: ActionSpace) -> str:
    """One line, such as "15 actions: steering -30, -15, 0, 15, 30 deg, speed 0.5, 1 m/s"."""
    angles, speeds = levels_of(space)
    if isinstance(space, ContinuousActionSpace):
        steering, speed = ("{:g} to {:g}".format(*ends) for ends in (angles, speeds))
        return f"continuous: steering {steering} deg, speed {speed} m/s"
    count = "1 action" if space.size == 1 else f"{space.size} actions"
    return f"{count}: steering {_listed(angles)} deg, speed {_listed(speeds)} m/s"


def rows_of(space: ActionSpace) -> list[dict[str, float]]:
    """Each action by its number, or the two ends of a box: degrees, left positive, and m/s."""
    if isinstance(space, ContinuousActionSpace):
        return [
            {"steering_angle": space.steering_low, "speed": space.speed_low},
            {"steering_angle": space.steering_high, "speed": space.speed_high},
        ]
    actions = zip(space.steering_angle_deg, space.speed, strict=True)
    return [{"steering_angle": steering, "speed": speed} for steering, speed in actions]


def action_table(space: ActionSpace) -> Table:
    """One action a row, as a console lists them."""
    table = Table()
    for name in ("action", "steering, deg", "speed, m/s"):
        table.add_column(name, justify="right")
    table.add_column("way")
    names = ("least", "most") if isinstance(space, ContinuousActionSpace) else ()
    for number, row in enumerate(rows_of(space)):
        angle = row["steering_angle"]
        way = "left" if angle > 0 else "right" if angle < 0 else "straight on"
        name = names[number] if names else str(number)
        table.add_row(name, f"{angle:g}", f"{row['speed']:.3g}", way)
    return table


def _levels(
    name: str,
    text: str,
    even: Callable[[float, int], tuple[float, ...]],
    usual: str,
    check: Callable[[tuple[float, ...]], None],
) -> tuple[float, ...]:
    """A maximum with a number of levels, or a list, which may be of one."""
    parts = _parts(text)
    if len(parts) == 1 and (match := _LEVELS.fullmatch(parts[0])):
        levels = even(float(match[1]), int(match[2]))
    elif all(re.fullmatch(_NUMBER, part) for part in parts):
        levels = tuple(float(part) for part in parts)
    else:
        raise ActionError(
            f"{name} must be MAX:LEVELS such as {usual}, or a list with commas, got {shown(text)}"
        )
    check(levels)
    return levels


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _check_steering(angles: tuple[float, ...]) -> None:
    for angle in sorted(angles, key=abs, reverse=True):
        if abs(angle) > STEERING_LIMIT_DEG:
            raise ActionError(
                f"steering must lie within {STEERING_LIMIT_DEG:g} degrees, which is as far as the "
                f"wheels turn, got {angle:g}"
            )


def _check_speed(speeds: tuple[float, ...]) -> None:
    low, high = SPEED_LIMITS
    for speed in sorted(speeds, reverse=True):
        if not low <= speed <= high:
            raise ActionError(
                f"speed must lie from {low:g} to {high:g} m/s, which is what the car drives, got "
                f"{speed:g}"
            )


def _listed(values: list[float]) -> str:
    known = [f"{value:.3g}" for value in values]
    return ", ".join(known) if len(known) <= 9 else f"{known[0]} to {known[-1]}"
