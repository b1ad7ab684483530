"""Recordings of the original: simtrace CSVs and logs with SIM_TRACE_LOG lines.

In: a file of either kind, in any of the forms that the original has had. Out: a ``Recording``, its
steps as arrays in metres, seconds and radians, one form for all. Neighbours: ``simtrace_rows``
reads the lines; ``replay`` and ``benchmarks/fit_vehicle.py`` drive what was recorded.

A log line holds 15 values (2019, angles in radians and no status), 16 (with it), 17 (to
``pause_duration``), 18 (and ``obstacle_crash_counter``) or 19 (and ``wall_clock``), in the order of
the simtrace's columns (markov metrics/s3_metrics.py); further ones, and what stands before
``SIM_TRACE_LOG:``, do not matter. A simtrace's columns are found by their names.

A few lines may be cut, by the end of the file or by another process that wrote to the same log:
they are left out, and named in the recording's remarks.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import path_of
from deepracer_fast.errors import TraceError, one_line
from deepracer_fast.files.simtrace_rows import (
    Fault,
    TraceRows,
    header_names,
    read_csv_rows,
    trace_lines,
)
from deepracer_fast.files.simtrace_writer import COLUMNS

MARK = "SIM_TRACE_LOG:"
VALUES_IN_RADIANS = 15
STEPS_A_SECOND = 15
_ACTION_PAIR = re.compile(r"\[[^\[\]]*\]")  # steering and speed of a continuous action

_FEWEST_ROWS = 10  # to one that may be left out, but for a last one that is cut
_MAX_REMARKS = 3

# Field of Recording -> column of the simtrace.
_SOURCES = {
    "episode": "episode",
    "steps": "steps",
    "x": "X",
    "y": "Y",
    "yaw": "yaw",
    "steering": "steer",
    "speed": "throttle",
    "track_length": "track_len",
    "seconds": "tstamp",
    "status": "episode_status",
    "reward": "reward",
    "progress": "progress",
}
_KINDS = {
    source: "text" if source == "episode_status" else "number" for source in _SOURCES.values()
}
_POSITIONS = [list(COLUMNS).index(source) for source in _KINDS]

# Column -> the least and the largest value that is believed. Rewards may be anything.
_LARGE = 1e9
_LIMITS = {source: (-_LARGE, _LARGE) for source, kind in _KINDS.items() if kind == "number"}
_LIMITS |= {"episode": (0, 2**31), "steps": (0, 10_000_000), "reward": (-1e100, 1e100)}
_MAY_BE_MISSING = ("track_len", "tstamp", "reward", "progress")


@dataclass(frozen=True)
class Recording:
    """T recorded steps in file order; each row is a pose and the action that was chosen there.

    Attributes:
        source: where they are from.
        episode: int [T].
        steps: int [T], counted from 1 within an episode (2019: from 0).
        x: float [T], front point, metres.
        y: float [T], front point, metres.
        yaw: float [T], radians.
        steering: float [T], commanded, radians, left positive.
        speed: float [T], commanded, m/s.
        track_length: float [T], metres; nan where the file has no such column.
        seconds: float [T], the stamp, which jitters by 10 ms; without one, by the steps.
        status: str [T], "" where the form has none.
        reward: float [T], as it was recorded; or nan.
        progress: float [T], percent; or nan.
        piece: int [T], which of several files that were joined to one, from 0; None: of one.
        remarks: a sentence for each thing in the file that was left out.
    """

    source: str
    episode: Array
    steps: Array
    x: Array
    y: Array
    yaw: Array
    steering: Array
    speed: Array
    track_length: Array
    seconds: Array
    status: Array
    reward: Array
    progress: Array
    piece: Array | None = None
    remarks: tuple[str, ...] = ()

    def rows(self, begin: int, end: int) -> "Recording":
        """The steps from ``begin`` to before ``end``."""
        return self.picked(slice(begin, end))

    def picked(self, which: slice | Array) -> "Recording":
        """The steps of a slice, or with these indices."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        cut: dict[str, Any] = {
            name: column[which]
            for name, column in columns.items()
            if isinstance(column, np.ndarray)
        }
        return replace(self, **cut)


