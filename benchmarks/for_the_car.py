"""How well policies stand what the real car may differ by: the preset beside the default.

Trains with ``--for-the-car`` on three tracks, one of them at 2 m/s, and once without, three minutes
each as a user would, and drives each of them in every perturbed world, a lap from each of 20
places. Out: clean laps, world by world.

    python benchmarks/for_the_car.py --json benchmarks/results/for-the-car-NAME.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from time_to_lap import machine

from deepracer_fast.files.atomic import atomic_write_text

PRESET = ("--for-the-car",)
ROWS = {
    "reinvent_base": (*PRESET, "--track", "reinvent_base"),
    "Bowtie_track": (*PRESET, "--track", "Bowtie_track"),
    "2022_reinvent_champ_ccw, 2 m/s": (
        *PRESET,
        *("--track", "2022_reinvent_champ_ccw", "--steering", "30:7", "--speed", "2:2"),
    ),
    "reinvent_base, default": ("--track", "reinvent_base", "--stop-after", "0"),
}


def run(options: tuple[str, ...], minutes: float, folder: Path) -> dict[str, int]:
    """Clean laps of 20 by world."""
    model = str(folder / "model")
    _command("train", "--model", model, "--reward", "progress", "--minutes", f"{minutes}", *options)
    answer = _command("evaluate", model, "--perturbed", "--json")
    return {row["world"]: _clean(row) for row in json.loads(answer)["evaluations"]}


def _clean(row: dict[str, Any]) -> int:
    return sum(
        lap["completion_percentage"] == 100.0 and lap["off_track_count"] == 0 for lap in row["laps"]
    )


def _command(*arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "deepracer_fast.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def main() -> None:
    """Prints the table, and writes it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", action="append", choices=ROWS, help="default: all")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each training (default: 3)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    table = {}
    for name in options.row or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            table[name] = run(ROWS[name], options.minutes, Path(folder))
        print(f"{name}: {json.dumps(table[name])}", flush=True)
    if options.json:
        record = {"machine": machine(), "minutes": options.minutes, "clean_of_20": table}
        atomic_write_text(options.json, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
