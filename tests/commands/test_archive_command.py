"""Promises of ``deepracer-fast archive``, and of choosing a checkpoint."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
from command_line import CommandLine

from deepracer_fast.files.action_space import discrete_grid
from deepracer_fast.files.checkpoint_ranking import Checkpoint, CheckpointRecord
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.policy.archive.weights import flatten_tree
from deepracer_fast.policy.model import load_model
from deepracer_fast.policy.networks import init_policy, network_spec

METADATA = ModelMetadata(discrete_grid(30.0, 3, 1.0, 1))


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """Runs the command where a model called swift lies, with checkpoints 1, 2 (best) and 3."""
    monkeypatch.chdir(tmp_path)
    folder = ModelFolder(Path("models/swift"))
    folder.store.mkdir(parents=True)
    folder.model_metadata.write_text(METADATA.to_json())
    saved = [Checkpoint(number, 100 * number) for number in (1, 2, 3)]
    for each in saved:
        policy = init_policy(network_spec(METADATA), jax.random.key(each.iteration))
        weights = safetensors.numpy.save(flatten_tree({"network_1": policy}))
        folder.save_weights(each, weights)
    folder.record_checkpoints(*(CheckpointRecord(saved[place], 1.0, 50.0) for place in (2, 1)))
    return CommandLine(monkeypatch, capsys)


def policy_of(path: str, checkpoint: str | int = "best") -> list[bytes]:
    return [np.asarray(w).tobytes() for w in jax.tree.leaves(load_model(path, checkpoint).params)]


@pytest.mark.parametrize(
    ("options", "file", "checkpoint"),
    [
        ((), "swift.tar.gz", 2),
        (("--checkpoint", "last"), "swift-last.tar.gz", 3),
        (("--checkpoint", "1"), "swift-1.tar.gz", 1),
        (("--checkpoint", "1", "--output", "fast.tar.gz"), "fast.tar.gz", 1),
    ],
)
def test_any_checkpoint_becomes_an_archive(
    options: tuple[str, ...], file: str, checkpoint: int, run: CommandLine
) -> None:
    answer = run("archive", "models/swift", *options)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith(f"model archive  {file}  (")
    assert policy_of(file) == policy_of("models/swift", checkpoint)
    assert load_model(file).metadata == METADATA


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--checkpoint", "7"), "no checkpoint of iteration 7; those that are kept are 1, 2, 3"),
        (("--checkpoint", "first"), 'must be "best", "last" or the number of a kept iteration'),
        (("--output", "x.zip"), "--output must end in .tar.gz"),
    ],
)
def test_what_cannot_be_archived_is_one_line(
    arguments: tuple[str, ...], words: str, run: CommandLine
) -> None:
    answer = run("archive", "models/swift", *arguments)
    assert (answer.status, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert words in answer.err
    assert not list(Path().glob("*.tar.gz"))


def test_what_no_car_can_drive_has_no_archive(run: CommandLine) -> None:
    folder = ModelFolder(Path("models/swift"))
    state = json.loads(METADATA.to_json()) | {"frame_stack": 2}
    folder.model_metadata.write_text(json.dumps(state))
    policy = init_policy(
        network_spec(ModelMetadata(METADATA.action_space, frame_stack=2)), jax.random.key(0)
    )
    folder.save_weights(
        Checkpoint(2, 200), safetensors.numpy.save(flatten_tree({"network_1": policy}))
    )
    answer = run("archive", "models/swift")
    assert "no car can drive a policy that reads 2 frames at once" in answer.err
