"""The native core, as csrc/bindings exposes it. Arrays that come back are read-only views.

Held against the built module by ``mypy.stubtest``, which reports every name that one of them lacks.
"""

from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

_Doubles = npt.NDArray[np.float64]
_Floats = npt.NDArray[np.float32]
_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
# A row of a table of columns: name, dtype, shape such as ("B", 2), unit, meaning.
_Column = tuple[str, np.dtype[Any], tuple[str | int, ...], str, str]
# Of a record's fields: name -> unit, meaning, lowest and highest value (None unless a number).
_Fields = dict[str, tuple[str, str, tuple[float, float] | None]]

PARAMS: tuple[_Column, ...]
OBJECT_PARAMS: tuple[_Column, ...]
OUTCOMES: tuple[_Column, ...]
STATUS_NAMES: tuple[str, ...]
CONTROL_PERIOD: float  # s
FRONT_POINT: float  # m ahead of base_link
STEERING_LIMIT_DEG: float
SPEED_LIMITS: tuple[float, float]  # m/s
PICTURE_SHAPE: tuple[int, int]  # height, width
LIDAR_RAYS: int
LIDAR_SECTORS: int
TRACK_STATE_SIZE: int
OBJECT_COLUMNS: int
OBJECTS_TOLD: int
VISIBLE_TRACK_STATE: tuple[int, ...]
MAX_OBJECTS: int
NETWORK_JAXLIB: str

class VehicleParams:
    FIELDS: ClassVar[_Fields]
    delay: float
    speed_gain: float
    grip: float
    drive_slip: float
    side_slip: float
    steering_lag: float
    steering_kick: float
    steering_gain: float
    steering_offset: float
    def __init__(self, car_version: int, asymmetric: bool = False) -> None: ...

def direction(angles: _Floats | _Doubles) -> _Floats: ...
def drive_open_loop(
    vehicle: VehicleParams, starts: _Floats | _Doubles, commands: _Floats | _Doubles
) -> _Floats: ...
def nearest_on_line(points: _Doubles, line: _Doubles) -> tuple[_Doubles, npt.NDArray[np.int64]]: ...
def line_crossings(line: _Doubles, other: _Doubles, most: int) -> npt.NDArray[np.int32]: ...
def self_crossings(line: _Doubles, most: int) -> npt.NDArray[np.int32]: ...
def look(name: str) -> dict[str, Any]: ...

class Channel(IntEnum):
    GREY = 0
    RED = 1
    GREEN = 2
    BLUE = 3

class Track:
    def __init__(
        self,
        center: _Doubles,
        inner: _Doubles,
        outer: _Doubles,
        is_loop: bool,
        rows_stand_opposite: bool = ...,
    ) -> None: ...
    @property
    def length(self) -> float: ...
    @property
    def bytes(self) -> int: ...

def check_track(center: _Doubles, inner: _Doubles, outer: _Doubles, is_loop: bool) -> None: ...

class Ground:
    def __init__(
        self,
        center: _Doubles,
        inner: _Doubles,
        outer: _Doubles,
        is_loop: bool,
        look: str,
        channel: Channel = ...,
        grain: bool = ...,
    ) -> None: ...
    @property
    def field(self) -> tuple[float, float, float, float]: ...
    @property
    def texel(self) -> float: ...
    @property
    def bytes(self) -> int: ...

class RaceRules:
    FIELDS: ClassVar[_Fields]
    start_position: float
    round_robin_advance_dist: float
    random_start: bool
    reverse_direction: bool
    alternate_driving_direction: bool
    continuous: bool
    number_of_resets: int
    off_track_penalty: float
    max_steps: int
    traffic: TrafficRules

class RaceType(IntEnum):
    TIME_TRIAL = 0
    OBJECT_AVOIDANCE = 1
    HEAD_TO_BOT = 2
    HEAD_TO_MODEL = 3

class BotRules:
    FIELDS: ClassVar[_Fields]
    bot_car_speed: float
    is_lane_change: bool
    lower_lane_change_time: float
    upper_lane_change_time: float
    lane_change_distance: float

