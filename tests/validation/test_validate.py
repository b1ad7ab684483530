"""The command that tries a reward function: what it finds, prints and refuses."""

import json
from pathlib import Path

import pytest
from corpus import CORPUS
from typer.testing import CliRunner

from deepracer_fast.cli import app
from deepracer_fast.errors import RewardError
from deepracer_fast.files.action_space import (
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    discrete_grid,
)
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.pictures.reward import actions_drawn
from deepracer_fast.reward.examples import example_names, example_reward
from deepracer_fast.reward.sandbox import process as sandbox
from deepracer_fast.reward.text_faults import about_files
from deepracer_fast.tracks.track import load_track
from deepracer_fast.validation import drives as trial_drives
from deepracer_fast.validation.validate import Report, about_source, validate_reward

RUNNER = CliRunner()
MODEL = ModelMetadata(discrete_grid(30.0, 5, 1.0, 3))
FAST = ModelMetadata(DiscreteActionSpace((-30.0, 0.0, 30.0), (4.0, 3.0, 4.0)))


@pytest.fixture
def short_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few cars for a few seconds."""
    for name in ("CARS", "FEWER_CARS"):
        monkeypatch.setattr(trial_drives, name, 64)
    for name in ("LEAST_STEPS", "FEWEST_STEPS", "MOST_STEPS"):
        monkeypatch.setattr(trial_drives, name, 60)


def report_of(text: str, folder: Path, race_type: str | None = None) -> Report:
    path = folder / "reward.py"
    path.write_text(text)
    return validate_reward(path, load_track("Oval_track"), MODEL, race_type)


def test_an_example_is_fine_in_all_kinds_of_states() -> None:
    path = example_reward("avoid_objects")
    report = validate_reward(path, load_track("reinvent_base"), MODEL)
    assert (report.mode, report.warnings, report.unreached) == ("compiled", [], [])
    kinds = {"all", "start", "on track", "partly off", "off track", "reversed", "crashed"}
    kinds |= {"lap complete", "with objects", "slowest action", "fastest action"}
    assert set(report.rewards) == kinds
    whole = report.rewards["all"]
    assert whole.calls > 500_000 and whole.minimum == pytest.approx(0.001) and whole.maximum == 1.0
    assert report.rewards["crashed"].maximum == pytest.approx(0.001)
    assert report.calls_per_second > 1000
    assert report.races == ["TIME_TRIAL", "OBJECT_AVOIDANCE", "HEAD_TO_BOT"]


@pytest.mark.usefixtures("short_drives")
def test_a_race_type_has_its_own_states_and_no_others(tmp_path: Path) -> None:
    text = "def reward_function(params):\n    return 1.0 + params['objects_distance'][1]\n"
    with pytest.raises(
        RewardError, match=r"IndexError(.*\n)*.*drive in TIME_TRIAL, without objects"
    ):
        report_of(text, tmp_path)
    report = report_of(text, tmp_path, "OBJECT_AVOIDANCE")
    assert report.rewards["with objects"].calls == report.rewards["all"].calls
    plain = report_of("def reward_function(params):\n    return params['x']\n", tmp_path)
    assert plain.races == ["TIME_TRIAL"]


@pytest.mark.usefixtures("short_drives")
def test_branches_that_no_state_led_to_are_named(tmp_path: Path) -> None:
    body = "    if params['speed'] > 2:\n        return 2.0\n    return params['speed']\n"
    (branch,) = report_of(f"def reward_function(params):\n{body}", tmp_path).unreached
    assert (branch.line, branch.what) == (2, "never true")
    assert branch.text == "if params['speed'] > 2:"


@pytest.mark.usefixtures("short_drives")
def test_the_actions_of_the_model_are_driven(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward_function(params):\n    return 1 / (params['speed'] < 3.5)\n")
    track = load_track("Oval_track")
    assert validate_reward(path, track, MODEL).rewards["all"].maximum == 1.0
    with pytest.raises(RewardError, match=r"ZeroDivisionError(.*\n)*.*speed=4, "):
        validate_reward(path, track, FAST)


@pytest.mark.usefixtures("short_drives")
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


@pytest.mark.usefixtures("short_drives")
def test_what_the_system_does_not_confine_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "unconfined", lambda: ("write files", "use the network"))
    report = report_of("def reward_function(params):\n    return params['x']\n", tmp_path)
    assert report.warnings[-1].startswith("this system cannot keep a reward function from: write f")


def test_keys_and_imports_are_read_from_the_source() -> None:
    text = """import math, time
def reward_function(p):
    p['own'] = 1
    return p.get('sped', 1) + p['x'] + p['crashed'] + p['mine'] + p['own']
