"""Promises of ``learning.ppo``: hand-worked numbers, slow twins, and what an update may do.

The network is the smallest that the ecosystem knows, a lidar alone: the mathematics above it is
the same for every sensor.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from deepracer_fast.learning import ppo
from deepracer_fast.learning.descent import shuffled
from deepracer_fast.learning.distribution import (
    action_log_probs,
    policy_and_value,
    sample_actions,
)
from deepracer_fast.learning.learner_state import LearnerState, init_learner, random_key
from deepracer_fast.policy.networks import NetworkSpec, Params, policy_logits
from deepracer_fast.world.simulator import TRACK_STATE_SIZE

DISCRETE = NetworkSpec((("LIDAR", (64,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 3, False)
CONTINUOUS = NetworkSpec((("LIDAR", (64,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 2, True)
NUM_FEATURES = TRACK_STATE_SIZE
CAPACITY = 16
COEFFICIENTS = ppo.Coefficients(learning_rate=3e-4, clip=0.2, beta_entropy=0.01)
PLAN = ppo.UpdatePlan(batch_size=8, num_epochs=1, huber=True)


def all_zero(tree: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, tree)


def zero_policy(spec: NetworkSpec) -> Params:
    """Every action equally likely; or a standard normal around 0."""
    params: Params = all_zero(init_learner(spec, NUM_FEATURES, 0).policy)
    return params


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)[:, None]


def gae(values: Any, reward: np.ndarray, ended: np.ndarray, gamma: float, lam: float) -> Any:
    values = np.broadcast_to(np.float32(values), (len(reward) + 1, reward.shape[1]))
    return ppo.advantages(values, reward, ended.astype(bool), (gamma, lam))


def experience_of(spec: NetworkSpec, num_samples: int = CAPACITY, seed: int = 0) -> ppo.Experience:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.normal(size=(CAPACITY, *shape)).astype(np.float32)

    action = normal(2) if spec.continuous else rng.integers(0, 3, CAPACITY).astype(np.int32)
    return ppo.Experience(
        observation={"LIDAR": normal(64)},
        track_state=normal(NUM_FEATURES),
        action=action,
        log_prob=np.full(CAPACITY, -1.1, np.float32),
        advantage=normal(),
        target=normal(),
        num_samples=num_samples,
    )


def updated(experience: ppo.Experience, seed: int = 0, **coefficients: float) -> LearnerState:
    state = init_learner(DISCRETE, NUM_FEATURES, seed)
    return ppo.update(DISCRETE, PLAN, state, experience, COEFFICIENTS._replace(**coefficients))[0]


def leaves(state: LearnerState) -> list[bytes]:
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(state._replace(key=()))]


def test_advantage_of_three_steps_is_the_hand_worked_one() -> None:
    # V = 10, gamma 0.5, lambda 0.5; the last step bootstraps.
    # delta = r + 0.5 * 10 - 10 = (-4, -3, -2); A2 = -2, A1 = -3 - 0.5, A0 = -4 - 0.875
    advantage, target = gae(10.0, column(1, 2, 3), column(0, 0, 0), 0.5, 0.5)
    np.testing.assert_allclose(advantage[:, 0], [-4.875, -3.5, -2.0])
    np.testing.assert_allclose(target[:, 0], [5.125, 6.5, 8.0])


def test_value_after_the_end_of_an_episode_is_zero_and_nothing_flows_back_over_it() -> None:
    # The second step ends an episode: delta1 = 2 - 10 whatever follows; A0 = -4 + 0.25 * -8
    for last_reward in (3.0, 1000.0):
        reward = column(1, 2, last_reward)
        advantage, _ = gae(10.0, reward, column(0, 1, 0), 0.5, 0.5)
        np.testing.assert_allclose(advantage[:2, 0], [-6.0, -8.0])


def test_advantages_equal_a_slow_loop() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(8, 3)).astype(np.float32)
    reward = rng.normal(size=(7, 3)).astype(np.float32)
    ended = rng.random((7, 3)) < 0.3
    found, target = ppo.advantages(values, reward, ended, (0.9, 0.8))

    for car in range(3):
        later = 0.0
        for t in reversed(range(7)):
            alive = 0.0 if ended[t, car] else 1.0
            delta = reward[t, car] + 0.9 * alive * values[t + 1, car] - values[t, car]
            later = delta + 0.9 * 0.8 * alive * later
            assert found[t, car] == pytest.approx(later, abs=1e-5)  # float32 sums of order one
            assert target[t, car] == pytest.approx(later + values[t, car], abs=1e-5)


def test_surrogate_and_entropy_are_the_hand_worked_ones() -> None:
    ratio = np.array([1.5, 0.5, 1.0, 1.1])
    batch = experience_of(DISCRETE)._replace(
        action=np.array([0, 1, 2, 0], np.int32),
        log_prob=(-math.log(3.0) - np.log(ratio)).astype(np.float32),
        advantage=np.array([1.0, -1.0, 2.0, -1.0], np.float32),
    )
    loss, measures = jax.jit(ppo.policy_loss, static_argnums=0)(
        DISCRETE, COEFFICIENTS._replace(beta_entropy=0.1), {}, np.zeros((4, 3), np.float32), batch
    )
    # min(1.5, 1.2) * 1, min(-0.5, -0.8), 2, -1.1
    surrogate = (1.2 - 0.8 + 2.0 - 1.1) / 4.0
    assert measures["policy_loss"] == pytest.approx(-surrogate, abs=1e-5)
    assert measures["entropy"] == pytest.approx(math.log(3.0), abs=1e-5)
    assert loss == pytest.approx(-surrogate - 0.1 * math.log(3.0), abs=1e-5)
    assert measures["clip_fraction"] == 0.5
    assert measures["kl"] == pytest.approx(np.mean(ratio - 1.0 - np.log(ratio)), abs=1e-5)


def test_clipped_samples_move_nothing() -> None:
    """Where the ratio has left the clip range to the better side, the gradient is 0."""
    batch = experience_of(DISCRETE)._replace(
        log_prob=np.full(CAPACITY, -math.log(3.0) - math.log(1.5), np.float32),
        advantage=np.ones(CAPACITY, np.float32),
    )

    def loss(params: Params) -> Any:
        without_entropy = COEFFICIENTS._replace(beta_entropy=0.0)
        head = policy_logits(DISCRETE, params, batch.observation)
        return ppo.policy_loss(DISCRETE, without_entropy, params, head, batch)[0]

    gradient = jax.jit(jax.grad(loss))(zero_policy(DISCRETE))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_value_loss_is_huber_or_squared() -> None:
    batch = experience_of(DISCRETE)._replace(target=np.array([0.5, -2.0]))
    assert ppo.value_loss(True, np.zeros(2), batch)[0] == pytest.approx((0.125 + 1.5) / 2)
    assert ppo.value_loss(False, np.zeros(2), batch)[0] == pytest.approx((0.25 + 4.0) / 2)


def test_discrete_log_prob_and_entropy_follow_the_softmax() -> None:
    head = np.array([[0.0, 1.0, -2.0], [3.0, 3.0, 0.5]], np.float32)
    softmax = np.exp(head) / np.exp(head).sum(axis=1, keepdims=True)
    log_prob, entropy = action_log_probs(DISCRETE, {}, head, jnp.array([2, 0]))
    np.testing.assert_allclose(log_prob, np.log([softmax[0, 2], softmax[1, 0]]), rtol=1e-5)
    np.testing.assert_allclose(entropy, -(softmax * np.log(softmax)).sum(axis=1), rtol=1e-5)


def test_continuous_log_prob_and_entropy_are_those_of_two_normals() -> None:
    params = zero_policy(CONTINUOUS)
    params["ppo_head_0"]["policy_log_std"] = jnp.array([-0.5, 0.3])
    std = np.exp([-0.5, 0.3])
    mean = np.array([[0.2, -0.4]], np.float32)
    action = np.array([[0.5, 0.5]], np.float32)
    log_prob, entropy = action_log_probs(CONTINUOUS, params, mean, action)
    np.testing.assert_allclose(log_prob, norm.logpdf(action, mean, std).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(entropy, [norm.entropy(scale=std).sum()], rtol=1e-5)


@pytest.mark.parametrize("spec", [DISCRETE, CONTINUOUS])
def test_log_prob_of_a_sampled_action_is_that_of_the_policy(spec: NetworkSpec) -> None:
    params = init_learner(spec, NUM_FEATURES, 3).policy
    observation = experience_of(spec).observation
    action, log_prob, _ = sample_actions(
        spec, "track_state", (params, {}), observation, jax.random.key(5)
    )
    head = policy_logits(spec, params, observation)
    expected, _ = action_log_probs(spec, params, head, action)
    np.testing.assert_allclose(log_prob, expected, atol=1e-6)


def sampled(epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares of 3,000 draws that fell to each action, and the policy's probabilities."""
    params = zero_policy(DISCRETE)
    params["ppo_head_0"]["policy_fc"]["bias"] = jnp.array([0.0, 1.5, 0.5])
    observation = {"LIDAR": np.zeros((3000, 64), np.float32)}
    action, _, _ = sample_actions(
        DISCRETE, "track_state", (params, {}), observation, jax.random.key(0), epsilon
    )
    head = policy_logits(DISCRETE, params, {"LIDAR": observation["LIDAR"][:1]})
    shares = np.bincount(np.asarray(action), minlength=3) / 3000
    return shares, np.asarray(jax.nn.softmax(head[0]))


