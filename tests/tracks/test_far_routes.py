"""A road far from the world's origin keeps its shape: both engines, poses in, places out."""

import inspect

import numpy as np
import pytest

from deepracer_fast.pictures.video.views import RoadObjects, Views
from deepracer_fast.reward import load_reward
from deepracer_fast.tracks.track import Track, load_track, track_names
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

UTM = (500_000.0, 5_400_000.0)
MILLIMETRE = 1e-3
BOTS = RaceConfig(race_type="HEAD_TO_BOT", number_of_bot_cars=2)
ENGINES = ("native", "numba")


def moved(track: Track, by: tuple[float, float]) -> Track:
    lines = (line + np.array(by) for line in (track.waypoints, track.inner, track.outer))
    return Track(track.name, track.title, track.look, *lines, is_loop=track.is_loop)


def twins(engine: str = "native", by: tuple[float, float] = UTM, **options) -> list[Simulator]:
    near = load_track("reinvent_base")
    tracks = (near, moved(near, by))
    return [Simulator(track, 6, threads=1, engine=engine, **options) for track in tracks]


@pytest.mark.parametrize("name", track_names())
@pytest.mark.parametrize("by", [UTM, (512_345.0, 20.0), (-77.0, 33.0), (3.0, -5_403_217.0)])
def test_a_road_that_was_moved_by_whole_metres_is_driven_where_it_was(name: str, by) -> None:
    near = load_track(name)
    far = moved(near, by)
    assert far.origin == tuple(np.add(near.origin, by))
    for line in ("waypoints", "inner", "outer"):
        np.testing.assert_allclose(getattr(far.local, line), getattr(near.local, line), atol=1e-8)


@pytest.mark.parametrize("name", ["reinvent_base", "2022_reinvent_champ_ccw"])
def test_the_engines_own_arrays_are_handed_on_where_both_have_one_origin(name: str) -> None:
    track = load_track(name)
    assert track.origin == (0.0, 0.0)
    assert track.local is track


def test_a_moved_road_is_driven_bit_by_bit_as_it_was() -> None:
    near = load_track("Vegas_track")
    twins = [Simulator(track, 6, (), threads=1) for track in (near, moved(near, UTM))]
    random = np.random.default_rng(0)
    for _ in range(150):
        actions = np.column_stack([random.uniform(-20, 20, 6), random.uniform(1, 3, 6)])
        here, there = (simulator.step(actions).params for simulator in twins)
        np.testing.assert_array_equal(here["progress"], there["progress"])
        np.testing.assert_allclose(there["x"] - UTM[0], here["x"], atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("by", [UTM, (512_345.0, -5_403_217.0)])
def test_a_route_far_from_the_origin_keeps_its_shape(engine: str, by) -> None:
    rules = RaceRules(race=BOTS)
    near, far = twins(engine, by, sensors=(), rules=rules, seed=4)
    random = np.random.default_rng(0)
    for _ in range(40):
        actions = np.column_stack([random.uniform(-20, 20, 6), random.uniform(1, 3, 6)])
        here, there = near.step(actions).params, far.step(actions).params
        np.testing.assert_allclose(there["progress"], here["progress"], atol=1e-4)
        for name, shift in (("x", by[0]), ("y", by[1]), ("objects_location", by)):
            assert there[name].dtype == np.float64
            assert not there[name].flags.writeable
            gap = there[name] - np.asarray(shift) - here[name].astype(float)
            assert np.abs(gap).max() < MILLIMETRE
    np.testing.assert_allclose(there["waypoints"] - by, here["waypoints"], atol=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
def test_poses_are_taken_and_told_in_world_coordinates(engine: str) -> None:
    _, far = twins(engine, sensors=(), rules=RaceRules(race=BOTS))
    x, y = far.track.waypoints[30]
    far.place([2], x + 0.25, y, 0.5)
    np.testing.assert_allclose(far.vehicle_states()[2, :2], (x + 0.25, y), atol=MILLIMETRE)
    spots = far.track.waypoints[[40, 50]]
    result = far.place_objects([1], spots, 0.0)
    np.testing.assert_allclose(far.object_poses()[1, :, :2], spots, atol=MILLIMETRE)
    np.testing.assert_allclose(result.params["objects_location"][1], spots, atol=MILLIMETRE)


def test_pictures_are_those_of_the_same_road_at_the_origin() -> None:
    near, far = (simulator.reset().observation for simulator in twins())
    name = "FRONT_FACING_CAMERA"
    assert np.abs(near[name].astype(int) - far[name]).max() <= 1


def test_films_show_the_same_road_at_the_origin() -> None:
    near = load_track("reinvent_base")
    (x, y), nothing = near.waypoints[10], RoadObjects.none()
    here = Views(near).own((x, y, 0.3), nothing)
    there = Views(moved(near, UTM)).own((x + UTM[0], y + UTM[1], 0.3), nothing)
    assert np.abs(here.astype(int) - there).max() <= 1


def reward_function(params):
    x, y = params["waypoints"][params["closest_waypoints"][0]]
    return 1.0 + abs(params["x"] - x) + abs(params["y"] - y)


@pytest.mark.parametrize("given", [inspect.getsource(reward_function), reward_function])
def test_a_reward_reads_places_to_the_millimetre(given) -> None:
    near, far = (simulator.reset().params for simulator in twins(sensors=()))
    rewards = [load_reward(given)(params) for params in (near, far)]
    np.testing.assert_allclose(*rewards, atol=1e-4)


def test_float32_columns_near_the_origin_stay_as_they_are() -> None:
    params = Simulator("reinvent_base", 2, sensors=(), rules=RaceRules(race=BOTS)).reset().params
    assert {params[name].dtype for name in ("x", "y", "objects_location")} == {np.dtype("float32")}
