"""The sensors of the Numba engine against the native ones: eyes, LIDARs, objects in the picture.

Objects are put where a test wants them by the native engine, and handed to the other one.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.files.model_metadata import LidarConfig
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.objects import BOX, CAR_LIKE, OBJECT
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import STATUS_NAMES, RaceRules, Simulator, StepResult

Array = npt.NDArray[Any]

LENS_AHEAD = 0.14529  # m from base_link
QUANTUM = 0.01  # m, of a LIDAR; a range on the edge between two may fall on either side
KINDS = {"OBJECT_AVOIDANCE": BOX, "HEAD_TO_BOT": CAR_LIKE}


def ring() -> Track:
    """Wide enough that bots pass a car in the middle; small, so that it is painted fast.

    No two segments are alike, so that nothing is equally near to both.
    """
    angle = 2 * np.pi * np.linspace(0.0, 1.0, 81)[:, None] ** 1.2
    circle = np.hstack([np.cos(angle), np.sin(angle)])
    circle[-1] = circle[0]
    lines = [radius * circle for radius in (1.2, 0.4, 2.0)]
    return Track("ring", "", "reinvent", *lines, is_loop=True)


TRACK = ring()


@pytest.fixture(autouse=True, scope="module")
def _native_track_is_built_once() -> Iterator[Simulator]:
    yield Simulator(TRACK, 1)


def both(
    sensors: tuple[str, ...], num_cars: int, race: RaceConfig | None = None, **settings: Any
) -> tuple[Simulator, Simulator]:
    """The native engine in a race, the other one on the same track by the same rules."""
    rules = settings.pop("rules", {})
    racing = RaceRules(race=race or RaceConfig(), **rules)
    settings = {"threads": 1, "seed": 2**63 + 5} | settings
    return (
        Simulator(TRACK, num_cars, sensors, rules=racing, **settings),
        Simulator(TRACK, num_cars, sensors, rules=RaceRules(**rules), engine="numba", **settings),
    )


def race_of(race_type: str, count: int, bot_car_speed: float = 0.0) -> RaceConfig:
    return RaceConfig(
        race_type,
        number_of_obstacles=count,
        number_of_bot_cars=count,
        min_distance_between_bot_cars=1.0,
        bot_car_speed=bot_car_speed,
    )


def hand_objects(native: Simulator, numba: Simulator) -> None:
    """Gives the Numba engine the native one's objects, as they are now."""
    race = native.rules.race
    poses = native.object_poses().astype(np.float64)
    objects = np.zeros(poses.shape[:2], OBJECT)
    objects["x"], objects["y"], heading = np.moveaxis(poses, -1, 0)
    objects["along_x"], objects["along_y"] = np.cos(heading), np.sin(heading)
    objects["kind"] = KINDS[race.race_type]
    objects["speed"] = race.bot_car_speed if race.race_type == "HEAD_TO_BOT" else 0.0
    numba._core._objects = objects


def put(
    native: Simulator, numba: Simulator, poses: Array, location: Array, heading: Array
) -> tuple[StepResult, StepResult]:
    """Every car at a pose [B, 3], among objects at places [B, K, 2] with headings [B, K]."""
    cars = np.arange(native.num_cars)
    native.place(cars, *poses.T)
    wanted = native.place_objects(cars, location, heading)
    hand_objects(native, numba)
    return wanted, numba.place(cars, *poses.T)


def are_alike(native: Simulator, numba: Simulator) -> Array:
    """Cars [B] that are at the same place in both."""
    gap = native.vehicle_states() - numba.vehicle_states()
    gap[:, 2] = np.angle(np.exp(1j * gap[:, 2]))
    alike: Array = np.abs(gap).max(axis=1) < 1e-3
    return alike


def random_poses(num_cars: int) -> Array:
    """On the road and beside it, [B, 3]."""
    rng = np.random.default_rng(3)
    places = TRACK.waypoints[rng.integers(0, 80, num_cars)]
    places = places + rng.normal(0.0, 0.3, places.shape)
    return np.column_stack([places, rng.uniform(-np.pi, np.pi, num_cars)])


def before_lens(poses: Array, distance: Array, angle: Array) -> Array:
    """Places [B, K, 2] so far from the lenses of cars, at angles to the left of ahead [B, K]."""
    x, y, heading = poses.T[..., None]
    way = heading + angle
    return np.stack(
        [
            x + LENS_AHEAD * np.cos(heading) + distance * np.cos(way),
            y + LENS_AHEAD * np.sin(heading) + distance * np.sin(way),
        ],
        axis=-1,
    )


