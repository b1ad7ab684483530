"""What a command finds around it, and how it ends: streams that may be closed, errors as one line.

In: the process's standard streams, and the exception that ended a command. Out: streams that take
any text, one that may break without ending what is shown on it, and the line to print. Neighbours:
``cli`` begins and ends every command here, ``commands.train`` shows a training.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from deepracer_fast.errors import DeepRacerError, one_line

if TYPE_CHECKING:
    from rich.console import Console

_PACKAGE = Path(__file__).parents[1]


def open_streams() -> None:
    """Opens closed standard streams on nothing, and lets them all take any text.

    A descriptor that is closed at the start would be given to the next file that is opened, such as
    a model's, and what libraries print would go there. What a terminal's encoding lacks is shown
    as an escape, also file names that are not text.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


class UnbreakableStream:
    """Stands in for a text stream, such as ``sys.stdout``, and never raises.

    Once the terminal, the pipe or the file behind it is gone, nothing more is written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        self._try(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        self._try(lambda stream: stream.flush())

    def _try(self, action: Callable[[TextIO], object]) -> None:
        if (stream := self._stream) is None:
            return
        try:
            action(stream)
        except RuntimeError:
            pass  # a signal's handler writes in the midst of a line: its own is lost
        except (OSError, ValueError):
            self._give_up()

    def isatty(self) -> bool:
        """Whether a person is looking."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def _give_up(self) -> None:
        """What is left in the buffer goes nowhere, so that the end of the process is quiet."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def say(console: Console, *lines: str) -> None:
    """Prints lines as they are: paths may hold what rich takes for markup."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def error_line(error: BaseException) -> str:
    """One line for whatever ended a command.

    What is not one of our errors is a fault of ours. A user can do nothing with thirty lines of
    traceback, but one line that names the place can be reported as it is, even of a training that
    cannot be repeated; ``--debug`` shows the rest.
    """
    if isinstance(error, DeepRacerError):
        return f"error: {error}"
    if isinstance(error, OSError):
        return f"error: {one_line(_of_system(error))}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "error: this machine has too little memory for that: use fewer cars or smaller files"
    said = one_line(" ".join(str(error).split())[:200])
    return (
        f"internal error: {type(error).__name__}{': ' if said else ''}{said}"
        f"{_place(error.__traceback__)}: this is a fault of deepracer-fast; run the command again "
        "with --debug and report what it prints"
    )


def _of_system(error: OSError) -> str:
    """The system's own words, with the file, for a full disk or a closed folder."""
    if not error.filename:
        try:
            os.getcwd()
        except OSError:
            return "the current folder is no longer there: change to another one"
    if error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _place(trace: TracebackType | None) -> str:
    """The innermost line of this package that an error came through."""
    found = ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGE):
            found = f" ({path.relative_to(_PACKAGE)}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return found
