"""Puts the figures of ``results/*.json`` into the tables of the README and of the guide.

Such a file is what a benchmark's ``--json`` wrote, ``KIND-MACHINE.json``. A table lies between two
markers that name it; run without arguments to renew all of them. The machine that comes last by its
file's name, as ``epyc-zen4`` after ``epyc-zen3``, has the first column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepracer_fast.files.atomic import atomic_write_text

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
PAGES = [ROOT / "README.md", *sorted((ROOT / "deepracer_fast" / "guide").glob("*.md"))]
MARKED = re.compile(
    r"(?P<begin><!-- (?P<name>\w+): made by benchmarks/speed_table\.py -->\n)"
    r"(?:(?!<!--).)*(?P<end><!-- end of (?P=name) -->)",
    re.DOTALL,
)

Figures = dict[str, Any]
Cell = Callable[[Figures], str]


def main() -> None:
    """Renews the tables of all pages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        renewed = with_tables(text)
        if renewed != text:
            atomic_write_text(page, renewed)


def with_tables(text: str) -> str:
    """The text with new tables between its markers.

    Raises:
        ValueError: a marker is alone, or names no table.
    """
    renewed, count = MARKED.subn(_renewed, text)
    if any(
        text.count(mark) != count for mark in (": made by benchmarks/speed_table", "<!-- end of ")
    ):
        raise ValueError("each table must lie between two markers of its name, and nothing else")
    return renewed


def _renewed(marked: re.Match[str]) -> str:
    name = marked["name"]
    if name not in TABLES:
        raise ValueError(f"no table is called {name!r}, only {', '.join(TABLES)}")
    return f"{marked['begin']}{TABLES[name]()}\n{marked['end']}"


def records(kind: str) -> dict[str, Figures]:
    """What was measured of a kind, by machine, the newest processor first."""
    start = f"{kind}-epyc-"
    files = sorted(RESULTS.glob(f"{start}*.json"), reverse=True)
    return {
        path.stem.removeprefix(start).replace("zen", "Zen "): json.loads(
            path.read_text(encoding="utf-8")
        )
        for path in files
    }


def table(rows: list[list[str]]) -> str:
    """Rows of cells as Markdown, the first one as its head."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def by_machine(machines: dict[str, Figures], cells: dict[str, Cell]) -> str:
    """A row a quantity, a column a machine."""
    head = ["", *(f"AMD EPYC, {machine}" for machine in machines)]
    rows = [[name, *map(cell, machines.values())] for name, cell in cells.items()]
    return table([head, *rows, ["measured", *map(measured, machines.values())]])


def measured(figures: Figures) -> str:
    """Day and commit."""
    machine = figures.get("machine")
    where = machine if isinstance(machine, dict) else figures
    return f"{where['date']}, {where['commit'] or '-'}"


def number(figures: Figures, name: str, unit: float = 1.0, digits: int = 0) -> str:
    """A figure in a unit, or a dash if the machine did not give it."""
    value = figures.get(name)
    return "-" if value is None else f"{value / unit:,.{digits}f}"


def loads(figures: Figures, name: str, digits: int = 2) -> str:
    """A figure with the camera / without."""
    return f"{number(figures, name, 1, digits)} / {number(figures, f'no_camera_{name}', 1, digits)}"


# The simulator


def by_set(figures: Figures) -> str:
    """Rates of the instruction sets that the machine has, with the camera."""
    found = figures["car_steps_per_second_per_core_by_instruction_set"]
    return ", ".join(f"{name} {rate:,}" for name, rate in found.items())


def peer(figures: Figures, name: str) -> str:
    """A peer's rate and how many times as fast the camera load is."""
    rate = number(figures, f"{name}_steps_per_second_per_core")
    return f"{rate} ({number(figures, f'ratio_to_{name}')} times)" if rate != "-" else "-"


SIMULATOR: dict[str, Cell] = {
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
    "limit: GB written/s": lambda f: number(f, "bytes_written_per_second", 1e9, 1),
}


# The time to a lap


def seconds(figures: Figures, row: str) -> str:
    """Median and worst until five clean laps in a row."""
    found = figures["rows"].get(row)
    kinds = ("median", "worst")
    return (
        "-" if found is None else ", ".join(f"{found[f'five_in_a_row_s_{k}']:.0f}" for k in kinds)
    )


LAPS = {
    "`reinvent_base`, progress": "progress",
    "`reinvent_base`, the centre-line example": "centre_line",
    "`Oval_track`, progress": "oval",
    "`Bowtie_track`, progress": "bowtie",
    "`2022_reinvent_champ_ccw`, progress": "championship",
    "`2024_reinvent_champ_ccw`, progress": "forever_raceway",
    "`Virtual_May19_Train_track`, progress": "london_loop",
    "`reinvent_base`, progress, `--track-state`": "track_state",
}


