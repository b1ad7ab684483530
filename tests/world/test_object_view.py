"""Boxes and cars in the picture, against the pinhole projection of their corners.

The car stands on a straight road; a box or a car is put before it, and the edges of what changed in
the picture are compared with where the projection puts them. Neighbours:
csrc/rendering/object_view.h, csrc/traffic/objects.h.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast.tracks.track import Track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

Floats = NDArray[np.float64]

# Camera: URDF racecar.gazebo:64-75; 126 pixels of focal length at 160 columns.
HFOV, PITCH, LENS_X, LENS_Z = 1.13, 0.2618, 0.14529, 0.13033
FOCAL = 80.0 / np.tan(0.5 * HFOV)
BOX = (0.4, 0.3, 0.225)  # m: length, width, height above the ground
CAR_X = 8.0  # it looks along -x: boxes are lit there, and the wall behind them is dark
FAR_AWAY = (12.0, 0.0)


def straight_track() -> Track:
    x = np.linspace(0.0, 9.0, 19)
    lines = [np.stack([x, np.full_like(x, y)], 1) for y in (0.0, 1.5, -1.5)]
    return Track("straight", "", "reinvent", *lines, is_loop=False)


def simulator(
    race_type: str = "OBJECT_AVOIDANCE", sensor: str = "FRONT_FACING_CAMERA"
) -> Simulator:
    race = RaceConfig(race_type, number_of_obstacles=2, number_of_bot_cars=2)
    sim = Simulator(straight_track(), 1, [sensor], 1, rules=RaceRules(race=race))
    sim.place(0, CAR_X, 0.0, np.pi)
    return sim


def picture(sim: Simulator, *objects: tuple[float, float, float]) -> Floats:
    """With objects at (x, y, heading), relative to the lens; the rest out of sight."""
    given = [(CAR_X - LENS_X - x, -y, h + np.pi) for x, y, h in objects]
    given += [(*FAR_AWAY, 0.0)] * (2 - len(given))
    location, heading = np.array(given)[:, :2], np.array(given)[:, 2]
    result = sim.place_objects(0, location, heading)
    return next(iter(result.observation.values()))[0].squeeze().astype(float)


def project(points: Floats) -> Floats:
    """Columns and rows [P, 2] of points [P, 3], relative to the road below the lens."""
    ahead, left, down = points[:, 0], points[:, 1], LENS_Z - points[:, 2]
    depth = ahead * np.cos(PITCH) + down * np.sin(PITCH)
    below = down * np.cos(PITCH) - ahead * np.sin(PITCH)
    return np.stack([80.0 - FOCAL * left / depth, 60.0 + FOCAL * below / depth], 1)


def box_corners(x: float, y: float, heading: float = 0.0, size: tuple[float, ...] = BOX) -> Floats:
    corners = np.array([(a, b, c) for a in (-0.5, 0.5) for b in (-0.5, 0.5) for c in (0, 1)])
    corners = corners * size
    c, s = np.cos(heading), np.sin(heading)
    turned = corners[:, :2] @ np.array([[c, s], [-s, c]])
    return np.column_stack([turned + np.array([x, y]), corners[:, 2]])


def edge_of(seen: Floats, empty: Floats, inside: int, way: int) -> float:
    """Where a face ends in a line of pixels: half covered, from a pixel inside it to a side."""
    column = inside
    share = last = 1.0
    while share > 0.5:
        last = share
        column += way
        contrast = seen[inside] - empty[column]
        assert abs(contrast) > 4, "nothing to measure here"
        share = (seen[column] - empty[column]) / contrast
    # Pixel middles: the edge lies between this one and the one before.
    return column + 0.5 - way * (0.5 - share) / (last - share)


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("side", [0.35, 0.0, -0.35])  # of the distance: left, middle, right
@pytest.mark.parametrize("heading", [0.0, 0.5])
def test_edges_of_a_box_are_where_pinhole_projection_puts_them(
    distance: float, side: float, heading: float
) -> None:
    sim = simulator()
    place = (distance + 0.2, side * distance, heading)
    covered = np.abs(picture(sim, place) - picture(sim)) > 0
    drawn = np.argwhere(covered)
    wanted = project(box_corners(*place))
    # The silhouette's bounding box; blur makes it up to a pixel wider on each side.
    (top, left), (bottom, right) = drawn.min(axis=0), drawn.max(axis=0) + 1
    for found, edge, limit in (
        (left, wanted[:, 0].min(), 0),
        (160 - right, 160 - wanted[:, 0].max(), 0),
        (top, wanted[:, 1].min(), 0),
        (120 - bottom, 120 - wanted[:, 1].max(), 0),
    ):
        assert max(edge, limit) - 1.6 <= found <= max(edge, limit) + 1.0


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 4.0])
def test_vertical_edges_lie_within_a_third_of_a_pixel(distance: float) -> None:
    """In a row through the upper part of the near face, before the wall alone."""
    sim = simulator()
    near_face = project(box_corners(distance + 0.2, 0.02))[:4]
    foot, top = near_face[0, 1], max(near_face[1, 1], 0.0)
    row = int(top + 0.2 * (foot - top))
    seen, empty = (picture(sim, *each)[row] for each in ([(distance + 0.2, 0.02, 0.0)], []))
    edges = []
    for low, high in (near_face[0:2], near_face[2:4]):
        share = (row + 0.5 - low[1]) / (high[1] - low[1])
        edges.append(low[0] + share * (high[0] - low[0]))
    middle = int(np.mean(edges))
    for way, wanted in ((-1, min(edges)), (1, max(edges))):
        assert abs(edge_of(seen, empty, middle, way) - wanted) < 0.34


def test_a_box_hides_what_stands_behind_it() -> None:
    sim = simulator()
    near, far = (1.2, 0.0, 0.0), (2.0, 0.25, 0.0)
    both, alone = picture(sim, near, far), picture(sim, near)
    np.testing.assert_array_equal(both, picture(sim, far, near))  # whichever is named first
    columns = project(box_corners(*near))[:, 0]
    hidden = np.s_[:, int(columns.min()) + 2 : int(columns.max()) - 2]
    rows = np.s_[int(project(box_corners(*near))[:4, 1].min()) + 2 :]
    np.testing.assert_allclose(both[rows][hidden], alone[rows][hidden], atol=1.0)  # rounding
    assert (both != alone).any()  # its free half shows


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("side", [1, -1])
def test_what_is_seen_of_a_half_hidden_box_ends_within_a_pixel_of_its_edges(
    distance: float, side: int
) -> None:
    sim = simulator()
    in_line = side * 0.15 / distance * (distance + 0.8)  # with the near one's edge
    near, far = (distance + 0.2, 0.0, 0.0), (distance + 1.0, in_line, 0.0)
    both, alone = picture(sim, near, far), picture(sim, near)
    faces = [project(box_corners(*place))[:4] for place in (near, far)]
    row = int(0.5 * (faces[1][0, 1] + max(faces[1][1, 1], 0.0)))  # through the far one's middle
    # The left or right edges of both near faces lean, so: where they cross the row.
    low, high = np.stack([face[2:] if side > 0 else face[:2] for face in faces], axis=1)
    share = (row + 0.5 - low[:, 1]) / (high[:, 1] - low[:, 1])
    hidden, outer = low[:, 0] + share * (high[:, 0] - low[:, 0])
    inside = int(0.5 * (outer + hidden))
    assert abs(edge_of(both[row], alone[row], inside, -side) - outer) < 0.5
    # Behind the other edge both boxes are one grey: what it hides is the change that they make.
    change = both[row] - alone[row]
    assert abs(edge_of(change, np.zeros(160), inside, side) - hidden) < 0.5


def test_a_box_is_lit_as_the_scene() -> None:
    """Ambient light and a little of the lamp's on the side away from the sun, and the sun's."""
    sim = simulator()
    grey = 255 * (0.2989 * 0.482 + 0.587 * 0.38 + 0.114 * 0.309)
    lit = picture(sim, (0.7, 0.0, 0.0))[50, 80]
    sim.place(0, 1.0, 0.0, 0.0)
    result = sim.place_objects(0, [[1.7 + LENS_X, 0.0], FAR_AWAY])
    dark = float(result.observation["FRONT_FACING_CAMERA"][0, 50, 80, 0])
    assert 0.45 * grey < dark < lit - 5 < 0.85 * grey


def test_a_car_is_drawn_with_the_extent_of_its_body() -> None:
    sim = simulator("HEAD_TO_BOT")
    drawn = np.argwhere(np.abs(picture(sim, (1.158, 0.0, 0.0)) - picture(sim)) > 0)
    wanted = project(box_corners(1.158 + 0.004, 0.0, size=(0.324, 0.196, 0.19)))
    (top, left), (bottom, right) = drawn.min(axis=0), drawn.max(axis=0) + 1
    assert abs(left - wanted[:, 0].min()) < 2.0
    assert abs(right - wanted[:, 0].max()) < 2.0
    assert abs(top - wanted[:, 1].min()) < 2.0
    assert abs(bottom - wanted[:, 1].max()) < 3.5  # the wheels' feet lie behind the bumper


@pytest.mark.parametrize("heading", [0.0, np.pi])
@pytest.mark.parametrize("distance", [0.3, 0.6, 1.0])
def test_wheels_do_not_show_through_the_shell(heading: float, distance: float) -> None:
    """From behind and from ahead the shell hides all of them but what is below it."""
    middle = distance + (0.158 if heading == 0.0 else 0.166)
    seen = picture(simulator("HEAD_TO_BOT"), (middle, 0.0, heading))
    low, high = 0.03, 0.19  # m above the ground
    face = project(np.array([(distance, y, z) for y in (0.094, -0.094) for z in (low, high)]))
    left, right = face[:2, 0].max() + 2.0, face[2:, 0].min() - 2.0
    top, bottom = max(face[1, 1] + 2.0, 0.0), face[0, 1] - 2.0
    shell = seen[int(top) : int(bottom), int(left) : int(right)]
    assert shell.size > 50
    assert np.ptp(shell) <= 1


def test_wheel_on_the_near_side_shows_before_the_shell() -> None:
    side = np.pi / 2  # its right side looks at the lens, 1 m ahead
    seen = picture(simulator("HEAD_TO_BOT"), (1.098, 0.0, side))
    columns = project(np.array([(1.0, y, 0.036) for y in (-0.082, 0.0, 0.082)]))
    front, between, rear = (seen[int(row), int(column)] for column, row in columns)
    assert front == rear < between / 2


def test_near_plane_cuts_a_box_that_the_lens_stands_beside() -> None:
    seen = picture(simulator(), (0.0, 0.17, 0.0))  # its right side is 2 cm to the left of the lens
    assert np.ptp(seen[:100, :60]) < 60
    assert (seen[60:, 100:] == picture(simulator())[60:, 100:]).all()


def test_stereo_pictures_see_a_box_from_6_cm_apart() -> None:
    sim = simulator(sensor="STEREO_CAMERAS")
    distance = 1.0
    changed = np.abs(picture(sim, (distance + 0.2, 0.0, 0.0)) - picture(sim))
    middles = [np.argwhere(changed[..., eye] > 0)[:, 1].mean() for eye in (0, 1)]
    depth = distance * np.cos(PITCH) + 0.02 * np.sin(PITCH)
    assert middles[0] - middles[1] == pytest.approx(FOCAL * 0.06 / depth, abs=1.0)


def test_stereo_pictures_are_those_of_a_camera_moved_sideways() -> None:
    stereo = simulator(sensor="STEREO_CAMERAS")
    mono = simulator()
    pair = picture(stereo, (1.2, 0.1, 0.2))
    for eye, left in enumerate((0.03, -0.03)):
        mono.place(0, CAR_X, -left, np.pi)
        difference = np.abs(picture(mono, (1.2, 0.1, 0.2)) - pair[..., eye])
        assert difference.max() <= 1  # float32 rounds the two ways differently
