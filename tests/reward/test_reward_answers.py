"""What a process that nobody trusts may answer, and what becomes of anything else."""

import json
import os
import struct
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import MAX_MESSAGE, RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox import answers
from deepracer_fast.reward.sandbox.channel import (
    Channel,
    Closed,
    Limits,
    Malformed,
    Patience,
    TooSlow,
)

BATCH: dict[str, Any] = probe_batches(4, 1)[0]


def line_with(data: bytes, limits: Limits | None = None) -> Any:
    """What a channel makes of bytes, after which the line is closed."""
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    channel = Channel(read, os.open(os.devnull, os.O_WRONLY))
    try:
        return channel.receive(Patience(1.0), limits or Limits())
    finally:
        channel.close()


def message(head: Any, *parts: bytes) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<II", len(text), len(parts)) + text + b"".join(parts)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (message([1]), "JSON that is not an object"),
        (message({"parts": 3}), "JSON that is not an object with its parts"),
        (message({"parts": [True]}, b""), "a part of True bytes"),
        (message({"parts": [-1]}, b""), "a part of -1 bytes"),
        (message({"parts": [9]}), "1 sizes of 0 parts"),
        (message(b"[" * 5000), "text that is not JSON"),
        (message(b"\xff"), "text that is not JSON"),
        (message(b'{"parts": [], "x": ' + b"9" * 5000 + b"}"), "text that is not JSON"),
        (message({"parts": [], "x": [0] * 9000}), "more than 6,000 values"),
        (message({"parts": [], "x": "y" * 30_000}), "a head of 30,0.. bytes"),
        (message({"parts": [200]}, bytes(200)), "a part of 200 bytes"),
        (struct.pack("<II", 9, 2**32 - 1), "4,294,967,295 parts"),
    ],
)
def test_what_no_message_may_hold_is_named(data: bytes, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        line_with(data, Limits(head=30_000, values=6_000, parts=2, part=100))


def test_a_message_that_ends_too_soon_is_the_end() -> None:
    with pytest.raises(Closed):
        line_with(struct.pack("<II", 100, 0) + b"{")


def test_a_reader_that_does_not_read_is_given_up() -> None:
    read, write = os.pipe()
    channel = Channel(os.open(os.devnull, os.O_RDONLY), write)
    channel.never_block()
    with pytest.raises(TooSlow):
        channel.send({}, [bytes(1 << 22)], Patience(0.01))
    channel.close()
    os.close(read)


RUN = {"do": "run"}
REPLAY = {"do": "replay", "states": [[1, [2, 3]]]}
GOOD = struct.pack("2d", 1.0, -1e5)


@pytest.mark.parametrize(
    ("question", "answer", "what"),
    [
        (RUN, ({"prints": 0}, [GOOD[:-1]]), "15 bytes of rewards for 2 cars of 8 each"),
        (RUN, ({"prints": 0}, []), "0 bytes of rewards"),
        (RUN, ({"prints": 1.5}, [GOOD]), "prints float 1.5"),
        (RUN, ({"prints": 2**63}, [GOOD]), "prints 9223"),
        (RUN, ({"prints": 0}, [struct.pack("2d", 1.0, np.nan)]), "a reward of nan"),
        (RUN, ({"prints": 0}, [struct.pack("2d", 1.0, 100_001)]), "a reward of 100001"),
        (RUN, ({"error": 3}, []), "error int 3"),
        (REPLAY, ({"rewards": [1.0, 2.0], "states": [None]}, []), "2 rewards for 1 cars"),
        (REPLAY, ({"rewards": ["x"], "states": [None]}, []), "a reward of str 'x'"),
        (REPLAY, ({"rewards": [10**400], "states": [None]}, []), "a reward of inf"),
        (REPLAY, ({"rewards": [1.0], "states": [[], []]}, []), "2 states for 1 cars"),
        (REPLAY, ({"rewards": [1.0], "states": 3}, []), "states int 3"),
        ({"do": "marks", "count": 3}, ({}, [b"12"]), "marks of other branches than the 3 asked"),
        ({"do": "marks", "count": 3}, ({}, []), "marks of other branches than the 3 asked"),
        ({"do": "load"}, ({}, []), "undescribed NoneType"),
        ({"do": "load"}, ({"undescribed": "", "unconfined": [1]}, []), "unconfined int 1"),
    ],
)
def test_an_answer_of_the_wrong_form_is_named(question: Any, answer: Any, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        answers.check(question, answer, 2)


def test_right_answers_pass() -> None:
    answers.check(RUN, ({"prints": 3}, [GOOD]), 2)
    answers.check(REPLAY, ({"rewards": [1], "states": [[-(2**63), [2**63 - 1]]]}, []), 1)
    answers.check(REPLAY, ({"rewards": [0.5], "states": [None]}, []), 1)


def test_a_text_from_the_worker_moves_no_cursor_and_fits() -> None:
    head = {"undescribed": "é\x1b[2J\u202e\r\ud800\nx", "unconfined": ["y" * 10**6]}
    answers.check({"do": "load"}, (head, []), 0)
    assert head["undescribed"] == r"é\x1b[2J\u202e\r\ud800\nx"
    assert len(head["unconfined"][0]) == MAX_MESSAGE
    error = {"error": "x" * 10**6}
    answers.check(RUN, (error, []), 2)
    assert len(error["error"]) == answers.LONGEST_TEXT


def test_a_forged_answer_ends_the_process_with_one_line() -> None:
    source = (
        "import gc, os\n"
        "line = next(o for o in gc.get_objects() if hasattr(type(o), 'receive'))._write\n"
        "def reward_function(params):\n"
        "    os.write(line, b'\\x02\\0\\0\\0\\0\\0\\0\\0[]')\n    return 1.0\n"
    )
    reward = load_reward(source)
    with pytest.raises(RewardError) as caught:
        reward(BATCH)
    assert str(caught.value) == (
        "<reward source>: a call answered what no reward function answers: "
        "JSON that is not an object with its parts"
    )
    with pytest.raises(RewardError, match="its process has ended"):
        reward(BATCH)
