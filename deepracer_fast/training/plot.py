"""Draws how a training went, from its first second to its best model.

In: the iterations of a training, and the episodes in TrainingMetrics.json. Out: a PNG.
Neighbours: ``training.iterations`` and ``metrics`` hold them, ``training.record`` redraws
``training.png`` after each evaluation.

Above, as the DeepRacer console drew it: each small dot is an episode, each line an average over an
iteration, reward on the left axis and progress on the right; greedy laps are dashed, and the bar
marks the iteration after which the best model was evaluated. Behind them stands who drove: the
teacher, which sees the track state; the policy in its lessons; the policy with PPO. Below, the
lessons' distance to the teacher and the greedy laps that were clean.
"""

import io
import os
from collections.abc import Sequence
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
_FEWEST_ITERATIONS = 5  # that the axis has room for: one or two must not fill the picture
_MARKED_ITERATIONS = 40  # beyond so many, marks on the lines would run into each other
_MOST_DOTS = 20_000
_LEAST_BAR_WIDTH = 0.006  # of the picture's width
# Told apart by people who see red and green alike, and by their lightness in print.
_REWARD = "#1b7f5c"
_PROGRESS = "#2b5fd9"
_EVALUATION = "#c2367b"
_DISTANCE = "#8a5a12"
_BEST = "#f2c14e"
_INK = "#3a3f47"
_BANDS = {TEACHER: "#e9eef7", LESSONS: "#f7f0e3", PPO: "#ffffff"}
_NAMES = {TEACHER: "teacher", LESSONS: "lessons (drives so far)", PPO: "PPO"}

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrainingCurves:
    """The numbers in the picture, one entry an iteration; nan where there is none.

    Attributes:
        iteration: as the books count them.
        reward: mean reward of its episodes.
        progress: mean completion of the same, percent.
        evaluation: mean completion of the policy's greedy laps after it, percent.
        clean: share of greedy laps that were clean, percent: the teacher's in its stage.
        distance: to the teacher in a lesson.
        best: index of the policy's best evaluation, the latest if several are; None before the
            first.
    """

    iteration: npt.NDArray[np.int64]
    reward: Numbers
    progress: Numbers
    evaluation: Numbers
    clean: Numbers
    distance: Numbers
    best: int | None


def training_curves(rows: Sequence[Iteration]) -> TrainingCurves:
    """The columns of the iterations."""

    def column(values: list[float | None]) -> Numbers:
        return np.array([np.nan if value is None else value for value in values], np.float64)

    evaluation = column([None if row.stage == TEACHER else row.evaluation for row in rows])
    best = None
    if np.isfinite(evaluation).any():
        best = int(np.flatnonzero(evaluation == np.nanmax(evaluation))[-1])
    return TrainingCurves(
        iteration=np.array([row.iteration for row in rows], np.int64),
        reward=column([row.reward for row in rows]),
        progress=column([row.progress for row in rows]),
        evaluation=evaluation,
        clean=column([row.clean_share for row in rows]),
        distance=column([row.measures.get("distance_to_teacher") for row in rows]),
        best=best,
    )


def draw_training(
    rows: Sequence[Iteration],
    episodes: Sequence[EpisodeMetrics],
    room: int,
    path: str | os.PathLike[str],
) -> None:
    """Draws the training so far to the PNG file ``path``, whole or not at all.

    Args:
        rows: its iterations.
        episodes: their episodes.
        room: episode numbers of an iteration, which tell where an episode belongs.
        path: the file.
    """
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    left, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    right, share = left.twinx(), below.twinx()
    curves = training_curves(rows)
    _draw_stages((left, below), rows)
    _draw_episodes(left, right, episodes, room)
    _draw_averages(left, right, curves, rows)
    _draw_best(left, curves, rows)
    _draw_below(below, share, curves)
    _style_axes(left, right, curves)
    _style_below(below, share)
    _add_legend(figure, left, right)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    atomic_write_bytes(path, image.getvalue())


def _stages(rows: Sequence[Iteration]) -> list[tuple[str, list[Iteration]]]:
    """The iterations, cut where another one drives."""
    return [(stage, list(these)) for stage, these in groupby(rows, key=lambda row: row.stage)]


