"""A model's folder: its layout, its checkpoints, and whose it is."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepracer_fast.errors import ArchiveError, ConfigError, StorageError
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord, beats
from deepracer_fast.files.model_folder import ModelFolder, ModelInputs
from deepracer_fast.files.training_params import training_params
from deepracer_fast.reward.loading import read_reward

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
    with pytest.raises(ConfigError, match=r"swift already holds a model: --resume goes on"):
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
    folder.create(INPUTS, parent={"name": "fast", "checkpoint": "best"})
    with pytest.raises(ConfigError, match=r"no model to resume: .*swift holds no checkpoint"):
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
