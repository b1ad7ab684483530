"""Runs a compiled reward function over a batch of cars.

In: an object file with its `Layout`, and the simulator's params columns. Out: a reward a car, and
the cars that the code gave up, with the line it stopped at. Each car's state is a row of columns.
Neighbours: `compiler` made the code; `Reward` asks the interpreter about the cars given up.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import available_cores
from deepracer_fast.reward.params_table import PARAMETERS, Parameter

if TYPE_CHECKING:
    from concurrent.futures import Executor

_BYTE = ctypes.c_char
GROW = -1  # status: a list of the state is full
_FIXED = -1  # capacity of a list that must not be changed, as the kernel knows it
_TABLE = {parameter.name: parameter for parameter in PARAMETERS}
_FUEL = 5_000_000  # turns of loops in a batch, before the calls that are left are given up
_FUEL_PER_CAR = 100_000
_ARENA_WORDS = 1 << 20
_FIRST_ROOM = 16  # elements of a state list
_MAX_STATE_BYTES = 1 << 28
_THREADED = 4096  # cars from which a second thread is worth its start


class StateTooLarge(Exception):
    """The lists that the function keeps take more memory than is sensible."""


@dataclass(frozen=True)
class Layout:
    """What a kernel wants to be handed."""

    columns: Sequence[str]  # the parameters it reads, in its order
    state: Sequence[dict[str, Any]]  # one record a leaf, as `words.State.layout` makes them
    prints: bool = False  # whether calls of ``print`` were dropped


class Outcome(NamedTuple):
    """What a batch came to; the state of a car that the code gave up is as before."""

    rewards: Array  # float64 [B], 0 where not called or given up
    status: Array  # int32 [B], 0, or the line at which the code gave up that car
    complete: bool  # no car was given up


class _Leaf:
    """One column of state: a word a car, or a list of ``room`` elements a car.

    Args:
        record: as `words.State.layout` makes it.

    Attributes:
        data: words, int64 [B, room * width].
        length: elements of each car, int64 [B].
    """

    def __init__(self, record: dict[str, Any]) -> None:
        self.is_list, self.width = record["list"], record["width"]
        self.initial = record["initial"] if self.is_list else [record["initial"]]
        self.room = max(_FIRST_ROOM, 2 * self.elements(self.initial)) if self.is_list else 1
        self.data = np.zeros((0, self.room * self.width), np.int64)
        self.length = np.zeros(0, np.int64)

    def elements(self, words: list[int]) -> int:
        """How many elements so many words are."""
        return len(words) // max(self.width, 1)

    def put(self, cars: Any, words: list[int]) -> None:
        """Overwrites what cars hold."""
        self.data[cars, : len(words)] = words
        self.length[cars] = self.elements(words)


class CarStates:
    """The state of all cars, a `_Leaf` a column; it grows with the cars."""

    def __init__(self, layout: Layout) -> None:
        self._leaves = [_Leaf(record) for record in layout.state]
        self._num_cars = 0

    def fit(self, num_cars: int) -> None:
        """Makes room for as many cars; new ones start as the module was after loading."""
        new = num_cars - self._num_cars
        if new > 0:
            for leaf in self._leaves:
                leaf.data = np.pad(leaf.data, ((0, new), (0, 0)))
                leaf.length = np.pad(leaf.length, (0, new))
            self.reset(slice(self._num_cars, num_cars))
            self._num_cars = num_cars

    def reset(self, cars: Array | slice) -> None:
        """Puts cars back to the state after loading."""
        for leaf in self._leaves:
            leaf.put(cars, leaf.initial)

    def grow(self) -> None:
        """Doubles the room of lists.

        Raises:
            StateTooLarge: that would be too much.
        """
        for leaf in self._leaves:
            if leaf.is_list:
                if 2 * leaf.data.nbytes > _MAX_STATE_BYTES:
                    raise StateTooLarge
                leaf.data = np.pad(leaf.data, ((0, 0), (0, leaf.data.shape[1])))
                leaf.room *= 2

    def words(self, car: int) -> list[Any]:
        """One car's state: an int a leaf, a list of ints for a list."""
        rows = [leaf.data[car, : leaf.length[car] * leaf.width].tolist() for leaf in self._leaves]
        return [
            row if leaf.is_list else row[0] for leaf, row in zip(self._leaves, rows, strict=True)
        ]

    def put(self, car: int, words: list[Any]) -> None:
        """Overwrites one car's state."""
        for leaf, word in zip(self._leaves, words, strict=True):
            row = word if leaf.is_list else [word]
            while leaf.elements(row) > leaf.room:
                self.grow()
            leaf.put(car, row)

    def addresses(self) -> Array:
        """What the kernel reads: an address a column, and the room of lists."""
        numbers: list[int] = []
        for leaf in self._leaves:
            numbers.append(address(leaf.data))
            if leaf.is_list:
                numbers += [address(leaf.length), leaf.room]
        return np.array(numbers or [0], np.int64)


