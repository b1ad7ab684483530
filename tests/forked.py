"""Processes of rewards that are forked from the tests, which have read NumPy and the compiler.

A fresh Python takes five times as long to start as a mutated reward function takes to try.
"""

import gc
import json
import os
import signal
import subprocess
import time
from os import _exit  # the worker takes it away
from typing import Any, NoReturn

from deepracer_fast.reward import translating
from deepracer_fast.reward.sandbox import worker

MAINS = {module.__name__: module.main for module in (translating, worker)}


class Forked:
    """Stands in for the `subprocess.Popen` of a worker or of a translator."""

    def __init__(self, command: list[str], *, pass_fds: tuple[int, ...], **_: Any) -> None:
        self.pid = os.fork()
        self.returncode: int | None = None
        if self.pid == 0:
            self._work(command, pass_fds)

    def _work(self, command: list[str], pass_fds: tuple[int, ...]) -> NoReturn:
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            for descriptor in set(range(3, 1024)) - set(pass_fds):
                try:
                    os.close(descriptor)
                except OSError:
                    continue
            gc.freeze()  # what was inherited is the parent's: its finalizers must not run here
            module, _, *arguments = json.loads(command[-1])
            MAINS[module](*arguments)
        finally:
            _exit(1)

    def wait(self, timeout: float = 10.0) -> int:
        end = time.monotonic() + timeout
        while self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout)
            else:
                time.sleep(0.001)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:  # as in `subprocess`: another process may have the number
            os.kill(self.pid, signal.SIGKILL)
