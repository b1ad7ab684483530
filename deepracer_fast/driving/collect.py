"""Collecting experience: cars drive with the current policy, the user's reward judges them.

In: a simulator, a reward function and a policy. Out: a ``Rollout`` of [T, B] arrays for the
learner, and the books of the episodes. Neighbours: ``simulator`` and ``reward`` before
it, ``learner`` and ``train`` behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.episode_books import Driven, EpisodeBooks
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.reward import Reward
from deepracer_fast.world.fleet import Fleet, judge_of, judged_cars
from deepracer_fast.world.simulator import TRACK_STATE_SIZE, Simulator


class Decision(NamedTuple):
    """What a policy does in one step.

    Attributes:
        action: int32 [B], or float32 [B, 2] where continuous.
        log_prob: float32 [B].
        value: float32 [B], what a value function over observations expects; None of another.
    """

    action: Array
    log_prob: Array
    value: Array | None = None


Policy = Callable[[dict[str, Array]], Decision]
"""Observation [B, ...] by sensor -> what to do."""


@dataclass
class Rollout:
    """Experience of B cars over up to T steps; the collector overwrites it with the next one.

    Attributes:
        observation: sensor -> uint8 [T, B, H, W, C] of a camera, float32 [T, B, n] of a LIDAR, what
            each action was chosen from.
        track_state: float32 [T + 1, B, F].
        action: int32 [T, B] or float32 [T, B, 2].
        log_prob: float32 [T, B].
        reward: float32 [T, B].
        ended: bool [T, B], the step was its episode's last.
        valid: bool [T, B], samples to learn from.
        num_steps: steps that were made; what lies behind them in the arrays is not valid.
        driven: the books of these steps.
        value: float32 [T, B], what the policy expected; None if it did not say.
        last_observation: sensor -> [B, ...], what followed the last step; the simulator's own.
    """

    observation: dict[str, Array]
    track_state: Array
    action: Array
    log_prob: Array
    reward: Array
    ended: Array
    valid: Array
    num_steps: int = 0
    driven: Driven = field(default_factory=Driven)
    value: Array | None = None
    last_observation: dict[str, Array] = field(default_factory=dict)


class Collector:
    """Drives one simulator on and on, and keeps the books of its episodes.

    Args:
        simulator: one, or a fleet of them on several tracks, with one sensor or more; it is reset
            here.
        reward: the user's function; it is not called in steps that prepare or pause a car.
        action_space: turns the policy's answers into commands.
        max_steps: T, the most steps that one rollout can hold.
        disturb: changes what the policy sees, in place.
    """

    def __init__(
        self,
        simulator: Simulator | Fleet,
        reward: Reward,
        action_space: ActionSpace,
        max_steps: int,
        disturb: Callable[[dict[str, Array]], None] | None = None,
    ) -> None:
        self._simulator = simulator
        self._disturb = disturb or (lambda observation: None)
        self._judge = judge_of(simulator, reward)
        self._action_space = action_space
        self._seen = simulator.reset()  # views: they always show the last step
        self._rollout = self._make_rollout(max_steps)
        self._books = EpisodeBooks(simulator.num_cars)
        self._collections = 0  # of whole episodes

    def horizon(self, policy: Policy) -> Rollout:
        """T steps of every car; episodes go on from one rollout to the next.

        Raises:
            RewardError: the user's function failed.
        """
        rollout = self._start_rollout()
        # Steps that prepare a car are learnt from as well, as in the original, though their actions
        # do nothing: an advantage that does not depend on the action adds no bias to the gradient,
        # and they are 0.7 % of the steps. Without them three teachers lapped no sooner, after
        # 65,536 env-steps, and whether a last minibatch is full would depend on how cars drive.
        rollout.valid[:] = True
        everyone = np.ones(self._simulator.num_cars, bool)
        for t in range(len(rollout.action)):
            self._step(t, policy, everyone)
            self._books.number_next(rollout.ended[t])
        rollout.driven = self._books.close()
        return rollout

    def episodes(self, policy: Policy, max_samples: int) -> Rollout:
        """One whole episode of every car, as the original collects.

        Args:
            policy: what drives.
            max_samples: once the cars have gathered so many samples, the episodes that still go
                on are dropped (markov deepracer_memory.py).

        Raises:
            RewardError: the user's function failed.
        """
        if self._collections > 0:
            self._simulator.begin_episodes(self._collections)
            self._books.begin_episodes()
        self._collections += 1
        rollout = self._start_rollout()
        rollout.valid[:] = False
        driving = np.ones(self._simulator.num_cars, bool)
        for t in range(len(rollout.action)):
            self._step(t, policy, driving)
            rollout.valid[t] = driving
            driving = driving & ~rollout.ended[t]
            if not driving.any() or rollout.valid[: t + 1].sum() >= max_samples:
                break
        if not driving.all():  # at least one episode is whole
            rollout.valid &= ~driving
        rollout.driven = self._books.close()
        return rollout

    def _make_rollout(self, steps: int) -> Rollout:
        cars = self._simulator.num_cars

        def store(dtype: Any, *shape: int) -> Array:
            return np.zeros((steps, cars, *shape), dtype)

        space = self._action_space
        discrete = isinstance(space, DiscreteActionSpace)
        pictures = self._seen.observation.items()
        return Rollout(
            observation={name: store(p.dtype, *p.shape[1:]) for name, p in pictures},
            track_state=np.zeros((steps + 1, cars, TRACK_STATE_SIZE), np.float32),
            action=store(np.int32) if discrete else store(np.float32, space.size),
            log_prob=store(np.float32),
            reward=store(np.float32),
            ended=store(bool),
            valid=store(bool),
        )

    def _start_rollout(self) -> Rollout:
        rollout = self._rollout
        rollout.num_steps = 0
        rollout.track_state[0] = self._simulator.track_states()
        return rollout

    def _step(self, t: int, policy: Policy, counted: Array) -> None:
        rollout = self._rollout
        # The one copy of the pictures: the simulator overwrites its own in the next step.
        observation = {name: store[t] for name, store in rollout.observation.items()}
        for name, picture in observation.items():
            rows = counted.reshape(-1, *[1] * (picture.ndim - 1))
            np.copyto(picture, self._seen.observation[name], where=rows)
        self._disturb(observation)
        decision = policy(observation)
        result = self._simulator.step(self._action_space.to_commands(decision.action))
        driven = counted & judged_cars(result)
        rollout.action[t], rollout.log_prob[t] = decision.action, decision.log_prob
        if decision.value is not None:
            if rollout.value is None:
                rollout.value = np.zeros_like(rollout.log_prob)
            rollout.value[t] = decision.value
        rollout.reward[t] = self._judge(result, driven)
        rollout.ended[t] = result.terminated | result.truncated
        rollout.track_state[t + 1] = self._simulator.track_states()
        rollout.num_steps, rollout.last_observation = t + 1, self._seen.observation
        self._books.take(result, decision.action, rollout.reward[t], counted)
