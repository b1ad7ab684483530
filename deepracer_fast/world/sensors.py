"""Sensors by their DeepRacer names: which go together, and the arrays that they fill.

In: the ``sensor`` list and ``lidar_config`` of a model_metadata.json. Out: the core's options, and
its arrays by sensor name. Neighbours: ``model_metadata`` names them, ``simulator`` carries them;
csrc/simulator/sensors.h fills them.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_metadata import CAMERAS, LIDARS, TRACK_STATE, LidarConfig

VISIBLE_TRACK_STATE = list(_core.VISIBLE_TRACK_STATE)
"""Columns of ``Simulator.track_states`` that the sensor ``TRACK_STATE`` gives: what a picture
shows, offset from the centre line, heading error, the bends ahead and the nearest objects."""

TRACK_STATE_WIDTH = len(VISIBLE_TRACK_STATE)

PICTURE_BYTES = prod(_core.PICTURE_SHAPE)
"""Of one camera's frame."""

OBJECTS_TOLD: int = _core.OBJECTS_TOLD
"""Objects that the last columns of ``TRACK_STATE`` tell."""

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


def observations(
    sensors: Sequence[str], pictures: npt.NDArray[np.uint8], lidar: npt.NDArray[np.float32]
) -> dict[str, Array]:
    """What the sensors show, by name: uint8 [B, 120, 160, C] or float32 [B, n].

    The core's own arrays, but for ``TRACK_STATE``: zeros, which ``copy_track_state`` fills.
    """
    views = {name: np.asarray(lidar if name in LIDARS else pictures) for name in sensors}
    if TRACK_STATE in views:
        views[TRACK_STATE] = np.zeros((len(pictures), TRACK_STATE_WIDTH), np.float32)
    return views


def objects_told(track_state: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A view of the columns of ``TRACK_STATE`` that are of objects, [B, OBJECTS_TOLD, 4].

    Nearness, then multiplied by it metres ahead and to the left, and offset
    (csrc/simulator/track_state.h).
    """
    count = OBJECTS_TOLD * _core.OBJECT_COLUMNS
    return track_state[:, -count:].reshape(len(track_state), OBJECTS_TOLD, -1)


def copy_track_state(
    core: _core.Simulator, observation: dict[str, Array], final: dict[str, Array] | None
) -> None:
    """Fills ``TRACK_STATE``, if a car carries it: where the cars are now, and where they ended."""
    if TRACK_STATE not in observation:
        return
    np.copyto(observation[TRACK_STATE], core.track_states()[:, VISIBLE_TRACK_STATE])
    if final is not None:
        np.copyto(final[TRACK_STATE], core.final_track_states[:, VISIBLE_TRACK_STATE])
