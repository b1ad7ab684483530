"""Starts the process that translates a source, while the worker is still reading it.

In: a source and the description of its module's values, neither of them to be trusted. Out: the
answer of `translating`, which runs none of it, or `Unfinished`.
"""

import subprocess
import weakref

from deepracer_fast.reward.sandbox import child
from deepracer_fast.reward.sandbox.channel import Closed, Malformed, Message, Patience, TooSlow

_SECONDS = 30  # of processor time for one source
_SLEEPING = 5  # times as long on the clock on the wall


class Unfinished(Exception):
    """The process ended before it had answered, or did not answer in time."""


class Translator:
    """One process for one source."""

    def __init__(self) -> None:
        self._process, self._channel = child.start("deepracer_fast.reward.translating", _SECONDS)
        self.close = weakref.finalize(self, child.end, self._process, self._channel)

    def translate(self, source: str, description: bytes) -> Message:
        """The record of a source and what belongs to it, as `translating.answer` gives it.

        Raises:
            Unfinished: there is no answer.
        """
        try:
            text = source.encode("utf-8", "surrogatepass")
            self._channel.send({}, [text, description])
            return self._channel.receive(Patience(float(_SLEEPING * _SECONDS)))
        except (Closed, Malformed):
            raise Unfinished(f"the compiler's process ended ({self._ending()})") from None
        except TooSlow:
            raise Unfinished(f"the compiler took longer than {_SECONDS} s") from None
        finally:
            self.close()

    def _ending(self) -> str:
        try:
            return child.ending(self._process.wait(1.0))
        except subprocess.TimeoutExpired:
            return "it answers no more"
