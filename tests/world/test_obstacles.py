"""Object avoidance: where boxes stand, what a crash is, and what it costs.

Sources of the rules: markov agent_ctrl/obstacles_agent_ctrl.py, track_geom/track_data.py,
rollout_agent_ctrl.py. Neighbours: csrc/traffic/traffic.h, csrc/traffic/objects.h, race_config.py.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast.errors import ActionError, ConfigError
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import CRASHED, IN_PROGRESS, PAUSE, RaceRules, Simulator

Floats = NDArray[np.float64]

RADIUS, HALF_WIDTH = 3.0, 0.6
LENGTH = 2 * np.pi * RADIUS
LANES = {1: RADIUS - 0.5 * HALF_WIDTH, -1: RADIUS + 0.5 * HALF_WIDTH}
CRASH_LENGTH, CRASH_WIDTH = 0.5, 0.4  # m, of a box with its margin
CAR_LENGTH, CAR_WIDTH = 0.32352, 0.1961


def circle(num_rows: int = 720) -> Track:
    """Counter-clockwise around the origin, beginning at (RADIUS, 0); fine enough for 0.1 mm."""
    angle = np.linspace(0, 2 * np.pi, num_rows + 1)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (RADIUS, RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def simulator(num_cars: int = 1, rules: dict[str, Any] | None = None, **race: Any) -> Simulator:
    config = RaceConfig("OBJECT_AVOIDANCE", **race)
    rules = {"round_robin_advance_dist": 0.0, **(rules or {})}
    return Simulator(circle(), num_cars, (), 1, rules=RaceRules(race=config, **rules))


def place_by_angle(sim: Simulator, arc: float, radius: float = RADIUS, turn: float = 0.0) -> Any:
    """Puts car 0 at an arc length along the centre line, heading along it but for ``turn``."""
    angle = arc / RADIUS
    return sim.place(0, radius * np.cos(angle), radius * np.sin(angle), angle + np.pi / 2 + turn)


def expected(arc: Floats, lane: Floats) -> Floats:
    radius = np.array([LANES[int(each)] for each in lane])
    return np.stack([radius * np.cos(arc / RADIUS), radius * np.sin(arc / RADIUS)], 1)


# Places


def test_fixed_boxes_are_evenly_spaced_in_lanes_by_turns() -> None:
    params = simulator(number_of_obstacles=4).reset().params
    arc = np.linspace(0.02 * LENGTH, LENGTH - 1.0, 4)
    wanted = expected(arc, np.array([1, -1, 1, -1]))
    np.testing.assert_allclose(params["objects_location"][0], wanted, atol=1e-3)
    np.testing.assert_allclose(params["objects_distance"][0], arc, atol=2e-3)
    assert params["objects_left_of_center"][0].tolist() == [True, False, True, False]
    np.testing.assert_allclose(params["objects_distance_from_center"][0], 0.3, atol=1e-3)
    assert (params["objects_heading"] == 0).all() and (params["objects_speed"] == 0).all()


def test_positions_name_share_of_the_track_and_lane() -> None:
    sim = simulator(number_of_obstacles=3, object_positions="0.9,1; 0.25,-1;0.5,1")
    wanted = expected(np.array([0.9, 0.25, 0.5]) * LENGTH, np.array([1, -1, 1]))
    # The foot of a point on a lane of straight pieces is up to 1.3 mm beside that on a circle.
    np.testing.assert_allclose(sim.reset().params["objects_location"][0], wanted, atol=2e-3)


def test_boxes_are_turned_as_their_lane() -> None:
    poses = simulator(number_of_obstacles=5).object_poses()[0]
    wanted = np.arctan2(poses[:, 1], poses[:, 0]) + np.pi / 2
    assert np.abs(np.angle(np.exp(1j * (poses[:, 2] - wanted)))).max() < 0.01


def test_random_boxes_differ_by_car_and_episode_and_keep_their_distance() -> None:
    race = {"randomize_obstacle_locations": True, "min_distance_between_obstacles": 8.0}
    sim = simulator(50, **race)
    first = sim.reset().params["objects_distance"].copy()
    second = sim.begin_episodes(1).params["objects_distance"].copy()
    np.testing.assert_array_equal(first, sim.reset().params["objects_distance"])
    assert (first != second).all()
    assert len(np.unique(first[:, 0])) == 50
    for arcs in (first, second):
        assert (np.diff(arcs, axis=1) > 0.08 * LENGTH - 2e-3).all()
        assert arcs.min() > 0.08 * LENGTH - 2e-3 and arcs.max() < LENGTH - 1.0 + 2e-3
    left = sim.reset().params["objects_left_of_center"]
    assert 0.3 < left.mean() < 0.7


def test_distance_shrinks_with_every_reset_only_where_asked_for() -> None:
    race = {"number_of_obstacles": 2, "min_distance_between_obstacles": 10.0}
    for shrinking, factor in ((False, 1.0), (True, 0.01 * LENGTH)):
        sim = simulator(shrinking_obstacle_distance=shrinking, **race)
        sim.begin_episodes(2)
        first = sim.reset().params["objects_distance"][0, 0]
        assert first == pytest.approx(0.1 * LENGTH, abs=2e-3)
        third = sim.begin_episodes(2).params["objects_distance"][0, 0]
        assert third == pytest.approx(0.1 * LENGTH * factor**2, abs=2e-3)


def test_car_starts_across_from_a_box_within_a_metre() -> None:
    for share, lane, radius in ((0.03, 1, LANES[-1]), (0.97, -1, LANES[1]), (0.08, 1, RADIUS)):
        sim = simulator(number_of_obstacles=1, object_positions=f"{share},{lane}")
        assert np.hypot(*sim.vehicle_states()[0, :2]) == pytest.approx(radius, abs=1e-3)


def test_driving_backwards_meets_boxes_by_their_distance_that_way() -> None:
    race = {"number_of_obstacles": 1, "object_positions": "0.25,1"}
    params = simulator(rules={"reverse_direction": True}, **race).reset().params
    wanted = expected(np.array([0.75 * LENGTH]), np.array([1]))
    np.testing.assert_allclose(params["objects_location"][0], wanted, atol=1e-3)
    assert params["objects_distance"][0, 0] == pytest.approx(0.25 * LENGTH, abs=2e-3)
    assert params["objects_left_of_center"].tolist() == [[False]]  # the inner lane is right now


# What the car is told


def test_closest_objects_bracket_the_front_point() -> None:
    sim = simulator(number_of_obstacles=3, object_positions="0.6,1;0.1,-1;0.3,1")
    for arc, pair in ((0.05, (0, 1)), (0.2, (1, 2)), (0.45, (2, 0)), (0.9, (0, 1))):
        found = place_by_angle(sim, arc * LENGTH).params["closest_objects"]
        assert found.tolist() == [list(pair)]


def test_object_in_camera_tests_the_object_before_the_next_one_in_the_lists() -> None:
    """As the original does: test_recorded_objects.py."""
    sim = simulator(number_of_obstacles=2, object_positions="0.3,1;0.25,-1")
    for turn, seen in ((0.1, True), (0.6, True), (1.5, False), (-0.9, False), (np.pi, False)):
        params = place_by_angle(sim, 0.25 * LENGTH - 1.5, turn=turn).params
        assert params["closest_objects"].tolist() == [[0, 1]]
        assert params["object_in_camera"].tolist() == [seen]


def test_object_in_camera_is_false_if_the_next_object_is_the_first() -> None:
    sim = simulator(number_of_obstacles=2, object_positions="0.25,-1;0.3,1")
    params = place_by_angle(sim, 0.25 * LENGTH - 1.5, turn=0.1).params
    assert params["closest_objects"].tolist() == [[1, 0]]
    assert params["object_in_camera"].tolist() == [False]


@pytest.mark.parametrize(
    "pose, seen",
    [
        # Of a box ahead only the far corners lie beyond the near plane of 0.2 m: along the lens's
        # axis they are (0.48 - 0.1453) cos 0.2618 + 0.1303 sin 0.2618 = 0.357 m away, the near
        # corners and the centre less than 0.2 m.
        ((0.23, 0.0), True),
        ((0.05, 0.0), False),  # the far corners are 0.183 m away
        # To the left, half the frustum is 0.634 x (1.855 x 0.966 + 0.034) = 1.157 m wide at 2.0 m
        # and 1.464 m at 2.5 m.
        ((2.25, 1.30), True),  # the right corners are (2.0, 1.10) and (2.5, 1.10)
        ((2.25, 1.65), True),  # (2.5, 1.45)
        ((2.25, 1.68), False),  # (2.5, 1.48)
    ],
)
def test_an_object_is_in_camera_if_a_corner_on_the_floor_is(
    pose: tuple[float, float], seen: bool
) -> None:
    sim = simulator(number_of_obstacles=2, object_positions="0.3,1;0.25,-1")
    sim.place(0, 0.0, -RADIUS, 0.0)  # at 3/4 of the lap, heading along it
    next_ = (0.18, -RADIUS - 0.3)  # the object before which the other one is listed
    params = sim.place_objects(0, [(pose[0], pose[1] - RADIUS), next_]).params
    assert params["closest_objects"][0, 1] == 1
    assert params["object_in_camera"].tolist() == [seen]


def test_params_dict_holds_lists() -> None:
    params = simulator(number_of_obstacles=2).params_dict(0)
    assert [type(params[name]) for name in ("objects_location", "objects_speed")] == [list, list]
    assert [len(each) for each in params["objects_location"]] == [2, 2]
    assert isinstance(params["closest_objects"][1], int) and params["object_in_camera"] is False


def test_a_time_trial_has_no_objects() -> None:
    sim = Simulator(circle(), 1, (), 1)
    assert not [name for name in sim.reset().params if "object" in name]
    assert sim.params_dict(0)["objects_location"] == []
    with pytest.raises(ActionError, match="needs a race with obstacles or bots"):
        sim.place_objects(0, [[0.0, 0.0]])


# Crashes


def rectangle(x: float, y: float, heading: float, length: float, width: float) -> Floats:
    corners = 0.5 * np.array(
        [[length, width], [length, -width], [-length, -width], [-length, width]]
    )
    c, s = np.cos(heading), np.sin(heading)
    return corners @ np.array([[c, s], [-s, c]]) + [x, y]


def is_inside(
    points: Floats, x: float, y: float, heading: float, size: tuple[float, float]
) -> bool:
    c, s = np.cos(heading), np.sin(heading)
    own = (points - [x, y]) @ np.array([[c, -s], [s, c]])
    return bool((np.abs(own) < 0.5 * np.array(size)).all(axis=1).any())


@pytest.mark.parametrize(
    ("parked_cars", "size"),
    [(False, (CRASH_LENGTH, CRASH_WIDTH)), (True, (CAR_LENGTH, CAR_WIDTH))],
)
def test_crash_is_a_corner_of_the_car_in_the_rectangle_of_an_object(
    parked_cars: bool, size: tuple[float, float]
) -> None:
    cars = 400
    draw = np.random.default_rng(5).uniform(-1, 1, (cars, 4))
    sim = simulator(cars, number_of_obstacles=1, is_obstacle_bot_car=parked_cars)
    x, y = RADIUS + 0.1, 0.2
    heading, turned = 3 * draw[:, 2], 3 * draw[:, 3]
    sim.place(np.arange(cars), x + 0.5 * draw[:, 0], y + 0.5 * draw[:, 1], heading)
    found = sim.place_objects(np.arange(cars), [[x, y]], turned[:, None]).params["is_crashed"]
    wanted = [
        is_inside(rectangle(x + 0.5 * a, y + 0.5 * b, h, CAR_LENGTH, CAR_WIDTH), x, y, t, size)
        for (a, b, *_), h, t in zip(draw, heading, turned, strict=True)
    ]
    np.testing.assert_array_equal(found, wanted)
    assert 0.1 < np.mean(wanted) < 0.9


def test_crash_ends_the_episode_when_no_resets_are_left() -> None:
    sim = simulator(number_of_obstacles=1, object_positions="0.5,1")
    place_by_angle(sim, 0.5 * LENGTH - 0.38, LANES[1])
    result = sim.step([[0.0, 1.0]])
    assert (result.status[0], bool(result.params["is_crashed"][0])) == (CRASHED, True)
    assert result.terminated[0]


def test_crash_puts_the_car_back_a_metre_before_the_box_on_the_other_lane() -> None:
    sim = simulator(rules={"number_of_resets": 2}, number_of_obstacles=1, object_positions="0.5,1",
                    collision_penalty=0.4)  # fmt: skip
    place_by_angle(sim, 0.5 * LENGTH - 0.38, LANES[1])
    result = sim.step([[0.0, 1.0]])
    assert (result.status[0], bool(result.params["is_crashed"][0])) == (CRASHED, True)
    assert not result.terminated[0]
    x, y = sim.vehicle_states()[0, :2]
    assert np.hypot(x, y) == pytest.approx(LANES[-1], abs=1e-3)
    assert np.arctan2(-y, -x) * RADIUS == pytest.approx(-1.0, abs=5e-3)
    statuses = [int(sim.step([[0.0, 1.0]]).status[0]) for _ in range(6)]
    # 0.4 s: the step that found the crash is the first of them.
    assert statuses == [PAUSE] * 5 + [IN_PROGRESS]
    assert not sim.step([[0.0, 1.0]]).params["is_crashed"][0]


def test_is_crashed_is_false_while_the_car_cannot_drive() -> None:
    sim = simulator(number_of_obstacles=1)
    sim.reset()
    start = sim.vehicle_states()[0, :2]
    assert sim.place_objects(0, [start]).params["is_crashed"][0]  # on top of it
    assert not sim.step([[0.0, 1.0]]).params["is_crashed"][0]  # PREPARE
    assert sim.step([[0.0, 1.0]]).params["is_crashed"][0]


# Refusals and determinism


@pytest.mark.parametrize(
    ("race", "message"),
    [
        ({"race_type": "DERBY"}, "race_type must be one of TIME_TRIAL, .*got 'DERBY'"),
        ({"number_of_obstacles": 7}, "number_of_obstacles must be 1 to 6, got 7"),
        ({"object_positions": "0.5,1"}, r"must name 6 places \(number_of_obstacles\), got 1"),
        ({"object_positions": "0.5,3"}, "object_positions must be like .*got '0.5,3'"),
        ({"bot_car_speed": -1.0}, r"bot_car_speed must be in \[0, 10\]"),
        ({"upper_lane_change_time": 1.0}, "upper_lane_change_time must be 3 s"),
        ({"cars_per_world": 1}, "cars_per_world must be 2 to 16, got 1"),
    ],
)
def test_unusable_races_are_refused(race: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RaceConfig(**{"race_type": "OBJECT_AVOIDANCE", **race})


def test_boxes_that_a_track_has_no_room_for_are_refused() -> None:
    with pytest.raises(ConfigError, match="min_distance_between_obstacles must leave room for 6"):
        simulator(min_distance_between_obstacles=20.0)


def test_misshapen_object_poses_are_refused() -> None:
    sim = simulator(number_of_obstacles=2)
    with pytest.raises(ActionError, match=r"location must have shape \(1, 2, 2\)"):
        sim.place_objects(0, np.zeros((3, 2)))
    with pytest.raises(ActionError, match=r"location must lie in .*, got nan"):
        sim.place_objects(0, np.full((2, 2), np.nan))
