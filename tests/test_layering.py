"""Imports run one way, stations stay light, and files stay short enough to read in one sitting."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "deepracer_fast"
MAX_LINES = 500
CORE = re.compile(r"^from deepracer_fast import .*\b_core\b", re.MULTILINE)

# Each folder, and what it may import; the ones below know nothing of those above them. ``_core`` is
# the native core. ``errors`` and ``renamed`` are everybody's.
EVERYBODYS = {"", "errors", "renamed"}
FOLDERS: dict[str, set[str]] = {
    "checks": set(),
    "files": {"checks", "_core"},
    "tracks": {"checks", "files", "_core"},
    "reward": {"checks", "files", "_core"},
    "world": {"checks", "files", "reward", "tracks", "_core"},
    "policy": {"checks", "files", "world", "_core"},
    "driving": {"checks", "files", "policy", "reward", "tracks", "world", "_core"},
    "racing": {"checks", "driving", "files", "policy", "tracks", "world"},
    "validation": {"checks", "files", "reward", "tracks", "world"},
    "learning": {"checks", "driving", "files", "policy", "world"},
    "pictures": {"checks", "driving", "files", "reward", "tracks", "world", "_core"},
    "training": {"checks", "driving", "files", "learning", "policy", "reward", "tracks", "world"},
    "commands": {
        *("driving", "files", "learning", "pictures", "policy", "racing", "reward", "tracks"),
        *("training", "validation", "world"),
    },
    "guide": set(),
    "cli": {"commands", "files", "_core"},
}

# The same for the core's folders.
CORE_FOLDERS: dict[str, set[str]] = {
    "base": set(),
    "tracks": {"base"},
    "car": {"base"},
    "traffic": {"base", "car", "tracks"},
    "rendering": {"base", "traffic"},
    "simulator": {"base", "car", "rendering", "tracks", "traffic"},
    "network": set(),
    "bindings": {"base", "network", "rendering", "simulator", "tracks"},
}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, known: set[str]) -> set[str]:
    """Modules of the package that one imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            source = str(node.module)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= names & known
            if names - known:  # a name that is defined in the module itself
                found.add(source)
    return (found & known) - {module, PACKAGE}


def import_graph() -> dict[str, set[str]]:
    found = modules()
    return {name: imports(name, path, set(found)) for name, path in found.items()}


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """Modules that loading ``start`` loads, itself left out unless there is a circle."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(graph[module])
    return seen


def top(module: str) -> str:
    """``deepracer_fast.reward.loading`` belongs to the folder ``reward``."""
    return f"{module}.".split(".")[1]


def run_python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_reader_of_imports_sees_the_fleets() -> None:
    needs = {"checks.arrays", "errors", "reward", "world.simulator"}
    assert import_graph()["deepracer_fast.world.fleet"] == {f"{PACKAGE}.{name}" for name in needs}


def test_imports_make_no_circle() -> None:
    graph = import_graph()
    assert not [module for module in graph if module in reached(graph, module)]


def test_folders_import_only_what_the_table_allows() -> None:
    graph = import_graph()
    found: dict[str, set[str]] = {name: set() for name in FOLDERS}
    for module, path in modules().items():
        folder = top(module)
        if folder in EVERYBODYS:
            continue
        names = {top(other) for other in graph[module]}
        if CORE.search(path.read_text(encoding="utf-8")):
            names.add("_core")
        found[folder] |= names - EVERYBODYS - {folder}
    assert found == FOLDERS


@pytest.mark.parametrize("table", [FOLDERS, CORE_FOLDERS], ids=["Python", "C++"])
def test_each_folder_imports_only_those_above_it_in_the_table(table: dict[str, set[str]]) -> None:
    order = list(table)
    for number, folder in enumerate(order):
        assert table[folder] <= {"_core", *order[:number]}, folder


def test_core_folders_include_only_what_the_table_allows() -> None:
    found: dict[str, set[str]] = {name: set() for name in CORE_FOLDERS}
    include = re.compile(r'#include "(\w+)/')
    for path in (ROOT / "csrc").rglob("*.*"):
        folder = path.relative_to(ROOT / "csrc").parts[0]
        found[folder] |= set(include.findall(path.read_text(encoding="utf-8"))) - {folder, "xla"}
    assert found == CORE_FOLDERS


def test_importing_the_package_loads_neither_jax_nor_numba(own_process: dict[str, str]) -> None:
    done = run_python(
        "import sys, deepracer_fast\n"
        "dir(deepracer_fast)\n"
        "print(sorted({'jax', 'jaxlib', 'numba', 'flax', 'matplotlib'} & set(sys.modules)))",
        own_process,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_simulator_loads_numba_only_for_its_engine(own_process: dict[str, str]) -> None:
    done = run_python(
        "import sys\n"
        "from deepracer_fast.world.simulator import Simulator\n"
        "Simulator('Oval_track', sensors=()).reset()\n"
        "print('numba' in sys.modules)\n"
        "Simulator('Oval_track', sensors=(), engine='numba').reset()\n"
        "print('numba' in sys.modules)",
        own_process,
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


def test_sources_without_the_core_say_so(tmp_path: Path) -> None:
    (tmp_path / PACKAGE).mkdir()
    for name in ("__init__.py", "renamed.py"):
        shutil.copy(ROOT / PACKAGE / name, tmp_path / PACKAGE)
    done = run_python("import deepracer_fast", dict(os.environ) | {"PYTHONPATH": str(tmp_path)})
    assert "holds the sources without their compiled core" in done.stderr.splitlines()[-1]


def test_track_simulator_and_reward_work_without_jax(own_process: dict[str, str]) -> None:
    """A module that is None in ``sys.modules`` cannot be imported."""
    done = run_python(
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('jax', 'jaxlib', 'flax', 'optax')))\n"
        "from deepracer_fast import Simulator, load_reward, load_track\n"
        "result = Simulator(load_track('Oval_track'), 2, threads=1).reset()\n"
        "print(load_reward(lambda params: params['track_length'])(result.params).round().tolist())",
        own_process,
    )
    assert (done.stdout.strip(), done.stderr) == ("[20.0, 20.0]", "")


def sources() -> list[Path]:
    folders = {PACKAGE: ("*.py",), "csrc": ("*.h", "*.cpp"), "tests": ("*.py",)}
    folders["benchmarks"] = ("*.py",)
    return sorted(
        path
        for folder, patterns in folders.items()
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
    )


def test_tests_lie_in_folders_that_are_the_packages() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders <= FOLDERS.keys()


def test_no_file_is_too_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MAX_LINES} == {}


def test_only_the_bindings_know_python() -> None:
    knows = re.compile(r"#\s*include\s*[<\"](pybind11|Python)", re.MULTILINE)
    files = [path for path in sources() if path.suffix in (".h", ".cpp")]
    found = [path for path in files if knows.search(path.read_text(encoding="utf-8"))]
    assert {path.parent.name for path in found} == {"bindings"}
