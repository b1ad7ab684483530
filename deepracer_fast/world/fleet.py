"""Several simulators, one a track, that step together as if they were one.

In: simulators that differ in their track. Out: the ``StepResult`` of all their cars, those of the
first track first. Neighbours: ``collect`` and ``evaluate`` drive a fleet like a simulator; the
reward function sees each car's own track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.errors import ConfigError
from deepracer_fast.reward import Reward
from deepracer_fast.world.simulator import PAUSE, PREPARE, Simulator, StepResult

Judge = Callable[[StepResult, Array], Array]
"""A step and the cars to judge, bool [B] -> rewards float32 [B]."""


def judged_cars(result: StepResult) -> Array:
    """Cars that the reward function is called for, bool [B]: neither prepared nor paused."""
    driving: Array = (result.status != PREPARE) & (result.status != PAUSE)
    return driving


@dataclass(frozen=True)
class FleetResult(StepResult):
    """A step of a fleet's cars; ``waypoints``, which are a track's own, are in the parts alone.

    Attributes:
        parts: what each simulator said.
    """

    parts: tuple[StepResult, ...] = ()


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
        self._whole: FleetResult | None = None

    def reset(self) -> FleetResult:
        """Begins a first episode for every car."""
        return self._join([simulator.reset() for simulator in self.simulators])

    def begin_episodes(self, number: int) -> FleetResult:
        """Begins episode ``number`` of every car."""
        return self._join([simulator.begin_episodes(number) for simulator in self.simulators])

    def step(self, actions: Array) -> FleetResult:
        """One control period for every car; actions [B, 2] in degrees and m/s."""
        parts = zip(self.simulators, self.rows, strict=True)
        return self._join([simulator.step(actions[rows]) for simulator, rows in parts])

    def track_states(self) -> Array:
        """Where the cars are on their roads, float32 [B, F]."""
        return np.concatenate([simulator.track_states() for simulator in self.simulators])

    def _join(self, parts: list[StepResult]) -> FleetResult:
        """The cars' rows below each other, in arrays that stay the same from step to step."""
        if self._whole is None:
            self._whole = _stacked(parts)
            return self._whole
        self._whole = whole = replace(self._whole, parts=tuple(parts))
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


def _stacked(parts: Sequence[StepResult]) -> FleetResult:
    """Fresh arrays."""
    finals = [part.final_observation for part in parts if part.final_observation is not None]
    return FleetResult(
        observation=_joined([part.observation for part in parts]),
        params=_joined([part.params for part in parts], leave_out=("waypoints",)),
        terminated=np.concatenate([part.terminated for part in parts]),
        truncated=np.concatenate([part.truncated for part in parts]),
        status=np.concatenate([part.status for part in parts]),
        final_observation=_joined(finals) if finals else None,
        parts=tuple(parts),
    )


def _joined(parts: Sequence[dict[str, Array]], leave_out: Sequence[str] = ()) -> dict[str, Array]:
    names = [name for name in parts[0] if name not in leave_out]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def judge_of(cars: Simulator | Fleet, reward: Reward) -> Judge:
    """The user's reward for these cars; what it remembers of a car stays with that car.

    Raises:
        ConfigError: there are several tracks, and the function was not given as a file or text.
    """
    if not isinstance(cars, Fleet):
        return lambda result, where: reward(result.params, where)
    rows = cars.rows
    if len(rows) > 1 and not reward.source:
        raise ConfigError("several tracks need a reward function from a file: pass its path")
    rewards = [reward, *(reward.another() for _ in rows[1:])]

    def judge(result: StepResult, where: Array) -> Array:
        assert isinstance(result, FleetResult)
        parts = zip(rewards, result.parts, rows, strict=True)
        return np.concatenate([call(part.params, where[own]) for call, part, own in parts])

    return judge
