"""The garage: cars that people build for their models, and where they stand.

In: what a person says about a car: name, colour, sensors, network, actions. Out: its
``ModelMetadata``, and a folder ``garage/NAME`` with its ``model_metadata.json``. Neighbours:
``action_words`` makes the actions, ``commands.garage`` is the command line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepracer_fast.errors import ConfigError, MetadataError
from deepracer_fast.files.action_space import ActionSpace, ContinuousActionSpace
from deepracer_fast.files.action_words import action_space_of, levels_of, read_actions
from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.files.model_metadata import (
    CAMERAS,
    CAR_COLORS,
    LIDARS,
    LONGEST_CAR_NAME,
    METADATA_NAME,
    NEURAL_NETWORKS,
    LidarConfig,
    ModelMetadata,
    read_model_metadata,
)

GARAGE = Path("garage")
"""Where cars stand, below the working directory."""

SENSORS = {
    "camera": "FRONT_FACING_CAMERA",
    "stereo": "STEREO_CAMERAS",
    "lidar": "LIDAR",
    "sector_lidar": "SECTOR_LIDAR",
    "discretized_lidar": "DISCRETIZED_SECTOR_LIDAR",
}
"""Short names, beside those of model_metadata.json."""

NETWORKS = {"3": NEURAL_NETWORKS[0], "5": NEURAL_NETWORKS[1], "deep": NEURAL_NETWORKS[2]}
"""As the console has them, by their number of convolutions; the last has dense layers in between.
"""


@dataclass(frozen=True)
class CarPlan:
    """What a person says about a car; None, or nothing, for what stays as it is.

    Attributes:
        sensors: names of ``SENSORS``, or of model_metadata.json.
        network: a name of ``NETWORKS``, or of model_metadata.json.
        steering: see ``read_steering``.
        speed: see ``read_speeds``.
        actions: see ``read_actions``; in place of steering and speed.
        continuous: a box from the least to the greatest steering and speed.
        color: of the shell.
        car_version: whose physics and timing it has, 3 to 6.
    """

    sensors: Sequence[str] = ()
    network: str | None = None
    steering: str | None = None
    speed: str | None = None
    actions: str | None = None
    continuous: bool = False
    color: str | None = None
    car_version: int | None = None


def built(car: ModelMetadata, plan: CarPlan) -> ModelMetadata:
    """A car with what a plan says of it changed.

    Raises:
        DeepRacerError: it cannot be built so.
    """
    changes: dict[str, Any] = {}
    if plan.sensors:
        sensors = [_named("sensor", each, SENSORS, CAMERAS + LIDARS) for each in plan.sensors]
        discretized = "DISCRETIZED_SECTOR_LIDAR" in sensors
        _check_sensors(sensors)
        changes |= {"sensors": tuple(sensors), "lidar": LidarConfig() if discretized else None}
    if plan.network:
        changes["neural_network"] = _named("network", plan.network, NETWORKS, NEURAL_NETWORKS)
    if plan.color:
        changes["car_color"] = _named("color", plan.color, {}, CAR_COLORS)
    if plan.car_version is not None:
        changes["car_version"] = plan.car_version
    space = _actions(plan, car.action_space)
    if space is not None:
        changes["action_space"] = space
    return replace(car, **changes)


def parked(garage: Path = GARAGE) -> Iterator[tuple[Path, ModelMetadata]]:
    """The cars of a garage, in alphabetical order; a folder without one is passed by."""
    for path in sorted(garage.glob(f"*/{METADATA_NAME}")):
        yield path.parent, read_model_metadata(path)


def place_of(name: str, garage: Path = GARAGE) -> Path:
    """The folder of the car of that name.

    Raises:
        MetadataError: a car cannot be called so.
    """
    if not re.fullmatch(rf"[\w][\w .-]{{0,{LONGEST_CAR_NAME - 1}}}", name):
        raise MetadataError(
            f"a car's name must have 1 to {LONGEST_CAR_NAME} letters, digits, spaces, dots, dashes "
            f"or underscores and begin with one of the first two, got {name!r}"
        )
    return garage / name.strip().replace(" ", "-")


def park(car: ModelMetadata, place: Path) -> None:
    """Writes a car's ``model_metadata.json``; one that stood there is replaced.

    Raises:
        OSError: it cannot be written.
    """
    place.mkdir(parents=True, exist_ok=True)
    atomic_write_text(place / METADATA_NAME, car.to_json())


def short_name(name: str, short: dict[str, str]) -> str:
    """What a person may call a sensor or a network; its own name where there is nothing shorter."""
    return next((known for known, full in short.items() if full == name), name)


def _actions(plan: CarPlan, before: ActionSpace) -> ActionSpace | None:
    if plan.actions:
        if plan.steering or plan.speed or plan.continuous:
            raise ConfigError(
                "--actions lists every action with its steering and speed: leave --steering, "
                "--speed and --continuous out"
            )
        return read_actions(plan.actions)
    if not (plan.steering or plan.speed or plan.continuous):
        return None
    angles, speeds = (",".join(map(repr, each)) for each in levels_of(before))
    continuous = plan.continuous or isinstance(before, ContinuousActionSpace)
    return action_space_of(plan.steering or angles, plan.speed or speeds, continuous)


def _named(what: str, said: str, short: dict[str, str], names: Sequence[str]) -> str:
    """The name that is meant by a short one, or in another case."""
    plain = re.sub(r"\W+", "_", said.strip().casefold())
    plain = re.sub(r"_?layer.*", "", plain) if what == "network" else plain  # "3-layer CNN"
    known = {name.casefold(): name for name in names} | short
    if plain not in known:
        choices = f"{', '.join(short)}, or as in {METADATA_NAME}" if short else ", ".join(names)
        raise ConfigError(f"--{what} must be one of {choices}, got {said!r}")
    return known[plain]


def _check_sensors(sensors: Sequence[str]) -> None:
    cameras = sum(each in CAMERAS for each in sensors)
    if cameras != 1 or len(sensors) - cameras > 1:
        raise ConfigError(
            "--sensor must be given once for one camera and at most once more for a lidar, got "
            f"{', '.join(sensors)}"
        )
