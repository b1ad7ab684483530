"""The LIDAR against rays cast one by one, and what the sector sensors make of them.

Sources: markov sensors/constants.py, racecar.launch.py. Neighbours: csrc/rendering/lidar.h,
csrc/simulator/sensors.h.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_metadata import LidarConfig
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

Floats = NDArray[np.float64]

ANGLES = np.pi + np.linspace(-2.61799, 2.61799, 64)  # counter-clockwise from the car's heading
AHEAD = 0.02913  # m from base_link
NOISE = 0.01  # m
LENGTH, HALF_WIDTH, MARGIN = 9.0, 1.0, 0.3  # of the road; the walls stand MARGIN outside it
SIZES = {"OBJECT_AVOIDANCE": (0.4, 0.3), "HEAD_TO_BOT": (0.324, 0.188)}
SHIFT = {"OBJECT_AVOIDANCE": 0.0, "HEAD_TO_BOT": 0.004}  # m: the shell's middle is not the car's


def straight_track() -> Track:
    x = np.linspace(0.0, LENGTH, 19)
    lines = [np.stack([x, np.full_like(x, y)], 1) for y in (0.0, HALF_WIDTH, -HALF_WIDTH)]
    return Track("straight", "", "reinvent", *lines, is_loop=False)


def simulator(
    cars: int, sensor: str, race_type: str = "OBJECT_AVOIDANCE", **kwargs: Any
) -> Simulator:
    race = RaceConfig(race_type, number_of_obstacles=3, number_of_bot_cars=3, bot_car_speed=0.0)
    return Simulator(straight_track(), cars, [sensor], 1, 3, rules=RaceRules(race=race), **kwargs)


def cast(pose: Floats, objects: Floats, size: tuple[float, float], shift: float) -> Floats:
    """Ranges [64] of one car; infinite where nothing is met."""
    x, y, heading = pose
    origin = np.array([x + AHEAD * np.cos(heading), y + AHEAD * np.sin(heading)])
    ranges = np.full(64, np.inf)
    for i, angle in enumerate(heading + ANGLES):
        ray = np.array([np.cos(angle), np.sin(angle)])
        for ox, oy, turn in objects:
            axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
            start = axes @ (origin - [ox, oy]) - [shift, 0.0]
            step = axes @ ray
            half = 0.5 * np.array(size)
            times = np.sort([(-half - start) / step, (half - start) / step], axis=0)
            enter, leave = max(times[0].max(), 0.0), times[1].min()
            if leave >= enter:
                ranges[i] = min(ranges[i], enter)
        low, high = (-MARGIN, -HALF_WIDTH - MARGIN), (LENGTH + MARGIN, HALF_WIDTH + MARGIN)
        walls = np.maximum((np.array(low) - origin) / ray, (np.array(high) - origin) / ray)
        ranges[i] = min(ranges[i], walls.min())
    return ranges


def scene(cars: int) -> tuple[Floats, Floats]:
    """Poses [cars, 3] and objects [cars, 3, 3] around each."""
    draw = np.random.default_rng(2).uniform(-1, 1, (cars, 12))
    poses = np.stack([4.5 + 4 * draw[:, 0], 0.9 * draw[:, 1], 3 * draw[:, 2]], 1)
    objects = draw[:, 3:].reshape(cars, 3, 3) * [1.0, 1.0, 3.0]
    objects[..., :2] += poses[:, None, :2]
    return poses, objects


@pytest.mark.parametrize("race_type", SIZES)
def test_ranges_are_those_of_rays_cast_one_by_one(race_type: str) -> None:
    cars = 60
    poses, objects = scene(cars)
    sim = simulator(cars, "LIDAR", race_type)
    sim.place(np.arange(cars), *poses.T)
    result = sim.place_objects(np.arange(cars), objects[..., :2], objects[..., 2])
    found = result.observation["LIDAR"]
    assert (found.shape, found.dtype) == ((cars, 64), np.float32)
    exact = np.array(
        [
            cast(*each, SIZES[race_type], SHIFT[race_type])
            for each in zip(poses, objects, strict=True)
        ]
    )
    error = found - np.clip(exact, 0.15, 1.0)
    assert np.abs(error).max() < 0.07
    inside = (exact > 0.2) & (exact < 0.95)
    assert inside.sum() > 500
    assert abs(error[inside].mean()) < 0.002
    assert 0.9 * NOISE < error[inside].std() < 1.2 * NOISE  # rounding to 1 cm adds its 0.3 cm
    np.testing.assert_allclose(found, np.round(found, 2), atol=1e-6)
    assert found.min() == np.float32(0.15) and found.max() == 1.0


def test_nothing_straight_ahead_is_seen() -> None:
    sim = simulator(1, "LIDAR")
    sim.place(0, 3.0, 0.0, 0.0)
    far = [[8.0, 0.0], [8.5, 0.0]]
    ahead = sim.place_objects(0, [[3.8, 0.0], *far]).observation["LIDAR"].copy()
    behind = sim.place_objects(0, [[2.2, 0.0], *far]).observation["LIDAR"].copy()
    assert (ahead == 1.0).all()
    assert behind[0, 30:34].max() < 0.75 and (behind[0, :20] == 1.0).all()


def test_sectors_tell_what_is_nearer_than_half_a_metre() -> None:
    cars = 60
    poses, objects = scene(cars)
    sim = simulator(cars, "SECTOR_LIDAR")
    sim.place(np.arange(cars), *poses.T)
    result = sim.place_objects(np.arange(cars), objects[..., :2], objects[..., 2])
    found = result.observation["SECTOR_LIDAR"]
    assert (found.shape, found.dtype) == ((cars, 8), np.float32)
    exact = np.array([cast(p, o, (0.4, 0.3), 0.0) for p, o in zip(poses, objects, strict=True)])
    nearest = exact.reshape(cars, 8, 8).min(axis=2)
    clear = np.abs(nearest - 0.5) > 0.06
    np.testing.assert_array_equal(found[clear], (nearest < 0.5)[clear])
    assert 0.1 < found.mean() < 0.9


def test_discretized_sectors_code_each_distance_one_hot() -> None:
    cars, config = 60, LidarConfig(num_sectors=16, num_values_per_sector=5, clipping_dist=1.5)
    poses, objects = scene(cars)
    sim = simulator(cars, "DISCRETIZED_SECTOR_LIDAR", lidar=config)
    sim.place(np.arange(cars), *poses.T)
    result = sim.place_objects(np.arange(cars), objects[..., :2], objects[..., 2])
    found = result.observation["DISCRETIZED_SECTOR_LIDAR"]
    assert (found.shape, found.dtype) == ((cars, 80), np.float32)
    exact = np.array([cast(p, o, (0.4, 0.3), 0.0) for p, o in zip(poses, objects, strict=True)])
    nearest = np.maximum(exact.reshape(cars, 16, 4).min(axis=2), 0.15)
    bins = nearest / 0.3
    clear = np.abs(bins - np.round(bins)) > 0.2
    wanted = np.where(bins < 5, bins, -1).astype(int)[..., None] == np.arange(5)
    np.testing.assert_array_equal(found.reshape(cars, 16, 5)[clear], wanted[clear])
    assert len(np.unique(wanted[clear], axis=0)) == 6  # every value, and beyond


def test_scans_come_at_10_hz_and_the_last_one_is_kept() -> None:
    """Noise tells scans apart: two of three steps bring a new one."""
    sim = simulator(1, "LIDAR")
    sim.place(0, 3.0, 0.0, 0.0)
    near = [[2.4, 0.0], [3.0, 0.6], [3.0, -0.6]]
    last = sim.place_objects(0, near).observation["LIDAR"].copy()
    new = []
    for _ in range(6):
        scan = sim.step([[0.0, 0.1]]).observation["LIDAR"].copy()
        new.append(bool((scan != last).any()))
        last = scan
    assert new == [False, True, True] * 2


def test_every_third_scan_is_half_a_step_old() -> None:
    cars = 40
    sim = simulator(cars, "LIDAR", car_version=6)
    everyone = np.arange(cars)
    sim.place(everyone, 3.0, 0.0, 0.0)
    sim.place_objects(everyone, [[2.3, 0.0], [8.0, 0.0], [8.5, 0.0]])
    sim.step(np.tile([0.0, 4.0], (cars, 1)))
    before = sim.vehicle_states()[0, :3].astype(float)
    result = sim.step(np.tile([0.0, 4.0], (cars, 1)))
    now = sim.vehicle_states()[0, :3].astype(float)
    box = np.array([[2.3, 0.0, 0.0]])
    exact = {
        moment: cast(pose, box, (0.4, 0.3), 0.0)[31]
        for moment, pose in (("between", 0.5 * (before + now)), ("now", now))
    }
    found = result.observation["LIDAR"][:, 31].mean()
    assert exact["now"] - exact["between"] > 0.02
    assert found == pytest.approx(exact["between"], abs=0.006)


@pytest.mark.parametrize(
    "sensors",
    [("LIDAR", "SECTOR_LIDAR"), ("STEREO_CAMERAS", "LEFT_CAMERA"), ("LIDAR", "LIDAR")],
)
def test_sensors_that_do_not_go_together_are_refused(sensors: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="sensors must be at most one of"):
        Simulator(straight_track(), 1, sensors, 1)


@pytest.mark.parametrize("camera", [None, "observation", "FRONT_FACING_CAMERA", "LEFT_CAMERA",
                                    "STEREO_CAMERAS"])  # fmt: skip
@pytest.mark.parametrize("lidar", [None, "LIDAR", "SECTOR_LIDAR", "DISCRETIZED_SECTOR_LIDAR"])
def test_every_pairing_fills_its_own_arrays(camera: str | None, lidar: str | None) -> None:
    sensors = [name for name in (lidar, camera) if name]
    observation = Simulator(straight_track(), 2, sensors, 1).reset().observation
    assert list(observation) == sensors
    if camera:
        channels = 2 if camera == "STEREO_CAMERAS" else 1
        assert observation[camera].shape == (2, 120, 160, channels)
        assert np.ptp(observation[camera]) > 50
    if lidar:
        sizes = {"LIDAR": 64, "SECTOR_LIDAR": 8, "DISCRETIZED_SECTOR_LIDAR": 64}
        assert observation[lidar].shape == (2, sizes[lidar])
