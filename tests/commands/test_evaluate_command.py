"""Promises of ``deepracer-fast evaluate``; the models are made up and need no network."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import Answer, CommandLine

from deepracer_fast.commands import evaluate as evaluate_command
from deepracer_fast.commands.options import Entries, LapSettings
from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model, evaluate_starts
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.model_folder import Checkpoint, ModelFolder
from deepracer_fast.tracks.track import load_track
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.world.randomization import FOR_THE_CAR, Randomization

Run = Callable[..., Answer]


def driver(checkpoint: str, cars: int = 1) -> Any:
    """A model that goes straight on, faster from checkpoint to checkpoint."""
    speed = float(checkpoint) if checkpoint.isdigit() else 4.0
    space = DiscreteActionSpace((0.0,), (speed,))
    metadata = SimpleNamespace(
        sensors=(), lidar=None, car_version=5, frame_stack=1, action_space=space
    )
    return SimpleNamespace(metadata=metadata, best_action=lambda _: np.zeros(cars, int))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command where two folders lie: swift has checkpoints 1 and 2, slow one alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate_command, "load_model", lambda _, checkpoint: driver(checkpoint))
    for name, numbers in (("swift", (1, 2)), ("slow", (1,))):
        folder = ModelFolder(Path(name))
        folder.store.mkdir(parents=True)
        for number in numbers:
            folder.graph(Checkpoint(number, 10)).write_bytes(b"")
    command = partial(CommandLine(monkeypatch, capsys), "evaluate")
    return partial(command, "--laps", "1", "--no-resets")


def rows(answer: Answer) -> list[tuple[str, str, str]]:
    assert (answer.status, answer.err) == (0, "")
    found = json.loads(answer.out)["evaluations"]
    return [(row["model"], row["checkpoint"], row["track"]) for row in found]


def test_every_model_drives_on_every_track(run: Run) -> None:
    tracks = ("--track", "oval", "--track", "re:Invent 2018")
    both = ("--checkpoint", "best")
    assert rows(run("swift", "slow", *tracks, *both, "--json")) == [
        ("swift", "best", "Oval_track"),
        ("swift", "best", "reinvent_base"),
        ("slow", "best", "Oval_track"),
        ("slow", "best", "reinvent_base"),
    ]


@pytest.mark.parametrize(
    ("asked", "driven"),
    [
        ((), ["1", "2"]),  # nothing says which is the best
        (("--checkpoint", "all"), ["1", "2"]),
        (("--checkpoint", "2", "--checkpoint", "1"), ["2", "1"]),
        (("--checkpoint", "last", "--checkpoint", "all"), ["last", "1", "2"]),
    ],
)
def test_checkpoints_are_rows_too(asked: tuple[str, ...], driven: list[str], run: Run) -> None:
    found = rows(run("swift", *asked, "--json"))
    assert [checkpoint for _, checkpoint, _ in found] == driven


def test_the_table_has_the_columns_in_which_rows_differ(run: Run) -> None:
    heading, _, *rows = cells(run("swift", "--checkpoint", "all"))
    assert heading == ["point", "clean", "s", "s", "m/s", "%", "track"]
    assert [row[:4] for row in rows] == [[number, "0", "of", "1"] for number in "12"]
    assert 0.5 < float(rows[0][6]) < float(rows[1][6]) < 2.0  # m/s
    tracks = ("--track", "oval", "--track", "bowtie")
    heading, _, *rows = cells(run("swift", "slow", "--checkpoint", "best", *tracks))
    assert heading[:3] == ["model", "track", "clean"]
    assert [row[1] for row in rows] == ["Oval_track", "Bowtie_track"] * 2
    assert "best and mean: of all whole laps, penalty seconds" in run("swift", *tracks).out


def cells(answer: Answer) -> list[list[str]]:
    """The words of a table, line by line, from the last line of its heading on."""
    lines = [line.split() for line in answer.out.splitlines() if line.strip()]
    rule = next(number for number, words in enumerate(lines) if set("".join(words)) == {"─"})
    return [words for words in lines[rule - 1 :] if words[:2] != ["best", "and"]]


def test_laps_of_one_model_come_with_how_it_drove(run: Run) -> None:
    out = run("slow").out
    assert "slow on reinvent_base" in out
    assert "mean speed" in out and "1 of 1 actions used" in out
    assert "best: of the clean laps; mean: of all whole laps, penalty seconds in their times" in out
    report = json.loads(run("slow", "--json").out)
    assert 2.0 < report["mean_speed"] < 4.0
    assert (report["checkpoint"], len(report["laps"])) == ("best", 1)


SLOW = Entries([Path("slow")])


def test_a_model_drives_where_and_how_it_was_trained(run: Run) -> None:
    config = TrainConfig().updated(track="Bowtie_track", driving_direction="clockwise")
    Path("slow/config.toml").write_text(config.to_toml())
    entry = next(iter(evaluate_command.entries_of(SLOW, LapSettings())))
    assert (entry.track.name, entry.options.driving_direction) == ("Bowtie_track", "clockwise")
    settings = LapSettings(driving_direction="forward")
    entry = next(iter(evaluate_command.entries_of(SLOW, settings)))
    assert entry.options.driving_direction == "forward"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--track", "nowhere"), "unknown track 'nowhere'"),
        (("--direction", "up"), "driving_direction must be one of forward, reverse"),
        (("--start-position", "1"), "start_position must lie in [0, 1)"),
        (("--checkpoint", "first"), 'checkpoint must be "best"'),
        (("--race-type", "derby"), "race_type must be one of TIME_TRIAL"),
    ],
)
def test_what_cannot_be_driven_is_one_line(options: tuple[str, ...], words: str, run: Run) -> None:
    answer = run("slow", *options)
    assert (answer.status, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert words in answer.err


def first_params(options: EvaluationOptions) -> dict[str, Any]:
    trace = evaluate_model(driver("best"), "Oval_track", options).trace
    return {name: column[0] for name, column in trace.params.items()}


def test_laps_start_where_and_go_round_as_asked() -> None:
    line = first_params(EvaluationOptions(laps=1, resets=False, threads=1))
    there = first_params(EvaluationOptions(laps=1, resets=False, threads=1, start_position=0.5))
    away = np.hypot(line["x"][0] - there["x"][0], line["y"][0] - there["y"][0])
    assert away > 3.0  # m
    back = first_params(
        EvaluationOptions(laps=1, resets=False, threads=1, driving_direction="clockwise")
    )
    assert (line["is_reversed"][0], back["is_reversed"][0]) == (False, True)


def test_a_lap_that_starts_further_on_starts_from_a_standstill() -> None:
    options = EvaluationOptions(laps=3, resets=False, threads=1, round_robin_advance_dist=0.25)
    trace = evaluate_model(driver("best"), "Oval_track", options).trace
    starts = [step for step, steps in enumerate(trace.params["steps"]) if float(steps[0]) == 1.0]
    xs = [float(trace.params["x"][step][0]) for step in starts]
    assert len(xs) == 3
    assert len({round(x, 1) for x in xs}) == 3


@pytest.mark.parametrize(
    ("direction", "backwards"),
    [("forward", False), ("reverse", True), ("clockwise", True), ("counter-clockwise", False)],
)
def test_directions_are_those_of_the_track(direction: str, backwards: bool) -> None:
    assert load_track("Oval_track").runs_backwards(direction) == backwards


def test_perturbed_worlds_are_rows_with_a_lap_from_each_place(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_command, "load_model", lambda _, name: driver(name, cars=20))
    answer = run("slow", "--track", "oval", "--perturbed", "--json")
    assert (answer.status, answer.err) == (0, "")
    found = json.loads(answer.out)["evaluations"]
    worlds = [row["world"] for row in found]
    assert worlds[0] == "as usual" and worlds[-1] == "all together"
    assert {"grip +-30 %", "steering offset +-2 degrees", "picture delay 0.06 s"} < set(worlds)
    assert {len(row["laps"]) for row in found} == {20}
    assert all(0.5 < row["mean_speed"] < 5.0 for row in found)
    table = run("slow", "--track", "oval", "--perturbed").out
    assert table.splitlines()[0] == "slow on Oval_track"
    assert "all together" in table and "0 of 20" in table
    assert "without resets: a lap ends where it leaves the track" in " ".join(table.split())


def test_cars_of_perturbed_worlds_differ() -> None:
    laps = partial(evaluate_starts, driver("1", cars=4), "oval", starts=4)
    usual, perturbed = (
        [lap.steps for lap in laps(options=EvaluationOptions(randomization=randomization)).laps]
        for randomization in (Randomization(), replace(FOR_THE_CAR, at_bounds=True))
    )
    assert usual != perturbed
