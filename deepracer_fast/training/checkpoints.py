"""Checkpoints of a training: what is written of the learner, and which one is the best.

In: a learner, and how well its policy drives. Out: a model folder that can be used and resumed
after each of them, with an archive of the best. Neighbours: ``train`` says when,
``model_folder`` where.
"""

from __future__ import annotations

from pathlib import Path

import safetensors.numpy

from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord, beats
from deepracer_fast.files.model_folder import ModelInputs
from deepracer_fast.files.training_params import training_params
from deepracer_fast.learning.learner import Learner
from deepracer_fast.policy.archive.frozen_graph import frozen_graph
from deepracer_fast.policy.archive.model_archive import write_model_archive
from deepracer_fast.policy.archive.weights import flatten_tree, policy_in
from deepracer_fast.policy.mending import mend
from deepracer_fast.tracks.track import Track
from deepracer_fast.training.evaluation import Row
from deepracer_fast.training.job import TrainingJob


class Checkpoints:
    """Those of one training, in its folder.

    Attributes:
        last: the latest; None before the first.
        best: the one that drove best; likewise.
        row: clean laps of the best one, if it drove a row of them.
    """

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self.last: CheckpointRecord | None = None
        self.best: CheckpointRecord | None = None
        self.row: Row | None = None
        self._passing: list[Checkpoint] = []  # saved between evaluations, from old to new

    def holds(self, checkpoint: Checkpoint) -> bool:
        """Whether that is the last one."""
        return self.last is not None and self.last.checkpoint == checkpoint

    def best_with(self, record: CheckpointRecord) -> CheckpointRecord:
        """The best one once there is this one too."""
        return record if self.best is None or beats(record, self.best) else self.best

    def save(self, learner: Learner, record: CheckpointRecord, row: Row | None = None) -> None:
        """A checkpoint, then what a resumed training needs, then the index that makes them count.

        The archive comes last: until then it is that of the previous best, and whoever opens the
        folder next finds out (``mending``). ``row`` are laps in a row that were driven with it.

        Raises:
            StorageError: it does not fit on the disk; nothing has changed then.
        """
        folder, checkpoint = self._job.folder, record.checkpoint
        best, graph = self.best_with(record), None
        folder.check_room(size_of_save(self._job, learner))
        if best is record and self._job.metadata.is_for_the_car:
            graph = frozen_graph(learner.options.spec, learner.policy)
            folder.save_graph(checkpoint, graph)
        if not self.holds(checkpoint):
            weights = safetensors.numpy.save(flatten_tree({"network_1": learner.policy}))
            learner.save(folder.learner(checkpoint))
            folder.save_weights(checkpoint, weights)
        folder.record_checkpoints(record, best, self._superseded(record))
        self.last, self.best = record, best
        if best is record:
            self.row = row if row is not None and row.is_clean else None
            if graph is not None:
                write_model_archive(folder.name_archive(), self._job.metadata, graph)

    def save_learner(self, learner: Learner) -> None:
        """Writes what a resumed training needs once more, since it has become less."""
        assert self.last is not None
        learner.save(self._job.folder.learner(self.last.checkpoint))

    def _superseded(self, record: CheckpointRecord) -> list[Checkpoint]:
        """Checkpoints that were saved between evaluations, but for the latest two.

        The one before the last stays for a copy of the folder that is taken while this goes on.
        """
        self._passing = [each for each in self._passing if each != record.checkpoint]
        superseded, self._passing = self._passing[:-1], self._passing[-1:]
        if not record.evaluated:
            self._passing.append(record.checkpoint)
        return superseded

    def tidy(self, learner: Learner) -> None:
        """Leaves what an ended training is used for: the last and the best, one before, graphs."""
        if self.last is None or self.best is None:
            return
        folder, last = self._job.folder, self.last.checkpoint
        if self._job.metadata.is_for_the_car and not folder.graph(last).exists():
            folder.save_graph(last, frozen_graph(learner.options.spec, learner.policy))
        folder.record_checkpoints(self.last, self.best, self._passing, learners=1, latest=2)
        folder.keep_graphs(last, self.best.checkpoint)

    def restore(self, learner: Learner) -> None:
        """Gives the learner the last checkpoint.

        Raises:
            ArchiveError: it is damaged.
        """
        folder = self._job.folder
        records = mend(folder)
        assert records is not None, "whoever resumes has looked"
        self.last, self.best = records
        policy = policy_in(folder.weights(self.last.checkpoint))
        learner.restore(folder.learner(self.last.checkpoint), policy)


def size_of_save(job: TrainingJob, learner: Learner) -> int:
    """Bytes that a save writes at most, before anything old is removed."""
    policy = sum(leaf.size * leaf.itemsize for leaf in flatten_tree(learner.policy).values())
    copies = 3 if job.metadata.is_for_the_car else 1  # weights, graph, archive
    return (copies + 2) * policy  # and Adam's two moments of each


def inputs_of(job: TrainingJob, track: Track) -> ModelInputs:
    """What a training starts from, as its folder keeps it; the track is its first one."""
    name = track.name.removesuffix("_cw").removesuffix("_ccw")
    backwards = track.runs_backwards(job.config.course.driving_direction)
    clockwise = track.direction == ("counter-clockwise" if backwards else "clockwise")
    tracks = job.config.course.tracks
    places = {_place(number, given): given for number, given in enumerate(tracks)}
    routes = {place: Path(given).read_bytes() for place, given in places.items() if place != given}
    race_type, car = job.config.race.race_type, (job.metadata.car_name, job.metadata.car_color)
    return ModelInputs(
        model_metadata=job.metadata.to_json(),
        reward_function=job.reward.source,
        hyperparameters=job.hyperparameters.to_json(),
        training_params=training_params(job.folder.name, name, clockwise, race_type, car),
        config=job.config.updated(tracks=tuple(places)).to_toml(),
        routes=routes,
    )


def _place(number: int, track: str) -> str:
    """A route's file within the folder, so that the folder can move; a bundled name as it is.

    The file keeps its name, which is the track's; two of one name lie in folders of their own.
    """
    if not Path(track).is_file():
        return track
    return "/".join(["tracks", *([str(number)] if number else []), Path(track).name])
