"""Promises of model_metadata.py: real files read, defaults as the original's, clear refusals."""

import json

import pytest

from deepracer_fast.errors import MetadataError
from deepracer_fast.files.action_space import ContinuousActionSpace, DiscreteActionSpace
from deepracer_fast.files.model_metadata import (
    LidarConfig,
    ModelMetadata,
    parse_model_metadata,
    read_model_metadata,
)

ACTIONS = [{"steering_angle": 0, "speed": 1}]
BOX = {"steering_angle": {"low": -30, "high": 30}, "speed": {"low": 1, "high": 2}}
CONTINUOUS = {"action_space_type": "continuous", "action_space": BOX}
DISCRETIZED = ["FRONT_FACING_CAMERA", "DISCRETIZED_SECTOR_LIDAR"]


def parse(**content):
    return parse_model_metadata(json.dumps({"action_space": ACTIONS} | content), "m.json")


def test_every_real_file_reads_and_survives_a_round_trip(shared):
    files = [*shared.glob("models/**/*.json"), *shared.glob("logs/**/model_metadata.json")]
    assert len(files) >= 10
    for file in files:
        metadata = read_model_metadata(file)
        assert metadata.action_space.size == (
            2
            if isinstance(metadata.action_space, ContinuousActionSpace)
            else len(json.loads(file.read_text())["action_space"])
        )
        assert parse_model_metadata(metadata.to_json(), "again") == metadata


@pytest.mark.parametrize(
    ("file", "sensors", "version"),
    [
        ("odd_2.json", ("SECTOR_LIDAR", "STEREO_CAMERAS"), 5),
        ("odd_3.json", ("observation",), 1),
        ("odd_5.json", ("FRONT_FACING_CAMERA",), 2),
        ("odd_7.json", ("STEREO_CAMERAS",), 2),
    ],
)
def test_odd_real_files_mean_what_the_original_took_them_for(shared, file, sensors, version):
    metadata = read_model_metadata(shared / "models/metadata" / file)
    assert (metadata.sensors, metadata.car_version) == (sensors, version)


def test_what_is_left_out_takes_the_originals_defaults():
    assert parse() == ModelMetadata(
        action_space=DiscreteActionSpace((0.0,), (1.0,)),
        sensors=("observation",),
        neural_network="DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        training_algorithm="clipped_ppo",
        car_version=1,
        lidar=None,
    )


@pytest.mark.parametrize(("written", "version"), [("3", 3), ("4.0", 4), (5, 5), (6.0, 6)])
def test_version_is_read_from_numbers_and_strings(written, version):
    assert parse(version=written, sensor=["LEFT_CAMERA"]).car_version == version


def test_numbers_may_be_strings_and_other_keys_are_tolerated():
    metadata = parse(
        action_space=[{"steering_angle": "-30.0", "speed": "6", "index": 0}],
        preprocess_type="GREY_SCALE",
    )
    assert metadata.action_space == DiscreteActionSpace((-30.0,), (6.0,))


def test_byte_order_mark_of_windows_editors_is_dropped(tmp_path):
    file = tmp_path / "model_metadata.json"
    file.write_text(json.dumps({"action_space": ACTIONS}), encoding="utf-8-sig")
    assert read_model_metadata(file).car_version == 1


@pytest.mark.parametrize(
    ("key", "written", "meant"),
    [
        ("sensor", "FRONT_FACING_CAMERA", "FRONT_FACING_CAMERA"),
        ("sensor", ["Stereo_Cameras", " lidar"], "STEREO_CAMERAS LIDAR"),
        ("sensor", ["OBSERVATION"], "observation"),
        ("sensor", "track_state", "TRACK_STATE"),
        ("neural_network", "deep_convolutional_network ", "DEEP_CONVOLUTIONAL_NETWORK"),
        ("training_algorithm", "Clipped_PPO", "clipped_ppo"),
    ],
)
def test_words_are_known_in_any_case_and_one_sensor_without_a_list(key, written, meant):
    found = getattr(parse(**{key: written}), "sensors" if key == "sensor" else key)
    assert (" ".join(found) if isinstance(found, tuple) else found) == meant


def test_one_sensor_may_be_given_alone_in_python():
    assert ModelMetadata(DiscreteActionSpace((0.0,), (1.0,)), sensors="LEFT_CAMERA").sensors == (
        "LEFT_CAMERA",
    )


def test_sac_is_read():
    metadata = parse(training_algorithm="sac", **CONTINUOUS)
    assert metadata.training_algorithm == "sac"
    assert metadata.action_space == ContinuousActionSpace(-30, 30, 1, 2)


def test_lidar_config_belongs_to_the_discretized_lidar():
    config = {"num_sectors": "16", "clipping_dist": 1.5}
    assert parse(sensor=DISCRETIZED).lidar == LidarConfig(8, 8, 2.0)
    assert parse(sensor=DISCRETIZED, lidar_config=config).lidar == LidarConfig(16, 8, 1.5)
    assert parse(sensor=["STEREO_CAMERAS", "LIDAR"], lidar_config=config).lidar is None


