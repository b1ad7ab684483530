"""Kills a training at random instants, and looks at what it leaves.

Each trial trains for real, in a process of its own: from the camera or the track state, with a
teacher or without, new or resumed. At a random instant it is ended by SIGKILL, SIGHUP, SIGTERM,
SIGPIPE or a reader that closes the screen's pipe, or its folder is copied while it goes on, which
is what a power cut leaves. In some, a second writer is tried before. Then:

- what the screen told of 10 s before is in the last checkpoint, or in what the teacher left;
- a training that can hear a signal ends with status 0;
- ``--resume`` goes on from there, and leaves no half of a file;
- the archive is the best checkpoint's.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import deepracer_fast
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.policy.archive.model_archive import read_model_archive
from deepracer_fast.policy.archive.weights import load_weights

LONGEST_LOSS = 10.0  # s of work
SLOW = 3.0  # s that a busy machine may take for a save, and to tell of an iteration
PATIENCE = 300.0  # s for a training that should end
KINDS = {
    "camera": ("--reward", "progress"),
    "track state": ("--reward", "progress", "--track-state"),
    "camera, a long track": ("--reward", "progress", "--track", "2022_reinvent_champ_ccw"),
    "camera, no teacher": ("--reward", "progress", "--no-teacher", "--num-cars", "16"),
}
START = """
import runpy, signal
for number in (signal.SIGHUP, signal.SIGTERM):  # whoever started this may have them ignored
    signal.signal(number, signal.SIG_DFL)
runpy.run_module("deepracer_fast.cli", run_name="__main__", alter_sys=True)
"""
ENDS = ("KILL", "copy", "HUP", "reader", "KILL", "copy", "TERM", "PIPE")


@dataclass(frozen=True)
class Trial:
    """One training and its end, some seconds after it has taken its folder."""

    kind: str
    end: str
    seconds: float
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.end} after {self.seconds:.1f} s, seed {self.seed}"


@dataclass
class Told:
    """What the screen told of, and when: env steps of the training and of its teacher."""

    training: list[tuple[float, int]] = field(default_factory=list)
    teacher: list[tuple[float, int]] = field(default_factory=list)

    def read(self, descriptor: int) -> None:
        """Reads lines until there are no more."""
        with open(descriptor, encoding="utf-8", closefd=False) as screen:
            try:
                for line in screen:
                    self._take(line)
            except (OSError, ValueError):
                return

    def _take(self, line: str) -> None:
        if found := re.search(r"^iteration .* teacher .*steps +([\d,]+) ", line):
            self.teacher.append((time.time(), int(found[1].replace(",", ""))))
        elif found := re.search(r"^iteration .* steps +([\d,]+) ", line):
            self.training.append((time.time(), int(found[1].replace(",", ""))))


def run(count: int, seed: int) -> list[str]:
    """Tries so many kills; returns a line a finding."""
    choices = random.Random(seed)
    kinds = list(KINDS)
    trials = [
        Trial(
            kinds[number % len(kinds)],
            ENDS[number // len(kinds) % len(ENDS)],
            choices.choice([0.0, 1.0, 4.0, 10.0, 20.0, 35.0]) + 3.0 * choices.random(),
            seed + number,
        )
        for number in range(count)
    ]
    return [finding for trial in trials for finding in tried(trial)]


def tried(trial: Trial) -> list[str]:
    """Findings of one trial."""
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "model"
        if trial.seed % 5 == 4:  # goes on with one that was begun before
            _wait(_training(trial, model, subprocess.DEVNULL, "--steps", "600"))
        try:
            findings, left, told, ended = _broken_off(trial, model)
            findings += [] if told is None else _lost(left, told, ended)
            findings += _resumed(left)
        except subprocess.TimeoutExpired:
            findings = [f"did not end within {PATIENCE:.0f} s"]
    return [f"{trial}: {finding}" for finding in findings]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepracer_fast.cli", *arguments]
    return subprocess.run(
        command, env=_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def _environment() -> dict[str, str]:
    tested = str(Path(deepracer_fast.__file__).parents[1])
    paths = os.pathsep.join([tested, *filter(None, sys.path)])
    return dict(os.environ) | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def _training(trial: Trial, model: Path, screen: int, *more: str) -> subprocess.Popen[bytes]:
    arguments = ["train", "--model", str(model), "--seed", str(trial.seed), *KINDS[trial.kind]]
    arguments += ["--stop-after", "0", "--minutes", "3", *more]
    arguments += ["--resume", "--steps", "0"] if model.exists() else []
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        stdout=screen,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Its exit status; what does not end is killed."""
    try:
        return process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _broken_off(trial: Trial, model: Path) -> tuple[list[str], Path, Told | None, float]:
    """Trains and breaks it off: findings, the folder that is left, what was told, and when."""
    read, write = os.pipe()
    process, told = _training(trial, model, write), Told()
    os.close(write)
    reader = threading.Thread(target=told.read, args=(read,), daemon=True)
    reader.start()
    begun = time.monotonic()
    while not (model / ".writer.lock.json").exists() and process.poll() is None:
        if time.monotonic() - begun > PATIENCE:
            break
        time.sleep(0.02)
    findings = _second_writer(model) if trial.seed % 4 == 1 else []
    time.sleep(trial.seconds)
    ended = time.time()
    if trial.end == "copy":
        left = model.with_name("left")
        _copy(model, left)
        process.kill()
        _wait(process)
    else:
        left = model
        if trial.end == "reader":
            os.close(read)  # it finds out with its next line
        else:
            process.send_signal(getattr(signal, f"SIG{trial.end}"))
        status = _wait(process)
        if trial.end != "KILL" and status not in (0, -getattr(signal, f"SIG{trial.end}", 0)):
            findings.append(f"exit status {status}")
    return findings, left, None if trial.end == "reader" else told, ended


