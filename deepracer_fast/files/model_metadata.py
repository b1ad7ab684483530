"""``model_metadata.json``: what a model sees, what it may do, and which network it is.

In: the file as people have it (numbers as strings, optional keys left out, keys of other tools).
Out: ``ModelMetadata``, and from it a file with every key that the car, deepracer-utils and
deepracer-for-cloud look up. Rules and defaults: markov boto/s3/files/model_metadata.py.

Neighbours: ``action_space.py`` before it; ``networks.py``, ``train.py`` and ``archive/`` after.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepracer_fast import _core
from deepracer_fast.checks.file_reading import read_text
from deepracer_fast.checks.json_object import JsonObject, brief, parse_json_object, parse_number
from deepracer_fast.checks.values import check_fields, count, one_of, path_of, refuse
from deepracer_fast.errors import ActionError, MetadataError, printable
from deepracer_fast.files.action_space import (
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    discrete_grid,
)
from deepracer_fast.renamed import keeps_old_members

METADATA_NAME = "model_metadata.json"

CAMERAS = ("observation", "FRONT_FACING_CAMERA", "LEFT_CAMERA", "STEREO_CAMERAS")
LIDARS = ("LIDAR", "SECTOR_LIDAR", "DISCRETIZED_SECTOR_LIDAR")
TRACK_STATE = "TRACK_STATE"  # ours, for experiments: no car carries it
NEURAL_NETWORKS = (
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "DEEP_CONVOLUTIONAL_NETWORK",
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP",
)
TRAINING_ALGORITHMS = ("clipped_ppo", "sac")
ACTION_SPACE_TYPES = ("discrete", "continuous")
VERSIONS = range(1, 7)  # markov constants.py: 1 is the first car model, 6 the newest
MOST_FRAMES = 4  # in a stack, as the Atari networks see (Mnih et al. 2015)
LIDAR_RAYS: int = _core.LIDAR_RAYS  # the sectors share these out evenly
MOST_VALUES = 1024  # of clipping_dist in a sector: far finer than a lidar measures
_SECTORS = [number for number in range(1, LIDAR_RAYS + 1) if LIDAR_RAYS % number == 0]
CAR_COLORS = ("Black", "Grey", "Blue", "Red", "Orange", "White", "Purple")
"""Of the shell, as the original's consoles name them."""

LONGEST_CAR_NAME = 64
"""Characters; what the consoles allow."""


@dataclass(frozen=True)
class LidarConfig:
    """How ``DISCRETIZED_SECTOR_LIDAR`` reduces its 64 rays; defaults: markov environments.

    Attributes:
        num_sectors: number of sectors, a divisor of 64.
        num_values_per_sector: length of each sector's one-hot code, 1 or more.
        clipping_dist: distance from which a sector counts as free, metres, above 0.
    """

    num_sectors: int = 8
    num_values_per_sector: int = 8
    clipping_dist: float = 2.0

    def __post_init__(self) -> None:
        check_fields(self, MetadataError)
        if self.num_sectors not in _SECTORS:
            raise refuse("num_sectors", "a divisor of 64", self.num_sectors, MetadataError)
        count("num_values_per_sector", self.num_values_per_sector, 1, MOST_VALUES, MetadataError)
        if not 0.0 < self.clipping_dist <= 1e6:
            raise refuse("clipping_dist", "above 0 m", self.clipping_dist, MetadataError)


