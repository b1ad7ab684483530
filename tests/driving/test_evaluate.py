"""Promises of ``driving.evaluate``: laps are counted and timed as in a race.

The drivers are made up: one follows the centre line (it is told where it is), one only goes
straight on and leaves the road in every bend.
"""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepracer_fast.driving.evaluate import (
    Driver,
    EvaluationOptions,
    Lap,
    drive_laps,
    evaluate_model,
)
from deepracer_fast.driving.trace import Trace
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.metrics import STATUS_LABELS
from deepracer_fast.world.simulator import CONTROL_PERIOD, RaceRules, Simulator

PLAIN: Any = SimpleNamespace(to_commands=lambda action: action)  # degrees and m/s as they are


def simulator_with(num_cars: int = 1, **rules: Any) -> Simulator:
    rules = {"round_robin_advance_dist": 0.0} | rules
    return Simulator("reinvent_base", num_cars, sensors=(), threads=1, rules=RaceRules(**rules))


def follow_center_line(simulator: Simulator, speed: float = 1.0) -> Driver:
    def policy(_: Any) -> Any:
        state = simulator.track_states()
        offset, sine_of_error, bend_in_half_a_metre = state[:, 0], state[:, 1], state[:, 9]
        steering = -14.0 * offset - 45.0 * sine_of_error + 28.0 * bend_in_half_a_metre
        return np.stack([np.clip(steering, -30.0, 30.0), np.full(len(state), speed)], axis=1)

    return Driver(policy, PLAIN)


def straight_on(num_cars: int = 1) -> Driver:
    return Driver(lambda _: np.tile([0.0, 2.0], (num_cars, 1)), PLAIN)


def test_a_driver_on_the_centre_line_has_clean_laps_from_everywhere() -> None:
    simulator = simulator_with(5, round_robin_advance_dist=0.2)
    laps = [car[0] for car in drive_laps(follow_center_line(simulator), simulator, laps=1)]
    assert len(laps) == 5
    for lap in laps:
        assert lap.is_clean
        assert (lap.completion_percentage, lap.status) == (100.0, "lap_complete")
        assert lap.off_track_count == lap.reset_count == 0
        assert 15.0 < lap.lap_time_seconds < 20.0, "17.7 m at about 1 m/s"
        # The PREPARE step is the start of the clock.
        assert lap.lap_time_seconds == pytest.approx((lap.steps - 1) * CONTROL_PERIOD, abs=2e-3)


def test_a_faster_driver_has_shorter_laps() -> None:
    times = []
    for speed in (0.5, 1.0):
        simulator = simulator_with()
        laps = drive_laps(follow_center_line(simulator, speed), simulator, laps=1)[0]
        times.append(laps[0].lap_time_seconds)
    assert times[0] == pytest.approx(2.0 * times[1], rel=0.1)


def test_continuous_laps_follow_each_other_without_a_gap() -> None:
    simulator = simulator_with(continuous=True)
    laps = drive_laps(follow_center_line(simulator), simulator, laps=3)[0]
    assert all(lap.is_clean for lap in laps)
    for lap, following in pairwise(laps):
        end = lap.start_seconds + lap.lap_time_seconds
        assert following.start_seconds == pytest.approx(end, abs=2e-3)  # times are rounded to ms
        assert following.lap_time_seconds == pytest.approx(
            following.steps * CONTROL_PERIOD, abs=2e-3
        )
    assert laps[1].lap_time_seconds < laps[0].lap_time_seconds, "a flying start"


def test_without_continuous_every_lap_starts_from_a_standstill() -> None:
    simulator = simulator_with()
    laps = drive_laps(follow_center_line(simulator), simulator, laps=2)[0]
    assert laps[0].lap_time_seconds == laps[1].lap_time_seconds
    assert laps[0].steps == laps[1].steps


def laps_with_penalty(seconds: float) -> list[Lap]:
    simulator = simulator_with(
        continuous=True, number_of_resets=100, off_track_penalty=seconds, max_steps=10_000
    )
    return drive_laps(straight_on(), simulator, laps=2)[0]


def test_leaving_the_track_resets_the_car_and_costs_the_penalty() -> None:
    dear, cheap = laps_with_penalty(3.0), laps_with_penalty(1.0)
    for lap, cheaper in zip(dear, cheap, strict=True):
        assert lap.status == cheaper.status == "lap_complete"
        assert lap.off_track_count == lap.reset_count == cheaper.off_track_count > 3
        assert not lap.is_clean
        difference = lap.lap_time_seconds - cheaper.lap_time_seconds
        assert difference == pytest.approx(2.0 * lap.off_track_count, abs=5e-3)


