"""TrainingMetrics.json and EvaluationMetrics.json: one row an episode, as the original wrote them.

In: how each episode went. Out: the two files that deepracer-utils and the console's graph read.
Neighbours: `train` and `evaluate` add the rows, `training_plot` draws them, a `model_folder`
says where they lie.

Keys, their order, labels and rounding follow markov metrics/s3_metrics.py and
metrics/constants.py; the rounding was checked on 540 episodes of an original training.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from deepracer_fast.checks.json_object import JsonObject, brief, read_json_object
from deepracer_fast.checks.values import path_of
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_text

TRAINING = "training"
EVALUATION = "evaluation"

# Status in a simtrace -> label in the metrics.
STATUS_LABELS: dict[str, str] = {
    "lap_complete": "Lap complete",
    "crashed": "Crashed",
    "off_track": "Off track",
    "immobilized": "Immobilized",
    "in_progress": "In progress",
    "pause": "Pause",
    "reversed": "Reversed",
    "park": "Park",
    "time_up": "Time Up",
    "prepare": "Prepare",
}
_FORMAT_VERSION = 2.0

MAX_BYTES = 1 << 30
"""Of a file; an episode takes 250 bytes, so that this is enough for four million of them."""

MAX_NUMBER = 2**63
"""Of any value; the largest are milliseconds."""


@dataclass(frozen=True)
class EpisodeMetrics:
    """One episode of a training; the fields are the file's keys, in its order.

    Attributes:
        reward_score: Sum of the rewards, rounded.
        metric_time: End of the episode, simulated ms since the start of the job.
        start_time: Its start on the same clock.
        elapsed_time_in_milliseconds: Their difference.
        episode: Training episodes so far, this one included; an evaluation repeats the last one.
        trial: 1 to the episodes per iteration, which is what marks an iteration's beginning; an
            evaluation repeats the last one.
        phase: "training" or "evaluation".
        completion_percentage: Progress at the end, cut to a whole number.
        episode_status: How it ended, a value of `STATUS_LABELS`.
    """

    reward_score: int
    metric_time: int
    start_time: int
    elapsed_time_in_milliseconds: int
    episode: int
    trial: int
    phase: str
    completion_percentage: int
    episode_status: str


@dataclass(frozen=True)
class EvaluationMetrics:
    """One lap of an evaluation; the fields are the file's keys, times as in `EpisodeMetrics`."""

    completion_percentage: int
    metric_time: int
    start_time: int
    elapsed_time_in_milliseconds: int
    episode_status: str
    crash_count: int
    immobilized_count: int
    off_track_count: int
    reversed_count: int
    reset_count: int
    trial: int


@dataclass(frozen=True)
class EpisodeOutcome:
    """How one training or in-between evaluation episode went, in the simulator's units.

    Attributes:
        reward: Sum of its rewards.
        progress: At its end, percent.
        status: A key of `STATUS_LABELS`.
        start_s: Simulated seconds since the start of the job.
        end_s: On the same clock.
        number: Which episode it is in the trace of the same cars.
    """

    reward: float
    progress: float
    status: str
    start_s: float
    end_s: float
    number: int = 0


def episode_metrics(
    outcome: EpisodeOutcome, phase: str, episode: int, trial: int
) -> EpisodeMetrics:
    """The row of one episode, rounded as the original rounds; both numbers count from 1."""
    start, end = milliseconds(outcome.start_s), milliseconds(outcome.end_s)
    return EpisodeMetrics(
        reward_score=round(outcome.reward),
        metric_time=end,
        start_time=start,
        elapsed_time_in_milliseconds=end - start,
        episode=episode,
        trial=trial,
        phase=phase,
        completion_percentage=int(outcome.progress),
        episode_status=STATUS_LABELS[outcome.status],
    )


def milliseconds(seconds: float) -> int:
    """Seconds as the whole milliseconds that the files hold."""
    return round(seconds * 1000)


@dataclass
class TrainingMetrics:
    """The growing TrainingMetrics.json of a model.

    Attributes:
        path: The file; it is replaced as a whole by each `write`.
        best_model_metric: What the best checkpoint is chosen by.
        rows: All episodes so far, in the order in which they were driven.
    """

    path: Path
    best_model_metric: str = "progress"
    rows: list[EpisodeMetrics] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def append(self, rows: Iterable[EpisodeMetrics]) -> None:
        """Adds ``rows``; `write` puts them into the file."""
        self.rows.extend(rows)

    def keep(self, episodes: int) -> None:
        """Drops all that came after training episode number ``episodes``, to resume from there."""
        self.rows = [row for row in self.rows if row.episode <= episodes]
        self._texts = []

    def write(self) -> None:
        """Replaces the file; each row is made into text once."""
        self._texts += [json.dumps(vars(row)) for row in self.rows[len(self._texts) :]]
        rest = {"version": _FORMAT_VERSION, "best_model_metric": self.best_model_metric}
        rows = ", ".join(self._texts)
        atomic_write_text(self.path, f'{{"metrics": [{rows}], {json.dumps(rest)[1:]}')


def read_training_metrics(path: str | os.PathLike[str]) -> TrainingMetrics:
    """Reads a TrainingMetrics.json, of the original or of this project.

    Raises:
        ArchiveError: The file cannot be read or lacks a key.
    """
    path = path_of("the path of metrics", path, ArchiveError)
    content = read_json_object(path, ArchiveError, MAX_BYTES)
    rows = _rows(path, content)
    chosen_by = content.get("best_model_metric", "progress")
    if not isinstance(chosen_by, str):
        raise ArchiveError(f"{path}: best_model_metric must be text, found {brief(chosen_by)}")
    return TrainingMetrics(Path(path), chosen_by, rows)


def write_evaluation_metrics(
    path: str | os.PathLike[str], trials: Sequence[EvaluationMetrics]
) -> None:
    """Writes an EvaluationMetrics.json, whole or not at all."""
    atomic_write_text(path, json.dumps({"metrics": [asdict(trial) for trial in trials]}))


def _rows(path: str | os.PathLike[str], content: JsonObject) -> list[EpisodeMetrics]:
    if not isinstance(content.get("metrics"), list):
        raise ArchiveError(f"{path}: metrics must be an object with a list 'metrics'")
    types: dict[str, Any] = {each.name: each.type for each in fields(EpisodeMetrics)}
    rows = []
    for number, row in enumerate(content["metrics"], start=1):
        place = f"{path}, row {number}"
        missing = [name for name in types if not isinstance(row, dict) or name not in row]
        if missing:
            raise ArchiveError(f"{place}: the keys {', '.join(missing)} are missing")
        for name, found in row.items():
            if name in types and not _is_a(found, types[name]):
                rule = "text" if types[name] is str else "a number"
                raise ArchiveError(f"{place}: {name} must be {rule}, found {brief(found)}")
        rows.append(EpisodeMetrics(**{name: row[name] for name in types}))
    return rows


def _is_a(value: Any, kind: type) -> bool:
    """Whether a value serves as that type; some versions of the original do not round."""
    if kind is str:
        return isinstance(value, str)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < MAX_NUMBER
