"""Promises of cloning: the same policy at the start, or a refusal that says why not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from deepracer_fast.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.archive.weights import save_weights
from deepracer_fast.clone import cloned_policy
from deepracer_fast.errors import ConfigError
from deepracer_fast.hyperparameters import Hyperparameters
from deepracer_fast.learner import Learner, LearnerOptions
from deepracer_fast.model_metadata import ModelMetadata
from deepracer_fast.networks import init_policy, network_spec

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
    learner.begin_with(cloned_policy(METADATA, model))
    assert leaves(learner.policy) == leaves(init_policy(network_spec(METADATA), jax.random.key(7)))


def test_what_the_actions_command_may_differ(model: Path) -> None:
    faster = replace(METADATA, action_space=discrete_grid(20.0, 5, 3.0, 3))
    assert leaves(cloned_policy(faster, model)) == leaves(cloned_policy(METADATA, model))


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
        cloned_policy(replace(METADATA, **change), model)
