"""Promises of ``training_command``: options and files become the job that they say."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepracer_fast.commands.options import ValidateOptions
from deepracer_fast.commands.train import _who_used_hyperparameters
from deepracer_fast.commands.train_options import CourseOptions, ModelOptions
from deepracer_fast.errors import ConfigError, RewardError
from deepracer_fast.files.action_space import DiscreteActionSpace, discrete_grid
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward, reward_file
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.inputs import (
    FIRST_HYPERPARAMETERS,
    FIRST_MODEL,
    TrainingFiles,
    new_job,
)


def test_max_speed_makes_the_actions_of_a_race() -> None:
    space = new_job(TrainingFiles(max_speed=4.0), {}).metadata.action_space
    assert isinstance(space, DiscreteActionSpace)
    assert set(space.speed) == {1.0, 2.0, 3.0, 4.0}
    assert sorted(set(space.steering_angle_deg)) == pytest.approx([-30, -20, -10, 0, 10, 20, 30])
    assert new_job(TrainingFiles(), {}).metadata == FIRST_MODEL


def test_max_speed_beside_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model_metadata.json"
    path.write_text(FIRST_MODEL.to_json())
    for options in ({"max_speed": 4.0}, {"speed": "1:3"}, {"steering": "30:5"}):
        with pytest.raises(ConfigError, match="--steering and --speed make an action space"):
            new_job(TrainingFiles(metadata=path, **options), {})


def test_levels_make_the_actions() -> None:
    space = new_job(TrainingFiles(speed="2:2"), {}).metadata.action_space
    assert space == discrete_grid(30.0, 5, 2.0, 2)
    space = new_job(TrainingFiles(steering="20:3", speed="0.5,1"), {}).metadata.action_space
    assert space == DiscreteActionSpace((-20.0, -20.0, 0.0, 0.0, 20.0, 20.0), (0.5, 1.0) * 3)
    with pytest.raises(ConfigError, match="--max-speed is short for"):
        new_job(TrainingFiles(max_speed=4.0, steering="30:5"), {})


def test_a_reward_may_be_an_examples_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reward_file(Path("progress")) == example_reward("progress")
    assert load_reward("progress").source == example_reward("progress").read_text()
    assert load_reward("Follow-Center-Line").name == "follow_center_line.py"
    assert reward_file(Path("nothing.py")) == Path("nothing.py")
    with pytest.raises(RewardError, match=r"nor a file, is called 'progres': choose one of avoid"):
        load_reward("progres")
    Path("progress").write_text("def reward_function(params): return 1.0")
    assert reward_file(Path("progress")) == Path("progress")


def test_help_names_every_example_of_a_reward() -> None:
    records = (ModelOptions, ValidateOptions)
    told = [each.__dataclass_fields__["reward"].metadata["typer"].help for each in records]
    for path in Path(str(files("deepracer_fast.reward.examples"))).glob("[!_]*.py"):
        assert all(f" {path.stem}" in each for each in told)


@pytest.mark.parametrize(
    ("stages", "used", "warned"),
    [
        ({"teacher", "lessons"}, "teacher (discount_factor, beta_entropy, loss_type)", True),
        ({"teacher", "ppo"}, "teacher (discount_factor, beta_entropy, loss_type) and PPO", False),
        ({"ppo"}, "PPO (all)", False),
    ],
)
def test_a_training_says_who_used_the_hyperparameters(
    stages: set[str], used: str, warned: bool
) -> None:
    job = SimpleNamespace(
        config=TrainConfig(), hyperparameters=replace(FIRST_HYPERPARAMETERS, lr=1e-5)
    )
    training: Any = SimpleNamespace(job=job, stages=stages)
    said, *warning = _who_used_hyperparameters(training, Path("mine.json"))
    assert said.startswith(f"hyperparameters were used by {used}")
    assert bool(warning) == warned
    if warned:
        assert warning[0].startswith("warning: lr of mine.json had no effect: only PPO reads them")
        assert "--no-teacher, or goes on to it with --stop-after 0" in warning[0]
        assert len(list(_who_used_hyperparameters(training, None))) == 1, "nobody asked for it"
        job.hyperparameters = replace(FIRST_HYPERPARAMETERS, beta_entropy=0.5)
        assert len(list(_who_used_hyperparameters(training, Path("mine.json")))) == 1


def test_tracks_are_kept_by_their_own_names() -> None:
    config = new_job(TrainingFiles(), {"track": "oval", "more_tracks": ("re:Invent 2018",)}).config
    assert config.course.tracks == ("Oval_track", "reinvent_base")


def test_a_race_type_keeps_what_else_is_said_of_the_race(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[race]\nnumber_of_obstacles = 2\n")
    files = TrainingFiles(config=config, race_type="object-avoidance")
    race = new_job(files, {}).config.race
    assert (race.race_type, race.number_of_obstacles) == ("OBJECT_AVOIDANCE", 2)
    with pytest.raises(ConfigError, match="race_type must be one of TIME_TRIAL"):
        new_job(TrainingFiles(race_type="derby"), {})
    with pytest.raises(ConfigError, match="train with HEAD_TO_BOT"):
        new_job(TrainingFiles(race_type="HEAD_TO_MODEL"), {})


def test_where_and_which_way_is_as_far_as_somebody_says_so() -> None:
    assert CourseOptions().settings() == {}
    said = CourseOptions(direction="Clockwise", start_position=0.25)
    config = new_job(TrainingFiles(), said.settings()).config
    assert config.course.driving_direction == "clockwise"
    assert (config.collection.start_position, config.collection.random_start) == (0.25, False)
    assert not config.course.alternate_driving_direction
    said = CourseOptions(direction="alternate", round_robin_advance_dist=0.0)
    config = new_job(TrainingFiles(), said.settings()).config
    assert config.course.alternate_driving_direction
    assert (config.course.driving_direction, config.collection.round_robin_advance_dist) == (
        "forward",
        0.0,
    )
