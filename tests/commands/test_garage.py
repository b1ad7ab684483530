"""Promises of ``deepracer-fast garage``: cars are built, changed, listed, and trained with."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine

from deepracer_fast.errors import ConfigError, MetadataError
from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.files.action_words import in_words
from deepracer_fast.files.garage import CarPlan, built, place_of
from deepracer_fast.files.model_metadata import (
    CAR_COLORS,
    FIRST_MODEL,
    ModelMetadata,
    parse_model_metadata,
    read_model_metadata,
)
from deepracer_fast.files.training_params import read_training_params, training_params
from deepracer_fast.pictures.video.car_shape import CAR_COLOURS
from deepracer_fast.training.inputs import TrainingFiles, new_job


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capsys)


def test_a_car_is_written_shown_and_trained_with(run: CommandLine) -> None:
    answer = run("garage", "Flash", "--steering", "30:7", "--speed", "2:2", "--color", "red")
    assert (answer.status, answer.err) == (0, "")
    assert "car      Flash, red" in answer.out
    assert "14 actions: steering -30, -20, -10, 0, 10, 20, 30 deg, speed 1, 2 m/s" in answer.out
    assert "deepracer-fast train --metadata garage/Flash" in answer.out
    assert Path("garage/Flash/actions.png").stat().st_size > 10_000
    metadata = new_job(TrainingFiles(metadata=Path("garage/Flash")), {}).metadata
    assert metadata == read_model_metadata("garage/Flash/model_metadata.json")
    assert metadata.action_space == discrete_grid(30.0, 7, 2.0, 2)
    assert (metadata.car_name, metadata.car_color) == ("Flash", "Red")


def test_what_is_left_out_stays_as_it_was(run: CommandLine) -> None:
    run("garage", "Big Box", "--continuous", "--speed", "0.5,2")
    run("garage", "Big Box", "--sensor", "stereo", "--sensor", "Lidar", "--network", "5-layer CNN")
    car = json.loads(run("garage", "Big Box", "--json").out)
    assert car["action_space"]["speed"] == {"high": 2.0, "low": 0.5}
    assert car["sensor"] == ["STEREO_CAMERAS", "LIDAR"]
    assert car["neural_network"] == "DEEP_CONVOLUTIONAL_NETWORK"
    assert car["car_name"] == "Big Box"


def test_showing_a_car_changes_nothing(run: CommandLine) -> None:
    run("garage", "Flash")
    before = Path("garage/Flash/model_metadata.json").stat().st_mtime_ns
    assert "15 actions" in run("garage", "Flash").out
    assert Path("garage/Flash/model_metadata.json").stat().st_mtime_ns == before


def test_the_garage_is_listed_within_80_columns(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "The Original" in run("garage").out
    run("garage", "Flash", "--color", "Blue", "--sensor", "stereo", "--sensor", "lidar")
    lines = run("garage").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("Flash" in line and "Blue" in line and "stereo" in line for line in lines)
    assert set(json.loads(run("garage", "--json").out)) == {"garage/Flash"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("../x",), "a car's name must have 1 to 64 letters"),
        (("A", "--sensor", "lidar"), "--sensor must be given once for one camera"),
        (("A", "--sensor", "eyes"), "--sensor must be one of camera, stereo, lidar"),
        (
            ("A", "--sensor", "radar"),
            "discretized_lidar, or as in model_metadata.json, got 'rad",
        ),
        (("A", "--network", "7"), "--network must be one of 3, 5, deep"),
        (("A", "--color", "plaid"), "--color must be one of Black"),
        (("A", "--speed", "9"), "speed must lie from 0.1 to 4 m/s"),
        (("A", "--actions", "0@1", "--speed", "1"), "--actions lists every action"),
        (("--speed", "1"), "name the car"),
    ],
)
def test_what_cannot_be_built_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], words: str, run: CommandLine
) -> None:
    answer = run("garage", *arguments)
    assert (answer.status, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert words in answer.err
    assert not Path("garage").exists()


def test_a_plan_changes_what_it_names() -> None:
    car = built(FIRST_MODEL, CarPlan(["camera", "discretized_lidar"], car_version=6))
    assert car.lidar is not None
    assert car.car_version == 6
    assert car.action_space == FIRST_MODEL.action_space
    assert built(car, CarPlan(["camera"])).lidar is None
    assert isinstance(built(car, CarPlan(continuous=True)).action_space, ContinuousActionSpace)
    with pytest.raises(ConfigError, match="--sensor"):
        built(car, CarPlan(["camera", "stereo"]))
    with pytest.raises(MetadataError, match="a car's name"):
        place_of(".hidden")


def test_a_cars_name_and_colour_are_kept_with_the_model() -> None:
    car = ModelMetadata(FIRST_MODEL.action_space, car_name="Flash", car_color="Purple")
    assert parse_model_metadata(car.to_json(), "again") == car
    assert car.car == "Flash, purple"
    assert "car_" not in FIRST_MODEL.to_json()
    with pytest.raises(MetadataError, match="car_color must be one of"):
        ModelMetadata(FIRST_MODEL.action_space, car_color="plaid")


def test_nobodys_model_is_refused_for_what_its_car_is_called() -> None:
    content = json.loads(FIRST_MODEL.to_json()) | {"car_name": "a\x1b[2J" * 30, "car_color": 7}
    car = parse_model_metadata(json.dumps(content), "m.json")
    assert car.car_name.isprintable()
    assert car.car_color == ""


def test_the_folder_names_the_car(tmp_path: Path) -> None:
    lines = training_params("mine", "Oval_track", False, car=("Flash", "Red"))
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items())
    (tmp_path / "training_params.yaml").write_text(text)
    assert read_training_params(tmp_path) == lines
    assert (lines["CAR_NAME"], lines["CAR_COLOR"]) == ("Flash", "Red")


def test_films_know_every_colour() -> None:
    assert set(CAR_COLOURS) == set(CAR_COLORS)


def test_one_speed_stays_one_where_the_steering_changes() -> None:
    car = built(built(FIRST_MODEL, CarPlan(speed="1")), CarPlan(steering="20:3"))
    assert in_words(car.action_space) == "3 actions: steering -20, 0, 20 deg, speed 1 m/s"


def test_what_is_left_out_of_an_action_space_stays_as_it_was() -> None:
    car = built(FIRST_MODEL, CarPlan(steering="20:4"))
    both = built(FIRST_MODEL, CarPlan(steering="20:4", speed="2:2"))
    assert built(car, CarPlan(speed="2:2")).action_space == both.action_space
    box = built(FIRST_MODEL, CarPlan(steering="20:2", speed="0.5,2", continuous=True))
    wider = built(box, CarPlan(steering="30:2"))
    assert wider.action_space == ContinuousActionSpace(-30.0, 30.0, 0.5, 2.0)
