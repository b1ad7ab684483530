"""Recordings as people have them: other columns, joined, cut, or written by other tools."""

from pathlib import Path

import numpy as np
import pytest

from deepracer_fast.commands.video import one_episode
from deepracer_fast.driving.replay import episodes
from deepracer_fast.errors import TraceError
from deepracer_fast.files.simtrace_reader import read_recording
from deepracer_fast.files.simtrace_writer import COLUMNS

HEADER = list(COLUMNS)[:17]
ROW = {
    "episode": "0", "steps": "1.0", "X": "3.2", "Y": "0.6", "yaw": "90.0", "steer": "-30.0",
    "throttle": "1.0", "action": "3", "reward": "1.0", "done": "False",
    "all_wheels_on_track": "True", "progress": "0.8", "closest_waypoint": "1",
    "track_len": "17.7", "tstamp": "0.5", "episode_status": "in_progress", "pause_duration": "0.0",
}  # fmt: skip


def row(step: int, names: list[str] = HEADER, **values: str) -> str:
    return ",".join((ROW | {"steps": f"{step}.0"} | values).get(name, "7") for name in names)


def trace(path: Path, *lines: str, names: list[str] = HEADER, end: str = "\n") -> Path:
    path = path / "trace.csv"
    path.write_text("\n".join([",".join(names), *lines]) + end)
    return path


def log(path: Path, *lines: str) -> Path:
    path = path / "robomaker.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def logged(step: int, count: int = 17) -> str:
    values = ",".join([*row(step).split(","), *"0789"][:count])
    return f"[agent-8] SIM_TRACE_LOG:{values}"


@pytest.mark.parametrize(
    "names",
    [
        HEADER[:16],
        HEADER[::-1],
        ["", *HEADER],
        [n for n in HEADER if n != "action"],
        [*HEADER, "x"],
    ],
    ids=["16", "reversed", "pandas' index", "no action", "another one"],
)
def test_columns_are_found_by_their_names(names: list[str], tmp_path: Path) -> None:
    found = read_recording(trace(tmp_path, row(1, names), row(2, names), names=names))
    assert found.steps.tolist() == [1, 2]
    assert found.yaw == pytest.approx([np.pi / 2] * 2)
    assert found.status.tolist() == ["in_progress"] * 2
    assert not found.remarks


def test_what_a_replay_does_not_need_may_be_missing(tmp_path: Path) -> None:
    names = HEADER[:7]
    found = read_recording(trace(tmp_path, row(1, names), row(2, names), names=names))
    assert found.seconds == pytest.approx([1 / 15, 2 / 15])
    assert np.isnan(found.track_length).all()
    with pytest.raises(TraceError, match="a trace must be a simtrace CSV"):
        read_recording(trace(tmp_path, row(1, HEADER[:6]), names=HEADER[:6]))


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n  \n", "\r\n"])
def test_the_end_of_a_file_does_not_matter(end: str, tmp_path: Path) -> None:
    found = read_recording(trace(tmp_path, row(1), "", row(2), end=end))
    assert found.steps.tolist() == [1, 2]
    assert not found.remarks


@pytest.mark.parametrize("action", ['"[-15.0, 0.5]"', "[-15.0 0.5]", '" [-15.0   0.5] "'])
def test_a_pair_is_an_action_of_a_continuous_model(action: str, tmp_path: Path) -> None:
    path = trace(tmp_path, row(1, action=action))
    assert len(read_recording(path).x) == 1


def test_actions_of_two_forms_do_not_matter(tmp_path: Path) -> None:
    path = trace(tmp_path, row(1, action="[1 2]"), row(2))
    assert len(read_recording(path).x) == 2


def test_joined_iterations_are_pieces(tmp_path: Path) -> None:
    lines = [row(1), row(2), ",".join(HEADER[:16]), row(3, HEADER[:16]), row(4, HEADER[:16])]
    found = read_recording(trace(tmp_path, *lines))
    assert found.piece is not None
    assert found.piece.tolist() == [0, 0, 1, 1]
    assert [start.steps.steps.tolist() for start in episodes(found)] == [[1, 2]]
    assert one_episode(found, 0).steps.tolist() == [1, 2]


def test_a_row_cut_by_the_next_header_is_named(tmp_path: Path) -> None:
    lines = [row(1), row(2)[:40] + ",".join(HEADER), row(1), row(2)]
    with pytest.raises(TraceError, match="line 3: is cut by the header of another file"):
        read_recording(trace(tmp_path, *lines))
    found = read_recording(trace(tmp_path, *map(row, range(1, 12)), *lines[1:]))
    assert found.remarks == (
        f"{tmp_path}/trace.csv, line 13: left out: is cut by the header of another file",
    )
    assert len(found.x) == 13


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_is_read_up_to_a_last_line_that_is_cut(end: str, tmp_path: Path) -> None:
    found = read_recording(trace(tmp_path, row(1), row(2), row(3)[:30], end=end))
    assert found.steps.tolist() == [1, 2]
    (remark,) = found.remarks
    assert "line 4: left out: a row must have 17 values, found 8" in remark


