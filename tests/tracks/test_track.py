"""Promises of track.py and its picture: routes read, bundled tracks drawn, garbage refused."""

import io
import struct

import numpy as np
import pytest

from deepracer_fast.errors import TrackError
from deepracer_fast.pictures.track import draw_track
from deepracer_fast.tracks.bundled import clockwise_names
from deepracer_fast.tracks.track import Track, load_track, track_name, track_names

# Lengths of the original's tracks, metres.
BUNDLED_LENGTHS = {
    "reinvent_base": 17.71,
    "Oval_track": 19.55,
    "Bowtie_track": 17.43,
    "reInvent2019_track": 23.12,
    "reInvent2019_wide": 16.64,
    "2022_reinvent_champ_ccw": 33.28,
    "2024_reinvent_champ_ccw": 25.11,
    "Vegas_track": 22.55,
    "2022_summit_speedway_ccw": 25.11,
    "Canada_Training": 21.74,
    "China_track": 22.92,
    "Mexico_track": 20.51,
    "New_York_Track": 21.88,
    "Tokyo_Training_track": 22.63,
    "Virtual_May19_Train_track": 19.45,
    "Spain_track": 60.00,
    "2022_july_open": 40.20,
    "AWS_track": 69.25,
    "penbay_open_ccw": 68.67,
    "penbay_pro_ccw": 89.24,
    "thunder_hill_pro_ccw": 59.11,
    "hamption_open": 45.93,
    "jyllandsringen_open_ccw": 46.07,
    "jyllandsringen_pro_ccw": 62.13,
    "dubai_open_ccw": 40.61,
    "arctic_pro_ccw": 59.48,
    "morgan_open": 45.04,
    "red_star_pro_ccw": 68.85,
    "caecer_gp": 73.16,
    "caecer_loop": 35.09,
    "2022_march_pro_ccw": 76.75,
    "2022_april_open_ccw": 50.28,
    "2022_june_pro_ccw": 58.60,
    "2022_july_pro_ccw": 57.86,
    "2022_august_open_ccw": 43.31,
    "2022_september_open_ccw": 45.26,
    "2022_october_pro_ccw": 62.07,
    "LGSWide": 38.03,
    "AmericasGeneratedInclStart": 39.07,
    "FS_June2020": 52.87,
    "Albert": 51.39,
    "Monaco": 60.27,
}
CCW, CW = "counter-clockwise", "clockwise"
CLOCKWISE = {"Spain_track", "FS_June2020", "Albert", "Monaco"}
# Rows, repeated ones as well, length, width (least, mean, greatest), direction and look.
ORIGINALS = {
    "2022_reinvent_champ_ccw": (113, 33.28, (0.917, 0.943, 0.950), CCW, "speedway"),
    "2022_reinvent_champ_cw": (113, 33.28, (0.917, 0.943, 0.950), CW, "speedway"),
    "Bowtie_track": (163, 17.43, (0.604, 0.608, 0.612), CCW, "oval"),
    "Oval_track": (102, 19.55, (0.602, 0.608, 0.613), CCW, "oval"),
    "Spain_track": (259, 60.00, (0.880, 0.905, 0.921), CW, "speedway"),
    "Straight_track": (22, 5.71, (0.610, 0.610, 0.610), "open", "oval"),
    "reInvent2019_track": (155, 23.12, (1.062, 1.066, 1.067), CCW, "speedway"),
    "reinvent_base": (119, 17.71, (0.751, 0.761, 0.762), CCW, "reinvent"),
}
SURVEYED = sorted(set(BUNDLED_LENGTHS) & set(ORIGINALS))


def circle(num_rows=40, width=0.8, clockwise=False, closed=True):
    """A route [N, 6] around a circle of radius 2 m, starting at (2, 0)."""
    angle = np.linspace(0, 2 * np.pi, num_rows + 1)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle) * (-1 if clockwise else 1)])
    route = np.hstack([2 * ring, (2 - width / 2) * ring, (2 + width / 2) * ring])
    route[-1] = route[0]
    return route if closed else route[:-1]


def straight(num_rows=6):
    """A route [N, 6] along the x axis, 0.8 m wide, the inner border on the left."""
    x = np.arange(num_rows, dtype=float)
    half = np.full(num_rows, 0.4)
    return np.column_stack([x, 0 * x, x, half, x, -half])


@pytest.fixture
def load(tmp_path):
    """Saves a route and loads it as a track."""

    def save_and_load(route, name="mine"):
        np.save(tmp_path / f"{name}.npy", route)
        return load_track(tmp_path / f"{name}.npy")

    return save_and_load


