"""What ``--help`` shows: every word that was written, and whole."""

import pytest
import typer
from command_line import CommandLine

from deepracer_fast import cli


def test_help_says_every_word_that_was_written(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words in brackets, too, which some take for markup."""
    monkeypatch.setenv("COLUMNS", "300")
    for name, command in typer.main.get_command(cli.app).commands.items():
        shown = run(name, "--help").out.split()
        for option in command.params:
            missing = set((getattr(option, "help", "") or "").split()) - set(shown)
            assert not missing, (name, option.name, missing)


def test_help_has_room_for_whole_words_within_80_columns(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = typer.main.get_command(cli.app).commands
    shown = {name: run(name, "--help").out for name in commands}
    assert not [name for name, text in shown.items() if "…" in text]
    assert {"follow_center_line_smooth,", "num_episodes_between_training"} < set(
        shown["train"].split()
    )
    assert "'deepracer-fast[video]'" in shown["video"]
    assert "model_metadata.json)" in shown["evaluate"]
