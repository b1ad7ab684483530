"""Draws how a training went, as the DeepRacer console did: reward, progress, best model.

In: the rows of TrainingMetrics.json. Out: a PNG.
Neighbours: `metrics` holds the rows, `train` redraws ``training.png`` after each iteration.

Each small dot is a training episode, each line an average over an iteration: reward on the left
axis, progress on the right, for training and for the evaluation that followed. The bar marks the
iteration whose evaluation was best.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepracer_fast.atomic import atomic_write_bytes
from deepracer_fast.metrics import EVALUATION, EpisodeMetrics

_SIZE_INCHES = (10.0, 5.0)
_DPI = 120
_HEADROOM = 1.05  # of an axis above its highest value
_FEWEST_ITERATIONS = 5  # that the axis has room for: a lesson or two must not fill the picture
_MARKED_ITERATIONS = 40  # beyond so many, marks on the lines would run into each other
_LEAST_BAR_WIDTH = 0.006  # of the picture's width
# Told apart by people who see red and green alike, and by their lightness in print.
_REWARD = "#1b7f5c"
_PROGRESS = "#2b5fd9"
_EVALUATION = "#c2367b"
_BEST = "#f2c14e"
_INK = "#3a3f47"


@dataclass(frozen=True)
class TrainingCurves:
    """The numbers in the picture, one entry an iteration; nan where there was no such episode.

    Attributes:
        iteration: Counted from 1.
        reward: Mean reward of the training episodes.
        progress: Mean completion of the training episodes, percent.
        evaluation: Mean completion of the evaluation episodes, percent.
        best: Index of the best evaluation, the latest if several are; None before the first.
    """

    iteration: np.ndarray
    reward: np.ndarray
    progress: np.ndarray
    evaluation: np.ndarray
    best: int | None


def episode_iterations(rows: Sequence[EpisodeMetrics]) -> np.ndarray:
    """The iteration of each row, from 1: one begins where the training trials start again."""
    iterations = np.zeros(len(rows), np.int64)
    current, last_trial = 0, np.inf
    for index, row in enumerate(rows):
        if row.phase != EVALUATION:
            current += row.trial <= last_trial
            last_trial = row.trial
        iterations[index] = max(current, 1)
    return iterations


def training_curves(rows: Sequence[EpisodeMetrics]) -> TrainingCurves:
    """Averages the episodes of each iteration."""
    iterations = episode_iterations(rows)
    reward = np.array([row.reward_score for row in rows], np.float64)
    progress = np.array([row.completion_percentage for row in rows], np.float64)
    evaluated = np.array([row.phase == EVALUATION for row in rows], np.bool_)
    count = int(iterations.max(initial=0))
    evaluation = _means(progress, iterations, evaluated, count)
    best = None
    if evaluated.any():
        best = int(np.flatnonzero(evaluation == np.nanmax(evaluation))[-1])
    return TrainingCurves(
        iteration=np.arange(1, count + 1),
        reward=_means(reward, iterations, ~evaluated, count),
        progress=_means(progress, iterations, ~evaluated, count),
        evaluation=evaluation,
        best=best,
    )


def _means(
    values: np.ndarray, iterations: np.ndarray, chosen: np.ndarray, count: int
) -> np.ndarray:
    """[count] mean of the chosen values in each iteration; nan where there is none."""
    slots = iterations[chosen] - 1
    totals = np.bincount(slots, weights=values[chosen], minlength=count)
    numbers = np.bincount(slots, minlength=count)
    return np.divide(totals, numbers, out=np.full(count, np.nan), where=numbers > 0)


def draw_training(metrics: Sequence[EpisodeMetrics], path: str | os.PathLike[str]) -> None:
    """Draws the training so far to the PNG file ``path``, whole or not at all."""
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    right = left.twinx()
    curves = training_curves(metrics)
    _draw_episodes(left, right, metrics)
    _draw_averages(left, right, curves)
    _draw_best(left, curves)
    _style_axes(left, right, curves)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    atomic_write_bytes(path, image.getvalue())


def _draw_episodes(left: Axes, right: Axes, rows: Sequence[EpisodeMetrics]) -> None:
    """A dot an episode, spread over the width of its iteration in the order of driving."""
    training = [row for row in rows if row.phase != EVALUATION]
    if not training:
        return
    trials = np.array([row.trial for row in training])
    x = episode_iterations(training) + 0.9 * ((trials - 0.5) / trials.max() - 0.5)
    # Many episodes make a cloud: the more there are, the fainter each.
    alpha = float(np.clip(8 / np.sqrt(len(training)), 0.08, 0.5))
    style: dict[str, Any] = {"s": 9, "lw": 0, "alpha": alpha}
    left.scatter(x, [row.reward_score for row in training], color=_REWARD, **style)
    right.scatter(x, [row.completion_percentage for row in training], color=_PROGRESS, **style)


def _draw_averages(left: Axes, right: Axes, curves: TrainingCurves) -> None:
    marker = "o" if len(curves.iteration) <= _MARKED_ITERATIONS else None
    style: dict[str, Any] = {"marker": marker, "ms": 4, "lw": 2}
    x = curves.iteration
    left.plot(x, curves.reward, color=_REWARD, label="average reward (training)", **style)
    right.plot(x, curves.progress, color=_PROGRESS, label="average progress (training)", **style)
    shown = np.isfinite(curves.evaluation)
    if shown.any():
        style |= {"color": _EVALUATION, "ls": (0, (4, 2)), "label": "average progress (evaluation)"}
        right.plot(x[shown], curves.evaluation[shown], **style)


def _draw_best(left: Axes, curves: TrainingCurves) -> None:
    """The bar, behind everything and never too thin to see."""
    if curves.best is None:
        return
    best = curves.best + 1
    half_width = max(0.5, len(curves.iteration) * _LEAST_BAR_WIDTH / 2)
    label = f"best model: iteration {best}, {curves.evaluation[curves.best]:.0f} %"
    left.axvspan(
        best - half_width, best + half_width, color=_BEST, alpha=0.5, lw=0, zorder=0, label=label
    )


def _style_axes(left: Axes, right: Axes, curves: TrainingCurves) -> None:
    left.set_xlabel("Iteration", color=_INK)
    left.set_ylabel("Reward per episode", color=_REWARD)
    right.set_ylabel("Track completed (%)", color=_PROGRESS)
    left.set_xlim(0.5, max(len(curves.iteration), _FEWEST_ITERATIONS) + 0.5)
    left.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    left.set_ylim(*_reward_limits(left))
    right.set_ylim(0, _HEADROOM * 100)
    right.set_yticks(range(0, 101, 20))
    left.tick_params(axis="y", colors=_REWARD)
    right.tick_params(axis="y", colors=_PROGRESS)
    left.tick_params(axis="x", colors=_INK)
    right.grid(axis="y", color=_INK, alpha=0.12, lw=0.8)
    for axes in (left, right):
        axes.spines[:].set_visible(False)
    left.spines["bottom"].set(visible=True, color=_INK, alpha=0.4)
    _add_legend(left, right)


def _reward_limits(left: Axes) -> tuple[float, float]:
    """From 0, or the lowest reward if that is negative, to just above the highest."""
    lowest, highest = left.dataLim.intervaly
    if not np.isfinite([lowest, highest]).all():
        return 0.0, 1.0
    bottom = min(0.0, _HEADROOM * float(lowest))
    return bottom, max(_HEADROOM * float(highest), bottom + 1.0, 0.0)


def _add_legend(left: Axes, right: Axes) -> None:
    """One line above the picture: the averages, then the bar."""
    left_handles, left_labels = left.get_legend_handles_labels()
    right_handles, right_labels = right.get_legend_handles_labels()
    figure = left.get_figure()
    assert isinstance(figure, Figure)
    figure.legend(
        left_handles[:1] + right_handles + left_handles[1:],
        left_labels[:1] + right_labels + left_labels[1:],
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=9,
        labelcolor=_INK,
    )
