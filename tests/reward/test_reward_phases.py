"""The compiler's page, and its folders: what the page shows is what the switch prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_layering import import_graph

from deepracer_fast.reward.compiler import phases as module
from deepracer_fast.reward.compiler.phases import phases
from deepracer_fast.reward.loading import read_reward

COMPILER = Path(module.__file__).parent
PAGE = (COMPILER / "README.md").read_text(encoding="utf-8")
ORDER = ("lattice", "lowering", "codegen", "kernel", "passes", "phases", "__main__")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def printed() -> str:
    (source,) = blocks("python")
    return "".join(f"{text}\n" for _, text in phases(read_reward(source)))


@pytest.mark.parametrize("block", blocks("text"))
def test_the_page_shows_what_the_switch_prints(block: str, printed: str) -> None:
    assert block in printed


def test_a_phase_imports_only_those_before_it() -> None:
    prefix = "deepracer_fast.reward.compiler."
    for name, imported in import_graph().items():
        if name.startswith(prefix) and not name.startswith(prefix + "runtime"):
            here = ORDER.index(name.removeprefix(prefix).split(".")[0])
            others = {
                other.removeprefix(prefix).split(".")[0] for other in imported if prefix in other
            }
            assert others <= {*ORDER[: here + 1], "runtime"}, name


def test_what_is_not_compiled_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_text("def reward_function(params):\n    return id(params) % 2\n")
    command = [sys.executable, "-m", "deepracer_fast.reward.compiler", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == "line 2: calls id: it is interpreted\n"
