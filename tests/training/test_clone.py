"""Promises of cloning: the same policy at the start, or a refusal that says why not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.files.action_words import in_words
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.archive.weights import save_weights
from deepracer_fast.policy.networks import init_policy, network_spec
from deepracer_fast.training.clone import read_parent, refuse_another_network
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.inputs import TrainingFiles, inheritance, new_job, tracks_of
from deepracer_fast.world.race_config import RaceConfig

METADATA = ModelMetadata(
    discrete_grid(30.0, 5, 1.0, 3), neural_network="DEEP_CONVOLUTIONAL_NETWORK_DEEP"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "model_metadata.json").write_text(METADATA.to_json())
    policy = init_policy(network_spec(METADATA), jax.random.key(7))
    save_weights(folder / "policy.safetensors", {"network_1": policy})
    return folder


def leaves(tree: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def test_a_clone_begins_with_the_policy_of_its_model(model: Path) -> None:
    learner = Learner(LearnerOptions(network_spec(METADATA), Hyperparameters(), seed=1))
    learner.begin_with(read_parent(model).model.params)
    assert leaves(learner.policy) == leaves(init_policy(network_spec(METADATA), jax.random.key(7)))


def test_what_the_actions_command_may_differ(model: Path) -> None:
    faster = replace(METADATA, action_space=discrete_grid(20.0, 5, 3.0, 3))
    refuse_another_network(faster, read_parent(model))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action_space": discrete_grid(30.0, 5, 1.0, 2)}, "which has 15 actions, got 10 actions"),
        ({"action_space": ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)}, "got continuous actions"),
        ({"frame_stack": 3}, "keeps the frame_stack of its model, which has 1, got 3"),
        ({"sensors": ("STEREO_CAMERAS",)}, "keeps the sensors .* got STEREO_CAMERAS 120x160x2"),
        ({"neural_network": "DEEP_CONVOLUTIONAL_NETWORK"}, "keeps the neural_network"),
    ],
)
def test_another_network_is_refused(model: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        refuse_another_network(replace(METADATA, **change), read_parent(model))


REWARD = "def reward_function(params):\n    return params['speed']\n"


@pytest.fixture
def trained(model: Path, tmp_path: Path) -> ModelFolder:
    """A folder as a training leaves it, called swift, with settings of its own."""
    folder = ModelFolder(tmp_path / "swift")
    shutil.copytree(model, folder.path)
    settings = TrainConfig().updated(
        track="Bowtie_track", more_tracks=("Oval_track",), minutes=3.0, seed=9, num_cars=8
    )
    race = RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=2)
    folder.config.write_text(settings.updated(race=race).to_toml())
    folder.training_params.write_text('WORLD_NAME: "Bowtie_track"\n')
    folder.reward_function.write_text(REWARD)
    folder.hyperparameters.parent.mkdir()
    folder.hyperparameters.write_text('{"lr": 0.001}')
    return folder


def test_a_clone_has_all_that_its_parent_was_trained_with(trained: ModelFolder) -> None:
    job = new_job(TrainingFiles(pretrained=trained.path), {})
    assert job.config.course.tracks == ("Bowtie_track", "Oval_track")
    assert (job.config.race.race_type, job.config.collection.num_cars) == ("OBJECT_AVOIDANCE", 8)
    assert (job.config.budget.minutes, job.config.seed) == (20.0, 0), "these are of a run"
    assert (job.reward.source, job.hyperparameters.lr) == (REWARD, 0.001)
    assert job.metadata == METADATA
    assert job.parent and job.parent.record == {"name": "swift", "checkpoint": "best"}
    lines = list(inheritance(job, job.parent))
    assert lines[0] == f"clone of swift, checkpoint best ({trained.path})"
    assert all(line.endswith("(inherited)") for line in lines[1:-1])
    assert lines[-1].split("  ")[-1] == " after 1 evaluation with clean laps only, or after 20 min"


def test_other_actions_than_the_parents_are_warned_of(trained: ModelFolder) -> None:
    job = new_job(TrainingFiles(pretrained=trained.path, speed="3:3"), {})
    assert job.parent
    warning = list(inheritance(job, job.parent))[-1]
    own = in_words(job.parent.model.metadata.action_space)
    assert warning.startswith(f"warning: swift learnt other actions ({own})")


def test_what_is_given_goes_before_what_is_inherited(trained: ModelFolder, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("num_cars = 4\n[race]\nnumber_of_obstacles = 3\n")
    files = TrainingFiles(reward=Path("progress"), config=config, pretrained=trained.path)
    job = new_job(files, {"track": "oval", "more_tracks": (), "stop_after": 0})
    assert job.config.course.tracks == ("Oval_track",)
    race = job.config.race
    assert (race.race_type, race.number_of_obstacles) == ("OBJECT_AVOIDANCE", 3)
    assert (job.config.collection.num_cars, job.reward.name) == (4, "progress.py")
    assert job.hyperparameters.lr == 0.001
    assert job.parent
    lines = list(inheritance(job, job.parent))
    assert lines.pop().split() == ["stop", "after", "all", "its", "20", "min"]
    origins = {line.split()[0]: line.split("(")[-1].rstrip(")") for line in lines[1:]}
    assert origins == {
        "tracks": "given",
        "reward": "given",
        "race": "given",
        "hyperparameters": "inherited",
        "actions": "inherited",
    }


def test_of_the_hyperparameters_those_that_were_given_are_marked(
    trained: ModelFolder, tmp_path: Path
) -> None:
    given = tmp_path / "given.json"
    given.write_text('{"lr": 0.002, "num_episodes_between_training": 7}')
    job = new_job(TrainingFiles(hyperparameters=given, pretrained=trained.path), {})
    assert job.parent
    (line,) = (line for line in inheritance(job, job.parent) if line.split()[0].startswith("hyper"))
    assert line == (
        "  hyperparameters  lr 0.002 (changed), batch_size 64, num_epochs 10, "
        "discount_factor 0.99, num_episodes_between_training 7 (changed)  (the rest inherited)"
    )


def test_a_file_in_a_model_folder_is_of_that_model(trained: ModelFolder) -> None:
    job = new_job(TrainingFiles(pretrained=trained.path / "policy.safetensors"), {})
    assert job.config.course.tracks[0] == "Bowtie_track"


def test_a_model_alone_has_its_actions_only(model: Path, tmp_path: Path) -> None:
    for name in ("policy.safetensors", "model_metadata.json"):
        shutil.copy(model / name, tmp_path)
    (tmp_path / "reward_function.py").write_text(REWARD)  # somebody's, in the same downloads
    job = new_job(TrainingFiles(pretrained=tmp_path / "policy.safetensors"), {})
    assert (job.config.course.tracks[0], job.reward.name) == (
        "reinvent_base",
        "follow_center_line.py",
    )
    assert job.parent
    origins = [line.split("(")[-1] for line in inheritance(job, job.parent)]
    assert origins[1:] == ["not inherited)"] * 4 + ["inherited)", origins[-1]]


@pytest.mark.parametrize(
    ("lines", "track", "race_type"),
    [
        ("WORLD_NAME: Oval_track\nRACE_TYPE: OBJECT_AVOIDANCE\n", "Oval_track", "OBJECT_AVOIDANCE"),
        (
            "WORLD_NAME: '2022_reinvent_champ'\nTRACK_DIRECTION_CLOCKWISE: false\n",
            "2022_reinvent_champ_ccw",
            "TIME_TRIAL",
        ),
        (
            "WORLD_NAME: Oval_track\nTRACK_DIRECTION_CLOCKWISE: true\n",
            "Oval_track, clockwise",
            "TIME_TRIAL",
        ),
        ("WORLD_NAME: nowhere\n", "reinvent_base", "TIME_TRIAL"),
        ("WORLD_NAME: Oval_track\nRACE_TYPE: HEAD_TO_MODEL\n", "Oval_track", "TIME_TRIAL"),
    ],
)
def test_a_folder_of_the_original_says_where_it_was_trained(
    lines: str, track: str, race_type: str, trained: ModelFolder
) -> None:
    trained.config.unlink()
    trained.training_params.write_text(lines)
    config = new_job(TrainingFiles(pretrained=trained.path), {}).config
    assert (tracks_of(config), config.race.race_type) == (track, race_type)


def test_a_clones_folder_names_its_parent(trained: ModelFolder, tmp_path: Path) -> None:
    parent = read_parent(trained.path)
    child = ModelFolder(tmp_path / "child")
    child.path.mkdir()
    child.put_mark(parent.record)
    assert child.is_clone()
    assert json.loads(child.mark.read_text())["parent"]["name"] == "swift"