@keeps_old_members
@dataclass(frozen=True)
class ModelMetadata:
    """The content of one ``model_metadata.json``.

    Attributes:
        action_space: what the policy may ask for.
        sensors: sensor names in the file's order: one camera and at most one lidar; or
            ``TRACK_STATE`` alone, with which a model is not for the car.
        neural_network: one of ``NEURAL_NETWORKS``.
        training_algorithm: ``clipped_ppo`` or ``sac``.
        car_version: its ``version``, 1 to 6: which car model and timing it was trained with.
        lidar: set where a sensor is ``DISCRETIZED_SECTOR_LIDAR``, else None.
        frame_stack: how many of its last frames the camera shows the policy, 1 to ``MOST_FRAMES``;
            ours, and with more than 1 a model is not for the car.
        car_name: what the car is called that the model was made for; "" for no name.
        car_color: of its shell, one of ``CAR_COLORS``; "" for any. Both are ours: other tools
            leave them alone.
    """

    action_space: ActionSpace
    sensors: tuple[str, ...] = ("FRONT_FACING_CAMERA",)
    neural_network: str = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    training_algorithm: str = "clipped_ppo"
    car_version: int = 5
    lidar: LidarConfig | None = None
    frame_stack: int = 1
    car_name: str = ""
    car_color: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensors", sensor_list(self.sensors))
        check_fields(self, MetadataError)
        one_of("neural_network", self.neural_network, NEURAL_NETWORKS, MetadataError)
        one_of("training_algorithm", self.training_algorithm, TRAINING_ALGORITHMS, MetadataError)
        count("car_version", self.car_version, VERSIONS[0], VERSIONS[-1], MetadataError)
        count("frame_stack", self.frame_stack, 1, MOST_FRAMES, MetadataError)
        one_of("car_color", self.car_color, ("", *CAR_COLORS), MetadataError)
        if len(self.car_name) > LONGEST_CAR_NAME or not self.car_name.isprintable():
            rule = f"at most {LONGEST_CAR_NAME} characters that can be shown"
            raise refuse("car_name", rule, self.car_name, MetadataError)
        for sensor in self.sensors:
            one_of("sensors", sensor, (*CAMERAS, *LIDARS, TRACK_STATE), MetadataError)

    @property
    def is_for_the_car(self) -> bool:
        """Whether a real car shows the policy what it sees."""
        return not self.sees_track_state and self.frame_stack == 1

    @property
    def car(self) -> str:
        """Its car as people are told, such as "Flash, red"; "" where nobody gave it a name."""
        return ", ".join(filter(None, (self.car_name, self.car_name and self.car_color.lower())))

    @property
    def sees_track_state(self) -> bool:
        """Whether the policy sees the track state in place of a camera."""
        return TRACK_STATE in self.sensors

    @property
    def sees(self) -> str:
        """Its sensors, as people are told."""
        frames = f", {self.frame_stack} frames" if self.frame_stack > 1 else ""
        return " + ".join(self.sensors) + frames

    def to_json(self) -> str:
        """The text of a ``model_metadata.json`` that every tool of the ecosystem reads."""
        space = self.action_space
        kind = "continuous" if isinstance(space, ContinuousActionSpace) else "discrete"
        content: JsonObject = {
            "action_space": _action_space_to_json(space),
            "sensor": list(self.sensors),
            "neural_network": self.neural_network,
            "training_algorithm": self.training_algorithm,
            "action_space_type": kind,
            "version": str(self.car_version),
        }
        if self.lidar is not None:
            content["lidar_config"] = asdict(self.lidar)
        if self.frame_stack > 1:
            content["frame_stack"] = self.frame_stack
        car = {"car_name": self.car_name, "car_color": self.car_color}
        content |= {key: value for key, value in car.items() if value}
        return json.dumps(content, indent=2) + "\n"


def sensor_list(sensors: object) -> Any:
    """A sensor that is named alone, without a list around it, as a list; anything else as it is."""
    return (sensors,) if isinstance(sensors, str) else sensors


FIRST_MODEL = ModelMetadata(discrete_grid(30.0, 5, 1.0, 3))
"""The lab's first model, The Original DeepRacer: one camera, the 3-layer CNN, 15 actions up to
1 m/s."""


def read_model_metadata(path: str | Path) -> ModelMetadata:
    """Reads a ``model_metadata.json``, or the one in a folder.

    Raises:
        MetadataError: the file cannot be read, or breaks a rule; names file and key.
    """
    path = path_of("the path of a model_metadata.json", path, MetadataError)
    if os.path.isdir(path):
        path = path / METADATA_NAME
    return parse_model_metadata(read_text(path, MetadataError), str(path))


