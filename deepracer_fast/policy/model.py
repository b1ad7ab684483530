"""A trained policy that can be run: loaded from any form in which a model is kept.

In: an archive, a frozen graph, a checkpoint, or a model folder, ours or the original's.
Out: ``Model``, which answers observations with probabilities or with commands for the car.
Neighbours: ``archive/`` reads the files; the simulator gives the observations and takes the
commands.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.file_reading import read_bytes
from deepracer_fast.checks.values import path_of, refuse, shown
from deepracer_fast.errors import ArchiveError, DeepRacerError
from deepracer_fast.files.chosen_checkpoint import checkpoint_word, find_in_folder, find_metadata
from deepracer_fast.files.model_folder import MODELS, ModelFolder
from deepracer_fast.files.model_metadata import METADATA_NAME, ModelMetadata, read_model_metadata
from deepracer_fast.policy.archive.graph_bytes import MAX_GRAPH_BYTES
from deepracer_fast.policy.archive.graph_import import read_frozen_graph
from deepracer_fast.policy.archive.model_archive import read_model_archive
from deepracer_fast.policy.archive.weights import (
    check_weights,
    most_of_checkpoint,
    policy_in,
    policy_shapes,
)
from deepracer_fast.policy.mending import mend_if_free
from deepracer_fast.policy.networks import (
    NetworkSpec,
    Params,
    exact_implementation,
    network_spec,
    policy_logits,
)
from deepracer_fast.renamed import keeps_old_members

Observation = Mapping[str, ArrayLike] | ArrayLike


@keeps_old_members
@dataclass(frozen=True, eq=False)
class Model:
    """A policy with the metadata that says what it sees and what its answers mean.

    Attributes:
        metadata: sensors and action space.
        spec: its network.
        params: the network's parameter tree, float32.
    """

    metadata: ModelMetadata
    spec: NetworkSpec
    params: Params = field(repr=False)

    def probabilities(self, observation: Observation) -> NDArray[np.float32]:
        """How likely each action of a discrete action space is.

        Args:
            observation: by sensor, uint8 ``[B, 120, 160, C]`` for a camera and floats ``[B, n]``
                for a lidar; a model with one sensor also takes the array alone.

        Returns:
            ``[B, A]`` float32, in the order of the action space; each row adds up to 1.

        Raises:
            DeepRacerError: an observation of the wrong kind, or a continuous action space.
        """
        if self.spec.continuous:
            raise DeepRacerError(
                "a model with a continuous action space has no probabilities; use act()"
            )
        return self.output(observation)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """The policy's best command for each car: its likeliest action, or its mean.

        Args:
            observation: as for ``probabilities``.

        Returns:
            ``[B, 2]`` float32: steering angle in degrees, left positive, and speed in m/s.

        Raises:
            DeepRacerError: an observation of the wrong kind.
        """
        return self.metadata.action_space.to_commands(self.best_action(observation))

    def best_action(self, observation: Observation) -> Array:
        """What ``act`` commands, in the action space's own terms.

        Returns:
            int ``[B]``, the likeliest actions, or float32 ``[B, 2]``, the means in -1..1.

        Raises:
            DeepRacerError: an observation of the wrong kind.
        """
        output = self.output(observation)
        return output if self.spec.continuous else np.argmax(output, axis=-1)

    def output(self, observation: Observation) -> NDArray[np.float32]:
        """What the frozen graph's output node would hold: softmax [B, A], or mean in -1..1 [B, 2].

        Raises:
            DeepRacerError: an observation of the wrong kind.
        """
        return np.asarray(_output(self.spec, self.params, _checked(self.spec, observation)))


def metadata_of(model: object) -> ModelMetadata:
    """The metadata of what is handed in as a model; anything that has some may stand in for one.

    Raises:
        ConfigError: it is nothing of the kind.
    """
    if not hasattr(model, "metadata"):
        raise refuse("model", "a Model (load_model makes one)", model)
    metadata: ModelMetadata = model.metadata
    return metadata


def load_model(path: str | Path, checkpoint: str | int = "best") -> Model:
    """Loads a model from whatever holds one.

    Args:
        path: an archive, ``.tar.gz``, ``.tar`` or ``.zip``; a frozen graph ``*.pb`` or a
            checkpoint ``*.safetensors`` with ``model_metadata.json`` beside it; or a folder: a
            model of ours, a copy of a training job's storage (``model/model_<id>.pb``), or an
            unpacked archive.
        checkpoint: which one of a folder: "best" or "last" of its ``deepracer_checkpoints.json``,
            or the number of an iteration. A file holds one, which is both its best and its last.

    Raises:
        ArchiveError: nothing readable is there, or it does not fit its metadata.
        MetadataError: the metadata breaks a rule.
        ConfigError: another ``checkpoint``.
    """
    word = checkpoint_word(checkpoint)
    path = path_of("the path of a model", path, ArchiveError)
    if not os.path.exists(path):  # never raises
        meant = f" (did you mean {MODELS / path}?)" if (MODELS / path).exists() else ""
        raise ArchiveError(
            f"{path}: no such file or folder{meant}; give an archive, model.pb or folder"
        )
    if path.is_dir():
        mend_if_free(ModelFolder(path))
        return _load_file(*find_in_folder(path, word))
    if word.isdigit():
        raise ArchiveError(f"{path}: is no folder, and holds one policy: leave --checkpoint out")
    if path.suffix in (".pb", ".safetensors"):
        return _load_file(path, find_metadata(path, [path.parent, path.parent.parent]))
    metadata, graph = read_model_archive(path)
    return _from_graph(metadata, graph, str(path))


def _load_file(weights: Path, metadata_path: Path) -> Model:
    """Reads a frozen graph or a checkpoint."""
    metadata = read_model_metadata(metadata_path)
    if weights.suffix == ".pb":
        graph = read_bytes(weights, ArchiveError, MAX_GRAPH_BYTES)
        return _from_graph(metadata, graph, str(weights))
    spec = network_spec(metadata)
    tree = policy_in(weights, most_of_checkpoint(spec))
    check_weights(spec, tree, str(weights))
    return Model(metadata, spec, _on_device(tree))


def _from_graph(metadata: ModelMetadata, graph: bytes, source: str) -> Model:
    if metadata.training_algorithm != "clipped_ppo":
        raise ArchiveError(
            f"{source}: was trained with {metadata.training_algorithm}; "
            "only clipped_ppo policies can be read"
        )
    told = network_spec(metadata)
    # Before any weight is made: what a graph declares is not what its bytes hold.
    _, params = read_frozen_graph(graph, source, lambda found: _check_fit(told, found, source))
    return Model(metadata, told, _on_device(params))


def _check_fit(told: NetworkSpec, found: NetworkSpec, source: str) -> None:
    """Refuses a policy whose metadata describes another one."""
    described = [
        ("sensors", told.sees, found.sees),
        ("action space", _action_kind(told), _action_kind(found)),
    ]
    # By layers, not by name: over the sensor "observation" two networks are the same.
    if policy_shapes(told) != policy_shapes(found):
        described.append(("neural_network", told.neural_network, found.neural_network))
    for what, in_metadata, in_graph in described:
        if in_metadata != in_graph:
            raise ArchiveError(
                f"{source}: {METADATA_NAME} and policy must agree on the {what}: "
                f"it says {in_metadata}, the policy has {in_graph}; pair it with its own file"
            )


def _action_kind(spec: NetworkSpec) -> str:
    return "a continuous box" if spec.continuous else f"{spec.num_actions} actions"


def _on_device(tree: Params) -> Params:
    """Copies the parameters to JAX once, not at every call."""
    copied: Params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), tree)
    return copied


def _checked(spec: NetworkSpec, observation: Observation) -> dict[str, Array]:
    """The observation as the network takes it: a dictionary of arrays of one batch size."""
    names = [name for name, _ in spec.sensors]
    if not isinstance(observation, Mapping):
        if len(names) > 1:
            raise DeepRacerError(
                f"observation must be a dictionary of {', '.join(names)}, got one array"
            )
        observation = {names[0]: observation}
    if set(observation) != set(names):
        raise DeepRacerError(
            f"observation must hold {', '.join(names)}, got {shown(list(observation))}"
        )
    arrays = {name: _checked_sensor(name, shape, observation[name]) for name, shape in spec.sensors}
    if len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise DeepRacerError(f"observation must hold as many cars for each sensor, got {sizes}")
    return arrays


def _checked_sensor(name: str, shape: tuple[int, ...], reading: ArrayLike) -> Array:
    try:
        array = np.asarray(reading)
    except Exception:  # ragged lists
        raise refuse(name, "an array", reading, DeepRacerError) from None
    if array.shape[1:] != shape or array.ndim != len(shape) + 1:
        expected = ", ".join(map(str, ("B", *shape)))
        raise DeepRacerError(f"{name} must have shape ({expected}), got {array.shape}")
    if len(shape) == 3 and array.dtype != np.uint8:
        raise DeepRacerError(f"{name} must be uint8 pictures (0 to 255), got {array.dtype}")
    if len(shape) == 1:
        if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
            raise DeepRacerError(f"{name} must hold finite floats, got {array.dtype} or a NaN")
        array = array.astype(np.float32)
    return array


@partial(jax.jit, static_argnums=0)
def _output(spec: NetworkSpec, params: Params, observation: dict[str, jax.Array]) -> jax.Array:
    """``[B, A]`` softmax or mean, in full float32, compiled once for a network and batch size."""
    # A GPU would round the factors of products to 10 bits; the answer should be the car's.
    with jax.default_matmul_precision("highest"):
        logits = policy_logits(spec, params, observation, exact_implementation())
    return logits if spec.continuous else jax.nn.softmax(logits, axis=-1)
