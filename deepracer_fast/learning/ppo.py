"""Proximal policy optimisation as pure functions: distributions, advantages, losses, one update.

In: a batch of experience as arrays and the learner's state. Out: the next state and a few
measures. It knows arrays, not cars. The policy sees what the car sees; what the value function
sees depends on its kind, see ``value_networks``.

Semantics follow the original's clipped PPO (rl_coach clipped_ppo_agent.py) where it defines them:
advantages standardised once over the whole rollout, full minibatches only, Adam with epsilon 1e-5,
no gradient clipping, constant learning rate.

Shapes: T steps, B cars, N = samples of a rollout, M of a minibatch, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepracer_fast.learning.descent import ADAM, Descent, Fitted, Measures, fit, joined, parted
from deepracer_fast.policy.networks import (
    NetworkSpec,
    Params,
    init_policy,
    policy_log_std,
    policy_logits_and_features,
)
from deepracer_fast.policy.value_networks import (
    init_value,
    separate_value,
    shared_value,
    track_state_value,
)

TRACK_STATE_LEARNING_RATE = 1e-3
TRACK_STATE_EPOCHS = 10  # that value network is small: fitting it well costs next to nothing


@dataclass(frozen=True)
class UpdatePlan:
    """What is compiled in: the shape of an update.

    Attributes:
        batch_size: M, samples of one minibatch.
        num_epochs: passes over the rollout.
        huber: value loss is Huber (delta 1) instead of the mean squared error.
        value_function: which kind, of ``config.VALUE_FUNCTIONS``.
        axis: of the devices that share a minibatch, see ``parallel``; None for one device.
    """

    batch_size: int
    num_epochs: int
    huber: bool
    value_function: str = "track_state"
    axis: str | None = None


class Coefficients(NamedTuple):
    """What is traced: numbers that may change without compiling anew."""

    learning_rate: jax.Array | float
    clip: jax.Array | float
    beta_entropy: jax.Array | float


class LearnerState(NamedTuple):
    """Everything that an update changes."""

    policy: Params
    value: Params
    policy_moments: optax.OptState
    value_moments: optax.OptState
    key: jax.Array


class Experience(NamedTuple):
    """N samples, flat; rows from ``num_samples`` on are padding.

    Attributes:
        observation: sensor -> uint8 [N, H, W, C].
        track_state: float32 [N, F].
        action: int32 [N], or float32 [N, 2] where continuous.
        log_prob: float32 [N], of the action when it was taken.
        advantage: float32 [N], standardised.
        target: float32 [N], of the value function.
        num_samples: int32, rows that are real.
    """

    observation: dict[str, jax.Array]
    track_state: jax.Array
    action: jax.Array
    log_prob: jax.Array
    advantage: jax.Array
    target: jax.Array
    num_samples: jax.Array | int


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


def action_log_probs(spec: NetworkSpec, params: Params, head: jax.Array, action: jax.Array) -> Any:
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

    Args:
        spec: the network.
        value_function: its kind.
        params: the policy's and the value function's.
        observation: sensor -> uint8 [B, H, W, C].
        key: random key.
        epsilon: below 0 actions are drawn from the policy (``categorical``); otherwise the
            likeliest action, or with this probability a uniformly random one (``e-greedy``).

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


@jax.jit
def advantages(
    values: jax.Array,
    reward: jax.Array,
    ended: jax.Array,
    discounts: tuple[float, float],
) -> tuple[jax.Array, jax.Array]:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), backwards in time.

        delta_t = r_t + gamma V(s_t+1) (1 - ended_t) - V(s_t)
        A_t     = delta_t + gamma lambda (1 - ended_t) A_t+1

    As in the original, the value after an episode's last step is 0.

    Args:
        values: float32 [T + 1, B], before the update.
        reward: float32 [T, B].
        ended: bool [T, B], the step was an episode's last.
        discounts: gamma and lambda.

    Returns:
        Advantages and value targets, float32 [T, B] each.
    """
    gamma, gae_lambda = discounts
    alive = 1.0 - ended.astype(jnp.float32)
    delta = reward + gamma * alive * values[1:] - values[:-1]

    def step_back(later: jax.Array, now: tuple[jax.Array, jax.Array]) -> Any:
        advantage = now[0] + gamma * gae_lambda * now[1] * later
        return advantage, advantage

    _, result = jax.lax.scan(step_back, jnp.zeros_like(delta[0]), (delta, alive), reverse=True)
    return result, result + values[:-1]


