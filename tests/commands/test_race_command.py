"""Promises of ``deepracer-fast race``; the models are made up and need no network."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import Answer, CommandLine

from deepracer_fast.commands import race as race_command
from deepracer_fast.files.model_name import model_name
from deepracer_fast.racing.drive import Entrant, drive_race
from deepracer_fast.racing.leagues import league_races, league_races_on
from deepracer_fast.racing.race import RankedRace
from deepracer_fast.tracks.track import load_track

Run = Callable[..., Answer]


def driver(speed: float, car_version: int = 5) -> Any:
    """A model without sensors that goes straight on, and is put back in every bend."""
    metadata = SimpleNamespace(
        sensors=(), lidar=None, car_version=car_version, frame_stack=1, car="Flash"
    )
    return SimpleNamespace(metadata=metadata, act=lambda _: np.array([[0.0, speed]], np.float32))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command in a folder of its own; a model's path is the speed that it drives at."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(race_command, "load_model", lambda path, _: driver(float(path.name)))
    return partial(CommandLine(monkeypatch, capsys), "race")


def test_models_race_and_the_faster_one_stands_first(run: Run) -> None:
    answer = run("1.0", "2.0", "--name", "slow", "--name", "fast", "--laps", "2", "--json")
    assert answer.status == 0, answer.err
    report = json.loads(answer.out)
    assert report["race"]["laps"] == 2
    assert report["race"]["track_length"] == pytest.approx(17.71, abs=0.01)
    rows = report["standings"]
    assert [(row["rank"], row["model"]) for row in rows] == [(1, "fast"), (2, "slow")]
    assert all(len(row["laps"]) == 2 for row in rows)
    best = min(lap["lap_time_seconds"] for lap in rows[0]["laps"])
    assert rows[0]["time_seconds"] == best
    assert report["not_ranked"] == []


def test_the_times_say_what_is_in_them(run: Run) -> None:
    assert "times: of all whole laps, penalty seconds in their times" in run("2.0").out


def test_later_submissions_are_added_and_the_best_counts(run: Run) -> None:
    board = ("--leaderboard", "spring.json")
    run("1.0", "--name", "mine", "--laps", "1", "--off-track-penalty", "0.5", *board)
    answer = run("2.0", "--name", "mine", *board, "--json")
    (row,) = json.loads(answer.out)["standings"]
    assert (row["model"], row["car"], row["submissions"]) == ("mine", "Flash", 2)
    shown = run(*board)
    assert shown.status == 0
    for words in (
        "by best-lap",
        "mine (Flash)",
        f"{row['time_seconds']:.3f}",
        "off_track_penalty 0.5",
    ):
        assert words in shown.out


def test_other_rules_are_refused_before_anything_is_driven(run: Run) -> None:
    run("2.0", "--name", "mine", "--laps", "1")
    before = Path("leaderboards/reinvent_base-best-lap.json").read_bytes()
    answer = run("2.0", "--name", "mine", "--laps", "2")
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert "laps 1; got laps 2" in answer.err
    assert Path("leaderboards/reinvent_base-best-lap.json").read_bytes() == before


def test_models_without_the_laps_are_listed_with_how_far_they_came(run: Run) -> None:
    rules = ("--laps", "1", "--resets", "0")
    report = json.loads(run("2.0", "--name", "lost", *rules, "--json").out)
    (row,) = report["not_ranked"]
    assert report["standings"] == []
    assert row["rank"] is None
    assert 0.0 < row["laps_in_a_row"] < 0.5
    shown = run()
    assert "is not ranked: that takes a lap" in shown.out
    assert f"{row['laps_in_a_row']:.2f}" in shown.out


def test_a_race_goes_round_the_way_that_it_says(run: Run) -> None:
    rules = ("--laps", "1", "--resets", "0")
    onwards = json.loads(run("1.0", "--name", "mine", *rules, "--json").out)
    answer = run("1.0", "--name", "mine", *rules, "--direction", "CW", "--json")
    report = json.loads(answer.out)
    assert report["leaderboard"] == "leaderboards/reinvent_base-clockwise-best-lap.json"
    assert report["race"]["driving_direction"] == "clockwise"
    assert report["not_ranked"][0]["laps"] != onwards["not_ranked"][0]["laps"]
    refused = run("1.0", *rules, "--direction", "ccw", "--leaderboard", report["leaderboard"])
    assert "driving_direction clockwise; got " in refused.err


def test_leagues_are_compared_with_where_the_way_is_theirs(run: Run) -> None:
    track = league_races()[0].track
    way = load_track(track).direction
    other = {"clockwise": "ccw", "counter-clockwise": "cw"}[way]
    race = ("2.0", "--name", "mine", "--laps", "1", "--track", track)
    races = league_races_on(track)
    assert races and "league: " in run(*race, "--direction", way).out
    assert "league: " not in run(*race, "--direction", other).out


def test_races_are_listed_with_who_leads_them(run: Run) -> None:
    run("2.0", "--name", "mine", "--laps", "1", "--direction", "reverse")
    run("1.0", "2.0", "--name", "slow", "--name", "lost", "--laps", "1", "--resets", "0")
    rows = json.loads(run("--list", "--json").out)["leaderboards"]
    assert [row["race"] for row in rows] == [
        "reinvent_base, 1 lap, by best-lap",
        "reinvent_base, 1 lap, by best-lap, reverse",
    ]
    assert [(row["models"], row["first"]) for row in rows] == [(2, None), (1, "mine")]
    shown = run("--list").out
    assert "\\n" not in shown
    for words in ("2 races in leaderboards/", "mine", f"{rows[1]['time_seconds']:.3f}"):
        assert words in shown


def test_without_words_the_only_leaderboard_is_shown_or_the_list_of_several(run: Run) -> None:
    race = ("1.0", "--laps", "1", "--resets", "0", "--name")
    run(*race, "a", "--track", "Oval_track")
    assert "Oval_track" in run().out and "file     leaderboards/Oval_track" in run().out
    run(*race, "a", "--ranking", "total-time")
    assert run().out == run("--list").out


def test_a_model_drives_the_same_alone_and_among_others() -> None:
    race = RankedRace("reinvent_base", 17.709, laps=1)
    entrants = [Entrant(str(n), driver(*how)) for n, how in enumerate([(1.0, 5), (2, 4), (2, 5)])]
    together = drive_race(race, entrants, threads=1)
    alone = [drive_race(race, [entrant], threads=1)[0] for entrant in entrants]
    assert together == alone
    assert len({tuple(laps) for laps in together}) == 3


def test_more_resets_than_allowed_end_a_lap() -> None:
    race = RankedRace("reinvent_base", 17.709, laps=1, resets=1)
    ((lap,),) = drive_race(race, [Entrant("a", driver(2.0))], threads=1)
    assert (lap.status, lap.reset_count, lap.off_track_count) == ("off_track", 1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is no such leaderboard yet"),
        (("1.0", "--direction", "up"), "driving_direction must be one of forward"),
        (("1.0", "--track", "nowhere"), "unknown track 'nowhere'"),
        (("1.0", "--ranking", "fastest"), "ranking must be one of best-lap"),
        (("1.0", "--laps", "0"), "laps must be 1 to 1000"),
        (("1.0", "--ranking", "total-time", "--minimum-laps", "2"), "must be 3 (laps)"),
        (("1.0", "--car-version", "9"), "car_version must be one of 3, 4, 5, 6, got 9"),
        (("1.0", "2.0", "--name", "a"), "got 1 for 2 models"),
        (("1.0", "2.0", "--name", "a", "--name", "a"), "different names, got a more than once"),
    ],
)
def test_what_cannot_be_raced_is_refused_by_one_line(
    arguments: tuple[str, ...], words: str, run: Run
) -> None:
    answer = run(*arguments)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.count("\n") == 1
    assert words in answer.err
    assert not Path("leaderboards").exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models/fast/model.tar.gz", "fast"),
        ("models/fast", "fast"),
        ("models/fast/agent/model.pb", "fast"),
        ("downloads/My-Model.tar.gz", "My-Model"),
        ("models/fast/model/27_Step-40129.safetensors", "27_Step-40129"),
    ],
)
def test_a_model_is_named_after_its_path(path: str, name: str) -> None:
    assert model_name(Path(path)) == name
