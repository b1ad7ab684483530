"""Promises of ``deepracer_fast.train``: whatever ends a training, its folder holds a usable model.

Two cars, four steps an iteration: the smallest training there is. All tests share its shapes, so
that the networks are compiled once. Where greedy laps are not the point they are made up.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepracer_fast import checkpoints, lessons, teacher, teaching, train, training_evaluation
from deepracer_fast.action_space import ContinuousActionSpace, DiscreteActionSpace
from deepracer_fast.archive.model_archive import read_model_archive
from deepracer_fast.config import TrainConfig, settings_of
from deepracer_fast.errors import (
    ConfigError,
    DeepRacerError,
    InUseError,
    RewardError,
    StorageError,
)
from deepracer_fast.evaluate import Lap
from deepracer_fast.hyperparameters import Hyperparameters
from deepracer_fast.learner import Learner
from deepracer_fast.metrics import read_training_metrics
from deepracer_fast.model import load_model
from deepracer_fast.model_folder import ModelFolder
from deepracer_fast.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.reward import load_reward
from deepracer_fast.simtrace import read_simtrace
from deepracer_fast.track import load_track
from deepracer_fast.train import Report, Training
from deepracer_fast.training_evaluation import standing
from deepracer_fast.training_job import TrainingJob

CONFIG = TrainConfig(
    num_cars=2, horizon=4, steps=16, evaluate_every=2, threads=1, stop_after=0, teacher=False
)
HYPERPARAMETERS = Hyperparameters(batch_size=8, num_epochs=1, num_episodes_between_training=2)
# Fast, so that untrained cars leave the track soon.
METADATA = ModelMetadata(DiscreteActionSpace((-30.0, 0.0, 30.0), (4.0, 4.0, 4.0)))
REWARD = "def reward_function(params):\n    return 1.0 - params['distance_from_center']\n"
RAISES_IN_THE_SECOND_ITERATION = """
calls = 0

def reward_function(params):
    global calls
    calls += 1
    if calls == 6:
        raise ValueError("no more")
    return 1.0
