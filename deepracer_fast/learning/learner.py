"""The learner: holds the networks between updates, chooses actions, learns from rollouts.

In: rollouts from ``collect``. Out: a better policy, and the measures of each update. The
mathematics is in ``ppo``; here are the conversions around it (flattening, padding, scaling,
saving). Neighbours: ``collect`` asks it for actions, ``train`` drives it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from deepracer_fast.checks.file_reading import refusing
from deepracer_fast.driving.collect import Decision, Rollout
from deepracer_fast.errors import ArchiveError, ConfigError
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.learning import imitation, parallel, ppo
from deepracer_fast.learning.descent import ADAM, Fitted
from deepracer_fast.learning.hosts import ALONE, Team, settle
from deepracer_fast.policy.archive.weights import load_weights, save_weights
from deepracer_fast.policy.networks import NetworkSpec, Params
from deepracer_fast.world.simulator import TRACK_STATE_SIZE

Array = npt.NDArray[Any]


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
        batch_size = hyperparameters.batch_size
        if batch_size % team.count:
            raise ConfigError(
                f"batch_size must be a multiple of the {team.count} hosts, got {batch_size}"
            )
        self.options, self._team = options, team
        self._state = ppo.init_learner(
            options.spec, TRACK_STATE_SIZE, options.seed, options.value_function
        )
        self._key = ppo.random_key(options.seed, "exploration")
        self._steps = 0  # env steps learnt from
        self._squared_rewards = 0.0  # and the sum of their rewards squared
        self._aside: ppo.LearnerState | None = None

    @property
    def policy(self) -> Params:
        """The policy network's parameters."""
        return self._state.policy

    def begin_with(self, policy: Params) -> None:
        """Takes over a policy's parameters; everything else is as fresh as before.

        Raises:
            ValueError: they are of another network.
        """
        self._state = self._state._replace(policy=_like(self._state.policy, policy))

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
        return ppo.sample_actions(
            options.spec, options.value_function, params, observation, key, self._epsilon()
        )

    def best_action(self, observation: dict[str, Array]) -> Array:
        """What an evaluation does: the likeliest actions [B], or the means [B, 2]."""
        return np.asarray(ppo.best_action(self.options.spec, self._state.policy, observation))

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
        """One step towards a teacher's answers to the same moments; see ``imitation``.

        Args:
            observation: sensor -> [M, ...].
            answers: logits [M, A] or means [M, 2] of the teacher.
            learning_rate: of Adam.

        Returns:
            How far the policy was from the teacher, nats or standard deviations squared.
        """
        fitted = Fitted(self._state.policy, self._state.policy_moments)
        fitted, distance = imitation.imitate(
            self.options.spec, fitted, observation, answers, learning_rate
        )
        self._state = self._state._replace(policy=fitted.params, policy_moments=fitted.moments)
        return float(distance)

    def succeed(self, teacher: Learner) -> None:
        """Takes over what a teacher knows that needs no picture.

        That is its value function of the track state, the scale of the rewards, and the spread of
        its actions.
        """
        copied = jax.tree.map(jnp.copy, teacher._state)
        if self.options.value_function == teacher.options.value_function == "track_state":
            self._state = self._state._replace(
                value=copied.value, value_moments=copied.value_moments
            )
        self._steps, self._squared_rewards = teacher._steps, teacher._squared_rewards
        if self.options.spec.continuous:
            head = self._state.policy["ppo_head_0"]
            head["policy_log_std"] = copied.policy["ppo_head_0"]["policy_log_std"]

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
        share = min(1.0, self._steps / hyperparameters.epsilon_steps)
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
        self._steps += sum(counts)
        self._squared_rewards += sum(squares)
        batch_size, num_devices = self._minibatch(min(counts))
        blocks = Blocks(num_devices, min(counts) // num_devices)
        experience, explained = self._experience(rollout, blocks)
        plan = ppo.UpdatePlan(
            batch_size=batch_size,
            num_epochs=self.options.hyperparameters.num_epochs,
            huber=self.options.hyperparameters.loss_type == "huber",
            value_function=self.options.value_function,
        )
        coefficients = ppo.Coefficients(
            learning_rate=self._learning_rate(shares_over[0]),
            clip=self.options.clip,
            beta_entropy=self.options.hyperparameters.beta_entropy,
        )
        measures = self._update(plan, experience, coefficients, num_devices)
        return measures | {"explained_variance": explained}

    def _minibatch(self, fewest: int) -> tuple[int, int]:
        """Samples of one minibatch over all hosts, and devices of each host that share it.

        Args:
            fewest: samples of the host that has fewest.
        """
        hosts, batch_size = self._team.count, self.options.hyperparameters.batch_size
        share = batch_size // hosts
        num_devices = parallel.devices_for(share)
        if fewest < share:  # markov training_worker.py
            share = 2 ** int(np.log2(fewest))
            num_devices = parallel.devices_for(share)
        return share * hosts, num_devices

    def _update(
        self, plan: ppo.UpdatePlan, experience: Any, coefficients: Any, num_devices: int
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
        num_devices = parallel.devices_for(
            self.options.hyperparameters.batch_size // self._team.count
        )
        state = parallel.of_first_host(networks, num_devices)
        first, self._key = jax.random.wrap_key_data(state.key)
        self._state = state._replace(key=first)
        told = self._team.gather([self._steps, self._squared_rewards])
        self._steps, self._squared_rewards = told[0]
        settle()

    def _learning_rate(self, progress: float) -> float:
        """``lr``, or what is left of it: PPO's usual linear descent to 0 (Schulman et al. 2017)."""
        left = 1.0 - progress if self.options.lr_schedule == "linear" else 1.0
        return self.options.hyperparameters.lr * min(max(left, 0.0), 1.0)

    def _values(self, rollout: Rollout) -> jax.Array | Array:
        """[T + 1, B], as the policy's parameters are now."""
        if self.options.value_function == "track_state":
            return ppo.track_state_values(self._state.value, rollout.track_state)
        if rollout.value is None:
            raise ValueError("rollout.value must hold the values of its observations, got None")
        # The first random key will do: only the values are asked for.
        last = self._sample(rollout.last_observation, self._key)[2]
        return np.concatenate([rollout.value, np.asarray(last)[None]])

    def _experience(self, rollout: Rollout, blocks: Blocks) -> tuple[ppo.Experience, float]:
        """The rollout as flat arrays with standardised advantages, and the values' quality.

        Both over the samples of all hosts.
        """
        valid = rollout.valid
        gamma = self.options.hyperparameters.discount_factor
        advantage, target = (
            np.asarray(array)
            for array in ppo.advantages(
                self._values(rollout),
                rollout.reward / self._reward_scale(),
                # What lies behind a car's last valid sample is not of its episode.
                rollout.ended | ~np.append(valid[1:], valid[-1:], axis=0),
                (gamma, self.options.gae_lambda),
            )
        )
        chosen = advantage[valid]
        (mean, of_advantage), (_, of_target) = self._spreads(chosen, target[valid])
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
        flat = jax.tree.map(lambda array: _flat(array, valid, blocks), arrays)
        return ppo.Experience(**flat, num_samples=blocks.samples), explained

    def _spreads(self, *arrays: Array) -> list[tuple[float, float]]:
        """Mean and variance of each array over the samples of all hosts."""
        told = self._team.gather(
            [[array.size, float(array.mean()), float(array.var())] for array in arrays]
        )
        return [_spread(parts) for parts in zip(*told, strict=True)]

    def _reward_scale(self) -> float:
        """Divides rewards so that values are of order one, whatever units a user chose.

        The root mean square of all rewards so far, times the number of steps that the discount
        factor looks ahead.
        """
        mean_square = self._squared_rewards / self._steps
        ahead = 1.0 / max(1.0 - self.options.hyperparameters.discount_factor, 1e-3)
        return max(float(np.sqrt(mean_square)) * ahead, 1e-8)

    def save(self, path: Path) -> None:
        """Writes all that is needed to go on learning, beside the policy's own parameters.

        Args:
            path: a safetensors file.
        """
        save_weights(path, self._books())

    def restore(self, path: Path, policy: Params) -> None:
        """Goes on from what ``save`` wrote.

        Raises:
            ArchiveError: the file is damaged, or belongs to another network.
        """
        tree = load_weights(path)
        with refusing(str(path), "does not fit this training", ArchiveError):
            self._take(tree, policy)

    def whole(self) -> dict[str, Any]:
        """All that it knows, as a tree of arrays, with what was set aside."""
        tree = self._books() | {"network_1": self._state.policy}
        return (
            tree
            if self._aside is None
            else tree | {"aside": _networks_tree(self._aside) | {"network_1": self._aside.policy}}
        )

    def take_whole(self, tree: Mapping[str, Any]) -> None:
        """Goes on from what ``whole`` gave.

        Raises:
            KeyError, ValueError, TypeError: it is of another network.
        """
        self._take(tree, tree["network_1"])
        if "aside" in tree:
            aside = self._like_networks(tree["aside"], tree["aside"]["network_1"])
            self._aside = jax.tree.map(jnp.copy, aside)  # an update takes the state's own arrays

    def _books(self) -> dict[str, Any]:
        return _networks_tree(self._state) | {
            "keys": np.asarray(jax.random.key_data(jnp.stack([self._state.key, self._key]))),
            "steps": np.array(self._steps),
            "squared_rewards": np.array(self._squared_rewards),
        }

    def _take(self, tree: Mapping[str, Any], policy: Params) -> None:
        keys = jax.random.wrap_key_data(jnp.asarray(tree["keys"]))
        state = self._like_networks(tree, policy)._replace(key=keys[0])
        steps, squares = float(tree["steps"]), float(tree["squared_rewards"])
        if not 0 <= min(steps, squares) <= max(steps, squares) < math.inf:
            raise ValueError(f"steps {steps}, squared_rewards {squares}")
        self._steps, self._squared_rewards = int(steps), squares
        self._state, self._key = state, keys[1]

    def _like_networks(self, tree: Mapping[str, Any], policy: Params) -> ppo.LearnerState:
        return self._state._replace(
            policy=_like(self._state.policy, policy),
            value=_like(self._state.value, tree["network_0"]),
            policy_moments=_moments(self._state.policy_moments, tree["policy_moments"]),
            value_moments=_moments(self._state.value_moments, tree["value_moments"]),
        )


@jax.jit
def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


class Blocks(NamedTuple):
    """How this host's samples are cut for its devices."""

    number: int
    samples: int  # of each that are learnt from


def _spread(parts: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    """Mean and variance of several groups together.

    Args:
        parts: of each group its size, mean and variance.
    """
    if len(parts) == 1:
        return parts[0][1:]
    count = sum(size for size, _, _ in parts)
    mean = sum(size * own for size, own, _ in parts) / count
    square = sum(size * (variance + (own - mean) ** 2) for size, own, variance in parts)
    return mean, square / count


def _flat(array: Array, valid: Array, blocks: Blocks) -> Array:
    """[T, B, ...] as [N, ...]: all of it in place, or the valid samples padded to a few sizes.

    N is cut into equal blocks, each with its own padding. Each size is compiled once, so they are
    powers of two.
    """
    learnt = blocks.number * blocks.samples
    if learnt == valid.size:
        return array.reshape(-1, *array.shape[2:])
    size = max(1024, 1 << (blocks.samples - 1).bit_length())
    padded = np.zeros((blocks.number, size, *array.shape[2:]), array.dtype)
    padded[:, : blocks.samples] = array[valid][:learnt].reshape(
        blocks.number, blocks.samples, *array.shape[2:]
    )
    return padded.reshape(-1, *array.shape[2:])


def _networks_tree(state: ppo.LearnerState) -> dict[str, Any]:
    """A state's networks, but for the policy's parameters."""
    return {
        "network_0": state.value,
        "policy_moments": _moments_tree(state.policy_moments),
        "value_moments": _moments_tree(state.value_moments),
    }


def _moments_tree(moments: Any) -> dict[str, Any]:
    if int(moments.count) == 0:
        return {"count": moments.count}  # all others are zero
    return {"mu": moments.mu, "nu": moments.nu, "count": moments.count}


def _moments(template: Any, tree: Mapping[str, Any]) -> Any:
    if int(tree["count"]) == 0:
        return jax.tree.map(jnp.zeros_like, template)
    return template._replace(
        mu=_like(template.mu, tree["mu"]),
        nu=_like(template.nu, tree["nu"]),
        count=_like(template.count, tree["count"]),
    )


def _like(template: Any, tree: Any) -> Any:
    """The tree's arrays as fresh device arrays, in the template's structure and shapes."""

    def leaf(expected: jax.Array, found: Array) -> jax.Array:
        if expected.shape != np.shape(found):
            raise ValueError(f"shape should be {expected.shape}, got {np.shape(found)}")
        if not np.isfinite(found).all():
            raise ValueError("values that are not finite numbers")
        return jnp.array(found, expected.dtype)

    return jax.tree.map(leaf, template, tree)
