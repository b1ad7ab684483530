"""Drives on which a reward function is tried: all that a training may meet, and a little more.

In: a track, a model's actions and its car, and a race type. Out: a list of `Drive`, and the states
of one, step by step. They are real ones: cars drive by the actions of the model, start anywhere,
leave the road, run into what is on it, finish laps, in both driving directions. Only a car that is
to go backwards is turned round at its start: on a narrow road none gets there by itself.
Neighbours: ``validation.drivers`` drives the cars, ``validate`` looks at the states.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.tracks.track import Track
from deepracer_fast.validation.drivers import Choices, Drivers
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import CONTROL_PERIOD, RaceRules, Simulator, StepResult

CARS, FEWER_CARS = 1024, 256  # of the first drive, and of each further one
LEAST_STEPS, FEWEST_STEPS = 1500, 400  # likewise
MOST_STEPS = 6000
MOST_STATES = 1_536_000  # of a drive
SLOWEST = 0.1  # m/s, below which the car never drives
HOLD = 5  # steps that a random action is held, where nobody drives
TURN = (math.radians(120.0), math.radians(240.0))  # by which a car is turned that goes backwards


@dataclass(frozen=True)
class Drive:
    """One drive of many cars."""

    race: RaceConfig  # what else is on the road
    is_reversed: bool  # against the track's usual direction
    cars: int  # that drive side by side
    steps: int  # of each
    seed: int  # of starts and drivers

    @property
    def words(self) -> str:
        """What the drive is, for a message."""
        way = " against the track's direction" if self.is_reversed else ""
        alone = "" if self.race.num_objects else ", without objects"
        return f"a drive in {self.race.race_type}{way}{alone}"


def drives_of(race_types: Sequence[str], track: Track, metadata: ModelMetadata) -> list[Drive]:
    """What a reward function is tried on.

    Args:
        race_types: whose states; the first one's most of all. A further one is left out where the
            track has no room for its objects.
        track: that is driven.
        metadata: of the model.

    Raises:
        ConfigError: there is no such race type, or the track has no room for its objects.
    """
    first, *further = map(_race, race_types)
    first.check_room(track.length)
    races = [first, *(race for race in further if not race.lacks_room(track.length))]
    speeds = Choices(metadata.action_space, np.random.default_rng(0)).speeds
    long, short = (
        int(np.clip(1.2 * track.length / max(speed, SLOWEST) / CONTROL_PERIOD, least, MOST_STEPS))
        for speed, least in ((speeds[0], LEAST_STEPS), (speeds[-1], FEWEST_STEPS))
    )
    ways = [(race, is_reversed) for race in races for is_reversed in (False, True)]
    drives = [
        Drive(race, is_reversed, FEWER_CARS, short, seed)
        for seed, (race, is_reversed) in enumerate(ways)
    ]
    return [replace(drives[0], cars=min(CARS, MOST_STATES // long), steps=long), *drives[1:]]


def states(drive: Drive, track: Track, metadata: ModelMetadata) -> Iterator[StepResult]:
    """The results of a drive, step by step; each is valid until the next one is asked for."""
    rng = np.random.default_rng(drive.seed)
    sim = _simulator(drive, track, metadata)
    drivers = Drivers(metadata.action_space, track, drive.cars, rng)
    result = sim.reset()
    for _ in range(drive.steps):
        result = sim.step(drivers.commands(result))
        yield result
        ended = np.flatnonzero(result.terminated | result.truncated)
        if len(ended):
            turned = drivers.begin(ended)
            x, y, heading = sim.vehicle_states()[turned, :3].T
            sim.place(turned, x, y, heading + rng.uniform(*TURN, len(turned)))


def lasting_states(drive: Drive, track: Track, metadata: ModelMetadata) -> Iterator[StepResult]:
    """As `states`, but of short episodes without end: random actions, each held for a while."""
    choices = Choices(metadata.action_space, np.random.default_rng(drive.seed))
    sim = _simulator(drive, track, metadata)
    sim.reset()
    for step in range(drive.steps):
        if step % HOLD == 0:
            commands = choices.drawn(drive.cars)
        yield sim.step(commands)


def _simulator(drive: Drive, track: Track, metadata: ModelMetadata) -> Simulator:
    rules = RaceRules(random_start=True, reverse_direction=drive.is_reversed, race=drive.race)
    return Simulator(
        track, drive.cars, (), seed=drive.seed, car_version=metadata.car_version, rules=rules
    )


def _race(race_type: str) -> RaceConfig:
    """Objects at other places in each episode, so that cars meet them everywhere."""
    return replace(
        RaceConfig().of_type(race_type),
        randomize_obstacle_locations=True,
        randomize_bot_car_locations=True,
        is_lane_change=True,
    )
