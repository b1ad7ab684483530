"""Several simulators, one a track, that step together as if they were one.

In: simulators that differ in their track. Out: the ``StepResult`` of all their cars, those of the
first track first. Neighbours: ``collect`` and ``evaluate`` drive a fleet like a simulator; the
reward function sees each car's own track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.errors import ConfigError
from deepracer_fast.reward import Reward
from deepracer_fast.world.simulator import Simulator, StepResult

Array = npt.NDArray[Any]
Judge = Callable[[Any, Array], Array]
"""Params columns and the cars to judge, bool [B] -> rewards float32 [B]."""


class Fleet:
    """B cars on K tracks; each method is that of ``Simulator``.

    Args:
        simulators: with the same sensors, and final observations of all or none.

    Attributes:
        simulators: as given.
        num_cars: B, over all tracks.
        rows: which of the B cars each simulator has.
    """

    def __init__(self, simulators: Sequence[Simulator]) -> None:
        self.simulators = tuple(simulators)
        ends = np.cumsum([simulator.num_cars for simulator in simulators]).tolist()
        self.num_cars = ends[-1]
        self.rows = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        self._parts: list[StepResult] = []
        self._whole: StepResult | None = None

    def reset(self) -> StepResult:
        """Begins a first episode for every car."""
        return self._join([simulator.reset() for simulator in self.simulators])

    def begin_episodes(self, number: int) -> StepResult:
        """Begins episode ``number`` of every car."""
        return self._join([simulator.begin_episodes(number) for simulator in self.simulators])

    def step(self, actions: Array) -> StepResult:
        """One control period for every car; actions [B, 2] in degrees and m/s."""
        parts = zip(self.simulators, self.rows, strict=True)
        return self._join([simulator.step(actions[rows]) for simulator, rows in parts])

    def track_states(self) -> Array:
        """Where the cars are on their roads, float32 [B, F]."""
        return np.concatenate([simulator.track_states() for simulator in self.simulators])

    def judge(self, rewards: Sequence[Reward]) -> Judge:
        """A reward of the last step, from one reward function a track: each has its own cars."""

        def of_last_step(_params: Any, where: Array) -> Array:
            parts = zip(rewards, self._parts, self.rows, strict=True)
            return np.concatenate([call(part.params, where[rows]) for call, part, rows in parts])

        return of_last_step

    def _join(self, parts: list[StepResult]) -> StepResult:
        """The cars' rows below each other, in arrays that stay the same from step to step."""
        self._parts = parts
        if self._whole is None:
            self._whole = _stacked(parts)
            return self._whole
        whole = self._whole
        for part, rows in zip(parts, self.rows, strict=True):
            for name, picture in part.observation.items():
                whole.observation[name][rows] = picture
            for name, column in whole.params.items():
                column[rows] = part.params[name]
            whole.terminated[rows] = part.terminated
            whole.truncated[rows] = part.truncated
            whole.status[rows] = part.status
            if whole.final_observation is None or part.final_observation is None:
                continue
            ended = part.terminated | part.truncated
            for name, seen in part.final_observation.items():
                whole.final_observation[name][rows][ended] = seen[ended]
        return whole


def _stacked(parts: Sequence[StepResult]) -> StepResult:
    """Fresh arrays; waypoints, which are a track's own, are left out."""
    finals = [part.final_observation for part in parts if part.final_observation is not None]
    return StepResult(
        observation=_joined([part.observation for part in parts]),
        params=_joined([part.params for part in parts], leave_out=("waypoints",)),
        terminated=np.concatenate([part.terminated for part in parts]),
        truncated=np.concatenate([part.truncated for part in parts]),
        status=np.concatenate([part.status for part in parts]),
        final_observation=_joined(finals) if finals else None,
    )


def _joined(parts: Sequence[dict[str, Array]], leave_out: Sequence[str] = ()) -> dict[str, Array]:
    names = [name for name in parts[0] if name not in leave_out]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def rewards_of(reward: Reward, count: int) -> list[Reward]:
    """The same reward function once a track: what it remembers of a car stays with that car.

    Raises:
        ConfigError: several are asked for, and the function was not given as a file or text.
    """
    if count > 1 and not reward.source:
        raise ConfigError("several tracks need a reward function from a file: pass its path")
    return [reward, *(reward.another() for _ in range(count - 1))]