def _second_writer(model: Path) -> list[str]:
    done = _run("train", "--model", str(model), "--resume")
    if done.returncode == 1 and "is being written by process" in done.stderr:
        return []
    return [f"a second writer: exit status {done.returncode}, {done.stderr.strip()[-200:]!r}"]


def _copy(source: Path, target: Path) -> None:
    """File by file, as they come, while they change."""
    target.mkdir()
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        try:
            if path.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        except FileNotFoundError:
            continue  # it went away meanwhile


def _lost(model: Path, told: Told, ended: float) -> list[str]:
    """What the screen had told of too long ago to be lost, and is not there."""
    until, folder = ended - LONGEST_LOSS - SLOW, ModelFolder(model)
    learnt = max([steps for when, steps in told.training if when <= until], default=0)
    kept = max([each.steps for each in folder.checkpoints()], default=0)
    if learnt > kept:
        return [f"told of {learnt} env steps, kept {kept}"]
    learnt = max([steps for when, steps in told.teacher if when <= until], default=0)
    if learnt == 0 or kept > 0:
        return []
    if not folder.teaching.exists():
        return [f"told of a teacher's {learnt} env steps, kept nothing"]
    teacher = load_weights(folder.teaching).get("teacher")
    kept = int(teacher["counts"][0]) if teacher else learnt  # it has ended
    return [f"told of a teacher's {learnt} env steps, kept {kept}"] if learnt > kept else []


def _resumed(model: Path) -> list[str]:
    """Goes on with what is left; looks at the folder again."""
    folder = ModelFolder(model)
    begun = folder.was_begun()
    more = max([each.steps for each in folder.checkpoints()], default=0) + 1
    done = _run("train", "--model", str(model), "--resume", "--steps", str(more))
    if not begun and done.returncode == 1 and "no model to resume" in done.stderr:
        return []  # nothing was there yet
    if done.returncode != 0:
        return [f"--resume: exit status {done.returncode}, {done.stderr.strip()[-300:]!r}"]
    findings = [f"left behind {path.name}" for path in model.rglob("*.tmp")]
    records = folder.recorded_checkpoints()
    if records is None or records[0].checkpoint.steps < more - 1:
        findings.append(f"--resume did not go on: {records}")
    elif folder.archive.exists():
        graph = folder.graph(records[1].checkpoint).read_bytes()
        if read_model_archive(folder.archive)[1] != graph:
            findings.append("the archive is not the best checkpoint's")
    return findings
