"""Which keys a reward function reads, as its text shows it."""

import pytest

from deepracer_fast.reward import load_reward
from deepracer_fast.reward.keys_read import keys_read
from deepracer_fast.reward.probe import probe_batches


def reads(body: str, rest: str = "") -> frozenset[str] | None:
    return keys_read(f"def reward_function(params):\n    {body}\n{rest}")


def test_constant_keys_are_found() -> None:
    assert reads("return params['x'] + params.get('speed', 0) + float(params['y'])") == {
        "x",
        "speed",
        "y",
    }


def test_keys_are_found_in_functions_that_params_are_handed_on_to() -> None:
    rest = """
def first(p, n):
    return p["heading"] + second(n, p)
def second(n, q):
    return q["steps"]
"""
    assert reads("return first(params, 2)", rest) == {"heading", "steps"}


@pytest.mark.parametrize(
    "body",
    [
        "return len(params)",
        "p = params; return p['x']",
        "params['x'] = 1.0; return params['x']",
        "return params[key]",
        "print(params); return 1.0",
        "return 1.0 if 'x' in params else 0.0",
        "return sum(1 for key in params)",
        "return score(**params)",
        "return rule(params)",
        "return locals()['params']['x']",
        "return (lambda: params)()['x']",
    ],
)
def test_any_other_use_may_read_every_key(body: str) -> None:
    assert reads(body) is None


@pytest.mark.parametrize("arguments", ["*params", "params, /", "*, params=None"])
def test_unusual_arguments_may_read_every_key(arguments: str) -> None:
    assert keys_read(f"def reward_function({arguments}): return params['x']") is None


def test_an_interpreted_function_is_handed_what_it_reads_only() -> None:
    text = """
seen = []
def reward_function(params):
    return helper(params)
def helper(given):
    return float("%.1f" % given["speed"])
"""
    reward, whole = load_reward(text), load_reward(text + "def other(given): return len(given)\n")
    assert reward.mode == whole.mode == "interpreted"
    batch = probe_batches(8, 1)[0]
    assert reward(batch).tolist() == whole(batch).tolist()