def parse_model_metadata(text: str, source: str) -> ModelMetadata:
    """Reads the text of a ``model_metadata.json``.

    Args:
        text: the content.
        source: what messages call it, normally the file's path.

    Raises:
        MetadataError: the text breaks a rule; one line with source, key, rule and what was found.
    """
    content = parse_json_object(text, source, MetadataError)
    sensors = _sensors(content, source)
    algorithm = _choice(content, "training_algorithm", TRAINING_ALGORITHMS, source)
    action_space = _action_space(content, source)
    if algorithm == "sac" and isinstance(action_space, DiscreteActionSpace):
        raise MetadataError(
            f"{source}: training_algorithm: sac needs a continuous action space, found a discrete "
            "one; use clipped_ppo, or give action_space as low and high bounds"
        )
    lidar = _lidar_config(content, source)
    # Nobody's model is refused for what its car is called.
    name, color = content.get("car_name"), _meant(content.get("car_color"), CAR_COLORS)
    return ModelMetadata(
        action_space=action_space,
        sensors=sensors,
        neural_network=_choice(content, "neural_network", NEURAL_NETWORKS, source),
        training_algorithm=algorithm,
        car_version=_version(content, source),
        lidar=lidar if "DISCRETIZED_SECTOR_LIDAR" in sensors else None,
        frame_stack=_frame_stack(content, sensors, source),
        car_name=printable(name)[:LONGEST_CAR_NAME] if isinstance(name, str) else "",
        car_color=color if color in CAR_COLORS else "",
    )


def _action_space_to_json(space: ActionSpace) -> Any:
    if isinstance(space, DiscreteActionSpace):
        actions = zip(space.steering_angle_deg, space.speed, strict=True)
        return [
            {"steering_angle": steering, "speed": speed, "index": index}
            for index, (steering, speed) in enumerate(actions)
        ]
    return {
        "steering_angle": {"high": space.steering_high, "low": space.steering_low},
        "speed": {"high": space.speed_high, "low": space.speed_low},
    }


def _action_space(content: JsonObject, source: str) -> ActionSpace:
    kind = _choice(content, "action_space_type", ACTION_SPACE_TYPES, source)
    if "action_space" not in content:
        raise MetadataError(f"{source}: action_space is missing; every model needs one")
    found = content["action_space"]
    try:
        if kind == "discrete" and isinstance(found, list) and found:
            return _discrete(found, source)
        if kind == "continuous" and isinstance(found, dict) and found:
            return _continuous(found, source)
    except ActionError as error:
        raise MetadataError(f"{source}: action_space: {error}") from error
    form = (
        "a list of one or more actions, each with steering_angle and speed"
        if kind == "discrete"
        else "steering_angle and speed, each with low and high"
    )
    raise MetadataError(
        f"{source}: action_space: with action_space_type {kind} it must be {form}, "
        f"found {brief(found)}; correct action_space or action_space_type"
    )


def _discrete(actions: list[Any], source: str) -> DiscreteActionSpace:
    steering, speed = [], []
    for index, action in enumerate(actions):
        where = f"{source}: action_space[{index}]"
        steering.append(_member(action, "steering_angle", where))
        speed.append(_member(action, "speed", where))
    return DiscreteActionSpace(tuple(steering), tuple(speed))


def _continuous(box: JsonObject, source: str) -> ContinuousActionSpace:
    bounds = []
    for axis in ("steering_angle", "speed"):
        for bound in ("low", "high"):
            bounds.append(_member(box.get(axis), bound, f"{source}: action_space.{axis}"))
    return ContinuousActionSpace(*bounds)


def _member(holder: object, key: str, where: str) -> float:
    if not isinstance(holder, dict) or key not in holder:
        raise MetadataError(f"{where}: needs the number {key}, found {brief(holder)}")
    return parse_number(holder[key], f"{where}.{key}", MetadataError)


