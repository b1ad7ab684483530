"""Promises of ``deepracer_fast.mending``: whatever a crash left, an open folder is of a piece."""

from collections.abc import Callable
from pathlib import Path

import jax
import pytest
import safetensors.numpy

from deepracer_fast.action_space import discrete_grid
from deepracer_fast.archive.frozen_graph import frozen_graph
from deepracer_fast.archive.model_archive import read_model_archive, write_model_archive
from deepracer_fast.archive.weights import flatten_tree
from deepracer_fast.errors import ArchiveError
from deepracer_fast.mending import mend, mend_if_free
from deepracer_fast.model_folder import Checkpoint, CheckpointRecord, ModelFolder
from deepracer_fast.model_metadata import ModelMetadata
from deepracer_fast.networks import init_policy, network_spec

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
    model.mark.write_text('{"format": 1}')
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
