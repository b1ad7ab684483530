"""What else stands or drives on a track: the twin of ``csrc/traffic/objects.h``.

In: where an object is. Out: whether a car runs into it, whether the camera's frustum holds it, and
the blocks that camera and LIDAR see of it (``csrc/rendering/blocks.h``, which names the sources).
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

# What boxes and cars look like: solid blocks of one colour, in an object's own frame.
BLOCK = np.dtype(
    [
        # Along the heading, across it (left positive), above the ground.
        ("low", np.float64, 3),  # m
        ("high", np.float64, 3),  # m
        ("grey", np.float64),  # of the surface itself, 0..255, before any light
    ],
    align=True,
)

BOX_GREY = 255.0 * (0.2989 * 0.482 + 0.587 * 0.38 + 0.114 * 0.309)
SHELL_GREY, WHEEL_GREY = 60.0, 15.0  # guesses, as is the height of the shell

# One after the other: a box, then the shell and the wheels of a car. The first is the body.
BLOCKS = np.array(
    [
        ((-0.2, -0.15, 0.0), (0.2, 0.15, 0.225), BOX_GREY),
        ((-0.158, -0.094, 0.03), (0.166, 0.094, 0.19), SHELL_GREY),
        ((-0.118, 0.064, 0.0), (-0.046, 0.098, 0.072), WHEEL_GREY),
        ((-0.118, -0.098, 0.0), (-0.046, -0.064, 0.072), WHEEL_GREY),
        ((0.046, 0.064, 0.0), (0.118, 0.098, 0.072), WHEEL_GREY),
        ((0.046, -0.098, 0.0), (0.118, -0.064, 0.072), WHEEL_GREY),
    ],
    BLOCK,
)
FIRST_BLOCK = (0, 1, len(BLOCKS))
"""By kind of object: its blocks are those from this one on, up to the next kind's first."""

NOTHING = np.array([((np.inf,) * 3, (-np.inf,) * 3, 0.0)], BLOCK)
"""A block that nothing lies inside."""

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
def to_world(thing: Thing, ahead: float, left: float) -> tuple[float, float]:
    """World coordinates of a point given in an object's own frame, metres."""
    return (
        thing.x + ahead * thing.along_x - left * thing.along_y,
        thing.y + ahead * thing.along_y + left * thing.along_x,
    )


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
        x, y = to_world(thing, ahead, left)
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
