"""Compiled code against plain Python, expression by expression, at the edges where they differ."""

import ast
import itertools
import math
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import CORPUS

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.compiled import CompiledReward
from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.compiler.runtime.machine import Machine
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox.describe import Description
from deepracer_fast.reward.sandbox.rebuild import rebuild
from deepracer_fast.reward.translating import Made, compile_module

VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.0, -7.25, 1e-9, 1e18, 2.675, 1.005, 100.0, 0.1]
PAIRS = list(itertools.product(VALUES, VALUES))


def made_of(source: str) -> tuple[Made, Interpreter]:
    text = compile_source(read_reward(source))
    interpreter = Interpreter(text)
    description = Description(interpreter.new_module(), text.filename)
    return compile_module(rebuild(description.text), ast.parse(source)), interpreter


def both(source: str, batch: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, list[float | None]]:
    """Compiled rewards, what the code gave up, and what Python gives (None: it raises)."""
    made, interpreter = made_of(source)
    cars = len(batch["x"])
    compiled = CompiledReward(Machine(made.code), made.layout)
    rewards, status, _ = compiled.run(batch, np.ones(cars, bool))
    plain: list[float | None] = []
    for car in range(cars):
        try:
            plain += interpreter.run(batch, np.array([car]))
        except RewardError:
            plain.append(None)
    return rewards, status, plain


def check(source: str, batch: dict[str, Any]) -> int:
    """Compares all cars; the number of calls that the code gave up though Python does not."""
    rewards, status, plain = both(source, batch)
    spared = 0
    for reward, gave_up, expected in zip(rewards, status, plain, strict=True):
        if expected is None:
            assert gave_up, source
        elif gave_up:
            spared += 1
        else:
            assert math.isclose(reward, expected, rel_tol=1e-12), (source, reward, expected)
    return spared


def pairs_batch() -> dict[str, Any]:
    batch = probe_batches(len(PAIRS), 1, objects=3)[0]
    batch["x"], batch["y"] = (np.array(column) for column in zip(*PAIRS, strict=True))
    return batch


EXPRESSIONS = """
x + y; x - y; x * y; x / y; x // y; x % y; divmod(x, y)[0]; x ** y; abs(x) ** 0.5; x ** 2; -x
int(x) // 3; int(x) % 3; int(x) // -3; int(x) % -3; int(x) / int(y); int(x) ** 2
2 ** min(int(y), 60); int(x) * int(y); int(x) & 3; int(x) | 4; ~int(x); int(x) << 2; int(x) >> 1
round(x); round(x, 1); round(x, 2); round(x, 0); min(x, y); max(x, y, 1); max(0, x)
min([x, y, 2]); abs(x); int(x); bool(x); float(int(x)); x < y; x == y; 0 < x <= y; x != y or y
x and y; not x; x if x > y else y; math.sqrt(x); math.log(x); math.exp(x); math.atan2(y, x)
math.floor(x); math.ceil(x); math.hypot(x, y); math.fmod(x, y); math.pow(x, y); math.degrees(x)
math.copysign(x, y); math.acos(x); math.isclose(x, y); np.sqrt(abs(x)); np.clip(x, -1, 1)
np.sign(x); np.round(x, 2); np.arctan2(y, x); np.maximum(x, y)
np.float64(abs(x)) / max(abs(y), 1); np.array([x, y]).sum(); np.mean([x, y])
np.dot([x, 1], [y, 2]); sum([x, y]); sum([x, y], 3); len([x, y]); sorted([x, y, 1])[1]
[x, y][x > y]; (x, y) < (y, x); [x, y, 1].index(1); x in [0, 1, 2.5]; int(x) in range(0, 9, 2)
any([x, y]); all([x > 0, y > 0]); [v * 2 for v in [x, y, 1] if v > 0][-1]; max([x, y], key=abs)
{'a': x, 'b': y}['b' if x else 'a']; 'abc'[int(abs(x)) % 3] == 'b'; ('a' if x > 0 else 'b') == 'b'
(lambda a, b=2: a * b)(x); [1, 2, 3][int(x)]; (1, 2, 3)[-int(abs(y))]
[[1, 2], [3, 4]][x > 0][y > 0]; [0.5, 1][::-1][0]; list(range(int(abs(x)) % 7))[-1]
[i for i in range(5)][1:int(abs(y)) % 5][0]; next(v for v in [x, y] if v); x is None
(None if x > 0 else y) or 3; isinstance(x, float); isinstance(int(x), int); math.pi * x
"""


