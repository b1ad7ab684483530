"""Plane geometry and random numbers of one car, compiled into whoever calls them.

World frame: x and y in metres, counter-clockwise angles in radians. Twins:
``csrc/base/geometry.h``, ``csrc/base/random.h``.
"""

import math

import numpy as np
from numba import njit

from deepracer_fast.world.engine_numba.records import Record


@njit
def clip(value: float, low: float, high: float) -> float:
    """The value, or the limit that it goes beyond."""
    return min(max(value, low), high)


@njit
def wrap_angle(angle: float) -> float:
    """The same angle in (-pi, pi]."""
    while angle > math.pi:
        angle -= 2.0 * math.pi
    while angle <= -math.pi:
        angle += 2.0 * math.pi
    return angle


@njit
def point_of(pose: Record, ahead: float, left: float) -> tuple[float, float]:
    """World coordinates of a point given in a pose's own frame, metres."""
    c, s = math.cos(pose.heading), math.sin(pose.heading)
    return pose.x + ahead * c - left * s, pose.y + ahead * s + left * c


# The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@njit
def _mix(z: np.uint64) -> np.uint64:
    z = z + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit
def random_bits(seed: np.uint64, car: int, episode: int, draw: int) -> np.uint64:
    """64 random bits: a pure function of its arguments."""
    place = (np.uint64(car) << np.uint64(32)) | np.uint64(episode)
    return _mix(_mix(_mix(seed) ^ place) ^ np.uint64(draw))


@njit
def uniform(seed: np.uint64, car: int, episode: int, draw: int) -> float:
    """In [0, 1), of 24 of those bits."""
    return float(random_bits(seed, car, episode, draw) >> np.uint64(40)) * 2.0**-24
