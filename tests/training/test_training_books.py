"""What a training writes down: simtraces, metrics and the picture of both."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from simtraces import read_simtrace

from deepracer_fast.driving.episode_books import Driven
from deepracer_fast.driving.evaluate import Lap
from deepracer_fast.errors import ArchiveError, TraceError
from deepracer_fast.files.metrics import (
    EVALUATION,
    TRAINING,
    EpisodeMetrics,
    EpisodeOutcome,
    EvaluationMetrics,
    TrainingMetrics,
    episode_metrics,
    read_training_metrics,
    write_evaluation_metrics,
)
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.simtrace_reader import read_recording
from deepracer_fast.files.simtrace_writer import COLUMNS, write_simtrace
from deepracer_fast.training import record
from deepracer_fast.training.iterations import (
    LESSONS,
    PPO,
    TEACHER,
    Iteration,
    read_iterations,
    write_iterations,
)
from deepracer_fast.training.plot import (
    Marks,
    _draw_averages,
    _draw_line,
    _draw_stages,
    _knots,
    draw_training,
)
from deepracer_fast.training.record import Round, TrainingRecord

# Simtrace


def trace_columns(num_steps: int = 3) -> dict[str, np.ndarray]:
    types = {"int": np.int32, "float": np.float32, "bool": np.bool_, "action": np.int32}
    columns: dict[str, np.ndarray] = {
        name: np.arange(num_steps).astype(types.get(kind, np.float32))
        for name, kind in COLUMNS.items()
    }
    columns["episode_status"] = np.array(["prepare", "in_progress", "off_track"])
    return columns


def test_a_simtrace_is_written_as_python_shows_the_values(tmp_path: Path) -> None:
    columns = trace_columns() | {
        "steps": np.array([1, 2, 3]),
        "throttle": np.array([0.1, 0.8, 4.0], np.float32),
        "tstamp": np.array([27.788, 27.864, 27.93]),
        "reward": np.array([0.0, 1e-3, 1 / 3]),
    }
    write_simtrace(tmp_path / "0-iteration.csv", columns)
    lines = (tmp_path / "0-iteration.csv").read_text().split("\n")
    assert lines[0] == (
        "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,"
        "closest_waypoint,track_len,tstamp,episode_status,pause_duration,obstacle_crash_counter,"
        "wall_clock"
    )
    assert lines[1:] == [
        "0,1.0,0.0,0.0,0.0,0.0,0.1,0,0.0,False,False,0.0,0,0.0,27.788,prepare,0.0,0,0.0",
        "1,2.0,1.0,1.0,1.0,1.0,0.8,1,0.001,True,True,1.0,1,1.0,27.864,in_progress,1.0,1,1.0",
        "2,3.0,2.0,2.0,2.0,2.0,4.0,2,0.3333333333333333,True,True,2.0,2,2.0,27.93,off_track,"
        "2.0,2,2.0",
        "",
    ]


def test_a_continuous_action_is_a_pair_without_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    actions = np.array([[-30.0, 1.5], [12.25, 4.0], [0.0, 0.1]], np.float32)
    write_simtrace(path, trace_columns() | {"action": actions})
    with path.open() as file:
        assert [row["action"] for row in csv.DictReader(file)] == [
            "[-30.0 1.5]",
            "[12.25 4.0]",
            "[0.0 0.1]",
        ]
    np.testing.assert_array_equal(read_simtrace(path)["action"].astype(np.float32), actions)


@pytest.mark.parametrize("last", ["pause_duration", "obstacle_crash_counter", "wall_clock"])
def test_a_simtrace_comes_back_as_it_was_written(tmp_path: Path, last: str) -> None:
    names = list(COLUMNS)[: list(COLUMNS).index(last) + 1]
    columns = {name: trace_columns()[name] for name in names}
    columns["X"] = np.array([0.1, -1e-7, 123456.79], np.float32)
    write_simtrace(tmp_path / "trace.csv", columns)
    read = read_simtrace(tmp_path / "trace.csv")
    assert list(read) == names
    for name in names:
        np.testing.assert_array_equal(read[name].astype(columns[name].dtype), columns[name])


def test_a_simtrace_without_steps_comes_back_empty(tmp_path: Path) -> None:
    columns = {name: column[:0] for name, column in trace_columns().items()}
    write_simtrace(tmp_path / "trace.csv", columns)
    assert {len(column) for column in read_simtrace(tmp_path / "trace.csv").values()} == {0}


def test_simtraces_of_the_original_are_rewritten_to_the_byte(shared: Path, tmp_path: Path) -> None:
    traces = sorted((shared / "logs").glob("**/*.csv"))
    assert len(traces) > 3
    for trace in traces[:8]:
        write_simtrace(tmp_path / "trace.csv", read_simtrace(trace))
        assert (tmp_path / "trace.csv").read_text() == trace.read_text()


def test_missing_and_uneven_columns_are_refused(tmp_path: Path) -> None:
    columns = trace_columns()
    with pytest.raises(ArchiveError, match=r"must have one length.*'yaw': 2"):
        write_simtrace(tmp_path / "trace.csv", columns | {"yaw": columns["yaw"][:2]})
    del columns["yaw"]
    with pytest.raises(ArchiveError, match=r"a simtrace needs the columns yaw: they are missing"):
        write_simtrace(tmp_path / "trace.csv", columns)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (0, "steps", "step", r"a trace must be a simtrace CSV"),
        (2, "in_progress,", "", r"line 3: a row must have 19 values, found 18"),
        (3, "2.0", "fast", r"line 4: steps cannot be 'fast'"),
    ],
)
def test_a_broken_simtrace_is_refused_with_its_line(
    tmp_path: Path, line: int, old: str, new: str, message: str
) -> None:
    path = tmp_path / "trace.csv"
    write_simtrace(path, trace_columns())
    lines = path.read_text().split("\n")
    lines[line] = lines[line].replace(old, new, 1)
    path.write_text("\n".join(lines))
    with pytest.raises(TraceError, match=message):
        read_recording(path)


# Metrics


def episode(number: int, trial: int, reward: float = 1.0, progress: float = 50.0) -> EpisodeMetrics:
    outcome = EpisodeOutcome(reward, progress, "off_track", start_s=number, end_s=number + 0.5)
    return episode_metrics(outcome, TRAINING, number, trial)


def evaluation(number: int, trial: int, progress: float) -> EpisodeMetrics:
    return replace(episode(number, trial, progress=progress), phase=EVALUATION)


def test_an_episode_is_rounded_as_the_original_rounds() -> None:
    outcome = EpisodeOutcome(31.6, 29.9, "lap_complete", start_s=27.746, end_s=31.538)
    assert episode_metrics(outcome, TRAINING, episode=1, trial=1) == EpisodeMetrics(
        reward_score=32,
        metric_time=31538,
        start_time=27746,
        elapsed_time_in_milliseconds=3792,
        episode=1,
        trial=1,
        phase="training",
        completion_percentage=29,
        episode_status="Lap complete",
    )


def test_episode_metrics_follow_from_the_recorded_steps(shared: Path) -> None:
    original = shared / "logs/drfc_single_worker"
    rows = [
        row
        for row in read_training_metrics(original / "metrics/TrainingMetrics.json").rows
        if row.phase == TRAINING
    ]
    trace = read_simtrace(original / "training-simtrace/0-iteration.csv")
    for number in np.unique(trace["episode"]):
        steps = trace["episode"] == number
        status = str(trace["episode_status"][steps][-1])
        reward = trace["reward"][steps].sum()
        row = episode_metrics(
            EpisodeOutcome(reward, trace["progress"][steps][-1], status, 0.0, 0.0),
            TRAINING,
            int(number) + 1,
            int(number) + 1,
        )
        times = ("metric_time", "start_time", "elapsed_time_in_milliseconds")
        assert row == replace(rows[number], **dict.fromkeys(times, 0))


def test_training_metrics_grow_and_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "TrainingMetrics.json"
    metrics = TrainingMetrics(path)
    metrics.append([episode(1, 1), episode(2, 2), evaluation(2, 2, 80)])
    metrics.append([episode(3, 1)])
    metrics.write()
    content = json.loads(path.read_text())
    assert (content["version"], content["best_model_metric"]) == (2.0, "progress")
    assert [row["episode"] for row in content["metrics"]] == [1, 2, 2, 3]
    assert read_training_metrics(path) == metrics


def test_resuming_drops_the_episodes_after_the_checkpoint(tmp_path: Path) -> None:
    metrics = TrainingMetrics(tmp_path / "TrainingMetrics.json")
    metrics.append([episode(1, 1), evaluation(1, 1, 80), episode(2, 1)])
    metrics.keep(episodes=1)
    metrics.write()
    assert [row.episode for row in read_training_metrics(metrics.path).rows] == [1, 1]


def test_metrics_of_the_original_are_rewritten_to_the_byte(shared: Path, tmp_path: Path) -> None:
    original = shared / "logs/drfc_single_worker/metrics/TrainingMetrics.json"
    metrics = read_training_metrics(original)
    replace(metrics, path=tmp_path / "copy.json").write()
    assert (tmp_path / "copy.json").read_text() == original.read_text().strip()
    original = original.with_name("EvaluationMetrics-20220709200242.json")
    trials = [EvaluationMetrics(**trial) for trial in json.loads(original.read_text())["metrics"]]
    write_evaluation_metrics(tmp_path / "copy.json", trials)
    assert (tmp_path / "copy.json").read_text() == original.read_text().strip()


def test_evaluation_metrics_come_back_as_they_were_written(tmp_path: Path) -> None:
    trials = [EvaluationMetrics(100, 21724, 6932, 14792, "Lap complete", 0, 0, 1, 0, 1, 1)]
    write_evaluation_metrics(tmp_path / "EvaluationMetrics.json", trials)
    written = json.loads((tmp_path / "EvaluationMetrics.json").read_text())
    assert [EvaluationMetrics(**trial) for trial in written["metrics"]] == trials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must be valid JSON"),
        ("[]", r"must be a JSON object"),
        ("{}", r"must be an object with a list 'metrics'"),
        ('{"metrics": [{"reward_score": 1}]}', r"row 1: the keys metric_time, .* are missing"),
        ('{"metrics": [3]}', r"row 1: .* are missing"),
    ],
)
def test_broken_metrics_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ArchiveError, match=message):
        read_training_metrics(tmp_path / "metrics.json")


# The iterations


def iteration(number: int, stage: str = PPO, **values: Any) -> Iteration:
    defaults = {"seconds": 1.0 + number, "steps": 100 * number, "episodes": 1, "laps": 0}
    means = {"reward": 1.0, "progress": 10.0}
    return Iteration(**(defaults | means | {"iteration": number, "stage": stage} | values))


ITERATIONS = [
    iteration(1, TEACHER, reward=10.0, progress=50.0, evaluation=100.0, lap_time=9.5),
    iteration(2, LESSONS, episodes=0, measures={"distance_to_teacher": 0.5}),
    iteration(3, LESSONS, evaluation=70.0, clean_share=0.0, measures={"distance_to_teacher": 0.25}),
    iteration(4, reward=None, progress=None, episodes=0),
    iteration(5, evaluation=80.0, clean_share=20.0),
    iteration(6, evaluation=80.0, clean_share=40.0),
    iteration(7, reward=-5.0),
]


def test_iterations_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_iterations(tmp_path / "TrainingIterations.json", ITERATIONS)
    assert read_iterations(tmp_path / "TrainingIterations.json") == ITERATIONS
    assert read_iterations(tmp_path / "older folders have none") == []


def test_iterations_of_older_folders_counted_from_0(tmp_path: Path) -> None:
    path = tmp_path / "TrainingIterations.json"
    rows = [{**vars(row), "iteration": number} for number, row in enumerate(ITERATIONS)]
    for row in rows:
        del row["lap_time"]
    path.write_text(json.dumps({"iterations": rows}))
    assert [row.iteration for row in read_iterations(path)] == list(range(1, 8))


def test_greedy_laps_leave_the_time_of_the_fastest_clean_one() -> None:
    times = ((14.0, 1), (17.0, 0), (16.5, 0))  # the first was put back
    laps = [Lap(100.0, seconds, 0, 9, "lap_complete", reset_count=put) for seconds, put in times]
    assert ITERATIONS[3].evaluated(laps).lap_time == 16.5
    assert ITERATIONS[3].evaluated(laps[:1]).lap_time is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.pop("steps"),
        lambda row: row.update(stage="racing"),
        lambda row: row.update(reward=float("nan")),
        lambda row: row.update(seconds=None),
        lambda row: row.update(measures={"kl": "much"}),
        lambda row: row.update(measures=3),
    ],
)
def test_broken_iterations_are_refused(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "TrainingIterations.json"
    write_iterations(path, ITERATIONS[:1])
    content = json.loads(path.read_text())
    damage(content["iterations"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(ArchiveError, match=r"TrainingIterations\.json: must have a list"):
        read_iterations(path)


# The picture


def test_lines_break_between_stages_and_leave_out_what_is_not_known() -> None:
    axes = Figure().subplots()
    _draw_line(axes, ITERATIONS, lambda row: row.reward, "reward")
    x = [line.get_xdata().tolist() for line in axes.lines]
    assert x == [[1], [2, 3], [5, 6, 7]]
    assert len(axes.get_legend_handles_labels()[1]) == 1


def test_averages_of_lessons_are_points_that_no_line_joins() -> None:
    left, right = Figure().subplots(2)
    _draw_averages(left, right, ITERATIONS)
    assert [line.get_xdata().tolist() for line in left.lines] == [[1], [5, 6, 7]]
    assert [float(each.get_offsets()[0, 0]) for each in left.collections] == [2.0, 3.0]
    assert len(right.collections) == 2


def test_every_band_says_that_new_cars_start_and_lessons_that_they_swerve() -> None:
    axes = Figure().subplots()
    rows = [iteration(n, LESSONS) for n in range(1, 5)] + [iteration(n) for n in range(5, 9)]
    _draw_stages([axes], rows, _knots(rows))
    lessons, ppo = (" ".join(text.get_text().split()) for text in axes.texts)
    assert "swerving on purpose; judge by greedy laps" in lessons
    assert "new cars start at 0 %: the first drives to end left the track" in ppo
    first = Figure().subplots()
    _draw_stages([first], rows[4:], _knots(rows[4:]))
    assert "new cars start at 0 %" in first.texts[0].get_text(), "a clone's, too"


@pytest.mark.parametrize(
    ("rows", "episodes"),
    [
        ([], []),
        ([], [evaluation(1, 1, 10)]),
        (ITERATIONS[:1], [episode(1, 1, reward=0)]),
        (ITERATIONS, [episode(10 * n + 1, 1, reward=-n) for n in range(7)]),
        ([iteration(n) for n in range(100)], []),
    ],
)
def test_any_training_can_be_drawn(
    tmp_path: Path, rows: list[Iteration], episodes: list[EpisodeMetrics]
) -> None:
    draw_training(
        rows, episodes, 10, tmp_path / "training.png", Marks(best=5, kept=(0, 3, 5), resumed=2)
    )
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["training.png"]


def test_the_teacher_has_two_fifths_of_the_picture_at_most() -> None:
    few, many = ([iteration(n, TEACHER) for n in range(1, last)] for last in (3, 41))
    for teachers, width in ((few, 0.2), (many, 0.4)):
        lessons = [iteration(len(teachers) + n, LESSONS) for n in range(1, 9)]
        share = np.interp(len(teachers) + 0.5, *_knots(teachers + lessons))
        assert share == pytest.approx(width)
    assert np.interp(1.5, *_knots(few)) == 0.5 and np.interp(1.0, *_knots([])) == 0.5


# The books of a training


def outcome(number: int, **values: Any) -> EpisodeOutcome:
    defaults = {"reward": 8.0, "progress": 40.0, "status": "off_track", "start_s": 0.0}
    return EpisodeOutcome(**(defaults | {"end_s": 4.0, "number": number} | values))


def record_in(path: Path, iterations: int | None = None) -> TrainingRecord:
    folder = ModelFolder(path)
    for each in (folder.training_metrics.parent, folder.simtraces, folder.tensorboard):
        each.mkdir(parents=True, exist_ok=True)
    record = TrainingRecord(folder, 1000)
    if iterations is not None:
        record.go_on(iterations)
    return record


def test_readers_find_the_iteration_of_an_episode_by_the_largest_trial(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    for number, count in enumerate((0, 3, 0, 7)):
        driven = Driven(outcomes=[outcome(10 * number + each) for each in range(count)])
        record.add(number, Round(PPO, driven, (), 100, 1.0))
        record.add_evaluation([Lap(60.0, 4.0, 1, 60, "off_track")])
    rows = record._metrics.rows
    largest = max(row.trial for row in rows)
    found = [((row.episode - 1) // largest, row.phase) for row in rows]
    wanted = [
        (n, kind) for n, count in ((0, 0), (1, 3), (2, 0), (3, 7)) for kind in "t" * count + "e"
    ]
    assert [(n, phase[0]) for n, phase in found] == wanted
    assert all(row.trial >= 1 for row in rows)


def test_episodes_that_go_on_are_counted_in_lessons_and_before_the_first_has_ended(
    tmp_path: Path,
) -> None:
    record = record_in(tmp_path)
    running = {"reward": np.array([1.0, 2.0]), "progress": np.array([10.0, 30.0])}
    ended = Driven(outcomes=[outcome(0)], **running)
    record.add(0, Round(LESSONS, ended, (), 100, 1.0))
    assert (record.rows[-1].reward, record.rows[-1].progress) == pytest.approx((11 / 3, 80 / 3))
    record.add(1, Round(PPO, Driven(**running), (), 100, 1.0))
    assert (record.rows[-1].reward, record.rows[-1].progress) == (1.5, 20.0)
    record.add(2, Round(PPO, ended, (), 100, 1.0))
    record.add(3, Round(PPO, Driven(**running), (), 100, 1.0))
    assert record.rows[-1].reward is None, "those that ended before are not said again"


def test_a_record_goes_on_from_an_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = record_in(tmp_path)
    for number in range(3):
        before.add(number, Round(PPO, Driven(outcomes=[outcome(number)]), (), 100, 2.0))
    before.close()
    again = record_in(tmp_path, iterations=2)
    kept = again._folder.store / "2_Step-9.safetensors"
    kept.parent.mkdir(exist_ok=True)
    kept.touch()
    drawn: list[Marks] = []
    monkeypatch.setattr(record, "draw_training", lambda *values: drawn.append(values[-1]))
    assert [row.iteration for row in again.rows] == [1, 2]
    again.add(2, Round(PPO, Driven(outcomes=[outcome(0)]), (), 300, 1.0))
    assert again.rows[-1].seconds == 3.0, "of all runs"
    again.close()
    assert drawn == [Marks(best=None, kept=[2], resumed=2)]
    episodes = [row.episode for row in read_training_metrics(again._folder.training_metrics).rows]
    assert episodes == [1000, 1001, 2001]
