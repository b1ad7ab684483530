"""Trials of what must not break: each kind a module with ``run(count, seed)``, a line a finding.

Run in full by ``benchmarks/robustness.py``, and a tenth of each in the tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import deepracer_fast

TRIALS = {
    "kills": 60,
    "mutations": 3_000,
    "calls": 300,
    "core_calls": 300,
    "circumstances": 60,
    "escapes": 200,
    "reward_descriptions": 500,
    "routes": 200,
    "soak": 1_800,  # seconds
}
"""How many of each kind make a full trial."""


def in_its_own_process(kind: str, count: int, seed: int) -> list[str]:
    """What one kind finds; some of them fork, and must not do so beside threads of others.

    The package is the one that is imported here, not the sources in the folder that this is
    started from, which may be without their core.
    """
    tests, package = Path(__file__).parents[1], Path(deepracer_fast.__file__).parents[1]
    paths = os.pathsep.join([str(package), str(tests), *filter(None, sys.path)])
    environment = dict(os.environ) | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
    start = (
        f"import json\nfrom robustness.{kind} import run\nprint(json.dumps(run({count}, {seed})))"
    )
    command = [sys.executable, "-c", start]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        return [f"the trial itself ended with status {done.returncode}"]
    findings: list[str] = json.loads(lines[-1])
    return findings
