"""Cloning: a new training that begins with the policy of a trained model.

In: the new model's metadata and any form of a model that ``load_model`` reads. Out: the policy's
parameters, or a refusal that says what differs. As in the original the sensors, the network and
the number of actions must be the same, and so must the frames in a stack, while what the actions
command may differ, and neither optimiser state nor value function is taken over. Neighbours:
``model`` reads, ``learner`` goes on.
"""

from __future__ import annotations

from pathlib import Path

from deepracer_fast.errors import ConfigError
from deepracer_fast.model import load_model
from deepracer_fast.model_metadata import ModelMetadata
from deepracer_fast.networks import NetworkSpec, Params, network_spec


def cloned_policy(metadata: ModelMetadata, source: str | Path, checkpoint: str = "best") -> Params:
    """The policy of a trained model, for a new model with that metadata.

    Args:
        metadata: the new model's.
        source: an archive, a frozen graph, a checkpoint or a folder, see ``load_model``.
        checkpoint: "best" or "last" of a folder.

    Raises:
        ConfigError: the two models' networks differ.
        DeepRacerError: the source cannot be read.
    """
    model = load_model(source, checkpoint)
    wanted, found = network_spec(metadata), model.spec
    for what, asked, has in (
        ("frame_stack", metadata.frame_stack, model.metadata.frame_stack),
        ("sensors", _sensors(wanted), _sensors(found)),
        ("neural_network", wanted.neural_network, found.neural_network),
        ("action space", _actions(wanted), _actions(found)),
    ):
        if asked != has:
            raise ConfigError(
                f"{source}: a clone keeps the {what} of its model, which has {has}, "
                f"got {asked}; clone with the model's own model_metadata.json or train a new one"
            )
    return model.params


def _sensors(spec: NetworkSpec) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in spec.sensors)


def _actions(spec: NetworkSpec) -> str:
    return "continuous actions" if spec.continuous else f"{spec.num_actions} actions"
