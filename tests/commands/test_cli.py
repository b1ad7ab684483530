"""Promises of the command line: what it prints, how it exits, and that bad input costs nothing."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Answer, CommandLine

from deepracer_fast import cli
from deepracer_fast.commands import train as training_command
from deepracer_fast.commands.screen import TrainingScreen
from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model
from deepracer_fast.errors import TrackError
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.tracks.track import load_track
from deepracer_fast.training.iterations import Report

# The shapes of tests/training/test_train.py, so that nothing is compiled twice.
CONFIG = (
    "num_cars = 2\nhorizon = 4\nevaluate_every = 2\nthreads = 1\nstop_after = 0\nteacher = false\n"
)
HYPERPARAMETERS = '{"batch_size": 8, "num_epochs": 1}'
METADATA = {
    "action_space": [{"steering_angle": angle, "speed": 4.0} for angle in (-30, 0, 30)],
    "sensor": ["FRONT_FACING_CAMERA"],
    "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "training_algorithm": "clipped_ppo",
    "action_space_type": "discrete",
    "version": "5",
}
REWARD = "def reward_function(params):\n    return params['progress'] / params['steps']\n"
REWARDS_THAT_FAIL = {
    "syntax.py": "def reward_function(params)\n    return 1.0\n",
    "nan.py": "def reward_function(params):\n    return float('nan')\n",
    "raises.py": "def reward_function(params):\n    return 1 / (params['steps'] * 0)\n",
    "two.py": "def reward_function(params, more):\n    return 1.0\n",
    "other.py": "def reward_function(params):\n    return 2.0\n",
}


def lay_out_files() -> None:
    """A user's files, in the working directory."""
    no_actions = {key: METADATA[key] for key in METADATA if key != "action_space"}
    texts = REWARDS_THAT_FAIL | {
        "reward.py": REWARD,
        "metadata.json": json.dumps(METADATA),
        "no_actions.json": json.dumps(no_actions),
        "hyperparameters.json": HYPERPARAMETERS,
        "config.toml": CONFIG,
        "not_json.json": "{",
        "nonsense.toml": "nonsense = 1\n",
        "a_file": "x",
    }
    for name, text in texts.items():
        Path(name).write_text(text)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a user's files in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # checkpoints are 100 MB here
    lay_out_files()
    return tmp_path


def tiny(*more: str, reward: str = "reward.py", model: str = "model") -> list[str]:
    """A training of two iterations."""
    files = ["--metadata", "metadata.json", "--hyperparameters", "hyperparameters.json"]
    files += ["--config", "config.toml", "--reward", reward, "--model", model]
    return ["train", *files, *(more or ("--steps", "16"))]


def shorten_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained car would need minutes for five laps."""

    def one_lap(model: Any, track: Any, *_: Any) -> Any:
        return evaluate_model(model, track, EvaluationOptions(laps=1, resets=False, threads=1))

    monkeypatch.setattr(training_command, "evaluate_model", one_lap)


@pytest.fixture
def short_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_evaluation(monkeypatch)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as the command line makes it."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.chdir(folder)
        lay_out_files()
        shorten_evaluation(patch)
        patch.setattr(sys, "argv", ["deepracer-fast", *tiny()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return folder / "model"


@pytest.fixture
def own_model(model: Path, desk: Path) -> Path:
    """A copy of the model that a test may change, called ``model`` on its desk."""
    shutil.copytree(model, desk / "model")
    return desk / "model"


def files_below(folder: Path) -> dict[str, tuple[int, int]]:
    """Name, size and time of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_one_line(answer: Answer, words: str) -> None:
    assert answer.status == 1
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert answer.out == ""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), "train evaluate tracks"),
        (("train",), "--reward --metadata --resume --minutes 20 --num-cars 64 --seed"),
        (("evaluate",), "--track --laps 5 --no-resets --off-track-penalty 2.0 Seconds --json"),
        (("tracks",), "--png --json length"),
    ],
)
def test_help_gives_options_units_and_defaults(
    command: tuple[str, ...], words: str, run: CommandLine
) -> None:
    answer = run(*command, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert all(word in answer.out for word in words.split())


def test_the_module_runs_and_a_traceback_is_there_for_debug_alone(
    own_process: dict[str, str],
) -> None:
    command = [sys.executable, "-m", "deepracer_fast.cli", "tracks", "nowhere"]
    plain = subprocess.run(command, capture_output=True, text=True, env=own_process)
    assert_one_line(Answer(plain.returncode, plain.stdout, plain.stderr), "unknown track 'nowhere'")
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True, env=own_process)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr
    assert "TrackError: unknown track 'nowhere'" in debug.stderr


