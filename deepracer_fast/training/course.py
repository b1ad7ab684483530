"""The tracks that a training drives on, and cars on them.

In: settings and a model's metadata. Out: simulators that hold those settings, one for a single
track, a ``Fleet`` for several. Neighbours: ``teacher``, ``lessons``, ``training.evaluation`` and
``train`` ask it for cars.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from deepracer_fast.driving.evaluate import two_slow_laps
from deepracer_fast.files.model_metadata import CAMERAS, LidarConfig, ModelMetadata
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.world.fleet import Fleet
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import RaceRules, Simulator


@dataclass(frozen=True)
class Cars:
    """What to put on the course.

    Attributes:
        number: over all tracks; each track has at least one.
        rules: how episodes begin and end; race and driving direction are those of the settings.
        sensors: what each car carries.
        seed: of the start positions and the randomisation.
        randomization: what differs from episode to episode.
        practice: bots begin anywhere, and there may be more of them. Cars that learn would
            otherwise meet them rarely, on that part of the track alone that bots come to in one
            lap, and all cars at the same place at a time.
        part: which of how many equal parts of a batch these cars are; its cars drive as they would
            if one host had them all.
    """

    number: int
    rules: RaceRules
    sensors: tuple[str, ...]
    seed: int = 0
    randomization: Randomization = field(default_factory=Randomization)
    practice: bool = False
    part: tuple[int, int] = (0, 1)


class Course:
    """The tracks of one training, with its car.

    Raises:
        TrackError: a track is unknown or cannot be driven.
    """

    def __init__(self, config: TrainConfig, metadata: ModelMetadata) -> None:
        course = config.course
        made_up = [f"random_{number}" for number in range(course.random_tracks)]
        names = dict.fromkeys((*course.tracks, *made_up))
        self.tracks: tuple[Track, ...] = tuple(map(load_track, names))
        self.metadata = metadata
        self.race = config.race
        self._backwards = [track.runs_backwards(course.driving_direction) for track in self.tracks]
        # For teacher and lessons the way back is one more track.
        self.both_ways = course.alternate_driving_direction or len(self.tracks) > 1
        self._threads = config.threads
        self._car_version = config.car_version or metadata.car_version

    def put(self, cars: Cars) -> Simulator | Fleet:
        """Cars on the tracks, shared out evenly."""
        count = len(self.tracks)
        shortest = min(track.length for track in self.tracks)
        race = self.race.for_practice(shortest) if cars.practice else self.race
        index, parts = cars.part
        has_camera = not set(CAMERAS).isdisjoint(cars.sensors)  # a teacher has none
        numbers = [max(1, (cars.number + i) // count) for i in range(count)]
        simulators = [
            Simulator(
                track,
                number,
                first_car=index * number,
                cars_in_batch=parts * number,
                sensors=cars.sensors,
                threads=self._threads,
                # Two tracks must not meet the same start positions in the same order.
                seed=cars.seed + 1_000_003 * place,
                car_version=self._car_version,
                rules=replace(cars.rules, race=race, reverse_direction=self._backwards[place]),
                randomization=cars.randomization,
                lidar=self.metadata.lidar or LidarConfig(),
                frame_stack=self.metadata.frame_stack if has_camera else 1,
            )
            for place, (track, number) in enumerate(zip(self.tracks, numbers, strict=True))
        ]
        return simulators[0] if count == 1 else Fleet(simulators)

    def two_slow_laps(self) -> int:
        """Env steps of two laps of the longest track at the slowest action."""
        longest = max(track.length for track in self.tracks)
        return two_slow_laps(longest, self.metadata.action_space)


def rows_of(simulator: Simulator | Fleet) -> list[slice]:
    """Which cars drive on which track."""
    return simulator.rows if isinstance(simulator, Fleet) else [slice(0, simulator.num_cars)]
