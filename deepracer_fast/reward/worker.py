"""The process in which the user's Python runs: it loads, compiles, checks and interprets.

In: messages from `sandbox`. Out: answers, of which the object code of a compiled reward is one.
What the user's file does to this process - a crash, an endless loop, a wall of memory - ends this
process and nothing else.
"""

from __future__ import annotations

import ast
import faulthandler
import os
import resource
import signal
import sys
import threading
from time import sleep  # a reward's own clock does not hold for this process
from typing import Any

import numpy as np

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import chance, clock
from deepracer_fast.reward.channel import Channel, Closed, Malformed, unpack_columns
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import (
    FUNCTION_NAME,
    RewardSource,
    compile_source,
    complaint,
    failing_span,
    said,
)

MEMORY = 4 << 30  # bytes of address space

_REFUSED = {
    "os.exec": "start programs",
    "os.fork": "start processes",
    "os.forkpty": "start processes",
    "os.posix_spawn": "start programs",
    "os.spawn": "start programs",
    "os.system": "start programs",
    "subprocess.Popen": "start programs",
    "pty.spawn": "start programs",
    "os.kill": "send signals",
    "os.killpg": "send signals",
    "os.remove": "remove files",
    "os.rename": "rename files",
    "os.rmdir": "remove folders",
    "os.mkdir": "make folders",
    "os.truncate": "write files",
    "os.link": "make links",
    "os.symlink": "make links",
    "os.chmod": "change files",
    "os.chown": "change files",
    "shutil.rmtree": "remove folders",
    "shutil.move": "move files",
    "socket.connect": "use the network",
    "socket.bind": "use the network",
    "socket.getaddrinfo": "use the network",
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


def _refuse_exit(*_: Any) -> None:
    raise PermissionError("a reward function may not end its process")


class Worker:
    """Answers one message after the other."""

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._source: RewardSource | None = None
        self._shadow: Any = None  # the module that the compiled code was made from
        self._words: Any = None

    def answer(
        self, head: dict[str, Any], parts: list[bytes]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """What to reply."""
        try:
            action = getattr(self, f"_on_{head['do']}")
            reply: tuple[dict[str, Any], list[bytes]] = action(head, parts)
            return reply
        except RewardError as error:
            return {"error": str(error)}, []
        except KeyboardInterrupt as error:
            return {"error": self._interrupted(error)}, []
        except MemoryError:
            return {"error": f"{self._name()}: this takes more memory than a reward may have"}, []

    def _interrupted(self, error: KeyboardInterrupt) -> str:
        what = "it raised KeyboardInterrupt"
        if self._source is None:
            return f"{self._name()}: {what}"
        return str(complaint(self._source, what, failing_span(self._source, error)))

    def _name(self) -> str:
        return self._source.filename if self._source else "reward"

    def _on_load(self, head: dict[str, Any], parts: list[bytes]) -> Any:
        self._source = RewardSource(head["name"], head["filename"], parts[0].decode("utf-8"))
        self._source = compile_source(self._source)
        self._interpreter = Interpreter(self._source)
        if not head["compile"]:
            return {"mode": "interpreted", "reason": ""}, []
        return self._compile(head["verify"])

    def _compile(self, verify: bool) -> Any:
        from deepracer_fast.reward.compiler.joins import Unsupported
        from deepracer_fast.reward.verify import compile_module, disagreement

        assert self._interpreter is not None and self._source is not None
        self._shadow = self._interpreter.new_module()
        try:
            made = compile_module(self._shadow, ast.parse(self._source.text))
            self._words = made.words
            if verify:
                reason = disagreement(made, Interpreter(self._source))
                if reason:
                    return {"mode": "interpreted", "reason": reason}, []
        except Unsupported as error:
            return {"mode": "interpreted", "reason": f"line {error.line}: {error.what}"}, []
        except Exception as error:  # a fault of the compiler must not cost the user the training
            return {"mode": "interpreted", "reason": f"the compiler failed: {said(error)}"}, []
        layout = {"columns": made.columns, "state": made.state, "prints": made.prints}
        return {"mode": "compiled", "reason": "", "layout": layout}, [made.code]

    def _on_run(self, head: dict[str, Any], parts: list[bytes]) -> Any:
        """Interprets cars, each in its own module."""
        assert self._interpreter is not None
        params = unpack_columns(head["columns"], parts)
        rows, cars = (np.array(head[key], np.int64) for key in ("rows", "cars"))
        rewards = self._interpreter.run(params, rows, names=cars)
        return {"prints": self._interpreter.prints}, [np.array(rewards).tobytes()]

    def _on_forget(self, head: dict[str, Any], parts: list[bytes]) -> Any:
        assert self._interpreter is not None
        self._interpreter.forget(np.array(head["cars"], np.int64))
        return {}, []

    def _on_replay(self, head: dict[str, Any], parts: list[bytes]) -> Any:
        """Interprets cars one by one from states that are handed in, and hands them back."""
        from deepracer_fast.reward.compiler.words import StateError

        assert self._interpreter is not None
        params = unpack_columns(head["columns"], parts)
        rewards, states = [], []
        function = self._shadow[FUNCTION_NAME]
        for row, (car, state) in enumerate(zip(head["cars"], head["states"], strict=True)):
            self._words.write(state)
            name = np.array([car])
            rewards += self._interpreter.run(params, np.array([row]), function, name)
            try:
                states.append(self._words.read())
            except StateError:
                states.append(None)
        return {"rewards": rewards, "states": states}, []


def _limit_this_process() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    sys.dont_write_bytecode = True
    sys.addaudithook(refuse)
    for name in ("_exit", "abort"):
        setattr(os, name, _refuse_exit)


def _end_with(parent: int, leave: Any) -> None:
    while os.getppid() == parent:
        sleep(1.0)
    leave(1)


def main(read: int, write: int, trace: int) -> None:
    """Serves until the line is closed; ``trace`` takes the traceback of a crash or a stall."""
    faulthandler.enable(trace, all_threads=False)
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    watch = threading.Thread(target=_end_with, args=(os.getppid(), os._exit), daemon=True)
    watch.start()
    channel, worker = Channel(read, write), Worker()
    _limit_this_process()
    clock.install()
    chance.install()
    while True:
        try:
            head, parts = channel.receive()
            channel.send(*worker.answer(head, parts))
        except (Closed, Malformed):
            return
        except KeyboardInterrupt:
            continue
