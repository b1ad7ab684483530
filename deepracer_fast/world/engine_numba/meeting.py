"""What a car is told of its objects, and whether it ran into one: ``csrc/traffic``'s twin.

In: a car, its road, its objects. Out: the ``objects_*`` parameters, and the crash that counts.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.cars import World, record_of
from deepracer_fast.world.engine_numba.objects import in_camera, runs_into
from deepracer_fast.world.engine_numba.records import Car, Record, Records, Thing
from deepracer_fast.world.engine_numba.road import Road, gap_ahead, is_on_road, nearest

OBJECT_PARAMS = [column[0] for column in _core.OBJECT_PARAMS]

TOLD = record_of(column for column in _core.OBJECT_PARAMS if "K" in column[2])
"""What a reward function is told of one object."""

MEETING = record_of(
    (column for column in _core.OBJECT_PARAMS if "K" not in column[2]),
    [
        ("crashed_object", np.int64),  # the number of the one that the car ran into, or -1
        ("episode", np.int64),  # in which the objects were placed
        ("lane_changes", np.int64),  # of all bots, in that episode
    ],
)
"""What a car and its objects have to do with each other."""


@njit
def meet(world: World, traffic: Any, index: int) -> bool:
    """Fills what a car is told of its ``Traffic``; whether it ran into it so that it counts."""
    car, meeting = world.cars[index], traffic.meetings[index]
    road = world.roads[int(car.is_backwards)]
    things, told = traffic.objects[index], traffic.told[index]
    meeting.crashed_object = -1
    for k in range(len(things)):
        arc = tell(told[k], things[k], road, traffic.rules)
        is_first = meeting.crashed_object < 0
        if is_first and runs_into(car, things[k]) and is_to_blame(car, road, arc, traffic.rules):
            meeting.crashed_object = k
    find_closest(meeting.closest_objects, told, world.seen[index].projection_distance)
    # The original tests the object whose number is one less than the next one's, and in place of
    # the first the car itself, which no camera of it sees (csrc/traffic/traffic.cpp).
    following = meeting.closest_objects[1]
    meeting.object_in_camera = following > 0 and in_camera(car, things[following - 1])
    return meeting.crashed_object >= 0


@njit
def tell(told: Record, thing: Thing, road: Road, rules: Any) -> float:
    """Fills what a reward function is told of an object; its arc length (m)."""
    number, arc, x, y = nearest(road.center, thing.x, thing.y)
    gap_x, gap_y = thing.x - x, thing.y - y
    s = road.center[number]
    # On the left is what lies between the centre line and the left border; bots are on the road.
    is_inner = (s.dx * gap_y - s.dy * gap_x > 0.0) == road.is_counter_clockwise
    if is_inner and not rules.are_bots:
        is_inner = is_on_road(road, thing.x, thing.y)
    told.objects_location[0], told.objects_location[1] = thing.x, thing.y
    told.objects_left_of_center = is_inner == road.is_counter_clockwise
    told.objects_speed = thing.speed
    told.objects_heading = math.atan2(thing.along_y, thing.along_x) if rules.drive else 0.0
    told.objects_distance_from_center, told.objects_distance = math.hypot(gap_x, gap_y), arc
    return arc


@njit
def is_to_blame(car: Car, road: Road, arc: float, rules: Any) -> bool:
    """Whether the car ran into the object at an arc length, and not the other way round.

    Only who is behind has run into something that drives (markov rollout_agent_ctrl.py).
    """
    return not rules.drive or gap_ahead(road, nearest(road.center, car.x, car.y)[1], arc) > 0.0


@njit
def find_closest(closest: NDArray[np.int32], told: Records, projection: np.float32) -> None:
    """The last object at or behind an arc length and the first one beyond it, round the lap."""
    behind, ahead, lowest, highest = -1, -1, 0, 0
    for k in range(len(told)):
        arc = told[k].objects_distance
        if arc < told[lowest].objects_distance:
            lowest = k
        if arc >= told[highest].objects_distance:
            highest = k
        if arc <= projection:
            if behind < 0 or arc >= told[behind].objects_distance:
                behind = k
        elif ahead < 0 or arc < told[ahead].objects_distance:
            ahead = k
    closest[0] = behind if behind >= 0 else highest
    closest[1] = ahead if ahead >= 0 else lowest
