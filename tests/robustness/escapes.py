"""Hostile reward functions: each is refused or harmless, and the process that trains lives on.

`run` tries the first ``count`` files of `hostile_rewards`, those that are called first. A process
of its own stands in for a training: it loads each file, calls it three times, and says what came
of it. A finding is that something outside changed (files, limits, processes, a packet that
arrived), that something was read which is none of a reward's business, that the training raised
anything but a short `RewardError`, died, took 30 s or grew by more than 300 MB. Where the system
does not confine rewards at all, nothing is tried, and that is the finding. ``seed`` makes the
secret.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robustness import hostile_rewards

MOST_SECONDS = 30.0
MOST_GROWTH = 300 << 20  # bytes
_TIME_LIMIT = 2.0  # s of processor time for a load or a call
_PLACES = ("/tmp", "/dev/shm", "/var/tmp")
_TRAINING = "from robustness.escapes import training; training()"


def run(count: int, seed: int) -> list[str]:
    """Findings, a line each."""
    from deepracer_fast.reward.sandbox.process import confinement_note

    gaps = confinement_note()
    if gaps:
        return [f"nothing was tried: {gaps}"]
    with tempfile.TemporaryDirectory(prefix="escapes-") as folder:
        outside = _Outside(Path(folder), random.Random(seed))
        try:
            return [f"{name}: {what}" for name, what in _findings(outside, count)]
        finally:
            outside.close()


def escapes() -> list[tuple[str, str, bool]]:
    """Name, body, and whether it is done while the file is loaded."""
    called = [(name, body, False) for name, body in hostile_rewards.ESCAPES.items()]
    return called + [(name, body, True) for name, body in hostile_rewards.AT_LOAD.items()]


def _findings(outside: _Outside, count: int) -> Iterator[tuple[str, str]]:
    trained: _Training | None = None
    for number, (name, body, at_load) in enumerate(escapes()[:count]):
        if trained is None:
            trained = _Training(outside)
        before = outside.state() | trained.state()
        text = hostile_rewards.source(body, at_load, outside.names())
        answer = trained.try_file(outside.reward_file(number, text))
        for what in _judged(answer, outside.token):
            yield name, what
        if answer is None:
            trained.end()
            trained = None
        after = outside.state() | (before if trained is None else trained.state())
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield name, f"{key} was {before.get(key)!r}, is {after.get(key)!r}"
        outside.clear()
    if trained is not None:
        trained.end()


def _judged(answer: dict[str, Any] | None, token: str) -> Iterator[str]:
    if answer is None:
        yield "the training ended, or gave no answer in time"
        return
    text, seconds = str(answer["text"]), float(answer["seconds"])
    if answer["kind"] not in ("rewards", "RewardError"):
        yield f"{answer['kind']}: {text[:200]!r}"
    if token in text:
        yield "the secret was read"
    if len(text) > 8000 or not all(each.isprintable() or each == "\n" for each in text):
        yield f"a message of {len(text)} characters, {text[:80]!r}"
    if seconds > MOST_SECONDS:
        yield f"took {seconds:.0f} s"
    if answer["growth"] > MOST_GROWTH:
        yield f"the training grew by {answer['growth'] >> 20} MB"


class _Outside:
    """What must stay as it is."""

    def __init__(self, base: Path, chance: random.Random) -> None:
        self.base = base
        self.token = f"secret-{chance.getrandbits(64):016x}"
        self.kept = base / "outside"
        self.kept.mkdir()
        (self.kept / "kept").write_text("kept\n")
        (base / "private").mkdir()
        (base / "private" / "secret").write_text(self.token)
        self.abstract = f"escape-{chance.getrandbits(64):016x}"
        kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        self._udp, self._tcp = (socket.socket(socket.AF_INET, kind) for kind in kinds)
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._tcp.bind(("127.0.0.1", 0))
        self._tcp.listen()
        self._unix.bind("\0" + self.abstract)

    def names(self) -> dict[str, object]:
        """What a hostile file knows."""
        return {
            "OUT": str(self.kept),
            "SECRET": str(self.base / "private" / "secret"),
            "TOKEN": self.token,
            "PORT": self._udp.getsockname()[1],
            "TCP": self._tcp.getsockname()[1],
            "ABSTRACT": self.abstract,
        }

    def reward_file(self, number: int, text: str) -> Path:
        folder = self.base / f"model-{number}"
        folder.mkdir()
        (folder / "reward_function.py").write_text(text)
        (folder / ".hidden").write_text(self.token)
        (folder / "link_to_secret").symlink_to(self.base / "private" / "secret")
        return folder / "reward_function.py"

    def state(self) -> dict[str, Any]:
        arrived, _, _ = select.select([self._udp, self._tcp, self._unix], [], [], 0)
        places = {place: _names(Path(place), "escape-") for place in _PLACES}
        return {
            "files": {str(path): _facts(path) for path in sorted(self.kept.rglob("*"))},
            "packets": len(arrived),
            "processes": self._strangers(),
            **places,
        }

    def _strangers(self) -> int:
        """Processes that have outlived the reward that they were started for.

        Each began in this folder, as the training itself did.
        """
        deadline = time.monotonic() + 2.0
        while True:
            found = sum(_is_stranger(pid, self.base) for pid in os.listdir("/proc"))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def clear(self) -> None:
        """Takes away what an escape has left, so that it is found once."""
        for path in self.kept.iterdir():
            if path.name != "kept":
                path.unlink() if not path.is_dir() else path.rmdir()

    def close(self) -> None:
        for each in (self._udp, self._tcp, self._unix):
            each.close()


def _facts(path: Path) -> tuple[int, ...]:
    facts = path.lstat()
    return (facts.st_mode, facts.st_uid, facts.st_size, facts.st_mtime_ns, facts.st_nlink)


def _names(folder: Path, prefix: str) -> list[str]:
    if not folder.is_dir():
        return []
    found = (path.name for path in folder.iterdir() if path.name.startswith(prefix))
    return sorted(name for name in found if not name.startswith("escapes-"))


def _is_stranger(pid: str, base: Path) -> bool:
    try:
        here = os.readlink(f"/proc/{pid}/cwd") == str(base)
        return here and _TRAINING.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended, or is no process
        return False


class _Training:
    """A process that loads and calls what it is told to."""

    def __init__(self, outside: _Outside) -> None:
        tests = str(Path(__file__).resolve().parents[1])
        environment = dict(os.environ) | {
            "PYTHONPATH": os.pathsep.join([tests, *filter(None, sys.path)]),
            "ESCAPE_TOKEN": outside.token,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TRAINING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=outside.base,
            env=environment,
            start_new_session=True,
        )

    def state(self) -> dict[str, Any]:
        """What others may change of a process."""
        pid = self._process.pid
        return {
            "niceness": os.getpriority(os.PRIO_PROCESS, pid),
            "cores": sorted(os.sched_getaffinity(pid)),
            "open files": resource.prlimit(pid, resource.RLIMIT_NOFILE),
            "folder": os.readlink(f"/proc/{pid}/cwd"),
            "out of memory": Path(f"/proc/{pid}/oom_score_adj").read_text(),
        }

    def try_file(self, path: Path) -> dict[str, Any] | None:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{path}\n".encode())
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], 2 * MOST_SECONDS)
            answer = self._process.stdout.readline() if ready else b""
        except OSError:
            return None
        found: dict[str, Any] | None = json.loads(answer) if answer else None
        return found

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def training() -> None:
    """The other end: tries files whose paths come in, one a line."""
    from deepracer_fast.reward.probe import probe_batches

    batches = probe_batches(4, 3)
    for line in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.monotonic()
        kind, text = _outcome(Path(line.rstrip("\n")), batches)
        gc.collect()  # the worker ends with the reward, which the error has referred to
        seconds = time.monotonic() - start
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        answer = {"kind": kind, "text": text, "seconds": seconds, "growth": growth}
        print(json.dumps(answer), flush=True)


def _outcome(path: Path, batches: list[Any]) -> tuple[str, str]:
    from deepracer_fast.reward import load_reward

    try:
        reward = load_reward(path, time_limit=_TIME_LIMIT)
        found = [reward(batch).tolist() for batch in batches]
    except BaseException as error:  # whatever it is, it is what is looked for here
        return type(error).__name__, str(error)
    return "rewards", f"{found} {reward.mode} {reward.reason} {reward.notes}"


def _main() -> int:
    """Tries as many as the first argument says, all without one, and prints what was found."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else len(escapes())
    findings = run(count, 0)
    print(*findings, sep="\n")
    print(f"{min(count, len(escapes()))} tried, {len(findings)} findings")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(_main())
