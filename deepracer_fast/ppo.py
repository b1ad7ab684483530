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


class Measures(NamedTuple):
    """Means over the minibatches of an update's last epoch."""

    policy_loss: jax.Array
    value_loss: jax.Array
    entropy: jax.Array
    kl: jax.Array
    clip_fraction: jax.Array
    gradient_norm: jax.Array


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
    spec: NetworkSpec, params: Params, batch: Experience, coefficients: Coefficients
) -> tuple[jax.Array, Measures]:
    """Clipped surrogate minus the entropy bonus (Schulman et al. 2017, equations 7 and 9)."""
    head = policy_logits(spec, params, batch.observation)
    log_prob, entropy = action_log_probs(spec, params, head, batch.action)
    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1.0 - coefficients.clip, 1.0 + coefficients.clip)
    surrogate = jnp.mean(jnp.minimum(ratio * batch.advantage, clipped * batch.advantage))
    loss = -surrogate - coefficients.beta_entropy * jnp.mean(entropy)
    zero = jnp.zeros(())
    return loss, Measures(
        policy_loss=-surrogate,
        value_loss=zero,
        entropy=jnp.mean(entropy),
        kl=jnp.mean(ratio - 1.0 - log_ratio),  # Schulman's low-variance estimate
        clip_fraction=jnp.mean(jnp.abs(ratio - 1.0) > coefficients.clip),
        gradient_norm=zero,
    )


def value_loss(critic: Params, batch: Experience, huber: bool) -> jax.Array:
    """Huber (delta 1) or squared error of the values."""
    error = value(critic, batch.track_state) - batch.target
    return jnp.mean(optax.losses.huber_loss(error) if huber else error**2)


def _descend(params: Params, moments: optax.OptState, gradient: Params, rate: Any) -> Any:
    direction, moments = ADAM.update(gradient, moments)
    return jax.tree.map(lambda p, d: p - rate * d, params, direction), moments


def _minibatch(experience: Experience, order: jax.Array, index: jax.Array, size: int) -> Experience:
    rows = jax.lax.dynamic_slice_in_dim(order, index * size, size)
    arrays = experience._replace(num_samples=0)
    return jax.tree.map(lambda x: x[rows] if jnp.ndim(x) else x, arrays)


def _shuffled(key: jax.Array, experience: Experience) -> jax.Array:
    """Row numbers in random order, real samples before padding."""
    capacity = experience.log_prob.shape[0]
    padding = jnp.arange(capacity) >= experience.num_samples
    return jnp.argsort(jax.random.uniform(key, (capacity,)) + 2.0 * padding)


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
    """
    num_minibatches = experience.num_samples // plan.batch_size
    key, *epoch_keys = jax.random.split(state.key, 1 + plan.num_epochs + VALUE_EPOCHS)
    policy_grad = jax.value_and_grad(partial(policy_loss, spec), has_aux=True)
    value_grad = jax.value_and_grad(partial(value_loss, huber=plan.huber))

    def policy_step(index: jax.Array, carry: Any, order: jax.Array) -> Any:
        params, moments, total = carry
        batch = _minibatch(experience, order, index, plan.batch_size)
        (_, measures), gradient = policy_grad(params, batch, coefficients)
        measures = measures._replace(gradient_norm=optax.tree.norm(gradient))
        params, moments = _descend(params, moments, gradient, coefficients.learning_rate)
        return params, moments, jax.tree.map(jnp.add, total, measures)

    def value_step(index: jax.Array, carry: Any, order: jax.Array) -> Any:
        params, moments, total = carry
        batch = _minibatch(experience._replace(observation={}), order, index, plan.batch_size)
        loss, gradient = value_grad(params, batch)
        params, moments = _descend(params, moments, gradient, VALUE_LEARNING_RATE)
        return params, moments, total + loss

    def epoch(step: Any, carry: Any, key: jax.Array) -> Any:
        order = _shuffled(key, experience)
        params, moments, total = carry
        start = (params, moments, jax.tree.map(jnp.zeros_like, total))
        return jax.lax.fori_loop(0, num_minibatches, partial(step, order=order), start), None

    nothing = Measures(*(jnp.zeros(()) for _ in Measures._fields))
    (policy, policy_moments, measures), _ = jax.lax.scan(
        partial(epoch, policy_step),
        (state.policy, state.policy_moments, nothing),
        jnp.stack(epoch_keys[: plan.num_epochs]),
    )
    (critic, value_moments, loss), _ = jax.lax.scan(
        partial(epoch, value_step),
        (state.value, state.value_moments, jnp.zeros(())),
        jnp.stack(epoch_keys[plan.num_epochs :]),
    )
    measures = jax.tree.map(lambda m: m / num_minibatches, measures._replace(value_loss=loss))
    return LearnerState(policy, critic, policy_moments, value_moments, key), measures
