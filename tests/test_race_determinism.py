"""Races with every sensor: the same bytes whoever computes them.

Threads, instruction sets and parts of a batch must not show in what the cars see, read and meet.
Neighbours: test_simulator.py holds it for time trials; .ci/sanitize runs this file.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.race_config import RaceConfig
from deepracer_fast.randomization import Randomization
from deepracer_fast.simulator import RaceRules, Simulator, StepResult

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
    alone = drive(race_type, num_threads=1)
    for threads in (2, 3, 8):
        assert_same(drive(race_type, num_threads=threads), alone)


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


def test_the_steps_above_hold_what_races_are_made_of() -> None:
    statuses = {
        _core.STATUS_NAMES[code]
        for race_type in RACE_TYPES
        for code in np.unique(drive(race_type)["status"])
    }
    assert {"prepare", "in_progress", "crashed", "off_track", "pause"} <= statuses
