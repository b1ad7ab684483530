"""Promises of route_file.py and borders.py: forms of a route, borders sampled on their own."""

from itertools import pairwise

import numpy as np
import pytest

from deepracer_fast import _core
from deepracer_fast.errors import TrackError
from deepracer_fast.pictures.track import draw_track
from deepracer_fast.tracks.track import Track, load_track, route_bytes, save_route
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

BASE = load_track("reinvent_base")
LINES = ("waypoints", "inner", "outer")


@pytest.fixture
def load(tmp_path):
    def save_and_load(route, name="mine"):
        np.save(tmp_path / f"{name}.npy", route)
        return load_track(tmp_path / f"{name}.npy")

    return save_and_load


def resampled(line, count):
    """A closed line in ``count`` even steps from its first point on."""
    arc = np.append(0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
    at = np.linspace(0, arc[-1], count)
    return np.column_stack([np.interp(at, arc, axis) for axis in line.T])


def sampled_each_on_its_own(track=BASE, shift=17, count=400):
    """A route whose rows do not stand opposite each other; the inner border begins elsewhere."""
    inner = resampled(np.roll(track.inner[:-1], shift, axis=0)[[*range(-1, 0), *range(118)]], count)
    return np.hstack([resampled(track.waypoints, count), inner, resampled(track.outer, count)])


def open_road(count=60):
    x = np.linspace(0, 9, count)
    middle = np.column_stack([x, np.sin(x)])
    normal = np.column_stack([-np.cos(x), np.ones_like(x)])
    normal *= 0.4 / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.hstack([middle, middle + normal, middle - normal])


@pytest.mark.parametrize(
    ("name", "rows", "width"),
    [
        ("2022_july_open_each_line_evenly", 269, 1.07),
        ("inner_shifted_12_rows", 161, 0.7),
        ("Tokyo_Training_track", 169, 0.67),
        ("with_width_N3", 81, 0.8),
    ],
)
def test_roads_that_others_have_are_read(shared, name, rows, width) -> None:
    track = load_track(shared / "cases" / "routes" / f"{name}.npy")
    assert len(track.waypoints) == rows
    assert track.width[1] == pytest.approx(width, abs=0.01)


def test_lines_sampled_each_on_their_own_are_one_road(load) -> None:
    track = load(sampled_each_on_its_own())
    assert not track.rows_stand_opposite
    assert track.width == pytest.approx(BASE.width, abs=0.01)
    twin, here = Simulator(BASE, 100, sensors=()), Simulator(track, 100, sensors=())
    x, y = (BASE.waypoints[:100] + np.random.default_rng(0).normal(0, 0.3, (100, 2))).T
    expected, found = (s.place(np.arange(100), x, y, 0.0).params for s in (twin, here))
    np.testing.assert_allclose(found["track_width"], expected["track_width"], atol=0.02)
    same = found["all_wheels_on_track"] == expected["all_wheels_on_track"]
    assert same.mean() > 0.95


def test_painters_see_the_same_road(load) -> None:
    track = load(sampled_each_on_its_own(), "reinvent_mine")  # in the same colours
    frames = [
        Simulator(each, 8, rules=RaceRules(round_robin_advance_dist=0.12)).reset().observation
        for each in (BASE, track)
    ]
    one, other = (frame["FRONT_FACING_CAMERA"].astype(int) for frame in frames)
    assert np.abs(one - other).mean() < 3


@pytest.mark.parametrize("engine", ["native", "numba"])
def test_objects_stand_and_drive_in_the_same_lanes(load, engine) -> None:
    track = load(sampled_each_on_its_own())
    for race in (
        RaceConfig(race_type="OBJECT_AVOIDANCE", number_of_obstacles=4),
        RaceConfig(race_type="HEAD_TO_BOT", number_of_bot_cars=3),
    ):
        one, other = (
            Simulator(each, 1, sensors=(), rules=RaceRules(race=race), engine=engine)
            for each in (BASE, track)
        )
        gaps = one.object_poses() - other.object_poses()
        assert np.linalg.norm(gaps[..., :2], axis=-1).max() < 0.05


def test_rungs_join_both_borders_row_by_row(load) -> None:
    track = load(sampled_each_on_its_own())
    ribbon = track.ribbon
    across = np.linalg.norm(ribbon.inner - ribbon.outer, axis=1)
    assert len(ribbon.inner) == len(ribbon.outer)
    assert across.max() < 1.1 * track.width[2]
    for line, own in ((ribbon.inner, track.inner), (ribbon.outer, track.outer)):
        assert {tuple(point) for point in own} <= {tuple(point) for point in line}


@pytest.mark.parametrize("rows", [slice(None), slice(None, None, -1)])
def test_a_border_that_runs_against_the_driving_direction_is_turned(load, rows) -> None:
    route = np.hstack([BASE.waypoints, BASE.inner[rows], BASE.outer])
    np.testing.assert_array_equal(load(route).inner, BASE.inner)
    route = open_road()
    route[:, 2:4] = route[rows, 2:4]
    np.testing.assert_array_equal(load(route).inner, open_road()[:, 2:4])


def test_a_closed_border_that_begins_elsewhere_keeps_its_rows(load) -> None:
    inner = np.roll(BASE.inner, 30, axis=0)  # its seam among its rows
    track = load(np.hstack([BASE.waypoints, inner, BASE.outer]))
    assert {tuple(p) for p in track.inner} == {tuple(p) for p in BASE.inner}
    np.testing.assert_array_equal(track.inner[0], track.inner[-1])


@pytest.mark.parametrize("is_open", [False, True])
def test_a_centre_line_and_its_width_are_a_road(load, is_open) -> None:
    centre = open_road()[:, :2] if is_open else BASE.waypoints
    track = load(np.column_stack([centre, np.full(len(centre), 0.7)]))
    assert track.is_loop != is_open
    assert track.width == pytest.approx((0.7, 0.7, 0.7), abs=0.02)
    np.testing.assert_array_equal(track.waypoints, centre)


def test_a_bend_narrower_than_the_road_does_not_fold_its_inner_border(load) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    leaf = np.column_stack([2 * np.cos(angle), 2 * np.sin(angle) ** 3])  # two sharp points
    track = load(np.column_stack([leaf, np.full(200, 0.8)]))
    assert not len(_core.line_crossings(track.inner, track.waypoints, 5))
    assert track.width[1] == pytest.approx(0.8, abs=0.03)


def lemniscate():
    angle = np.linspace(0, 2 * np.pi, 200)
    return np.column_stack([4 * np.sin(angle), 3 * np.sin(2 * angle), np.full(200, 0.6)])


def changed(route, rows, columns, value):
    route = route.copy()
    route[rows, columns] = value
    return route


ROUTE = np.hstack([BASE.waypoints, BASE.inner, BASE.outer])


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (lemniscate(), "row .*"),
        (changed(ROUTE, slice(40, 60), slice(2, 6), ROUTE[40:60, [4, 5, 2, 3]]), "row (37|40): "),
        (changed(ROUTE, slice(None), slice(2, 4), ROUTE[:, 4:]), "row 0: "),
        (changed(ROUTE, 50, slice(0, 2), ROUTE[50, 2:4]), "row 50: the centre must lie between"),
        (changed(ROUTE, 50, slice(2, 4), ROUTE[50, 4:] + [0.2, 0.9]), "row "),
        (ROUTE[np.random.default_rng(0).permutation(119)], "row "),
        (BASE.waypoints, r"found \(119, 2\); to a centre line add the road's width: numpy.save"),
        (ROUTE[:, :4], r"found \(119, 4\); to a centre line"),
        (changed(lemniscate(), 7, 2, 0.0), "row 7: the width, column 2, must lie between 0.05"),
        (ROUTE + 1e9, "row 0: every coordinate must lie within 1e.08 m"),
        (np.full((9, 6), 2**62, np.int64), "row 0: every coordinate must lie within"),
        (np.zeros(5, [("x", "f8"), ("y", "f8")]), "array of numbers, found records"),
        (np.zeros((40_000, 6)), "at most 32767 rows, found 40000"),
    ],
)
def test_what_is_no_road_is_refused_in_one_line(tmp_path, route, message) -> None:
    np.save(tmp_path / "bad.npy", route)
    with pytest.raises(TrackError, match=rf"bad\.npy: .*{message}") as caught:
        load_track(tmp_path / "bad.npy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "these may be points of a centre line; to a centre line add the road's"),
        ("1;2;3;4;5;6\n", r"convert it with numpy.save\('r.npy', numpy.loadtxt\('r.csv', delim"),
        ("x y w\n1 2 3\n", r"numpy.loadtxt\('r.csv', skiprows=1\)"),
        ("1,2,3,4\n", "this text has 4 in its first line"),
    ],
)
def test_a_table_is_told_how_it_becomes_a_route(tmp_path, text, message) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(TrackError, match=message):
        load_track(tmp_path / "r.csv")


