"""Promises of ``racing.leagues``: the record is whole, and a time comes where its quantiles say."""

import math

import pytest

from deepracer_fast.racing.leagues import (
    LeagueRace,
    estimated_rank,
    league_line,
    league_races,
    league_races_on,
)
from deepracer_fast.racing.race import RANKINGS
from deepracer_fast.tracks.track import load_track, track_names

QUANTILES = {"first": 10.0, "p1": 12.0, "p10": 20.0, "p25": 30.0, "p50": 40.0, "p75": 50.0}


def test_every_race_is_on_a_bundled_track_and_its_times_are_in_order() -> None:
    races = league_races()
    assert len(races) == 70
    for race in races:
        assert race.track in track_names()
        assert race.ranking in RANKINGS
        for quantiles in (race.best_lap, race.score):
            times = list(quantiles.values())
            assert times == sorted(times)
            assert times[0] > 0
        assert race.best_lap["first"] > load_track(race.track).length / 4.5  # m/s, nobody is faster


@pytest.mark.parametrize("quantile", ["p1", "p10", "p25", "p50", "p75"])
def test_a_time_that_is_a_quantile_comes_there(quantile: str) -> None:
    entries = 2000
    rank = estimated_rank(QUANTILES, entries, QUANTILES[quantile])
    assert rank == float(quantile[1:]) / 100 * entries


def test_between_two_quantiles_ranks_rise_with_the_time() -> None:
    ranks = [estimated_rank(QUANTILES, 2000, 10.0 + 0.5 * k) for k in range(81)]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda rank: rank or 0)
    middle = estimated_rank(QUANTILES, 2000, math.sqrt(12.0 * 20.0))
    assert middle == round(math.sqrt(20 * 200))


def test_the_ends_of_the_record() -> None:
    assert estimated_rank(QUANTILES, 2000, 9.0) == 1
    assert estimated_rank(QUANTILES, 2000, 10.0001) == 2  # slower than the first
    assert estimated_rank(QUANTILES, 2000, 50.1) is None
    assert estimated_rank(QUANTILES, 30, 11.9) == 2  # 1 % of few entries is nobody


def test_races_of_a_track_come_latest_first_and_by_type() -> None:
    opened = [race.opened for race in league_races_on("2024_reinvent_champ_ccw")]
    assert opened == ["2025-01", "2024-11"]
    assert league_races_on("2024_reinvent_champ_cw") == []
    bots = league_races_on("Albert", "HEAD_TO_BOT")
    assert [(race.road.number_of_bot_cars, race.road.bot_car_speed) for race in bots] == [(6, 1.0)]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7.0, "about 1st of 6,652"), (11.74, "about 67th of"), (60.0, "beyond the first 75 % of")],
)
def test_the_line_says_where_and_against_whom(seconds: float, said: str) -> None:
    race: LeagueRace = league_races_on("2024_reinvent_champ_ccw")[0]
    line = league_line(race, seconds)
    assert said in line
    assert "January 2025 (first: 7.53 s)" in line
    assert "\n" not in line