def distances(points, line):
    """Distance of each point to a polyline, one point after the other."""
    step = np.diff(line, axis=0)
    moves = np.any(step != 0, axis=1)
    start, step = line[:-1][moves], step[moves]
    found = []
    for point in points:
        share = np.sum((point - start) * step, axis=1) / np.sum(step**2, axis=1)
        feet = start + np.clip(share, 0, 1)[:, None] * step
        found.append(np.hypot(*(point - feet).T).min())
    return np.array(found)


def has_crossing(ring):
    """Whether two segments of a closed ring cross that share no row."""
    start, step = ring[:-1], np.diff(ring, axis=0)
    num_rows = len(start)
    for first in range(num_rows - 2):
        others = np.arange(first + 2, num_rows - (first == 0))
        gap = start[others] - start[first]
        determinant = step[first, 0] * step[others, 1] - step[first, 1] * step[others, 0]
        determinant[determinant == 0] = np.inf
        on_this = (gap[:, 0] * step[others, 1] - gap[:, 1] * step[others, 0]) / determinant
        on_other = (gap[:, 0] * step[first, 1] - gap[:, 1] * step[first, 0]) / determinant
        if np.any((on_this > 0) & (on_this < 1) & (on_other > 0) & (on_other < 1)):
            return True
    return False


@pytest.mark.parametrize("name", ORIGINALS)
def test_original_route_has_the_measured_figures(shared, name):
    track = load_track(shared / "tracks" / f"{name}.npy")
    rows, length, width, direction, look = ORIGINALS[name]
    assert len(track.waypoints) == rows
    assert track.length == pytest.approx(length, abs=0.005)
    assert track.width == pytest.approx(width, abs=0.0006)
    assert (track.direction, track.look) == (direction, look)
    assert track.is_loop == (direction != "open")
    assert load_track(str(shared / "tracks" / f"{name}.npy")).name == name


def test_bundled_names_are_the_surveyed_tracks():
    assert track_names() == list(BUNDLED_LENGTHS)


@pytest.mark.parametrize("name", BUNDLED_LENGTHS)
def test_bundled_track_is_as_long_as_the_original(name):
    assert load_track(name).length == pytest.approx(BUNDLED_LENGTHS[name], rel=0.005)


@pytest.mark.parametrize("name", BUNDLED_LENGTHS)
def test_bundled_track_is_a_smooth_even_ring(name):
    track = load_track(name)
    for line in (track.waypoints, track.inner, track.outer):
        np.testing.assert_array_equal(line[0], line[-1])
        assert not has_crossing(line)
    steps = np.diff(track.waypoints, axis=0)
    assert np.linalg.norm(steps, axis=1) == pytest.approx(0.15, abs=0.006)
    for border in (track.inner, track.outer):
        along = np.sum(np.diff(border, axis=0) * steps, axis=1)
        assert along.min() > -1e-3, "a border runs backwards"  # m^2; hairpins turn on the spot
    assert track.is_loop
    assert track.direction == (CW if name in CLOCKWISE else CCW)


@pytest.mark.parametrize("name", BUNDLED_LENGTHS)
def test_bundled_road_keeps_its_width_in_every_bend(name):
    track = load_track(name)
    least, mean, greatest = track.width
    assert least > 0.94 * greatest  # hairpins of the original's narrow by up to 11 %
    assert mean > 0.95 * greatest
    for border in (track.inner, track.outer):
        gaps = distances(border, track.waypoints)
        assert gaps.min() > 0.92 * greatest / 2
        assert gaps.max() < 1.02 * greatest / 2


@pytest.mark.parametrize("name", SURVEYED)
def test_bundled_lines_lie_where_the_originals_do(shared, name):
    original = load_track(shared / "tracks" / f"{name}.npy")
    bundled = load_track(name)
    for line in ("waypoints", "inner", "outer"):
        gaps = distances(getattr(bundled, line), getattr(original, line))
        assert gaps.mean() < 0.01
        assert gaps.max() < 0.035
    assert bundled.waypoints[0] == pytest.approx(original.waypoints[0], abs=0.01)
    assert bundled.look == original.look
    assert bundled.title == original.title


def test_first_row_is_the_first_control_point():
    assert len(load_track("reinvent_base").waypoints) == 119
    assert load_track("reinvent_base").waypoints[0] == pytest.approx([3.06, 0.68], abs=0.005)


def test_a_track_is_returned_as_it_is_and_bundled_ones_are_made_once():
    track = load_track("Oval_track")
    assert load_track(track) is track
    assert load_track("Oval_track") is track


