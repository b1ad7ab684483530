"""The clock of a reward function is simulated time, and its chance the same in every run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox.clock import EPOCH

CARS, STEPS = 4, 3
# Cars whose clocks differ, a step of 1/15 s after the other.
BATCHES: list[dict[str, Any]] = [
    batch | {"sim_time": 10.0 * np.arange(CARS) + step / 15}
    for step, batch in enumerate(probe_batches(CARS, STEPS))
]
EXPECTED = np.array([batch["sim_time"] for batch in BATCHES])


def rewards_of(source: str | Path, batches: list[dict[str, Any]] = BATCHES) -> np.ndarray:
    reward = load_reward(source)
    return np.array([reward(batch) for batch in batches])


@pytest.mark.parametrize(
    "expression",
    [
        f"time.time() - {EPOCH}",
        f"time.time_ns() / 1e9 - {EPOCH}",
        "time.monotonic()",
        "time.perf_counter_ns() / 1e9",
        "time.process_time()",
        f"time.clock_gettime(time.CLOCK_REALTIME) - {EPOCH}",
        "time.clock_gettime(time.CLOCK_MONOTONIC)",
        "timeit.default_timer()",
        f"datetime.datetime.now().replace(tzinfo=datetime.timezone.utc).timestamp() - {EPOCH}",
        f"datetime.datetime.now(datetime.timezone.utc).timestamp() - {EPOCH}",
        "(datetime.datetime.utcnow() - datetime.datetime(2020, 1, 1)).total_seconds()",
    ],
)
def test_each_clock_tells_the_cars_simulated_time(expression: str) -> None:
    text = f"import datetime, time, timeit\ndef reward_function(params):\n    return {expression}\n"
    # atol: seconds since 1970 are resolved to 2.4e-7 in float64, and nanoseconds are whole
    np.testing.assert_allclose(rewards_of(text), EXPECTED, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("time.gmtime().tm_year + time.localtime().tm_yday", 2021),
        ("float(time.strftime('%Y')) + float(time.ctime()[-4:])", 4040),
        ("datetime.date.today().year + datetime.datetime.today().month", 2021),
        ("isinstance(datetime.datetime(1, 1, 1), datetime.date)", 1),
        ("isinstance(datetime.date(1, 1, 1), datetime.datetime)", 0),
        ("(datetime.datetime.now() - datetime.timedelta(1)).year", 2019),
    ],
)
def test_dates_begin_with_the_simulation(expression: str, value: float) -> None:
    text = f"import datetime, time\ndef reward_function(params):\n    return {expression}\n"
    assert rewards_of(text)[0, 0] == value


def test_a_recording_without_a_clock_has_that_of_its_steps() -> None:
    batches = [{k: v for k, v in batch.items() if k != "sim_time"} for batch in BATCHES]
    text = "import time\ndef reward_function(params):\n    return time.monotonic()\n"
    expected = np.array([batch["steps"] / 15 for batch in batches])
    np.testing.assert_allclose(rewards_of(text, batches), expected, rtol=1e-6)


def test_no_time_passes_within_a_call_and_nothing_sleeps() -> None:
    text = (
        "import time\ndef reward_function(params):\n    before = time.time()\n"
        "    time.sleep(1000)\n    return time.time() - before\n"
    )
    assert not rewards_of(text).any()


def test_a_speed_by_the_wall_clock_is_that_of_the_car(shared: Path) -> None:
    found = rewards_of(shared / "cases" / "rewards" / "wall_clock.py")
    progress = np.array([batch["progress"] for batch in BATCHES], float)
    expected = np.clip(np.diff(progress, axis=0) * 15, 0.0, 1000.0)
    np.testing.assert_allclose(found, [np.zeros(CARS), *expected], rtol=1e-4)
    assert (rewards_of(shared / "cases" / "rewards" / "wall_clock.py") == found).all()


@pytest.mark.parametrize(
    "expression",
    [
        "random.random()",
        "random.Random().random()",
        "np.random.rand()",
        "np.random.default_rng().random()",
        "np.random.RandomState().rand()",
    ],
)
def test_chance_without_a_seed_is_the_same_in_every_run(expression: str) -> None:
    head = "import random\nimport numpy as np\n"
    text = f"{head}def reward_function(params):\n    return {expression}\n"
    first, second = rewards_of(text), rewards_of(text)
    assert (first == second).all()
    assert len(np.unique(first)) == first.size
