"""A model is a folder: where each of its files lies, and how checkpoints come and go.

In: bytes and text that others have made. Out: the layout that the DeepRacer tools read, every
file written whole or not at all, so that an interrupted training can be resumed.
Neighbours: `train` and `evaluate` fill it, `model` and `archive` read it; this file knows names
and places, and nothing about networks, rewards or cars.

Layout and names: markov boto/s3/constants.py; folders of traces as deepracer-for-cloud has them;
``config.toml``, ``tensorboard/``, ``training.png``, ``model.tar.gz`` and the weights are ours::

    model_metadata.json  reward_function.py  training_params.yaml  ip/hyperparameters.json
    model/<id>_Step-<steps>.safetensors  model/model_<id>.pb  model/deepracer_checkpoints.json
    model/model_metadata.json  model/<id>_Step-<steps>.learner.safetensors
    metrics/TrainingMetrics.json  training-simtrace/<n>-iteration.csv
    evaluation-<yyyymmddHHMMSS>/evaluation-simtrace/0-iteration.csv
    metrics/EvaluationMetrics-<yyyymmddHHMMSS>.json
    config.toml  tensorboard/  training.png  model.tar.gz
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deepracer_fast.atomic import atomic_write_bytes, atomic_write_text
from deepracer_fast.errors import ArchiveError, ConfigError
from deepracer_fast.source_text import encoded

CHECKPOINT_INDEX = "deepracer_checkpoints.json"  # markov boto/s3/constants.py
_KEPT_CHECKPOINTS = 4  # besides the best one, as the original keeps them
_WEIGHTS_SUFFIX = ".safetensors"
_CHECKPOINT_NAME = re.compile(r"(\d+)_Step-(\d+)")
_GRAPH_NAME = re.compile(r"model_(\d+)\.pb")


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
        time_stamp: When it was evaluated, seconds since 1970.
        avg_eval_metric: Mean over its evaluation episodes of what the best one is chosen by.
    """

    checkpoint: Checkpoint
    time_stamp: float
    avg_eval_metric: float


@dataclass(frozen=True)
class ModelInputs:
    """What a training starts from, as the text of the files that keep it."""

    model_metadata: str
    reward_function: str
    hyperparameters: str
    training_params: Mapping[str, str]
    config: str


def beats(metric: float, best: CheckpointRecord | None) -> bool:
    """Whether a new checkpoint of that metric is the best one.

    Of two that are equal the newer one is (markov metrics/s3_metrics.py). An untrained policy was
    never evaluated: anything is better.
    """
    return best is None or best.checkpoint.iteration == 0 or metric >= best.avg_eval_metric


def training_params(
    model_name: str, track_name: str, clockwise: bool, race_type: str = "TIME_TRIAL"
) -> dict[str, str]:
    """The keys of ``training_params.yaml`` that readers insist on (markov boto/s3/constants.py).

    The storage keys name places that do not exist here: readers only look whether they are there.

    Args:
        model_name: The folder's name.
        track_name: Without the ending _cw or _ccw, which the direction adds.
        clockwise: Whether the track is driven clockwise.
        race_type: As the original names it.
    """
    return {
        "WORLD_NAME": track_name,
        "TRACK_DIRECTION_CLOCKWISE": str(clockwise).lower(),
        "RACE_TYPE": race_type,
        "JOB_TYPE": "TRAINING",
        "NUM_WORKERS": "1",
        "BODY_SHELL_TYPE": "deepracer",
        "CAR_COLOR": "Black",
        "CAR_NAME": "deepracer-fast",
        "SAGEMAKER_SHARED_S3_BUCKET": "bucket",
        "SAGEMAKER_SHARED_S3_PREFIX": model_name,
        "METRICS_S3_BUCKET": "bucket",
        "METRICS_S3_OBJECT_KEY": f"{model_name}/metrics/TrainingMetrics.json",
        "MODEL_METADATA_FILE_S3_KEY": f"{model_name}/model/model_metadata.json",
        "REWARD_FILE_S3_KEY": f"{model_name}/reward_function.py",
        "SIMTRACE_S3_BUCKET": "bucket",
        "SIMTRACE_S3_PREFIX": model_name,
    }


