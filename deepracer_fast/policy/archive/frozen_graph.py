"""Writes a policy as the TensorFlow 1 frozen graph that the car and the other tools load.

In: a ``NetworkSpec`` and its parameter tree. Out: the bytes of a ``GraphDef``, the same for the
same parameters. Node names are those of rl_coach's graphs (general_network.py, embedder.py,
ppo_head.py), because the car's optimizer looks the inputs up by name and reads the only output
(aws-deepracer-model-optimizer-pkg constants.py). No TensorFlow is needed: ``messages.py`` has what
is the same on the wire.

Neighbours: ``networks.py`` before it, ``model_archive.py`` after, ``graph_import.py`` reads back.
"""

from collections.abc import Sequence

import numpy as np

from deepracer_fast.policy.archive.messages import DT_FLOAT, DT_INT32, GraphDef, Node
from deepracer_fast.policy.archive.weights import check_weights, flatten_tree
from deepracer_fast.policy.networks import (
    ARCHITECTURES,
    LIDAR_LAYERS,
    NetworkSpec,
    Params,
    PictureLayer,
    picture_layers,
)

# rl_coach makes the placeholders in the value network's scope and feeds both networks from them.
INPUT_SCOPE = "main_level/agent/main/online/network_0"
POLICY_SCOPE = "main_level/agent/main/online/network_1"
OUTPUT_NAME = f"{POLICY_SCOPE}/ppo_head_0/policy"

PICTURE_SCALE = 255.0  # rl_coach base_parameters.py, input_rescaling of images
LIDAR_SCALE = 1.0


def input_name(sensor: str) -> str:
    """Name of the placeholder that takes a sensor's observation."""
    return f"{INPUT_SCOPE}/{sensor}/{sensor}"


def frozen_graph(spec: NetworkSpec, params: Params) -> bytes:
    """Serialises a policy, float32 as ``init_policy`` shapes it, as a frozen ``GraphDef``.

    The graph takes float32 observations ``[B, ...]`` by ``input_name`` (pictures 0..255, NHWC)
    and gives ``OUTPUT_NAME``: the ``[B, A]`` softmax, or the ``[B, 2]`` mean where continuous.

    Raises:
        ArchiveError: a parameter is missing, has another shape, or is not finite.
    """
    check_weights(spec, params, "the policy to export")
    graph = _GraphBuilder({name: np.asarray(leaf) for name, leaf in flatten_tree(params).items()})
    features = [graph.embedder(spec, sensor, shape) for sensor, shape in spec.sensors]
    x = graph.merge(features)
    num_layers = len(ARCHITECTURES[spec.neural_network].middleware)
    x = graph.dense_stack(x, "middleware_fc_embedder", num_layers)
    head = "ppo_head_0/policy_mean" if spec.continuous else "ppo_head_0/policy_fc"
    x = graph.dense(x, head, f"{head}/MatMul")
    graph.node(OUTPUT_NAME, "Identity" if spec.continuous else "Softmax", [x], T=DT_FLOAT)
    return graph.to_bytes()