def test_control_characters_of_a_name_are_not_printed(tmp_path) -> None:
    with pytest.raises(
        TrackError, match=r"without control characters, got .*a\\x1b\[2Jb\.npy"
    ) as caught:
        load_track(tmp_path / "a\x1b[2Jb.npy")
    assert str(caught.value).isprintable()
    for name in ("no\x1b[2J", "x" * 5000, "a\0b", "\udcff", "random_" + "7" * 5000):
        with pytest.raises(TrackError) as caught:
            load_track(name)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("my road", "my road"),
        ("straße", "straße"),
        ("..", "track"),
        ("x" * 240, "x" * 100),
        ("[/red]$x^$", "[_red]$x^$"),
    ],
)
def test_a_tracks_name_can_name_files(load, tmp_path, stem, name) -> None:
    stem = stem.replace("/", "\\")
    track = load(ROUTE, stem)
    assert track.name == name
    draw_track(track, tmp_path / f"{track.name}.png")


def written(name):
    route = {
        "loop": ROUTE,
        "repeated rows": np.insert(ROUTE, [5, 5, 9], ROUTE[[5, 5, 9]], axis=0),
        "open": open_road(),
        "exchanged": ROUTE[:, [0, 1, 4, 5, 2, 3]],
        "far": ROUTE + np.tile([512_345.678, 5_403_210.987], 3),
        "own": sampled_each_on_its_own(),
        "unclosed": ROUTE[:-1],
    }
    return route[name]


