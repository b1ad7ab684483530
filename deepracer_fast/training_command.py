"""``deepracer-fast train``: from files and options to a training, and from its end to the laps.

In: paths and settings as the command line has them. Out: a trained, evaluated model folder.
Neighbours: ``cli`` parses the options, ``train`` does the work, ``training_screen`` shows it.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console

from deepracer_fast.action_space import discrete_grid
from deepracer_fast.checkpoints import Row
from deepracer_fast.clone import cloned_policy
from deepracer_fast.compilation_cache import keep_compiled_programs
from deepracer_fast.config import TrainConfig, read_config, settings_of
from deepracer_fast.driving_habits import driving_habits
from deepracer_fast.errors import ConfigError, RewardError
from deepracer_fast.evaluate import Lap, RaceOptions, evaluate_model
from deepracer_fast.hosts import ALONE, Invitation, Team, agree, meet
from deepracer_fast.hyperparameters import (
    WITHOUT_EFFECT,
    Hyperparameters,
    key_meant,
    read_hyperparameters,
)
from deepracer_fast.metrics import write_evaluation_metrics
from deepracer_fast.model import load_model
from deepracer_fast.model_folder import ModelFolder
from deepracer_fast.model_metadata import TRACK_STATE, ModelMetadata, read_model_metadata
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.reward.remarks import about_files
from deepracer_fast.reward.sandbox import confinement_note
from deepracer_fast.simtrace import write_simtrace
from deepracer_fast.stop_request import StopRequest, graceful_stop
from deepracer_fast.teacher import TEACHER_CARS, TEACHER_GAE_LAMBDA, TEACHER_HYPERPARAMETERS
from deepracer_fast.trace import Trace, simtrace_columns
from deepracer_fast.track import load_track, track_name
from deepracer_fast.train import Training
from deepracer_fast.training_follower import follow
from deepracer_fast.training_job import TrainingJob
from deepracer_fast.training_screen import TrainingScreen, lap_table
from deepracer_fast.unbreakable_stream import UnbreakableStream

MODELS = Path("models")
"""Where models go that are given no folder of their own."""

FIRST_MODEL = ModelMetadata(discrete_grid(30.0, 5, 1.0, 3))
"""The lab's first model: one camera, the 3-layer CNN, 15 actions up to 1 m/s."""

FIRST_HYPERPARAMETERS = Hyperparameters(batch_size=128, num_epochs=4)
"""What laps soonest here with many cars side by side."""

_MAY_CHANGE = ("minutes", "steps", "threads", "stop_after")  # when a training is resumed


@dataclass(frozen=True)
class TrainingFiles:
    """Paths given to ``train``; None for the default."""

    reward: Path | None = None
    metadata: Path | None = None
    hyperparameters: Path | None = None
    config: Path | None = None
    model: Path | None = None
    pretrained: Path | None = None
    max_speed: float | None = None  # m/s, in place of metadata
    frame_stack: int | None = None  # in place of the metadata's


def run_training(
    files: TrainingFiles,
    settings: Mapping[str, Any],
    resume: bool,
    track_state: bool = False,
    invited: Invitation | None = None,
) -> None:
    """Trains, evaluates the best checkpoint over five laps, and says where the model is.

    Args:
        files: what the user gave.
        settings: fields of ``TrainConfig`` that the user gave.
        resume: go on with a model folder.
        track_state: learn from the track state instead of the camera.
        invited: where several hosts meet, and which one this is.

    Raises:
        DeepRacerError: anything that cannot be used; nothing has been overwritten then.
    """
    keep_compiled_programs()
    console = Console(file=cast(TextIO, UnbreakableStream(sys.stdout)))
    if resume and files.pretrained:
        raise ConfigError("--pretrained begins a new model and --resume goes on with one: drop one")
    team = _team_of(invited, console)
    job = resumed_job(files, settings) if resume else new_job(files, settings, track_state)
    if team.count > 1:
        agree(team, _common_to_hosts(job))
    if not team.leads:
        _follow(console, job, resume, team)
        return
    _say(console, *_remarks(job))
    with graceful_stop() as stop:
        training = _begin(job, resume, team, stop, named=resume or files.model is not None)
        _train(console, training, stop)
    _conclude(console, training, stop)


def _begin(job: TrainingJob, resume: bool, team: Team, stop: StopRequest, named: bool) -> Training:
    """A training in the job's folder, or in one that is made here and now for nobody else."""
    if named:
        return Training(job, resume, stop.requested, team)
    job = replace(job, folder=_claimed_folder(job.config.track))
    try:
        return Training(job, resume, stop.requested, team)
    except BaseException:
        shutil.rmtree(job.folder.path, ignore_errors=True)
        raise


