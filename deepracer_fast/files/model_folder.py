"""A model is a folder: where each of its files lies, and how checkpoints come and go.

In: bytes and text that others have made. Out: the layout that the DeepRacer tools read, every
file written whole or not at all, so that an interrupted training can be resumed.
Neighbours: `train` and `evaluate` fill it, `model` and `archive` read it; this file knows names
and places, and nothing about networks, rewards or cars.

Layout and names: markov boto/s3/constants.py; folders of traces as deepracer-for-cloud has them;
``config.toml``, ``tensorboard/``, ``training.png``, the archive and the weights are ours::

    model_metadata.json  reward_function.py  training_params.yaml  ip/hyperparameters.json
    model/<id>_Step-<steps>.safetensors  model/model_<id>.pb  model/deepracer_checkpoints.json
    model/model_metadata.json  model/<id>_Step-<steps>.learner.safetensors
    model/teaching.safetensors  tracks/<name>.npy  deepracer_fast.json  .writer.lock
    metrics/TrainingMetrics.json  metrics/TrainingIterations.json
    training-simtrace/<n>-iteration.csv
    evaluation-<yyyymmddHHMMSS>/evaluation-simtrace/0-iteration.csv
    metrics/EvaluationMetrics-<yyyymmddHHMMSS>.json
    config.toml  tensorboard/  training.png  <name of the folder>.tar.gz
"""

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import deepracer_fast
from deepracer_fast.checks.file_reading import read_text, refusing
from deepracer_fast.checks.json_object import JsonObject, read_json_object
from deepracer_fast.checks.source_text import encoded
from deepracer_fast.errors import ArchiveError, ConfigError, StorageError
from deepracer_fast.files.atomic import atomic_write_bytes, atomic_write_text
from deepracer_fast.files.checkpoint_ranking import (
    CHECKPOINT_NAME,
    Checkpoint,
    CheckpointRecord,
    record_as_json,
    record_from_json,
)
from deepracer_fast.files.model_metadata import METADATA_NAME
from deepracer_fast.files.training_params import NAME as TRAINING_PARAMS
from deepracer_fast.files.writer_lock import WriterLock

MODELS = Path("models")
"""Where models go that are given no folder of their own."""

FORMAT = 1
"""Version of the folder's form, which its mark names, ``deepracer_fast.json``; one without a number
is as old as this one, a newer is refused."""

FIRST_ARCHIVE = "model.tar.gz"
"""What every archive was called before it was named after its model."""

CHECKPOINT_INDEX = "deepracer_checkpoints.json"  # markov boto/s3/constants.py
_KEPT_CHECKPOINTS = 4  # besides the best one while a training goes on, as the original does
_NOBODY: Mapping[str, str] = {}
_SPARE = 16 << 20  # bytes that a save leaves free, for the files beside a checkpoint
_WEIGHTS_SUFFIX = ".safetensors"
_LONGEST_NAME = 200  # bytes: with what is added to it a file of that name can still be made
_GRAPH_NAME = re.compile(r"model_(\d+)\.pb")
_ARCHIVE_NAME = re.compile(r"[^/\\\0]+\.tar\.gz")


@dataclass(frozen=True)
class ModelInputs:
    """What a training starts from, as the text of the files that keep it."""

    model_metadata: str
    reward_function: str
    hyperparameters: str
    training_params: Mapping[str, str]
    config: str
    routes: Mapping[str, bytes] = field(default_factory=dict)  # by path within the folder


