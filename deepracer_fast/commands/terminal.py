"""What a command finds around it, and how it ends: streams that may be closed, errors as one line.

In: the process's standard streams, and the exception that ended a command. Out: streams that take
any text, and the line to print. Neighbour: ``cli`` begins and ends every command here.
"""

import os
import sys
from pathlib import Path
from types import TracebackType

from deepracer_fast.errors import DeepRacerError, one_line

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