"""


def job_in(path: Path, reward: str = REWARD, **config: Any) -> TrainingJob:
    return TrainingJob(
        replace(CONFIG, **config),
        METADATA,
        HYPERPARAMETERS,
        load_reward(reward),
        ModelFolder(path / "model folder"),
    )


def run(job: TrainingJob, resume: bool = False) -> list[Report]:
    shown: list[Report | str] = []
    Training(job, resume).run(shown.append)
    return [each for each in shown if isinstance(each, Report)]


def lap_of(completion: float) -> Lap:
    status = "lap_complete" if completion == 100.0 else "off_track"
    return Lap(completion, 10.0, int(completion < 100.0), 150, status)


def make_up_laps(monkeypatch: pytest.MonkeyPatch, *completions: float) -> None:
    """One mean completion an evaluation; the last one for all later ones."""
    coming = list(completions)

    def drive_laps(*_: Any, **__: Any) -> list[list[Lap]]:
        completion = coming.pop(0) if len(coming) > 1 else coming[0]
        return [[lap_of(completion)] for _ in range(5)]

    monkeypatch.setattr(training_evaluation, "drive_laps", drive_laps)


@pytest.fixture(autouse=True)
def quick_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are 100 MB here; no test pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "write_model_archive", lambda *_: None)


@pytest.fixture
def no_laps(monkeypatch: pytest.MonkeyPatch) -> None:
    make_up_laps(monkeypatch, 10.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingJob, list[Report]]:
    """A whole training, its greedy laps driven."""
    job = job_in(tmp_path_factory.mktemp("trained"))
    return job, run(job)


def copy_of(trained: tuple[TrainingJob, list[Report]], path: Path, **config: Any) -> TrainingJob:
    shutil.copytree(trained[0].folder.path, path / "model folder")
    return job_in(path, **config)


def last_checkpoint(job: TrainingJob) -> int:
    records = job.folder.recorded_checkpoints()
    assert records is not None
    return records[0].checkpoint.iteration


def policy_of(job: TrainingJob, checkpoint: str = "last") -> list[bytes]:
    params = load_model(job.folder.path, checkpoint).params
    return [np.asarray(w).tobytes() for layer in params.values() for w in _leaves(layer)]


def _leaves(tree: Any) -> list[Any]:
    if not isinstance(tree, dict):
        return [tree]
    return [leaf for key in sorted(tree) for leaf in _leaves(tree[key])]


def assert_usable(job: TrainingJob) -> None:
    """The folder and its archive load, and agree."""
    picture = np.full((1, 120, 160, 1), 90, np.uint8)
    from_folder = load_model(job.folder.path).probabilities(picture)
    from_archive = load_model(job.folder.archive).probabilities(picture)
    np.testing.assert_allclose(from_folder, from_archive, atol=1e-6)
    assert job.folder.training_plot.stat().st_size > 1000


def test_a_training_reports_each_iteration_and_stops_at_its_steps(
    trained: tuple[TrainingJob, list[Report]],
) -> None:
    reports = trained[1]
    assert [(r.iteration, r.steps) for r in reports] == [(1, 8), (2, 16)]
    assert [len(r.evaluation) for r in reports] == [0, 5], "every second iteration"
    assert all(np.isfinite(list(r.measures.values())).all() for r in reports)
    assert all(r.steps_per_second > 0 and r.seconds > 0 for r in reports)


def test_a_model_folder_has_the_layout_of_the_ecosystem(
    trained: tuple[TrainingJob, list[Report]],
) -> None:
    job = trained[0]
    root = job.folder.path
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    events = {name for name in files if name.startswith("tensorboard/events.out.tfevents.")}
    assert len(events) == 1
    assert files - events == {
        ".writer.lock",
        "config.toml",
        "deepracer_fast.json",
        "ip/hyperparameters.json",
        "metrics/TrainingMetrics.json",
        "model.tar.gz",
        "model/2_Step-16.safetensors",
        "model/deepracer_checkpoints.json",
        "model/2_Step-16.learner.safetensors",
        "model/model_2.pb",
        "model/model_metadata.json",
        "model_metadata.json",
        "reward_function.py",
        "training-simtrace/0-iteration.csv",
        "training-simtrace/1-iteration.csv",
        "training.png",
        "training_params.yaml",
    }
    assert job.folder.reward_function.read_text() == REWARD
    assert len(read_simtrace(job.folder.training_simtrace(0))["steps"]) == 8
    assert_usable(job)


def test_a_training_over_its_steps_resumes_to_nothing_but_its_end(
    trained: tuple[TrainingJob, list[Report]], tmp_path: Path
) -> None:
    job = copy_of(trained, tmp_path)
    assert run(job, resume=True) == []
    assert_usable(job)


@pytest.mark.usefixtures("no_laps")
def test_resume_goes_on_with_iterations_steps_and_metrics(
    trained: tuple[TrainingJob, list[Report]], tmp_path: Path
) -> None:
    job = copy_of(trained, tmp_path, steps=200, evaluate_every=100)
    before = read_training_metrics(job.folder.training_metrics).rows
    reports = run(job, resume=True)
    assert (reports[0].iteration, reports[0].steps) == (3, 24)
    assert (reports[-1].iteration, reports[-1].steps) == (25, 200)
    after = read_training_metrics(job.folder.training_metrics).rows
    assert after[: len(before)] == before
    episodes = [row.episode for row in after if row.phase == "training"]
    assert episodes == list(range(1, len(episodes) + 1)), "numbered without a gap"
    assert len(episodes) >= 4, "long enough for episodes to end"
    assert len(list(job.folder.simtraces.iterdir())) == 25
    assert_usable(job)


@pytest.mark.usefixtures("no_laps")
def test_a_training_that_was_killed_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    job = job_in(tmp_path, steps=400)

    def killed_in_the_third(report: Report) -> None:
        if report.iteration == 3:
            raise MemoryError  # nothing is tidied up

    with pytest.raises(MemoryError):
        Training(job, resume=False).run(killed_in_the_third)
    assert last_checkpoint(job) == 2
    assert run(replace(job, config=replace(job.config, steps=40)), resume=True)[0].iteration == 3
    assert_usable(job)


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_same_seed_trains_the_same_policy(tmp_path: Path) -> None:
    policies = []
    for number, seed in enumerate((3, 3, 4)):
        job = job_in(tmp_path / str(number), seed=seed, steps=8)
        run(job)
        policies.append(policy_of(job))
    assert policies[0] == policies[1]
    assert policies[0] != policies[2]


@pytest.mark.usefixtures("no_laps")
def test_reward_that_raises_in_the_midst_leaves_a_usable_model(tmp_path: Path) -> None:
    job = job_in(tmp_path, reward=RAISES_IN_THE_SECOND_ITERATION)
    with pytest.raises(RewardError, match="no more"):
        run(job)
    assert last_checkpoint(job) == 1
    assert_usable(job)


@pytest.mark.usefixtures("no_laps")
def test_request_to_stop_ends_between_two_steps_with_a_usable_model(tmp_path: Path) -> None:
    job, asked = job_in(tmp_path), 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 8  # in the second iteration

    reports: list[Report] = []
    Training(job, resume=False, stop_requested=stop).run(reports.append)
    assert [r.iteration for r in reports] == [1]
    assert last_checkpoint(job) == 1
    assert_usable(job)


def test_a_request_to_stop_before_the_first_step_leaves_a_usable_model(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    Training(job, resume=False, stop_requested=lambda: True).run(lambda _: None)
    assert last_checkpoint(job) == 0
    assert_usable(job)


def test_loss_that_is_not_a_number_ends_with_the_last_good_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 10.0)
    learn: Callable[..., dict[str, float]] = Learner.learn
    calls = 0

    def unstable(self: Learner, rollout: Any, progress: float) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise FloatingPointError("the loss is no longer a finite number")
        return learn(self, rollout)

    monkeypatch.setattr(Learner, "learn", unstable)
    job = job_in(tmp_path, steps=400)
    with pytest.raises(DeepRacerError, match=r"became unstable.*iteration 2 is in"):
        run(job)
    assert last_checkpoint(job) == 2
    assert_usable(job)


def test_the_best_checkpoint_goes_into_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 50.0, 80.0, 60.0)
    job = job_in(tmp_path, steps=24, evaluate_every=1)
    run(job)
    index = json.loads(job.folder.checkpoint_index.read_text())
    assert index["best_checkpoint"]["name"] == "2_Step-16.ckpt"
    assert index["best_checkpoint"]["avg_eval_metric"] == 80.0
    assert index["last_checkpoint"]["name"] == "3_Step-24.ckpt"
    graph = read_model_archive(job.folder.archive)[1]
    assert graph == (job.folder.store / "model_2.pb").read_bytes()
    assert policy_of(job, "best") != policy_of(job, "last")


@pytest.mark.usefixtures("no_archive")
def test_a_better_checkpoint_before_the_break_stays_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 80.0, 60.0)
    job = job_in(tmp_path, steps=8, evaluate_every=1)
    run(job)
    run(replace(job, config=replace(job.config, steps=16)), resume=True)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [record.checkpoint.iteration for record in records] == [2, 1]


@pytest.mark.usefixtures("no_archive")
def test_clean_evaluations_in_a_row_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 100.0, 90.0, 100.0, 100.0, 100.0)
    reports = run(job_in(tmp_path, steps=0, evaluate_every=1, stop_after=2))
    assert [r.iteration for r in reports] == [1, 2, 3, 4]


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_minutes_and_episodes_end_a_training(tmp_path: Path) -> None:
    reports = run(job_in(tmp_path / "minutes", steps=0, minutes=1e-6))
    assert len(reports) <= 1
    few = replace(HYPERPARAMETERS, term_cond_max_episodes=2)
    job = replace(
        job_in(tmp_path / "episodes", steps=4000, evaluate_every=1000), hyperparameters=few
    )
    assert run(job)[-1].steps < 4000


@pytest.mark.usefixtures("no_laps")
def test_several_tracks_train_one_policy(tmp_path: Path) -> None:
    job = job_in(tmp_path, more_tracks=("Oval_track",), num_cars=3, horizon=8, steps=24)
    assert run(job)[-1].steps == 24
    first, other = (job.folder.training_simtrace(0, name) for name in (None, "Oval_track"))
    lengths = {path: set(np.round(read_simtrace(path)["track_len"])) for path in (first, other)}
    assert lengths == {first: {18.0}, other: {20.0}}
    assert len(read_simtrace(first)["steps"]) + len(read_simtrace(other)["steps"]) == 24
    assert_usable(job)


@pytest.mark.usefixtures("no_laps")
def test_a_policy_that_reads_the_track_state_is_not_for_the_car(tmp_path: Path) -> None:
    metadata = replace(METADATA, sensors=(TRACK_STATE,))
    job = replace(job_in(tmp_path, teacher=True), metadata=metadata)
    assert run(job)[-1].steps == 16
    assert not job.folder.archive.exists()
    assert not list(job.folder.store.glob("*.pb"))
    model = load_model(job.folder.path)
    assert model.act(np.zeros((1, 17), np.float32)).shape == (1, 2)


@pytest.mark.usefixtures("no_archive")
def test_a_row_of_laps_that_ends_the_training_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 100.0)
    training = Training(job_in(tmp_path, steps=0, evaluate_every=1, stop_after=1), resume=False)
    training.run(lambda _: None)
    assert training.row is not None
    assert training.row.is_clean


@pytest.mark.usefixtures("no_archive")
def test_fast_laps_are_the_best_only_with_a_clean_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 100.0, 100.0, 100.0, 90.0)
    job = job_in(tmp_path, steps=16, evaluate_every=1, best_by="laptime")
    training = Training(job, resume=False)
    training.run(lambda _: None)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [record.checkpoint.iteration for record in records] == [2, 1]
    assert training.row is not None
    assert training.row.is_clean


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_a_teacher_without_a_way_round_leaves_it_to_ppo(tmp_path: Path) -> None:
    job = job_in(tmp_path, teacher=True, minutes=0.05, steps=0)
    shown: list[Report | str] = []
    Training(job, resume=False).run(shown.append)
    remarks = [each for each in shown if isinstance(each, str)]
    assert "The teacher found no way round" in remarks[-1]


@pytest.mark.parametrize(
    ("best_by", "better", "worse"),
    [
        ("progress", [lap_of(100.0), lap_of(70.0)], [lap_of(100.0), lap_of(60.0)]),
        ("laptime", [replace(lap_of(100.0), lap_time_seconds=9.0)], [lap_of(100.0)]),
        ("laptime", [lap_of(100.0)], [replace(lap_of(99.0), lap_time_seconds=1.0)]),
        ("reward", [replace(lap_of(50.0), reward=2.0)], [replace(lap_of(100.0), reward=1.0)]),
    ],
)
def test_the_best_checkpoint_is_the_one_that_was_asked_for(
    best_by: str, better: list[Lap], worse: list[Lap]
) -> None:
    assert standing(better, best_by) > standing(worse, best_by)


@pytest.mark.usefixtures("no_laps")
def test_episodes_collection_learns_from_whole_episodes(tmp_path: Path) -> None:
    job = job_in(tmp_path, collection="episodes", steps=1)
    reports = run(job)
    trace = read_simtrace(job.folder.training_simtrace(0))
    outcomes = read_training_metrics(job.folder.training_metrics).rows
    assert [row.episode for row in outcomes if row.phase == "training"] == [1, 2]
    ends = [max(trace["steps"][trace["episode"] == number]) for number in (0, 1)]
    assert reports[0].steps == sum(ends)
    assert_usable(job)


@pytest.mark.usefixtures("no_laps")
def test_continuous_action_space_trains(tmp_path: Path) -> None:
    box = ModelMetadata(ContinuousActionSpace(-30.0, 30.0, 3.0, 4.0))
    job = replace(job_in(tmp_path, steps=8), metadata=box)
    assert run(job)[-1].steps == 8
    picture = np.zeros((1, 120, 160, 1), np.uint8)
    command = load_model(job.folder.archive).act(picture)
    assert command.shape == (1, 2)
    assert policy_of(job) != policy_of(job, "best") or last_checkpoint(job) == 1


def test_a_folder_that_holds_a_model_is_refused_and_not_touched(
    trained: tuple[TrainingJob, list[Report]], tmp_path: Path
) -> None:
    job = copy_of(trained, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in job.folder.path.rglob("*")}
    with pytest.raises(ConfigError, match="already holds a model"):
        Training(job, resume=False)
    assert {path: path.stat().st_mtime_ns for path in job.folder.path.rglob("*")} == before


def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    sac = replace(
        METADATA, action_space=ContinuousActionSpace(-1, 1, 1, 2), training_algorithm="sac"
    )
    jobs = {
        "training_algorithm must be clipped_ppo": replace(job, metadata=sac),
        "unknown track": replace(job, config=replace(CONFIG, track="nowhere")),
        "car_version": replace(job, metadata=replace(METADATA, version=2)),
    }
    for message, broken in jobs.items():
        with pytest.raises(DeepRacerError, match=message):
            Training(broken, resume=False)
        assert not job.folder.path.exists()


def test_a_folder_without_a_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no checkpoint to resume"):
        Training(job_in(tmp_path), resume=True)
    assert not job_in(tmp_path).folder.path.exists()


@pytest.mark.usefixtures("no_laps", "no_archive")
@pytest.mark.parametrize("resume", [True, False])
def test_what_ended_before_its_first_checkpoint_begins_anew(tmp_path: Path, resume: bool) -> None:
    job = job_in(tmp_path, steps=8)
    job.folder.create(checkpoints.inputs_of(job, load_track("reinvent_base")))
    (job.folder.store / ".0_Step-0.safetensors.0123.tmp").write_bytes(b"half")
    assert run(job, resume)[-1].steps == 8
    assert not list(job.folder.store.glob(".*"))


@pytest.mark.usefixtures("no_laps")
def test_a_disk_without_room_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(StorageError, match=r"model folder: a checkpoint takes .* 1 MB are free"):
        Training(job_in(tmp_path), resume=False)
    assert not job_in(tmp_path).folder.path.exists()


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_a_folder_has_one_writer_and_readers_do_not_mind(
    trained: tuple[TrainingJob, list[Report]], tmp_path: Path
) -> None:
    job = copy_of(trained, tmp_path, steps=24)
    first = Training(job, resume=True)
    before = job.folder.checkpoint_index.read_bytes()
    with pytest.raises(InUseError, match="model folder is being written by process"):
        Training(job_in(tmp_path), resume=True)
    load_model(job.folder.path)
    assert job.folder.checkpoint_index.read_bytes() == before
    first.run(lambda _: None)
    Training(job, resume=True)  # the lock went with the training


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_what_was_learnt_is_saved_by_time_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)
    job = job_in(tmp_path, steps=400, evaluate_every=100)

    def killed_in_the_third(report: Report | str) -> None:
        if isinstance(report, Report) and report.iteration == 3:
            raise MemoryError  # nothing is tidied up

    with pytest.raises(MemoryError):
        Training(job, resume=False).run(killed_in_the_third)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [(each.checkpoint.iteration, each.evaluated) for each in records] == [(2, False)] * 2
    assert run(job_in(tmp_path, steps=32, evaluate_every=100), resume=True)[0].iteration == 3
    records = job.folder.recorded_checkpoints()
    assert records is not None and records[0].evaluated


def taught_job(path: Path, **config: Any) -> TrainingJob:
    return job_in(path, "def reward_function(p):\n    return p['progress']", teacher=True, **config)


class Killed(Exception):
    """Stands for a signal that nobody can catch: nothing is tidied up."""


def broken_off(job: TrainingJob, when: Callable[[Training], bool], resume: bool = False) -> None:
    """A training that ends without another word between two steps."""
    training = Training(job, resume)

    def between_steps() -> None:
        training._save_if_due()
        if when(training):
            raise Killed

    training._between_steps = between_steps  # type: ignore[method-assign]
    with pytest.raises(Killed):
        training.run(lambda _: None)


@pytest.fixture
def quick_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its evaluations are made up: it laps from the first."""
    clean = [lap_of(100.0)]
    monkeypatch.setattr(teacher, "drive_laps", lambda *_, **__: [clean] * 10)
    monkeypatch.setattr(teacher, "TEACHER_CARS", 8)
    monkeypatch.setattr(teacher, "TEACHER_HORIZON", 4)
    monkeypatch.setattr(lessons, "LESSON_CARS", 64)
    monkeypatch.setattr(lessons, "TEACHER_DRIVES", 128)
    monkeypatch.setattr(teaching, "LESSON_SAMPLES", 256)
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)


