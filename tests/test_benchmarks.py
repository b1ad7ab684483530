"""The README's figures are those of the benchmark's files; the benchmark itself runs."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def speed_table() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "speed_table.py"))


def test_the_readmes_table_of_speed_is_the_one_that_the_script_makes(
    speed_table: dict[str, Any],
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert speed_table["with_table"](text, speed_table["load_results"]()) == text


def test_a_readme_without_markers_is_refused(speed_table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the README must hold the lines"):
        speed_table["with_table"]("no table here", [])


def test_the_benchmark_writes_every_figure_that_the_table_shows(
    speed_table: dict[str, Any], own_process: dict[str, str], tmp_path: Path
) -> None:
    """A run too short to mean anything, but for its names."""
    script, file = ROOT / "benchmarks" / "simulator.py", tmp_path / "simulator-test.json"
    quick = ["--seconds", "0.001", "--repeats", "1", "--cars", "8", "--largest", "64"]
    quick.append("--no-peers")
    command = [sys.executable, str(script), *quick, "--json", str(file)]
    done = subprocess.run(command, env=own_process, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["car_steps_per_second_per_core"] > 0
    assert "100 m, 1,000 waypoints over the shortest track" in speed_table["table"]([figures])
