"""Puts the figures of ``results/simulator-*.json`` into the README's table of speed.

Such a file is what ``simulator.py --json`` wrote, one a machine. The table lies between two
markers; run without arguments to renew it there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepracer_fast.files.atomic import atomic_write_text

RESULTS = Path(__file__).with_name("results")
README = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- speed: made by benchmarks/speed_table.py -->"
END = "<!-- end of speed -->"

Figures = dict[str, Any]


def main() -> None:
    """Renews the table in the README."""
    atomic_write_text(README, with_table(README.read_text(encoding="utf-8"), load_results()))


def load_results() -> list[Figures]:
    """Figures of every machine, in the order of their files' names."""
    files = sorted(RESULTS.glob("simulator-*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def with_table(text: str, machines: list[Figures]) -> str:
    """The text with a new table between the markers.

    Raises:
        ValueError: a marker is not there.
    """
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the README must hold the lines {BEGIN!r} and {END!r}")
    body = f"{table(machines)}\n" if machines else ""
    return f"{before}{BEGIN}\n{body}{END}{after}"


def table(machines: list[Figures]) -> str:
    """A row a quantity, a column a machine."""
    rows = [["", *(machine_name(figures) for figures in machines)], ["---"] * (len(machines) + 1)]
    rows += [[name, *(cell(figures) for figures in machines)] for name, cell in ROWS.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def machine_name(figures: Figures) -> str:
    """Processor and instruction set."""
    return f"{figures['machine']}, {figures['instruction_set']}"


def number(figures: Figures, name: str, unit: float = 1.0, digits: int = 0) -> str:
    """A figure in a unit, or a dash if the machine did not give it."""
    value = figures.get(name)
    return "-" if value is None else f"{value / unit:,.{digits}f}"


def loads(figures: Figures, name: str, digits: int = 2) -> str:
    """A figure with the camera / without."""
    return f"{number(figures, name, 1, digits)} / {number(figures, f'no_camera_{name}', 1, digits)}"


def by_set(figures: Figures) -> str:
    """Rates of the instruction sets that the machine has, with the camera."""
    found = figures["car_steps_per_second_per_core_by_instruction_set"]
    return ", ".join(f"{name} {rate:,}" for name, rate in found.items())


def peer(figures: Figures, name: str) -> str:
    """A peer's rate and how many times as fast the camera load is."""
    rate = number(figures, f"{name}_steps_per_second_per_core")
    return f"{rate} ({number(figures, f'ratio_to_{name}')} times)" if rate != "-" else "-"


ROWS = {
    "car-steps/s per core, camera": lambda f: number(f, "car_steps_per_second_per_core"),
    "car-steps/s per core, no camera": lambda f: number(
        f, "no_camera_car_steps_per_second_per_core"
    ),
    "by instruction set, camera": by_set,
    "two threads over one, camera / no camera": lambda f: loads(f, "two_threads_over_one"),
    "dearest over best of 64 to 16,384 cars": lambda f: loads(f, "dearest_over_best_by_cars"),
    "100 m, 1,000 waypoints over the shortest track": lambda f: loads(
        f, "longest_over_shortest_track"
    ),
    "bytes a car beside its observation": lambda f: number(f, "bytes_per_car"),
    "MB a track, at most": lambda f: f"{max(f['bytes_of_track'].values()) / 1e6:.1f}",
    "µs that `Simulator.step` adds, 1 / 1,024 cars": lambda f: (
        f"{number(f, 'python_microseconds_a_step_1_cars', 1, 1)} / "
        f"{number(f, 'python_microseconds_a_step_1024_cars', 1, 1)}"
    ),
    "EnvPool CarRacing-v3, steps/s per core": lambda f: peer(f, "envpool"),
    "Gymnasium CarRacing-v3, steps/s per core": lambda f: peer(f, "gymnasium"),
    "limits: GB written/s, GB gathered/s": lambda f: (
        f"{number(f, 'bytes_written_per_second', 1e9, 1)}, "
        f"{number(f, 'bytes_gathered_per_second', 1e9, 1)}"
    ),
    "commit": lambda f: f["commit"] or "-",
}


if __name__ == "__main__":
    main()
