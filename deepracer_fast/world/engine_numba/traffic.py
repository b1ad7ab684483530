"""Traffic: the boxes, parked cars, bots or other racers that each car meets.

In: the rules of the race and where the cars are. Out: each car's objects, and where a car may start
or is put back among them. Boxes and bots belong to one car alone, as if every car had a track to
itself; racers of one world (consecutive cars of the batch) are objects to each other. The twin of
``csrc/traffic/traffic.*``; ``meeting`` is what a car is told of its objects.

In a time trial there is None in place of a :class:`Traffic`, and Numba compiles none of this.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.bots import BOT, BotRules, advance, bot_rules, course_of
from deepracer_fast.world.engine_numba.cars import World
from deepracer_fast.world.engine_numba.lanes import (
    INNER,
    OUTER,
    Lanes,
    lane_beside,
    lanes_of,
    parked_at,
)
from deepracer_fast.world.engine_numba.meeting import MEETING, TOLD
from deepracer_fast.world.engine_numba.objects import BOX, CAR_LIKE, put_object
from deepracer_fast.world.engine_numba.plane import uniform
from deepracer_fast.world.engine_numba.records import Car, Cars, Floats, Records, Things
from deepracer_fast.world.engine_numba.road import (
    Road,
    Roads,
    center_at,
    gap_ahead,
    nearest,
    wrap_arc,
)

# None of a fixed or random layout stands nearer to the end of the lap, and a car does not start on
# the lane of an object that is nearer than this (markov agent_ctrl/constants.py).
END_MARGIN = 1.0  # m
START_DISTANCE = 0.999  # m, less than the margin: rounding has no say about the last one

# Which random number of an episode is which.
PLACE_DRAW = 0x40000000  # and on: one an object
LANE_DRAW = 0x40000100
FIRST_CHANGE_DRAW = 0x40000200
CHANGE_DRAW = 0x40000300  # and on: one a lane change


class TrafficRules(NamedTuple):
    """``RaceConfig`` as a step reads it."""

    drive: bool  # they are bots or racers, not obstacles
    are_bots: bool
    min_distance_between_obstacles: float  # % of the track's length
    shrinking_obstacle_distance: bool
    randomize_obstacle_locations: bool
    is_obstacle_bot_car: bool
    object_distances: NDArray[np.float64]  # [K] share of the track's length, or empty
    object_lanes: NDArray[np.int64]  # [K] of each of those
    min_distance_between_bot_cars: float  # m
    randomize_bot_car_locations: bool
    reset_behind_dist: float  # m
    bots: BotRules


class Traffic(NamedTuple):
    """Everything on the road beside the cars themselves; K objects a car."""

    rules: TrafficRules
    lanes: tuple[Lanes, Lanes]  # of the two directions
    objects: Records  # [B, K] of ``objects.OBJECT``
    bots: Records  # [B, K] of ``bots.BOT``, if they are bots
    told: Records  # [B, K] of ``meeting.TOLD``
    meetings: Records  # [B] of ``meeting.MEETING``


def count_objects(rules: _core.TrafficRules) -> int:
    """K by the core's record of a race."""
    counts = {
        _core.RaceType.OBJECT_AVOIDANCE: rules.number_of_obstacles,
        _core.RaceType.HEAD_TO_BOT: rules.number_of_bot_cars,
        _core.RaceType.HEAD_TO_MODEL: rules.cars_per_world - 1,
    }
    return int(counts.get(rules.race_type, 0))


def traffic_of(rules: _core.TrafficRules, roads: Roads, objects: Things) -> Traffic | None:
    """The traffic of a race by the core's record of it; None in a time trial."""
    if objects.shape[1] == 0:
        return None
    given = {name: getattr(rules, name) for name in TrafficRules._fields if hasattr(rules, name)}
    given["drive"] = rules.race_type != _core.RaceType.OBJECT_AVOIDANCE
    given["are_bots"] = rules.race_type == _core.RaceType.HEAD_TO_BOT
    given["object_distances"] = np.array(rules.object_distances, np.float64)
    given["object_lanes"] = np.array(rules.object_lanes, np.int64)
    given["bots"] = bot_rules(rules.bots)
    return Traffic(
        rules=TrafficRules(**given),
        lanes=(lanes_of(roads[0]), lanes_of(roads[1])),
        objects=objects,
        bots=np.zeros(objects.shape, BOT),
        told=np.zeros(objects.shape, TOLD),
        meetings=np.zeros(len(objects), MEETING),
    )


