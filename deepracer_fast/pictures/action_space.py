"""A picture of an action space: the car from above, and where each action takes it.

In: an action space. Out: a PNG file. Neighbour: ``action_words`` tells the same in text. Import it
where it is needed: it loads matplotlib.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Wedge

from deepracer_fast.files.action_space import ActionSpace, ContinuousActionSpace
from deepracer_fast.files.action_words import in_words, rows_of
from deepracer_fast.files.atomic import atomic_file

DPI = 130
_SPREAD = 2.5  # degrees in the picture for one of the steering angle, so that arrows stand apart
_COLOURS = "viridis"


def draw_actions(space: ActionSpace, path: str | Path, title: str = "") -> None:
    """Draws an action space into a PNG file, under a title; an existing file is replaced.

    Arrows point as the front wheels do, fanned out for the eye, and are as long as the speed.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(8.0, 5.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.set_frame_on(False)
    axes.set_title("\n".join(filter(None, (title, in_words(space)))), fontsize=10, parse_math=False)
    fastest = max(row["speed"] for row in rows_of(space))
    if isinstance(space, ContinuousActionSpace):
        _draw_box(axes, space)
    else:
        _draw_arrows(axes, space, fastest)
    _draw_speeds(axes, fastest)
    _draw_car(axes, 0.07 * fastest)
    axes.set(xlim=(-1.15 * fastest, 1.15 * fastest), ylim=(-0.2 * fastest, 1.2 * fastest))
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def _towards(steering_deg: float, speed: float) -> tuple[float, float]:
    """Where an action's arrow ends: ahead is up, left is left."""
    angle = np.radians(_SPREAD * steering_deg)
    return -speed * float(np.sin(angle)), speed * float(np.cos(angle))


def _draw_arrows(axes: Axes, space: ActionSpace, fastest: float) -> None:
    colours = colormaps[_COLOURS]
    # The fastest first, so that the slower ones lie above them.
    for number, row in sorted(enumerate(rows_of(space)), key=lambda each: -each[1]["speed"]):
        x, y = _towards(row["steering_angle"], row["speed"])
        colour = colours(0.85 * row["speed"] / fastest)
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2.0, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=(x, y), xytext=(0.0, 0.0), arrowprops=arrow)
        beside = 8.0 * np.array([y, -x]) / max(float(np.hypot(x, y)), 1e-9)  # to the right of it
        _write(axes, str(number), (x, y), (float(beside[0]), float(beside[1])), "black")
    for angle in sorted({row["steering_angle"] for row in rows_of(space)}):
        _write(axes, f"{angle:g}°", _towards(angle, 1.08 * fastest), (0.0, 0.0), "0.35")


def _write(
    axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], colour: str
) -> None:
    """A small text so many points beside a place."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": colour}
    axes.annotate(text, xy=at, xytext=offset, textcoords="offset points", **style)


def _draw_box(axes: Axes, space: ContinuousActionSpace) -> None:
    """The ring segment that holds every action."""
    right, left = (90.0 + _SPREAD * deg for deg in (space.steering_low, space.steering_high))
    width = space.speed_high - max(space.speed_low, 0.0)
    style: dict[str, Any] = {"facecolor": (0.13, 0.57, 0.55, 0.6), "edgecolor": "black"}
    axes.add_patch(Wedge((0.0, 0.0), space.speed_high, right, left, width=width, **style))


def _draw_speeds(axes: Axes, fastest: float) -> None:
    """Faint circles at even speeds, with their numbers."""
    angles = np.radians(np.linspace(-80.0, 80.0, 100))
    for speed in fastest * np.array([0.25, 0.5, 0.75, 1.0]):
        axes.plot(speed * np.sin(angles), speed * np.cos(angles), color="0.85", lw=0.8, zorder=0)
        x, y = speed * np.sin(angles[-1]), speed * np.cos(angles[-1])
        axes.text(x, y - 0.05 * fastest, f"{speed:.3g} m/s", fontsize=7, color="0.4", ha="center")


def _draw_car(axes: Axes, size: float) -> None:
    shape = size * np.array([(-0.6, -1.4), (0.6, -1.4), (0.6, 0.2), (0.0, 0.9), (-0.6, 0.2)])
    axes.add_patch(Polygon(shape, facecolor="0.25", zorder=5))
