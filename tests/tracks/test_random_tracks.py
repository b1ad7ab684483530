"""Promises of ``tracks.random_outline``: roads that can be driven, the same for the same number."""

import numpy as np
import pytest

from deepracer_fast.errors import TrackError
from deepracer_fast.files.action_space import discrete_grid
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.tracks.random_outline import random_outline
from deepracer_fast.tracks.track import load_track
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Course

NUMBERS = range(20)


def test_a_number_always_gives_the_same_track() -> None:
    assert random_outline(3) == random_outline(3)
    assert random_outline(3).control_points != random_outline(4).control_points


@pytest.mark.parametrize("number", NUMBERS)
def test_a_road_keeps_its_width_and_away_from_itself(number: int) -> None:
    track = load_track(f"random_{number}")
    width = random_outline(number).width
    centre, inner, outer = (line[:-1] for line in (track.waypoints, track.inner, track.outer))
    np.testing.assert_allclose(np.linalg.norm(inner - outer, axis=1), width, rtol=0.02)
    for border in (inner, outer):
        nearest = np.linalg.norm(border[:, None] - centre, axis=2).min(axis=1)
        assert nearest.min() > 0.45 * width


def test_made_up_tracks_differ_as_the_bundled_ones_do() -> None:
    tracks = [load_track(f"random_{number}") for number in NUMBERS]
    lengths = [track.length for track in tracks]
    assert min(lengths) < 20.0
    assert max(lengths) > 30.0
    assert {track.look for track in tracks} == {"reinvent", "oval", "speedway"}
    assert {track.direction for track in tracks} == {"clockwise", "counter-clockwise"}


def test_other_names_are_no_made_up_tracks() -> None:
    for name in ("random_", "random_x", "random_-1", "random_²"):
        with pytest.raises(TrackError, match="unknown track"):
            load_track(name)


def test_a_course_has_the_made_up_tracks_beside_the_named_ones() -> None:
    config = TrainConfig().updated(track="random_1", more_tracks=("Oval_track",), random_tracks=3)
    course = Course(config, ModelMetadata(discrete_grid(30.0, 5, 1.0, 1)))
    names = [track.name for track in course.tracks]
    assert names == ["random_1", "Oval_track", "random_0", "random_2"]


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e5", "00", "", str(2**63)])
def test_a_made_up_track_has_a_plain_number(number: str) -> None:
    with pytest.raises(TrackError, match=r"made-up track is random_ and a whole number") as caught:
        load_track(f"random_{number}")
    assert len(str(caught.value)) < 400
