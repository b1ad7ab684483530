"""The sensor TRACK_STATE: what it says of the nearest objects."""

import numpy as np
import pytest

from deepracer_fast.model_metadata import TRACK_STATE
from deepracer_fast.race_config import RaceConfig
from deepracer_fast.sensors import NEXT_OBJECTS, OBJECT_STATE, SIGHT, VISIBLE_TRACK_STATE
from deepracer_fast.simulator import RaceRules, Simulator
from deepracer_fast.track import Track

Floats = np.ndarray

RADIUS, HALF_WIDTH = 3.0, 0.6  # m


def circle() -> Track:
    """Counter-clockwise around the origin."""
    angle = np.linspace(0, 2 * np.pi, 721)[:, None]
    ring = np.hstack([np.cos(angle), np.sin(angle)])
    ring[-1] = ring[0]
    lines = [radius * ring for radius in (RADIUS, RADIUS - HALF_WIDTH, RADIUS + HALF_WIDTH)]
    return Track("circle", "", "oval", *lines, is_loop=True)


def objects_seen(backwards: bool, location: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    """OBJECT_STATE of a car with objects at these car-frame positions, and their radii (m)."""
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
    state = result.observation[TRACK_STATE][car, len(VISIBLE_TRACK_STATE) :]
    return state.reshape(NEXT_OBJECTS, len(OBJECT_STATE)), np.hypot(*points.T)


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
