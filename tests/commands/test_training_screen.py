"""Promises of ``commands.screen``: what a person sees of a training."""

import io
from typing import Any

import pytest
from rich.console import Console

from deepracer_fast.commands.screen import TrainingScreen, evaluation_summary, lap_table
from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.training.iterations import Report


def report_of(**values: Any) -> Report:
    lap = Lap(100.0, 17.25, 0, 260, "lap_complete")
    defaults = {
        "iteration": 12,
        "stage": "ppo",
        "steps": 24_576,
        "steps_per_second": 512.4,
        "episodes": 5,
        "mean_reward": 31.26,
        "mean_progress": float("nan"),
        "laps": 3,
        "seconds": 61.0,
        "evaluation": (lap, lap),
        "measures": {},
    }
    return Report(**(defaults | values))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_panel_fits_the_terminal_and_shows_everything(width: int) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=width, color_system=None)
    with TrainingScreen(console, "a track [v2], a reward", minutes=20.0) as screen:
        screen.show(report_of(episodes=0))
        screen.stopping()
    shown = text.getvalue()
    assert max(len(line) for line in shown.replace("\r", "\n").split("\n")) <= width + 20
    for words in ("a track [v2], a reward", "24,576", "512", "31.3", "- %", "2 of 2 clean"):
        assert words in shown
    last = shown.rpartition("╭")[2]
    assert all(words in last for words in ("of drives under way", "laps in training")) or width < 80
    assert "17.25 s" in last or width == 60
    assert "Stopping: saving the model." in last


def test_a_line_an_iteration_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    with TrainingScreen(Console(file=text, width=40), "title", minutes=20.0) as screen:
        screen.show(report_of(evaluation=()))
        screen.show(report_of(iteration=13, mean_progress=45.678))
        screen.show(report_of(stage="lessons", measures={"distance_to_teacher": 0.25}))
        screen.show(report_of(stage="lessons", episodes=0))
    title, story, first, second, again, third, fourth = text.getvalue().splitlines()
    assert "new cars start" in story, "of a clone, a resumed training and one without a teacher"
    assert "the first drives to end are those that left the track" in story
    assert "new cars start" in again and "made to swerve" in again
    assert "  difference from the teacher 0.250 (0: drives the same)" in third
    assert "  means of drives under way  |" in fourth and "under way" not in third
    assert story.startswith("ppo: the network learns from the reward")
    assert title == "title"
    assert "iteration  12  ppo      steps   24,576      512 steps/s  reward    31.3" in first
    assert "time left 18:59" in first
    assert second.endswith("| greedy: 2 of 2 clean, mean completion 100 %, best 17.25 s")
    assert "progress  45.7 %" in second


def test_summary_counts_clean_laps_and_names_the_best() -> None:
    put_back = Lap(100.0, 15.0, 1, 225, "lap_complete", reset_count=1)
    broken_off = Lap(40.0, 5.0, 1, 75, "off_track")
    clean = Lap(100.0, 16.5, 0, 250, "lap_complete")
    summary = evaluation_summary([put_back, broken_off, clean])
    assert summary == "1 of 3 clean, mean completion 80 %, best 16.50 s"
    assert evaluation_summary([broken_off]) == "0 of 1 clean, mean completion 40 %"
    behind = Lap(-6.2, 5.0, 0, 75, "reversed")
    assert evaluation_summary([behind, broken_off]) == "0 of 2 clean, mean completion 20 %"
    assert behind.metrics(1).completion_percentage == -6  # as the original writes it


def test_lap_table_shows_paths_as_they_are() -> None:
    text = io.StringIO()
    lap = Lap(100.0, 16.5, 0, 250, "lap_complete")
    Console(file=text, width=80).print(lap_table([lap], "models/[bold]x on t"))
    assert "models/[bold]x on t" in text.getvalue()
    assert all(word in text.getvalue() for word in ("16.50", "100", "lap complete"))


def test_title_of_a_lap_table_stays_on_one_line() -> None:
    text, title = io.StringIO(), "Evaluation on 2022 re:Invent Championship: 1 of 1 laps clean"
    Console(file=text, width=80).print(lap_table([Lap(100.0, 9.0, 0, 135, "lap_complete")], title))
    assert text.getvalue().splitlines()[0].strip() == title