@pytest.mark.parametrize(
    "name", ["loop", "repeated rows", "open", "exchanged", "far", "own", "unclosed"]
)
def test_a_track_is_written_and_read_back_bit_for_bit(load, tmp_path, name) -> None:
    track = load(written(name), "my own")
    save_route(track, tmp_path / "route.npy")
    back = load_track(tmp_path / "route.npy")
    for line in LINES:
        assert getattr(back, line).tobytes() == getattr(track, line).tobytes()
    assert (back.name, back.title, back.look, back.is_loop) == (
        track.name,
        track.title,
        track.look,
        track.is_loop,
    )
    assert back.digest == track.digest
    assert route_bytes(back) == route_bytes(track)
    assert np.load(tmp_path / "route.npy").shape == (len(track.waypoints), 6)


def test_the_digest_is_of_the_road_alone(load) -> None:
    assert load(ROUTE, "one").digest == load(ROUTE, "other").digest == BASE.digest
    assert load(ROUTE + 1e-9).digest != BASE.digest


@pytest.mark.parametrize("behind", [b'{"deepracer_fast_track": [', b'{"deepracer_fast_track": 1}'])
def test_a_damaged_record_is_refused(tmp_path, behind) -> None:
    content = route_bytes(BASE)
    (tmp_path / "r.npy").write_bytes(content[: content.rindex(b'{"deepracer')] + behind)
    with pytest.raises(TrackError, match="what follows the array is damaged"):
        load_track(tmp_path / "r.npy")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([np.zeros((0, 2))] * 3, r"waypoints must have shape \(N, 2\), N from 2"),
        ([np.zeros((1, 2))] * 3, r"waypoints must have shape \(N, 2\), N from 2"),
        ([np.full((9, 2), np.nan)] * 3, r"waypoints must be finite, found \[nan, nan\] in row 0"),
        ([np.zeros((9, 2))] * 3, "two or more different points"),
        ([BASE.waypoints * 1e306] * 3, r"waypoints must lie within 1e\+08 m of the origin, found"),
        ([BASE.waypoints, BASE.inner[1:], BASE.outer], r"track 'a': inner must have shape"),
        (
            [BASE.waypoints[1:], BASE.inner[1:], BASE.outer[1:]],
            "a loop must repeat its first point",
        ),
        ([BASE.waypoints, "text", BASE.outer], "inner must be numbers, got 'text'"),
    ],
)
def test_a_track_of_no_lines_is_refused(lines, message) -> None:
    with pytest.raises(TrackError, match=message):
        Track("a", "a", "oval", *lines, is_loop=True)
    with pytest.raises(TrackError, match="look must be one of"):
        Track("a", "a", "pink", BASE.waypoints, BASE.inner, BASE.outer, is_loop=True)


