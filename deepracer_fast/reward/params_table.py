"""The reward parameters: what a ``reward_function(params)`` may read, one line a key.

In: the core's tables of its columns (csrc/car/car_batch.h, csrc/traffic/traffic.h), and what only
a reward function knows of them. Out: `PARAMETERS`, the table that everything else about these keys
is derived from; `check_columns`, the door; `seen_column`, a column in the values and types that a
reward function sees, whichever way it is run.
Neighbours: `simulator` fills the columns, `interpret` turns rows of them into plain dicts.

A race with objects has K of them for every car: obstacles or bots of its own, or the other racers
of its world; K is the same for all cars and all steps. A race without objects has no columns of
them, and a reward function sees their defaults. Far from the world's origin ``x``, ``y`` and
``objects_location`` are float64.

The keys, their order and their defaults are those of markov agent_ctrl/constants.py, then come
those that the original does not have, zero where nobody says otherwise. What each holds is computed
in markov agent_ctrl/utils.py, for objects in markov track_geom/track_data.py.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array, array
from deepracer_fast.checks.values import instance
from deepracer_fast.errors import RewardError

Kind = Literal["bool", "float", "int"]

Columns = Mapping[str, Array]
"""Reward parameter -> its column, of a shape that ``PARAMETERS`` tells."""


@dataclass(frozen=True)
class Parameter:
    """One key of the dict that a reward function is handed.

    Attributes:
        name: The key, by its present name.
        kind: What one number of it is in Python; a column holds bool, float32 or int32; of a place
            far from the world's origin float64.
        shape: The column's shape; B cars, N waypoints, K objects. Without a B all cars share it.
        unit: Of the value that the reward function sees; "" where there is none.
        meaning: What it says, with its sign or range where that is not obvious.
        default: What a reward function sees when the race has no such column; None where the
            simulator always supplies one. Lists are handed out as copies.
        old_name: The key that documents before 2021 used; it is handed out as well.
        commanded: The value comes from the action space, where people write it in decimals.
    """

    name: str
    kind: Kind
    shape: tuple[str | int, ...]
    unit: str
    meaning: str
    default: Any = None
    old_name: str | None = None
    commanded: bool = False


_CAR = ("B",)
_PAIR = ("B", 2)
_KINDS: dict[str, Kind] = {"b": "bool", "f": "float", "i": "int"}
_ORDER = (
    "all_wheels_on_track x y heading distance_from_center projection_distance progress steps speed "
    "steering_angle track_width track_length waypoints closest_waypoints is_left_of_center "
    "is_reversed closest_objects objects_location objects_left_of_center object_in_camera "
    "objects_speed objects_heading objects_distance_from_center objects_distance is_crashed "
    "is_offtrack sim_time"
)
_ORIGINAL = _ORDER.split()
_OLD_NAMES = {"is_crashed": "crashed", "is_offtrack": "offtrack"}
_COMMANDED = ("speed", "steering_angle")
# Of races with objects, of recordings from version 6 of the original on.
_OPTIONAL = (*(column[0] for column in _core.OBJECT_PARAMS), "sim_time")

_LINE = "centre line; is_reversed turns it round"
_WAYPOINTS = Parameter("waypoints", "float", ("N", 2), "m", _LINE)


def _parameter(column: tuple[Any, ...]) -> Parameter:
    name, dtype, shape, unit, meaning = column
    default = None
    if name in _OPTIONAL or name not in _ORIGINAL:  # zeros, of no objects
        default = np.zeros([0 if size == "K" else size for size in shape[1:]], dtype).tolist()
    kind, is_command = _KINDS[dtype.kind], name in _COMMANDED
    return Parameter(name, kind, shape, unit, meaning, default, _OLD_NAMES.get(name), is_command)


def _place(parameter: Parameter) -> int:
    return _ORIGINAL.index(parameter.name) if parameter.name in _ORIGINAL else len(_ORIGINAL)


_COLUMNS = map(_parameter, (*_core.PARAMS, *_core.OBJECT_PARAMS))
PARAMETERS: tuple[Parameter, ...] = tuple(sorted([_WAYPOINTS, *_COLUMNS], key=_place))

PARAMETER_NAMES: tuple[str, ...] = tuple(parameter.name for parameter in PARAMETERS)
OLD_NAMES: dict[str, str] = {p.old_name: p.name for p in PARAMETERS if p.old_name is not None}
ALL_KEYS: tuple[str, ...] = PARAMETER_NAMES + tuple(OLD_NAMES)

_REQUIRED = tuple(parameter.name for parameter in PARAMETERS if parameter.default is None)
_SEEN_TYPES: dict[str, type] = {"bool": np.bool_, "float": np.float64, "int": np.int64}
_DECIMALS = 5  # more than any action space is written with, fewer than float32 resolves


def key_hint(key: str) -> str:
    """The key that may have been meant by one that no params dict has; "" if none is near."""
    close = difflib.get_close_matches(key, ALL_KEYS, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_columns(params: Columns) -> int:
    """Checks the columns of a batch against the table; B, the number of cars, comes back.

    Keys that the table does not know are left alone: a reward function never sees them.

    Raises:
        RewardError: A column that has no default is missing, or a column has the wrong shape.
    """
    instance("params", params, Mapping, RewardError)  # type: ignore[type-abstract]
    missing = [name for name in _REQUIRED if name not in params]
    if missing:
        raise RewardError(f"params must have the columns {', '.join(missing)}: they are missing")
    num_cars = array("params['x']", params["x"], RewardError).size
    usual = {_CAR: (num_cars,), _PAIR: (num_cars, 2)}
    for parameter in PARAMETERS:
        if parameter.name in params:
            column = params[parameter.name]
            if not isinstance(column, np.ndarray):
                column = array(f"params[{parameter.name!r}]", column, RewardError)
            found = column.shape
            if found != usual.get(parameter.shape):
                _check_shape(parameter, found, num_cars)
    return num_cars


def check_kinds(params: Columns) -> None:
    """Refuses columns that hold no numbers; asked when a step has failed, not before each.

    Raises:
        RewardError: A column holds texts or objects.
    """
    for name in PARAMETER_NAMES:
        if name in params and np.asarray(params[name]).dtype.kind not in "fiub":
            found = np.asarray(params[name]).dtype
            raise RewardError(f"params[{name!r}] must be numbers, got {found}")


def _check_shape(parameter: Parameter, found: tuple[int, ...], num_cars: int) -> None:
    rule = tuple(num_cars if size == "B" else size for size in parameter.shape)
    fits = len(rule) == len(found) and all(
        isinstance(size, str) or size == got for size, got in zip(rule, found, strict=True)
    )
    if not fits:
        shape = ", ".join(str(size) for size in rule) + ("," if len(rule) == 1 else "")
        raise RewardError(
            f"params[{parameter.name!r}] must have shape ({shape}) for {num_cars} cars, got {found}"
        )


def seen_column(parameter: Parameter, column: object) -> np.ndarray:
    """The column as bool, float64 or int64, holding what a reward function reads.

    A commanded value gets its decimals back: 1.4 in an action space is 1.39999998 in float32,
    and ``speed >= 1.4`` would be false. The decimal is taken where it is the same float32.
    """
    array = np.asarray(column)
    seen: np.ndarray = array.astype(_SEEN_TYPES[parameter.kind])
    if parameter.commanded and array.dtype == np.float32:
        decimal = np.round(seen, _DECIMALS)
        seen = np.where(decimal.astype(np.float32) == array, decimal, seen)
    return seen
