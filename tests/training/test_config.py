"""Promises of ``training.config``: what is written is read again, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.training.config import (
    BudgetConfig,
    CollectionConfig,
    CourseConfig,
    EvaluationConfig,
    LearningConfig,
    TrainConfig,
    read_config,
    settings_of,
)
from deepracer_fast.training.teaching_config import (
    LessonCars,
    LessonsConfig,
    TeacherConfig,
    TeacherErrors,
)
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization


def written(path: Path, text: str) -> Path:
    file = path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig().updated(
            track='routes/"odd" \\ name é.npy',
            more_tracks=("Oval_track", 'also "odd".npy'),
            teacher=False,
            best_by="laptime",
            seed=2**62,
            collection="episodes",
            num_cars=1,
            minutes=0.5,
            steps=10**9,
            stop_after=0,
            gae_lambda=1.0,
            clip=1e-5,
            random_start=False,
            randomization=Randomization(light_gain=0.2, grip=0.3),
            race=RaceConfig(
                "OBJECT_AVOIDANCE", number_of_obstacles=2, object_positions="0.2,1;0.5,-1"
            ),
        ),
    ],
)
def test_config_survives_being_written_and_read(config: TrainConfig, tmp_path: Path) -> None:
    assert read_config(written(tmp_path, config.to_toml())) == config


BEFORE_THERE_WERE_TABLES = """\
track = "Bowtie_track"
more_tracks = ["Oval_track"]
random_tracks = 2
teacher = false
seed = 7
collection = "episodes"
num_cars = 8
horizon = 16
minutes = 3.0
steps = 100
evaluate_every = 2
stop_after = 0
best_by = "laptime"
gae_lambda = 0.9
clip = 0.1
value_function = "shared"
lr_schedule = "linear"
random_start = false
start_position = 0.25
round_robin_advance_dist = 0.0
driving_direction = "clockwise"
alternate_driving_direction = true
threads = 1
car_version = 4

[randomization]
grip = 0.3

