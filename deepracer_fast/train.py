"""Training: collect, learn, evaluate, keep; until the policy laps, or time is up.

A teacher goes first where it can (``teacher``, ``lessons``), then PPO.

In: a ``TrainingJob``. Out: a model folder that is whole after every checkpoint, so that whatever
stops a training (its own rule, a limit, Ctrl-C, a crash of the reward function, a power cut)
leaves a usable model, and ``resume`` goes on from there. Neighbours: ``collect``, ``learner`` and
``evaluate`` do the work, ``training_record`` writes it down, ``model_folder`` says where things
lie; ``cli`` starts it and shows the reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy.typing as npt
import safetensors.numpy

from deepracer_fast.archive.frozen_graph import frozen_graph
from deepracer_fast.archive.model_archive import write_model_archive
from deepracer_fast.archive.weights import flatten_tree, load_weights
from deepracer_fast.collect import Collector, Rollout
from deepracer_fast.config import TrainConfig
from deepracer_fast.course import Cars, Course, judge_of, rows_of
from deepracer_fast.errors import ArchiveError, ConfigError, DeepRacerError, RewardError
from deepracer_fast.evaluate import Lap
from deepracer_fast.hyperparameters import Hyperparameters
from deepracer_fast.learner import Learner, LearnerOptions
from deepracer_fast.lessons import Lessons
from deepracer_fast.model_folder import (
    CheckpointRecord,
    ModelFolder,
    ModelInputs,
    beats,
    training_params,
)
from deepracer_fast.model_metadata import ModelMetadata
from deepracer_fast.networks import Params, network_spec
from deepracer_fast.reward import Reward
from deepracer_fast.simulator import RaceRules
from deepracer_fast.teacher import Misjudgement, Teacher, TeacherReport
from deepracer_fast.trace import Trace
from deepracer_fast.training_evaluation import Evaluation, standing
from deepracer_fast.training_health import Health
from deepracer_fast.training_record import TrainingRecord, TrainingTrack

TEACHER_SHARE = 0.15
"""Of the time limit, for a teacher."""

CAN_TEACH = 0.5
"""Share of clean laps that a teacher must drive; below it PPO does better alone."""

LESSON_SAMPLES = 1_024
"""Env steps from one evaluation to the next while a teacher teaches one track."""

MOST_TRACKS = 8
"""More tracks than these do not make lessons any longer."""

OBJECTS_AS_TRACKS = 16
"""Objects on the road make lessons as long as so many tracks; the network learns from a third of
their env steps."""

LESSONS_SHARE = 0.6
"""Of the time limit, for the teacher's lessons, if they do not end before."""

MOST_LESSON_SAMPLES = 16_384
"""Env steps on each track after which PPO goes on, where a row of laps is to be found soon."""

LESSONS_PER_EVALUATION = 4
"""Where the time is to be used up instead."""

HALVED_AFTER = 4_096
"""Env steps on each track after which the lessons' learning rate has halved; four times as many
where the time is to be used up."""

LONGEST_EPISODE = 3_000
"""Env steps (200 s) after which an episode is cut off when whole episodes are collected."""

_SAMPLES_OF_AN_ITERATION = {"DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": 10_000}
_SAMPLES_OF_DEEPER_NETWORKS = 3_000  # both: markov deepracer_memory.py


@dataclass(frozen=True)
class TrainingJob:
    """All that a training is made of.

    ``pretrained``: parameters of the policy that a clone begins with, see ``clone``.
    """

    config: TrainConfig
    metadata: ModelMetadata
    hyperparameters: Hyperparameters
    reward: Reward
    folder: ModelFolder
    pretrained: Params | None = None


@dataclass(frozen=True)
class Report:
    """How the training stands after an iteration.

    Attributes:
        iteration: policy iterations so far.
        steps: env steps so far.
        steps_per_second: env steps over wall-clock time of this iteration, evaluation left out.
        mean_reward: of the episodes that ended last; NaN before the first has.
        mean_progress: of the same, percent.
        laps: whole laps that exploring cars have driven so far.
        seconds: wall-clock time of this run.
        evaluation: greedy laps, where the iteration ended with an evaluation.
        measures: of the update, by name.
    """

    iteration: int
    steps: int
    steps_per_second: float
    mean_reward: float
    mean_progress: float
    laps: int
    seconds: float
    evaluation: tuple[Lap, ...]
    measures: dict[str, float]


