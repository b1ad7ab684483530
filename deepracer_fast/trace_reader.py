"""Recordings of the original: simtrace CSVs and logs with SIM_TRACE_LOG lines.

In: a file of either kind, in any of the four forms that the original has had. Out: a
``Recording``, its steps as arrays in metres, seconds and radians, one form for all. Neighbours:
``simtrace`` reads the CSV; ``replay`` and ``benchmarks/fit_vehicle.py`` drive what was recorded.

A log line holds 15 values (2019, angles in radians and no status), 17 (to ``pause_duration``),
18 (and ``obstacle_crash_counter``) or 19 (and ``wall_clock``), in the order of the simtrace's
columns (markov metrics/s3_metrics.py); what stands before ``SIM_TRACE_LOG:`` does not matter.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.door import path_of
from deepracer_fast.errors import TraceError
from deepracer_fast.simtrace import COLUMNS, read_simtrace

Array = npt.NDArray[Any]

MARK = "SIM_TRACE_LOG:"
VALUES_IN_A_LINE = (15, 17, 18, 19)
VALUES_IN_RADIANS = 15
_ACTION_PAIR = re.compile(r"\[[^\]]*\]")  # steering and speed of a continuous action

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
_POSITIONS = {name: list(COLUMNS).index(source) for name, source in _SOURCES.items()}


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
        track_length: float [T], metres.
        seconds: float [T], the stamp, which jitters by 10 ms.
        status: str [T], "" where the form has none.
        reward: float [T], as it was recorded.
        progress: float [T], percent.
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

    def rows(self, begin: int, end: int) -> "Recording":
        """The steps from ``begin`` to before ``end``."""
        return self.picked(slice(begin, end))

    def picked(self, which: slice | Array) -> "Recording":
        """The steps of a slice, or with these indices."""
        cut = {f.name: getattr(self, f.name)[which] for f in fields(self)[1:]}
        return Recording(self.source, **cut)


def read_recording(path: str | Path) -> Recording:
    """Reads a simtrace CSV or a log.

    Raises:
        TraceError: there are no steps in the file, or a line does not fit; names file and line.
        ArchiveError: a simtrace CSV does not fit; names file and line.
    """
    path = path_of("the path of a trace", path, TraceError)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise TraceError(f"{path}: cannot be read: {problem.strerror}") from problem
    if text.startswith("episode,"):
        recording = _from_simtrace(path)
    elif MARK in text:
        recording = _from_log(path, text)
    else:
        raise TraceError(
            f"{path}: a trace must be a simtrace CSV (it begins with episode,steps,X,...) or a "
            f"log with {MARK} lines, found neither"
        )
    if not len(recording.x):
        raise TraceError(f"{path}: a trace must have at least one step, found none")
    _check_finite(recording)
    return recording


def _from_simtrace(path: str | Path) -> Recording:
    columns = read_simtrace(path)
    values = {name: columns[source] for name, source in _SOURCES.items()}
    values["steps"] = values["steps"].astype(np.int64)
    return Recording(str(path), **_in_radians(values))


def _from_log(path: str | Path, text: str) -> Recording:
    rows = list(_log_rows(path, text))
    values = {
        name: np.array([row[name] for row in rows], dtype=str if name == "status" else None)
        for name in _SOURCES
    }
    return Recording(str(path), **values)


def _in_radians(values: dict[str, Array]) -> dict[str, Array]:
    return values | {name: np.radians(values[name]) for name in ("yaw", "steering")}


def _log_rows(path: str | Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        # Two lines that ran together are two steps.
        for payload in line.split(MARK)[1:]:
            yield _log_row(f"{path}, line {number}", payload)


def _log_row(place: str, payload: str) -> dict[str, Any]:
    texts = [value.strip() for value in _ACTION_PAIR.sub("-1", payload).split(",")]
    if len(texts) not in VALUES_IN_A_LINE:
        allowed = ", ".join(map(str, VALUES_IN_A_LINE[:-1]))
        raise TraceError(
            f"{place}: {MARK} must be followed by {allowed} or {VALUES_IN_A_LINE[-1]} values, "
            f"found {len(texts)}"
        )
    row: dict[str, Any] = {}
    for name, position in _POSITIONS.items():
        found = texts[position] if position < len(texts) else ""
        row[name] = _value(place, name, found)
    if len(texts) != VALUES_IN_RADIANS:
        row["yaw"], row["steering"] = np.radians(row["yaw"]), np.radians(row["steering"])
    return row


def _value(place: str, name: str, found: str) -> Any:
    try:
        return _KINDS.get(name, float)(found)
    except ValueError:
        raise TraceError(f"{place}: {_SOURCES[name]} must be a number, found {found!r}") from None


def _whole(text: str) -> int:
    return int(float(text))


_KINDS: dict[str, Callable[[str], Any]] = {"episode": int, "steps": _whole, "status": str}


def _check_finite(recording: Recording) -> None:
    for name in ("x", "y", "yaw", "steering", "speed"):
        column = getattr(recording, name)
        if not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column)))
            raise TraceError(
                f"{recording.source}: {_SOURCES[name]} must be finite, found {column[row]} in "
                f"step {recording.steps[row]} of episode {recording.episode[row]}"
            )
