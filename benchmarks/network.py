"""How many samples a second the policy network answers and learns, in every form that runs here.

Out: a table, and with ``--json FILE`` the same figures with the machine and the versions. Plain
``lax.conv`` is measured in the same run as the peer, at the top level, where it is at its best,
and inside ``lax.scan``, where the others run and where a learner would run it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
NUM_ACTIONS = 15
REPEATS = 5


def main() -> None:
    """Measures, prints, and writes the file that was asked for."""
    options = parse_options()
    if options.tune_malloc:
        tune_malloc()
    figures = measure(options)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256], help="samples a call")
    parser.add_argument("--calls", type=int, default=4, help="calls inside one scan")
    parser.add_argument("--network", default=SHALLOW, help="neural_network of the metadata")
    parser.add_argument("--form", nargs="+", help="only these forms (default: all)")
    parser.add_argument("--tune-malloc", action="store_true", help="keep freed memory mapped")
    return parser.parse_args()


def tune_malloc() -> None:
    """What csrc/allocator.h does, before JAX is imported; glibc only."""
    libc = ctypes.CDLL(None)
    m_trim_threshold, m_top_pad, m_mmap_max, m_arena_max = -1, -2, -4, -8
    for name, setting in (
        (m_mmap_max, 0),
        (m_trim_threshold, -1),
        (m_arena_max, 1),
        (m_top_pad, 64 << 20),
    ):
        libc.mallopt(name, setting)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of the table under plain names, with where they were measured."""
    import jax

    from deepracer_fast import networks

    rows = []
    for batch in options.batch:
        for form in options.form or networks.available_forms():
            for place in ("scan", "top_level") if form == "xla" else ("scan",):
                # XLA's gradient inside a scan takes seconds a call: one call says enough.
                calls = 1 if form == "xla" else options.calls
                rows.append(measure_form(options.network, form, place, batch, calls))
    return {
        "neural_network": options.network,
        "tuned_malloc": options.tune_malloc,
        "machine": f"{platform.processor() or platform.machine()}, {jax.device_count()} device(s)",
        "cpu": cpu_name(),
        "jax": jax.__version__,
        "rows": with_ratios(rows),
    }


def measure_form(
    neural_network: str, form: str, place: str, batch: int, calls: int
) -> dict[str, Any]:
    """Samples a second, forward and forward + backward, of one form."""
    import jax
    import jax.numpy as jnp

    from deepracer_fast.networks import NetworkSpec, init_policy, policy_logits

    sensor = "FRONT_FACING_CAMERA"
    spec = NetworkSpec(((sensor, (120, 160, 1)),), neural_network, NUM_ACTIONS, False)
    params = init_policy(spec, jax.random.key(0))
    pictures = jax.random.randint(
        jax.random.key(1), (calls, batch, 120, 160, 1), 0, 256, dtype=jnp.uint8
    )

    def logits(params: Any, picture: jax.Array) -> jax.Array:
        return policy_logits(spec, params, {sensor: picture}, form)

    def loss(params: Any, picture: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(logits(params, picture)))

    def act(params: Any, picture: jax.Array) -> tuple[Any, jax.Array]:
        return params, logits(params, picture)

    def learn(params: Any, picture: jax.Array) -> tuple[Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(params, picture)
        return jax.tree.map(lambda p, g: p - 1e-9 * g, params, gradient), value

    def in_scan(step: Callable[..., Any]) -> Callable[..., Any]:
        return lambda params, pictures: jax.lax.scan(step, params, pictures)[1]

    def at_top_level(step: Callable[..., Any]) -> Callable[..., Any]:
        return lambda params, pictures: step(params, pictures[0])

    wrap = in_scan if place == "scan" else at_top_level
    done = batch * (calls if place == "scan" else 1)
    return {
        "form": form,
        "place": place,
        "batch": batch,
        "forward": done / seconds(jax.jit(wrap(act)), params, pictures),
        "forward_backward": done / seconds(jax.jit(wrap(learn)), params, pictures),
    }


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """Median time of a call, after one call that compiles."""
    import jax

    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


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
    """Samples a second, and in brackets the ratio to lax.conv at the top level."""
    print(f"{figures['neural_network']} on {figures['cpu']}, jax {figures['jax']}")
    print(f"{'batch':>5}  {'form':<18}{'place':<10}{'forward':>17}{'forward + backward':>20}")
    for row in figures["rows"]:
        cells = []
        for figure in ("forward", "forward_backward"):
            ratio = row[f"{figure}_ratio_to_xla"]
            cells.append(f"{row[figure]:,.0f}" + (f" ({ratio:.2f})" if ratio else ""))
        print(f"{row['batch']:>5}  {row['form']:<18}{row['place']:<10}{cells[0]:>17}{cells[1]:>20}")


if __name__ == "__main__":
    main()
