"""Confines this process by the operating system, as far as it can, and tries whether that holds.

In: what may be read. Out: what the system does not keep this process from, in words for a user.
For a process that runs what nobody has read; it can do no more than reckon afterwards, and nothing
takes that back. `landlock` and `syscall_filter` are Linux's; limits are those of any Unix.
"""

import ctypes
import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from time import sleep  # a reward's own clock does not hold for this process

from deepracer_fast.reward.sandbox import landlock, syscall_filter

MEMORY = 4 << 30  # bytes of address space
_MOST_FILES = 256  # open at once; a SciPy takes a few of them while it is imported
_SET_PARENT_DEATH_SIGNAL = 1
_REFUSALS = (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS)


def confine(readable: Iterable[str], parent: int | None) -> list[str]:
    """Confines this process; to be called while it has a single thread.

    Args:
        readable: files and folders, see `readable`.
        parent: the process with which this one ends, if its main thread has started this one; None
            if another thread has, of whose end the system would tell instead.

    Returns:
        What it may still do: "write files", "use the network" and so on; [] if nothing.
    """
    limit(CORE=0, FSIZE=0, NOFILE=_MOST_FILES, MSGQUEUE=0, AS=MEMORY)
    holds_files = landlock.restrict(readable)
    _end_with(parent)
    syscall_filter.install(files_too=not holds_files)
    return [what for what, attempt in _ATTEMPTS.items() if _succeeds(attempt)]


def limit(**limits: int) -> None:
    """Sets limits of this process, by their names in `resource`, for good."""
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None and (name != "AS" or sys.platform == "linux"):
            _, hard = resource.getrlimit(number)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))


def _end_with(parent: int | None) -> None:
    """This process ends when its parent does, even within a call that never returns."""
    if sys.platform == "linux" and parent is not None:
        libc = ctypes.CDLL(None)
        libc.prctl(_SET_PARENT_DEATH_SIGNAL, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0)))
        if os.getppid() != parent:  # it has just ended
            os._exit(1)
        return
    watch = threading.Thread(target=_watch, args=(os.getppid(), os._exit), daemon=True)
    watch.start()


def _watch(parent: int, leave: Callable[[int], None]) -> None:
    while os.getppid() == parent:
        sleep(1.0)
    leave(1)


# The trial


def _succeeds(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno not in _REFUSALS
    return True


def _write() -> None:
    path = Path("/tmp") / f".deepracer-fast-trial-{os.getpid()}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()


def _network() -> None:
    import _socket

    _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM).close()


def _program() -> None:
    os.execv("/no/such/program", ["program"])


def _process() -> None:
    if _succeeds(_program):  # nothing is refused here: no need to make one
        return
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


_ATTEMPTS: dict[str, Callable[[], None]] = {
    "read any file": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
    "write files": _write,
    "use the network": _network,
    "start programs": _program,
    "start processes": _process,
    "send signals": lambda: os.kill(os.getppid(), 0),
}