def test_arrays_are_read_only_copies():
    points = circle()
    track = Track("a", "a", "oval", points[:, :2], points[:, 2:4], points[:, 4:], is_loop=True)
    points[:] = 0
    assert track.length > 12
    for line in (track.waypoints, track.inner, track.outer):
        with pytest.raises(ValueError, match="read-only"):
            line[0, 0] = 1


@pytest.mark.parametrize("clockwise", [False, True])
def test_width_length_and_direction_of_a_circle(load, clockwise):
    track = load(circle(num_rows=400, clockwise=clockwise))
    assert track.width == pytest.approx((0.8, 0.8, 0.8), rel=1e-3)
    assert track.length == pytest.approx(4 * np.pi, rel=1e-3)
    assert track.direction == (CW if clockwise else CCW)


def test_ends_that_nearly_meet_are_joined(load):
    np.testing.assert_array_equal(load(circle(closed=False)).waypoints, circle()[:, :2])


def test_closing_row_that_is_a_hair_off_becomes_the_first_row(load):
    route = circle()
    route[-1] += 1e-4
    np.testing.assert_array_equal(load(route).waypoints, circle()[:, :2])


@pytest.mark.parametrize("num_rows", [3, 4, 20])
def test_straight_road_stays_open(load, num_rows):
    track = load(straight(num_rows))
    assert (track.is_loop, track.direction) == (False, "open")
    assert track.length == pytest.approx(num_rows - 1)


def test_repeated_rows_keep_their_waypoint_numbers(load):
    route = np.insert(circle(), [5, 5, 9], circle()[[5, 5, 9]], axis=0)
    np.testing.assert_array_equal(load(route).waypoints, route[:, :2])


@pytest.mark.parametrize("clockwise", [False, True])
def test_exchanged_borders_of_a_loop_are_put_right(load, clockwise):
    route = circle(clockwise=clockwise)
    track = load(route[:, [0, 1, 4, 5, 2, 3]])
    np.testing.assert_array_equal(track.inner, route[:, 2:4])
    np.testing.assert_array_equal(track.outer, route[:, 4:])


@pytest.mark.parametrize(
    ("name", "width", "look"),
    [
        ("reinvent_carpet", 0.8, "reinvent"),
        ("my_mat", 0.61, "oval"),
        ("my_mat", 0.8, "speedway"),
        ("2022_reinvent_champ_cw", 0.95, "speedway"),
        ("AWS_track", 0.9, "oval"),
    ],
)
def test_look_follows_name_and_width(load, name, width, look):
    assert load(circle(width=width), name).look == look


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_routes_of_any_number_type_become_float64(load, dtype):
    square = np.array([[4, 0], [0, 4], [-4, 0], [0, -4], [4, 0]])
    track = load(np.hstack([square * 2, square, square * 3]).astype(dtype))
    assert track.waypoints.dtype == np.float64
    assert track.waypoints.flags.c_contiguous


def test_unknown_name_suggests_close_ones():
    with pytest.raises(TrackError, match=r"'reinvent_bas'.*did you mean reinvent_base.*`deepracer"):
        load_track("reinvent_bas")
    with pytest.raises(TrackError, match="did you mean reInvent2019_track"):
        load_track("Smile speedwya")
    with pytest.raises(TrackError, match="did you mean reinvent_base"):
        load_track("reinvent")  # several begin so
    with pytest.raises(TrackError, match="run `deepracer-fast tracks`"):
        load_track("?")
    with pytest.raises(TrackError, match=r"must be a name or the path of a \.npy route, got 5"):
        load_track(5)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Oval", "Oval_track"),
        ("OVAL_TRACK", "Oval_track"),
        ("re:Invent 2018", "reinvent_base"),
        ("reinvent 2018", "reinvent_base"),
        ("Reinvent_Base", "reinvent_base"),
        ("smile-speedway", "reInvent2019_track"),
        ("2022_reinvent_champ", "2022_reinvent_champ_ccw"),
        ("Tokyo", "Tokyo_Training_track"),
        ("random_3", "random_3"),
        ("reinvent", "reinvent"),
        ("2022 reinvent champ CW", "2022_reinvent_champ_cw"),
        ("", ""),
    ],
)
def test_a_track_is_found_by_what_people_call_it(said, name):
    assert track_name(said) == name
    if name in track_names():
        assert load_track(said) is load_track(name)


