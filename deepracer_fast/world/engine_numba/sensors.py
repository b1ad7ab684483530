"""Sensors: what the cars of a batch see after each step. The twin of ``csrc/simulator/sensors.*``.

In: where the cars and their objects are. Out: one picture a car, or a left and a right one, and
one LIDAR observation. Neighbours: ``engine`` calls ``sense`` after the motion; ``camera``,
``object_view`` and ``lidar`` do the work.
"""

import numpy as np
from numba import njit

from deepracer_fast import _core
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.engine_numba.camera import HEIGHT, WIDTH, paint_pictures
from deepracer_fast.world.engine_numba.cars import World
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.ground import paint_ground, room_of
from deepracer_fast.world.engine_numba.lidar import (
    RAYS,
    Lidar,
    Room,
    add_noise,
    lidar_size,
    reduce,
    scan,
)
from deepracer_fast.world.engine_numba.object_view import draw_objects
from deepracer_fast.world.engine_numba.plane import random_bits, wrap_angle
from deepracer_fast.world.engine_numba.records import Car, Indices, Records, Seen, Singles, Things
from deepracer_fast.world.engine_numba.rules import PAUSED, PREPARED

EYES = {"NONE": (), "FRONT": (0.0,), "STEREO": (0.03, -0.03)}  # m to the left of the middle
HALF_STEP = 0.5 * _core.CONTROL_PERIOD  # s
SCAN_DRAW = 0x50000000  # which random number of an episode is which; and on: one a step

NO_SCAN = -1
SCAN = np.dtype(
    [
        ("age", np.int64),  # steps since the cycle of the LIDAR began
        ("x", np.float64),  # m, base_link one step earlier
        ("y", np.float64),
        ("heading", np.float64),  # rad
    ],
    align=True,
)
"""What the LIDAR of a car knows of the step before."""


class Sensors:
    """Fills ``pictures`` [B, 120, 160, eyes] uint8 and ``lidar`` [B, n] float32.

    Args:
        track: a :class:`~deepracer_fast.tracks.track.Track`.
        options: a ``_core.SimulatorOptions``.
    """

    def __init__(self, track: Track, options: _core.SimulatorOptions) -> None:
        carried, cars = options.sensors, options.num_cars
        self._eyes = EYES[carried.camera.name]
        self.pictures = np.zeros((cars, HEIGHT, WIDTH, len(self._eyes)), np.uint8)
        if self._eyes:
            self._ground = paint_ground(track)
        sizes = carried.num_sectors, carried.num_values_per_sector, carried.clipping_dist
        low, high, *_ = room_of(track, _core.look(track.look)["field_margin"])
        self._lidar = Lidar(int(carried.lidar), *sizes, Room(*low.tolist(), *high.tolist()))
        self.lidar = np.zeros((cars, lidar_size(self._lidar)), np.float32)
        self._scans = np.zeros(cars, SCAN)

    def sense(self, world: World, objects: Things, begin: int, end: int) -> None:
        """What cars begin to end - 1 see where they are now, of [B, K] objects."""
        for eye, left in enumerate(self._eyes):
            pictures = self.pictures[..., eye]
            paint_pictures(world.cars, left, self._ground, pictures, begin, end)
            if objects.size:
                draw_objects(world.cars, objects, left, pictures, begin, end)
        if self.lidar.size:
            scan_around(world, objects, self._scans, self._lidar, self.lidar, begin, end)

    def forget(self, cars: Indices | slice) -> None:
        """Their next scans are new: they or their objects were put somewhere else, not by a rule.

        Args:
            cars: indices, or a slice.
        """
        self._scans["age"][cars] = NO_SCAN

    @property
    def bytes_per_car(self) -> int:
        """Memory of a car beside what it observes."""
        return self._scans.itemsize

    @property
    def bytes_of_track(self) -> int:
        """Memory of the painted ground."""
        return self._ground.texels.nbytes if self._eyes else 0


@kernel
def scan_around(
    world: World, objects: Things, scans: Records, lidar: Lidar, out: Singles, begin: int, end: int
) -> None:
    """Fills the LIDAR observations [B, n] of cars begin to end - 1.

    The LIDAR scans at 10 Hz and a step takes 1/15 s, so in every third step the last scan is of
    this moment, in the next it is that one still, and in the one after it is half a step old.
    """
    rules, ranges = world.rules, np.zeros(RAYS)
    for i in range(begin, end):
        car, last = world.cars[i], scans[i]
        is_new = last.age == NO_SCAN or was_put_somewhere(car, world.seen[i])
        last.age = 0 if is_new else (last.age + 1) % 3
        if last.age == 0:
            scan(car.x, car.y, car.heading, objects[i], 0.0, lidar.room, ranges)
        elif last.age == 2:
            x, y = 0.5 * (last.x + car.x), 0.5 * (last.y + car.y)
            heading = last.heading + 0.5 * wrap_angle(car.heading - last.heading)
            scan(x, y, heading, objects[i], HALF_STEP, lidar.room, ranges)
        if last.age != 1:
            draw = SCAN_DRAW + car.step_count
            add_noise(random_bits(rules.seed, rules.first_car + i, car.episode, draw), ranges)
            reduce(ranges, lidar, out[i])
        last.x, last.y, last.heading = car.x, car.y, car.heading


@njit
def was_put_somewhere(car: Car, seen: Seen) -> bool:
    """By a rule, in this step: no action moved the car, and it neither prepares nor waits."""
    return not car.is_driving and seen.status != PREPARED and seen.status != PAUSED
