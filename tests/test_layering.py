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

# A station -> what lies behind it on the line, of which it must know nothing.
LEARNER = {"networks", "ppo", "learner", "native_network", "archive", "model"}
DRIVERS = {"collect", "evaluate", "train", "cli", "cli_train"}
MUST_NOT_REACH = {
    "arrays": {"config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "door": {"arrays", "config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "cache_folder": {"config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "terminal": {"config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "file_reading": {"config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "trace_rows": {"config", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "config": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "array_file": {"route_file", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "borders": {"route_file", "track", "simulator", "reward", *LEARNER, *DRIVERS},
    "route_file": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "world_frame": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "built_track": {"simulator", "reward", *LEARNER, *DRIVERS},
    "track": {"built_track", "simulator", "reward", *LEARNER, *DRIVERS},
    "reward": {"track", "simulator", *LEARNER, *DRIVERS},
    "simulator": {"config", *LEARNER, *DRIVERS},
    "engine_numba": {"config", "simulator", "reward", *LEARNER, *DRIVERS},
    "action_space": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "networks": {"track", "simulator", "reward", "ppo", "learner", "archive", *DRIVERS},
    "ppo": {"track", "simulator", "reward", "learner", "archive", *DRIVERS},
    "archive": {"track", "simulator", "reward", "ppo", "learner", *DRIVERS},
    "collect": {*LEARNER, "evaluate", "train", "cli"},
    "evaluate": {"ppo", "learner", "collect", "train", "cli"},
    "race": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "leaderboard": {"track", "simulator", "reward", *LEARNER, *DRIVERS},
    "train": {"cli"},
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


def station(module: str) -> str:
    """``deepracer_fast.reward.loading`` belongs to the station ``reward``."""
    return f"{module}.".split(".")[1]


def run_python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_reader_of_imports_sees_the_simulators() -> None:
    graph = import_graph()
    stations = (
        "arrays",
        "built_track",
        "frame_stack",
        "model_metadata",
        "poses",
        "race_config",
        "randomization",
        "reward",
        "sensors",
        "track",
        "world_frame",
    )
    ours = ("door", "engine_numba.engine", "errors", *stations)
    needs = {f"deepracer_fast.{name}" for name in ours}
    assert graph["deepracer_fast.simulator"] == needs  # and _core, which is not Python


def test_imports_make_no_circle() -> None:
    graph = import_graph()
    assert not [module for module in graph if module in reached(graph, module)]


@pytest.mark.parametrize("name", MUST_NOT_REACH)
def test_stations_know_nothing_of_what_comes_behind_them(name: str) -> None:
    graph = import_graph()
    own = [module for module in graph if station(module) == name]
    assert own, f"no station {name}"
    found = {station(other) for module in own for other in reached(graph, module)}
    assert not found & MUST_NOT_REACH[name]


def test_importing_the_package_loads_neither_jax_nor_numba(own_process: dict[str, str]) -> None:
    done = run_python(
        "import sys, deepracer_fast\n"
        "print(sorted({'jax', 'jaxlib', 'numba', 'flax', 'matplotlib'} & set(sys.modules)))",
        own_process,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_simulator_loads_numba_only_for_its_engine(own_process: dict[str, str]) -> None:
    done = run_python(
        "import sys\n"
        "from deepracer_fast.simulator import Simulator\n"
        "Simulator('Oval_track', sensors=()).reset()\n"
        "print('numba' in sys.modules)\n"
        "Simulator('Oval_track', sensors=(), engine='numba').reset()\n"
        "print('numba' in sys.modules)",
        own_process,
    )
    assert (done.stdout.split(), done.stderr) == (["False", "True"], "")


def test_sources_without_the_core_say_so(tmp_path: Path) -> None:
    (tmp_path / PACKAGE).mkdir()
    shutil.copy(ROOT / PACKAGE / "__init__.py", tmp_path / PACKAGE)
    done = run_python("import deepracer_fast", dict(os.environ) | {"PYTHONPATH": str(tmp_path)})
    assert "holds the sources without their compiled core" in done.stderr.splitlines()[-1]


def test_track_simulator_and_reward_work_without_jax(own_process: dict[str, str]) -> None:
    """A module that is None in ``sys.modules`` cannot be imported."""
    done = run_python(
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('jax', 'jaxlib', 'flax', 'optax')))\n"
        "from deepracer_fast.reward import load_reward\n"
        "from deepracer_fast.simulator import Simulator\n"
        "from deepracer_fast.track import load_track\n"
        "result = Simulator(load_track('Oval_track'), 2, num_threads=1).reset()\n"
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


def test_no_file_is_too_long() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MAX_LINES} == {}


def test_only_the_bindings_know_python() -> None:
    knows = re.compile(r"#\s*include\s*[<\"](pybind11|Python)", re.MULTILINE)
    files = [path for path in sources() if path.suffix in (".h", ".cpp")]
    found = [path.name for path in files if knows.search(path.read_text(encoding="utf-8"))]
    assert all(name.startswith("bindings") for name in found)
