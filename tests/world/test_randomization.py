"""Randomisation: off by default, drawn per episode, the same for any number of threads.

Each test changes one property and looks at pictures or motion. Neighbours:
csrc/simulator/randomization.h, deepracer_fast/world/randomization.py.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.track import load_track
from deepracer_fast.world.randomization import FOR_THE_CAR, LARGEST, Randomization
from deepracer_fast.world.simulator import RaceRules, Simulator

TRACK = "reinvent_base"
EVERYTHING = replace(FOR_THE_CAR, picture_delay=0.15)
SAME_START = RaceRules(round_robin_advance_dist=0.0)


def simulator(randomization: Randomization, cars: int = 16, threads: int = 1) -> Simulator:
    """Cars that all start at the same place."""
    return Simulator(
        TRACK,
        num_cars=cars,
        threads=threads,
        seed=7,
        rules=SAME_START,
        randomization=randomization,
    )


def pictures(sim: Simulator, steps: int = 0, action: tuple[float, float] = (0.0, 2.0)) -> NDArray:
    """A copy of what the cars see after so many steps, [B, 120, 160] float."""
    result = sim.reset()
    for _ in range(steps):
        result = sim.step(np.tile(np.array(action), (sim.num_cars, 1)))
    return result.observation["FRONT_FACING_CAMERA"][..., 0].astype(np.float64)


def test_nothing_differs_by_default() -> None:
    assert np.ptp(pictures(simulator(Randomization()), steps=20), axis=0).max() == 0


def test_result_does_not_depend_on_thread_count() -> None:
    seen = [pictures(simulator(EVERYTHING, threads=n), steps=40) for n in (1, 3, 8)]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_a_car_draws_the_same_whatever_the_number_of_cars() -> None:
    many, few = (pictures(simulator(EVERYTHING, cars=n), steps=10) for n in (16, 3))
    np.testing.assert_array_equal(many[:3], few)


def test_cars_and_episodes_draw_anew() -> None:
    sim = simulator(Randomization(light_gain=0.3))
    first = pictures(sim)
    assert len(np.unique(first.mean(axis=(1, 2)))) > 12
    ended = np.zeros(sim.num_cars, bool)
    while not ended.any():  # straight on, until the first bend
        result = sim.step(np.tile([0.0, 2.0], (sim.num_cars, 1)))
        ended = np.asarray(result.terminated)
    second = result.observation["FRONT_FACING_CAMERA"][..., 0].astype(np.float64)
    assert np.abs(second[ended] - first[ended]).mean(axis=(1, 2)).min() > 0.05


def test_light_scales_and_shifts_the_whole_picture() -> None:
    plain = pictures(simulator(Randomization(), cars=1))[0]
    dark = plain < 150.0  # stays below white in any light
    for seen in pictures(simulator(Randomization(light_gain=0.3))):
        gain = seen[dark].sum() / plain[dark].sum()
        assert 0.69 < gain < 1.31
        assert np.abs(seen - np.minimum(gain * plain, 255.0)).mean() < 0.6
    for seen in pictures(simulator(Randomization(light_offset=20.0))):
        offset = np.median(seen - plain)
        assert -20.5 <= offset <= 20.5
        assert np.abs(seen - np.clip(plain + offset, 0, 255)).mean() < 1.0


def test_surfaces_change_apart_from_each_other() -> None:
    seen = pictures(simulator(Randomization(surface_grey=0.3), cars=64))
    road, wall = seen[:, 90:118, 20:60].mean(axis=(1, 2)), seen[:, :10].mean(axis=(1, 2))
    assert road.std() > 3.0
    assert wall.std() > 3.0
    assert abs(np.corrcoef(road, wall)[0, 1]) < 0.4


def test_noise_has_the_drawn_strength_and_differs_from_picture_to_picture() -> None:
    plain = pictures(simulator(Randomization(), cars=1))[0]
    sim = simulator(Randomization(pixel_noise=10.0), cars=32)
    before, after = pictures(sim), pictures(sim, steps=1)  # the PREPARE step moves nothing
    inside = (plain > 45) & (plain < 215)  # away from the ends of the scale, where noise is cut
    strength = (before - plain)[:, inside].std(axis=1)
    assert strength.max() < 10.5
    assert np.ptp(strength) > 6.0
    twice = (after - before)[:, inside].std(axis=1)
    np.testing.assert_allclose(twice, np.sqrt(2.0) * strength, rtol=0.1, atol=0.3)


def test_blur_softens_without_changing_the_mean() -> None:
    plain = pictures(simulator(Randomization(), cars=1))[0]
    seen = pictures(simulator(Randomization(blur=0.7)))
    steepest = [np.abs(np.diff(picture, axis=1)).max() for picture in (plain, *seen)]
    assert min(steepest[1:]) < 0.8 * steepest[0]
    assert np.abs(seen.mean(axis=(1, 2)) - plain.mean()).max() < 0.6


def horizon_rows(seen: NDArray) -> NDArray:
    """Row at which the ground begins below the wall, in the middle columns."""
    return (seen[:, :, 40:60].mean(axis=2) > 90.0).argmax(axis=1)


def test_pitch_moves_the_horizon_and_yaw_turns_the_view() -> None:
    rows = horizon_rows(pictures(simulator(Randomization(camera_pitch=0.05), cars=32)))
    assert 6 <= np.ptp(rows) <= 14  # 126 px per radian
    plain = pictures(simulator(Randomization(), cars=1))[0]
    seen = pictures(simulator(Randomization(camera_yaw=0.1)))
    assert np.abs(seen - plain).mean(axis=(1, 2)).max() > 5.0


def test_delayed_picture_shows_where_the_car_was() -> None:
    """Each is the picture of a pose of the last 0.2 s, three steps; at rest nothing changes."""
    sim, plain = simulator(Randomization(picture_delay=0.2)), simulator(Randomization(), 1)
    np.testing.assert_array_equal(pictures(sim)[0], pictures(plain)[0])
    poses = []
    for steps in (17, 18, 19, 20):
        pictures(plain, steps)
        poses.append(plain.vehicle_states()[0, :3])
    ages = np.linspace(0.0, 3.0, 601)
    x, y, heading = (np.interp(ages, range(4), values[::-1]) for values in np.array(poses).T)
    track = load_track(TRACK)
    ground = _core.Ground(track.waypoints, track.inner, track.outer, True, track.look)
    past = _core.Camera().render(ground, x, y, heading).astype(np.float64)
    errors = np.abs(pictures(sim, steps=20)[:, None] - past).mean(axis=(2, 3))
    assert errors.min(axis=1).max() < 1.0
    assert np.ptp(ages[errors.argmin(axis=1)]) > 2.0


def test_grip_changes_how_soon_the_car_gets_away() -> None:
    sim = simulator(Randomization(grip=0.5), cars=32)
    pictures(sim, steps=8, action=(0.0, 4.0))
    speed = sim.vehicle_states()[:, 3]
    assert speed.min() < 0.7 * speed.max()


def driven(action: tuple[float, float], **ranges: Any) -> NDArray:
    """Poses of the cars after a second: x, y, heading, speed ..., [B, n]."""
    sim = simulator(Randomization(**ranges), cars=32)
    pictures(sim, steps=16, action=action)
    return sim.vehicle_states()


@pytest.mark.parametrize(
    ("name", "bound", "action"),
    [
        ("steering_gain", 0.2, (20.0, 1.0)),
        ("steering_offset", 5.0, (0.0, 1.0)),
        ("speed_gain", 0.2, (0.0, 1.0)),
    ],
)
def test_the_car_makes_something_else_of_a_command(
    name: str, bound: float, action: tuple[float, float]
) -> None:
    column = 3 if name == "speed_gain" else 2
    usual = driven(action)[0, column]
    differing = driven(action, **{name: bound})[:, column]
    at_bounds = driven(action, **{name: bound}, at_bounds=True)[:, column]
    assert len(np.unique(differing.round(6))) > 20
    low, high = np.unique(at_bounds.round(4))  # two ends, and cars at both
    assert low < usual < high
    assert (differing > low - 1e-3).all() and (differing < high + 1e-3).all()


def test_what_the_reward_sees_is_what_was_asked_for() -> None:
    sim = simulator(Randomization(steering_gain=0.5, steering_offset=10.0, speed_gain=0.5))
    pictures(sim, steps=3, action=(10.0, 1.5))
    params = sim.step(np.tile(np.array((10.0, 1.5)), (sim.num_cars, 1))).params
    assert set(params["steering_angle"].tolist()) == {10.0}
    assert set(params["speed"].tolist()) == {1.5}


def test_at_bounds_noise_and_delay_have_their_largest_value() -> None:
    noisy = pictures(simulator(Randomization(pixel_noise=6.0, at_bounds=True)))
    calm = pictures(simulator(Randomization()))
    assert (noisy - calm).std(axis=(1, 2)) == pytest.approx(6.0, rel=0.1)


@pytest.mark.parametrize("name", LARGEST)
@pytest.mark.parametrize("value", [-0.01, 1e9, float("nan")])
def test_unusable_values_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} must lie in"):
        replace(Randomization(), **{name: value})