def lap_cells() -> dict[str, Cell]:
    """A row a track and a reward."""
    return {name: lambda f, row=row: seconds(f, row) for name, row in LAPS.items()}


# The learner


def rate(figures: Figures, who: str) -> str:
    """Env-steps a second of the whole loop, and how many times as fast ours is."""
    rates = figures["env_steps_per_second"]
    its, ours = rates[who]["whole_loop"], rates["deepracer_fast"]["whole_loop"]
    return f"{its:.0f}" if its == ours else f"{its:.0f} ({ours / its:.1f} times)"


LEARNER = {
    "deepracer_fast": "deepracer_fast",
    "Stable-Baselines3 as installed": "stable_baselines3",
    "with tuned malloc": "stable_baselines3_tuned",
}


def learner_cells() -> dict[str, Cell]:
    """A row a learner."""
    return {name: lambda f, who=who: rate(f, who) for name, who in LEARNER.items()}


# Tables whose rows are those of the newest record


def newest(kind: str) -> tuple[str, Figures]:
    """The newest processor with a record, and the record."""
    return next(iter(records(kind).items()))


def rewards() -> str:
    """A row a reward function."""
    machine, figures = newest("reward")
    head = ["calls/s", "compiled", "interpreted", "plain Python", "start, s"]
    kinds = ("compiled", "interpreted", "python")
    rows = [
        [
            f"`{each['reward']}`",
            *(f"{each[f'{kind}_calls_per_second_per_core']:,.0f}" for kind in kinds),
            f"{each['first_start_seconds']:.2f}, {each['cached_start_seconds']:.2f}",
        ]
        for each in figures["rewards"]
    ]
    return f"{table([head, *rows])}\n\nAMD EPYC, {machine}; {measured(figures)}."


def for_the_car() -> str:
    """A row a world, a column a policy."""
    machine, figures = newest("for-the-car")
    policies = figures["clean_of_20"]
    worlds = next(iter(policies.values()))
    rows = [[world, *(f"{laps[world]}" for laps in policies.values())] for world in worlds]
    return f"{table([['', *policies], *rows])}\n\nAMD EPYC, {machine}; {measured(figures)}."


# The README's: one figure a question


def summary() -> str:
    """What was measured, where and when."""
    rows = [
        (
            "First model, camera only: five clean laps in a row after (five seeds, median)",
            "time-to-lap",
            lambda f: f"{f['rows']['centre_line']['five_in_a_row_s_median']:.0f} s",
        ),
        (
            "Best lap of `reinvent_base` after ten minutes, up to 4 m/s (one run)",
            "time-to-lap-racing",
            lambda f: f"{f['rows']['racing']['best_lap_s']:.1f} s",
        ),
        (
            "Clean laps on ten tracks never seen, after half an hour on others (one run)",
            "time-to-lap-general",
            lambda f: f"{100 * f['rows']['general']['clean_share']:.0f} %",
        ),
        (
            "Clean laps of `reinvent_base` with camera, light, grip ... disturbed, `--for-the-car`",
            "for-the-car",
            lambda f: f"{f['clean_of_20']['reinvent_base']['all together']} of 20",
        ),
        (
            "Simulated steps with camera, per second and core",
            "simulator",
            lambda f: number(f, "car_steps_per_second_per_core"),
        ),
        (
            "The same beside EnvPool's CarRacing, pictures of 96x96",
            "simulator",
            lambda f: f"{number(f, 'ratio_to_envpool')} times",
        ),
        (
            "Learning beside Stable-Baselines3's PPO, the same network (its malloc tuned)",
            "learner",
            lambda f: (
                f"{f['ratio_to_stable_baselines3']:.1f} times "
                f"({f['ratio_to_stable_baselines3_tuned']:.1f})"
            ),
        ),
    ]
    body = []
    for what, kind, cell in rows:
        machine, figures = newest(kind)
        body.append([what, cell(figures), machine, measured(figures).split(",")[0]])
    return table([["two cores of an AMD EPYC, no GPU", "", "", "measured"], *body])


TABLES: dict[str, Callable[[], str]] = {
    "summary": summary,
    "time_to_lap": lambda: by_machine(records("time-to-lap"), lap_cells()),
    "simulator": lambda: by_machine(records("simulator"), SIMULATOR),
    "learner": lambda: by_machine(records("learner"), learner_cells()),
    "rewards": rewards,
    "for_the_car": for_the_car,
}


if __name__ == "__main__":
    main()
