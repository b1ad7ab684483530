"""The loops over cars: what each stage of ``engine`` calls for a range of them.

In: the records of ``cars``, the roads, the rules. Out: the same records, one step on. The one-car
functions that they call live in ``rules`` and ``road``.
"""

import math
from typing import Any

import numpy as np

from deepracer_fast.engine_numba.compiling import kernel
from deepracer_fast.engine_numba.plane import point_of, wrap_angle
from deepracer_fast.engine_numba.road import center_at, locate
from deepracer_fast.engine_numba.rules import PREPARED, begin_episode, observe, place_car, step_car
from deepracer_fast.engine_numba.vehicle import FRONT_POINT, MAX_STEERING

ZERO: Any = np.float32(0.0)  # a command, in the type of an action

# Distances ahead along the centre line at which the bend of the road is told, metres.
LOOK_AHEAD = (0.25, 0.5, 1.0, 1.5, 2.25, 3.0)


@kernel
def begin_cars(
    cars: Any, seen: Any, roads: Any, rules: Any, number: int, time: float, begin: int, end: int
) -> None:
    """Begins episode ``number`` of cars begin to end - 1."""
    for i in range(begin, end):
        cars[i].episode = number
        seen[i].terminated = seen[i].truncated = False
        seen[i].status = PREPARED
        begin_episode(cars[i], roads, rules, i)
        observe(cars[i], seen[i], roads, ZERO, ZERO, time)


@kernel
def step_cars(
    cars: Any, seen: Any, roads: Any, rules: Any, actions: Any, time: float, begin: int, end: int
) -> None:
    """Reads and judges the poses of cars begin to end - 1, before their actions move them."""
    for i in range(begin, end):
        step_car(cars[i], seen[i], roads, rules, i, actions[i], time)


@kernel
def place_cars(
    cars: Any, seen: Any, roads: Any, rules: Any, which: Any, poses: Any, time: float
) -> None:
    """Puts cars at poses [K, 4]: x, y, heading and steering."""
    for k in range(len(which)):
        i = which[k]
        place_car(cars[i], seen[i], roads, rules, poses[k])
        observe(cars[i], seen[i], roads, ZERO, ZERO, time)


@kernel
def write_track_states(cars: Any, roads: Any, states: Any) -> None:
    """What the poses mean for the road ahead; columns as in ``csrc/track_state.h``."""
    for i in range(len(cars)):
        car, row = cars[i], states[i]
        road = roads[int(car.is_backwards)]
        x, y = point_of(car, FRONT_POINT, 0.0)
        arc, away, width, nearer_inner, _, _ = locate(road, x, y)
        along = center_at(road, arc)[2]
        side = 1.0 if nearer_inner == road.is_counter_clockwise else -1.0
        row[0] = side * away / (0.5 * width)
        row[1], row[2] = math.sin(car.heading - along), math.cos(car.heading - along)
        row[3], row[4] = car.speed, car.steering / MAX_STEERING
        row[5], row[6] = car.steering_command / MAX_STEERING, car.speed_command
        row[7] = 0.01 * car.last_progress
        for k in range(len(LOOK_AHEAD)):
            row[8 + k] = wrap_angle(center_at(road, arc + LOOK_AHEAD[k])[2] - along)
