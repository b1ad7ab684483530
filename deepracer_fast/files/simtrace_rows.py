"""Rows of a simtrace or log: from lines of text to columns, whatever stands between them.

In: a file, line by line, so that its length does not matter. Out: ``TraceRows``: the columns, the
line that each row stood on, the piece that it belongs to where files were joined, and the lines
that do not fit, each with the reason. Whoever asks decides whether one of those is an error.

Neighbours: ``simtrace`` and ``simtrace_reader`` read through here.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.file_reading import MiB, opened, refusing
from deepracer_fast.errors import DeepRacerError, printable

MAX_BYTES = 512 * MiB
"""Of a file: 60 hours of driving in one."""

REQUIRED = ("episode", "steps", "X", "Y", "yaw", "steer", "throttle")
"""Columns without which there is nothing to replay."""

_MAX_LINE = 1 << 16  # bytes; a longer one is taken for several, of which none fits
_AT_ONCE = 10_000  # rows that are turned into numbers together
_MAX_TEXT = 40  # characters of a status; NumPy gives all rows as much room as the longest
_MISSING = ("nan", "")  # of a number and of a text


def trace_lines(
    path: str | os.PathLike[str], error: type[DeepRacerError]
) -> Iterator[tuple[int, str]]:
    """Numbers, from 1, and texts of a file's lines, each with its line end if it has one.

    Raises:
        DeepRacerError: of class ``error``: it cannot be read, or is UTF-16.
    """
    with opened(path, error, MAX_BYTES) as file, refusing(str(path), "must be text", error):
        number = 1
        while raw := file.readline(_MAX_LINE):
            if number == 1:
                if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise error(f"{path}: must be UTF-8 text, found UTF-16; save it as UTF-8")
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            yield number, raw.decode("utf-8", errors="replace")
            number += raw.endswith(b"\n")


@dataclass
class Fault:
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
class TraceRows:
    """What has been read of a file so far.

    Attributes:
        kinds: name -> "number", "flag", "action" or "text" of the columns that are wanted.
        faults: lines that do not fit, in order.
        piece: which of the files that were joined the next row belongs to, from 0.
        last_line: of the file, among those that are not blank.
    """

    kinds: Mapping[str, str]
    faults: list[Fault] = field(default_factory=list)
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
        self.faults.append(Fault(line, reason, is_cut))

    def columns(self) -> dict[str, Array]:
        """The columns, each [T]: float64, bool, str, or float64 [T, 2] for actions that are pairs.

        With two more: ``line`` and ``piece``, int64.
        """
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
            name: _READERS[kind](column)
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
                _READERS[kind]((text,))
            except ValueError:
                self.refuse(line, f"{name} cannot be {text[:60]!r}", is_cut=False)
                return False
        return True


def read_csv_rows(lines: Iterable[tuple[int, str]], rows: TraceRows, header: list[str]) -> None:
    """Reads rows of values, and headers between them where files were joined.

    Args:
        lines: those after the header.
        rows: takes them in.
        header: names of the columns in the file.
    """
    names = header
    pick = _picker(names, rows.kinds)
    for number, line in lines:
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        rows.last_line = number
        begin = max(0, text.find("episode,steps,"))
        if "steps" in text and (following := header_names(text[begin:])):
            if begin > 0:
                rows.refuse(number, "is cut by the header of another file", is_cut=True)
            names, pick = following, _picker(following, rows.kinds)
            rows.piece += 1
            continue
        values = split_values(text)
        if len(values) == len(names):
            rows.add(number, pick([*values, *_MISSING]))
        else:
            reason = f"a row must have {len(names)} values, found {len(values)}"
            rows.refuse(number, reason, is_cut=len(values) < len(names))


def header_names(line: str) -> list[str] | None:
    """The names in the first line of a simtrace; None if it is the first line of something else."""
    names = split_values(line)
    return names if all(name in names for name in REQUIRED) else None


def _picker(names: list[str], kinds: Mapping[str, str]) -> Callable[[list[str]], tuple[str, ...]]:
    """Takes the wanted values from those of a row and the two that stand for missing ones."""
    position = {name: index for index, name in enumerate(names)}
    absent = {"text": len(names) + 1}
    wanted = [position.get(name, absent.get(kind, len(names))) for name, kind in kinds.items()]
    return itemgetter(*wanted)


def split_values(line: str) -> list[str]:
    """The values of a line, without blanks and quotes around them."""
    if '"' not in line:
        values = line.split(",")
    else:  # a carriage return within would be the end of a line to ``csv``
        values = next(csv.reader([line.replace("\r", " ")], skipinitialspace=True))
    return [value.strip() for value in values]


def _read_numbers(texts: Sequence[str]) -> Array:
    return np.array(list(map(float, texts)), np.float64)


def _read_flags(texts: Sequence[str]) -> Array:
    values = np.array(texts, dtype=str)
    if not np.isin(values, ("True", "False")).all():
        raise ValueError("a flag is True or False")
    return values == "True"


def _read_actions(texts: Sequence[str]) -> Array:
    """Indices, as floats, or pairs; a pair is "[steering speed]", with a comma where quoted."""
    if not any("[" in text for text in texts):
        return _read_numbers(texts)
    pairs = [text.strip("[]").replace(",", " ").split() for text in texts]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("an action is one number or [steering speed]")
    return np.array([[float(value) for value in pair] for pair in pairs], np.float64)


_READERS: dict[str, Callable[[Sequence[str]], Array]] = {
    "number": _read_numbers,
    "flag": _read_flags,
    "action": _read_actions,
    "text": lambda texts: np.array([printable(text[:_MAX_TEXT]) for text in texts], dtype=str),
}
