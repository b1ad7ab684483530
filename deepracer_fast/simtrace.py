"""The simtrace CSV: one row a step, in the form that deepracer-utils and its notebooks read.

In: columns of one iteration's or evaluation's steps. Out: a file, and the same columns back.
Neighbours: `train` and `evaluate` write one file each round, below a `model_folder`.

Header and columns are those of markov metrics/s3_metrics.py: every value is Python's ``str`` of
it, so ``steps`` is ``1.0`` and a flag is ``True``. Nothing is quoted.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from deepracer_fast.atomic import atomic_write_text
from deepracer_fast.door import path_of
from deepracer_fast.errors import ArchiveError

# Name -> kind, in file order. x and y are the front point; yaw and steer are degrees, throttle m/s,
# track_len metres, tstamp and pause_duration simulated seconds, wall_clock seconds since 1970.
COLUMNS: dict[str, str] = {
    "episode": "int",
    "steps": "float",
    "X": "float",
    "Y": "float",
    "yaw": "float",
    "steer": "float",
    "throttle": "float",
    "action": "action",
    "reward": "float",
    "done": "bool",
    "all_wheels_on_track": "bool",
    "progress": "percent",
    "closest_waypoint": "int",
    "track_len": "float",
    "tstamp": "float",
    "episode_status": "text",
    "pause_duration": "float",
    "obstacle_crash_counter": "int",
    "wall_clock": "float",
}
# Older versions of the original ended after pause_duration or obstacle_crash_counter.
_FIRST_OPTIONAL = 17


def write_simtrace(path: str | os.PathLike[str], columns: Mapping[str, np.ndarray]) -> None:
    """Writes the steps in ``columns`` to ``path``, whole or not at all.

    Args:
        path: The file; its folder has to be there.
        columns: Every name of `COLUMNS`, each [T]; the last two may be missing. ``action`` is int
            [T], or float [T, 2] (steering angle, speed) for a continuous action space. A float32
            value is written with as many digits as tell it from its neighbours.

    Raises:
        ArchiveError: A column is missing or its length differs from the others'.
    """
    names = _names_in(columns)
    lengths = {name: len(columns[name]) for name in names}
    if len(set(lengths.values())) > 1:
        raise ArchiveError(f"{path}: simtrace columns must have one length, got {lengths}")
    texts = [_WRITERS[COLUMNS[name]](np.asarray(columns[name])) for name in names]
    lines = [",".join(names), *map(",".join, zip(*texts, strict=True)), ""]
    atomic_write_text(path, "\n".join(lines))


def _names_in(columns: Mapping[str, np.ndarray]) -> list[str]:
    names = list(COLUMNS)
    while len(names) > _FIRST_OPTIONAL and names[-1] not in columns:
        names.pop()
    missing = [name for name in names if name not in columns]
    if missing:
        raise ArchiveError(f"a simtrace needs the columns {', '.join(missing)}: they are missing")
    return names


def _float_texts(column: np.ndarray) -> Iterable[str]:
    if column.dtype.kind != "f":
        column = column.astype(np.float64)
    return map(str, column)


def _percent_texts(column: np.ndarray) -> Iterable[str]:
    # The original caps progress with a whole 100, the one float that it writes without ".0".
    return ["100" if text == "100.0" else text for text in _float_texts(column)]


def _action_texts(column: np.ndarray) -> Iterable[str]:
    if column.ndim == 1:
        return map(str, column.tolist())
    steering, speed = map(_float_texts, column.T)
    return [f"[{s} {v}]" for s, v in zip(steering, speed, strict=True)]


_WRITERS: dict[str, Callable[[np.ndarray], Iterable[str]]] = {
    "int": lambda column: map(str, column.astype(np.int64).tolist()),
    "float": _float_texts,
    "percent": _percent_texts,
    "bool": lambda column: map(str, column.astype(np.bool_).tolist()),
    "text": lambda column: map(str, column.tolist()),
    "action": _action_texts,
}


def read_simtrace(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a simtrace CSV of the original or of `write_simtrace`.

    Returns:
        The columns that the file has, in file order: int64, float64, bool and str [T]; ``action``
        is int64 [T], or float64 [T, 2] for a continuous action space.

    Raises:
        ArchiveError: The file cannot be read, or its header or a row does not fit.
    """
    path = path_of("the path of a simtrace", path, ArchiveError)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{path}: cannot read this simtrace: {error}") from error
    names = lines[0].split(",") if lines else []
    if names != list(COLUMNS)[: max(len(names), _FIRST_OPTIONAL)]:
        raise ArchiveError(f"{path}, line 1: not a simtrace header: it must be {_header()}")
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise ArchiveError(
                f"{path}, line {number}: a row must have {len(names)} values, found {len(row)}"
            )
    texts = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: _read_column(path, name, text) for name, text in zip(names, texts, strict=True)}


def _read_column(path: str | os.PathLike[str], name: str, texts: tuple[str, ...]) -> np.ndarray:
    read = _READERS[COLUMNS[name]]
    try:
        return read(texts)
    except ValueError:
        line = next(n for n, text in enumerate(texts, start=2) if not _reads(read, text))
        raise ArchiveError(f"{path}, line {line}: {name} cannot be {texts[line - 2]!r}") from None


def _reads(read: Callable[[tuple[str, ...]], np.ndarray], text: str) -> bool:
    try:
        read((text,))
    except ValueError:
        return False
    return True


def _read_floats(texts: tuple[str, ...]) -> np.ndarray:
    return np.array([float(text) for text in texts], np.float64)


def _read_bools(texts: tuple[str, ...]) -> np.ndarray:
    values = np.array(texts, dtype=str)
    if not np.isin(values, ("True", "False")).all():
        raise ValueError("a flag is True or False")
    return values == "True"


def _read_actions(texts: tuple[str, ...]) -> np.ndarray:
    if not texts or not texts[0].startswith("["):
        return np.array([int(text) for text in texts], np.int64)
    pairs = [text.strip("[]").split() for text in texts]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("an action is one number or [steering speed]")
    return np.array([[float(value) for value in pair] for pair in pairs], np.float64)


def _header() -> str:
    return ",".join(list(COLUMNS)[:_FIRST_OPTIONAL]) + "[,obstacle_crash_counter[,wall_clock]]"


_READERS: dict[str, Callable[[tuple[str, ...]], np.ndarray]] = {
    "int": lambda texts: np.array([int(text) for text in texts], np.int64),
    "float": _read_floats,
    "percent": _read_floats,
    "bool": _read_bools,
    "text": lambda texts: np.array(texts, dtype=str),
    "action": _read_actions,
}
