"""Starts the process that translates a source, while the worker is still reading it.

In: a source and the description of its module's values, neither of them to be trusted. Out: the
answer of `translating`, which runs none of it, or `Unfinished`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from typing import Any

from deepracer_fast.reward.channel import Channel, Closed, Malformed, Message, Patience, TooSlow

# Python's own modules come first: in the caller's folder there may be others of the same names.
_START = (
    "import json, sys; path, *numbers = json.loads(sys.argv[1]); "
    "sys.path[:] = [each for each in sys.path if each and '-packages' not in each] + path; "
    "from deepracer_fast.reward.translating import main; main(*numbers)"
)
_SECONDS = 30  # of processor time for one source
_SLEEPING = 5  # times as long on the clock on the wall
_KEPT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "TMPDIR")


class Unfinished(Exception):
    """The process ended before it had answered, or did not answer in time."""


class Translator:
    """One process for one source."""

    def __init__(self) -> None:
        (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
        path = [os.path.abspath(entry) for entry in sys.path]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "PYTHONHASHSEED": "0",  # the order of sets, and so the code, is the same each time
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        arguments = json.dumps([path, to_read, from_write, _SECONDS])
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-c", _START, arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(to_read, from_write),
            start_new_session=True,
            cwd="/",  # Python looks for its own modules in the folder that it is started in
            env=environment,
        )
        os.close(to_read)
        os.close(from_write)
        self._channel = Channel(from_read, to_write)
        self.close = weakref.finalize(self, _end, self._process, self._channel)

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
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it answers no more"
        return f"status {status}" if status >= 0 else signal.Signals(-status).name


def _end(process: subprocess.Popen[bytes], channel: Channel) -> Any:
    process.kill()
    process.wait()
    channel.close()
