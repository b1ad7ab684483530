"""The car's motion against first principles: csrc/car/vehicle.h, cars of version 3 to 6.

Most cars drive open loop on an endless plane. Their numbers come from the core, so that another
fit of the parameters breaks no promise; only the geometry of the car description (deepracer URDF)
is repeated. States are [..., 5]: x, y, heading, speed, steering of base_link (m, rad, m/s).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast import _core
from deepracer_fast.world.car_versions import CAR_VERSIONS
from deepracer_fast.world.simulator import CONTROL_PERIOD

Array = npt.NDArray[Any]
Car = _core.VehicleParams

# Wheel centres from base_link, the centre of mass: metres ahead + 1j * to the left.
LEFT_WHEELS = np.array([0.082311 + 0.079601j, -0.081663 + 0.08105j])
WHEELS = np.concatenate([LEFT_WHEELS, LEFT_WHEELS.conj()])
WHEELBASE = 0.163974  # m
GYRATION2 = 0.0122  # m^2, yaw inertia / mass

SUBSTEP = CONTROL_PERIOD / 10  # s, for which the parameters hold


@pytest.fixture(params=CAR_VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def car_of(version: int, **changes: float) -> Car:
    """The symmetric car of a version, some of its parameters set by hand."""
    car = Car(version)
    for name, value in changes.items():
        setattr(car, name, value)
    return car


def hold(steering: float, speed: float, steps: int) -> list[list[float]]:
    return [[steering, speed]] * steps


def drive(car: Car, commands: Any, start: Any = (0, 0, 0, 0)) -> Array:
    """States [T + 1, 5] of a car from rest; commands [T, 2] in degrees and m/s."""
    radians = np.array(commands, float) * [np.pi / 180, 1]
    return _core.drive_open_loop(car, np.array([start], float), radians[None])[0].astype(float)


def random_commands(steps: int, seed: int = 5) -> Array:
    random = np.random.default_rng(seed)
    return np.column_stack([random.uniform(-30, 30, steps), random.uniform(0.1, 3, steps)])


def yaw_rate(states: Array) -> Array:
    return np.asarray(np.diff(np.unwrap(states[:, 2])) / CONTROL_PERIOD)


def path_speed(states: Array) -> Array:
    return np.asarray(np.linalg.norm(np.diff(states[:, :2], axis=0), axis=1) / CONTROL_PERIOD)


def full_slip(car: Car) -> tuple[float, float]:
    """Slip at which a wheel pushes with its full grip along and across it, m/s.

    What the pushes take away within a substep counts: the parameters are fits of that law.
    """
    return car.drive_slip + car.grip * SUBSTEP, car.side_slip + car.grip * SUBSTEP


# Sine and cosine


def test_directions_are_the_cosine_and_sine_of_their_angle() -> None:
    angles = np.concatenate([np.linspace(-100, 100, 200_001), np.arange(-8, 9) * np.pi / 4])
    angles = angles.astype(np.float32)
    exact = np.column_stack([np.cos(angles, dtype=float), np.sin(angles, dtype=float)])
    assert np.abs(_core.direction(angles) - exact).max() < 1e-7
    np.testing.assert_array_equal(_core.direction(-angles), _core.direction(angles) * [1, -1])


# Straight ahead


@pytest.mark.parametrize("command", [0.5, 1.0, 3.0])
def test_steady_speed_is_the_wheels_speed(version: int, command: float) -> None:
    car = car_of(version)
    states = drive(car, hold(0, command, 120))
    assert states[-1, 3] == pytest.approx(car.speed_gain * command, rel=1e-4)
    assert path_speed(states)[-1] == pytest.approx(car.speed_gain * command, rel=1e-4)


def test_launch_and_braking_are_limited_by_grip(version: int) -> None:
    """Wheels that spin or lag behind push with all their grip, whatever is commanded."""
    car = car_of(version, delay=0.0)
    limit = car.speed_gain * 4.0 - full_slip(car)[0]  # m/s at which the wheels begin to grip
    steps = int(min(8, limit / (car.grip * CONTROL_PERIOD)))
    launch = drive(car, hold(0, 4.0, steps))
    assert launch[:, 3] == pytest.approx(car.grip * CONTROL_PERIOD * np.arange(steps + 1), rel=1e-4)
    brake = drive(car, hold(0, 4.0, 90) + hold(0, 0.1, steps))[-steps - 1 :, 3]
    assert np.diff(brake) == pytest.approx(np.full(steps, -car.grip * CONTROL_PERIOD), rel=1e-3)


def test_small_changes_of_speed_decay_with_slip_over_grip(version: int) -> None:
    """Below full slip the push is proportional: each substep leaves 1 - grip * dt / slip of it."""
    car = car_of(version, delay=0.0)
    states = drive(car, hold(0, 1.0, 120) + hold(0, 1.05, 4))[-5:]
    left = (1 - car.grip * SUBSTEP / full_slip(car)[0]) ** (10 * np.arange(5))
    missing = 1.05 * car.speed_gain - states[:, 3]
    assert missing == pytest.approx(0.05 * car.speed_gain * left, abs=1e-5)


# Commands


def test_a_command_works_after_the_delay(version: int) -> None:
    """A car that waits a whole control period does all that one without delay does, later."""
    commands = random_commands(30)
    # Without the kick, which no wait may reach into the next period.
    at_once = drive(car_of(version, delay=0.0, steering_kick=0.0), commands)
    late = drive(car_of(version, delay=CONTROL_PERIOD, steering_kick=0.0), commands)
    assert late[1] == pytest.approx(np.zeros(5), abs=1e-5)
    assert late[1:] == pytest.approx(at_once[:-1], abs=1e-4)


def test_a_kick_that_no_substep_has_room_for_is_refused(version: int) -> None:
    drive(car_of(version, delay=0.06, steering_kick=0.03), [(0, 1)])
    with pytest.raises(ValueError, match=r"delay must be at most 0.06 s where there is a steer"):
        drive(car_of(version, delay=0.061, steering_kick=0.03), [(0, 1)])


def test_a_delay_of_part_of_a_period_cuts_the_first_push(version: int) -> None:
    """0.04 of the first 0.0667 s the car stands; then 4 of 10 substeps push with full grip."""
    car = car_of(version, delay=6 * SUBSTEP, grip=3.0)
    assert drive(car, hold(0, 4.0, 1))[-1, 3] == pytest.approx(3.0 * 4 * SUBSTEP, rel=1e-4)
    assert 0 <= Car(version).delay <= CONTROL_PERIOD


def test_commands_are_clipped_as_the_original_clips_them(version: int) -> None:
    car = car_of(version)
    outside = [[90, 9], [-31, -2], [30.5, 4.1], [-45, 0]] * 8
    inside = [[30, 4], [-30, 0.1], [30, 4], [-30, 0.1]] * 8
    assert drive(car, outside) == pytest.approx(drive(car, inside), abs=1e-6)


# Steering


def test_steering_follows_a_first_order_lag_after_its_kick(version: int) -> None:
    car = car_of(version, delay=0.0)
    time = np.arange(1, 13) * CONTROL_PERIOD
    target = np.radians(-20)
    expected = target - (target + car.steering_kick) * np.exp(-time / car.steering_lag)
    steering = drive(car, hold(-20, 0.5, 12))[1:, 4]
    assert steering == pytest.approx(expected, abs=1e-5)


def test_a_jump_within_the_kick_is_followed_whole(version: int) -> None:
    car = car_of(version, delay=0.0, steering_kick=np.radians(3))
    assert drive(car, hold(3, 0.5, 1))[-1, 4] == pytest.approx(np.radians(3), abs=1e-6)
    assert drive(car, hold(-2, 0.5, 1))[-1, 4] == pytest.approx(np.radians(-2), abs=1e-6)


def test_steering_never_leaves_the_range_of_commands(version: int) -> None:
    commands = np.repeat(random_commands(100) * [9, 1], np.arange(100) // 4 + 1, axis=0)
    steering = drive(car_of(version), commands)[:, 4]
    assert 0.5 < np.abs(steering).max() <= np.radians(30) * (1 + 1e-6)


def test_lag_of_the_steering_shows_in_the_yaw_rate(version: int) -> None:
    """At walking pace what is missing of the steady rate shrinks by exp(-T / lag) each period."""
    lag = 0.25  # s, long against what the wheels need to take up a slip
    car = car_of(version, steering_lag=lag)
    rate = yaw_rate(drive(car, hold(0, 0.3, 30) + hold(5, 0.3, 60)))
    missing = rate[-1] - rate[33:43]
    expected = np.full(9, np.exp(-CONTROL_PERIOD / lag))
    assert missing[1:] / missing[:-1] == pytest.approx(expected, rel=0.01)
    assert missing[0] > 0.2 * rate[-1]


# Bends


def test_slow_car_turns_on_the_hand_worked_circle(version: int) -> None:
    """A small angle d at low speed v: the moments that turn a car at rate w balance.

    The axles slip (L w - v d) / 2 across, one to each side, and push apart. Wheels h off the
    middle slip w h along: the common speed of all four holds the turn back. So
      L (L w - v d) / side_slip + w sum(h^2) / drive_slip = 0,
    and the circle is wider than L / d by the factor 1 + sum(h^2) / L^2 * side_slip / drive_slip.
    """
    car = car_of(version)
    drive_slip, side_slip = full_slip(car)
    drag = (WHEELS.imag**2).sum() / WHEELBASE**2 * side_slip / drive_slip
    radius = WHEELBASE / np.radians(4 * car.steering_gain) * (1 + drag)
    states = drive(car, hold(0, 0.3, 20) + hold(4, 0.3, 100))[-60:]
    assert path_speed(states) / yaw_rate(states) == pytest.approx(np.full(59, radius), rel=0.01)
    # A circle: chords of n periods are 2 radius sin(n w T / 2) long.
    chord = np.linalg.norm(states[1:, :2] - states[0, :2], axis=1)
    half_turn = 0.5 * np.unwrap(states[:, 2] - states[0, 2])[1:]
    assert chord == pytest.approx(2 * radius * np.sin(half_turn), rel=0.01)


def test_the_faster_the_car_the_wider_its_bend(version: int) -> None:
    curvature = []
    for speed in (0.3, 1.0, 2.0, 3.0):
        states = drive(car_of(version), hold(0, speed, 30) + hold(12, speed, 60))[-15:]
        curvature.append((yaw_rate(states) / path_speed(states)).mean())
    assert all(np.diff(curvature) < 0.002 * curvature[0])
    if version < 6:  # whose grip no recording shows the end of
        assert curvature[-1] < 0.95 * curvature[0]


def test_lateral_acceleration_in_a_bend_stays_below_the_grip(version: int) -> None:
    car = car_of(version, grip=2.0)
    loads = []
    for steering, speed in [(5, 1.0), (10, 1.5), (10, 2.0), (20, 1.5), (10, 2.5)]:
        states = drive(car, hold(0, speed, 45) + hold(steering, speed, 60))[-15:]
        loads.append((yaw_rate(states) * path_speed(states)).max())
    assert max(loads) < 2.0
    assert max(loads) > 1.0, "the bends are tight enough to tell"


def test_no_command_pushes_a_car_harder_than_its_wheels_can(version: int) -> None:
    """Even in a spin: each wheel pushes with at most a quarter of the grip in either direction."""
    car = car_of(version, grip=2.5)
    commands = np.repeat(random_commands(60) * [1, 1.3], 8, axis=0)
    path = drive(car, commands)[:, :2]
    push = np.linalg.norm(np.diff(path, 2, axis=0), axis=1) / CONTROL_PERIOD**2
    assert push.max() < np.sqrt(2) * 2.5 * 1.02
    assert push.max() > 1.8


# Symmetries


def test_left_and_right_are_mirror_images(version: int) -> None:
    car, commands = car_of(version), random_commands(80)
    left, right = drive(car, commands), drive(car, commands * [-1, 1])
    np.testing.assert_array_equal(left, right * [1, -1, -1, 1, -1])
    assert np.abs(left[:, 2]).max() > 0.2


def test_place_and_direction_in_the_world_do_not_matter(version: int) -> None:
    """The same drive elsewhere covers the same path, but for float32 rounding."""
    car, commands = car_of(version), random_commands(40) * [0.5, 0.6]
    here, there = drive(car, commands), drive(car, commands, start=(3.0, -2.0, 0.6, 0.0))
    cos, sin = np.cos(0.6), np.sin(0.6)
    moved = here[:, :2] @ np.array([[cos, sin], [-sin, cos]]) + [3, -2]
    assert there[:, :2] == pytest.approx(moved, abs=2e-4)
    assert np.unwrap(there[:, 2]) - np.unwrap(here[:, 2]) == pytest.approx(0.6, abs=2e-4)
    assert there[:, 3:] == pytest.approx(here[:, 3:], abs=2e-4)


def test_heading_wraps_at_half_a_turn(version: int) -> None:
    for side in (1, -1):
        start = (0, 0, side * (np.pi - 0.05), 0)
        heading = drive(car_of(version), hold(30 * side, 0.6, 40), start)[:, 2]
        assert np.abs(heading).max() <= np.float32(np.pi)
        assert -np.pi < side * heading[-1] < -0.1


def test_a_car_pulls_to_one_side_only_if_asked(version: int) -> None:
    assert Car(version).steering_offset == 0.0
    assert not drive(Car(version), random_commands(60) * [0, 1])[:, [1, 2, 4]].any()
    pulling = Car(version, True)
    assert pulling.steering_offset > 0
    assert drive(pulling, hold(0, 1.0, 30))[-1, 2] > 0.005
    # Steered against its offset it drives straight.
    against = float(np.degrees(-pulling.steering_offset))
    rate = yaw_rate(drive(pulling, hold(against, 1.0, 90)))
    assert rate[-1] == pytest.approx(0.0, abs=1e-4)


# The law itself, wheel by wheel


def push_of_wheels(car: Car, motion: complex, turn: float, angle: float, speed: float) -> Array:
    """Pushes [4] / mass on the wheels, complex: ahead + 1j * left in the car's frame."""
    direction = np.exp(1j * angle * (WHEELS.real > 0))
    slip = (motion + 1j * turn * WHEELS) / direction
    along, across = full_slip(car)
    share = np.clip((car.speed_gain * speed - slip.real) / along, -1, 1)
    share = share - 1j * np.clip(slip.imag / across, -1, 1)
    return np.asarray(car.grip / 4 * share * direction)


