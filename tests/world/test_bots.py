"""Bots and racers: how they drive, and who has run into whom.

Sources: markov agent_ctrl/bot_cars_agent_ctrl.py, rollout_agent_ctrl.py, track_geom/constants.py.
Neighbours: csrc/traffic/bots.h, csrc/tracks/lanes.h, csrc/traffic/traffic.h.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import (
    CONTROL_PERIOD,
    CRASHED,
    IN_PROGRESS,
    RaceRules,
    Simulator,
)

Floats = NDArray[np.float64]

RADIUS, HALF_WIDTH = 3.0, 0.6
LENGTH = 2 * np.pi * RADIUS
INNER, OUTER = RADIUS - 0.5 * HALF_WIDTH, RADIUS + 0.5 * HALF_WIDTH


def circle(num_rows: int = 720) -> Track:
    """Counter-clockwise around the origin, beginning at (RADIUS, 0)."""
    angle = np.linspace(0, 2 * np.pi, num_rows + 1)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (RADIUS, RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def waiting(race: RaceConfig, cars: int = 1, track: Track | None = None) -> Simulator:
    """Cars that serve an endless penalty while the bots drive, from the next step on."""
    rules = RaceRules(number_of_resets=1, off_track_penalty=3599.0, race=race)
    sim = Simulator(track or circle(), cars, (), 1, rules=rules)
    sim.place(np.arange(cars), -50.0, 0.0, 0.0)
    return sim


def bots(number: int, **race: Any) -> RaceConfig:
    return RaceConfig("HEAD_TO_BOT", number_of_bot_cars=number, **race)


def polar(points: Floats) -> tuple[Floats, Floats]:
    """Arc length along the centre line and radius."""
    return np.arctan2(points[..., 1], points[..., 0]) % (2 * np.pi) * RADIUS, np.hypot(
        points[..., 0], points[..., 1]
    )


# Bots


def test_bots_begin_evenly_spaced_in_lanes_by_turns() -> None:
    sim = Simulator(circle(), 1, (), 1, rules=RaceRules(race=bots(4, bot_car_speed=1.5)))
    params = sim.reset().params
    arc, radius = polar(params["objects_location"][0])
    np.testing.assert_allclose(arc, np.linspace(2.0, LENGTH - 1.0, 4), atol=2e-3)
    np.testing.assert_allclose(radius, [INNER, OUTER, INNER, OUTER], atol=1e-3)
    np.testing.assert_allclose(params["objects_speed"], 1.5)
    heading = params["objects_heading"][0] - (arc / RADIUS + np.pi / 2)  # radians, oddly
    assert np.abs(np.angle(np.exp(1j * heading))).max() < 2e-3


def test_bots_advance_along_the_centre_line_at_their_speed_once_the_car_may_drive() -> None:
    sim = Simulator(circle(), 1, (), 1, rules=RaceRules(race=bots(2, bot_car_speed=0.5)))
    start = sim.reset().params["objects_distance"].copy()
    sim.step([[0.0, 0.1]])
    np.testing.assert_array_equal(sim.step([[0.0, 0.1]]).params["objects_distance"], start)
    for _ in range(15):
        result = sim.step([[0.0, 0.1]])
    moved = result.params["objects_distance"] - start
    np.testing.assert_allclose(moved, 15 * CONTROL_PERIOD * 0.5, atol=2e-3)
    radius = polar(result.params["objects_location"][0])[1]
    np.testing.assert_allclose(radius, [INNER, OUTER], atol=1e-3)


def test_headings_of_bots_are_exact_all_round() -> None:
    headings = np.linspace(-np.pi, np.pi, 721, dtype=np.float32)
    sim = waiting(bots(1), len(headings))
    params = sim.place_objects(np.arange(721), [[RADIUS, 0.0]], headings[:, None]).params
    gap = np.angle(np.exp(1j * (params["objects_heading"][:, 0] - headings).astype(np.float64)))
    assert np.abs(gap).max() < 6e-7


def test_bots_pass_the_start_line() -> None:
    sim = waiting(bots(2, bot_car_speed=4.0))
    for _ in range(15):
        arc = sim.step([[0.0, 0.1]]).params["objects_distance"][0]
    # What a step returns describes the moment before its motion.
    assert arc[1] == pytest.approx(14 * CONTROL_PERIOD * 4.0 - 1.0, abs=5e-3)


@pytest.mark.parametrize("name", ["reinvent_base", "Bowtie_track"])
def test_lanes_are_periodic_cubic_splines_of_the_centre_line(name: str) -> None:
    """Against SciPy's, at every place that a bot of 0.6 m/s comes to within a lap."""
    track = load_track(name)
    arc = np.append(0, np.cumsum(np.linalg.norm(np.diff(track.waypoints, axis=0), axis=1)))
    keep = np.append(np.diff(arc) > 1e-6, True)
    splines = []
    for border in (track.inner, track.outer):
        lane = 0.5 * (track.waypoints + border)[keep]
        lane[-1] = lane[0]
        splines.append(CubicSpline(arc[keep], lane, bc_type="periodic"))
    sim = waiting(bots(2, bot_car_speed=0.6), track=track)
    for step in range(1, int(track.length / 0.04)):
        sim.step([[0.0, 0.1]])
        for spline, start, pose in zip(
            splines, (2.0, track.length - 1.0), sim.object_poses()[0], strict=True
        ):
            u = (start + 0.6 * CONTROL_PERIOD * step) % track.length
            assert np.linalg.norm(spline(u) - pose[:2]) < 1e-3
            slope = spline(u, 1)
            gap = pose[2] - np.arctan2(slope[1], slope[0])
            assert abs(np.angle(np.exp(1j * gap))) < 5e-3


