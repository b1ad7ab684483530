"""The reward parameters: what a ``reward_function(params)`` may read, one line a key.

In: the simulator's params columns. Out: `PARAMETERS`, the table that everything else about these
keys is derived from; `check_columns`, the door; `seen_column`, a column in the values and types
that a reward function sees, whichever way it is run.
Neighbours: `simulator` fills the columns, `interpret` turns rows of them into plain dicts.

A race with objects has K of them for every car: obstacles or bots of its own, or the other racers
of its world. The simulator's columns are then ``objects_location`` [B, K, 2], float32 or, far from
the world's origin, float64 like ``x`` and ``y``; [B, K] float32
``objects_speed``, ``objects_heading``, ``objects_distance`` and ``objects_distance_from_center``;
``objects_left_of_center`` [B, K] bool; ``closest_objects`` [B, 2] int32, indices below K; and
``object_in_camera`` [B] bool. K is the same for all cars and all steps. A race without objects has
none of these columns, and a reward function sees their defaults.

The keys, their order and their defaults are those of markov agent_ctrl/constants.py; what each
holds is computed in markov agent_ctrl/utils.py, for objects in markov track_geom/track_data.py.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

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
_OBJECTS = ("B", "K")

# fmt: off
PARAMETERS: tuple[Parameter, ...] = (
    Parameter("all_wheels_on_track", "bool", _CAR, "", "all four wheel centres are on the road"),
    Parameter("x", "float", _CAR, "m", "front point of the car, 0.14 m ahead of base_link"),
    Parameter("y", "float", _CAR, "m", "front point of the car, 0.14 m ahead of base_link"),
    Parameter("heading", "float", _CAR, "deg", "yaw in (-180, 180], 0 along +x, left positive"),
    Parameter("distance_from_center", "float", _CAR, "m", "front point to centre line, unsigned"),
    Parameter("projection_distance", "float", _CAR, "m", "along the centre line from waypoint 0"),
    Parameter("progress", "float", _CAR, "%", "of the lap since the start of the episode, to 100"),
    Parameter("steps", "float", _CAR, "steps", "in this episode; the first call sees 2.0"),
    Parameter("speed", "float", _CAR, "m/s", "commanded, not measured", commanded=True),
    Parameter("steering_angle", "float", _CAR, "deg", "commanded, left positive", commanded=True),
    Parameter("track_width", "float", _CAR, "m", "border to border at the car"),
    Parameter("track_length", "float", _CAR, "m", "of the centre line"),
    Parameter("waypoints", "float", ("N", 2), "m", "centre line; is_reversed turns it round"),
    Parameter("closest_waypoints", "int", _PAIR, "", "indices of the waypoints behind and ahead"),
    Parameter("is_left_of_center", "bool", _CAR, "", "front point is left of the centre line"),
    Parameter("is_reversed", "bool", _CAR, "", "the track is driven against its usual direction"),
    Parameter("closest_objects", "int", _PAIR, "", "indices of the objects behind and ahead",
              default=[0, 0]),
    Parameter("objects_location", "float", ("B", "K", 2), "m", "centre of each object",
              default=[]),
    Parameter("objects_left_of_center", "bool", _OBJECTS, "", "object is left of the centre line",
              default=[]),
    Parameter("object_in_camera", "bool", _CAR, "", "the next object is in the camera's view",
              default=False),
    Parameter("objects_speed", "float", _OBJECTS, "m/s", "of each object", default=[]),
    Parameter("objects_heading", "float", _OBJECTS, "rad", "bot cars' yaw; 0.0 for a box",
              default=[]),
    Parameter("objects_distance_from_center", "float", _OBJECTS, "m", "unsigned", default=[]),
    Parameter("objects_distance", "float", _OBJECTS, "m", "along the centre line from waypoint 0",
              default=[]),
    Parameter("is_crashed", "bool", _CAR, "", "the car ran into an object", old_name="crashed"),
    Parameter("is_offtrack", "bool", _CAR, "", "no wheel centre is on the road",
              old_name="offtrack"),
    Parameter("sim_time", "float", _CAR, "s", "simulated clock; absent before version 6 of the "
              "original, hence the default for its older recordings", default=0.0),
)
# fmt: on

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
