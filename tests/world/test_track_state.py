"""The sensor TRACK_STATE: what it says of the nearest objects."""

import numpy as np
import pytest

from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

Floats = np.ndarray

RADIUS, HALF_WIDTH = 3.0, 0.6  # m
ROAD_COLUMNS = 9  # that TRACK_STATE tells before the objects: offset, heading error, six bends
SIGHT = 3.0  # m


def circle() -> Track:
    """Counter-clockwise around the origin."""
    angle = np.linspace(0, 2 * np.pi, 721)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (RADIUS, RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def objects_seen(backwards: bool, location: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    """What a car is told of objects at these places before it, [2, 4], and their radii (m)."""
    race = RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=len(location))
    rules = RaceRules(race=race, alternate_driving_direction=backwards)
    simulator = Simulator(circle(), 2, [TRACK_STATE], 1, rules=rules)
    result = simulator.reset()
    car = 1
    assert bool(result.params["is_reversed"][car]) == backwards
    heading = np.radians(result.params["heading"][car])
    along = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-along[1], along[0]])
    front = np.array([result.params["x"][car], result.params["y"][car]])
    points = np.array([front + ahead * along + left * across for ahead, left in location])
    simulator.place_objects([car], [points])
    result = simulator.step(np.zeros((2, 2)))  # the step that holds the car
    state = result.observation[TRACK_STATE][car, ROAD_COLUMNS:]
    return state.reshape(2, 4), np.hypot(*points.T)


@pytest.mark.parametrize("backwards", [False, True])
def test_track_state_tells_where_the_nearest_objects_are(backwards: bool) -> None:
    location = [(1.0, -0.1), (0.75, 0.25), (-1.0, 0.0)]
    states, radii = objects_seen(backwards, location)
    for state, number in zip(states, (1, 0), strict=True):
        ahead, left = location[number]
        nearness = 1.0 - np.hypot(ahead, left) / SIGHT
        to_left = (radii[number] - RADIUS) if backwards else (RADIUS - radii[number])
        expected = np.array([1.0, ahead, left, to_left / HALF_WIDTH])
        assert state == pytest.approx(nearness * expected, abs=1e-3)


def test_objects_out_of_sight_are_zeros() -> None:
    assert not objects_seen(False, [(3.5, 0.0), (-0.6, 0.0)])[0].any()


def test_a_moving_car_is_told_where_objects_are_now() -> None:
    """Not from where it was when it chose its action, as the reward parameters say it."""
    rules = RaceRules(race=RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=1))
    simulator = Simulator(circle(), 1, [TRACK_STATE], 1, rules=rules)
    simulator.reset()
    for _ in range(30):
        simulator.step([[0.0, 2.0]])
    x, y, heading = simulator.vehicle_states()[0, :3]
    ahead = np.array([np.cos(heading), np.sin(heading)])
    front_point = 0.14  # m ahead of base_link
    simulator.place_objects([0], [np.array([x, y]) + (1.0 + front_point) * ahead])
    told = simulator.track_states()[0, -8:]
    assert told == pytest.approx([2 / 3, 2 / 3, 0.0, told[3], 0, 0, 0, 0], abs=1e-4)


def test_a_car_that_begins_anew_is_told_of_its_new_surroundings() -> None:
    rules = RaceRules(race=RaceConfig("OBJECT_AVOIDANCE"), max_steps=20)
    simulator = Simulator(circle(), 1, [TRACK_STATE], 1, rules=rules)
    simulator.reset()
    result = simulator.step([[0.0, 1.0]])
    while not (result.terminated | result.truncated)[0]:
        result = simulator.step([[30.0, 1.0]])
    begun = np.array(result.observation[TRACK_STATE])
    held = simulator.step([[0.0, 1.0]]).observation[TRACK_STATE]
    np.testing.assert_array_equal(begun, held)


def test_only_what_a_camera_sees_is_shown_and_the_value_function_is_told_all() -> None:
    """A box beside the front wheels, and one ahead; metres ahead and to the left."""
    beside, ahead = (-0.1, 0.4), (1.0, 0.0)
    assert objects_seen(False, [beside, ahead])[0][0, 1:3] == pytest.approx((2 / 3, 0.0), abs=1e-3)
    rules = RaceRules(race=RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=1))
    simulator = Simulator(circle(), 1, [TRACK_STATE], 1, rules=rules)
    simulator.reset()
    front = np.array([RADIUS, 0.0])  # where the track begins, heading along +y
    simulator.place([0], RADIUS, -0.14, np.pi / 2)
    result = simulator.place_objects([0], [front + np.array([-beside[1], beside[0]])])
    assert not result.observation[TRACK_STATE][0, ROAD_COLUMNS:].any()
    told = simulator.track_states()[0, 14:18]
    nearness = 1.0 - np.hypot(*beside) / SIGHT
    assert told[:3] == pytest.approx(nearness * np.array([1.0, *beside]), abs=1e-3)