[race]
race_type = "HEAD_TO_BOT"
"""


def test_files_from_before_there_were_tables_are_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, BEFORE_THERE_WERE_TABLES))
    assert config == TrainConfig(
        seed=7,
        threads=1,
        car_version=4,
        course=CourseConfig(("Bowtie_track", "Oval_track"), 2, "clockwise", True),
        collection=CollectionConfig("episodes", 8, 16, False, 0.25, 0.0),
        learning=LearningConfig(0.9, 0.1, "shared", "linear"),
        budget=BudgetConfig(3.0, 100, 0),
        evaluation=EvaluationConfig(2, "laptime"),
        teacher=TeacherConfig(enabled=False),
        randomization=Randomization(grip=0.3),
        race=RaceConfig("HEAD_TO_BOT"),
    )
    assert read_config(written(tmp_path, config.to_toml())) == config


def test_a_file_that_names_a_track_has_no_more_than_it_names(tmp_path: Path) -> None:
    over = TrainConfig().updated(tracks=("Bowtie_track", "Oval_track"), num_cars=3)
    config = read_config(written(tmp_path, 'track = "oval"\n'), over)
    assert (config.course.tracks, config.collection.num_cars) == (("oval",), 3)


def test_teacher_and_lessons_are_tables_with_tables_in_them(tmp_path: Path) -> None:
    text = "[teacher]\nclean_in_a_row = 20\n[teacher.errors]\noffset = 0.2\n"
    config = read_config(written(tmp_path, text + "[lessons.among_objects]\nnum_cars = 100\n"))
    errors = TeacherErrors(offset=0.2)
    assert config.teacher == TeacherConfig(clean_in_a_row=20, errors=errors)
    assert config.lessons == LessonsConfig(among_objects=LessonCars(100, 64))
    with pytest.raises(ConfigError, match=r"alone must be cars enough for batch_size 256"):
        read_config(written(tmp_path, "[lessons]\nbatch_size = 256\n"))
    with pytest.raises(ConfigError, match=r"unknown key cars; known are enabled, time_share"):
        read_config(written(tmp_path, "[teacher]\ncars = 1\n"))


def test_a_setting_goes_before_the_table_that_it_is_in() -> None:
    course = CourseConfig(("Bowtie_track",), driving_direction="reverse")
    for settings in ({"course": course, "tracks": ["a"]}, {"tracks": ["a"], "course": course}):
        assert TrainConfig().updated(**settings).course == CourseConfig(
            ("a",), driving_direction="reverse"
        )
    config = TrainConfig().updated(learning={"clip": 0.1}, gae_lambda=0.9)
    assert config.learning == LearningConfig(0.9, 0.1)
    assert TrainConfig().updated(**config.settings()) == config


def test_keys_that_are_left_out_take_their_defaults(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "num_cars = 8\n")) == TrainConfig().updated(num_cars=8)
    assert read_config(written(tmp_path, "")) == TrainConfig()


def test_the_byte_order_mark_of_windows_editors_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("num_cars = 8\n", encoding="utf-8-sig")
    assert read_config(file) == TrainConfig().updated(num_cars=8)


def test_a_whole_number_serves_as_a_number(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, "minutes = 5\n")).budget.minutes == 5.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("collection", "both", "collection must be horizon or episodes, got 'both'"),
        ("seed", -1, "seed must be in"),
        ("seed", 2**63, "seed must be in"),
        ("num_cars", 0, "num_cars must be at least 1, got 0"),
        ("horizon", 0, "horizon must be at least 1 step"),
        ("minutes", 0.0, "minutes must be above 0"),
        ("minutes", float("nan"), "minutes must be above 0, got nan"),
        ("minutes", float("inf"), "minutes must be above 0"),
        ("steps", -1, "steps must be 0"),
        ("evaluate_every", 0, "evaluate_every must be at least 1"),
        ("stop_after", -1, "stop_after must be 0"),
        ("best_by", "luck", "best_by must be progress or reward or laptime, got 'luck'"),
        ("more_tracks", ("reinvent_base",), "tracks must be one or more, each a track of its own"),
        ("gae_lambda", 1.1, "gae_lambda must be in"),
        ("clip", 1.0, "clip must be in"),
        ("threads", -1, "threads must be 0"),
    ],
)
def test_value_out_of_range_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig().updated(**{name: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense = 1\n", "unknown key nonsense; known are seed, threads"),
        ('minutes = "x"\n', "minutes must be a number, got 'x'"),
        ("num_cars = 1.5\n", "num_cars must be a whole number, got 1.5"),
        ("num_cars = true\n", "num_cars must be a whole number, got True"),
        ("random_start = 1\n", "random_start must be true or false, got 1"),
        ("track = 7\n", "track must be text, got 7"),
        ("num_cars = 0\n", "num_cars must be at least 1"),
        ("= 1\n", "must be valid TOML"),
        ("[train]\nseed = 1\n", "unknown key train"),
    ],
)
def test_file_that_cannot_be_used_is_named_with_what_is_wrong(
    text: str, message: str, tmp_path: Path
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        read_config(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b'track = "\xe9"\n')
    with pytest.raises(ConfigError, match="must be UTF-8 text, found byte 9"):
        read_config(tmp_path / "latin.toml")


def test_race_is_a_table_of_its_own(tmp_path: Path) -> None:
    text = 'seed = 3\n[race]\nrace_type = "HEAD_TO_BOT"\nbot_car_speed = 1\n'
    race = read_config(written(tmp_path, text)).race
    assert race == RaceConfig("HEAD_TO_BOT", bot_car_speed=1.0)
    with pytest.raises(ConfigError, match=r"config.toml: number_of_bot_cars must be 1 to 6, got 9"):
        read_config(written(tmp_path, "[race]\nnumber_of_bot_cars = 9\n"))
    with pytest.raises(ConfigError, match="HEAD_TO_MODEL is a race between trained models"):
        read_config(written(tmp_path, '[race]\nrace_type = "HEAD_TO_MODEL"\n'))


def test_a_file_in_a_model_folder_was_trained_as_the_folder_says(tmp_path: Path) -> None:
    home = tmp_path / "mine"
    (home / "model").mkdir(parents=True)
    (home / "config.toml").write_text('track = "Oval_track"\n')
    files = [home / "mine.tar.gz", home / "model" / "model_3.pb", tmp_path / "alone.tar.gz"]
    for path in files:
        path.write_bytes(b"")
    (tmp_path / "config.toml").write_text('track = "Bowtie_track"\n')  # somebody's own
    tracks = [settings_of(path).course.tracks[0] for path in (home, *files)]
    assert tracks == ["Oval_track"] * 3 + ["reinvent_base"]
