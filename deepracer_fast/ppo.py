"""Proximal policy optimisation as pure functions: distributions, advantages, losses, one update.

In: a batch of experience as arrays and the learner's state. Out: the next state and a few
measures. It knows arrays, not cars. The policy sees what the car sees; the value function reads
the track state, which only training knows (an asymmetric critic: Pinto et al., "Asymmetric actor
critic for image-based robot learning", RSS 2018).

Semantics follow the original's clipped PPO (rl_coach clipped_ppo_agent.py) where it defines them:
advantages standardised once over the whole rollout, full minibatches only, Adam with epsilon 1e-5,
no gradient clipping, constant learning rate.

Shapes: T steps, B cars, N = samples of a rollout, M of a minibatch, A actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from deepracer_fast.networks import (
    NetworkSpec,
    Params,
    init_policy,
    init_value,
    policy_log_std,
    policy_logits,
    value,
)

Measures = dict[str, jax.Array]
"""What an update measures, scalars by name."""

ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-5)
VALUE_LEARNING_RATE = 1e-3
VALUE_EPOCHS = 10  # the value network is small: fitting it well costs a hundredth of the policy


@dataclass(frozen=True)
class UpdatePlan:
    """What is compiled in: the shape of an update.

    Attributes:
        batch_size: M, samples of one minibatch.
        num_epochs: passes over the rollout.
        huber: value loss is Huber (delta 1) instead of the mean squared error.
    """

    batch_size: int
    num_epochs: int
    huber: bool


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


def init_learner(spec: NetworkSpec, num_features: int, seed: int) -> LearnerState:
    """A fresh learner; the same seed gives the same parameters."""
    policy_key, value_key, key = jax.random.split(jax.random.key(seed), 3)
    policy, critic = init_policy(spec, policy_key), init_value(num_features, value_key)
    return LearnerState(policy, critic, ADAM.init(policy), ADAM.init(critic), key)


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


@partial(jax.jit, static_argnums=0)
def sample_actions(
    spec: NetworkSpec,
    params: Params,
    observation: dict[str, jax.Array],
    key: jax.Array,
    epsilon: float | jax.Array = -1.0,
) -> tuple[jax.Array, jax.Array]:
    """Actions to explore with, and their log probabilities under the policy.

    Args:
        spec: the network.
        params: the policy's.
        observation: sensor -> uint8 [B, H, W, C].
        key: random key.
        epsilon: below 0 actions are drawn from the policy (``categorical``); otherwise the
            likeliest action, or with this probability a uniformly random one (``e-greedy``).
    """
    head = policy_logits(spec, params, observation)
    draw_key, chance_key, any_key = jax.random.split(key, 3)
    if spec.continuous:
        noise = jax.random.normal(draw_key, head.shape)
        action = head + jnp.exp(policy_log_std(params)) * noise
    else:
        drawn = jax.random.categorical(draw_key, head)
        anything = jax.random.randint(any_key, drawn.shape, 0, spec.num_actions)
        explore = jax.random.uniform(chance_key, drawn.shape) < epsilon
        greedy = jnp.where(explore, anything, jnp.argmax(head, axis=-1))
        action = jnp.where(epsilon < 0.0, drawn, greedy).astype(jnp.int32)
    return action, action_log_probs(spec, params, head, action)[0]


@partial(jax.jit, static_argnums=0)
def greedy_actions(
    spec: NetworkSpec, params: Params, observation: dict[str, jax.Array]
) -> jax.Array:
    """What the policy does when it is evaluated: the likeliest action, or the mean."""
    head = policy_logits(spec, params, observation)
    return head if spec.continuous else jnp.argmax(head, axis=-1)


@jax.jit
def advantages(
    critic: Params,
    track_state: jax.Array,
    reward: jax.Array,
    ended: jax.Array,
    discounts: tuple[float, float],
) -> tuple[jax.Array, jax.Array]:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), backwards in time.

        delta_t = r_t + gamma V(s_t+1) (1 - ended_t) - V(s_t)
        A_t     = delta_t + gamma lambda (1 - ended_t) A_t+1

    As in the original, the value after an episode's last step is 0.

    Args:
        critic: parameters of the value network.
        track_state: float32 [T + 1, B, F].
        reward: float32 [T, B].
        ended: bool [T, B], the step was an episode's last.
        discounts: gamma and lambda.

    Returns:
        Advantages and value targets, float32 [T, B] each.
    """
    gamma, gae_lambda = discounts
    values = value(critic, track_state)
    alive = 1.0 - ended.astype(jnp.float32)
    delta = reward + gamma * alive * values[1:] - values[:-1]

    def step_back(later: jax.Array, now: tuple[jax.Array, jax.Array]) -> Any:
        advantage = now[0] + gamma * gae_lambda * now[1] * later
        return advantage, advantage

    _, result = jax.lax.scan(step_back, jnp.zeros_like(delta[0]), (delta, alive), reverse=True)
    return result, result + values[:-1]


