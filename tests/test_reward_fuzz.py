"""Mutations of the corpus: each ends in numbers or in a clean error, and this process lives on.

The processes that run them are forked from this one, which has read NumPy and the compiler: a
fresh Python takes five times as long to start as a mutation takes to try.
"""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward, sandbox, verify, worker
from deepracer_fast.reward.probe import probe_batches

TEXTS = [path.read_text() for path in sorted((Path(__file__).parent / "reward_corpus").glob("*"))]
WORDS = re.compile(r"\w+|[-+*/%<>=!]+")
POOL = [word for text in TEXTS for word in WORDS.findall(text)]
BATCHES = probe_batches(4, 2) + probe_batches(4, 1, objects=2)


assert verify  # the compiler is read before the first fork


class Forked:
    """Stands in for the `subprocess.Popen` of a worker."""

    def __init__(self, command: list[str], *, pass_fds: tuple[int, ...], **_: Any) -> None:
        self.pid = os.fork()
        self.returncode: int | None = None
        if self.pid == 0:
            self._work(command, pass_fds)

    def _work(self, command: list[str], pass_fds: tuple[int, ...]) -> None:
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
            worker.main(*json.loads(command[-1])[1:])
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

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
        os.kill(self.pid, signal.SIGKILL)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers are forked from this process."""
    stand_in = SimpleNamespace(
        Popen=Forked, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
    )
    monkeypatch.setattr(sandbox, "subprocess", stand_in)
    yield


def mutated(text: str, rng: random.Random) -> str:
    """A text with one to three things in it moved, lost, doubled, cut off or replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        lines = text.split("\n")
        kind, at = rng.random(), rng.randrange(len(lines))
        if kind < 0.15:
            del lines[at]
        elif kind < 0.3:
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind < 0.35:
            return text[: rng.randrange(len(text))] or "x"
        else:
            words = list(WORDS.finditer(lines[at]))
            if words:
                word = rng.choice(words)
                line = lines[at]
                lines[at] = line[: word.start()] + rng.choice(POOL) + line[word.end() :]
        text = "\n".join(lines) or "x"
    return text


def ends_well(number: int) -> None:
    rng = random.Random(number)
    text = mutated(rng.choice(TEXTS), rng) + "\n"
    try:
        reward = load_reward(text, time_limit=1.0)
        for batch in BATCHES:
            assert np.isfinite(reward(batch)).all()
        assert "the compiler failed" not in reward.reason, text
        assert "where Python gives" not in reward.reason, text
    except RewardError as error:
        assert str(error).startswith("<reward source>"), text


@pytest.mark.parametrize("number", range(12))
def test_a_mutation_ends_in_a_number_or_a_clean_error(number: int) -> None:
    ends_well(number)


@pytest.mark.slow
@pytest.mark.usefixtures("forks")
def test_two_thousand_mutations_end_well() -> None:
    for number in range(1000, 3000):
        ends_well(number)
