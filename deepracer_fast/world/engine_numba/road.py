"""The road as the rules see it: where a point lies among centre line and borders.

In: the polylines of a :class:`deepracer_fast.tracks.track.Track`. Out: :class:`Road`, and the
questions that a step asks of it. The twin of ``csrc/tracks/track.*``, in float64 and without its
rasters: each question looks at every segment, in the open.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.plane import clip
from deepracer_fast.world.engine_numba.records import Segment, Segments

SEGMENT = np.dtype(
    [
        *((name, np.float64) for name in ("x", "y", "end_x", "end_y", "dx", "dy")),  # m
        ("inverse_length2", np.float64),  # 1 / |span|^2, 0 for a repeated point
        ("length", np.float64),  # m
        ("arc", np.float64),  # m along the line at the start
    ]
)


class Road(NamedTuple):
    """A road in driving direction; arrays of ``SEGMENT``, for Numba one record each."""

    center: Segments
    inner: Segments
    outer: Segments
    edges: Segments  # both borders of a loop, or the outline of an open strip
    length: float  # m
    is_loop: bool
    is_counter_clockwise: bool
    rows_stand_opposite: bool


Roads = tuple[Road, Road]  # of the two directions


def road_of(track: Track, backwards: bool = False) -> Road:
    """The road of a ``Track``, or the same driven the other way."""
    order = slice(None, None, -1 if backwards else 1)
    center, inner, outer = (line[order] for line in (track.waypoints, track.inner, track.outer))
    middle, inside, outside = (segments_of(line) for line in (center, inner, outer))
    if track.is_loop:
        edges = np.concatenate([inside, outside])
        across = center[:-1, 0] * center[1:, 1] - center[1:, 0] * center[:-1, 1]
    else:
        outline = np.concatenate([outer, inner[::-1], outer[:1]])
        edges = segments_of(outline)
        # Out along the outer border and back along the inner one, which is the left one if that
        # goes round the road counter-clockwise.
        across = outline[:-1, 0] * outline[1:, 1] - outline[1:, 0] * outline[:-1, 1]
    length, is_counter_clockwise = float(middle["length"].sum()), bool(np.sum(across) > 0.0)
    kind = (bool(track.is_loop), is_counter_clockwise, bool(track.rows_stand_opposite))
    return Road(middle, inside, outside, edges, length, *kind)


def segments_of(points: NDArray[np.float64]) -> Segments:
    """The line through points [N, 2] as an array [N - 1] of ``SEGMENT``."""
    segments = np.zeros(len(points) - 1, SEGMENT)
    span = np.diff(points, axis=0)
    segments["x"], segments["y"] = points[:-1].T
    segments["end_x"], segments["end_y"] = points[1:].T
    segments["dx"], segments["dy"] = span.T
    segments["length"] = np.linalg.norm(span, axis=1)
    segments["arc"][1:] = np.cumsum(segments["length"])[:-1]
    is_line = segments["length"] > 0.0
    segments["inverse_length2"][is_line] = segments["length"][is_line] ** -2
    return segments


@njit
def nearest(line: Segments, x: float, y: float) -> tuple[int, float, float, float]:
    """The nearest point of a line: its segment, arc length (m), x and y (m)."""
    best, best_t, best_gap2 = 0, 0.0, math.inf
    for i in range(len(line)):
        s = line[i]
        t = clip(((x - s.x) * s.dx + (y - s.y) * s.dy) * s.inverse_length2, 0.0, 1.0)
        gap_x, gap_y = x - s.x - t * s.dx, y - s.y - t * s.dy
        if t == 1.0:  # as far, bit by bit, as from the next segment: the first of them counts
            gap_x, gap_y = x - s.end_x, y - s.end_y
        gap2 = gap_x * gap_x + gap_y * gap_y
        if gap2 < best_gap2:
            best, best_t, best_gap2 = i, t, gap2
    s = line[best]
    return best, s.arc + best_t * s.length, s.x + best_t * s.dx, s.y + best_t * s.dy


@njit
def is_on_road(road: Road, x: float, y: float) -> bool:
    """Between the borders: a ray along +x crosses the edges an odd number of times."""
    odd = False
    for i in range(len(road.edges)):
        s = road.edges[i]
        above, end_above = s.y > y, s.y + s.dy > y
        if above != end_above and x < s.x + (y - s.y) / s.dy * s.dx:
            odd = not odd
    return odd


@njit
def locate(road: Road, x: float, y: float) -> tuple[float, float, float, bool, int, int]:
    """What a step asks of a point.

    Returns:
        Arc length of its projection on the centre line (m), distance from it (m), width of the
        road there (m), whether the inner border is the nearer one, and the numbers of the
        waypoints before and after the projection.
    """
    prev, arc, center_x, center_y = nearest(road.center, x, y)
    _, _, inner_x, inner_y = nearest(road.inner, center_x, center_y)
    _, _, outer_x, outer_y = nearest(road.outer, center_x, center_y)
    to_inner, to_outer = math.hypot(x - inner_x, y - inner_y), math.hypot(x - outer_x, y - outer_y)
    # A projection on a waypoint lies on the segment that starts there; of several, on the last.
    num_segments = len(road.center)
    while prev < num_segments and arc >= road.center[prev].arc + road.center[prev].length:
        prev += 1
    following = prev + 1 if prev < num_segments else 0
    width = math.hypot(inner_x - outer_x, inner_y - outer_y)
    away = math.hypot(x - center_x, y - center_y)
    return arc, away, width, to_inner < to_outer, prev, following


@njit
def wrap_arc(road: Road, arc: float) -> float:
    """The same place from the start of a loop; on an open road the nearest that there is."""
    return arc % road.length if road.is_loop else clip(arc, 0.0, road.length)


@njit
def gap_ahead(road: Road, start: float, end: float) -> float:
    """Metres from one arc length to another, the shorter way round."""
    gap = end - start
    if road.is_loop:
        if gap > 0.5 * road.length:
            gap -= road.length
        if gap <= -0.5 * road.length:
            gap += road.length
    return gap


@njit
def segment_at(line: Segments, arc: float) -> Segment:
    """The last segment of a line that begins at or before an arc length."""
    i = len(line) - 1
    while i > 0 and line[i].arc > arc:
        i -= 1
    return line[i]


@njit
def center_at(road: Road, arc: float) -> tuple[float, float, float]:
    """The centre point at an arc length, which wraps on a loop: x, y (m), heading (rad)."""
    arc = wrap_arc(road, arc)
    s = segment_at(road.center, arc)
    t = clip((arc - s.arc) / s.length, 0.0, 1.0) if s.length > 0.0 else 0.0
    return s.x + t * s.dx, s.y + t * s.dy, math.atan2(s.dy, s.dx)


@njit
def lane_at(road: Road, arc: float, x: float, y: float) -> tuple[float, float]:
    """Middle between the centre line and the border that is nearer to (x, y), at an arc length."""
    center_x, center_y, _ = center_at(road, arc)
    _, _, border_x, border_y = nearest(road.inner, center_x, center_y)
    _, _, outer_x, outer_y = nearest(road.outer, center_x, center_y)
    if math.hypot(x - border_x, y - border_y) >= math.hypot(x - outer_x, y - outer_y):
        border_x, border_y = outer_x, outer_y
    return 0.5 * (center_x + border_x), 0.5 * (center_y + border_y)
