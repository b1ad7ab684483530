"""Greedy laps while training: how good is the policy now, and does it lap five times in a row?

In: a course and a policy. Out: laps, track by track, and the number by which the best checkpoint is
chosen. Neighbours: ``evaluate`` drives; ``train`` asks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepracer_fast.course import Cars, Course, judge_of
from deepracer_fast.evaluate import (
    Driver,
    GreedyPolicy,
    Lap,
    RaceOptions,
    drive_laps,
    lap_rules,
)
from deepracer_fast.reward import Reward
from deepracer_fast.simulator import RaceRules
from deepracer_fast.trace import Trace

EVALUATION_CARS = 5
"""Greedy laps in one evaluation on one track; MIN_EVAL_TRIALS of the original."""

CARS_PER_TRACK = 2  # at least, where there are several

_BROKEN_OFF = -1e4  # seconds: no lap takes so long, so that a whole one is always better


class Evaluation:
    """Evenly spaced standing starts, and rows of laps from the line.

    Args:
        course: tracks and car.
        reward: is added up over the laps if given.
    """

    def __init__(self, course: Course, reward: Reward | None) -> None:
        self._course = course
        tracks = len(course.tracks)
        number = max(EVALUATION_CARS, CARS_PER_TRACK * tracks)
        rules = RaceRules(
            # Each track has this share of the cars, or one more.
            round_robin_advance_dist=1.0 / -(-number // tracks),
            max_steps=course.two_slow_laps(),
        )
        self._simulator = course.put(Cars(number, rules, course.metadata.sensors))
        self._judge = None if reward is None else judge_of(self._simulator, reward)

    def laps(self, policy: GreedyPolicy, give_up: bool = False) -> tuple[Lap, ...]:
        """One lap, or attempt, of each car; the cars of the first track come first.

        Args:
            policy: what drives.
            give_up: end at the first lap that is not clean, and return none at all then.
        """
        driver = Driver(policy, self._course.metadata.action_space)
        driven = drive_laps(driver, self._simulator, laps=1, judge=self._judge, give_up=give_up)
        if give_up and not all(car and car[0].is_clean for car in driven):
            return ()
        return tuple(car[0] for car in driven)

    def row(self, policy: GreedyPolicy) -> tuple[list[list[Lap]], Trace]:
        """Five laps of one car a track, from a standing start and without a stop in between.

        It ends at the first lap that is not clean.

        Returns:
            The laps by track, and the trace of every step.
        """
        tracks, trace = len(self._course.tracks), Trace()
        rules = lap_rules(RaceOptions(resets=False))
        simulator = self._course.put(Cars(tracks, rules, self._course.metadata.sensors))
        driver = Driver(policy, self._course.metadata.action_space)
        return drive_laps(driver, simulator, RaceOptions().laps, trace, give_up=True), trace


def standing(laps: Sequence[Lap], best_by: str) -> float:
    """What the best checkpoint has most of.

    Args:
        laps: of an evaluation.
        best_by: ``progress``: percent; ``reward``; ``laptime``: minus seconds, where an attempt
            that did not end clean counts as very long, less so the further it came.
    """
    if best_by == "reward":
        return float(np.mean([lap.reward for lap in laps]))
    if best_by == "laptime":
        times = [
            -lap.lap_time_seconds if lap.is_clean else _BROKEN_OFF + lap.completion_percentage
            for lap in laps
        ]
        return float(np.mean(times))
    return float(np.mean([lap.completion_percentage for lap in laps]))
