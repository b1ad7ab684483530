"""What the native track says of a point equals a slow, obvious NumPy twin in float64.

The native track is asked through ``Simulator.place``, whose params are its answers. A point that
lies, within float32 rounding, as near to two places, has two right answers and is left out; each
test says how many may be.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.simulator import Simulator

Array = npt.NDArray[Any]

FRONT = 0.14  # m from base_link to the point that the params describe
# Wheel centres from base_link, m forward and left (deepracer URDF).
WHEELS = ((-0.081663, 0.08105), (0.082311, 0.079601), (-0.081663, -0.08105), (0.082311, -0.079601))
ROUNDING = 2e-7  # of a distance in float32, relative to the coordinates
SAME_PLACE = 1e-3  # m; feet nearer together than this count as one, so answers differ by as much


def wobbly(seed: int, clockwise: bool = False, repeats: int = 0) -> Track:
    """A closed star-shaped road with random bends, spacing, width and place in the world."""
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, random.integers(40, 150)))
    radius = random.uniform(2.5, 6.0) * np.ones_like(angle)
    for wave in range(2, 7):
        radius *= 1 + random.uniform(0, 0.1) * np.cos(wave * angle + random.uniform(0, 6))
    half = random.uniform(0.3, 0.6) * (1 + 0.2 * np.cos(3 * angle))
    around = np.column_stack([np.cos(angle), np.sin(angle)])
    rows = np.arange(len(angle))
    rows = np.sort(np.append(rows, random.choice(rows, repeats, replace=False)))
    rows = np.append(rows, rows[0])[:: -1 if clockwise else 1]
    where = random.uniform(-10, 10, 2)
    lines = [(r[:, None] * around + where)[rows] for r in (radius, radius - half, radius + half)]
    return Track(f"wobbly{seed}", "", "speedway", *lines, is_loop=True)


def open_road() -> Track:
    """A winding road with two ends, its inner border on the left."""
    x = np.linspace(-6.0, 6.0, 50)
    middle = np.column_stack([x, np.sin(x)])
    left = np.column_stack([-np.cos(x), np.ones_like(x)])
    left *= 0.4 / np.linalg.norm(left, axis=1, keepdims=True)
    return Track("open", "", "oval", middle, middle + left, middle - left, is_loop=False)


def square(half_width: float = 0.95) -> Track:
    """A square whose borders run through the centres of the native raster's cells, 0.1 m."""
    corners = np.array([[-2, -2], [2, -2], [2, 2], [-2, 2], [-2, -2]], float)
    lines = (corners, corners * (1 - half_width / 2), corners * (1 + half_width / 2))
    return Track("square", "", "oval", *lines, is_loop=True)


TRACKS = {
    "wobbly": lambda: wobbly(1),
    "wobbly clockwise": lambda: wobbly(2, clockwise=True),
    "wobbly with repeated rows": lambda: wobbly(3, repeats=12),
    "wobbly clockwise with repeated rows": lambda: wobbly(4, clockwise=True, repeats=12),
    "open": open_road,
    "square on the raster": square,
    "reinvent_base": lambda: load_track("reinvent_base"),
    "reInvent2019_track": lambda: load_track("reInvent2019_track"),
    "Spain_track": lambda: load_track("Spain_track"),  # clockwise
    "AWS_track": lambda: load_track("AWS_track"),
}


@dataclass(frozen=True)
class Feet:
    """The nearest points of a line to P points: arc [P] m, foot [P, 2], gap [P] m."""

    arc: Array
    foot: Array
    gap: Array
    is_tie: Array  # [P] another place on the line is as near, within rounding


def nearest(points: Array, line: Array) -> Feet:
    start, step = line[:-1], np.diff(line, axis=0)
    size = np.linalg.norm(step, axis=1)
    offset = points[:, None] - start
    share = np.clip((offset * step).sum(-1) / np.maximum(size**2, 1e-300), 0, 1)
    feet = start + share[..., None] * step
    gaps = np.linalg.norm(points[:, None] - feet, axis=-1)
    first = gaps.argmin(axis=1)
    rows = np.arange(len(points))
    foot, gap = feet[rows, first], gaps[rows, first]
    arc = np.append(0, np.cumsum(size))[first] + share[rows, first] * size[first]
    rounding = ROUNDING * (10 + np.abs(points).max(axis=1))
    as_near = gaps < (gap + rounding)[:, None]
    elsewhere = np.linalg.norm(feet - foot[:, None], axis=-1) > SAME_PLACE
    return Feet(arc, foot, gap, (as_near & elsewhere).any(axis=1))


