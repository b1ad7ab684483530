"""The books of cars that drive on and on: returns, how each episode went, and the trace.

In: what the simulator and the reward function say, step by step. Out: the episodes that ended, how
those stand that go on, and every step for the traces. Neighbours: ``collect`` and ``lessons`` keep
them, ``training.record`` writes them down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.trace import Trace
from deepracer_fast.files.metrics import EpisodeOutcome
from deepracer_fast.world.simulator import PREPARE, STATUS_NAMES, StepResult


@dataclass
class Driven:
    """What cars drove between two looks into their books.

    Attributes:
        outcomes: of the episodes that ended, in order.
        trace: of every step.
        reward: of the episodes that go on, so far, [B].
        progress: of the same, percent, [B].
    """

    outcomes: list[EpisodeOutcome] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    reward: Array = field(default_factory=lambda: np.zeros(0))
    progress: Array = field(default_factory=lambda: np.zeros(0))

    def follow(self, later: Driven) -> None:
        """Takes in what the same cars drove next."""
        self.outcomes = self.outcomes + later.outcomes
        self.trace = self.trace.followed_by(later.trace)
        self.reward, self.progress = later.reward, later.progress


class EpisodeBooks:
    """The books of one simulator's B cars.

    Attributes:
        episode: number of each car's episode, int [B]; each has one of its own.
    """

    def __init__(self, num_cars: int) -> None:
        self._num_cars, self._num_episodes = num_cars, 0
        self._driven = Driven()
        self.begin_episodes()

    def begin_episodes(self) -> None:
        """A new episode for every car."""
        self.episode = self._num_episodes + np.arange(self._num_cars)
        self._num_episodes += self._num_cars
        self._return, self._progress = np.zeros(self._num_cars), np.zeros(self._num_cars)
        self._start_time = np.zeros(self._num_cars)

    def take(self, result: StepResult, action: Array, reward: Array, counted: Array) -> None:
        """Takes in one step: actions [B] or [B, 2], rewards, and whose episodes count, bool [B]."""
        self._driven.trace.record(result, action, reward, self.episode, counted)
        preparing = result.status == PREPARE
        self._start_time[preparing] = result.params["sim_time"][preparing]
        self._return += reward
        self._progress[:] = result.params["progress"]
        for car in np.flatnonzero((result.terminated | result.truncated) & counted):
            self._driven.outcomes.append(
                EpisodeOutcome(
                    reward=float(self._return[car]),
                    progress=float(self._progress[car]),
                    status=STATUS_NAMES[result.status[car]],
                    start_s=float(self._start_time[car]),
                    end_s=float(result.params["sim_time"][car]),
                    number=int(self.episode[car]),
                )
            )
            self._return[car] = self._progress[car] = 0.0

    def number_next(self, ended: Array) -> None:
        """The cars whose episodes ended begin others with their next step."""
        count = int(ended.sum())
        self.episode[ended] = self._num_episodes + np.arange(count)
        self._num_episodes += count

    def close(self) -> Driven:
        """What was driven since the last time."""
        driven, self._driven = self._driven, Driven()
        driven.reward, driven.progress = self._return.copy(), self._progress.copy()
        return driven