class ModelFolder:
    """The files of one model below ``path``; making one touches nothing on the disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.model_metadata = self.path / METADATA_NAME
        self.reward_function = self.path / "reward_function.py"
        self.training_params = self.path / TRAINING_PARAMS
        self.config = self.path / "config.toml"
        self.hyperparameters = self.path / "ip" / "hyperparameters.json"
        self.store = self.path / "model"
        self.model_metadata_copy = self.store / METADATA_NAME
        self.checkpoint_index = self.store / CHECKPOINT_INDEX
        self.training_metrics = self.path / "metrics" / "TrainingMetrics.json"
        self.training_iterations = self.training_metrics.with_name("TrainingIterations.json")
        self.simtraces = self.path / "training-simtrace"
        self.tensorboard = self.path / "tensorboard"
        self.training_plot = self.path / "training.png"
        self.teaching = self.store / "teaching.safetensors"
        self.mark = self.path / "deepracer_fast.json"
        self.lock = WriterLock(self.path / ".writer.lock", self.path)

    @property
    def name(self) -> str:
        """What the model is called."""
        name = self.path.resolve().name.encode("utf-8", "replace")[:_LONGEST_NAME]
        return name.decode("utf-8", "ignore") or "model"

    @property
    def archive(self) -> Path:
        """The archive for the car, by the name that it was written under.

        A car tells models apart by that name. Folders from before it was the folder's call it
        ``FIRST_ARCHIVE``.

        Raises:
            ArchiveError: the mark is damaged.
        """
        if not self.mark.exists():
            return self._own_archive
        told = str(self._told().get("archive", ""))
        return self.path / (told if _ARCHIVE_NAME.fullmatch(told) else FIRST_ARCHIVE)

    def name_archive(self) -> Path:
        """Where a new archive goes: it is named after the folder, and one of another name goes."""
        before, named = self.archive, self._own_archive
        if before != named:
            self._write_mark(self._told() | {"archive": named.name})
            before.unlink(missing_ok=True)
        return named

    @property
    def _own_archive(self) -> Path:
        return self.path / f"{self.name}.tar.gz"

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
        """Whether anything was learnt that a new training would overwrite."""
        if self.checkpoint_index.exists() or any(each.steps > 0 for each in self.checkpoints()):
            return True
        foreign = (*self.store.glob("*.ckpt*"), *self.store.glob("*.pb"))
        return any(path != self.graph(Checkpoint(0, 0)) for path in foreign)

    def was_begun(self) -> bool:
        """Whether a training of ours began here, even if it ended before its first checkpoint."""
        return self.mark.exists() or (
            self.training_params.exists() and self.model_metadata_copy.exists()
        )

    def is_clone(self) -> bool:
        """Whether the training that began here began with another model's policy.

        The mark names that model under ``parent``.

        Raises:
            ArchiveError: the mark is damaged.
        """
        return bool(self._told().get("clone"))

    def check_format(self) -> None:
        """Refuses a folder whose form is newer than this version knows.

        Raises:
            ArchiveError: it is newer, or its mark is damaged.
        """
        content = self._told()
        found = content.get("format")
        if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= FORMAT:
            made_by = f", made by version {content.get('version')}" if "version" in content else ""
            raise ArchiveError(
                f"{self.mark}: the form of a model folder must be at most {FORMAT}, found "
                f"{found!r}{made_by}; install a newer deepracer-fast"
            )

    def _told(self) -> JsonObject:
        """What the mark says; the first form's for a folder from before there were marks."""
        return read_json_object(self.mark, ArchiveError) if self.mark.exists() else {"format": 1}

    def _write_mark(self, content: JsonObject) -> None:
        atomic_write_text(self.mark, json.dumps(content) + "\n")

    def create(
        self, inputs: ModelInputs, parent: Mapping[str, str] = _NOBODY, given: Collection[Path] = ()
    ) -> None:
        """Begins a model: the folders, the mark, and what the training starts from.

        Whoever calls it holds the ``lock``. What was begun here and never came to a checkpoint is
        begun anew.

        Args:
            inputs: what the training starts from.
            parent: what is said of the model that a clone begins with, which is not kept before
                the first checkpoint.
            given: files that ``inputs`` were read from; those may be replaced.

        Raises:
            ConfigError: it holds a model, or somebody's own files under the same names.
        """
        self.refuse_a_model()
        if not self.was_begun():
            self._refuse_other_files(inputs, given)
        folders = (self.store, self.hyperparameters.parent, self.training_metrics.parent)
        for folder in (*folders, self.simtraces, self.tensorboard):
            folder.mkdir(parents=True, exist_ok=True)
        self.put_mark(parent)
        self.write_inputs(inputs)

    def put_mark(self, parent: Mapping[str, str] = _NOBODY) -> None:
        """Says that the folder is one of ours, of which form, and a clone of which model."""
        mark: JsonObject = {"format": FORMAT, "version": deepracer_fast.__version__}
        mark |= {"archive": self._own_archive.name, "clone": bool(parent)}
        self._write_mark(mark | ({"parent": dict(parent)} if parent else {}))

    def refuse_a_model(self) -> None:
        """Refuses to train a new model where one is.

        Raises:
            ConfigError: it holds a model.
        """
        if self.holds_a_model():
            raise ConfigError(
                f"{self.path} already holds a model: --resume goes on with it; or name a new folder"
            )

    def refuse_nothing_begun(self) -> None:
        """Refuses to go on where there is nothing to go on from, and nothing to begin anew.

        Raises:
            ConfigError: no training of ours was here, or one that ended before its first
                checkpoint and cannot be begun from the folder alone.
            ArchiveError: the folder is of a newer form.
        """
        self.check_format()
        if self.recorded_checkpoints() is not None:
            return
        inputs = (self.config, self.model_metadata, self.reward_function, self.hyperparameters)
        whole = self.was_begun() and all(path.exists() for path in inputs)
        if self.holds_a_model() or self.is_clone() or not whole:
            found = "holds no checkpoint of ours" if self.path.exists() else "is not there"
            raise ConfigError(
                f"there is no model to resume: {self.path} {found}; train without --resume"
            )

    def _refuse_other_files(self, inputs: ModelInputs, given: Collection[Path]) -> None:
        """A user's own file stays as it is, unless the training starts from it."""
        options = {
            self.reward_function: "--reward",
            self.model_metadata: "--metadata",
            self.hyperparameters: "--hyperparameters",
            self.config: "--config",
        }
        read_from = {path.resolve() for path in given}
        for path, content in self._input_files(inputs).items():
            if not path.exists() or path.resolve() in read_from:
                continue
            if path.read_bytes() != content:
                advice = f"train with it ({options[path]} {path})" if path in options else "move it"
                raise ConfigError(
                    f"{path} is there already and this training would replace it: {advice}, or "
                    "name a new folder"
                )

    def make(self) -> bool:
        """Makes the folder itself; returns whether it was not there.

        Raises:
            ConfigError: it cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
        except FileExistsError:
            if self.path.is_dir():
                return False
            raise ConfigError(
                f"{self.path} cannot be a model folder: it is a file; name another one"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be a model folder: {error.strerror}; name another one"
            ) from error
        return True

    def check_room(self, size: int) -> None:
        """Refuses to begin a save that the disk has no room for.

        Args:
            size: bytes that are about to be written before anything is removed.

        Raises:
            StorageError: there are fewer.
        """
        free = shutil.disk_usage(self.path).free
        if free < size + _SPARE:
            raise StorageError(
                f"{self.path}: a checkpoint takes {(size + _SPARE) / 1e6:,.0f} MB and "
                f"{free / 1e6:,.0f} MB are free on its disk; make room, then --resume"
            )

    def write_inputs(self, inputs: ModelInputs) -> None:
        """Writes what the training starts from."""
        for path, content in self._input_files(inputs).items():
            atomic_write_bytes(path, content)
        for name, route in inputs.routes.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            atomic_write_bytes(self.path / name, route)

    def _input_files(self, inputs: ModelInputs) -> dict[Path, bytes]:
        # A JSON string is a YAML string as well.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in inputs.training_params.items()]
        texts = {
            self.model_metadata: inputs.model_metadata,
            self.model_metadata_copy: inputs.model_metadata,
            self.hyperparameters: inputs.hyperparameters,
            self.training_params: "".join(lines),
            self.config: inputs.config,
        }
        reward = {self.reward_function: encoded(inputs.reward_function)}
        return {path: text.encode("utf-8") for path, text in texts.items()} | reward

    def save_graph(self, checkpoint: Checkpoint, graph: bytes) -> None:
        """Writes the frozen graph of a checkpoint's policy."""
        atomic_write_bytes(self.graph(checkpoint), graph)

    def save_weights(self, checkpoint: Checkpoint, weights: bytes) -> None:
        """Writes a checkpoint's safetensors file; `record_checkpoints` makes it count."""
        atomic_write_bytes(self.weights(checkpoint), weights)

    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that are on the disk, from old to new."""
        found = [
            re.fullmatch(CHECKPOINT_NAME.pattern + re.escape(_WEIGHTS_SUFFIX), path.name)
            for path in self.store.glob(f"*{_WEIGHTS_SUFFIX}")
        ]
        return sorted(Checkpoint(int(match[1]), int(match[2])) for match in found if match)

    def record_checkpoints(
        self,
        last: CheckpointRecord,
        best: CheckpointRecord,
        superseded: Collection[Checkpoint] = (),
        learners: int = 2,
        latest: int = _KEPT_CHECKPOINTS,
    ) -> None:
        """Writes ``deepracer_checkpoints.json``, then removes the checkpoints that are too old.

        What stays is the latest up to ``last``, and ``best``. A newer one than ``last`` is
        what an interrupted training left behind, and goes as well.

        Args:
            last: the latest.
            best: the best.
            superseded: that need not stay, however new.
            learners: of the latest, what a resumed training needs stays of so many: of one more
                than the last, in case a copy of the folder has an older index.
            latest: so many checkpoints stay besides the best.
        """
        content = {"last_checkpoint": record_as_json(last), "best_checkpoint": record_as_json(best)}
        atomic_write_text(self.checkpoint_index, json.dumps(content))
        needed = {last.checkpoint, best.checkpoint}
        passing = set(superseded) - needed
        recorded = [c for c in self.checkpoints() if c <= last.checkpoint and c not in passing]
        self._keep(needed | set(recorded[-latest:]))
        kept = {self.learner(checkpoint) for checkpoint in recorded[-learners:]}
        for path in set(self.store.glob(f"*.learner{_WEIGHTS_SUFFIX}")) - kept:
            path.unlink(missing_ok=True)

    def recorded_checkpoints(self) -> tuple[CheckpointRecord, CheckpointRecord] | None:
        """The last and the best checkpoint; None if none has been recorded.

        Raises:
            ArchiveError: ``deepracer_checkpoints.json`` is not what it should be.
        """
        if not self.checkpoint_index.exists():
            return None
        index, rule = self.checkpoint_index, "must name a last and a best checkpoint"
        text = read_text(index, ArchiveError)
        with refusing(str(index), rule, ArchiveError):
            content = json.loads(text)
            entries = (content[f"{which}_checkpoint"] for which in ("last", "best"))
            last, best = map(record_from_json, entries)
        return last, best

    def _keep(self, kept: set[Checkpoint]) -> None:
        for checkpoint in set(self.checkpoints()) - kept:
            self.weights(checkpoint).unlink(missing_ok=True)
        self.keep_graphs(*kept)

    def keep_graphs(self, *kept: Checkpoint) -> None:
        """Removes the graphs of all other checkpoints."""
        graphs = {self.graph(checkpoint) for checkpoint in kept}
        for path in self.store.glob("model_*.pb"):
            if _GRAPH_NAME.fullmatch(path.name) and path not in graphs:
                path.unlink(missing_ok=True)