@pytest.mark.usefixtures("quick_teacher", "no_laps", "no_archive")
def test_a_teacher_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    def half_way(training: Training) -> bool:
        assert training._teaching is not None and training._teaching._teacher is not None
        return training._teaching._teacher._iteration == 6

    job = taught_job(tmp_path, minutes=100.0)
    broken_off(job, half_way)
    teaching_again = Training(taught_job(tmp_path), resume=True)._teaching
    assert teaching_again is not None and teaching_again._teacher is not None
    assert teaching_again._teacher._iteration == 6
    assert teaching_again._teacher._clean_in_a_row == 10


@pytest.mark.usefixtures("quick_teacher", "no_laps", "no_archive")
def test_lessons_that_were_broken_off_go_on_from_what_was_learnt(tmp_path: Path) -> None:
    job = taught_job(tmp_path, stop_after=1, steps=0)
    broken_off(job, lambda training: training._steps == 384)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [(each.checkpoint.steps, each.evaluated) for each in records] == [(384, False)] * 2

    training = Training(taught_job(tmp_path, stop_after=1, steps=0), resume=True)
    shown: list[Report | str] = []
    training._between_steps = lambda: None  # type: ignore[method-assign]
    training._is_over = lambda: len(shown) > 0  # type: ignore[method-assign]
    training.run(shown.append)
    assert isinstance(shown[0], Report), "no teacher learns again"
    assert shown[0].steps == 384 + 256
    assert "distance_to_teacher" in shown[0].measures


@pytest.mark.usefixtures("no_laps")
def test_a_model_carries_its_route_and_both_may_move(tmp_path: Path) -> None:
    track = load_track("reinvent_base")
    route = tmp_path / "mine.npy"
    np.save(route, np.hstack([track.waypoints, track.inner, track.outer]))
    job = job_in(tmp_path, track=str(route), steps=8)
    run(job)
    route.unlink()
    moved = (tmp_path / "model folder").rename(tmp_path / "elsewhere")
    found = settings_of(moved).track
    assert found == str(moved / "tracks" / "mine.npy")
    np.testing.assert_array_equal(load_track(found).waypoints, track.waypoints)
    assert load_track(found).name == "mine"
