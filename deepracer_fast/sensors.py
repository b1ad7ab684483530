"""Sensors by their DeepRacer names: which go together, and the arrays that they fill.

In: the ``sensor`` list and ``lidar_config`` of a model_metadata.json. Out: the core's options, and
its arrays by sensor name. Neighbours: ``model_metadata`` names them, ``simulator`` carries them;
csrc/sensors.h fills them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.errors import ConfigError
from deepracer_fast.model_metadata import CAMERAS, LIDARS, TRACK_STATE, LidarConfig

VISIBLE_TRACK_STATE = (0, 1, 2, *range(8, _core.TRACK_STATE_SIZE))
"""Columns of ``Simulator.track_states`` that the sensor ``TRACK_STATE`` gives: what a picture
shows, offset from the centre line, heading error and the bends ahead."""

NEXT_OBJECTS = 2
"""Objects that ``TRACK_STATE`` tells after those columns, nearest first."""

OBJECT_STATE = ("nearness", "ahead", "left", "offset")
"""What it tells of each, zeros without one. Nearness is 1 at the car and 0 from ``SIGHT`` on; the
others are multiplied by it: metres ahead of the car and to its left, and the object's offset from
the centre line, in half widths, left positive as the car drives."""

SIGHT = 3.0  # m
BESIDE = 0.4  # m behind the front point, up to where an object still counts

TRACK_STATE_WIDTH = len(VISIBLE_TRACK_STATE) + NEXT_OBJECTS * len(OBJECT_STATE)

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

_LIDAR_KINDS = {
    "LIDAR": _core.LidarSensor.RANGES,
    "SECTOR_LIDAR": _core.LidarSensor.SECTORS,
    "DISCRETIZED_SECTOR_LIDAR": _core.LidarSensor.DISCRETIZED_SECTORS,
}


def sensor_options(sensors: Sequence[str], lidar: LidarConfig) -> _core.SensorOptions:
    """The core's record of what a car carries.

    Raises:
        ConfigError: an unknown sensor, or more than one camera or LIDAR.
    """
    cameras = [name for name in sensors if name in CAMERAS]
    lidars = [name for name in sensors if name in LIDARS]
    known = len(cameras) + len(lidars) + list(sensors).count(TRACK_STATE)
    if len(cameras) > 1 or len(lidars) > 1 or known != len(sensors):
        raise ConfigError(
            f"sensors must be at most one of {', '.join(CAMERAS)}, at most one of "
            f"{', '.join(LIDARS)}, and {TRACK_STATE}, got {', '.join(sensors)}"
        )
    options = _core.SensorOptions()
    options.camera = _core.CameraSensor.NONE
    if cameras:
        stereo = cameras[0] == "STEREO_CAMERAS"
        options.camera = _core.CameraSensor.STEREO if stereo else _core.CameraSensor.FRONT
    options.lidar = _LIDAR_KINDS[lidars[0]] if lidars else _core.LidarSensor.NONE
    options.num_sectors = lidar.num_sectors
    options.num_values_per_sector = lidar.num_values_per_sector
    options.clipping_dist = lidar.clipping_dist
    return options


def observations(sensors: Sequence[str], core: _core.Simulator) -> dict[str, npt.NDArray[Any]]:
    """What the sensors show, by name: uint8 [B, 120, 160, C] or float32 [B, n].

    Views, but for ``TRACK_STATE``, which ``copy_track_state`` fills.
    """
    views = {name: np.asarray(core.lidar if name in LIDARS else core.pictures) for name in sensors}
    if TRACK_STATE in views:
        views[TRACK_STATE] = np.zeros((len(core.status), TRACK_STATE_WIDTH), np.float32)
    return views


def copy_track_state(core: _core.Simulator, observation: dict[str, npt.NDArray[Any]]) -> None:
    """Fills ``TRACK_STATE``, if a car carries it, with where the cars are now."""
    if TRACK_STATE not in observation:
        return
    road = len(VISIBLE_TRACK_STATE)
    state = observation[TRACK_STATE]
    np.copyto(state[:, :road], core.track_states()[:, VISIBLE_TRACK_STATE])
    if core.object_params:
        objects = nearest_objects(core.params, core.object_params, core.object_poses())
        np.copyto(state[:, road:], objects)


def nearest_objects(params: Arrays, object_params: Arrays, poses: Array) -> Array:
    """``OBJECT_STATE`` of the ``NEXT_OBJECTS`` nearest objects ahead, [B, 8] float32.

    Args:
        params: reward parameters of B cars.
        object_params: those of their K objects.
        poses: [B, K, 3], x, y (m) and heading (rad) of the objects.
    """
    heading = np.radians(params["heading"])[:, None]
    x, y = poses[..., 0] - params["x"][:, None], poses[..., 1] - params["y"][:, None]
    ahead = x * np.cos(heading) + y * np.sin(heading)
    left = y * np.cos(heading) - x * np.sin(heading)
    nearness = np.maximum(0.0, 1.0 - np.hypot(x, y) / SIGHT) * (ahead > -BESIDE)
    # The original calls left what is left of the centre line as the waypoints run.
    side = np.where(object_params["objects_left_of_center"], 1.0, -1.0)
    half_width = 0.5 * params["track_width"][:, None]
    offset = side * object_params["objects_distance_from_center"] / half_width
    told = np.stack([nearness, nearness * ahead, nearness * left, nearness * offset], axis=-1)
    state = np.zeros((len(told), NEXT_OBJECTS, len(OBJECT_STATE)), np.float32)
    nearest = np.argsort(-nearness, axis=1)[:, :NEXT_OBJECTS, None]
    state[:, : nearest.shape[1]] = np.take_along_axis(told, nearest, axis=1)
    return state.reshape(len(told), -1)
