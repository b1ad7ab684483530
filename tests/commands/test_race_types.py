"""Promises of ``deepracer-fast race`` where something else is on the road."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepracer_fast.commands.race import race_of
from deepracer_fast.errors import ConfigError, LeaderboardError
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.racing.drive import Entrant, drive_race
from deepracer_fast.racing.leaderboard import add_submissions, read_leaderboard, refuse_other_rules
from deepracer_fast.racing.race import RaceLap, RankedRace, Submission
from deepracer_fast.world.race_config import RaceConfig


def driver(speed: float, sensors: tuple[str, ...] = ()) -> Any:
    """A model that goes straight on, and is put back in every bend."""
    metadata = ModelMetadata(DiscreteActionSpace((0.0,), (speed,)), sensors=sensors)
    return SimpleNamespace(metadata=metadata, act=lambda _: np.array([[0.0, speed]], np.float32))


def entrants(*speeds: float) -> list[Entrant]:
    return [Entrant(f"{speed}", driver(speed)) for speed in speeds]


def race(race_type: str, laps: int = 1, **road: Any) -> RankedRace:
    return RankedRace("Oval_track", 1.0, laps=laps, road=RaceConfig(race_type, **road))


def crashes(laps: list[RaceLap]) -> int:
    return sum(lap.crash_count for lap in laps)


def test_crashes_with_boxes_are_counted_and_cost_their_penalty() -> None:
    rules = (
        replace(race("OBJECT_AVOIDANCE", collision_penalty=seconds), resets=9)
        for seconds in (1.0, 10.0)
    )
    (cheap,), (dear,) = (drive_race(each, entrants(1.0), 1)[0] for each in rules)
    assert cheap.crash_count == dear.crash_count > 1
    served = cheap.crash_count - (cheap.status == "crashed")  # the last one may end the lap
    assert dear.lap_time_seconds - cheap.lap_time_seconds == pytest.approx(9.0 * served, abs=0.01)


def test_everyone_meets_the_same_bots() -> None:
    rules = race("HEAD_TO_BOT", randomize_bot_car_locations=True, is_lane_change=True)
    first, second = drive_race(rules, [Entrant("a", driver(1.5)), Entrant("b", driver(1.5))], 1)
    assert first == second
    assert crashes(first) > 0


def test_models_that_share_a_road_meet() -> None:
    slow, fast = drive_race(race("HEAD_TO_MODEL"), entrants(0.3, 1.0), 1)
    assert (crashes(slow), crashes(fast) > 0) == (0, True)
    alone = drive_race(race("TIME_TRIAL"), entrants(0.3, 1.0), 1)
    assert alone[0] == slow and alone[1] != fast  # who is ahead is not disturbed


@pytest.mark.parametrize(
    "field", [entrants(1.0), [*entrants(1.0), Entrant("b", driver(1.0, ("LIDAR",)))]]
)
def test_models_that_cannot_meet_are_refused_by_name(field: list[Entrant]) -> None:
    with pytest.raises(ConfigError, match=r"needs two models or more with the same sensors.*1\.0"):
        drive_race(race("HEAD_TO_MODEL"), field, 1)


def test_the_file_of_a_race_keeps_what_is_on_the_road(tmp_path: Path) -> None:
    rules = race("OBJECT_AVOIDANCE", number_of_obstacles=2, is_obstacle_bot_car=True)
    lap = RaceLap(100.0, 20.0, 0, 1, 1, 300, "lap_complete")
    add_submissions(tmp_path / "a.json", rules, [Submission("mine", "2024-01-01", (lap,))])
    assert read_leaderboard(tmp_path / "a.json").race == rules
    with pytest.raises(LeaderboardError, match="number_of_obstacles 2; got number_of_obstacles 3"):
        other = RaceConfig("OBJECT_AVOIDANCE", number_of_obstacles=3, is_obstacle_bot_car=True)
        refuse_other_rules(tmp_path / "a.json", rules, {"road": other})


def test_a_file_without_a_road_is_a_time_trial(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    add_submissions(path, race("TIME_TRIAL"), [])
    content = json.loads(path.read_text())
    del content["race"]["road"]
    path.write_text(json.dumps(content))
    assert read_leaderboard(path).race == race("TIME_TRIAL")


@pytest.mark.parametrize("value", [2, "yes"])
def test_a_file_with_a_road_of_another_kind_is_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "a.json"
    add_submissions(path, race("TIME_TRIAL"), [])
    content = json.loads(path.read_text())
    content["race"]["road"]["is_lane_change"] = value
    path.write_text(json.dumps(content))
    with pytest.raises(LeaderboardError, match=r"race\.road: is_lane_change must be true or false"):
        read_leaderboard(path)


def test_the_type_given_goes_before_that_of_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[race]\nrace_type = "HEAD_TO_BOT"\nnumber_of_obstacles = 2\n')
    assert race_of(None, config).race_type == "HEAD_TO_BOT"
    assert race_of("OBJECT_AVOIDANCE", config).num_objects == 2
    with pytest.raises(ConfigError, match="race_type must be one of TIME_TRIAL"):
        race_of("F1", None)


def test_head_to_head_is_either_of_two(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[race]\nrace_type = "HEAD_TO_HEAD"\n')
    for race_type, file in (("Head-to-head racing", None), (None, config)):
        with pytest.raises(ConfigError, match="must be HEAD_TO_BOT, against bots, or HEAD_TO_MOD"):
            race_of(race_type, file)
    assert race_of("head to bot", None).race_type == "HEAD_TO_BOT"
