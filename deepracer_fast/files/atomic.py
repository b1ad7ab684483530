"""Writes a file whole or not at all: a reader or a crash never meets half of one.

In: a path and its bytes or text. Out: the file. The content goes to a temporary file in the same
folder (a rename is atomic only within one file system), is flushed to the disk, and then takes the
target's name in one step. Checkpoints, archives, metrics and logs are all written through here.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_TEMPORARY = ".tmp"


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a temporary binary file that becomes ``path`` when the block ends without an error.

    If the block raises, the temporary file is removed and ``path`` stays as it was.

    Raises:
        OSError: the folder does not exist or cannot be written, or the disk is full; its
            ``filename`` is the target's.
    """
    target = Path(path)
    if not target.name:  # "/" or "."
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    # A dot hides it from folder listings; the random part keeps two writers apart.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}{_TEMPORARY}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(target), None  # a full disk names none
        raise


def _sync_folder(folder: Path) -> None:
    """The new name survives a power cut as well; not every file system can promise that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def atomic_write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replaces the content of ``path`` by ``data`` in one step."""
    with atomic_file(path) as file:
        file.write(data)


def atomic_write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replaces the content of ``path`` by ``text`` (UTF-8, line ends as given) in one step."""
    atomic_write_bytes(path, text.encode("utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that killed writers left in a folder and below it.

    Only for who holds the lock on it: a writer at work has such files as well.
    """
    for path in folder.rglob(f".*{_TEMPORARY}"):
        with suppress(OSError):
            path.unlink(missing_ok=True)
