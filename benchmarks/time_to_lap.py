"""How soon a policy laps: wall-clock from the start of a fresh process, over several seeds.

Each row of the table is a training as a user would start it, in a process and a folder of its own.
Its clock starts before the process does. ``first lap`` is when a greedy lap from every start was
clean, ``five in a row`` when a car then drove five clean laps one after the other. CPU seconds are
those of all its threads: on a machine that does other work, half of them estimate what two idle
cores need.

    python benchmarks/time_to_lap.py                      # the rows that take a minute each
    python benchmarks/time_to_lap.py racing general --seeds 1 --json benchmarks/results/NAME.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax

from deepracer_fast.files.action_space import discrete_grid
from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.files.model_metadata import ModelMetadata

SEEN = (
    "Oval_track",
    "Bowtie_track",
    "reInvent2019_track",
    "2022_reinvent_champ_ccw",
    "Canada_Training",
    "Tokyo_Training_track",
    "2022_summit_speedway_ccw",
    "Mexico_track",
)
UNSEEN = (
    "reinvent_base",
    "reInvent2019_wide",
    "2024_reinvent_champ_ccw",
    "Vegas_track",
    "China_track",
    "New_York_Track",
    "Virtual_May19_Train_track",
    "Spain_track",
    "2022_july_open",
    "AWS_track",
)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        options: of ``deepracer-fast train``.
        reward: an example.
        files: that the options name, name -> content.
        evaluated: tracks to drive on afterwards, for rows that have a time and not a row of laps
            as their goal.
    """

    options: tuple[str, ...] = ()
    reward: str = "progress"
    files: dict[str, str] = field(default_factory=dict)
    evaluated: tuple[str, ...] = ()


def on(*tracks: str) -> tuple[str, ...]:
    return tuple(word for track in tracks for word in ("--track", track))


def among(race: str, reward: str, sensors: tuple[str, ...], angles: int, speeds: int) -> Row:
    """A race type's row: up to 1 m/s, and five laps in a row among the objects."""
    metadata = ModelMetadata(discrete_grid(30.0, angles, 1.0, speeds), sensors=sensors)
    files = {"race.toml": f"[race]\n{race}", "sensors.json": metadata.to_json()}
    options = ("--config", "race.toml", "--metadata", "sensors.json")
    return Row(options, reward, files, ("reinvent_base",))


SIX_BOXES = 'race_type = "OBJECT_AVOIDANCE"\nnumber_of_obstacles = 6\n'
TWO_BOTS = 'race_type = "HEAD_TO_BOT"\nnumber_of_bot_cars = 2\n'

ROWS = {
    "progress": Row(),
    "centre_line": Row(reward="follow_center_line"),
    "oval": Row(on("Oval_track")),
    "bowtie": Row(on("Bowtie_track")),
    "championship": Row(on("2022_reinvent_champ_ccw")),
    "forever_raceway": Row(on("2024_reinvent_champ_ccw")),
    "london_loop": Row(on("Virtual_May19_Train_track")),
    "track_state": Row(("--track-state",)),
    "pictures_alone": Row(("--no-teacher",)),
    "boxes": among(SIX_BOXES, "progress", ("STEREO_CAMERAS", "LIDAR"), 5, 2),
    "bots": among(TWO_BOTS, "pass_bot_cars", ("FRONT_FACING_CAMERA",), 7, 1),
    "racing": Row(
        ("--minutes", "10", "--stop-after", "0", "--best-by", "laptime", "--max-speed", "4"),
        evaluated=("reinvent_base",),
    ),
    "general": Row(
        (*on(*SEEN), "--random-tracks", "24", "--minutes", "30", "--stop-after", "0"),
        evaluated=UNSEEN,
    ),
}
LONG = ("boxes", "bots", "racing", "general")


