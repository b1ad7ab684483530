"""How many samples a second the policy network answers and learns, by all that can compute it here.

Out: a table, and with ``--json FILE`` the same figures with the machine and the versions. Plain
``lax.conv`` is measured in the same run as the peer, at the top level, where it is at its best,
and inside ``lax.scan``, where the others run and where a learner would run it.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepracer_fast import _core

SENSOR = "FRONT_FACING_CAMERA"
SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
NUM_ACTIONS = 15
REPEATS = 5

Step = Callable[[Any, Any], tuple[Any, Any]]


def main() -> None:
    """Measures, prints, and writes the file that was asked for."""
    options = parse_options()
    if options.tune_malloc:
        _core.tune_allocator()  # before JAX is imported
    figures = measure(options)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256], help="samples a call")
    parser.add_argument("--calls", type=int, default=2, help="calls inside one scan")
    parser.add_argument("--network", default=SHALLOW, help="neural_network of the metadata")
    parser.add_argument("--form", nargs="+", help="only these implementations (default: all)")
    parser.add_argument("--tune-malloc", action="store_true", help="keep freed memory mapped")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of the table under plain names, with where they were measured."""
    import jax

    from deepracer_fast.policy import networks

    rows = []
    for batch in options.batch:
        for implementation in options.form or networks.available_implementations():
            for place in ("scan", "top_level") if implementation == "xla" else ("scan",):
                rows.append(measure_implementation(options, implementation, place, batch))
    return {
        "neural_network": options.network,
        "tuned_malloc": options.tune_malloc,
        "machine": f"{platform.processor() or platform.machine()}, {jax.device_count()} device(s)",
        "cpu": cpu_name(),
        "jax": jax.__version__,
        "rows": with_ratios(rows),
    }


def measure_implementation(
    options: argparse.Namespace, implementation: str, place: str, batch: int
) -> dict[str, Any]:
    """Samples a second, forward and forward + backward, of one."""
    import jax
    import jax.numpy as jnp

    calls = options.calls if place == "scan" else 1
    pictures = jax.random.randint(
        jax.random.key(1), (calls, batch, 120, 160, 1), 0, 256, dtype=jnp.uint8
    )
    # XLA's gradient of a convolution takes many seconds in a scan: once is enough.
    repeats = 1 if (implementation, place) == ("xla", "scan") else REPEATS
    row: dict[str, Any] = {"form": implementation, "place": place, "batch": batch}
    params, act, learn = network_steps(options.network, implementation)
    for figure, step in (("forward", act), ("forward_backward", learn)):
        function = jax.jit(in_scan(step) if place == "scan" else at_top_level(step))
        wall, processor = seconds(repeats, function, params, pictures)
        row[figure] = calls * batch / wall
        row[f"{figure}_per_cpu_second"] = calls * batch / processor
    return row


def network_steps(neural_network: str, implementation: str) -> tuple[Any, Step, Step]:
    """Parameters, and two steps (parameters, pictures) -> (parameters, result): act and learn."""
    import jax
    import jax.numpy as jnp

    from deepracer_fast.policy.networks import NetworkSpec, init_policy, policy_logits

    spec = NetworkSpec(((SENSOR, (120, 160, 1)),), neural_network, NUM_ACTIONS, False)

    def act(params: Any, picture: Any) -> tuple[Any, Any]:
        return params, policy_logits(spec, params, {SENSOR: picture}, implementation)

    def learn(params: Any, picture: Any) -> tuple[Any, Any]:
        def loss(params: Any) -> Any:
            return jnp.sum(jnp.square(act(params, picture)[1]))

        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 1e-9 * g, params, gradient), value

    return init_policy(spec, jax.random.key(0)), act, learn


def in_scan(step: Step) -> Step:
    """All batches of pictures, one after the other, inside ``lax.scan``."""
    import jax

    return lambda params, pictures: jax.lax.scan(step, params, pictures)


def at_top_level(step: Step) -> Step:
    """The first batch of pictures alone."""
    return lambda params, pictures: step(params, pictures[0])


def seconds(repeats: int, function: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Shortest call after one that compiles: time passed, and processor time of all threads.

    The least disturbed call says most; on a shared machine only the processor time says much.
    """
    import jax

    jax.block_until_ready(function(*arguments))
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(function(*arguments))
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds each row's speed relative to plain lax.conv at the top level, same batch."""
    peers = {
        row["batch"]: row for row in rows if (row["form"], row["place"]) == ("xla", "top_level")
    }
    for row in rows:
        for figure in ("forward", "forward_backward"):
            peer = peers.get(row["batch"])
            row[f"{figure}_ratio_to_xla"] = row[figure] / peer[figure] if peer else None
    return rows


def cpu_name() -> str:
    """The processor's own name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.machine()


def print_table(figures: dict[str, Any]) -> None:
    """Samples a second, in brackets the ratio to lax.conv at the top level; then a CPU second's."""
    print(f"{figures['neural_network']} on {figures['cpu']}, jax {figures['jax']}")
    print(
        f"{'batch':>5}  {'form':<13}{'place':<10}"
        f"{'forward':>15}{'per CPU s':>11}{'fwd + backward':>17}{'per CPU s':>11}"
    )
    for row in figures["rows"]:
        line = f"{row['batch']:>5}  {row['form']:<13}{row['place']:<10}"
        for figure, width in (("forward", 15), ("forward_backward", 17)):
            ratio = row[f"{figure}_ratio_to_xla"]
            speed = f"{row[figure]:,.0f}" + (f" ({ratio:.2f})" if ratio else "")
            line += f"{speed:>{width}}{row[f'{figure}_per_cpu_second']:>11,.0f}"
        print(line)


if __name__ == "__main__":
    main()
