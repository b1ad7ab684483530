"""Driving a route backwards is driving the route whose rows are turned round."""

import dataclasses

import numpy as np
import pytest

from deepracer_fast.errors import TrackError
from deepracer_fast.files.model_metadata import FIRST_MODEL
from deepracer_fast.tracks.driving_direction import direction_meant
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.world.simulator import RaceRules, Simulator

CARS, STEPS = 50, 120


def turned_round(track: Track) -> Track:
    return dataclasses.replace(
        track, **{name: getattr(track, name)[::-1] for name in ("waypoints", "inner", "outer")}
    )


@pytest.mark.parametrize("name", ["reInvent2019_track", "Spain_track"])
def test_reverse_direction_equals_a_route_turned_round(name: str) -> None:
    track = load_track(name)
    rules = RaceRules(random_start=True)
    backwards = Simulator(
        track, CARS, sensors=(), rules=dataclasses.replace(rules, reverse_direction=True)
    )
    turned = Simulator(turned_round(track), CARS, sensors=(), rules=rules)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        actions = np.stack([rng.uniform(-30, 30, CARS), rng.uniform(0.3, 2, CARS)], axis=1)
        found, expected = backwards.step(actions), turned.step(actions)
        for param in set(expected.params) - {"waypoints", "is_reversed"}:
            np.testing.assert_array_equal(found.params[param], expected.params[param], param)
    assert found.params["is_reversed"].all()
    assert backwards.params_dict(0)["waypoints"] == turned.params_dict(0)["waypoints"]


def test_alternate_driving_direction_changes_from_episode_to_episode() -> None:
    simulator = Simulator(
        "Bowtie_track", 3, sensors=(), rules=RaceRules(alternate_driving_direction=True)
    )
    assert simulator.reset().params["is_reversed"].tolist() == [False, True, False]
    # With three cars the second episodes have the numbers 3, 4 and 5.
    assert simulator.begin_episodes(1).params["is_reversed"].tolist() == [True, False, True]


def test_a_training_goes_round_every_track_the_way_that_it_says() -> None:
    config = TrainConfig().updated(
        track="Oval_track", more_tracks=("Spain_track",), driving_direction="clockwise", threads=1
    )
    course = Course(config, FIRST_MODEL)
    cars = course.put(Cars(2, RaceRules(), ()))
    assert cars.reset().params["is_reversed"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("CW", "clockwise"),
        ("Counter Clockwise", "counter-clockwise"),
        ("counter-clockwise", "counter-clockwise"),
        ("Reversed", "reverse"),
        ("forward", "forward"),
        ("up", "up"),
    ],
)
def test_directions_are_known_by_other_names(said: str, meant: str) -> None:
    assert direction_meant(said) == meant


def test_an_open_track_is_not_gone_round() -> None:
    loop = load_track("Oval_track")
    lines = {name: getattr(loop, name)[:60] for name in ("waypoints", "inner", "outer")}
    road = dataclasses.replace(loop, is_loop=False, **lines)
    assert road.runs_backwards("reverse")
    with pytest.raises(TrackError, match="has two ends, and nobody drives it clockwise"):
        road.runs_backwards("clockwise")
