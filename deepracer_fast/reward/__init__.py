"""Reward functions: any ``reward_function.py`` of the original, run unchanged over a batch of cars.

In: a path, source text or a callable, then the simulator's params columns. Out: float32 [B].
Neighbours: `simulator` gives the params, `train` takes the rewards. Inside: `params_table` says
what a reward function may read, `loading` reads and checks the file, `interpret` runs it.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward.interpret import Interpreter, params_dicts
from deepracer_fast.reward.loading import RewardSource, read_reward
from deepracer_fast.reward.params_table import PARAMETERS, check_columns

__all__ = ["PARAMETERS", "Reward", "load_reward", "params_dict"]


class Reward:
    """A loaded reward function: called with the columns of a batch, it gives a reward a car.

    Attributes:
        name: The file's name, or the function's for a callable.
        source: The source text, unchanged; "" for a callable whose source Python does not know.
        mode: "interpreted": the function runs in plain Python, once per car.
        reason: Why it is not run in a faster mode.
    """

    def __init__(self, source: RewardSource) -> None:
        """Runs the module's top level once; `load_reward` is the usual way here."""
        self.name = source.name
        self.source = source.text
        self.mode = "interpreted"
        self.reason = "this version interprets every reward function"
        self._interpreter = Interpreter(source)

    def __call__(self, params: Mapping[str, Any], where: np.ndarray | None = None) -> np.ndarray:
        """The rewards of one step.

        Args:
            params: The columns of `PARAMETERS` by name, [B] unless the table says otherwise.
            where: bool [B]; a car whose entry is False is not called and gets 0. None: all cars.

        Returns:
            float32 [B], a new array.

        Raises:
            RewardError: A column is missing or misshapen, the function raised, or it returned
                something that is not a finite number within ±1e5.
        """
        num_cars = check_columns(params)
        cars = np.arange(num_cars) if where is None else _chosen(where, num_cars)
        rewards = np.zeros(num_cars, np.float32)
        rewards[cars] = self._interpreter.run(params, cars)
        return rewards

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how the function is run, a sentence each."""
        if self._interpreter.prints == 0:
            return ()
        return (f"{self.name}: print is dropped ({self._interpreter.prints:,} calls so far)",)


def load_reward(given: str | os.PathLike[str] | Callable[..., Any]) -> Reward:
    """Loads a reward function and checks it: syntax, imports, top level and signature.

    The function of a file or text keeps whatever state it likes between calls: each car (each row
    of the batch) has its own copy of the module. A callable is called as it is, so all cars share
    what it remembers, and what it prints is printed.

    Args:
        given: The path of a file, the text of one, or a function of one argument.

    Raises:
        RewardError: It cannot be used; the message names file and line and shows a caret.
    """
    return Reward(read_reward(given))


def params_dict(params: Mapping[str, Any], car: int) -> dict[str, Any]:
    """The plain dict that a reward function would be handed for one car.

    Raises:
        RewardError: A column is missing or misshapen, or there is no such car.
    """
    num_cars = check_columns(params)
    if not 0 <= car < num_cars:
        raise RewardError(f"car must be from 0 to {num_cars - 1}, got {car}")
    return next(params_dicts(params, np.array([car])))


def _chosen(where: np.ndarray, num_cars: int) -> np.ndarray:
    where = np.asarray(where)
    if where.shape != (num_cars,) or where.dtype != np.bool_:
        raise RewardError(
            f"where must be bool with shape ({num_cars},), got {where.dtype} {where.shape}"
        )
    return np.flatnonzero(where)
