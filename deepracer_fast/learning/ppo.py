"""Proximal policy optimisation: advantages, two losses, one update; pure functions of arrays.

In: a batch of experience and the learner's state. Out: the next state and a few measures. It knows
arrays, not cars. Neighbours: ``distribution`` says how likely an action is, ``descent`` goes down
the losses, ``learner`` makes experience of rollouts.

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

from deepracer_fast.learning.descent import Descent, Fitted, Measures, fit, joined, parted
from deepracer_fast.learning.distribution import action_log_probs, policy_and_value
from deepracer_fast.learning.learner_state import LearnerState
from deepracer_fast.policy.networks import NetworkSpec, Params
from deepracer_fast.policy.value_networks import track_state_value

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


@jax.jit
def advantages(
    values: jax.Array, reward: jax.Array, ended: jax.Array, discounts: tuple[float, float]
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
    """Clipped surrogate and entropy bonus (Schulman et al. 2017, equations 7 and 9), negated.

    r = pi(a|s) / pi_old(a|s)
    L = -mean(min(r A, clip(r, 1 - epsilon, 1 + epsilon) A)) - beta mean(H)
    """
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
            key=value_key, num_epochs=TRACK_STATE_EPOCHS, learning_rate=TRACK_STATE_LEARNING_RATE
        )
        seen = experience._replace(observation={})
        critic, value_measures = fit(track_state_loss, critic, seen, pace)
        measures |= {"value_loss": value_measures["value_loss"]}
    return LearnerState(policy.params, critic.params, policy.moments, critic.moments, key), measures
