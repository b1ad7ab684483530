"""How fast PPO learns: our whole loop and Stable-Baselines3's, in turns, in one run.

Both act and learn on the same network (DeepRacer's 3-layer CNN over 120x160x1 uint8, 15 actions,
policy and value on one trunk: it is Stable-Baselines3's own ``CnnPolicy``), with the same cars,
samples, epochs and minibatches; the peer in float32, ours in what it chooses on this machine
(``DEEPRACER_FAST_NETWORK=avx512`` for float32). The environment costs nothing: it always shows the
same random pictures. Out: a table, and with ``--json FILE`` its figures with machine, commit and
versions.

Each contender lives in a process of its own and waits while another has its turn, so that a change
in the machine's mood meets all of them; figures are medians over the rounds. The peer runs twice,
as installed and with glibc's malloc told to keep freed memory, which ours does by itself. On a
machine that others use as well look at the figures per CPU second, which all threads together
spend: they hardly depend on who else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

NUM_CARS = 64
NUM_ACTIONS = 15
BATCH_SIZE = 256
NUM_EPOCHS = 4
PICTURE = (120, 160)

TUNED_MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}
OURS = "deepracer_fast"
PEER = "stable_baselines3"
CONTENDERS: dict[str, tuple[str, dict[str, str]]] = {
    OURS: (OURS, {}),
    PEER: (PEER, {}),
    f"{PEER}_tuned": (PEER, TUNED_MALLOC),
}
"""Name in the figures -> who runs, and what its environment has besides."""

Seconds = tuple[float, float, float]
"""Of one iteration: acting, updating, and what all threads together spent on both."""


def main() -> None:
    """Measures, prints, and writes the file that was asked for."""
    options = parse_options()
    if options.worker:
        work(options.worker, options.steps)
        return
    figures = measure(options.rounds, options.steps)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--rounds", type=int, default=3, help="measured iterations of each")
    parser.add_argument("--steps", type=int, default=32, help="of each car in an iteration")
    parser.add_argument("--worker", choices=(OURS, PEER), help=argparse.SUPPRESS)
    return parser.parse_args()


# One contender in its own process ----------------------------------------------------------------


def work(who: str, steps: int) -> None:
    """Runs one iteration for each line that comes in, and answers with its seconds."""
    iterate = our_iteration(steps) if who == OURS else peer_iteration(steps)
    iterate()  # compiles, and fills caches
    print(json.dumps(None), flush=True)
    for _ in sys.stdin:
        print(json.dumps(iterate()), flush=True)


def our_iteration(steps: int) -> Callable[[], Seconds]:
    """Acts and learns as ``collect`` and ``train`` do, without a simulator."""
    from deepracer_fast import _core

    _core.tune_allocator()  # as the command line does, before JAX allocates
    import numpy as np

    from deepracer_fast.driving.collect import Rollout
    from deepracer_fast.files.hyperparameters import Hyperparameters
    from deepracer_fast.learning.learner import Learner, LearnerOptions
    from deepracer_fast.policy.networks import NetworkSpec
    from deepracer_fast.world.simulator import TRACK_STATE_SIZE

    camera = "FRONT_FACING_CAMERA"
    shape = (*PICTURE, 1)
    spec = NetworkSpec(((camera, shape),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", NUM_ACTIONS, False)
    hyperparameters = Hyperparameters(batch_size=BATCH_SIZE, num_epochs=NUM_EPOCHS)
    learner = Learner(LearnerOptions(spec, hyperparameters, value_function="shared"))
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 256, (NUM_CARS, *shape), dtype=np.uint8)
    each_step = (steps, NUM_CARS)
    value = np.zeros(each_step, np.float32)
    rollout = Rollout(
        observation={camera: np.zeros((*each_step, *shape), np.uint8)},
        last_observation={camera: seen},
        track_state=np.zeros((steps + 1, NUM_CARS, TRACK_STATE_SIZE), np.float32),
        action=np.zeros(each_step, np.int32),
        log_prob=np.zeros(each_step, np.float32),
        value=value,
        reward=rng.normal(size=each_step).astype(np.float32),
        ended=np.zeros(each_step, bool),
        valid=np.ones(each_step, bool),
        num_steps=steps,
    )

    def iterate() -> Seconds:
        spent, begun = time.process_time(), time.perf_counter()
        for t in range(steps):
            observation = {camera: rollout.observation[camera][t]}
            observation[camera][:] = seen
            rollout.action[t], rollout.log_prob[t], value[t] = learner.explore(observation)
        acted = time.perf_counter()
        learner.learn(rollout)
        done = time.perf_counter()
        return acted - begun, done - acted, time.process_time() - spent

    return iterate


def peer_iteration(steps: int) -> Callable[[], Seconds]:
    """Stable-Baselines3's own ``collect_rollouts`` and ``train``."""
    import gymnasium
    import numpy as np
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecEnv

    class FreeEnv(VecEnv):
        """Pictures with channels first, as the peer's network takes them; nothing ever ends."""

        def __init__(self) -> None:
            space = gymnasium.spaces.Box(0, 255, (1, *PICTURE), np.uint8)
            super().__init__(NUM_CARS, space, gymnasium.spaces.Discrete(NUM_ACTIONS))
            rng = np.random.default_rng(0)
            self._seen = rng.integers(0, 256, (NUM_CARS, 1, *PICTURE), dtype=np.uint8)
            self._reward = rng.normal(size=NUM_CARS).astype(np.float32)
            self._done = np.zeros(NUM_CARS, bool)
            self._infos: list[dict[str, Any]] = [{} for _ in range(NUM_CARS)]

        def reset(self) -> Any:
            return self._seen

        def step_async(self, actions: Any) -> None:
            pass

        def step_wait(self) -> Any:
            return self._seen, self._reward, self._done, self._infos

        def close(self) -> None:
            pass

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * NUM_CARS

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            pass

        def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
            return [None] * NUM_CARS

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * NUM_CARS

    learner = PPO(
        "CnnPolicy",
        FreeEnv(),
        n_steps=steps,
        batch_size=BATCH_SIZE,
        n_epochs=NUM_EPOCHS,
        seed=0,
        device="cpu",
    )
    _, callback = learner._setup_learn(1 << 30)

    def iterate() -> Seconds:
        spent, begun = time.process_time(), time.perf_counter()
        learner.collect_rollouts(learner.env, callback, learner.rollout_buffer, steps)
        acted = time.perf_counter()
        learner.train()
        done = time.perf_counter()
        return acted - begun, done - acted, time.process_time() - spent

    return iterate


