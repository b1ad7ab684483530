"""The books of a training: metrics, iterations, traces, curves and the picture in its folder.

In: what cars drove, evaluation laps and measures, as they come. Out:
``metrics/TrainingMetrics.json`` and ``TrainingIterations.json``, ``training-simtrace/``,
``tensorboard/`` and ``training.png``. Iterations count from 1, and the checkpoint after one has its
number; the original numbers a trace, and the episodes, by the checkpoint before it.
Neighbours: ``train`` reports to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from deepracer_fast.driving.episode_books import Driven
from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.files.chosen_checkpoint import numbered_checkpoints
from deepracer_fast.files.metrics import (
    EVALUATION,
    TRAINING,
    EpisodeOutcome,
    TrainingMetrics,
    episode_metrics,
    read_training_metrics,
)
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.training.iterations import (
    LESSONS,
    TEACHER,
    Iteration,
    read_iterations,
    write_iterations,
)
from deepracer_fast.training.plot import Marks, draw_training
from deepracer_fast.training.traces import Columns, TrainingTraces, TrainingTrack, renumbered

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

EPISODES_OF_AN_ITERATION = 100_000
"""Episode numbers of iteration k begin after k times as many, or a greater power of ten where more
could end. Readers of TrainingMetrics.json find an iteration by dividing by the largest trial, so
that each has the same room; the first iteration in which an episode ends is numbered towards its
end."""


@dataclass(frozen=True)
class Round:
    """One iteration's cars, for the books.

    Attributes:
        stage: who drove, one of ``STAGES``.
        driven: what they drove.
        tracks: whose traces are kept.
        steps: env steps so far, see ``Iteration``.
        seconds: of this run so far.
        share: of the teaching's time that is over; None without a teacher.
        goes_on: episodes go on from one iteration to the next.
    """

    stage: str
    driven: Driven
    tracks: Sequence[TrainingTrack]
    steps: int
    seconds: float
    share: float | None = None
    goes_on: bool = True


class TrainingRecord:
    """Keeps the records of one training in its folder.

    Args:
        folder: exists already.
        room: episode numbers of an iteration.
        best_by: what the best checkpoint is chosen by.

    Attributes:
        best: iteration of the best checkpoint, for the picture.
    """

    def __init__(
        self,
        folder: ModelFolder,
        room: int = EPISODES_OF_AN_ITERATION,
        best_by: str = "progress",
    ) -> None:
        self._folder, self._room, self._best_by = folder, room, best_by
        self._metrics = TrainingMetrics(folder.training_metrics)
        self._metrics.best_model_metric = best_by
        self._rows: list[Iteration] = []
        self.best: int | None = None
        self._seconds = 0.0  # of earlier runs
        self._resumed: int | None = None  # after so many iterations of them
        self._traces = TrainingTraces(folder)

    @cached_property
    def _tensorboard(self) -> SummaryWriter:
        """Makes a file when there is a first curve; PyTorch, if installed, is loaded with it."""
        from tensorboardX import SummaryWriter

        return SummaryWriter(str(self._folder.tensorboard))

    def begin(self) -> None:
        """Drops what an earlier training has left in the folder."""
        self._traces.drop(0)

    def go_on(self, iterations: int) -> None:
        """Takes up the books after so many; what a broken-off run wrote after them is dropped."""
        folder = self._folder
        self._rows = read_iterations(folder.training_iterations)[:iterations]
        if folder.training_metrics.exists():
            self._metrics = read_training_metrics(folder.training_metrics)
            self._metrics.keep(iterations * self._room)
            self._metrics.best_model_metric = self._best_by
        self._seconds = self._rows[-1].seconds if self._rows else 0.0
        self._traces.drop(iterations)
        self._resumed = iterations if self._rows else None

    @property
    def rows(self) -> Sequence[Iteration]:
        """All iterations so far."""
        return self._rows

    @property
    def episodes(self) -> int:
        """Episodes of the policy that have ended."""
        return sum(row.episodes for row in self._rows if row.stage != TEACHER)

    def add(self, iteration: int, cars: Round) -> None:
        """Takes in one iteration's episodes and steps.

        Args:
            iteration: how many are behind it, as the original numbers traces and episodes.
            cars: what they drove.
        """
        before = self._rows[-1] if self._rows else None
        if before is None or before.stage != cars.stage:
            self._traces.forget_what_goes_on()
        driven = cars.driven
        trace = driven.trace
        ended = [self._traces.ended(trace, track, cars.goes_on) for track in cars.tracks]
        numbers = self._number(iteration, driven.outcomes, ended[:1])
        ended = [renumbered(rows, numbers) for rows in ended]
        self._traces.write(iteration, cars.tracks, ended, cars.share)
        reward, progress = self._means(driven, cars.stage)
        self._rows.append(
            Iteration(
                iteration=iteration + 1,
                stage=cars.stage,
                seconds=self._seconds + cars.seconds,
                steps=cars.steps,
                episodes=len(driven.outcomes),
                laps=(before.laps if before else 0) + sum(map(_is_lap, driven.outcomes)),
                reward=reward,
                progress=progress,
            )
        )

    def _number(
        self, iteration: int, outcomes: Sequence[EpisodeOutcome], first: Sequence[Columns]
    ) -> dict[int, int]:
        """Puts the episodes into the metrics; returns their numbers in the traces, from 0.

        The traced ones of the first track come last, so that the largest number of an iteration is
        in its traces as well.
        """
        traced = {number for rows in first for number in rows["episode"].tolist()}
        order = sorted(outcomes, key=lambda outcome: outcome.number in traced)
        first_trial = 1
        if not any(row.phase == TRAINING for row in self._metrics.rows):
            first_trial = self._room - len(order) + 1
        base, rows = iteration * self._room, []
        numbers: dict[int, int] = {}
        for trial, outcome in enumerate(order, start=first_trial):
            rows.append(episode_metrics(outcome, TRAINING, base + trial, trial))
            numbers.setdefault(outcome.number, base + trial - 1)
        self._metrics.append(rows)
        return numbers

    def _means(self, driven: Driven, stage: str) -> tuple[float | None, float | None]:
        """Reward and progress, see ``Iteration``."""
        reward = [outcome.reward for outcome in driven.outcomes]
        progress = [outcome.progress for outcome in driven.outcomes]
        none_yet = not any(row.episodes for row in self._rows if row.stage == stage)
        if stage == LESSONS or (not reward and none_yet):
            reward, progress = [*reward, *driven.reward], [*progress, *driven.progress]
        return (float(np.mean(reward)), float(np.mean(progress))) if reward else (None, None)

    def add_evaluation(self, laps: Sequence[Lap]) -> None:
        """Takes in the policy's greedy laps after an iteration."""
        iteration = self._rows[-1].iteration - 1 if self._rows else 0
        last = self._metrics.rows[-1] if self._metrics.rows else None
        trial = 1
        if last is not None and (last.episode - 1) // self._room == iteration:
            trial = last.trial
        episode = iteration * self._room + trial
        self._metrics.append(
            episode_metrics(_outcome(lap), EVALUATION, episode, trial) for lap in laps
        )
        self.note(laps, {})

    def note(self, laps: Sequence[Lap], measures: Mapping[str, float]) -> None:
        """Completes the last iteration's row.

        Args:
            laps: the greedy ones after it, if any.
            measures: of its update.
        """
        if not self._rows:
            return
        row = replace(self._rows[-1], measures={**self._rows[-1].measures, **measures})
        self._rows[-1] = row.evaluated(laps) if laps else row

    def log(self) -> None:
        """Adds the last iteration to the curves."""
        row = self._rows[-1]
        curves = {
            "training/reward": row.reward,
            "training/progress": row.progress,
            "training/env_steps": row.steps,
            f"evaluation/{'teacher_' if row.stage == TEACHER else ''}progress": row.evaluation,
            **row.measures,
        }
        for name, value in curves.items():
            if value is not None and np.isfinite(value):
                self._tensorboard.add_scalar(name, value, row.iteration)
        self._tensorboard.flush()

    def write(self, picture: bool = True) -> None:
        """Brings the books and, if asked for, ``training.png`` up to date."""
        self._metrics.write()
        write_iterations(self._folder.training_iterations, self._rows)
        if picture:
            episodes, path = self._metrics.rows, self._folder.training_plot
            marks = Marks(self.best, [*numbered_checkpoints(self._folder.path)], self._resumed)
            draw_training(self._rows, episodes, self._room, path, marks)

    def close(self) -> None:
        """Flushes the curves, and writes for the last time."""
        if "_tensorboard" in vars(self):
            self._tensorboard.close()
        self.write()


def _is_lap(outcome: EpisodeOutcome) -> bool:
    return outcome.status == "lap_complete"


def _outcome(lap: Lap) -> EpisodeOutcome:
    """A greedy lap as an episode."""
    return EpisodeOutcome(
        reward=lap.reward,
        progress=lap.completion_percentage,
        status=lap.status,
        start_s=lap.start_seconds,
        end_s=lap.start_seconds + lap.lap_time_seconds,
    )
