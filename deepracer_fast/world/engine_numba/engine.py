"""The Numba engine: what ``csrc/simulator/simulator.*`` and its bindings are, in Python.

In: a :class:`~deepracer_fast.tracks.track.Track` and the options of the native core: not people's
own records, since the core rounds numbers to float32, and both engines must begin with the same.
Out: the same arrays under the same names. Neighbour: ``simulator`` checks what comes in.

Threads: each works on a contiguous range of whole worlds, which are single cars unless racers meet,
without the GIL; a car writes its own records and reads those of its world only, and every random
number is a function of (seed, car, episode, draw), so the number of threads cannot change a result.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array, read_only
from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.cars import CAR, SEEN, Rules, World
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.meeting import MEETING, OBJECT_PARAMS
from deepracer_fast.world.engine_numba.objects import OBJECT
from deepracer_fast.world.engine_numba.records import Cars, Floats, Indices, Singles, Things
from deepracer_fast.world.engine_numba.road import Roads, road_of
from deepracer_fast.world.engine_numba.rules import (
    PREPARED,
    begin_episode,
    go_on,
    judge,
    observe,
    place_car,
)
from deepracer_fast.world.engine_numba.sensors import Sensors
from deepracer_fast.world.engine_numba.track_state import write_track_state
from deepracer_fast.world.engine_numba.traffic import (
    Traffic,
    count_objects,
    meet_racers,
    put_objects,
    traffic_of,
)
from deepracer_fast.world.engine_numba.vehicle import drive, driving, vehicle_params

Scalar = TypeVar("Scalar", bound=np.generic)

Vehicle = Callable[[Any, Any, float, float], None]


# The loops over cars. A range holds whole worlds; the traffic is None in a time trial.


@kernel
def begin_cars(
    world: World, traffic: Traffic | None, number: int, time: float, begin: int, end: int
) -> None:
    """Begins episode ``number`` of cars begin to end - 1."""
    seen, size = world.seen, world.rules.cars_per_world
    for i in range(begin, end):
        world.cars[i].episode = number
        seen[i].terminated = seen[i].truncated = False
        seen[i].status = PREPARED
        begin_episode(world, traffic, i, size - 1 - i % size)
    if traffic is not None:
        for i in range(begin, end):
            meet_racers(world.cars, traffic, i)
    for i in range(begin, end):
        seen[i].steering_angle = seen[i].speed = 0.0
        observe(world, traffic, i, time)
        seen[i].is_crashed = False


@kernel
def step_cars(
    world: World, traffic: Traffic | None, actions: Singles, time: float, begin: int, end: int
) -> None:
    """Reads and judges the poses of cars begin to end - 1, before their actions move them."""
    size = world.rules.cars_per_world
    for first in range(begin, end, size):
        for i in range(first, first + size):
            world.cars[i].step_count += 1
            world.seen[i].steering_angle, world.seen[i].speed = actions[i, 0], actions[i, 1]
            observe(world, traffic, i, time)
            judge(world, traffic, i)
        for i in range(first, first + size):
            go_on(world, traffic, i)


@kernel
def meet_cars(cars: Cars, traffic: Traffic, begin: int, end: int) -> None:
    """Racers begin to end - 1 see each other where they are now."""
    for i in range(begin, end):
        meet_racers(cars, traffic, i)


@kernel
def place_cars(
    world: World, traffic: Traffic | None, which: Indices, poses: Floats, time: float
) -> None:
    """Puts cars at poses [n, 4]: x, y, heading and steering."""
    for n in range(len(which)):
        place_car(world, which[n], poses[n])
    if traffic is not None:
        for i in range(len(world.cars)):
            meet_racers(world.cars, traffic, i)
    for i in which:
        world.seen[i].steering_angle = world.seen[i].speed = 0.0
        observe(world, traffic, i, time)


@kernel
def place_objects(
    world: World, traffic: Traffic, which: Indices, poses: Floats, time: float
) -> None:
    """Puts the objects of cars at poses [n, K, 3]: x, y and heading."""
    for n in range(len(which)):
        put_objects(world, traffic, which[n], poses[n])
        observe(world, traffic, which[n], time)


@kernel
def write_track_states(cars: Cars, roads: Roads, objects: Things, states: Singles) -> None:
    """What the poses mean for the road ahead; columns as in ``csrc/simulator/track_state.h``."""
    for i in range(len(cars)):
        write_track_state(states[i], cars[i], roads, objects[i])


class NumbaEngine:
    """A batch of cars on one track; methods and properties are those of ``_core.Simulator``.

    Args:
        track: a :class:`~deepracer_fast.tracks.track.Track`.
        options: a ``_core.SimulatorOptions`` without randomisation.
        vehicle: moves one car, as :func:`deepracer_fast.world.engine_numba.vehicle.drive` does;
            None for that function.

    Attributes:
        pictures: [B, 120, 160, eyes] grey: of the front camera, left and right, or none.
        lidar: [B, n] of the LIDAR or sector LIDAR; n is 0 without one.
        params: reward parameter -> [B].
        object_params: those of objects -> [B] or [B, K]; empty where the race has none.
        terminated: [B] a rule of the race ended the episode.
        truncated: [B] the limit of steps ended it.
        status: [B] indices into STATUS_NAMES.

    Raises:
        ConfigError: ``vehicle`` can't be compiled.
    """

    def __init__(
        self, track: Track, options: _core.SimulatorOptions, vehicle: Vehicle | None = None
    ) -> None:
        roads = road_of(track), road_of(track, backwards=True)
        self._cars, self._seen = np.zeros(options.num_cars, CAR), np.zeros(options.num_cars, SEEN)
        self._world = World(self._cars, self._seen, roads, _rules(options, track.is_loop))
        race = options.rules.traffic
        self._objects = np.zeros((options.num_cars, count_objects(race)), OBJECT)
        self._traffic = traffic_of(race, roads, self._objects)
        self._sources = self._published()
        self._columns = {name: source.copy() for name, source in self._sources.items()}
        self._vehicle_params = vehicle_params(options.car_version, options.asymmetric)
        self._drive_cars = driving(vehicle or drive)
        self._sensors = Sensors(track, options)
        self.pictures, self.lidar = (
            read_only(self._sensors.pictures),
            read_only(self._sensors.lidar),
        )
        self.params = self._views(column[0] for column in _core.PARAMS)
        self.object_params = self._views(name for name in OBJECT_PARAMS if name in self._columns)
        outcomes = self._views(column[0] for column in _core.OUTCOMES)
        self.terminated, self.truncated, self.status = outcomes.values()
        self._time = 0.0
        self._pool, self._process = ThreadPoolExecutor(options.threads), os.getpid()
        worlds = options.num_cars // race.cars_per_world
        bounds = np.linspace(0, worlds, options.threads + 1).astype(int) * race.cars_per_world
        self._ranges = list(pairwise(bounds.tolist()))
        self._try_vehicle(vehicle)
        self.reset()

    def _try_vehicle(self, vehicle: Vehicle | None) -> None:
        """Compiles the loop over cars, on a car that is parked nowhere."""
        car = np.zeros(1, CAR)
        car["is_driving"] = True
        try:
            self._drive_cars(car, self._vehicle_params, np.ones((1, 2), np.float32), 0, 1)
        except Exception as error:  # Numba raises its own kinds, and KeyError for a wrong field
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            name = getattr(vehicle, "__name__", "vehicle")
            raise ConfigError(
                f"vehicle {name} can't be compiled by Numba: {' '.join(lines[:4])}"
            ) from error

    def reset(self) -> None:
        """Begins the first episode of every car, at time 0."""
        self._time = 0.0
        self.begin_episodes(0)

    def begin_episodes(self, number: int) -> None:
        """Begins episode ``number`` of every car, whatever it was doing; the clock goes on."""

        def work(begin: int, end: int) -> None:
            begin_cars(self._world, self._traffic, number, self._time, begin, end)
            self._sensors.forget(slice(begin, end))
            self._sense(begin, end)

        self._for_all_cars(work)

    def step(self, actions: NDArray[np.float32]) -> None:
        """One control period; actions [B, 2], degrees and m/s."""

        def work(begin: int, end: int) -> None:
            step_cars(self._world, self._traffic, actions, self._time, begin, end)
            self._drive_cars(self._cars, self._vehicle_params, actions, begin, end)
            if self._traffic is not None and self._world.rules.cars_per_world > 1:
                meet_cars(self._cars, self._traffic, begin, end)
            self._sense(begin, end)

        self._for_all_cars(work)
        self._time += _core.CONTROL_PERIOD

    def place(self, cars: Indices, x: Floats, y: Floats, heading: Floats, steering: Floats) -> None:
        """Puts cars at poses of base_link, at rest, in an episode that is ready to drive."""
        poses = np.stack([x, y, heading, steering], axis=1)
        place_cars(self._world, self._traffic, cars, poses, self._time)
        self._look_from(cars)

    def place_objects(self, cars: Indices, location: Floats, heading: Floats) -> None:
        """Puts the objects of cars at poses: location [n, K, 2], heading [n, K]."""
        assert self._traffic is not None  # or there were no objects to place
        poses = np.concatenate([location, heading[..., None]], axis=2)
        place_objects(self._world, self._traffic, cars, poses, self._time)
        self._look_from(cars)

    def _look_from(self, cars: Indices) -> None:
        self._sensors.forget(cars)
        for car in cars.tolist():
            self._sense(car, car + 1)
        self._publish()

    def track_states(self) -> NDArray[np.float32]:
        """[B, TRACK_STATE_SIZE], see ``csrc/simulator/track_state.h``."""
        states = np.zeros((len(self._cars), _core.TRACK_STATE_SIZE), np.float32)
        write_track_states(self._cars, self._world.roads, self._objects, states)
        return states

    def vehicle_states(self) -> NDArray[np.float32]:
        """[B, 5]: x, y (m), heading (rad), speed (m/s), steering (rad)."""
        fields = ("x", "y", "heading", "speed", "steering")
        return np.stack([self._cars[name] for name in fields], axis=1).astype(np.float32)

    def object_poses(self) -> NDArray[np.float32]:
        """[B, K, 3] x, y (m) and heading (rad) of each car's objects."""
        heading = np.arctan2(self._objects["along_y"], self._objects["along_x"])
        poses = np.stack([self._objects["x"], self._objects["y"], heading], axis=2)
        return poses.astype(np.float32)

    @property
    def bytes_per_car(self) -> int:
        """Memory of a car beside what it observes."""
        columns = sum(column.nbytes for column in self._columns.values()) // len(self._cars)
        states = (self._cars, self._seen, self._objects, *(self._traffic or ())[3:])
        states_of_car = sum(state.nbytes for state in states) // len(self._cars)
        return columns + states_of_car + self._sensors.bytes_per_car

    @property
    def bytes_of_track(self) -> int:
        """Memory of the roads and of the painted ground."""
        roads = sum(line.nbytes for road in self._world.roads for line in road[:4])
        return roads + self._sensors.bytes_of_track

    def _sense(self, begin: int, end: int) -> None:
        self._sensors.sense(self._world, self._objects, begin, end)

    def _for_all_cars(self, work: Callable[[int, int], None]) -> None:
        if len(self._ranges) == 1:
            work(*self._ranges[0])
        else:
            list(self._threads().map(lambda bounds: work(*bounds), self._ranges))
        self._publish()

    def _threads(self) -> ThreadPoolExecutor:
        """The pool, anew in a forked child, which has none of its parent's threads."""
        if self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(len(self._ranges)), os.getpid()
        return self._pool

    def _publish(self) -> None:
        for name, column in self._columns.items():
            np.copyto(column, self._sources[name])

    def _views(self, names: Iterable[str]) -> dict[str, Array]:
        """Columns as others may read them."""
        return {name: read_only(self._columns[name]) for name in names}

    def _published(self) -> dict[str, Array]:
        """Where the columns lie in the records."""
        sources = {name: self._seen[name] for name in SEEN.names or ()}
        if self._traffic is not None:
            told, meetings = self._traffic.told, self._traffic.meetings
            for name in OBJECT_PARAMS:
                sources[name] = (meetings if name in (MEETING.names or ()) else told)[name]
        return sources


def _rules(options: _core.SimulatorOptions, is_loop: bool) -> Rules:
    rules = options.rules
    given = {name: getattr(rules, name) for name in Rules._fields if hasattr(rules, name)}
    return Rules(
        **given,
        pause_steps=_steps(rules.off_track_penalty),
        crash_pause_steps=_steps(rules.traffic.collision_penalty),
        is_loop=is_loop,
        first_car=options.first_car,
        cars_in_batch=options.cars_in_batch,
        cars_per_world=rules.traffic.cars_per_world,
        seed=np.uint64(options.seed),
    )


def _steps(seconds: float) -> int:
    """The nearest number of steps, in float32 as the core has it."""
    return int(np.float32(seconds) / np.float32(_core.CONTROL_PERIOD) + np.float32(0.5))
