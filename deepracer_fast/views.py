"""Pictures of a car on its track: in colour from behind, and grey through its own lens.

In: a track, and poses of the car and of what else is on the road. Out: arrays of pixels, painted by
the core that paints the cars' cameras. Neighbours: ``video`` puts them into a frame.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast import _core
from deepracer_fast.door import instance
from deepracer_fast.track import Track

Array = npt.NDArray[Any]
Pose = tuple[float, float, float]
"""x, y (m) and heading (rad) of base_link."""

CHASE_WIDTH, CHASE_HEIGHT = 640, 480  # pixels, the most that the core's camera paints
_CHANNELS = (_core.Channel.RED, _core.Channel.GREEN, _core.Channel.BLUE)

# Where the chase camera is, chosen by eye: the car fills a sixth of the width, and a metre and a
# half of road lies before it.
_BEHIND = 1.0  # m behind base_link
_HEIGHT = 0.55  # m above the ground
_AIM = 0.7  # m ahead of base_link, the point of the ground in the picture's middle
_TURNING = 0.3  # share of the car's turn that the camera follows within a step
_CLEARANCE = 0.08  # m between the camera and a wall, at least
_JUMP = 0.5  # m in one step, more than a car drives: it was put somewhere else


@dataclass(frozen=True)
class RoadObjects:
    """What stands or drives on the road beside the car.

    Attributes:
        poses: [K, 3], x, y (m), heading (rad).
        is_car: int32 [K], 1 for cars, 0 for boxes.
    """

    poses: Array
    is_car: Array

    @classmethod
    def none(cls) -> "RoadObjects":
        """An empty road."""
        return cls(np.zeros((0, 3), np.float32), np.zeros(0, np.int32))


class Views:
    """The pictures of one track; the camera behind the car remembers where it looked."""

    def __init__(self, track: Track) -> None:
        instance("track", track, Track, maker="load_track")
        self._ribbon, self._origin = track.local.ribbon, track.origin
        self._grounds = [_core.Ground(*self._ribbon, channel) for channel in _CHANNELS]
        self._last: Pose | None = None
        self._heading = 0.0

    def chase(self, car: Pose, objects: RoadObjects) -> Array:
        """From behind and above, the car among the objects: uint8 [480, 640, 3]."""
        car, objects = self._local(car, objects)
        self._follow(car)
        along = math.cos(self._heading), math.sin(self._heading)
        behind = self._room_behind(car, along)
        lens = (car[0] - behind * along[0], car[1] - behind * along[1], self._heading)
        camera = _chase_camera(round(behind, 2))
        poses = np.vstack([objects.poses, car]).astype(np.float32)
        is_car = np.append(objects.is_car, 1).astype(np.int32)
        picture = np.empty((CHASE_HEIGHT, CHASE_WIDTH, 3), np.uint8)
        for number, (ground, channel) in enumerate(zip(self._grounds, _CHANNELS, strict=True)):
            part = _rendered(camera, ground, lens)
            camera.draw_objects(part, lens, poses, is_car, channel)
            picture[..., number] = part
        return picture

    def own(self, car: Pose, objects: RoadObjects) -> Array:
        """What the car's front camera shows, uint8 [120, 160, 1]."""
        car, objects = self._local(car, objects)
        picture = _rendered(_OWN_CAMERA, self._grey, car)
        _OWN_CAMERA.draw_objects(picture, car, objects.poses, objects.is_car)
        return picture[..., None]

    def _local(self, car: Pose, objects: RoadObjects) -> tuple[Pose, RoadObjects]:
        """The same poses as the core counts them, from the track's origin."""
        if self._origin == (0.0, 0.0):
            return car, objects
        x, y = self._origin
        poses = (objects.poses - (x, y, 0.0)).astype(np.float32)
        return (car[0] - x, car[1] - y, car[2]), RoadObjects(poses, objects.is_car)

    @cached_property
    def _grey(self) -> _core.Ground:
        return _core.Ground(*self._ribbon)

    def _follow(self, car: Pose) -> None:
        """Turns after the car, at once where it was put somewhere else."""
        last, self._last = self._last, car
        if last is None or math.dist(last[:2], car[:2]) > _JUMP:
            self._heading = car[2]
        turn = math.remainder(car[2] - self._heading, math.tau)
        self._heading += _TURNING * turn

    def _room_behind(self, car: Pose, along: tuple[float, float]) -> float:
        """How far behind the car the camera may stand without leaving the walls, metres."""
        min_x, min_y, max_x, max_y = self._grounds[0].field
        room = _BEHIND
        for place, step, low, high in (
            (car[0], along[0], min_x, max_x),
            (car[1], along[1], min_y, max_y),
        ):
            if abs(step) < 1e-6:
                continue
            gap = place - low if step > 0 else high - place
            room = min(room, max(gap - _CLEARANCE, 0.0) / abs(step))
        return room


_OWN_CAMERA = _core.Camera()


def _rendered(camera: _core.Camera, ground: _core.Ground, lens: Pose) -> Array:
    x, y, heading = (np.array([value], np.float32) for value in lens)
    return camera.render(ground, x, y, heading)[0]


@lru_cache
def _chase_camera(behind: float) -> _core.Camera:
    """The camera so many metres behind the car, which looks at the road ahead of it."""
    params = _core.CameraParams()
    params.width, params.height = CHASE_WIDTH, CHASE_HEIGHT
    params.x, params.z = 0.0, _HEIGHT
    params.pitch = math.atan2(_HEIGHT, behind + _AIM)
    return _core.Camera(params)
