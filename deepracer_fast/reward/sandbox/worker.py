"""The process in which the user's Python runs: it loads, describes and interprets.

In: messages from `sandbox`. Out: answers, which are values: rewards, and what the module holds.
What the user's file does to this process - a crash, an endless loop, a wall of memory - ends this
process and nothing else. What keeps it in is `confine`; the hook here only says so in clear words,
with the line, and the user's code may well take it away.
"""

import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import loading
from deepracer_fast.reward.branches import MARKS, branches_of, marked
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.sandbox import chance, channel, clock
from deepracer_fast.reward.sandbox.channel import Channel, Head, Message
from deepracer_fast.reward.sandbox.confine import confine
from deepracer_fast.reward.sandbox.describe import Description, Unfit
from deepracer_fast.reward.sandbox.kept_values import Keeper
from deepracer_fast.reward.verify import interpreted_probes

_REFUSED = {
    event: what
    for what, events in {
        "start programs": "os.exec os.posix_spawn os.spawn os.system subprocess.Popen pty.spawn",
        "start processes": "os.fork os.forkpty",
        "start threads": "_thread.start_new_thread",
        "send signals": "os.kill os.killpg",
        "write files": "os.truncate",
        "change files": "os.chmod os.chown",
        "remove files": "os.remove",
        "rename files": "os.rename",
        "move files": "shutil.move",
        "make folders": "os.mkdir",
        "remove folders": "os.rmdir shutil.rmtree",
        "make links": "os.link os.symlink",
        "use the network": "socket.__new__ socket.connect socket.bind socket.getaddrinfo",
    }.items()
    for event in events.split()
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def refuse(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: no programs, no network, no changes to files."""
    what = _REFUSED.get(event)
    if event == "open" and len(args) > 2:
        path, mode, flags = args
        writes = any(letter in (mode or "") for letter in "wax+") or (
            isinstance(flags, int) and flags & _WRITING
        )
        if writes and path != os.devnull:
            what = "write files"
    if what is not None:
        raise PermissionError(f"a reward function may not {what}")


def _refuse_exit(*_: object) -> None:
    raise PermissionError("a reward function may not end its process")


Action = Callable[[Head, list[bytes]], Message]


class Worker:
    """Answers one message after the other."""

    def __init__(self) -> None:
        self._interpreter: Interpreter  # from the first message on, which is to load
        self._source: loading.RewardSource
        self._shadow: dict[str, Any] = {}  # the module of all calls that are made again
        self._objects: list[Any] = []  # those of the description, by number
        self._marks = bytearray()  # a byte a branch, where they are marked

    def answer(self, head: Head, parts: list[bytes]) -> Message:
        """What to reply."""
        try:
            action: Action = getattr(self, f"_on_{head['do']}")
            return action(head, parts)
        except RewardError as error:
            failure = error
        except KeyboardInterrupt as error:
            span = loading.failing_span(self._source, error)
            failure = loading.complaint(self._source, "it raised KeyboardInterrupt", span)
        except MemoryError:
            what = "this takes more memory than a reward may have"
            failure = loading.complaint(self._source, what)
        return {"error": str(failure)}, []

    def _on_load(self, head: Head, parts: list[bytes]) -> Message:
        text = parts[0].decode("utf-8")
        self._source = loading.RewardSource(head["name"], head["filename"], text)
        if head["marked"]:
            self._source = marked(self._source)
            self._marks = bytearray(len(branches_of(self._source.text)))
            self._interpreter = Interpreter(self._source, {MARKS: self._marks})
        else:
            self._source = loading.compile_source(self._source)
            self._interpreter = Interpreter(self._source)
        return self._described() if head["compile"] else ({"undescribed": ""}, [])

    def _described(self) -> Message:
        """What the module holds, for the process that translates the source."""
        self._shadow = self._interpreter.new_module()
        try:
            # The same file in another folder is described alike, unless it asks where it lies.
            names_itself = loading.FILE_NAME in self._source.text
            description = Description(self._shadow, self._source.filename, names_itself)
        except Unfit as error:
            return {"undescribed": str(error)}, []
        except Exception as error:  # what the user's classes do when they are looked at
            return {"undescribed": loading.said(error)}, []
        self._objects = description.objects
        return {}, [description.text]

    def _on_probe(self, head: Head, parts: list[bytes]) -> Message:
        """Interprets made-up states, to be compared with what compiled code gives."""
        return {}, [interpreted_probes(Interpreter(self._source)).tobytes()]

    def _on_run(self, head: Head, parts: list[bytes]) -> Message:
        """Interprets cars, each in its own module."""
        params = channel.unpack_columns(head["columns"], parts)
        rows, cars = (np.array(head[key], np.int64) for key in ("rows", "cars"))
        rewards = self._interpreter.run(params, rows, names=cars)
        return {"prints": self._interpreter.prints}, [np.array(rewards).tobytes()]

    def _on_forget(self, head: Head, parts: list[bytes]) -> Message:
        self._interpreter.forget(np.array(head["cars"], np.int64))
        return {}, []

    def _on_marks(self, head: Head, parts: list[bytes]) -> Message:
        return {}, [bytes(self._marks)]

    def _on_replay(self, head: Head, parts: list[bytes]) -> Message:
        """Interprets cars one by one from states that are handed in, and hands them back."""
        if not self._shadow:
            self._shadow = self._interpreter.new_module()
        keeper = Keeper(self._shadow, self._objects, head["places"])
        params = channel.unpack_columns(head["columns"], parts)
        rewards, states = [], []
        function = self._shadow[loading.FUNCTION_NAME]
        for row, (car, state) in enumerate(zip(head["cars"], head["states"], strict=True)):
            keeper.write(state)
            name = np.array([car])
            rewards += self._interpreter.run(params, np.array([row]), function, name)
            states.append(keeper.read())
        return {"rewards": rewards, "states": states}, []


def _shut_in(readable: list[str], parent: int | None) -> list[str]:
    """Confines this process, makes time and chance the same in each run, and adds the hook.

    Returns:
        What the system does not keep this process from.
    """
    unconfined = confine(readable, parent)
    clock.install()
    chance.install()
    sys.dont_write_bytecode = True
    sys.addaudithook(refuse)
    for name in ("_exit", "abort"):
        setattr(os, name, _refuse_exit)
    return unconfined


def main(read: int, write: int, trace: int, parent: int | None) -> None:
    """Serves until the line is closed, confined before the user's code is loaded.

    Args:
        read: descriptor of the questions, of which the first one says what may be read.
        write: of the answers.
        trace: takes the traceback of a crash or a stall.
        parent: see `confine`.
    """
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    line, worker = Channel(read, write), Worker()
    unconfined: list[str] | None = None
    while True:
        try:
            question, parts = line.receive()
            if unconfined is None:
                unconfined = _shut_in(question["readable"], parent)
            answer, more = worker.answer(question, parts)
            if question["do"] == "load":
                answer["unconfined"] = unconfined
            line.send(answer, more)
        except (channel.Closed, channel.Malformed):
            return
        except KeyboardInterrupt:
            continue
