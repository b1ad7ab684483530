"""The two lanes of a road: where boxes stand, bots drive and crashed cars are put back.

In: a :class:`~deepracer_fast.world.engine_numba.road.Road`. Out: poses on its inner and outer lane,
which run midway between the centre line and a border, waypoint by waypoint. Boxes stand on the
polyline through those points (markov agent_ctrl/obstacles_agent_ctrl.py); bots drive along the
cubic spline through them whose parameter is the arc length of the centre line
(bot_cars_agent_ctrl.py). The twin of ``csrc/tracks/lanes.*``.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from deepracer_fast.tracks.route_file import SAME_POINT
from deepracer_fast.world.engine_numba.records import Segments
from deepracer_fast.world.engine_numba.road import (
    Road,
    center_at,
    locate,
    nearest,
    segment_at,
    segments_of,
)

INNER, OUTER = 0, 1  # a lane; the other one is 1 - lane

ON_CENTER = 1e-3  # m from the centre line, as far from one border as the other


class Lanes(NamedTuple):
    """Both lanes of a road, inner and outer, in driving direction."""

    lines: tuple[Segments, Segments]  # arrays of ``road.SEGMENT``
    knots: NDArray[np.float64]  # [P] m of the centre line where a spline's piece begins
    powers: NDArray[np.float64]  # [2, P, 4, 2] of (arc - knot), cubic first; x and y


def lanes_of(road: Road) -> Lanes:
    """The lanes of a road; their splines are closed on a loop."""
    center, arcs = _points(road.center), np.append(road.center["arc"], road.length)
    keep = np.append(road.center["length"] > SAME_POINT, True)
    lines, powers = [], []
    for border in (road.inner, road.outer):
        points = 0.5 * (center + _beside(road, center, border))
        lines.append(segments_of(points))
        if road.is_loop:
            points[-1] = points[keep][0]  # the same but for rounding
        spline = CubicSpline(
            arcs[keep], points[keep], bc_type="periodic" if road.is_loop else "natural"
        )
        powers.append(spline.c.transpose(1, 0, 2))
    return Lanes((lines[0], lines[1]), arcs[keep][:-1].copy(), np.array(powers))


def _beside(road: Road, center: NDArray[np.float64], border: Segments) -> NDArray[np.float64]:
    """Points [N, 2] of a border opposite the waypoints: its own rows, or its nearest points."""
    if road.rows_stand_opposite:
        return _points(border)
    return np.array([nearest(border, x, y)[2:] for x, y in center])


def _points(line: Segments) -> NDArray[np.float64]:
    """The points [N, 2] that a line runs through."""
    ends = line[-1:]
    x = np.concatenate([line["x"], ends["end_x"]])
    return np.stack([x, np.concatenate([line["y"], ends["end_y"]])], axis=1)


@njit
def parked_at(road: Road, lanes: Lanes, lane: int, arc: float) -> tuple[float, float, float]:
    """The lane's point nearest to the centre point at an arc length: x, y (m), heading (rad)."""
    center_x, center_y, _ = center_at(road, arc)
    line = lanes.lines[lane]
    _, on_lane, x, y = nearest(line, center_x, center_y)
    s = segment_at(line, on_lane)
    return x, y, math.atan2(s.dy, s.dx)


@njit
def drive_at(lanes: Lanes, lane: int, arc: float) -> tuple[float, float, float, float]:
    """The lane's spline at an arc length: x, y (m), and by how much they grow in a metre of it."""
    i = max(int(np.searchsorted(lanes.knots, arc, side="right")) - 1, 0)
    t, p = arc - lanes.knots[i], lanes.powers[lane, i]
    x = ((p[0, 0] * t + p[1, 0]) * t + p[2, 0]) * t + p[3, 0]
    y = ((p[0, 1] * t + p[1, 1]) * t + p[2, 1]) * t + p[3, 1]
    slope_x = (3.0 * p[0, 0] * t + 2.0 * p[1, 0]) * t + p[2, 0]
    slope_y = (3.0 * p[0, 1] * t + 2.0 * p[1, 1]) * t + p[2, 1]
    return x, y, slope_x, slope_y


@njit
def lane_beside(road: Road, x: float, y: float) -> int:
    """The lane whose border is the nearer one; on the centre line itself the outer lane."""
    _, away, _, nearer_inner, _, _ = locate(road, x, y)
    return INNER if nearer_inner and away > ON_CENTER else OUTER
