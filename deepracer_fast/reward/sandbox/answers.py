"""What the process that runs a reward function may answer: the one schema of all its messages.

In: a question, as `sandbox` sent it, and the answer, as `channel` took it. Out: nothing if the
answer is one, else `Malformed` with what is wrong in a line. That process runs a program that
nobody has read, which may write to the line whatever it likes: here is the door, and behind it
answers are trusted.
"""

from typing import Any

import numpy as np

from deepracer_fast.checks.values import shown
from deepracer_fast.errors import one_line
from deepracer_fast.reward.interpret import MAX_REWARD
from deepracer_fast.reward.sandbox.channel import Head, Limits, Malformed, Message

LONGEST_TEXT = 4000  # characters of an error
_MOST_STATE = 1 << 20  # bytes of JSON by which the cars' states may grow in a call
_DESCRIPTION = Limits(head=1 << 16, values=1 << 10, parts=1, part=1 << 26)
_PROBES = Limits(head=1 << 16, values=1 << 10, parts=1, part=1 << 16)
_SMALL = Limits(head=1 << 16, values=1 << 14, parts=0, part=0)
_COUNTS = range(2**63)


def limits(question: Head, cars: int, sent: int) -> Limits:
    """How large the answer to a question may be.

    Args:
        question: as it was sent.
        cars: how many it is about.
        sent: bytes of it.
    """
    match question["do"]:
        case "load":
            return _DESCRIPTION
        case "probe":
            return _PROBES
        case "run":
            return Limits(_SMALL.head, _SMALL.values, parts=1, part=8 * cars)
        case "marks":
            return Limits(_SMALL.head, _SMALL.values, parts=1, part=question["count"])
        case "replay":
            size = _MOST_STATE + 4 * sent + 64 * cars
            return Limits(size, size // 8, parts=0, part=0)
        case _:
            return _SMALL


def check(question: Head, answer: Message, cars: int) -> None:
    """Checks an answer that `limits` let through.

    Raises:
        Malformed: it is none.
    """
    head, parts = answer
    if "error" in head:
        _is(head["error"], str, "error")
        head["error"] = head["error"][:LONGEST_TEXT]
        return
    match question["do"]:
        case "load":
            _check_load(head, parts)
        case "run":
            _is(head.get("prints"), int, "prints")
            if head["prints"] not in _COUNTS:
                raise Malformed(f"prints {shown(head['prints'])}")
            if len(parts) != 1 or len(parts[0]) != 8 * cars:
                found = sum(map(len, parts))
                raise Malformed(f"{found:,} bytes of rewards for {cars:,} cars of 8 each")
            _check_rewards(np.frombuffer(parts[0]))
        case "marks":
            if len(parts) != 1 or len(parts[0]) != question["count"]:
                raise Malformed(f"marks of other branches than the {question['count']:,} asked for")
        case "replay":
            _check_replay(head, question["states"])


def _check_load(head: Head, parts: list[bytes]) -> None:
    """A description, which `rebuild` looks into, or the reason why there is none."""
    if not parts:
        _is(head.get("undescribed"), str, "undescribed")
        head["undescribed"] = one_line(head["undescribed"])
    gaps = head.get("unconfined", [])
    _is(gaps, list, "unconfined")
    for gap in gaps:
        _is(gap, str, "unconfined")
    head["unconfined"] = [one_line(gap) for gap in gaps[:10]]


def _check_rewards(rewards: np.ndarray) -> None:
    fits = np.abs(rewards) <= MAX_REWARD  # false for nan, too
    if not fits.all():
        found = rewards[~fits][0]
        raise Malformed(f"a reward of {found:g}: a reward must be finite and within ±1e5")


def _check_replay(head: Head, before: list[Any]) -> None:
    """Rewards of the cars, and as many values of their states, into which `words` looks."""
    rewards: Any = head.get("rewards")
    states: Any = head.get("states")
    for name, values in (("rewards", rewards), ("states", states)):
        _is(values, list, name)
        if len(values) != len(before):
            raise Malformed(f"{len(values):,} {name} for {len(before):,} cars")
    for reward in rewards:
        if type(reward) not in (int, float):
            raise Malformed(f"a reward of {_typed(reward)}")
    try:
        _check_rewards(np.array(rewards, float))
    except OverflowError:  # an int of hundreds of digits
        _check_rewards(np.array([np.inf]))


def _is(value: object, kind: type, name: str) -> None:
    if type(value) is not kind:
        raise Malformed(f"{name} {_typed(value)}")


def _typed(value: object) -> str:
    return f"{type(value).__name__} {shown(value)}"
