"""Recordings of the original: simtrace CSVs and logs with SIM_TRACE_LOG lines.

In: a file of either kind, in any of the forms that the original has had. Out: a ``Recording``, its
steps as arrays in metres, seconds and radians, one form for all. Neighbours: ``replay`` and
``benchmarks/fit_vehicle.py`` drive what was recorded.

A log line holds 15 values (2019, angles in radians and no status), 16 (with it), 17 (to
``pause_duration``), 18 (and ``obstacle_crash_counter``) or 19 (and ``wall_clock``), in the order of
the simtrace's columns (markov metrics/s3_metrics.py); further ones, and what stands before
``SIM_TRACE_LOG:``, do not matter. A simtrace's columns are found by their names.

A few lines may be cut, by the end of the file or by another process that wrote to the same log:
they are left out, and named in the recording's remarks.
"""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.file_reading import MiB, opened, refusing
from deepracer_fast.checks.values import path_of
from deepracer_fast.errors import TraceError, one_line, printable
from deepracer_fast.files.simtrace_writer import COLUMNS

MAX_BYTES = 512 * MiB
"""Of a file: 60 hours of driving in one."""

REQUIRED = ("episode", "steps", "X", "Y", "yaw", "steer", "throttle")
"""Columns without which there is nothing to replay."""

_MAX_LINE = 1 << 16  # bytes; a longer one is taken for several, of which none fits
_AT_ONCE = 10_000  # rows that are turned into numbers together
_MAX_TEXT = 40  # characters of a status; NumPy gives all rows as much room as the longest
_MISSING = ("nan", "")  # of a number and of a text

MARK = "SIM_TRACE_LOG:"
VALUES_IN_RADIANS = 15
STEPS_A_SECOND = 15
_ACTION_PAIR = re.compile(r"\[[^\[\]]*\]")  # steering and speed of a continuous action

_FEWEST_ROWS = 10  # to one that may be left out, but for a last one that is cut
_MAX_REMARKS = 3

# Field of Recording -> column of the simtrace.
_SOURCES = {"episode": "episode", "steps": "steps", "x": "X", "y": "Y", "yaw": "yaw"}
_SOURCES |= {"steering": "steer", "speed": "throttle", "track_length": "track_len"}
_SOURCES |= {"seconds": "tstamp", "status": "episode_status"}
_SOURCES |= {"reward": "reward", "progress": "progress"}
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
        columns: dict[str, Any] = {k: v for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **{name: column[which] for name, column in columns.items()})


@dataclass
class _Fault:
    """A line that does not fit.

    Attributes:
        line: its number.
        reason: what is wrong with it.
        is_cut: its end is missing, rather than a value wrong.
    """

    line: int
    reason: str
    is_cut: bool


@dataclass
class _Rows:
    """What has been read of a file so far, whose length does not matter.

    Attributes:
        kinds: name -> "number" or "text" of the columns that are wanted.
        faults: lines that do not fit, in order.
        piece: which of the files that were joined the next row belongs to, from 0.
        last_line: of the file, among those that are not blank.
    """

    kinds: Mapping[str, str]
    faults: list[_Fault] = field(default_factory=list)
    piece: int = 0
    last_line: int = 0
    _waiting: list[tuple[int, int, Sequence[str]]] = field(default_factory=list)
    _done: list[dict[str, Array]] = field(default_factory=list)

    def add(self, line: int, texts: Sequence[str]) -> None:
        """Takes a row: its values in the order of ``kinds``."""
        self._waiting.append((line, self.piece, texts))
        if len(self._waiting) == _AT_ONCE:
            self._convert()

    def refuse(self, line: int, reason: str, is_cut: bool) -> None:
        """Notes a line that does not fit."""
        self.faults.append(_Fault(line, reason, is_cut))

    def columns(self) -> dict[str, Array]:
        """The columns, each [T]: float64 or str, and two more: ``line`` and ``piece``, int64."""
        self._convert()
        self.faults.sort(key=lambda fault: fault.line)
        return {name: np.concatenate([part[name] for part in self._done]) for name in self._done[0]}

    def _convert(self) -> None:
        rows, self._waiting = self._waiting, []
        try:
            part = self._as_columns(rows)
        except ValueError:
            part = self._as_columns([row for row in rows if self._fits(row)])
        self._done.append(part)

    def _as_columns(self, rows: list[tuple[int, int, Sequence[str]]]) -> dict[str, Array]:
        texts = list(zip(*(row for _, _, row in rows), strict=True)) or [()] * len(self.kinds)
        part = {
            name: _read(kind, column)
            for (name, kind), column in zip(self.kinds.items(), texts, strict=True)
        }
        for index, name in enumerate(("line", "piece")):
            part[name] = np.array([row[index] for row in rows], np.int64)
        return part

    def _fits(self, row: tuple[int, int, Sequence[str]]) -> bool:
        """Whether every value is of its kind; the first that is not becomes a fault."""
        line, _, texts = row
        for (name, kind), text in zip(self.kinds.items(), texts, strict=True):
            try:
                _read(kind, (text,))
            except ValueError:
                self.refuse(line, f"{name} cannot be {text[:60]!r}", is_cut=False)
                return False
        return True


