"""The car's motion against hand-worked numbers: csrc/vehicle.h, parameter set of version 5.

Cars drive on a wide straight road, so that the rules never interfere. ``vehicle_states`` says
where base_link is after the motion, [B, 5]: x, y, heading, speed, steering.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.simulator import CONTROL_PERIOD, IN_PROGRESS, Simulator
from deepracer_fast.track import Track

Array = npt.NDArray[Any]
Drive = Callable[..., Array]

# What csrc/vehicle.h says of version 5: seconds, shares, m/s^2.
DELAY = 0.048
SPEED_GAIN = 1.02
SPEED_LAG = 0.15
MAX_ACCELERATION = 2.8
MAX_BRAKING = 6.0
STEERING_LAG = 0.09
YAW_GAIN = 0.53
MAX_LATERAL = 3.0
WHEELBASE = 0.163974
REAR_AXLE = -0.081663  # m ahead of base_link
NUM_CARS = 2

FIRST = CONTROL_PERIOD - DELAY
"""Seconds for which a command works in the step that gives it: 18.7 ms."""


def road() -> Track:
    x = np.arange(31.0)
    middle, left = np.column_stack([x, 0 * x]), np.array([0.0, 4.0])
    return Track("road", "", "oval", middle, middle + left, middle - left, is_loop=False)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(road(), NUM_CARS, sensors=(), num_threads=1)


@pytest.fixture
def drive(simulator: Simulator) -> Drive:
    """Drives cars that start at rest at x = 1 and look along +x; states [T + 1, B, 5]."""
    simulator.place(np.arange(NUM_CARS), 1.0, 0.0, 0.0)

    def run(commands: Any, steps: int) -> Array:
        actions = np.broadcast_to(np.float32(commands), (NUM_CARS, 2))
        states = [simulator.vehicle_states()]
        for _ in range(steps):
            result = simulator.step(actions)
            assert (result.status == IN_PROGRESS).all()
            states.append(simulator.vehicle_states())
        return np.stack(states).astype(float)

    return run


def yaw_rate(speed: float, steering: float) -> float:
    geometric = YAW_GAIN * speed * np.tan(steering) / WHEELBASE
    return float(geometric / np.hypot(1, speed * geometric / MAX_LATERAL))


def rear_axle(states: Array) -> Array:
    heading = states[..., 2]
    along = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return np.asarray(states[..., :2] + REAR_AXLE * along)


def test_a_command_waits_for_the_transport_delay(drive: Drive) -> None:
    """Of the first 66.7 ms a car at rest stands for 48; then it accelerates at 2.8 m/s^2."""
    first = drive([0.0, 2.0], 1)[1, 0]
    assert first[3] == pytest.approx(0.052267, rel=1e-5)  # 2.8 * (1/15 - 0.048)
    # Half of speed * time, and up to one 3.7 ms substep more.
    assert 0.000488 <= first[0] - 1.0 <= 0.000488 + 0.052267 * 0.0037


def test_the_last_command_rules_until_the_delay_has_passed(drive: Drive) -> None:
    drive([0.0, 1.0], 60)
    before, after = drive([30.0, 1.0], 1)[:, 0]
    assert before[4] == 0.0
    # The steering works for 18.7 of 66.7 ms: pi / 6 * (1 - exp(-0.01867 / 0.09)).
    assert after[4] == pytest.approx(0.098075, rel=1e-4)


@pytest.mark.parametrize("command", [0.5, 1.0, 3.0])
def test_steady_speed_is_two_percent_above_the_command(drive: Drive, command: float) -> None:
    states = drive([0.0, command], 70)[:, 0]
    assert states[-1, 3] == pytest.approx(1.02 * command, rel=1e-4)
    assert states[-1, 0] - states[-2, 0] == pytest.approx(1.02 * command / 15, rel=1e-3)


def test_launch_is_limited_by_acceleration(drive: Drive) -> None:
    speed = drive([0.0, 4.0], 10)[:, 0, 3]
    assert np.diff(speed)[1:] == pytest.approx(np.full(9, 0.186667), rel=1e-4)  # 2.8 / 15


def test_braking_is_limited_too(drive: Drive) -> None:
    drive([0.0, 3.0], 60)
    speed = drive([0.0, 0.1], 4)[:, 0, 3]
    assert speed[0] - speed[1] == pytest.approx(0.112, rel=1e-3)  # 6 * 0.018667
    assert np.diff(speed)[1:] == pytest.approx([-0.4, -0.4, -0.4], rel=1e-3)  # 6 / 15


def test_small_changes_of_speed_follow_a_first_order_lag(drive: Drive) -> None:
    drive([0.0, 1.0], 70)
    speed = drive([0.0, 1.1], 8)[1:, 0, 3]
    time = FIRST + np.arange(8) * CONTROL_PERIOD
    assert speed == pytest.approx(1.122 - 0.102 * np.exp(-time / SPEED_LAG), rel=1e-4)


def test_steering_follows_a_first_order_lag(drive: Drive) -> None:
    steering = drive([-20.0, 0.5], 12)[1:, 0, 4]
    time = FIRST + np.arange(12) * CONTROL_PERIOD
    expected = np.radians(-20) * (1 - np.exp(-time / STEERING_LAG))
    assert steering == pytest.approx(expected, rel=1e-4)


def test_slow_car_turns_on_the_hand_worked_circle(drive: Drive) -> None:
    """0.51 m/s at 15 degrees: w0 = 0.53 * 0.51 * tan(15) / 0.164 = 0.44170, w = 0.44046 rad/s."""
    drive([15.0, 0.5], 30)
    states = drive([15.0, 0.5], 30)[:, 0]
    turn = np.diff(np.unwrap(states[:, 2]))
    assert turn == pytest.approx(np.full(30, 0.44046 / 15), rel=1e-4)
    # The rear axle does not slip, so it runs on a circle of v / w = 1.1579 m, to the left.
    start, heading = rear_axle(states[0]), states[0, 2]
    middle = start + 1.1579 * np.array([-np.sin(heading), np.cos(heading)])
    radius = np.linalg.norm(rear_axle(states) - middle, axis=1)
    assert radius == pytest.approx(np.full(31, 1.1579), abs=2e-4)


@pytest.mark.parametrize(("command", "steering"), [(0.5, 30.0), (1.0, 10.0), (2.0, 20.0)])
def test_steady_yaw_rate_follows_the_understeer_equation(
    drive: Drive, command: float, steering: float
) -> None:
    drive([0.0, command], 40)
    states = drive([steering, command], 14)[:, 0]
    expected = yaw_rate(SPEED_GAIN * command, np.radians(steering))
    assert np.diff(states[-2:, 2])[0] * 15 == pytest.approx(expected, rel=1e-3)


def test_lateral_acceleration_stays_below_its_limit(drive: Drive) -> None:
    drive([0.0, 4.0], 40)
    states = drive([30.0, 4.0], 14)[:, 0]
    load = states[1:, 3] * np.diff(states[:, 2]) * 15
    assert load.max() < MAX_LATERAL
    assert load[-1] == pytest.approx(0.995 * MAX_LATERAL, rel=2e-3)


def test_commands_are_clipped_as_the_original_clips_them(
    simulator: Simulator, drive: Drive
) -> None:
    fast = drive([[30.0, 4.0], [90.0, 9.0]], 8)
    np.testing.assert_array_equal(fast[:, 0], fast[:, 1])
    result = simulator.place(np.arange(NUM_CARS), 1.0, 0.0, 0.0)
    slow = drive([[-30.0, 0.1], [-31.0, -2.0]], 8)
    np.testing.assert_array_equal(slow[:, 0], slow[:, 1])
    # A reward function still sees what the action said.
    assert result.params["steering_angle"].tolist() == [-30.0, -31.0]
    assert result.params["speed"].tolist() == [np.float32(0.1), -2.0]


def test_unsteered_car_drives_straight(drive: Drive) -> None:
    states = drive([0.0, 2.5], 60)
    assert not states[..., [1, 2, 4]].any()
    assert (np.diff(states[..., 0], axis=0) > 0).all()


def test_left_and_right_are_mirror_images(simulator: Simulator, drive: Drive) -> None:
    random = np.random.default_rng(5)
    for steering, speed in zip(random.uniform(-30, 30, 60), random.uniform(0, 2, 60), strict=True):
        left, right = drive([[steering, speed], [-steering, speed]], 1)[-1]
        np.testing.assert_array_equal(left, right * [1, -1, -1, 1, -1])
    assert abs(left[2]) > 0.05


def test_direction_in_the_world_does_not_matter(simulator: Simulator, drive: Drive) -> None:
    """The same drive in another direction covers the same path, but for float32 rounding."""
    simulator.place([1], 1.0, 0.0, 0.6)
    straight, turned = drive([8.0, 1.2], 30)[-1]
    gap = straight[:2] - [1, 0]
    cos, sin = np.cos(0.6), np.sin(0.6)
    rotated = [1 + cos * gap[0] - sin * gap[1], sin * gap[0] + cos * gap[1]]
    assert turned[:2] == pytest.approx(rotated, abs=1e-5)
    assert turned[2] - straight[2] == pytest.approx(0.6, abs=1e-5)


def test_heading_wraps_at_half_a_turn(simulator: Simulator, drive: Drive) -> None:
    simulator.place(np.arange(NUM_CARS), 8.0, 0.0, [np.pi - 0.1, 0.1 - np.pi])
    heading = drive([[30.0, 0.5], [-30.0, 0.5]], 12)[..., 2]
    assert np.abs(heading).max() <= np.float32(np.pi)
    assert heading[-1] == pytest.approx([-2.8, 2.8], abs=0.2)
