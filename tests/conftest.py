"""Fixtures that several stations' tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recordings of the original; tests that need it skip without it."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("DEEPRACER_SHARED", default))
    if not folder.is_dir():
        pytest.skip("recordings of the original are not here (set DEEPRACER_SHARED)")
    return folder