def read_recording(path: str | Path) -> Recording:
    """Reads a simtrace CSV or a log.

    Raises:
        TraceError: there are no steps in the file, or a line does not fit; names file and line.
    """
    path = path_of("the path of a trace", path, TraceError)
    lines = _lines(path)
    first = next(lines, (1, ""))
    rows, radians = _Rows({**_KINDS, "values": "number"}), False
    if header := _header_names(first[1]):
        rows = _Rows(_KINDS)
        _read_csv(lines, rows, header)
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


def _read_log(lines: Iterable[tuple[int, str]], rows: _Rows, source: str) -> None:
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


def _of_one_form(columns: dict[str, Array], rows: _Rows) -> tuple[dict[str, Array], bool]:
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


def _refuse_faults(source: str, faults: list[_Fault], num_rows: int, last_line: int) -> None:
    """Lets a last line pass that is cut, and of the others one in ten; refuses more.

    Raises:
        TraceError: names file and line.
    """
    inner = [fault for fault in faults if not (fault.is_cut and fault.line == last_line)]
    if len(inner) > num_rows // _FEWEST_ROWS:
        raise TraceError(f"{source}, line {inner[0].line}: {inner[0].reason}")


def _remarks(source: str, faults: list[_Fault]) -> tuple[str, ...]:
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


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbers, from 1, and texts of a file's lines, each with its line end if it has one.

    Raises:
        TraceError: it cannot be read, or is UTF-16.
    """
    with (
        opened(path, TraceError, MAX_BYTES) as file,
        refusing(str(path), "must be text", TraceError),
    ):
        number = 1
        while raw := file.readline(_MAX_LINE):
            if number == 1:
                if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise TraceError(f"{path}: must be UTF-8 text, found UTF-16; save it as UTF-8")
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            yield number, raw.decode("utf-8", errors="replace")
            number += raw.endswith(b"\n")


def _read_csv(lines: Iterable[tuple[int, str]], rows: _Rows, names: list[str]) -> None:
    """Reads rows of values under these names, and headers between them where files were joined."""
    pick = _picker(names, rows.kinds)
    for number, line in lines:
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        rows.last_line = number
        begin = max(0, text.find("episode,steps,"))
        if "steps" in text and (following := _header_names(text[begin:])):
            if begin > 0:
                rows.refuse(number, "is cut by the header of another file", is_cut=True)
            names, pick = following, _picker(following, rows.kinds)
            rows.piece += 1
            continue
        values = _split(text)
        if len(values) == len(names):
            rows.add(number, pick([*values, *_MISSING]))
        else:
            reason = f"a row must have {len(names)} values, found {len(values)}"
            rows.refuse(number, reason, is_cut=len(values) < len(names))


def _header_names(line: str) -> list[str] | None:
    """The names in the first line of a simtrace; None if it is the first line of something else."""
    names = _split(line)
    return names if all(name in names for name in REQUIRED) else None


def _picker(names: list[str], kinds: Mapping[str, str]) -> Callable[[list[str]], tuple[str, ...]]:
    """Takes the wanted values from those of a row and the two that stand for missing ones."""
    position = {name: index for index, name in enumerate(names)}
    absent = {"text": len(names) + 1}
    wanted = [position.get(name, absent.get(kind, len(names))) for name, kind in kinds.items()]
    return itemgetter(*wanted)


def _split(line: str) -> list[str]:
    """The values of a line, without blanks and quotes around them."""
    if '"' not in line:
        values = line.split(",")
    else:  # a carriage return within would be the end of a line to ``csv``
        values = next(csv.reader([line.replace("\r", " ")], skipinitialspace=True))
    return [value.strip() for value in values]


def _read(kind: str, texts: Sequence[str]) -> Array:
    """Texts as numbers, which may fail with a ValueError, or as they are."""
    if kind == "number":
        return np.array(list(map(float, texts)), np.float64)
    return np.array([printable(text[:_MAX_TEXT]) for text in texts], dtype=str)