"""
    assert list(about_source(text)) == [
        "line 4: 'crashed' is now called 'is_crashed'",
        "line 4: params has no key 'mine'",
        "line 4: params has no key 'sped' (did you mean 'speed'?)",
        "line 1: the original does not let a reward function import time, only math, random, "
        "numpy, scipy, shapely",
    ]


@pytest.mark.parametrize("read", ["get('sped', 1)", "setdefault('sped', 1)", "pop('sped', 1)"])
def test_a_key_that_goes_unnoticed_is_found_where_params_are_handed_on(read: str) -> None:
    text = f"def go(n, q):\n    return q.{read}\ndef reward_function(p):\n    return go(1, p)\n"
    assert list(about_source(text)) == ["line 2: params has no key 'sped' (did you mean 'speed'?)"]


_UNKNOWN_KEYS = {"always_fails": 1, "try_except_math": 1}


@pytest.mark.parametrize(
    "path", [*CORPUS.values(), *map(example_reward, example_names())], ids=lambda path: path.stem
)
def test_keys_of_working_functions_raise_no_alarm(path: Path) -> None:
    try:
        found = [each for each in about_source(path.read_text()) if "params has no key" in each]
    except SyntaxError:
        assert path.stem == "broken_syntax"
    else:
        assert len(found) == _UNKNOWN_KEYS.get(path.stem, 0), found


def test_a_state_that_fails_is_shown_with_its_params(tmp_path: Path) -> None:
    text = (
        "def reward_function(params):\n    return float('nan') if params['is_crashed'] else 1.0\n"
    )
    with pytest.raises(RewardError) as caught:
        report_of(text, tmp_path, "OBJECT_AVOIDANCE")
    first, _, _, params, drive = str(caught.value).split("\n")
    assert "returned nan" in first
    assert params.startswith("  car ") and params.endswith(", is_crashed=True")
    assert drive == "  in a drive in OBJECT_AVOIDANCE"


@pytest.mark.usefixtures("short_drives")
def test_the_command_prints_json_and_draws(tmp_path: Path) -> None:
    png, model = tmp_path / "reward.png", tmp_path / "model_metadata.json"
    model.write_text(FAST.to_json())
    command = ["validate", "follow_center_line_fast", "--track", "Oval_track", "--png", str(png)]
    done = RUNNER.invoke(app, [*command, "--metadata", str(model), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["ok"], found["mode"], found["track"]) == (True, "compiled", "Oval_track")
    assert found["watched_calls"] > 100
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("short_drives")
def test_the_command_prints_the_branches_that_were_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward_function(params):\n    return 2 if params['x'] > 1e9 else 1\n")
    done = RUNNER.invoke(app, ["validate", str(path), "--race-type", "TIME_TRIAL"])
    assert done.exit_code == 0
    assert "\n  line 2, never true: return 2 if params['x'] > 1e9 else 1\n" in done.stdout


@pytest.mark.usefixtures("short_drives")
def test_the_command_notes_the_share_of_rewards_that_are_not_positive(tmp_path: Path) -> None:
    path, noted = tmp_path / "reward.py", {}
    for name, off in (("zero", "0.0"), ("negative", "-1.0"), ("small", "0.001")):
        body = f"return {off} if params['is_left_of_center'] else 1.0"
        path.write_text(f"def reward_function(params):\n    {body}\n")
        lines = RUNNER.invoke(app, ["validate", str(path)]).stdout.splitlines()
        noted[name] = [line for line in lines if line.startswith("note: ")]
    assert noted["small"] == [] and noted["zero"] == noted["negative"]
    share = float(noted["zero"][0].removeprefix("note: ").split("%")[0])
    assert 10.0 < share < 90.0
    assert noted["zero"][0].endswith("the lab advises a small positive value")


def test_the_command_fails_with_the_error_in_its_json(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward_function(params):\n    return params['sped']\n")
    done = RUNNER.invoke(app, ["validate", str(path), "--json"])
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert not found["ok"] and "did you mean 'speed'?" in found["error"]


@pytest.mark.parametrize(
    ("space", "speeds", "angles"),
    [
        (MODEL.action_space, [1.0, 2 / 3, 1 / 3], [30.0, 15.0, 0.0, -15.0, -30.0]),
        (ContinuousActionSpace(-10, 30, 1, 2), [2.0, 1.5, 1.0], [30.0, 20.0, 10.0, 0.0, -10.0]),
        (discrete_grid(9.0, 13, 9.0, 9), [9.0, 7.0, 5.0, 3.0, 1.0], [9, 6, 3, 0, -3, -6, -9]),
    ],
)
def test_the_picture_has_a_row_a_speed_and_a_panel_an_angle(
    space: ActionSpace, speeds: list[float], angles: list[float]
) -> None:
    rows = actions_drawn(space)
    assert [row[0].speed for row in rows] == pytest.approx(speeds)
    for row in rows:
        assert [action.steering_deg for action in row] == pytest.approx(angles)
