"""Tries compiled code beside plain Python, before anybody relies on it.

Both sides drive the same made-up states (`probe`): the code in the process that compiled it, plain
Python in the user's. What they gave is compared in the training. A car that one of them gives up is
not called again by it.
"""

import math
import time
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


def compiled_probes(machine: object, layout: Layout) -> tuple[Array, Array]:
    """Rewards and status of the code, float64 and int32 [batches, cars]."""
    rewards, status = np.zeros(_SHAPE), np.zeros(_SHAPE, np.int32)
    row = 0
    for objects in _OBJECTS:
        compiled = CompiledReward(machine, layout, 1)
        alive = np.ones(_CARS, bool)
        for batch in probe_batches(_CARS, _STEPS, objects):
            rewards[row], status[row], _ = compiled.run(batch, alive)
            alive &= status[row] == 0
            row += 1
    return rewards, status


def interpreted_probes(interpreter: Interpreter) -> Array:
    """Rewards of plain Python, float64 [batches, cars]; inf where it raises, nan if not called."""
    rewards = np.full(_SHAPE, _NOT_CALLED)
    deadline = time.process_time() + _SECONDS
    row = 0
    for objects in _OBJECTS:
        alive = np.ones(_CARS, bool)
        for batch in probe_batches(_CARS, _STEPS, objects):
            for car in np.flatnonzero(alive).tolist():
                rewards[row, car] = _interpreted(interpreter, batch, car, objects * _CARS)
                alive[car] = rewards[row, car] != _RAISED
                if time.process_time() > deadline:
                    return rewards
            row += 1
    return rewards


def _interpreted(interpreter: Interpreter, batch: Any, car: int, first: int) -> float:
    """One call; other drives have other cars for the interpreter, which begin afresh."""
    function = interpreter.function_of(first + car)
    try:
        return interpreter.run(batch, np.array([car]), function)[0]
    except RewardError:
        return _RAISED


def probes_of(part: bytes, dtype: Any = np.float64) -> Array:
    """What a process has sent of its drive.

    Raises:
        ValueError: it is no such table.
    """
    return np.frombuffer(part, dtype).reshape(_SHAPE)


def disagreement(compiled: tuple[Array, Array], plain: Array) -> str:
    """Why the code is no good on made-up states; "" if it is."""
    given_up: dict[int, int] = {}
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
                given_up[int(status[car])] = given_up.get(int(status[car]), 0) + 1
            alive[car] = not raised and not status[car]
            if alive[car] and not alike(rewards[car], expected[car]):
                found, wanted = rewards[car], expected[car]
                return f"compiled, it gives {found:.9g} where Python gives {wanted:.9g}"
    return _too_often(given_up, calls)


def _too_often(given_up: dict[int, int], calls: int) -> str:
    if sum(given_up.values()) <= MAX_GIVEN_UP * calls:
        return ""
    line = max(given_up, key=lambda each: given_up[each])
    return f"line {line}: what happens here in many calls is left to Python"


def alike(compiled: float, plain: float) -> bool:
    """Whether two rewards are the same to `TOLERANCE`."""
    return math.isclose(compiled, plain, rel_tol=TOLERANCE, abs_tol=1e-300)