def test_lane_changes_come_in_time_and_along_smooth_curves() -> None:
    cars = 30
    race = bots(2, bot_car_speed=1.0, is_lane_change=True, lower_lane_change_time=1.0,
                upper_lane_change_time=2.0, lane_change_distance=1.5)  # fmt: skip
    sim = waiting(race, cars)
    poses = []
    for _ in range(300):
        sim.step(np.zeros((cars, 2)))
        poses.append(sim.object_poses().astype(float))
    track = np.array(poses)  # [T, cars, 2, 3]
    radius = polar(track)[1]
    side = (radius - RADIUS) / (0.5 * HALF_WIDTH)
    keeping = np.abs(np.abs(side) - 1.0) < 5e-3
    assert 0.2 < 1 - keeping.mean() < 0.8
    # Headings follow the path, and nothing jumps.
    step = np.diff(track[..., :2], axis=0)
    course = np.arctan2(step[..., 1], step[..., 0])
    middle = 0.5 * np.angle(np.exp(1j * np.diff(track[..., 2], axis=0))) + track[:-1, ..., 2]
    assert np.abs(np.angle(np.exp(1j * (course - middle)))).max() < 0.02
    assert np.linalg.norm(step, axis=-1).max() < 1.3 * CONTROL_PERIOD
    # Each car's bots change at times of their own, lane to lane and back.
    stays = []
    for car in range(cars):
        for bot in range(2):
            change = np.flatnonzero(np.diff(keeping[:, car, bot].astype(int)))
            spans = np.diff(change) * CONTROL_PERIOD
            is_keeping = keeping[change[:-1] + 1, car, bot]
            stays += list(spans[is_keeping])
            np.testing.assert_allclose(spans[~is_keeping], 1.5, atol=0.25)
    assert min(stays) > 0.9
    assert max(stays) < 2.4
    assert np.std(stays) > 0.15
    assert (side.min(axis=0) < -0.98).all() and (side.max(axis=0) > 0.98).all()


def test_random_bots_differ_by_car_and_episode() -> None:
    race = bots(3, randomize_bot_car_locations=True)
    sim = Simulator(circle(), 20, (), 1, rules=RaceRules(race=race))
    first = sim.reset().params["objects_distance"].copy()
    assert (first != sim.begin_episodes(1).params["objects_distance"]).all()
    assert len(np.unique(first)) == 60
    assert (np.diff(first, axis=1) > 2.0 - 2e-3).all()


@pytest.mark.parametrize(("ahead", "crashes"), [(0.3, True), (-0.3, False)])
def test_only_the_car_behind_crashes_with_a_bot(ahead: float, crashes: bool) -> None:
    sim = Simulator(circle(), 1, (), 1, rules=RaceRules(race=bots(1, bot_car_speed=0.5)))
    sim.place(0, RADIUS, 0.0, np.pi / 2)
    angle = ahead / RADIUS  # also across the start line
    bot = [[RADIUS * np.cos(angle), RADIUS * np.sin(angle)]]
    result = sim.place_objects(0, bot, angle + np.pi / 2)
    assert bool(result.params["is_crashed"][0]) == crashes
    result = sim.step([[0.0, 0.5]])
    assert result.status[0] == (CRASHED if crashes else IN_PROGRESS)
    assert bool(result.params["is_crashed"][0]) == crashes


# Racers


def racers(worlds: int, size: int, sensors: tuple[str, ...] = (), **rules: Any) -> Simulator:
    race = RaceConfig("HEAD_TO_MODEL", cars_per_world=size, collision_penalty=0.4)
    rules = {"round_robin_advance_dist": 0.0, **rules}
    return Simulator(circle(), worlds * size, sensors, 1, rules=RaceRules(race=race, **rules))