class _GraphBuilder:
    """Appends nodes in the order they are computed; every method returns its output's name.

    Scopes and variable paths are relative to ``POLICY_SCOPE``.
    """

    def __init__(self, variables: dict[str, np.ndarray]) -> None:
        self._variables = variables
        # versions.producer stays 0, as in genuine graphs: the car's old converter wants a low one.
        self._graph = GraphDef()

    def to_bytes(self) -> bytes:
        """The graph on the wire; map entries are sorted, so that equal graphs are equal bytes."""
        content: bytes = self._graph.SerializeToString(deterministic=True)
        return content

    def node(self, name: str, op: str, inputs: Sequence[str], **attributes: object) -> str:
        """Adds one operation; an attribute's Python type chooses the protobuf field."""
        node = self._graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            _set_attribute(node, key, value)
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        """Adds a float32 or int32 constant: raw bytes, or one number as such."""
        dtype = DT_INT32 if value.dtype == np.int32 else DT_FLOAT
        self.node(name, "Const", [], dtype=dtype)
        tensor = self._graph.node[-1].attr["value"].tensor
        tensor.dtype = dtype
        for size in value.shape:
            tensor.tensor_shape.dim.add(size=size)
        # Even an empty shape: without one OpenVINO takes a scalar for a tensor without values.
        tensor.tensor_shape.SetInParent()
        if value.size == 1:
            (tensor.int_val if dtype == DT_INT32 else tensor.float_val).append(value.item())
        else:
            tensor.tensor_content = value.astype(value.dtype.newbyteorder("<")).tobytes()
        return name

    def variable(self, path: str) -> str:
        """Adds a parameter and its ``/read``, the pair that freezing a variable leaves behind."""
        name = f"{POLICY_SCOPE}/{path}"
        self.constant(name, self._variables[path].astype(np.float32))
        return self.node(f"{name}/read", "Identity", [name], T=DT_FLOAT)

    def embedder(self, spec: NetworkSpec, sensor: str, shape: tuple[int, ...]) -> str:
        """From one sensor's placeholder to its ``[B, F]`` features."""
        name = self.node(input_name(sensor), "Placeholder", [], dtype=DT_FLOAT, shape=(-1, *shape))
        is_picture = len(shape) == 3
        x = self.rescale(name, sensor, PICTURE_SCALE if is_picture else LIDAR_SCALE)
        if is_picture:
            return self.picture_stack(x, sensor, shape, picture_layers(spec, sensor))
        return self.dense_stack(x, sensor, len(LIDAR_LAYERS))

    def rescale(self, x: str, sensor: str, scale: float) -> str:
        """``x / scale - 0``; the offset is always zero, and stays for the sake of likeness."""
        scope = f"{POLICY_SCOPE}/{sensor}"
        divisor = self.constant(f"{scope}/truediv/y", np.array(scale, np.float32))
        x = self.node(f"{scope}/truediv", "RealDiv", [x, divisor], T=DT_FLOAT)
        offset = self.constant(f"{scope}/sub/y", np.array(0.0, np.float32))
        return self.node(f"{scope}/sub", "Sub", [x, offset], T=DT_FLOAT)

    def picture_stack(
        self, x: str, sensor: str, shape: tuple[int, ...], layers: Sequence[PictureLayer]
    ) -> str:
        """Convolutions, then dense layers at each pixel, flattened as ``[B, H * W * C]``."""
        height, width, channels = shape
        has_pixel_rows = False
        for index, layer in enumerate(layers):
            path = f"{sensor}/{layer.name(index)}"
            if layer.per_pixel_dense and not has_pixel_rows:
                # [B, H, W, C] -> [B * H * W, C]: from here on a pixel is a row of a matrix.
                x = self.reshape(x, f"{path}/Tensordot/Reshape", channels)
                has_pixel_rows = True
            if layer.per_pixel_dense:
                x = self.dense(x, path, f"{path}/Tensordot/MatMul")
            else:
                x = self.convolution(x, path, layer.stride)
                height, width = ((n - layer.kernel) // layer.stride + 1 for n in (height, width))
            x = self.relu(x, sensor, index)
            channels = layer.filters
        return self.reshape(x, f"{sensor}/Flatten/flatten/Reshape", height * width * channels)

    def convolution(self, x: str, path: str, stride: int) -> str:
        """VALID NHWC convolution and bias."""
        scope = f"{POLICY_SCOPE}/{path}"
        inputs, strides = [x, self.variable(f"{path}/kernel")], [1, stride, stride, 1]
        how = {"data_format": "NHWC", "dilations": [1] * 4, "padding": "VALID", "strides": strides}
        name = f"{scope}/Conv2D"
        x = self.node(name, "Conv2D", inputs, T=DT_FLOAT, use_cudnn_on_gpu=True, **how)
        return self.bias_add(x, path)

    def dense(self, x: str, path: str, product: str) -> str:
        """``[R, C] @ kernel + bias``; ``product`` is the path of the matrix product's node."""
        name, inputs = f"{POLICY_SCOPE}/{product}", [x, self.variable(f"{path}/kernel")]
        x = self.node(name, "MatMul", inputs, T=DT_FLOAT, transpose_a=False, transpose_b=False)
        return self.bias_add(x, path)

    def bias_add(self, x: str, path: str) -> str:
        """Adds ``<path>/bias`` to the last axis."""
        inputs = [x, self.variable(f"{path}/bias")]
        name = f"{POLICY_SCOPE}/{path}/BiasAdd"
        return self.node(name, "BiasAdd", inputs, T=DT_FLOAT, data_format="NHWC")

    def dense_stack(self, x: str, scope: str, num_layers: int) -> str:
        """Dense layers with ReLU."""
        for index in range(num_layers):
            path = f"{scope}/Dense_{2 * index}"
            x = self.relu(self.dense(x, path, f"{path}/MatMul"), scope, index)
        return x

    def relu(self, x: str, scope: str, index: int) -> str:
        """The activation after layer ``index``; layers and activations are counted together."""
        name = f"{POLICY_SCOPE}/{scope}/BatchnormActivationDropout_{2 * index + 1}_activation"
        return self.node(name, "Relu", [x], T=DT_FLOAT)

    def reshape(self, x: str, path: str, columns: int) -> str:
        """To ``[-1, columns]``."""
        name = f"{POLICY_SCOPE}/{path}"
        shape = self.constant(f"{name}/shape", np.array([-1, columns], dtype=np.int32))
        return self.node(name, "Reshape", [x, shape], T=DT_FLOAT, Tshape=DT_INT32)

    def merge(self, features: list[str]) -> str:
        """Joins the sensors' features ``[B, F]`` along the last axis, in the order given."""
        if len(features) == 1:
            return features[0]
        name = f"{POLICY_SCOPE}/merger"
        axis = self.constant(f"{name}/axis", np.array(-1, dtype=np.int32))
        attributes = {"T": DT_FLOAT, "Tidx": DT_INT32, "N": np.int64(len(features))}
        return self.node(name, "ConcatV2", [*features, axis], **attributes)


def _set_attribute(node: Node, key: str, value: object) -> None:
    """Plain integers are data types; counts come as ``np.int64``, shapes as tuples."""
    attribute = node.attr[key]
    if isinstance(value, bool):
        attribute.b = value
    elif isinstance(value, np.int64):
        attribute.i = int(value)
    elif isinstance(value, int):
        attribute.type = value
    elif isinstance(value, str):
        attribute.s = value.encode("ascii")
    elif isinstance(value, tuple):
        for size in value:
            attribute.shape.dim.add(size=size)
    else:
        attribute.list.i.extend(value)