class CompiledReward:
    """A loaded kernel and the state of its cars."""

    def __init__(self, machine: Any, layout: Layout) -> None:
        self.layout = layout
        self.states = CarStates(layout)
        self._machine = machine
        self._arenas: list[Array] = []

    def run(self, params: Mapping[str, Any], where: Array, threads: int = 1) -> Outcome:
        """Calls the function for the cars of ``where``.

        Args:
            params: checked columns of B cars.
            where: bool [B].
            threads: the most that share the cars.
        """
        self.states.fit(len(where))
        keep, numbers = self._arguments(params, len(where))
        outcome = self._launch(numbers, where, threads)
        while not outcome.complete and (full := outcome.status == GROW).any():
            self.states.grow()
            again = self._launch(numbers, full, threads)
            outcome.rewards[full], outcome.status[full] = again.rewards[full], again.status[full]
        del keep
        return outcome

    def _launch(self, numbers: list[int], where: Array, threads: int) -> Outcome:
        num_cars = len(where)
        called = np.ascontiguousarray(where).view(np.uint8)
        rewards, status = np.empty(num_cars), np.empty(num_cars, np.int32)
        state = self.states.addresses()
        first = [address(rewards), address(status), address(called)]
        place = address(state)
        pieces = max(1, min(threads, num_cars // _THREADED))
        jobs = []
        for k in range(pieces):
            start, stop = num_cars * k // pieces, num_cars * (k + 1) // pieces
            fuel = _FUEL + _FUEL_PER_CAR * (stop - start)
            middle = [*self._arena(k), *numbers[:3], place, fuel]
            jobs.append((start, stop, np.array([*first, *middle, *numbers[3:]], np.int64)))
        given_up = [self._work(jobs[0])] if pieces == 1 else list(_pool().map(self._work, jobs))
        return Outcome(rewards, status, not any(given_up))

    def _arena(self, number: int) -> tuple[int, int]:
        """Begin and end of the memory of one thread."""
        while len(self._arenas) <= number:
            self._arenas.append(np.empty(_ARENA_WORDS, np.int64))
        begin = address(self._arenas[number])
        return begin, begin + 8 * _ARENA_WORDS

    def _work(self, job: tuple[int, int, Array]) -> bool:
        start, stop, args = job
        return bool(self._machine.run(start, stop, address(args)))

    def _arguments(self, params: Mapping[str, Any], num_cars: int) -> tuple[list[Array], list[int]]:
        """The arrays that must live through the call, and the numbers after the state's place."""
        keep: list[Array] = []
        numbers = [0, 0, 0]
        for name in self.layout.columns:
            parameter = _TABLE[name]
            if name == "waypoints":
                points = np.asarray(params[name], np.float64)
                for way, order in enumerate((points, points[::-1])):
                    line = np.ascontiguousarray(order)
                    header = np.array([address(line), len(line), _FIXED], np.int64)
                    keep += [line, header]
                    numbers[way] = address(header)
                numbers += [0, 0]
                continue
            column, code = prepared(parameter, params.get(name), num_cars)
            if "K" in parameter.shape and column.size:
                numbers[2] = column.shape[1]
            keep.append(column)
            numbers += [address(column), code]
        return keep, numbers


def address(array: Array) -> int:
    """Where an array's numbers lie; 0 if it has none."""
    if not array.size:
        return 0
    if not array.flags.writeable:
        return int(array.ctypes.data)
    view: Any = array
    return ctypes.addressof(_BYTE.from_buffer(view))  # a quarter of the time of the line above


def prepared(parameter: Parameter, column: Any, num_cars: int) -> tuple[Array, int]:
    """A column as the kernel reads it, and 0 if its numbers are of 32 bits, else 1."""
    of_objects = "K" in parameter.shape
    if column is None:
        if of_objects:
            return np.zeros(0), 1
        shape = [num_cars if size == "B" else size for size in parameter.shape]
        column = np.zeros(shape, parameter.kind)
    array = np.asarray(column)
    if parameter.kind == "bool" and not of_objects:
        return np.ascontiguousarray(array, dtype=np.bool_), 1
    is_float = parameter.kind == "float"
    if array.dtype == (np.float32 if is_float else np.int32) and not of_objects:
        return np.ascontiguousarray(array), 0
    return np.ascontiguousarray(array, dtype=np.float64 if is_float else np.int64), 1


@cache
def _pool() -> Executor:
    from concurrent.futures import ThreadPoolExecutor  # takes logging along

    return ThreadPoolExecutor(available_cores(), thread_name_prefix="reward")
