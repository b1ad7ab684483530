"""Promises of ``racing.race``: hand-worked rankings."""

from typing import Any

import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.racing.race import (
    RaceLap,
    RankedRace,
    Submission,
    default_minimum_laps,
    ranked_seconds,
    reach,
    standings,
)


def race(ranking: str = "best-lap", **rules: Any) -> RankedRace:
    laps = rules.pop("laps", 3)
    rules = {"minimum_laps": default_minimum_laps(ranking, laps)} | rules
    return RankedRace("reinvent_base", 17.709, ranking, laps, **rules)


def lap(seconds: float, completion: float = 100.0) -> RaceLap:
    status = "lap_complete" if completion == 100.0 else "off_track"
    return RaceLap(completion, seconds, 0, 0, 0, round(seconds * 15), status)


def drove(model: str, *laps: RaceLap) -> Submission:
    return Submission(model, "2026-01-01T00:00:00+00:00", laps)


def places(race: RankedRace, *submissions: Submission) -> list[tuple[int | None, str]]:
    return [(s.rank, s.submission.model) for s in standings(race, submissions)]


LAPS = (lap(12.0), lap(10.0), lap(11.0), lap(9.6))


def test_best_lap_is_the_fastest_complete_one() -> None:
    assert ranked_seconds(race(), (lap(12.0), lap(4.0, completion=40.0), lap(10.0))) == 10.0


def test_total_time_is_all_laps_with_their_penalties() -> None:
    assert ranked_seconds(race("total-time", laps=4), LAPS) == 42.6


def test_average_is_that_of_the_best_laps_in_a_row() -> None:
    # 12 and 10: 11; 10 and 11: 10.5; 11 and 9.6: 10.3
    assert ranked_seconds(race("average-lap", laps=4, minimum_laps=2), LAPS) == 10.3


def test_the_laps_of_an_average_are_in_a_row() -> None:
    laps = (lap(12.0), lap(10.0), lap(1.0, completion=5.0), lap(9.0))
    assert ranked_seconds(race("average-lap", laps=4, minimum_laps=2), laps) == 11.0


@pytest.mark.parametrize("ranking", ["best-lap", "average-lap"])
def test_without_the_minimum_of_laps_in_a_row_there_is_no_rank(ranking: str) -> None:
    laps = (lap(9.0), lap(9.0), lap(3.0, completion=30.0), lap(9.0))
    rules = race(ranking, laps=4, minimum_laps=3)
    assert ranked_seconds(rules, laps) is None
    assert reach(laps) == pytest.approx(2.3)
    assert places(rules, drove("a", *laps)) == [(None, "a")]


def test_no_lap_is_no_time() -> None:
    assert ranked_seconds(race(), (lap(5.0, completion=60.0),)) is None
    assert ranked_seconds(race(), ()) is None
    assert reach(()) == 0.0


def test_a_start_that_went_backwards_reaches_nothing() -> None:
    assert reach((lap(2.0, completion=-3.0),)) == 0.0


def test_the_shortest_time_wins_under_each_ranking() -> None:
    steady = drove("steady", lap(10.0), lap(10.0), lap(10.0))
    wild = drove("wild", lap(9.0), lap(13.0), lap(9.5))
    assert places(race(), steady, wild) == [(1, "wild"), (2, "steady")]
    for ranking in ("average-lap", "total-time"):
        assert places(race(ranking), steady, wild) == [(1, "steady"), (2, "wild")]


def test_equal_times_share_a_rank_and_the_earlier_is_named_first() -> None:
    rows = [drove("late", lap(11.0)), drove("b", lap(10.0)), drove("a", lap(10.0))]
    assert places(race(laps=1), *rows) == [(1, "b"), (1, "a"), (3, "late")]


def test_the_best_submission_of_a_model_counts() -> None:
    rows = [drove("a", lap(11.0)), drove("b", lap(10.5)), drove("a", lap(10.0))]
    rows += [drove("a", lap(10.0)), drove("a", lap(1.0, completion=9.0))]
    first, second = standings(race(laps=1), rows)
    assert (first.submission is rows[2], first.submissions, first.seconds) == (True, 4, 10.0)
    assert (second.submission.model, second.rank) == ("b", 2)


def test_models_that_are_not_ranked_come_last_by_how_far_they_came() -> None:
    rows = [
        drove("stuck", lap(9.0, completion=10.0)),
        drove("nearly", lap(9.0), lap(8.0, completion=90.0)),
        drove("slow", lap(30.0), lap(30.0)),
        drove("half", lap(9.0), lap(8.0, completion=50.0)),
    ]
    rules = race("total-time", laps=2)
    assert places(rules, *rows) == [(1, "slow"), (None, "nearly"), (None, "half"), (None, "stuck")]
    assert [round(s.reach, 2) for s in standings(rules, rows)] == [2.0, 1.9, 1.5, 0.1]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ranking": "fastest"}, "ranking must be one of best-lap, average-lap, total-time"),
        ({"laps": 0, "minimum_laps": 1}, "laps must be 1 to 1000, got 0"),
        ({"minimum_laps": 4}, r"minimum_laps must be 1 to 3 \(laps\), got 4"),
        ({"ranking": "total-time", "minimum_laps": 2}, r"must be 3 \(laps\) by total-time, got 2"),
        ({"resets": -1}, "resets must be 0 or more, got -1"),
        ({"off_track_penalty": float("nan")}, "off_track_penalty must be in .* got nan"),
    ],
)
def test_rules_that_make_no_race_are_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        race(**rules)