def _conclude(console: Console, training: Training, stop: StopRequest) -> None:
    """Shows how the best checkpoint laps, and where the model is."""
    job = training.job
    _say(console, *job.reward.notes)
    if not stop.hurried:
        if training.row is None:
            _say(console, "Driving five greedy laps with the best checkpoint; Ctrl-C skips them.")
        with suppress(KeyboardInterrupt):  # the training's result is safe by now
            _evaluate_best(console, job, training.row)
    _say(console, f"model folder   {job.folder.path}")
    if job.metadata.is_for_the_car:
        _say(console, f"model archive  {job.folder.archive}")
    elif job.metadata.sees_track_state:
        _say(console, "no archive: a car cannot see the track state that this policy reads")
    else:
        frames = job.metadata.frame_stack
        _say(console, f"no archive: a car shows one frame, and this policy reads {frames} at once")


def _train(console: Console, training: Training, stop: StopRequest) -> None:
    """Trains until the end, on the screen."""
    job = training.job
    names = " + ".join(Path(track).stem for track in job.config.tracks)
    if job.config.random_tracks:
        names += f" + {job.config.random_tracks} random"
    title = f"{names}, {job.metadata.sees}, {job.reward.name}"
    try:
        with TrainingScreen(console, title, job.config.minutes) as screen:
            stop.when_asked = screen.stopping
            training.run(screen.show)
    except RewardError:
        _say(console, f"The model up to here is kept in {job.folder.path}")
        raise
    except KeyboardInterrupt:
        # XLA may be in the middle of an update: an orderly exit would free what it works on.
        os._exit(130)


def _team_of(invited: Invitation | None, console: Console) -> Team:
    """Waits for the other hosts, if there are any."""
    if invited is None:
        return ALONE
    _say(console, f"host {invited.host_id} of {invited.num_hosts}: waiting for the others")
    return meet(invited)


def _common_to_hosts(job: TrainingJob) -> dict[str, str]:
    """What must be the same on all hosts that train together."""
    tracks = {f"track {name}": load_track(name).waypoints for name in job.config.tracks}
    return {
        "reward function": job.reward.source,
        "model metadata": job.metadata.to_json(),
        "hyperparameters": job.hyperparameters.to_json(),
        "config": replace(job.config, threads=0).to_toml(),
    } | {name: str(waypoints.tolist()) for name, waypoints in tracks.items()}


def _follow(console: Console, job: TrainingJob, resume: bool, team: Team) -> None:
    """The part of a host that is not the first."""
    _say(console, "training with host 0, which shows how it goes and writes the model")
    with graceful_stop() as stop:
        try:
            steps = follow(job, resume, stop.requested, team)
        except KeyboardInterrupt:
            os._exit(130)
    _say(console, f"the training has ended after {steps:,} env-steps; the model is on host 0")


def _remarks(job: TrainingJob) -> Iterator[str]:
    """What a user may not expect of the files given."""
    yield from filter(None, [confinement_note()])
    yield from (f"{job.reward.name}, {about}" for about in about_files(job.reward.source))
    for key in job.hyperparameters.ignored:
        meant = key_meant(key)
        hint = f" (did you mean {meant}?)" if meant else ""
        yield f"hyperparameters: {key} is unknown and has no effect{hint}"
    for key in WITHOUT_EFFECT:
        if getattr(job.hyperparameters, key) != getattr(Hyperparameters, key):
            yield f"hyperparameters: {key} has no effect, as in the original"


def new_job(
    files: TrainingFiles, settings: Mapping[str, Any], track_state: bool = False
) -> TrainingJob:
    """The job of a new training; a clone has its model's metadata unless another file is given.

    Args:
        files: paths.
        settings: fields of ``TrainConfig``.
        track_state: learn from the track state in place of the metadata's sensors.
    """
    metadata = _metadata_of(files)
    if track_state:
        if (files.frame_stack or 1) > 1:
            raise ConfigError("--frame-stack needs a camera and --track-state has none: drop one")
        metadata = replace(metadata, sensors=(TRACK_STATE,), lidar=None, frame_stack=1)
    config = _defaults(metadata)
    if files.config:
        config = read_config(files.config)
    config = _with_tracks(replace(config, **settings))
    hyperparameters = (
        read_hyperparameters(files.hyperparameters)
        if files.hyperparameters
        else FIRST_HYPERPARAMETERS
        if not metadata.sees_track_state
        else TEACHER_HYPERPARAMETERS
    )
    path = files.model or next(_numbered_folders(config.track))
    reward = load_reward(files.reward or example_reward("follow_center_line"))
    pretrained = cloned_policy(metadata, files.pretrained) if files.pretrained else None
    paths = (files.metadata, files.hyperparameters, files.reward, files.config)
    given = tuple(each for each in paths if each is not None)
    return TrainingJob(
        config, metadata, hyperparameters, reward, ModelFolder(path), pretrained, given
    )


def _with_tracks(config: TrainConfig) -> TrainConfig:
    """The same settings with tracks by names that hold everywhere."""
    track, *more = map(_from_anywhere, config.tracks)
    return replace(config, track=track, more_tracks=tuple(more))


