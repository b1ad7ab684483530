"""Training: collect, learn, evaluate, keep; until the policy laps, or time is up.

A teacher goes first where it can (``teacher``, ``lessons``), then PPO.

In: a ``TrainingJob``. Out: a model folder that is whole after every checkpoint, so that whatever
stops a training (its own rule, a limit, Ctrl-C, a crash of the reward function, a power cut)
leaves a usable model, and ``resume`` goes on from there. Neighbours: ``training.cars``,
``learner`` and ``training.evaluation`` do the work, ``checkpoints`` and ``training.record`` write
it down; ``commands.train`` starts it and shows the reports.
"""

from __future__ import annotations

import math
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.collect import Decision, Rollout
from deepracer_fast.driving.episode_books import Driven
from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.errors import ConfigError, DeepRacerError, HostLostError, RewardError
from deepracer_fast.files.atomic import remove_leftovers
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord, beats
from deepracer_fast.learning.hosts import ALONE, Team
from deepracer_fast.training.cars import TrainingCars, learner_of, room_for_episodes, traced
from deepracer_fast.training.checkpoints import Checkpoints, inputs_of, size_of_save
from deepracer_fast.training.course import Course
from deepracer_fast.training.evaluation import Evaluation, Row, standing
from deepracer_fast.training.follower import begin_together, check_team, end_together, gathered
from deepracer_fast.training.health import Health
from deepracer_fast.training.iterations import LESSONS, PPO, TEACHER, Report, Show
from deepracer_fast.training.job import TrainingJob, has_teacher
from deepracer_fast.training.record import Round, TrainingRecord
from deepracer_fast.training.teacher import TeacherReport
from deepracer_fast.training.teacher_stages import Teaching
from deepracer_fast.training.traces import TrainingTrack

SAVE_EVERY = 7.5
"""Seconds of work from one save to the next, evaluated or not: 0.45 s of processor time and 115 MB
for the 3-layer CNN while lessons go on, 70 MB later."""

TRACED_TEACHER_EPISODES = 8
"""Of an iteration of the teacher, over all tracks, whose steps are kept."""


class StopRequested(Exception):
    """Raised between two env steps when the user wants the training to end."""


