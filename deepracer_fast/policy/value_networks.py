"""Value functions: what a car may expect from here on. Only training needs them.

In: observations, the policy's features or the track state, as the kind of value function asks.
Out: one number a car. Neighbours: ``networks`` has the layers, ``ppo`` fits the parameters.

``track_state``
    a small network over what the simulator knows (an asymmetric critic: Pinto et al.,
    "Asymmetric actor critic for image-based robot learning", RSS 2018)
``separate``
    a network like the policy's with its own parameters, as the original has it
    (rl_coach clipped_ppo_agent.py, use_separate_networks_per_head)
``shared``
    one more head on the policy's own features
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import jax
import jax.numpy as jnp
from flax import linen as nn

from deepracer_fast.policy.networks import (
    NetworkSpec,
    Params,
    Trunk,
    default_implementation,
    normalised_columns,
    num_trunk_features,
    one_observation,
)

TRACK_STATE_UNITS = 64


class TrackStateValue(nn.Module):
    """Two tanh layers over the track state."""

    @nn.compact
    def __call__(self, track_state: jax.Array) -> jax.Array:
        """Values [B] of track states [B, F]."""
        x = nn.tanh(nn.Dense(TRACK_STATE_UNITS, name="hidden_0")(track_state))
        x = nn.tanh(nn.Dense(TRACK_STATE_UNITS, name="hidden_1")(x))
        # A small first output: early advantages then come from the rewards, not from noise.
        small = nn.initializers.normal(0.01)
        return nn.Dense(1, kernel_init=small, name="output")(x)[..., 0]


class SeparateValue(Trunk):
    """A trunk of its own and the original's value head (rl_coach v_head.py)."""

    @nn.compact
    def __call__(self, observation: Mapping[str, jax.Array]) -> jax.Array:
        """Values [B] of a batch of observations."""
        x = self._features(observation)
        return nn.Dense(1, kernel_init=normalised_columns(1.0), name="v_values_head_0")(x)[..., 0]


def init_value(kind: str, spec: NetworkSpec, num_features: int, key: jax.Array) -> Params:
    """Fresh parameters of a kind of value function, of ``config.VALUE_FUNCTIONS``."""
    if kind == "track_state":
        return dict(TrackStateValue().init(key, jnp.zeros((1, num_features)))["params"])
    if kind == "separate":
        network = SeparateValue(spec, default_implementation())
        return dict(network.lazy_init(key, one_observation(spec))["params"])
    return {
        "kernel": 0.01 * jax.random.normal(key, (num_trunk_features(spec),)),
        "bias": jnp.zeros(()),
    }


def track_state_value(params: Params, track_state: jax.Array) -> jax.Array:
    """Expected return [...] of float32 track states [..., F]."""
    return cast(jax.Array, TrackStateValue().apply({"params": params}, track_state))


def separate_value(
    spec: NetworkSpec, params: Params, observation: Mapping[str, jax.Array]
) -> jax.Array:
    """Expected return [B] of observations."""
    network = SeparateValue(spec, default_implementation())
    return cast(jax.Array, network.apply({"params": params}, observation))


def shared_value(params: Params, features: jax.Array) -> jax.Array:
    """Expected return [B] of the policy's features [B, F]."""
    return features @ params["kernel"] + params["bias"]
