"""Memory stays flat: simulators with camera, traffic and LIDAR are made, driven and dropped.

``run(count, seed)``: for ``count`` seconds the same rounds over and over, each of them over every
race type, set of sensors and track below, with random actions, resets, places and changes of the
track. After each round, with all simulators gone, the process's memory is read. A finding is a line
that says by how much the last readings exceed those after the warm-up.
"""

import gc
import os
import time
from typing import Any

import numpy as np

from deepracer_fast.tracks.track import load_track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import RaceRules, Simulator

WARM_UP = 0.2  # of the readings: pools and caches fill
LEAST_READINGS = 5
MOST_GROWTH = 8e6  # bytes; what freed blocks leave between others comes to some megabytes
STEPS = 60

CASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Oval_track", "TIME_TRIAL", ("FRONT_FACING_CAMERA",)),
    ("Bowtie_track", "OBJECT_AVOIDANCE", ("STEREO_CAMERAS", "LIDAR")),
    ("reinvent_base", "HEAD_TO_BOT", ("FRONT_FACING_CAMERA", "SECTOR_LIDAR", "TRACK_STATE")),
    ("Oval_track", "HEAD_TO_MODEL", ("FRONT_FACING_CAMERA", "DISCRETIZED_SECTOR_LIDAR")),
)


def run(count: int, seed: int) -> list[str]:
    """Soaks for ``count`` seconds; one line if memory grew."""
    random = np.random.default_rng(seed)
    readings: list[int] = []
    end = time.monotonic() + count
    while time.monotonic() < end or len(readings) < LEAST_READINGS:
        for case in CASES:
            drive(case, random)
        gc.collect()
        readings.append(resident_bytes())
    return growth(readings)


def drive(case: tuple[str, str, tuple[str, ...]], random: np.random.Generator) -> None:
    """One simulator's life: stepped, placed, reset, and left for another on the same track."""
    name, race_type, sensors = case
    track = load_track(name)
    race = RaceConfig(race_type, is_lane_change=True, randomize_obstacle_locations=True)
    options: dict[str, Any] = {
        "sensors": sensors,
        "threads": int(random.integers(1, 4)),
        "seed": int(random.integers(2**32)),
        "rules": RaceRules(random_start=True, number_of_resets=1, max_steps=40, race=race),
        "frame_stack": 2,
        "randomization": Randomization(grip=0.3, blur=0.5, camera_height=0.01, picture_delay=0.1),
    }
    for cars in (12, 6):
        simulator = Simulator(track, cars, **options)
        for step in range(STEPS):
            result = simulator.step(random.uniform([-30, 0.1], [30, 4], (cars, 2)))
            if step % 20 == 10:
                put(simulator, random)
            if step % 30 == 29:
                simulator.reset()
        assert np.isfinite(result.params["progress"]).all()


def put(simulator: Simulator, random: np.random.Generator) -> None:
    """Cars and objects somewhere near the centre line, and what Python asks meanwhile."""
    track, race = load_track(simulator.track), simulator.rules.race
    cars = np.flatnonzero(random.random(simulator.num_cars) < 0.5)
    spots = track.waypoints[random.integers(len(track.waypoints), size=len(cars))]
    simulator.place(cars, spots[:, 0], spots[:, 1], random.uniform(-3, 3, len(cars)))
    if race.race_type in ("OBJECT_AVOIDANCE", "HEAD_TO_BOT"):
        shape = (len(cars), race.num_objects)
        places = track.waypoints[random.integers(len(track.waypoints), size=shape)]
        simulator.place_objects(cars, places)
    simulator.track_states(), simulator.object_poses(), simulator.params_dict(0)


def resident_bytes() -> int:
    """Memory of this process that is there now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(readings: list[int]) -> list[str]:
    """A line if the last fifth of the readings exceeds the fifth after the warm-up."""
    warm = readings[int(WARM_UP * len(readings)) :]
    few = max(len(warm) // 5, 1)
    before, after = float(np.median(warm[:few])), float(np.median(warm[-few:]))
    if after - before <= MOST_GROWTH:
        return []
    return [
        f"soak: memory grew from {before / 1e6:.1f} to {after / 1e6:.1f} MB over {len(warm)} rounds"
    ]
