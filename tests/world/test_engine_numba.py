"""The engine in Numba against the native one: the same cars, rules, parameters and pictures.

The twin computes in float64 and looks at every segment, so whatever lies on an edge may fall on
either side of it: where a test allows for that, it says how near to the edge.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import STATUS_NAMES, RaceRules, Simulator, StepResult

Array = npt.NDArray[Any]

CARS, STEPS = 64, 100
TIE = 1e-4  # m
# Degrees, percent, metres along a line that passes faster inside a bend; for all else TIE.
TOLERANCES = {"heading": 0.01, "progress": 0.01, "projection_distance": 1e-3, "track_width": 1e-3}
# Inside a bend two segments can be equally near to a car, and the places on them are not.
JUMPS = {"projection_distance", "progress", "track_width"}


def both(track: str | Track, num_cars: int = CARS, **settings: Any) -> tuple[Simulator, Simulator]:
    settings = {"sensors": (), "threads": 1, "seed": 5} | settings
    return (
        Simulator(track, num_cars, engine="native", **settings),
        Simulator(track, num_cars, engine="numba", **settings),
    )


def open_road() -> Track:
    """A bend between two ends, with no two segments alike."""
    angle = np.pi * np.linspace(0.0, 1.0, 41)[:, None] ** 1.3
    arc = np.hstack([np.cos(angle), np.sin(angle)])
    lines = [radius * arc for radius in (2.0, 1.6, 2.4)]
    return Track("bend", "", "speedway", *lines, is_loop=False)


def circle() -> Track:
    angle = np.linspace(0.0, 2 * np.pi, 101)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (1.6, 1.2, 2.0)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def random_actions(rng: np.random.Generator, num_cars: int) -> Array:
    """Also beyond what a car can do."""
    return np.stack([rng.uniform(-35, 35, num_cars), rng.uniform(-0.5, 4.5, num_cars)], axis=1)


def check_poses(native: Simulator, numba: Simulator, cars: Array, tolerance: float = TIE) -> None:
    gap = np.abs(native.vehicle_states() - numba.vehicle_states())[cars]
    gap[:, 2] = np.minimum(gap[:, 2], 2 * np.pi - gap[:, 2])
    assert gap.max(initial=0.0) < tolerance


def check_results(
    wanted: StepResult, found: StepResult, cars: Array, tolerance: float = TIE
) -> int:
    """Holds two results against each other; how many cars differ, each at a tie."""
    assert list(wanted.params) == list(found.params)
    ties = np.zeros(len(wanted.status), bool)
    for name, column in wanted.params.items():
        other = found.params[name]
        assert (other.dtype, other.shape) == (column.dtype, column.shape), name
        if name == "waypoints":
            continue
        gap = np.abs(column.astype(np.float64) - other)
        if name == "heading":
            gap = np.minimum(gap, 360.0 - gap)
        if name == "is_left_of_center":
            gap[wanted.params["distance_from_center"] < TIE] = 0.0
        if column.dtype.kind == "f" and name not in JUMPS:
            assert gap[cars].max(initial=0.0) < TOLERANCES.get(name, tolerance), name
        else:
            ties |= gap.reshape(len(gap), -1).max(axis=1) > TOLERANCES.get(name, TIE)
    return int(ties[cars].sum())


@pytest.mark.parametrize(
    ("track", "car_version", "rules"),
    [
        ("reinvent_base", 4, {}),
        ("Bowtie_track", 5, {"reverse_direction": True, "random_start": True}),
        ("Spain_track", 6, {"random_start": True, "alternate_driving_direction": True}),
        ("Oval_track", 5, {"number_of_resets": 2, "off_track_penalty": 0.5, "max_steps": 70}),
        (open_road(), 5, {"number_of_resets": 1, "off_track_penalty": 0.0}),
    ],
)
def test_a_hundred_random_steps_equal_the_native_ones(
    track: str | Track, car_version: int, rules: dict[str, Any]
) -> None:
    native, numba = both(track, car_version=car_version, rules=RaceRules(**rules))
    # Outside a bend float32 tells a projection, where a car is put back, within 0.2 mm or so.
    tolerance = 1e-3 if "number_of_resets" in rules else TIE
    rng, ties, statuses = np.random.default_rng(0), 0, set()
    alike = np.ones(CARS, bool)  # cars that no wheel on a border has parted yet
    wanted, found = native.reset(), numba.reset()
    for _ in range(STEPS):
        for name in ("terminated", "truncated", "status"):
            alike &= getattr(wanted, name) == getattr(found, name)
        cars = np.flatnonzero(alike)
        ties += check_results(wanted, found, cars, tolerance)
        check_poses(native, numba, cars, tolerance)
        statuses |= set(wanted.status.tolist())
        actions = random_actions(rng, CARS)
        wanted, found = native.step(actions), numba.step(actions)
    assert alike.sum() >= CARS - 1
    assert ties <= 0.001 * CARS * STEPS
    assert STATUS_NAMES.index("off_track") in statuses, "cars left the road on the way"


def test_continuous_laps_equal_the_native_ones() -> None:
    rules = RaceRules(continuous=True, start_position=0.005)  # not on a waypoint
    native, numba = both(circle(), 4, rules=rules)
    ends = 0
    for _ in range(130):
        x, y, heading, *_ = native.vehicle_states().T
        error = np.angle(np.exp(1j * (heading - np.arctan2(y, x) - np.pi / 2)))
        steering = 12 + 80 * (np.hypot(x, y) - 1.6) - 60 * error
        actions = np.column_stack([steering, np.full(4, 1.5)])
        wanted, found = native.step(actions), numba.step(actions)
        assert wanted.status.tolist() == found.status.tolist()
        check_poses(native, numba, np.arange(4))
        ends += int(wanted.terminated.sum())
    assert ends == 4


@pytest.mark.parametrize("track", ["reinvent_base", "2022_july_open", open_road()])
@pytest.mark.parametrize(
    "rules",
    [
        {"random_start": True},
        {"start_position": 0.3, "round_robin_advance_dist": -0.0712, "reverse_direction": True},
    ],
)
def test_same_seed_begins_the_same_episodes(track: str | Track, rules: dict[str, Any]) -> None:
    native, numba = both(track, 200, seed=2**63 + 11, rules=RaceRules(**rules))
    for number in (0, 1, 7):
        wanted, found = native.begin_episodes(number), numba.begin_episodes(number)
        check_poses(native, numba, np.arange(200))
        assert check_results(wanted, found, np.arange(200)) == 0


def test_place_and_track_states_equal_the_native_ones() -> None:
    track = load_track("reInvent2019_track")
    native, numba = both(track)
    rng = np.random.default_rng(1)
    cars = rng.permutation(CARS)[:40]
    rows = rng.integers(0, len(track.waypoints) - 1, 40)
    x, y = (track.waypoints[rows] + rng.normal(0.0, 0.4, (40, 2))).T
    heading = rng.uniform(-10.0, 10.0, 40)
    steering = rng.uniform(-0.5, 0.5, 40)
    wanted, found = (engine.place(cars, x, y, heading, steering) for engine in (native, numba))
    check_poses(native, numba, np.arange(CARS))
    assert check_results(wanted, found, np.arange(CARS)) == 0
    gap = np.abs(native.track_states() - numba.track_states())
    # The road's heading jumps at a waypoint, also at those ahead.
    assert np.mean(gap > 1e-3) < 0.002
    for engine in (native, numba):
        engine.step(np.tile([10.0, 1.0], (CARS, 1)))
    check_poses(native, numba, np.arange(CARS))


def poses_in_the_room(track: Track, num_cars: int) -> tuple[Array, Array, Array]:
    """On the road, anywhere in the room, beside its walls and in its corners; any heading."""
    rng = np.random.default_rng(2)
    places = track.waypoints[rng.integers(0, len(track.waypoints) - 1, num_cars)]
    places = places + rng.normal(0.0, 0.2, places.shape)
    low, high = track.outer.min(axis=0), track.outer.max(axis=0)
    room = low - 0.25 + rng.random(places.shape) * (high - low + 0.5)
    places[1::4] = room[1::4]
    beside = np.arange(2, num_cars, 4)
    places[beside] = room[beside]
    places[beside, beside // 4 % 2] = (low - 0.28)[beside // 4 % 2]
    places[3::4] = np.where(room[3::4] > 0.5 * (low + high), high + 0.2, low - 0.2)
    return places[:, 0], places[:, 1], rng.uniform(-np.pi, np.pi, num_cars)


@pytest.mark.parametrize("track", ["reinvent_base", "Oval_track", open_road()])
def test_pictures_equal_the_native_ones(track: str | Track) -> None:
    camera = ("FRONT_FACING_CAMERA",)
    native, numba = both(track, 160, sensors=camera)
    poses = poses_in_the_room(load_track(track), 160)
    wanted, found = (
        engine.place(np.arange(160), *poses).observation[camera[0]].astype(int)
        for engine in (native, numba)
    )
    off = np.abs(wanted - found) > 2
    assert off.mean() < 0.001
    assert off.mean(axis=(1, 2, 3)).max() < 0.01, "no picture of its own is wrong"
    assert abs((found - wanted).mean()) < 0.05
    assert len(np.unique(wanted)) > 100, "there is something to see"


def test_result_does_not_depend_on_thread_count() -> None:
    settings: dict[str, Any] = {"engine": "numba", "rules": RaceRules(random_start=True)}
    engines = [Simulator("Bowtie_track", 7, threads=n, **settings) for n in (1, 2, 7)]
    actions = random_actions(np.random.default_rng(0), 7)
    for _ in range(3):
        first, *others = [engine.step(actions) for engine in engines]
        for other in others:
            for name, column in (first.params | first.observation).items():
                np.testing.assert_array_equal((other.params | other.observation)[name], column)


def test_arrays_cannot_be_written() -> None:
    result = both("Oval_track", 1)[1].reset()
    for array in (*result.params.values(), result.terminated, result.truncated, result.status):
        assert not array.flags.writeable


# Another car


def guides_example() -> str:
    guide = Path(__file__).parents[2] / "deepracer_fast" / "guide"
    text = (guide / "simulator.md").read_text(encoding="utf-8")
    return next(
        code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "vehicle=" in code
    )


def test_the_guides_other_car_drives() -> None:
    names: dict[str, Any] = {}
    exec(guides_example(), names)
    windy: Simulator = names["sim"]
    calm = dataclasses.replace(windy, vehicle=None)
    x, y = load_track("reinvent_base").waypoints[30]
    for simulator in (windy, calm):
        simulator.place(np.arange(64), x, y, np.linspace(-3.0, 3.0, 64))
        for _ in range(10):
            result = simulator.step(np.tile([0.0, 0.2], (64, 1)))
    assert not result.terminated.any()
    drift = (windy.vehicle_states() - calm.vehicle_states())[:, :2]
    assert (drift[:, 0] > 0.001).all(), "the wind blows along +x, whichever way a car looks"
    assert np.abs(drift[:, 1]).max() < drift[:, 0].max()


def test_vehicle_that_numba_cannot_compile_is_refused() -> None:
    def drive(car: Any, vehicle: Any, steering: float, speed: float) -> None:
        car.wings = steering

    with pytest.raises(ConfigError, match=r"vehicle drive can't be compiled by Numba: .*wings"):
        Simulator("Oval_track", sensors=(), engine="numba", vehicle=drive)


def test_what_an_engine_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="engine must be native or numba, got 'cuda'"):
        Simulator("Oval_track", engine="cuda")
    with pytest.raises(ConfigError, match="vehicle must be a function and needs engine='numba'"):
        Simulator("Oval_track", vehicle=print)
    with pytest.raises(ConfigError, match="engine 'numba' has no randomization"):
        Simulator("Oval_track", engine="numba", randomization=Randomization(grip=0.1))
