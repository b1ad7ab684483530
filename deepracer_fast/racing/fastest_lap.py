"""The fastest lap that a car can do on a track: a search over the simulator's own car.

Dynamic programming forwards along the road. The states in which the car can pass a place are sorted
into cells (offset, heading, speed, slip, yaw, steering); of each cell the earliest is kept, and
many commands are tried from it. All this happens in a tube around a line that was driven before,
first around one of little bend (``racing_line``); each search has smaller cells and a narrower
tube than the one before. Every state is driven to, step by step, by the law of
``engine_numba.vehicle``, so that what is found can be driven; how much faster a lap might still be
shows in what the last searches gained.

In: a track and a car. Out: :class:`FastestLap`, the drive step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from deepracer_fast.errors import TrackError
from deepracer_fast.racing.lap_search import (
    STATE,
    Tube,
    Way,
    at_start,
    expand,
    left_of,
    pick,
    way_of,
    wrapped,
)
from deepracer_fast.racing.racing_line import racing_line
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.records import Floats, Records
from deepracer_fast.world.engine_numba.vehicle import MAX_SPEED, VehicleParams, vehicle_params

BUCKET = 0.1  # m of road, in which states are compared
COMMANDS = 15  # tried from each state
BEHIND = 0.3  # s behind the first at a place, from which on a state is given up
TUBE = (0.4, 0.5, 1.0)
"""Half width of the first tube: m, rad, m/s."""
CELL = (0.1, 0.13, 0.2, 0.25, 0.9, 0.3)
"""Size of a cell of the first search: m, rad, m/s, m/s, rad/s, rad."""
FINER = 0.8  # factor on both, from one search to the next
_MOST_ROUNDS = 30  # of states that stay within one bucket


@dataclass(frozen=True)
class FastestLap:
    """A drive of some laps from a standing start, the fastest that was found.

    Attributes:
        seconds: of each lap.
        found: seconds of all laps together, by each search.
        drive: ``lap_search.STATE`` [T + 1], at the start and after each step of 1/15 s; the
            commands of a row are those that led to it.
    """

    seconds: tuple[float, ...]
    found: tuple[float, ...]
    drive: Records


def fastest_lap(
    track: Track,
    car_version: int = 5,
    max_speed: float = MAX_SPEED,
    laps: int = 2,
    breadth: int = 4000,
    searches: int = 6,
    threads: int = 1,
    vehicle: VehicleParams | None = None,
    progress: Callable[[FastestLap], None] | None = None,
) -> FastestLap:
    """Searches for the fastest laps of a car from a standing start.

    Args:
        track: a loop.
        car_version: whose car drives.
        max_speed: highest command, m/s.
        laps: in a row; the second is a flying one.
        breadth: states kept at a place; more find more.
        searches: one after the other, each finer.
        threads: that drive.
        vehicle: another car than that of a version.
        progress: told what is known after each search.

    Raises:
        TrackError: the track is open, or no search came to its end.
    """
    if not track.is_loop:
        raise TrackError(f"a fastest lap needs a loop; {track.name!r} has two ends")
    car, way = vehicle or vehicle_params(car_version), way_of(track)
    line = racing_line(way, car.grip, max_speed, laps)
    best, found, finer = None, [], 1.0
    with ThreadPoolExecutor(threads) as pool:
        for number in range(searches):
            tube = Tube(line, np.array(TUBE) * finer, np.array(CELL) * finer)
            search = _Search(way, car, max_speed, breadth, tube, number, pool, threads)
            driven = search.run(laps)
            if driven is None:  # every way that was kept ended off the road
                breadth *= 2
                continue
            seconds = lap_seconds(way, driven, laps)
            found.append(sum(seconds))
            if best is None or found[-1] < sum(best.seconds):
                best = FastestLap(seconds, tuple(found), driven)
                line = line_of(way, driven, laps)
            best = FastestLap(best.seconds, tuple(found), best.drive)
            if progress:
                progress(best)
            finer *= FINER
    if best is None:
        raise TrackError(f"no lap was found on {track.name!r}: the car cannot follow its road")
    return best


def lap_seconds(way: Way, drive: Records, laps: int) -> tuple[float, ...]:
    """Seconds of each lap of a drive, between two crossings of the start line."""
    crossings = np.interp(way.length * np.arange(1, laps + 1), drive["arc"], drive["seconds"])
    return tuple(np.diff(crossings, prepend=0.0).tolist())


def line_of(way: Way, drive: Records, laps: int) -> Floats:
    """Offset (m), heading from the road's (rad) and speed (m/s) along a drive, [laps * M, 3]."""
    points = len(way.center)
    center, along = np.tile(way.center, (laps, 1)), np.tile(way.along, (laps, 1))
    arc = np.arange(laps * points) * way.length / points
    x, y, speed = (np.interp(arc, drive["arc"], drive[name]) for name in ("x", "y", "speed"))
    heading = np.interp(arc, drive["arc"], np.unwrap(drive["heading"]))
    turned = heading - np.arctan2(along[:, 1], along[:, 0])
    offset = (np.stack([x, y], axis=1) - center) * left_of(along)
    return np.stack([offset.sum(axis=1), wrapped(turned), speed], axis=1)


