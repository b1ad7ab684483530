"""Steps per second of other camera-driving simulators, each in whatever Python runs this file.

Run by ``simulator.py`` in a process of its own, so that neither side's threads, allocator or
imports disturb the other; needs nothing of deepracer_fast. Prints one line of JSON: peer -> its
version, image size and rates, or the reason why it did not run. Peers drive one car-racing track
each, seen from above at 96x96 pixels, with random actions on one core.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

ENVPOOL_CARS = 16  # environments in a batch; more were no faster
STEPS = 20  # between two looks at the clock


def main() -> None:
    """Measures every peer and prints the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="per repeat")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name, prepare in (("gymnasium", gymnasium_steps), ("envpool", envpool_steps)):
        try:
            step, per_call = prepare()
            results[name] = measure(step, per_call, options.seconds, options.repeats)
            results[name]["version"] = version(name)
        except Exception as error:
            results[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(results))


def gymnasium_steps() -> tuple[Callable[[], None], int]:
    """Gymnasium's CarRacing-v3: Box2D physics, pygame picture."""
    import gymnasium

    env = gymnasium.make("CarRacing-v3")
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(64)]

    def steps() -> None:
        for i in range(STEPS):
            *_, terminated, truncated, _ = env.step(actions[i % 64])
            if terminated or truncated:
                env.reset()

    return steps, STEPS


def envpool_steps() -> tuple[Callable[[], None], int]:
    """EnvPool's CarRacing-v3: the same game in C++."""
    import envpool
    import numpy as np

    env = envpool.make_gymnasium("CarRacing-v3", num_envs=ENVPOOL_CARS, num_threads=1, seed=0)
    env.reset()
    random = np.random.default_rng(0)
    actions = random.uniform([-1, 0, 0], 1, (64, ENVPOOL_CARS, 3)).astype(np.float32)

    def steps() -> None:
        for i in range(STEPS):
            env.step(actions[i % 64])

    return steps, STEPS * ENVPOOL_CARS


def measure(
    step: Callable[[], None], per_call: int, seconds: float, repeats: int
) -> dict[str, float]:
    """Median steps per second of wall-clock and of processor time, after a warm-up."""
    step()
    wall_rates, rates = [], []
    for _ in range(repeats):
        wall, processor, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < seconds:
            step()
            done += per_call
        wall_rates.append(done / (time.perf_counter() - wall))
        rates.append(done / (time.process_time() - processor))
    return {
        "steps_per_second": statistics.median(wall_rates),
        "steps_per_second_per_core": statistics.median(rates),
    }


if __name__ == "__main__":
    main()
