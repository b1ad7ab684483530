"""What a policy's answers mean: how likely each action is, and which one is taken.

In: a network's parameters and observations. Out: actions, log probabilities, values. A discrete
policy is a categorical over its logits, a continuous one independent normals around its means. The
policy sees what the car sees; what the value function sees depends on its kind, see
``value_networks``. Neighbours: ``ppo`` learns by these probabilities, ``learner`` acts by them.

Shapes: B cars, M samples of a minibatch, A actions.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from deepracer_fast.policy.networks import (
    NetworkSpec,
    Params,
    policy_log_std,
    policy_logits_and_features,
)
from deepracer_fast.policy.value_networks import separate_value, shared_value, track_state_value


def action_log_probs(
    spec: NetworkSpec, params: Params, head: jax.Array, action: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Log probability [M] of actions and the distribution's entropy [M].

    Discrete: a categorical over the logits. Continuous: independent normals around the mean.
    """
    if not spec.continuous:
        log_probs = jax.nn.log_softmax(head)
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
        return jnp.take_along_axis(log_probs, action[:, None], axis=-1)[:, 0], entropy
    log_std = policy_log_std(params)
    z = (action - head) / jnp.exp(log_std)
    log_prob = jnp.sum(-0.5 * z**2 - log_std - 0.5 * jnp.log(2 * jnp.pi), axis=-1)
    entropy = jnp.sum(log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e))
    return log_prob, jnp.broadcast_to(entropy, log_prob.shape)


def policy_and_value(
    spec: NetworkSpec,
    value_function: str,
    params: tuple[Params, Params],
    observation: dict[str, jax.Array],
) -> tuple[jax.Array, jax.Array | None]:
    """Logits or means [M, A], and the values [M] if they are of observations."""
    policy, critic = params
    head, features = policy_logits_and_features(spec, policy, observation)
    if value_function == "shared":
        return head, shared_value(critic, features)
    if value_function == "separate":
        return head, separate_value(spec, critic, observation)
    return head, None


@partial(jax.jit, static_argnums=(0, 1))
def sample_actions(
    spec: NetworkSpec,
    value_function: str,
    params: tuple[Params, Params],
    observation: dict[str, jax.Array],
    key: jax.Array,
    epsilon: float | jax.Array = -1.0,
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Actions to explore with, their log probabilities under the policy, and the values.

    With ``epsilon`` below 0 actions are drawn from the policy (``categorical``); otherwise it is
    the likeliest action, or with this probability a uniformly random one (``e-greedy``).

    Returns:
        [B] or [B, 2], [B], and [B] or None where values are not of observations.
    """
    policy, _ = params
    head, values = policy_and_value(spec, value_function, params, observation)
    draw_key, chance_key, any_key = jax.random.split(key, 3)
    if spec.continuous:
        noise = jax.random.normal(draw_key, head.shape)
        action = head + jnp.exp(policy_log_std(policy)) * noise
    else:
        drawn = jax.random.categorical(draw_key, head)
        anything = jax.random.randint(any_key, drawn.shape, 0, spec.num_actions)
        explore = jax.random.uniform(chance_key, drawn.shape) < epsilon
        greedy = jnp.where(explore, anything, jnp.argmax(head, axis=-1))
        action = jnp.where(epsilon < 0.0, drawn, greedy).astype(jnp.int32)
    return action, action_log_probs(spec, policy, head, action)[0], values


@partial(jax.jit, static_argnums=0)
def best_action(spec: NetworkSpec, params: Params, observation: dict[str, jax.Array]) -> jax.Array:
    """What the policy does when it is evaluated: the likeliest action, or the mean."""
    head, _ = policy_logits_and_features(spec, params, observation)
    return head if spec.continuous else jnp.argmax(head, axis=-1)


track_state_values = jax.jit(track_state_value)
"""Values [T + 1, B] of track states [T + 1, B, F], for ``advantages``."""
