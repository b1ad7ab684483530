"""Files of any kind that break the rules: one clear line, and never a wait."""

import codecs
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepracer_fast.checks.file_reading import PARSER_FAULTS, read_bytes, read_text, refusing
from deepracer_fast.errors import (
    MAX_MESSAGE,
    ConfigError,
    DeepRacerError,
    MetadataError,
    RewardError,
    printable,
)
from deepracer_fast.files.hyperparameters import parse_hyperparameters, read_hyperparameters
from deepracer_fast.files.metrics import read_training_metrics
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import read_model_metadata
from deepracer_fast.files.simtrace_reader import read_recording
from deepracer_fast.racing.leaderboard import read_leaderboard
from deepracer_fast.reward.loading import read_reward
from deepracer_fast.tracks.route_file import read_route
from deepracer_fast.training.config import read_config


def read_index(path: Path) -> Any:
    folder = ModelFolder(path.parent)
    folder.checkpoint_index = path
    return folder.recorded_checkpoints()


JSON_READERS = (
    read_model_metadata,
    read_hyperparameters,
    read_leaderboard,
    read_training_metrics,
    read_index,
)
READERS = (*JSON_READERS, read_config, read_recording, read_reward, read_route)


@pytest.mark.parametrize("read", READERS)
def test_a_pipe_is_refused_without_waiting_for_a_writer(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeepRacerError, match="pipe: must be a file, found a pipe"):
        read(tmp_path / "pipe")


def test_devices_and_sockets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="/dev/null: must be a file, found a device"):
        read_text(os.devnull, ConfigError)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(ConfigError, match="must be a file, found a socket"):
            read_text(tmp_path / "s", ConfigError)


@pytest.mark.parametrize("read", READERS)
def test_a_folder_is_refused(read: Callable[[Path], Any], tmp_path: Path) -> None:
    # Of metadata a folder is read that holds the file, as a car of the garage is.
    missing = "model_metadata.json: cannot be read: No such file"
    with pytest.raises(DeepRacerError, match=f"cannot be read: Is a directory|{missing}"):
        read(tmp_path)


@pytest.mark.parametrize("read", READERS[:-1])  # of a route no more is read than it declares
def test_a_file_too_large_for_its_kind_is_not_read(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DeepRacerError, match=r"must have at most [\d,]+ bytes, found 1,099,5"):
        read(path)


@pytest.mark.parametrize("read", [*JSON_READERS, read_config])
@pytest.mark.parametrize("text", ["[" * 10_000, '{"a":' * 10_000, "x = " + "[" * 10_000])
def test_brackets_without_end_are_one_line(
    read: Callable[[Path], Any], text: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(DeepRacerError) as caught:
        read(tmp_path / "file")
    assert str(caught.value).startswith(str(tmp_path / "file"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("track" + ".a" * 9_000 + " = 1\n", "nested too deeply"),
        ("track" + '."a"' * 9_000 + " = 1\n", "nested too deeply"),
        ("minutes = " + "9" * 400, "a whole number of 1329 bits; it may have 64"),
        ("more_tracks = [0x" + "f" * 5_000 + "]", "a whole number of 20000 bits"),
        ("minutes = " + "9" * 5_000, "must be valid TOML"),
        ("minutes = inf", "minutes must be above 0"),
        ("a = 1\0", "must be valid TOML"),
    ],
)
def test_a_config_that_nobody_can_use_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "config.toml")


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(codecs.BOM_UTF8 + b"seed = 3\n")
    assert read_config(tmp_path / "config.toml").seed == 3


def test_utf_16_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes('{"version": 5}'.encode("utf-16"))
    with pytest.raises(MetadataError, match="must be UTF-8 text, found UTF-16; save it as UTF-8"):
        read_model_metadata(tmp_path / "m.json")


def test_a_file_that_does_not_tell_its_size_is_bounded_as_well() -> None:
    with pytest.raises(ConfigError, match="must have at most 10 bytes, found more"):
        read_bytes("/proc/self/status", ConfigError, 10)


def test_a_name_with_a_null_character_is_one_line() -> None:
    with pytest.raises(ConfigError, match="cannot be read: embedded null byte"):
        read_text("a\0b", ConfigError)


@pytest.mark.parametrize("fault", PARSER_FAULTS)
def test_whatever_a_parser_raises_becomes_the_error_of_the_station(fault: type[Exception]) -> None:
    with (
        pytest.raises(ConfigError, match="f: must be x, found: "),
        refusing("f", "must be x", ConfigError),
    ):
        raise fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"metrics": [{}], "version": 2}', "row 1: the keys reward_score"),
        ('{"metrics": [], "best_model_metric": 3}', "best_model_metric must be text, found 3"),
    ],
)
def test_metrics_of_other_kinds_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(DeepRacerError, match=message):
        read_training_metrics(tmp_path / "m.json")


@pytest.mark.parametrize("value", ['"7"', "null", "1e400", "NaN", "true", "9" * 400])
def test_an_episode_that_is_no_number_is_refused(value: str, tmp_path: Path) -> None:
    row = dict.fromkeys(("metric_time", "start_time", "elapsed_time_in_milliseconds"), 1)
    row |= dict.fromkeys(("reward_score", "trial", "completion_percentage"), 1)
    words = '"phase": "training", "episode_status": "x"'
    text = f'{{"metrics": [{{{str(row)[1:-1]}, {words}, "episode": {value}}}]}}'.replace("'", '"')
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(DeepRacerError, match="row 1: episode must be a number, found"):
        read_training_metrics(tmp_path / "m.json")


@pytest.mark.parametrize("key", ["batch_size", "num_episodes_between_training", "epsilon_steps"])
def test_counts_that_no_training_reaches_are_refused(key: str) -> None:
    with pytest.raises(DeepRacerError, match=f"h: {key} must be at most 2,147,483,647"):
        parse_hyperparameters(f'{{"{key}": 1e300}}', "h")


def test_control_characters_are_not_printed_raw() -> None:
    message = str(ConfigError("\x1b[31mred\x07\n\u202e \ud800 é 日本"))
    assert message == r"\x1b[31mred\x07\n\u202e \ud800 é 日本"
    assert printable("a\tb") == r"a\tb"


def test_a_message_is_one_line_of_bounded_length_that_keeps_its_end() -> None:
    message = str(ConfigError("begin " + "x" * 100_000 + " remedy"))
    assert len(message) == MAX_MESSAGE
    assert message.startswith("begin x")
    assert message.endswith("x remedy")


def test_a_reward_error_keeps_its_lines() -> None:
    assert str(RewardError("line 1\n  \x1b[0m\n  ^")) == "line 1\n  \\x1b[0m\n  ^"


def test_unknown_hyperparameters_are_named_within_bounds() -> None:
    keys = ", ".join(f'"\\u001b{number}{"x" * 100}": 1' for number in range(1000))
    ignored = parse_hyperparameters(f"{{{keys}}}", "h").ignored
    assert len(ignored) == 20
    assert all(key.isprintable() and len(key) < 70 for key in ignored)


def test_metadata_as_the_console_and_others_wrote_it_is_read(shared: Path) -> None:
    cases = sorted((shared / "cases" / "metadata").glob("*.json"))
    assert cases
    for case in cases:
        space = read_model_metadata(case).action_space
        assert space.steering_angle_deg == (30, 30, 0, 0, -30, -30)  # type: ignore[union-attr]
        assert space.speed == (0.8, 1.2) * 3  # type: ignore[union-attr]
