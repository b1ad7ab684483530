"""How many calls a second a reward takes, compiled and interpreted, and how soon it starts.

Out: a table, and with ``--json FILE`` the same figures with the machine, the commit and the
versions. Three ways run on the same batch, in turns: compiled, on one thread; plain Python, which
is handed the whole params as the original did; and interpreted in the worker's process, which is
handed the keys that the text reads. What counts is the processor time of both processes, so the
figures are per core. The starts are those of new processes, with an empty cache and with the one
that the first start left: from before the import to the first rewards on the clock on the wall, and
the processor time of the whole process with its worker, which a busy machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
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
from deepracer_fast.reward.interpret import Interpreter, params_dicts
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.reward.sandbox.process import Sandbox
from deepracer_fast.world.simulator import Simulator

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
        "date": time.strftime("%Y-%m-%d"),
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
    worker = Sandbox(read_reward(path), 60.0)
    worker.load(compile_too=False)
    function = Interpreter(compile_source(read_reward(path))).function_of(0)

    def plain() -> list[float]:
        return [float(function(params)) for params in params_dicts(batch, cars)]

    def interpret() -> None:
        worker.run(batch, cars, some=False)
        worker.rewards(len(cars))

    reward.use_one_thread()
    reward(batch)
    fast: list[float] = []
    slow: list[float] = []
    python: list[float] = []
    for _ in range(REPEATS):
        started = worker._worked()
        slow.append(processor_time(interpret, 20) + (worker._worked() - started) / 20)
        python.append(processor_time(plain, 1))
        fast.append(processor_time(lambda: reward(batch), 100))
    first, cached = starts(path)
    return {
        "reward": path.name,
        "mode": reward.mode,
        "reason": reward.reason,
        "compiled_calls_per_second_per_core": len(cars) / min(fast),
        "interpreted_calls_per_second_per_core": len(cars) / min(slow),
        "python_calls_per_second_per_core": len(cars) / min(python),
        "ratio_to_interpreted": min(slow) / min(fast),
        "ratio_to_python": min(python) / min(fast),
        "first_start_seconds": first[0],
        "first_start_processor_seconds": first[1],
        "cached_start_seconds": cached[0],
        "cached_start_processor_seconds": cached[1],
    }


def processor_time(action: Callable[[], Any], times: int) -> float:
    """Seconds of processor time that one of several calls takes."""
    before = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - before) / times


def starts(path: Path) -> list[tuple[float, float]]:
    """Without and with the cache: seconds to the first rewards of a new process, and its work."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ) | {"DEEPRACER_FAST_CACHE": folder}
        command = [sys.executable, "-c", START, str(path)]
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found.append((float(done.stdout), worked))
    return found


def commit() -> str:
    """The commit that was measured; "" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()


def print_table(rows: list[dict[str, Any]]) -> None:
    """One reward function a line."""
    heads = ("compiled/s", "Python/s", "ratio", "interpreted/s", "ratio")
    print(f"{'reward':32} {'mode':11}", *(f"{head:>13}" for head in heads), " start, s (worked)")
    for row in rows:
        calls = [
            row[f"{way}_calls_per_second_per_core"] for way in ("compiled", "python", "interpreted")
        ]
        figures = [
            calls[0],
            calls[1],
            row["ratio_to_python"],
            calls[2],
            row["ratio_to_interpreted"],
        ]
        print(
            f"{row['reward']:32} {row['mode']:11}",
            *(f"{figure:13,.0f}" for figure in figures),
            f" {row['first_start_seconds']:.2f} ({row['first_start_processor_seconds']:.2f}), "
            f"cached {row['cached_start_seconds']:.2f} "
            f"({row['cached_start_processor_seconds']:.2f})",
        )


if __name__ == "__main__":
    main()
