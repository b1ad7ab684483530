"""A model's folder: its layout and checkpoints, simtraces, metrics and the training picture."""

import csv
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deepracer_fast.errors import ArchiveError, ConfigError, StorageError
from deepracer_fast.metrics import (
    EVALUATION,
    TRAINING,
    EpisodeMetrics,
    EpisodeOutcome,
    EvaluationMetrics,
    TrainingMetrics,
    episode_metrics,
    read_evaluation_metrics,
    read_training_metrics,
    write_evaluation_metrics,
)
from deepracer_fast.model_folder import (
    Checkpoint,
    CheckpointRecord,
    ModelFolder,
    ModelInputs,
    beats,
    training_params,
)
from deepracer_fast.reward.loading import read_reward
from deepracer_fast.simtrace import COLUMNS, read_simtrace, write_simtrace
from deepracer_fast.training_plot import draw_training, episode_iterations, training_curves

INPUTS = ModelInputs(
    model_metadata='{"version": "5"}\n',
    reward_function="def reward_function(params):\r\n    return 1.0  # é\r\n",
    hyperparameters='{"lr": 0.0003}\n',
    training_params=training_params("swift", "reinvent_base", clockwise=False),
    config="seed = 1\n",
)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def record(checkpoint: Checkpoint, metric: float) -> CheckpointRecord:
    return CheckpointRecord(checkpoint, 1700000000.5, metric)


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    model = ModelFolder(tmp_path / "swift")
    model.store.mkdir(parents=True)
    model.hyperparameters.parent.mkdir()
    return model


def save(folder: ModelFolder, iteration: int, steps: int) -> Checkpoint:
    """A checkpoint of a few bytes, and what a resumed training needs beside it."""
    checkpoint = Checkpoint(iteration, steps)
    folder.save_graph(checkpoint, b"graph")
    folder.learner(checkpoint).write_bytes(b"learner")
    folder.save_weights(checkpoint, b"weights")
    return checkpoint


# The folder


def test_inputs_lie_where_the_tools_look_for_them(folder: ModelFolder) -> None:
    folder.write_inputs(INPUTS)
    assert files_in(folder.path) == [
        "config.toml",
        "ip/hyperparameters.json",
        "model/model_metadata.json",
        "model_metadata.json",
        "reward_function.py",
        "training_params.yaml",
    ]
    assert folder.reward_function.read_bytes().decode() == INPUTS.reward_function
    assert folder.model_metadata_copy.read_text() == INPUTS.model_metadata


def test_a_reward_function_is_kept_in_the_encoding_that_it_declares(folder: ModelFolder) -> None:
    text = "# coding: cp949\n# 보상\ndef reward_function(params):\n    return 1.0\n"
    folder.write_inputs(replace(INPUTS, reward_function=text))
    assert folder.reward_function.read_bytes() == text.encode("cp949")
    assert read_reward(folder.reward_function).text == text


def test_training_params_are_one_quoted_string_a_line(folder: ModelFolder) -> None:
    folder.write_inputs(INPUTS)
    lines = folder.training_params.read_text().splitlines()
    assert 'WORLD_NAME: "reinvent_base"' in lines
    assert 'TRACK_DIRECTION_CLOCKWISE: "false"' in lines
    assert 'RACE_TYPE: "TIME_TRIAL"' in lines
    assert 'METRICS_S3_OBJECT_KEY: "swift/metrics/TrainingMetrics.json"' in lines


def test_a_checkpoint_is_a_graph_and_weights(folder: ModelFolder) -> None:
    checkpoint = save(folder, 27, 40129)
    folder.learner(checkpoint).unlink()
    assert files_in(folder.path) == ["model/27_Step-40129.safetensors", "model/model_27.pb"]
    assert folder.weights(checkpoint).read_bytes() == b"weights"
    assert folder.graph(checkpoint).read_bytes() == b"graph"
    assert folder.checkpoints() == [checkpoint]


