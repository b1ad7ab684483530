"""Greedy laps while training: how good is the policy now, and does it lap five times in a row?

In: a course and a policy. Out: laps, track by track, and the numbers by which the best checkpoint
is chosen. Neighbours: ``evaluate`` drives; ``train`` asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepracer_fast.driving.evaluate import (
    Driver,
    EvaluationOptions,
    GreedyPolicy,
    Lap,
    drive_laps,
    lap_rules,
)
from deepracer_fast.driving.trace import Trace
from deepracer_fast.reward import Reward
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.world.fleet import judge_of
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import RaceRules

EVALUATION_CARS = 5
"""Greedy laps in one evaluation on one track; MIN_EVAL_TRIALS of the original."""

CARS_PER_TRACK = 2  # at least, where there are several

PERTURBED_CARS = 20
"""Where episodes differ: which of them a policy masters is then a matter of chance."""


@dataclass(frozen=True)
class Row:
    """Laps in a row of a policy, from a standing start and without a stop in between.

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


class Evaluation:
    """Evenly spaced standing starts, and rows of laps from the line.

    The reward is added up over the laps if given. What is random differs from lap to lap, as it
    does in the training; the rows are driven in the usual world.
    """

    def __init__(self, course: Course, reward: Reward | None, randomization: Randomization) -> None:
        self._course = course
        tracks = len(course.tracks)
        fewest = PERTURBED_CARS if randomization.is_on else EVALUATION_CARS
        number = max(fewest, CARS_PER_TRACK * tracks)
        rules = RaceRules(
            # Each track has this share of the cars, or one more.
            round_robin_advance_dist=1.0 / -(-number // tracks),
            max_steps=course.two_slow_laps(),
        )
        cars = Cars(number, rules, course.metadata.sensors, randomization=randomization)
        self._simulator = course.put(cars)
        self._judge = None if reward is None else judge_of(self._simulator, reward)

    def laps(self, policy: GreedyPolicy, give_up: bool = False) -> tuple[Lap, ...]:
        """One lap, or attempt, of each car; the cars of the first track come first.

        With ``give_up`` it ends at the first lap that is not clean, and returns none at all then.
        """
        driver = Driver(policy, self._course.metadata.action_space)
        driven = drive_laps(driver, self._simulator, laps=1, judge=self._judge, give_up=give_up)
        if give_up and not all(car and car[0].is_clean for car in driven):
            return ()
        return tuple(car[0] for car in driven)

    def row(self, policy: GreedyPolicy) -> Row:
        """Five laps of one car a track; it ends at the first lap that is not clean."""
        tracks, trace = len(self._course.tracks), Trace()
        rules = lap_rules(EvaluationOptions(resets=False))
        simulator = self._course.put(Cars(tracks, rules, self._course.metadata.sensors))
        driver = Driver(policy, self._course.metadata.action_space)
        laps = drive_laps(driver, simulator, EvaluationOptions().laps, trace, give_up=True)
        return Row(laps, trace)


def standing(laps: Sequence[Lap], best_by: str) -> tuple[float, float | None]:
    """What the best checkpoint has most of, and the mean seconds of a lap that decide between two.

    That is percent by ``progress`` or ``laptime``, or else the reward. Only ``laptime`` gives a
    time, and only where all laps are clean.
    """
    metric = np.mean(
        [lap.reward if best_by == "reward" else lap.completion_percentage for lap in laps]
    )
    times = [lap.lap_time_seconds for lap in laps]
    timed = best_by == "laptime" and all(lap.is_clean for lap in laps)
    return float(metric), float(np.mean(times)) if timed else None
