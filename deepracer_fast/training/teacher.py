"""A teacher: a small policy that learns the user's own reward from the track state.

In: a course and a reward function. Out: a policy, within seconds, that laps where the reward
function makes it lap; only training sees it. It reads what a picture shows (``TRACK_STATE``), not
what it hides, so that a camera network can imitate it; and it drives with errors of the size that
such a network makes, so that it keeps a margin. Neighbours: ``lessons`` passes on what it knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.driving.collect import Collector
from deepracer_fast.driving.episode_books import Driven
from deepracer_fast.driving.evaluate import Driver, Lap, drive_laps
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import network_spec
from deepracer_fast.reward import Reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course, judge_of
from deepracer_fast.world.sensors import OBJECTS_TOLD, objects_told
from deepracer_fast.world.simulator import RaceRules

TEACHER_CARS = 256
TEACHER_HORIZON = 32
TEACHER_GAE_LAMBDA = 0.8
"""Below the usual 0.95: of three tracks and two rewards all lapped after 100,000 to 160,000
env-steps; with 0.95 the championship track took over 400,000."""

UPDATES_AMONG_OBJECTS = (512, 0.95, 300_000.0)
"""Cars, GAE lambda and env-steps after which the learning rate has halved, where objects are in the
way, which are to be passed on a side chosen long before: past six boxes on reinvent_base all laps
were clean after 590,000 env-steps; with 256 cars and 0.8 one box was still hit after 1,470,000."""

TEACHER_HYPERPARAMETERS = Hyperparameters(batch_size=1024, num_epochs=4, lr=1e-3)

EVALUATE_EVERY = 4  # updates, which are a round
EVALUATION_STARTS, STARTS_AMONG_OBJECTS = 10, 30
CLEAN_IN_A_ROW = 40
"""Greedy laps, in whole evaluations; a teacher that has just learnt to lap still chooses nearly at
random, and its preferences are then too faint to imitate well."""

# What a camera network misjudges, standard deviations: of the offset in half widths, of the sine of
# the heading error (2.9 degrees), and of where an object is, in metres ahead and to the left; each
# persists for about a third of a second.
OFFSET_ERROR, HEADING_ERROR, OBJECT_ERROR = 0.1, 0.05, 0.05
ERROR_MEMORY = 0.8  # share that is left of an error after a step
IN_A_CHANGED_WORLD = 2.0  # times as large, where camera, light and car differ from lap to lap
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

    @property
    def clean(self) -> int:
        """Laps without leaving the track."""
        return sum(lap.is_clean for lap in self.laps)


class Teacher:
    """Learns on a course.

    Args:
        course: tracks and car.
        config: seed and randomisation.
        hyperparameters: discount, entropy and loss are the user's.
        reward: the user's function.

    Attributes:
        learner: holds what it knows.
        simulator: with the cars that it learns on.
    """

    def __init__(
        self,
        course: Course,
        config: TrainConfig,
        hyperparameters: Hyperparameters,
        reward: Reward,
    ) -> None:
        own = replace(
            TEACHER_HYPERPARAMETERS,
            discount_factor=hyperparameters.discount_factor,
            beta_entropy=hyperparameters.beta_entropy,
            loss_type=hyperparameters.loss_type,
        )
        number, gae_lambda, self._halved_after = TEACHER_CARS, TEACHER_GAE_LAMBDA, np.inf
        if course.race.num_objects > 0:
            number, gae_lambda, self._halved_after = UPDATES_AMONG_OBJECTS
        self._metadata = replace(course.metadata, sensors=(TRACK_STATE,), lidar=None, frame_stack=1)
        self.learner = Learner(
            LearnerOptions(
                network_spec(self._metadata),
                own,
                seed=config.seed,
                gae_lambda=gae_lambda,
                clip=config.clip,
                lr_schedule="linear",
            )
        )
        rules = RaceRules(random_start=True, alternate_driving_direction=course.both_ways)
        cars = Cars(number, rules, (TRACK_STATE,), config.seed, config.randomization, True)
        self.simulator = course.put(cars)
        self._collector = Collector(
            self.simulator,
            judge_of(self.simulator, reward),
            course.metadata.action_space,
            TEACHER_HORIZON,
            disturb=Misjudgement(
                self.simulator.num_cars,
                config.seed,
                IN_A_CHANGED_WORLD if config.randomization.is_on else 1.0,
            ),
        )
        fewest = STARTS_AMONG_OBJECTS if course.race.num_objects > 0 else EVALUATION_STARTS
        starts = max(fewest, 2 * len(course.tracks))
        rules = RaceRules(
            round_robin_advance_dist=len(course.tracks) / starts,
            max_steps=course.two_slow_laps(),
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
            until_it_laps: end after ``CLEAN_IN_A_ROW`` laps; otherwise use all the time, and
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
            if self._updates % EVALUATE_EVERY:
                continue
            laps = self._drive()
            all_clean = all(lap.is_clean for lap in laps)
            self._clean_in_a_row = self._clean_in_a_row + len(laps) if all_clean else 0
            self._keep_if_best(laps)
            driven, self._driven = self._driven, Driven()
            show(TeacherReport(self._steps, laps, driven, measures))
            if until_it_laps and self._clean_in_a_row >= CLEAN_IN_A_ROW:
                return 1.0
        if self._best is None:
            return 0.0
        self.learner.put_back()
        return self._best[0]

    @property
    def rounds(self) -> int:
        """Rounds behind it."""
        return self._updates // EVALUATE_EVERY

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

    A policy that learns without them drives along the edge of what is possible: where its own
    exploration no longer disturbs it, it leaves the track.
    """

    def __init__(self, num_cars: int, seed: int, scale: float = 1.0) -> None:
        self._scale = scale
        self._random = np.random.default_rng([seed, 1])
        self._error = np.zeros((num_cars, 2 + 2 * OBJECTS_TOLD), np.float32)

    def __call__(self, observation: dict[str, npt.NDArray[Any]]) -> None:
        """Adds them to an observation, in place."""
        fresh = self._random.standard_normal(self._error.shape, np.float32)
        self._error *= ERROR_MEMORY
        self._error += self._scale * np.sqrt(1.0 - ERROR_MEMORY**2) * fresh
        state = observation[TRACK_STATE]
        state[:, :2] += self._error[:, :2] * np.array([OFFSET_ERROR, HEADING_ERROR], np.float32)
        objects = objects_told(state)
        place = OBJECT_ERROR * self._error[:, 2:].reshape(len(state), OBJECTS_TOLD, 2)
        error = np.concatenate([place, place[..., 1:] / HALF_WIDTH], axis=-1)
        objects[..., 1:] += objects[..., :1] * error
