"""Commands of ``deepracer-fast`` as the tests run them: in their own process."""

import sys
from typing import NamedTuple

import pytest

from deepracer_fast import cli


class Answer(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


class CommandLine:
    """Runs commands in this process, in a folder of their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["deepracer-fast", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Answer(status, *self._capsys.readouterr())
