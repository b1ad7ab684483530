"""Who asks a training to end: a person at the keyboard, the system, a screen that closes.

In: signals. Out: a request that the training sees between two steps; it then saves and ends.
Neighbours: ``commands.train`` waits for it, ``train`` asks.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_WAITED_FOR = ("SIGINT",)  # a person who waits for the last laps, and may ask again
_HURRIED = ("SIGTERM", "SIGHUP", "SIGPIPE")  # the machine, the terminal, or the reader is going


class StopRequest:
    """Whether somebody has asked for the end.

    Attributes:
        hurried: nobody waits for what comes after the last save.
        when_asked: is called at the first request, if given.
    """

    def __init__(self) -> None:
        self._requested = False
        self.hurried = False
        self.when_asked: Callable[[], None] | None = None

    def requested(self) -> bool:
        """Whether to end."""
        return self._requested

    def ask(self, number: int, _frame: Any = None) -> None:
        """A signal's handler.

        Raises:
            KeyboardInterrupt: it is the second Ctrl-C: the end must come at once.
        """
        hurried = signal.Signals(number).name in _HURRIED
        if self._requested and not hurried:
            raise KeyboardInterrupt
        self.hurried |= hurried
        first, self._requested = not self._requested, True
        if first and self.when_asked is not None:
            self.when_asked()


@contextmanager
def graceful_stop() -> Iterator[StopRequest]:
    """Ctrl-C, SIGTERM, a closed terminal or a closed pipe ask the training to end.

    What whoever started the process chose to ignore, as ``nohup`` does, stays ignored; but for
    SIGPIPE, which Python itself ignores.
    """
    request = StopRequest()
    before: dict[int, Any] = {}
    for name in (*_WAITED_FOR, *_HURRIED):
        number = getattr(signal, name, None)  # Windows lacks some
        if number is None:
            continue
        if signal.getsignal(number) is not signal.SIG_IGN or name == "SIGPIPE":
            before[number] = signal.signal(number, request.ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
