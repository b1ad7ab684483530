"""Promises of ``learning.learner``: rollouts in, a better policy out, and nothing lost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from deepracer_fast.driving.collect import Rollout
from deepracer_fast.errors import ArchiveError, ConfigError
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.learning import ppo
from deepracer_fast.learning.distribution import sample_actions
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import NetworkSpec
from deepracer_fast.world.simulator import TRACK_STATE_SIZE

DISCRETE = NetworkSpec((("LIDAR", (64,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 3, False)
CONTINUOUS = replace(DISCRETE, num_actions=2, continuous=True)
HYPERPARAMETERS = Hyperparameters(batch_size=8, num_epochs=1)
STEPS, CARS = 8, 2


def learner_of(
    spec: NetworkSpec = DISCRETE,
    seed: int = 0,
    value_function: str = "track_state",
    **hyperparameters: Any,
) -> Learner:
    asked = replace(HYPERPARAMETERS, **hyperparameters)
    return Learner(LearnerOptions(spec, asked, seed=seed, value_function=value_function))


def rollout_of(seed: int = 0, spec: NetworkSpec = DISCRETE) -> Rollout:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    discrete = rng.integers(0, 3, (STEPS, CARS)).astype(np.int32)
    return Rollout(
        observation={"LIDAR": normal(STEPS, CARS, 64)},
        track_state=normal(STEPS + 1, CARS, TRACK_STATE_SIZE),
        action=normal(STEPS, CARS, 2) if spec.continuous else discrete,
        log_prob=np.full((STEPS, CARS), -1.1, np.float32),
        reward=normal(STEPS, CARS),
        ended=rng.random((STEPS, CARS)) < 0.1,
        valid=np.ones((STEPS, CARS), bool),
        num_steps=STEPS,
    )


def policy_bytes(learner: Learner) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(learner.policy)]


def captured_plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ppo.UpdatePlan, ppo.Experience]]:
    """Replaces the update by one that only notes what it was asked."""
    asked = []

    def update(_spec: Any, plan: Any, state: Any, experience: Any, _coefficients: Any) -> Any:
        asked.append((plan, experience))
        return state, {}

    monkeypatch.setattr(ppo, "update", update)
    return asked


def test_restored_learner_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    learner = learner_of()
    learner.learn(rollout_of(0))
    learner.explore(
        {"LIDAR": rollout_of().observation["LIDAR"][0]}
    )  # the random key has moved on, too
    learner.save(tmp_path / "learner.safetensors")
    policy = jax.tree.map(np.asarray, learner.policy)

    twin = learner_of(seed=99)
    twin.restore(tmp_path / "learner.safetensors", policy)
    assert policy_bytes(twin) == policy_bytes(learner)
    for seed in (1, 2):
        observation = {"LIDAR": rollout_of(seed).observation["LIDAR"][0]}
        for mine, other in zip(
            learner.explore(observation), twin.explore(observation), strict=True
        ):
            np.testing.assert_array_equal(mine, other)
        assert learner.learn(rollout_of(seed)) == twin.learn(rollout_of(seed))
        assert policy_bytes(twin) == policy_bytes(learner)


def test_what_was_set_aside_survives_the_updates_after_it_was_taken_up_again() -> None:
    learner = learner_of()
    learner.learn(rollout_of(0))
    learner.set_aside()
    kept = policy_bytes(learner)
    learner.learn(rollout_of(1))
    twin = learner_of(seed=99)
    twin.take_whole(jax.tree.map(np.asarray, learner.whole()))
    twin.learn(rollout_of(2))
    twin.put_back()
    assert policy_bytes(twin) == kept
    twin.learn(rollout_of(2))


def test_learner_state_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "learner.safetensors"
    learner_of().save(path)
    other = learner_of(CONTINUOUS)
    before = policy_bytes(other)
    with pytest.raises(ArchiveError, match="does not fit this training"):
        other.restore(path, jax.tree.map(np.asarray, learner_of().policy))
    assert policy_bytes(other) == before


def test_damaged_learner_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "learner.safetensors"
    learner = learner_of()
    learner.save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArchiveError, match=r"learner\.safetensors"):
        learner.restore(path, learner.policy)


def test_loss_that_is_not_a_number_raises() -> None:
    rollout = rollout_of()
    rollout.observation["LIDAR"][:] = np.nan
    with pytest.raises(FloatingPointError, match="no longer a finite number"):
        learner_of().learn(rollout)


def test_batch_size_shrinks_to_a_power_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = captured_plans(monkeypatch)
    for batch_size, samples, expected in ((64, 16, 16), (64, 13, 8), (64, 1, 1), (8, 13, 8)):
        rollout = rollout_of()
        rollout.valid.flat[samples:] = False
        learner_of(batch_size=batch_size).learn(rollout)
        assert asked[-1][0].batch_size == expected
        assert asked[-1][1].num_samples == samples


def test_unit_of_the_reward_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = captured_plans(monkeypatch)
    for unit in (1.0, 1e4):
        learner = learner_of()
        for seed in (0, 1):
            rollout = rollout_of(seed)
            rollout.reward *= unit
            learner.learn(rollout)
    for one, other in zip(asked[:2], asked[2:], strict=True):
        np.testing.assert_allclose(one[1].advantage, other[1].advantage, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(one[1].target, other[1].target, rtol=1e-3, atol=1e-4)


def test_rewards_that_are_all_zero_train_without_a_warning() -> None:
    rollout = rollout_of()
    rollout.reward[:] = 0.0
    assert np.isfinite(list(learner_of().learn(rollout).values())).all()


def test_advantages_are_standardised_over_the_whole_rollout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = captured_plans(monkeypatch)
    rollout = rollout_of()
    rollout.valid[5:, 1] = False
    learner_of().learn(rollout)
    advantage = np.asarray(asked[0][1].advantage)[: rollout.valid.sum()]
    assert advantage.mean() == pytest.approx(0.0, abs=1e-6)
    assert advantage.std() == pytest.approx(1.0, abs=1e-5)


def test_samples_that_are_not_valid_are_never_learnt_from() -> None:
    learnt = []
    for garbage in (0.0, 1e6):
        rollout = rollout_of()
        rollout.valid[5:, 1] = False
        rollout.ended[:, 1] = False
        for array in (rollout.observation["LIDAR"], rollout.reward, rollout.log_prob):
            array[5:, 1] = garbage
        rollout.track_state[6:, 1] = garbage
        learner = learner_of()
        learner.learn(rollout)
        learnt.append(policy_bytes(learner))
    assert learnt[0] == learnt[1]


def test_e_greedy_falls_to_its_final_share() -> None:
    rollout = rollout_of()
    learner = learner_of(exploration_type="e-greedy", e_greedy_value=0.0, epsilon_steps=STEPS)
    observation = {"LIDAR": np.tile(rollout.observation["LIDAR"][0, :1], (300, 1))}
    assert len(set(learner.explore(observation)[0])) == 3, "all actions at first"
    learner.learn(rollout)
    action = learner.explore(observation).action
    np.testing.assert_array_equal(action, learner.best_action(observation))


@pytest.mark.parametrize(
    ("spec", "exploration", "message"),
    [
        (DISCRETE, "additive_noise", "belongs to SAC"),
        (CONTINUOUS, "e-greedy", "needs a discrete action space"),
    ],
)
def test_exploration_that_cannot_work_is_refused(
    spec: NetworkSpec, exploration: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        learner_of(spec, exploration_type=exploration)


@pytest.mark.parametrize("value_function", ["track_state", "separate", "shared"])
@pytest.mark.parametrize("spec", [DISCRETE, CONTINUOUS])
def test_every_value_function_learns_without_compiling_anew(
    spec: NetworkSpec, value_function: str
) -> None:
    learner = learner_of(spec, value_function=value_function)
    compiled = []
    for seed in range(3):
        rollout = rollout_of(seed, spec)
        answers = [learner.explore({"LIDAR": seen}) for seen in rollout.observation["LIDAR"]]
        if value_function != "track_state":
            rollout.value = np.stack([answer.value for answer in answers])
            rollout.last_observation = {"LIDAR": rollout.observation["LIDAR"][-1]}
        measures = learner.learn(rollout)
        assert np.isfinite(list(measures.values())).all()
        compiled.append((ppo.update._cache_size(), sample_actions._cache_size()))
    assert compiled[1] == compiled[2] == compiled[0]
    assert {
        "policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "gradient_norm",
        "explained_variance",
    } == measures.keys()  # fmt: skip


def test_values_of_observations_must_come_with_the_rollout() -> None:
    with pytest.raises(ValueError, match=r"rollout\.value must hold the values"):
        learner_of(value_function="shared").learn(rollout_of())


def test_linear_learning_rate_falls_to_zero_with_the_training() -> None:
    options = LearnerOptions(DISCRETE, HYPERPARAMETERS, lr_schedule="linear")
    learner = Learner(options)
    before = policy_bytes(learner)
    learner.learn(rollout_of(), progress=1.0)
    assert policy_bytes(learner) == before
    learner.learn(rollout_of(), progress=0.5)
    assert policy_bytes(learner) != before