def test_debug_raises_wherever_it_stands(run: CommandLine) -> None:
    with pytest.raises(TrackError):
        run("--debug", "tracks", "nowhere")


def test_tracks_are_listed_whole_within_80_columns(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = run("tracks")
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in answer.out
    row = next(line for line in lines if "reinvent_base" in line)
    assert all(part in row for part in ("re:Invent 2018", "17.71", "0.76", "ccw"))
    assert "Virtual_May19_Train_track" in answer.out


def test_tracks_as_json_have_metres_and_the_direction(run: CommandLine) -> None:
    rows = {row["name"]: row for row in json.loads(run("tracks", "--json").out)}
    assert len(rows) == 42
    first = rows["reinvent_base"]
    assert (first["length_m"], first["waypoints"]) == (17.71, 119)
    assert first["width_m"] == pytest.approx(0.76, abs=0.005)
    assert (first["title"], first["direction"]) == ("re:Invent 2018", "counter-clockwise")
    (alone,) = json.loads(run("tracks", "reinvent_base", "--json").out)
    assert alone == first


def test_a_track_is_drawn(run: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "track.png"
    answer = run("tracks", "reinvent_base", "--png", str(picture))
    assert (answer.status, answer.out.strip()) == (0, str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--track", "nowhere"), "unknown track 'nowhere'"),
        (("train", "--track", "a_file"), "a route must be a .npy array"),
        (("train", "--reward", "missing.py"), "cannot be read"),
        (("train", "--metadata", "no_actions.json"), "no_actions.json: action_space is missing"),
        (("train", "--metadata", "not_json.json"), "must be valid JSON"),
        (("train", "--metadata", "missing.json"), "missing.json: cannot be read"),
        (("train", "--hyperparameters", "missing.json"), "missing.json: cannot be read"),
        (("train", "--hyperparameters", "not_json.json"), "must be valid JSON"),
        (("train", "--config", "missing.toml"), "missing.toml: cannot be read"),
        (("train", "--config", "nonsense.toml"), "nonsense.toml: unknown key nonsense"),
        (("train", "--model", "a_file"), "cannot be a model folder"),
        (("train", "--model", "a_file/below"), "cannot be a model folder"),
        (("train", "--resume"), "no model models/reinvent_base-N to resume"),
        (("train", "--resume", "--model", "missing"), "there is no model to resume"),
        (("train", "--minutes", "0"), "minutes must be above 0"),
        (("train", "--minutes", "nan"), "minutes must be above 0"),
        (("train", "--steps", "-1"), "steps must be 0"),
        (("train", "--seed", "-1"), "seed must be in"),
        (("train", "--threads", "-1"), "threads must be 0"),
        (("train", "--collection", "both"), "collection must be horizon or episodes, got 'both'"),
        (("train", "--host-id", "1"), "--coordinator, --num-hosts and --host-id go together"),
        (("evaluate", "missing"), "missing: no such file or folder"),
        (("evaluate", "a_file"), "not a whole .tar.gz archive"),
        (("evaluate", "."), "model_metadata.json"),
        (("tracks", "nowhere"), "unknown track 'nowhere'"),
        (("tracks", "--png", "x.png"), "--png needs the name of the track"),
        (("tracks", "reinvent_base", "--png", "missing/x.png"), "x.png: No such file or directory"),
        (("tracks", "reinvent_base", "--png", "."), ".: Is a directory"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], words: str, run: CommandLine, desk: Path
) -> None:
    before = files_below(desk)
    assert_one_line(run(*arguments), words)
    assert files_below(desk) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--minutes", "soon"),
        ("train", "--num-cars", "0"),
        ("train", "--bogus"),
        ("evaluate",),
        ("evaluate", "model", "--laps", "0"),
        ("evaluate", "model", "--off-track-penalty", "-1"),
        ("replay",),
    ],
)
def test_wrong_usage_exits_2_without_a_traceback(
    arguments: tuple[str, ...], run: CommandLine
) -> None:
    answer = run(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert "--help" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("reward", "words"),
    [
        ("syntax.py", "syntax.py, line 1: this is not Python"),
        ("two.py", "two.py, line 1: reward_function must take one argument"),
    ],
)
def test_reward_that_does_not_load_shows_its_line_and_writes_nothing(
    reward: str, words: str, run: CommandLine, desk: Path
) -> None:
    answer = run(*tiny(reward=reward))
    assert answer.status == 1
    first, source, caret = answer.err.splitlines()
    assert words in first
    assert source.strip() == REWARDS_THAT_FAIL[reward].splitlines()[0]
    assert set(caret.strip()) == {"^"}
    assert not (desk / "model").exists()


