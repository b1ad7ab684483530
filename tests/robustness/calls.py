"""Every public function called with one argument of a kind that nobody meant.

``run(count, seed)`` tries every good call of ``public_calls`` once as it is, then ``count`` of them
with one argument replaced, chosen from ``seed`` alone, in forked workers that have read all
modules. What is promised: the right result, or an exception of ours with one clear line. A finding
is a foreign exception, an end by a signal, 20 seconds without an answer, or a gigabyte more than
before.
An ``OSError`` that names its file is the system's word about a path, not a finding.
"""

import os
import random
import select
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from deepracer_fast.errors import DeepRacerError, RewardError
from robustness.public_calls import LEFT_OUT, Goods, good_calls, public_names

SECONDS = 20.0
BYTES = 1 << 30
_LONGEST_LINE = 1000


class Refuses:
    """An object that fails at whatever it is asked."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array")

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def odd_values() -> list[Any]:
    """One of each kind, made anew for each call."""
    scalars = [None, True, 0, -1, 1.5, 64.0, 2**31, 2**63, 2**64, 10**400, -(10**400), 10**5000]
    floats = [float("nan"), float("inf"), -1e300, 1e39, 5e-324, 1 + 2j, np.float32("nan")]
    integers = [np.int8(-1), np.uint64(2**64 - 1), np.bool_(True), np.array(3), np.array([1, 2])]
    texts = ["", "x", "1", ".", "..", "x" * 300, "x" * 100_000, "a\0b", "a\nb\x1b[31m", "\ud800"]
    names = ["random_" + "9" * 5000, "random_-1", "random_1e5", "random_00", "-x", "/", "ä/ü"]
    lists: list[Any] = [[], [[1.0], [2.0, 3.0]], [None], ["a"], [[0.0, 1.0]] * 3, [10**400], ()]
    others: list[Any] = [b"bytes", {}, {"x": 1}, {1: 2}, (i for i in range(3)), object(), len, int]
    arrays: list[Any] = [np.zeros(0), np.array(["a"]), np.zeros((2, 3)), np.array([None, 1])]
    arrays += [np.zeros((4, 4))[::2, ::2], np.full((2, 2), np.nan), np.full((2, 2), 1e300)]
    arrays += [np.zeros((2, 2), complex), np.zeros((2, 2), ">f4"), Refuses(), Path("no/such.npy")]
    return [*scalars, *floats, *integers, *texts, *names, *lists, *others, *arrays]


class Trial(NamedTuple):
    """A good call, and which of its arguments becomes which odd value; "" for none."""

    call: str
    argument: str = ""
    value: int = 0


def run(count: int, seed: int) -> list[str]:
    """Tries ``count`` calls; one line a finding."""
    calls = good_calls()
    known = {name.split(".")[0].split(" ")[0] for name in calls}
    missing = sorted(public_names() - known - LEFT_OUT)
    findings = [f"{name}: has no good call in public_calls" for name in missing]
    folder = Path(tempfile.mkdtemp())
    try:
        goods = [Trial(name) for name in calls]
        trials = goods + _chosen(count, seed, Goods(folder))
        while trials:
            found, done = _work(trials, folder)
            findings += found
            trials = trials[done:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return findings


def _chosen(count: int, seed: int, goods: Goods) -> list[Trial]:
    chance, calls, num_values = random.Random(seed), good_calls(), len(odd_values())
    arguments = _in_a_process(lambda: {k: list(make(goods)[1]) for k, make in calls.items()})
    pairs = [(name, argument) for name, given in arguments.items() for argument in given]
    trials: list[Trial] = []
    while len(trials) < count:
        chance.shuffle(pairs)
        trials += [Trial(*pair, chance.randrange(num_values)) for pair in pairs]
    # One worker keeps what it made: the same call's trials go together.
    return sorted(trials[:count])


def _in_a_process(ask: Any) -> Any:
    """The answer of a function that would start JAX here, after which no fork is safe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with open(writing, "w", encoding="utf-8") as file:
            file.write(repr(ask()))
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return eval(answer)


def _work(trials: list[Trial], folder: Path) -> tuple[list[str], int]:
    """What a worker found until it was done, or ended; and how many trials that were."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _worker(trials, folder, writing)
    os.close(writing)
    findings: list[str] = []
    done, why = 0, "ended its process"
    for line in _lines(reading, pid):
        if line is None or line.startswith("!"):
            why = (line or "!took more than 20 s")[1:]
            break
        done += 1
        if line != "fine":
            findings.append(f"{_words(trials[done - 1])}: {line}")
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if done < len(trials):
        findings.append(f"{_words(trials[done])}: {why} ({status})")
        done += 1
    return findings, done


def _lines(reading: int, pid: int) -> Iterator[str | None]:
    """The worker's answers; None once it takes too long, "!..." once it takes too much memory."""
    text, since, usual, is_warm = "", time.monotonic(), _memory(pid), False
    while True:
        ready, _, _ = select.select([reading], [], [], 0.05)
        if ready:
            data = os.read(reading, 65536)
            if not data:
                return
            *whole, text = (text + data.decode()).split("\n")
            yield from whole
            since, usual, is_warm = time.monotonic(), max(usual, _memory(pid)), True
        elif time.monotonic() - since > (SECONDS if is_warm else 6 * SECONDS):
            yield None
        elif is_warm and _memory(pid) > usual + BYTES:
            yield "!took a gigabyte"


def _memory(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


def _worker(trials: list[Trial], folder: Path, writing: int) -> NoReturn:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.chdir(folder)
    warnings.simplefilter("error", RuntimeWarning)
    goods, calls = Goods(folder), good_calls()
    for trial in trials:
        os.write(writing, (_outcome(trial, calls, goods) + "\n").encode(errors="replace"))
    os._exit(0)


def _outcome(trial: Trial, calls: dict[str, Any], goods: Goods) -> str:
    try:
        function, arguments = calls[trial.call](goods)
        if trial.argument:
            arguments = dict(arguments) | {trial.argument: odd_values()[trial.value]}
        function(**arguments)
    except DeepRacerError as error:
        if not (trial.argument or trial.call.startswith(("read_", "load_", "guess_"))):
            return f"a good call was refused: {error}"
        lines = str(error).count("\n") + 1
        is_one = lines == 1 or isinstance(error, RewardError)
        return "fine" if is_one and len(str(error)) < _LONGEST_LINE else f"long: {lines} lines"
    except OSError as error:
        return "fine" if error.filename else f"OSError without a file: {error}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:150]
        return f"{type(error).__name__}: {said} ({Path(where.filename).name}:{where.lineno})"
    return "fine"


def _words(trial: Trial) -> str:
    if not trial.argument:
        return f"{trial.call} as it should be called"
    value = odd_values()[trial.value]
    try:
        text = repr(value)[:60]
    except Exception:
        text = type(value).__name__
    return f"{trial.call} with {trial.argument}={text}"
