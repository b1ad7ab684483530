"""Checkpoints of a training: what is written of the learner, and which one is the best.

In: a learner, and how well its policy drives. Out: a model folder that can be used and resumed
after each of them, with ``model.tar.gz`` of the best. Neighbours: ``train`` says when,
``model_folder`` where.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import safetensors.numpy

from deepracer_fast.archive.frozen_graph import frozen_graph
from deepracer_fast.archive.model_archive import write_model_archive
from deepracer_fast.archive.weights import flatten_tree, load_weights
from deepracer_fast.errors import ArchiveError, ConfigError
from deepracer_fast.evaluate import Lap
from deepracer_fast.learner import Learner
from deepracer_fast.model_folder import (
    Checkpoint,
    CheckpointRecord,
    ModelInputs,
    beats,
    training_params,
)
from deepracer_fast.trace import Trace
from deepracer_fast.track import Track
from deepracer_fast.training_job import TrainingJob


@dataclass(frozen=True)
class Row:
    """Laps in a row of the best checkpoint.

    Attributes:
        laps: track by track, of one car each.
        trace: of every step of these cars.
    """

    laps: list[list[Lap]]
    trace: Trace

    @property
    def is_clean(self) -> bool:
        """Whether no lap left the track."""
        return all(lap.is_clean for laps in self.laps for lap in laps)


class Checkpoints:
    """Those of one training.

    Args:
        job: what is trained, and the folder.

    Attributes:
        last: the latest; None before the first.
        best: the one that drove best; likewise.
        row: clean laps of the best one, if it drove a row of them.
    """

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self.last: Checkpoint | None = None
        self.best: CheckpointRecord | None = None
        self.row: Row | None = None

    def save(
        self,
        learner: Learner,
        checkpoint: Checkpoint,
        episodes: int,
        metric: float,
        row: Row | None = None,
    ) -> None:
        """A checkpoint, then what a resumed training needs, then the index that makes them count.

        Args:
            learner: as it is now.
            checkpoint: how far it has come.
            episodes: that have ended so far.
            metric: what the best checkpoint has most of; see ``training_evaluation.standing``.
            row: laps in a row that were driven with it.
        """
        job, folder = self._job, self._job.folder
        weights = safetensors.numpy.save(flatten_tree({"network_1": learner.policy}))
        graph = (
            frozen_graph(learner.options.spec, learner.policy)
            if job.metadata.is_for_the_car
            else None
        )
        folder.save_checkpoint(checkpoint.iteration, checkpoint.steps, weights, graph)
        learner.save(folder.learner(checkpoint), episodes)
        record = CheckpointRecord(checkpoint, time.time(), metric)
        if self.best is None or beats(metric, self.best):
            self.best = record
        folder.record_checkpoints(record, self.best)
        self.last = checkpoint
        if self.best is record:
            self.row = row if row is not None and row.is_clean else None
            if graph is not None:
                write_model_archive(folder.archive, job.metadata, graph)

    def restore(self, learner: Learner) -> int:
        """Gives the learner the last checkpoint; returns the training episodes before it.

        Raises:
            ConfigError: there is none.
            ArchiveError: it is damaged.
        """
        folder = self._job.folder
        records = folder.recorded_checkpoints()
        if records is None:
            raise ConfigError(f"{folder.path}: has no checkpoint to resume; train without --resume")
        self.last, self.best = records[0].checkpoint, records[1]
        weights = folder.weights(self.last)
        policy = load_weights(weights).get("network_1")
        if policy is None:
            raise ArchiveError(f"{weights}: holds no policy (no tensors below network_1)")
        return learner.restore(folder.learner(self.last), policy)


def write_inputs(job: TrainingJob, track: Track) -> None:
    """Writes what a training starts from into its folder.

    Args:
        job: the training.
        track: its first one.
    """
    name = track.name.removesuffix("_cw").removesuffix("_ccw")
    clockwise = track.direction == "clockwise"
    job.folder.write_inputs(
        ModelInputs(
            model_metadata=job.metadata.to_json(),
            reward_function=job.reward.source,
            hyperparameters=job.hyperparameters.to_json(),
            training_params=training_params(
                job.folder.path.name, name, clockwise, job.config.race.race_type
            ),
            config=job.config.to_toml(),
        )
    )