def inside(points: Array, ring: Array) -> Array:
    """Even-odd rule: crossings of the ray to the right with a closed ring."""
    (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
    x, y = points[:, :1], points[:, 1:]
    spans = (y0 <= y) != (y1 <= y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    return (spans & (x < x0 + (y - y0) * (x1 - x0) / rise)).sum(axis=1) % 2 == 1


def on_road(points: Array, track: Track) -> Array:
    if track.is_loop:
        return inside(points, track.outer) & ~inside(points, track.inner)
    return inside(points, np.vstack([track.outer, track.inner[::-1], track.outer[:1]]))


@dataclass(frozen=True)
class Answers:
    """P cars at random poses: float64 pose of base_link and front, and the native params."""

    track: Track
    pose: Array  # [P, 3]
    front: Array  # [P, 2]
    params: dict[str, Array]
    center: Feet


@cache
def ask(name: str, num_points: int = 1500) -> Answers:
    """Half of the points lie near the road, the others around it and far outside the raster."""
    track = TRACKS[name]()
    random = np.random.default_rng(7)
    rows = random.integers(0, len(track.waypoints), num_points)
    near = track.waypoints[rows] + random.normal(0, 0.5, (num_points, 2))
    low, high = track.outer.min(axis=0), track.outer.max(axis=0)
    wide = random.uniform(low - 2, high + 2, (num_points, 2))
    far = random.uniform(low - 60, high + 60, (num_points, 2))
    kind = random.choice(3, num_points, p=[0.6, 0.3, 0.1])[:, None]
    pose = np.column_stack([np.choose(kind, [near, wide, far]), random.uniform(-3, 3, num_points)])
    pose = pose.astype(np.float32)
    simulator = Simulator(track, num_points, sensors=(), threads=1)
    params = simulator.place(np.arange(num_points), *pose.T).params
    exact = pose.astype(float)
    along = np.column_stack([np.cos(exact[:, 2]), np.sin(exact[:, 2])])
    front = exact[:, :2] + FRONT * along
    copies = {key: np.array(column) for key, column in params.items()}
    return Answers(track, exact, front, copies, nearest(front, track.waypoints))


def allowance(answers: Answers) -> Array:
    """Metres of float32 rounding at each point."""
    return np.asarray(ROUNDING * (10 + np.abs(answers.front).max(axis=1)))


every_track = pytest.mark.parametrize("name", TRACKS)


def bent_at_the_start() -> Track:
    """Outside of its bend at row 0, many points are nearest to both ends of the center line."""
    return wobbly(30)


@every_track
def test_front_point_lies_ahead_of_the_pose(name: str) -> None:
    answers = ask(name)
    found = np.column_stack([answers.params["x"], answers.params["y"]])
    assert (np.abs(found - answers.front).max(axis=1) < allowance(answers)).all()
    np.testing.assert_allclose(answers.params["heading"], np.degrees(answers.pose[:, 2]), rtol=1e-6)


@every_track
def test_center_line_is_found_at_its_nearest_point(name: str) -> None:
    answers = ask(name)
    error = np.abs(answers.params["distance_from_center"] - answers.center.gap)
    assert (error < allowance(answers)).all()
    once = ~answers.center.is_tie
    assert once.mean() > 0.97
    projection = answers.params["projection_distance"]
    assert (np.abs(projection - answers.center.arc) < SAME_PLACE)[once].all()
    assert answers.params["track_length"] == pytest.approx(answers.track.length, rel=2e-6)


@every_track
def test_closest_waypoints_bracket_the_projection_by_bisection(name: str) -> None:
    answers = ask(name)
    steps = np.linalg.norm(np.diff(answers.track.waypoints, axis=0), axis=1)
    arcs = np.append(0, np.cumsum(steps))
    ahead = np.searchsorted(arcs, answers.center.arc + 1e-9, side="right")
    expected = np.column_stack([ahead - 1, np.where(ahead == len(arcs), 0, ahead)])
    # A corner of the line is the nearest point of a whole wedge; there the answer is certain.
    gap = np.abs(answers.center.arc[:, None] - arcs).min(axis=1)
    certain = ~answers.center.is_tie & ((gap < 1e-9) | (gap > SAME_PLACE))
    assert certain.mean() > 0.95
    np.testing.assert_array_equal(answers.params["closest_waypoints"][certain], expected[certain])


@every_track
def test_width_goes_from_border_to_border_through_the_center(name: str) -> None:
    answers = ask(name)
    inner = nearest(answers.center.foot, answers.track.inner)
    outer = nearest(answers.center.foot, answers.track.outer)
    once = ~(answers.center.is_tie | inner.is_tie | outer.is_tie)
    assert once.mean() > 0.6, "a corner of the center line may have two feet on a border"
    width = np.linalg.norm(inner.foot - outer.foot, axis=1)
    error = np.abs(answers.params["track_width"] - width)
    assert (error < SAME_PLACE)[once].all()


@every_track
def test_left_is_the_side_of_the_border_that_lies_left(name: str) -> None:
    answers = ask(name)
    inner = nearest(answers.center.foot, answers.track.inner)
    outer = nearest(answers.center.foot, answers.track.outer)
    to_inner = np.linalg.norm(answers.front - inner.foot, axis=1)
    to_outer = np.linalg.norm(answers.front - outer.foot, axis=1)
    certain = ~(answers.center.is_tie | inner.is_tie | outer.is_tie)
    certain &= np.abs(to_inner - to_outer) > 2 * SAME_PLACE
    assert certain.mean() > 0.6
    left = (to_inner < to_outer) == (answers.track.direction != "clockwise")
    np.testing.assert_array_equal(answers.params["is_left_of_center"][certain], left[certain])


@every_track
def test_wheels_are_on_the_road_by_the_even_odd_rule(name: str) -> None:
    answers = ask(name)
    cos, sin = np.cos(answers.pose[:, 2]), np.sin(answers.pose[:, 2])
    on, certain = [], np.ones(len(answers.pose), bool)
    for forward, left in WHEELS:
        arm = np.column_stack([forward * cos - left * sin, forward * sin + left * cos])
        wheel = answers.pose[:, :2] + arm
        on.append(on_road(wheel, answers.track))
        for border in (answers.track.inner, answers.track.outer):
            certain &= nearest(wheel, border).gap > allowance(answers)
    assert certain.mean() > 0.99
    all_on, none_on = np.all(on, axis=0), ~np.any(on, axis=0)
    assert 0.05 < all_on.mean() < 0.95
    np.testing.assert_array_equal(answers.params["all_wheels_on_track"][certain], all_on[certain])
    np.testing.assert_array_equal(answers.params["is_offtrack"][certain], none_on[certain])


def test_a_point_off_both_ends_of_a_loop_is_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRACKS, "bent", bent_at_the_start)
    answers = ask("bent")
    at_start = (answers.center.arc == 0) & ~answers.center.is_tie
    assert at_start.sum() > 5
    waypoints = answers.params["closest_waypoints"][at_start]
    assert waypoints.tolist() == [[0, 1]] * len(waypoints)
    assert not answers.params["projection_distance"][at_start].any()


@pytest.mark.parametrize("direction", [1, -1])
def test_left_and_right_on_a_circle(direction: int) -> None:
    angle = direction * np.linspace(0, 2 * np.pi, 121)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    track = Track("circle", "", "oval", 2 * ring, 1.6 * ring, 2.4 * ring, is_loop=True)
    simulator = Simulator(track, 2, sensors=(), threads=1)
    # Both cars stand at angle 0 and look along +y; the first is 0.1 m nearer to the middle.
    result = simulator.place([0, 1], [1.9, 2.1], -FRONT, np.pi / 2)
    assert result.params["is_left_of_center"].tolist() == [direction > 0, direction < 0]
    assert result.params["track_width"] == pytest.approx([0.8, 0.8], abs=1e-3)


def test_waypoints_wrap_at_the_closing_row() -> None:
    """Hand-worked on a square of 4 m: rows 0 to 3 are its corners, row 4 repeats row 0."""
    simulator = Simulator(square(), 4, sensors=(), threads=1)
    x = np.array([-1.0, 2.0, -2.0, -2.0])
    y = np.array([-2.0, 2.0, -1.0, -2.0])
    result = simulator.place(np.arange(4), x - FRONT, y, 0.0)
    assert result.params["closest_waypoints"].tolist() == [[0, 1], [2, 3], [3, 4], [0, 1]]
    assert result.params["projection_distance"] == pytest.approx([1.0, 8.0, 15.0, 0.0], abs=1e-5)


def test_open_track_ends_at_its_last_waypoint_and_wraps_the_next_one() -> None:
    track = open_road()
    simulator = Simulator(track, 1, sensors=(), threads=1)
    result = simulator.place(0, track.waypoints[-1, 0] + 1.0, track.waypoints[-1, 1], 0.0)
    assert result.params["closest_waypoints"].tolist() == [[49, 0]]
    assert result.params["projection_distance"][0] == pytest.approx(track.length, rel=1e-6)
    assert result.params["is_offtrack"].tolist() == [True]
