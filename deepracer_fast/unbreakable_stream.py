"""A screen that may break without ending what is shown on it.

In: a text stream. Out: one that never raises: what the terminal's encoding lacks is shown as a
question mark, and once the terminal, the pipe or the file behind it is gone, nothing more is
written. Neighbours: ``training_command`` shows a training on it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, TextIO


class UnbreakableStream:
    """Stands in for a text stream, such as ``sys.stdout``."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        if self._stream is not None:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError):
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Likewise."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def isatty(self) -> bool:
        """Whether a person is looking."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def _encodable(self, text: str) -> str:
        encoding = self._stream.encoding if self._stream is not None else None
        return text.encode(encoding, "replace").decode(encoding) if encoding else text

    def _give_up(self) -> None:
        """What is left in the buffer goes nowhere, so that the end of the process is quiet."""
        with suppress(OSError, ValueError, AttributeError):
            assert self._stream is not None
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        self._stream = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