def test_categorical_exploration_draws_from_the_policy() -> None:
    shares, probabilities = sampled(-1.0)
    np.testing.assert_allclose(shares, probabilities, atol=0.03)  # three standard deviations


def test_e_greedy_takes_the_likeliest_action_or_any() -> None:
    np.testing.assert_allclose(sampled(0.0)[0], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(sampled(0.3)[0], [0.1, 0.8, 0.1], atol=0.03)
    np.testing.assert_allclose(sampled(1.0)[0], [1 / 3, 1 / 3, 1 / 3], atol=0.03)


def test_only_full_minibatches_are_learnt_from() -> None:
    for num_samples, minibatches in ((16, 2), (15, 1), (8, 1)):
        state = updated(experience_of(DISCRETE, num_samples))
        assert int(state.policy_moments.count) == minibatches
        assert int(state.value_moments.count) == minibatches * ppo.TRACK_STATE_EPOCHS


def test_padding_rows_are_never_learnt_from() -> None:
    clean = experience_of(DISCRETE, num_samples=8)
    spoilt = jax.tree.map(np.copy, clean)
    for array in (spoilt.observation["LIDAR"], *spoilt[1:2], *spoilt[3:6]):
        array[8:] = np.nan
    assert leaves(updated(spoilt)) == leaves(updated(clean))


def test_every_real_sample_is_met_once_in_an_epoch() -> None:
    order = np.asarray(shuffled(jax.random.key(2), experience_of(DISCRETE, 11)))
    assert sorted(order[:11]) == list(range(11))
    assert order[:11].tolist() != list(range(11)), "in random order"


def test_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    experience = experience_of(DISCRETE)
    assert leaves(updated(experience, seed=4)) == leaves(updated(experience, seed=4))
    assert leaves(updated(experience, seed=4)) != leaves(updated(experience, seed=5))


def test_other_coefficients_and_sample_counts_compile_nothing_anew() -> None:
    updated(experience_of(DISCRETE))
    compiled = ppo.update._cache_size()
    changed = updated(experience_of(DISCRETE, 9), learning_rate=1e-2, clip=0.1, beta_entropy=0.5)
    assert ppo.update._cache_size() == compiled
    assert leaves(changed) != leaves(updated(experience_of(DISCRETE, 9)))


def test_update_takes_over_the_memory_of_the_old_state() -> None:
    state = init_learner(DISCRETE, NUM_FEATURES, 0)
    ppo.update(DISCRETE, PLAN, state, experience_of(DISCRETE), COEFFICIENTS)
    assert state.policy["ppo_head_0"]["policy_fc"]["kernel"].is_deleted()


def test_an_action_that_did_better_than_expected_becomes_likelier() -> None:
    experience = experience_of(DISCRETE)._replace(
        action=np.full(CAPACITY, 1, np.int32),
        log_prob=np.full(CAPACITY, -math.log(3.0), np.float32),
        advantage=np.ones(CAPACITY, np.float32),
    )

    def likelihood(params: Params) -> float:
        head = policy_logits(DISCRETE, params, experience.observation)
        return float(jax.nn.softmax(head)[:, 1].mean())

    before = likelihood(init_learner(DISCRETE, NUM_FEATURES, 0).policy)
    assert likelihood(updated(experience).policy) > before


@pytest.mark.parametrize("value_function", ["separate", "shared"])
def test_a_value_function_of_observations_learns_the_targets(value_function: str) -> None:
    experience = experience_of(DISCRETE)
    plan = ppo.UpdatePlan(8, num_epochs=40, huber=False, value_function=value_function)
    state = init_learner(DISCRETE, NUM_FEATURES, 0, value_function)

    def squared_error(state: LearnerState) -> float:
        params = (state.policy, state.value)
        _, values = policy_and_value(DISCRETE, value_function, params, experience.observation)
        return float(np.mean((np.asarray(values) - experience.target) ** 2))

    before = squared_error(state)
    state, measures = ppo.update(
        DISCRETE, plan, state, experience, COEFFICIENTS._replace(learning_rate=1e-3)
    )
    assert squared_error(state) < 0.2 * before
    assert float(measures["value_loss"]) < before


def test_a_separate_value_function_leaves_the_policy_alone() -> None:
    """Two losses on two networks: whatever the targets are, the policy takes the same steps."""
    plan = ppo.UpdatePlan(8, num_epochs=1, huber=True, value_function="separate")
    policies = []
    for factor in (1.0, 100.0):
        experience = experience_of(DISCRETE)
        experience = experience._replace(target=factor * experience.target)
        state = init_learner(DISCRETE, NUM_FEATURES, 0, "separate")
        state, _ = ppo.update(DISCRETE, plan, state, experience, COEFFICIENTS)
        policies.append(leaves(state._replace(value={}, value_moments={})))
    assert policies[0] == policies[1]


def test_every_bit_of_a_seed_and_every_use_of_it_counts() -> None:
    seeds = (0, 1, 2**31, 2**32, 2**32 + 1, 2**62, 2**63 - 1)
    keys = {
        tuple(jax.random.key_data(random_key(seed, stream)).tolist())
        for seed in seeds
        for stream in ("policy", "value", "minibatches", "exploration")
    }
    assert len(keys) == 4 * len(seeds)