def _sensors(content: JsonObject, source: str) -> tuple[str, ...]:
    if "sensor" not in content:
        if "version" in content and _version(content, source) >= 2:
            raise MetadataError(
                f"{source}: sensor is missing, and version {_version(content, source)} needs it; "
                'add "sensor": ["FRONT_FACING_CAMERA"] or what the model was trained with'
            )
        return ("observation",)
    found = sensor_list(content["sensor"])
    if not isinstance(found, list | tuple):
        raise MetadataError(f"{source}: sensor must be a list of names, found {brief(found)}")
    names = [_meant(name, (*CAMERAS, *LIDARS, TRACK_STATE)) for name in found]
    if names == [TRACK_STATE]:
        return (TRACK_STATE,)
    for name in names:
        if name not in CAMERAS + LIDARS:
            raise MetadataError(
                f"{source}: sensor: unknown sensor {brief(name)}; "
                f"use one of {', '.join(CAMERAS + LIDARS)}"
            )
    num_cameras = sum(name in CAMERAS for name in names)
    if num_cameras != 1 or len(names) - num_cameras > 1:
        raise MetadataError(
            f"{source}: sensor must hold exactly one camera and at most one lidar, "
            f"found {brief(found)}; remove or add one"
        )
    return tuple(names)


def _version(content: JsonObject, source: str) -> int:
    usual = 2 if "sensor" in content else 1
    hint = "5 is what deepracer-for-cloud writes"
    return _whole(content, "version", usual, VERSIONS, source, hint)


def _frame_stack(content: JsonObject, sensors: tuple[str, ...], source: str) -> int:
    allowed, hint = range(1, MOST_FRAMES + 1), "1 is what a car shows"
    frames = _whole(content, "frame_stack", 1, allowed, source, hint)
    if frames > 1 and TRACK_STATE in sensors:
        raise MetadataError(
            f"{source}: frame_stack must be 1 for {TRACK_STATE}, found {frames}; only a camera's "
            "frames can be stacked"
        )
    return frames


def _whole(
    content: JsonObject, key: str, usual: int, allowed: range, source: str, hint: str
) -> int:
    number = parse_number(content.get(key, usual), f"{source}: {key}", MetadataError)
    if number not in allowed:
        raise MetadataError(
            f"{source}: {key} must be a whole number from {allowed[0]} to {allowed[-1]}, "
            f"found {brief(content[key])}; {hint}"
        )
    return int(number)


def _choice(content: JsonObject, key: str, allowed: tuple[str, ...], source: str) -> str:
    """The value of an optional key whose default is the first of the allowed values."""
    found = _meant(content.get(key, allowed[0]), allowed)
    if found not in allowed:
        raise MetadataError(
            f"{source}: {key} must be one of {', '.join(allowed)}, found {brief(found)}"
        )
    return str(found)


def _meant(found: object, allowed: tuple[str, ...]) -> Any:
    """The allowed word that a text is but for its case and spaces around it; else what was found.

    The original forgives as much of some of these words.
    """
    if not isinstance(found, str):
        return found
    return next((word for word in allowed if word.lower() == found.strip().lower()), found)


def _lidar_config(content: JsonObject, source: str) -> LidarConfig:
    found = content.get("lidar_config", {})
    where = f"{source}: lidar_config"
    if not isinstance(found, dict):
        raise MetadataError(
            f"{where} must hold num_sectors, num_values_per_sector and clipping_dist, "
            f"found {brief(found)}"
        )
    number = {
        key: parse_number(found.get(key, usual), f"{where}.{key}", MetadataError)
        for key, usual in asdict(LidarConfig()).items()
    }
    sectors, values, distance = number.values()
    for key, is_good, rule in (
        ("num_sectors", sectors in _SECTORS, f"divide the {LIDAR_RAYS} rays evenly"),
        ("num_values_per_sector", values >= 1 and not values % 1, "be a whole number of 1 or more"),
        ("num_values_per_sector", values <= MOST_VALUES, f"be at most {MOST_VALUES}"),
        ("clipping_dist", distance > 0, "be above 0 m"),
    ):
        if not is_good:
            raise MetadataError(f"{where}.{key} must {rule}, found {number[key]:g}")
    return LidarConfig(int(sectors), int(values), distance)
