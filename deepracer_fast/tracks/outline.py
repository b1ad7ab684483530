"""From a track's outline to its route.

In: control points on the centre line and the road's width. Out: a route ``[N, 6]`` as the
original's files have it: centre, inner and outer border, x and y each, last row repeating the
first. Neighbours: the package has the bundled outlines, ``random_outline`` makes up others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from deepracer_fast import _core
from deepracer_fast.tracks.borders import cross, signed_area

# Spacing of the rows, metres: what most of the original's routes have.
SPACING = 0.15

# Surveyed points lie on the chords of a polygon, hence a few millimetres inside every bend. Moving
# each away from its neighbours by this share of its second difference makes up for that: of 0,
# 0.005, ... 0.02 it brings the lengths of the first 18 tracks nearest to the surveyed ones (within
# 0.25 %, without it 0.34 %); distances to the surveyed lines stay as they are (4 mm mean).
SHARPENING = 0.01

# Rows beyond the start from which the other way begins: 2022_reinvent_champ_cw starts 0.26 m beyond
# the start of its twin, so that both cross one start line.
_OTHER_START = 2

# A line that crosses itself more often than this is no border.
_MOST_CROSSINGS = 10_000

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Outline:
    """One bundled track, as it was surveyed: points on its centre line, and its width."""

    name: str  # the world name that the ecosystem uses, such as ``reinvent_base``
    title: str  # the name that the console showed
    look: str  # which set of colours and lines, see ``Track.look``
    width: float  # from border to border, metres
    control_points: tuple[tuple[float, float], ...]  # m, in driving direction, not closed
    clockwise: bool = False  # driven the other way, as the ``_cw`` twin of a ``_ccw`` track


def outline_route(outline: Outline) -> Points:
    """Draws a smooth road through an outline.

    The centre line is the periodic cubic spline through the control points, sampled evenly from
    the first one on; the borders lie half the width to either side.

    Returns:
        ``[N, 6]`` metres: centre, inner and outer border; row N-1 repeats row 0.
    """
    control_points = np.array(outline.control_points)
    bend = np.roll(control_points, 1, axis=0) + np.roll(control_points, -1, axis=0)
    control_points -= SHARPENING * (bend - 2 * control_points)
    centre, normal = _sample_evenly(control_points, SPACING)
    to_inner = normal if signed_area(np.vstack([centre, centre[:1]])) > 0 else -normal
    half_width = outline.width / 2
    inner = without_loops(centre + half_width * to_inner)
    outer = without_loops(centre - half_width * to_inner)
    route = np.hstack([centre, inner, outer])
    if outline.clockwise:
        route = np.roll(route[::-1], _OTHER_START + 1, axis=0)
    return np.vstack([route, route[:1]])


def _sample_evenly(control_points: Points, spacing: float) -> tuple[Points, Points]:
    """Rows ``[N, 2]`` about ``spacing`` apart on the spline, and its unit normals to the left."""
    closed = np.vstack([control_points, control_points[:1]])
    spline = CubicSpline(arc_length(closed), closed, bc_type="periodic")
    # 100 samples for each control point measure arc length to far below a millimetre.
    parameter = np.linspace(0.0, spline.x[-1], 100 * len(control_points) + 1)
    along = arc_length(spline(parameter))
    num_rows = round(along[-1] / spacing)
    rows = np.interp(np.arange(num_rows) * along[-1] / num_rows, along, parameter)
    tangent = spline(rows, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return spline(rows), np.column_stack([-tangent[:, 1], tangent[:, 0]])


def arc_length(line: Points) -> Points:
    """How far along a polyline [N, 2] each of its rows lies, metres [N]."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def without_loops(ring: Points, is_open: bool = False) -> Points:
    """Irons out the loops that an offset ring ``[N, 2]`` makes inside a bend of smaller radius.

    A ring does not repeat its first row; an open line has no way from its last row to that. Such a
    ring overshoots the bend's centre, runs backwards and crosses itself. The rows of a
    loop move onto the short way past its corner, evenly spaced, so that the ring keeps its number
    of rows and each row its place beside the centre line.
    """
    num_rows = len(ring)
    ironed = ring.copy()
    done: set[int] = set()
    for first, last, corner in _crossings(ring, is_open):
        if not done.isdisjoint(row % num_rows for row in range(first, last + 2)):
            continue
        rows = np.arange(first + 1, last + 1) % num_rows
        done.update(rows.tolist())
        way = np.array([ring[first], corner, ring[(last + 1) % num_rows]])
        along = arc_length(way)
        places = np.linspace(0.0, along[-1], len(rows) + 2)[1:-1]
        ironed[rows] = np.column_stack([np.interp(places, along, way[:, k]) for k in (0, 1)])
    return ironed


def _crossings(ring: Points, is_open: bool) -> list[tuple[int, int, Points]]:
    """Loops, largest first: the segments ``first`` and ``last`` of the ring, and where they cross.

    Segment i runs from row i to row i + 1. Of the two ways around the ring the shorter one is the
    loop; where it runs over the ring's end, ``last`` is N or more.
    """
    num_rows = len(ring)
    closed = ring if is_open else np.vstack([ring, ring[:1]])
    step = np.diff(closed, axis=0)
    loops = []
    for first, last in sorted(_core.self_crossings(closed, _MOST_CROSSINGS).tolist()):
        if not is_open and (first, last) == (0, num_rows - 1):
            continue  # neighbours: they share row 0
        between = ring[last] - ring[first]
        share = cross(between, step[last]) / cross(step[first], step[last])
        corner = ring[first] + share * step[first]
        if not is_open and last - first > num_rows // 2:
            first, last = last, first + num_rows
        loops.append((first, last, corner))
    return sorted(loops, key=lambda loop: loop[0] - loop[1])