def test_a_lap_ends_when_its_resets_are_used_up() -> None:
    simulator = simulator_with(continuous=True, number_of_resets=2)
    lap = drive_laps(straight_on(), simulator, laps=1)[0][0]
    assert lap.status == "off_track"
    assert (lap.off_track_count, lap.reset_count) == (3, 2)
    assert 0.0 < lap.completion_percentage < 100.0


def test_a_lap_that_takes_too_long_is_given_up() -> None:
    simulator = simulator_with(max_steps=20)
    lap = drive_laps(follow_center_line(simulator), simulator, laps=1)[0][0]
    assert lap.status == "time_up"
    assert not lap.is_clean


def test_every_car_gets_its_laps_and_the_trace_holds_them_alone() -> None:
    simulator, trace = simulator_with(2), Trace()
    laps = drive_laps(straight_on(2), simulator, laps=2, trace=trace)
    assert [len(car) for car in laps] == [2, 2]
    assert len(trace.action) == max(sum(lap.steps for lap in car) for car in laps)


@pytest.fixture
def straight_model() -> Any:
    """A model that needs no camera."""
    metadata = SimpleNamespace(
        sensors=(), action_space=PLAIN, car_version=5, lidar=None, frame_stack=1
    )
    return SimpleNamespace(metadata=metadata, best_action=straight_on().policy)


def test_evaluation_puts_the_car_back_by_default(straight_model: Any) -> None:
    options = EvaluationOptions(laps=3, threads=1)
    result = evaluate_model(straight_model, "reinvent_base", options)
    laps, trace = result.laps, result.trace
    assert [lap.status for lap in laps] == ["lap_complete"] * 3
    assert all(lap.off_track_count > 3 for lap in laps)
    assert len(trace.reward) == sum(lap.steps for lap in laps)


def test_without_resets_leaving_the_track_ends_the_lap(straight_model: Any) -> None:
    options = EvaluationOptions(laps=2, resets=False, threads=1)
    laps = evaluate_model(straight_model, "reinvent_base", options).laps
    for lap in laps:
        assert (lap.status, lap.off_track_count, lap.reset_count) == ("off_track", 1, 0)
        assert lap.completion_percentage < 50.0
    assert laps[0].steps == laps[1].steps, "the next one starts at the line again"


def test_the_penalty_of_the_options_is_the_one_that_is_served(straight_model: Any) -> None:
    times = []
    for penalty in (0.5, 2.5):
        options = EvaluationOptions(laps=1, off_track_penalty=penalty, threads=1)
        lap = evaluate_model(straight_model, "reinvent_base", options).laps[0]
        times.append(lap.lap_time_seconds)
    assert times[1] - times[0] == pytest.approx(2.0 * lap.off_track_count, abs=0.01)


def test_a_lap_in_the_metrics_has_the_originals_words_and_milliseconds() -> None:
    lap = Lap(63.9, 12.3456, 2, 180, "off_track", reset_count=1, start_seconds=20.0)
    row = lap.metrics(trial=4)
    assert row.completion_percentage == 63
    assert (row.start_time, row.elapsed_time_in_milliseconds) == (20_000, 12_346)
    assert row.metric_time == 32_346
    assert (row.off_track_count, row.reset_count, row.trial) == (2, 1, 4)
    for status, label in STATUS_LABELS.items():
        assert Lap(0.0, 1.0, 0, 15, status).metrics(1).episode_status == label


def test_no_laps_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"laps must be a whole number from 1 to .*, got 0"):
        EvaluationOptions(laps=0)


def test_laps_end_as_they_are_when_their_time_is_up(straight_model: Any) -> None:
    told: list[tuple[int, float]] = []

    def watch(laps: int, progress: float) -> bool:
        told.append((laps, progress))
        return len(told) <= 9

    laps, trace = evaluate_model(straight_model, "reinvent_base", EvaluationOptions(), watch)
    assert [(lap.status, lap.steps) for lap in laps] == [("time_up", 9)]
    assert laps[0].completion_percentage == told[-1][1] > told[3][1]
    assert laps[0].metrics(1).episode_status == "Time Up"
    assert len(trace.episode) == 9
