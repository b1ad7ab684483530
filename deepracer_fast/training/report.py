"""How a training stands after an iteration, for whoever watches it.

In: what ``train`` knows. Out: a record. Neighbours: ``commands.screen`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepracer_fast.driving.evaluate import Lap


@dataclass(frozen=True)
class Report:
    """How the training stands after an iteration.

    Attributes:
        iteration: its number, from 1; the checkpoint after it has the same.
        stage: who drove: ``teacher``, ``lessons`` or ``ppo``, see ``training.iterations``.
        steps: env steps so far: of the teacher in its stage, of the policy in the others.
        steps_per_second: env steps over wall-clock time of this iteration, evaluation left out.
        episodes: that ended in this iteration.
        mean_reward: over them, or with those that go on, see ``Iteration``; NaN without any.
        mean_progress: of the same, percent.
        laps: whole laps that exploring cars have driven so far.
        seconds: wall-clock time of this run.
        evaluation: greedy laps, where the iteration ended with an evaluation; the teacher's in its
            stage.
        measures: of the update, by name.
    """

    iteration: int
    stage: str
    steps: int
    steps_per_second: float
    episodes: int
    mean_reward: float
    mean_progress: float
    laps: int
    seconds: float
    evaluation: tuple[Lap, ...]
    measures: dict[str, float]


Show = Callable[[Report | str], None]
"""Takes a report after each iteration, and remarks in between."""
