"""Promises of what a film shows of the road: cars, boxes, walls and the start line."""

import math

import numpy as np
import pytest

from deepracer_fast import _core
from deepracer_fast.errors import ConfigError
from deepracer_fast.pictures.video.car_shape import CAR_COLOURS, Face, Solid, box_solid, car_solid
from deepracer_fast.pictures.video.solids import Lens, paint_solid
from deepracer_fast.pictures.video.views import Pose, RoadObjects, Views
from deepracer_fast.tracks.track import load_track

TRACK = "reinvent_base"
LENS = Lens(0.0, 0.0, 0.0, 0.3, 0.2, (320, 240), 1.13)


def on_the_road(number: int) -> Pose:
    """A car at a waypoint, along the road."""
    track = load_track(TRACK)
    ahead = track.waypoints[number + 1] - track.waypoints[number]
    x, y = track.waypoints[number]
    return float(x), float(y), math.atan2(ahead[1], ahead[0])


def around_the_car(picture: np.ndarray) -> np.ndarray:
    return picture[200:400, 240:400].astype(int)


@pytest.mark.parametrize("colour", CAR_COLOURS)
def test_the_car_has_the_colour_that_was_asked_for(colour: str) -> None:
    seen = around_the_car(
        Views(load_track(TRACK), colour).chase(on_the_road(30), RoadObjects.none())
    )
    shell = np.array(CAR_COLOURS[colour])
    # Its lit parts keep the hue; a share of the light is left to each.
    light = seen.sum(axis=-1, keepdims=True) / shell.sum()
    is_shell = (np.abs(seen - light * shell) < 8).all(axis=-1) & (light[..., 0] > 0.5)
    assert is_shell.sum() > 700


def test_a_colour_that_no_car_has_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"colour must be one of Black, Grey, .*, got 'Plaid'"):
        Views(load_track(TRACK), "Plaid")


@pytest.mark.parametrize("width", [0, 100, 672])
def test_a_width_that_cannot_be_painted_is_refused(width: int) -> None:
    with pytest.raises(ConfigError, match="width must be"):
        Views(load_track(TRACK), width=width)


def test_no_wall_is_black() -> None:
    x, y, _ = on_the_road(0)
    for heading in np.arange(0.0, 2 * np.pi, np.pi / 4):
        views = Views(load_track(TRACK))
        far = views.chase((x, y, float(heading)), RoadObjects.none())[:60]
        assert far.max(axis=-1).min() > 50


def test_the_start_line_is_chequered() -> None:
    views = Views(load_track(TRACK))
    at_start = views.chase(on_the_road(0), RoadObjects.none())[330:370]
    elsewhere = views.chase(on_the_road(30), RoadObjects.none())[330:370]
    black = [(strip.max(axis=-1) < 34)[:, 160:270].sum() for strip in (at_start, elsewhere)]
    assert black[0] > 300 and black[1] == 0


def test_a_track_with_a_painted_start_line_gets_no_second_one() -> None:
    track = load_track("2022_july_open")
    assert _core.look(track.look)["start_length"] > 0
    assert Views(track)._starts == []


def test_an_object_stands_where_the_cars_camera_has_it() -> None:
    """The lens is the core's: a box covers the same pixels, but for its edges."""
    params = _core.CameraParams()
    params.width, params.height, params.x = 320, 240, 0.0
    params.z, params.pitch = LENS.height, LENS.pitch
    assert params.hfov == pytest.approx(LENS.hfov)
    pose = np.array([[1.2, 0.2, 0.4]], np.float32)
    core = np.full((240, 320), 255, np.uint8)
    _core.Camera(params).draw_objects(core, (0.0, 0.0, 0.0), pose, np.zeros(1, np.int32))
    film = np.full((240, 320, 3), 255, np.uint8)
    paint_solid(film, LENS, box_solid(), pose[0])
    covered = (core < 200) != (film.min(axis=-1) < 200)
    assert (core < 200).sum() > 3000
    assert covered.sum() < 150


def square(x: float, half: float, colour: tuple[int, int, int]) -> Face:
    """An upright square that looks back."""
    corners = [(x, -half, 0.0), (x, half, 0.0), (x, half, 2 * half), (x, -half, 2 * half)]
    return Face(np.array(corners), np.array([-1.0, 0.0, 0.0]), colour)


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_nearer_hides_what_is_behind_it(order: int) -> None:
    near, far = square(1.0, 0.1, (0, 200, 0)), square(2.0, 0.4, (200, 0, 0))
    picture = np.zeros((240, 320, 3), np.uint8)
    paint_solid(picture, LENS, Solid([near, far][::order]), np.zeros(3))
    x, y = LENS.outline(near.points).mean(axis=0).astype(int)
    assert picture[y, x].argmax() == 1
    assert picture[..., 0].any()  # the other looks out around it


@pytest.mark.parametrize("place", [(-3.0, 0.0), (0.0, 0.0), (0.05, 0.02), (0.3, 40.0), (0.1, 0.1)])
def test_a_car_that_is_behind_or_around_the_lens_breaks_nothing(place: tuple[float, float]) -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    paint_solid(picture, LENS, car_solid("Red"), np.array([*place, 0.7]))
    assert picture.shape == (240, 320, 3)