def test_checkpoints_are_listed_from_old_to_new(folder: ModelFolder) -> None:
    for iteration in (10, 9, 0, 100):
        save(folder, iteration, iteration * 1000)
    (folder.store / "other.safetensors").write_bytes(b"")
    assert [checkpoint.iteration for checkpoint in folder.checkpoints()] == [0, 9, 10, 100]


def test_the_index_has_the_form_of_the_original(folder: ModelFolder) -> None:
    last, best = save(folder, 27, 40129), save(folder, 25, 37000)
    assert folder.recorded_checkpoints() is None
    folder.record_checkpoints(record(last, 61.5), record(best, 100.0))
    assert json.loads(folder.checkpoint_index.read_text()) == {
        "last_checkpoint": {
            "name": "27_Step-40129.ckpt",
            "time_stamp": 1700000000.5,
            "avg_eval_metric": 61.5,
        },
        "best_checkpoint": {
            "name": "25_Step-37000.ckpt",
            "time_stamp": 1700000000.5,
            "avg_eval_metric": 100.0,
        },
    }
    assert folder.recorded_checkpoints() == (record(last, 61.5), record(best, 100.0))


def test_an_index_with_the_older_key_is_read(folder: ModelFolder) -> None:
    entry = {"name": "3_Step-500.ckpt", "time_stamp": 1.0, "avg_comp_pct": 12.5}
    index = {"last_checkpoint": entry, "best_checkpoint": entry}
    folder.checkpoint_index.write_text(json.dumps(index))
    expected = CheckpointRecord(Checkpoint(3, 500), 1.0, 12.5)
    assert folder.recorded_checkpoints() == (expected, expected)


@pytest.mark.parametrize("text", ["", "{}", '{"last_checkpoint": {"name": "x.ckpt"}}', "[]"])
def test_a_broken_index_is_refused(folder: ModelFolder, text: str) -> None:
    folder.checkpoint_index.write_text(text)
    with pytest.raises(ArchiveError, match=r"must name a last and a best checkpoint"):
        folder.recorded_checkpoints()


def test_the_latest_four_checkpoints_and_the_best_are_kept(folder: ModelFolder) -> None:
    best: CheckpointRecord | None = None
    for iteration, metric in enumerate([10, 90, 20, 30, 40, 50, 60]):
        last = record(save(folder, iteration, iteration * 100), metric)
        best = last if beats(last, best) else best
        folder.record_checkpoints(last, best)
    assert [checkpoint.iteration for checkpoint in folder.checkpoints()] == [1, 3, 4, 5, 6]
    graphs = sorted(path.name for path in folder.store.glob("*.pb"))
    assert graphs == [f"model_{iteration}.pb" for iteration in (1, 3, 4, 5, 6)]
    learners = sorted(path.name for path in folder.store.glob("*.learner.*"))
    assert learners == [
        f"{iteration}_Step-{iteration}00.learner.safetensors" for iteration in (5, 6)
    ]


def test_what_was_saved_between_evaluations_goes_when_it_is_superseded(folder: ModelFolder) -> None:
    passing, best, last = save(folder, 1, 100), save(folder, 2, 200), save(folder, 3, 300)
    folder.record_checkpoints(record(last, 10), record(best, 90), [passing, best, last])
    assert folder.checkpoints() == [best, last], "the best and the last stay, whatever they are"
    folder.record_checkpoints(record(last, 10), record(best, 90), learners=1)
    assert [path.name for path in folder.store.glob("*.learner.*")] == [folder.learner(last).name]


def test_what_an_interrupted_training_left_behind_goes(folder: ModelFolder) -> None:
    save(folder, 2, 200)
    (folder.store / "model_3.pb").write_bytes(b"no weights beside it")
    last = record(save(folder, 1, 100), 50)
    folder.record_checkpoints(last, last)
    assert files_in(folder.store) == [
        "1_Step-100.learner.safetensors",
        "1_Step-100.safetensors",
        "deepracer_checkpoints.json",
        "model_1.pb",
    ]


