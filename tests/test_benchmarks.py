"""The figures of README and guide are those of the benchmarks' files; the benchmark itself runs."""

import json
import re
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


def test_the_tables_of_the_pages_are_those_that_the_script_makes(
    speed_table: dict[str, Any],
) -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in speed_table["PAGES"]}
    found = [page for page, text in texts.items() if speed_table["with_tables"](text) != text]
    assert found == []
    marks = {name for text in texts.values() for name in re.findall(r"<!-- (\w+): made by", text)}
    assert marks == set(speed_table["TABLES"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- simulator: made by benchmarks/speed_table.py -->", "between two markers"),
        ("<!-- end of simulator -->", "between two markers"),
        (
            "<!-- speed: made by benchmarks/speed_table.py -->\n<!-- end of speed -->",
            "no table is called 'speed', only summary",
        ),
    ],
)
def test_a_page_whose_markers_do_not_fit_is_refused(
    speed_table: dict[str, Any], text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        speed_table["with_tables"](text)


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
    cells = speed_table["SIMULATOR"]
    assert all(cells[name](figures) for name in cells)
    assert speed_table["measured"](figures).startswith("20")
