"""Promises of ``policy.mending``: whatever a crash left, an open folder is of a piece."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import pytest
import safetensors.numpy

from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.action_space import discrete_grid
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.policy.archive.frozen_graph import frozen_graph
from deepracer_fast.policy.archive.model_archive import read_model_archive, write_model_archive
from deepracer_fast.policy.archive.weights import flatten_tree
from deepracer_fast.policy.mending import mend, mend_if_free
from deepracer_fast.policy.model import load_model
from deepracer_fast.policy.networks import init_policy, network_spec

METADATA = ModelMetadata(discrete_grid(30.0, 3, 1.0, 1))
SPEC = network_spec(METADATA)
FIRST, SECOND = Checkpoint(1, 100), Checkpoint(2, 200)


def graph_of(checkpoint: Checkpoint) -> bytes:
    return frozen_graph(SPEC, init_policy(SPEC, jax.random.key(checkpoint.iteration)))


def save(folder: ModelFolder, checkpoint: Checkpoint) -> None:
    policy = init_policy(SPEC, jax.random.key(checkpoint.iteration))
    folder.save_graph(checkpoint, frozen_graph(SPEC, policy))
    folder.learner(checkpoint).write_bytes(b"what a resumed training needs")
    folder.save_weights(checkpoint, safetensors.numpy.save(flatten_tree({"network_1": policy})))


def record(checkpoint: Checkpoint, evaluated: bool = True) -> CheckpointRecord:
    return CheckpointRecord(checkpoint, 1.0, 50.0 * evaluated, evaluated)


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    """Two checkpoints, the second of which is the last and the best, and its archive."""
    model = ModelFolder(tmp_path / "swift")
    model.store.mkdir(parents=True)
    model.put_mark()
    model.model_metadata.write_text(METADATA.to_json())
    save(model, FIRST)
    save(model, SECOND)
    model.record_checkpoints(record(SECOND), record(SECOND))
    write_model_archive(model.archive, METADATA, graph_of(SECOND))
    return model


def archived(folder: ModelFolder) -> bytes:
    return read_model_archive(folder.archive)[1]


def test_a_whole_folder_stays_as_it_is(folder: ModelFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}
    mend_if_free(folder)
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda archive: write_model_archive(archive, METADATA, graph_of(FIRST)),
        lambda archive: archive.write_bytes(archive.read_bytes()[:1000]),
        lambda archive: archive.unlink(),
    ],
    ids=["of the previous best", "cut", "missing"],
)
def test_the_archive_is_the_bests(folder: ModelFolder, spoil: Callable[[Path], None]) -> None:
    spoil(folder.archive)
    mend_if_free(folder)
    assert archived(folder) == graph_of(SECOND)


def test_a_best_that_was_not_evaluated_is_exported_from_its_weights(folder: ModelFolder) -> None:
    folder.record_checkpoints(record(SECOND, False), record(SECOND, False))
    folder.save_graph(SECOND, graph_of(FIRST))  # of the same iteration, some steps before
    mend_if_free(folder)
    assert archived(folder) == graph_of(SECOND) == folder.graph(SECOND).read_bytes()


def test_an_index_older_than_the_files_is_that_of_the_newest_whole_one(folder: ModelFolder) -> None:
    gone = Checkpoint(7, 700)
    index = folder.checkpoint_index.read_text()
    folder.checkpoint_index.write_text(index.replace("2_Step-200", gone.name))
    folder.learner(SECOND).unlink()
    last, best = mend(folder) or (None, None)
    assert last is not None and best is not None
    assert (last.checkpoint, best.checkpoint) == (FIRST, FIRST), "the second cannot be resumed"
    assert folder.recorded_checkpoints() == (last, best)
    assert archived(folder) == graph_of(FIRST)


def test_an_archive_that_is_the_bests_keeps_its_name(folder: ModelFolder) -> None:
    folder.archive.rename(folder.path / "model.tar.gz")  # as folders had it before
    folder.mark.write_text('{"format": 1}')
    mend_if_free(folder)
    assert folder.archive.name == "model.tar.gz"
    assert archived(folder) == graph_of(SECOND)
    assert load_model(folder.archive).metadata == METADATA


def test_an_archive_is_written_anew_by_the_folders_name(folder: ModelFolder) -> None:
    folder.put_mark({"name": "fast", "checkpoint": "best"})
    moved = ModelFolder(folder.path.rename(folder.path.with_name("swifter")))
    assert moved.archive.name == "swift.tar.gz"
    write_model_archive(moved.archive, METADATA, graph_of(FIRST))  # no longer the best's
    mend_if_free(moved)
    assert [path.name for path in moved.path.glob("*.tar.gz")] == ["swifter.tar.gz"]
    assert moved.archive.name == "swifter.tar.gz"
    assert archived(moved) == graph_of(SECOND)
    assert moved.is_clone(), "the mark still says what else it said"


@pytest.mark.parametrize("told", ["../x.tar.gz", "reward_function.py", 5, ""])
def test_a_mark_can_name_nothing_but_an_archive_of_the_folder(
    told: object, folder: ModelFolder
) -> None:
    folder.mark.write_text(json.dumps({"format": 1, "archive": told}))
    assert folder.archive == folder.path / "model.tar.gz"


def test_halves_of_files_go(folder: ModelFolder) -> None:
    half = folder.store / ".3_Step-300.safetensors.0123456789ab.tmp"
    half.write_bytes(b"half")
    mend_if_free(folder)
    assert not half.exists()


def test_a_folder_that_is_being_written_is_left_alone(folder: ModelFolder) -> None:
    folder.archive.unlink()
    with ModelFolder(folder.path).lock:
        mend_if_free(folder)
    assert not folder.archive.exists()


def test_somebody_elses_folder_is_left_alone(folder: ModelFolder) -> None:
    folder.mark.unlink()
    folder.archive.unlink()
    mend_if_free(folder)
    assert not folder.archive.exists()


def test_an_index_without_any_checkpoint_is_refused(folder: ModelFolder) -> None:
    for checkpoint in folder.checkpoints():
        folder.weights(checkpoint).unlink()
    with pytest.raises(ArchiveError, match="the checkpoints that its index names are missing"):
        mend(folder)
