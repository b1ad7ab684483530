"""What else stands or drives on a track: the twin of ``csrc/traffic/objects.h``.

In: where an object is. Out: whether a car runs into it, and whether the camera's frustum holds it.
"""

import math

import numpy as np
from numba import njit

from deepracer_fast.world.engine_numba.records import Car, Thing

BOX, CAR_LIKE = 0, 1  # what an object looks like

OBJECT = np.dtype(
    [
        ("x", np.float64),  # m, its centre
        ("y", np.float64),
        ("along_x", np.float64),  # its heading as a unit vector
        ("along_y", np.float64),
        ("speed", np.float64),  # m/s along it
        ("kind", np.int64),
    ],
    align=True,
)
"""One object of a car; a batch keeps [B, K] of them."""

# Half length and half width of the rectangles of the crash rule, m (markov
# track_geom/constants.py): a car's is its body, a box's is its 0.4 x 0.3 m and 0.05 m to each side.
FOOTPRINTS = ((0.25, 0.2), (0.5 * 0.32352, 0.5 * 0.1961))  # by kind

# The frustum that object_in_camera asks about; source in csrc/traffic/objects.h.
LENS_AHEAD, LENS_HEIGHT = 0.14529, 0.13033  # m from base_link
SINE, COSINE = 0.25882, 0.96592  # of the pitch, downwards
NEAR, FAR = 0.2, 300.0  # m
HALF_WIDTH = 0.63406  # tangent of half the angle of view
HALF_HEIGHT = 0.75 * HALF_WIDTH


@njit
def put_object(thing: Thing, x: float, y: float, heading: float, speed: float, kind: int) -> None:
    """An object at a pose."""
    thing.x, thing.y, thing.speed, thing.kind = x, y, speed, kind
    thing.along_x, thing.along_y = math.cos(heading), math.sin(heading)


@njit
def corner(half: tuple[float, float], number: int) -> tuple[float, float]:
    """Metres ahead and left of a rectangle's centre to one of its four corners."""
    return half[0] * (1.0 - 2.0 * (number & 1)), half[1] * (1.0 - (number & 2))


@njit
def runs_into(car: Car, thing: Thing) -> bool:
    """The crash rule: a corner of the car's rectangle lies strictly inside the object's."""
    c, s = math.cos(car.heading), math.sin(car.heading)
    half_length, half_width = FOOTPRINTS[thing.kind]
    for number in range(4):
        ahead, left = corner(FOOTPRINTS[CAR_LIKE], number)
        gap_x = car.x + ahead * c - left * s - thing.x
        gap_y = car.y + ahead * s + left * c - thing.y
        along = gap_x * thing.along_x + gap_y * thing.along_y
        across = thing.along_x * gap_y - thing.along_y * gap_x
        if abs(along) < half_length and abs(across) < half_width:
            return True
    return False


@njit
def in_camera(car: Car, thing: Thing) -> bool:
    """Whether the frustum holds the centre or a corner of the object's rectangle on the floor."""
    if is_seen(car, thing.x, thing.y):
        return True
    for number in range(4):
        ahead, left = corner(FOOTPRINTS[thing.kind], number)
        x = thing.x + ahead * thing.along_x - left * thing.along_y
        y = thing.y + ahead * thing.along_y + left * thing.along_x
        if is_seen(car, x, y):
            return True
    return False


@njit
def is_seen(car: Car, x: float, y: float) -> bool:
    """Whether the frustum of a car's camera holds a point of the floor."""
    c, s = math.cos(car.heading), math.sin(car.heading)
    gap_x, gap_y = x - car.x, y - car.y
    ahead, left = gap_x * c + gap_y * s - LENS_AHEAD, c * gap_y - s * gap_x
    depth = ahead * COSINE + LENS_HEIGHT * SINE
    below = LENS_HEIGHT * COSINE - ahead * SINE
    is_between = NEAR < depth < FAR
    return is_between and abs(left) < HALF_WIDTH * depth and abs(below) < HALF_HEIGHT * depth