def read_recording(path: str | Path) -> Recording:
    """Reads a simtrace CSV or a log.

    Raises:
        TraceError: there are no steps in the file, or a line does not fit; names file and line.
    """
    path = path_of("the path of a trace", path, TraceError)
    lines = trace_lines(path, TraceError)
    first = next(lines, (1, ""))
    rows, radians = TraceRows({**_KINDS, "values": "number"}), False
    if header := header_names(first[1]):
        rows = TraceRows(_KINDS)
        read_csv_rows(lines, rows, header)
        columns = rows.columns()
    else:
        _read_log(itertools.chain([first], lines), rows, str(path))
        columns = rows.columns()
        columns, radians = _of_one_form(columns, rows)
    _refuse_faults(str(path), rows.faults, len(columns["line"]), rows.last_line)
    if not len(columns["line"]):
        raise TraceError(f"{path}: a trace must have at least one step, found none")
    _check_values(str(path), columns)
    values = {name: columns[source] for name, source in _SOURCES.items()}
    values |= {name: values[name].astype(np.int64) for name in ("episode", "steps")}
    no_stamp = np.isnan(values["seconds"])
    values["seconds"] = np.where(no_stamp, values["steps"] / STEPS_A_SECOND, values["seconds"])
    if not radians:
        values |= {name: np.radians(values[name]) for name in ("yaw", "steering")}
    remarks = _remarks(str(path), rows.faults)
    return Recording(str(path), **values, piece=columns["piece"], remarks=remarks)


def _read_log(lines: Iterable[tuple[int, str]], rows: TraceRows, source: str) -> None:
    needed, is_log = VALUES_IN_RADIANS, False
    for number, line in lines:
        # Two lines that ran together are two steps.
        for payload in line.split(MARK)[1:]:
            is_log, rows.last_line = True, number
            texts = [text.strip() for text in _ACTION_PAIR.sub("-1", payload).split(",")]
            if len(texts) < needed:
                reason = f"{MARK} must be followed by {needed} or more values, found {len(texts)}"
                rows.refuse(number, reason, is_cut=True)
                continue
            padded = [*texts, ""]
            rows.add(number, [*(padded[position] for position in _POSITIONS), str(len(texts))])
    if not is_log:
        raise TraceError(
            f"{source}: a trace must be a simtrace CSV (it begins with episode,steps,X,...) or a "
            f"log with {MARK} lines, found neither"
        )


def _of_one_form(columns: dict[str, Array], rows: TraceRows) -> tuple[dict[str, Array], bool]:
    """The rows that are whole, and whether their angles are radians.

    How many values a whole line has is what most lines have. A cut one may look like one of an
    older form: of 15 values its angles would be taken for radians.
    """
    counts = columns["values"]
    if not len(counts):
        return columns, False
    form = Counter(counts.tolist()).most_common(1)[0][0]
    if form == VALUES_IN_RADIANS:
        return columns, True
    is_cut = counts == VALUES_IN_RADIANS
    is_cut[-1] |= counts[-1] < form and columns["line"][-1] == rows.last_line
    for row in np.flatnonzero(is_cut):
        reason = f"{MARK} must be followed by {form:g} values, found {counts[row]:g}"
        rows.refuse(int(columns["line"][row]), reason, is_cut=True)
    rows.faults.sort(key=lambda fault: fault.line)
    return {name: column[~is_cut] for name, column in columns.items()}, False


def _refuse_faults(source: str, faults: list[Fault], num_rows: int, last_line: int) -> None:
    """Lets a last line pass that is cut, and of the others one in ten; refuses more.

    Raises:
        TraceError: names file and line.
    """
    inner = [fault for fault in faults if not (fault.is_cut and fault.line == last_line)]
    if len(inner) > num_rows // _FEWEST_ROWS:
        raise TraceError(f"{source}, line {inner[0].line}: {inner[0].reason}")


def _remarks(source: str, faults: list[Fault]) -> tuple[str, ...]:
    shown = [one_line(f"{source}, line {each.line}: left out: {each.reason}") for each in faults]
    more = len(shown) - _MAX_REMARKS
    return (*shown[:_MAX_REMARKS], *([f"{source}: {more} more lines left out"] * (more > 0)))


def _check_values(source: str, columns: Mapping[str, Array]) -> None:
    """Refuses numbers that no car has driven, and that could not be calculated with.

    Raises:
        TraceError: names file and line.
    """
    for name, (least, most) in _LIMITS.items():
        column = columns[name]
        is_good = (column >= least) & (column <= most)
        if name in ("episode", "steps"):
            is_good &= np.floor(column) == column
        elif name in _MAY_BE_MISSING:
            is_good |= np.isnan(column)
        for row in np.flatnonzero(~is_good)[:1]:
            found = f"found {column[row]:g} in step {columns['steps'][row]:g} of episode "
            found += f"{columns['episode'][row]:g}"
            rule = "finite"
            if np.isfinite(column[row]):
                rule = f"a number from {least:g} to {most:g}"
                if name in ("episode", "steps"):
                    rule = f"a whole number from {least} to {most}"
            raise TraceError(
                f"{source}, line {columns['line'][row]}: {name} must be {rule}, {found}"
            )