def test_a_stack_of_frames_is_written_only_where_there_is_one():
    stacked = parse(sensor=["STEREO_CAMERAS"], frame_stack=2)
    assert parse_model_metadata(stacked.to_json(), "again") == stacked
    assert (stacked.frame_stack, stacked.is_for_the_car) == (2, False)
    assert "frame_stack" not in parse(frame_stack=1).to_json()


def test_written_file_has_every_key_that_the_ecosystem_indexes():
    content = json.loads(parse(sensor=DISCRETIZED, version=5).to_json())
    assert content == {
        "action_space": [{"steering_angle": 0.0, "speed": 1.0, "index": 0}],
        "sensor": DISCRETIZED,
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "training_algorithm": "clipped_ppo",
        "action_space_type": "discrete",
        "version": "5",
        "lidar_config": {"num_sectors": 8, "num_values_per_sector": 8, "clipping_dist": 2.0},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"action_space": []}, r"m\.json: action_space: .* discrete it must be a list .* \[\]"),
        ({"action_space": BOX}, "action_space: with action_space_type discrete it must be a list"),
        ({"action_space_type": "continuous"}, "must be steering_angle and speed, each with low"),
        ({"action_space_type": "both"}, 'must be one of discrete, continuous, found "both"'),
        (
            {"action_space": [{"speed": 1}]},
            r'action_space\[0\]: needs the number steering_angle, found {"speed": 1}',
        ),
        (
            {"action_space": [{"steering_angle": 0, "speed": float("nan")}]},
            r"action_space\[0\]\.speed must be a finite number, found NaN",
        ),
        (
            {"action_space": [{"steering_angle": "left", "speed": 1}]},
            r'action_space\[0\]\.steering_angle must be a finite number, found "left"',
        ),
        (
            CONTINUOUS | {"action_space": BOX | {"speed": {"low": 2, "high": 1}}},
            r"action_space: speed: low must be less than high, got low 2\.0, high 1\.0",
        ),
        (
            CONTINUOUS | {"action_space": BOX | {"speed": {"low": 2}}},
            r"action_space\.speed: needs the number high",
        ),
        ({"sensor": ["camera"]}, 'unknown sensor "camera"; use one of observation, FRONT_FACING'),
        ({"sensor": 5}, "sensor must be a list of names"),
        ({"sensor": "camera"}, 'unknown sensor "camera"'),
        ({"sensor": []}, "exactly one camera and at most one lidar"),
        ({"sensor": ["LIDAR"]}, "exactly one camera and at most one lidar"),
        ({"sensor": ["LEFT_CAMERA", "STEREO_CAMERAS"]}, "exactly one camera"),
        ({"sensor": ["LEFT_CAMERA", "LIDAR", "SECTOR_LIDAR"]}, "at most one lidar"),
        ({"frame_stack": 5}, "frame_stack must be a whole number from 1 to 4, found 5"),
        ({"frame_stack": 1.5}, r"frame_stack must be a whole number from 1 to 4, found 1\.5"),
        ({"frame_stack": 2, "sensor": ["TRACK_STATE"]}, "must be 1 for TRACK_STATE, found 2"),
        ({"version": 5}, "sensor is missing, and version 5 needs it"),
        ({"version": "7"}, 'version must be a whole number from 1 to 6, found "7"'),
        ({"version": 4.5}, r"version must be a whole number from 1 to 6, found 4\.5"),
        ({"version": "new"}, 'version must be a finite number, found "new"'),
        ({"neural_network": "RESNET"}, 'neural_network must be one of DEEP_.*, found "RESNET"'),
        ({"training_algorithm": "dqn"}, 'must be one of clipped_ppo, sac, found "dqn"'),
        ({"training_algorithm": "sac"}, "sac needs a continuous action space"),
        ({"lidar_config": 8}, "lidar_config must hold num_sectors, .*, found 8"),
        ({"lidar_config": {"num_sectors": 7}}, "num_sectors must divide the 64 rays .* found 7"),
        ({"lidar_config": {"num_sectors": 1.6}}, r"num_sectors must divide .* found 1\.6"),
        ({"lidar_config": {"num_values_per_sector": 0}}, "whole number of 1 or more, found 0"),
        ({"lidar_config": {"clipping_dist": 0}}, "clipping_dist must be above 0 m, found 0"),
    ],
)
def test_broken_rule_is_named_with_file_and_key_in_one_line(content, message):
    with pytest.raises(MetadataError, match=message) as caught:
        parse(**content)
    assert str(caught.value).startswith("m.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "action_space": [,]\n}', r"m\.json: must be valid JSON, found: .* line 2 column 20"),
        ("", "must be valid JSON, found: .* line 1 column 1"),
        ("[" * 100_000, "must be valid JSON"),
        ("[1]", r"must be a JSON object {\.\.\.}, found \[1\]"),
        ("{}", "action_space is missing"),
    ],
)
def test_text_that_is_no_metadata_is_refused(text, message):
    with pytest.raises(MetadataError, match=message):
        parse_model_metadata(text, "m.json")


def test_unreadable_file_is_named(tmp_path):
    with pytest.raises(MetadataError, match=r"none\.json: cannot be read: No such file"):
        read_model_metadata(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(MetadataError, match=r"latin\.json: must be UTF-8 text"):
        read_model_metadata(tmp_path / "latin.json")