@pytest.mark.parametrize(
    ("reward", "words"),
    [
        ("nan.py", "nan.py, line 1: reward_function returned nan"),
        ("raises.py", "raises.py, line 2: reward_function raised ZeroDivisionError"),
    ],
)
@pytest.mark.usefixtures("desk")
def test_reward_that_fails_before_anything_was_learnt_leaves_nothing(
    reward: str, words: str, run: CommandLine
) -> None:
    answer = run(*tiny(reward=reward))
    assert answer.status == 1
    lines = answer.err.splitlines()
    assert words in lines[0]
    assert "^" in lines[2]
    assert "steps=2" in lines[3], "the parameters of the call"
    assert len(lines) == 4
    assert not Path("model").exists()


def archive_with(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


def test_bad_archives_are_refused_and_nothing_is_unpacked(
    run: CommandLine, model: Path, desk: Path
) -> None:
    whole = (model / "model.tar.gz").read_bytes()
    (desk / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (desk / "empty.tar.gz").write_bytes(b"")
    archive_with(desk / "evil.tar.gz", "../../evil.txt", b"x")
    before = files_below(desk.parent)
    assert_one_line(run("evaluate", "half.tar.gz"), "not a whole .tar.gz archive")
    assert_one_line(run("evaluate", "empty.tar.gz"), "empty file")
    assert_one_line(run("evaluate", "evil.tar.gz"), "must stay inside the archive")
    assert files_below(desk.parent) == before


@pytest.mark.usefixtures("short_evaluation", "desk")
def test_training_shows_its_iterations_laps_and_where_the_model_is(run: CommandLine) -> None:
    answer = run(*tiny())
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "reinvent_base, FRONT_FACING_CAMERA, reward.py"
    iterations = [line for line in lines if line.startswith("iteration")]
    assert len(iterations) == 2
    for word in ("steps", "steps/s", "reward", "progress", "laps", "time left"):
        assert word in iterations[0]
    assert "greedy: 0 of 5 clean" in iterations[1]
    assert any("time, s" in line for line in lines)
    assert lines[-2:] == ["model folder   model", "model archive  model/model.tar.gz"]
    assert "hyperparameters were used by PPO (all)" in lines
    assert any("from the start line on; those before began at rest" in line for line in lines)
    assert "as none was given" not in answer.out
    evaluation = json.loads(next(Path("model/metrics").glob("Evaluation*")).read_text())
    assert len(evaluation["metrics"]) == 1
    assert len(list(Path("model").glob("evaluation-*/evaluation-simtrace/0-iteration.csv"))) == 1


@pytest.mark.usefixtures("short_evaluation", "desk")
def test_whoever_names_no_reward_is_told_of_faster_ones(run: CommandLine) -> None:
    command = [word for word in tiny("--steps", "8") if word not in ("--reward", "reward.py")]
    told = "reward: follow_center_line, as none was given; it pays a slow lap more"
    assert told in run(*command).out


@pytest.mark.usefixtures("short_evaluation", "own_model")
def test_the_same_command_with_resume_goes_on(run: CommandLine) -> None:
    answer = run(*tiny("--steps", "24", "--resume"))
    assert (answer.status, answer.err) == (0, "")
    iterations = [line for line in answer.out.splitlines() if line.startswith("iteration")]
    assert [line.split()[1] for line in iterations] == ["3"]


@pytest.mark.usefixtures("own_model")
def test_laps_of_a_bad_policy_end_when_their_time_is_up(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_command, "LEAST_SECONDS_OF_LAPS", 0.0)
    answer = run(*tiny("--steps", "16", "--minutes", "0.005", "--resume"))
    assert (answer.status, answer.err) == (0, "")
    assert "Driving five greedy laps with the best checkpoint, for at most 0 s" in answer.out
    assert "0 of 1 laps clean" in answer.out and "time up" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (tiny(), "model already holds a model"),
        (tiny("--resume", "--seed", "4"), "a resumed training keeps its seed: model has 0, got 4"),
        (tiny("--resume", "--num-cars", "3"), "keeps its collection.num_cars"),
        (tiny("--resume", reward="other.py"), "other.py differs from model/reward_function.py"),
        (["train", "--resume", "--model", "model", "--track", "oval"], "keeps its course.tracks"),
        (["evaluate", "model", "--track", "nowhere"], "unknown track 'nowhere'"),
    ],
)
def test_a_refused_command_does_not_touch_the_model(
    arguments: list[str], words: str, run: CommandLine, own_model: Path
) -> None:
    before = files_below(own_model)
    assert_one_line(run(*arguments), words)
    assert files_below(own_model) == before