Show = Callable[[Report | str], None]
"""Takes a report after each iteration, and remarks in between."""


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


class StopRequested(Exception):
    """Raised between two env steps when the user wants the training to end."""


class Training:
    """One training, new or resumed.

    Args:
        job: what to train.
        resume: go on from the folder's last checkpoint.
        stop_requested: asked between env steps; True ends the training cleanly.

    Raises:
        ConfigError: the folder holds a model and is not to be resumed, or has none to resume.
        DeepRacerError: anything else about the job that cannot be used.
    """

    def __init__(
        self, job: TrainingJob, resume: bool, stop_requested: Callable[[], bool] = lambda: False
    ) -> None:
        if job.metadata.training_algorithm != "clipped_ppo":
            raise ConfigError(
                f"training_algorithm must be clipped_ppo, got {job.metadata.training_algorithm}"
            )
        self._job, self._stop_requested = job, stop_requested
        self._spec = network_spec(job.metadata)
        self._course = Course(job.config, job.metadata)
        self._learner = Learner(
            LearnerOptions(
                self._spec,
                job.hyperparameters,
                seed=job.config.seed,
                gae_lambda=job.config.gae_lambda,
                clip=job.config.clip,
                value_function=job.config.value_function,
                lr_schedule=job.config.lr_schedule,
            )
        )
        by_reward = job.reward if job.config.best_by == "reward" else None
        named = Course(replace(job.config, random_tracks=0), job.metadata)
        self._evaluation = Evaluation(named, by_reward)
        self._health = Health(job.hyperparameters, self._spec)
        self._iteration, self._steps, self._clean_evaluations = 0, 0, 0
        self._best: CheckpointRecord | None = None
        self._started = time.monotonic()
        self.row: Row | None = None  # clean laps of the best checkpoint, if it drove a row of them
        job.folder.create(resume)
        episodes = self._restore() if resume else None
        self._collector: Collector | None = None
        self._record = TrainingRecord(job.folder, episodes)
        if not resume:
            if job.pretrained is not None:
                self._learner.begin_with(job.pretrained)
            self._write_inputs()
            self._save(0.0)

    def run(self, show: Show) -> None:
        """Trains until a limit, a row of clean evaluations, or a request to stop.

        Whatever ends it, the folder then holds the last and the best checkpoint, the picture of
        the training and ``model.tar.gz`` of the best.

        Args:
            show: is handed a report after each iteration, and remarks.

        Raises:
            RewardError: the user's function failed; the model up to then is saved.
            DeepRacerError: the learner's numbers are no longer finite; likewise.
        """
        self._started = time.monotonic()
        try:
            if self._iteration == 0 and has_teacher(self._job):
                self._be_taught(show)
            while not self._is_over():
                report = self._iterate()
                show(report)
                for warning in self._health.warnings(report.measures, report.mean_progress):
                    show(warning)
            self._finish()
        except StopRequested:
            self._finish()
        except RewardError:
            self._finish()  # a function that fails must not cost what was learnt
            raise
        except FloatingPointError as error:
            raise DeepRacerError(
                f"learning became unstable in iteration {self._iteration + 1}: {error}; the model "
                f"of iteration {self._checkpoint.iteration} is in {self._job.folder.path}: resume "
                "it with a lower lr"
            ) from error
        finally:
            self._record.close()

    def _is_over(self) -> bool:
        config, seconds = self._job.config, time.monotonic() - self._started
        return (
            self._stop_requested()
            or seconds >= 60.0 * config.minutes
            or (config.steps > 0 and self._steps >= config.steps)
            or (config.stop_after > 0 and self._clean_evaluations >= config.stop_after)
            or self._record.episodes >= self._job.hyperparameters.term_cond_max_episodes
        )

    def _progress(self) -> float:
        """Share of the training that is over, by whichever limit is nearer."""
        config, seconds = self._job.config, time.monotonic() - self._started
        by_steps = self._steps / config.steps if config.steps > 0 else 0.0
        return max(seconds / (60.0 * config.minutes), by_steps)

    def _be_taught(self, show: Show) -> None:
        """Lets a teacher learn, and the policy learn from it, until it laps or time is up."""
        job, limit = self._job, 60.0 * self._job.config.minutes
        teacher = Teacher(self._course, job.config, job.hyperparameters, job.reward)

        def tell(report: TeacherReport) -> None:
            self._check_stop()
            show(
                f"teacher, on the track state: {report.steps:,} env-steps in {report.seconds:.1f} "
                f"s, {report.clean} of {len(report.laps)} greedy laps clean"
            )

        soon, tracks = job.config.stop_after > 0, self._lesson_tracks
        if teacher.train(TEACHER_SHARE * limit, soon, tell) < CAN_TEACH:
            show(
                "The teacher found no way round with this reward function in "
                f"{TEACHER_SHARE * limit:.0f} s: PPO learns from the pictures alone, which is slow."
            )
            return
        halved_after = HALVED_AFTER * tracks * (1 if soon else 4)
        lessons = Lessons(self._course, job.config, teacher.learner, self._learner, halved_after)
        ends = time.monotonic() + LESSONS_SHARE * limit
        while time.monotonic() < ends and not self._is_over():
            show(self._take_lesson(lessons))
            if soon and lessons.samples >= MOST_LESSON_SAMPLES * tracks:
                break
        if not self._is_over():
            self._evaluate_and_save()
        self._learner.forget_moments()

    @property
    def _lesson_tracks(self) -> int:
        """Tracks that the lessons are long enough for."""
        tracks = min(MOST_TRACKS, len(self._course.tracks))
        return tracks * (OBJECTS_AS_TRACKS if self._course.race.num_objects > 0 else 1)

    def _take_lesson(self, lessons: Lessons) -> Report:
        """One iteration with the teacher; evaluated for a row of laps only, where one is wanted."""
        begun, before = time.monotonic(), lessons.samples
        distance = lessons.give(LESSON_SAMPLES * self._lesson_tracks, self._check_stop)
        duration = time.monotonic() - begun
        self._advance(lessons.samples - before)
        wanted = self._job.config.stop_after > 0
        due = self._iteration > 1 if wanted else self._iteration % LESSONS_PER_EVALUATION == 0
        laps = self._evaluate_and_save(give_up=wanted) if due else ()
        samples = lessons.samples - before
        return self._report(samples / duration, {"distance_to_teacher": distance}, laps)

    def _iterate(self) -> Report:
        """Collects, learns and writes down one iteration."""
        begun = time.monotonic()
        rollout = self._collect()
        measures = self._learner.learn(rollout, self._progress())
        samples, duration = int(rollout.valid.sum()), time.monotonic() - begun
        self._record.add_rollout(rollout, self._iteration, self._training_tracks)
        self._advance(samples)
        due = self._iteration % self._job.config.evaluate_every == 0
        laps = self._evaluate_and_save() if due else ()
        return self._report(samples / duration, measures, laps)

    def _advance(self, samples: int) -> None:
        self._iteration += 1
        self._steps += samples

    def _report(
        self, steps_per_second: float, measures: dict[str, float], laps: tuple[Lap, ...]
    ) -> Report:
        """Writes the curves of an iteration, and says how the training stands."""
        self._record.log(self._steps, measures, laps)
        return Report(
            iteration=self._iteration,
            steps=self._steps,
            steps_per_second=steps_per_second,
            mean_reward=self._record.mean_reward,
            mean_progress=self._record.mean_progress,
            laps=self._record.laps,
            seconds=time.monotonic() - self._started,
            evaluation=laps,
            measures=measures,
        )

    def _check_stop(self) -> None:
        if self._stop_requested():
            raise StopRequested

    def _collect(self) -> Rollout:
        def policy(observation: dict[str, Any]) -> tuple[npt.NDArray[Any], ...]:
            self._check_stop()
            return self._learner.explore(observation)

        if self._collector is None:
            self._collector = self._make_collector()
        if self._job.config.collection == "horizon":
            return self._collector.horizon(policy)
        network = self._job.metadata.neural_network
        most = _SAMPLES_OF_AN_ITERATION.get(network, _SAMPLES_OF_DEEPER_NETWORKS)
        return self._collector.episodes(policy, most)

    def _make_collector(self) -> Collector:
        job, config = self._job, self._job.config
        horizon = config.collection == "horizon"
        rules = RaceRules(
            random_start=config.random_start and horizon,
            alternate_driving_direction=config.alternate_driving_direction,
            max_steps=RaceRules.max_steps if horizon else LONGEST_EPISODE,
        )
        cars = Cars(
            config.num_cars if horizon else job.hyperparameters.num_episodes_between_training,
            rules,
            job.metadata.sensors,
            # A resumed training must not meet the same start positions once more.
            seed=config.seed + self._iteration,
            randomization=config.randomization,
            practice=horizon,
        )
        simulator = self._course.put(cars)
        self._training_tracks = [
            TrainingTrack(track.name, track.waypoints, rows)
            for track, rows in zip(self._course.tracks, rows_of(simulator), strict=True)
        ][: len(config.tracks)]
        for_the_car = job.metadata.is_for_the_car
        return Collector(
            simulator,
            judge_of(simulator, job.reward),
            job.metadata.action_space,
            config.horizon if horizon else LONGEST_EPISODE,
            self._record.episodes,
            disturb=None if for_the_car else Misjudgement(simulator.num_cars, config.seed),
        )

    def _evaluate_and_save(self, give_up: bool = False) -> tuple[Lap, ...]:
        """Greedy laps, a checkpoint with their result, and the picture.

        Args:
            give_up: do nothing of it unless all laps are clean, which is found out soon.
        """
        laps = self._evaluation.laps(self._learner.greedy, give_up)
        if not laps:
            return ()
        clean = all(lap.is_clean for lap in laps)
        self._clean_evaluations = self._clean_evaluations + 1 if clean else 0
        best_by, metric = self._job.config.best_by, standing(laps, self._job.config.best_by)
        ends = 0 < self._job.config.stop_after <= self._clean_evaluations
        row = None
        if ends or (clean and best_by == "laptime" and beats(metric, self._best)):
            row = Row(*self._evaluation.row(self._learner.greedy))
            if not row.is_clean:
                self._clean_evaluations = 0
                if best_by == "laptime":
                    metric = standing([*laps, *chain.from_iterable(row.laps)], best_by)
        self._record.add_evaluation(laps)
        self._save(metric, row)
        return laps

    def _save(self, metric: float, row: Row | None = None) -> None:
        """A checkpoint, then what a resumed training needs, then the index that makes them count.

        Args:
            metric: what the best checkpoint has most of; see ``standing``.
            row: laps in a row that were driven with it.
        """
        folder, policy = self._job.folder, self._learner.policy
        weights = safetensors.numpy.save(flatten_tree({"network_1": policy}))
        for_the_car = self._job.metadata.is_for_the_car
        graph = frozen_graph(self._spec, policy) if for_the_car else None
        checkpoint = folder.save_checkpoint(self._iteration, self._steps, weights, graph)
        self._learner.save(folder.learner(checkpoint), self._record.episodes)
        record = CheckpointRecord(checkpoint, time.time(), metric)
        if self._best is None or beats(metric, self._best):
            self._best = record
        folder.record_checkpoints(record, self._best)
        self._checkpoint = checkpoint
        if self._best is record:
            self.row = row if row is not None and row.is_clean else None
            if graph is not None:
                write_model_archive(folder.archive, self._job.metadata, graph)
        self._record.write()

    def _restore(self) -> int:
        """Takes up the last checkpoint; returns the training episodes before it."""
        folder = self._job.folder
        records = folder.recorded_checkpoints()
        if records is None:
            raise ConfigError(f"{folder.path}: has no checkpoint to resume; train without --resume")
        self._checkpoint, self._best = records[0].checkpoint, records[1]
        self._iteration, self._steps = self._checkpoint.iteration, self._checkpoint.steps
        weights = folder.weights(self._checkpoint)
        policy = load_weights(weights).get("network_1")
        if policy is None:
            raise ArchiveError(f"{weights}: holds no policy (no tensors below network_1)")
        return self._learner.restore(folder.learner(self._checkpoint), policy)

    def _write_inputs(self) -> None:
        job = self._job
        track = self._course.tracks[0]
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

    def _finish(self) -> None:
        """Keeps the last iteration, if no checkpoint holds it yet."""
        if self._checkpoint.iteration < self._iteration:
            self._evaluate_and_save()


def has_teacher(job: TrainingJob) -> bool:
    """Whether a teacher goes first: not where the policy sees what a teacher sees, or can drive."""
    return job.config.teacher and job.metadata.is_for_the_car and job.pretrained is None
