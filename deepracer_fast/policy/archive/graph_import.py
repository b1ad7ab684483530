"""Reads the policy out of a frozen graph: genuine ones of any age, and ours.

In: the bytes of a ``GraphDef``. Out: which network it is and its parameter tree. Variables are
found by their names, which have not changed since TensorFlow 1.11; the network follows from their
shapes. Because the policy is then computed by ``networks.py`` and not by the graph, the graph's
operations are checked to be that network's: what would compute something else is refused.

Neighbours: ``model_archive.py`` hands over the bytes, ``model.py`` runs the policy.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from deepracer_fast.checks.file_reading import PARSER_FAULTS
from deepracer_fast.errors import ArchiveError
from deepracer_fast.policy.archive.frozen_graph import (
    LIDAR_SCALE,
    OUTPUT_NAME,
    PICTURE_SCALE,
    POLICY_SCOPE,
)
from deepracer_fast.policy.archive.graph_bytes import MAX_GRAPH_BYTES, check_graph_size
from deepracer_fast.policy.archive.messages import DT_FLOAT, GraphDef, Node
from deepracer_fast.policy.archive.weights import check_weights, policy_shapes, unflatten_tree
from deepracer_fast.policy.networks import (
    ARCHITECTURES,
    PICTURE_HEIGHT,
    PICTURE_WIDTH,
    NetworkSpec,
    Params,
    picture_layers,
)

_VARIABLE = re.compile(re.escape(POLICY_SCOPE) + r"/(.+/(?:kernel|bias))")
# A weight may be stored as one repeated value, so that its size has to be limited by its shape: the
# largest genuine policy (two cameras, 5 convolutions, [112000, 512]) has 58 million values.
_MAX_VALUES = MAX_GRAPH_BYTES // 4
_MAX_SENSORS = 4  # a camera and a lidar; more would only take time to be refused
_LOG_STD = "ppo_head_0/policy_log_std"  # not an ancestor of the output, hence never in a graph

_ARITHMETIC = {"BiasAdd", "Conv2D", "Identity", "MatMul", "RealDiv", "Relu", "Softmax", "Sub"}
# What only moves numbers, finds shapes, or is part of the gradient detour before the head
# (rl_coach general_network.py), which is an identity in inference.
_PLUMBING = {
    "Add", "AddV2", "Concat", "ConcatV2", "Const", "ExpandDims", "Gather", "GatherV2", "ListDiff",
    "Mul", "Pack", "Placeholder", "Prod", "Range", "Reshape", "Shape", "Squeeze", "StopGradient",
    "StridedSlice", "Transpose",
}  # fmt: skip


def read_frozen_graph(
    data: bytes, source: str, check: Callable[[NetworkSpec], None] | None = None
) -> tuple[NetworkSpec, Params]:
    """Reads a policy from a frozen graph.

    Args:
        data: a binary ``GraphDef``.
        source: what messages call it, normally the file's path.
        check: is told which network it is before any weight is made, and raises if it is another
            one than wanted.

    Returns:
        the network, and its parameter tree of float32 NumPy arrays. A continuous policy's
        ``policy_log_std`` is not in a frozen graph and comes as zeros, its value before training.

    Raises:
        ArchiveError: the bytes are no such graph; one line with the reason.
    """
    nodes = _parse(data, source)
    used = _ancestors(nodes, source)
    variables = {
        match[1]: node
        for node in used
        if node.op == "Const" and (match := _VARIABLE.fullmatch(node.name))
    }
    spec = _identify({path: _shape(node) for path, node in variables.items()}, source)
    if check is not None:
        check(spec)
    _check_operations(spec, used, source)
    flat = {path: _float_values(node, source) for path, node in variables.items()}
    if spec.continuous:
        flat[_LOG_STD] = np.zeros(policy_shapes(spec)[_LOG_STD], np.float32)
    params = unflatten_tree(flat)
    check_weights(spec, params, source)
    return spec, params


def _parse(data: bytes, source: str) -> dict[str, Node]:
    check_graph_size(data, source)
    graph = GraphDef()
    try:
        graph.ParseFromString(data)
    except (DecodeError, *PARSER_FAULTS) as error:
        raise ArchiveError(
            f"{source}: not a frozen graph, or cut short; export the model again"
        ) from error
    nodes = {node.name: node for node in graph.node}
    if OUTPUT_NAME in nodes:
        return nodes
    if any("/sac_policy_head_0/" in name for name in nodes):
        raise ArchiveError(f"{source}: is a SAC policy; only clipped_ppo policies can be read")
    raise ArchiveError(
        f"{source}: not a DeepRacer policy: of {len(nodes)} nodes none is {OUTPUT_NAME}"
    )


def _ancestors(nodes: Mapping[str, Node], source: str) -> list[Node]:
    """The output and all that it is computed from; other nodes of the graph do not matter."""
    pending, seen = [OUTPUT_NAME], {OUTPUT_NAME}
    while pending:
        for reference in nodes[pending.pop()].input:
            name = reference.lstrip("^").split(":")[0]
            if name not in nodes:
                raise ArchiveError(f"{source}: refers to the node {name!r}, which is missing")
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return [node for name, node in nodes.items() if name in seen]


def _identify(shapes: Mapping[str, tuple[int, ...]], source: str) -> NetworkSpec:
    """The network whose parameters have exactly these names and shapes."""
    total = 0
    for path, shape in shapes.items():
        total += math.prod(shape)
        if min(shape, default=0) < 1 or total > _MAX_VALUES:
            raise ArchiveError(f"{source}: {path} has the impossible shape {shape}")
    continuous = "ppo_head_0/policy_mean/bias" in shapes
    head = shapes.get(f"ppo_head_0/{'policy_mean' if continuous else 'policy_fc'}/bias", ())
    scopes = {path.split("/")[0] for path in shapes} - {"middleware_fc_embedder", "ppo_head_0"}
    sensors = tuple((name, _sensor_shape(name, shapes)) for name in sorted(scopes))
    is_known = 1 <= len(sensors) <= _MAX_SENSORS and all(shape for _, shape in sensors)
    if len(head) == 1 and is_known:
        for neural_network in ARCHITECTURES:
            spec = NetworkSpec(sensors, neural_network, head[0], continuous)
            expected = {k: v for k, v in policy_shapes(spec).items() if k != _LOG_STD}
            if expected == shapes:
                return spec
    brief = ", ".join(f"{path} {shape}" for path, shape in sorted(shapes.items())[:3])
    raise ArchiveError(
        f"{source}: its {len(shapes)} weights ({brief or 'none'}{', ...' if brief else ''}) "
        f"fit none of {', '.join(ARCHITECTURES)}"
    )


def _sensor_shape(sensor: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Shape of one observation, from the first kernel; ``()`` where there is none."""
    if len(kernel := shapes.get(f"{sensor}/Conv2d_0/kernel", ())) == 4:
        return (PICTURE_HEIGHT, PICTURE_WIDTH, kernel[2])
    return shapes.get(f"{sensor}/Dense_0/kernel", ())[:1]