@njit
def draw(world: World, traffic: Traffic, index: int, number: int) -> float:
    """A random number of the episode in which the car's objects were placed."""
    rules = world.rules
    return uniform(rules.seed, rules.first_car + index, traffic.meetings[index].episode, number)


# Where objects are


@njit
def place_traffic(world: World, traffic: Traffic, index: int) -> None:
    """Puts a car's objects where an episode begins with them; racers are where they are."""
    car, meeting = world.cars[index], traffic.meetings[index]
    meeting.episode, meeting.lane_changes, meeting.crashed_object = car.episode, 0, -1
    road = world.roads[int(car.is_backwards)]
    if not traffic.rules.drive:
        place_obstacles(world, traffic, index, road)
    elif traffic.rules.are_bots:
        place_bots(world, traffic, index, road)
    else:
        meet_racers(world.cars, traffic, index)


@njit
def place_obstacles(world: World, traffic: Traffic, index: int, road: Road) -> None:
    """Boxes or parked cars on the lanes, by turns or by chance."""
    car = world.cars[index]
    r, lanes, things = traffic.rules, traffic.lanes[int(car.is_backwards)], traffic.objects[index]
    at_random, scale = r.randomize_obstacle_locations, 0.01 * road.length
    gap = r.min_distance_between_obstacles * scale
    if r.shrinking_obstacle_distance:
        gap *= min(scale, 1.0) ** car.episode
    arcs = spread(world, traffic, index, road, gap, at_random)
    for k in range(len(things)):
        lane = k % 2
        if at_random:
            lane = INNER if draw(world, traffic, index, LANE_DRAW + k) < 0.5 else OUTER
        elif len(r.object_distances) > 0:
            arcs[k], lane = r.object_distances[k] * road.length, r.object_lanes[k]
        x, y, heading = parked_at(road, lanes, lane, arcs[k])
        put_object(things[k], x, y, heading, 0.0, CAR_LIKE if r.is_obstacle_bot_car else BOX)


@njit
def place_bots(world: World, traffic: Traffic, index: int, road: Road) -> None:
    """Bots on the lanes, each with a time to its first lane change."""
    at_random = traffic.rules.randomize_bot_car_locations
    gap = traffic.rules.min_distance_between_bot_cars
    arcs = spread(world, traffic, index, road, gap, at_random)
    for k in range(len(arcs)):
        bot = traffic.bots[index, k]
        bot.arc, bot.lane, bot.changed = arcs[k], k % 2, 0.0
        if at_random and draw(world, traffic, index, LANE_DRAW + k) < 0.5:
            bot.lane = 1 - bot.lane
        bot.until_change = time_to_change(world, traffic, index, FIRST_CHANGE_DRAW + k)
    show_bots(world.cars[index], traffic, index)


@njit
def spread(
    world: World, traffic: Traffic, index: int, road: Road, gap: float, at_random: bool
) -> NDArray[np.float64]:
    """Arc lengths of a car's objects between ``gap`` and the end of the lap.

    Evenly spaced, or drawn so that none is nearer to another than ``gap``.
    """
    count = traffic.objects.shape[1]
    span = max(road.length - END_MARGIN - gap, 0.0)
    if not at_random:
        return gap + span * np.arange(count) / max(count - 1, 1)
    free = max(span - (count - 1) * gap, 0.0)
    arcs = np.empty(count)
    for k in range(count):
        arcs[k] = free * draw(world, traffic, index, PLACE_DRAW + k)
    arcs.sort()
    return gap + arcs + gap * np.arange(count)


