"""Promises of ``train --pretrained`` as a person sees it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from simtraces import read_simtrace
from small_training import job_in, run

from deepracer_fast.commands import train as training_command
from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """Runs commands where a small model called swift lies; its evaluations are short."""

    def one_lap(model: Any, track: Any, *_: Any) -> Any:
        return evaluate_model(model, track, EvaluationOptions(laps=1, resets=False, threads=1))

    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(training_command, "evaluate_model", one_lap)
    monkeypatch.chdir(tmp_path)
    job = job_in(tmp_path, steps=8)
    run(job)
    job.folder.path.rename("swift")
    Path("other.py").write_text("def reward_function(params):\n    return 2.0\n")
    return CommandLine(monkeypatch, capsys)


def test_a_clone_says_what_it_inherits_and_how_its_parent_drove(command: CommandLine) -> None:
    clone = ["train", "--pretrained", "swift", "--model", "child", "--steps", "8"]
    answer = command(*clone, "--reward", "other.py", "--steering", "20:3", "--speed", "2:1")
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "clone of swift, checkpoint best (swift)"
    assert "  reward           other.py  (given)" in lines
    assert "  tracks           reinvent_base  (inherited)" in lines
    laps = [number for number, line in enumerate(lines) if "laps clean" in line]
    titles = [lines[number].split(":")[0] for number in laps]
    assert titles == ["swift before, on re", "Evaluation on re"]
    assert any(line.startswith("iteration") for line in lines[laps[0] : laps[1]])
    assert len(list(Path("child/metrics").glob("Evaluation*"))) == 2
    before, after = sorted(Path("child").glob("evaluation-*/evaluation-simtrace/0-iteration.csv"))
    speeds = [set(read_simtrace(path)["throttle"][1:].tolist()) for path in (before, after)]
    assert speeds == [{4.0}, {2.0}], "the parent drives with its own actions"
    assert json.loads(Path("child/deepracer_fast.json").read_text())["parent"]["name"] == "swift"
    again = command(*clone)
    assert again.err.startswith("error: child already holds a model")
    assert "Driving" not in again.out, "nobody waits for that"
