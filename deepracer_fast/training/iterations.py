"""Every iteration of a training in one row: who drove, for how long, and how well.

In: the means of an iteration. Out: ``metrics/TrainingIterations.json``, which the picture is drawn
from and other tools may read. It has what TrainingMetrics.json has no key for: iterations without
an episode's end, the distance to a teacher, seconds, env steps. Neighbours: ``training.record``
adds the rows, ``training.plot`` draws them; ``commands.screen`` shows a ``Report`` of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from deepracer_fast.checks.file_reading import refusing
from deepracer_fast.checks.json_object import read_json_object
from deepracer_fast.driving.evaluate import Lap, mean_completion
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_text

TEACHER, LESSONS, PPO = STAGES = ("teacher", "lessons", "ppo")
"""Who drives: a teacher, which sees the track state, learns; the policy learns from it, on its own
drives; the policy learns from the reward."""

_MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class Iteration:
    """One iteration.

    Attributes:
        iteration: its number, from 1, as on the screen; the checkpoint after it has the same.
        stage: one of ``STAGES``.
        seconds: wall-clock time of the training at its end, over all runs.
        steps: env steps so far: of the teacher in its stage, of the policy in the others.
        episodes: that ended in it.
        laps: whole laps so far of cars that explore.
        reward: mean over these episodes; in lessons those that go on are counted as they stand,
            and so they are until the stage's first one has ended. None where there is none.
        progress: of the same, percent.
        evaluation: mean progress of the greedy laps after it, percent: the teacher's in its stage,
            the policy's in the others. None where none were driven.
        clean_share: of these laps, percent; None likewise.
        lap_time: of the fastest clean one, seconds; None where there is none.
        measures: of its last update, by name.
    """

    iteration: int
    stage: str
    seconds: float
    steps: int
    episodes: int
    laps: int
    reward: float | None
    progress: float | None
    evaluation: float | None = None
    clean_share: float | None = None
    lap_time: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    def evaluated(self, laps: Sequence[Lap]) -> Iteration:
        """The same with its greedy laps."""
        clean = [lap.lap_time_seconds for lap in laps if lap.is_clean]
        return replace(
            self,
            evaluation=mean_completion(laps),
            clean_share=100.0 * len(clean) / len(laps),
            lap_time=min(clean, default=None),
        )


@dataclass(frozen=True)
class Report:
    """How the training stands after an iteration, for whoever watches it.

    Attributes:
        iteration: its number, from 1; the checkpoint after it has the same.
        stage: as of the iteration.
        steps: likewise.
        steps_per_second: env steps over wall-clock time of this iteration, evaluation left out.
        episodes: that ended in this iteration.
        mean_reward: over them, or with those that go on, see ``Iteration``; NaN without any.
        mean_progress: of the same, percent.
        laps: as of the iteration.
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


def write_iterations(path: Path, rows: Sequence[Iteration]) -> None:
    """Replaces the file."""
    atomic_write_text(path, json.dumps({"iterations": [asdict(row) for row in rows]}))


def read_iterations(path: Path) -> list[Iteration]:
    """Reads the file; a folder from before there was one has no iterations.

    Raises:
        ArchiveError: it is damaged.
    """
    if not path.exists():
        return []
    content = read_json_object(path, ArchiveError, _MAX_BYTES)
    with refusing(
        str(path), "must have a list of iterations, as a training writes it", ArchiveError
    ):
        rows = [_checked(row) for row in content["iterations"]]
    from_zero = bool(rows) and rows[0].iteration == 0  # as the first folders counted
    return [replace(row, iteration=row.iteration + from_zero) for row in rows]


def _checked(row: Mapping[str, Any]) -> Iteration:
    names = [each.name for each in fields(Iteration) if each.name != "lap_time"]
    found = Iteration(**{name: row[name] for name in names}, lap_time=row.get("lap_time"))
    numbers = {**vars(found), **found.measures}
    del numbers["stage"], numbers["measures"]
    optional = {"reward", "progress", "evaluation", "clean_share", "lap_time"}
    for name, value in numbers.items():
        if not (value is None and name in optional) and not math.isfinite(value):
            raise ValueError(f"{name} {value}")
    if found.stage not in STAGES:
        raise ValueError(f"stage {found.stage!r}")
    return found
