"""The simtrace CSV: one row a step, in the form that deepracer-utils and its notebooks read.

In: columns of one iteration's or evaluation's steps. Out: a file, and the same columns back.
Neighbours: `train` and `evaluate` write one file each round, below a `model_folder`.

Header and columns are those of markov metrics/s3_metrics.py: every value is Python's ``str`` of
it, so ``steps`` is ``1.0`` and a flag is ``True``. Nothing is quoted.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from deepracer_fast.checks.values import path_of
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.files.simtrace_rows import TraceRows, header_names, read_csv_rows, trace_lines

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
    """Reads a simtrace CSV of the original or of `write_simtrace`, all of it or nothing.

    Columns are found by their names, in any order; others than those of `COLUMNS` are left out.

    Returns:
        The columns that the file has, in file order: int64, float64, bool and str [T]; ``action``
        is int64 [T], or float64 [T, 2] for a continuous action space.

    Raises:
        ArchiveError: The file cannot be read, or its header or a row does not fit.
    """
    path = path_of("the path of a simtrace", path, ArchiveError)
    lines = trace_lines(path, ArchiveError)
    header = header_names(next(lines, (1, ""))[1])
    if header is None:
        raise ArchiveError(f"{path}, line 1: not a simtrace header: it must be {_header()}")
    rows = TraceRows({name: _KINDS[COLUMNS[name]] for name in header if name in COLUMNS})
    try:
        read_csv_rows(lines, rows, header)
        columns = rows.columns()
    except ValueError:  # each row has a form, but not the same one
        raise ArchiveError(f"{path}: {_ONE_FORM}") from None
    for fault in rows.faults:
        raise ArchiveError(f"{path}, line {fault.line}: {fault.reason}")
    return {name: _whole_numbers(path, name, columns) for name in columns if name in COLUMNS}


def _whole_numbers(
    path: str | os.PathLike[str], name: str, columns: dict[str, np.ndarray]
) -> np.ndarray:
    """The column, as int64 where it counts something."""
    column = columns[name]
    if COLUMNS[name] not in ("int", "action") or column.ndim > 1:
        return column
    with np.errstate(invalid="ignore"):
        bad = (column % 1 != 0) | ~(np.abs(column) < 2**53)
    for row in np.flatnonzero(bad)[:1]:
        raise ArchiveError(
            f"{path}, line {columns['line'][row]}: {name} cannot be '{column[row]:g}'"
        )
    return column.astype(np.int64)


def _header() -> str:
    return ",".join(list(COLUMNS)[:_FIRST_OPTIONAL]) + "[,obstacle_crash_counter[,wall_clock]]"


_ONE_FORM = "actions must be numbers in all rows, or pairs in all rows"
_KINDS = {
    "int": "number",
    "float": "number",
    "percent": "number",
    "bool": "flag",
    "text": "text",
    "action": "action",
}