def crowd(poses: Array, count: int) -> tuple[Array, Array]:
    """Places and headings of objects: near and far, cut by every edge, hidden, around, behind."""
    rng = np.random.default_rng(4)
    shape = len(poses), count
    distance = np.exp(rng.uniform(np.log(0.05), np.log(6.0), shape))
    places = before_lens(poses, distance, rng.uniform(-0.8, 0.8, shape))
    # In every second car's sight the second one stands beside the first, half behind it.
    places[::2, 1] = places[::2, 0] + rng.normal(0.0, 0.4, places[::2, 0].shape)
    around = before_lens(poses, distance, rng.uniform(-np.pi, np.pi, shape))
    places[:, 2:] = around[:, 2:]
    return places, rng.uniform(-4.0, 4.0, shape)


def check_pictures(wanted: Array, found: Array, changed: Array | None = None) -> None:
    """Also among the pixels that ``changed``, where something is drawn."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    gap = np.abs(wanted.astype(int) - found)
    assert np.mean(gap > 2) < 0.001
    assert np.mean(gap > 2, axis=(1, 2, 3)).max() < 0.01, "no picture of its own is wrong"
    if changed is not None:
        assert changed.mean() > 0.02, "there is something to see"
        assert np.mean(gap[changed] > 2) < 0.001


def check_ranges(wanted: Array, found: Array) -> int:
    """How many ranges are one quantum apart, and none more; all others are equal."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    gap = np.abs(wanted - found)
    assert gap.max() < 1.01 * QUANTUM
    return int(np.sum(gap > 1e-4))


# Pictures


@pytest.mark.parametrize("sensor", ["FRONT_FACING_CAMERA", "STEREO_CAMERAS"])
@pytest.mark.parametrize("race_type", KINDS)
def test_pictures_of_objects_equal_the_native_ones(sensor: str, race_type: str) -> None:
    cars = 100
    native, numba = both((sensor,), cars, race_of(race_type, 3))
    poses = random_poses(cars)
    native.place(np.arange(cars), *poses.T)
    out_of_sight = before_lens(poses, np.full((cars, 3), 5.0), np.pi + np.zeros((cars, 3)))
    bare = native.place_objects(np.arange(cars), out_of_sight).observation[sensor].copy()
    wanted, found = (
        result.observation[sensor] for result in put(native, numba, poses, *crowd(poses, 3))
    )
    check_pictures(wanted, found, changed=wanted != bare)


@pytest.mark.parametrize("race_type", KINDS)
def test_no_pixel_of_a_lone_object_is_more_than_two_levels_off(race_type: str) -> None:
    """At five distances and all angles from side to side, before a ground that is the same."""
    distance, angle = np.meshgrid([0.3, 0.5, 1.0, 2.0, 4.0], np.linspace(-0.7, 0.7, 21))
    distance, angle = distance.reshape(-1, 1), angle.reshape(-1, 1)
    native, numba = both(("FRONT_FACING_CAMERA",), len(angle), race_of(race_type, 1))
    poses = np.tile(random_poses(1), (len(angle), 1))
    seen = []
    for away in (-5.0 + 0.0 * distance, distance):
        results = put(native, numba, poses, before_lens(poses, away, angle), 3.0 * angle)
        seen += [result.observation["FRONT_FACING_CAMERA"].astype(int) for result in results]
    bare, bare_found, wanted, found = seen
    drawn = (wanted != bare) & (np.abs(bare - bare_found) <= 1)
    assert (drawn.mean(axis=(1, 2, 3)) > 0.0).mean() > 0.7
    assert np.abs(wanted - found)[drawn].max() <= 2


def test_eyes_look_from_either_side() -> None:
    native, numba = both(("STEREO_CAMERAS",), 60)
    poses = random_poses(60)
    wanted, found = (
        engine.place(np.arange(60), *poses.T).observation["STEREO_CAMERAS"]
        for engine in (native, numba)
    )
    check_pictures(wanted, found)
    swapped = np.abs(wanted[..., ::-1].astype(int) - found)
    assert np.mean(swapped > 2) > 0.1


# LIDAR


@pytest.mark.parametrize("race_type", KINDS)
def test_ranges_along_walls_and_among_objects_equal_the_native_ones(race_type: str) -> None:
    cars = 300
    native, numba = both(("LIDAR",), cars, race_of(race_type, 3), first_car=7)
    poses = random_poses(cars)
    poses[::3, 0] = 2.25  # 5 cm before the east wall
    poses[1::3, :2] = np.sign(poses[1::3, :2]) * 2.1  # in the corners
    wanted, found = (
        result.observation["LIDAR"] for result in put(native, numba, poses, *crowd(poses, 3))
    )
    assert check_ranges(wanted, found) <= 3
    for part in range(3):
        assert np.mean(wanted[part::3] < 1.0) > 0.1
    assert len(np.unique(wanted)) > 80, "of the 86 from 0.15 to 1 m"


