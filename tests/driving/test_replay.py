"""Recordings are read in all their forms, and their actions are driven as they were."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast import _core
from deepracer_fast.cli import main
from deepracer_fast.commands.options import ReplayOptions
from deepracer_fast.commands.replay import run_replay
from deepracer_fast.driving.replay import (
    episodes,
    error_table,
    guess_car_version,
    replay,
    steering_at_start,
)
from deepracer_fast.driving.trace import Trace, simtrace_columns
from deepracer_fast.errors import ConfigError, DeepRacerError, TraceError
from deepracer_fast.files.model_folder import ModelFolder, ModelInputs
from deepracer_fast.files.model_metadata import FIRST_MODEL
from deepracer_fast.files.simtrace_reader import Recording, read_recording
from deepracer_fast.files.simtrace_writer import write_simtrace
from deepracer_fast.tracks.track import load_track
from deepracer_fast.world.simulator import Simulator

LINE = "SIM_TRACE_LOG:0,{step},3.2113,0.6824,{yaw},{steer},1.00,0,1.0000,False,True,0.8,1,17.71,6.3"


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "robomaker.log"
    path.write_text("Starting\n" + "\n".join(lines) + "\nDone\n")
    return path


def line(
    step: int, tail: str = ",in_progress,0.00", yaw: str = "90.0", steer: str = "-30.00"
) -> str:
    return LINE.format(step=step, yaw=yaw, steer=steer) + tail


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (line(2, "", yaw="1.5708", steer="-0.5236"), ""),
        (line(2), "in_progress"),
        (line(2, ",in_progress,0.00,0"), "in_progress"),
        (line(2, ",in_progress,0.00,0,1657397000.1234"), "in_progress"),
        ("[node] " + line(2), "in_progress"),
        ("2021-01-01T00:00:00,5 INFO: " + line(2), "in_progress"),
        (line(2).replace(",0,1.0000,", ",[-30.0 1.0],1.0000,"), "in_progress"),
        (line(2).replace(",0,1.0000,", ",[-30.0, 1.0],1.0000,"), "in_progress"),
    ],
    ids=["2019", "2022", "ros1", "ros2", "node", "dated", "continuous", "comma"],
)
def test_every_form_of_a_log_line_means_the_same(tmp_path: Path, form: str, status: str) -> None:
    recording = read_recording(log(tmp_path, form))
    assert recording.steps.tolist() == [2]
    assert recording.x.tolist() == [3.2113]
    assert recording.yaw == pytest.approx([np.pi / 2], abs=1e-4)
    assert recording.steering == pytest.approx([-np.pi / 6], abs=1e-4)
    assert recording.speed.tolist() == [1.0]
    assert recording.track_length.tolist() == [17.71]
    assert recording.status.tolist() == [status]


def test_lines_that_ran_together_are_two_steps(tmp_path: Path) -> None:
    recording = read_recording(log(tmp_path, line(1) + line(2), "noise"))
    assert recording.steps.tolist() == [1, 2]


def test_simtrace_and_log_of_the_same_steps_agree(tmp_path: Path) -> None:
    header = (
        "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,"
        "closest_waypoint,track_len,tstamp,episode_status,pause_duration"
    )
    text = line(2).removeprefix("SIM_TRACE_LOG:").replace("0,2,", "0,2.0,", 1)
    (tmp_path / "0-iteration.csv").write_text(f"{header}\n{text}\n")
    simtrace = read_recording(tmp_path / "0-iteration.csv")
    logged = read_recording(log(tmp_path, line(2)))
    for name in ("steps", "x", "y", "yaw", "steering", "speed", "status"):
        np.testing.assert_array_equal(getattr(simtrace, name), getattr(logged, name))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            line(2)[:50] + "\n" + line(3),
            r"line 3: SIM_TRACE_LOG: must be followed by 15 or more values, found \d",
        ),
        (line(2).replace("3.2113", "east"), "line 3: X cannot be 'east'"),
        (line(2).replace("3.2113", "nan"), "X must be finite, found nan in step 2 of episode 0"),
    ],
)
def test_error_names_file_and_line(tmp_path: Path, bad: str, says: str) -> None:
    with pytest.raises(TraceError, match=says) as problem:
        read_recording(log(tmp_path, line(1), bad))
    assert "\n" not in str(problem.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"must be a simtrace CSV .* or a log with SIM_TRACE_LOG:"):
        path = tmp_path / "some.log"
        path.write_text("nothing here\n")
        read_recording(path)
    with pytest.raises(TraceError, match="cannot be read: No such file"):
        read_recording(tmp_path / "missing.log")


def recording(steps: list[int], status: list[str], episode: list[int] | None = None) -> Recording:
    count = len(steps)
    rows: dict[str, Any] = {
        name: np.zeros(count) for name in ("y", "yaw", "seconds", "reward", "progress")
    }
    return Recording(
        "made up",
        episode=np.array(episode or [0] * count),
        steps=np.array(steps),
        x=np.arange(count, dtype=float),
        steering=np.arange(count) / 100,
        speed=np.ones(count),
        track_length=np.full(count, 17.71),
        status=np.array(status),
        **rows,
    )


def test_episode_begins_after_its_prepare_step_and_ends_at_a_pause() -> None:
    status = ["prepare", "run", "run", "run", "off_track", "pause", "run"]
    (episode,) = episodes(recording([1, 2, 3, 4, 5, 6, 7], status))
    assert episode.steps.x.tolist() == [1, 2, 3, 4]
    assert len(episode.before) == 0


def test_episodes_without_a_prepare_step_begin_at_once() -> None:
    found = episodes(recording([1, 2, 3, 1, 2], [""] * 5))
    assert [episode.steps.x.tolist() for episode in found] == [[0, 1, 2], [3, 4]]
    # Step 3 ended its episode: what was chosen there never reached the car.
    assert found[1].before[:, 0].tolist() == [0.0, 0.01]


def test_laps_that_go_on_from_another_are_not_standing_starts() -> None:
    found = episodes(recording([1, 2, 3, 4, 5], [""] * 5, [0, 0, 0, 1, 1]))
    assert [episode.steps.x.tolist() for episode in found] == [[0, 1, 2]]


def test_replay_of_our_own_car_is_exact() -> None:
    """What the car itself drove comes back, at any place and heading, within 0.1 mm."""
    vehicle = _core.VehicleParams(5, True)
    random = np.random.default_rng(2)
    commands = np.column_stack([random.uniform(-0.5, 0.5, 40), random.uniform(0.5, 3, 40)])
    states = _core.drive_open_loop(vehicle, [[0, 0, 0.7, 0]], commands[None])[0].astype(float)
    front = states[:, :2] + 0.14 * np.column_stack([np.cos(states[:, 2]), np.sin(states[:, 2])])
    made = recording(list(range(1, 42)), [""] * 41)
    made = Recording(
        **vars(made)
        | {"x": front[:, 0] + 40, "y": front[:, 1] - 7, "yaw": states[:, 2]}
        | {"steering": np.append(commands[:, 0], 0), "speed": np.append(commands[:, 1], 0)}
    )
    result = replay(episodes(made), vehicle)
    assert np.nanmax(result.error) < 1e-4
    rows = error_table(result)
    assert [row["steps"] for row in rows] == [5, 15, 30]
    assert rows[0]["error_share"]["p50"] < 1e-3


def test_steering_of_the_last_episode_is_still_felt() -> None:
    """The original puts the car back without straightening its wheels; version 5's are quick."""
    steps = [*range(1, 31), 1, 2, 3]
    made = recording(steps, [""] * 33)
    made.steering[:] = 0.3
    slow = steering_at_start(episodes(made), _core.VehicleParams(4))
    assert slow[0] == 0.0
    # 29 steps at 0.3 rad, then 0.11 s back to straight, lag 0.482 s: 0.3 * 0.984 * 0.796.
    assert slow[1] == pytest.approx(0.3 * 0.984 * 0.796, rel=0.005)
    assert steering_at_start(episodes(made), _core.VehicleParams(5))[1] == pytest.approx(
        0, abs=1e-6
    )


