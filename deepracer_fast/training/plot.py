"""Draws how a training went, from its first second to its best model.

In: the iterations of a training, and the episodes in TrainingMetrics.json. Out: a PNG.
Neighbours: ``training.iterations`` and ``metrics`` hold them, ``training.record`` redraws
``training.png`` after each evaluation.

Above, as the DeepRacer console drew it: each small dot is an episode, each line an average over an
iteration, reward on the left axis and progress on the right; greedy laps are dashed, and the bar
marks the iteration whose checkpoint is the best model, triangles those that are
kept. Behind them stands who drove: the teacher, which sees the track state and has two fifths of
the width at most; the policy in its lessons, whose averages are not joined; the policy with PPO.
Below, the lessons' difference from the teacher and the fastest clean greedy lap.
"""

import io
import os
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepracer_fast.checks.arrays import Array
from deepracer_fast.files.atomic import atomic_write_bytes
from deepracer_fast.files.metrics import TRAINING, EpisodeMetrics
from deepracer_fast.training.iterations import LESSONS, PPO, TEACHER, Iteration

_SIZE_INCHES = (10.0, 6.0)
_DPI = 120
_HEADROOM = 1.18  # of an axis above its highest value: the stages' names stand there
_TEACHERS_WIDTH = 0.4  # of the picture at most: what drives there is not the model
_MARKED_ITERATIONS = 40  # beyond so many, marks on the lines would run into each other
_MOST_DOTS = 20_000
_BAR_WIDTHS = (0.006, 0.04)  # at least and at most, of the picture's width
# Told apart by people who see red and green alike, and by their lightness in print.
_REWARD = "#1b7f5c"
_PROGRESS = "#2b5fd9"
_EVALUATION = "#c2367b"
_DISTANCE = "#8a5a12"
_LAP_TIME = "#6b4fa0"
_BEST = "#f2c14e"
_INK = "#3a3f47"
_BANDS = {TEACHER: "#e9eef7", LESSONS: "#f7f0e3", PPO: "#ffffff"}
_ANEW = "new cars start at 0 %"  # where a stage begins, if there is little room
_WHY = f"{_ANEW}: the first drives to end left the track"
_PRACTICE = "dots: practice drives, swerving on purpose; judge by greedy laps"
_CHARACTER = 0.0065  # of the picture's width, of the words in a band
_LONG = 36  # characters of a line from which on there is room for the reason

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Marks:
    """Iterations that are marked."""

    best: int | None = None  # its checkpoint is the best
    kept: Sequence[int] = ()  # their checkpoints are kept
    resumed: int | None = None  # the last one of an earlier run


def draw_training(
    rows: Sequence[Iteration],
    episodes: Sequence[EpisodeMetrics],
    room: int,
    path: str | os.PathLike[str],
    marks: Marks = Marks(),
) -> None:
    """Draws the training so far to the PNG file ``path``, whole or not at all.

    Args:
        rows: its iterations.
        episodes: their episodes.
        room: episode numbers of an iteration, which tell where an episode belongs.
        path: the file.
        marks: iterations that matter more than others.
    """
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    left, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    right, lap_time = left.twinx(), below.twinx()
    knots = _knots(rows)
    _draw_stages((left, below), rows, knots)
    _draw_episodes(left, right, episodes, room)
    _draw_averages(left, right, rows)
    _draw_best(left, next((row for row in rows if row.iteration == marks.best), None), knots)
    _draw_marks(left, rows, marks)
    _draw_below(below, lap_time, rows)
    _style_axes(left, right, knots)
    _style_below(below, lap_time)
    _add_legend(figure, left, right)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    atomic_write_bytes(path, image.getvalue())


def _stages(rows: Sequence[Iteration]) -> list[tuple[str, list[Iteration]]]:
    """The iterations, cut where another one drives."""
    return [(stage, list(these)) for stage, these in groupby(rows, key=lambda row: row.stage)]


def _knots(rows: Sequence[Iteration]) -> Numbers:
    """Iterations, and the shares of the width where they lie, [2, n]: linear in between."""
    first, count = (rows[0].iteration if rows else 1) - 0.5, max(len(rows), 1)
    teachers = sum(row.stage == TEACHER for row in rows)
    if teachers in (0, count):
        return np.array([[first, first + count], [0.0, 1.0]])
    width = min(teachers / count, _TEACHERS_WIDTH)
    return np.array([[first, first + teachers, first + count], [0.0, width, 1.0]])