class _Search:
    """One pass along the road: states by the place that they have come to, in buckets."""

    def __init__(
        self,
        way: Way,
        car: VehicleParams,
        max_speed: float,
        breadth: int,
        tube: Tube,
        seed: int,
        pool: ThreadPoolExecutor,
        threads: int,
    ) -> None:
        self._way, self._car, self._max_speed, self._tube = way, car, max_speed, tube
        self._breadth, self._seed = breadth, seed
        self._pool, self._threads = pool, threads
        self._random = np.random.default_rng(seed)
        self._kept: list[Records] = []
        self._count = 0

    def run(self, laps: int) -> Records | None:
        """The drive that is first at the end, or None if none comes there."""
        end = laps * self._way.length
        buckets: list[list[Records]] = [[] for _ in range(int(end / BUCKET) + 2)]
        buckets[0].append(at_start(self._way))
        finished: list[Records] = []
        for number, bucket in enumerate(buckets[:-1]):
            for _ in range(_MOST_ROUNDS):
                if not bucket:
                    break
                states = self._keep(np.concatenate(bucket), number * BUCKET)
                bucket.clear()
                driven = self._drive(states)
                driven = driven[driven["arc"] > np.maximum(number * BUCKET, 1e-3)]
                finished.append(driven[driven["arc"] >= end])
                places = np.minimum((driven["arc"] / BUCKET).astype(int), len(buckets) - 1)
                for place in np.unique(places):
                    buckets[place].append(driven[places == place])
        arrived = np.concatenate(finished)
        return self._way_to(arrived[np.argmin(_when_at(arrived, end))]) if len(arrived) else None

    def _keep(self, states: Records, place: float) -> Records:
        """The earliest of each cell, as many as may be kept."""
        at = _when_at(states, place)
        early = at < at.min() + BEHIND
        states, at = states[early], at[early]
        chosen = pick(states, at)
        if len(chosen) > self._breadth:
            chosen = self._random.permutation(chosen)[: self._breadth]
        kept = states[chosen]
        self._kept.append(kept)
        self._count += len(kept)
        return kept

    def _drive(self, states: Records) -> Records:
        """All that follows from states by one step of each command, on the road and in the tube."""
        after = np.repeat(states, COMMANDS)
        after["before"] = np.repeat(np.arange(self._count - len(states), self._count), COMMANDS)
        bounds = np.linspace(0, len(after), self._threads + 1).astype(int)
        settings = (self._way, self._car, self._tube, self._max_speed, COMMANDS, self._seed)
        list(
            self._pool.map(
                lambda begin, end: expand(after[begin:end], begin, *settings),
                bounds[:-1].tolist(),
                bounds[1:].tolist(),
            )
        )
        return after[after["cell"] >= 0]

    def _way_to(self, last: np.void) -> Records:
        kept = np.concatenate(self._kept)
        way = [last]
        while way[-1]["before"] >= 0:
            way.append(kept[way[-1]["before"]])
        return np.array(way[::-1], STATE)


def _when_at(states: Records, place: float) -> Floats:
    """Seconds at which each state, near a place on the road (m), passes it, about."""
    late = (states["arc"] - place) / np.maximum(states["speed"], 0.3)
    return np.asarray(states["seconds"] - late)
