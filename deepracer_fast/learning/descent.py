"""Going down a loss by Adam, over epochs of shuffled minibatches.

In: a loss, the parameters with Adam's moments, and samples as a tree of arrays [N, ...] with a
field ``num_samples``. Out: the next parameters and moments, and means of what the loss measures.
Neighbour: ``ppo`` brings the losses.

With an ``axis`` the same runs on several devices at once, each on samples of its own: gradients
and measures are averages over the devices, so that all take the same step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Measures = dict[str, jax.Array]
"""Scalars by name."""

ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-5)


class Fitted(NamedTuple):
    """Parameters and the moments that Adam keeps of them."""

    params: Any
    moments: optax.OptState


Carry = tuple[Fitted, Measures]


class Descent(NamedTuple):
    """How to go down.

    Attributes:
        key: of the shuffling.
        num_epochs: passes over the samples.
        batch_size: samples of one step, on each device.
        learning_rate: of Adam.
        axis: name of the devices' axis inside ``jax.shard_map``; None on one device.
    """

    key: jax.Array
    num_epochs: int
    batch_size: int
    learning_rate: jax.Array | float
    axis: str | None = None


def joined(one: Fitted, other: Fitted) -> Fitted:
    """Two sets of parameters that one loss moves."""
    moments = one.moments._replace(
        mu=(one.moments.mu, other.moments.mu), nu=(one.moments.nu, other.moments.nu)
    )
    return Fitted((one.params, other.params), moments)


def parted(pair: Fitted) -> tuple[Fitted, Fitted]:
    """What ``joined`` joined."""
    one, other = (
        Fitted(params, pair.moments._replace(mu=mu, nu=nu))
        for params, mu, nu in zip(pair.params, pair.moments.mu, pair.moments.nu, strict=True)
    )
    return one, other


def fit(
    loss: Callable[[Any, Any], tuple[jax.Array, Measures]],
    fitted: Fitted,
    samples: Any,
    descent: Descent,
) -> tuple[Fitted, Measures]:
    """Adam over epochs of full minibatches; also the measures' means over the last epoch."""
    num_minibatches = samples.num_samples // descent.batch_size
    gradient_of = jax.grad(loss, has_aux=True)

    def step(index: jax.Array, carry: Carry, order: jax.Array) -> Carry:
        (params, moments), total = carry
        rows = jax.lax.dynamic_slice_in_dim(order, index * descent.batch_size, descent.batch_size)
        gradient, measures = gradient_of(params, _rows(samples, rows))
        if descent.axis is not None:
            gradient, measures = jax.lax.pmean((gradient, measures), descent.axis)
        measures |= {"gradient_norm": optax.tree.norm(gradient)}
        direction, moments = ADAM.update(gradient, moments)
        params = jax.tree.map(lambda p, d: p - descent.learning_rate * d, params, direction)
        return Fitted(params, moments), jax.tree.map(jnp.add, total, measures)

    def epoch(carry: Carry, key: jax.Array) -> tuple[Carry, None]:
        order = shuffled(key, samples)
        start = carry[0], jax.tree.map(jnp.zeros_like, carry[1])
        return jax.lax.fori_loop(0, num_minibatches, partial(step, order=order), start), None

    first = _rows(samples, jnp.arange(descent.batch_size))
    names = [*jax.eval_shape(loss, fitted.params, first)[1], "gradient_norm"]
    start = (fitted, {name: jnp.zeros(()) for name in names})
    key = descent.key
    if descent.axis is not None:
        key = jax.random.fold_in(key, jax.lax.axis_index(descent.axis))
    keys = jax.random.split(key, descent.num_epochs)
    (fitted, total), _ = jax.lax.scan(epoch, start, keys)
    return fitted, jax.tree.map(lambda sum_: sum_ / num_minibatches, total)


def _rows(samples: Any, rows: jax.Array) -> Any:
    """The samples of these rows."""
    arrays = samples._replace(num_samples=0)
    return jax.tree.map(lambda x: x[rows] if jnp.ndim(x) else x, arrays)


def shuffled(key: jax.Array, samples: Any) -> jax.Array:
    """Row numbers in random order, real samples before padding."""
    capacity = max(len(x) for x in jax.tree.leaves(samples) if jnp.ndim(x))
    padding = jnp.arange(capacity) >= samples.num_samples
    return jnp.argsort(jax.random.uniform(key, (capacity,)) + 2.0 * padding)