@pytest.mark.parametrize(
    "expression", [e.strip() for line in EXPRESSIONS.split("\n") for e in line.split("; ") if e]
)
def test_an_expression_gives_what_python_gives(expression: str) -> None:
    source = f"""
import math
import numpy as np
def reward_function(params):
    x, y = params['x'], params['y']
    return max(-9e4, min(9e4, {expression}))
"""
    spared = check(source, pairs_batch())
    # Ints beyond 2**53, complex numbers and powers that Python computes exactly are left to it.
    assert spared <= 0.35 * len(PAIRS)


def test_an_error_within_try_leads_where_python_leads() -> None:
    source = """
import math
def reward_function(params):
    x, y = params['x'], params['y']
    total = 0.0
    for k, action in enumerate((lambda: x / y, lambda: math.sqrt(x), lambda: [1, 2][int(x)],
                                lambda: x % y, lambda: {'a': 1}['b'], lambda: None + x)):
        try:
            value = action()
            total += 1
        except ZeroDivisionError:
            total += 10
        except (ValueError, IndexError):
            total += 100
        except Exception:
            total += 1000 + k
        else:
            total += 10000 if value > 1 else 0
    return total
"""
    spared = check(source, pairs_batch())
    assert spared <= len(VALUES)  # int(1e18) is left to Python


def test_state_of_every_kind_lives_on_per_car() -> None:
    source = """
count, label, last, best, trail = 0, 'new', None, (0.0, 0), []
class Box:
    seen = 0
    def __init__(self): self.flag, self.items = False, [1.0]
box = Box()
table = {'a': 1, 'b': None}
def reward_function(params):
    global count, label, last, best, trail
    count += 1
    label = 'even' if count % 2 == 0 else 'odd'
    gap = 0.0 if last is None else params['x'] - last
    last = params['x']
    best = max(best, (params['y'], count))
    trail = (trail + [params['speed']])[-3:]
    Box.seen += 2
    box.flag = not box.flag
    box.items.append(params['y'])
    table['b'] = (table['b'] or 0) + 1
    return (count + gap + best[0] + best[1] + sum(trail) + Box.seen + box.flag
            + sum(box.items[-4:]) + len(box.items) + table['b'] + (label == 'odd') * 0.5)
"""
    reward = load_reward(source)
    batches = probe_batches(6, 40)
    plain = Interpreter(compile_source(read_reward(source)))
    for batch in batches:
        expected = plain.run(batch, np.arange(6))
        np.testing.assert_allclose(reward(batch), expected, rtol=1e-6)
    assert reward.mode == "compiled", reward.reason


def test_variables_around_a_closure_live_on_per_car() -> None:
    source = """
def counted():
    count, last, seen = 0, None, [0.0]
    def reset():
        nonlocal count
        count = 0
    def inner(params):
        nonlocal count, last
        count += 1
        if count > 7:
            reset()
        gap = 0.0 if last is None else params['x'] - last
        last = params['x']
        seen[0] += gap
        if params['steps'] == 9:
            params['nothing']
        return count + gap + seen[0]
    return inner
base = counted()
def reward_function(params):
    try:
        return base(params)
    except KeyError:
        return -1.0
"""
    reward = load_reward(source)
    plain = Interpreter(compile_source(read_reward(source)))
    for batch in probe_batches(6, 40):
        np.testing.assert_allclose(reward(batch), plain.run(batch, np.arange(6)), rtol=1e-6)
    assert reward.mode == "compiled", reward.reason


@pytest.mark.parametrize(
    "body",
    [
        "def f(v):\n        return v / 2\n    r = sum([f for f in [1, 2]]) + f(y)",
        "v = [x, y]\n    v.sort(key=None)\n    r = v[0]",
    ],
    ids=["a comprehension's variable named as a function", "a sort without a key"],
)
def test_a_body_gives_what_python_gives(body: str) -> None:
    source = f"""
def reward_function(params):
    x, y = params['x'], params['y']
    {body}
    return max(-9e4, min(9e4, r))
"""
    assert check(source, pairs_batch()) == 0


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    path = CORPUS["heading_alignment"]
    batch = probe_batches(20_000, 1)[0]
    one, many = load_reward(path), load_reward(path)
    one.use_one_thread()
    many._runner.threads = 5
    np.testing.assert_array_equal(one(batch), many(batch))