def test_a_track_named_ccw_is_there_the_other_way_too(shared):
    bundled = load_track("2022_reinvent_champ_cw")
    original = load_track(shared / "tracks" / "2022_reinvent_champ_cw.npy")
    assert bundled.name == original.name == "2022_reinvent_champ_cw"
    assert bundled.direction == original.direction == CW
    assert np.linalg.norm(bundled.waypoints[0] - original.waypoints[0]) < 0.1  # one start line
    assert load_track("2024 reinvent champ cw").direction == CW
    for name in clockwise_names():
        other = load_track(name)
        assert other.length == pytest.approx(load_track(name[:-2] + "ccw").length, rel=1e-6)
    with pytest.raises(TrackError, match="unknown track"):
        load_track("Oval_cw")


def test_every_name_and_title_finds_its_own_track():
    for name in track_names():
        assert track_name(name.swapcase()) == track_name(load_track(name).title) == name


def test_a_file_goes_before_a_name_that_is_only_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("Oval", circle())
    (tmp_path / "Oval.npy").rename("Oval")
    assert load_track("Oval").title == "Oval"


def changed(row, column, value):
    route = circle()
    route[row, column] = value
    return route


def with_rows_exchanged(route, rows):
    route[rows] = route[rows][:, [0, 1, 4, 5, 2, 3]]
    return route


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (changed(7, 3, np.nan), "row 7: every value must be finite, found nan in column 3"),
        (changed(0, 0, -np.inf), "row 0: every value must be finite, found -inf in column 0"),
        (100 * circle(), r"row 7: .* within 200 m of row 0, found 213.* must be in metres"),
        (changed(3, 5, 1e308), "row 3: every point must lie within 200 m"),
        (circle()[:, :5], r"must have shape \(N, 6\), .* found \(41, 5\)"),
        (circle().ravel(), r"must have shape \(N, 6\), .* found \(246,\)"),
        (circle().astype(str), "must be a .npy array of numbers, found <U"),
        (circle().astype(complex), "array of numbers, found complex128; write it with numpy.save"),
        (circle().astype(object), "array of numbers, found Python objects, which cannot be"),
        (circle()[:0], "3 or more rows with different centres, found 0"),
        (circle()[:2], "3 or more rows with different centres, found 2"),
        (np.zeros((9, 6)), "3 or more rows with different centres, found 1"),
        (circle()[[0, 20, 0]], "a loop needs 3 or more different rows, found 2"),
        (circle(width=0.0), r"row 0: the borders must be 0.05 m or more apart, found 0.000 m"),
        (circle()[:, [2, 3, 0, 1, 4, 5]], "row 0: the centre must lie between the borders"),
        (changed(8, slice(0, 2), 0), "row 8: the centre must lie between .* the inner one"),
        (with_rows_exchanged(circle(), [12, 13]), "row 12: the inner border must stay on one side"),
        (with_rows_exchanged(straight(), [4]), "row 4: .* left of .* found it on the right"),
    ],
)
def test_garbage_is_refused_with_file_and_row(tmp_path, route, message):
    path = tmp_path / "bad.npy"
    np.save(path, route, allow_pickle=True)
    with pytest.raises(TrackError, match=rf"bad\.npy: .*{message}") as caught:
        load_track(path)
    assert "\n" not in str(caught.value)


def test_row_numbers_count_the_files_rows(tmp_path):
    route = with_rows_exchanged(np.insert(circle(), 5, circle()[5], axis=0), [12])
    np.save(tmp_path / "bad.npy", route)
    with pytest.raises(TrackError, match="row 12: the inner border"):
        load_track(tmp_path / "bad.npy")


def huge_header():
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10**15, 6)}".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def saved(route):
    buffer = io.BytesIO()
    np.save(buffer, route)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"x,y\n1,2\n", b"PK\x03\x04", saved(circle())[:-80], huge_header()]
)
def test_file_that_is_no_array_is_refused(tmp_path, content):
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(TrackError, match=r"bad\.npy: a route must be a \.npy array of numbers"):
        load_track(path)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(TrackError, match=r"none\.npy: cannot be read: No such file"):
        load_track(tmp_path / "none.npy")
    with pytest.raises(TrackError, match="cannot be read: Is a directory"):
        load_track(tmp_path)


@pytest.mark.parametrize("is_loop", [True, False])
def test_picture_is_a_png(load, tmp_path, is_loop):
    draw_track(load(circle() if is_loop else straight()), tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_track_is_shown_in_a_line() -> None:
    shown = repr(load_track("reinvent_base"))
    assert len(shown) < 200 and "name='reinvent_base'" in shown