def policy_loss(
    spec: NetworkSpec,
    coefficients: Coefficients,
    params: Params,
    head: jax.Array,
    batch: Experience,
) -> tuple[jax.Array, Measures]:
    """Clipped surrogate minus the entropy bonus (Schulman et al. 2017, equations 7 and 9)."""
    log_prob, entropy = action_log_probs(spec, params, head, batch.action)
    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - coefficients.clip, 1.0 + coefficients.clip)
    surrogate = jnp.mean(jnp.minimum(ratio * batch.advantage, clipped * batch.advantage))
    measures = {
        "policy_loss": -surrogate,
        "entropy": jnp.mean(entropy),
        "kl": jnp.mean(ratio - 1.0 - log_ratio),  # Schulman's low-variance estimate
        "clip_fraction": jnp.mean(jnp.abs(ratio - 1.0) > coefficients.clip),
    }
    return -surrogate - coefficients.beta_entropy * jnp.mean(entropy), measures


def value_loss(huber: bool, values: jax.Array, batch: Experience) -> tuple[jax.Array, Measures]:
    """Huber (delta 1) or squared error of the values."""
    error = values - batch.target
    loss = jnp.mean(optax.losses.huber_loss(error) if huber else error**2)
    return loss, {"value_loss": loss}


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def update(
    spec: NetworkSpec,
    plan: UpdatePlan,
    state: LearnerState,
    experience: Experience,
    coefficients: Coefficients,
) -> tuple[LearnerState, Measures]:
    """One PPO iteration: epochs over shuffled full minibatches; the rest of each is dropped.

    The state is donated: use the one that is returned. Values of observations are fitted together
    with the policy, by the sum of both losses as in the original; values of the track state by
    themselves, at their own pace.

    Returns:
        The next state, and means over the last epoch of what the losses measure.
    """
    key, policy_key, value_key = jax.random.split(state.key, 3)
    policy = Fitted(state.policy, state.policy_moments)
    critic = Fitted(state.value, state.value_moments)
    descent = Descent(
        policy_key, plan.num_epochs, plan.batch_size, coefficients.learning_rate, plan.axis
    )

    def losses(params: tuple[Params, Params], batch: Experience) -> tuple[jax.Array, Measures]:
        head, values = policy_and_value(spec, plan.value_function, params, batch.observation)
        loss, measures = policy_loss(spec, coefficients, params[0], head, batch)
        if values is None:
            return loss, measures
        of_values, value_measures = value_loss(plan.huber, values, batch)
        return loss + of_values, measures | value_measures

    def track_state_loss(params: Params, batch: Experience) -> tuple[jax.Array, Measures]:
        return value_loss(plan.huber, track_state_value(params, batch.track_state), batch)

    if plan.value_function != "track_state":
        pair, measures = fit(losses, joined(policy, critic), experience, descent)
        policy, critic = parted(pair)
    else:
        policy, measures = fit(lambda p, b: losses((p, {}), b), policy, experience, descent)
        pace = descent._replace(
            key=value_key,
            num_epochs=TRACK_STATE_EPOCHS,
            learning_rate=TRACK_STATE_LEARNING_RATE,
        )
        seen = experience._replace(observation={})
        critic, value_measures = fit(track_state_loss, critic, seen, pace)
        measures |= {"value_loss": value_measures["value_loss"]}
    return LearnerState(policy.params, critic.params, policy.moments, critic.moments, key), measures
