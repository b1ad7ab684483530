"""Fixtures that several stations' tests share."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import deepracer_fast


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recordings of the original; tests that need it skip without it."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("DEEPRACER_SHARED", default))
    if not folder.is_dir():
        pytest.skip("recordings of the original are not here (set DEEPRACER_SHARED)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def signals_as_at_a_terminal() -> None:
    """Whoever runs the tests in the background has some ignored, which a training heeds."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def reward_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Compiled rewards of the tests are kept apart from the user's."""
    folder = tmp_path_factory.mktemp("rewards")
    before = os.environ.get("DEEPRACER_FAST_CACHE")
    os.environ["DEEPRACER_FAST_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["DEEPRACER_FAST_CACHE"]
    else:
        os.environ["DEEPRACER_FAST_CACHE"] = before


@pytest.fixture(scope="session")
def own_process() -> dict[str, str]:
    """Environment in which another Python imports what this one does.

    The package under test comes first, and the working directory does not count: in a checkout it
    holds the sources, which lack the compiled core of an installed package.
    """
    tested = str(Path(deepracer_fast.__file__).parents[1])
    paths = os.pathsep.join([tested, *filter(None, sys.path)])
    return dict(os.environ) | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of rewards are forked from this one, which is faster than starting them.

    Not where JAX has begun its threads: a forked child may wait for one of them for ever.
    """
    if "jax" in sys.modules:
        return
    from forked import Forked

    from deepracer_fast.reward.sandbox import child

    stand_in = SimpleNamespace(Popen=Forked, DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(child, "subprocess", stand_in)


@pytest.fixture
def quick_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are 100 MB here; no test pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training writes its model's archive."""
    from deepracer_fast.training import checkpoints

    monkeypatch.setattr(checkpoints, "write_model_archive", lambda *_: None)


@pytest.fixture
def no_laps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The greedy laps of trainings are made up: a tenth of the track."""
    from small_training import make_up_laps

    make_up_laps(monkeypatch, 10.0)