def test_of_equal_checkpoints_the_newer_is_best() -> None:
    old, new = record(Checkpoint(1, 10), 50.0), Checkpoint(2, 20)
    assert beats(record(new, 50.0), old)
    assert beats(record(new, 50.0), None)
    assert not beats(record(new, 49.9), old)


def test_a_checkpoint_that_was_not_evaluated_is_best_only_before_one_that_was() -> None:
    passing = CheckpointRecord(Checkpoint(2, 20), 0.0, 0.0, evaluated=False)
    assert beats(passing, record(Checkpoint(0, 0), 0.0)), "an untrained policy"
    assert beats(passing, passing)
    assert not beats(passing, record(Checkpoint(1, 10), -50.0))
    assert beats(record(Checkpoint(3, 30), -1e4), passing)


def test_whether_a_checkpoint_was_evaluated_comes_back(folder: ModelFolder) -> None:
    passing = CheckpointRecord(save(folder, 2, 20), 1.0, 0.0, evaluated=False)
    folder.record_checkpoints(passing, passing)
    assert folder.recorded_checkpoints() == (passing, passing)


def test_a_folder_that_holds_a_model_is_not_overwritten(folder: ModelFolder) -> None:
    folder.create(INPUTS)
    folder.create(INPUTS)  # nothing was learnt
    save(folder, 1, 100)
    with pytest.raises(ConfigError, match=r"swift already holds a model: resume it, or name a new"):
        folder.create(INPUTS)


@pytest.mark.parametrize("name", ["model_7.pb", "12_Step-3.ckpt.index", "12_Step-3.safetensors"])
def test_a_checkpoint_alone_is_a_model(folder: ModelFolder, name: str) -> None:
    (folder.store / name).write_bytes(b"")
    assert folder.holds_a_model()


def test_what_ended_before_its_first_checkpoint_is_begun_anew(folder: ModelFolder) -> None:
    folder.create(INPUTS)
    save(folder, 0, 0)  # not yet in the index
    folder.refuse_nothing_begun()
    folder.create(replace(INPUTS, config="seed = 2\n"))
    assert folder.config.read_text() == "seed = 2\n"


def test_a_clone_without_a_checkpoint_is_not_begun_from_its_folder(folder: ModelFolder) -> None:
    folder.create(INPUTS, clone=True)
    with pytest.raises(ConfigError, match=r"swift has no checkpoint to resume; train without"):
        folder.refuse_nothing_begun()


def test_a_users_own_file_is_not_replaced(folder: ModelFolder) -> None:
    folder.reward_function.write_text("mine = 1\n")
    with pytest.raises(
        ConfigError, match=r"reward_function.py is there already .*--reward .*swift"
    ):
        folder.create(INPUTS)
    assert folder.reward_function.read_text() == "mine = 1\n"
    assert not folder.mark.exists()
    folder.create(INPUTS, given=[folder.reward_function])


def test_a_folder_of_a_newer_form_is_refused(folder: ModelFolder) -> None:
    folder.mark.write_text('{"format": 99, "version": "7.0"}')
    message = r"must be at most 1, found 99, made by version 7.0; install a newer"
    with pytest.raises(ArchiveError, match=message):
        folder.check_format()


def test_a_folder_from_before_there_were_marks_is_of_the_first_form(folder: ModelFolder) -> None:
    folder.check_format()


