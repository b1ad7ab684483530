"""Messages between a training and the process that runs the user's Python.

A message is a JSON object and a list of byte strings. Nothing is pickled: the other side runs code
that nobody has read, so what comes from there is bounded in size before it is taken, and in time.
In: a pair of file descriptors. Neighbours: `sandbox` and `worker`, its ends; `answers` says what a
message from the worker may hold.
"""

import contextlib
import json
import os
import select
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import shown

Head = dict[str, Any]  # a message but for its bytes, as JSON
Message = tuple[Head, list[bytes]]
_HEAD = struct.Struct("<II")
_PIPE = 1 << 20  # bytes that the line holds, where the system lets it: fewer turns a message
_AT_ONCE = 1 << 16  # bytes that are asked for, at least
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux; Python has the name since 3.10, and only there
_SLEEPING = 5.0  # times as long may the other side take if it does not work but sleep
_SLICE = 0.2  # s: a longer gap means that the machine slept, and counts as this much
_DTYPES = ("float64", "float32", "int64", "int32", "bool")


class Closed(Exception):
    """The other side is gone."""


class TooSlow(Exception):
    """The other side did not answer in time."""


class Malformed(Exception):
    """The other side sent what no message may hold; the text says what, in one line."""


@dataclass(frozen=True)
class Limits:
    """How much a message may hold; without numbers what the trusted side may send."""

    head: int = 1 << 30  # bytes of its JSON
    values: int = 1 << 30  # in its JSON: numbers, texts, lists; each takes more than its text
    parts: int = 1 << 10  # byte strings
    part: int = 1 << 30  # bytes of each


class Patience:
    """Time left to wait: seconds of work by the other side, or far more of a clock on the wall.

    A busy machine is no fault of the function, and time in which this process itself did not run
    does not count.

    Args:
        seconds: how long to wait; None for ever.
        worked: the seconds of processor time that the other side has used so far; without it the
            clock on the wall counts.
    """

    def __init__(
        self, seconds: float | None = None, worked: Callable[[], float] | None = None
    ) -> None:
        self._seconds = seconds
        self._worked = worked
        self._waited = 0.0
        self._start: float | None = None  # of `worked`, which takes a moment to ask

    def wait(self, read: tuple[int, ...], write: tuple[int, ...] = ()) -> None:
        """Returns once a descriptor is ready.

        Raises:
            TooSlow: the time is over.
        """
        if self._seconds is None:  # the call itself waits
            return
        while True:
            before = time.monotonic()
            ready = any(select.select(read, write, [], _SLICE))
            self._waited += min(time.monotonic() - before, 2 * _SLICE)  # drop by drop, too
            if self._waited > _SLEEPING * self._seconds:
                raise TooSlow
            if ready:
                return
            if self._spent() > self._seconds:
                raise TooSlow

    def _spent(self) -> float:
        """Seconds of the other side's work since it was first not ready."""
        if self._worked is None:
            return self._waited
        now = self._worked()
        if self._start is None:
            self._start = now  # what it did in the first slice is not counted
        return now - self._start


class Channel:
    """One end of a two-way line."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._ahead = bytearray()  # read, but not asked for yet: a message has many small parts

    def never_block(self) -> None:
        """Lets `send` give up on a reader that does not read: without this it waits for ever."""
        os.set_blocking(self._write, False)
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.fcntl(self._write, _SET_PIPE_SIZE, _PIPE)

    def send(self, head: Head, parts: list[bytes], patience: Patience | None = None) -> int:
        """Sends a message; its bytes are counted.

        Raises:
            Closed: nobody listens.
            TooSlow: the time is over.
        """
        text = json.dumps(head | {"parts": [len(part) for part in parts]}).encode()
        pieces = (_HEAD.pack(len(text), len(parts)), text, *parts)
        for piece in pieces:
            self._send_all(piece, patience or Patience())
        return sum(map(len, pieces))

    def _send_all(self, data: bytes, patience: Patience) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._write, view) :]
            except BlockingIOError:
                patience.wait((), (self._write,))
            except OSError as error:
                raise Closed from error

    def receive(self, patience: Patience | None = None, limits: Limits | None = None) -> Message:
        """The next message; nothing beyond the limits is taken in, `Limits` of the trusted side.

        Raises:
            Closed: the other side is gone.
            Malformed: it sends something else.
            TooSlow: the time is over.
        """
        patience, limits = patience or Patience(), limits or Limits()
        length, count = _HEAD.unpack(self._take(_HEAD.size, patience))
        if length > limits.head or count > limits.parts:
            raise Malformed(f"a head of {length:,} bytes and {count:,} parts")
        head, sizes = _read_head(self._take(length, patience), limits)
        if len(sizes) != count:
            raise Malformed(f"{len(sizes):,} sizes of {count:,} parts")
        return head, [self._take(size, patience) for size in sizes]

    def _take(self, size: int, patience: Patience) -> bytes:
        ahead = self._ahead
        while len(ahead) < size:
            patience.wait((self._read,))
            try:
                piece = os.read(self._read, min(max(size - len(ahead), _AT_ONCE), _PIPE))
            except OSError as error:
                raise Closed from error
            if not piece:
                raise Closed
            ahead += piece
        with memoryview(ahead) as view:
            taken = bytes(view[:size])
        del ahead[:size]
        return taken

    def close(self) -> None:
        """Closes both directions."""
        for descriptor in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _read_head(text: bytes, limits: Limits) -> tuple[Head, list[int]]:
    """The JSON object without its ``parts``, and the sizes that these say."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") > limits.values:
        raise Malformed(f"more than {limits.values:,} values")
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: text that is not UTF-8, too
        raise Malformed("text that is not JSON") from error
    sizes = head.pop("parts", None) if isinstance(head, dict) else None
    if not isinstance(sizes, list):
        raise Malformed("JSON that is not an object with its parts")
    for size in sizes:
        if type(size) is not int or not 0 <= size <= limits.part:
            raise Malformed(f"a part of {shown(size)} bytes")
    return head, sizes


def pack_columns(params: dict[str, Any]) -> tuple[list[list[Any]], list[bytes]]:
    """Columns as records of name, dtype and shape, and their bytes."""
    records: list[list[Any]] = []
    parts: list[bytes] = []
    for name, column in params.items():
        array = np.ascontiguousarray(column)
        if array.dtype.name not in _DTYPES:
            array = array.astype({"f": np.float64, "b": np.bool_}.get(array.dtype.kind, np.int64))
        records.append([name, array.dtype.name, list(array.shape)])
        parts.append(array.tobytes())
    return records, parts


def unpack_columns(records: list[list[Any]], parts: list[bytes]) -> dict[str, Array]:
    """The columns that `pack_columns` packed."""
    return {
        name: np.frombuffer(part, dtype).reshape(shape)
        for (name, dtype, shape), part in zip(records, parts, strict=False)
    }