def twin(car: Car, commands: Array, finer: int) -> Array:
    """Pose and speed [T + 1, 4] as ``drive``, in float64 and steps ``finer`` times as fine."""
    dt = SUBSTEP / finer
    place, motion, heading, turn, steering, before = 0j, 0j, 0.0, 0.0, 0.0, 0.0
    last, found = np.zeros(2), [np.zeros(4)]
    for command in np.array(commands, float) * [np.pi / 180, 1]:
        for i in range(10 * finer):
            target, speed = command if (i + 0.5) * dt > car.delay else last
            steering += np.clip(target - before, -car.steering_kick, car.steering_kick)
            steering += (1 - np.exp(-dt / car.steering_lag)) * (target - steering)
            before = target
            angle = car.steering_gain * (steering + car.steering_offset)
            push = push_of_wheels(car, motion, turn, angle, speed)
            motion += dt * (push.sum() - 1j * turn * motion)  # the frame turns under it
            turn += dt * (WHEELS.conj() * push).imag.sum() / GYRATION2
            place += dt * motion * np.exp(1j * (heading + 0.5 * dt * turn))
            heading += dt * turn
        last = command
        found.append(np.array([place.real, place.imag, heading, motion.real]))
    return np.array(found)


def test_the_law_summed_over_the_wheels_drives_the_same_path(version: int) -> None:
    car, commands = Car(version, True), random_commands(30)
    car.delay = 2 * SUBSTEP  # the core blends the commands of a substep that the delay divides
    states = drive(car, commands)[:, :4]
    assert states == pytest.approx(twin(car, commands, finer=1), abs=1e-4)


def test_ten_times_finer_steps_drive_nearly_the_same_path(version: int) -> None:
    """Over 30 steps and 2 m of hard driving: 3 cm, 0.04 rad, and 2 % of the fastest speed."""
    car, commands = car_of(version, delay=2 * SUBSTEP), random_commands(30)
    gap = np.abs(drive(car, commands)[:, :4] - twin(car, commands, finer=10)).max(axis=0)
    assert (gap < [0.03, 0.03, 0.04, 0.06]).all()
    assert (gap > 1e-4).any(), "the twin's steps are finer indeed"