def test_a_save_that_cannot_fit_is_refused(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    with pytest.raises(StorageError, match=r"swift: a checkpoint takes 117 MB and 50 MB are free"):
        folder.check_room(100_000_000)
    folder.check_room(1_000)


def test_a_file_cannot_be_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for path in ("taken", "taken/swift"):
        with pytest.raises(ConfigError, match=r"cannot be a model folder: .*name another one"):
            ModelFolder(tmp_path / path).make()


def test_evaluations_within_a_second_have_their_own_folders(folder: ModelFolder) -> None:
    now = datetime(2022, 7, 9, 20, 2, 59)
    assert [folder.new_evaluation(now) for _ in range(2)] == ["20220709200259", "20220709200300"]
    trace = folder.evaluation_simtrace("20220709200259").relative_to(folder.path)
    assert str(trace) == "evaluation-20220709200259/evaluation-simtrace/0-iteration.csv"
    assert folder.evaluation_simtrace("20220709200300").parent.is_dir()
    assert folder.training_simtrace(3).name == "3-iteration.csv"


# Simtrace


def trace_columns(num_steps: int = 3) -> dict[str, np.ndarray]:
    types = {"int": np.int32, "float": np.float32, "bool": np.bool_, "action": np.int32}
    columns: dict[str, np.ndarray] = {
        name: np.arange(num_steps).astype(types.get(kind, np.float32))
        for name, kind in COLUMNS.items()
    }
    columns["episode_status"] = np.array(["prepare", "in_progress", "off_track"])
    return columns


def test_a_simtrace_is_written_as_python_shows_the_values(tmp_path: Path) -> None:
    columns = trace_columns() | {
        "steps": np.array([1, 2, 3]),
        "throttle": np.array([0.1, 0.8, 4.0], np.float32),
        "tstamp": np.array([27.788, 27.864, 27.93]),
        "reward": np.array([0.0, 1e-3, 1 / 3]),
    }
    write_simtrace(tmp_path / "0-iteration.csv", columns)
    lines = (tmp_path / "0-iteration.csv").read_text().split("\n")
    assert lines[0] == (
        "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,"
        "closest_waypoint,track_len,tstamp,episode_status,pause_duration,obstacle_crash_counter,"
        "wall_clock"
    )
    assert lines[1:] == [
        "0,1.0,0.0,0.0,0.0,0.0,0.1,0,0.0,False,False,0.0,0,0.0,27.788,prepare,0.0,0,0.0",
        "1,2.0,1.0,1.0,1.0,1.0,0.8,1,0.001,True,True,1.0,1,1.0,27.864,in_progress,1.0,1,1.0",
        "2,3.0,2.0,2.0,2.0,2.0,4.0,2,0.3333333333333333,True,True,2.0,2,2.0,27.93,off_track,"
        "2.0,2,2.0",
        "",
    ]


def test_a_continuous_action_is_a_pair_without_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    actions = np.array([[-30.0, 1.5], [12.25, 4.0], [0.0, 0.1]], np.float32)
    write_simtrace(path, trace_columns() | {"action": actions})
    with path.open() as file:
        assert [row["action"] for row in csv.DictReader(file)] == [
            "[-30.0 1.5]",
            "[12.25 4.0]",
            "[0.0 0.1]",
        ]
    np.testing.assert_array_equal(read_simtrace(path)["action"].astype(np.float32), actions)


@pytest.mark.parametrize("last", ["pause_duration", "obstacle_crash_counter", "wall_clock"])
def test_a_simtrace_comes_back_as_it_was_written(tmp_path: Path, last: str) -> None:
    names = list(COLUMNS)[: list(COLUMNS).index(last) + 1]
    columns = {name: trace_columns()[name] for name in names}
    columns["X"] = np.array([0.1, -1e-7, 123456.79], np.float32)
    write_simtrace(tmp_path / "trace.csv", columns)
    read = read_simtrace(tmp_path / "trace.csv")
    assert list(read) == names
    for name in names:
        np.testing.assert_array_equal(read[name].astype(columns[name].dtype), columns[name])


def test_a_simtrace_without_steps_comes_back_empty(tmp_path: Path) -> None:
    columns = {name: column[:0] for name, column in trace_columns().items()}
    write_simtrace(tmp_path / "trace.csv", columns)
    assert {len(column) for column in read_simtrace(tmp_path / "trace.csv").values()} == {0}


def test_simtraces_of_the_original_are_rewritten_to_the_byte(shared: Path, tmp_path: Path) -> None:
    traces = sorted((shared / "logs").glob("**/*.csv"))
    assert len(traces) > 3
    for trace in traces[:8]:
        write_simtrace(tmp_path / "trace.csv", read_simtrace(trace))
        assert (tmp_path / "trace.csv").read_text() == trace.read_text()


def test_missing_and_uneven_columns_are_refused(tmp_path: Path) -> None:
    columns = trace_columns()
    with pytest.raises(ArchiveError, match=r"must have one length.*'yaw': 2"):
        write_simtrace(tmp_path / "trace.csv", columns | {"yaw": columns["yaw"][:2]})
    del columns["yaw"]
    with pytest.raises(ArchiveError, match=r"a simtrace needs the columns yaw: they are missing"):
        write_simtrace(tmp_path / "trace.csv", columns)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (0, "steps", "step", r"line 1: not a simtrace header"),
        (2, "in_progress,", "", r"line 3: a row must have 19 values, found 18"),
        (2, "True", "yes", r"line 3: done cannot be 'yes'"),
        (3, "2.0", "fast", r"line 4: steps cannot be 'fast'"),
    ],
)
def test_a_broken_simtrace_is_refused_with_its_line(
    tmp_path: Path, line: int, old: str, new: str, message: str
) -> None:
    path = tmp_path / "trace.csv"
    write_simtrace(path, trace_columns())
    lines = path.read_text().split("\n")
    lines[line] = lines[line].replace(old, new, 1)
    path.write_text("\n".join(lines))
    with pytest.raises(ArchiveError, match=message):
        read_simtrace(path)


