"""Compiles a module and tries it beside plain Python, before anybody relies on it.

In: a module that has run, and its syntax tree. Out: object code with its layout, or the reason why
the function is better interpreted. Neighbours: `worker` calls it, `compiler` does the work,
`probe` gives the states.
"""

from __future__ import annotations

import ast
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward.compiled import CompiledReward, Layout
from deepracer_fast.reward.compiler.joins import Unsupported
from deepracer_fast.reward.compiler.machine import Machine, compile_assembly
from deepracer_fast.reward.compiler.program import translate
from deepracer_fast.reward.compiler.words import StateError, StateWords
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.probe import probe_batches

TOLERANCE = 1e-6  # relative, of a reward
MAX_GIVEN_UP = 0.1  # share of calls, beyond which compiling does not pay
_CARS, _STEPS = 24, 12
_SECONDS = 0.6  # of interpretation


@dataclass(frozen=True)
class Made:
    """A compiled module."""

    code: bytes
    columns: list[str]
    state: list[dict[str, Any]]
    prints: bool
    words: StateWords


def compile_module(namespace: dict[str, Any], tree: ast.Module) -> Made:
    """Translates and compiles ``reward_function`` of a module.

    Raises:
        Unsupported: the compiler cannot follow it.
    """
    assembly, program = translate(namespace, tree)
    words = StateWords(program)
    try:
        state = words.layout()
    except StateError as error:
        raise Unsupported(f"state: {error}", 1) from error
    return Made(
        compile_assembly(assembly), list(program.facts.columns), state, program.prints, words
    )


def alike(compiled: float, plain: float) -> bool:
    """Whether two rewards are the same to `TOLERANCE`."""
    return math.isclose(compiled, plain, rel_tol=TOLERANCE, abs_tol=1e-300)


def disagreement(made: Made, interpreter: Interpreter) -> str:
    """Why the code is no good on made-up states; "" if it is."""
    given_up: dict[int, int] = {}
    calls = 0
    layout = Layout(tuple(made.columns), tuple(made.state), made.prints)
    deadline = time.process_time() + _SECONDS
    for objects in (0, 3):
        compiled = CompiledReward(Machine(made.code), layout, 1)
        alive = np.ones(_CARS, bool)
        first = objects * _CARS  # other cars for the interpreter: they begin afresh
        for batch in probe_batches(_CARS, _STEPS, objects):
            rewards, status, _ = compiled.run(batch, alive)
            for car in np.flatnonzero(alive).tolist():
                plain = _interpreted(interpreter, batch, car, first)
                calls += 1
                if status[car] and plain is not None:
                    given_up[int(status[car])] = given_up.get(int(status[car]), 0) + 1
                alive[car] = plain is not None and not status[car]
                if alive[car] and not alike(rewards[car], plain or 0.0):
                    return f"compiled, it gives {rewards[car]:.9g} where Python gives {plain:.9g}"
                if time.process_time() > deadline:
                    return _too_often(given_up, calls)
    return _too_often(given_up, calls)


def _interpreted(interpreter: Interpreter, batch: Any, car: int, first: int) -> float | None:
    function = interpreter.function_of(first + car)
    try:
        return interpreter.run(batch, np.array([car]), function)[0]
    except RewardError:
        return None


def _too_often(given_up: dict[int, int], calls: int) -> str:
    if sum(given_up.values()) <= MAX_GIVEN_UP * calls:
        return ""
    line = max(given_up, key=lambda each: given_up[each])
    return f"line {line}: what happens here in many calls is left to Python"