def test_a_number_too_large_for_the_machine_is_left_to_python() -> None:
    source = """
def reward_function(params):
    n = 3 ** int(params['x'])
    return n % 1000
"""
    batch = probe_batches(4, 1)[0] | {"x": np.array([1.0, 5.0, 60.0, 300.0], np.float32)}
    expected = [3**n % 1000 for n in (1, 5, 60, 300)]
    assert load_reward(source)(batch).tolist() == expected


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("import random\n    return random.random()", 3, "calls random"),
        ("return max({params['x'], 1.0})", 2, "a set made while it runs"),
        ("params['waypoints'].append((0, 0))\n    return 1", 2, "changes a list of params"),
        ("d = {}\n    d[params['steps']] = 1\n    return 1", 3, "a dict key that is not known"),
        ("with open('x') as f:\n        pass\n    return 1", 2, "the statement with"),
    ],
)
def test_what_cannot_be_compiled_is_named_with_its_line(body: str, line: int, what: str) -> None:
    with pytest.raises(Unsupported, match=what) as caught:
        made_of(f"def reward_function(params):\n    {body}\n")
    assert caught.value.line == line


def test_a_compiled_reward_is_found_again(reward_cache: Path) -> None:
    source = "def reward_function(params):\n    return params['x'] + 12.25\n"
    before = set(reward_cache.iterdir())
    first = load_reward(source)
    (made,) = set(reward_cache.iterdir()) - before
    again = load_reward(source)
    assert first._runner._workers and not again._runner._workers  # type: ignore[attr-defined]
    batch = probe_batches(3, 1)[0]
    np.testing.assert_array_equal(first(batch), again(batch))
    made.write_bytes(made.read_bytes()[:-9])  # a file that is broken is made anew
    assert load_reward(source)._runner._workers  # type: ignore[attr-defined]


def test_a_compiled_reward_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reward = load_reward("def reward_function(params):\n    return params['x']\n")
    other = load_reward("def reward_function(params):\n    return params['x'] * 2\n")
    runner = reward._runner
    runner._compiled = other._runner._compiled  # type: ignore[attr-defined]
    batch = probe_batches(3, 1)[0]
    reward(batch)
    assert reward.mode == "interpreted" and "where Python gives" in reward.reason
    np.testing.assert_allclose(reward(batch), batch["x"])


@pytest.mark.skipif(
    platform.machine() != "x86_64" or shutil.which("readelf") is None, reason="reads ELF for x86-64"
)
def test_code_constants_and_library_may_lie_anywhere(tmp_path: Path) -> None:
    source = "math.sin(params['x']) * [1.5, 2.5, 3.5][int(params['y']) % 3] ** 0.7"
    made, _ = made_of(f"import math\ndef reward_function(params):\n    return {source}\n")
    (tmp_path / "kernel.o").write_bytes(made.code)
    listing = subprocess.run(
        ["readelf", "-rW", tmp_path / "kernel.o"], capture_output=True, text=True, check=True
    )
    kinds = set(re.findall(r"R_X86_64_\w+", listing.stdout))
    assert kinds and kinds <= {"R_X86_64_64", "R_X86_64_PC64"}  # no address in 32 bits


@pytest.mark.parametrize("cars", [1, 127, 128, 129, 300])
@pytest.mark.parametrize("wide", [False, True])
def test_each_car_of_a_long_batch_gets_its_own(cars: int, wide: bool) -> None:
    source = """
def reward_function(params):
    if params['speed'] >= 1.4 and not params['is_crashed']:
        return 10 / int(params['progress'] / 9)  # now and then a division by zero
    return params['x'] * params['closest_waypoints'][1] - params['steering_angle']
"""
    made, interpreter = made_of(source)
    batch = probe_batches(cars, 3)[2]
    rng = np.random.default_rng(1)
    batch["speed"] = rng.choice(np.array([0.7, 1.4, 2.1], np.float32), cars)
    batch["progress"] = rng.uniform(0.0, 100.0, cars).astype(np.float32)
    if wide:
        kinds = {"f": np.float64, "i": np.int64, "b": np.bool_}
        batch = {name: column.astype(kinds[column.dtype.kind]) for name, column in batch.items()}
    where = rng.random(cars) < 0.8
    compiled = CompiledReward(Machine(made.code), made.layout)
    rewards, status, complete = compiled.run(batch, where)
    fast = batch["speed"] >= (1.4 if wide else 1.39)  # a float32 is 1.4, a float64 1.39999998
    zero = where & fast & ~batch["is_crashed"] & (batch["progress"] < 9)
    np.testing.assert_array_equal(status, np.where(zero, 4, 0))
    assert complete == (not zero.any())
    called = np.flatnonzero(where & ~zero)
    np.testing.assert_array_equal(rewards[called], interpreter.run(batch, called))
    assert not rewards[~where | zero].any()


def test_a_case_that_always_fails_leaves_the_cases_before_it() -> None:
    source = """
class Box:
    pass
box = Box()
def reward_function(params):
    match int(params['x']):
        case 0:
            r = 1.0
        case box.nothing:
            r = 2.0
    return r
"""
    check(source, pairs_batch())