class ModelFolder:
    """The files of one model below ``path``; making one touches nothing on the disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.model_metadata = self.path / "model_metadata.json"
        self.reward_function = self.path / "reward_function.py"
        self.training_params = self.path / "training_params.yaml"
        self.config = self.path / "config.toml"
        self.hyperparameters = self.path / "ip" / "hyperparameters.json"
        self.store = self.path / "model"
        self.model_metadata_copy = self.store / "model_metadata.json"
        self.checkpoint_index = self.store / CHECKPOINT_INDEX
        self.training_metrics = self.path / "metrics" / "TrainingMetrics.json"
        self.simtraces = self.path / "training-simtrace"
        self.tensorboard = self.path / "tensorboard"
        self.training_plot = self.path / "training.png"
        self.archive = self.path / "model.tar.gz"

    def weights(self, checkpoint: Checkpoint) -> Path:
        """The file of a checkpoint's weights."""
        return self.store / f"{checkpoint.name}{_WEIGHTS_SUFFIX}"

    def learner(self, checkpoint: Checkpoint) -> Path:
        """The file of what a resumed training needs beside the weights; only the last one stays."""
        return self.store / f"{checkpoint.name}.learner{_WEIGHTS_SUFFIX}"

    def graph(self, checkpoint: Checkpoint) -> Path:
        """The file of a checkpoint's frozen graph."""
        return self.store / f"model_{checkpoint.iteration}.pb"

    def training_simtrace(self, iteration: int, track: str | None = None) -> Path:
        """The step trace of one training iteration, counted from 0.

        Args:
            iteration: which one.
            track: its name, where several are trained on and this is not the first.
        """
        folder = self.simtraces if track is None else self.simtraces / track
        return folder / f"{iteration}-iteration.csv"

    def evaluation_simtrace(self, stamp: str) -> Path:
        """The step trace of the evaluation that was given ``stamp``."""
        return self.path / f"evaluation-{stamp}" / "evaluation-simtrace" / "0-iteration.csv"

    def evaluation_metrics(self, stamp: str) -> Path:
        """The metrics of the evaluation that was given ``stamp``."""
        return self.path / "metrics" / f"EvaluationMetrics-{stamp}.json"

    def new_evaluation(self, now: datetime) -> str:
        """Makes the folder of a new evaluation and returns its stamp, yyyymmddHHMMSS.

        The stamp is the first second from ``now`` on that no other evaluation has.
        """
        while True:
            stamp = f"{now:%Y%m%d%H%M%S}"
            folder = self.evaluation_simtrace(stamp).parent
            try:
                folder.parent.mkdir(parents=True)
            except FileExistsError:
                now += timedelta(seconds=1)
                continue
            folder.mkdir()
            self.evaluation_metrics(stamp).parent.mkdir(exist_ok=True)
            return stamp

    def holds_a_model(self) -> bool:
        """Whether there is anything that a new training would overwrite."""
        files = (self.model_metadata, self.reward_function, self.config, self.checkpoint_index)
        return any(file.exists() for file in files) or bool(self.checkpoints())

    def create(self, resume: bool = False) -> None:
        """Makes the folder and those in it.

        Args:
            resume: Go on in a folder that holds a model already.

        Raises:
            ConfigError: It holds a model and is not to be resumed, or it cannot be made.
        """
        if not resume and self.holds_a_model():
            raise ConfigError(f"{self.path} already holds a model: resume it, or name a new folder")
        folders = (self.store, self.hyperparameters.parent, self.training_metrics.parent)
        try:
            for folder in (*folders, self.simtraces, self.tensorboard):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be a model folder: {error.strerror}; name another one"
            ) from error

    def write_inputs(self, inputs: ModelInputs) -> None:
        """Writes what the training starts from."""
        atomic_write_text(self.model_metadata, inputs.model_metadata)
        atomic_write_text(self.model_metadata_copy, inputs.model_metadata)
        atomic_write_bytes(self.reward_function, encoded(inputs.reward_function))
        atomic_write_text(self.hyperparameters, inputs.hyperparameters)
        # A JSON string is a YAML string as well.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in inputs.training_params.items()]
        atomic_write_text(self.training_params, "".join(lines))
        atomic_write_text(self.config, inputs.config)

    def save_checkpoint(
        self, iteration: int, steps: int, weights: bytes, graph: bytes | None
    ) -> Checkpoint:
        """Writes a checkpoint's two files; `record_checkpoints` makes it count.

        Args:
            iteration: Policy iterations behind it.
            steps: Simulator steps behind it.
            weights: A safetensors file with the policy.
            graph: The frozen graph of its policy; None for one that is not for the car.
        """
        checkpoint = Checkpoint(iteration, steps)
        if graph is not None:
            atomic_write_bytes(self.graph(checkpoint), graph)
        # Last, since it is what makes the checkpoint one of `checkpoints`.
        atomic_write_bytes(self.weights(checkpoint), weights)
        return checkpoint

    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that are on the disk, from old to new."""
        found = [
            re.fullmatch(_CHECKPOINT_NAME.pattern + re.escape(_WEIGHTS_SUFFIX), path.name)
            for path in self.store.glob(f"*{_WEIGHTS_SUFFIX}")
        ]
        return sorted(Checkpoint(int(match[1]), int(match[2])) for match in found if match)

    def record_checkpoints(self, last: CheckpointRecord, best: CheckpointRecord) -> None:
        """Writes ``deepracer_checkpoints.json``, then removes the checkpoints that are too old.

        What stays is the latest four up to ``last``, and ``best``. A newer one than ``last`` is
        what an interrupted training left behind, and goes as well.
        """
        content = {"last_checkpoint": _as_json(last), "best_checkpoint": _as_json(best)}
        atomic_write_text(self.checkpoint_index, json.dumps(content))
        recorded = [c for c in self.checkpoints() if c <= last.checkpoint]
        self._keep({*recorded[-_KEPT_CHECKPOINTS:], best.checkpoint})
        for path in set(self.store.glob(f"*.learner{_WEIGHTS_SUFFIX}")):
            if path != self.learner(last.checkpoint):
                path.unlink(missing_ok=True)

    def recorded_checkpoints(self) -> tuple[CheckpointRecord, CheckpointRecord] | None:
        """The last and the best checkpoint; None if none has been recorded.

        Raises:
            ArchiveError: ``deepracer_checkpoints.json`` is not what it should be.
        """
        if not self.checkpoint_index.exists():
            return None
        try:
            content = json.loads(self.checkpoint_index.read_text(encoding="utf-8"))
            last, best = (_from_json(content[f"{which}_checkpoint"]) for which in ("last", "best"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArchiveError(
                f"{self.checkpoint_index} must name a last and a best checkpoint ({error!r})"
            ) from error
        return last, best

    def _keep(self, kept: set[Checkpoint]) -> None:
        for checkpoint in set(self.checkpoints()) - kept:
            self.weights(checkpoint).unlink(missing_ok=True)
        graphs = {self.graph(checkpoint) for checkpoint in kept}
        for path in self.store.glob("model_*.pb"):
            if _GRAPH_NAME.fullmatch(path.name) and path not in graphs:
                path.unlink(missing_ok=True)


def _as_json(record: CheckpointRecord) -> dict[str, Any]:
    return {
        "name": f"{record.checkpoint.name}.ckpt",
        "time_stamp": float(record.time_stamp),
        "avg_eval_metric": float(record.avg_eval_metric),
    }


def _from_json(content: Mapping[str, Any]) -> CheckpointRecord:
    match = re.fullmatch(_CHECKPOINT_NAME.pattern + r"\.ckpt", content["name"])
    if match is None:
        raise ValueError(f"{content['name']!r} is not like 27_Step-40129.ckpt")
    # Files older than 2021 have the second name.
    metric = content["avg_eval_metric" if "avg_eval_metric" in content else "avg_comp_pct"]
    checkpoint = Checkpoint(int(match[1]), int(match[2]))
    return CheckpointRecord(checkpoint, float(content["time_stamp"]), float(metric))
