"""A policy that sees several frames: trained, resumed, evaluated and raced as any other."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine

from deepracer_fast.commands import train as training_command
from deepracer_fast.commands.video import drive_moments
from deepracer_fast.driving.collect import Collector, Decision
from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model, lap_rules
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_space import DiscreteActionSpace, discrete_grid
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.model import load_model
from deepracer_fast.policy.networks import network_spec
from deepracer_fast.racing.drive import Entrant, drive_race
from deepracer_fast.racing.race import RankedRace
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.training.dagger_lessons import Lessons
from deepracer_fast.training.inputs import TrainingFiles, new_job, resumed_job
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import Simulator

FRONT = "FRONT_FACING_CAMERA"
TRACK = "reinvent_base"
FAST = DiscreteActionSpace((-30.0, 0.0, 30.0), (4.0, 4.0, 4.0))  # leaves the track soon
METADATA = ModelMetadata(FAST, frame_stack=2)
TINY = (
    "num_cars = 2\nhorizon = 4\nevaluate_every = 2\nthreads = 1\nstop_after = 0\nteacher = false\n"
)
TRAIN = ("train", "--metadata", "one_frame.json", "--hyperparameters", "hyperparameters.json")
TRAIN = (*TRAIN, "--config", "config.toml", "--model", "model", "--frame-stack", "2")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with what ``TRAIN`` names."""

    def one_lap(model: Any, track: Any, *_: Any) -> Any:
        return evaluate_model(model, track, EvaluationOptions(laps=1, resets=False, threads=1))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # checkpoints are 100 MB here
    monkeypatch.setattr(training_command, "evaluate_model", one_lap)
    Path("one_frame.json").write_text(replace(METADATA, frame_stack=1).to_json())
    Path("hyperparameters.json").write_text('{"batch_size": 8, "num_epochs": 1}')
    Path("config.toml").write_text(TINY)
    yield tmp_path
    shutil.rmtree("model", ignore_errors=True)


@pytest.mark.usefixtures("desk")
def test_a_model_is_trained_resumed_evaluated_and_raced(run: CommandLine) -> None:
    answer = run(*TRAIN, "--steps", "16")
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert any(line.startswith("reinvent_base, FRONT_FACING_CAMERA, 2 frames, ") for line in lines)
    assert lines[-1] == "no archive: a car shows one frame, and this policy reads 2 at once"
    assert not [*Path("model").rglob("*.pb"), *Path("model").rglob("*.tar.gz")]
    assert load_model("model").spec.sensors == ((FRONT, (120, 160, 2)),)

    answer = run(*TRAIN, "--steps", "24", "--resume")
    iterations = [line for line in answer.out.splitlines() if line.startswith("iteration")]
    assert [line.split()[1] for line in iterations] == ["3"], answer.err

    answer = run("evaluate", "model", "--laps", "1", "--no-resets", "--json")
    assert len(json.loads(answer.out)["laps"]) == 1, answer.err
    answer = run("race", "model", "--laps", "1", "--resets", "0", "--json")
    assert len(json.loads(answer.out)["not_ranked"]) == 1, answer.err

    with pytest.raises(ConfigError, match="--frame-stack 3 differs from model/"):
        resumed_job(TrainingFiles(model=Path("model"), frame_stack=3), {})
    with pytest.raises(ConfigError, match=r"keeps the frame_stack .* 2, got 1"):
        new_job(TrainingFiles(metadata=Path("one_frame.json"), pretrained=Path("model")), {})
    cloned = new_job(TrainingFiles(pretrained=Path("model")), {})
    assert cloned.metadata == METADATA


