"""The rules of the race, one car at a time: the twin of ``csrc/simulator/simulator.cpp``.

In: a car, its road, its action. Out: the car's reward parameters and status, its episode moved on,
and whether the action may move it. The order of events is said in ``csrc/simulator/simulator.h``.
"""

import math

from numba import njit

from deepracer_fast import _core
from deepracer_fast.world.engine_numba import vehicle as v
from deepracer_fast.world.engine_numba.cars import PAUSE, PREPARE, RUN, Rules, World
from deepracer_fast.world.engine_numba.meeting import meet
from deepracer_fast.world.engine_numba.plane import point_of, uniform, wrap_angle
from deepracer_fast.world.engine_numba.records import Car, Floats, Seen
from deepracer_fast.world.engine_numba.road import Road, center_at, is_on_road, lane_at, locate
from deepracer_fast.world.engine_numba.traffic import (
    Traffic,
    behind_crash,
    move_bots,
    place_traffic,
    start_at,
)

_WORDS = "lap_complete crashed off_track in_progress immobilized time_up pause reversed prepare"
LAP_COMPLETE, CRASHED, OFF_TRACK, IN_PROGRESS, IMMOBILIZED, TIME_UP, PAUSED, REVERSED, PREPARED = (
    _core.STATUS_NAMES.index(word) for word in _WORDS.split()
)

# markov reset/rules, agent_ctrl/constants.py: a car is stuck once its base_link moved no more than
# this for so many steps in a row, and drives backwards once it lost progress for so many.
STILL_DISTANCE = 0.0003  # m
PATIENCE = 15  # steps

START_DRAW = 0  # which random number of an episode is which

START_OFFSET = 0.75  # m, of a racer behind the one before it (markov track_geom/constants.py)


@njit
def go_on(world: World, traffic: Traffic | None, index: int) -> None:
    """Begins the next episode of a car whose last one ended; bots move, and the car may."""
    car, seen, rules = world.cars[index], world.seen[index], world.rules
    if seen.terminated or seen.truncated:
        car.episode += 1
        if rules.continuous and seen.status == LAP_COMPLETE:
            restart_counters(car, rules)
            car.phase = RUN
        else:
            begin_episode(world, traffic, index, 0)
            car.is_driving = False
            return
    if traffic is not None and car.phase != PREPARE:
        move_bots(world, traffic, index)
    car.is_driving = car.phase == RUN
    if car.phase == PREPARE:
        car.phase = RUN
    elif car.phase == PAUSE:
        car.pause_left -= 1
        if car.pause_left <= 0:
            car.phase = RUN


@njit
def observe(world: World, traffic: Traffic | None, index: int, time: float) -> None:
    """Where the car is: every parameter that its pose and its objects determine."""
    car, seen = world.cars[index], world.seen[index]
    observe_pose(car, seen, world.roads[int(car.is_backwards)])
    seen.steps, seen.sim_time = car.step_count, time
    seen.is_reversed = car.is_backwards
    if traffic is not None:
        seen.is_crashed = meet(world, traffic, index)


@njit
def observe_pose(car: Car, seen: Seen, road: Road) -> None:
    """What the pose says by itself."""
    x, y = point_of(car, v.FRONT_POINT, 0.0)
    arc, away, width, nearer_inner, prev, following = locate(road, x, y)
    wheels = 0
    for axle, half_track in ((v.REAR_AXLE, v.HALF_REAR_TRACK), (v.FRONT_AXLE, v.HALF_FRONT_TRACK)):
        for side in (half_track, -half_track):
            wheel_x, wheel_y = point_of(car, axle, side)
            wheels += is_on_road(road, wheel_x, wheel_y)
    seen.all_wheels_on_track, seen.is_offtrack = wheels == 4, wheels == 0
    seen.x, seen.y, seen.heading = x, y, math.degrees(car.heading)
    seen.projection_distance, seen.distance_from_center, seen.track_width = arc, away, width
    car.arc, seen.track_length = arc, road.length
    seen.progress = progress_at(car, arc / road.length)
    seen.closest_waypoints[0], seen.closest_waypoints[1] = prev, following
    seen.is_left_of_center = nearer_inner == road.is_counter_clockwise


@njit
def progress_at(car: Car, share: float) -> float:
    """Percent of the lap since the start, continuous across the start line (agent_ctrl/utils.py).

    Args:
        car: which car.
        share: of the track's length, where it is.
    """
    progress = 100.0 * (share - car.start_ndist)
    if progress <= 0.0:
        progress += 100.0
    if car.last_progress > progress + 50.0:
        progress += 100.0
    if progress > car.last_progress + 50.0:
        progress -= 100.0
    return min(progress, 100.0)


@njit
def judge(world: World, traffic: Traffic | None, index: int) -> None:
    """What the rules say of the pose just observed."""
    car, seen = world.cars[index], world.seen[index]
    seen.terminated = seen.truncated = False
    if car.step_count >= world.rules.max_steps:
        seen.status = TIME_UP
        seen.truncated = True
    elif car.phase != RUN:
        seen.status = PREPARED if car.phase == PREPARE else PAUSED
        seen.is_crashed = False
    else:
        seen.status = violated_rule(car, seen)
        if seen.status == LAP_COMPLETE:
            seen.terminated = True
        elif seen.status != IN_PROGRESS:
            penalise_or_end(world, traffic, index)
    car.last_progress = seen.progress
    car.last_x, car.last_y = car.x, car.y