def _draw_stages(axes: Sequence[Axes], rows: Sequence[Iteration], knots: Numbers) -> None:
    """A band a stage, with its name, its time and its env steps where there is room for them."""
    began, policy_steps = 0.0, 0
    for stage, these in _stages(rows):
        start, end = these[0].iteration - 0.5, these[-1].iteration + 0.5
        for each in axes:
            each.axvspan(start, end, color=_BANDS[stage], lw=0, zorder=-1)
        seconds, began = these[-1].seconds - began, these[-1].seconds
        steps = these[-1].steps - (0 if stage == TEACHER else policy_steps)
        policy_steps = policy_steps if stage == TEACHER else these[-1].steps
        left, right = np.interp((start, end), *knots)
        text = "PPO" if stage == PPO else stage
        text += f": {seconds:.0f} s, {steps:,} steps" if right - left > 0.2 else ""
        width = int((right - left) / _CHARACTER)
        if width > 9:
            note = _PRACTICE if stage == LESSONS else _WHY if width > _LONG else _ANEW
            text += "\n" + textwrap.fill(note, max(width - 1, 10))
        axes[0].text(
            (left + right) / 2, 0.985, text, transform=axes[0].transAxes,
            ha="center", va="top", fontsize=8, color=_INK, alpha=0.8,
        )  # fmt: skip


