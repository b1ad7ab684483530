"""Cloning: a new training that begins where another model's has ended.

In: any form of a model that ``load_model`` reads. Out: its policy, and what it was trained with, as
far as its folder says so: tracks, race and further settings, reward function, hyperparameters. As
in the original the sensors, the network and the number of actions must be the same, and so must the
frames in a stack, while what the actions command may differ, and neither optimiser state nor value
function is taken over. Neighbours: ``model`` reads, ``training.inputs`` lets options override,
``learner`` goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.files.model_name import model_name
from deepracer_fast.files.training_params import read_training_params
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.policy.networks import NetworkSpec, network_spec
from deepracer_fast.tracks.track import load_track, track_name, track_names
from deepracer_fast.training.config import TrainConfig, settings_of
from deepracer_fast.world.race_config import RACE_TYPES

_OF_A_RUN = ("minutes", "steps", "seed", "threads", "stop_after")
"""Settings that say how long and where a training runs, and that a clone does not take over."""

_WAYS = {"true": "clockwise", "false": "counter-clockwise"}
_SUFFIXES = {"clockwise": "_cw", "counter-clockwise": "_ccw"}  # of the original's tracks


@dataclass(frozen=True)
class Parent:
    """What a clone begins with.

    Attributes:
        name: the model's.
        source: where it was read from.
        checkpoint: which one of the model's: "best", "last" or the number of an iteration.
        model: its policy.
        config: what it was trained with; None where nobody says so.
        reward: its reward function's file; likewise.
        hyperparameters: their file; likewise.
    """

    name: str
    source: Path
    checkpoint: str
    model: Model
    config: TrainConfig | None = None
    reward: Path | None = None
    hyperparameters: Path | None = None

    @property
    def record(self) -> dict[str, str]:
        """What a clone's folder says of it."""
        return {"name": self.name, "checkpoint": self.checkpoint}


def read_parent(source: Path, checkpoint: str = "best") -> Parent:
    """Reads a trained model, see ``load_model``, and what its folder says of its training.

    A file in a model folder is of that model.

    Raises:
        DeepRacerError: something there is cannot be read.
    """
    model, home = load_model(source, checkpoint), _home(source)
    name = model_name(source)
    if home is None:
        return Parent(name, source, checkpoint, model)
    files = ModelFolder(home).reward_function, ModelFolder(home).hyperparameters
    there = [path if path.is_file() else None for path in files]
    return Parent(name, source, checkpoint, model, _settings(home), *there)


def refuse_another_network(metadata: ModelMetadata, parent: Parent) -> None:
    """Refuses a parent whose policy a new model with that metadata cannot begin with.

    Raises:
        ConfigError: the two models' networks differ.
    """
    model = parent.model
    wanted, found = network_spec(metadata), model.spec
    for what, asked, has in (
        ("frame_stack", metadata.frame_stack, model.metadata.frame_stack),
        ("sensors", wanted.sees, found.sees),
        ("neural_network", wanted.neural_network, found.neural_network),
        ("action space", _actions(wanted), _actions(found)),
    ):
        if asked != has:
            raise ConfigError(
                f"{parent.source}: a clone keeps the {what} of its model, which has {has}, "
                f"got {asked}; clone with the model's own model_metadata.json or train a new one"
            )


def _home(source: Path) -> Path | None:
    """The model folder that a model lies in, ours or the original's, if it does."""
    if source.is_dir():
        return source
    above = source.resolve().parents[:2]  # of its archive, or of a file in its model/
    return next((path for path in above if ModelFolder(path).training_params.is_file()), None)


def _settings(home: Path) -> TrainConfig | None:
    """What the training in a folder was set to, but for its limits."""
    if ModelFolder(home).config.is_file():
        usual = TrainConfig().settings()
        return settings_of(home).updated(**{name: usual[name] for name in _OF_A_RUN})
    told = read_training_params(home)
    name, race_type = told.get("WORLD_NAME", ""), told.get("RACE_TYPE", "")
    way = _WAYS.get(told.get("TRACK_DIRECTION_CLOCKWISE", "").lower(), "")
    known = [track_name(each) for each in (f"{name}{_SUFFIXES.get(way, '')}", name) if each]
    track = next((each for each in known if each in track_names()), None)
    if track is None:
        return None
    turned = way and load_track(track).runs_backwards(way)
    direction = way if turned else "forward"
    config = TrainConfig().updated(tracks=(track,), driving_direction=direction)
    if race_type in RACE_TYPES[:-1]:  # the last is a race between trained models
        config = replace(config, race=replace(config.race, race_type=race_type))
    return config


def _actions(spec: NetworkSpec) -> str:
    return "continuous actions" if spec.continuous else f"{spec.num_actions} actions"
