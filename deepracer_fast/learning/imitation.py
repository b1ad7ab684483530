"""Learning from a teacher's answers, as pure functions.

In: observations and what a teacher that saw the same moments answered. Out: a policy whose answers
are nearer to them. Neighbours: ``learner`` holds the policy, ``lessons`` lets cars drive where the
answers are needed (dataset aggregation: Ross et al., "A reduction of imitation learning and
structured prediction to no-regret online learning", AISTATS 2011).

Shapes: M samples of a minibatch, A actions.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from deepracer_fast.learning.descent import ADAM, Fitted
from deepracer_fast.policy.networks import NetworkSpec, Params, policy_log_std, policy_logits

logits = jax.jit(policy_logits, static_argnums=0)
"""Logits, or means where continuous, float32 [M, A]."""


def distances(spec: NetworkSpec, params: Params, head: jax.Array, answers: jax.Array) -> jax.Array:
    """Kullback-Leibler divergence of the policy's actions from the teacher's, [M].

    Both answered logits or means [M, A]. Where continuous both have the same standard deviations,
    and only the means are learnt; those beyond the action space's bounds are clipped to them, as
    commands are.
    """
    if spec.continuous:
        deviation = jnp.exp(jax.lax.stop_gradient(policy_log_std(params)))
        error = (head - jnp.clip(answers, -1.0, 1.0)) / deviation
        return jnp.sum(0.5 * error**2, axis=-1)
    wanted = jax.nn.log_softmax(answers)
    difference = wanted - jax.nn.log_softmax(head)
    return jnp.sum(jnp.exp(wanted) * difference, axis=-1)


distances_of_samples = jax.jit(distances, static_argnums=0)


def imitation_loss(
    spec: NetworkSpec, params: Params, observation: dict[str, jax.Array], answers: jax.Array
) -> jax.Array:
    """Mean distance over M samples."""
    head = policy_logits(spec, params, observation)
    return jnp.mean(distances(spec, params, head, answers))


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def imitate(
    spec: NetworkSpec,
    fitted: Fitted,
    observation: dict[str, jax.Array],
    answers: jax.Array,
    learning_rate: float | jax.Array,
) -> tuple[Fitted, jax.Array]:
    """One step of Adam; ``fitted`` is donated. Also gives the loss before the step."""
    of_loss = jax.value_and_grad(partial(imitation_loss, spec))
    loss, gradient = of_loss(fitted.params, observation, answers)
    direction, moments = ADAM.update(gradient, fitted.moments)
    params = jax.tree.map(lambda p, d: p - learning_rate * d, fitted.params, direction)
    return Fitted(params, moments), loss