def test_damaged_model_folder_is_one_line(run: CommandLine, own_model: Path) -> None:
    folder = ModelFolder(own_model)
    folder.learner(folder.checkpoints()[-1]).write_bytes(b"not a checkpoint")
    assert_one_line(run(*tiny("--resume")), "learner.safetensors")
    folder.checkpoint_index.write_text("{}")
    assert_one_line(run(*tiny("--resume")), "deepracer_checkpoints.json")
    assert_one_line(run("evaluate", "model"), "deepracer_checkpoints.json")


@pytest.mark.usefixtures("short_evaluation", "desk")
def test_ctrl_c_stops_keeps_the_model_and_evaluates_it(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    show = TrainingScreen.show

    def interrupted(self: TrainingScreen, report: Report) -> None:
        show(self, report)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingScreen, "show", interrupted)
    answer = run(*tiny("--steps", "4000"))
    assert (answer.status, answer.err) == (0, "")
    assert "Stopping: saving the model." in answer.out
    assert answer.out.count("iteration ") == 1
    assert "model archive  model/model.tar.gz" in answer.out
    assert (Path("model") / "model" / "1_Step-8.safetensors").exists()
    assert signal.getsignal(signal.SIGINT) is handler, "what was there before is back"


@pytest.mark.usefixtures("own_model")
def test_ctrl_c_in_the_last_laps_skips_them(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_command, "evaluate_model", interrupted)
    answer = run(*tiny("--resume", "--steps", "16"))
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == "model archive  model/model.tar.gz"


@pytest.mark.usefixtures("short_evaluation")
def test_own_track_is_found_again_from_another_folder(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, desk: Path
) -> None:
    track = load_track("reinvent_base")
    np.save("mine.npy", np.hstack([track.waypoints, track.inner, track.outer]))
    assert run(*tiny("--track", "mine.npy", "--steps", "8")).out.startswith("mine, FRONT")
    assert run(*tiny("--track", "mine.npy", "--steps", "8", "--resume")).status == 0
    np.save("other.npy", np.hstack([track.waypoints, track.inner, track.outer])[::-1])
    assert "keeps its course.tracks" in run(*tiny("--track", "other.npy", "--resume")).err
    Path("mine.npy").unlink()
    monkeypatch.chdir("model")
    answer = run("evaluate", str(desk / "model"), "--laps", "1", "--no-resets", "--json")
    assert json.loads(answer.out)["track"] == "mine"


def test_full_disk_is_one_line(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, desk: Path
) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(os, "replace", full)
    answer = run(*tiny())
    assert answer.status == 1
    assert answer.err.splitlines() == ["error: model/deepracer_fast.json: No space left on device"]
    assert not Path("model").exists()


def test_evaluation_as_json_has_the_laps_in_order(run: CommandLine, model: Path) -> None:
    answer = run("evaluate", str(model), "--laps", "2", "--no-resets", "--json")
    content = json.loads(answer.out)
    assert (answer.status, answer.err) == (0, "")
    assert content["track"] == "reinvent_base"
    assert len(content["laps"]) == 2
    for lap in content["laps"]:
        assert set(lap) == {
            "completion_percentage",
            "lap_time_seconds",
            "off_track_count",
            "steps",
        }
        assert 0.0 < lap["completion_percentage"] < 100.0
        assert lap["off_track_count"] == 1


def test_evaluation_as_a_table_takes_an_archive_and_another_track(
    run: CommandLine, model: Path
) -> None:
    archive = str(model / "model.tar.gz")
    answer = run("evaluate", archive, "--track", "Oval_track", "--laps", "1", "--no-resets")
    assert (answer.status, answer.err) == (0, "")
    assert "off track" in answer.out
    assert "Oval_track" in answer.out.replace("\n", "")
