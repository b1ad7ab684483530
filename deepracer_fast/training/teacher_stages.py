"""How a training is taught: a teacher learns, then gives lessons; both outlive the process.

In: a job with its course, and the learner that is to be taught. Out: a learner that drives as its
teacher does, or the word that there was no teacher to be had. What the teacher knows, and how far
the lessons are, lies in one small file beside the checkpoints, so that a training that was broken
off goes on where it was. Neighbours: ``teacher`` and ``lessons`` do the work; ``train`` says when
it is enough, evaluates, and saves the learner.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast.checks.file_reading import refusing
from deepracer_fast.errors import ArchiveError
from deepracer_fast.learning.learner import Learner
from deepracer_fast.policy.archive.weights import load_weights, save_weights
from deepracer_fast.training.course import Course
from deepracer_fast.training.dagger_lessons import Lessons
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.teacher import Teacher, TeacherReport

_TEACHER, _LESSONS, _OVER = range(3)  # what the file says is going on


class Teaching:
    """A teacher and its lessons, from the beginning or from where the folder's file says.

    Raises:
        ArchiveError: the file is damaged.
    """

    def __init__(self, job: TrainingJob, course: Course, learner: Learner) -> None:
        self._job, self._course, self._learner = job, course, learner
        self._lesson = job.config.lessons
        self._path = job.folder.teaching
        self._soon = job.config.budget.stop_after > 0
        self._phase, self._samples, self._rounds = _TEACHER, 0, 0
        self._teacher: Teacher | None = None
        self._lessons: Lessons | None = None
        if self._path.exists():
            self._restore(self._path)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to be taught."""
        return self._phase == _OVER

    @property
    def samples(self) -> int:
        """Env steps of all lessons so far."""
        return self._samples if self._lessons is None else self._lessons.samples

    @property
    def lasted_long_enough(self) -> bool:
        """Whether PPO should go on, where a row of laps is to be found soon."""
        return self._soon and self.samples >= self._lesson.most_samples * self._tracks

    @property
    def _tracks(self) -> int:
        """Tracks that the lessons are long enough for."""
        tracks = min(self._lesson.most_tracks, len(self._course.tracks))
        return tracks * (self._lesson.objects_as_tracks if self._course.race.num_objects > 0 else 1)

    @property
    def rounds(self) -> int:
        """Rounds of the teacher, which the iterations of the training begin with."""
        return self._rounds if self._teacher is None else self._teacher.rounds

    def find_teacher(
        self, seconds: float, show: Callable[[TeacherReport], None], going_on: Callable[[], None]
    ) -> bool:
        """Lets a teacher learn for so long, unless there is one; returns whether it can teach.

        ``show`` is handed a report after each of its rounds, ``going_on`` is called after each
        update; both may raise to end it.
        """
        if self._phase != _TEACHER:
            return self._phase == _LESSONS
        least = self._job.config.teacher.least_clean
        can_teach = self.teacher.train(seconds, self._soon, show, going_on) >= least
        self._phase = _LESSONS if can_teach else _OVER
        self.save()
        return can_teach

    def teach(self, going_on: Callable[[], None]) -> None:
        """One lesson; ``going_on`` is called between env steps and may raise to end it.

        Raises:
            RewardError: the user's function failed.
        """
        self.lessons.give(self._lesson.samples * self._tracks, going_on)

    def end(self) -> None:
        """From here on the learner learns alone."""
        self._phase = _OVER
        self._learner.forget_moments()
        self.save()

    def save(self) -> None:
        """Writes down how far it is; nothing where no teacher has begun."""
        standing: dict[str, Any] = {
            "phase": np.array(self._phase),
            "samples": np.array(self.samples),
            "rounds": np.array(self.rounds),
        }
        if self._phase != _OVER:
            if self._teacher is None:
                return
            standing["teacher"] = self._teacher.whole()
        save_weights(self._path, standing)

    @property
    def teacher(self) -> Teacher:
        """Made when it is first asked for."""
        if self._teacher is None:
            job = self._job
            self._teacher = Teacher(self._course, job.config, job.hyperparameters, job.reward)
        return self._teacher

    @property
    def lessons(self) -> Lessons:
        """Likewise."""
        if self._lessons is None:
            job = self._job
            self._lessons = Lessons(
                self._course,
                job.config,
                self.teacher.learner,
                self._learner,
                job.reward,
                halved_after=self._lesson.lr_halved_after * self._tracks * (1 if self._soon else 4),
                samples=self._samples,
            )
        return self._lessons

    def _restore(self, path: Path) -> None:
        tree = load_weights(path)
        with refusing(str(path), "does not fit this training", ArchiveError):
            self._phase, self._samples = int(tree["phase"]), int(tree["samples"])
            self._rounds = int(tree.get("rounds", 0))
            counts = (self._samples, self._rounds)
            if not (_TEACHER <= self._phase <= _OVER and all(0 <= each < 2**53 for each in counts)):
                raise ValueError(f"phase {self._phase}, samples and rounds {counts}")
            if "teacher" in tree:
                self.teacher.take_whole(tree["teacher"])
