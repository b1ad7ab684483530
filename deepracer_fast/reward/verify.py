"""Tries compiled code beside plain Python, before anybody relies on it.

Both sides drive the same made-up states (`probe`): the code in the process that compiled it, plain
Python in the user's. What they gave is compared in the training. A car that one of them gives up is
not called again by it.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.errors import RewardError
from deepracer_fast.reward.compiled import CompiledReward, Layout
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.probe import probe_batches

TOLERANCE = 1e-6  # relative, of a reward
MAX_GIVEN_UP = 0.1  # share of calls, beyond which compiling does not pay
_CARS, _STEPS = 24, 12
_OBJECTS = (0, 3)  # a time trial, and a drive among objects
_SHAPE = (len(_OBJECTS) * _STEPS, _CARS)
_SECONDS = 0.6  # of interpretation
_RAISED, _NOT_CALLED = math.inf, math.nan  # in place of a reward, which is finite


def _batches() -> Iterator[dict[str, Array]]:
    """The states of all drives, one after the other, each of `_STEPS` with cars of its own."""
    for objects in _OBJECTS:
        yield from probe_batches(_CARS, _STEPS, objects)


def compiled_probes(machine: object, layout: Layout) -> tuple[Array, Array]:
    """Rewards and status of the code, float64 and int32 [batches, cars]."""
    rewards, status = np.zeros(_SHAPE), np.zeros(_SHAPE, np.int32)
    for row, batch in enumerate(_batches()):
        if row % _STEPS == 0:
            compiled, alive = CompiledReward(machine, layout), np.ones(_CARS, bool)
        rewards[row], status[row], _ = compiled.run(batch, alive)
        alive &= status[row] == 0
    return rewards, status


def interpreted_probes(interpreter: Interpreter) -> Array:
    """Rewards of plain Python, float64 [batches, cars]; inf where it raises, nan if not called."""
    rewards = np.full(_SHAPE, _NOT_CALLED)
    deadline = time.process_time() + _SECONDS
    for row, batch in enumerate(_batches()):
        if row % _STEPS == 0:
            alive = np.ones(_CARS, bool)
        for car in np.flatnonzero(alive).tolist():
            function = interpreter.function_of(row // _STEPS * _CARS + car)
            try:
                rewards[row, car] = interpreter.run(batch, np.array([car]), function)[0]
            except RewardError:
                rewards[row, car], alive[car] = _RAISED, False
            if time.process_time() > deadline:
                return rewards
    return rewards


def probes_of(part: bytes, dtype: Any = np.float64) -> Array:
    """What a process has sent of its drive.

    Raises:
        ValueError: it is no such table.
    """
    return np.frombuffer(part, dtype).reshape(_SHAPE)


def disagreement(compiled: tuple[Array, Array], plain: Array) -> str:
    """Why the code is no good on made-up states; "" if it is."""
    given_up: Counter[int] = Counter()
    calls = 0
    for row, (rewards, status, expected) in enumerate(zip(*compiled, plain, strict=True)):
        if row % _STEPS == 0:
            alive = np.ones(_CARS, bool)
        for car in np.flatnonzero(alive).tolist():
            if math.isnan(expected[car]):  # there was no time for it
                return _too_often(given_up, calls)
            calls += 1
            raised = expected[car] == _RAISED
            if status[car] and not raised:
                given_up[int(status[car])] += 1
            alive[car] = not raised and not status[car]
            if alive[car] and not _alike(rewards[car], expected[car]):
                found, wanted = rewards[car], expected[car]
                return f"compiled, it gives {found:.9g} where Python gives {wanted:.9g}"
    return _too_often(given_up, calls)


def _too_often(given_up: Counter[int], calls: int) -> str:
    if given_up.total() <= MAX_GIVEN_UP * calls:
        return ""
    ((line, _),) = given_up.most_common(1)
    return f"line {line}: what happens here in many calls is left to Python"


def _alike(compiled: float, plain: float) -> bool:
    return math.isclose(compiled, plain, rel_tol=TOLERANCE, abs_tol=1e-300)
