"""From files and options to a training: what is given, what a model's folder says, and the rest.

In: paths and settings as the command line has them. Out: a ``TrainingJob``, new or to be resumed.
Neighbours: ``commands.train`` runs it; ``clone`` reads the model that a new one begins with.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_space import ActionSpace, discrete_grid
from deepracer_fast.files.action_words import USUAL_SPEED, USUAL_STEERING, action_space_of, in_words
from deepracer_fast.files.garage import GARAGE
from deepracer_fast.files.hyperparameters import Hyperparameters, read_hyperparameters
from deepracer_fast.files.model_folder import MODELS, ModelFolder
from deepracer_fast.files.model_metadata import (
    FIRST_MODEL,
    TRACK_STATE,
    ModelMetadata,
    read_model_metadata,
)
from deepracer_fast.reward import load_reward
from deepracer_fast.tracks.track import track_name
from deepracer_fast.training.clone import Parent, read_parent, refuse_another_network
from deepracer_fast.training.config import TrainConfig, read_config, settings_of
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.teaching_config import TeacherConfig

FIRST_HYPERPARAMETERS = Hyperparameters(batch_size=128, num_epochs=4)
"""What laps soonest here with many cars side by side."""

FIRST_REWARD = "follow_center_line"
"""The lab's first reward function, an example's name."""

_MAY_CHANGE = ("threads", "budget.minutes", "budget.steps", "budget.stop_after")  # by a resume


@dataclass(frozen=True)
class TrainingFiles:
    """Paths given to ``train``; None for the default."""

    reward: Path | None = None
    metadata: Path | None = None
    hyperparameters: Path | None = None
    config: Path | None = None
    model: Path | None = None
    pretrained: Path | None = None
    checkpoint: str = "best"  # of the pretrained model
    max_speed: float | None = None  # m/s: 28 actions up to it in place of the metadata's
    steering: str | None = None  # levels in place of the metadata's, see ``action_words``
    speed: str | None = None
    track_state: bool = False  # in place of the metadata's sensors
    frame_stack: int | None = None  # in place of the metadata's
    race_type: str | None = None  # in place of the settings'


def new_job(files: TrainingFiles, settings: Mapping[str, Any]) -> TrainingJob:
    """The job of a new training; a clone has all that its parent had and that is not given.

    Args:
        files: what the user gave.
        settings: fields of ``TrainConfig``.
    """
    parent = read_parent(files.pretrained, files.checkpoint) if files.pretrained else None
    metadata = _metadata_of(files, parent)
    if files.track_state:
        if (files.frame_stack or 1) > 1:
            raise ConfigError("--frame-stack needs a camera and --track-state has none: drop one")
        metadata = replace(metadata, sensors=(TRACK_STATE,), lidar=None, frame_stack=1)
    if parent is not None:
        refuse_another_network(metadata, parent)
    config = _config_of(files, settings, metadata, parent)
    sees_track_state = metadata.sees_track_state
    usual = TeacherConfig().hyperparameters if sees_track_state else FIRST_HYPERPARAMETERS
    if parent and parent.hyperparameters:
        usual = read_hyperparameters(parent.hyperparameters)
    if files.hyperparameters:
        usual = read_hyperparameters(files.hyperparameters, usual)
    paths = (files.metadata, files.hyperparameters, files.reward, files.config)
    return TrainingJob(
        config,
        metadata,
        usual,
        load_reward(files.reward or (parent.reward if parent else None) or FIRST_REWARD),
        ModelFolder(files.model or next(numbered_folders(config.course.tracks[0]))),
        parent,
        given=tuple(each for each in paths if each is not None),
    )


def _config_of(
    files: TrainingFiles,
    settings: Mapping[str, Any],
    metadata: ModelMetadata,
    parent: Parent | None,
) -> TrainConfig:
    """Settings by who says most: the options, the file, the parent, what is usual."""
    told = parent.config if parent else None
    config = read_config(files.config, told) if files.config else told or _defaults(metadata)
    if files.race_type:
        config = replace(config, race=config.race.of_type(files.race_type))
    return _with_tracks(config.updated(**settings))


def inheritance(job: TrainingJob, parent: Parent) -> Iterator[str]:
    """What a clone has of its parent and what it does not, a line each."""
    yield f"clone of {parent.name}, checkpoint {parent.checkpoint} ({parent.source})"
    told = parent.config
    reward = load_reward(parent.reward).source if parent.reward else None
    numbers = read_hyperparameters(parent.hyperparameters) if parent.hyperparameters else None
    race, learnt_by = job.config.race.race_type, job.hyperparameters
    for what, shown, has, had in (
        ("tracks", tracks_of(job.config), tracks_of(job.config), told and tracks_of(told)),
        ("reward", job.reward.name, job.reward.source, reward),
        ("hyperparameters", _in_words(learnt_by, numbers), learnt_by, numbers),
        ("race", race, job.config.race, told and told.race),
        (
            "actions",
            in_words(job.metadata.action_space),
            job.metadata.action_space,
            parent.model.metadata.action_space,
        ),
    ):
        origin = "inherited" if has == had else "given" if had is not None else "not inherited"
        if what == "hyperparameters" and origin == "given":
            origin = "the rest inherited"
        yield f"  {what:16} {shown}  ({origin})"
    minutes, stop_after = job.config.budget.minutes, job.config.budget.stop_after
    evaluations = "1 evaluation" if stop_after == 1 else f"{stop_after} evaluations in a row"
    laps = f"{evaluations} with clean laps only, or after "
    yield f"  {'stop':16} after {laps if stop_after else 'all its '}{minutes:g} min"
    own = parent.model.metadata.action_space
    if own != job.metadata.action_space:
        yield (
            f"warning: {parent.name} learnt other actions ({in_words(own)}): what its network "
            "chooses means another steering or speed here, so it drives otherwise at first than "
            "in the laps before, and may have to learn anew"
        )


def _in_words(learnt_by: Hyperparameters, told: Hyperparameters | None) -> str:
    """The numbers that matter most and those that differ from the parent's, which are marked."""
    had = vars(told or learnt_by) | {"ignored": learnt_by.ignored}
    shown = dict.fromkeys(("lr", "batch_size", "num_epochs", "discount_factor"), "")
    shown |= {key: " (changed)" for key, value in vars(learnt_by).items() if value != had[key]}
    return ", ".join(f"{key} {getattr(learnt_by, key)}{mark}" for key, mark in shown.items())


