"""How episodes begin, how they end, and what progress is: the rules of the race.

Sources of the rules: markov reset/rules, agent_ctrl/utils.py, rollout_agent_ctrl.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import STATUS_NAMES, RaceRules, Simulator, StepResult

Array = npt.NDArray[Any]

FRONT = 0.14  # m from base_link to the point whose progress counts
RADIUS = 1.6  # m, of the circle that cars drive on here
HALF_WIDTH = 0.4


def circle(num_rows: int = 100) -> Track:
    """Counter-clockwise around the origin, beginning at (RADIUS, 0)."""
    angle = np.linspace(0, 2 * np.pi, num_rows + 1)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (RADIUS, RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def straight_road() -> Track:
    x = np.arange(31.0)
    middle, left = np.column_stack([x, 0 * x]), np.array([0.0, HALF_WIDTH])
    return Track("road", "", "oval", middle, middle + left, middle - left, is_loop=False)


def simulator_on(track: Track, num_cars: int = 1, **rules: Any) -> Simulator:
    return Simulator(track, num_cars, sensors=(), threads=1, rules=RaceRules(**rules))


def around(simulator: Simulator, speed: float = 1.5) -> Array:
    """Commands that keep every car on the circle."""
    x, y, heading, *_ = simulator.vehicle_states().T
    error = np.angle(np.exp(1j * (heading - np.arctan2(y, x) - np.pi / 2)))
    steering = 12 + 80 * (np.hypot(x, y) - RADIUS) - 60 * error
    return np.column_stack([steering, np.full(len(x), speed)])


def laps(simulator: Simulator, steps: int) -> Iterator[StepResult]:
    for _ in range(steps):
        yield simulator.step(around(simulator))


def status(result: StepResult, car: int = 0) -> str:
    return STATUS_NAMES[result.status[car]]


# Progress


def next_progress(projection: float, length: float, start: float, last: float) -> float:
    """The original's formula, one line a rule."""
    progress = 100 * (projection / length - start)
    if progress <= 0:
        progress += 100
    if last > progress + 50:
        progress += 100
    if progress > last + 50:
        progress -= 100
    return min(progress, 100.0)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_progress_follows_the_formula_across_the_start_line(direction: str) -> None:
    """Cars start around the line; those that look backwards lose progress below zero."""
    track, length = circle(), circle().length
    arcs = np.linspace(-0.5, 0.5, 9)
    simulator = simulator_on(track, len(arcs))
    angle = arcs / RADIUS
    heading = angle + (np.pi / 2 if direction == "forward" else -np.pi / 2)
    result = simulator.place(
        np.arange(len(arcs)), RADIUS * np.cos(angle), RADIUS * np.sin(angle), heading
    )
    start = (arcs % length) / length
    last, driving, lowest = np.zeros(len(arcs)), np.ones(len(arcs), bool), 0.0
    while driving.any():
        backward = [[0.0, 0.8]] * len(arcs)
        result = simulator.step(around(simulator) if direction == "forward" else backward)
        assert result.params["steps"].max() < 200, "each ends with a lap or as reversed"
        projection, found = result.params["projection_distance"], result.params["progress"]
        for car in np.flatnonzero(driving):
            last[car] = next_progress(projection[car], length, start[car], last[car])
            # 1e-3 % of 10 m is 0.1 mm; the polygon's corners shift the hand-worked start less.
            assert found[car] == pytest.approx(last[car], abs=2e-3)
        lowest = min(lowest, float(found[driving].min()))
        driving &= ~(result.terminated | result.truncated)
    if direction == "backward":
        assert lowest < -3
    else:
        assert last.tolist() == [100.0] * len(arcs)


def test_first_progress_is_the_front_points_lead() -> None:
    simulator = simulator_on(circle(), 5)
    result = simulator.step(np.zeros((5, 2)))
    # Along the tangent of a circle the front point projects a little short of 0.14 m.
    expected = 100 * np.arctan(FRONT / RADIUS) / (2 * np.pi)
    assert result.params["progress"] == pytest.approx(np.full(5, expected), rel=0.01)


# Starts


