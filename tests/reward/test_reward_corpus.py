"""Every function of the corpus: the mode it is said to have, and plain Python's numbers.

The states come from a drive: cars of the simulator that steer badly enough to leave the road, with
crash flags, finished laps and objects added, since a time trial alone shows few of them.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import CORPUS

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward, params_dict
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.world.simulator import Simulator

CARS, STEPS = 12, 30
Batches = list[dict[str, Any]]


def expected_mode(path: Path) -> str:
    first = path.read_text().split("\n")[0]
    assert first.startswith("# expect: "), path
    return first.removeprefix("# expect: ")


def of_mode(*modes: str) -> list[Any]:
    return [
        pytest.param(path, id=name) for name, path in CORPUS.items() if expected_mode(path) in modes
    ]


@pytest.fixture(scope="module")
def drives() -> list[Batches]:
    """Two drives of the same cars: a time trial, and one among objects."""
    rng = np.random.default_rng(5)
    sim = Simulator("reinvent_base", CARS, (), 1, seed=3)
    sim.reset()
    alone: Batches = []
    for step in range(STEPS):
        commands = np.column_stack([rng.uniform(-30, 30, CARS), rng.choice([0.5, 1.4, 4.0], CARS)])
        params = {name: np.array(column) for name, column in sim.step(commands).params.items()}
        params["is_crashed"] = rng.random(CARS) < 0.05
        params["is_offtrack"] = params["is_offtrack"] | (rng.random(CARS) < 0.05)
        if step % 10 == 9:
            params["progress"][::3] = 100.0
        if step > 0:  # the first is the step that prepares
            alone.append(params)
    objects = probe_batches(CARS, STEPS, objects=3)
    names = [name for name in objects[0] if "object" in name]
    among = [p | {name: o[name] for name in names} for p, o in zip(alone, objects, strict=False)]
    return [alone, among]


def plain_function(path: Path) -> Callable[[dict[str, Any]], Any]:
    namespace: dict[str, Any] = {"__name__": "plain"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    function: Callable[[dict[str, Any]], Any] = namespace["reward_function"]
    return function


def plain_rewards(path: Path, batches: Batches) -> np.ndarray:
    """What plain Python gives, a module a car, as the original had a process a car."""
    import sys
    from types import ModuleType

    sys.modules["plain"] = ModuleType("plain")  # where dataclasses look
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        functions = [plain_function(path) for _ in range(CARS)]
        rows = [
            [float(function(params_dict(batch, car))) for car, function in enumerate(functions)]
            for batch in batches
        ]
    return np.array(rows)


def test_the_corpus_is_large_and_mostly_compiled() -> None:
    modes = [expected_mode(path) for path in CORPUS.values()]
    assert len(modes) >= 40
    assert modes.count("compiled") >= 0.75 * len(modes)


@pytest.mark.parametrize("path", of_mode("compiled", "interpreted"))
def test_a_function_gives_what_plain_python_gives(path: Path, drives: list[Batches]) -> None:
    for batches in drives:
        reward = load_reward(path)
        found = np.array([reward(batch) for batch in batches])
        if path.stem == "random_exploration":
            np.testing.assert_allclose(found, 1.0, atol=0.0101)
            continue
        # rtol: rewards are float32, which resolves 6e-8
        np.testing.assert_allclose(found, plain_rewards(path, batches), rtol=1e-6, atol=1e-30)
        assert reward.mode == expected_mode(path), reward.reason


@pytest.mark.parametrize("path", of_mode("interpreted"))
def test_what_is_not_compiled_says_the_line_and_why(path: Path) -> None:
    reason = load_reward(path).reason
    assert reason.startswith("line ") and len(reason.split(": ", 1)[1]) > 5


@pytest.mark.parametrize("path", of_mode("error"))
def test_a_broken_function_is_refused_with_its_line(path: Path, drives: list[Batches]) -> None:
    with pytest.raises(RewardError) as caught:
        reward = load_reward(path, time_limit=4.0)
        for batch in drives[0]:
            reward(batch)
    where = str(path) if path.stem == "wrong_name" else f"{path}, line "
    assert str(caught.value).startswith(where)
