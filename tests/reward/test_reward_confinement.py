"""A reward file is somebody else's program: what it reaches, and what it may read."""

import ctypes
import ctypes.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox import process as sandbox
from deepracer_fast.reward.sandbox import syscall_filter
from deepracer_fast.reward.sandbox.readable import readable_paths

BATCH: dict[str, Any] = probe_batches(4, 1)[0]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")
# What a hostile file would do first: the refusals in Python are a courtesy only.
FREED = """
import ctypes, os, sys
worker = sys.modules["deepracer_fast.reward.sandbox.worker"]
worker.refuse.__code__ = (lambda event, args: None).__code__
libc = ctypes.CDLL(None)
"""


@pytest.fixture(scope="module")
def confined() -> None:
    """Skips where this machine's kernel cannot confine a process."""
    if sandbox.unconfined():
        pytest.skip(f"this system cannot keep a reward from: {sandbox.unconfined()}")


def failure(source: str | Path, time_limit: float = 5.0) -> str:
    with pytest.raises(RewardError) as caught:
        load_reward(source, time_limit=time_limit)(BATCH)
    return str(caught.value)


def attack(body: str) -> str:
    return f"{FREED}\ndef reward_function(params):\n    {body}\n    return 1.0\n"


@on_linux
@pytest.mark.usefixtures("confined")
@pytest.mark.parametrize(
    "body",
    [
        "open('written', 'w')",
        "open('/etc/passwd')",
        "os.listdir(os.path.dirname(os.getcwd()) or '/')",
        "open(f'/proc/{os.getppid()}/environ')",
        "os.mkfifo('written')",
        "os.system('true') and os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 1)",
        "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
    ],
)
def test_the_system_refuses_what_the_refusals_in_python_would(body: str) -> None:
    assert "PermissionError: [Errno 1" in failure(attack(body))


@on_linux
@pytest.mark.usefixtures("confined")
@pytest.mark.parametrize("call", ["fork()", "socket(2, 2, 0)", "kill(os.getppid(), 0)", "vfork()"])
def test_the_system_refuses_calls_past_python(call: str) -> None:
    source = f"{FREED}\ndef reward_function(params):\n    return float(libc.{call})\n"
    assert load_reward(source)(BATCH).tolist() == [-1.0] * 4


def test_libraries_are_imported_at_any_call() -> None:
    body = "import scipy.spatial, shapely; return shapely.Point(3, 4).distance(shapely.Point(0, 0))"
    assert load_reward(f"def reward_function(params):\n    {body}\n")(BATCH).tolist() == [5.0] * 4


def test_what_the_original_lets_a_reward_import_runs_as_public_functions_write_it() -> None:
    text = """
import math, random
import numpy as np
from scipy.interpolate import splprep, splev
from scipy.spatial import distance, KDTree
from shapely.geometry import LineString, LinearRing, Point, Polygon


def reward_function(params):
    line = np.array(params["waypoints"])[:-1]
    spline, _ = splprep(line.T, s=0.0, per=True)
    start = np.array(splev(0.0, spline))
    near, _ = KDTree(line).query(start)
    here = Point(*start)
    road = Polygon(LineString(line).buffer(0.5).exterior)
    away = LinearRing(line).distance(here) + distance.euclidean(start, line[0])
    return float(road.contains(here)) + away + near
"""
    np.testing.assert_allclose(load_reward(text)(BATCH), 1.0, atol=1e-6)


def test_a_thread_is_refused_in_clear_words() -> None:
    body = "import threading; threading.Thread(target=print).start()"
    assert "can't start new thread" in failure(f"def reward_function(params):\n    {body}\n")


@pytest.mark.parametrize("is_on_path", [False, True])
def test_a_module_named_as_one_of_pythons_does_not_run_before_the_process_is_confined(
    is_on_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("importlib", "json", "select", "struct", "ctypes", "numpy", "deepracer_fast"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w').close()\n")
    (tmp_path / "reward.py").write_text("def reward_function(params):\n    return 7.5\n")
    monkeypatch.chdir(tmp_path)
    if is_on_path:  # as it is for who works in a notebook
        monkeypatch.syspath_prepend("")
    assert load_reward("reward.py")(BATCH).tolist() == [7.5] * 4
    assert not (tmp_path / "trap").exists()


@on_linux
@pytest.mark.usefixtures("confined")
def test_the_files_beside_a_reward_are_read_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "line.txt").write_text("2.5")
    (folder / "data" / "line.txt").write_text("0.25")
    (folder / ".hidden").write_text("secret")
    (tmp_path / "above").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "above")
    path = folder / "reward.py"
    path.write_text(
        "import os\nHERE = os.path.dirname(__file__)\ndef reward_function(params):\n"
        "    return float(open(HERE + '/line.txt').read()) + "
        "float(open(HERE + '/data/line.txt').read())\n"
    )
    assert load_reward(path)(BATCH).tolist() == [2.75] * 4
    for name in (".hidden", "link", "../above"):
        path.write_text(f"open({str(folder / name)!r}).read()\n")
        assert "PermissionError" in failure(path)


def test_a_reward_in_a_home_reads_files_beside_it_but_no_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "documents").mkdir()
    (tmp_path / ".ssh").mkdir()
    for name in ("reward.py", "line.txt", ".netrc"):
        (tmp_path / name).touch()
    beside = [p for p in readable_paths(str(tmp_path / "reward.py")) if p.startswith(str(tmp_path))]
    assert sorted(Path(path).name for path in beside) == ["line.txt", "reward.py"]


def test_a_home_on_the_path_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), str(tmp_path / "me")])
    (tmp_path / "me").mkdir()
    assert not {str(tmp_path), str(tmp_path / "me")} & set(readable_paths("<text>"))


def test_the_environment_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    body = "import os; return float('SECRET_TOKEN' in os.environ)"
    assert load_reward(f"def reward_function(params):\n    {body}\n")(BATCH).tolist() == [0.0] * 4


def test_what_is_not_confined_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "unconfined", lambda: ("write files", "use the network"))
    note = sandbox.confinement_note()
    assert note.startswith("this system cannot keep a reward function from: write files, use the")
    assert "\n" not in note


@on_linux
@pytest.mark.parametrize(("column", "token"), [(0, 0xC000003E), (1, 0xC00000B7)])
def test_the_numbers_of_system_calls_are_those_of_libseccomp(column: int, token: int) -> None:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp, which knows the numbers, is not here")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    known = syscall_filter.numbers(column)
    assert len(known) > 80
    found = {call: resolve(token, call.encode()) for call in known}
    assert {call: number for call, number in found.items() if number >= 0} == known
