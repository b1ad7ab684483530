"""The simtrace CSV: one row a step, in the form that deepracer-utils and its notebooks read.

In: columns of one iteration's or evaluation's steps. Out: a file. Neighbours: `train` and
`evaluate` write one each round, below a `model_folder`; ``simtrace_reader`` reads them.

Header and columns are those of markov metrics/s3_metrics.py: every value is Python's ``str`` of
it, so ``steps`` is ``1.0`` and a flag is ``True``. Nothing is quoted.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_text

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
    """Writes the steps in ``columns``, whole or not at all, into a folder that has to be there.

    ``columns`` has every name of `COLUMNS`, each [T]; the last two may be missing. ``action`` is
    int [T], or float [T, 2] (steering angle, speed) for a continuous action space. A float32 value
    is written with as many digits as tell it from its neighbours.

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
