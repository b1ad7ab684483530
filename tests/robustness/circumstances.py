"""Every command of the command line in surroundings that nobody set up for it.

``run(count, seed)`` runs ``count`` of the pairs of a command and a circumstance, each in a process
of its own, chosen and ordered from ``seed`` alone; with a ``count`` above their number, all.
What is promised: the command does its work; where that is impossible (``CAN_FAIL``) it ends with
status 1 or 2, one clear line, and nothing half made. A finding is a traceback, an end by a signal,
a failure that need not be, or a file where none belongs. Circumstances that need another user are
left out where this one may not become it.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SECONDS = 240.0
UNKNOWN_USER = 12345
_REWARD = "def reward_function(params):\n    return 1.0\n"
_ROW = "SIM_TRACE_LOG:0,{s},{x},0.1,0.0,0.0,1.0,0,0.1,False,True,1.0,1,17.71,{t},in_progress,0.00\n"

COMMANDS = {
    "train": "train --track Oval_track --track-state --minutes 0.1 --model {out}/model",
    "train with the usual places": "train --track Oval_track --track-state --minutes 0.1",
    "evaluate": "evaluate {given}/model --track Oval_track --laps 1 --no-resets",
    "race": "race {given}/model --track Oval_track --laps 1 --leaderboard {out}/board.json",
    "race with the usual places": "race {given}/model --track Oval_track --laps 1",
    "video": "video {given}/model --track Oval_track --seconds 0.5 --output {out}/film.gif",
    "replay": "replay {given}/trace.log --car-version 5 --png {out}/replay.png",
    "validate": "validate {given}/reward.py --png {out}/reward.png",
    "tracks": "tracks",
    "picture of a track": "tracks Oval_track --png {out}/track.png",
}


@dataclass(frozen=True)
class Circumstance:
    """What is odd; ``closed`` are standard streams, ``user`` is one the system does not know."""

    environment: dict[str, str | None] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    user: int | None = None
    folder: str = ""  # what is wrong with the working directory


_ASCII: dict[str, str | None] = {
    "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
    "TERM": "dumb", "LANG": None,
}  # fmt: skip
_NOWHERE: dict[str, str | None] = {"HOME": None, "XDG_CACHE_HOME": None}

CIRCUMSTANCES = {
    "as usual": Circumstance(),
    "no HOME": Circumstance(_NOWHERE),
    "an unknown user": Circumstance(_NOWHERE, user=UNKNOWN_USER),
    "an unknown user in a folder of others": Circumstance(
        _NOWHERE, user=UNKNOWN_USER, folder="not writable"
    ),
    "a HOME that is not there": Circumstance({"HOME": "/no/such/home"}),
    "a HOME that is a file": Circumstance({"HOME": "{given}/reward.py"}),
    "a HOME of others": Circumstance({"HOME": "/root"}, user=UNKNOWN_USER),
    "a relative cache": Circumstance({"XDG_CACHE_HOME": "caches"}),
    "a cache that is a file": Circumstance({"DEEPRACER_FAST_CACHE": "{given}/reward.py"}),
    "an ASCII terminal": Circumstance(_ASCII),
    "one column": Circumstance({"COLUMNS": "1", "LINES": "1"}),
    "no stdin": Circumstance(closed=(0,)),
    "no stdout": Circumstance(closed=(1,)),
    "no stderr": Circumstance(closed=(2,)),
    "no streams": Circumstance(closed=(0, 1, 2)),
    "a deleted folder": Circumstance(folder="deleted"),
    "a TMPDIR that is not there": Circumstance({"TMPDIR": "/no/such/tmp"}),
    "no HOME and no TMPDIR": Circumstance(_NOWHERE | {"TMPDIR": "/no/such/tmp"}),
}

CAN_FAIL = {
    (name, circumstance)
    for circumstance in ("an unknown user in a folder of others", "a deleted folder")
    for name in COMMANDS
    if name.endswith("usual places")
}


def run(count: int, seed: int) -> list[str]:
    """Runs ``count`` pairs; one line a finding."""
    pairs = [(name, where) for name in COMMANDS for where in CIRCUMSTANCES if _is_possible(where)]
    random.Random(seed).shuffle(pairs)
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    try:
        _lay_out(place / "given")
        return [
            f"{name}, {where}: {what}"
            for number, (name, where) in enumerate(pairs[:count])
            for what in _try(name, where, place, place / str(number))
        ]
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _is_possible(where: str) -> bool:
    return CIRCUMSTANCES[where].user is None or _can_be_another()


@cache
def _can_be_another() -> bool:
    """Whether this user may run Python as one whom the system does not know."""
    try:
        subprocess.run([*_command("tracks")[:1], "-c", ""], user=UNKNOWN_USER, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _lay_out(given: Path) -> None:
    """A model, a reward and a trace, made in ordinary circumstances."""
    given.mkdir()
    (given / "reward.py").write_text(_REWARD)
    rows = [_ROW.format(s=step, x=0.01 * step, t=step / 15) for step in range(1, 40)]
    (given / "trace.log").write_text("".join(rows))
    text = f"train --track Oval_track --track-state --minutes 0.05 --model {given}/model"
    subprocess.run(_command(text), check=True, capture_output=True, timeout=SECONDS)


def _command(text: str) -> list[str]:
    return [sys.executable, "-m", "deepracer_fast.cli", *text.split()]


def _try(name: str, where: str, place: Path, own: Path) -> list[str]:
    """What is wrong with one command in one circumstance."""
    circumstance = CIRCUMSTANCES[where]
    for folder in (own, own / "out", own / "work"):
        folder.mkdir()
        if circumstance.user is not None and circumstance.folder != "not writable":
            os.chown(folder, circumstance.user, circumstance.user)
    if circumstance.user is not None:
        os.chown(own / "out", circumstance.user, circumstance.user)
    places = {"given": str(place / "given"), "out": str(own / "out")}
    done = _done(COMMANDS[name].format(**places), circumstance, own / "work", places)
    findings = _about(done, (name, where) in CAN_FAIL)
    if done.returncode and (own / "out" / "model").exists():
        findings.append("a model folder is left of a command that failed")
    if not circumstance.folder and (own / "work" / "~").exists():
        findings.append("a folder ~ in the working directory")
    return findings


def _done(
    text: str, circumstance: Circumstance, work: Path, places: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k != "DEEPRACER_FAST_CACHE"}
    for key, value in circumstance.environment.items():
        environment.pop(key, None)
        if value is not None:
            environment[key] = value.format(**places)
    user = circumstance.user
    return subprocess.run(
        _command(text), cwd=work, env=environment, timeout=SECONDS, text=True, errors="replace",
        capture_output=True, user=user, group=user, extra_groups=None if user is None else [],
        preexec_fn=_prepared(circumstance, work),
    )  # fmt: skip


def _prepared(circumstance: Circumstance, work: Path) -> Callable[[], None]:
    def prepare() -> None:
        for stream in circumstance.closed:
            os.close(stream)
        if circumstance.folder == "deleted":
            os.rmdir(work)

    return prepare


def _about(done: "subprocess.CompletedProcess[str]", can_fail: bool) -> list[str]:
    said = done.stdout + done.stderr
    if "Traceback" in said or "internal error" in said:
        return [f"{[line for line in said.splitlines() if line.strip()][-1]}"]
    if done.returncode < 0:
        return [f"ended by signal {-done.returncode}"]
    if done.returncode and not can_fail:
        return [f"status {done.returncode}: {said.strip()[-200:]}"]
    if done.returncode and said and len(done.stderr.strip().splitlines()) != 1:
        return [f"not one line: {done.stderr.strip()[-300:]}"]
    unasked = [line for line in done.stderr.splitlines() if "Warning" in line]
    return [f"a warning: {line}" for line in unasked[:1]]