@dataclass
class Run:
    """One training.

    Attributes:
        seed: its seed.
        first_lap_s: from the start of the process; None if it never came.
        five_in_a_row_s: likewise.
        cpu_s: of the whole process.
        env_steps: of cars that carry the policy's sensors.
        laps: of the evaluation afterwards, where the row has one: track -> ``evaluate --json``.
    """

    seed: int
    first_lap_s: float | None = None
    five_in_a_row_s: float | None = None
    cpu_s: float = 0.0
    env_steps: int = 0
    laps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def run(row: Row, seed: int, minutes: float, cold: bool) -> Run:
    """Trains in a fresh process and follows what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if cold:
            environment["DEEPRACER_FAST_CACHE"] = str(Path(folder) / "cache")
        command = [*deepracer_fast("train"), "--minutes", f"{minutes:g}", *row.options]
        command += ["--seed", str(seed), "--model", "model"]
        command += ["--reward", row.reward]
        before, started = cpu_seconds(), time.monotonic()
        for name, content in row.files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        result = Run(seed)
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                note(line, time.monotonic() - started, result)
        if process.returncode != 0:
            raise SystemExit(f"training failed: {' '.join(command)}")
        result.cpu_s = cpu_seconds() - before
        for track in row.evaluated:
            result.laps[track] = evaluated(Path(folder) / "model", track, environment)
        return result


def deepracer_fast(command: str) -> list[str]:
    return [sys.executable, "-u", "-m", "deepracer_fast.cli", command]


def note(line: str, seconds: float, result: Run) -> None:
    """Takes from a line of the training's output what it says about laps."""
    if re.match(r"iteration\s+\d+\s+teacher ", line):
        return  # those are not the policy's
    if (steps := re.search(r"steps\s+([\d,]+)", line)) and line.startswith("iteration"):
        result.env_steps = int(steps[1].replace(",", ""))
    clean = re.search(r"greedy: (\d+) of (\d+) clean", line)
    if clean and clean[1] == clean[2] and result.first_lap_s is None:
        result.first_lap_s = round(seconds, 1)
    if "5 of 5 laps clean" in line:
        result.five_in_a_row_s = round(seconds, 1)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(used.ru_utime + used.ru_stime, 1)


def evaluated(model: Path, track: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Five greedy laps, each broken off when the car leaves the track."""
    command = [*deepracer_fast("evaluate"), str(model), "--track", track, "--no-resets", "--json"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    laps: list[dict[str, Any]] = json.loads(answer.stdout)["laps"]
    return laps


def summary(runs: list[Run]) -> dict[str, Any]:
    """Median and worst of each figure; a run that never lapped makes the worst None."""
    figures: dict[str, Any] = {"runs": [asdict(each) for each in runs]}
    for name in ("first_lap_s", "five_in_a_row_s", "cpu_s", "env_steps"):
        values = [getattr(each, name) for each in runs]
        known = [value if value is not None else float("inf") for value in values]
        middle, worst = statistics.median(known), max(known)
        figures[f"{name}_median"] = middle if middle < float("inf") else None
        figures[f"{name}_worst"] = worst if worst < float("inf") else None
    laps = [lap for each in runs for of_track in each.laps.values() for lap in of_track]
    if laps:
        clean = [x for x in laps if x["completion_percentage"] >= 100 and not x["off_track_count"]]
        figures["clean_share"] = len(clean) / len(laps)
        times = [lap["lap_time_seconds"] for lap in clean]
        figures["best_lap_s"] = min(times) if times else None
    return figures


def machine() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    model = re.search(r"model name\s*: (.*)", text)
    return {
        "processor": model[1] if model else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    short = [name for name in ROWS if name not in LONG]
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (default: {short})"
    )
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each row (default: 5)")
    parser.add_argument("--minutes", type=float, default=10.0, help="give up after (default: 10)")
    parser.add_argument("--cold", action="store_true", help="nothing compiled before, each time")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    table: dict[str, Any] = {}
    for name in options.rows or short:
        runs = []
        for seed in range(options.seeds):
            runs.append(run(ROWS[name], seed, options.minutes, options.cold))
            print(name, asdict(runs[-1]) | {"laps": len(runs[-1].laps)}, flush=True)
        table[name] = summary(runs)
        shown = {k: v for k, v in table[name].items() if k != "runs"}
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in shown.items()), flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "cold": options.cold, "rows": table}
        atomic_write_text(options.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
