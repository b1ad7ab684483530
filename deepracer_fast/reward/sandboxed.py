"""A reward function of a file or text: compiled code here, plain Python in its own process.

In: a `RewardSource`, then params columns. Out: float64 rewards. The rule: where the compiled code
gives a car up, that call is made again in Python from the same state; now and then a few calls are
made both ways, and if they differ the compiled code is not used again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import cache
from deepracer_fast.reward.compiled import CompiledReward, Layout, StateTooLarge
from deepracer_fast.reward.loading import RewardSource
from deepracer_fast.reward.sandbox import Sandbox

_SAMPLE = 4  # cars that are compared in a check
_FIRST_CHECK_OF_CACHED = 64  # calls; code from the cache was checked when it was made
_CHECK_EVERY = 1024  # calls, at least
_CARS_PER_WORKER = 1024  # from which a second process is worth its start
_PATIENCE = 2000  # given-up calls, beyond which their share counts
_MAX_GIVEN_UP = 0.1
_TOLERANCE = 1e-6


class SandboxedReward:
    """The runner of files and texts.

    Attributes:
        mode: "compiled" or "interpreted"; it may change from the first to the second.
        reason: why not compiled.
    """

    def __init__(self, source: RewardSource, time_limit: float) -> None:
        self._source = source
        self._time_limit = time_limit
        self._workers: list[Sandbox] = []
        self._compiled: CompiledReward | None = None
        self._replays = False  # interpret from the columns of state
        self._calls = 0
        self._asked = self._given_up = 0
        self._prints = 0
        self._random = np.random.default_rng(0)
        found = cache.find(source.text)
        self._first_check = 1 if found is None else _FIRST_CHECK_OF_CACHED
        record, code = found or self._make()
        self.mode, self.reason = str(record["mode"]), str(record["reason"])
        if self.mode == "compiled":
            self._use(record["layout"], code)
        elif not self._workers:
            self._worker(0)

    def _make(self) -> tuple[dict[str, Any], bytes]:
        worker = Sandbox(self._source, self._time_limit)
        record, parts = worker.load(compile_too=True)
        code = parts[0] if parts else b""
        self._workers.append(worker)
        cache.keep(self._source.text, record, code)
        return record, code

    def _use(self, layout: dict[str, Any], code: bytes) -> None:
        from deepracer_fast.reward.compiler.machine import Machine

        columns, state = tuple(layout["columns"]), tuple(layout["state"])
        self._layout = Layout(columns, state, bool(layout["prints"]))
        self._compiled = CompiledReward(Machine(code), self._layout)

    def _worker(self, number: int) -> Sandbox:
        """The process with a number, started when it is first needed."""
        while len(self._workers) <= number:
            worker = Sandbox(self._source, self._time_limit)
            self._workers.append(worker)
            worker.load(compile_too=self._compiled is not None, verify=False)
        return self._workers[number]

    @property
    def num_threads(self) -> int:
        """Threads that compiled code runs on."""
        return self._compiled.num_threads if self._compiled else 1

    @num_threads.setter
    def num_threads(self, number: int) -> None:
        if self._compiled:
            self._compiled.num_threads = number

    def notes(self) -> tuple[str, ...]:
        """What a user should know."""
        if self.mode == "compiled":
            return ("print is dropped",) if self._layout.prints else ()
        return (f"print is dropped ({self._prints:,} calls so far)",) if self._prints else ()

    def reset(self, cars: np.ndarray) -> None:
        """Cars start over with the state after loading."""
        if self._compiled is not None:
            self._compiled.states.reset(cars)
            return
        for worker in self._workers:
            worker.ask({"do": "forget", "cars": cars.tolist()}, [])

    def run(self, params: Mapping[str, Any], where: np.ndarray) -> np.ndarray:
        """Rewards [B], 0 where not called.

        Raises:
            RewardError: the function failed.
        """
        self._calls += 1
        if self._compiled is None:
            return self._interpret(params, where)
        if self._replays:
            return self._replay(params, where, np.zeros(len(where)))
        return self._run_compiled(self._compiled, params, where)

    # Compiled

    def _run_compiled(
        self, compiled: CompiledReward, params: Mapping[str, Any], where: np.ndarray
    ) -> np.ndarray:
        compiled.states.fit(len(where))
        sample = self._sample(where)
        before = [compiled.states.words(car) for car in sample]
        try:
            outcome = compiled.run(params, where)
        except StateTooLarge:
            raise RewardError(
                f"{self._source.filename}: the lists that it keeps from call to call have grown "
                "beyond what fits; empty them at the start of an episode"
            ) from None
        rewards, status, complete = outcome
        if complete:
            self._asked += int(np.count_nonzero(where))
        else:
            self._replay(params, status != 0, rewards)
            self._count(where, status)
        if sample:
            self._check(params, sample, before, rewards)
        return rewards

    def _sample(self, where: np.ndarray) -> list[int]:
        """Cars whose call is made both ways this time; mostly none."""
        calls = self._calls
        due = calls >= self._first_check and (calls & (calls - 1) == 0)
        if not due and calls % _CHECK_EVERY:
            return []
        cars = np.flatnonzero(where)
        chosen = self._random.permutation(cars)[:_SAMPLE]
        return [int(car) for car in np.sort(chosen)]

    def _check(
        self, params: Mapping[str, Any], sample: list[int], before: list[Any], rewards: np.ndarray
    ) -> None:
        plain, _ = self._worker(0).replay(params, sample, before)
        for car, reward in zip(sample, plain, strict=True):
            if abs(rewards[car] - reward) > _TOLERANCE * abs(reward):
                found = f"compiled, it gave {rewards[car]:.9g} where Python gives {reward:.9g}"
                self._interpret_from_now_on(found)
                rewards[car] = reward
                return

    def _count(self, where: np.ndarray, status: np.ndarray) -> None:
        given_up = status != 0
        self._asked += int(np.count_nonzero(where))
        self._given_up += int(np.count_nonzero(given_up))
        if self._given_up > max(_PATIENCE, _MAX_GIVEN_UP * self._asked):
            lines = np.bincount(status[given_up].clip(0))
            self._interpret_from_now_on(
                f"line {int(lines.argmax())}: what happens here in many calls is left to Python"
            )

    def _interpret_from_now_on(self, reason: str) -> None:
        self.mode, self.reason = "interpreted", reason
        if self._layout.state:
            self._replays = True  # the state stays where it is
        else:
            self._compiled = None

    # Interpreted

    def _replay(
        self, params: Mapping[str, Any], where: np.ndarray, rewards: np.ndarray
    ) -> np.ndarray:
        """Makes calls in Python, from and to the columns of state."""
        assert self._compiled is not None
        states = self._compiled.states
        states.fit(len(where))
        cars = np.flatnonzero(where).tolist()
        found, after = self._worker(0).replay(params, cars, [states.words(car) for car in cars])
        rewards[cars] = found
        for car, words in zip(cars, after, strict=True):
            if words is None:
                raise RewardError(
                    f"{self._source.filename}: a value that it keeps from call to call changed its "
                    "type in a way that this version cannot follow"
                )
            states.put(car, words)
        return rewards

    def _interpret(self, params: Mapping[str, Any], where: np.ndarray) -> np.ndarray:
        rewards = np.zeros(len(where))
        cars = np.flatnonzero(where)
        share = cars // _CARS_PER_WORKER % _most_workers()
        used = np.unique(share).tolist()
        jobs = []
        for number in used:
            own = cars[share == number]
            worker = self._worker(number)
            worker.run(params, own, some=len(own) < len(where))
            jobs.append((worker, own))
        prints = 0
        errors: list[RewardError] = []
        for worker, own in jobs:
            try:
                rewards[own], count = worker.rewards(len(own))
                prints += count
            except RewardError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        self._prints = max(prints, self._prints)
        return rewards


def _most_workers() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
