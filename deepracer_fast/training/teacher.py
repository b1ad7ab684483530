"""A teacher: a small policy that learns the user's own reward from the track state.

In: a course and a reward function. Out: a policy, within seconds, that laps where the reward
function makes it lap; only training sees it. It reads what a picture shows (``TRACK_STATE``), not
what it hides, so that a camera network can imitate it; and it drives with errors of the size that
such a network makes, so that it keeps a margin. Neighbours: ``lessons`` passes on what it knows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.collect import Collector
from deepracer_fast.driving.episode_books import Driven
from deepracer_fast.driving.evaluate import Driver, Lap, drive_laps
from deepracer_fast.files.hyperparameters import OF_A_TEACHER, Hyperparameters
from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import network_spec
from deepracer_fast.reward import Reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.training.teaching_config import TeacherErrors
from deepracer_fast.world.sensors import OBJECTS_TOLD, objects_told
from deepracer_fast.world.simulator import RaceRules

HALF_WIDTH = 0.4  # m, of a usual road


@dataclass(frozen=True)
class TeacherReport:
    """How the teacher stands after a round, which is an iteration in the books of the training.

    Attributes:
        steps: env steps that it has driven.
        laps: its greedy laps, or attempts, after the round.
        driven: while it learnt, in the round.
        measures: of the round's last update, by name.
    """

    steps: int
    laps: tuple[Lap, ...]
    driven: Driven
    measures: dict[str, float]


class Teacher:
    """Learns on a course.

    Discount, entropy and loss are the user's; settings, seed and randomisation are its own.

    Attributes:
        learner: holds what it knows.
        simulator: with the cars that it learns on.
    """

    def __init__(
        self, course: Course, config: TrainConfig, hyperparameters: Hyperparameters, reward: Reward
    ) -> None:
        self._config = config.teacher
        own = replace(
            config.teacher.hyperparameters,
            **{key: getattr(hyperparameters, key) for key in OF_A_TEACHER},
        )
        among_objects = course.race.num_objects > 0
        practice = config.teacher.among_objects if among_objects else config.teacher.alone
        self._halved_after = practice.lr_halved_after or math.inf
        self._metadata = replace(course.metadata, sensors=(TRACK_STATE,), lidar=None, frame_stack=1)
        self.learner = Learner(
            LearnerOptions(
                network_spec(self._metadata),
                own,
                seed=config.seed,
                gae_lambda=practice.gae_lambda,
                clip=config.learning.clip,
                lr_schedule="linear",
            )
        )
        rules = RaceRules(random_start=True, alternate_driving_direction=course.both_ways)
        cars = Cars(
            practice.num_cars, rules, (TRACK_STATE,), config.seed, config.randomization, True
        )
        self.simulator, errors = course.put(cars), config.teacher.errors
        is_changed = config.randomization.is_on
        misjudgement = Misjudgement(self.simulator.num_cars, config.seed, errors, is_changed)
        space, horizon = course.metadata.action_space, config.teacher.horizon
        self._collector = Collector(self.simulator, reward, space, horizon, misjudgement)
        starts = max(practice.evaluation_starts, 2 * len(course.tracks))
        rules = RaceRules(
            round_robin_advance_dist=len(course.tracks) / starts, max_steps=course.two_slow_laps()
        )
        self._evaluator = course.put(Cars(starts, rules, (TRACK_STATE,), practice=True))
        self._steps, self._updates, self._clean_in_a_row = 0, 0, 0
        self._driven = Driven()
        self._best: tuple[float, float] | None = None

    def train(
        self,
        seconds: float,
        until_it_laps: bool,
        show: Callable[[TeacherReport], None],
        going_on: Callable[[], None] = lambda: None,
    ) -> float:
        """Learns until it laps, or for so long.

        Args:
            seconds: wall-clock limit.
            until_it_laps: end after ``clean_in_a_row`` laps; otherwise use all the time, and
                keep what lapped fastest.
            show: is handed a report after each round; may raise to end it.
            going_on: is called after each update, likewise.

        Returns:
            Share of clean laps of the policy that ``learner`` then holds.
        """
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            rollout = self._collector.horizon(self.learner.explore)
            self._driven.follow(rollout.driven)
            halved = self._steps / (self._steps + self._halved_after)
            measures = self.learner.learn(rollout, halved)
            self._steps += rollout.valid.size
            self._updates += 1
            going_on()
            if self._updates % self._config.evaluate_every:
                continue
            laps = self._drive()
            all_clean = all(lap.is_clean for lap in laps)
            self._clean_in_a_row = self._clean_in_a_row + len(laps) if all_clean else 0
            self._keep_if_best(laps)
            driven, self._driven = self._driven, Driven()
            show(TeacherReport(self._steps, laps, driven, measures))
            if until_it_laps and self._clean_in_a_row >= self._config.clean_in_a_row:
                return 1.0
        if self._best is None:
            return 0.0
        self.learner.put_back()
        return self._best[0]

    @property
    def rounds(self) -> int:
        """Rounds behind it."""
        return self._updates // self._config.evaluate_every

    def whole(self) -> dict[str, Any]:
        """All that it knows, as a tree of arrays."""
        best = () if self._best is None else self._best
        return {
            "learner": self.learner.whole(),
            "counts": np.array([self._steps, self._updates, self._clean_in_a_row]),
            "best": np.array(best, np.float64),
        }

    def take_whole(self, tree: Mapping[str, Any]) -> None:
        """Goes on from what ``whole`` gave.

        Raises:
            KeyError, ValueError, TypeError: it is of another training.
        """
        self.learner.take_whole(tree["learner"])
        self._steps, self._updates, self._clean_in_a_row = map(int, tree["counts"])
        best = [float(each) for each in tree["best"]]
        self._best = (best[0], best[1]) if best else None

    def _drive(self) -> tuple[Lap, ...]:
        driver = Driver(self.learner.best_action, self._metadata.action_space)
        return tuple(car[0] for car in drive_laps(driver, self._evaluator, laps=1))

    def _keep_if_best(self, laps: tuple[Lap, ...]) -> None:
        """Remembers the policy that completes most, and of those the fastest."""
        clean = [lap for lap in laps if lap.is_clean]
        mean_time = float(np.mean([lap.lap_time_seconds for lap in clean])) if clean else np.inf
        standing = (len(clean) / len(laps), -mean_time)
        if self._best is None or standing > self._best:
            self._best = standing
            self.learner.set_aside()


class Misjudgement:
    """Errors of what the track state says, as a camera network would make them.

    They are larger ``in_changed_worlds``: where camera, light and car differ from lap to lap.
    """

    def __init__(
        self, num_cars: int, seed: int, errors: TeacherErrors, in_changed_worlds: bool = False
    ) -> None:
        self._errors = errors
        self._scale = errors.in_changed_worlds if in_changed_worlds else 1.0
        self._random = np.random.default_rng([seed, 1])
        self._error = np.zeros((num_cars, 2 + 2 * OBJECTS_TOLD), np.float32)

    def __call__(self, observation: dict[str, Array]) -> None:
        """Adds them to an observation, in place."""
        size = self._errors
        fresh = self._random.standard_normal(self._error.shape, np.float32)
        self._error *= size.memory
        self._error += self._scale * np.sqrt(1.0 - size.memory**2) * fresh
        state = observation[TRACK_STATE]
        state[:, :2] += self._error[:, :2] * np.array([size.offset, size.heading], np.float32)
        objects = objects_told(state)
        place = size.object * self._error[:, 2:].reshape(len(state), OBJECTS_TOLD, 2)
        error = np.concatenate([place, place[..., 1:] / HALF_WIDTH], axis=-1)
        objects[..., 1:] += objects[..., :1] * error
