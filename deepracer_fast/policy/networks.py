"""The three DeepRacer policy networks and their parameter trees.

In: pictures (uint8) and lidar readings (float32), as the simulator gives them. Out: one logit per
action, or the mean of a continuous action. The parameter tree has the original's variable names,
so that the archive can write and read it leaf by leaf. Neighbours: the simulator fills the
observation, ppo.py learns the parameters, archive/ stores them, native_network.py computes the
convolutions on CPUs that have a kernel for them, value_networks.py has what only training needs.

Layer tables: markov sensors/utils.py; parameter initialisation: Glorot uniform, as rl_coach uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from deepracer_fast import _core
from deepracer_fast.checks.values import instance
from deepracer_fast.errors import ConfigError, MetadataError
from deepracer_fast.files.action_space import ContinuousActionSpace
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.policy import native_network
from deepracer_fast.world.sensors import TRACK_STATE_WIDTH

Params = dict[str, Any]
Weights = tuple[jax.Array, jax.Array]  # kernel [K, K, C, O], bias [O]
PictureFeatures = Callable[[jax.Array, Sequence[Weights], Sequence[int]], jax.Array]

PICTURE_HEIGHT, PICTURE_WIDTH = _core.PICTURE_SHAPE
LIDAR_LAYERS = (256, 256)  # units of each dense layer
TRACK_STATE_LAYERS = (64, 64)  # the whole of a policy that sees the track state
LOG_STD_RANGE = (-20.0, 3.0)  # rl_coach ppo_head.py


@dataclass(frozen=True)
class PictureLayer:
    """One ReLU layer over a picture: a VALID convolution, or a dense layer at each pixel.

    Attributes:
        filters: channels out.
        kernel: height and width of the window, pixels.
        stride: pixels from one window to the next.
        per_pixel_dense: True where the original stores a matrix [C, filters] under ``Dense_<i>``.
    """

    filters: int
    kernel: int = 1
    stride: int = 1
    per_pixel_dense: bool = False

    def name(self, index: int) -> str:
        """The original's variable scope; it counts layers and activations together."""
        return f"{'Dense' if self.per_pixel_dense else 'Conv2d'}_{2 * index}"

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Shape of the stored kernel for pictures of that many channels."""
        window = () if self.per_pixel_dense else (self.kernel, self.kernel)
        return (*window, channels, self.filters)


@dataclass(frozen=True)
class Architecture:
    """The layers of one ``neural_network``, by what they look at."""

    mono: tuple[PictureLayer, ...]
    stereo: tuple[PictureLayer, ...]
    middleware: tuple[int, ...]


_SHALLOW = (PictureLayer(32, 8, 4), PictureLayer(64, 4, 2), PictureLayer(64, 3, 1))
_STEREO = (
    PictureLayer(32, 3, 1),
    PictureLayer(64, 3, 2),
    PictureLayer(64, 3, 1),
    PictureLayer(128, 3, 2),
    PictureLayer(128, 3, 1),
)
_SHALLOW_NAME = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
ARCHITECTURES = {
    _SHALLOW_NAME: Architecture(_SHALLOW, _SHALLOW, (512,)),
    "DEEP_CONVOLUTIONAL_NETWORK": Architecture(
        (
            PictureLayer(32, 5, 2),
            PictureLayer(32, 3, 1),
            PictureLayer(64, 3, 2),
            PictureLayer(64, 3, 1),
            PictureLayer(64, per_pixel_dense=True),
        ),
        _STEREO,
        (512,),
    ),
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP": Architecture(
        (
            PictureLayer(32, 8, 4),
            PictureLayer(32, 4, 2),
            PictureLayer(64, 4, 2),
            PictureLayer(64, 3, 1),
            PictureLayer(512, per_pixel_dense=True),
            PictureLayer(512, per_pixel_dense=True),
        ),
        _STEREO,
        (256, 128),
    ),
}


@dataclass(frozen=True)
class NetworkSpec:
    """All that fixes a policy network; hashable, so that jax.jit can take it as static.

    Attributes:
        sensors: (name, shape of one observation), sorted by name as the original joins them.
        neural_network: a key of ``ARCHITECTURES``.
        num_actions: A; 2 where continuous.
        continuous: whether the head gives the mean of a normal distribution.
    """

    sensors: tuple[tuple[str, tuple[int, ...]], ...]
    neural_network: str
    num_actions: int
    continuous: bool

    @property
    def sees(self) -> str:
        """Its sensors and their shapes, as people are told."""
        return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in self.sensors)


def network_spec(metadata: ModelMetadata) -> NetworkSpec:
    """The network that a model's metadata asks for.

    Raises:
        MetadataError: for a network or a sensor that does not exist.
    """
    instance("metadata", metadata, ModelMetadata, MetadataError)
    if metadata.neural_network not in ARCHITECTURES:
        raise MetadataError(
            f"neural_network must be one of {', '.join(ARCHITECTURES)}, "
            f"got {metadata.neural_network!r}"
        )
    return NetworkSpec(
        sensors=tuple((name, _sensor_shape(name, metadata)) for name in sorted(metadata.sensors)),
        neural_network=metadata.neural_network,
        num_actions=metadata.action_space.size,
        continuous=isinstance(metadata.action_space, ContinuousActionSpace),
    )


def picture_layers(spec: NetworkSpec, sensor: str) -> tuple[PictureLayer, ...]:
    """The layers over one camera's picture, first to last."""
    # The oldest models' sensor, "observation", has the shallow layers in every network.
    key = _SHALLOW_NAME if sensor == "observation" else spec.neural_network
    architecture = ARCHITECTURES[key]
    return architecture.stereo if sensor == "STEREO_CAMERAS" else architecture.mono


