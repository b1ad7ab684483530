"""Races with every sensor: the same bytes whoever computes them.

Threads, instruction sets and parts of a batch must not show in what the cars see, read and meet.
Neighbours: test_simulator.py holds it for time trials; .ci/sanitize runs this file.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import RaceRules, Simulator, StepResult

Arrays = dict[str, NDArray[Any]]

RACE_TYPES = ("OBJECT_AVOIDANCE", "HEAD_TO_BOT", "HEAD_TO_MODEL")
CARS_PER_WORLD = 3
CARS = 13 * CARS_PER_WORLD  # two groups of cars that drive side by side, and a rest
STEPS = 45  # crashes, penalties, new episodes


def drive(race_type: str, first_car: int = 0, num_cars: int = CARS, **settings: Any) -> Arrays:
    """All that cars from ``first_car`` on see and read, step by step: [T, B, ...]."""
    race = RaceConfig(
        race_type,
        randomize_obstacle_locations=True,
        randomize_bot_car_locations=True,
        is_lane_change=True,
        lower_lane_change_time=0.2,
        upper_lane_change_time=1.0,
        cars_per_world=CARS_PER_WORLD,
    )
    sim = Simulator(
        "Oval_track",
        num_cars,
        ("STEREO_CAMERAS", "LIDAR"),
        seed=7,
        rules=RaceRules(random_start=True, number_of_resets=1, off_track_penalty=0.2, race=race),
        randomization=Randomization(light_gain=0.1, pixel_noise=4.0, picture_delay=0.1, grip=0.2),
        first_car=first_car,
        cars_in_batch=CARS,
        **settings,
    )
    draw = np.random.default_rng(0)
    actions = draw.uniform([-30, 0.5], [30, 3], (STEPS, CARS, 2)).astype(np.float32)
    steps = [rows_of(sim.reset())]
    steps += [rows_of(sim.step(each[first_car : first_car + num_cars])) for each in actions]
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


def circle(radius: float) -> Track:
    """A road of 1.2 m, counter-clockwise around the origin from (radius, 0)."""
    angle = np.linspace(0, 2 * np.pi, 721)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [each * ring for each in (radius, radius - 0.6, radius + 0.6)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def rows_of(result: StepResult) -> Arrays:
    """Copies of the arrays that have a row a car."""
    params = {name: rows for name, rows in result.params.items() if name != "waypoints"}
    outcome = {"terminated": result.terminated, "status": result.status}
    return {name: rows.copy() for name, rows in (params | result.observation | outcome).items()}


def assert_same(found: Arrays, wanted: Arrays) -> None:
    assert found.keys() == wanted.keys()
    different = [name for name in wanted if found[name].tobytes() != wanted[name].tobytes()]
    assert different == []


@pytest.mark.parametrize("race_type", RACE_TYPES)
def test_result_does_not_depend_on_thread_count(race_type: str) -> None:
    alone = drive(race_type, threads=1)
    for threads in (2, 3, 8):
        assert_same(drive(race_type, threads=threads), alone)


@pytest.mark.parametrize("race_type", RACE_TYPES)
def test_every_instruction_set_computes_the_same_bytes(race_type: str) -> None:
    fastest, *others = (drive(race_type, instruction_set=name) for name in _core.instruction_sets())
    for other in others:
        assert_same(other, fastest)


@pytest.mark.parametrize("race_type", RACE_TYPES)
def test_parts_of_a_batch_are_the_rows_of_the_whole(race_type: str) -> None:
    whole = drive(race_type)
    for first, end in ((0, 18), (18, CARS)):
        wanted = {name: rows[:, first:end] for name, rows in whole.items()}
        assert_same(drive(race_type, first, end - first), wanted)


def racer_in_second_place_begins_anew(first_car: int, end: int) -> NDArray[np.float32]:
    """Where it is put while the first of its world, the last of 18 cars', drives on before it."""
    radius = 3.0
    race = RaceConfig("HEAD_TO_MODEL", cars_per_world=3)
    rules = RaceRules(race=race, round_robin_advance_dist=0.0)
    cars = np.arange(end - first_car)
    track = circle(radius)
    sim = Simulator(track, len(cars), (), 1, rules=rules, first_car=first_car, cars_in_batch=18)
    leader = len(cars) - 3
    angle = np.repeat(np.arange(1.0, 4.0, 0.5), 3)[first_car:end]
    # It starts 0.75 m before the start line, in a lane if someone is within 0.999 m; the leader is,
    # until it has driven on by 1.7 mm.
    angle[leader] = (0.998 - 0.75) / radius
    sim.place(cars, 3.2 * np.cos(angle), 3.2 * np.sin(angle), angle + np.pi / 2)
    sim.place(leader + 1, 50.0, 0.0, 0.0)
    assert sim.step(np.tile([10.0, 3.0], (len(cars), 1))).terminated[leader + 1]
    return sim.vehicle_states()[leader + 1]


def test_who_begins_anew_sees_its_rivals_before_they_drive_on() -> None:
    """Of six worlds of three, the sixteenth car fills a group that drives side by side."""
    alone = racer_in_second_place_begins_anew(15, 18)
    assert np.hypot(*alone[:2]) == pytest.approx(2.7, abs=1e-3)  # across from the leader
    np.testing.assert_array_equal(racer_in_second_place_begins_anew(0, 18), alone)


def test_the_steps_above_hold_what_races_are_made_of() -> None:
    statuses = {
        _core.STATUS_NAMES[code]
        for race_type in RACE_TYPES
        for code in np.unique(drive(race_type)["status"])
    }
    assert {"prepare", "in_progress", "crashed", "off_track", "pause"} <= statuses
