"""Marks in a reward function's code: they say which ways its calls took, and change nothing."""

import ast
from pathlib import Path

import numpy as np
import pytest
from corpus import CORPUS

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.branches import branches_of
from deepracer_fast.reward.loading import read_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.watched import WatchedReward

CARS = np.arange(8)

WAYS = '''
"""A docstring."""
if False:
    never = 1


def helper(x):
    """Another."""
    for _ in range(int(x)):
        pass
    while False:
        pass
    return x


def unused():
    if True:
        return 1


def reward_function(params):
    if params["x"] > 1e9: return 1.0
    elif params["x"] > 1e8:
        return 2.0
    if params["x"] > -1e9:
        value = 1.0 if params["y"] < 1e9 else 2.0
    try:
        value += (lambda: 0.0)()
    except ValueError:
        value = 3.0
    match value:
        case 7.0:
            return 7.0
        case _:
            return helper(value)
'''


def missed(text: str) -> list[tuple[int, str]]:
    watched = WatchedReward(read_reward(text), 10.0)
    try:
        for batch in probe_batches(len(CARS), 3):
            watched.run(batch, CARS)
        return [(branch.line, branch.missed) for branch in watched.missed()]
    finally:
        watched.close()


def test_the_ways_that_no_call_took_are_named() -> None:
    assert missed(WAYS) == [
        (11, "never entered"),
        (16, "never called"),
        (22, "never true"),
        (23, "never true"),
        (25, "never false"),
        (26, "never false"),
        (29, "never needed"),
        (32, "never matched"),
    ]


def test_only_the_outermost_of_ways_within_each_other_is_named() -> None:
    text = "def reward_function(params):\n    if params['x'] > 1e9:\n        if params['y']:\n"
    assert missed(f"{text}            return 2\n    return 1\n") == [(2, "never true")]


def test_a_long_chain_of_elifs_is_marked() -> None:
    chain = "".join(
        f"    elif params['steps'] == {k}:\n        return {k}\n" for k in range(99, 900)
    )
    text = f"def reward_function(params):\n    if params['x'] > 1e9:\n        return 1\n{chain}"
    assert len(missed(f"{text}    return 0\n")) == 802


@pytest.mark.parametrize("name", ["racing_line_class", "closure_factory", "string_states"])
def test_marked_code_gives_what_plain_code_gives(name: str) -> None:
    path = CORPUS[name]
    watched, plain = WatchedReward(read_reward(path), 10.0), load_reward(path)
    for batch in probe_batches(len(CARS), 12):
        np.testing.assert_allclose(watched.run(batch, CARS), plain(batch), rtol=1e-6)
    watched.close()


def test_a_fault_in_marked_code_is_shown_as_it_stands_in_the_file() -> None:
    text = "def reward_function(params):\n    return 1.0 if params['x'] > 1e9 else 1 / 0\n"
    watched = WatchedReward(read_reward(text), 10.0)
    with pytest.raises(RewardError) as caught:
        watched.run(probe_batches(8, 1)[0], CARS)
    _, shown, carets, _ = str(caught.value).split("\n")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "1 / 0"
    watched.close()


def test_cars_forget_between_drives() -> None:
    body = "    global calls\n    calls += 1\n    return calls\n"
    text = f"calls = 0\ndef reward_function(params):\n{body}"
    watched = WatchedReward(read_reward(text), 10.0)
    batch = probe_batches(8, 1)[0]
    assert [watched.run(batch, CARS)[0] for _ in range(3)] == [1.0, 2.0, 3.0]
    watched.forget()
    assert watched.run(batch, CARS).tolist() == [1.0] * 8
    watched.close()


@pytest.mark.parametrize("path", CORPUS.values(), ids=CORPUS)
def test_branches_lie_in_branches_before_them(path: Path) -> None:
    if path.stem == "broken_syntax":
        return
    branches = branches_of(path.read_text())
    assert branches or "lambda" in path.read_text()
    for number, branch in enumerate(branches):
        assert branch.within is None or branch.within < number
    assert len(branches) <= len(list(ast.walk(ast.parse(path.read_text()))))
