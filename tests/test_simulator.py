"""The simulator's door, the order of events in a step, and that threads change nothing.

How episodes begin and end is in ``test_episodes.py``.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast import _core
from deepracer_fast.errors import ActionError, ConfigError, TrackError
from deepracer_fast.tracks.track import Track, load_track, track_names
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import (
    IN_PROGRESS,
    PREPARE,
    TRACK_STATE_SIZE,
    RaceRules,
    Simulator,
    StepResult,
)

Array = npt.NDArray[Any]

FRONT = 0.14  # m from base_link to the point that the params describe


def straight_road() -> Track:
    """30 m along +x, 0.8 m wide."""
    x = np.arange(31.0)
    middle, left = np.column_stack([x, 0 * x]), np.array([0.0, 0.4])
    return Track("road", "", "oval", middle, middle + left, middle - left, is_loop=False)


def blind(num_cars: int = 1, **rules: Any) -> Simulator:
    """Cars without a camera on the straight road."""
    return Simulator(straight_road(), num_cars, sensors=(), threads=1, rules=RaceRules(**rules))


# The order of events in a step


def test_params_describe_the_pose_before_the_motion() -> None:
    simulator = blind()
    simulator.place(0, 1.0, 0.1, 0.0)
    result = simulator.step([[0.0, 3.0]])
    assert result.params["x"][0] == pytest.approx(1.14, abs=1e-6)
    assert result.params["speed"].tolist() == [3.0]
    before = simulator.vehicle_states()
    assert before[0, 0] > 1.0004
    result = simulator.step([[0.0, 1.0]])
    assert result.params["x"][0] == pytest.approx(before[0, 0] + FRONT, abs=1e-6)
    assert result.params["speed"].tolist() == [1.0], "the command of this step, not the motion"
    assert simulator.vehicle_states()[0, 0] > before[0, 0]


def test_params_say_what_was_asked_and_the_car_does_what_it_can() -> None:
    simulator = blind(num_cars=2)
    simulator.place([0, 1], 1.0, 0.0, 0.0)
    for _ in range(5):
        result = simulator.step([[31.0, 9.0], [30.0, 4.0]])
    assert result.params["steering_angle"].tolist() == [31.0, 30.0]
    assert result.params["speed"].tolist() == [9.0, 4.0]
    assert (result.status == IN_PROGRESS).all()
    np.testing.assert_array_equal(*simulator.vehicle_states())


def test_observation_is_the_picture_after_the_motion() -> None:
    simulator = Simulator(straight_road(), threads=1)
    simulator.place(0, 1.0, 0.1, 0.0)
    for _ in range(5):
        result = simulator.step([[10.0, 2.0]])
    seen = result.observation["FRONT_FACING_CAMERA"].copy()
    x, y, heading, *_ = simulator.vehicle_states()[0]
    start = simulator.place(0, 1.0, 0.1, 0.0).observation["FRONT_FACING_CAMERA"]
    assert not np.array_equal(start, seen)
    again = simulator.place(0, x, y, heading).observation["FRONT_FACING_CAMERA"]
    np.testing.assert_array_equal(again, seen)


def test_a_car_that_waits_sees_what_it_saw() -> None:
    """Its picture is not painted again; wherever it is put, it is painted."""
    sim = Simulator("reinvent_base", num_cars=2)
    first = sim.reset().observation["FRONT_FACING_CAMERA"].copy()
    waiting = sim.step([[10.0, 2.0]] * 2).observation["FRONT_FACING_CAMERA"]
    np.testing.assert_array_equal(waiting, first)
    x, y, heading = sim.vehicle_states()[0, :3]
    moved = sim.place([0], x, y, heading + 1.0).observation["FRONT_FACING_CAMERA"]
    assert (moved[0] != first[0]).any()
    np.testing.assert_array_equal(moved[1], first[1])
    back = sim.place([0], x, y, heading).observation["FRONT_FACING_CAMERA"]
    np.testing.assert_array_equal(back, first)


def test_leaving_the_road_shows_one_step_late() -> None:
    simulator = blind()
    simulator.place(0, 1.0, 0.3, np.pi / 2)
    for _ in range(30):
        result = simulator.step([[0.0, 2.0]])
        if result.status[0] != IN_PROGRESS:
            break
        is_behind_border = simulator.vehicle_states()[0, 1] - 0.081663 > 0.4
    assert is_behind_border, "the last motion took the rear wheels off; only this step tells"
    assert result.params["is_offtrack"].tolist() == [True]


def test_first_step_prepares_the_car_and_the_second_one_drives() -> None:
    simulator = blind()
    first = simulator.reset()
    assert (first.params["steps"][0], first.status[0]) == (0, PREPARE)
    pose = simulator.vehicle_states()
    result = simulator.step([[20.0, 3.0]])
    assert (result.params["steps"][0], result.status[0]) == (1, PREPARE)
    assert result.params["progress"][0] == pytest.approx(100 * 0.14 / 30, rel=1e-5)
    assert result.params["steering_angle"][0] == 20.0, "the action is recorded all the same"
    np.testing.assert_array_equal(simulator.vehicle_states(), pose)
    result = simulator.step([[20.0, 3.0]])
    assert (result.params["steps"][0], result.status[0]) == (2, IN_PROGRESS)
    assert result.params["x"][0] == pytest.approx(0.14, abs=1e-6), "step 2 sees the start pose"
    assert simulator.vehicle_states()[0, 0] > 0


def test_simulated_time_counts_control_periods() -> None:
    simulator = blind()
    times = [float(simulator.step([[0.0, 0.5]]).params["sim_time"][0]) for _ in range(31)]
    assert times == pytest.approx(np.arange(31) / 15, abs=1e-6)
    assert simulator.reset().params["sim_time"].tolist() == [0.0]


# place, params_dict, states


def test_placed_car_stands_at_its_pose_and_drives_in_the_next_step() -> None:
    simulator = blind(num_cars=3)
    for _ in range(20):
        simulator.step([[0.0, 1.0]] * 3)
    others = simulator.vehicle_states()
    result = simulator.place([1], 4.0, [-0.1], 2 * np.pi + 0.5)
    states = simulator.vehicle_states()
    assert states[1] == pytest.approx([4.0, -0.1, 0.5, 0.0, 0.0], abs=1e-6)
    np.testing.assert_array_equal(states[[0, 2]], others[[0, 2]])
    assert (result.status[1], result.params["steps"][1]) == (IN_PROGRESS, 1)
    result = simulator.step([[0.0, 1.0]] * 3)
    assert (result.status[1], result.params["steps"][1]) == (IN_PROGRESS, 2)
    assert simulator.vehicle_states()[1, 3] > 0


def test_params_dict_is_what_a_reward_function_gets() -> None:
    simulator = blind(num_cars=2)
    simulator.place([0, 1], [1.0, 2.0], [0.1, -0.1], 0.0)
    simulator.step([[5.0, 1.2], [-5.0, 0.8]])
    params = simulator.params_dict(1)
    expected = {
        "x": pytest.approx(2.14),
        "y": pytest.approx(-0.1),
        "heading": 0.0,
        "speed": 0.8,
        "steering_angle": -5.0,
        "steps": 2.0,
        "closest_waypoints": [2, 3],
        "is_left_of_center": False,
        "all_wheels_on_track": True,
        "objects_location": [],
        "is_reversed": False,
    }
    assert {key: params[key] for key in expected} == expected
    assert params["waypoints"][3] == (3.0, 0.0)
    assert type(params["closest_waypoints"]) is list


def test_track_states_tell_offset_heading_error_and_motion() -> None:
    simulator = blind(num_cars=2)
    simulator.place([0, 1], 2.0, [0.1, -0.2], 0.0)
    states = simulator.track_states()
    assert states.shape == (2, TRACK_STATE_SIZE)
    assert states[:, 0] == pytest.approx([0.25, -0.5], abs=1e-5)
    assert states[:, 1:4] == pytest.approx(np.array([[0, 1, 0]] * 2), abs=1e-6)
    for _ in range(40):
        simulator.step([[0.0, 1.0]] * 2)
    speed = simulator.vehicle_states()[:, 3]
    assert simulator.track_states()[:, 3] == pytest.approx(speed, rel=1e-6)
    assert speed == pytest.approx([1.0, 1.0], rel=0.1)
    assert not simulator.track_states()[:, 8:].any(), "the road ahead is straight"


def test_results_are_read_only_views_of_the_last_step() -> None:
    simulator = Simulator(straight_road(), 2, threads=1)
    result = simulator.reset()
    arrays = [*result.observation.values(), *result.params.values()]
    for array in [*arrays, result.terminated, result.truncated, result.status]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    earlier = result.params["steps"]
    simulator.step(np.zeros((2, 2)))
    assert earlier.tolist() == [1.0, 1.0]


def test_views_outlive_their_simulator() -> None:
    views = Simulator(straight_road(), 2, threads=2).reset()
    assert views.params["track_length"].tolist() == [30.0, 30.0]
    assert views.observation["FRONT_FACING_CAMERA"].max() > 0


def test_one_sensor_may_be_given_by_its_name_alone() -> None:
    simulator = Simulator(straight_road(), 1, sensors="FRONT_FACING_CAMERA", threads=1)
    assert set(simulator.reset().observation) == {"FRONT_FACING_CAMERA"}


def test_without_sensors_nothing_is_painted() -> None:
    assert blind().reset().observation == {}


# Refusals


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((3, 2)), r"actions must have shape \(4, 2\), got \(3, 2\): steering angle in"),
        (np.zeros(8), r"actions must have shape \(4, 2\), got \(8,\)"),
        ([[0, 1], [0, 1], [0, np.nan], [0, 1]], r"must be finite, got nan at \[2, 1\]"),
        ([[0, 1], [np.inf, 1], [0, 1], [0, 1]], r"must be finite, got inf at \[1, 0\]"),
        (np.full((4, 2), 1e39), r"must be finite, got 1e\+39 at \[0, 0\]"),
        ([[0, 1], [0]], r"actions must be an array of numbers, \(4, 2\), got \[\[0, 1\], \[0\]\]"),
        ([["0", "1"]] * 4, "actions must be an array of numbers, .* got dtype <U1"),
        (np.zeros((4, 2), complex), "actions must be an array of numbers, .* got dtype complex128"),
        (np.zeros((4, 2), bool), "actions must be an array of numbers, .* got dtype bool"),
        (None, "actions must be an array of numbers, .* got None"),
    ],
)
def test_unusable_actions_are_refused(actions: Any, message: str) -> None:
    simulator = blind(num_cars=4)
    with pytest.raises(ActionError, match=message):
        simulator.step(actions)
    assert not simulator.reset().params["steps"].any()


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (([2], 0.0, 0.0, 0.0), r"cars must lie in \[0, 2\), got 2 to 2"),
        (([-1, 0], 0.0, 0.0, 0.0), r"cars must lie in \[0, 2\), got -1 to 0"),
        (([2**32], 0.0, 0.0, 0.0), r"cars must lie in \[0, 2\), got 4294967296 to 4294967296"),
        (([2**64 - 1], 0.0, 0.0, 0.0), r"cars must lie in \[0, 2\), got 18446744073709551615 to"),
        (([2**70], 0.0, 0.0, 0.0), r"cars must be integers \[n\], got \[1180591620717411303424\]"),
        (([1, 0, 1], 0.0, 0.0, 0.0), "cars must name each car once, got car 1 twice"),
        (
            ([[0, 1]], 0.0, 0.0, 0.0),
            r"cars must be integers \[n\], got .* of shape \(1, 2\)",
        ),
        (([[0], [0, 1]], 0.0, 0.0, 0.0), "cars must be an array, every row as long"),
        ((None, 0.0, 0.0, 0.0), r"cars must be integers \[n\], got None"),
        (
            ([False, True], 0.0, 0.0, 0.0),
            r"cars must be integers .* True\]; for a mask use",
        ),
        (([0.9], 0.0, 0.0, 0.0), r"cars must be integers \[n\], got \[0.9\]"),
        (([0], np.nan, 0.0, 0.0), r"x must lie in \[-1000, 1030\] m \(1 km .*\), got nan"),
        (([0], 0.0, 1e30, 0.0), r"y must lie in \[-1000.4, 1000.4\] m .*, got 1e\+30"),
        (([0, 1], 0.0, 0.0, [0.0, np.inf]), r"heading must lie in \[-10000, 10000\] rad, got inf"),
        (([0], 0.0, 0.0, 0.0, 3.0), r"steering must lie in \[-1.5708, 1.5708\] rad, got 3"),
        (([0, 1], [0.0] * 3, 0.0, 0.0), r"x must be a number or have shape \(2,\), got \(3,\)"),
        (([0], "left", 0.0, 0.0), "x must be numbers, got 'left'"),
    ],
)
def test_unusable_poses_are_refused(pose: Any, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        blind(num_cars=2).place(*pose)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_cars": 0}, "num_cars must be at least 1, got 0"),
        ({"first_car": -1}, "cars -1 to -1 must lie in a batch of"),
        ({"first_car": 3, "cars_in_batch": 3}, "cars 3 to 3 must lie in a batch of 3 cars"),
        ({"threads": -1}, "threads must be a whole number from 0 to .*, got -1"),
        ({"seed": -1}, r"seed must lie in \[0, 2\*\*64\), got -1"),
        ({"sensors": ["SONAR"]}, "sensors must be at most one of observation, .*got SONAR"),
        ({"car_version": 2}, "car_version must be one of .*, got 2"),
        ({"instruction_set": "mmx"}, "instruction_set must be one of .*portable on this .* 'mmx'"),
    ],
)
def test_unusable_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Simulator(straight_road(), **arguments)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"start_position": 1.0}, r"start_position must lie in \[0, 1\), got 1.0"),
        ({"off_track_penalty": -1.0}, r"off_track_penalty must lie in \[0, 3600\) seconds, got"),
        (
            {"round_robin_advance_dist": np.nan},
            r"round_robin_advance_dist must lie in \[-1, 1\], got nan",
        ),
        ({"number_of_resets": -1}, "number_of_resets must not be negative"),
        ({"max_steps": 0}, "max_steps be at least 1"),
    ],
)
def test_unusable_rules_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RaceRules(**rules)


def test_unknown_track_is_refused() -> None:
    with pytest.raises(TrackError, match="unknown track"):
        Simulator("nowhere")


# Memory


def test_a_car_takes_less_than_a_kilobyte_beside_its_observation() -> None:
    simulator = blind(num_cars=5)
    result = simulator.reset()
    arrays = [*result.params.values(), result.terminated, result.truncated, result.status]
    seen = sum(array.nbytes for array in arrays if len(array) == 5) / 5
    assert seen < simulator.bytes_per_car < 1000


def test_the_largest_bundled_tracks_take_less_than_64_megabytes() -> None:
    """Texels grow with the room up to a budget, so the largest rooms and the longest stand for all.

    Painting all of them would take eight seconds.
    """
    tracks = [load_track(name) for name in track_names()]
    by_room = sorted(tracks, key=lambda track: float(np.ptp(track.outer, axis=0).prod()))
    longest = max(tracks, key=lambda track: track.length)
    for track in {track.name: track for track in (*by_room[-2:], longest)}.values():
        assert 10e6 < Simulator(track).bytes_of_track < 64e6, track.name


# Determinism


def digest(result: StepResult) -> bytes:
    digest = hashlib.sha256()
    arrays = [*result.observation.values(), *result.params.values()]
    for array in [*arrays, result.terminated, result.truncated, result.status]:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def digests(
    threads: int, seed: int = 3, num_cars: int = 19, steps: int = 250, **options: Any
) -> list[bytes]:
    """A random drive in which cars leave the road, are put back, and begin new episodes."""
    rules = RaceRules(random_start=True, number_of_resets=1, off_track_penalty=0.2)
    simulator = Simulator(
        "reinvent_base", num_cars, threads=threads, seed=seed, rules=rules, **options
    )
    random = np.random.default_rng(0)
    found, ended = [digest(simulator.reset())], 0
    for _ in range(steps):
        result = simulator.step(random.uniform([-30, 1], [30, 4], (num_cars, 2)))
        found.append(digest(result) + simulator.track_states().tobytes())
        ended += int(result.terminated.sum())
    assert ended > num_cars, "every car begins anew more than once on average"
    return found


def test_result_does_not_depend_on_thread_count() -> None:
    alone = digests(1)
    assert digests(1) == alone
    assert digests(2) == alone
    assert digests(8) == alone
    assert digests(1, seed=4, steps=100)[0] != alone[0]


@pytest.mark.parametrize("name", _core.instruction_sets())
@pytest.mark.parametrize("car_version", [4, 5])
def test_every_instruction_set_computes_the_same_bytes(name: str, car_version: int) -> None:
    randomization = Randomization(grip=0.3)
    same = {"car_version": car_version, "randomization": randomization, "steps": 100}
    assert digests(2, instruction_set=name, **same) == digests(1, **same)


def test_a_car_drives_alone_as_it_drives_among_others() -> None:
    """The lanes of many cars and the one-car function of vehicle.h: the same bytes."""
    num_cars, steps = 23, 12
    simulator = blind(num_cars)
    simulator.place(range(num_cars), 2.0, np.linspace(-0.1, 0.1, num_cars), 0.1)
    starts = np.column_stack([simulator._core.vehicle_states()[:, :3], np.zeros(num_cars)])
    commands = np.random.default_rng(1).uniform([-30, 0.1], [30, 2], (steps, num_cars, 2))
    commands = commands.astype(np.float32)
    for row in commands:
        simulator.step(row)
    radians = commands * np.array([np.float32(np.pi) / np.float32(180), 1], np.float32)
    alone = _core.drive_open_loop(_core.VehicleParams(5), starts, radians.transpose(1, 0, 2))
    np.testing.assert_array_equal(simulator._core.vehicle_states(), alone[:, -1])


def test_parts_of_a_batch_step_in_turn_to_the_bytes_of_the_whole() -> None:
    num_cars, first = 11, 4
    options: dict[str, Any] = {
        "threads": 2,
        "seed": 5,
        "rules": RaceRules(start_position=0.3, max_steps=7),
        "randomization": Randomization(pixel_noise=3.0, grip=0.2),
    }
    whole = Simulator("reinvent_base", num_cars, **options)
    parts = [
        Simulator("reinvent_base", first, cars_in_batch=num_cars, **options),
        Simulator("reinvent_base", num_cars - first, first_car=first, **options),
    ]
    random = np.random.default_rng(0)
    for _ in range(20):
        actions = random.uniform([-30, 1], [30, 3], (num_cars, 2))
        expected = whole.step(actions)
        results = [part.step(a) for part, a in zip(parts, np.split(actions, [first]), strict=True)]
        for name in ("x", "progress", "closest_waypoints"):
            together = np.concatenate([result.params[name] for result in results])
            np.testing.assert_array_equal(together, expected.params[name])
        pictures = [result.observation["FRONT_FACING_CAMERA"] for result in results]
        np.testing.assert_array_equal(
            np.concatenate(pictures), expected.observation["FRONT_FACING_CAMERA"]
        )


def test_parts_of_a_batch_share_their_track() -> None:
    track = straight_road()
    first, second = (Simulator(track, 1, (), 1, first_car=i) for i in range(2))
    assert first._built is second._built
    assert Simulator(straight_road(), 1, (), 1)._built is not first._built


def test_result_of_a_car_does_not_depend_on_its_companions() -> None:
    rules = RaceRules(random_start=True)
    x = [Simulator("Oval_track", n, (), 1, 9, rules=rules).reset().params["x"] for n in (3, 8)]
    np.testing.assert_array_equal(x[0], x[1][:3])
