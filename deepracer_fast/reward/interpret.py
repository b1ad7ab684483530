"""Runs a reward function in plain Python, once per car, as the original did.

In: a `RewardSource` and the simulator's params columns. Out: one reward a car.
Neighbours: `loading` read the file, `params_table` says what a params dict holds, `worker` runs
files and texts in a process of their own. This path takes any Python and defines what is right;
the compiled path has to give the same numbers.

Each car has its own copy of the module, made at that car's first call, since in the original each
car was its own process: module variables, objects and mutable defaults are never shared.
"""

import builtins
import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from types import ModuleType
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import loading
from deepracer_fast.reward.keys_read import keys_read
from deepracer_fast.reward.loading import FUNCTION_NAME, RewardSource
from deepracer_fast.reward.params_table import (
    ALL_KEYS,
    OLD_NAMES,
    PARAMETERS,
    Columns,
    Parameter,
    key_hint,
    seen_column,
)
from deepracer_fast.reward.sandbox import clock

# A reward beyond this ended the job (markov agent_ctrl/rollout_agent_ctrl.py).
MAX_REWARD = 1e5

_SHOWN_WITH_A_FAILURE = (
    *("steps", "progress", "x", "y", "speed", "steering_angle", "distance_from_center"),
    *("track_width", "closest_waypoints", "all_wheels_on_track"),
)
_SHOWN_IF_TRUE = ("is_offtrack", "is_crashed", "is_reversed")
_CALLING = object()

RewardFunction = Callable[[dict[str, Any]], Any]


def params_dicts(
    params: Columns, cars: np.ndarray, keys: Sequence[str] = ALL_KEYS
) -> Iterator[dict[str, Any]]:
    """The dict that a reward function is handed, for each car of ``cars`` in turn.

    Plain Python floats, bools, ints and lists; nothing in it is shared with another car except
    the tuples of ``waypoints``, which cannot be changed.

    Args:
        params: Columns by name, as `params_table.PARAMETERS` describes them.
        cars: int [number of dicts], the rows to take.
        keys: those of `params_table.ALL_KEYS` that the dicts are to have.
    """
    wanted = {OLD_NAMES.get(key, key) for key in keys}
    columns = {p.name: _python_values(p, params, cars) for p in PARAMETERS if p.name in wanted}
    rows = zip(cars.tolist(), *(columns[OLD_NAMES.get(key, key)] for key in keys), strict=False)
    return (dict(zip(keys, row[1:], strict=True)) for row in rows)


def _python_values(parameter: Parameter, params: Columns, cars: np.ndarray) -> Iterable[Any]:
    """One parameter's Python value for each of ``cars``; endless where no column gives it."""
    if parameter.name not in params:
        if isinstance(parameter.default, list):
            return map(copy.copy, repeat(parameter.default))
        return repeat(parameter.default)
    column = params[parameter.name]
    if parameter.shape[0] != "B":  # waypoints: a fresh list of the same tuples for each car
        points = [tuple(point) for point in seen_column(parameter, column).tolist()]
        ways = (points, points[::-1])  # in the direction in which the car drives
        return (list(ways[way]) for way in np.asarray(params["is_reversed"])[cars].tolist())
    values: list[Any] = seen_column(parameter, np.asarray(column)[cars]).tolist()
    return values


