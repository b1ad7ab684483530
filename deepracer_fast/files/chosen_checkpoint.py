"""Which file of a model folder holds the checkpoint that was asked for.

In: a folder, ours or the original's or an unpacked archive, and "best", "last" or an iteration's
number. Out: the file of its policy, and its ``model_metadata.json``. Neighbour: ``policy.model``
reads them.
"""

import json
import operator
import re
from pathlib import Path
from typing import Any

from deepracer_fast.checks.file_reading import read_text, refusing
from deepracer_fast.checks.values import refuse
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.model_folder import CHECKPOINT_INDEX
from deepracer_fast.files.model_metadata import METADATA_NAME

# "27_Step-40129.ckpt": what the original's index names (rl_coach checkpoint.py); ours end
# in .safetensors.
_CHECKPOINT_NAME = re.compile(r"(\d{1,15})(_[\w-]{1,100})\.(?:ckpt|safetensors)")
_GRAPH_NAME = re.compile(r"model_(\d{1,15})\.pb")
_WORDS = ("best", "last")
_SHOWN = 12  # numbers of iterations that a message lists


def checkpoint_word(checkpoint: Any) -> str:
    """What a checkpoint is asked for by: "best", "last", or its iteration's number.

    Raises:
        ConfigError: it is neither.
    """
    try:
        word = str(operator.index(checkpoint))
    except TypeError:
        word = checkpoint.strip().lower() if isinstance(checkpoint, str) else ""
    if word in _WORDS or re.fullmatch(r"\d{1,15}", word, re.ASCII):
        return word if word in _WORDS else str(int(word))
    raise refuse("checkpoint", '"best", "last" or the number of a kept iteration', checkpoint)


def numbered_checkpoints(folder: Path) -> dict[int, Path]:
    """The files of a folder's checkpoints by iteration, from the first to the last.

    Of an iteration that has several files it is the one with most steps, our weights before a
    frozen graph.
    """
    found: dict[int, tuple[tuple[bool, int], Path]] = {}
    for path in _store(folder).iterdir() if _store(folder).is_dir() else ():
        weights = _CHECKPOINT_NAME.fullmatch(path.name) if path.suffix != ".ckpt" else None
        match = weights or _GRAPH_NAME.fullmatch(path.name)
        if match is None:
            continue
        steps = re.search(r"\d+$", match[2]) if weights else None
        rank = (weights is not None, int(steps[0]) if steps else 0)
        before = found.get(int(match[1]))
        if before is None or rank > before[0]:
            found[int(match[1])] = (rank, path)
    return {number: found[number][1] for number in sorted(found)}


def has_index(folder: Path) -> bool:
    """Whether the folder says which of its checkpoints is the best, and which the last."""
    return (_store(folder) / CHECKPOINT_INDEX).is_file()


def find_in_folder(folder: Path, checkpoint: str) -> tuple[Path, Path]:
    """The policy and the metadata of a folder, by a word that ``checkpoint_word`` gives.

    Raises:
        ArchiveError: it is not there.
    """
    metadata = find_metadata(folder, [folder, _store(folder)])
    if checkpoint not in _WORDS:
        return _numbered(folder, int(checkpoint)), metadata
    if has_index(folder):
        return _indexed(_store(folder), checkpoint), metadata
    for graph in (folder / "agent" / "model.pb", folder / "model.pb"):
        if graph.is_file():
            return graph, metadata
    return _only_one(folder, checkpoint), metadata


def find_metadata(path: Path, folders: list[Path]) -> Path:
    """The ``model_metadata.json`` in the first of the folders that has one.

    Raises:
        ArchiveError: none has; names the model's ``path``.
    """
    for folder in folders:
        if (folder / METADATA_NAME).is_file():
            return folder / METADATA_NAME
    raise ArchiveError(f"{path}: needs a {METADATA_NAME} beside it, found none in {folders[0]}")


def _store(folder: Path) -> Path:
    return folder / "model" if (folder / "model").is_dir() else folder


def _numbered(folder: Path, number: int) -> Path:
    there = numbered_checkpoints(folder)
    if number not in there:
        raise ArchiveError(
            f"{folder}: has no checkpoint of iteration {number}; those that are kept are "
            f"{_listed(there)} (a training keeps the best and the latest ones; training.png marks "
            "them)"
        )
    return there[number]


def _only_one(folder: Path, checkpoint: str) -> Path:
    """The policy of a folder that does not say which of several is the best."""
    numbered = numbered_checkpoints(folder)
    if numbered and checkpoint == "last":
        return numbered[max(numbered)]
    store = _store(folder)
    choices = sorted([*store.glob("*.safetensors"), *store.glob("*.pb")])
    if len(choices) == 1:
        return choices[0]
    if len(numbered) == 1:
        return next(iter(numbered.values()))
    if numbered:
        raise ArchiveError(
            f"{store}: holds the checkpoints {_listed(numbered)}, and no {CHECKPOINT_INDEX} that "
            "says which is the best: choose a number or last, by --checkpoint"
        )
    found = ", ".join(choice.name for choice in choices[:4]) or "none"
    raise ArchiveError(
        f"{store}: without {CHECKPOINT_INDEX} there must be exactly one *.safetensors or *.pb, "
        f"found {found}; name the file itself"
    )


def _listed(numbers: dict[int, Path]) -> str:
    known = list(map(str, numbers))
    if len(known) > _SHOWN:
        known = [*known[: _SHOWN // 2], "...", *known[-_SHOWN // 2 :]]
    return ", ".join(known) or "none"


def _indexed(store: Path, checkpoint: str) -> Path:
    """The file that ``deepracer_checkpoints.json`` means: our weights, or else a frozen graph."""
    index = store / CHECKPOINT_INDEX
    text = read_text(index, ArchiveError)
    with refusing(
        str(index), f'must hold {{"{checkpoint}_checkpoint": {{"name": ...}}}}', ArchiveError
    ):
        name = json.loads(text)[f"{checkpoint}_checkpoint"]["name"]
        match = _CHECKPOINT_NAME.fullmatch(name)
    if match is None:
        raise ArchiveError(
            f"{index}: {checkpoint}_checkpoint must be named like 27_Step-40129.ckpt, got {name!r}"
        )
    weights = store / f"{match[1]}{match[2]}.safetensors"
    graph = store / f"model_{match[1]}.pb"
    for file in (weights, graph):
        if file.is_file():
            return file
    raise ArchiveError(
        f"{index}: its {checkpoint} checkpoint {name} has neither {weights.name} nor {graph.name} "
        "beside it; TensorFlow's .ckpt files alone are not read"
    )