def test_racers_start_one_behind_the_other_in_lanes_by_turns() -> None:
    sim = racers(2, 3)
    arc, radius = polar(sim.vehicle_states()[:, :2].astype(float))
    wanted = np.tile([0.0, LENGTH - 0.75, LENGTH - 1.5], 2)
    assert np.abs((arc - wanted + 0.5) % LENGTH - 0.5).max() < 5e-3
    np.testing.assert_allclose(radius, [RADIUS, INNER, OUTER] * 2, atol=1e-3)
    np.testing.assert_array_equal(sim.reset().params["progress"][:3] < 2, True)


def test_wherever_the_first_racer_starts_the_second_one_is_on_the_inner_lane() -> None:
    """The first stands as far from one border as from the other; rounding must not choose."""
    race = RaceConfig("HEAD_TO_MODEL", cars_per_world=2)
    rules = RaceRules(random_start=True, race=race)
    params = Simulator("reinvent_base", 200, (), 1, rules=rules).reset().params
    inside = params["is_left_of_center"][1::2] & (params["distance_from_center"][1::2] > 0.1)
    assert inside.all()


def test_racers_of_one_world_are_objects_to_each_other() -> None:
    sim = racers(2, 3)
    params = sim.reset().params
    places = sim.vehicle_states()
    for car in range(6):
        others = [other for other in range(car - car % 3, car - car % 3 + 3) if other != car]
        np.testing.assert_array_equal(params["objects_location"][car], places[others, :2])
        np.testing.assert_allclose(params["objects_heading"][car], places[others, 2], atol=3e-7)
    assert params["closest_objects"][1].tolist() == [1, 0]  # car 2 behind, car 0 ahead


def test_racers_are_seen_where_they_are_after_the_step() -> None:
    sim = racers(1, 2, ("FRONT_FACING_CAMERA",))
    alone = Simulator(circle(), 2, ("FRONT_FACING_CAMERA",), 1)
    for each in (sim, alone):
        each.place([0, 1], [RADIUS, RADIUS + 0.05], [1.0, 0.0], np.pi / 2)
    for _ in range(4):
        pictures = sim.step([[0.0, 2.0], [0.0, 0.1]]).observation["FRONT_FACING_CAMERA"]
        empty = alone.step([[0.0, 2.0], [0.0, 0.1]]).observation["FRONT_FACING_CAMERA"]
        np.testing.assert_array_equal(sim.vehicle_states(), alone.vehicle_states())
        np.testing.assert_array_equal(pictures[0], empty[0])  # nobody before it
        rows = np.argwhere(pictures[1] != empty[1])[:, 0]
        distance = np.diff(sim.vehicle_states()[::-1, 1])[0] - 0.158 - 0.14529
        down = np.arctan2(0.13033 - 0.03, distance) - 0.2618  # of the shell's lower rear edge
        bottom = 60 + 80 / np.tan(0.565) * np.tan(down)
        assert abs(rows.max() - bottom) < 6  # the wheels reach a little lower


def test_the_racer_behind_is_put_back_and_the_one_ahead_drives_on() -> None:
    sim = racers(1, 2, number_of_resets=3)
    sim.place([0, 1], [RADIUS, RADIUS + 0.03], [0.3, 0.0], np.pi / 2)
    result = sim.step([[0.0, 0.5], [0.0, 0.5]])
    assert result.status.tolist() == [IN_PROGRESS, CRASHED]
    assert result.params["is_crashed"].tolist() == [False, True]
    arc, radius = polar(sim.vehicle_states()[:, :2].astype(float))
    assert (arc[1] - arc[0]) % LENGTH - LENGTH == pytest.approx(-1.0, abs=0.05)
    assert radius[1] in (pytest.approx(INNER, abs=1e-3), pytest.approx(OUTER, abs=1e-3))


def test_num_cars_must_hold_whole_worlds() -> None:
    race = RaceConfig("HEAD_TO_MODEL", cars_per_world=2)
    with pytest.raises(ConfigError, match=r"must be multiples of cars_per_world \(2\)"):
        Simulator(circle(), 3, (), 1, rules=RaceRules(race=race))


@pytest.mark.parametrize(("asked", "length", "given"), [(2, 17.7, 4), (2, 8.0, 2), (6, 17.7, 6)])
def test_practice_has_more_bots_where_a_track_has_room(
    asked: int, length: float, given: int
) -> None:
    practice = RaceConfig("HEAD_TO_BOT", number_of_bot_cars=asked).for_practice(length)
    assert practice.number_of_bot_cars == given
    assert practice.randomize_bot_car_locations
