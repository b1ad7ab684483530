"""Promises of ``training.train``: whatever ends a training, its model can be used."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simtraces import read_simtrace
from small_training import (
    CONFIG,
    HYPERPARAMETERS,
    METADATA,
    REWARD,
    assert_usable,
    copy_of,
    job_in,
    lap_of,
    last_checkpoint,
    make_up_laps,
    policy_of,
    run,
)

from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.errors import ConfigError, DeepRacerError, RewardError
from deepracer_fast.files.action_space import ContinuousActionSpace
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord, beats
from deepracer_fast.files.metrics import read_training_metrics
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.learning.learner import Learner
from deepracer_fast.policy.archive.model_archive import read_model_archive
from deepracer_fast.policy.model import load_model
from deepracer_fast.training import record
from deepracer_fast.training.evaluation import standing
from deepracer_fast.training.iterations import Report, read_iterations
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.train import Training

pytestmark = pytest.mark.usefixtures("quick_files")

RAISES_IN_THE_SECOND_ITERATION = """
calls = 0

def reward_function(params):
    global calls
    calls += 1
    if calls == 6:
        raise ValueError("no more")
    return 1.0
"""


def traced_episodes(job: TrainingJob) -> list[int]:
    """Episodes in the traces, each of which is whole."""
    numbers: list[int] = []
    for path in sorted(job.folder.simtraces.glob("*.csv"), key=lambda path: int(path.stem[:-10])):
        rows = read_simtrace(path)
        starts = np.flatnonzero(np.diff(rows["episode"], prepend=-1))
        assert (rows["steps"][starts] <= 1).all(), "each begins at its beginning"
        assert rows["done"][[*starts[1:] - 1, -1]].all()
        assert rows["done"].sum() == len(starts)
        numbers += rows["episode"][starts].tolist()
    return numbers


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingJob, list[Report]]:
    """A whole training, its greedy laps driven."""
    job = job_in(tmp_path_factory.mktemp("trained"))
    return job, run(job)


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
        "metrics/TrainingIterations.json",
        "metrics/TrainingMetrics.json",
        "model folder.tar.gz",
        "model/2_Step-16.safetensors",
        "model/deepracer_checkpoints.json",
        "model/2_Step-16.learner.safetensors",
        "model/model_2.pb",
        "model/model_metadata.json",
        "model_metadata.json",
        "reward_function.py",
        "training.png",
        "training_params.yaml",
    }
    assert job.folder.reward_function.read_text() == REWARD
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
    assert len(episodes) >= 4, "long enough for episodes to end"
    assert episodes == sorted(set(episodes))
    assert traced_episodes(job) == [each - 1 for each in episodes]
    rows = read_iterations(job.folder.training_iterations)
    assert [row.iteration for row in rows] == list(range(1, 26))
    assert sum(row.episodes for row in rows) == len(episodes)
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
    Training.open(job, resume=False, stop_requested=stop).run(reports.append)
    assert [r.iteration for r in reports] == [last_checkpoint(job)] == [1]
    assert_usable(job)


def test_a_request_to_stop_before_the_first_step_leaves_a_usable_model(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    Training.open(job, resume=False, stop_requested=lambda: True).run(lambda _: None)
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
    with pytest.raises(DeepRacerError, match=r"became unstable.*checkpoint 2 is in"):
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
def test_the_graph_marks_the_iteration_that_checkpoint_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = []
    make_up_laps(monkeypatch, 50.0, 80.0, 60.0)
    monkeypatch.setattr(record, "draw_training", lambda *values: marked.append(values[-1].best))
    job = job_in(tmp_path, steps=24, evaluate_every=1)
    reports = run(job)
    best = max(reports, key=lambda report: report.evaluation[0].completion_percentage)
    run(job, resume=True)
    assert marked[-2:] == [best.iteration, best.iteration] == [2, 2]
    assert policy_of(job, str(marked[-1])) == policy_of(job, "best")


@pytest.mark.usefixtures("no_archive")
def test_a_better_checkpoint_before_the_break_stays_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 80.0, 60.0)
    job = job_in(tmp_path, steps=8, evaluate_every=1)
    run(job)
    run(replace(job, config=job.config.updated(steps=16)), resume=True)
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
    job = job_in(tmp_path, more_tracks=("Oval_track",), num_cars=3, horizon=40, steps=240)
    assert run(job)[-1].steps == 240
    folder = job.folder.simtraces
    first, other = (list(each.glob("*.csv")) for each in (folder, folder / "Oval_track"))
    lengths = [
        {np.round(read_simtrace(path)["track_len"][0]) for path in at} for at in (first, other)
    ]
    assert lengths == [{18.0}, {20.0}]
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
    training = Training.open(
        job_in(tmp_path, steps=0, evaluate_every=1, stop_after=1), resume=False
    )
    training.run(lambda _: None)
    assert training.row is not None
    assert training.row.is_clean


@pytest.mark.usefixtures("no_archive")
def test_fast_laps_are_the_best_only_with_a_clean_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_up_laps(monkeypatch, 100.0, 100.0, 100.0, 90.0)
    job = job_in(tmp_path, steps=16, evaluate_every=1, best_by="laptime")
    training = Training.open(job, resume=False)
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
    Training.open(job, resume=False).run(shown.append)
    remarks = [each for each in shown if isinstance(each, str)]
    assert "(15% of --minutes) and drove too few clean laps to give lessons" in remarks[-1]


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
    def record(laps: list[Lap]) -> CheckpointRecord:
        metric, lap_time = standing(laps, best_by)
        return CheckpointRecord(Checkpoint(1, 1), 0.0, metric, lap_time=lap_time)

    assert beats(record(better), record(worse))
    assert not beats(record(worse), record(better))
    written = record(better)
    assert 0.0 <= written.avg_eval_metric <= 100.0, "a number that means something"


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
        Training.open(job, resume=False)
    assert {path: path.stat().st_mtime_ns for path in job.folder.path.rglob("*")} == before


def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    sac = replace(
        METADATA, action_space=ContinuousActionSpace(-1, 1, 1, 2), training_algorithm="sac"
    )
    jobs = {
        "training_algorithm must be clipped_ppo": replace(job, metadata=sac),
        "unknown track": replace(job, config=CONFIG.updated(track="nowhere")),
        "car_version": replace(job, metadata=replace(METADATA, car_version=2)),
    }
    for message, broken in jobs.items():
        with pytest.raises(DeepRacerError, match=message):
            Training.open(broken, resume=False)
        assert not job.folder.path.exists()


def test_a_folder_without_a_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model to resume: .* is not there"):
        Training.open(job_in(tmp_path), resume=True)
    assert not job_in(tmp_path).folder.path.exists()


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_a_training_says_what_ended_it(tmp_path: Path) -> None:
    training = Training.open(job_in(tmp_path / "steps", steps=8), resume=False)
    assert not training.has_learnt
    training.run(lambda _: None)
    assert training.has_learnt
    assert training.ended_by.startswith("ended: 8 steps were asked for; go on: deepracer-fast ")
    assert training.ended_by.endswith("/model folder' --resume --steps 16"), "a whole command"
    training = Training.open(job_in(tmp_path / "minutes", steps=0, minutes=1e-6), resume=False)
    training.run(lambda _: None)
    assert "minutes are over" in training.ended_by
    assert training.ended_by.endswith("--resume --minutes 1e-06")
    training = Training.open(job_in(tmp_path / "stopped"), False, stop_requested=lambda: True)
    training.run(lambda _: None)
    assert "asked to stop" in training.ended_by
