"""What a car's pose means for the road ahead and what stands on it: twin of ``track_state.h``.

In: a car, its road, its objects. Out: a row of numbers, whose columns
``csrc/simulator/track_state.h`` names.
"""

import math

import numpy as np
from numba import njit

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.objects import in_camera
from deepracer_fast.world.engine_numba.plane import point_of, wrap_angle
from deepracer_fast.world.engine_numba.records import Car, Singles, Thing, Things
from deepracer_fast.world.engine_numba.road import Road, Roads, center_at, locate
from deepracer_fast.world.engine_numba.vehicle import FRONT_POINT, MAX_STEERING

# Distances ahead along the centre line at which the bend of the road is told, metres.
LOOK_AHEAD = (0.25, 0.5, 1.0, 1.5, 2.25, 3.0)

OBJECTS_TOLD: int = _core.OBJECTS_TOLD  # the nearest ones, nearest first
OBJECT_COLUMNS: int = _core.OBJECT_COLUMNS
FIRST_OBJECT_COLUMN = 8 + len(LOOK_AHEAD)
FIRST_SEEN_COLUMN = FIRST_OBJECT_COLUMN + OBJECTS_TOLD * OBJECT_COLUMNS
SIGHT = 3.0  # m, from where on objects are not told
BESIDE = 0.4  # m behind the front point that one still counts


@njit
def write_track_state(row: Singles, car: Car, roads: Roads, things: Things) -> None:
    """Fills a row of zeros, [TRACK_STATE_SIZE]."""
    road = roads[int(car.is_backwards)]
    x, y = point_of(car, FRONT_POINT, 0.0)
    arc, offset = place_across(road, x, y)
    along = center_at(road, arc)[2]
    row[0] = offset
    row[1], row[2] = math.sin(car.heading - along), math.cos(car.heading - along)
    row[3], row[4] = car.speed, car.steering / MAX_STEERING
    row[5], row[6] = car.steering_command / MAX_STEERING, car.speed_command
    row[7] = 0.01 * car.last_progress
    for k in range(len(LOOK_AHEAD)):
        row[8 + k] = wrap_angle(center_at(road, arc + LOOK_AHEAD[k])[2] - along)
    write_objects(row[FIRST_OBJECT_COLUMN:FIRST_SEEN_COLUMN], car, road, things, False)
    write_objects(row[FIRST_SEEN_COLUMN:], car, road, things, True)


@njit
def place_across(road: Road, x: float, y: float) -> tuple[float, float]:
    """Arc length (m) of a point, and its offset to the left of the centre line in half widths."""
    arc, away, width, nearer_inner, _, _ = locate(road, x, y)
    side = 1.0 if nearer_inner == road.is_counter_clockwise else -1.0
    return arc, side * away / (0.5 * width)


@njit
def write_objects(columns: Singles, car: Car, road: Road, things: Things, only_seen: bool) -> None:
    """Fills in the nearest objects: of all ahead and beside, or of those that a camera sees."""
    nearness = np.zeros(len(things) + 1)  # 1 at the car, 0 where one isn't told; the last is none
    for k in range(len(things)):
        ahead, left = seen_from(car, things[k])
        if ahead > -BESIDE and not (only_seen and not in_camera(car, things[k])):
            nearness[k] = max(1.0 - math.hypot(ahead, left) / SIGHT, 0.0)
    for place in range(OBJECTS_TOLD):
        k = int(np.argmax(nearness))
        if nearness[k] == 0.0:
            return
        ahead, left = seen_from(car, things[k])
        told = columns[place * OBJECT_COLUMNS :]
        told[0], told[1], told[2] = nearness[k], nearness[k] * ahead, nearness[k] * left
        told[3] = nearness[k] * place_across(road, things[k].x, things[k].y)[1]
        nearness[k] = 0.0


@njit
def seen_from(car: Car, thing: Thing) -> tuple[float, float]:
    """Metres ahead and left of a car's front point to an object's centre."""
    x, y = point_of(car, FRONT_POINT, 0.0)
    c, s = math.cos(car.heading), math.sin(car.heading)
    return (thing.x - x) * c + (thing.y - y) * s, c * (thing.y - y) - s * (thing.x - x)
