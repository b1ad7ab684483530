"""Races in both engines: the Numba engine's objects, crashes and starts are the native core's.

Cars follow the centre line more or less, run into things, are put back and begin anew. What lies on
an edge may fall on either side of it, as in test_engine_numba.py: a car that parted there is left
out from then on, with its world.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from test_engine_numba import both, open_road

from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import STATUS_NAMES, RaceRules, Simulator, StepResult

Array = npt.NDArray[Any]

CARS, STEPS = 12, 200
TIE = 1e-4  # m
# Degrees, percent, metres along a line that passes faster inside a bend; for all else TIE.
TOLERANCES = {"heading": 0.01, "progress": 0.01, "projection_distance": 1e-3, "track_width": 1e-3,
              "objects_distance": 1e-3, "objects_heading": 1e-3}  # fmt: skip
# Inside a bend two segments can be equally near to a point, and the places on them are not.
JUMPS = {"projection_distance", "progress", "track_width", "objects_distance"}
SIDES = {
    "is_left_of_center": "distance_from_center",
    "objects_left_of_center": "objects_distance_from_center",
}
PARAMS = ["closest_objects", "objects_location", "objects_left_of_center", "object_in_camera",
          "objects_speed", "objects_heading", "objects_distance_from_center",
          "objects_distance"]  # fmt: skip

PENALTIES = {"number_of_resets": 2, "off_track_penalty": 0.4}
BOXES = RaceConfig("OBJECT_AVOIDANCE", collision_penalty=0.6)
CHANCE = RaceConfig("OBJECT_AVOIDANCE", randomize_obstacle_locations=True, number_of_obstacles=5)
PARKED = RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=3, is_obstacle_bot_car=True,
                    object_positions="0.2,1;0.5,-1;0.1,1", reset_behind_dist=0.7)  # fmt: skip
SHRINKING = RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=4, shrinking_obstacle_distance=True,
                       min_distance_between_obstacles=6.0)  # fmt: skip
BOTS = RaceConfig("HEAD_TO_BOT", collision_penalty=0.2)
CHANGES = RaceConfig("HEAD_TO_BOT", randomize_bot_car_locations=True, is_lane_change=True,
                     number_of_bot_cars=4, bot_car_speed=0.6, lower_lane_change_time=0.5,
                     upper_lane_change_time=1.5)  # fmt: skip
ROUND = RaceConfig("HEAD_TO_BOT", is_lane_change=True, bot_car_speed=0.5,
                   lower_lane_change_time=1.0, upper_lane_change_time=1.0)  # fmt: skip
PAIRS = RaceConfig("HEAD_TO_MODEL", collision_penalty=0.4)
TRIPLES = RaceConfig("HEAD_TO_MODEL", cars_per_world=3)


def engines(track: str | Track, race: RaceConfig, num_cars: int = CARS, **rules: Any) -> Any:
    return both(track, num_cars, rules=RaceRules(race=race, **rules))


def actions_of(result: StepResult, track: Track, rng: np.random.Generator) -> Array:
    """Towards the waypoint after next, with a shaky hand; every car at a speed of its own."""
    params, last = result.params, len(track.waypoints) - 1
    row = params["closest_waypoints"][:, 1] + 2
    row = np.where(params["is_reversed"], last - row, row)
    row = row % last if track.is_loop else np.clip(row, 0, last)
    to_x, to_y = (track.waypoints[row] - np.stack([params["x"], params["y"]], axis=1)).T
    error = (np.degrees(np.arctan2(to_y, to_x)) - params["heading"] + 180) % 360 - 180
    steering = np.clip(1.5 * error + rng.normal(0, 5, len(row)), -30, 30)
    return np.stack([steering, np.linspace(0.8, 2.5, len(row))], axis=1).astype(np.float32)


def gap(name: str, wanted: Array, found: Array, length: float) -> Array:
    """The largest difference of each car."""
    difference = np.abs(wanted.astype(np.float64) - found)
    turn = {"heading": 360.0, "objects_heading": 2 * np.pi, "objects_distance": length,
            "projection_distance": length}.get(name)  # fmt: skip
    if turn:
        difference = np.minimum(difference, np.abs(turn - difference))
    return difference.reshape(len(difference), -1).max(axis=1)


def check(
    wanted: StepResult, found: StepResult, cars: Array, track: Track, tolerance: float = TIE
) -> int:
    """Holds the results of cars against each other; how many numbers parted at a tie."""
    assert list(wanted.params) == list(found.params)
    ties = 0
    for name, column in wanted.params.items():
        other = found.params[name]
        assert (other.dtype, other.shape) == (column.dtype, column.shape), name
        if name == "waypoints":
            continue
        difference = gap(name, column, other, track.length)[cars]
        if name in SIDES:  # of a line on which the point lies
            away = wanted.params[SIDES[name]].reshape(len(column), -1)
            difference[(away < TIE).any(axis=1)[cars]] = 0.0
        if name == "objects_left_of_center" and not track.is_loop:  # the ends are borders as well
            arc = wanted.params["objects_distance"]
            at_end = (np.minimum(arc, track.length - arc) < 0.01).any(axis=1)
            difference[at_end[cars]] = 0.0
        is_off = difference > TOLERANCES.get(name, tolerance)
        if column.dtype.kind == "f" and name not in JUMPS:
            assert not is_off.any(), name
        else:
            ties += int(is_off.sum())
    return ties


def check_objects(native: Simulator, numba: Simulator, cars: Array, tolerance: float = TIE) -> None:
    wanted, found = native.object_poses()[cars], numba.object_poses()[cars]
    assert np.abs(wanted - found)[..., :2].max(initial=0.0) < tolerance
    turn = np.angle(np.exp(1j * (wanted - found)[..., 2].astype(np.float64)))
    assert np.abs(turn).max(initial=0.0) < 1e-3
    gaps = np.abs(native.track_states() - numba.track_states())[cars]
    assert (gaps[:, 14:] > 1e-3).mean() <= 0.01  # the road's heading jumps at a waypoint


@pytest.mark.parametrize(
    ("track", "race", "rules"),
    [
        ("reinvent_base", BOXES, PENALTIES),
        ("Bowtie_track", CHANCE, {"alternate_driving_direction": True, **PENALTIES}),
        ("reInvent2019_track", PARKED, {"random_start": True, "number_of_resets": 1}),
        ("Oval_track", SHRINKING, {"max_steps": 60}),
        ("Spain_track", BOTS, {"reverse_direction": True, **PENALTIES}),
        ("reinvent_base", CHANGES, {"continuous": True, "random_start": True, **PENALTIES}),
        ("Oval_track", ROUND, {"number_of_resets": 9}),
        ("reinvent_base", PAIRS, {"random_start": True, **PENALTIES}),
        ("Bowtie_track", TRIPLES, {"alternate_driving_direction": True}),
        (open_road(), replace(CHANGES, min_distance_between_bot_cars=0.5), PENALTIES),
        (open_road(), BOXES, {"reverse_direction": True, "number_of_resets": 1}),
        (open_road(), PAIRS, PENALTIES),
    ],
)
def test_races_equal_the_native_ones(
    track: str | Track, race: RaceConfig, rules: dict[str, Any]
) -> None:
    native, numba = engines(track, race, **rules)
    road = load_track(track)
    world = race.cars_per_world if race.race_type == "HEAD_TO_MODEL" else 1
    # Outside a bend float32 tells a projection, where a car is put back, within 0.2 mm or so.
    tolerance = 1e-3 if "number_of_resets" in rules else TIE
    rng, ties, statuses = np.random.default_rng(0), 0, set()
    alike = np.ones(CARS, bool)
    wanted, found = native.reset(), numba.reset()
    for step in range(STEPS):
        for name in ("terminated", "truncated", "status"):
            same = (getattr(wanted, name) == getattr(found, name)).reshape(-1, world)
            alike &= np.repeat(same.all(axis=1), world)
        cars = np.flatnonzero(alike)
        ties += check(wanted, found, cars, road, tolerance)
        if step % 10 == 0:
            check_objects(native, numba, cars, tolerance)
        statuses |= {STATUS_NAMES[code] for code in wanted.status[cars]}
        actions = actions_of(wanted, road, rng)
        wanted, found = native.step(actions), numba.step(actions)
    assert alike.sum() >= CARS - world
    assert ties <= 0.002 * CARS * STEPS
    assert {"prepare", "in_progress", "crashed"} <= statuses
    assert "pause" in statuses or "number_of_resets" not in rules


@pytest.mark.parametrize("race", [BOXES, CHANCE, PARKED, SHRINKING, BOTS, CHANGES, PAIRS, TRIPLES])
@pytest.mark.parametrize("rules", [{"random_start": True}, {"alternate_driving_direction": True}])
def test_episodes_begin_with_the_same_objects_and_starts(
    race: RaceConfig, rules: dict[str, Any]
) -> None:
    native, numba = engines("reinvent_base", race, 60, **rules)
    track, cars = load_track("reinvent_base"), np.arange(60)
    for number in (0, 1, 4):
        wanted, found = native.begin_episodes(number), numba.begin_episodes(number)
        check_objects(native, numba, cars)
        assert check(wanted, found, cars, track) <= 1
        assert np.abs(native.vehicle_states() - numba.vehicle_states())[:, :2].max() < TIE


@pytest.mark.parametrize("race", [CHANCE, CHANGES])
def test_placed_objects_are_told_and_drive_on_as_the_native_ones(race: RaceConfig) -> None:
    native, numba = engines("reInvent2019_track", race)
    track, rng = load_track("reInvent2019_track"), np.random.default_rng(1)
    cars, count = rng.permutation(CARS)[:9], race.num_objects
    rows = rng.integers(0, len(track.waypoints) - 1, (9, count))
    places = track.waypoints[rows] + rng.normal(0.0, 0.2, (9, count, 2))
    heading = rng.uniform(-3.0, 3.0, (9, count))
    for engine in (native, numba):
        engine.step(np.tile([3.0, 1.0], (CARS, 1)))
    results = [engine.place_objects(cars, places, heading) for engine in (native, numba)]
    np.testing.assert_allclose(results[1].params["objects_location"][cars], places, atol=1e-5)
    for _ in range(20):
        assert check(*results, np.arange(CARS), track) <= 1
        check_objects(native, numba, np.arange(CARS))
        actions = actions_of(results[0], track, rng)
        results = [engine.step(actions) for engine in (native, numba)]


def test_placed_racers_are_seen_by_their_world() -> None:
    native, numba = engines("Oval_track", TRIPLES)
    track = load_track("Oval_track")
    x, y = track.waypoints[20]
    results = [engine.place([1, 2], [x, x + 0.2], y, 0.3, 0.1) for engine in (native, numba)]
    check_objects(native, numba, np.arange(CARS))
    assert check(*results, np.arange(CARS), track) == 0
    np.testing.assert_allclose(results[1].params["objects_location"][1, 1], (x + 0.2, y), atol=1e-5)


def rows_of(race: RaceConfig, first_car: int = 0, end: int = CARS, threads: int = 1) -> Array:
    """The bytes of every parameter of a few cars of a batch in 40 steps, [T, B, bytes]."""
    rules = RaceRules(race=race, alternate_driving_direction=True, random_start=True, **PENALTIES)
    sim = Simulator("Oval_track", end - first_car, (), threads, seed=3, rules=rules,
                    engine="numba", first_car=first_car, cars_in_batch=CARS)  # fmt: skip
    rng = np.random.default_rng(2)
    rows = []
    for _ in range(40):
        actions = rng.uniform([-20, 0.5], [20, 3], (CARS, 2))
        params = sim.step(actions[first_car:end]).params
        columns = [params[name].reshape(end - first_car, -1) for name in params if
                   name != "waypoints"]  # fmt: skip
        rows.append(np.hstack([np.ascontiguousarray(each).view(np.uint8) for each in columns]))
    return np.array(rows)


@pytest.mark.parametrize("race", [CHANCE, CHANGES, TRIPLES])
def test_threads_and_parts_of_a_batch_do_not_show(race: RaceConfig) -> None:
    whole = rows_of(race)
    for threads in (2, 3):
        np.testing.assert_array_equal(rows_of(race, threads=threads), whole)
    for first, end in ((0, 6), (6, CARS)):
        np.testing.assert_array_equal(rows_of(race, first, end), whole[:, first:end])


def test_object_arrays_cannot_be_written_and_a_time_trial_has_none() -> None:
    numba = engines("Oval_track", BOXES, 1)[1]
    params = numba.reset().params
    assert [name for name in params if name in PARAMS] == PARAMS
    assert not any(params[name].flags.writeable for name in PARAMS)
    alone = both("Oval_track", 1)[1]
    assert not set(PARAMS) & set(alone.reset().params)
    assert alone.object_poses().shape == (1, 0, 3)
    assert alone.bytes_per_car < numba.bytes_per_car
