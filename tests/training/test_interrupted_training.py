"""What a training leaves that was broken off, and who may go on with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_training import assert_usable, job_in, lap_of, last_checkpoint, run

from deepracer_fast.errors import InUseError, StorageError
from deepracer_fast.policy.model import load_model
from deepracer_fast.tracks.track import load_track
from deepracer_fast.training import checkpoints, teacher, train
from deepracer_fast.training.config import settings_of
from deepracer_fast.training.iterations import Report
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.train import Training

pytestmark = pytest.mark.usefixtures("quick_files")


@pytest.mark.usefixtures("no_laps")
def test_a_training_that_was_killed_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    job = job_in(tmp_path, steps=400)

    def killed_in_the_third(report: Report) -> None:
        if report.iteration == 3:
            raise MemoryError  # nothing is tidied up

    with pytest.raises(MemoryError):
        Training.open(job, resume=False).run(killed_in_the_third)
    assert last_checkpoint(job) == 2
    assert run(replace(job, config=job.config.updated(steps=40)), resume=True)[0].iteration == 3
    assert_usable(job)


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
        Training.open(job_in(tmp_path), resume=False)
    assert not job_in(tmp_path).folder.path.exists()


@pytest.mark.usefixtures("no_laps", "no_archive")
def test_a_folder_has_one_writer_and_readers_do_not_mind(tmp_path: Path) -> None:
    job = job_in(tmp_path, steps=8)
    first = Training.open(job, resume=False)
    before = job.folder.checkpoint_index.read_bytes()
    with pytest.raises(InUseError, match="model folder is being written by process"):
        Training.open(job_in(tmp_path), resume=True)
    load_model(job.folder.path)
    assert job.folder.checkpoint_index.read_bytes() == before
    first.run(lambda _: None)
    Training.open(job, resume=True)  # the lock went with the training


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
        Training.open(job, resume=False).run(killed_in_the_third)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [(each.checkpoint.iteration, each.evaluated) for each in records] == [(2, False)] * 2
    assert run(job_in(tmp_path, steps=32, evaluate_every=100), resume=True)[0].iteration == 3
    records = job.folder.recorded_checkpoints()
    assert records is not None and records[0].evaluated


def taught_job(path: Path, **config: Any) -> TrainingJob:
    teacher = {"enabled": True, "horizon": 4, "alone": {"num_cars": 8}}
    lessons = {"samples": 256, "teacher_drives": 128, "alone": {"num_cars": 64}}
    reward = "def reward_function(p):\n    return p['progress']"
    return job_in(path, reward, teacher=teacher, lessons=lessons, **config)


class Killed(Exception):
    """Stands for a signal that nobody can catch: nothing is tidied up."""


def broken_off(job: TrainingJob, when: Callable[[Training], bool], resume: bool = False) -> None:
    """A training that ends without another word between two steps."""
    training = Training.open(job, resume)

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
    monkeypatch.setattr(train, "SAVE_EVERY", 0.0)


@pytest.mark.usefixtures("quick_teacher", "no_laps", "no_archive")
def test_a_teacher_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    def half_way(training: Training) -> bool:
        assert training._teaching is not None and training._teaching._teacher is not None
        return training._teaching._teacher._updates == 6

    job = taught_job(tmp_path, minutes=100.0)
    broken_off(job, half_way)
    teaching_again = Training.open(taught_job(tmp_path), resume=True)._teaching
    assert teaching_again is not None and teaching_again._teacher is not None
    assert teaching_again._teacher._updates == 6
    assert teaching_again._teacher._clean_in_a_row == 10


@pytest.mark.usefixtures("quick_teacher", "no_laps", "no_archive")
def test_lessons_that_were_broken_off_go_on_from_what_was_learnt(tmp_path: Path) -> None:
    job = taught_job(tmp_path, stop_after=1, steps=0)
    broken_off(job, lambda training: training._steps == 384)
    records = job.folder.recorded_checkpoints()
    assert records is not None
    assert [(each.checkpoint.steps, each.evaluated) for each in records] == [(384, False)] * 2

    training = Training.open(taught_job(tmp_path, stop_after=1, steps=0), resume=True)
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
    found = settings_of(moved).course.tracks[0]
    assert found == str(moved / "tracks" / "mine.npy")
    np.testing.assert_array_equal(load_track(found).waypoints, track.waypoints)
    assert load_track(found).name == "mine"
