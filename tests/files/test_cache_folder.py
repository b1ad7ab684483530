"""Promises of the caches: in the user's place, else in one of their own, else none."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from deepracer_fast.files.cache_folder import _chosen, cache_folder, lend_to_libraries, remark


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user whose home and temporary folder are here."""
    for name in ("DEEPRACER_FAST_CACHE", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    _chosen.cache_clear()
    return tmp_path


def test_the_cache_lies_below_the_home_folder(home: Path) -> None:
    assert cache_folder("jax") == home / "home" / ".cache" / "deepracer_fast" / "jax"
    assert remark() == ""


def test_a_place_that_is_named_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert cache_folder() == home / "xdg" / "deepracer_fast"
    monkeypatch.setenv("DEEPRACER_FAST_CACHE", str(home / "own"))
    assert cache_folder() == home / "own"


def test_a_relative_cache_home_is_ignored_as_its_specification_asks(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert cache_folder() == home / "home" / ".cache" / "deepracer_fast"
    lend_to_libraries()
    assert "XDG_CACHE_HOME" not in os.environ


def test_without_a_usable_home_the_cache_is_in_the_temporary_folder_and_said(home: Path) -> None:
    (home / "home").write_text("not a folder")
    folder = cache_folder()
    assert folder is not None and folder.parent == home / "tmp"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert f"is kept in {folder}" in remark()
    lend_to_libraries()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba")
    assert os.environ["MPLCONFIGDIR"] == str(folder / "matplotlib")


def test_a_temporary_folder_that_others_can_write_is_not_used(home: Path) -> None:
    (home / "home").write_text("not a folder")
    made = home / "tmp" / f"deepracer_fast-{os.getuid()}"
    made.mkdir()
    made.chmod(0o777)
    assert cache_folder() is None
    assert "compiled anew" in remark()