def test_cars_and_episodes_start_round_robin() -> None:
    """Car b's episode e starts (b + e * B) * 5 % on; here each episode lasts two steps."""
    simulator = simulator_on(circle(), 3, start_position=0.903, max_steps=2)
    starts = []
    simulator.reset()
    for _ in range(4):
        x, y, heading, *_ = simulator.vehicle_states().T
        starts.append(np.arctan2(y, x) / (2 * np.pi) % 1)
        middle_of_row = (np.floor(starts[-1] * 100) + 0.5) / 100
        tangent = np.angle(np.exp(1j * (heading - 2 * np.pi * middle_of_row - np.pi / 2)))
        assert tangent == pytest.approx(np.zeros(3), abs=1e-3), "heading is the row's direction"
        simulator.step(np.zeros((3, 2)))
        assert simulator.step(np.zeros((3, 2))).truncated.all()
    expected = (0.903 + 0.05 * np.arange(12)) % 1
    gap = np.ravel(starts) - expected
    assert (gap + 0.5) % 1 - 0.5 == pytest.approx(np.zeros(12), abs=1e-5)


def test_random_starts_are_spread_and_differ_between_episodes() -> None:
    simulator = simulator_on(circle(), 400, random_start=True, max_steps=2)
    actions = np.zeros((400, 2))
    first = simulator.step(actions).params["projection_distance"].copy()
    simulator.step(actions)
    second = simulator.step(actions).params["projection_distance"]
    length = circle().length
    for starts in (first, second):
        counts, _ = np.histogram(starts, bins=8, range=(0, length))
        assert counts.min() > 25  # 50 expected, deviation 6.6
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2  # deviation 0.05


# Ends


def test_lap_is_complete_when_the_front_point_passes_the_start() -> None:
    simulator = simulator_on(circle())
    for result in laps(simulator, 200):
        pose = simulator.vehicle_states()[0]
        if result.terminated[0]:
            break
        before = pose
    assert status(result) == "lap_complete"
    assert result.params["progress"][0] == 100.0
    assert not result.truncated[0]
    front = before[:2] + FRONT * np.array([np.cos(before[2]), np.sin(before[2])])
    assert front[1] >= 0 > before[1], "the front point is over the line, base_link is not"
    assert result.params["y"][0] == pytest.approx(front[1], abs=1e-5)


@pytest.mark.parametrize(("y", "wheels_on"), [(0.31, 4), (0.33, 2), (0.48, 1), (0.482, 0)])
def test_off_track_means_all_four_wheels(y: float, wheels_on: int) -> None:
    """At heading 0 the wheels are 0.0811 (rear) and 0.0796 m (front) beside base_link."""
    simulator = simulator_on(straight_road())
    simulator.place(0, 5.0, y, 0.0)
    result = simulator.step([[0.0, 1.0]])
    assert result.params["all_wheels_on_track"].tolist() == [wheels_on == 4]
    assert result.params["is_offtrack"].tolist() == [wheels_on == 0]
    assert result.terminated.tolist() == [wheels_on == 0]
    assert status(result) == ("off_track" if wheels_on == 0 else "in_progress")


def test_driving_backwards_ends_the_episode_at_the_15th_step() -> None:
    simulator = simulator_on(straight_road())
    simulator.place(0, 10.0, 0.0, np.pi)
    words = [status(simulator.step([[0.0, 0.5]])) for _ in range(15)]
    assert words == ["in_progress"] * 14 + ["reversed"]


def test_the_slowest_command_still_moves_a_car() -> None:
    """No command is below 0.1 m/s, 7 mm a step, so a car that may drive is never immobilized."""
    simulator = simulator_on(straight_road())
    simulator.place(0, 1.0, 0.0, 0.0)
    assert {status(simulator.step([[0.0, -4.0]])) for _ in range(40)} == {"in_progress"}


def test_limit_of_steps_truncates() -> None:
    simulator = simulator_on(straight_road(), max_steps=6)
    for number in range(1, 7):
        result = simulator.step([[0.0, 1.0]])
        assert result.params["steps"][0] == number
        assert (result.truncated[0], result.terminated[0]) == (number == 6, False)
    assert status(result) == "time_up"


