"""The policy network's heavy layers by our own CPU kernels, called from inside JAX.

In: float32 arrays of JAX, and the instruction set of the kernels (``avx512``, ``avx2``: float32;
``avx512_bf16``: products of numbers rounded to bfloat16, all else in float32). Out: float32 arrays,
differentiable in the weights. Neighbours: networks.py chooses; csrc/network/ffi.cpp computes, on
XLA's threads. A sum's order depends on the batch size alone, so a result is the same to the bit for
any number of threads.

Importing this loads JAX. On a machine without kernels ``instruction_sets`` is empty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np

from deepracer_fast import _core

Weights = tuple[jax.Array, jax.Array]  # kernel [K, K, C, O], bias [O], float32

Call = Callable[..., Any]

_PREFIX = "deepracer_fast_"


@cache
def instruction_sets() -> tuple[str, ...]:
    """Those of our kernels that this processor runs, the fastest first.

    Empty on other architectures, and where the package was built without jaxlib's headers.
    """
    if not hasattr(_core, "network_handlers"):
        return ()
    if _version(jaxlib.__version__) < _version(_core.NETWORK_JAXLIB):
        # An older XLA refuses the handlers, and then all of its CPU backend.
        warnings.warn(
            f"the network's kernels were built for jaxlib {_core.NETWORK_JAXLIB}, found "
            f"{jaxlib.__version__}: plain JAX runs instead, several times slower; upgrade jaxlib",
            stacklevel=2,
        )
        return ()
    for name, handler in _core.network_handlers().items():
        jax.ffi.register_ffi_target(name, handler, platform="cpu")
    return tuple(_core.network_instruction_sets())


def _version(text: str) -> tuple[int, ...]:
    """Major and minor number, to compare."""
    return tuple(int(part) for part in text.split(".")[:2])


def _call(operation: str, results: Any, *arguments: jax.Array, **attributes: Any) -> Any:
    """One custom call; under ``vmap`` one after the other."""
    call: Call = jax.ffi.ffi_call(_PREFIX + operation, results, vmap_method="sequential")
    return call(*arguments, **attributes)


# Picture layers: VALID convolutions with bias and ReLU ------------------------------------------


def picture_features(
    instruction_set: str, picture: jax.Array, weights: Sequence[Weights], strides: Sequence[int]
) -> jax.Array:
    """Features of a batch of pictures; differentiable in the weights.

    Args:
        instruction_set: of ``instruction_sets()``.
        picture: uint8 [B, H, W, C]; scaled to 0..1 inside.
        weights: of each layer; filters are a multiple of 32.
        strides: of each layer.

    Returns:
        float32 [B, F], flattened from [H, W, C].
    """
    return _picture_layers(instruction_set, tuple(strides), picture, tuple(weights))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _picture_layers(
    instruction_set: str, strides: tuple[int, ...], picture: jax.Array, weights: tuple[Weights, ...]
) -> jax.Array:
    return _activations(instruction_set, strides, picture, weights, kept=1)[-1]


def _activations(
    instruction_set: str,
    strides: tuple[int, ...],
    picture: jax.Array,
    weights: tuple[Weights, ...],
    kept: int,
) -> list[jax.Array]:
    """Activations [B, size] of the last ``kept`` layers."""
    sizes = activation_sizes(picture.shape[1:3], [k.shape for k, _ in weights], strides)
    batch = picture.shape[0]
    results = [jax.ShapeDtypeStruct((batch, size), jnp.float32) for size in sizes[-kept:]]
    flat = [array for layer in weights for array in layer]
    how = {"instruction_set": instruction_set, "strides": np.array(strides)}
    return _call("picture_layers", results, picture, *flat, **how)


def activation_sizes(
    picture_shape: Sequence[int], kernel_shapes: Sequence[Sequence[int]], strides: Sequence[int]
) -> list[int]:
    """Numbers that each layer computes for one picture: those that the next layer reads.

    The same rule as csrc/network/convolution.cpp: a VALID layer with a stride may leave the last
    row and column of its input alone, and then they are not computed.
    """
    shapes = [tuple(picture_shape)]
    for kernel, stride in zip(kernel_shapes, strides, strict=True):
        shapes.append(tuple((n - kernel[0]) // stride + 1 for n in shapes[-1]))
    for index in reversed(range(1, len(strides))):
        kernel, stride = kernel_shapes[index], strides[index]
        shapes[index] = tuple((n - 1) * stride + kernel[0] for n in shapes[index + 1])
    filters = [kernel[-1] for kernel in kernel_shapes]
    return [h * w * f for (h, w), f in zip(shapes[1:], filters, strict=True)]


def _picture_layers_forward(
    instruction_set: str, strides: tuple[int, ...], picture: jax.Array, weights: tuple[Weights, ...]
) -> tuple[jax.Array, Any]:
    activations = _activations(instruction_set, strides, picture, weights, kept=len(weights))
    return activations[-1], (picture, [kernel for kernel, _ in weights], activations)


def _picture_layers_backward(
    instruction_set: str, strides: tuple[int, ...], saved: Any, gradient: jax.Array
) -> tuple[Any, tuple[Weights, ...]]:
    picture, kernel_arrays, activations = saved
    shapes = [shape for kernel in kernel_arrays for shape in (kernel.shape, kernel.shape[-1:])]
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    how = {"instruction_set": instruction_set, "strides": np.array(strides)}
    arrays = (picture, gradient, *kernel_arrays, *activations)
    flat = _call("picture_layers_gradient", results, *arrays, **how)
    no_gradient = np.zeros(picture.shape, jax.dtypes.float0)  # pictures are whole numbers
    return no_gradient, tuple(zip(flat[::2], flat[1::2], strict=True))


_picture_layers.defvjp(_picture_layers_forward, _picture_layers_backward)


# Dense layers: the product alone; XLA adds bias and ReLU ----------------------------------------


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def matmul(instruction_set: str, x: jax.Array, weights: jax.Array) -> jax.Array:
    """``x @ weights``, float32 [B, F] times [F, units], differentiable in both.

    F and units are multiples of 32.
    """
    result = jax.ShapeDtypeStruct((x.shape[0], weights.shape[1]), jnp.float32)
    return _call("dense", result, x, weights, instruction_set=instruction_set)


def _matmul_forward(
    instruction_set: str, x: jax.Array, weights: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return matmul(instruction_set, x, weights), (x, weights)


def _matmul_backward(
    instruction_set: str, saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, weights = saved
    results = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in saved]
    x_gradient, w_gradient = _call(
        "dense_gradient", results, gradient, x, weights, instruction_set=instruction_set
    )
    return x_gradient, w_gradient


matmul.defvjp(_matmul_forward, _matmul_backward)
