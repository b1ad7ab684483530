"""Reward parameters equal those that the original handed out, pose by pose.

The recordings are ``params`` dicts of its time trial, object avoidance and head-to-bot races on
reInvent2019_track. Cars are put where the recorded ones were, and whatever the pose alone
determines is compared; progress, steps and the command belong to an episode.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import Simulator

Array = npt.NDArray[Any]

RECORDINGS = {"TT-discrete": 7666, "OA-discrete": 5371, "HB-discrete": 4648}  # and their rows
FRONT = 0.14  # m from base_link to the recorded x and y
# Wheel centres from base_link, m forward and left (deepracer URDF).
WHEELS = ((-0.081663, 0.08105), (0.082311, 0.079601), (-0.081663, -0.08105), (0.082311, -0.079601))
TIE = 0.0007
"""Metres. A recorded wheel sways so far on its axle from the place that the pose gives it."""


@dataclass(frozen=True)
class Recording:
    recorded: dict[str, Array]
    found: dict[str, Array]
    track: Track
    waypoints: Array


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request: pytest.FixtureRequest, shared: Path) -> Recording:
    with gzip.open(shared / "params" / f"{request.param}.json.gz") as file:
        content = json.load(file)
    rows = content["params_list"]
    assert len(rows) == RECORDINGS[request.param]
    flat = [key for key in rows[0] if "object" not in key]
    recorded = {key: np.array([row[key] for row in rows]) for key in flat}
    simulator = Simulator(shared / "tracks" / "reInvent2019_track.npy", len(rows), (), 1)
    assert isinstance(simulator.track, Track)
    found = simulator.place(np.arange(len(rows)), *poses(recorded).T).params
    return Recording(recorded, dict(found), simulator.track, np.array(content["waypoints"]))


def poses(recorded: dict[str, Array]) -> Array:
    """Of base_link [P, 3], metres and radians."""
    heading = np.radians(recorded["heading"])
    x = recorded["x"] - FRONT * np.cos(heading)
    y = recorded["y"] - FRONT * np.sin(heading)
    return np.column_stack([x, y, heading])


def to_border(pose: Array, track: Track) -> float:
    """Metres from the wheel centre that is nearest to a border."""
    x, y, heading = pose
    cos, sin = np.cos(heading), np.sin(heading)
    gaps = []
    for forward, left in WHEELS:
        wheel = np.array([x + forward * cos - left * sin, y + forward * sin + left * cos])
        for line in (track.inner, track.outer):
            start, step = line[:-1], np.diff(line, axis=0)
            along = ((wheel - start) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
            feet = start + np.clip(along, 0, 1)[:, None] * step
            gaps.append(np.linalg.norm(wheel - feet, axis=1).min())
    return float(min(gaps))


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "y",
        "heading",
        "distance_from_center",
        "projection_distance",
        "track_width",
        "track_length",
    ],
)
def test_numbers_are_the_recorded_ones(recording: Recording, name: str) -> None:
    error = np.abs(recording.found[name] - recording.recorded[name])
    # Float32 gives 1e-6 nearly everywhere; near a bend's axis a projection moves by 0.13 mm.
    assert error.max() < 2e-4
    assert np.quantile(error, 0.99) < 3e-5


@pytest.mark.parametrize("name", ["is_left_of_center", "is_reversed"])
def test_sides_are_exactly_the_recorded_ones(recording: Recording, name: str) -> None:
    np.testing.assert_array_equal(recording.found[name], recording.recorded[name])


def test_closest_waypoints_are_exactly_the_recorded_ones(recording: Recording) -> None:
    found, recorded = (r["closest_waypoints"] for r in (recording.found, recording.recorded))
    np.testing.assert_array_equal(found, recorded)


def test_closest_waypoints_are_the_recorded_ones_but_beside_a_waypoint(
    recording: Recording,
) -> None:
    found, recorded = (r["closest_waypoints"] for r in (recording.found, recording.recorded))
    steps = np.linalg.norm(np.diff(recording.waypoints, axis=0), axis=1)
    arcs = np.append(0, np.cumsum(steps))
    differ = np.flatnonzero((found != recorded).any(axis=1))
    assert len(differ) <= 3
    for row in differ:
        arc = recording.recorded["projection_distance"][row]
        assert np.abs(arcs - arc).min() < 2e-4


@pytest.mark.parametrize("name", ["all_wheels_on_track", "is_offtrack"])
def test_wheel_flags_differ_only_where_a_wheel_is_within_a_hair_of_the_border(
    recording: Recording, name: str
) -> None:
    differ = np.flatnonzero(recording.found[name] != recording.recorded[name])
    gaps = [to_border(pose, recording.track) for pose in poses(recording.recorded)[differ]]
    assert len(gaps) <= 3
    assert all(gap < TIE for gap in gaps), gaps
    assert 0 < recording.recorded[name].sum() < len(recording.recorded[name])


def test_waypoints_are_the_recorded_ones(recording: Recording) -> None:
    np.testing.assert_array_equal(recording.track.waypoints, recording.waypoints)


def test_recorded_track_direction_is_the_default_one(recording: Recording) -> None:
    assert not recording.recorded["is_reversed"].any()