def tracks_of(config: TrainConfig) -> str:
    """The tracks of a training, in one line."""
    names = " + ".join(Path(track).stem for track in config.course.tracks)
    names += f" + {config.course.random_tracks} random" if config.course.random_tracks else ""
    return names + (
        f", {config.course.driving_direction}"
        if config.course.driving_direction != "forward"
        else ""
    )


def _with_tracks(config: TrainConfig) -> TrainConfig:
    """The same settings with tracks by names that hold everywhere."""
    return config.updated(tracks=tuple(map(_from_anywhere, config.course.tracks)))


def _metadata_of(files: TrainingFiles, parent: Parent | None = None) -> ModelMetadata:
    if files.metadata:
        metadata = read_model_metadata(_car_meant(files.metadata))
    else:
        metadata = parent.model.metadata if parent else FIRST_MODEL
    space = _space_of(files)
    if space is not None:
        if files.metadata:
            raise ConfigError(
                "--max-speed, --steering and --speed make an action space and --metadata has one: "
                "drop one"
            )
        metadata = replace(metadata, action_space=space)
    frames = files.frame_stack or metadata.frame_stack
    if metadata.sees_track_state and frames > 1:
        raise ConfigError(f"--frame-stack needs a camera, got {metadata.sees}: drop it")
    return replace(metadata, frame_stack=frames)


def _car_meant(path: Path) -> Path:
    """A car of the garage by its name alone, or the file as it is given."""
    return path if path.exists() or not (GARAGE / path).exists() else GARAGE / path


def _space_of(files: TrainingFiles) -> ActionSpace | None:
    """The actions that options make: for races by one number, or by levels."""
    if files.max_speed is None and files.steering is None and files.speed is None:
        return None
    if files.max_speed is None:
        return action_space_of(files.steering or USUAL_STEERING, files.speed or USUAL_SPEED)
    if files.steering or files.speed:
        raise ConfigError("--max-speed is short for --steering 30:7 --speed MAX:4: drop one")
    return discrete_grid(30.0, 7, files.max_speed, 4)


def _defaults(metadata: ModelMetadata) -> TrainConfig:
    """What laps soonest with these sensors."""
    if not metadata.sees_track_state:
        return TrainConfig()
    practice = TeacherConfig().alone
    return TrainConfig().updated(num_cars=practice.num_cars, gae_lambda=practice.gae_lambda)


