"""Reward functions: any ``reward_function.py`` of the original, run unchanged over a batch of cars.

In: a path, source text or a callable, then the simulator's params columns. Out: float32 [B].
Neighbours: `simulator` gives the params, `train` takes the rewards. Inside: `params_table` says
what a reward function may read, `loading` reads the file, `sandbox` starts the `worker` process
in which it is run by `interpret`. What its module then holds comes as values (`describe`,
`rebuild`), of which `compiler` makes code in a process that runs none of the user's (`translator`,
`translating`); `verify` compares the two, and `compiled` runs the code here. For who tries a
function out, `text_faults` reads its text, and `watched` sees which of its `branches` are taken.

A file is somebody else's program: `confine` keeps that process from all but reckoning, `answers`
checks what comes out of it, `clock` and `chance` make what goes in the same each time.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepracer_fast.checks.arrays import array
from deepracer_fast.checks.values import count, number, one_of, refuse
from deepracer_fast.errors import RewardError
from deepracer_fast.reward.interpret import Interpreter, params_dicts
from deepracer_fast.reward.loading import RewardSource, read_reward
from deepracer_fast.reward.params_table import PARAMETERS, Columns, check_columns, check_kinds

if TYPE_CHECKING:
    from deepracer_fast.reward.sandboxed import SandboxedReward

__all__ = ["PARAMETERS", "Reward", "load_reward", "params_dict"]

TIME_LIMIT = 10.0  # s, as `load_reward` takes it
LONGEST_LIMIT = 86_400.0  # s

Mask = NDArray[np.bool_]  # [B]
_Runner: TypeAlias = "_CallableRunner | SandboxedReward"


class Reward:
    """A loaded reward function: called with the columns of a batch, it gives a reward a car.

    Attributes:
        name: The file's name, or the function's for a callable.
        source: The source text, unchanged; "" for a callable whose source Python does not know.
    """

    def __init__(self, source: RewardSource, runner: _Runner, state: str, limit: float) -> None:
        """`load_reward` is the usual way here."""
        self.name = source.name
        self.source = source.text
        self._loaded_from = source
        self._runner = runner
        self._state = state
        self._time_limit = limit
        self._last_steps: np.ndarray | None = None

    def another(self) -> "Reward":
        """The same function with cars of its own: what it remembers of these is not theirs.

        Raises:
            RewardError: it cannot be used.
        """
        given = self._loaded_from
        source = given if given.function is None else read_reward(self.source)
        return _reward_of(source, self._state, self._time_limit)

    @property
    def mode(self) -> str:
        """How it runs: "compiled", or "interpreted" in plain Python, once per car."""
        return self._runner.mode

    @property
    def reason(self) -> str:
        """Why it is interpreted, with the line and what is there; "" if it is compiled."""
        return self._runner.reason

    def __call__(self, params: Columns, where: Mask | None = None) -> NDArray[np.float32]:
        """The rewards of one step.

        Args:
            params: The columns of `PARAMETERS` by name, [B] unless the table says otherwise.
            where: bool [B]; a car whose entry is False is not called and gets 0. None: all cars.

        Returns:
            float32 [B], a new array.

        Raises:
            RewardError: A column is missing or misshapen, or the function raised, returned
                something that is not a finite number within ±1e5, did not end in time, or ended
                its process.
        """
        num_cars = check_columns(params)
        called = np.ones(num_cars, bool) if where is None else _checked(where, num_cars)
        try:
            if self._state == "episode":
                self._forget_ended(params, called)
            return self._runner.run(params, called).astype(np.float32)
        except (TypeError, ValueError):
            check_kinds(params)
            raise

    def _forget_ended(self, params: Columns, called: np.ndarray) -> None:
        """Cars whose step count fell are in a new episode."""
        steps = np.asarray(params["steps"])
        last = self._last_steps
        if last is None or len(last) != len(steps):
            last = np.zeros(len(steps), steps.dtype)
        fresh = called & (steps < last)
        if fresh.any():
            self._runner.reset(np.flatnonzero(fresh))
        self._last_steps = np.where(called, steps, last)

    @property
    def may_remember(self) -> bool:
        """Whether a call may depend on those before it; of plain Python nobody knows better."""
        return self._runner.may_remember

    def use_one_thread(self) -> None:
        """Compiled code runs on the calling thread only, for figures per core."""
        self._runner.threads = 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how the function is run, a sentence each."""
        return tuple(f"{self.name}: {note}" for note in self._runner.notes())


class _CallableRunner:
    """Calls a Python callable in this process; all cars share what it remembers."""

    mode = "interpreted"
    threads = 1
    may_remember = True
    reason = "a callable is called as it is; give its file or source text to have it compiled"

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def run(self, params: Columns, where: Mask) -> np.ndarray:
        rewards = np.zeros(len(where))
        cars = np.flatnonzero(where)
        rewards[cars] = self._interpreter.run(params, cars)
        return rewards

    def notes(self) -> tuple[str, ...]:
        return ()

    def reset(self, cars: np.ndarray) -> None:
        pass


def load_reward(
    given: str | os.PathLike[str] | Callable[..., Any],
    *,
    state: str = "process",
    time_limit: float = TIME_LIMIT,
) -> Reward:
    """Loads a reward function and checks it: syntax, imports, top level and signature.

    A file or text is run in a process of its own, confined as far as the operating system can (see
    `confine`), and compiled where that is possible. Its clock is simulated time (see `clock`). It
    reads the files beside it, and no others but Python's. It keeps whatever state it likes between
    calls: each car (each row of the batch) has its own copy of the module. A callable is called as
    it is, here, so all cars share what it remembers, and what it prints is printed.

    Args:
        given: The path of a file, the text of one, the name of an example, or a function of one
            argument.
        state: "process": a car's state lives as long as the reward, as in the original; or
            "episode": it starts afresh when the car's ``steps`` fall.
        time_limit: Seconds of processor time that loading may take, and a batch of up to a
            thousand cars; where the function only sleeps, five times as long.

    Raises:
        RewardError: It cannot be used; the message names file and line and shows a caret.
    """
    one_of("state", state, ("process", "episode"), RewardError, quoted=True)
    if not 0.0 < number("time_limit", time_limit, RewardError) <= LONGEST_LIMIT:
        raise refuse(
            "time_limit", f"above 0 and at most {LONGEST_LIMIT:g} s", time_limit, RewardError
        )
    return _reward_of(read_reward(given), state, time_limit)


def _reward_of(source: RewardSource, state: str, time_limit: float) -> Reward:
    if source.function is not None:
        runner: _Runner = _CallableRunner(Interpreter(source))
    else:
        from deepracer_fast.reward.sandboxed import SandboxedReward

        runner = SandboxedReward(source, time_limit)
    return Reward(source, runner, state, time_limit)


def params_dict(params: Columns, car: int) -> dict[str, Any]:
    """The plain dict that a reward function would be handed for one car.

    Raises:
        RewardError: A column is missing or misshapen, or there is no such car.
    """
    num_cars = check_columns(params)
    car = count("car", car, 0, num_cars - 1, RewardError)
    return next(params_dicts(params, np.array([car])))


def _checked(where: Mask, num_cars: int) -> Mask:
    where = array("where", where, RewardError)
    if where.shape != (num_cars,) or where.dtype != np.bool_:
        raise RewardError(
            f"where must be bool with shape ({num_cars},), got {where.dtype} {where.shape}"
        )
    return where