def _check_operations(spec: NetworkSpec, used: list[Node], source: str) -> None:
    """Refuses a graph that has the right weights but does something else with them."""
    counts = Counter(node.op for node in used)
    if foreign := sorted(counts.keys() - _ARITHMETIC - _PLUMBING):
        raise ArchiveError(f"{source}: has operations of no DeepRacer policy: {', '.join(foreign)}")
    num_layers = sum(path.endswith("/kernel") for path in policy_shapes(spec))
    for op, expected in (("BiasAdd", num_layers), ("Relu", num_layers - 1)):
        if counts[op] != expected:
            raise ArchiveError(f"{source}: must have {expected} {op} nodes, has {counts[op]}")
    if counts["Softmax"] != (0 if spec.continuous else 1):
        raise ArchiveError(
            f"{source}: must end in {'the mean' if spec.continuous else 'one Softmax'}, "
            f"has {counts['Softmax']} Softmax nodes"
        )
    by_name = {node.name: node for node in used}
    for sensor, shape in spec.sensors:
        scale = PICTURE_SCALE if len(shape) == 3 else LIDAR_SCALE
        _check_scale(by_name, sensor, scale, source)
        if len(shape) == 3:
            _check_convolutions(by_name, spec, sensor, source)


def _check_scale(nodes: Mapping[str, Node], sensor: str, scale: float, source: str) -> None:
    """Pictures are divided by 255 in the graph itself, lidar readings by 1 or not at all."""
    divisor = nodes.get(f"{POLICY_SCOPE}/{sensor}/truediv/y")
    if divisor is not None and math.prod(_shape(divisor)) != 1:
        raise ArchiveError(
            f"{source}: {divisor.name} must be a number, has shape {_shape(divisor)}"
        )
    found = 1.0 if divisor is None else float(_float_values(divisor, source).ravel()[0])
    if found != scale:
        raise ArchiveError(f"{source}: must divide {sensor} by {scale:g}, divides by {found:g}")


def _check_convolutions(
    nodes: Mapping[str, Node], spec: NetworkSpec, sensor: str, source: str
) -> None:
    for index, layer in enumerate(picture_layers(spec, sensor)):
        if layer.per_pixel_dense:
            continue
        name = f"{POLICY_SCOPE}/{sensor}/{layer.name(index)}/Conv2D"
        if name not in nodes:
            raise ArchiveError(f"{source}: lacks the convolution {name}")
        attributes = nodes[name].attr
        strides = list(attributes["strides"].list.i)
        padding = attributes["padding"].s.decode("ascii", "replace")
        if strides != [1, layer.stride, layer.stride, 1] or padding != "VALID":
            raise ArchiveError(
                f"{source}: {name} must have stride {layer.stride} and VALID padding, "
                f"found strides {strides} and {padding or 'no'} padding"
            )


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(dim.size for dim in node.attr["value"].tensor.tensor_shape.dim)


def _float_values(node: Node, source: str) -> np.ndarray:
    """A float32 constant's array, from either of the two ways a ``TensorProto`` stores it."""
    tensor, shape = node.attr["value"].tensor, _shape(node)
    count = math.prod(shape)
    if tensor.dtype != DT_FLOAT:
        raise ArchiveError(f"{source}: {node.name} must be float32, is data type {tensor.dtype}")
    if content := tensor.tensor_content:
        if len(content) != 4 * count:
            raise ArchiveError(
                f"{source}: {node.name} of shape {shape} must have {4 * count} bytes, "
                f"has {len(content)}"
            )
        return np.frombuffer(content, "<f4").astype(np.float32, copy=False).reshape(shape)
    # A list shorter than the array repeats its last value; an empty list means zeros
    # (tensorflow/core/framework/tensor.proto, tensor.cc).
    given = len(tensor.float_val)
    if given > count:
        raise ArchiveError(
            f"{source}: {node.name} of shape {shape} must have at most {count} values, has {given}"
        )
    values = np.full(count, tensor.float_val[-1] if given else 0.0, np.float32)
    values[:given] = np.fromiter(tensor.float_val, np.float32, given)
    return values.reshape(shape)
