"""What a reward function's text shows to be wrong, and what it does not."""

import pytest

from deepracer_fast.reward.loading import RewardSource
from deepracer_fast.reward.text_faults import text_faults


def faults(text: str) -> list[tuple[int, int, str]]:
    found = text_faults(RewardSource("reward.py", "reward.py", text))
    return [(fault.span.line, fault.span.start, fault.what) for fault in found]


def in_function(body: str) -> str:
    return "def reward_function(params):\n" + "".join(f"    {line}\n" for line in body.split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        in_function("if params['steps'] > 1e6:\n    return params['sped']\nreturn 1"),
        "def reward_function(p):\n    x = lambda: p['sped']\n    return 1\n",
        "def go(given, q):\n    return q['sped']\n" + in_function("return go(1, params)"),
        "def go(given, q):\n    return q['sped']\n" + in_function("return go(1, q=params)"),
        "class A:\n  def __init__(self, p):\n    self.x = p['sped']\n" + in_function("A(params)"),
        "class A:\n  def go(self, p):\n    return p['sped']\na = A()\n"
        + in_function("return a.go(params)"),
        "class A:\n  def reward_function(self, params):\n    return params['sped']\n"
        "reward_function = A().reward_function\n",
    ],
)
def test_a_key_that_params_does_not_have_is_found_where_params_are_handed_on(text: str) -> None:
    ((_, _, what),) = faults(text)
    assert what == "params has no key 'sped' (did you mean 'speed'?)"


def test_a_name_that_nothing_defines_is_found_at_its_place() -> None:
    text = in_function("é = 1.0; x = é + bonus if params['x'] > 1e9 else 0\nreturn x")
    assert faults(text) == [(2, 21, "the name 'bonus' is defined nowhere")]


@pytest.mark.parametrize(
    "text",
    [
        in_function("return params['speed'] + params['crashed']"),
        in_function("params['mine'] = 1\nreturn params['mine']"),
        in_function("params.update(mine=1)\nreturn params['mine']"),
        in_function("if 'mine' in params:\n    return params['mine']\nreturn 1"),
        in_function("try:\n    return params['mine'] + bonus\nexcept Exception:\n    return 1"),
        in_function("try:\n    return params['mine'] + bonus\nexcept:\n    return 1"),
        "def go(p):\n    return p['mine'] + bonus\n"
        + in_function("try:\n    return go(params)\nexcept (KeyError, NameError):\n    return 1"),
        "import contextlib\n"
        + in_function("with contextlib.suppress(KeyError):\n    return params['mine']\nreturn 1"),
        "def go(params):\n    return params['mine']\n" + in_function("return go({'mine': 1})"),
        in_function("params = {}\nreturn params['mine']"),
        in_function("return params.get('mine', 1)"),
        in_function("global last\nlast = 1\nreturn last"),
        "def go():\n    return last\n" + in_function("global last\nlast = 1\nreturn go()"),
        "from math import *\n" + in_function("return sqrt(2)"),
        "exec('bonus = 1')\n" + in_function("return bonus"),
        "class A:\n    x = 1\n    y = x\n" + in_function("return A.y + len(__name__)"),
        "for bonus in range(3):\n    pass\n" + in_function("return bonus"),
    ],
)
def test_what_may_be_meant_is_no_fault(text: str) -> None:
    assert faults(text) == []
