"""A reward function of a file or text: compiled code here, plain Python in its own process.

No code comes out of that process: what its module holds comes as values, of which `translator`
makes code in a process that runs none of the user's.
In: a `RewardSource`, then params columns. Out: float64 rewards. The rule: where the compiled code
gives a car up, that call is made again in Python from the same state; now and then a few calls are
made both ways, and if they differ the compiled code is not used again.
"""

import hashlib
from typing import Any

import numpy as np

from deepracer_fast.checks.values import available_cores
from deepracer_fast.errors import RewardError
from deepracer_fast.files.cache_folder import cache_folder
from deepracer_fast.reward import cache
from deepracer_fast.reward.compiled import CompiledReward, Layout, StateTooLarge
from deepracer_fast.reward.loading import FILE_NAME, RewardSource
from deepracer_fast.reward.params_table import Columns
from deepracer_fast.reward.sandbox.channel import Head
from deepracer_fast.reward.sandbox.process import Sandbox
from deepracer_fast.reward.text_faults import about_files
from deepracer_fast.reward.translator import Translator, Unfinished
from deepracer_fast.reward.verify import TOLERANCE, disagreement, probes_of
from deepracer_fast.reward.words import State, StateError

_SAMPLE = 4  # cars that are compared in a check
_FIRST_CHECK_OF_CACHED = 64  # calls; code from the cache was checked when it was made
_CHECK_EVERY = 1024  # calls, at least
_CARS_PER_WORKER = 1024  # from which a second process is worth its start
_PATIENCE = 2000  # given-up calls, beyond which their share counts
_MAX_GIVEN_UP = 0.1


