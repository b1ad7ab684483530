"""Weights on disk: a nested parameter tree in one safetensors file.

In and out: nested dictionaries of arrays, whose leaves are named in the file by their path, as in
``network_1/FRONT_FACING_CAMERA/Conv2d_0/kernel``: the variable names of the original's checkpoints
below ``main_level/agent/main/online/``. The format holds numbers only, so that opening somebody
else's checkpoint cannot run code. ``check_weights`` is the door at which every foreign tree of
weights is checked. Neighbours: the trainer writes, ``model.py`` reads.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from deepracer_fast.checks.arrays import array
from deepracer_fast.checks.file_reading import read_bytes, refusing
from deepracer_fast.checks.values import instance, mapping, path_of
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_bytes
from deepracer_fast.policy.networks import NetworkSpec, Params, init_policy

MAX_WEIGHTS_BYTES = 1 << 31
"""Of a file; the largest, a learner with two networks and their moments, has 1.4 GB."""

MAX_HEADER_BYTES = 1 << 20
"""Names and shapes in it; ours have some 10 kB."""

MAX_DEPTH = 16
"""Parts of a name, of which ours have at most 6."""

_LENGTH_BYTES = 8  # a safetensors file begins with the length of its header


def flatten_tree(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Names every array of a nested dictionary by its path, joined with ``/``, in sorted order."""
    flat: dict[str, np.ndarray] = {}
    for key in sorted(mapping("a tree of parameters", tree, ArchiveError)):
        value = tree[key]
        if isinstance(value, Mapping):
            flat.update({f"{key}/{path}": leaf for path, leaf in flatten_tree(value).items()})
        else:
            flat[key] = array(key, value, ArchiveError)
    return flat


def unflatten_tree(flat: Mapping[str, np.ndarray]) -> Params:
    """The nested dictionary that ``flatten_tree`` named.

    Raises:
        ArchiveError: one name is both an array and a folder of arrays, or has too many parts.
    """
    tree: Params = {}
    for path, leaf in flat.items():
        *folders, name = path.split("/")
        if len(folders) > MAX_DEPTH:
            raise ArchiveError(
                f"tensor names must have at most {MAX_DEPTH + 1} parts, found "
                f"{len(folders) + 1} in {path[:60]!r}"
            )
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
            if not isinstance(node, dict):
                raise ArchiveError(f"tensor names clash: {path!r} lies below another tensor")
        if name in node:
            raise ArchiveError(f"tensor names clash: {path!r} is also a folder of tensors")
        node[name] = leaf
    return tree


def save_weights(path: str | Path, tree: Mapping[str, Any]) -> None:
    """Writes a nested dictionary of arrays (NumPy or JAX) as safetensors, atomically.

    Equal arrays give equal bytes.

    Raises:
        ArchiveError: the file cannot be written.
    """
    # safetensors stores the buffer as it lies in memory, whatever the strides say.
    flat = {name: np.require(leaf, requirements="C") for name, leaf in flatten_tree(tree).items()}
    try:
        atomic_write_bytes(path, safetensors.numpy.save(flat))
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be written: {error.strerror}") from error


def load_weights(path: str | Path, most: int = MAX_WEIGHTS_BYTES) -> Params:
    """Reads the nested dictionary of arrays that ``save_weights`` wrote, of at most so many bytes.

    Raises:
        ArchiveError: the file cannot be read, or is no whole safetensors file.
    """
    path = path_of("the path of weights", path, ArchiveError)
    content = read_bytes(path, ArchiveError, most)
    header = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if MAX_HEADER_BYTES < header <= len(content):
        raise ArchiveError(
            f"{path}: must have a header of at most {MAX_HEADER_BYTES:,} bytes, found {header:,}"
        )
    with refusing(str(path), "not a safetensors file, or cut short", ArchiveError):
        try:
            flat = safetensors.numpy.load(content)
        except safetensors.SafetensorError as error:
            raise ValueError(str(error)) from None
    try:
        return unflatten_tree(flat)
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from error


def policy_in(path: Path, most: int = MAX_WEIGHTS_BYTES) -> Params:
    """The policy's parameters in a checkpoint's file of at most so many bytes, unchecked.

    Raises:
        ArchiveError: the file cannot be read, or holds none.
    """
    policy = load_weights(path, most).get("network_1")
    if not isinstance(policy, dict):
        raise ArchiveError(f"{path}: holds no tensors below network_1, hence no policy")
    return policy


def most_of_checkpoint(spec: NetworkSpec) -> int:
    """Bytes that a checkpoint of a policy may have: as float64, and a value network beside it."""
    values = sum(math.prod(shape) for shape in policy_shapes(spec).values())
    return 2 * 8 * values + MAX_HEADER_BYTES


@lru_cache
def policy_shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    """Path and shape of every parameter of a policy, as ``flatten_tree`` names them."""
    tree = jax.eval_shape(lambda: init_policy(spec, jax.random.key(0)))
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(step.key for step in path): leaf.shape for path, leaf in leaves}


def check_weights(spec: NetworkSpec, tree: Mapping[str, Any], source: str) -> None:
    """Checks that a tree holds a policy's parameters, no others, and only finite floats.

    Raises:
        ArchiveError: a parameter is missing, unknown, of another shape, or not finite; it names
            ``source``, normally the file's path.
    """
    instance("spec", spec, NetworkSpec, ArchiveError, "network_spec")
    expected, found = policy_shapes(spec), flatten_tree(tree)
    network = f"{spec.neural_network} on {', '.join(name for name, _ in spec.sensors)}"
    for name in sorted(expected.keys() ^ found.keys()):
        problem = "lacks the parameter" if name in expected else "has the unknown parameter"
        raise ArchiveError(f"{source}: {problem} {name!r}; expected those of {network}")
    for name, leaf in found.items():
        if leaf.shape != expected[name]:
            raise ArchiveError(
                f"{source}: {name} must have shape {expected[name]} in {network}, got {leaf.shape}"
            )
        if leaf.dtype.kind != "f":
            raise ArchiveError(f"{source}: {name} must hold floats, got {leaf.dtype}")
        with np.errstate(over="ignore"):
            leaf = leaf.astype(np.float32, copy=False)
        if not np.isfinite(leaf).all():
            raise ArchiveError(f"{source}: {name} holds values that are not finite numbers")