class Witness:
    """A model that drives the same way whatever it sees, and keeps what it saw."""

    def __init__(self) -> None:
        self.metadata, self.spec = METADATA, SimpleNamespace(continuous=False)
        self.seen: list[np.ndarray] = []

    def output(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        self.seen.append(observation[FRONT].copy())
        return np.eye(3, dtype=np.float32)[[len(self.seen) % 3]]

    def best_action(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        return self.output(observation).argmax(axis=-1)

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        return FAST.to_commands(self.best_action(observation))


def seen_in_training(steps: int) -> list[np.ndarray]:
    """By a car that starts where a lap does."""
    witness = Witness()
    rules = lap_rules(EvaluationOptions(resets=False))
    config = TrainConfig().updated(track=TRACK, threads=1)
    cars = Course(config, METADATA).put(Cars(1, rules, (FRONT,)))
    collector = Collector(cars, load_reward(lambda params: 0.0), FAST, steps)
    collector.horizon(lambda observation: Decision(witness.best_action(observation), np.zeros(1)))
    return witness.seen


@pytest.mark.parametrize("where", ["evaluate", "race", "video"])
def test_a_policy_sees_everywhere_what_it_saw_in_training(where: str) -> None:
    witness: Any = Witness()
    if where == "evaluate":
        evaluate_model(witness, TRACK, EvaluationOptions(laps=1, resets=False, threads=1))
    elif where == "race":
        drive_race(RankedRace(TRACK, 1.0, laps=1, resets=0), [Entrant("a", witness)], 1)
    else:
        rules = lap_rules(EvaluationOptions(resets=False))
        simulator = Simulator(TRACK, sensors=(FRONT,), rules=rules, frame_stack=2)
        shown = [moment.picture for moment in drive_moments(witness, simulator, 1)]
        np.testing.assert_array_equal(shown, np.concatenate(witness.seen)[..., 1:])
    assert len(witness.seen) > 20
    assert any((seen[..., 0] != seen[..., 1]).any() for seen in witness.seen)
    np.testing.assert_array_equal(witness.seen, seen_in_training(len(witness.seen)))


def test_a_teacher_that_sees_one_moment_teaches_a_policy_that_sees_two() -> None:
    config = TrainConfig().updated(track="Oval_track", threads=1)
    pupil, master = (
        Learner(LearnerOptions(network_spec(metadata), Hyperparameters(), seed=seed))
        for seed, metadata in enumerate(
            (METADATA, replace(METADATA, sensors=(TRACK_STATE,), frame_stack=1))
        )
    )
    head = {"policy_fc": master.policy["ppo_head_0"]["policy_fc"] | {"bias": np.array([3.0, 0, 0])}}
    master.begin_with(master.policy | {"ppo_head_0": head})  # it knows what it wants
    reward = load_reward(example_reward("progress"))
    lessons = Lessons(Course(config, METADATA), config, master, pupil, reward, halved_after=10**6)
    distances = []
    for _ in range(2):
        lessons.give(config.lessons.alone.num_cars, lambda: None)
        distances.append(lessons.close()[0])
    assert distances[1] < 0.5 * distances[0]


def test_models_that_see_other_frames_do_not_share_a_simulator() -> None:
    witness: Any = Witness()
    other: Any = SimpleNamespace(metadata=replace(METADATA, frame_stack=3))
    rules = RankedRace(TRACK, 1.0, laps=1, road=RaceConfig("HEAD_TO_MODEL"))
    with pytest.raises(ConfigError, match=r"b \(FRONT_FACING_CAMERA, 3 frames"):
        drive_race(rules, [Entrant("a", witness), Entrant("b", other)], 1)


def test_the_option_needs_a_camera(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--track-state has none: drop one"):
        new_job(TrainingFiles(frame_stack=2, track_state=True), {})
    path = tmp_path / "model_metadata.json"
    path.write_text(ModelMetadata(discrete_grid(30.0, 5, 1.0, 3), (TRACK_STATE,)).to_json())
    with pytest.raises(ConfigError, match="needs a camera, got TRACK_STATE"):
        new_job(TrainingFiles(metadata=path, frame_stack=2), {})