# Metrics


def episode(number: int, trial: int, reward: float = 1.0, progress: float = 50.0) -> EpisodeMetrics:
    outcome = EpisodeOutcome(reward, progress, "off_track", start_s=number, end_s=number + 0.5)
    return episode_metrics(outcome, TRAINING, number, trial)


def evaluation(number: int, trial: int, progress: float) -> EpisodeMetrics:
    return replace(episode(number, trial, progress=progress), phase=EVALUATION)


def test_an_episode_is_rounded_as_the_original_rounds() -> None:
    outcome = EpisodeOutcome(31.6, 29.9, "lap_complete", start_s=27.746, end_s=31.538)
    assert episode_metrics(outcome, TRAINING, episode=1, trial=1) == EpisodeMetrics(
        reward_score=32,
        metric_time=31538,
        start_time=27746,
        elapsed_time_in_milliseconds=3792,
        episode=1,
        trial=1,
        phase="training",
        completion_percentage=29,
        episode_status="Lap complete",
    )


def test_episode_metrics_follow_from_the_recorded_steps(shared: Path) -> None:
    original = shared / "logs/drfc_single_worker"
    rows = [
        row
        for row in read_training_metrics(original / "metrics/TrainingMetrics.json").rows
        if row.phase == TRAINING
    ]
    trace = read_simtrace(original / "training-simtrace/0-iteration.csv")
    for number in np.unique(trace["episode"]):
        steps = trace["episode"] == number
        status = str(trace["episode_status"][steps][-1])
        reward = trace["reward"][steps].sum()
        row = episode_metrics(
            EpisodeOutcome(reward, trace["progress"][steps][-1], status, 0.0, 0.0),
            TRAINING,
            int(number) + 1,
            int(number) + 1,
        )
        times = ("metric_time", "start_time", "elapsed_time_in_milliseconds")
        assert row == replace(rows[number], **dict.fromkeys(times, 0))


