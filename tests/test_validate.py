"""The command that tries a reward function: what it finds, prints and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepracer_fast.cli import app
from deepracer_fast.errors import RewardError
from deepracer_fast.reward import sandbox
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.reward.remarks import about_files
from deepracer_fast.track import load_track
from deepracer_fast.validate import Report, about_source, validate_reward

RUNNER = CliRunner()


def report_of(text: str, folder: Path) -> Report:
    path = folder / "reward.py"
    path.write_text(text)
    return validate_reward(path, load_track("Oval_track"))


def test_an_example_is_fine_in_all_kinds_of_states() -> None:
    report = validate_reward(example_reward("follow_center_line"), load_track("reinvent_base"))
    assert (report.mode, report.warnings) == ("compiled", [])
    kinds = {"all", "on track", "partly off", "off track", "crashed", "lap complete"}
    assert set(report.rewards) == kinds | {"with objects"}
    whole = report.rewards["all"]
    assert whole.calls > 2000 and whole.minimum == pytest.approx(0.001) and whole.maximum == 1.0
    assert report.calls_per_second > 1000


@pytest.mark.parametrize(
    ("expression", "warning"),
    [
        ("0.0", "the reward is 0 in every state"),
        ("1.5", "the reward is 1.5 in every state"),
        ("-params['steps']", "no state is worth more than 0"),
    ],
)
def test_a_reward_that_teaches_nothing_is_warned_of(
    expression: str, warning: str, tmp_path: Path
) -> None:
    report = report_of(f"def reward_function(params):\n    return {expression}\n", tmp_path)
    assert report.warnings[0].startswith(warning)


@pytest.mark.parametrize(
    "body",
    [
        "return float(open('line.txt').read())",
        "return float(np.load('line.npy')[0])",
        "return float(Path('line.txt').read_text())",
    ],
)
def test_a_reward_that_reads_a_file_is_told_where_a_resumed_training_looks(body: str) -> None:
    (about,) = about_files(f"def reward_function(params):\n    {body}\n")
    assert about.startswith("line 2: reads a file; ") and "in the model folder" in about


def test_a_reward_that_reads_none_is_told_nothing() -> None:
    assert not list(about_files("import json\nX = json.load(None)\nload = print\nload('x')\n"))


def test_what_the_system_does_not_confine_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "unconfined", lambda: ("write files", "use the network"))
    report = report_of("def reward_function(params):\n    return params['x']\n", tmp_path)
    assert report.warnings[-1].startswith("this system cannot keep a reward function from: write f")


def test_keys_and_imports_are_read_from_the_source() -> None:
    text = """import math, time
def reward_function(p):
    return p.get('sped', 1) + p['x'] + p['crashed'] + p['mine']
"""
    assert list(about_source(text)) == [
        "line 3: 'crashed' is now called 'is_crashed'",
        "line 3: params has no key 'mine'",
        "line 3: params has no key 'sped' (did you mean 'speed'?)",
        "line 1: the original does not let a reward function import time, only math, random, "
        "numpy, scipy, shapely",
    ]


def test_a_state_that_fails_is_shown_with_its_params(tmp_path: Path) -> None:
    text = (
        "def reward_function(params):\n    return float('nan') if params['is_crashed'] else 1.0\n"
    )
    with pytest.raises(RewardError, match=r"returned nan.*\n.*\n.*\n  car \d+: steps="):
        report_of(text, tmp_path)


def test_the_command_prints_json_and_draws(tmp_path: Path) -> None:
    png = tmp_path / "reward.png"
    path = str(example_reward("follow_center_line_fast"))
    command = ["validate", path, "--track", "Oval_track", "--png", str(png), "--json"]
    done = RUNNER.invoke(app, command)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["ok"], found["mode"], found["track"]) == (True, "compiled", "Oval_track")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_the_command_fails_with_the_error_in_its_json(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward_function(params):\n    return params['sped']\n")
    done = RUNNER.invoke(app, ["validate", str(path), "--json"])
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert not found["ok"] and "did you mean 'speed'?" in found["error"]
