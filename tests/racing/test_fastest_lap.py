"""The search for a fastest lap: it can be driven, stays on the road, and knows a better car."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepracer_fast import _core
from deepracer_fast.errors import TrackError
from deepracer_fast.racing.fastest_lap import FastestLap, fastest_lap
from deepracer_fast.racing.lap_search import left_of, way_of
from deepracer_fast.racing.racing_line import racing_line
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.engine_numba.road import is_on_road, road_of
from deepracer_fast.world.engine_numba.vehicle import (
    FRONT_AXLE,
    HALF_FRONT_TRACK,
    HALF_REAR_TRACK,
    REAR_AXLE,
    vehicle_params,
)

BREADTH, SEARCHES = 150, 2  # few: what is tested here does not depend on them


def oval() -> Track:
    """Two straights of 3 m and half circles of 1 m radius, 0.8 m wide."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 24)
    lines = []
    for radius in (1.0, 0.6, 1.4):
        right = np.stack([1.5 + radius * np.cos(turn), radius * np.sin(turn)], axis=1)
        lines.append(np.concatenate([right, -right, right[:1]]))
    return Track("oval", "Oval", "reinvent", *lines, is_loop=True)


@pytest.fixture(scope="module")
def found() -> FastestLap:
    return fastest_lap(oval(), breadth=BREADTH, searches=SEARCHES)


def test_the_core_drives_its_commands_to_the_same_places(found: FastestLap) -> None:
    drive = found.drive
    start = np.array([[drive[name][0] for name in ("x", "y", "heading", "steering")]])
    commands = np.stack([drive["steering_command"], drive["speed_command"]], axis=1)[None, 1:]
    driven = _core.drive_open_loop(_core.VehicleParams(5, False), start, commands)[0]
    np.testing.assert_allclose(driven[:, 0], drive["x"], atol=5e-3)
    np.testing.assert_allclose(driven[:, 1], drive["y"], atol=5e-3)
    np.testing.assert_allclose(drive["seconds"], np.arange(len(drive)) / 15.0, atol=1e-9)


def test_a_wheel_stays_on_the_road(found: FastestLap) -> None:
    road = road_of(oval())
    for state in found.drive:
        c, s = np.cos(state["heading"]), np.sin(state["heading"])
        assert any(
            is_on_road(road, state["x"] + a * c - b * s, state["y"] + a * s + b * c)
            for a, b in (
                (REAR_AXLE, HALF_REAR_TRACK),
                (REAR_AXLE, -HALF_REAR_TRACK),
                (FRONT_AXLE, HALF_FRONT_TRACK),
                (FRONT_AXLE, -HALF_FRONT_TRACK),
            )
        )


def test_a_flying_lap_is_faster_and_later_searches_do_not_lose(found: FastestLap) -> None:
    standing, flying = found.seconds
    assert flying < standing
    assert sum(found.seconds) == min(found.found)


def test_more_grip_makes_faster_laps(found: FastestLap) -> None:
    grippy = vehicle_params(5)._replace(grip=8.0)
    better = fastest_lap(oval(), breadth=BREADTH, searches=SEARCHES, vehicle=grippy)
    assert sum(better.seconds) < 0.95 * sum(found.seconds)


def test_a_speed_limit_holds(found: FastestLap) -> None:
    slow = fastest_lap(oval(), max_speed=1.0, breadth=BREADTH, searches=1)
    assert slow.drive["speed_command"].max() <= 1.0
    assert sum(slow.seconds) > sum(found.seconds)


def test_threads_change_nothing(found: FastestLap) -> None:
    again = fastest_lap(oval(), breadth=BREADTH, searches=SEARCHES, threads=2)
    assert again.seconds == found.seconds


def test_the_line_it_begins_with_bends_less_than_the_middle() -> None:
    way = way_of(load_track("reinvent_base"))
    grip, laps = 3.0, 2
    line = racing_line(way, grip, 4.0, laps)
    assert line.shape == (laps * len(way.center), 3)
    offset = line[len(way.center) :, 0]
    assert np.all(offset <= way.room[:, 1]) and np.all(-offset <= way.room[:, 0])
    assert _bend(way.center + offset[:, None] * left_of(way.along)) < 0.7 * _bend(way.center)
    assert line[0, 2] == 0.0 and line[:, 2].max() <= 4.0


def _bend(line: np.ndarray) -> float:
    """Sum of squared turns of a loop, between points 0.4 m apart."""
    steps = np.diff(line[::20], axis=0, append=line[:1])
    turns = np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0])))
    return float((turns**2).sum())


def test_the_road_is_where_the_rules_have_it() -> None:
    track = load_track("Bowtie_track")
    way, road = way_of(track), road_of(track)
    random = np.random.default_rng(0)
    pixels = random.integers(0, way.is_road.shape, (3000, 2))
    points = (pixels + 0.5) * 0.01 + way.corner + track.origin
    same = [
        way.is_road[tuple(p)] == is_on_road(road, *q) for p, q in zip(pixels, points, strict=True)
    ]
    assert np.mean(same) > 0.999


def test_what_cannot_be_searched_is_said(tmp_path: Path) -> None:
    track = oval()
    half = Track(
        "open",
        "Open",
        "reinvent",
        *(line[:24] for line in (track.waypoints, track.inner, track.outer)),
        is_loop=False,
    )
    with pytest.raises(TrackError, match="'open' has two ends"):
        fastest_lap(half)
    weak = vehicle_params(5)._replace(steering_gain=0.0)
    with pytest.raises(TrackError, match="cannot follow"):
        fastest_lap(track, breadth=20, searches=1, vehicle=weak)
