"""The two borders of a road, beside its centre line.

In: centre line, inner and outer border, each sampled on its own: rows of the same number need not
stand opposite each other. Out: what is wrong with them, their nearest points, and the rungs
between them that painters need. A loop's lines repeat their first row at the end. Neighbours:
``route_file`` checks what it reads, ``track`` asks for the rest.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepracer_fast import _core

# A road narrower than this holds no car (0.2 m wide), so the row is wrong.
MIN_WIDTH = 0.05
# Rows of the originals' files stand up to 2.1 times as far away as the border's nearest point.
_SLANT = 2.5
# The first of so many is told; who has more has no road.
_MOST_CROSSINGS = 10_000

_BEYOND = (
    "the centre must lie between the borders, found it beyond the {} one; columns must be centre x "
    "y, inner x y, outer x y"
)

_TURNED = (
    "the inner border must stay on one side, {} of the driving direction as in most rows, found it "
    "on the {}; exchange inner and outer there, or put the rows in driving order"
)

Points = NDArray[np.float64]


def nearest_points(points: Points, line: Points) -> Points:
    """The point of the polyline ``line`` [N, 2] that is nearest to each of ``points`` [P, 2]."""
    return _core.nearest_on_line(points, line)[0]


def stand_opposite(centre: Points, inner: Points, outer: Points) -> bool:
    """Whether each row is a cut across the road, its borders about their nearest points."""
    if not len(centre) == len(inner) == len(outer):
        return False
    across = inner - outer
    squared = np.maximum(np.sum(across**2, axis=1), np.finfo(float).tiny)
    share = np.sum((centre - outer) * across, axis=1) / squared
    if np.any(squared < MIN_WIDTH**2) or np.any((share <= 0) | (share >= 1)):
        return False
    left = cross(_forward(centre), across) > 0
    if not (left.all() or not left.any()):
        return False
    return all(
        np.all(
            _length(border - centre) <= _SLANT * _length(nearest_points(centre, border) - centre)
        )
        for border in (inner, outer)
    )


def border_fault(centre: Points, inner: Points, outer: Points) -> str:
    """The first row where no road can be: the centre line must have a border on each side.

    Returns:
        "row 7: " and why, or "" of a road.
    """
    to_inner = nearest_points(centre, inner) - centre
    to_outer = nearest_points(centre, outer) - centre
    width = _length(to_inner - to_outer)
    forward = _forward(centre)
    inner_left, outer_left = cross(forward, to_inner), cross(forward, to_outer)
    is_beyond = inner_left * outer_left >= 0
    usual = bool(np.mean(inner_left > 0) > 0.5)
    is_turned = (inner_left > 0) != usual
    for row in np.flatnonzero((width < MIN_WIDTH) | is_beyond | is_turned)[:1].tolist():
        if width[row] < MIN_WIDTH:
            return (
                f"row {row}: the borders must be {MIN_WIDTH} m or more apart, "
                f"found {width[row]:.3f} m"
            )
        if is_beyond[row]:
            nearer = "inner" if _length(to_inner)[row] < _length(to_outer)[row] else "outer"
            return f"row {row}: {_BEYOND.format(nearer)}"
        sides = ("left", "right") if usual else ("right", "left")
        return f"row {row}: {_TURNED.format(*sides)}"
    return _crossing(centre, inner, outer)


def _crossing(centre: Points, inner: Points, outer: Points) -> str:
    """A line that crosses another one. A border may cross itself inside a narrow bend."""
    for line, border, rule in (
        (centre, inner, _BEYOND.format("inner")),
        (centre, outer, _BEYOND.format("outer")),
        (inner, outer, "the borders must not meet, found that they do before here"),
    ):
        found = _core.line_crossings(line, border, _MOST_CROSSINGS)
        if len(found):
            return f"row {found[:, 0].min() + 1}: {rule}"
    last = len(centre) - 2  # the segment that ends where a loop begins
    for first, second in sorted(_core.self_crossings(centre, _MOST_CROSSINGS).tolist()):
        if (first, second) != (0, last):
            rule = "the road must not cross itself, found that it does after row"
            return f"row {second + 1}: {rule} {first}"
    return ""


def rungs(centre: Points, inner: Points, outer: Points, is_loop: bool) -> tuple[Points, Points]:
    """Both borders [M, 2] with rows that stand opposite each other, each row of both among them.

    A row is repeated where the other border has more of them. The first rung goes through the first
    waypoint.
    """
    if is_loop:
        inner, outer = _begun_beside(centre[:1], inner), _begun_beside(centre[:1], outer)
    one, other = inner.tolist(), outer.tolist()
    pairs = [(0, 0)]
    i = j = 0
    while i + 1 < len(one) or j + 1 < len(other):
        # Of the two rungs that may come next the shorter one.
        if j + 1 == len(other):
            i += 1
        elif i + 1 == len(one) or _gap2(one[i], other[j + 1]) < _gap2(one[i + 1], other[j]):
            j += 1
        else:
            i += 1
        pairs.append((i, j))
    rows = np.array(pairs)
    return inner[rows[:, 0]], outer[rows[:, 1]]


def _gap2(a: Any, b: Any) -> float:
    return float((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2)


def _begun_beside(point: Points, ring: Points) -> Points:
    """The same ring from its point nearest to ``point`` [1, 2] on."""
    feet, segments = _core.nearest_on_line(point, ring)
    after = int(segments[0]) + 1
    return np.concatenate([feet, ring[after:], ring[1:after], feet])


def offset_borders(centre: Points, width: Points, is_loop: bool) -> tuple[Points, Points]:
    """Lines half of ``width`` [N] to the left and to the right of a centre line, row by row.

    A corner is mitred, at most to twice the distance. Bends that are narrower than that leave loops
    on the inside.
    """
    steps = np.diff(centre, axis=0)
    lengths = _length(steps)
    real = np.maximum.accumulate(np.where(lengths > 0, np.arange(len(steps)), -1))
    real = np.where(real < 0, int(np.argmax(lengths > 0)), real)
    normals = np.column_stack([-steps[real, 1], steps[real, 0]]) / lengths[real][:, None]
    corner, mitre = mitred_corners(normals, is_loop)
    aside = width[:, None] * corner / mitre
    return centre + aside, centre - aside


def mitred_corners(normals: Points, is_loop: bool) -> tuple[Points, Points]:
    """How far the rows of a line go aside that is moved by half a metre: the first by the second.

    Args:
        normals: unit vectors [N - 1, 2] across its segments.
        is_loop: the last row is the first.

    Returns:
        [N, 2] and [N, 1]; no corner reaches further than twice the distance.
    """
    first, last = (normals[-1:], normals[:1]) if is_loop else (normals[:1], normals[-1:])
    corner = np.concatenate([first, normals]) + np.concatenate([normals, last])
    return corner, np.maximum(np.sum(corner**2, axis=1, keepdims=True), 1.0)


def signed_area(ring: Points) -> float:
    """Area within a closed ring whose last row repeats its first, m^2; below 0 if clockwise."""
    x, y = (ring - ring[0]).T
    return float(0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _forward(centre: Points) -> Points:
    """Along the road at each row [N, 2]: from the last row elsewhere to the next one."""
    is_loop = bool(np.array_equal(centre[0], centre[-1]))
    new = np.append(True, np.any(np.diff(centre, axis=0) != 0, axis=1))
    distinct = centre[new]
    if is_loop:
        ring = distinct[:-1]
        along = np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)
        along = np.vstack([along, along[:1]])
    else:
        along = np.gradient(distinct, axis=0)
    return np.asarray(along[np.cumsum(new) - 1])


def cross(a: Points, b: Points) -> Points:
    """The cross product of vectors [..., 2]: above 0 where ``b`` points to the left of ``a``."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _length(vectors: Points) -> Points:
    return np.asarray(np.linalg.norm(vectors, axis=1))