def random_actions(rng: np.random.Generator, num_cars: int) -> Array:
    return np.stack([rng.uniform(-35, 35, num_cars), rng.uniform(0.5, 4.0, num_cars)], axis=1)


def test_scans_keep_the_native_ones_rhythm_and_noise() -> None:
    """Over the ends of episodes, and where a car is put back and waits."""
    cars, steps = 48, 60
    rules = {"random_start": True, "number_of_resets": 1, "off_track_penalty": 0.4, "max_steps": 50}
    native, numba = both(("LIDAR",), cars, rules=rules)
    rng, apart, alike = np.random.default_rng(0), 0, np.ones(cars, bool)
    statuses = set()
    for _ in range(steps):
        actions = random_actions(rng, cars)
        wanted, found = native.step(actions), numba.step(actions)
        alike &= are_alike(native, numba)  # until a wheel on a border parts them
        statuses |= {STATUS_NAMES[code] for code in wanted.status}
        apart += check_ranges(wanted.observation["LIDAR"][alike], found.observation["LIDAR"][alike])
    assert statuses == {"prepare", "in_progress", "off_track", "pause", "time_up"}
    assert alike.sum() >= cars - 1
    assert apart < 0.002 * 64 * cars * steps


def test_bots_that_pass_are_seen_as_old_as_the_native_engine_sees_them() -> None:
    cars, steps = 32, 36
    race = race_of("HEAD_TO_BOT", 3, bot_car_speed=2.0)
    native, numba = both(("LIDAR",), cars, race)
    hand_objects(native, numba)
    for engine in (native, numba):
        engine.place(np.arange(cars), *random_poses(cars).T)
    apart, nearest, alike = 0, np.ones(cars), np.ones(cars, bool)
    for _ in range(steps):
        actions = np.zeros((cars, 2))
        wanted = native.step(actions)
        hand_objects(native, numba)
        found = numba.step(actions)
        alike &= are_alike(native, numba)  # until a bot runs into it
        apart += check_ranges(wanted.observation["LIDAR"][alike], found.observation["LIDAR"][alike])
        nearest = np.minimum(nearest, wanted.observation["LIDAR"].min(axis=1))
    assert alike.sum() > 10 and np.mean(nearest[alike] < 0.5) > 0.5
    assert apart < 0.001 * 64 * cars * steps


@pytest.mark.parametrize(
    ("sensor", "config"),
    [
        ("SECTOR_LIDAR", LidarConfig()),
        ("DISCRETIZED_SECTOR_LIDAR", LidarConfig()),
        ("DISCRETIZED_SECTOR_LIDAR", LidarConfig(16, 5, 1.5)),
        ("DISCRETIZED_SECTOR_LIDAR", LidarConfig(1, 1, 0.4)),
        ("DISCRETIZED_SECTOR_LIDAR", LidarConfig(64, 9, 20.0)),
    ],
)
def test_sectors_equal_the_native_ones(sensor: str, config: LidarConfig) -> None:
    cars = 200
    native, numba = both((sensor,), cars, race_of("OBJECT_AVOIDANCE", 3), lidar=config)
    poses = random_poses(cars)
    wanted, found = (
        result.observation[sensor] for result in put(native, numba, poses, *crowd(poses, 3))
    )
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert np.any(wanted != found, axis=1).sum() <= 1, "but at a tie"
    assert len(np.unique(wanted, axis=0)) > 1


@pytest.mark.parametrize("camera", [None, "observation", "LEFT_CAMERA", "STEREO_CAMERAS"])
@pytest.mark.parametrize("lidar", [None, "LIDAR", "SECTOR_LIDAR", "DISCRETIZED_SECTOR_LIDAR"])
def test_every_pairing_fills_the_arrays_of_the_native_engine(
    camera: str | None, lidar: str | None
) -> None:
    sensors = tuple(name for name in (lidar, camera) if name)
    wanted, found = (engine.reset().observation for engine in both(sensors, 2))
    assert list(found) == list(wanted)
    for name, array in found.items():
        assert (array.dtype, array.shape) == (wanted[name].dtype, wanted[name].shape)
        assert not array.flags.writeable


def test_threads_see_the_same() -> None:
    sensors = ("STEREO_CAMERAS", "LIDAR")
    poses = random_poses(7)
    native, one = both(sensors, 7, race_of("OBJECT_AVOIDANCE", 2))
    engines = [one, *(Simulator(TRACK, 7, sensors, n, one.seed, engine="numba") for n in (3, 7))]
    for engine in engines:
        put(native, engine, poses, *crowd(poses, 2))
    for _ in range(4):
        results = [engine.step(np.tile([5.0, 1.0], (7, 1))).observation for engine in engines]
        for name in sensors:
            for other in results[1:]:
                np.testing.assert_array_equal(other[name], results[0][name])
