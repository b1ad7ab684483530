"""The books of a training: metrics, traces, curves and the picture in its model folder.

In: rollouts, evaluation laps and measures, as they come. Out: ``metrics/TrainingMetrics.json``,
``training-simtrace/``, ``tensorboard/`` and ``training.png``. Neighbours: ``train`` reports to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepracer_fast.archive.messages import SummaryWriter
from deepracer_fast.collect import Rollout
from deepracer_fast.evaluate import Lap
from deepracer_fast.metrics import (
    EVALUATION,
    STATUS_LABELS,
    TRAINING,
    EpisodeMetrics,
    EpisodeOutcome,
    TrainingMetrics,
    episode_metrics,
    read_training_metrics,
)
from deepracer_fast.model_folder import ModelFolder
from deepracer_fast.simtrace import write_simtrace
from deepracer_fast.trace import simtrace_columns
from deepracer_fast.training_plot import draw_training


@dataclass(frozen=True)
class TrainingTrack:
    """One of the tracks that the cars of a rollout drive on.

    Attributes:
        name: as ``Track.name``.
        waypoints: [N, 2].
        cars: which of them drive there.
    """

    name: str
    waypoints: npt.NDArray[np.float64]
    cars: slice


class TrainingRecord:
    """Keeps the records of one training in its folder.

    Args:
        folder: exists already.
        episodes: training episodes to go on from; what a broken-off run wrote after them is
            dropped. None: a new training.
    """

    def __init__(self, folder: ModelFolder, episodes: int | None) -> None:
        self._folder = folder
        self._metrics = TrainingMetrics(folder.training_metrics)
        if episodes is not None and folder.training_metrics.exists():
            self._metrics = read_training_metrics(folder.training_metrics)
            self._metrics.keep(episodes)
        self._laps = sum(row.phase == TRAINING and _is_lap(row) for row in self._metrics.rows)
        self._tensorboard = SummaryWriter(str(folder.tensorboard))
        self.mean_reward = float("nan")
        self.mean_progress = float("nan")

    @property
    def episodes(self) -> int:
        """Training episodes that have ended."""
        return self._metrics.rows[-1].episode if self._metrics.rows else 0

    @property
    def laps(self) -> int:
        """Whole laps that exploring cars have driven."""
        return self._laps

    def add_rollout(
        self, rollout: Rollout, iteration: int, tracks: Sequence[TrainingTrack]
    ) -> None:
        """Takes in one iteration's episodes and steps.

        Args:
            rollout: with the trace and the episodes' outcomes.
            iteration: counted from 0.
            tracks: the first one's traces lie where readers look for them, those of the others
                in folders of their own.
        """
        outcomes = rollout.outcomes
        if outcomes:
            self.mean_reward = float(np.mean([outcome.reward for outcome in outcomes]))
            self.mean_progress = float(np.mean([outcome.progress for outcome in outcomes]))
        first = self.episodes + 1
        rows = [
            episode_metrics(outcome, TRAINING, first + index, 1 + index)
            for index, outcome in enumerate(outcomes)
        ]
        self._metrics.append(rows)
        self._laps += sum(map(_is_lap, rows))
        for number, track in enumerate(tracks):
            columns = simtrace_columns(rollout.trace, track.waypoints, track.cars)
            path = self._folder.training_simtrace(iteration, track.name if number else None)
            path.parent.mkdir(exist_ok=True)
            write_simtrace(path, columns)

    def add_evaluation(self, laps: Iterable[Lap]) -> None:
        """Takes in the greedy laps after an iteration."""
        trial = self._metrics.rows[-1].trial if self._metrics.rows else 0
        self._metrics.append(
            episode_metrics(_outcome(lap), EVALUATION, self.episodes, trial) for lap in laps
        )

    def log(self, steps: int, measures: Mapping[str, float], laps: Sequence[Lap]) -> None:
        """Adds a point to the curves, at so many env steps."""
        curves = {
            "training/reward": self.mean_reward,
            "training/progress": self.mean_progress,
            **measures,
        }
        if laps:
            curves["evaluation/progress"] = float(np.mean([x.completion_percentage for x in laps]))
        for name, value in curves.items():
            if np.isfinite(value):
                self._tensorboard.add_scalar(name, value, steps)

    def write(self, picture: bool = True) -> None:
        """Brings the metrics file and, if asked for, ``training.png`` up to date."""
        self._metrics.write()
        if picture:
            draw_training(self._metrics.rows, self._folder.training_plot)

    def close(self) -> None:
        """Flushes the curves, and writes for the last time."""
        self._tensorboard.close()
        self.write()


def _is_lap(row: EpisodeMetrics) -> bool:
    return row.episode_status == STATUS_LABELS["lap_complete"]


def _outcome(lap: Lap) -> EpisodeOutcome:
    """A greedy lap as an episode."""
    return EpisodeOutcome(
        reward=lap.reward,
        progress=lap.completion_percentage,
        status=lap.status,
        start_s=lap.start_seconds,
        end_s=lap.start_seconds + lap.lap_time_seconds,
    )
