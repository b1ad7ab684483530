"""What is known of a checkpoint, and which of two is the better one.

In: an iteration, its steps, and how the policy drove. Out: names of files, and the entries of
``deepracer_checkpoints.json``. Neighbours: ``model_folder`` writes them, ``train`` compares them.
"""

import math
import re
from dataclasses import dataclass

from deepracer_fast.checks.json_object import JsonObject

CHECKPOINT_NAME = re.compile(r"(\d{1,15})_Step-(\d{1,15})")


@dataclass(frozen=True, order=True)
class Checkpoint:
    """One checkpoint: ordered from old to new.

    Attributes:
        iteration: Policy iterations behind it; 0 is the untrained policy.
        steps: Simulator steps behind it, over all iterations.
    """

    iteration: int
    steps: int

    @property
    def name(self) -> str:
        """The stem that all files and records of it share."""
        return f"{self.iteration}_Step-{self.steps}"


@dataclass(frozen=True)
class CheckpointRecord:
    """What ``deepracer_checkpoints.json`` says about one checkpoint.

    Attributes:
        checkpoint: Which one.
        time_stamp: When it was written, seconds since 1970.
        avg_eval_metric: Mean over its evaluation episodes of what the best one is chosen by.
        evaluated: False for one that was saved between two evaluations, whose metric is 0.
        lap_time: Mean seconds of its clean laps, where the best one is chosen by them.
    """

    checkpoint: Checkpoint
    time_stamp: float
    avg_eval_metric: float
    evaluated: bool = True
    lap_time: float | None = None

    @property
    def standing(self) -> tuple[float, float]:
        """What the best one has most of; of equal metrics the shorter lap is better."""
        return self.avg_eval_metric, -math.inf if self.lap_time is None else -self.lap_time


def beats(new: CheckpointRecord, best: CheckpointRecord | None) -> bool:
    """Whether a new checkpoint is the best one.

    Of two that are equal the newer one is (markov metrics/s3_metrics.py). Anything is better than
    a policy that was never evaluated, such as an untrained one.
    """
    if best is None or not best.evaluated or best.checkpoint.steps == 0:
        return True
    return new.evaluated and new.standing >= best.standing


def record_as_json(record: CheckpointRecord) -> JsonObject:
    """The entry of the index."""
    content: JsonObject = {
        "name": f"{record.checkpoint.name}.ckpt",
        "time_stamp": float(record.time_stamp),
        "avg_eval_metric": float(record.avg_eval_metric),
    }
    if record.lap_time is not None:
        content["lap_time"] = float(record.lap_time)
    return content if record.evaluated else content | {"evaluated": False}


def record_from_json(content: JsonObject) -> CheckpointRecord:
    """The record of an entry.

    Raises:
        KeyError, ValueError, TypeError: it is none.
    """
    match = re.fullmatch(CHECKPOINT_NAME.pattern + r"\.ckpt", content["name"])
    if match is None:
        raise ValueError(f"{content['name']!r} is not like 27_Step-40129.ckpt")
    # Files older than 2021 have the second name.
    metric = content["avg_eval_metric" if "avg_eval_metric" in content else "avg_comp_pct"]
    checkpoint = Checkpoint(int(match[1]), int(match[2]))
    evaluated = content.get("evaluated") is not False
    time_stamp, metric = float(content["time_stamp"]), float(metric)
    lap_time = float(content["lap_time"]) if "lap_time" in content else None
    if not all(map(math.isfinite, (time_stamp, metric, lap_time or 0.0))):
        raise ValueError(f"time_stamp {time_stamp} and metric {metric}, which must be finite")
    return CheckpointRecord(checkpoint, time_stamp, metric, evaluated, lap_time)
