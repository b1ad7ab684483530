"""A line of little bend around a loop, and a speed for each of its points: where a search begins.

In: a centre line and the room beside it. Out: offsets, headings and speeds along it. The line has
the least sum of squared bends that the room allows; the speeds are those of a point that pushes
ahead and aside with some of the grip each.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import lsq_linear

from deepracer_fast.racing.lap_search import Way, left_of, wrapped
from deepracer_fast.world.engine_numba.records import Floats

MERGE = 4.0  # m from the start, where the car stands in the middle, to the line
KNOT = 0.35  # m, about, between the points that are moved aside
ROOM_KEPT = 0.05  # m between the car's middle and the border
ASIDE, AHEAD = 0.85, 0.7  # shares of the grip that the speeds ask for


def racing_line(way: Way, grip: float, max_speed: float, laps: int) -> Floats:
    """A drive of some laps from a standing start.

    Args:
        way: the road, M points.
        grip: with which the car pushes, m/s^2.
        max_speed: m/s.
        laps: how many.

    Returns:
        Offset to the left (m), heading from the road's (rad) and speed (m/s), [laps * M, 3].
    """
    center, along, length = way.center, way.along, way.length
    points = len(center)
    knots = round(length / KNOT)
    at = (np.arange(knots) * points // knots).astype(int)
    offset = _offsets(center[at], along[at], way.room[at])
    offset = np.interp(np.arange(points), at, offset, period=points)
    line = center + offset[:, None] * left_of(along)
    line = gaussian_filter1d(line, points * KNOT / length, axis=0, mode="wrap", truncate=2.0)
    ahead = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    step = np.linalg.norm(ahead, axis=1) / 2.0
    heading = np.arctan2(ahead[:, 1], ahead[:, 0])
    turn = wrapped(np.roll(heading, -1) - np.roll(heading, 1))
    bend = np.abs(turn) / (2.0 * step)
    top = np.minimum(max_speed, np.sqrt(ASIDE * grip / np.maximum(bend, 1e-6)))
    speed = _reachable(np.tile(top, laps), np.tile(step, laps), AHEAD * grip)
    turned = wrapped(heading - np.arctan2(along[:, 1], along[:, 0]))
    drive = np.stack([np.tile(offset, laps), np.tile(turned, laps), speed], axis=1)
    from_middle = np.minimum(1.0, np.arange(laps * points) * length / points / MERGE)
    return np.asarray(drive * np.stack([from_middle, from_middle, np.ones_like(speed)], axis=1))


def _offsets(center: Floats, along: Floats, room: Floats) -> Floats:
    """Of least bend: the sum of squared second differences of the points that are moved aside."""
    count = len(center)
    left, one = left_of(along), np.eye(count)
    bends = np.roll(one, 1, axis=1) + np.roll(one, -1, axis=1) - 2.0 * one
    matrix = np.concatenate([bends * left[:, axis] for axis in (0, 1)])
    target = -np.concatenate([bends @ center[:, axis] for axis in (0, 1)])
    low, high = -np.maximum(room[:, 0] - ROOM_KEPT, 0.01), np.maximum(room[:, 1] - ROOM_KEPT, 0.01)
    return np.asarray(lsq_linear(matrix, target, (low, high), method="bvls").x)


def _reachable(top: Floats, step: Floats, push: float) -> Floats:
    """Speeds under ``top`` that a car comes to from rest, and brakes down to in time."""
    speed = top.copy()
    for i in range(len(speed) - 2, -1, -1):
        speed[i] = min(speed[i], np.sqrt(speed[i + 1] ** 2 + 2.0 * push * step[i]))
    speed[0] = 0.0
    for i in range(len(speed) - 1):
        speed[i + 1] = min(speed[i + 1], np.sqrt(speed[i] ** 2 + 2.0 * push * step[i]))
    return speed
