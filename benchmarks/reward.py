"""How many calls a second a reward takes, compiled and interpreted, and how soon it starts.

Out: a table, and with ``--json FILE`` the same figures with the machine, the commit and the
versions. Both paths run in this process on the same batch, in turns, on one thread; what counts is
processor time, so the figures are per core. The starts are those of new processes, with an empty
cache and with the one that the first start left, on the clock on the wall: from before the import
to the first rewards.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_names, example_reward
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.simulator import Simulator

REPEATS = 7
START = """
import json, sys, time
begin = time.perf_counter()
import numpy as np
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches
reward = load_reward(sys.argv[1])
reward(probe_batches(64, 1)[0])
print(time.perf_counter() - begin)
"""


def main() -> None:
    """Measures, prints, and writes the file that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="reward functions (default: examples)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--cars", type=int, default=4096, help="cars a batch")
    options = parser.parse_args()
    files = options.files or [example_reward(name) for name in example_names()]
    rows = [measure(path, driven_batch(options.cars)) for path in files]
    figures = {
        "machine": platform.processor() or platform.machine(),
        "commit": commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cars": options.cars,
        "rewards": rows,
    }
    print_table(rows)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def driven_batch(cars: int) -> dict[str, Any]:
    """The columns of cars that have driven a second, as a training sees them."""
    sim = Simulator("reinvent_base", cars, (), seed=1)
    sim.reset()
    rng = np.random.default_rng(0)
    for _ in range(15):
        commands = np.column_stack([rng.uniform(-30, 30, cars), rng.uniform(0.5, 4.0, cars)])
        result = sim.step(commands)
    return dict(result.params)


def measure(path: Path, batch: dict[str, Any]) -> dict[str, Any]:
    """The figures of one reward function."""
    reward = load_reward(path)
    cars = np.arange(np.size(batch["x"]))
    interpreter = Interpreter(compile_source(read_reward(path)))
    reward.use_one_thread()
    reward(batch)
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(REPEATS):
        slow.append(processor_time(lambda: interpreter.run(batch, cars), 1))
        fast.append(processor_time(lambda: reward(batch), 100))
    first, cached = starts(path)
    return {
        "reward": path.name,
        "mode": reward.mode,
        "reason": reward.reason,
        "compiled_calls_per_second_per_core": len(cars) / min(fast),
        "interpreted_calls_per_second_per_core": len(cars) / min(slow),
        "ratio": min(slow) / min(fast),
        "first_start_seconds": first,
        "cached_start_seconds": cached,
    }


def processor_time(action: Callable[[], Any], times: int) -> float:
    """Seconds of processor time that one of several calls takes."""
    before = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - before) / times


def starts(path: Path) -> tuple[float, float]:
    """Seconds to the first rewards of a new process, without and with the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ) | {"DEEPRACER_FAST_CACHE": folder}
        command = [sys.executable, "-c", START, str(path)]
        found = [
            float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
            for _ in range(2)
        ]
    return found[0], found[1]


def commit() -> str:
    """The commit that was measured; "" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()


def print_table(rows: list[dict[str, Any]]) -> None:
    """One reward function a line."""
    print(f"{'reward':32} {'mode':11} {'compiled/s':>12} {'Python/s':>10} {'ratio':>6}  start, s")
    for row in rows:
        print(
            f"{row['reward']:32} {row['mode']:11} "
            f"{row['compiled_calls_per_second_per_core']:12,.0f} "
            f"{row['interpreted_calls_per_second_per_core']:10,.0f} {row['ratio']:6.0f}  "
            f"{row['first_start_seconds']:.2f}, cached {row['cached_start_seconds']:.2f}"
        )


if __name__ == "__main__":
    main()