class Training:
    """One training, new or resumed; ``open`` makes one, in its folder.

    Attributes:
        job: what is trained.
        made_folder: it was not there before.
    """

    def __init__(self, job: TrainingJob, stop_requested: Callable[[], bool], team: Team) -> None:
        if job.metadata.training_algorithm != "clipped_ppo":
            raise ConfigError(
                f"training_algorithm must be clipped_ppo, got {job.metadata.training_algorithm}"
            )
        self.job, self._stop_requested, self._team = job, stop_requested, team
        self._course = Course(job.config, job.metadata)
        self._learner = learner_of(job, team)
        by_reward = job.reward if job.config.evaluation.best_by == "reward" else None
        named = Course(job.config.updated(random_tracks=0), job.metadata)
        self._evaluation = Evaluation(named, by_reward, job.config.randomization)
        self._health = Health(job.hyperparameters, self._learner.options.spec)
        self._iteration, self._steps, self._clean_evaluations = 0, 0, 0
        self._started = self._saved = time.monotonic()
        self._update_seconds = 0.0
        self._cars: TrainingCars | None = None
        self._checkpoints = Checkpoints(job)
        best_by = job.config.evaluation.best_by
        self._record = TrainingRecord(job.folder, room_for_episodes(job), best_by)
        self._teaching: Teaching | None = None
        self.made_folder = False

    @classmethod
    def open(
        cls,
        job: TrainingJob,
        resume: bool,
        stop_requested: Callable[[], bool] = lambda: False,
        team: Team = ALONE,
    ) -> Training:
        """Takes the job's folder: nobody else writes there until the training has ended.

        Args:
            job: what to train.
            resume: go on from the folder's last checkpoint.
            stop_requested: asked between env steps; True ends the training cleanly.
            team: the hosts that train together; this is the first of them, and on each other one
                ``follower.follow`` runs.

        Raises:
            ConfigError: the folder holds a model and is not to be resumed, or has none to resume.
            InUseError: another training writes there.
            DeepRacerError: anything else about the job that cannot be used.
        """
        check_team(job, team, resume)
        training, folder = cls(job, stop_requested, team), job.folder
        if resume:
            folder.refuse_nothing_begun()
        else:
            folder.refuse_a_model()  # before anything is made
        training.made_folder = folder.make()
        folder.lock.acquire()
        try:
            training._take_up(resume)
        except BaseException:
            folder.lock.release()
            if training.made_folder:
                shutil.rmtree(folder.path, ignore_errors=True)
            raise
        return training

    def _take_up(self, resume: bool) -> None:
        """Goes on from the last checkpoint, or writes the first one."""
        job, folder = self.job, self.job.folder
        folder.check_format()
        if resume and folder.recorded_checkpoints() is not None:
            if not folder.mark.exists():  # from before there were marks
                folder.put_mark()
            self._restore()
            self._put_teacher()
            self._record.go_on(self._iteration)
            return
        folder.check_room(size_of_save(job, self._learner))
        inputs = inputs_of(job, self._course.tracks[0])
        folder.create(inputs, job.parent.record if job.parent else {}, job.given)
        remove_leftovers(folder.path)
        self._record.begin()
        if job.parent is not None:
            self._learner.begin_with(job.parent.model.params)
        self._put_teacher()
        self._save()

    def _put_teacher(self) -> None:
        """A teacher where one is to begin, or has begun; its rounds are the first iterations."""
        begins = self._steps == 0 or self.job.folder.teaching.exists()
        if begins and self._team.count == 1 and has_teacher(self.job):
            self._teaching = Teaching(self.job, self._course, self._learner)
            self._iteration = max(self._iteration, self._teaching.rounds)

    @property
    def row(self) -> Row | None:
        """Clean laps of the best checkpoint, if it drove a row of them."""
        return self._checkpoints.row

    @property
    def stages(self) -> set[str]:
        """Who has driven, of ``STAGES``, over all runs."""
        return {row.stage for row in self._record.rows}

    @property
    def has_learnt(self) -> bool:
        """Whether anything would be lost with the folder."""
        return self._steps > 0 or (self._teaching is not None and self._teaching.rounds > 0)

    @property
    def ended_by(self) -> str:
        """What ended it, and how to go on."""
        budget, folder = self.job.config.budget, self.job.folder.path
        more = f" --minutes {budget.minutes:g}"
        go_on = f"go on: deepracer-fast train --model {shlex.quote(str(folder))} --resume"
        if self._stop_requested():
            return f"ended: it was asked to stop; {go_on}{more}"
        if 0 < budget.stop_after <= self._clean_evaluations:
            return (
                "ended: all laps are clean, from everywhere and in a row from the line; "
                f"{go_on}{more}, which uses all of them (--stop-after 0). For faster laps "
                "begin with --stop-after 0 --best-by laptime"
            )
        if 0 < budget.steps <= self._steps:
            return (
                f"ended: {budget.steps:,} steps were asked for; {go_on} --steps {2 * budget.steps}"
            )
        if self._record.episodes >= self.job.hyperparameters.term_cond_max_episodes:
            return "ended: term_cond_max_episodes of the hyperparameters is reached"
        minutes = "minute is" if budget.minutes == 1 else "minutes are"
        return f"ended: {budget.minutes:g} {minutes} over; {go_on}{more}"

    def run(self, show: Show) -> None:
        """Trains until a limit, a row of clean evaluations, or a request to stop.

        Whatever ends it, the folder then holds the last and the best checkpoint, the picture of
        the training and the archive of the best.

        Args:
            show: is handed a report after each iteration, and remarks.

        Raises:
            RewardError: the user's function failed; the model up to then is saved.
            DeepRacerError: the learner's numbers are no longer finite; likewise.
            HostLostError: another host is gone; likewise.
        """
        self._started = self._saved = time.monotonic()
        try:
            begin_together(self._team, self._iteration)
            self._learner.follow_first_host()
            if self._teaching is not None and not self._teaching.is_over:
                self._be_taught(self._teaching, show)
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
            self.job.folder.lock.release()

    def _is_over(self) -> bool:
        budget, seconds = self.job.config.budget, time.monotonic() - self._started
        return (
            self._stop_requested()
            or seconds >= 60.0 * budget.minutes
            or 0 < budget.steps <= self._steps
            or 0 < budget.stop_after <= self._clean_evaluations
            or self._record.episodes >= self.job.hyperparameters.term_cond_max_episodes
        )

    def _progress(self) -> float:
        """Share of the training that is over, by whichever limit is nearer."""
        budget, seconds = self.job.config.budget, time.monotonic() - self._started
        by_steps = self._steps / budget.steps if budget.steps > 0 else 0.0
        return max(seconds / (60.0 * budget.minutes), by_steps)

    def _be_taught(self, teaching: Teaching, show: Show) -> None:
        """Lets a teacher learn, and the policy learn from it, until it laps or time is up."""
        config, limit = self.job.config, 60.0 * self.job.config.budget.minutes
        begun, steps = time.monotonic(), 0

        def tell(report: TeacherReport) -> None:
            nonlocal begun, steps
            simulator = teaching.teacher.simulator
            cars = traced(self.job, self._course, simulator, TRACED_TEACHER_EPISODES)
            self._write_down(TEACHER, report.driven, cars, report.steps)
            self._iteration += 1
            self._record.note(report.laps, report.measures)
            speed = (report.steps - steps) / (time.monotonic() - begun)
            show(self._report(speed, report.laps, report.measures))
            begun, steps = time.monotonic(), report.steps

        seconds = config.teacher.time_share * limit
        if not teaching.find_teacher(seconds, tell, self._between_steps):
            show(
                f"The teacher had {seconds:.0f} s ({config.teacher.time_share:.0%} of --minutes) "
                "and drove too few clean laps to give lessons: PPO goes on alone, from the "
                "pictures. It may lap too, but usually later. More --minutes, slower actions, or "
                "a reward that pays for getting ahead may help the teacher."
            )
            return
        # In worlds that differ PPO from the pictures undoes what lessons teach: they take it all.
        share = 1.0 if config.randomization.is_on else config.lessons.time_share
        ends = time.monotonic() + share * limit
        while time.monotonic() < ends and not self._is_over() and not teaching.lasted_long_enough:
            show(self._take_lesson(teaching))
        if not self._is_over():
            self._evaluate_and_save()
        teaching.end()
        if self._checkpoints.holds(self._checkpoint):
            self._checkpoints.save_learner(self._learner)  # without the lessons' moments

    def _take_lesson(self, teaching: Teaching) -> Report:
        """One iteration with the teacher; evaluated for a row of laps only, where one is wanted."""
        begun, before, steps = time.monotonic(), teaching.samples, self._steps

        def going_on() -> None:
            self._steps = steps + teaching.samples - before
            self._between_steps()

        try:
            teaching.teach(going_on)
        finally:  # a lesson that was broken off taught something as well
            self._steps = steps + teaching.samples - before
            distance, driven = teaching.lessons.close()
            cars = traced(self.job, self._course, teaching.lessons.simulator)
            self._write_down(LESSONS, driven, cars, self._steps)
            self._iteration += 1
        measures = {"distance_to_teacher": distance}
        samples, duration = teaching.samples - before, time.monotonic() - begun
        wanted = self.job.config.budget.stop_after > 0
        lesson = self._iteration - teaching.rounds
        due = lesson > 1 if wanted else lesson % self.job.config.lessons.evaluate_every == 0
        laps = self._evaluate_and_save(give_up=wanted) if due else ()
        return self._report(samples / duration, laps, measures)

    def _iterate(self) -> Report:
        """Collects, learns and writes down one iteration."""
        begun = time.monotonic()
        rollout = self._collect()
        measures = self._learn(rollout)
        duration = time.monotonic() - begun
        all_hosts = gathered(self._team, rollout)
        self._steps += all_hosts.samples
        driven = replace(rollout.driven, outcomes=all_hosts.outcomes)
        self._write_down(PPO, driven, self._cars_on_the_tracks.tracks, self._steps)
        self._iteration += 1
        due = self._iteration % self.job.config.evaluation.evaluate_every == 0
        laps = self._evaluate_and_save() if due else ()
        return self._report(all_hosts.samples / duration, laps, measures)

    def _write_down(
        self, stage: str, driven: Driven, tracks: Sequence[TrainingTrack], steps: int
    ) -> None:
        """An iteration's drives into the books."""
        config, seconds = self.job.config, time.monotonic() - self._started
        taught = stage != PPO
        limit = 60.0 * config.budget.minutes * config.taught_share
        share = min(1.0, seconds / limit) if taught and limit > 0.0 else None
        goes_on = taught or not config.collection.whole_episodes
        cars = Round(stage, driven, tracks, steps, seconds, share, goes_on)
        self._record.add(self._iteration, cars)

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        """An update, which nothing can interrupt: what is not saved would be lost for so long."""
        self._save_if_due(self._update_seconds)
        begun = time.monotonic()
        measures = self._learner.learn(rollout, self._progress())
        self._update_seconds = time.monotonic() - begun
        return measures

    def _report(
        self, steps_per_second: float, laps: tuple[Lap, ...], measures: dict[str, float]
    ) -> Report:
        """Writes the curves of an iteration, and says how the training stands."""
        self._record.note((), measures)
        self._record.log()
        row = self._record.rows[-1]
        return Report(
            iteration=row.iteration,
            stage=row.stage,
            steps=row.steps,
            steps_per_second=steps_per_second,
            episodes=row.episodes,
            mean_reward=math.nan if row.reward is None else row.reward,
            mean_progress=math.nan if row.progress is None else row.progress,
            laps=row.laps,
            seconds=time.monotonic() - self._started,
            evaluation=laps,
            measures=measures,
        )

    def _between_steps(self) -> None:
        """A place where a training may stop, and where it saves what has been learnt."""
        # Several hosts end together, between two iterations.
        if self._team.count == 1 and self._stop_requested():
            raise StopRequested
        self._save_if_due()

    def _save_if_due(self, ahead: float = 0.0) -> None:
        """Saves what was learnt since the last save, if that is long ago.

        Args:
            ahead: seconds in which there will be no other chance.
        """
        if time.monotonic() + ahead - self._saved < SAVE_EVERY:
            return
        if self._teaching is not None and not self._teaching.is_over:
            self._record.write(picture=False)
            self._teaching.save()
        if self._checkpoints.holds(self._checkpoint):
            self._saved = time.monotonic()
        else:
            self._save()

    def _collect(self) -> Rollout:
        def policy(observation: dict[str, Array]) -> Decision:
            self._between_steps()
            return self._learner.explore(observation)

        return self._cars_on_the_tracks.collect(policy)

    def _greedy(self, observation: dict[str, Array]) -> Array:
        """An evaluation takes seconds, in which what is evaluated is not lost."""
        self._save_if_due()
        return self._learner.best_action(observation)

    @property
    def _cars_on_the_tracks(self) -> TrainingCars:
        """They are put there when they are first needed: a teacher may do without."""
        if self._cars is None:
            self._cars = TrainingCars(self.job, self._course, self._team, self._iteration)
        return self._cars

    def _evaluate_and_save(self, give_up: bool = False) -> tuple[Lap, ...]:
        """Greedy laps, a checkpoint with their result, and the picture.

        Args:
            give_up: do nothing of it unless all laps are clean, which is found out soon.
        """
        laps = self._evaluation.laps(self._greedy, give_up)
        if not laps:
            return ()
        clean = all(lap.is_clean for lap in laps)
        self._clean_evaluations = self._clean_evaluations + 1 if clean else 0
        best_by, driven = self.job.config.evaluation.best_by, list(laps)
        ends = 0 < self.job.config.budget.stop_after <= self._clean_evaluations
        row = None
        fastest = best_by == "laptime" and beats(self._record_of(driven), self._checkpoints.best)
        if ends or (clean and fastest):
            row = self._evaluation.row(self._greedy)
            if not row.is_clean:
                self._clean_evaluations = 0
                if best_by == "laptime":
                    driven += chain.from_iterable(row.laps)
        self._record.add_evaluation(laps)
        self._save(driven, row)
        return laps

    @property
    def _checkpoint(self) -> Checkpoint:
        """Where the training is."""
        return Checkpoint(self._iteration, self._steps)

    def _record_of(self, laps: Sequence[Lap]) -> CheckpointRecord:
        best_by = self.job.config.evaluation.best_by
        metric, lap_time = standing(laps, best_by) if laps else (0.0, None)
        return CheckpointRecord(self._checkpoint, time.time(), metric, bool(laps), lap_time)

    def _save(self, laps: Sequence[Lap] = (), row: Row | None = None) -> None:
        """A checkpoint, and the books up to it.

        Args:
            laps: of its evaluation; none for one between two evaluations.
            row: laps in a row that it drove.
        """
        record = self._record_of(laps)
        self._record.best = self._checkpoints.best_with(record).checkpoint.iteration
        self._record.write(picture=len(laps) > 0)
        self._checkpoints.save(self._learner, record, row)
        self._saved = time.monotonic()

    def _restore(self) -> None:
        """Takes up the last checkpoint."""
        self._checkpoints.restore(self._learner)
        last, best = self._kept, self._checkpoints.best
        self._iteration, self._steps = last.checkpoint.iteration, last.checkpoint.steps
        self._record.best = best.checkpoint.iteration if best else None

    @property
    def _kept(self) -> CheckpointRecord:
        """The last checkpoint."""
        assert self._checkpoints.last is not None
        return self._checkpoints.last

    @property
    def _kept_model(self) -> str:
        """What is left where a training breaks off."""
        return f"checkpoint {self._kept.checkpoint.iteration} is in {self.job.folder.path}"

    def _finish(self) -> None:
        """Lets the other hosts go, and keeps and evaluates what was learnt last."""
        self._team.leave()
        if self._teaching is not None and not self._teaching.is_over:
            self._teaching.save()
        if not self._checkpoints.holds(self._checkpoint):
            self._save()  # before it is evaluated, which takes its time
        if not self._kept.evaluated and self._steps > 0:
            self._evaluate_and_save()
        self._checkpoints.tidy(self._learner)
