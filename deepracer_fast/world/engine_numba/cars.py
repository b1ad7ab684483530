"""The state of the Numba engine: one record a car, and one for what a reward function reads.

Everything that a step changes is in these two; the twin of ``csrc/car/car_batch.h``. For Numba a
record's fields are attributes: ``car.speed``.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.records import Cars, Records
from deepracer_fast.world.engine_numba.road import Roads

# Numba's cache of compiled functions looks at a function's own file only. With the digest of all
# of this package's files in the type that every step works on, an edit of any of them counts.
_SOURCES = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
_DIGEST = f"sources_{hashlib.sha256(_SOURCES).hexdigest()[:12]}"

PREPARE, RUN, PAUSE = range(3)
"""Where a car is in its episode; nobody drives while preparing or pausing."""

CAR = np.dtype(
    [
        # The vehicle model: pose of base_link, motion, lags.
        ("x", np.float64),  # m
        ("y", np.float64),  # m
        ("heading", np.float64),  # rad
        ("speed", np.float64),  # m/s of base_link along the heading
        ("side_speed", np.float64),  # m/s to the left of it
        ("yaw_rate", np.float64),  # rad/s
        ("steering", np.float64),  # rad
        ("steering_command", np.float64),  # rad, the last one given
        ("speed_command", np.float64),  # m/s, the last one given
        # Its episode.
        ("phase", np.int64),
        ("is_driving", np.bool_),  # the action of this step moves it
        ("is_backwards", np.bool_),  # drives the route against its own direction
        ("arc", np.float64),  # m along the centre line, when last observed
        ("start_ndist", np.float64),  # share of the track's length at the start
        ("last_progress", np.float64),  # %
        ("last_x", np.float64),  # m, base_link one step earlier
        ("last_y", np.float64),
        ("episode", np.int64),  # episodes begun before this one
        ("step_count", np.int64),
        ("still_steps", np.int64),  # RUN steps in a row without motion
        ("reverse_steps", np.int64),  # RUN steps in a row that lost progress
        ("resets_left", np.int64),
        ("pause_left", np.int64),  # steps of penalty to come
        (_DIGEST, np.uint8),
    ],
    align=True,
)


def record_of(columns: Iterable[tuple[Any, ...]], private: Sequence[tuple[str, Any]] = ()) -> Any:
    """The dtype of one row of the core's columns, and of what they have none of."""
    widths = ((name, dtype, shape[-1:]) for name, dtype, shape, *_ in columns)
    public = [(name, dtype, n if isinstance(n[0], int) else ()) for name, dtype, n in widths]
    return np.dtype([*public, *private], align=True)


SEEN = record_of((*_core.PARAMS, *_core.OUTCOMES))
"""The reward parameters by their DeepRacer names, then what the rules made of the step."""


class Rules(NamedTuple):
    """``simulator.RaceRules`` as a step reads them, and what it needs to number episodes."""

    start_position: float
    round_robin_advance_dist: float
    random_start: bool
    reverse_direction: bool
    alternate_driving_direction: bool
    continuous: bool
    number_of_resets: int
    pause_steps: int  # of the off-track penalty
    crash_pause_steps: int  # of the collision penalty
    max_steps: int
    is_loop: bool
    first_car: int
    cars_in_batch: int
    cars_per_world: int  # racers that meet
    seed: np.uint64


class World(NamedTuple):
    """What a step reads and changes, but for what else is on the road; B cars."""

    cars: Cars  # [B] of ``CAR``
    seen: Records  # [B] of ``SEEN``
    roads: Roads
    rules: Rules
