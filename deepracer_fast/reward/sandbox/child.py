"""Starts another Python for a part of a reward's work, with a line to it.

In: the module whose ``main`` it runs, and what that is handed besides the line. Out: the process,
and our end of the line. Nothing is imported from the folder that the user stands in: it may be that
of a stranger, whose ``json.py`` would run before anything is confined.
Neighbours: `sandbox` runs `worker` in one, `translator` runs `translating`.
"""

import json
import os
import signal
import subprocess
import sys

from deepracer_fast.reward.sandbox.channel import Channel

# Python's own modules come first: on the caller's path there may be others of the same names.
_START = (
    "import importlib, json, sys; module, path, *rest = json.loads(sys.argv[1]); "
    "sys.path[:] = [each for each in sys.path if '-packages' not in each] + path; "
    "importlib.import_module(module).main(*rest)"
)
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # the order of sets, and so the code, is the same each time
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "HOME": "/nonexistent",
    "TZ": "UTC",  # the clock of a reward is no machine's
}
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")  # to start at all


def start(
    module: str, *arguments: object, descriptors: tuple[int, ...] = ()
) -> tuple[subprocess.Popen[bytes], Channel]:
    """Starts a process.

    Args:
        module: its ``main`` is called with both ends of its line, the descriptors, the arguments.
        arguments: anything that JSON holds.
        descriptors: which it inherits, and which are closed here.
    """
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    handed = (to_read, from_write, *descriptors)
    # The folder that the user stands in comes last: packages were read before somebody went there.
    path = [os.path.abspath(entry) for entry in sorted(sys.path, key=lambda entry: not entry)]
    told = json.dumps([module, path, *handed, *arguments])
    process = subprocess.Popen(
        # -P: the current folder is not on its path
        [sys.executable, "-P", "-X", "utf8", "-c", _START, told],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=handed,
        start_new_session=True,
        env={name: os.environ[name] for name in _KEPT if name in os.environ} | _ENVIRONMENT,
    )
    for descriptor in handed:
        os.close(descriptor)
    return process, Channel(from_read, to_write)


def ending(status: int) -> str:
    """How a process ended; a real-time signal has no name."""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"status {status}" if status >= 0 else f"signal {-status}"


def end(process: subprocess.Popen[bytes], channel: Channel, *descriptors: int) -> None:
    """Ends a process with all that it started, and closes our ends."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    channel.close()
    for descriptor in descriptors:
        os.close(descriptor)
