"""Everything that an update changes: made afresh from a seed, written as a tree, and read again.

In: a network and a seed, or what a training has written. Out: a ``LearnerState``. Neighbours:
``ppo`` gives the next state, ``learner`` holds it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepracer_fast.checks.arrays import Array
from deepracer_fast.learning.descent import ADAM
from deepracer_fast.policy.networks import NetworkSpec, Params, init_policy
from deepracer_fast.policy.value_networks import init_value


class LearnerState(NamedTuple):
    """Everything that an update changes."""

    policy: Params
    value: Params
    policy_moments: optax.OptState
    value_moments: optax.OptState
    key: jax.Array


def init_learner(
    spec: NetworkSpec, num_features: int, seed: int, value_function: str = "track_state"
) -> LearnerState:
    """A fresh learner; the same seed gives the same parameters."""
    policy = init_policy(spec, random_key(seed, "policy"))
    critic = init_value(value_function, spec, num_features, random_key(seed, "value"))
    minibatches = random_key(seed, "minibatches")
    return LearnerState(policy, critic, ADAM.init(policy), ADAM.init(critic), minibatches)


def random_key(seed: int, stream: str) -> jax.Array:
    """The key of one use of a training's seed; no two uses or seeds share their random numbers.

    JAX takes the lower 32 bits of a seed alone, and none above 2**63. NumPy's ``SeedSequence``
    mixes all of them, and the stream's name, to the 64 bits of a key.
    """
    mixed = np.random.SeedSequence(seed, spawn_key=tuple(stream.encode()))
    words = mixed.generate_state(2, np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words))


@dataclass(frozen=True)
class RewardScale:
    """What rewards were like so far, in whatever units a user chose.

    Attributes:
        steps: env steps learnt from.
        squares: sum of their rewards squared.
    """

    steps: int = 0
    squares: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= min(self.steps, self.squares) <= max(self.steps, self.squares) < math.inf:
            raise ValueError(f"steps {self.steps}, squared_rewards {self.squares}")

    def divisor(self, discount_factor: float) -> float:
        """Divides rewards so that values are of order one.

        The root mean square of all rewards, times the number of steps that the discount factor
        looks ahead.
        """
        ahead = 1.0 / max(1.0 - discount_factor, 1e-3)
        return max(float(np.sqrt(self.squares / self.steps)) * ahead, 1e-8)


def networks_tree(state: LearnerState) -> Params:
    """A state's networks, but for the policy's parameters."""
    return {
        "network_0": state.value,
        "policy_moments": _moments_tree(state.policy_moments),
        "value_moments": _moments_tree(state.value_moments),
    }


def _moments_tree(moments: Any) -> Params:
    if int(moments.count) == 0:
        return {"count": moments.count}  # all others are zero
    return {"mu": moments.mu, "nu": moments.nu, "count": moments.count}


def _moments(template: Any, tree: Mapping[str, Any]) -> Any:
    if int(tree["count"]) == 0:
        return jax.tree.map(jnp.zeros_like, template)
    return template._replace(
        mu=like(template.mu, tree["mu"]),
        nu=like(template.nu, tree["nu"]),
        count=like(template.count, tree["count"]),
    )


def like_networks(state: LearnerState, tree: Mapping[str, Any], policy: Params) -> LearnerState:
    """A state with the networks of a tree, see ``networks_tree``, and the policy's parameters.

    Raises:
        KeyError, ValueError, TypeError: they are of another network.
    """
    return state._replace(
        policy=like(state.policy, policy),
        value=like(state.value, tree["network_0"]),
        policy_moments=_moments(state.policy_moments, tree["policy_moments"]),
        value_moments=_moments(state.value_moments, tree["value_moments"]),
    )


def like(template: Any, tree: Any) -> Any:
    """The tree's arrays as fresh device arrays, in the template's structure and shapes."""

    def leaf(expected: jax.Array, found: Array) -> jax.Array:
        if expected.shape != np.shape(found):
            raise ValueError(f"shape should be {expected.shape}, got {np.shape(found)}")
        if not np.isfinite(found).all():
            raise ValueError("values that are not finite numbers")
        return jnp.array(found, expected.dtype)

    return jax.tree.map(leaf, template, tree)
