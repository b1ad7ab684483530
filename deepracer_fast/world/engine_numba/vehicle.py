"""One car over one control period, twin of ``csrc/car/vehicle.h``: the file to change physics in.

A rigid body on four wheels that slide on the ground; ``csrc/car/vehicle.h`` derives the law, says
where the parameters were fitted and holds their values. In: a car, its parameters, a command. Out:
the car where it is 1/15 s later. Whoever wants another car hands ``Simulator(vehicle=...)`` a
function that is called as ``drive`` is; it may call ``drive`` itself and add to what that does.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from numba import njit

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.plane import clip, wrap_angle
from deepracer_fast.world.engine_numba.records import Car, Cars, Singles

# Limits that the original puts on every command (markov agent_ctrl/constants.py).
MAX_STEERING = math.radians(_core.STEERING_LIMIT_DEG)  # rad
MIN_SPEED, MAX_SPEED = _core.SPEED_LIMITS  # m/s

# Geometry of the car (deepracer URDF), metres from base_link, which lies on the ground.
FRONT_POINT: float = _core.FRONT_POINT  # the point whose x, y and progress are reported
REAR_AXLE, FRONT_AXLE = -0.081663, 0.082311
HALF_REAR_TRACK, HALF_FRONT_TRACK = 0.08105, 0.079601
GYRATION2 = 0.0122  # m^2, yaw inertia / mass of the whole car

SUBSTEPS = 10  # the fits hold for these 6.7 ms
DT = _core.CONTROL_PERIOD / SUBSTEPS  # s


class VehicleParams(NamedTuple):
    """What sets one car apart from another; units and meaning as in ``csrc/car/vehicle.h``."""

    delay: float  # s
    speed_gain: float
    grip: float  # m/s^2
    drive_slip: float  # m/s
    side_slip: float  # m/s
    steering_lag: float  # s
    steering_kick: float  # rad
    steering_gain: float
    steering_offset: float  # rad


def vehicle_params(car_version: int, asymmetric: bool = False) -> VehicleParams:
    """The fitted car that ``version`` of model_metadata.json selects."""
    fitted = _core.VehicleParams(car_version, asymmetric)
    return VehicleParams(*(getattr(fitted, name) for name in VehicleParams._fields))


@kernel
def drive(car: Car, vehicle: VehicleParams, steering: float, speed: float) -> None:
    """Moves a car by one control period.

    Args:
        car: a record of ``cars.CAR``; ``x``, ``y`` (m), ``heading`` (rad), ``speed``,
            ``side_speed`` (m/s, along and to the left of the heading), ``yaw_rate`` (rad/s),
            ``steering`` (rad), and the last command. Changed in place.
        vehicle: a :class:`VehicleParams`.
        steering: commanded angle, rad, left positive; clipped here.
        speed: commanded, m/s; clipped here.
    """
    last_steering, last_speed = car.steering_command, car.speed_command
    car.steering_command = clip(steering, -MAX_STEERING, MAX_STEERING)
    car.speed_command = clip(speed, MIN_SPEED, MAX_SPEED)
    steering_share = 1.0 - math.exp(-DT / vehicle.steering_lag)
    old_before = 1.0
    for i in range(SUBSTEPS):
        old = clip(vehicle.delay / DT - i, 0.0, 1.0)  # share of the command before this one
        wanted = old * last_steering + (1.0 - old) * car.steering_command
        wheel_speed = vehicle.speed_gain * (old * last_speed + (1.0 - old) * car.speed_command)
        jump = car.steering_command - last_steering
        kick = clip(jump, -vehicle.steering_kick, vehicle.steering_kick)
        car.steering += (old_before - old) * kick
        car.steering += steering_share * (wanted - car.steering)
        old_before = old

        ahead, left, turn = push_of_wheels(car, vehicle, wheel_speed)
        ahead += car.yaw_rate * car.side_speed  # the frame turns under the velocity
        car.side_speed += DT * (left - car.yaw_rate * car.speed)
        car.speed += DT * ahead
        car.yaw_rate += DT * turn

        middle = car.heading + 0.5 * DT * car.yaw_rate
        c, s = math.cos(middle), math.sin(middle)
        car.x += DT * (car.speed * c - car.side_speed * s)
        car.y += DT * (car.speed * s + car.side_speed * c)
        car.heading += DT * car.yaw_rate
    car.heading = wrap_angle(car.heading)


@njit
def push_of_wheels(
    car: Car, vehicle: VehicleParams, wheel_speed: float
) -> tuple[float, float, float]:
    """Accelerations of a car: ahead and left, m/s^2, and in yaw, rad/s^2.

    Each wheel pushes against its slip, along and across, up to its quarter of the grip.
    """
    angle = vehicle.steering_gain * (car.steering + vehicle.steering_offset)
    ahead = left = turn = 0.0
    for axle, half_track, toe in (
        (REAR_AXLE, HALF_REAR_TRACK, 0.0),
        (FRONT_AXLE, HALF_FRONT_TRACK, angle),
    ):
        c, s = math.cos(toe), math.sin(toe)
        for side in (half_track, -half_track):
            along, across = car.speed - car.yaw_rate * side, car.side_speed + car.yaw_rate * axle
            slip_along, slip_side = along * c + across * s - wheel_speed, across * c - along * s
            # A push takes away grip * DT of its slip within a substep: stable for any grip.
            push_along = -clip(slip_along / (vehicle.drive_slip + vehicle.grip * DT), -1.0, 1.0)
            push_side = -clip(slip_side / (vehicle.side_slip + vehicle.grip * DT), -1.0, 1.0)
            push_ahead, push_left = push_along * c - push_side * s, push_along * s + push_side * c
            ahead += push_ahead
            left += push_left
            turn += axle * push_left - side * push_ahead
    wheel_grip = 0.25 * vehicle.grip
    return wheel_grip * ahead, wheel_grip * left, wheel_grip / GYRATION2 * turn


def driving(drive_one: Callable[..., None]) -> Callable[..., None]:
    """The loop over cars around a one-car function, compiled when it first runs.

    Args:
        drive_one: called as ``drive`` is; plain Python or compiled by Numba already.
    """
    one = drive_one if hasattr(drive_one, "py_func") else njit(drive_one)

    @njit(nogil=True)
    def drive_cars(
        cars: Cars, vehicle: VehicleParams, actions: Singles, begin: int, end: int
    ) -> None:
        for i in range(begin, end):
            if cars[i].is_driving:
                one(cars[i], vehicle, math.radians(actions[i, 0]), float(actions[i, 1]))

    drive_every: Callable[..., None] = drive_cars
    return drive_every
