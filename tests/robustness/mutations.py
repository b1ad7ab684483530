"""3,000 mutated files of every kind that the product reads: success, or one clear line.

``run(count, seed)`` makes sound files (``seed_files``), changes one a trial (``mutants``; all
random choices come from the seed and the trial's number), and reads it in a worker. A finding is
whatever is neither success nor a `DeepRacerError` of one printable line: another exception, death
by a signal, more than 20 s, or more than 1 GB above what the worker had. Workers are forked, with
everything imported but before JAX has begun its threads, and read one file after the other.

    PYTHONPATH=tests python tests/robustness/mutations.py 3000 1     # prints the findings
"""

import json
import multiprocessing
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS = 20.0
BYTES = 1 << 30
LANES = 2  # processes that read side by side

Reader = Callable[[Path], Any]


def run(count: int, seed: int) -> list[str]:
    """Reads ``count`` mutated files, one finding a line; in processes of their own."""
    command = [sys.executable, __file__, str(count), str(seed)]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        command, env=dict(os.environ) | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, check=True
    )
    findings: list[str] = json.loads(done.stdout)
    return findings


def one_clear_line(problem: Exception) -> str:
    """What is wrong with how a file was refused; empty if nothing is."""
    from deepracer_fast.errors import MAX_MESSAGE, DeepRacerError, RewardError

    if not isinstance(problem, DeepRacerError):
        return "".join(traceback.format_exception(problem)[-4:])
    lines = str(problem).split("\n")
    if len(lines) > 1 and not isinstance(problem, RewardError):
        return f"{len(lines)} lines: {problem}"
    if not all(line.isprintable() and len(line) <= MAX_MESSAGE for line in lines):
        return f"not printable, or too long: {str(problem)!r}"
    return "" if lines[0] else "an empty message"


def memory(field: str) -> int:
    """VmRSS or VmHWM of this process, bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) << 10


def attempt(read: Reader, path: Path) -> str:
    """The finding of one trial, or nothing."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, finding = memory("VmRSS"), ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            read(path)
    except Exception as problem:
        finding = one_clear_line(problem)
    grown = memory("VmHWM") - before
    return finding or (f"took {grown / 1e9:.2f} GB" if grown > BYTES else "")


def work(folder: Path, link: Connection) -> None:
    """A worker: reads what it is told to until it is told no more."""
    from robustness import seed_files

    os.environ["DEEPRACER_FAST_CACHE"] = str(folder / "rewards")
    readers = seed_files.kinds(folder)
    for kind in ("weights", "tar.gz"):  # what JAX compiles, and loads, belongs to no trial
        readers[kind][1](readers[kind][0])
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 6 * BYTES,) * 2)
    link.send("ready")
    while kind := link.recv():
        path, read = readers[kind]
        link.send(attempt(read, path))


class Worker:
    """A forked process that reads, with the files that it reads."""

    def __init__(self, seeds: Path, folder: Path) -> None:
        shutil.copytree(seeds, folder)
        self._folder = folder
        self._link, other = multiprocessing.Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                work(folder, other)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        other.close()
        assert self._answer(300.0) == "ready"

    def read(self, kind: str) -> tuple[str, bool]:
        """The finding, if any, and whether the worker lives on."""
        self._link.send(kind)
        begin = time.monotonic()
        answer = self._answer(SECONDS)
        if answer is not None:
            return answer, True
        took = time.monotonic() - begin
        self.end()
        return ("more than 20 s" if took >= SECONDS else "died by a signal"), False

    def _answer(self, seconds: float) -> str | None:
        if not select.select([self._link], [], [], seconds)[0]:
            return None
        try:
            return str(self._link.recv())
        except EOFError:
            return None

    def end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._link.close()
        shutil.rmtree(self._folder)


def lane(trials: range, seed: int, seeds: Path, names: dict[str, str]) -> list[str]:
    """Trials one after the other, in a worker that lasts as long as it lives."""
    from robustness import mutants

    sound = {kind: (seeds / name).read_bytes() for kind, name in names.items()}
    findings, worker, order = [], None, sorted(names)
    folder = seeds.parent / f"lane{trials.start}"
    for trial in trials:
        choice = random.Random(f"{seed} {trial}")
        kind = order[trial % len(order)]
        what, content = mutants.mutated(choice, kind, sound)
        worker = worker or Worker(seeds, folder)
        path = folder / names[kind]
        path.write_bytes(content)
        finding, lives = worker.read(kind)
        if finding:
            findings.append(f"{kind}, trial {trial} of seed {seed}, {what}: {finding}")
        if lives:
            path.write_bytes(sound[kind])
        else:
            worker = None
    if worker:
        worker.end()
    return findings


def forked(task: Callable[[], Any]) -> Callable[[], Any]:
    """Begins a task in a forked process; what comes back waits for its result."""
    link, other = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            other.send(task())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    other.close()

    def result() -> Any:
        value = link.recv()
        os.waitpid(pid, 0)
        return value

    return result


def prepared(seeds: Path) -> dict[str, str]:
    """Makes the sound files; returns where each kind's lies."""
    from robustness import seed_files

    seed_files.make(seeds)
    return {
        kind: str(path.relative_to(seeds)) for kind, (path, _) in seed_files.kinds(seeds).items()
    }


def main(count: int, seed: int) -> list[str]:
    """All trials, in processes forked from this one, which has no threads yet."""
    from robustness import mutants, seed_files

    assert mutants and seed_files
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        names = forked(lambda: prepared(seeds))()
        lanes = [
            forked(lambda start=start: lane(range(start, count, LANES), seed, seeds, names))
            for start in range(LANES)
        ]
        return [finding for result in lanes for finding in result()]


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2])), indent=1))
