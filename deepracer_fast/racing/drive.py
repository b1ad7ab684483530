"""Lets models drive a race, all at once where they can share a simulator.

In: the rules of a race and the models. Out: the laps of each. Neighbours: ``evaluate`` counts and
times the laps; ``race`` ranks them; ``commands.race`` is the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import SEEDS, count, instance, sequence, text
from deepracer_fast.driving.evaluate import (
    Driver,
    EvaluationOptions,
    Lap,
    cars_of,
    drive_laps,
    lap_rules,
)
from deepracer_fast.errors import ConfigError
from deepracer_fast.policy.model import Model, metadata_of
from deepracer_fast.racing.race import RaceLap, RankedRace, check_name
from deepracer_fast.tracks.track import load_track


@dataclass(frozen=True)
class Entrant:
    """A model and the name that it races under."""

    name: str
    model: Model

    def __post_init__(self) -> None:
        check_name(text("name", self.name))
        metadata_of(self.model)


class Commands:
    """The action space of a driver whose actions are commands already: degrees and m/s."""

    def to_commands(self, actions: Array) -> Array:
        """The same, [B, 2]."""
        return actions


def drive_race(
    race: RankedRace, entrants: Sequence[Entrant], threads: int = 0, seed: int = 0
) -> list[list[RaceLap]]:
    """Drives the laps of a race.

    Args:
        race: the rules.
        entrants: what drives. Each has the road to itself, with the same objects on it; in a
            HEAD_TO_MODEL race all share it.
        threads: of the simulator; 0 for all cores.
        seed: of what is random on the road.

    Returns:
        For each entrant its laps in order.

    Raises:
        DeepRacerError: the track cannot be driven, a model's sensors or car are not known, or
            models that are to meet are too few or not alike.
    """
    instance("race", race, RankedRace)
    for number, entrant in enumerate(sequence("entrants", entrants, "Entrant records")):
        instance(f"entrants[{number}]", entrant, Entrant)
    count("threads", threads)
    count("seed", seed, high=SEEDS - 1)
    laps: dict[int, list[Lap]] = {}
    for group in _sharing(race, entrants):
        driven = _drive_together(race, [entrants[number].model for number in group], threads, seed)
        laps.update(zip(group, driven, strict=True))
    return [[race_lap(lap) for lap in laps[number]] for number in range(len(entrants))]


def race_lap(lap: Lap) -> RaceLap:
    """What a leaderboard keeps of a lap."""
    kept = {each.name: getattr(lap, each.name) for each in fields(RaceLap)}
    return RaceLap(**kept | {"completion_percentage": round(lap.completion_percentage, 2)})


def greedy_commands(models: Sequence[Model], observation: dict[str, Array]) -> Array:
    """What each model commands that sees its own row of the observation, [B, 2]."""
    commands = [
        model.act({sensor: rows[car : car + 1] for sensor, rows in observation.items()})
        for car, model in enumerate(models)
    ]
    return np.concatenate(commands)


def _sharing(race: RankedRace, entrants: Sequence[Entrant]) -> list[list[int]]:
    """Numbers of the entrants, those together that share a simulator: whose cars are alike.

    Among objects each drives alone, since those of a second car would be other ones.
    """
    groups: dict[Any, list[int]] = {}
    alone = race.road.race_type in ("OBJECT_AVOIDANCE", "HEAD_TO_BOT")
    for number, entrant in enumerate(entrants):
        metadata = entrant.model.metadata
        eyes = (metadata.sensors, metadata.lidar, metadata.frame_stack)
        alike = (*eyes, race.car_version or metadata.car_version)
        groups.setdefault((alike, number if alone else 0), []).append(number)
    if race.road.race_type == "HEAD_TO_MODEL" and (len(groups) > 1 or len(entrants) < 2):
        raise ConfigError(
            "a HEAD_TO_MODEL race needs two models or more with the same sensors and car version, "
            f"got {', '.join(map(_car_of, entrants))}"
        )
    return list(groups.values())


def _car_of(entrant: Entrant) -> str:
    metadata = entrant.model.metadata
    return f"{entrant.name} ({metadata.sees}, version {metadata.car_version})"


def _drive_together(
    race: RankedRace, models: Sequence[Model], threads: int, seed: int
) -> list[list[Lap]]:
    road, track = race.road, load_track(race.track)
    if road.race_type == "HEAD_TO_MODEL":
        road = replace(road, cars_per_world=len(models))
    options = EvaluationOptions(
        laps=race.laps,
        resets=race.resets > 0,
        off_track_penalty=race.off_track_penalty,
        threads=threads,
        car_version=race.car_version,
        race=road,
        driving_direction=race.driving_direction,
    )
    rules = replace(lap_rules(options, track), number_of_resets=race.resets)
    simulator = cars_of(models[0].metadata, track, options, rules, len(models), seed)
    driver = Driver(lambda observation: greedy_commands(models, observation), Commands())
    return drive_laps(driver, simulator, race.laps)