class Interpreter:
    """Calls a reward function car by car, each car in a module of its own."""

    def __init__(self, source: RewardSource, names: Mapping[str, Any] | None = None) -> None:
        """Runs the module once, to find what is wrong with it before the first step.

        Args:
            source: what it runs.
            names: what its code finds by name besides Python's own.

        Raises:
            RewardError: Its top level raises, or has no usable ``reward_function``.
        """
        self.prints = 0
        self._source = source
        self._builtins = {**vars(builtins), **(names or {}), "print": self._drop_print}
        self._functions: dict[int, RewardFunction] = {}
        self._unused: RewardFunction | None = self._new_function()
        read = keys_read(source.text) if source.code is not None else None
        self._keys = tuple(key for key in ALL_KEYS if read is None or key in read)

    def run(
        self,
        params: Columns,
        cars: np.ndarray,
        function: RewardFunction | None = None,
        names: np.ndarray | None = None,
    ) -> list[float]:
        """The rewards of the cars with the given row numbers, called in that order.

        Args:
            params: Columns by name.
            cars: int, the rows to call.
            function: Called for all of them; None: each car's own.
            names: int, what these cars are called where ``params`` has only some of all cars.

        Raises:
            RewardError: A call raises, or returns what the original would not take.
        """
        numbers: list[int] = (cars if names is None else names).tolist()
        functions = [function or self.function_of(car) for car in numbers]
        rewards: list[float] = []
        problem, result = self._call_all(functions, params, cars, rewards)
        at = len(rewards)
        if at < len(numbers):
            values = next(params_dicts(params, cars[at : at + 1]))
            raise self._failure(problem, result, numbers[at], values) from problem
        return rewards

    def _call_all(
        self,
        functions: list[RewardFunction],
        params: Columns,
        cars: np.ndarray,
        rewards: list[float],
    ) -> tuple[BaseException | None, Any]:
        """Adds a reward a call until one fails; what it raised, and what it returned."""
        result: Any = _CALLING

        def now() -> float:  # asked by a function that reads the clock: it costs others nothing
            return clock.car_seconds(params, int(cars[len(rewards)]))

        try:
            # NumPy warns, Python does not; neither is an error
            with np.errstate(all="ignore"), clock.simulated(now):
                dicts = params_dicts(params, cars, self._keys)
                for call, car_params in zip(functions, dicts, strict=True):
                    result = _CALLING
                    result = call(car_params)
                    reward = result if type(result) is float else _number(result)
                    if not -MAX_REWARD <= reward <= MAX_REWARD:  # true for nan, too
                        break
                    rewards.append(reward)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit as well: it must not end a training silently
            return error, result
        return None, result

    def function_of(self, car: int) -> RewardFunction:
        """The function of one car, from its own module."""
        if car not in self._functions:
            unused, self._unused = self._unused, None
            self._functions[car] = self._new_function() if unused is None else unused
        return self._functions[car]

    def _new_function(self) -> RewardFunction:
        """``reward_function`` from a module that no other car has."""
        source = self._source
        if source.code is None:
            loading.check_function(source, source.function)
            assert source.function is not None
            return source.function
        function: RewardFunction = self.new_module()[FUNCTION_NAME]
        return function

    def forget(self, cars: np.ndarray) -> None:
        """Cars start over with a fresh module at their next call."""
        for car in cars.tolist():
            self._functions.pop(car, None)

    def new_module(self) -> dict[str, Any]:
        """The names of the file's module after it has run, not shared with any other.

        Raises:
            RewardError: Its top level raises, or has no usable ``reward_function``.
        """
        source = self._source
        assert source.code is not None
        module = ModuleType(FUNCTION_NAME)
        module.__file__ = source.filename
        vars(module)["__builtins__"] = self._builtins
        try:
            with _imported(module), np.errstate(all="ignore"), clock.simulated():
                exec(source.code, vars(module))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            span = loading.failing_span(source, error)
            raise loading.complaint(source, _top_level_failure(error), span) from error
        if not hasattr(module, FUNCTION_NAME):
            what = f"this file must define {FUNCTION_NAME}(params): it does not"
            raise loading.complaint(source, what)
        loading.check_function(source, getattr(module, FUNCTION_NAME))
        return vars(module)

    def _drop_print(self, *_values: object, **_options: object) -> None:
        self.prints += 1

    def _failure(
        self, error: BaseException | None, result: object, car: int, values: dict[str, Any]
    ) -> RewardError:
        """What is said of a call that raised or returned no reward, with params of the call."""
        span = loading.definition(self._source)
        if error is None:
            what = f"returned {_number(result):.9g}: a reward must be finite and within ±1e5"
        elif result is not _CALLING:
            what = f"must return a number, it returned {_shown(result)}"
            if result is None:
                what += " (a path through it has no return)"
        else:
            span = loading.failing_span(self._source, error)
            what = f"raised {loading.said(error)}{_key_hint(error)}"
        shown = [*_SHOWN_WITH_A_FAILURE, *(name for name in _SHOWN_IF_TRUE if values[name])]
        details = f"  car {car}: {', '.join(f'{key}={_short(values[key])}' for key in shown)}"
        return loading.complaint(self._source, f"{FUNCTION_NAME} {what}", span, details)


@contextmanager
def _imported(module: ModuleType) -> Iterator[None]:
    """Lists a module as imported while it runs: dataclasses look their own module up."""
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        del sys.modules[module.__name__]
        if before is not None:
            sys.modules[module.__name__] = before


def _top_level_failure(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"cannot import {error.name}: no such module is installed here; install or drop it"
    if isinstance(error, ImportError):
        return f"cannot import: {error}"
    return f"the file's top level raised {loading.said(error)}"


def _key_hint(error: BaseException) -> str:
    """What may have been meant where the function asked for a key that no params dict has."""
    if not isinstance(error, KeyError) or not error.args or error.args[0] in ALL_KEYS:
        return ""
    return key_hint(str(error.args[0]))


def _number(result: Any) -> float:
    """What ``float`` made of a result in the original, under NumPy 1.26.

    An array of one number was one there, of whatever shape; a later NumPy takes it for none.
    """
    if isinstance(result, np.ndarray) and result.size == 1:
        result = result.item()
    return float(result)


def _shown(result: object) -> str:
    try:
        text = repr(result)
    except Exception:  # the user's own __repr__ may fail
        text = ""
    fits = 0 < len(text) <= 40 and "\n" not in text
    return text if result is None else f"{type(result).__name__}" + (f" {text}" if fits else "")


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
