"""The checks of form look at something: where their patterns find no file, they fail."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "deepracer_fast": "one.py",
    "tests": "test_one.py",
    "benchmarks": "one.py",
    "csrc/base": "one.h",
    "csrc/car": "one.cpp",
}
CHECKS = {
    "ruff": ("deepracer_fast", "tests", "benchmarks"),
    "format": ("deepracer_fast", "tests", "benchmarks"),
    "mypy": ("deepracer_fast", "tests", "benchmarks"),
    "clang-format": ("csrc/base", "csrc/car"),
}


def tree(folder: Path) -> Path:
    """A repository of one file a folder, whose tools accept everything."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "form", folder / ".ci")
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name in ("ruff", "mypy", "stubtest", "clang-format"):
        (tools / name).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    for place, file in FILES.items():
        (folder / place).mkdir(parents=True)
        (folder / place / file).touch()
    return folder


def form(folder: Path, *checks: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([folder / ".ci" / "form", *checks], capture_output=True, text=True)


def test_checks_of_form_pass_where_tools_find_no_fault(tmp_path: Path) -> None:
    done = form(tree(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("check", "emptied"), [(check, place) for check, places in CHECKS.items() for place in places]
)
def test_a_check_of_form_without_files_fails(tmp_path: Path, check: str, emptied: str) -> None:
    folder = tree(tmp_path)
    (folder / emptied / FILES[emptied]).unlink()
    done = form(folder, check)
    assert done.returncode == 1
    assert re.fullmatch(rf"\.ci/form: no \*\.\w+ in {emptied.split('/')[0]}\n", done.stderr)
    assert form(folder).returncode == 1, "all checks together fail as well"


def test_checks_before_a_commit_are_those_of_ci() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: \.ci/form ([\w-]+)", hooks) == list(CHECKS)
    assert ".ci/form" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert ".ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
