"""Drives for a trial: real states of every kind, by the actions of the model and no others."""

from dataclasses import replace

import numpy as np
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_space import (
    ContinuousActionSpace,
    DiscreteActionSpace,
    discrete_grid,
)
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.tracks.track import load_track
from deepracer_fast.validation.drives import Drive, drives_of, states
from deepracer_fast.world.simulator import PREPARE, STATUS_NAMES

TRACK = load_track("reinvent_base")
MODEL = ModelMetadata(discrete_grid(30.0, 5, 1.0, 3))
ALL_RACES = ("TIME_TRIAL", "OBJECT_AVOIDANCE", "HEAD_TO_BOT", "HEAD_TO_MODEL")


def small(drive: Drive, steps: int = 300) -> Drive:
    return replace(drive, cars=64, steps=steps)


@pytest.mark.parametrize("race_type", ALL_RACES)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_episodes_end_in_every_way_of_the_race(race_type: str, is_reversed: bool) -> None:
    drive = drives_of([race_type], TRACK, MODEL)[is_reversed]
    ends, directions = set(), set()
    for result in states(small(drive, 700), TRACK, MODEL):
        ends |= set(result.status[result.terminated].tolist())
        directions |= set(result.params["is_reversed"].tolist())
    expected = {"off_track", "reversed", "lap_complete"}
    expected |= {"crashed"} if race_type != "TIME_TRIAL" else set()
    assert {STATUS_NAMES[end] for end in ends} >= expected
    assert directions == {is_reversed}


def test_each_action_is_driven_all_along_the_road() -> None:
    found = set()
    drive = replace(drives_of(["TIME_TRIAL"], TRACK, MODEL)[0], cars=256)
    for result in states(drive, TRACK, MODEL):
        driving = result.status != PREPARE
        names = ("speed", "steering_angle")
        action = np.column_stack([result.params[name] for name in names])[driving].round(3)
        place = (result.params["closest_waypoints"][:, 0][driving] // 10)[:, None]
        found |= set(map(tuple, np.hstack([action, place]).tolist()))
    assert len({(speed, angle) for speed, angle, _ in found}) == MODEL.action_space.size
    assert len(found) == MODEL.action_space.size * 12


@pytest.mark.parametrize(
    "space", [DiscreteActionSpace((7.0, -30.0), (2.5, 0.5)), ContinuousActionSpace(-20, 10, 1, 2)]
)
def test_only_actions_of_the_model_are_driven(
    space: DiscreteActionSpace | ContinuousActionSpace,
) -> None:
    model = ModelMetadata(space)
    found: list[np.ndarray] = []
    for result in states(small(drives_of(["TIME_TRIAL"], TRACK, model)[0]), TRACK, model):
        driving = result.status != PREPARE
        pairs = (result.params[name][driving] for name in ("steering_angle", "speed"))
        found.append(np.column_stack(list(pairs)))
    rows = np.unique(np.vstack(found), axis=0)
    if isinstance(space, DiscreteActionSpace):
        assert rows.tolist() == [[-30.0, 0.5], [7.0, 2.5]]
    else:
        assert rows.min(axis=0).tolist() == [-20.0, 1.0]
        assert rows.max(axis=0).tolist() == [10.0, 2.0]


def test_the_slowest_action_finishes_a_lap_with_few_cars() -> None:
    drive = replace(drives_of(["TIME_TRIAL"], TRACK, MODEL)[0], cars=3)
    laps = set()
    for result in states(drive, TRACK, MODEL):
        done = result.params["progress"] == 100.0
        laps |= set(result.params["speed"][done].tolist())
    assert laps >= {np.float32(1 / 3), 1.0}


def test_a_drive_is_the_same_each_time() -> None:
    drive = small(drives_of(["HEAD_TO_BOT"], TRACK, MODEL)[0], 40)
    first, second = (
        [np.array(result.params["x"]) for result in states(drive, TRACK, MODEL)] for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_a_short_track_has_no_drive_among_objects_unless_it_is_asked_for() -> None:
    line = np.column_stack([np.linspace(0.0, 3.0, 40), np.zeros(40)])
    side = np.array([0.0, 0.4])
    track = replace(TRACK, waypoints=line, inner=line + side, outer=line - side, is_loop=False)
    drives = drives_of(["TIME_TRIAL", "HEAD_TO_BOT"], track, MODEL)
    assert {drive.race.race_type for drive in drives} == {"TIME_TRIAL"}
    with pytest.raises(ConfigError, match="must leave room for 3 of them"):
        drives_of(["HEAD_TO_BOT"], track, MODEL)
