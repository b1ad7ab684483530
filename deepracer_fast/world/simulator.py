"""The batch simulator: many cars on one track, stepped together.

In: a track and one action per car (steering angle in degrees, speed in m/s). Out: a
:class:`StepResult` with the camera pictures, every reward parameter by its DeepRacer name, and
what the rules made of each car's episode. The work is done by an engine, the native core or its
twin in Numba; this file is their one checked door. Neighbours: ``track`` before it, ``reward`` and
``networks`` behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array, car_numbers
from deepracer_fast.checks.values import MOST, available_cores, check_fields, count, room_for, shown
from deepracer_fast.errors import ActionError, ConfigError
from deepracer_fast.files.model_metadata import CAMERAS, TRACK_STATE, LidarConfig, sensor_list
from deepracer_fast.renamed import keeps_old_members
from deepracer_fast.reward import params_dict
from deepracer_fast.tracks.built_track import built
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.tracks.world_frame import WorldFrame
from deepracer_fast.world.car_versions import check_car_version
from deepracer_fast.world.frame_stack import stack_frames
from deepracer_fast.world.poses import Reach
from deepracer_fast.world.race_config import RaceConfig, traffic_rules
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.sensors import (
    PICTURE_BYTES,
    copy_track_state,
    observations,
    sensor_options,
)

CONTROL_PERIOD: float = _core.CONTROL_PERIOD
"""Simulated seconds in one step: a camera frame at 15 Hz (racecar.gazebo)."""

STATUS_NAMES: tuple[str, ...] = _core.STATUS_NAMES
"""Episode status words in the order of their codes in ``StepResult.status``."""

TRACK_STATE_SIZE: int = _core.TRACK_STATE_SIZE
"""Numbers in one row of ``Simulator.track_states``."""

CRASHED = STATUS_NAMES.index("crashed")
LAP_COMPLETE = STATUS_NAMES.index("lap_complete")
OFF_TRACK = STATUS_NAMES.index("off_track")
IN_PROGRESS = STATUS_NAMES.index("in_progress")
PAUSE = STATUS_NAMES.index("pause")
PREPARE = STATUS_NAMES.index("prepare")

_CAR_BYTES = 1000  # of one car beside its pictures

ENGINES = ("native", "numba")
"""The C++ core, and its readable twin in which physics can be changed without a compiler."""


@dataclass(frozen=True)
class RaceRules:
    """How episodes begin and end; defaults are those of the original's training job.

    Attributes:
        start_position: share of the track's length, [0, 1), where the first episode starts.
        round_robin_advance_dist: share by which each next episode starts further on.
        random_start: start anywhere along the centre line instead.
        reverse_direction: drive the route backwards (``is_reversed`` is True then).
        alternate_driving_direction: change direction from one episode to the next.
        continuous: after a lap go on driving; otherwise every lap starts from a standstill.
        number_of_resets: times a car that left the track or crashed is put back before its
            episode ends.
        off_track_penalty: seconds of simulated time that such a car has to wait.
        max_steps: an episode is truncated after so many steps.
        race: what else is on the road; nothing by default.
    """

    start_position: float = 0.0
    round_robin_advance_dist: float = 0.05
    random_start: bool = False
    reverse_direction: bool = False
    alternate_driving_direction: bool = False
    continuous: bool = False
    number_of_resets: int = 0
    off_track_penalty: float = 2.0
    max_steps: int = 100_000
    race: RaceConfig = field(default_factory=RaceConfig)

    def __post_init__(self) -> None:
        check_fields(self)
        for name, holds, rule in (
            ("start_position", 0.0 <= self.start_position < 1.0, "[0, 1)"),
            ("round_robin_advance_dist", abs(self.round_robin_advance_dist) <= 1.0, "[-1, 1]"),
            ("off_track_penalty", 0.0 <= self.off_track_penalty < 3600.0, "[0, 3600) seconds"),
        ):
            if not holds:
                raise ConfigError(f"{name} must lie in {rule}, got {getattr(self, name)}")
        if self.number_of_resets < 0 or self.max_steps < 1:
            raise ConfigError("number_of_resets must not be negative and max_steps be at least 1")
        if max(self.number_of_resets, self.max_steps) > MOST:
            raise ConfigError("number_of_resets and max_steps must be below 2**31")


@dataclass(frozen=True)
class StepResult:
    """What ``reset``, ``step`` and ``place`` return; B cars.

    The order of events is the original's: parameters and status describe the pose in which the
    action was chosen, before it moved the car; the observation is the picture after the motion.

    The row of a car whose episode ended in this step holds the last parameters of that episode
    and the first observation of its next one: the car is already at its new start position, and
    its next step is the PREPARE step (status ``prepare``, no motion, no reward).

    All arrays are read-only views of the engine's memory, valid until the next call; copy what is
    to be kept.

    Attributes:
        observation: sensor name -> uint8 [B, 120, 160, 1], grey, for one camera, [B, 120, 160, 2],
            left and right, for STEREO_CAMERAS; float32 [B, n] for a LIDAR: 64 ranges in metres,
            counter-clockwise from 30 degrees left of straight ahead, or 0 and 1 for sectors;
            ``TRACK_STATE`` float32 [B, 17], see ``sensors.py``. A camera's last axis is k times as
            long with a ``frame_stack`` of k, see ``frame_stack.py``.
        params: reward parameter -> [B] (``closest_waypoints`` [B, 2], ``waypoints`` [N, 2]); the
            ``objects_*`` of K objects [B, K], or left out in a race without any. In world
            coordinates; ``x``, ``y`` and ``objects_location`` are float32, and float64 on a road
            that is far from the world's origin, see ``Track.origin``.
        terminated: bool [B], a rule of the race ended the episode (also a completed lap).
        truncated: bool [B], the limit of steps ended it.
        status: uint8 [B], indices into ``STATUS_NAMES``.
        final_observation: as ``observation``, for cars whose episodes ended in this step: what
            they saw once their last action had moved them, too, and nobody yet begun anew. After
            a ``continuous`` lap that is the frame of ``observation``. Other rows keep what they
            held. None without the simulator's ``final_observations``.
    """

    observation: dict[str, Array]
    params: dict[str, Array]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    status: npt.NDArray[np.uint8]
    final_observation: dict[str, Array] | None = None


@keeps_old_members
@dataclass
class Simulator:
    """B cars on one track, independent unless the race is HEAD_TO_MODEL.

    Args:
        track: bundled name, path of a route ``.npy``, or a :class:`Track`.
        num_cars: B.
        sensors: what each car carries, by the names of model_metadata.json: at most one camera
            and one LIDAR; ``TRACK_STATE``; empty for none (nothing is painted then). One alone
            may be given as its name.
        threads: worker threads; 0 for all the cores this process may use.
        seed: of every random choice. The same seed gives the same bytes for any thread count.
        car_version: ``version`` of model_metadata.json, which selects the car's physics:
            3 and 4, 5, or 6.
        asymmetric: turn left more readily than right, as the original's car does.
        lidar: how DISCRETIZED_SECTOR_LIDAR reduces its rays.
        frame_stack: how many of its last frames a camera shows, 1 to 4.
        final_observations: also say what a car saw when its episode ended, for a learner that
            values what would have come next; as much memory again as the observation takes.
        rules: how episodes begin and end.
        randomization: what differs from episode to episode, for sim-to-real; nothing by default.
        first_car: number of the first car, where several simulators drive parts of one batch in
            turn, so that a policy can work on one part while the core steps another. Give them
            one :class:`Track` or bundled name, and they share what is built of it.
        cars_in_batch: cars of all parts together; None if the batch ends with this part. Random
            numbers and start positions are those of one simulator with all the cars.
        instruction_set: "avx512", "avx2" or "portable"; "" for the fastest that this machine has.
            All compute the same bytes.
        engine: "native", or "numba": the same results within float tolerance, slower, and open to
            change; its first use compiles, some seconds, races half a minute. It has no
            randomisation, and each simulator builds a track of its own.
        vehicle: for the Numba engine, a function that moves one car in place of
            :func:`deepracer_fast.world.engine_numba.vehicle.drive`, with its arguments.

    Raises:
        TrackError: the track is unknown or cannot be driven.
        ConfigError: any other argument that cannot be used.
    """

    track: Track | str | Path
    num_cars: int = 1
    sensors: Sequence[str] = ("FRONT_FACING_CAMERA",)
    threads: int = 0
    seed: int = 0
    car_version: int = 5
    rules: RaceRules = field(default_factory=RaceRules)
    randomization: Randomization = field(default_factory=Randomization)
    asymmetric: bool = False
    first_car: int = 0
    cars_in_batch: int | None = None
    instruction_set: str = ""
    engine: str = "native"
    vehicle: Callable[[Any, Any, float, float], None] | None = None
    lidar: LidarConfig = field(default_factory=LidarConfig)
    frame_stack: int = 1
    final_observations: bool = False

    def __post_init__(self) -> None:
        self.track = load_track(self.track)
        self.sensors = sensor_list(self.sensors)
        check_fields(self)
        self._check()
        self._turns, self._reach = _core.Turns(), Reach.of(self.track)
        self._frame = WorldFrame(self.track.origin)
        try:
            options = self._options()
            _core.check_options(options, self.track.length)
            self._core = self._engine(self.track, options)
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from None
        except (RuntimeError, MemoryError) as error:
            raise ConfigError(
                f"{self.num_cars} cars on {options.threads} threads are more than this machine "
                f"gives ({error}): use fewer"
            ) from error
        self._result = self._views()
        # Where all that a step does is the native core's, that lets threads take turns itself.
        is_alone = self._stack is None and TRACK_STATE not in self.sensors
        is_alone = is_alone and not self._frame.is_elsewhere
        self._takes_turns = is_alone and self.engine == "native"

    def _options(self) -> _core.SimulatorOptions:
        options = _core.SimulatorOptions()
        for name in (
            "num_cars",
            "first_car",
            "seed",
            "car_version",
            "asymmetric",
            "instruction_set",
        ):
            setattr(options, name, getattr(self, name))
        options.cars_in_batch = self.cars_in_batch or self.first_car + self.num_cars
        options.threads = min(self.threads or available_cores(), self.num_cars)
        options.sensors = sensor_options(self.sensors, self.lidar)
        options.sensors.final_observations = self.final_observations
        options.rules = _native(self.rules, _core.RaceRules(), leave_out=("race",))
        options.rules.traffic = traffic_rules(self.rules.race)
        options.randomization = _native(self.randomization, _core.Randomization())
        return options

    def _check(self) -> None:
        """What the core does not: it looks at its options by itself."""
        if self.threads < 0:
            raise ConfigError(f"threads must be 0 (all cores) or more, got {self.threads}")
        check_car_version(self.car_version)
        self._check_engine()
        assert isinstance(self.track, Track)
        self.rules.race.check_room(self.track.length)
        pictures = sum(name in CAMERAS for name in self.sensors) * self.frame_stack
        pictures *= 1 + self.final_observations
        room_for(f"{self.num_cars} cars", self.num_cars * (_CAR_BYTES + pictures * PICTURE_BYTES))

    def _check_engine(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"engine must be {' or '.join(ENGINES)}, got {shown(self.engine)}")
        if self.vehicle is not None and (self.engine != "numba" or not callable(self.vehicle)):
            raise ConfigError(
                f"vehicle must be a function and needs engine='numba', got {shown(self.vehicle)} "
                f"with engine={self.engine!r}"
            )
        if self.engine != "numba":
            return
        missing = {
            "no randomization": self.randomization != Randomization(),
            "no instruction_set": bool(self.instruction_set),
            "no final_observations": self.final_observations,
        }
        if any(missing.values()):
            what = " and ".join(text for text, is_missing in missing.items() if is_missing)
            raise ConfigError(f"engine 'numba' has {what}: use engine='native'")

    def _engine(self, track: Track, options: Any) -> Any:
        """What steps the cars: both kinds have the same methods and properties."""
        if self.engine == "numba":
            from deepracer_fast.world.engine_numba.engine import NumbaEngine

            return NumbaEngine(track.local, options, self.vehicle)
        self._built = built(track)
        return _core.Simulator(self._built.road, self._built.ground, options)

    def _views(self) -> StepResult:
        assert isinstance(self.track, Track)
        params = self._frame.columns(self._core.params | self._core.object_params)
        core, final = self._core, None
        observation = observations(self.sensors, core.pictures, core.lidar)
        if self.final_observations:
            final = observations(self.sensors, core.final_pictures, core.final_lidar)
        self._stack = stack_frames(observation, self.frame_stack, final)
        return StepResult(
            observation=observation,
            params=params | {"waypoints": self.track.waypoints},
            terminated=self._core.terminated,
            truncated=self._core.truncated,
            status=self._core.status,
            final_observation=final,
        )

    def reset(self) -> StepResult:
        """Begins a first episode for every car; the next step is its PREPARE step."""
        with self._turns:
            self._core.reset()
            return self._begun(slice(None))

    def begin_episodes(self, number: int) -> StepResult:
        """Begins episode ``number`` of every car, whatever it was doing; the clock goes on.

        Raises:
            ActionError: the number is not an integer in [0, 2**32).
        """
        episode = count("number", number, 0, 2**32 - 1, ActionError)
        with self._turns:
            self._core.begin_episodes(episode)
            return self._begun(slice(None))

    def step(self, actions: npt.ArrayLike) -> StepResult:
        """One control period (1/15 s) for every car.

        Args:
            actions: float [B, 2], steering angle in degrees (left positive) and speed in m/s.
                The car clips them to +-30 degrees and 0.1 to 4 m/s.

        Raises:
            ActionError: the shape is not [B, 2], or a value is not finite.
        """
        try:
            commands = _core.actions_of(actions, self.num_cars)
        except (TypeError, ValueError) as error:
            raise ActionError(
                f"{error}: steering angle in degrees and speed in m/s for each car"
            ) from None
        if self._takes_turns:
            self._core.step(commands)
            return self._result
        with self._turns:
            self._core.step(commands)
            if self._stack is not None:
                self._stack.move_on(self._result.terminated | self._result.truncated)
            return self._seen()

    def place(
        self,
        cars: npt.ArrayLike,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        heading: npt.ArrayLike,
        steering: npt.ArrayLike = 0.0,
    ) -> StepResult:
        """Puts cars at poses of base_link, at rest, in a new episode that is ready to drive.

        The original does not straighten the front wheels when it puts a car back; to follow a
        recording from its start, say where they stood (``replay.steering_at_start``).

        Args:
            cars: int [K], which cars, each once.
            x: float [K] or a number, metres, at most 1 km beyond the track.
            y: float [K] or a number, metres, likewise.
            heading: float [K] or a number, radians, counter-clockwise from +x, up to 10,000.
            steering: float [K] or a number, radians, left positive: where the steering stands, up
                to a quarter turn.

        Raises:
            ActionError: a car that does not exist or is named twice, or a pose out of bounds.
        """
        indices = car_numbers(cars, self.num_cars)
        poses = self._reach.car_poses(len(indices), (x, y, heading, steering))
        with self._turns:
            self._core.place(indices, *poses)
            return self._begun(indices)

    def _begun(self, cars: Any) -> StepResult:
        """The result where the episodes of these cars have just begun."""
        if self._stack is not None:
            self._stack.begin(cars)
        return self._seen()

    def _seen(self) -> StepResult:
        """The result, with what the core does not fill by itself."""
        copy_track_state(self._core, self._result.observation, self._result.final_observation)
        if self._frame.is_elsewhere:
            self._frame.refresh()
        return self._result

    def place_objects(
        self, cars: npt.ArrayLike, location: npt.ArrayLike, heading: npt.ArrayLike = 0.0
    ) -> StepResult:
        """Puts the objects of cars at poses, until their next episode; bots drive on from there.

        Args:
            cars: int [n], which cars, each once.
            location: float [n, K, 2] or [K, 2], the centre of each object, metres, at most 1 km
                beyond the track.
            heading: float [n, K], [K] or a number, radians, up to 10,000.

        Raises:
            ActionError: no race with boxes or bots, a car that does not exist or is named twice,
                another number of objects, or a pose out of bounds.
        """
        race = self.rules.race
        if race.race_type not in ("OBJECT_AVOIDANCE", "HEAD_TO_BOT"):
            raise ActionError(
                f"place_objects needs a race with obstacles or bots, this is a {race.race_type}"
            )
        indices = car_numbers(cars, self.num_cars)
        points, yaw = self._reach.object_poses((len(indices), race.num_objects), location, heading)
        with self._turns:
            self._core.place_objects(indices, points, yaw)
            if self._stack is not None:
                self._stack.repaint()
            return self._seen()

    def object_poses(self) -> npt.NDArray[np.float32 | np.float64]:
        """Where each car's objects are now, [B, K, 3]: x, y (m), heading (rad)."""
        with self._turns:
            return self._frame.outwards(self._core.object_poses())

    def params_dict(self, car: int) -> dict[str, Any]:
        """The plain dict that a reward function would be handed for this car.

        Raises:
            ActionError: a car that does not exist.
        """
        number = count("car", car, 0, self.num_cars - 1, ActionError)
        return params_dict(self._result.params, number)

    def track_states(self) -> npt.NDArray[np.float32]:
        """Where the cars and what they meet are now, [B, TRACK_STATE_SIZE] (``track_state.h``).

        For the value network and for analysis; a policy that is to drive a real car sees none of
        it. A fresh array at each call.
        """
        with self._turns:
            states: npt.NDArray[np.float32] = self._core.track_states()
        return states

    def vehicle_states(self) -> npt.NDArray[np.float32 | np.float64]:
        """What the vehicle model holds, [B, 5]: x, y (m), heading (rad), speed, steering (rad)."""
        with self._turns:
            return self._frame.outwards(self._core.vehicle_states())

    @property
    def bytes_per_car(self) -> int:
        """Memory that each car takes beside its observation."""
        return int(self._core.bytes_per_car)

    @property
    def bytes_of_track(self) -> int:
        """Memory of what is built of the track, which all simulators on it share."""
        if self.engine == "numba":
            return int(self._core.bytes_of_track)
        return int(self._built.road.bytes + self._built.ground.bytes)


def _native(record: Any, native: Any, leave_out: tuple[str, ...] = ()) -> Any:
    """The core's record of the same fields, filled."""
    for field_ in fields(record):
        if field_.name not in leave_out:
            setattr(native, field_.name, getattr(record, field_.name))
    return native
