"""How likely a policy held each of its actions, as bars in a video's frame.

In: the policy's answer and its actions. Out: bars from left to right as the car would turn, each
with its speed, below them the steering angles. Neighbour: ``pictures.video.frame`` has the frame.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.pictures.video.car_shape import Colour
from deepracer_fast.pictures.video.pen import BRIGHT, QUIET, TEXT, Pen, angle

Area = tuple[float, float, float, float]
"""Left, top, width and height of where the bars stand, at scale 1."""

Actions = Sequence[tuple[float, float]]
"""Steering (degrees) and speed (m/s) of each."""

_SLOW: Colour = (62, 84, 116)
_FAST: Colour = (120, 172, 232)
_LEAST_UPWARDS = 8.0  # pixels of the picture, what digits are high
_GAP = 5.0  # between the bars of two steering angles


def from_left(actions: Actions) -> list[int]:
    """Numbers of the actions, those that steer left first, the slow ones of them first."""
    return sorted(range(len(actions)), key=lambda a: (-actions[a][0], actions[a][1]))


def draw_probabilities(
    pen: Pen, area: Area, probabilities: Array, actions: Actions, order: Sequence[int]
) -> None:
    """A bar for each action, the likeliest one in a colour of its own, faster ones lighter."""
    left, top, width, height = area
    best = int(np.argmax(probabilities))
    steering, speed = actions[best]
    what = f"actions: {angle(steering)} at {speed:.2f} m/s, {100 * probabilities[best]:.0f} %"
    pen.text((left, top - 20), what, 13, QUIET)
    groups = [list(group) for _, group in groupby(order, key=lambda a: actions[a][0])]
    gap = min(_GAP, 0.3 * width / len(order))
    pitch = (width - gap * (len(groups) - 1)) / len(order)
    speeds = speeds_that_fit(pen, actions, pitch)
    is_upwards = not speeds and pitch * pen.scale >= _LEAST_UPWARDS
    if is_upwards:
        speeds = [_speed(speed, 2) for _, speed in actions]
    room = max(pen.length(speed, 11) for speed in speeds) if is_upwards else 12 * bool(speeds)
    bottom = top + height - room - 2
    free = left  # where the next angle may be written
    for group in groups:
        if left >= free:
            name = angle(actions[group[0]][0])
            pen.text((left, top + height + 3), name, 12, TEXT)
            free = left + pen.length(name, 12) + 4
        for action in group:
            share = (bottom - top) * float(probabilities[action])
            colour = BRIGHT if action == best else _shade(actions[action][1], actions)
            right = left + pitch - min(1.5, 0.3 * pitch)
            pen.box((left, bottom - max(share, 1), right, bottom), colour)
            if speeds:
                write = pen.text_upwards if is_upwards else pen.text
                write((left, bottom + 1), speeds[action], 11, QUIET)
            left += pitch
        left += gap


def draw_means(pen: Pen, area: Area, means: Array, command: tuple[float, float]) -> None:
    """The means [2] of a continuous policy on their scale from -1 to 1, and what they command.

    The command is steering (degrees) and speed (m/s) that the car was given.
    """
    left, top, width, _ = area
    pen.text((left, top - 20), "the policy's means, -1 to 1", 13, QUIET)
    steering = f"steering {means[0]:+.2f}: {angle(command[0])}"
    speed = f"speed {means[1]:+.2f}: {command[1]:.2f} m/s"
    # A positive angle steers left, and is drawn there.
    for row, (text, mean) in enumerate(zip((steering, speed), (-means[0], means[1]), strict=True)):
        y = top + 6 + 44 * row
        pen.text((left, y), text, 13, TEXT)
        middle, reach = left + width / 2, float(np.clip(mean, -1, 1)) * width / 2
        pen.box((min(middle, middle + reach), y + 20, max(middle, middle + reach), y + 32), BRIGHT)
        pen.box((middle, y + 18, middle, y + 34), QUIET)


def speeds_that_fit(pen: Pen, actions: Actions, pitch: float) -> list[str]:
    """Metres per second of each action, as exact as a bar is wide; none if it is too narrow."""
    for decimals in (2, 1):
        speeds = [_speed(speed, decimals) for _, speed in actions]
        if max(pen.length(speed, 11) for speed in speeds) + 3 < pitch:
            return speeds
    return []


def _speed(speed: float, decimals: int) -> str:
    """Without what says nothing: .5, 1, 1.25, 4."""
    return f"{speed:.{decimals}f}".rstrip("0").rstrip(".").removeprefix("0") or "0"


def _shade(speed: float, actions: Actions) -> Colour:
    """From the slowest action's to the fastest's."""
    speeds = [each for _, each in actions]
    span = max(speeds) - min(speeds)
    share = (speed - min(speeds)) / span if span > 0 else 0.5
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(_SLOW, _FAST, strict=True))
    return red, green, blue