def test_nothing_to_replay_is_said() -> None:
    with pytest.raises(TraceError, match="needs an episode with a standing start, found none"):
        replay([], _core.VehicleParams(4))


def test_car_is_guessed_from_the_model_folder(tmp_path: Path) -> None:
    metadata = {
        "action_space": [{"steering_angle": 0, "speed": 1, "index": 0}],
        "sensor": ["FRONT_FACING_CAMERA"],
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "version": "4",
    }
    trace = tmp_path / "training-simtrace" / "0-iteration.csv"
    with pytest.raises(DeepRacerError, match=r"no model_metadata\.json beside it"):
        guess_car_version(trace)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_metadata.json").write_text(json.dumps(metadata))
    assert guess_car_version(trace) == 4
    (tmp_path / "model_metadata.json").write_text(json.dumps(metadata | {"version": "2"}))
    with pytest.raises(DeepRacerError, match="version 2: the cars known here are 3, 4, 5, 6"):
        guess_car_version(trace)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["deepracer-fast", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


LOGS = {
    4: "drfc_single_worker/training-simtrace/7-iteration.csv",
    5: "v5_reinvent_base_simtrace.log",
    6: "droa_eval/simtrace.csv",
}


def test_command_prints_json_and_draws(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trace = shared / "logs" / LOGS[4]
    run(monkeypatch, "replay", trace, "--json", "--png", tmp_path / "paths.png")
    report = json.loads(capsys.readouterr().out)
    assert report["car_version"] == 4
    assert report["track"] == "reinvent_base"
    assert report["episodes"] == 20
    assert [row["steps"] for row in report["horizons"]] == [5, 15, 30]
    assert (tmp_path / "paths.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_driven_here_is_replayed_with_the_car_that_drove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ModelFolder(tmp_path / "mine")
    folder.create(
        ModelInputs(
            model_metadata=FIRST_MODEL.to_json(),
            reward_function="",
            hyperparameters="{}",
            training_params={},
            config="car_version = 4\n",
        )
    )
    trace = folder.training_simtrace(0)
    write_driven(trace, car_version=4)
    report = replay_report(monkeypatch, capsys, trace)
    assert (report["car_version"], report["asymmetric"]) == (4, False)
    assert report["horizons"][-1]["steps"] == 30
    assert all(row["error_m"]["p90"] < 1e-4 for row in report["horizons"])
    folder.config.write_text("car_version = 4\n[randomization]\ngrip = 0.2\n")
    run_replay([trace], ReplayOptions())
    assert "its cars may have differed" in capsys.readouterr().err
    asked = replay_report(monkeypatch, capsys, trace, "--asymmetric")
    assert asked["horizons"][-1]["error_share"]["p50"] > 0.03

    elsewhere = tmp_path / "0-iteration.csv"
    elsewhere.write_bytes(trace.read_bytes())
    assert replay_report(monkeypatch, capsys, elsewhere, "--car-version", 4)["asymmetric"]
    with pytest.raises(ConfigError, match="cars that differ: replay them apart"):
        run_replay([trace, elsewhere], ReplayOptions())


def write_driven(path: Path, car_version: int) -> None:
    """What four cars of ours drive, to the left and to the right."""
    simulator = Simulator("Bowtie_track", 4, (), 1, car_version=car_version)
    trace, episode = Trace(), np.arange(4)
    simulator.reset()
    for _ in range(45):
        actions = np.array([[-8.0, 0.5], [-2.0, 1.0], [2.0, 1.0], [8.0, 0.5]], np.float32)
        result = simulator.step(actions)
        counted = result.params["steps"] == len(trace.action) + 1  # of the first episodes
        trace.record(result, actions, np.zeros(4), episode, counted)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_simtrace(path, simtrace_columns(trace, load_track("Bowtie_track").waypoints))


def replay_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> dict[str, Any]:
    run(monkeypatch, "replay", "--json", *arguments)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.parametrize(("version", "most"), [(4, 0.10), (5, 0.12), (6, 0.08)])
def test_car_follows_the_recordings(shared: Path, version: int, most: float) -> None:
    """Median error of the front point after 15 steps; fits are exact to a few percent."""
    logs = shared / "logs"
    traces = [logs / LOGS[version]]
    if version == 4:
        traces = sorted(logs.glob("drfc_single_worker/*/**/*-iteration.csv"))
        assert len(traces) == 30
    starts = [start for trace in traces for start in episodes(read_recording(trace))]
    rows = {r["steps"]: r for r in error_table(replay(starts, _core.VehicleParams(version, True)))}
    assert rows[15]["error_share"]["p50"] < most
