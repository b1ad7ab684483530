"""Pictures of a car on its track: in colour from behind, and grey through its own lens.

In: a track, and poses of the car and of what else is on the road. Out: arrays of pixels. The ground
is painted by the core that paints the cars' cameras, and so is all of what the car sees; what a
viewer sees besides the ground is made for the eye by ``solids``. Neighbours: ``car_shape`` has the
cars, ``pictures.video.frame`` puts the pictures into a frame.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import count, instance, text
from deepracer_fast.errors import ConfigError
from deepracer_fast.pictures.video.car_shape import (
    CAR_COLOURS,
    OTHER_COLOUR,
    OTHER_WISE,
    Colour,
    box_solid,
    car_solid,
)
from deepracer_fast.pictures.video.solids import Lens, paint_flat, paint_solid
from deepracer_fast.tracks.track import Track

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

# Of the west, north, east and south wall: chosen by eye, so that corners are seen.
_WALL_SHADES: tuple[Colour, ...] = ((74, 99, 116), (86, 113, 131), (66, 90, 106), (58, 79, 94))
_CHEQUERS = 8  # squares across the road
_CHEQUER_LENGTH = 0.13  # m along the road, of each of two rows


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
    """The pictures of one track; the camera behind the car remembers where it looked.

    Args:
        track: where the car is.
        colour: of its shell, a name of ``CAR_COLOURS``.
        width: of the picture from behind, pixels, a multiple of 32 up to 640; it is 4 to 3.

    Raises:
        ConfigError: there is no such colour, or the width cannot be painted.
    """

    def __init__(self, track: Track, colour: str = "Red", width: int = CHASE_WIDTH) -> None:
        instance("track", track, Track, maker="load_track")
        if text("the car's colour", colour) not in CAR_COLOURS:
            raise ConfigError(
                f"the car's colour must be one of {', '.join(CAR_COLOURS)}, got {colour!r}"
            )
        if count("width", width, 1, CHASE_WIDTH) % 32:
            raise ConfigError(f"width must be a multiple of 32, got {width}")
        self.colour = colour
        self.others = OTHER_WISE if colour == OTHER_COLOUR else OTHER_COLOUR
        self._size = (width, width * CHASE_HEIGHT // CHASE_WIDTH)
        self._ribbon, self._origin = track.local.ribbon, track.origin
        self._grounds = [_core.Ground(*self._ribbon, each, grain=False) for each in _CHANNELS]
        self._walls = _walls(self._grounds[0].field, _core.look(track.look)["wall_height"])
        self._starts = _start_lines(track)
        self._last: Pose | None = None
        self._heading = 0.0

    def chase(self, car: Pose, objects: RoadObjects) -> Array:
        """From behind and above, the car among the objects: uint8 [H, W, 3]."""
        car, objects = self._local(car, objects)
        self._follow(car)
        lens = self._lens(car)
        camera = _chase_camera(self._size, lens.pitch)
        place = (lens.x, lens.y, lens.heading)
        parts = [_rendered(camera, each, place) for each in self._grounds]
        ground = Image.fromarray(np.stack(parts, axis=-1))
        for wall, shade in self._walls:
            paint_flat(ground, lens, [wall], shade)
        for squares, shade in self._starts:
            paint_flat(ground, lens, squares, shade)
        picture = np.array(ground)
        self._paint_objects(picture, lens, car, objects)
        return picture

    def _lens(self, car: Pose) -> Lens:
        """Behind the car and inside the walls, aimed at the road ahead of it."""
        along = math.cos(self._heading), math.sin(self._heading)
        behind = self._room_behind(car, along)
        pitch = math.atan2(_HEIGHT, round(behind, 2) + _AIM)
        x, y = car[0] - behind * along[0], car[1] - behind * along[1]
        min_x, min_y, max_x, max_y = self._grounds[0].field
        x = min(max(x, min_x + _CLEARANCE), max_x - _CLEARANCE)
        y = min(max(y, min_y + _CLEARANCE), max_y - _CLEARANCE)
        return Lens(x, y, self._heading, _HEIGHT, pitch, self._size, _core.CameraParams().hfov)

    def _paint_objects(self, picture: Array, lens: Lens, car: Pose, objects: RoadObjects) -> None:
        """The car and what it meets, the farthest first."""
        others = car_solid(self.others)
        solids = [
            (pose, others if is_car else box_solid())
            for pose, is_car in zip(objects.poses, objects.is_car, strict=True)
        ]
        solids.append((np.array(car), car_solid(self.colour)))
        solids.sort(key=lambda each: -math.dist(each[0][:2], (lens.x, lens.y)))
        for pose, solid in solids:
            paint_solid(picture, lens, solid, pose)

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
        room, walls = _BEHIND, ((min_x, max_x), (min_y, max_y))
        for place, step, (low, high) in zip(car, along, walls, strict=False):
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
def _chase_camera(size: tuple[int, int], pitch: float) -> _core.Camera:
    """The core's camera that looks as the lens behind the car does."""
    params = _core.CameraParams()
    params.width, params.height = size
    params.x, params.z, params.pitch = 0.0, _HEIGHT, pitch
    return _core.Camera(params)


def _walls(field: tuple[float, float, float, float], height: float) -> list[tuple[Array, Colour]]:
    """The four walls around the ground, each with its own shade, for the eye to tell corners.

    The cars' cameras see the walls of the original, one of which is black.
    """
    min_x, min_y, max_x, max_y = field
    corners = [(min_x, min_y), (min_x, max_y), (max_x, max_y), (max_x, min_y)]
    walls = []
    for number, shade in enumerate(_WALL_SHADES):
        (ax, ay), (bx, by) = corners[number], corners[(number + 1) % 4]
        wall = np.array([(ax, ay, 0), (bx, by, 0), (bx, by, height), (ax, ay, height)])
        walls.append((wall, shade))
    return walls


def _start_lines(track: Track) -> list[tuple[list[Array], Colour]]:
    """The chequers across the road at the start, and at the finish of a track that has two ends.

    Squares [4, 3] in metres from the track's origin, and their colour. None where the track's look
    has a painted start line of its own.
    """
    look = _core.look(track.look)
    if look["start_length"] > 0:
        return []
    _, inner, outer, is_loop = track.local.ribbon[:4]
    black: list[Array] = []
    white: list[Array] = []
    for row in (0,) if is_loop else (0, -1):
        left, right = np.asarray(inner)[row], np.asarray(outer)[row]
        across = right - left
        inset = max(look["line_inner"], 0.0) / np.linalg.norm(across)
        left, across = left + inset * across, (1 - 2 * inset) * across
        along = np.array([-across[1], across[0]]) / np.linalg.norm(across)
        for place in range(2 * _CHEQUERS):
            side, number = place % 2, place // 2
            corner = left + number / _CHEQUERS * across + (side - 1) * _CHEQUER_LENGTH * along
            square = [corner, corner + across / _CHEQUERS]
            square += [point + _CHEQUER_LENGTH * along for point in square[::-1]]
            shades = white if (side + number) % 2 else black
            shades.append(np.column_stack([np.array(square), np.zeros(4)]))
    return [(black, (24, 24, 28)), (white, (244, 244, 244))]
