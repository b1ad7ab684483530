"""The inner loops of ``fastest_lap``: states, the road under them, and what follows from them.

In: states of a car. Out: the states one step later, each with its place on the road and the number
of its cell, or -1 where it left the road or the tube.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast.tracks.borders import nearest_points
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.plane import clip, wrap_angle
from deepracer_fast.world.engine_numba.records import Car, Floats, Indices, Records
from deepracer_fast.world.engine_numba.vehicle import (
    DT,
    FRONT_AXLE,
    HALF_FRONT_TRACK,
    HALF_REAR_TRACK,
    MAX_STEERING,
    MIN_SPEED,
    REAR_AXLE,
    SUBSTEPS,
    VehicleParams,
    drive,
)

State = Car  # a row of ``STATE``
PIXEL = 0.01  # m, of the picture that says where the road is
SPACING = 0.02  # m, about, between the points that tell how far a car has come
MARGIN = 0.2  # m around the road in its picture
PUSH = 0.45  # m/s from the car's own speed, from which on wheels push with all their grip
AHEAD, BEHIND = 26, 3  # points looked at for the nearest one after a step

STATE = np.dtype(
    [
        # As in ``engine_numba.cars.CAR``.
        *((name, np.float64) for name in ("x", "y", "heading", "speed", "side_speed", "yaw_rate")),
        *((name, np.float64) for name in ("steering", "steering_command", "speed_command")),
        ("arc", np.float64),  # m along the centre line since the start, over all laps
        ("seconds", np.float64),
        ("before", np.int64),  # number of the state that it was driven from, -1 at the start
        ("cell", np.int64),  # -1: off the road, or outside the tube
    ]
)
CELLS = 1 << 20  # numbers that cells are spread over


class Way(NamedTuple):
    """A road for the search; points about ``SPACING`` apart, M of them once round."""

    center: Floats  # [M, 2] m
    along: Floats  # [M, 2], unit vectors
    room: Floats  # [M, 2] m to the right and to the left border
    length: float  # m
    is_road: NDArray[np.bool_]  # [X, Y], pixels of ``PIXEL``
    corner: tuple[float, float]  # m, where its pixels begin


class Tube(NamedTuple):
    """Where the search may go, and how finely it tells states apart.

    Attributes:
        line: offset (m), heading from the road's (rad), speed (m/s), [laps * M, 3].
        width: half of it, in these three.
        cell: m, rad, m/s, m/s, rad/s, rad: offset, heading, speed, slip, yaw rate, steering.
    """

    line: Floats
    width: Floats
    cell: Floats


def way_of(track: Track) -> Way:
    """A loop as the search sees it."""
    lines = [line - track.origin for line in (track.waypoints, track.inner, track.outer)]
    waypoints, inner, outer = lines
    steps = np.linalg.norm(np.diff(waypoints, axis=0), axis=1)
    arcs = np.concatenate([[0.0], np.cumsum(steps)])
    count = round(track.length / SPACING)
    arc = np.arange(count) * track.length / count
    center = np.stack([np.interp(arc, arcs, waypoints[:, axis]) for axis in (0, 1)], axis=1)
    along = np.roll(center, -3, axis=0) - np.roll(center, 3, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    left, right = (inner, outer) if track.direction == "counter-clockwise" else (outer, inner)
    borders = [nearest_points(center, border) for border in (right, left)]
    room = np.stack([np.linalg.norm(center - points, axis=1) for points in borders], axis=1)
    everything = np.concatenate([inner, outer])
    low = everything.min(axis=0) - MARGIN
    size = np.ceil((everything.max(axis=0) + MARGIN - low) / PIXEL).astype(int)
    edges = np.concatenate([np.stack([b[:-1], b[1:]], axis=1) for b in (inner, outer)])
    is_road = np.zeros(size, np.bool_)
    _paint(is_road, (edges - low) / PIXEL)
    return Way(center, along, room, track.length, is_road, (float(low[0]), float(low[1])))


def at_start(way: Way) -> Records:
    """A car at rest on the start line, [1]."""
    state = np.zeros(1, STATE)
    state["x"], state["y"] = way.center[0]
    state["heading"] = math.atan2(way.along[0, 1], way.along[0, 0])
    state["before"] = -1
    return state


def left_of(along: Floats) -> Floats:
    """Unit vectors a quarter turn to the left, [M, 2]."""
    return np.stack([-along[:, 1], along[:, 0]], axis=1)


def wrapped(angles: Floats) -> Floats:
    """The same angles in [-pi, pi)."""
    return (angles + np.pi) % (2.0 * np.pi) - np.pi


@kernel
def _paint(is_road: NDArray[np.bool_], edges: Floats) -> None:
    """Fills in what lies between the borders; edges [K, 2, 2] in pixels."""
    for column in range(is_road.shape[0]):
        x = column + 0.5
        for k in range(len(edges)):
            x0, y0, x1, y1 = edges[k, 0, 0], edges[k, 0, 1], edges[k, 1, 0], edges[k, 1, 1]
            if (x0 > x) != (x1 > x):
                for row in range(math.ceil(y0 + (x - x0) / (x1 - x0) * (y1 - y0) - 0.5)):
                    is_road[column, row] = not is_road[column, row]


@kernel
def pick(states: Records, at: Floats) -> Indices:
    """Numbers of the states that are the earliest of their cells; ``at`` [N] is when, seconds."""
    of_cell = np.full(CELLS, -1, np.int32)
    chosen = np.empty(len(states), np.int64)
    count = 0
    for i in range(len(states)):
        rival = of_cell[states[i].cell]
        if rival < 0:
            of_cell[states[i].cell] = count
            chosen[count] = i
            count += 1
        elif at[i] < at[chosen[rival]]:
            chosen[rival] = i
    return chosen[:count]


@kernel
def expand(
    states: Records,
    first: int,
    way: Way,
    vehicle: VehicleParams,
    tube: Tube,
    max_speed: float,
    commands: int,
    seed: int,
) -> None:
    """Drives each state by one step, in place.

    Args:
        states: copies, ``commands`` of each one.
        first: number of the first of them here.
        way: the road.
        vehicle: the car.
        tube: outside which a state is given up.
        max_speed: highest command, m/s.
        commands: how many are tried from each state.
        seed: of what is random about them.
    """
    for i in range(len(states)):
        state = states[i]
        steering, speed = _command(state, vehicle, max_speed, first + i, commands, seed)
        drive(state, vehicle, steering, speed)
        state.seconds += DT * SUBSTEPS
        point = _find_place(state, way)
        state.cell = _cell_of(state, way, tube, point)


@njit
def _command(
    state: State, vehicle: VehicleParams, max_speed: float, number: int, commands: int, seed: int
) -> tuple[float, float]:
    """One of the commands that are tried: all steering angles, with full, some and no power.

    Each fifth holds the steering.
    """
    which = number % commands
    share = (which // 3 + _random(number, 2 * seed)) / (commands // 3)
    steering = clip(MAX_STEERING * (2.2 * share - 1.1), -MAX_STEERING, MAX_STEERING)
    if which % 5 == 4:
        steering = state.steering_command
    rolling = state.speed / vehicle.speed_gain
    speed = max_speed
    if which % 3 == 1:
        speed = rolling + PUSH * (2.0 * _random(number, 2 * seed + 1) - 1.0)
    elif which % 3 == 2:
        speed = rolling - PUSH
    return steering, clip(speed, MIN_SPEED, max_speed)


@njit
def _random(number: int, stream: int) -> float:
    """In [0, 1), by the finaliser of MurmurHash3."""
    bits = np.uint64(number) + np.uint64(stream) * np.uint64(0x9E3779B97F4A7C15)
    for factor in (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)):
        bits = (bits ^ (bits >> np.uint64(33))) * factor
    return float((bits ^ (bits >> np.uint64(33))) >> np.uint64(11)) / float(1 << 53)


@njit
def _find_place(state: State, way: Way) -> int:
    """Sets how far a car has come; the number of the nearest point, over all laps."""
    points = len(way.center)
    spacing = way.length / points
    last = round(state.arc / spacing)
    nearest, least = last, math.inf
    for i in range(max(0, last - BEHIND), last + AHEAD):
        dx = state.x - way.center[i % points, 0]
        dy = state.y - way.center[i % points, 1]
        if dx * dx + dy * dy < least:
            nearest, least = i, dx * dx + dy * dy
    i = nearest % points
    dx, dy = state.x - way.center[i, 0], state.y - way.center[i, 1]
    state.arc = nearest * spacing + dx * way.along[i, 0] + dy * way.along[i, 1]
    return nearest


@njit
def _cell_of(state: State, way: Way, tube: Tube, point: int) -> int:
    """The number of a state's cell, or -1 where it is off the road or outside the tube."""
    i = point % len(way.center)
    along_x, along_y = way.along[i, 0], way.along[i, 1]
    dx, dy = state.x - way.center[i, 0], state.y - way.center[i, 1]
    offset = dy * along_x - dx * along_y
    turned = wrap_angle(state.heading - math.atan2(along_y, along_x))
    middle = tube.line[min(point, len(tube.line) - 1)]
    if (
        abs(offset - middle[0]) > tube.width[0]
        or abs(turned - middle[1]) > tube.width[1]
        or abs(state.speed - middle[2]) > tube.width[2]
        or not _is_on_road(state, way)
    ):
        return -1
    number = np.int64(0)
    for k, value in enumerate(
        (offset, turned, state.speed, state.side_speed, state.yaw_rate, state.steering)
    ):
        number = (number + math.floor(value / tube.cell[k])) * 1299709
    return int((number ^ (number >> 23)) & (CELLS - 1))


@njit
def _is_on_road(state: State, way: Way) -> bool:
    """Whether one wheel or more stand on it, as the rules ask."""
    c, s = math.cos(state.heading), math.sin(state.heading)
    for ahead, left in (
        (REAR_AXLE, HALF_REAR_TRACK),
        (REAR_AXLE, -HALF_REAR_TRACK),
        (FRONT_AXLE, HALF_FRONT_TRACK),
        (FRONT_AXLE, -HALF_FRONT_TRACK),
    ):
        column = int((state.x + ahead * c - left * s - way.corner[0]) / PIXEL)
        row = int((state.y + ahead * s + left * c - way.corner[1]) / PIXEL)
        if (
            0 <= column < way.is_road.shape[0]
            and 0 <= row < way.is_road.shape[1]
            and way.is_road[column, row]
        ):
            return True
    return False