class SandboxedReward:
    """The runner of files and texts.

    Attributes:
        mode: "compiled" or "interpreted"; it may change from the first to the second.
        reason: why not compiled.
        threads: the most that compiled code runs on.
    """

    def __init__(self, source: RewardSource, time_limit: float) -> None:
        self.threads = available_cores()
        self._source = source
        self._time_limit = time_limit
        self._workers: list[Sandbox] = []
        self._compiled: CompiledReward | None = None
        self._replays = False  # interpret from the columns of state
        self._calls = 0
        self._asked = self._given_up = 0
        self._prints = 0
        self._random = np.random.default_rng(0)
        found = cache.find(source.text) if self._is_cacheable else None
        self._first_check = 1 if found is None else _FIRST_CHECK_OF_CACHED
        record, code = found or self._make()
        self.mode, self.reason = str(record["mode"]), str(record["reason"])
        if self.mode == "compiled":
            self._use(record, code)
        elif not self._workers:
            self._worker(0)

    @property
    def _is_cacheable(self) -> bool:
        """Whether the text alone says what the module holds: not where it lies, nor other files."""
        text = self._source.text
        return FILE_NAME not in text and not any(about_files(text))

    def _make(self) -> tuple[Head, bytes]:
        worker = Sandbox(self._source, self._time_limit)
        translator = Translator()
        self._workers.append(worker)
        try:
            record, code = self._translated(worker, translator)
            if self._is_cacheable:
                cache.keep(self._source.text, record, code)
        except Unfinished as error:  # another time it may end
            return _interpreted(str(error))
        finally:
            translator.close()
        return record, code

    def _translated(self, worker: Sandbox, translator: Translator) -> tuple[Head, bytes]:
        """The record of the source, and its code if that gives what plain Python gives."""
        said, parts = worker.load(compile_too=True)
        if not parts:
            return _interpreted(f"its values cannot be told: {said['undescribed']}")
        record, made = translator.translate(self._source.text, parts[0])
        if record["mode"] != "compiled":
            return record, b""
        code, rewards, status = made
        _, plain = worker.ask({"do": "probe"}, [])
        try:
            expected = probes_of(b"".join(plain))
        except ValueError:
            what = "its process gave an answer that is none"
            raise RewardError(f"{self._source.filename}: {what}") from None
        compiled = probes_of(rewards), probes_of(status, np.int32)
        if reason := disagreement(compiled, expected):
            return _interpreted(reason)
        return record | {"described": _digest(parts)}, code

    def _use(self, record: Head, code: bytes) -> None:
        from deepracer_fast.reward.compiler.runtime.machine import Machine

        self._layout = Layout(**record["layout"])
        self._kept = State(record["kept"])
        self._described = str(record["described"])
        self._compiled = CompiledReward(Machine(code), self._layout)

    def _worker(self, number: int) -> Sandbox:
        """The process with a number, started when it is first needed."""
        while len(self._workers) <= number:
            worker = Sandbox(self._source, self._time_limit)
            self._workers.append(worker)
            keeps = self._compiled is not None and bool(self._kept.places)
            _, parts = worker.load(compile_too=keeps)
            if keeps and _digest(parts) != self._described:  # its objects have other numbers
                raise RewardError(
                    f"{self._source.filename}: its module holds other values than when it was "
                    f"compiled (does it read a file that has changed?): empty {cache_folder()}"
                )
        return self._workers[number]

    @property
    def may_remember(self) -> bool:
        """Whether it is not known that it keeps nothing from call to call."""
        return self._compiled is None or bool(self._kept.places)

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

    def run(self, params: Columns, where: np.ndarray) -> np.ndarray:
        """Rewards [B], 0 where not called.

        Raises:
            RewardError: the function failed.
        """
        self._calls += 1
        if self._compiled is None:
            return self._interpret(params, where)
        try:
            if self._replays:
                return self._replay(params, where, np.zeros(len(where)))
            return self._run_compiled(self._compiled, params, where)
        except StateTooLarge:
            raise RewardError(
                f"{self._source.filename}: the lists that it keeps from call to call have grown "
                "beyond what fits; empty them at the start of an episode"
            ) from None

    # Compiled

    def _run_compiled(
        self, compiled: CompiledReward, params: Columns, where: np.ndarray
    ) -> np.ndarray:
        compiled.states.fit(len(where))
        sample = self._sample(where)
        before = [compiled.states.words(car) for car in sample]
        rewards, status, complete = compiled.run(params, where, self.threads)
        self._asked += int(np.count_nonzero(where))
        if not complete:
            self._replay(params, status != 0, rewards)
            self._count(status)
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
        self, params: Columns, sample: list[int], before: list[Any], rewards: np.ndarray
    ) -> None:
        plain, _ = self._ask_python(params, sample, before)
        for car, reward in zip(sample, plain, strict=True):
            if abs(rewards[car] - reward) > TOLERANCE * abs(reward):
                found = f"compiled, it gave {rewards[car]:.9g} where Python gives {reward:.9g}"
                self._interpret_from_now_on(found)
                rewards[car] = reward
                return

    def _count(self, status: np.ndarray) -> None:
        given_up = status != 0
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

    def _replay(self, params: Columns, where: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Makes calls in Python, from and to the columns of state."""
        assert self._compiled is not None
        states = self._compiled.states
        states.fit(len(where))
        cars = np.flatnonzero(where).tolist()
        found, after = self._ask_python(params, cars, [states.words(car) for car in cars])
        rewards[cars] = found
        try:
            for car, values in zip(cars, after, strict=True):
                states.put(car, self._kept.words(values))
        except StateError as error:
            raise RewardError(
                f"{self._source.filename}: a value that it keeps from call to call changed its "
                f"type in a way that this version cannot follow: {error}"
            ) from None
        return rewards

    def _ask_python(
        self, params: Columns, cars: list[int], words: list[Any]
    ) -> tuple[list[float], list[Any]]:
        """Rewards and next values of cars that Python calls from the given states."""
        values = [self._kept.values(each) for each in words]
        return self._worker(0).replay(params, cars, values, self._kept.places)

    def _interpret(self, params: Columns, where: np.ndarray) -> np.ndarray:
        rewards = np.zeros(len(where))
        cars = np.flatnonzero(where)
        share = cars // _CARS_PER_WORKER % available_cores()
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


def _interpreted(reason: str) -> tuple[Head, bytes]:
    return {"mode": "interpreted", "reason": reason}, b""


def _digest(parts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()
