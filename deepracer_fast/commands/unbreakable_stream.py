"""A screen that may break without ending what is shown on it.

In: a text stream. Out: one that never raises: once the terminal, the pipe or the file behind it is
gone, nothing more is written. Neighbours: ``terminal`` has seen to what its encoding lacks,
``commands.train`` shows a training on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO


class UnbreakableStream:
    """Stands in for a text stream, such as ``sys.stdout``."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        stream = self._stream
        if stream is not None:
            self._try(lambda: stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        if self._stream is not None:
            self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
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