def _sensor_shape(name: str, metadata: ModelMetadata) -> tuple[int, ...]:
    """Shape of one observation (markov sensors/utils.py, after grey-scale conversion)."""
    if name in ("observation", "FRONT_FACING_CAMERA", "LEFT_CAMERA"):
        return (PICTURE_HEIGHT, PICTURE_WIDTH, metadata.frame_stack)
    if name == "STEREO_CAMERAS":
        return (PICTURE_HEIGHT, PICTURE_WIDTH, 2 * metadata.frame_stack)
    if name == TRACK_STATE:
        return (TRACK_STATE_WIDTH,)
    if name == "LIDAR":
        return (_core.LIDAR_RAYS,)
    if name == "SECTOR_LIDAR":
        return (_core.LIDAR_SECTORS,)
    if name == "DISCRETIZED_SECTOR_LIDAR" and metadata.lidar is not None:
        return (metadata.lidar.num_sectors * metadata.lidar.num_values_per_sector,)
    raise MetadataError(f"sensor must be one that a network has layers for, got {name!r}")


# Forms of the picture layers ---------------------------------------------------------------------
#
# Each takes uint8 [B, H, W, C], the layers' weights and strides, and gives float32 [B, F].


def _relu_layers(
    convolve: Callable[[jax.Array, jax.Array, int], jax.Array],
    picture: jax.Array,
    weights: Sequence[Weights],
    strides: Sequence[int],
) -> jax.Array:
    """Scales to 0..1, then convolution, bias and ReLU for each layer, then flattens."""
    x = picture.astype(jnp.float32) / 255.0
    for (kernel, bias), stride in zip(weights, strides, strict=True):
        x = nn.relu(convolve(x, kernel, stride) + bias)
    return x.reshape(x.shape[0], -1)


def _convolve_xla(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """VALID convolution of [B, H, W, C] with [K, K, C, O] by XLA itself."""
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), "VALID", dimension_numbers=layout)


