"""The LIDAR of one car: 64 rays that meet objects and the walls of the room.

In: where the car is, its objects, the room. Out: 64 ranges, or what the sector sensors make of
them. The twin of ``csrc/rendering/lidar.*``, which names the sources.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.objects import BLOCKS, FIRST_BLOCK
from deepracer_fast.world.engine_numba.plane import clip, uniform
from deepracer_fast.world.engine_numba.records import Floats, Singles, Thing, Things

RAYS: int = _core.LIDAR_RAYS
HALF_ANGLE = 2.61799  # rad; 300 degrees from the first ray to the last, counter-clockwise
YAW = 3.1416  # rad: the middle ray points to the rear
AHEAD, HEIGHT = 0.02913, 0.184699  # m from base_link, above the ground
MIN_RANGE, MAX_RANGE = 0.15, 12.0  # m
NOISE = 0.01  # m, standard deviation
RESOLUTION = np.float32(0.01)  # m
ZERO, ONE = np.float32(0.0), np.float32(1.0)

CLIP = 1.0  # m, where LIDAR's values are cut
SECTORS, SECTOR_CLIP = _core.LIDAR_SECTORS, 0.5  # m: a sector is 1 where something is nearer

NONE, RANGES, OCCUPIED_SECTORS, DISCRETIZED_SECTORS = map(int, _core.LidarSensor)


class Room(NamedTuple):
    """The walls, m."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float


class Lidar(NamedTuple):
    """Which of the LIDAR sensors a car carries, and its ``lidar_config``."""

    kind: int
    num_sectors: int
    num_values: int  # per sector
    clipping_dist: float  # m
    room: Room


def lidar_size(lidar: Lidar) -> int:
    """Numbers in a car's observation."""
    sizes = {NONE: 0, RANGES: RAYS, OCCUPIED_SECTORS: SECTORS}
    return sizes.get(lidar.kind, lidar.num_sectors * lidar.num_values)


# Ranges.


@njit
def scan(
    x: float, y: float, heading: float, objects: Things, age: float, room: Room, ranges: Floats
) -> None:
    """Fills ``ranges`` [64] with what the rays meet, in metres; infinity where that is nothing.

    The car is at a pose of base_link (m, rad), and its objects are where they were ``age`` s ago.
    """
    x, y = x + AHEAD * math.cos(heading), y + AHEAD * math.sin(heading)
    for i in range(RAYS):
        angle = heading + YAW + (2.0 * i / (RAYS - 1) - 1.0) * HALF_ANGLE
        ray_x, ray_y = math.cos(angle), math.sin(angle)
        found = way_to_wall(x, y, ray_x, ray_y, room)
        for k in range(len(objects)):
            found = min(found, way_to_object(x, y, ray_x, ray_y, objects[k], age))
        ranges[i] = found


@njit
def way_to_wall(x: float, y: float, ray_x: float, ray_y: float, room: Room) -> float:
    """How far a ray runs until it leaves the room; a car outside sees no walls."""
    if not (room.min_x < x < room.max_x and room.min_y < y < room.max_y):
        return math.inf
    _, leaves_x = crossing(x, ray_x, room.min_x, room.max_x)
    _, leaves_y = crossing(y, ray_y, room.min_y, room.max_y)
    return min(leaves_x, leaves_y)


@njit
def way_to_object(
    x: float, y: float, ray_x: float, ray_y: float, thing: Thing, age: float
) -> float:
    """How far a ray runs until it enters one of an object's blocks at the height of the LIDAR."""
    along_x, along_y = thing.along_x, thing.along_y
    gap_x = x - thing.x + age * thing.speed * along_x
    gap_y = y - thing.y + age * thing.speed * along_y
    # In the object's own frame.
    ahead, left = gap_x * along_x + gap_y * along_y, along_x * gap_y - along_y * gap_x
    ray_ahead, ray_left = ray_x * along_x + ray_y * along_y, along_x * ray_y - along_y * ray_x
    found = math.inf
    for k in range(FIRST_BLOCK[thing.kind], FIRST_BLOCK[thing.kind + 1]):
        low, high = BLOCKS[k].low, BLOCKS[k].high
        if low[2] <= HEIGHT <= high[2]:
            enters_ahead, leaves_ahead = crossing(ahead, ray_ahead, low[0], high[0])
            enters_left, leaves_left = crossing(left, ray_left, low[1], high[1])
            enters = max(enters_ahead, enters_left, 0.0)  # one that starts inside is at 0
            if enters <= min(leaves_ahead, leaves_left):
                found = min(found, enters)
    return found


@njit
def crossing(start: float, step: float, low: float, high: float) -> tuple[float, float]:
    """How far along a ray a coordinate that grows by ``step`` a metre comes between two limits."""
    if abs(step) < 1e-12:
        step = 1e-12
    one, other = (low - start) / step, (high - start) / step
    return min(one, other), max(one, other)


@njit
def add_noise(bits: np.uint64, ranges: Floats) -> None:
    """Noise and resolution of a real scan, of 64 random bits; rays that met nothing stay.

    The bits choose two stretches of a row of normal numbers, of which each ray takes the sum. In
    float32 from the rounding on, as ranges often lie on a limit of the sensors to come.
    """
    first, second = bits & np.uint64(4095), (bits >> np.uint64(32)) & np.uint64(4095)
    for i in range(RAYS):
        if ranges[i] < math.inf:
            noise = normal_number(int(first) + i) + normal_number(int(second) + i)
            steps = int((ranges[i] + math.sqrt(0.5) * NOISE * noise) / 0.01 + 0.5)
            ranges[i] = np.float32(steps) * RESOLUTION


@njit
def normal_number(index: int) -> float:
    """One of a row of standard normal numbers: the sum of twelve uniform ones."""
    total = -6.0
    for k in range(12):
        total += uniform(np.uint64(1), 0, index, k)
    return total


# What the sensors make of them.


@njit
def reduce(ranges: Floats, lidar: Lidar, out: Singles) -> None:
    """Fills a car's observation."""
    if lidar.kind == RANGES:
        for i in range(RAYS):
            out[i] = clip(ranges[i], MIN_RANGE, CLIP)
    elif lidar.kind == OCCUPIED_SECTORS:
        for sector in range(SECTORS):
            out[sector] = ONE if nearest_in(ranges, sector, SECTORS) < SECTOR_CLIP else ZERO
    else:
        discretize(ranges, lidar, out)


@njit
def discretize(ranges: Floats, lidar: Lidar, out: Singles) -> None:
    """Each sector's distance one-hot in equal bins up to a limit, all 0 beyond."""
    out[:] = ZERO
    width = np.float32(lidar.clipping_dist) / np.float32(lidar.num_values)
    for sector in range(lidar.num_sectors):
        range_ = nearest_in(ranges, sector, lidar.num_sectors)
        nearest = np.float32(clip(range_, MIN_RANGE, MAX_RANGE))
        if nearest < lidar.clipping_dist:
            value = min(int(nearest / width), lidar.num_values - 1)
            out[sector * lidar.num_values + value] = ONE


@njit
def nearest_in(ranges: Floats, sector: int, num_sectors: int) -> np.float64:
    """The shortest range of one of so many sectors."""
    rays = RAYS // num_sectors
    return ranges[sector * rays : (sector + 1) * rays].min()