@pytest.mark.parametrize("max_steps", [1, 5])
def test_limit_of_steps_counts_while_a_car_waits(max_steps: int) -> None:
    simulator = simulator_on(straight_road(), max_steps=max_steps, number_of_resets=1)
    if max_steps > 1:
        simulator.place(0, 5.0, 0.6, 0.0)
    for _ in range(20):
        result = simulator.step([[0.0, 1.0]])
        if result.truncated[0]:
            break
    assert result.params["steps"][0] == max_steps


def test_ended_row_holds_the_last_params_and_the_next_start() -> None:
    simulator = Simulator(straight_road(), 2, threads=1)
    first_picture = simulator.reset().observation["FRONT_FACING_CAMERA"][0].copy()
    simulator.place(1, 5.0, 0.6, 0.3)
    result = simulator.step([[0.0, 1.0], [7.0, 2.0]])
    assert (result.terminated.tolist(), status(result, 1)) == ([False, True], "off_track")
    front = np.array([5.0, 0.6]) + FRONT * np.array([np.cos(0.3), np.sin(0.3)])
    assert [result.params[key][1] for key in "xy"] == pytest.approx(front, abs=1e-6)
    assert [result.params[key][1] for key in ("steps", "steering_angle")] == [2.0, 7.0]
    # The car itself is already where its next episode begins: an open road has one start.
    assert simulator.vehicle_states()[1] == pytest.approx([0, 0, 0, 0, 0], abs=1e-5)
    pictures = result.observation["FRONT_FACING_CAMERA"]
    np.testing.assert_array_equal(pictures[1], first_picture)
    result = simulator.step([[0.0, 1.0], [0.0, 1.0]])
    assert (status(result, 1), result.params["steps"][1]) == ("prepare", 1.0)
    assert not result.terminated.any()


def test_an_open_track_is_driven_from_its_start_to_its_end() -> None:
    simulator = simulator_on(straight_road(), num_cars=3, random_start=True)
    simulator.reset()
    for _ in range(200):
        result = simulator.step(np.tile([0.0, 4.0], (3, 1)))
        if result.terminated.any():
            break
    assert [status(result, car) for car in range(3)] == ["lap_complete"] * 3


def test_ended_row_keeps_the_direction_that_was_driven() -> None:
    simulator = simulator_on(circle(), alternate_driving_direction=True)
    simulator.reset()
    for _ in range(100):
        result = simulator.step([[0.0, 2.0]])
        if result.terminated.any():
            break
    assert (status(result, 0), result.params["is_reversed"].tolist()) == ("off_track", [False])
    assert simulator.step([[0.0, 2.0]]).params["is_reversed"].tolist() == [True]


def test_continuous_laps_go_on_at_speed() -> None:
    simulator = simulator_on(circle(), continuous=True)
    ends: list[int] = []
    speeds: list[float] = []
    radii: list[float] = []
    for number, result in enumerate(laps(simulator, 300)):
        x, y, _, speed, _ = simulator.vehicle_states()[0].tolist()
        speeds.append(speed)
        radii.append(np.hypot(x, y))
        if ends and ends[-1] == number - 1:
            assert (status(result), result.params["steps"][0]) == ("in_progress", 1.0)
            assert 0 < result.params["progress"][0] < 2.5, "two steps past the line"
            assert speeds[-3:] == pytest.approx([speeds[-1]] * 3, rel=0.05), "no stop"
        if result.terminated[0]:
            assert status(result) == "lap_complete"
            ends.append(number)
    assert len(ends) >= 2
    # A flying lap: at these speeds the car comes around its circle once.
    lap = slice(ends[0], ends[1])
    assert np.sum(speeds[lap]) / 15 == pytest.approx(2 * np.pi * np.mean(radii[lap]), rel=0.02)
    assert min(speeds[lap]) > 1.0