def _convolve_matmul(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """The same by one matrix product, several times faster on a CPU.

    There XLA's gradient of a convolution falls back to a plain loop inside ``lax.scan``. A strided
    window becomes a stride-1 window over blocks of stride x stride pixels, and the few blocks that
    it covers are joined along the channels.
    """
    height, width = ((n - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
    window = -(-kernel.shape[0] // stride)
    if stride > 1:
        x = _blocks(x, stride, height - 1 + window, width - 1 + window)
        kernel = _blocks(jnp.moveaxis(kernel, -1, 0), stride, window, window)
        kernel = jnp.moveaxis(kernel, 0, -1)
    # Columns, then rows: XLA is slow at joining window x window slices in one go.
    x = jnp.concatenate([x[:, :, i : i + width] for i in range(window)], axis=-1)
    x = jnp.concatenate([x[:, i : i + height] for i in range(window)], axis=-1)
    return x @ kernel.reshape(-1, kernel.shape[-1])


def _blocks(x: jax.Array, size: int, rows: int, columns: int) -> jax.Array:
    """[N, H, W, C] cut or zero-padded to rows x columns blocks: [N, rows, columns, size*size*C]."""
    x = x[:, : rows * size, : columns * size]
    missing = (rows * size - x.shape[1], columns * size - x.shape[2])
    x = jnp.pad(x, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))
    x = x.reshape(x.shape[0], rows, size, columns, size, x.shape[-1])
    return x.swapaxes(2, 3).reshape(x.shape[0], rows, columns, -1)


_OF_JAX: dict[str, PictureFeatures] = {
    "xla": partial(_relu_layers, _convolve_xla),
    "matmul": partial(_relu_layers, _convolve_matmul),
}


def _picture_features(implementation: str) -> PictureFeatures:
    if implementation in native_network.instruction_sets():
        return partial(native_network.picture_features, implementation)
    return _OF_JAX[implementation]


def _dense_product(implementation: str, x: jax.Array, kernel: jax.Array) -> jax.Array:
    if implementation in native_network.instruction_sets():
        return native_network.matmul(implementation, x, kernel)
    return x @ kernel


def available_implementations() -> tuple[str, ...]:
    """What can compute a network here: XLA's convolutions, plain JAX, then our kernels for CPUs.

    Ours go by their instruction set.
    """
    ours = native_network.instruction_sets() if jax.default_backend() == "cpu" else ()
    return (*_OF_JAX, *ours)


def default_implementation() -> str:
    """The fastest on JAX's default backend, with which a policy learns: the one place to choose.

    ``$DEEPRACER_FAST_NETWORK`` names another, say ``avx512`` for float32 where bf16 is faster.

    Raises:
        ConfigError: the variable names one that does not run here.
    """
    implementations = available_implementations()
    asked = os.environ.get("DEEPRACER_FAST_NETWORK")
    if asked and asked not in implementations:
        raise ConfigError(
            f"DEEPRACER_FAST_NETWORK must be one of {', '.join(implementations)} on this machine, "
            f"got {asked!r}"
        )
    return asked or _fastest(implementations)


def exact_implementation() -> str:
    """The fastest in float32: a finished model answers as it does in other tools."""
    return _fastest([name for name in available_implementations() if not name.endswith("bf16")])


def _fastest(implementations: Sequence[str]) -> str:
    if jax.default_backend() != "cpu":
        return "xla"
    return next((name for name in implementations if name not in _OF_JAX), "matmul")


# Flax modules, named as the original's variables -------------------------------------------------


class LayerWeights(nn.Module):
    """Declares one layer's ``kernel`` (Glorot uniform) and ``bias`` (zeros)."""

    kernel_shape: tuple[int, ...]

    @nn.compact
    def __call__(self) -> Weights:
        """Kernel and bias."""
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), self.kernel_shape)
        bias = self.param("bias", nn.initializers.zeros, self.kernel_shape[-1:])
        return kernel, bias


class PictureEmbedder(nn.Module):
    """uint8 [B, H, W, C] to float32 [B, F], flattened row by row with channels last."""

    layers: tuple[PictureLayer, ...]
    implementation: str

    @nn.compact
    def __call__(self, picture: jax.Array) -> jax.Array:
        """Features of a batch of pictures."""
        weights = []
        channels = picture.shape[-1]
        for index, layer in enumerate(self.layers):
            shape = layer.kernel_shape(channels)
            kernel, bias = LayerWeights(shape, name=layer.name(index))()
            # A dense layer at each pixel is a convolution with a window of one pixel.
            weights.append((kernel.reshape(layer.kernel, layer.kernel, *shape[-2:]), bias))
            channels = layer.filters
        return _picture_features(self.implementation)(
            picture, weights, [layer.stride for layer in self.layers]
        )


class DenseEmbedder(nn.Module):
    """Dense ReLU layers on [B, F]: the lidar embedders, which are small, and the middleware."""

    units: tuple[int, ...]
    implementation: str = "xla"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """float32 [B, units[-1]]."""
        for index, units in enumerate(self.units):
            kernel, bias = LayerWeights((x.shape[-1], units), name=f"Dense_{2 * index}")()
            x = nn.relu(_dense_product(self.implementation, x, kernel) + bias)
        return x


class PolicyHead(nn.Module):
    """Logits of the actions, or the mean of a normal distribution beside its log deviation."""

    num_actions: int
    continuous: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """float32 [B, A]."""
        if not self.continuous:
            name, initial = "policy_fc", nn.initializers.glorot_uniform()
        else:
            name, initial = "policy_mean", normalised_columns(0.01)
            self.param("policy_log_std", nn.initializers.zeros, (self.num_actions,))
        return nn.Dense(self.num_actions, kernel_init=initial, name=name)(x)


def normalised_columns(length: float) -> Callable[..., jax.Array]:
    """Initialiser: random directions, each column of that length (rl_coach ppo_head.py)."""

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        directions = jax.random.normal(key, shape, dtype)
        return length * directions / jnp.linalg.norm(directions, axis=0, keepdims=True)

    return initialise


class Trunk(nn.Module):
    """What comes before a head: one embedder a sensor, joined in order of name, then middleware."""

    spec: NetworkSpec
    implementation: str

    @nn.nowrap
    def _features(self, observation: Mapping[str, jax.Array]) -> jax.Array:
        architecture = ARCHITECTURES[self.spec.neural_network]
        embedded = [self._embed(name, observation[name]) for name, _ in self.spec.sensors]
        x = jnp.concatenate(embedded, axis=-1) if len(embedded) > 1 else embedded[0]
        if TRACK_STATE in observation:
            return x  # its layers are the whole network
        middleware = DenseEmbedder(
            architecture.middleware, self.implementation, name="middleware_fc_embedder"
        )
        return middleware(x)

    @nn.nowrap
    def _embed(self, name: str, reading: jax.Array) -> jax.Array:
        if name == TRACK_STATE:
            return DenseEmbedder(TRACK_STATE_LAYERS, name=name)(reading)
        if reading.ndim == 2:
            return DenseEmbedder(LIDAR_LAYERS, name=name)(reading)
        layers = picture_layers(self.spec, name)
        return PictureEmbedder(layers, self.implementation, name=name)(reading)


def num_trunk_features(spec: NetworkSpec) -> int:
    """How many numbers a trunk hands to a head."""
    if spec.sensors[0][0] == TRACK_STATE:
        return TRACK_STATE_LAYERS[-1]
    return ARCHITECTURES[spec.neural_network].middleware[-1]


class PolicyNetwork(Trunk):
    """Trunk and policy head."""

    @nn.compact
    def __call__(self, observation: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Logits or means [B, A] of a batch of observations, and the trunk's features [B, F]."""
        x = self._features(observation)
        head = PolicyHead(self.spec.num_actions, self.spec.continuous, name="ppo_head_0")
        return head(x), x


# Functions that the learner calls ----------------------------------------------------------------


def init_policy(spec: NetworkSpec, key: jax.Array) -> Params:
    """A fresh parameter tree: nested dicts of float32 arrays, named as in the original.

    The same key gives the same parameters.
    """
    network = PolicyNetwork(spec, default_implementation())
    return dict(network.lazy_init(key, one_observation(spec))["params"])


def one_observation(spec: NetworkSpec) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a batch of one."""
    return {
        name: jax.ShapeDtypeStruct((1, *shape), jnp.uint8 if len(shape) == 3 else jnp.float32)
        for name, shape in spec.sensors
    }


def policy_logits(
    spec: NetworkSpec,
    params: Params,
    observation: Mapping[str, jax.Array],
    implementation: str | None = None,
) -> jax.Array:
    """What the policy answers to a batch of observations; differentiable in ``params``.

    Args:
        spec: the network.
        params: its tree, as ``init_policy`` makes it.
        observation: by sensor, uint8 [B, 120, 160, C] (0..255) or float32 [B, n] for a lidar.
        implementation: what computes its heavy layers, of ``available_implementations()``; None
            for the fastest.

    Returns:
        float32 [B, A]: logits; for a continuous network the mean of [steering, speed] in -1..1.
    """
    return policy_logits_and_features(spec, params, observation, implementation)[0]


def policy_logits_and_features(
    spec: NetworkSpec,
    params: Params,
    observation: Mapping[str, jax.Array],
    implementation: str | None = None,
) -> tuple[jax.Array, jax.Array]:
    """As ``policy_logits``, with the features [B, F] that the head saw."""
    network = PolicyNetwork(spec, implementation or default_implementation())
    answers = network.apply({"params": params}, observation)
    return cast(tuple[jax.Array, jax.Array], answers)


def policy_log_std(params: Params) -> jax.Array:
    """Log standard deviation [2] of a continuous policy, clipped as the original does."""
    return jnp.clip(params["ppo_head_0"]["policy_log_std"], *LOG_STD_RANGE)
