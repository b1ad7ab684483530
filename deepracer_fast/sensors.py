"""Sensors by their DeepRacer names: which go together, and the arrays that they fill.

In: the ``sensor`` list and ``lidar_config`` of a model_metadata.json. Out: the core's options, and
its arrays by sensor name. Neighbours: ``model_metadata`` names them, ``simulator`` carries them;
csrc/sensors.h fills them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.errors import ConfigError
from deepracer_fast.model_metadata import CAMERAS, LIDARS, LidarConfig

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
    if len(cameras) > 1 or len(lidars) > 1 or len(cameras) + len(lidars) != len(sensors):
        raise ConfigError(
            f"sensors must be at most one of {', '.join(CAMERAS)} and at most one of "
            f"{', '.join(LIDARS)}, got {', '.join(sensors)}"
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
    """Views of what the sensors show, by name: uint8 [B, 120, 160, C] or float32 [B, n]."""
    return {name: np.asarray(core.lidar if name in LIDARS else core.pictures) for name in sensors}