def test_new_episodes_of_every_car_leave_the_clock_alone() -> None:
    simulator = simulator_on(circle(), 2)
    for _ in range(9):
        simulator.step(around(simulator))
    result = simulator.begin_episodes(3)
    assert [status(result, car) for car in range(2)] == ["prepare"] * 2
    x, y, _, speed, _ = simulator.vehicle_states().T
    # Car b's episode 3 starts (b + 3 * 2) * 5 % on.
    assert np.arctan2(y, x) / (2 * np.pi) == pytest.approx([0.30, 0.35], abs=1e-5)
    assert not speed.any()
    result = simulator.step(np.zeros((2, 2)))
    assert result.params["steps"].tolist() == [1, 1]
    assert result.params["sim_time"] == pytest.approx([9 / 15] * 2)


# Penalties


@pytest.mark.parametrize(("side", "seconds"), [(1, 1.0), (-1, 0.4), (1, 0.0)])
def test_car_that_left_the_road_waits_on_the_nearer_lane_and_goes_on(
    side: int, seconds: float
) -> None:
    simulator = simulator_on(straight_road(), number_of_resets=1, off_track_penalty=seconds)
    simulator.place(0, 10.0, 0.6 * side, 0.5 * side)
    result = simulator.step([[0.0, 1.0]])
    assert (status(result), result.terminated[0]) == ("off_track", False)
    arc = 10.0 + FRONT * np.cos(0.5)
    put_back = pytest.approx([arc, 0.5 * HALF_WIDTH * side, 0, 0, 0], abs=1e-4)
    assert simulator.vehicle_states()[0] == put_back

    held = round(15 * seconds)  # steps without motion, the one that noticed among them
    for _ in range(held - 1):
        assert status(simulator.step([[0.0, 1.0]])) == "pause"
        assert simulator.vehicle_states()[0] == put_back
    result = simulator.step([[0.0, 1.0]])
    assert (status(result), result.terminated[0]) == ("in_progress", False)
    assert simulator.vehicle_states()[0, 3] > 0, "it drives again"
    assert result.params["steps"][0] == 2 + max(held, 1)
    assert result.params["progress"][0] == pytest.approx(100 * 0.2628 / 30, rel=0.01)


def test_car_put_back_at_a_waypoint_heads_along_the_segment_that_begins_there() -> None:
    """Outside a bend whole sectors project onto the waypoint: rounding must not choose the way."""
    track = circle(60)
    simulator = simulator_on(track, 60, number_of_resets=1)
    angle = np.linspace(0, 2 * np.pi, 61)[:-1]
    outside = RADIUS + 1.5 * HALF_WIDTH
    # The front point lies straight out from its waypoint.
    x, y = outside * np.cos(angle) + FRONT * np.sin(angle), outside * np.sin(angle)
    simulator.place(np.arange(60), x, y - FRONT * np.cos(angle), angle + np.pi / 2)
    result = simulator.step(np.zeros((60, 2)))
    assert {status(result, car) for car in range(60)} == {"off_track"}
    step = np.diff(track.waypoints, axis=0)
    turn = simulator.vehicle_states()[:, 2] - np.arctan2(step[:, 1], step[:, 0])
    assert np.angle(np.exp(1j * turn)) == pytest.approx(0.0, abs=1e-5)


def test_episode_ends_when_no_reset_is_left() -> None:
    simulator = simulator_on(straight_road(), number_of_resets=2, off_track_penalty=0.2)
    words = []
    for _ in range(400):
        result = simulator.step([[25.0, 2.0]])
        words.append(status(result))
        if result.terminated[0]:
            break
    assert result.terminated[0]
    assert words.count("off_track") == 3
    assert words.count("pause") == 2 * 2
    assert words[-1] == "off_track"


def test_car_is_placed_with_its_steering_where_it_stood() -> None:
    simulator = simulator_on(straight_road())
    simulator.place(0, 10.0, 0.0, 0.0, steering=0.3)
    assert simulator.vehicle_states()[0, 4] == np.float32(0.3)
    simulator.step([[np.degrees(0.3), 1.0]])
    assert simulator.vehicle_states()[0, 2] > 0, "it turns at once"
    simulator.place(0, 10.0, 0.0, 0.0)
    assert simulator.vehicle_states()[0, 4] == 0.0