@njit
def time_to_change(world: World, traffic: Traffic, index: int, number: int) -> float:
    """Seconds to a bot's next lane change."""
    bots = traffic.rules.bots
    span = bots.upper_lane_change_time - bots.lower_lane_change_time
    return bots.lower_lane_change_time + span * draw(world, traffic, index, number)


@njit
def move_bots(world: World, traffic: Traffic, index: int) -> None:
    """One control period of a car's bots."""
    if not traffic.rules.are_bots:
        return
    road = world.roads[int(world.cars[index].is_backwards)]
    meeting = traffic.meetings[index]
    for k in range(traffic.bots.shape[1]):
        bot = traffic.bots[index, k]
        if advance(bot, road, traffic.rules.bots):
            number = CHANGE_DRAW + meeting.lane_changes
            bot.until_change = time_to_change(world, traffic, index, number)
            meeting.lane_changes += 1
    show_bots(world.cars[index], traffic, index)


@njit
def show_bots(car: Car, traffic: Traffic, index: int) -> None:
    """Each bot's object is where the bot is."""
    lanes, bots = traffic.lanes[int(car.is_backwards)], traffic.rules.bots
    for k in range(traffic.bots.shape[1]):
        x, y, heading = course_of(traffic.bots[index, k], lanes, bots)
        put_object(traffic.objects[index, k], x, y, heading, bots.bot_car_speed, CAR_LIKE)


@njit
def meet_racers(cars: Cars, traffic: Traffic, index: int) -> None:
    """A racer's objects are the others of its world, where they are now."""
    if not traffic.rules.drive or traffic.rules.are_bots:
        return
    size = traffic.objects.shape[1] + 1
    first, k = index - index % size, 0
    for other in range(first, first + size):
        if other != index:
            thing, rival = traffic.objects[index, k], cars[other]
            put_object(thing, rival.x, rival.y, rival.heading, rival.speed, CAR_LIKE)
            k += 1


@njit
def put_objects(world: World, traffic: Traffic, index: int, poses: Floats) -> None:
    """Puts a car's objects at poses [K, 3]: x, y, heading; bots drive on from there."""
    road = world.roads[int(world.cars[index].is_backwards)]
    for k in range(len(poses)):
        x, y, heading = poses[k, 0], poses[k, 1], poses[k, 2]
        thing, bot = traffic.objects[index, k], traffic.bots[index, k]
        put_object(thing, x, y, heading, thing.speed, thing.kind)
        bot.arc, bot.lane = nearest(road.center, x, y)[1], lane_beside(road, x, y)
        bot.changed = 0.0


# Where cars may be among them


@njit
def start_at(
    world: World, traffic: Traffic, index: int, arc: float, unplaced: int
) -> tuple[float, float, float]:
    """Where a car starts that is to start at an arc length: x, y (m), heading (rad).

    On the centre line, or in the lane across from the first of its objects that is near, the last
    ``unplaced`` ones left out.
    """
    direction = int(world.cars[index].is_backwards)
    road, lanes = world.roads[direction], traffic.lanes[direction]
    for k in range(traffic.objects.shape[1] - unplaced):
        thing = traffic.objects[index, k]
        there = nearest(road.center, thing.x, thing.y)[1]
        if abs(gap_ahead(road, arc, there)) < START_DISTANCE:
            return parked_at(road, lanes, 1 - lane_beside(road, thing.x, thing.y), arc)
    return center_at(road, arc)


@njit
def behind_crash(world: World, traffic: Traffic, index: int) -> tuple[float, float, float]:
    """Where a car goes on that ran into an object: before it, on the other lane."""
    direction = int(world.cars[index].is_backwards)
    road, lanes = world.roads[direction], traffic.lanes[direction]
    thing = traffic.objects[index, traffic.meetings[index].crashed_object]
    arc = nearest(road.center, thing.x, thing.y)[1] - traffic.rules.reset_behind_dist
    lane = 1 - lane_beside(road, thing.x, thing.y)
    return parked_at(road, lanes, lane, wrap_arc(road, arc))
