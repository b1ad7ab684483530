"""Promises of the file of curves; the messages that ship with tensorboardX read it."""

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event

from deepracer_fast.files.event_file import EventFile, _checksum


def unmasked(checksum: bytes) -> int:
    turned = struct.unpack("<I", checksum)[0] - 0xA282EAD8 & 0xFFFFFFFF
    return (turned >> 17 | turned << 15) & 0xFFFFFFFF


def events(path: Path) -> Iterator[Event]:
    content = path.read_bytes()
    while content:
        (size,) = struct.unpack("<Q", content[:8])
        assert unmasked(content[8:12]) == crc32c(content[:8])
        event, content = content[12 : 12 + size], content[12 + size :]
        assert unmasked(content[:4]) == crc32c(event)
        content = content[4:]
        yield Event.FromString(event)


def test_what_is_added_is_read_back(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "tensorboard")
    curves = [{"training/reward": 1.5, "größe": -2.0}, {"x" * 200: 0.25}, {}]
    for step, values in zip((0, 127, 1 << 40), curves, strict=True):
        file.add(step, values)
    (path,) = (tmp_path / "tensorboard").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    first, *rest = events(path)
    assert first.file_version == "brain.Event:2"
    assert abs(first.wall_time - path.stat().st_mtime) < 60
    assert [event.step for event in rest] == [0, 127, 1 << 40]
    found = [{each.tag: each.simple_value for each in event.summary.value} for event in rest]
    assert found == curves


def test_what_no_float32_holds_is_the_largest(tmp_path: Path) -> None:
    EventFile(tmp_path).add(0, {"huge": -1e300})
    (path,) = tmp_path.iterdir()
    assert list(events(path))[1].summary.value[0].simple_value < -3.3e38


def test_a_resumed_training_begins_a_file(tmp_path: Path) -> None:
    for _ in range(2):
        EventFile(tmp_path).add(0, {"training/reward": 1.0})
    assert len(list(tmp_path.iterdir())) == 2


def test_the_checksum_is_that_of_the_standard() -> None:
    assert unmasked(_checksum(b"123456789")) == 0xE3069283  # RFC 3720, CRC-32C's check value
