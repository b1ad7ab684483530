"""What compiling a reward buys where it matters: seconds to a policy that laps, with and without.

Each line is a training as a user would start it, in a process of its own, once with the compiler
and once with the interpreter alone. ``first lap`` is when a greedy lap from every start was clean;
processor seconds are those of all its threads and of the reward's worker.

    python benchmarks/reward_value.py                                  # five rewards, one seed
    python benchmarks/reward_value.py progress state --seeds 3 --json FILE
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from time_to_lap import Run, cpu_seconds, machine, note

from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.tracks.track import load_track

TRACK = "reinvent_base"
ROWS = 400  # of the racing line
EXAMPLES = ("progress", "follow_center_line", "follow_center_line_smooth")
# Neither the translator's answer nor one from the cache: plain Python, call by call.
INTERPRETED = """
from deepracer_fast.reward import cache, translator
def refuse(*_):
    raise translator.Unfinished("not asked")
translator.Translator.translate, cache.find = refuse, lambda text: None
"""
MAIN = "from deepracer_fast.cli import main; main()"
LINE_REWARD = """
LINE = {rows}

def reward_function(params):
    x, y = params['x'], params['y']
    gaps = [(x - px) ** 2 + (y - py) ** 2 for px, py, _ in LINE]
    nearest = gaps.index(min(gaps))
    speed = LINE[nearest][2]
    close = max(1e-3, 1 - 2 * gaps[nearest] ** 0.5 / params['track_width'])
    pace = max(0.1, 1 - abs(params['speed'] - speed) / speed)
    return float(close * pace + params['progress'] / 100)
"""
STATE_REWARD = """
class Memory:
    def __init__(self):
        self.turns, self.progress = [], 0.0

memory = Memory()

def reward_function(params):
    if params['steps'] <= 2:
        memory.turns.clear()
        memory.progress = params['progress']
    memory.turns.append(params['steering_angle'])
    if len(memory.turns) > 8:
        memory.turns.pop(0)
    gained, memory.progress = params['progress'] - memory.progress, params['progress']
    mean = sum(memory.turns) / len(memory.turns)
    restless = sum(abs(turn - mean) for turn in memory.turns) / len(memory.turns) / 30
    return float(max(1e-3, gained * (1 - 0.3 * restless)))
"""


def racing_line() -> str:
    """A reward with a table of places and speeds, as tools for racing lines print it."""
    points = np.asarray(load_track(TRACK).waypoints)[:-1]
    at = np.linspace(0, len(points), ROWS, endpoint=False)
    xs, ys = (np.interp(at, range(len(points) + 1), [*column, column[0]]) for column in points.T)
    rows = [[round(x, 4), round(y, 4), 1.0] for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    return LINE_REWARD.format(rows=rows)


def rewards() -> dict[str, str]:
    """The five kinds, name -> source."""
    examples = {name: example_reward(name).read_text(encoding="utf-8") for name in EXAMPLES}
    return examples | {"racing_line": racing_line(), "state": STATE_REWARD}


def train(source: str, compiled: bool, seed: int, options: list[str]) -> Run:
    """One training in a fresh process; what it said about laps, and what it used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reward_function.py"
        path.write_text(source, encoding="utf-8")
        begin = ("" if compiled else INTERPRETED) + MAIN
        command = [sys.executable, "-u", "-c", begin, "train", "--track", TRACK, *options]
        command += ["--seed", str(seed), "--model", "model", "--reward", str(path)]
        before, started, result = cpu_seconds(), time.monotonic(), Run(seed)
        with subprocess.Popen(
            command, cwd=folder, env=dict(os.environ), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                note(line, time.monotonic() - started, result)
        if process.returncode != 0:
            raise SystemExit(f"training failed: {' '.join(command[4:])}")
        result.cpu_s = round(cpu_seconds() - before, 1)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sources = rewards()
    parser.add_argument("rewards", nargs="*", metavar="REWARD", help=", ".join(sources))
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each (default: 1)")
    parser.add_argument("--minutes", type=float, default=10.0, help="give up after (default: 10)")
    parser.add_argument("--track-state", action="store_true", help="no pictures: the teacher alone")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    if unknown := set(options.rewards) - set(sources):
        parser.error(f"no such reward: {', '.join(unknown)}; there are {', '.join(sources)}")
    given = ["--minutes", f"{options.minutes:g}", *["--track-state"] * options.track_state]
    figures: dict[str, Any] = {}
    print(f"{'reward':28}{'seed':>5}   first lap, s (processor): compiled, interpreted, ratio")
    for name in options.rewards or sources:
        for seed in range(options.seeds):
            runs = [train(sources[name], compiled, seed, given) for compiled in (True, False)]
            figures.setdefault(name, []).append([asdict(run) for run in runs])
            took = [run.first_lap_s or float("inf") for run in runs]
            told = [f"{s:8.1f} ({run.cpu_s:.1f})" for s, run in zip(took, runs, strict=True)]
            print(
                f"{name:28}{seed:5}{told[0]:>22}{told[1]:>20}{took[1] / took[0]:8.2f}", flush=True
            )
    if options.json:
        content = {"machine": machine(), "options": given, "rewards": figures}
        atomic_write_text(options.json, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