@njit
def violated_rule(car: Car, seen: Seen) -> int:
    """The first rule that holds, in the original's order of precedence."""
    is_still = math.hypot(car.x - car.last_x, car.y - car.last_y) <= STILL_DISTANCE
    car.still_steps = car.still_steps + 1 if is_still else 0
    car.reverse_steps = car.reverse_steps + 1 if seen.progress < car.last_progress else 0
    if seen.progress >= 100.0:
        return LAP_COMPLETE
    if seen.is_crashed:
        return CRASHED
    if seen.is_offtrack:
        return OFF_TRACK
    if car.still_steps >= PATIENCE:
        return IMMOBILIZED
    return REVERSED if car.reverse_steps >= PATIENCE else IN_PROGRESS


@njit
def penalise_or_end(world: World, traffic: Traffic | None, index: int) -> None:
    """Puts the car back while it may be, and lets it wait there."""
    car, seen, rules = world.cars[index], world.seen[index], world.rules
    if car.resets_left == 0:
        seen.terminated = True
        return
    car.resets_left -= 1
    # Where it last made progress, on the nearer lane; after a crash behind what it ran into.
    road = world.roads[int(car.is_backwards)]
    x, y = lane_at(road, car.arc, car.x, car.y)
    heading = center_at(road, car.arc)[2]
    if traffic is not None and seen.status == CRASHED:
        x, y, heading = behind_crash(world, traffic, index)
    put_at_rest(car, x, y, heading)
    car.still_steps = car.reverse_steps = 0
    car.phase = PAUSE
    car.pause_left = rules.crash_pause_steps if seen.status == CRASHED else rules.pause_steps
    if seen.status == IMMOBILIZED:  # no penalty in the original (markov evaluation_worker.py)
        car.pause_left = 0


@njit
def put_at_rest(car: Car, x: float, y: float, heading: float) -> None:
    """A car at a pose with straight wheels, which knows of no command."""
    car.x, car.y, car.heading = x, y, wrap_angle(heading)
    car.speed = car.side_speed = car.yaw_rate = car.steering = 0.0
    car.steering_command = car.speed_command = 0.0


@njit
def begin_episode(world: World, traffic: Traffic | None, index: int, unplaced: int) -> None:
    """At rest on the centre line, heading along it, at the episode's start position.

    Or in a lane if one of its objects is near, but for its last ``unplaced`` ones: racers of its
    world that are yet to begin.
    """
    car, rules = world.cars[index], world.rules
    # As if all worlds drove one after the other.
    number = (rules.first_car + index) // rules.cars_per_world
    number += car.episode * (rules.cars_in_batch // rules.cars_per_world)
    alternate = rules.alternate_driving_direction and number % 2 == 1
    car.is_backwards = rules.reverse_direction != alternate
    road = world.roads[int(car.is_backwards)]
    car.start_ndist = next_start(car, road, rules, index, number)
    arc = car.start_ndist * road.length
    x, y, heading = center_at(road, arc)
    if traffic is not None:
        place_traffic(world, traffic, index)
        x, y, heading = start_at(world, traffic, index, arc, unplaced)
    put_at_rest(car, x, y, heading)
    restart_counters(car, rules)
    car.phase = PREPARE


@njit
def next_start(car: Car, road: Road, rules: Rules, index: int, number: int) -> float:
    """Share of the track's length where a car's episode starts, in the direction of driving."""
    if not road.is_loop:
        return rules.start_position  # from elsewhere there is no whole lap
    start = rules.start_position + rules.round_robin_advance_dist * number
    if rules.random_start:
        world = (rules.first_car + index) // rules.cars_per_world
        start = uniform(rules.seed, world, car.episode, START_DRAW)
    return (start - START_OFFSET * (index % rules.cars_per_world) / road.length) % 1.0


@njit
def place_car(world: World, index: int, pose: Floats) -> None:
    """Puts a car at x, y, heading with its steering, in an episode that is ready to drive."""
    car, seen = world.cars[index], world.seen[index]
    road = world.roads[int(car.is_backwards)]
    x, y, heading, steering = pose[0], pose[1], pose[2], pose[3]
    put_at_rest(car, x, y, heading)
    car.steering = steering
    car.start_ndist = locate(road, x, y)[0] / road.length
    restart_counters(car, world.rules)
    car.phase = RUN
    car.step_count = 1
    seen.terminated = seen.truncated = False
    seen.status = IN_PROGRESS


@njit
def restart_counters(car: Car, rules: Rules) -> None:
    """Nothing of the episode has happened yet."""
    car.step_count = car.still_steps = car.reverse_steps = car.pause_left = 0
    car.last_progress = 0.0
    car.last_x, car.last_y = car.x, car.y
    car.resets_left = rules.number_of_resets
