"""Training: collect, learn, evaluate, keep; until the policy laps, or time is up.

A teacher goes first where it can (``teacher``, ``lessons``), then PPO.

In: a ``TrainingJob``. Out: a model folder that is whole after every checkpoint, so that whatever
stops a training (its own rule, a limit, Ctrl-C, a crash of the reward function, a power cut)
leaves a usable model, and ``resume`` goes on from there. Neighbours: ``training_cars``,
``learner`` and ``training_evaluation`` do the work, ``checkpoints`` and ``training_record`` write
it down; ``training_command`` starts it and shows the reports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy.typing as npt

from deepracer_fast.checkpoints import Checkpoints, Row, write_inputs
from deepracer_fast.collect import Rollout
from deepracer_fast.course import Course
from deepracer_fast.errors import ConfigError, DeepRacerError, HostLostError, RewardError
from deepracer_fast.evaluate import Lap
from deepracer_fast.hosts import ALONE, Team
from deepracer_fast.lessons import Lessons
from deepracer_fast.model_folder import Checkpoint, beats
from deepracer_fast.teacher import Teacher, TeacherReport
from deepracer_fast.training_cars import TrainingCars, all_episodes, check_team, learner_of
from deepracer_fast.training_evaluation import Evaluation, standing
from deepracer_fast.training_follower import begin_together, end_together
from deepracer_fast.training_health import Health
from deepracer_fast.training_job import TrainingJob, has_teacher
from deepracer_fast.training_record import TrainingRecord

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


class StopRequested(Exception):
    """Raised between two env steps when the user wants the training to end."""


class Training:
    """One training, new or resumed.

    Args:
        job: what to train.
        resume: go on from the folder's last checkpoint.
        stop_requested: asked between env steps; True ends the training cleanly.
        team: the hosts that train together; this is the first of them, and on each other one
            ``training_follower.follow`` runs.

    Raises:
        ConfigError: the folder holds a model and is not to be resumed, or has none to resume.
        DeepRacerError: anything else about the job that cannot be used.
    """

    def __init__(
        self,
        job: TrainingJob,
        resume: bool,
        stop_requested: Callable[[], bool] = lambda: False,
        team: Team = ALONE,
    ) -> None:
        if job.metadata.training_algorithm != "clipped_ppo":
            raise ConfigError(
                f"training_algorithm must be clipped_ppo, got {job.metadata.training_algorithm}"
            )
        check_team(job, team, resume)
        self._job, self._stop_requested, self._team = job, stop_requested, team
        self._course = Course(job.config, job.metadata)
        self._learner = learner_of(job, team)
        by_reward = job.reward if job.config.best_by == "reward" else None
        named = Course(replace(job.config, random_tracks=0), job.metadata)
        self._evaluation = Evaluation(named, by_reward)
        self._health = Health(job.hyperparameters, self._learner.options.spec)
        self._iteration, self._steps, self._clean_evaluations = 0, 0, 0
        self._started = time.monotonic()
        self._cars: TrainingCars | None = None
        job.folder.create(resume)
        self._checkpoints = Checkpoints(job)
        episodes = self._restore() if resume else None
        self._record = TrainingRecord(job.folder, episodes)
        if not resume:
            if job.pretrained is not None:
                self._learner.begin_with(job.pretrained)
            write_inputs(job, self._course.tracks[0])
            self._save(0.0)

    @property
    def row(self) -> Row | None:
        """Clean laps of the best checkpoint, if it drove a row of them."""
        return self._checkpoints.row

    def run(self, show: Show) -> None:
        """Trains until a limit, a row of clean evaluations, or a request to stop.

        Whatever ends it, the folder then holds the last and the best checkpoint, the picture of
        the training and ``model.tar.gz`` of the best.

        Args:
            show: is handed a report after each iteration, and remarks.

        Raises:
            RewardError: the user's function failed; the model up to then is saved.
            DeepRacerError: the learner's numbers are no longer finite; likewise.
            HostLostError: another host is gone; likewise.
        """
        self._started = time.monotonic()
        try:
            self._begin_together()
            if self._iteration == 0 and self._team.count == 1 and has_teacher(self._job):
                self._be_taught(show)
            while not end_together(self._team, self._stop_requested(), self._is_over()):
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
        except HostLostError as error:
            advice = "start the same command with --resume on all hosts"
            raise HostLostError(f"{error}; {self._kept_model}: {advice}") from error
        except FloatingPointError as error:
            raise DeepRacerError(
                f"learning became unstable in iteration {self._iteration + 1}: {error}; "
                f"{self._kept_model}: resume it with a lower lr"
            ) from error
        finally:
            self._team.leave()
            self._record.close()

    def _begin_together(self) -> None:
        """Gives the other hosts what this one knows."""
        begin_together(self._team, self._iteration)
        self._learner.follow_first_host()

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
        duration = time.monotonic() - begun
        samples, rollout.outcomes = all_episodes(self._team, rollout)
        self._record.add_rollout(rollout, self._iteration, self._cars_on_the_tracks.tracks)
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
        # Several hosts end together, between two iterations.
        if self._team.count == 1 and self._stop_requested():
            raise StopRequested

    def _collect(self) -> Rollout:
        def policy(observation: dict[str, Any]) -> tuple[npt.NDArray[Any], ...]:
            self._check_stop()
            return self._learner.explore(observation)

        return self._cars_on_the_tracks.collect(policy)

    @property
    def _cars_on_the_tracks(self) -> TrainingCars:
        """They are put there when they are first needed: a teacher may do without."""
        if self._cars is None:
            self._cars = TrainingCars(
                self._job, self._course, self._team, self._iteration, self._record.episodes
            )
        return self._cars

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
        if ends or (clean and best_by == "laptime" and beats(metric, self._checkpoints.best)):
            row = Row(*self._evaluation.row(self._learner.greedy))
            if not row.is_clean:
                self._clean_evaluations = 0
                if best_by == "laptime":
                    metric = standing([*laps, *chain.from_iterable(row.laps)], best_by)
        self._record.add_evaluation(laps)
        self._save(metric, row)
        return laps

    def _save(self, metric: float, row: Row | None = None) -> None:
        checkpoint, episodes = Checkpoint(self._iteration, self._steps), self._record.episodes
        self._checkpoints.save(self._learner, checkpoint, episodes, metric, row)
        self._record.write()

    def _restore(self) -> int:
        """Takes up the last checkpoint; returns the training episodes before it."""
        episodes = self._checkpoints.restore(self._learner)
        assert self._checkpoints.last is not None
        self._iteration = self._checkpoints.last.iteration
        self._steps = self._checkpoints.last.steps
        return episodes

    @property
    def _kept_iteration(self) -> int:
        """That of the last checkpoint."""
        assert self._checkpoints.last is not None
        return self._checkpoints.last.iteration

    @property
    def _kept_model(self) -> str:
        """What is left where a training breaks off."""
        return f"the model of iteration {self._kept_iteration} is in {self._job.folder.path}"

    def _finish(self) -> None:
        """Lets the other hosts go, and keeps the last iteration, if no checkpoint holds it yet."""
        self._team.leave()
        if self._kept_iteration < self._iteration:
            self._evaluate_and_save()
