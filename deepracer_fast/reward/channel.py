"""Messages between a training and the process that runs the user's Python.

A message is a JSON object and a list of byte strings. Nothing is pickled: the other side runs code
that nobody has read. In: a pair of file descriptors. Neighbours: `sandbox` and `worker`, its ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Message = tuple[dict[str, Any], list[bytes]]
_HEAD = struct.Struct("<II")
_LONGEST = 1 << 30  # bytes of one part
_SLEEPING = 5.0  # times as long may the other side take if it does not work but sleep
_SLICE = 0.2  # s: a longer gap means that the machine slept, and counts as this much
_DTYPES = ("float64", "float32", "int64", "int32", "bool")


class Closed(Exception):
    """The other side is gone."""


class TooSlow(Exception):
    """The other side did not answer in time."""


class Channel:
    """One end of a two-way line."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write

    def send(self, head: dict[str, Any], parts: list[bytes] | None = None) -> None:
        """Sends a message.

        Raises:
            Closed: nobody listens.
        """
        parts = parts or []
        text = json.dumps(head | {"parts": [len(part) for part in parts]}).encode()
        for data in (_HEAD.pack(len(text), len(parts)), text, *parts):
            self._send_all(data)

    def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._write, view) :]
            except OSError as error:
                raise Closed from error

    def receive(
        self, seconds: float | None = None, worked: Callable[[], float] | None = None
    ) -> Message:
        """The next message.

        Args:
            seconds: how long to wait for all of it; None for ever.
            worked: the seconds of processor time that the other side has used so far; without it
                the clock on the wall counts.

        Raises:
            Closed: the other side is gone, or sends something else.
            TooSlow: the time is over.
        """
        patience = _Patience(seconds, worked)
        length, count = _HEAD.unpack(self._take(_HEAD.size, patience))
        try:
            head = json.loads(self._take(length, patience))
            sizes = [int(size) for size in head.pop("parts")]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Closed from error
        if len(sizes) != count:
            raise Closed
        return head, [self._take(size, patience) for size in sizes]

    def _take(self, size: int, patience: _Patience) -> bytes:
        if not 0 <= size <= _LONGEST:
            raise Closed
        data = bytearray()
        while len(data) < size:
            patience.wait(self._read)
            try:
                piece = os.read(self._read, min(size - len(data), 1 << 20))
            except OSError as error:
                raise Closed from error
            if not piece:
                raise Closed
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Closes both directions."""
        for descriptor in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class _Patience:
    """Time left to wait: seconds of work by the other side, or far more of a clock on the wall.

    A busy machine is no fault of the function, and time in which this process itself did not run
    does not count.
    """

    def __init__(self, seconds: float | None, worked: Callable[[], float] | None) -> None:
        self._seconds = seconds
        self._worked = worked
        self._waited = 0.0
        self._start = worked() if worked and seconds is not None else 0.0

    def wait(self, descriptor: int) -> None:
        """Returns once something can be read."""
        if self._seconds is None:
            return
        while True:
            before = time.monotonic()
            ready, _, _ = select.select([descriptor], [], [], _SLICE)
            if ready:
                return
            self._waited += min(time.monotonic() - before, 2 * _SLICE)
            worked = self._worked() - self._start if self._worked else self._waited
            if worked > self._seconds or self._waited > _SLEEPING * self._seconds:
                raise TooSlow


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
