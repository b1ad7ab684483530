"""Calls a reward function in the states of drives: compiled for all cars, watched for the first.

In: a reward file and drives. Out: the rewards by kind of state, how fast the function is, and the
branches that no watched call took; or the error of the first call that fails.
Neighbours: ``validation.drives`` has the states; ``validate`` makes a report of what is found here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.errors import RewardError
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.reward import TIME_LIMIT, load_reward
from deepracer_fast.reward.branches import Branch
from deepracer_fast.reward.loading import read_reward
from deepracer_fast.reward.watched import WatchedReward
from deepracer_fast.tracks.track import Track
from deepracer_fast.validation.drivers import Choices
from deepracer_fast.validation.drives import Drive, lasting_states, states
from deepracer_fast.world.fleet import judged_cars
from deepracer_fast.world.simulator import StepResult

WATCHED_CARS = 64
"""Of each drive, its first ones: their calls are made in plain Python, branches marked."""

MOST_INTERPRETED, FEWEST_INTERPRETED = 512, 4
"""Cars that are called where the function is not compiled, the fewest of a very slow one."""

SECONDS = 24.0
"""Of all drives together, beyond which they are cut short."""

FIRST_SHARE = 3  # of the first drive, in shares of the others
FIRST_CARS, FIRST_STEPS, FIRST_SECONDS = 16, 10, 3.0
"""Of a drive that shows how slow the function is."""

LASTING_CARS, LASTING_STEPS, LASTING_SECONDS = 8, 40_000, 6.0
"""Of calls on and on, about as many a car as ten minutes of training make."""

_FIRST_CALL = 2.0  # steps, as the function sees them


@dataclass
class Spread:
    """Rewards of one kind of state."""

    calls: int = 0
    minimum: float = np.inf
    mean: float = 0.0
    maximum: float = -np.inf
    not_positive: int = 0  # calls that were worth 0 or less

    def add(self, rewards: Array) -> None:
        """Takes in the rewards [n] of further calls, at least one."""
        self.calls += len(rewards)
        self.mean += (float(rewards.mean()) - self.mean) * len(rewards) / self.calls
        self.minimum = min(self.minimum, float(rewards.min()))
        self.not_positive += int((rewards <= 0.0).sum())
        self.maximum = max(self.maximum, float(rewards.max()))


class Trial:
    """A reward function in the trial.

    Args:
        path: of its file.
        metadata: of the model that drives.

    Attributes:
        reward: as a training has it.
        spreads: rewards by kind of state; one that never was has no calls.
        watched_calls: made in plain Python.
        seconds_a_call: the least of all batches, on one thread.

    Raises:
        RewardError: it cannot be used.
    """

    def __init__(self, path: Path, metadata: ModelMetadata) -> None:
        self.reward = load_reward(path)
        self.spreads: dict[str, Spread] = {}
        self.watched_calls = 0
        self.seconds_a_call = np.inf
        self._watched_seconds = 0.0
        self._is_compiled = False
        self._metadata = metadata
        speeds = Choices(metadata.action_space, np.random.default_rng()).speeds
        self._slowest, self._fastest = speeds[0], speeds[-1]
        self._watched = WatchedReward(read_reward(path), TIME_LIMIT)

    def close(self) -> None:
        """Ends its process."""
        self._watched.close()

    def missed(self) -> list[Branch]:
        """The branches that no watched call took."""
        return self._watched.missed()

    def notes(self) -> Iterator[str]:
        """What a user should know of how it is run."""
        yield from self.reward.notes
        if self.reward.mode != "compiled" and self._watched.prints:
            yield f"{self.reward.name}: print is dropped ({self._watched.prints:,} calls so far)"

    def run(self, drives: list[Drive], track: Track) -> None:
        """Drives one drive after the other, each with cars that remember nothing.

        Raises:
            RewardError: a call failed; the message says in which drive.
        """
        shares = [FIRST_SHARE, *[1] * (len(drives) - 1)]
        calls_a_second = self._calls_a_second(drives[0], track)
        for drive, share in zip(drives, shares, strict=True):
            seconds = SECONDS * share / sum(shares)
            affordable = int(seconds * calls_a_second / drive.steps)
            self._drive(drive, track, seconds, max(affordable, FEWEST_INTERPRETED))
        if self.reward.may_remember:
            self._last(replace(drives[0], cars=LASTING_CARS, steps=LASTING_STEPS), track)

    def _calls_a_second(self, drive: Drive, track: Track) -> float:
        """What plain Python makes, by a short drive of a few cars."""
        self._drive(replace(drive, steps=FIRST_STEPS), track, FIRST_SECONDS, FIRST_CARS)
        return self.watched_calls / max(self._watched_seconds, 1e-3)

    def _drive(self, drive: Drive, track: Track, seconds: float, affordable: int) -> None:
        self._begin()
        watched = min(WATCHED_CARS if self._is_compiled else MOST_INTERPRETED, affordable)
        with _naming(drive.words):
            for result in _within(seconds, states(drive, track, self._metadata)):
                called = judged_cars(result)
                cars, begun = np.flatnonzero(called[:watched]), time.perf_counter()
                rewards = self._watch(result, cars)
                if self._is_compiled:
                    cars, begun = np.flatnonzero(called), time.perf_counter()
                    rewards = self.reward(result.params, called)[cars]
                if len(cars):
                    self._keep_books(result, cars, rewards, time.perf_counter() - begun)

    def _last(self, drive: Drive, track: Track) -> None:
        """Calls of a few cars, on and on: what is kept from call to call may fill up or run out."""
        self._begin()
        with _naming(f"{drive.words}, after many calls"):
            every = lasting_states(drive, track, self._metadata)
            for result in _within(LASTING_SECONDS, every):
                if self._is_compiled:
                    self.reward(result.params, judged_cars(result))
                else:
                    self._watch(result, np.flatnonzero(judged_cars(result)))

    def _begin(self) -> None:
        """Cars begin that remember nothing."""
        self._watched.forget()
        self._is_compiled = self.reward.mode == "compiled"
        if self._is_compiled:
            self.reward = self.reward.another()
            self.reward.use_one_thread()

    def _watch(self, result: StepResult, cars: Array) -> Array:
        begun = time.perf_counter()
        rewards = self._watched.run(result.params, cars)
        self._watched_seconds += time.perf_counter() - begun
        self.watched_calls += len(cars)
        return rewards

    def _keep_books(self, result: StepResult, cars: Array, rewards: Array, seconds: float) -> None:
        self.seconds_a_call = min(self.seconds_a_call, seconds / len(cars))
        for kind, chosen in self._kinds(result.params).items():
            spread, of_kind = self.spreads.setdefault(kind, Spread()), rewards[chosen[cars]]
            if len(of_kind):
                spread.add(of_kind)

    def _kinds(self, params: dict[str, Array]) -> dict[str, Array]:
        """Which cars are in a state of each kind, bool [B]."""
        off_track, crashed = params["is_offtrack"], params["is_crashed"]
        in_the_race = ~off_track & ~crashed
        everyone = np.ones(len(crashed), bool)
        return {
            "all": everyone,
            "start": params["steps"] == _FIRST_CALL,
            "on track": params["all_wheels_on_track"] & in_the_race,
            "partly off": ~params["all_wheels_on_track"] & in_the_race,
            "off track": off_track,
            "reversed": params["is_reversed"],
            "crashed": crashed,
            "lap complete": params["progress"] >= 100.0,
            "with objects": everyone & ("objects_location" in params),
            "slowest action": params["speed"] <= self._slowest,
            "fastest action": params["speed"] >= self._fastest,
        }


def _within(seconds: float, results: Iterator[StepResult]) -> Iterator[StepResult]:
    """The results as long as there is time."""
    deadline = time.monotonic() + seconds
    for result in results:
        yield result
        if time.monotonic() > deadline:
            return


@contextmanager
def _naming(words: str) -> Iterator[None]:
    """Says of a failure where it happened."""
    try:
        yield
    except RewardError as error:
        raise RewardError(f"{error}\n  in {words}") from error