def resumed_job(files: TrainingFiles, settings: Mapping[str, Any]) -> TrainingJob:
    """The job of a training that goes on: all but the limits comes from its folder.

    The command that began it may be repeated as it was: what it names must be what the folder has.
    """
    asked = (read_config(files.config).settings() if files.config else {}) | dict(settings)
    track = _with_tracks(TrainConfig().updated(**asked)).course.tracks[0]
    folder = ModelFolder(files.model or _newest_folder(track))
    folder.refuse_nothing_begun()
    config = settings_of(folder.path)
    wanted = config.updated(**asked)
    if "tracks" in asked:
        wanted = _with_tracks(wanted)
    if files.race_type:
        wanted = replace(wanted, race=wanted.race.of_type(files.race_type))
    kept = dict(_by_name(config))
    for name, value in _by_name(wanted):
        if name not in _MAY_CHANGE and not _same_setting(value, kept[name]):
            raise ConfigError(
                f"a resumed training keeps its {name}: {folder.path} has {kept[name]}, "
                f"got {value}; leave it out or train a new model"
            )
    job = TrainingJob(
        wanted,
        read_model_metadata(folder.model_metadata),
        read_hyperparameters(folder.hyperparameters),
        load_reward(folder.reward_function),
        folder,
    )
    _check_files(files, job)
    return job


def _by_name(record: Any, table: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its name in the file, such as ``budget.minutes``."""
    for name, value in vars(record).items():
        if is_dataclass(value):
            yield from _by_name(value, f"{table}{name}.")
        else:
            yield table + name, value


def _same_setting(wanted: Any, kept: Any) -> bool:
    """Whether two settings are one; routes are when their files hold the same."""
    if isinstance(wanted, str) and isinstance(kept, str):
        routes = Path(wanted), Path(kept)
        if all(route.is_file() for route in routes):
            return filecmp.cmp(*routes, shallow=False)
    if isinstance(wanted, tuple) and isinstance(kept, tuple) and len(wanted) == len(kept):
        return all(map(_same_setting, wanted, kept))
    return bool(wanted == kept)


def _from_anywhere(track: str) -> str:
    """A bundled track's own name; a path so that it still holds in another working directory."""
    return str(Path(track).resolve()) if Path(track).is_file() else track_name(track)


def _check_files(files: TrainingFiles, job: TrainingJob) -> None:
    """Refuses files that say something else than their copies in the folder."""
    folder = job.folder
    differing: list[tuple[Path | str, Path]] = []
    if files.reward and load_reward(files.reward).source != job.reward.source:
        differing.append((files.reward, folder.reward_function))
    if files.frame_stack not in (None, job.metadata.frame_stack):
        differing.append((f"--frame-stack {files.frame_stack}", folder.model_metadata))
    elif files.metadata and _metadata_of(files) != job.metadata:
        differing.append((files.metadata, folder.model_metadata))
    elif (space := _space_of(files)) not in (None, job.metadata.action_space):
        differing.append((in_words(space), folder.model_metadata))
    own = job.hyperparameters
    if files.hyperparameters and read_hyperparameters(files.hyperparameters, own) != own:
        differing.append((files.hyperparameters, folder.hyperparameters))
    for path, kept in differing:
        raise ConfigError(
            f"{path} differs from {kept}, which a resumed training keeps; "
            "leave it out or train a new model"
        )


def numbered_folders(track: str) -> Iterator[Path]:
    """Folders ``models/<track>-<n>`` that do not exist yet, in order."""
    stem, number = Path(track).stem, 1
    while True:
        folder = MODELS / f"{stem}-{number}"
        if not folder.exists():
            yield folder
        number += 1


def _newest_folder(track: str) -> Path:
    """The folder that the same command without ``--resume`` used last."""
    stem = Path(track).stem
    found = MODELS.iterdir() if MODELS.is_dir() else ()
    matches = [re.fullmatch(re.escape(stem) + r"-(\d+)", folder.name) for folder in found]
    numbers = [int(match[1]) for match in matches if match]
    if not numbers:
        raise ConfigError(
            f"there is no model {MODELS / stem}-N to resume; name it with --model or train one"
        )
    return MODELS / f"{stem}-{max(numbers)}"
