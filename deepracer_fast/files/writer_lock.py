"""One writer at a time: of a model folder, or of a race's file.

In: a path for the lock. Out: the right to write, until it is released or the process ends, however
it ends; a process that is only stopped keeps it. Who is refused is told who has it. The lock itself
is `filelock`'s, which the operating system releases; beside it lies a note on its owner.
Neighbours: ``model_folder`` and ``leaderboard`` are written under it.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from deepracer_fast.checks.file_reading import refusing
from deepracer_fast.checks.json_object import read_json_object
from deepracer_fast.errors import InUseError
from deepracer_fast.files.atomic import atomic_write_text


class WriterLock:
    """The right to write something; a context manager.

    Args:
        path: of the lock's file, which stays.
        what: that is written, for messages.
        wait: seconds to wait for another writer to end.
    """

    def __init__(self, path: Path, what: str | os.PathLike[str], wait: float = 0.0) -> None:
        self._what, self._wait = what, wait
        self._note = path.with_name(f"{path.name}.json")
        self._lock = FileLock(path)

    def acquire(self) -> None:
        """Takes the lock; a second time does nothing.

        Raises:
            InUseError: another process, or another part of this one, writes there.
            OSError: the folder cannot be written.
        """
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=self._wait, poll_interval=0.02)
        except Timeout:
            raise InUseError(
                f"{self._what} is being written by {self._owner()}; wait until it has ended, or "
                "stop it"
            ) from None
        with suppress(OSError):  # the note is for people
            atomic_write_text(self._note, json.dumps(_this_process()))

    def release(self) -> None:
        """Gives it back; without it nothing happens."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._note.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> WriterLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _owner(self) -> str:
        try:
            note = read_json_object(self._note, InUseError)
            with refusing("a note", "must name an owner", InUseError):
                return (
                    f"process {int(note['process'])} on {str(note['host'])[:64]!r} since "
                    f"{str(note['since'])[:19]}"
                )
        except InUseError:
            return "another process"


def _this_process() -> dict[str, object]:
    return {
        "process": os.getpid(),
        "host": platform.node(),
        "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        "command": sys.argv,
    }