def _draw_stages(axes: Sequence[Axes], rows: Sequence[Iteration]) -> None:
    """A band a stage, with its name, its time and its env steps where there is room for them."""
    began, widest = 0.0, max(len(rows), _FEWEST_ITERATIONS)
    policy_steps = 0
    for stage, these in _stages(rows):
        start, end = these[0].iteration - 0.5, these[-1].iteration + 0.5
        for each in axes:
            each.axvspan(start, end, color=_BANDS[stage], lw=0, zorder=-1)
        seconds, began = these[-1].seconds - began, these[-1].seconds
        steps = these[-1].steps - (0 if stage == TEACHER else policy_steps)
        policy_steps = policy_steps if stage == TEACHER else these[-1].steps
        text = _NAMES[stage]
        if (end - start) / widest > 0.2:
            text += f"\n{seconds:.0f} s, {steps:,} env-steps"
        axes[0].text(
            (start + end) / 2, 0.985, text, transform=axes[0].get_xaxis_transform(),
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
    x = iteration + 0.9 * ((number - first + 0.5) / (last - first + 1) - 0.5)
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


def _draw_averages(
    left: Axes, right: Axes, curves: TrainingCurves, rows: Sequence[Iteration]
) -> None:
    """Lines that break where another one drives: in lessons episodes are young."""
    marker = "o" if len(curves.iteration) <= _MARKED_ITERATIONS else None
    style: dict[str, Any] = {"marker": marker, "ms": 4, "lw": 2}
    begin = 0
    for number, (_, these) in enumerate(_stages(rows)):
        part = slice(begin, begin + len(these))
        begin = part.stop
        for axes, values, color, name in (
            (left, curves.reward, _REWARD, "average reward"),
            (right, curves.progress, _PROGRESS, "average progress"),
        ):
            shown = np.isfinite(values[part])
            label = name if number == 0 else None
            x, y = curves.iteration[part][shown], values[part][shown]
            axes.plot(x, y, color=color, label=label, **style)
    shown = np.isfinite(curves.evaluation)
    if shown.any():
        style |= {"color": _EVALUATION, "ls": (0, (4, 2)), "label": "greedy laps' progress"}
        right.plot(curves.iteration[shown], curves.evaluation[shown], **style)


def _draw_best(left: Axes, curves: TrainingCurves, rows: Sequence[Iteration]) -> None:
    """The bar, behind everything and never too thin to see."""
    if curves.best is None:
        return
    row = rows[curves.best]
    half_width = max(0.5, len(curves.iteration) * _LEAST_BAR_WIDTH / 2)
    left.axvspan(
        row.iteration - half_width,
        row.iteration + half_width,
        color=_BEST,
        alpha=0.5,
        lw=0,
        zorder=0,
        label=f"best model: after iteration {row.iteration}, {row.evaluation:.0f} %",
    )


def _draw_below(below: Axes, share: Axes, curves: TrainingCurves) -> None:
    marker = "o" if len(curves.iteration) <= _MARKED_ITERATIONS else None
    for axes, values, color in (
        (below, curves.distance, _DISTANCE),
        (share, curves.clean, _EVALUATION),
    ):
        shown = np.isfinite(values)
        x = curves.iteration[shown]
        axes.plot(x, values[shown], color=color, marker=marker, ms=3, lw=1.5)


def _style_axes(left: Axes, right: Axes, curves: TrainingCurves) -> None:
    first = int(curves.iteration[0]) if len(curves.iteration) else 0
    count = max(len(curves.iteration), _FEWEST_ITERATIONS)
    left.set_xlim(first - 0.5, first + count - 0.5)
    left.set_ylabel("Reward per episode", color=_REWARD)
    right.set_ylabel("Track completed (%)", color=_PROGRESS)
    left.set_ylim(*_reward_limits(left))
    right.set_ylim(0, _HEADROOM * 100)
    right.set_yticks(range(0, 101, 20))
    _bare(left, _REWARD)
    _bare(right, _PROGRESS)
    right.grid(axis="y", color=_INK, alpha=0.12, lw=0.8)


def _style_below(below: Axes, share: Axes) -> None:
    below.set_xlabel("Iteration", color=_INK)
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if np.size(below.lines[0].get_xdata()):
        below.set_ylabel("Distance\nto the teacher", color=_DISTANCE)
        below.set_ylim(0, max(1.1 * below.get_ylim()[1], 1e-3))
    else:
        below.set_yticks(())
    share.set_ylabel("Greedy laps\nclean (%)", color=_EVALUATION)
    share.set_ylim(-5, 105)
    share.set_yticks((0, 50, 100))
    _bare(below, _DISTANCE)
    _bare(share, _EVALUATION)


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