def test_training_metrics_grow_and_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "TrainingMetrics.json"
    metrics = TrainingMetrics(path)
    metrics.append([episode(1, 1), episode(2, 2), evaluation(2, 2, 80)])
    metrics.append([episode(3, 1)])
    metrics.write()
    content = json.loads(path.read_text())
    assert (content["version"], content["best_model_metric"]) == (2.0, "progress")
    assert [row["episode"] for row in content["metrics"]] == [1, 2, 2, 3]
    assert read_training_metrics(path) == metrics


def test_resuming_drops_the_episodes_after_the_checkpoint(tmp_path: Path) -> None:
    metrics = TrainingMetrics(tmp_path / "TrainingMetrics.json")
    metrics.append([episode(1, 1), evaluation(1, 1, 80), episode(2, 1)])
    metrics.keep(episodes=1)
    metrics.write()
    assert [row.episode for row in read_training_metrics(metrics.path).rows] == [1, 1]


def test_metrics_of_the_original_are_rewritten_to_the_byte(shared: Path, tmp_path: Path) -> None:
    original = shared / "logs/drfc_single_worker/metrics/TrainingMetrics.json"
    metrics = read_training_metrics(original)
    replace(metrics, path=tmp_path / "copy.json").write()
    assert (tmp_path / "copy.json").read_text() == original.read_text().strip()
    original = original.with_name("EvaluationMetrics-20220709200242.json")
    write_evaluation_metrics(tmp_path / "copy.json", read_evaluation_metrics(original))
    assert (tmp_path / "copy.json").read_text() == original.read_text().strip()


def test_evaluation_metrics_come_back_as_they_were_written(tmp_path: Path) -> None:
    trials = [EvaluationMetrics(100, 21724, 6932, 14792, "Lap complete", 0, 0, 1, 0, 1, 1)]
    write_evaluation_metrics(tmp_path / "EvaluationMetrics.json", trials)
    assert read_evaluation_metrics(tmp_path / "EvaluationMetrics.json") == trials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must be valid JSON"),
        ("[]", r"must be a JSON object"),
        ("{}", r"must be an object with a list 'metrics'"),
        ('{"metrics": [{"reward_score": 1}]}', r"row 1: the keys metric_time, .* are missing"),
        ('{"metrics": [3]}', r"row 1: .* are missing"),
    ],
)
def test_broken_metrics_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ArchiveError, match=message):
        read_training_metrics(tmp_path / "metrics.json")


# The picture


def test_an_iteration_begins_where_the_trials_start_again() -> None:
    rows = [episode(1, 1), episode(2, 2), evaluation(2, 2, 10), episode(3, 1), evaluation(3, 1, 20)]
    assert episode_iterations(rows).tolist() == [1, 1, 1, 2, 2]
    single = [episode(1, 1), episode(2, 1), episode(3, 1)]
    assert episode_iterations(single).tolist() == [1, 2, 3]


def test_curves_are_the_means_of_each_iteration() -> None:
    rows = [
        episode(1, 1, reward=10, progress=20),
        episode(2, 2, reward=30, progress=40),
        evaluation(2, 2, 70),
        evaluation(2, 2, 90),
        episode(3, 1, reward=5, progress=6),
        evaluation(3, 1, 80),
        episode(4, 1, reward=7, progress=8),
    ]
    curves = training_curves(rows)
    assert curves.reward.tolist() == [20, 5, 7]
    assert curves.progress.tolist() == [30, 6, 8]
    assert curves.evaluation[:2].tolist() == [80, 80] and np.isnan(curves.evaluation[2])
    assert curves.best == 1  # of equals the newer


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [evaluation(0, 1, 10)],
        [episode(1, 1, reward=0)],
        [episode(n, 1, reward=-n) for n in range(1, 50)] + [evaluation(49, 1, 100)],
    ],
)
def test_any_training_can_be_drawn(tmp_path: Path, rows: list[EpisodeMetrics]) -> None:
    draw_training(rows, tmp_path / "training.png")
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    assert files_in(tmp_path) == ["training.png"]
