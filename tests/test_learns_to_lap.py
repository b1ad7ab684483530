"""The promise of the README: the first command ends with a camera policy that laps cleanly."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepracer_fast.policy.model import load_model


def deepracer_fast(*arguments: str, folder: Path, environment: dict[str, str]) -> str:
    """Runs a command as a person does, in its own process; returns what it printed."""
    answer = subprocess.run(
        [sys.executable, "-m", "deepracer_fast.cli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.slow
def test_first_model_learns_to_lap(tmp_path: Path, own_process: dict[str, str]) -> None:
    at_home = {"folder": tmp_path, "environment": own_process}
    printed = deepracer_fast("train", "--minutes", "12", **at_home)
    assert "5 of 5 laps clean" in printed
    archive = tmp_path / "models" / "reinvent_base-1" / "reinvent_base-1.tar.gz"
    assert archive.exists()
    laps = json.loads(deepracer_fast("evaluate", str(archive), "--json", **at_home))["laps"]
    assert len(laps) == 5
    for lap in laps:
        assert (lap["completion_percentage"], lap["off_track_count"]) == (100.0, 0)
    picture = np.zeros((1, 120, 160, 1), np.uint8)
    assert load_model(archive).probabilities(picture).shape == (1, 15)