def test_crossings_are_those_of_all_pairs() -> None:
    random = np.random.default_rng(3)
    one, other = random.normal(size=(60, 2)), random.normal(size=(45, 2))

    def side(a, b, p):
        return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0

    expected = {
        (i, j)
        for i in range(59)
        for j in range(44)
        if side(*one[i : i + 2], other[j]) != side(*one[i : i + 2], other[j + 1])
        and side(*other[j : j + 2], one[i]) != side(*other[j : j + 2], one[i + 1])
    }
    found = _core.line_crossings(one, other, 10_000).tolist()
    assert {tuple(pair) for pair in found} == expected
    assert len(found) == len(expected) > 100
    assert len(_core.line_crossings(one, other, 7)) == 7


def test_nearest_points_are_those_of_all_segments() -> None:
    random = np.random.default_rng(4)
    points, line = random.normal(size=(200, 2)), random.normal(size=(77, 2))
    start, step = line[:-1], np.diff(line, axis=0)
    share = np.sum((points[:, None] - start) * step, axis=2) / np.sum(step**2, axis=1)
    feet = start + np.clip(share, 0, 1)[..., None] * step
    best = np.argmin(np.sum((points[:, None] - feet) ** 2, axis=2), axis=1)
    found, segments = _core.nearest_on_line(points, line)
    np.testing.assert_array_equal(segments, best)
    np.testing.assert_allclose(found, feet[np.arange(200), best], atol=1e-15)


def test_a_line_of_very_many_rows_answers_like_one_of_few() -> None:
    angle = np.linspace(0, 2 * np.pi, 721)
    radius = 3 + np.cos(3 * angle)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [(radius + w)[:, None] * ring for w in (0, -0.4, 0.4)]
    dense = [resampled_with_corners(line, 20) for line in lines]
    random = np.random.default_rng(5)
    x, y, heading = random.uniform(-6, 6, (3, 3000))
    found, expected = (
        Simulator(Track("a", "a", "oval", *each, is_loop=True), 3000, sensors=(), threads=1)
        .place(np.arange(3000), x, y, heading)
        .params
        for each in (dense, lines)
    )
    for name in ("distance_from_center", "track_width"):
        np.testing.assert_allclose(found[name], expected[name], atol=2e-3)
    np.testing.assert_allclose(found["distance_from_center"], expected["distance_from_center"],
                               atol=2e-6)  # fmt: skip


def resampled_with_corners(line, parts):
    """The same line with ``parts`` rows for each of its own."""
    share = np.arange(parts)[:, None] / parts
    rows = [a + share * (b - a) for a, b in pairwise(line)]
    return np.vstack([*rows, line[-1:]])