class TrafficRules:
    FIELDS: ClassVar[_Fields]
    race_type: RaceType
    number_of_obstacles: int
    min_distance_between_obstacles: float
    shrinking_obstacle_distance: bool
    randomize_obstacle_locations: bool
    is_obstacle_bot_car: bool
    object_distances: list[float]
    object_lanes: list[int]
    number_of_bot_cars: int
    min_distance_between_bot_cars: float
    randomize_bot_car_locations: bool
    bots: BotRules
    cars_per_world: int
    collision_penalty: float
    reset_behind_dist: float

class CameraSensor(IntEnum):
    NONE = 0
    FRONT = 1
    STEREO = 2

class LidarSensor(IntEnum):
    NONE = 0
    RANGES = 1
    SECTORS = 2
    DISCRETIZED_SECTORS = 3

class SensorOptions:
    FIELDS: ClassVar[_Fields]
    camera: CameraSensor
    lidar: LidarSensor
    num_sectors: int
    num_values_per_sector: int
    clipping_dist: float
    final_observations: bool

class Randomization:
    FIELDS: ClassVar[_Fields]
    surface_grey: float
    light_gain: float
    light_offset: float
    pixel_noise: float
    blur: float
    camera_height: float
    camera_pitch: float
    camera_yaw: float
    picture_delay: float
    grip: float
    steering_gain: float
    steering_offset: float
    speed_gain: float
    at_bounds: bool

class SimulatorOptions:
    FIELDS: ClassVar[_Fields]
    num_cars: int
    first_car: int
    cars_in_batch: int
    threads: int
    seed: int
    car_version: int
    asymmetric: bool
    instruction_set: str
    rules: RaceRules
    randomization: Randomization
    sensors: SensorOptions

def actions_of(actions: npt.ArrayLike, num_cars: int) -> _Floats: ...
def check_options(options: SimulatorOptions, track_length: float) -> None: ...

class Turns:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...

class Simulator:
    def __init__(self, track: Track, ground: Ground, options: SimulatorOptions) -> None: ...
    def reset(self) -> None: ...
    def begin_episodes(self, number: int) -> None: ...
    def step(self, actions: _Floats) -> None: ...
    def place(
        self,
        cars: npt.NDArray[np.int32],
        x: _Floats,
        y: _Floats,
        heading: _Floats,
        steering: _Floats,
    ) -> None: ...
    def place_objects(
        self, cars: npt.NDArray[np.int32], location: _Floats, heading: _Floats
    ) -> None: ...
    @property
    def bytes_per_car(self) -> int: ...
    @property
    def pictures(self) -> _Bytes: ...
    @property
    def lidar(self) -> _Floats: ...
    @property
    def final_pictures(self) -> _Bytes: ...
    @property
    def final_lidar(self) -> _Floats: ...
    @property
    def final_track_states(self) -> _Floats: ...
    @property
    def object_params(self) -> dict[str, npt.NDArray[Any]]: ...
    def object_poses(self) -> _Floats: ...
    @property
    def params(self) -> dict[str, npt.NDArray[Any]]: ...
    @property
    def terminated(self) -> _Flags: ...
    @property
    def truncated(self) -> _Flags: ...
    @property
    def status(self) -> _Bytes: ...
    def track_states(self) -> _Floats: ...
    def vehicle_states(self) -> _Floats: ...

class CameraParams:
    FIELDS: ClassVar[_Fields]
    width: int
    height: int
    hfov: float
    x: float
    z: float
    pitch: float

class Camera:
    def __init__(self, params: CameraParams = ...) -> None: ...
    def draw_objects(
        self,
        picture: _Bytes,
        car: tuple[float, float, float],
        poses: _Floats,
        is_car: npt.NDArray[np.int32],
        channel: Channel = ...,
    ) -> None: ...
    def render(
        self, ground: Ground, x: _Floats, y: _Floats, heading: _Floats, path: str = ""
    ) -> _Bytes: ...

def instruction_sets() -> list[str]: ...
def tune_allocator() -> bool: ...
def network_instruction_sets() -> list[str]: ...
def network_handlers() -> dict[str, Any]: ...
