"""Promises of ``racing.leaderboard``: what the file keeps and refuses."""

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from deepracer_fast.errors import InUseError, LeaderboardError
from deepracer_fast.files.writer_lock import WriterLock
from deepracer_fast.racing import leaderboard
from deepracer_fast.racing.leaderboard import add_submissions, read_leaderboard, refuse_other_rules
from deepracer_fast.racing.race import RaceLap, RankedRace, Submission

RACE = RankedRace("reinvent_base", 17.709)
LAP = RaceLap(100.0, 9.867, 1, 0, 1, 149, "lap_complete")


def submission(model: str = "a") -> Submission:
    return Submission(model, "2026-01-01T00:00:00+00:00", (LAP, LAP))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "races" / "spring.json"


def test_what_is_added_is_read_back(path: Path) -> None:
    add_submissions(path, RACE, [submission("a")])
    board = add_submissions(path, RACE, [submission("b"), submission("a")])
    assert board == read_leaderboard(path)
    assert board.race == RACE
    assert [s.model for s in board.submissions] == ["a", "b", "a"]
    assert board.submissions[0].laps == (LAP, LAP)


def test_a_submission_under_other_rules_is_refused_by_one_line(path: Path) -> None:
    add_submissions(path, RACE, [submission()])
    before = path.read_bytes()
    other = RankedRace("reinvent_base", 17.709, laps=5, off_track_penalty=1.0)
    with pytest.raises(LeaderboardError) as refused:
        add_submissions(path, other, [submission()])
    message = str(refused.value)
    assert "spring.json" in message
    assert "laps 3, off_track_penalty 2.0; got laps 5, off_track_penalty 1.0" in message
    assert "\n" not in message
    assert path.read_bytes() == before


def test_rules_that_nobody_asked_for_are_the_files(path: Path) -> None:
    refuse_other_rules(path, RACE, {"laps": 3})
    with pytest.raises(LeaderboardError, match="laps 3; got laps 4"):
        refuse_other_rules(path, RACE, {"laps": 4})


def test_a_race_from_before_directions_is_driven_forward(path: Path) -> None:
    add_submissions(path, RACE, [submission()])
    content = json.loads(path.read_text())
    del content["race"]["driving_direction"]
    path.write_text(json.dumps(content))
    assert read_leaderboard(path).race == RACE


def test_a_crash_while_writing_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_submissions(path, RACE, [submission()])
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        add_submissions(path, RACE, [submission("b")])
    assert path.read_bytes() == before
    left = {each.name for each in path.parent.iterdir()}
    assert left == {path.name, f".{path.name}.lock"}


def test_a_writer_that_does_not_end_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard, "_PATIENCE", 0.0)
    add_submissions(path, RACE, [submission()])
    with (
        WriterLock(path.with_name(f".{path.name}.lock"), path),
        pytest.raises(InUseError, match=f"spring.json is being written by process {os.getpid()}"),
    ):
        add_submissions(path, RACE, [submission("b")])


def test_submissions_at_the_same_time_are_all_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread reads before any has written, unless they wait for each other."""
    names = [f"model-{number}" for number in range(8)]
    begin = threading.Barrier(len(names))
    read = leaderboard.read_leaderboard

    def slow_read(path: Path) -> Any:
        board = read(path)
        threading.Event().wait(0.01)
        return board

    monkeypatch.setattr(leaderboard, "read_leaderboard", slow_read)

    def submit(name: str) -> None:
        begin.wait()
        add_submissions(path, RACE, [submission(name)])

    threads = [threading.Thread(target=submit, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(s.model for s in read(path).submissions) == names


def spoilt(*keys: Any, value: Any) -> str:
    """The text of a leaderboard with one value replaced."""
    board = {"format": 1} | asdict(leaderboard.Leaderboard(RACE, (submission(),)))
    content: Any = json.loads(json.dumps(board))
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be valid JSON"),
        ("[]", "must be a JSON object"),
        (spoilt("format", value=2), "format of a leaderboard must be 1, found 2"),
        (spoilt("race", value={"laps": 3}), "race must be an object of track, .* found"),
        (spoilt("race", "laps", value=0), "race: laps must be 1 to 1000, got 0"),
        (spoilt("race", "laps", value=True), "race: laps must be a whole number, got True"),
        (spoilt("submissions", value=None), "submissions must be a list, found null"),
        (spoilt("submissions", 0, "model", value=7), r"submissions\[0\]: model must be text"),
        (
            spoilt("submissions", 0, "laps", 1, "lap_time_seconds", value="9.8"),
            r"submissions\[0\].laps\[1\]: lap_time_seconds must be a number, got '9.8'",
        ),
    ],
)
def test_files_that_are_no_leaderboards_are_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(LeaderboardError, match=words):
        read_leaderboard(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeaderboardError, match=r"none.json: cannot be read: No such file"):
        read_leaderboard(tmp_path / "none.json")
