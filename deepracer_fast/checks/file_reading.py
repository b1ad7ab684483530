"""The one way in for files: bytes and text, with a limit, and never a wait.

In: a path, the error class of the station that asks, and the most that its kind of file may hold.
Out: the content, or one clear line. A folder, a device or a pipe that nobody writes to is refused
before anything is read of it, and so is a file that is too large. ``refusing`` turns whatever a
parser raises on damaged bytes into that line.

Neighbours: ``json_object`` takes texts apart; ``archive/`` and ``simtrace_reader`` read through
here.
"""

import codecs
import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from deepracer_fast.errors import DeepRacerError

MiB = 1 << 20

MAX_SETTINGS_BYTES = MiB
"""Of what people write by hand: settings, metadata, hyperparameters. Real ones have 1 to 5 kB."""

PARSER_FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError),
    *(NotImplementedError, RecursionError, TypeError, ValueError, struct.error, zlib.error),
)
"""What parsers, ours and others', raise on bytes that break their format."""

_SPECIAL = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


@contextmanager
def opened(
    path: str | os.PathLike[str], error: type[DeepRacerError], limit: int | None = None
) -> Iterator[BinaryIO]:
    """Opens a file to be read, of at most ``limit`` bytes where there is one.

    Raises:
        DeepRacerError: of class ``error``: there is no such file, it may not be read, it is not a
            file, or it is too large.
    """
    with ExitStack() as stack:
        try:
            _refuse_special(path, os.stat(path).st_mode, error)
            # It may have been replaced since: opened without waiting, and looked at again.
            file = stack.enter_context(open(path, "rb", opener=_without_waiting))
            status = os.fstat(file.fileno())
        except OSError as problem:
            raise error(f"{path}: cannot be read: {problem.strerror or problem}") from problem
        except ValueError as problem:  # a null character in the name
            raise error(f"{path}: cannot be read: {problem}") from None
        _refuse_special(path, status.st_mode, error)
        if limit is not None and status.st_size > limit:
            raise error(f"{path}: must have at most {limit:,} bytes, found {status.st_size:,}")
        yield file


def _refuse_special(path: str | os.PathLike[str], mode: int, error: type[DeepRacerError]) -> None:
    """Opening a device may move it, and a pipe's writer would believe that it is read."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        found = _SPECIAL.get(stat.S_IFMT(mode), "a device")
        raise error(f"{path}: must be a file, found {found}")


def _without_waiting(path: str, flags: int) -> int:
    """Opens as ``open`` does, but for a pipe not until somebody writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_bytes(path: str | os.PathLike[str], error: type[DeepRacerError], limit: int) -> bytes:
    """Reads a file of at most ``limit`` bytes.

    Raises:
        DeepRacerError: of class ``error``, as by ``opened``.
    """
    with opened(path, error, limit) as file, refusing(str(path), "must be readable", error):
        told = os.fstat(file.fileno()).st_size
        content = file.read(told + 1)  # room for all that is asked for is made at once
        if len(content) > told:
            content += file.read(limit + 1 - len(content))
    if len(content) > limit:  # some files, of /proc for one, do not tell their size
        raise error(f"{path}: must have at most {limit:,} bytes, found more")
    return content


def read_text(
    path: str | os.PathLike[str], error: type[DeepRacerError], limit: int = MAX_SETTINGS_BYTES
) -> str:
    """Reads a text file; a byte-order mark, as Windows editors write, is dropped.

    Raises:
        DeepRacerError: of class ``error``, as by ``opened``; or it is not UTF-8.
    """
    return decoded(read_bytes(path, error, limit), str(path), error)


def decoded(content: bytes, source: str, error: type[DeepRacerError]) -> str:
    """The text of a file's bytes.

    Raises:
        DeepRacerError: of class ``error``: they are not UTF-8.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise error(f"{source}: must be UTF-8 text, found UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(
            f"{source}: must be UTF-8 text, found byte {problem.start} that is not"
        ) from problem


@contextmanager
def refusing(source: str, rule: str, error: type[DeepRacerError]) -> Iterator[None]:
    """Turns whatever a parser raises on damaged bytes into one clear line.

    Args:
        source: what the message calls the file.
        rule: what it must be.
        error: the class of what is raised instead.
    """
    try:
        yield
    except OSError as problem:
        raise error(f"{source}: cannot be read: {problem.strerror or problem}") from problem
    except PARSER_FAULTS as problem:
        raise error(f"{source}: {rule}, found: {_reason(problem)}") from None


def _reason(problem: Exception) -> str:
    """A parser's own words; some have none, and some mean nothing to who has only the file."""
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(problem, KeyError):
        return f"no {problem}"
    return str(problem) or type(problem).__name__
