"""Promises of ``files.writer_lock``: one writer, who is named, and whose end frees it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepracer_fast.errors import InUseError
from deepracer_fast.files.writer_lock import WriterLock

HOLDER = """
import sys, time
from pathlib import Path
from deepracer_fast.files.writer_lock import WriterLock
lock = WriterLock(Path(sys.argv[1]), "models/mine")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".writer.lock"


def test_a_second_writer_is_told_who_the_first_is(path: Path) -> None:
    with WriterLock(path, "models/mine"):
        message = rf"models/mine is being written by process {os.getpid()} on .* since 2"
        with pytest.raises(InUseError, match=message):
            WriterLock(path, "models/mine").acquire()
    WriterLock(path, "models/mine").acquire()


def test_taking_it_twice_and_giving_back_what_one_has_not_does_nothing(path: Path) -> None:
    lock = WriterLock(path, "it")
    lock.release()
    lock.acquire()
    lock.acquire()
    lock.release()
    with WriterLock(path, "it"):
        lock.release()
        with pytest.raises(InUseError):
            lock.acquire()


def test_the_note_on_the_owner_goes_with_the_lock(path: Path) -> None:
    with WriterLock(path, "it"):
        assert len(list(path.parent.iterdir())) == 2
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["[", "[" * 10_000, '{"process": Infinity}', "{}", None])
def test_a_damaged_note_is_no_error(path: Path, text: str | None) -> None:
    with WriterLock(path, "it"):
        note = path.with_name(f"{path.name}.json")
        note.unlink()
        if text is None:
            os.mkfifo(note)
        else:
            note.write_text(text)
        with pytest.raises(InUseError, match="it is being written by another process"):
            WriterLock(path, "it").acquire()


def test_a_stopped_process_keeps_it_and_a_killed_one_frees_it(
    path: Path, own_process: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=own_process,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(InUseError, match=f"process {holder.pid}"):
            WriterLock(path, "it").acquire()
        holder.kill()
        holder.wait()
        WriterLock(path, "it").acquire()
