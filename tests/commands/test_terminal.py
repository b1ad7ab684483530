"""Promises of how a command begins and ends: streams take any text, and an end is one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine

from deepracer_fast.commands import tracks as tracks_command
from deepracer_fast.commands.terminal import error_line


def test_a_fault_of_ours_is_one_line_with_its_place_and_a_traceback_for_debug(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[str]:
        raise KeyError("a fault\nof ours")

    monkeypatch.setattr(tracks_command, "track_names", fail)
    done = run("tracks")
    assert done.status == 1
    place = "(commands/tracks.py, line "
    assert done.err.startswith(f"internal error: KeyError: 'a fault\\nof ours' {place}")
    assert done.err.endswith("run the command again with --debug and report what it prints\n")
    assert done.err.count("\n") == 1
    with pytest.raises(KeyError):
        run("tracks", "--debug")


def test_too_little_memory_is_no_fault_of_ours() -> None:
    assert error_line(MemoryError()).startswith("error: this machine has too little memory")


def test_a_deleted_folder_is_named_as_the_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os, sys\nos.rmdir(os.getcwd())\n"
         "from deepracer_fast.commands.terminal import error_line\n"
         "try: os.getcwd()\nexcept OSError as error: print(error_line(error))"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith("error: the current folder is no longer there"), done.stderr


def test_closed_streams_are_opened_on_nothing(own_process: dict[str, str], tmp_path: Path) -> None:
    """Else the first file that is opened would get what libraries print."""
    script = (
        "import os\nfrom deepracer_fast.commands.terminal import open_streams\nopen_streams()\n"
        f"file = open({str(tmp_path / 'file')!r}, 'w')\nprint('x')\nos.write(1, b'x')\n"
        "assert file.fileno() > 2\nfile.write('kept')"
    )
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    subprocess.run([*closed, sys.executable, "-c", script], env=own_process, check=True)
    assert (tmp_path / "file").read_text() == "kept"


def test_what_a_terminal_lacks_is_shown_as_an_escape(own_process: dict[str, str]) -> None:
    script = (
        "from deepracer_fast.commands.terminal import open_streams\n"
        "open_streams()\nprint('\\xe4\\udcff')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=own_process | {"PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "\\xe4\\udcff\n"