# All contenders in turns -------------------------------------------------------------------------


def measure(rounds: int, steps: int) -> dict[str, Any]:
    """Env-steps a second of every contender, and the ratios, under plain names."""
    taken: dict[str, list[Seconds]] = {name: [] for name in CONTENDERS}
    with contenders(steps) as workers:
        for _ in range(rounds):
            for name, worker in workers.items():
                taken[name].append(one_turn(worker))
    figures = {
        name: env_steps_per_second(seconds, NUM_CARS * steps) for name, seconds in taken.items()
    }
    return {
        **{
            f"ratio_to_{name}{suffix}": figures[OURS][f"whole_loop{suffix}"]
            / figures[name][f"whole_loop{suffix}"]
            for name in (PEER, f"{PEER}_tuned")
            for suffix in ("", "_per_cpu_second")
        },
        "env_steps_per_second": figures,
        "setting": {
            "cars": NUM_CARS,
            "steps": steps,
            "batch_size": BATCH_SIZE,
            "num_epochs": NUM_EPOCHS,
            "rounds": rounds,
        },
        **circumstances(),
    }


@contextmanager
def contenders(steps: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """A warm process for each, started one after the other; all of them end with the block."""
    workers: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, (who, extra) in CONTENDERS.items():
            workers[name] = subprocess.Popen(
                [sys.executable, __file__, "--worker", who, "--steps", str(steps)],
                env=os.environ | extra,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            answer(workers[name])
        yield workers
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.wait()


def one_turn(worker: subprocess.Popen[str]) -> Seconds:
    """Has one contender run one iteration."""
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    acting, updating, spent = answer(worker)
    return acting, updating, spent


def answer(worker: subprocess.Popen[str]) -> Any:
    """A worker's next line."""
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit("a contender ended early; its own message is above")
    return json.loads(line)


def env_steps_per_second(seconds: list[Seconds], samples: int) -> dict[str, float]:
    """Medians of acting, updating, and both together."""
    return {
        "acting": statistics.median(samples / acting for acting, _, _ in seconds),
        "update": statistics.median(samples / updating for _, updating, _ in seconds),
        "whole_loop": statistics.median(samples / (one + two) for one, two, _ in seconds),
        "whole_loop_per_cpu_second": statistics.median(samples / spent for *_, spent in seconds),
    }


def circumstances() -> dict[str, Any]:
    """Machine, commit and versions."""
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True
    )
    packages = ("jax", "numpy", "torch", "stable-baselines3")
    return {
        "machine": machine_name(),
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip() or "unknown",
        "versions": {name: version(name) for name in packages},
    }


def machine_name() -> str:
    """The processor's own name where Linux tells it, and the cores that may be used."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'}, {len(os.sched_getaffinity(0))} cores"


def print_table(figures: dict[str, Any]) -> None:
    """Env-steps a second, then the ratios of the whole loop."""
    print(f"{figures['machine']}; {figures['setting']}")
    print(f"{'env-steps/s':<28}{'acting':>10}{'update':>10}{'whole loop':>12}{'per CPU s':>11}")
    for name, speed in figures["env_steps_per_second"].items():
        print(f"{name:<28}{speed['acting']:>10,.0f}{speed['update']:>10,.0f}", end="")
        print(f"{speed['whole_loop']:>12,.0f}{speed['whole_loop_per_cpu_second']:>11,.0f}")
    for name in (PEER, f"{PEER}_tuned"):
        ratio, of_cpu = (figures[f"ratio_to_{name}{end}"] for end in ("", "_per_cpu_second"))
        print(f"ratio to {name}: {ratio:.2f} (per CPU second {of_cpu:.2f})")


if __name__ == "__main__":
    main()
