"""Whatever a reward file does, this process lives on, and an error names the file and the line."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches

BATCH: dict[str, Any] = probe_batches(4, 1)[0]


def failure(source: str, time_limit: float = 2.0) -> str:
    with pytest.raises(RewardError) as caught:
        load_reward(source, time_limit=time_limit)(BATCH)
    return str(caught.value)


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "while True:\n        try: x = 1\n        except BaseException: pass",
        "sum(range(10 ** 12))",
        "10 ** 10 ** 9",
    ],
)
def test_a_call_without_end_is_an_error(body: str) -> None:
    text = f"def reward_function(params):\n    {body}\n    return 1.0\n"
    message = failure(text, time_limit=0.5)
    assert message.startswith("<reward source>, line ") and "took longer than 0.5" in message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os; os._exit(0)", "a reward function may not end its process"),
        ("import sys; sys.exit(3)", "raised SystemExit"),
        ("import os; os.kill(os.getppid(), 9)", "a reward function may not send signals"),
        ("import os; os.fork()", "a reward function may not start processes"),
        ("import os; os.system('true')", "a reward function may not start programs"),
        ("import subprocess; subprocess.run('true')", "may not start programs"),
        ("import ctypes; ctypes.string_at(0)", "ended its process"),
        ("import os; os.closerange(3, 99)", "ended its process"),
        ("[0] * 10 ** 11", "raised MemoryError"),
        ("x = []\n    while True: x.append(bytes(10 ** 8))", "raised MemoryError"),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "may not use the network"),
        ("open('written', 'w')", "a reward function may not write files"),
    ],
)
def test_a_hostile_call_is_an_error(body: str, message: str) -> None:
    said = failure(f"def reward_function(params):\n    {body}\n    return 1.0\n")
    assert message in said
    assert said.startswith("<reward source>")
    if "Process" not in body and "closerange" not in body:
        assert said.startswith("<reward source>, line ")


@pytest.mark.usefixtures("forks")
def test_a_hostile_top_level_is_an_error() -> None:
    said = failure("x = 0\nwhile True: x += 1\n", time_limit=0.5)
    assert "line 2: loading it took longer than 0.5 s" in said
    assert "may not end its process" in failure("import os\nos._exit(1)\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise KeyboardInterrupt\n", "line 1: it raised KeyboardInterrupt"),
        ("def reward_function(params):\n    return 1.0\n\0", "line 3: this is not Python"),
        (f"T = [{'1.5, ' * 60_000}]\ndef reward_function(params):\n    return T", "returned list"),
    ],
)
def test_a_source_that_is_no_module_or_too_much_of_one_is_an_error(
    source: str, message: str
) -> None:
    assert message in failure(source, time_limit=10.0)


def test_a_source_may_begin_with_the_mark_of_an_editor() -> None:
    source = "\ufeffdef reward_function(params):\r\n\treturn 1.5\r\n"
    assert load_reward(source)(BATCH).tolist() == [1.5] * 4


def test_a_function_that_takes_the_builtins_away_hurts_itself_only() -> None:
    said = failure("import builtins\ndel builtins.len\ndef reward_function(params):\n  len([])\n")
    assert said.startswith("<reward source>")
    assert len([1]) == 1


@pytest.mark.usefixtures("forks")
def test_a_loop_without_end_in_some_calls_only_is_found_in_such_a_call() -> None:
    source = """
def reward_function(params):
    n = 0
    while params["x"] == 77.0:
        n += 1
    return 1.0
"""
    reward = load_reward(source, time_limit=1.0)
    assert reward.mode == "compiled"
    assert reward(BATCH).tolist() == [1.0] * 4
    bad = BATCH | {"x": np.array([0.0, 77.0, 0.0, 0.0], np.float32)}
    with pytest.raises(RewardError, match=r"line [45]: a call took longer than 1.*s"):
        reward(bad)


def test_the_process_ends_with_the_reward() -> None:
    reward = load_reward("def reward_function(params):\n    return id(params) * 0.0\n")
    (worker,) = reward._runner._workers  # type: ignore[attr-defined]
    pid = worker._process.pid
    os.kill(pid, 0)
    del reward, worker
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_a_process_that_is_killed_is_an_error() -> None:
    reward = load_reward("def reward_function(params):\n    return id(params) * 0.0\n")
    os.kill(reward._runner._workers[0]._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    with pytest.raises(RewardError, match=r"a call ended its process \(SIGKILL\)"):
        reward(BATCH)
    with pytest.raises(RewardError, match="its process has ended; load it again"):
        reward(BATCH)