def _draw_episodes(left: Axes, right: Axes, rows: Sequence[EpisodeMetrics], room: int) -> None:
    """A dot an episode, spread over the width of its iteration in the order of driving."""
    training = [row for row in rows if row.phase == TRAINING]
    training = training[:: 1 + len(training) // _MOST_DOTS]
    if not training:
        return
    iteration, number = np.divmod([row.episode - 1 for row in training], room)
    # From the first to the last episode of each.
    first, last = (
        np.array([ends[each] for each in iteration.tolist()])
        for ends in _first_and_last(iteration, number)
    )
    x = iteration + 1 + 0.9 * ((number - first + 0.5) / (last - first + 1) - 0.5)
    # Many episodes make a cloud: the more there are, the fainter each.
    alpha = float(np.clip(8 / np.sqrt(len(training)), 0.08, 0.5))
    style: dict[str, Any] = {"s": 9, "lw": 0, "alpha": alpha}
    left.scatter(x, [row.reward_score for row in training], color=_REWARD, **style)
    right.scatter(x, [row.completion_percentage for row in training], color=_PROGRESS, **style)


def _first_and_last(iteration: Array, number: Array) -> tuple[dict[int, int], dict[int, int]]:
    """The smallest and the largest number of each iteration."""
    order = np.argsort(-number, kind="stable")
    first = dict(zip(iteration[order].tolist(), number[order].tolist(), strict=True))
    last = dict(zip(iteration[order[::-1]].tolist(), number[order[::-1]].tolist(), strict=True))
    return first, last


def _draw_averages(left: Axes, right: Axes, rows: Sequence[Iteration]) -> None:
    """Lines, but for lessons: their cars swerve and end in waves, so that a line would mislead."""
    style: dict[str, Any] = {"ms": 4, "lw": 2}
    sure = [row for row in rows if row.stage != LESSONS]
    _draw_line(left, sure, lambda row: row.reward, "average reward", color=_REWARD, **style)
    _draw_line(right, sure, lambda row: row.progress, "average progress", color=_PROGRESS, **style)
    for row in rows:
        if row.stage == LESSONS and row.reward is not None and row.progress is not None:
            left.scatter(row.iteration, row.reward, color=_REWARD, s=16, lw=0, alpha=0.4)
            right.scatter(row.iteration, row.progress, color=_PROGRESS, s=16, lw=0, alpha=0.4)
    style |= {"color": _EVALUATION, "ls": (0, (4, 2))}
    _draw_line(right, rows, lambda row: row.evaluation, "greedy laps' progress", **style)


def _draw_below(below: Axes, lap_time: Axes, rows: Sequence[Iteration]) -> None:
    style: dict[str, Any] = {"ms": 3, "lw": 1.5}
    distance = "distance_to_teacher"
    _draw_line(below, rows, lambda row: row.measures.get(distance), color=_DISTANCE, **style)
    _draw_line(lap_time, rows, lambda row: row.lap_time, color=_LAP_TIME, **style)


def _draw_line(
    axes: Axes,
    rows: Sequence[Iteration],
    value: Callable[[Iteration], float | None],
    label: str = "",
    **style: Any,
) -> None:
    """A value where it is known, in a line that breaks where other cars begin to drive."""
    marker = "o" if len(rows) <= _MARKED_ITERATIONS else None
    for _, these in _stages(rows):
        points = [(row.iteration, y) for row in these if (y := value(row)) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker=marker, **style)
            label = ""


def _draw_best(left: Axes, row: Iteration | None, knots: Numbers) -> None:
    """The bar, behind everything and never too thin to see, nor so wide that it hides the rest."""
    if row is None or row.evaluation is None:
        return
    whole_width = (knots[0, -1] - knots[0, -2]) / (knots[1, -1] - knots[1, -2])
    half_width = np.clip(0.5, *(0.5 * whole_width * share for share in _BAR_WIDTHS))
    lap = "" if row.lap_time is None else f", {row.lap_time:.2f} s"
    left.axvspan(
        row.iteration - half_width,
        row.iteration + half_width,
        color=_BEST,
        alpha=0.5,
        lw=0,
        zorder=0,
        label=f"best model: iteration {row.iteration}, {row.evaluation:.0f} %{lap}",
    )


def _draw_marks(left: Axes, rows: Sequence[Iteration], marks: Marks) -> None:
    """A triangle on the axis for each checkpoint that may be asked for; a line for a new run."""
    there, across = {row.iteration for row in rows}, left.get_xaxis_transform()
    if kept := sorted(there & set(marks.kept)):
        points = left.plot(kept, [0.0] * len(kept), "^", color=_INK, transform=across)
        points[0].set(clip_on=False, label="kept checkpoint")
    if marks.resumed is not None and marks.resumed + 1 in there:
        place, words = marks.resumed + 0.5, f"resumed: {_ANEW}"
        left.axvline(place, color=_INK, ls=":", lw=1, alpha=0.6)
        left.text(place, 0.02, words, transform=across, rotation=90, ha="right", fontsize=7)


def _style_axes(left: Axes, right: Axes, knots: Numbers) -> None:
    ways = [lambda x: np.interp(x, *knots), lambda share: np.interp(share, *knots[::-1])]
    left.set_xscale("function", functions=ways)
    left.set_xlim(knots[0, 0], knots[0, -1])
    left.set_ylabel("Reward per episode", color=_REWARD)
    right.set_ylabel("Track completed (%)", color=_PROGRESS)
    left.set_ylim(*_reward_limits(left))
    right.set_ylim(0, _HEADROOM * 100)
    right.set_yticks(range(0, 101, 20))
    _bare(left, _REWARD)
    _bare(right, _PROGRESS)
    right.grid(axis="y", color=_INK, alpha=0.12, lw=0.8)


def _style_below(below: Axes, lap_time: Axes) -> None:
    below.set_xlabel("Iteration", color=_INK)
    first, last = below.get_xlim()
    ticks = MaxNLocator(integer=True, min_n_ticks=1).tick_values(first, last)
    below.set_xticks([tick for tick in ticks if first < tick < last])
    for axes, name, color in (
        (below, "Difference from\nteacher (0: same)", _DISTANCE),
        (lap_time, "Fastest clean\ngreedy lap (s)", _LAP_TIME),
    ):
        _bare(axes, color)
        if not axes.lines:
            axes.set_yticks(())
            axes.set_ylabel("No clean\ngreedy lap yet" if axes is lap_time else "", color=color)
            continue
        axes.set_ylabel(name, color=color)
        axes.set_ylim(0, max(1.15 * axes.get_ylim()[1], 1e-3))


def _bare(axes: Axes, color: str) -> None:
    """No frame, and numbers in the colour of their curve."""
    axes.tick_params(axis="y", colors=color)
    axes.tick_params(axis="x", colors=_INK)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=_INK, alpha=0.4)


def _reward_limits(left: Axes) -> tuple[float, float]:
    """From 0, or the lowest reward if that is negative, to above the highest and the names."""
    lowest, highest = left.dataLim.intervaly
    if not np.isfinite([lowest, highest]).all():
        return 0.0, 1.0
    bottom = min(0.0, _HEADROOM * float(lowest))
    return bottom, max(_HEADROOM * float(highest), bottom + 1.0, 0.0)


def _add_legend(figure: Figure, left: Axes, right: Axes) -> None:
    """One line above the picture: the averages, then the bar."""
    left_handles, left_labels = left.get_legend_handles_labels()
    right_handles, right_labels = right.get_legend_handles_labels()
    # Numbers come after the lines of the same axis.
    figure.legend(
        left_handles[:1] + right_handles + left_handles[1:],
        left_labels[:1] + right_labels + left_labels[1:],
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=9,
        labelcolor=_INK,
    )
