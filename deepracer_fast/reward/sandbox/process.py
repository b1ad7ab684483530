"""Starts the process that runs the user's Python, asks it, and says how it died.

In: a `RewardSource` of a file or text. Out: answers of `worker`, or a `RewardError` that names the
line at which the function crashed its process or did not end. Neighbours: `readable` says what
the process may read, `confine` is how it is confined, `answers` what it may answer.
"""

import os
import re
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from deepracer_fast.errors import RewardError
from deepracer_fast.reward.loading import RewardSource, Span, complaint
from deepracer_fast.reward.params_table import PARAMETER_NAMES, Columns
from deepracer_fast.reward.sandbox import answers, channel, child
from deepracer_fast.reward.sandbox.channel import Head, Message
from deepracer_fast.reward.sandbox.readable import readable_paths

_GRACE = 1.0  # s in which a stalled process may say where it is
_TRIAL = 10.0  # s of processor time
_LONGEST_TRACE = 1 << 18  # bytes of what a process says at its end
_CARS_PER_LIMIT = 1000  # a batch of so many cars may take the time limit once more


class Sandbox:
    """One process for one reward function.

    Args:
        source: what it runs.
        time_limit: seconds of processor time for loading, and for a batch of up to a thousand
            cars.

    Attributes:
        unconfined: what the operating system does not keep the loaded function from.
    """

    def __init__(self, source: RewardSource, time_limit: float) -> None:
        self.unconfined: list[str] = []
        self._source = source
        self._time_limit = time_limit
        self._loading = True
        self._question: Head = {}
        self._sent = 0
        self._trace, trace_write = os.pipe()
        # A process is told of the end of the thread that started it, not of the whole parent's.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else None
        self._process, self._channel = child.start(
            "deepracer_fast.reward.sandbox.worker", parent, descriptors=(trace_write,)
        )
        self._channel.never_block()
        # Ends the process.
        self.close = weakref.finalize(self, child.end, self._process, self._channel, self._trace)

    def load(self, compile_too: bool, marked: bool = False) -> Message:
        """Runs the module, and describes what is in it if it is to be compiled.

        Args:
            compile_too: describe it.
            marked: run it with a mark a branch; see `branches`.

        Raises:
            RewardError: it cannot be used.
        """
        source = self._source
        head: Head = {"do": "load", "name": source.name, "filename": source.filename}
        head |= {"compile": compile_too, "readable": readable_paths(source.filename)}
        head["marked"] = marked
        answer = self.ask(head, [source.text.encode("utf-8", "surrogatepass")])
        self._loading = False
        self.unconfined = answer[0].pop("unconfined", [])
        return answer

    def ask(self, head: Head, parts: list[bytes], cars: int = 0) -> Message:
        """Sends a message and waits for the answer.

        Raises:
            RewardError: the function failed, ended its process, or took too long.
        """
        self.send(head, parts, cars)
        return self.receive(cars)

    def send(self, head: Head, parts: list[bytes], cars: int = 0) -> None:
        """Sends a message; `receive` has to follow."""
        if not self.close.alive:
            raise RewardError(f"{self._source.filename}: its process has ended; load it again")
        self._question = head
        with self._patience(cars) as patience:
            self._sent = self._channel.send(head, parts, patience)

    def receive(self, cars: int = 0) -> Message:
        """Waits for the answer to a message about so many cars."""
        with self._patience(cars) as patience:
            bounds = answers.limits(self._question, cars, self._sent)
            answer = self._channel.receive(patience, bounds)
            answers.check(self._question, answer, cars)
        if "error" in answer[0]:  # in the worker's words: they name the file, whoever wrote them
            name, error = self._source.filename, answer[0]["error"]
            raise RewardError(error if error.startswith(name) else f"{name}: {error}")
        return answer

    @contextmanager
    def _patience(self, cars: int) -> Iterator[channel.Patience]:
        """How long a message about so many cars may take; ends the process where it goes wrong."""
        limit = self._time_limit * (1 + cars / _CARS_PER_LIMIT)
        try:
            yield channel.Patience(limit, self._worked)
        except channel.Closed:
            self._died()
        except channel.TooSlow:
            self._stalled(limit)
        except channel.Malformed as error:
            self.close()
            what = f"{self._doing()} answered what no reward function answers: {error}"
            raise complaint(self._source, what) from None
        except BaseException:  # Ctrl-C: half a message, or an unread one, is on the line
            self.close()
            raise

    def _worked(self) -> float:
        """Seconds of processor time that the process has used so far."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
        except (OSError, IndexError):  # not Linux, or it has just ended
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _doing(self) -> str:
        return "loading it" if self._loading else "a call"

    def _died(self) -> NoReturn:
        try:
            status = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            status = 0
        self._complain(f"{self._doing()} ended its process ({child.ending(status)})")

    def _stalled(self, limit: float) -> NoReturn:
        try:
            os.kill(self._process.pid, signal.SIGUSR1)
        except ProcessLookupError:
            self._died()
        self._complain(f"{self._doing()} took longer than {limit:.3g} s")

    def _complain(self, what: str) -> NoReturn:
        span = self._last_line()
        self.close()
        raise complaint(self._source, what, span)

    def _last_line(self) -> Span | None:
        """The innermost line of the user's file in what the process said last."""
        text, deadline = b"", time.monotonic() + _GRACE
        while time.monotonic() < deadline and len(text) < _LONGEST_TRACE:
            ready, _, _ = select.select([self._trace], [], [], 0.1)
            piece = os.read(self._trace, 1 << 16) if ready else b""
            text += piece
            if text and not piece:
                break
        name = re.escape(self._source.filename).encode("utf-8", "replace")
        found = re.search(rb'File "' + name + rb'", line (\d{1,7})', text)
        return Span(int(found[1])) if found else None

    # What it is asked

    def run(self, params: Columns, cars: npt.NDArray[np.int64], some: bool) -> None:
        """Asks for the rewards of cars, each in its own module; `rewards` takes the answer.

        Args:
            params: columns of all cars.
            cars: int, those to call.
            some: send the rows of these cars only.
        """
        columns = _sent_columns(params, cars if some else slice(None))
        rows = np.arange(len(cars)) if some else cars
        records, parts = channel.pack_columns(columns)
        head = {"do": "run", "cars": cars.tolist(), "rows": rows.tolist(), "columns": records}
        self.send(head, parts, len(cars))

    def rewards(self, cars: int) -> tuple[npt.NDArray[np.float64], int]:
        """The answer to `run`: the rewards, and how often ``print`` was called so far."""
        head, parts = self.receive(cars)
        return np.frombuffer(parts[0]), int(head["prints"])

    def marks(self, count: int) -> npt.NDArray[np.bool_]:
        """Which of so many branches the calls have taken, where it was loaded with marks."""
        _, parts = self.ask({"do": "marks", "count": count}, [])
        return np.frombuffer(parts[0], np.uint8) != 0

    def replay(
        self, params: Columns, cars: list[int], states: list[Any], places: list[Any]
    ) -> tuple[list[float], list[Any]]:
        """Interprets cars from given states; their rewards and next states come back."""
        rows = np.array(cars, np.int64)
        records, parts = channel.pack_columns(_sent_columns(params, rows))
        head = {"do": "replay", "cars": cars, "columns": records, "states": states}
        head["places"] = places
        answer, _ = self.ask(head, parts, len(cars))
        return answer["rewards"], answer["states"]


@cache
def unconfined() -> tuple[str, ...]:
    """What the operating system does not keep a reward from, tried by a process that has none.

    Raises:
        RewardError: no such process can be started.
    """
    source = RewardSource("trial", "<trial>", "def reward_function(params):\n    return 1.0\n")
    trial = Sandbox(source, _TRIAL)
    try:
        trial.load(compile_too=False)
    finally:
        trial.close()
    return tuple(trial.unconfined)


def confinement_note() -> str:
    """What a user is to know of a system that cannot confine a reward; "" where all is kept."""
    gaps = ", ".join(unconfined())
    if not gaps:
        return ""
    return f"this system cannot keep a reward function from: {gaps}; run here none but your own"


def _sent_columns(params: Columns, cars: npt.NDArray[np.int64] | slice) -> dict[str, Any]:
    """The columns that a reward function knows, for some of the cars."""
    columns = {name: np.asarray(params[name]) for name in PARAMETER_NAMES if name in params}
    return {name: c if name == "waypoints" else c[cars] for name, c in columns.items()}
