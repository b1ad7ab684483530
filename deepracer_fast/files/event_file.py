"""The file of curves that TensorBoard shows.

In: numbers by name and step. Out: ``events.out.tfevents.<seconds>.<host>``: records of TensorFlow's
Event message (core/util/event.proto, core/framework/summary.proto), each with its length and
checksums (core/lib/io/record_writer.cc). Neighbour: ``training.record`` writes one.
"""

import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed
_VERSION = b"brain.Event:2"
_MOST = 3.4e38  # what a float32 holds


class EventFile:
    """One file of a folder, which begins with the first numbers and grows by each further ones."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}"

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each of these curves.

        Raises:
            OSError: it cannot be written.
        """
        points = (
            _with_length(1, name.encode())
            + struct.pack("<Bf", 2 << 3 | 5, min(max(value, -_MOST), _MOST))
            for name, value in values.items()
        )
        record = _record(step, _with_length(5, b"".join(_with_length(1, each) for each in points)))
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            record = _record(0, _with_length(3, _VERSION)) + record
        with self._path.open("ab") as file:
            file.write(record)


def _record(step: int, content: bytes) -> bytes:
    """An event as it stands in the file."""
    event = struct.pack("<BdB", 1 << 3 | 1, time.time(), 2 << 3) + _varint(step) + content
    length = struct.pack("<Q", len(event))
    return length + _checksum(length) + event + _checksum(event)


def _with_length(field: int, content: bytes) -> bytes:
    """A text or message as a field of another message."""
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """A count, seven bits a byte, the lowest first."""
    more, last = [], number
    while last > 127:
        more.append(last & 127 | 128)
        last >>= 7
    return bytes([*more, last])


def _checksum(content: bytes) -> bytes:
    """The masked CRC-32C."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL * (crc & 1)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF)