def test_more_than_one_line_in_ten_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    rows = [*map(row, range(1, 10)), "0,9,x", row(11)]
    assert len(read_recording(trace(tmp_path, *rows)).remarks) == 1
    with pytest.raises(TraceError, match="line 11: a row must have 17 values, found 3"):
        read_recording(trace(tmp_path, *rows, "1", row(12)))


def test_a_carriage_return_among_quotes_is_a_line_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="line 2: a row must have 17 values"):
        read_recording(trace(tmp_path, '"0\r",' + row(1), row(2)))


def test_a_gap_ends_what_is_replayed(tmp_path: Path) -> None:
    found = read_recording(trace(tmp_path, row(1), row(2), row(3), row(5), row(6)))
    assert [start.steps.steps.tolist() for start in episodes(found)] == [[1, 2, 3]]


@pytest.mark.parametrize("count", [16, 17, 18, 19, 20])
def test_further_values_of_a_log_are_ignored(count: int, tmp_path: Path) -> None:
    lines = logged(1, count), "[agent-8] ", logged(2, count)
    found = read_recording(log(tmp_path, *lines))
    assert found.steps.tolist() == [1, 2]
    assert found.yaw == pytest.approx([np.pi / 2] * 2)
    assert found.status.tolist() == ["in_progress"] * 2


@pytest.mark.parametrize("count", [3, 12, 15, 16])
def test_a_log_is_read_but_for_a_last_line_that_is_cut(count: int, tmp_path: Path) -> None:
    """Of 15 values it could be taken for one of 2019, in radians."""
    found = read_recording(log(tmp_path, logged(1), logged(2), logged(3, count)))
    assert found.steps.tolist() == [1, 2]
    assert "robomaker.log, line 3: left out: SIM_TRACE_LOG: must be followed" in found.remarks[0]


def test_a_log_is_read_but_for_lines_cut_by_others(tmp_path: Path) -> None:
    whole = list(map(logged, range(1, 31)))
    cut = [whole[9][:50] + "reward: 1.0", whole[10][:60] + whole[11]]
    found = read_recording(log(tmp_path, *whole[:9], *cut, *whole[12:]))
    assert found.steps.tolist() == [*range(1, 10), *range(12, 31)]
    assert [remark.split(": ")[0].split(" ")[-1] for remark in found.remarks] == ["10", "11"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"episode": str(2**63)}, "episode must be a whole number from 0 to 2147483648, found 9.2"),
        ({"steps": "9" * 400}, "steps must be finite, found inf"),
        ({"steps": "1e15"}, "steps must be a whole number from 0 to 10000000, found 1e"),
        ({"steps": "1.5"}, "steps must be a whole number"),
        ({"X": "1e300"}, "X must be a number from -1e.09 to 1e.09, found 1e.300 in step 2"),
        ({"yaw": "nan"}, "yaw must be finite, found nan in step 2 of episode 0"),
        ({"tstamp": "-inf"}, "tstamp must be finite, found -inf"),
    ],
)
def test_numbers_that_no_car_drives_name_file_and_line(
    values: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(TraceError, match=rf"trace\.csv, line 3: {says}"):
        read_recording(trace(tmp_path, row(1), row(2, **values), row(3)))


def test_a_status_is_short_and_printable(tmp_path: Path) -> None:
    found = read_recording(trace(tmp_path, row(1, episode_status="\x1b[31m" + "x" * 9_000)))
    assert found.status[0] == r"\x1b[31m" + "x" * 35


def test_the_recordings_that_others_met_are_read(shared: Path) -> None:
    cut = {"last_line_cut.csv": 71, "last_line_cut.log": 70, "one_line_cut_by_another.log": 41}
    cases = [*shared.glob("cases/simtrace/*"), *shared.glob("cases/logs/*")]
    assert len(cases) > 10
    for case in cases:
        found = read_recording(case)
        assert len(found.x) == 69 + (case.name not in cut)
        assert len(found.remarks) == (case.name in cut)
        assert all(f"{case.name}, line {cut[case.name]}: " in text for text in found.remarks)
        assert found.yaw[0] == pytest.approx(-0.003454, abs=1e-6)
        assert found.piece is not None
        assert found.piece.max() == (case.name == "two_iterations_joined.csv")