def _metadata_of(files: TrainingFiles) -> ModelMetadata:
    metadata = _one_source_of_metadata(files)
    frames = files.frame_stack or metadata.frame_stack
    if metadata.sees_track_state and frames > 1:
        raise ConfigError(f"--frame-stack needs a camera, got {metadata.sees}: drop it")
    return replace(metadata, frame_stack=frames)


def _one_source_of_metadata(files: TrainingFiles) -> ModelMetadata:
    if files.max_speed:
        if files.metadata or files.pretrained:
            raise ConfigError("--max-speed makes an action space and a file has one: drop one")
        return _up_to(files.max_speed)
    if files.metadata:
        return read_model_metadata(files.metadata)
    return load_model(files.pretrained).metadata if files.pretrained else FIRST_MODEL


def _up_to(max_speed: float) -> ModelMetadata:
    """The first model with more angles and speeds, for races."""
    return replace(FIRST_MODEL, action_space=discrete_grid(30.0, 7, max_speed, 4))


def _defaults(metadata: ModelMetadata) -> TrainConfig:
    """What laps soonest with these sensors."""
    if metadata.sees_track_state:
        return TrainConfig(num_cars=TEACHER_CARS, gae_lambda=TEACHER_GAE_LAMBDA)
    return TrainConfig()


def resumed_job(files: TrainingFiles, settings: Mapping[str, Any]) -> TrainingJob:
    """The job of a training that goes on: all but the limits comes from its folder.

    The command that began it may be repeated as it was: what it names must be what the folder has.
    """
    asked = (vars(read_config(files.config)) if files.config else {}) | dict(settings)
    tracks = vars(_with_tracks(TrainConfig(**asked)))
    wanted = {name: tracks[name] for name in asked}
    folder = ModelFolder(files.model or _newest_folder(wanted.get("track", TrainConfig.track)))
    folder.refuse_nothing_begun()
    config = settings_of(folder.path)
    for name, value in wanted.items():
        if name not in _MAY_CHANGE and not _same_setting(value, getattr(config, name)):
            raise ConfigError(
                f"a resumed training keeps its {name}: {folder.path} has "
                f"{getattr(config, name)}, got {value}; leave it out or train a new model"
            )
    limits = {name: wanted[name] for name in _MAY_CHANGE if name in wanted}
    job = TrainingJob(
        replace(config, **limits),
        read_model_metadata(folder.model_metadata),
        read_hyperparameters(folder.hyperparameters),
        load_reward(folder.reward_function),
        folder,
    )
    _check_files(files, job)
    return job


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
    elif (files.metadata or files.max_speed) and _metadata_of(files) != job.metadata:
        given = files.metadata or f"--max-speed {files.max_speed:g}"
        differing.append((given, folder.model_metadata))
    if files.hyperparameters and read_hyperparameters(files.hyperparameters) != job.hyperparameters:
        differing.append((files.hyperparameters, folder.hyperparameters))
    for path, kept in differing:
        raise ConfigError(
            f"{path} differs from {kept}, which a resumed training keeps; "
            "leave it out or train a new model"
        )


def _claimed_folder(track: str) -> ModelFolder:
    """A folder that did not exist, so that a training that begins at the same time has another."""
    for path in _numbered_folders(track):
        folder = ModelFolder(path)
        if folder.make():
            return folder
    raise AssertionError("there is always another number")


def _numbered_folders(track: str) -> Iterator[Path]:
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


def _evaluate_best(console: Console, job: TrainingJob, row: Row | None) -> None:
    """Five greedy laps of the best checkpoint on each track, shown and kept in the folder.

    Args:
        console: where to.
        job: what was trained.
        row: these laps, if the training has driven them.
    """
    config = job.config
    options = RaceOptions(threads=config.threads, car_version=config.car_version, race=config.race)
    model = None if row else load_model(job.folder.path)
    for index, name in enumerate(config.tracks):
        if row:
            _keep_evaluation(
                console, job, name, row.laps[index], row.trace, slice(index, index + 1)
            )
        else:
            assert model is not None
            laps, trace = evaluate_model(model, name, options)
            _keep_evaluation(console, job, name, laps, trace, slice(None))


def _keep_evaluation(
    console: Console, job: TrainingJob, name: str, laps: list[Lap], trace: Trace, cars: slice
) -> None:
    folder, track = job.folder, load_track(name)
    stamp = folder.new_evaluation(datetime.now())
    columns = simtrace_columns(trace, track.waypoints, cars)
    write_simtrace(folder.evaluation_simtrace(stamp), columns)
    metrics = [lap.metrics(trial) for trial, lap in enumerate(laps, start=1)]
    write_evaluation_metrics(folder.evaluation_metrics(stamp), metrics)
    clean = sum(lap.is_clean for lap in laps)
    title = f"Evaluation on {track.title}: {clean} of {len(laps)} laps clean"
    console.print(lap_table(laps, title))
    space = job.metadata.action_space
    habits = driving_habits(columns, space)
    _say(console, habits.summary(space), *(f"note: {each}" for each in habits.remarks(space)))


def _say(console: Console, *lines: str) -> None:
    """Prints lines as they are: paths may hold what rich takes for markup."""
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
