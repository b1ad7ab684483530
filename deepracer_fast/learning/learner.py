"""The learner: holds the networks between updates, chooses actions, learns from rollouts.

In: rollouts from ``collect``. Out: a better policy, and the measures of each update. The
mathematics is in ``ppo``; here are the conversions around it: scaling, flattening, saving.
Neighbours: ``collect`` asks it for actions, ``train`` drives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.file_reading import refusing
from deepracer_fast.driving.collect import Decision, Rollout
from deepracer_fast.errors import ArchiveError, ConfigError
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.learning import distribution, imitation, parallel, ppo
from deepracer_fast.learning.descent import ADAM, Fitted
from deepracer_fast.learning.hosts import ALONE, Team, settle
from deepracer_fast.learning.learner_state import (
    LearnerState,
    RewardScale,
    init_learner,
    like,
    like_networks,
    networks_tree,
    random_key,
)
from deepracer_fast.policy.archive.weights import load_weights, save_weights
from deepracer_fast.policy.networks import NetworkSpec, Params
from deepracer_fast.world.simulator import TRACK_STATE_SIZE


@dataclass(frozen=True)
class LearnerOptions:
    """What a learner is made from.

    Attributes:
        spec: the policy network.
        hyperparameters: of ``hyperparameters.json``.
        seed: of the parameters and the exploration.
        gae_lambda: of generalised advantage estimation.
        clip: of the policy ratio.
        value_function: what the value function sees, of ``config.VALUE_FUNCTIONS``.
        lr_schedule: how the learning rate falls, of ``config.LR_SCHEDULES``.
    """

    spec: NetworkSpec
    hyperparameters: Hyperparameters
    seed: int = 0
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_function: str = "track_state"
    lr_schedule: str = "constant"


class Knowledge(NamedTuple):
    """What a teacher knows that needs no picture.

    Attributes:
        rewards: their scale.
        value: its value function of the track state; None of another kind.
        log_std: of its actions, [2]; None where they are discrete.
    """

    rewards: RewardScale
    value: Fitted | None
    log_std: jax.Array | None


class Learner:
    """PPO on one policy network and its value function.

    Args:
        options: what it is made from.
        team: the hosts that learn together, each from its own rollouts; all make the same calls.
    """

    def __init__(self, options: LearnerOptions, team: Team = ALONE) -> None:
        hyperparameters = options.hyperparameters
        if hyperparameters.exploration_type == "additive_noise":
            raise ConfigError(
                "exploration_type additive_noise belongs to SAC, which cannot be trained here; "
                "use categorical or e-greedy"
            )
        if options.spec.continuous and hyperparameters.exploration_type == "e-greedy":
            raise ConfigError(
                "exploration_type e-greedy needs a discrete action space; use categorical"
            )
        self._share = team.share("batch_size", hyperparameters.batch_size)
        self.options, self._team = options, team
        seed, kind = options.seed, options.value_function
        self._state = init_learner(options.spec, TRACK_STATE_SIZE, seed, kind)
        self._key = random_key(seed, "exploration")
        self._rewards = RewardScale()
        self._aside: LearnerState | None = None

    @property
    def policy(self) -> Params:
        """The policy network's parameters."""
        return self._state.policy

    def begin_with(self, policy: Params) -> None:
        """Takes over a policy's parameters; everything else is as fresh as before.

        Raises:
            ValueError: they are of another network.
        """
        self._state = self._state._replace(policy=like(self._state.policy, policy))

    def explore(self, observation: dict[str, Array]) -> Decision:
        """Actions to learn from; see ``collect.Policy``."""
        self._key, key = jax.random.split(self._key)
        if not self._team.leads:
            key = jax.random.fold_in(key, self._team.index)  # its cars explore in their own way
        action, log_prob, value = self._sample(observation, key)
        return Decision(
            np.asarray(action), np.asarray(log_prob), None if value is None else np.asarray(value)
        )

    def _sample(self, observation: dict[str, Array], key: jax.Array) -> Any:
        options, params = self.options, (self._state.policy, self._state.value)
        return distribution.sample_actions(
            options.spec, options.value_function, params, observation, key, self._epsilon()
        )

    def best_action(self, observation: dict[str, Array]) -> Array:
        """What an evaluation does: the likeliest actions [B], or the means [B, 2]."""
        return np.asarray(
            distribution.best_action(self.options.spec, self._state.policy, observation)
        )

    def logits(self, observation: dict[str, Array]) -> Array:
        """What the network says of each action, or means where continuous, float32 [B, A]."""
        return np.asarray(imitation.logits(self.options.spec, self._state.policy, observation))

    def best_action_of(self, logits: Array) -> Array:
        """``best_action`` where ``logits`` are known."""
        return logits if self.options.spec.continuous else np.argmax(logits, axis=-1)

    def distances(self, logits: Array, teachers: Array) -> Array:
        """How far each moment's are from a teacher's, float32 [B]; see ``imitation``."""
        spec, policy = self.options.spec, self._state.policy
        return np.asarray(imitation.distances_of_samples(spec, policy, logits, teachers))

    def imitate(self, observation: dict[str, Array], answers: Array, learning_rate: float) -> float:
        """One step towards a teacher's logits [M, A], or means [M, 2], of the same moments.

        Returns:
            How far the policy was from the teacher, nats or standard deviations squared.
        """
        fitted = Fitted(self._state.policy, self._state.policy_moments)
        fitted, distance = imitation.imitate(
            self.options.spec, fitted, observation, answers, learning_rate
        )
        self._state = self._state._replace(policy=fitted.params, policy_moments=fitted.moments)
        return float(distance)

    def knowledge(self) -> Knowledge:
        """A copy of what it knows that needs no picture."""
        state = jax.tree.map(jnp.copy, self._state)
        is_its_own = self.options.value_function == "track_state"
        value = Fitted(state.value, state.value_moments) if is_its_own else None
        return Knowledge(self._rewards, value, state.policy["ppo_head_0"].get("policy_log_std"))

    def succeed(self, teacher: Knowledge) -> None:
        """Takes over what a teacher of the same kind of actions knows that needs no picture."""
        self._rewards = teacher.rewards
        if teacher.value is not None and self.options.value_function == "track_state":
            self._state = self._state._replace(
                value=teacher.value.params, value_moments=teacher.value.moments
            )
        if self.options.spec.continuous:
            self._state.policy["ppo_head_0"]["policy_log_std"] = teacher.log_std

    def set_aside(self) -> None:
        """Remembers the networks as they are now."""
        self._aside = jax.tree.map(jnp.copy, self._state)

    def put_back(self) -> None:
        """Goes back to what ``set_aside`` remembered."""
        assert self._aside is not None
        self._state = jax.tree.map(jnp.copy, self._aside)

    def forget_moments(self) -> None:
        """Fresh Adam moments of the policy, for a descent of another kind."""
        self._state = self._state._replace(policy_moments=ADAM.init(self._state.policy))

    def _epsilon(self) -> float:
        """Share of random actions of e-greedy, falling linearly from 1; below 0: categorical."""
        hyperparameters = self.options.hyperparameters
        if hyperparameters.exploration_type != "e-greedy":
            return -1.0
        share = min(1.0, self._rewards.steps / hyperparameters.epsilon_steps)
        return 1.0 + share * (hyperparameters.e_greedy_value - 1.0)

    def learn(self, rollout: Rollout, progress: float = 0.0) -> dict[str, float]:
        """One PPO iteration on the valid samples of a rollout.

        Args:
            rollout: with values if the value function is one of observations.
            progress: share of the training that is over, 0 to 1, for a learning rate that falls.

        Returns:
            What ``ppo.update`` measures and ``explained_variance``, by name.

        Raises:
            FloatingPointError: a parameter became NaN or infinite; ``restore`` an earlier state.
        """
        rewards, valid = rollout.reward[rollout.valid], rollout.valid
        squared = float(np.sum(np.square(rewards, dtype=np.float64)))
        told = self._team.gather([int(valid.sum()), squared, progress])
        counts, squares, shares_over = zip(*told, strict=True)
        self._rewards = RewardScale(
            self._rewards.steps + sum(counts), self._rewards.squares + sum(squares)
        )
        batch_size, num_devices = self._minibatch(min(counts))
        blocks = parallel.Blocks(num_devices, min(counts) // num_devices)
        experience, explained = self._experience(rollout, blocks)
        own = self.options.hyperparameters
        plan = ppo.UpdatePlan(
            batch_size=batch_size,
            num_epochs=own.num_epochs,
            huber=own.loss_type == "huber",
            value_function=self.options.value_function,
        )
        rate, beta_entropy = self._learning_rate(shares_over[0]), own.beta_entropy
        coefficients = ppo.Coefficients(rate, self.options.clip, beta_entropy)
        measures = self._update(plan, experience, coefficients, num_devices)
        return measures | {"explained_variance": explained}

    def _minibatch(self, fewest: int) -> tuple[int, int]:
        """Samples of one minibatch over all hosts, and devices of each host that share it.

        ``fewest`` are the samples of the host that has fewest.
        """
        share = self._share
        if fewest < share:  # markov training_worker.py
            share = 2 ** int(np.log2(fewest))
        return share * self._team.count, parallel.devices_for(share)

    def _update(
        self,
        plan: ppo.UpdatePlan,
        experience: ppo.Experience,
        coefficients: ppo.Coefficients,
        num_devices: int,
    ) -> dict[str, float]:
        """Changes the networks; returns the update's measures."""
        one = num_devices == self._team.count == 1
        update = ppo.update if one else parallel.update_on(num_devices)
        try:
            self._state, measures = update(
                self.options.spec, plan, self._state, experience, coefficients
            )
            finite = bool(_all_finite((self._state.policy, self._state.value)))
        except (ValueError, jax.errors.JaxRuntimeError):
            self._team.check()
            raise
        if not finite:
            raise FloatingPointError("a parameter of the network is no longer a finite number")
        return {name: float(value) for name, value in measures.items()}

    def follow_first_host(self) -> None:
        """Takes over all that the team's first host knows; every host calls it."""
        if self._team.count == 1:
            return
        keys = jax.random.key_data(jnp.stack([self._state.key, self._key]))
        networks = self._state._replace(key=keys)
        state = parallel.of_first_host(networks, parallel.devices_for(self._share))
        first, self._key = jax.random.wrap_key_data(state.key)
        self._state = state._replace(key=first)
        self._rewards = RewardScale(**self._team.gather(vars(self._rewards))[0])
        settle()

    def _learning_rate(self, progress: float) -> float:
        """``lr``, or what is left of it: PPO's usual linear descent to 0 (Schulman et al. 2017)."""
        left = 1.0 - progress if self.options.lr_schedule == "linear" else 1.0
        return self.options.hyperparameters.lr * min(max(left, 0.0), 1.0)

    def _values(self, rollout: Rollout) -> jax.Array | Array:
        """[T + 1, B], as the policy's parameters are now."""
        if self.options.value_function == "track_state":
            return distribution.track_state_values(self._state.value, rollout.track_state)
        if rollout.value is None:
            raise ValueError("rollout.value must hold the values of its observations, got None")
        # The first random key will do: only the values are asked for.
        last = self._sample(rollout.last_observation, self._key)[2]
        return np.concatenate([rollout.value, np.asarray(last)[None]])

    def _experience(
        self, rollout: Rollout, blocks: parallel.Blocks
    ) -> tuple[ppo.Experience, float]:
        """The rollout as flat arrays with standardised advantages, and the values' quality.

        Both over the samples of all hosts.
        """
        valid = rollout.valid
        gamma = self.options.hyperparameters.discount_factor
        advantage, target = (
            np.asarray(array)
            for array in ppo.advantages(
                self._values(rollout),
                rollout.reward / self._rewards.divisor(gamma),
                # What lies behind a car's last valid sample is not of its episode.
                rollout.ended | ~np.append(valid[1:], valid[-1:], axis=0),
                (gamma, self.options.gae_lambda),
            )
        )
        chosen = advantage[valid]
        (mean, of_advantage), (_, of_target) = self._team.spreads(chosen, target[valid])
        explained = 1.0 - of_advantage / of_target if of_target > 0.0 else 0.0
        standard = (advantage - np.float32(mean)) / (np.float32(of_advantage**0.5) + 1e-8)
        arrays = {
            "observation": rollout.observation,
            "track_state": rollout.track_state[:-1],
            "action": rollout.action,
            "log_prob": rollout.log_prob,
            "advantage": standard,
            "target": target,
        }
        flat = jax.tree.map(lambda array: blocks.flat(array, valid), arrays)
        return ppo.Experience(**flat, num_samples=blocks.samples), explained

    def save(self, path: Path) -> None:
        """Writes all that is needed to go on learning, beside the policy's own parameters."""
        save_weights(path, self._books())

    def restore(self, path: Path, policy: Params) -> None:
        """Goes on from what ``save`` wrote.

        Raises:
            ArchiveError: the file is damaged, or belongs to another network.
        """
        tree = load_weights(path)
        with refusing(str(path), "does not fit this training", ArchiveError):
            self._take(tree, policy)

    def whole(self) -> Params:
        """All that it knows, as a tree of arrays, with what was set aside."""
        tree = self._books() | {"network_1": self._state.policy}
        if self._aside is not None:
            tree["aside"] = networks_tree(self._aside) | {"network_1": self._aside.policy}
        return tree

    def take_whole(self, tree: Mapping[str, Any]) -> None:
        """Goes on from what ``whole`` gave.

        Raises:
            KeyError, ValueError, TypeError: it is of another network.
        """
        self._take(tree, tree["network_1"])
        if "aside" in tree:
            aside = like_networks(self._state, tree["aside"], tree["aside"]["network_1"])
            self._aside = jax.tree.map(jnp.copy, aside)  # an update takes the state's own arrays

    def _books(self) -> Params:
        return networks_tree(self._state) | {
            "keys": np.asarray(jax.random.key_data(jnp.stack([self._state.key, self._key]))),
            "steps": np.array(self._rewards.steps),
            "squared_rewards": np.array(self._rewards.squares),
        }

    def _take(self, tree: Mapping[str, Any], policy: Params) -> None:
        keys = jax.random.wrap_key_data(jnp.asarray(tree["keys"]))
        state = like_networks(self._state, tree, policy)._replace(key=keys[0])
        self._rewards = RewardScale(int(tree["steps"]), float(tree["squared_rewards"]))
        self._state, self._key = state, keys[1]


@jax.jit
def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))