def policy_loss(
    spec: NetworkSpec, coefficients: Coefficients, params: Params, batch: Experience
) -> tuple[jax.Array, Measures]:
    """Clipped surrogate minus the entropy bonus (Schulman et al. 2017, equations 7 and 9)."""
    head = policy_logits(spec, params, batch.observation)
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


def value_loss(huber: bool, critic: Params, batch: Experience) -> tuple[jax.Array, Measures]:
    """Huber (delta 1) or squared error of the values."""
    error = value(critic, batch.track_state) - batch.target
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

    The state is donated: use the one that is returned.

    Returns:
        The next state, and means over the last epoch of what the losses measure.
    """
    key, policy_key, value_key = jax.random.split(state.key, 3)
    policy, measures = _fit(
        partial(policy_loss, spec, coefficients),
        Fitted(state.policy, state.policy_moments),
        experience,
        Descent(policy_key, plan.num_epochs, plan.batch_size, coefficients.learning_rate),
    )
    critic, value_measures = _fit(
        partial(value_loss, plan.huber),
        Fitted(state.value, state.value_moments),
        experience._replace(observation={}),
        Descent(value_key, VALUE_EPOCHS, plan.batch_size, VALUE_LEARNING_RATE),
    )
    measures |= {"value_loss": value_measures["value_loss"]}
    return LearnerState(policy.params, critic.params, policy.moments, critic.moments, key), measures


class Fitted(NamedTuple):
    """Parameters and the moments that Adam keeps of them."""

    params: Params
    moments: optax.OptState


class Descent(NamedTuple):
    """How to go down: random key, passes over the samples, samples of a step, learning rate."""

    key: jax.Array
    num_epochs: int
    batch_size: int
    learning_rate: jax.Array | float


def _fit(
    loss: Callable[[Params, Experience], tuple[jax.Array, Measures]],
    fitted: Fitted,
    experience: Experience,
    descent: Descent,
) -> tuple[Fitted, Measures]:
    """Adam over epochs of shuffled minibatches; also the measures' means over the last epoch."""
    num_minibatches = experience.num_samples // descent.batch_size
    gradient_of = jax.grad(loss, has_aux=True)

    def step(index: jax.Array, carry: Any, order: jax.Array) -> tuple[Fitted, Measures]:
        (params, moments), total = carry
        rows = jax.lax.dynamic_slice_in_dim(order, index * descent.batch_size, descent.batch_size)
        gradient, measures = gradient_of(params, _rows(experience, rows))
        measures |= {"gradient_norm": optax.tree.norm(gradient)}
        direction, moments = ADAM.update(gradient, moments)
        params = jax.tree.map(lambda p, d: p - descent.learning_rate * d, params, direction)
        return Fitted(params, moments), jax.tree.map(jnp.add, total, measures)

    def epoch(carry: Any, key: jax.Array) -> Any:
        order = _shuffled(key, experience)
        start = carry[0], jax.tree.map(jnp.zeros_like, carry[1])
        return jax.lax.fori_loop(0, num_minibatches, partial(step, order=order), start), None

    first = _rows(experience, jnp.arange(descent.batch_size))
    names = [*jax.eval_shape(loss, fitted.params, first)[1], "gradient_norm"]
    start = (fitted, {name: jnp.zeros(()) for name in names})
    keys = jax.random.split(descent.key, descent.num_epochs)
    (fitted, total), _ = jax.lax.scan(epoch, start, keys)
    return fitted, jax.tree.map(lambda sum_: sum_ / num_minibatches, total)


def _rows(experience: Experience, rows: jax.Array) -> Experience:
    """The samples of these rows."""
    arrays = experience._replace(num_samples=0)
    return jax.tree.map(lambda x: x[rows] if jnp.ndim(x) else x, arrays)


def _shuffled(key: jax.Array, experience: Experience) -> jax.Array:
    """Row numbers in random order, real samples before padding."""
    capacity = experience.log_prob.shape[0]
    padding = jnp.arange(capacity) >= experience.num_samples
    return jnp.argsort(jax.random.uniform(key, (capacity,)) + 2.0 * padding)
