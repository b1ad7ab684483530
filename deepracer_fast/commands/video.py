"""``deepracer-fast video``: a drive of a model, or a recorded episode, as a film.

In: a path and options as the command line has them. Out: an MP4, GIF or WebP, and a line a lap.
Neighbours: ``cli`` parses the options; ``pictures.video.frame`` draws the frames,
``pictures.video.file`` writes them.
"""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from deepracer_fast.commands.options import DriveOptions, FilmOptions, given
from deepracer_fast.commands.race import race_of
from deepracer_fast.commands.replay import guess_track, own_folder
from deepracer_fast.driving.evaluate import EvaluationOptions, cars_of, step_rewards
from deepracer_fast.driving.replay import FRONT_POINT
from deepracer_fast.errors import ConfigError, TraceError
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import CAMERAS, ModelMetadata, read_model_metadata
from deepracer_fast.files.model_name import model_name
from deepracer_fast.files.simtrace_reader import Recording, read_recording
from deepracer_fast.files.training_params import read_training_params
from deepracer_fast.pictures.video.car_shape import CAR_COLOURS
from deepracer_fast.pictures.video.file import (
    FRAMES_PER_SECOND,
    check_film_path,
    mp4_encoder,
    write_film,
)
from deepracer_fast.pictures.video.frame import SMALL, Caption, Moment, Screen
from deepracer_fast.pictures.video.views import RoadObjects
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.reward import load_reward
from deepracer_fast.tracks.driving_direction import direction_meant
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.training.config import settings_of
from deepracer_fast.world.fleet import Judge, judge_of
from deepracer_fast.world.simulator import CONTROL_PERIOD, PREPARE, STATUS_NAMES, Simulator

Array = npt.NDArray[Any]

LONGEST_FILM = 86_400.0
"""Seconds: a day of driving."""

_MODEL_SUFFIXES = (".gz", ".tgz", ".tar", ".zip", ".pb", ".safetensors")


def run_video(film: FilmOptions, drive: DriveOptions) -> None:
    """Films greedy laps of a model, or an episode as it was recorded.

    What ``drive`` leaves out is the folder's, or usual.

    Raises:
        DeepRacerError: the source, the track or an option cannot be used.
        OSError: the film cannot be written.
    """
    seconds = film.seconds
    if seconds is not None and not 0.0 < seconds <= LONGEST_FILM:
        raise ConfigError(f"--seconds must be above 0 and at most {LONGEST_FILM:g}, got {seconds}")
    is_recording = film.source.is_file() and film.source.suffix not in _MODEL_SUFFIXES
    asked = given(drive)
    if is_recording and asked:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise ConfigError(f"{film.source} is a recording, which takes no {names}: leave it out")
    if is_recording and film.reward is not None:
        raise ConfigError(
            f"{film.source} is a recording, which shows the reward as recorded and takes no "
            "--reward: leave it out"
        )
    if not is_recording and film.episode is not None:
        raise ConfigError(f"{film.source} is a model, which takes no --episode: leave it out")
    if is_recording:
        _film_episode(film)
    else:
        _film_model(film, drive)


def _film_model(film: FilmOptions, drive: DriveOptions) -> None:
    path = film.source
    output = _output(film, model_name(path))
    trained = settings_of(path)
    model = load_model(path, drive.checkpoint or "best")
    track = load_track(film.track or trained.course.tracks[0])
    names = ("resets", "off_track_penalty", "car_version")
    usual: dict[str, Any] = {"car_version": trained.car_version}
    race = EvaluationOptions(
        laps=drive.laps or 1,
        threads=1,
        driving_direction=direction_meant(drive.direction or trained.course.driving_direction),
        race=race_of(drive.race_type, drive.config, trained.race),
        **usual | {name: value for name, value in given(drive).items() if name in names},
    )
    car = model.metadata.car
    title = f"{model_name(path)}{car and f' ({car})'} on {track.name}"
    caption = Caption(title, "lap", _actions(model), car_colour=car_colour(path, model.metadata))
    simulator = cars_of(model.metadata, track, race, seed=drive.seed or 0)
    judge = judge_of(simulator, load_reward(film.reward)) if film.reward else None
    moments = drive_moments(model, simulator, race.laps, judge)
    _film(output, _screen(output, track, caption), moments, film)


def _film_episode(film: FilmOptions) -> None:
    path = film.source
    recording = read_recording(path)
    for remark in (*recording.remarks, *_about_numbers(path)):
        print(f"remark: {remark}", file=sys.stderr)
    episode = one_episode(recording, film.episode)
    track = load_track(film.track) if film.track else guess_track(recording)
    if track is None:
        raise ConfigError(
            f"{path}: no bundled track of {recording.track_length[0]:.2f} m fits its poses; name "
            "its track with --track"
        )
    output = _output(film, f"{path.stem}-episode-{episode.episode[0]}")
    title, home = f"{path.name} on {track.name}", own_folder(path)
    colour = Caption.car_colour
    if home is not None:
        colour = car_colour(home, read_model_metadata(ModelFolder(home).model_metadata))
    caption = Caption(title, "episode", has_answers=False, car_colour=colour)
    _film(output, _screen(output, track, caption), recorded_moments(episode), film)


def _about_numbers(path: Path) -> Iterator[str]:
    """How a training's trace and the screen count, if it is one."""
    number = path.name.removesuffix("-iteration.csv")
    if number.isdecimal() and "training-simtrace" in path.resolve().parts:
        holds = f"{path.name} holds iteration {int(number) + 1}"
        yield f"{holds}; episodes are numbered as in the file's first column"


def _screen(output: Path, track: Track, caption: Caption) -> Screen:
    """Frames as large as the kind of file can hold in a few megabytes."""
    return Screen(track, caption, 1.0 if output.suffix.lower() == ".mp4" else SMALL)


def car_colour(model: Path, metadata: ModelMetadata) -> str:
    """The shell's colour that metadata, or a folder's training_params.yaml, names; or the usual.

    Of several cars in the file it is the first one's, as the original lists them.
    """
    found = metadata.car_color or read_training_params(model).get("CAR_COLOR", "").title()
    return found if found in CAR_COLOURS else Caption.car_colour


def _actions(model: Model) -> list[tuple[float, float]]:
    """Degrees and m/s of each action, none if they are continuous."""
    space = model.metadata.action_space
    if not isinstance(space, DiscreteActionSpace):
        return []
    commands = space.to_commands(np.arange(len(space.speed)))
    return [(float(steering), float(speed)) for steering, speed in commands]


def drive_moments(
    model: Model, simulator: Simulator, laps: int, judge: Judge | None = None
) -> Iterator[Moment]:
    """Drives greedy laps, or attempts, one after the other, and tells of every step.

    The model drives all the cars of the simulator, which is reset first; the first one is told of.
    """
    result = simulator.reset()
    lap, start, total = 1, 0.0, 0.0
    while lap <= laps:
        # A copy: what JAX is handed must not change under it, and a moment keeps its picture.
        seen = {name: np.array(rows) for name, rows in result.observation.items()}
        output = model.output(seen)
        action = output if model.spec.continuous else np.argmax(output, axis=-1)
        before = _place(simulator)
        result = simulator.step(model.metadata.action_space.to_commands(action))
        now = float(result.params["sim_time"][0])
        if result.status[0] == PREPARE:
            start, total = now, 0.0
        reward = float(step_rewards(judge, result)[0])
        total += reward
        yield replace(
            before,
            steering=float(result.params["steering_angle"][0]),
            speed=float(result.params["speed"][0]),
            progress=max(float(result.params["progress"][0]), 0.0),
            seconds=now - start,
            lap=lap,
            status=STATUS_NAMES[result.status[0]],
            picture=_newest_picture(seen, model.metadata.frame_stack),
            reward=None if judge is None else reward,
            total=total,
            output=output[0],
        )
        if result.terminated[0] or result.truncated[0]:
            lap, start, total = lap + 1, now, 0.0


def one_episode(recording: Recording, number: int | None) -> Recording:
    """The rows of an episode, of the first one if none is named.

    Raises:
        TraceError: there is no such episode.
    """
    known = list(dict.fromkeys(recording.episode.tolist()))
    number = known[0] if number is None else number
    rows = np.flatnonzero(recording.episode == number)
    if recording.piece is not None:  # of joined files, the first one that has it
        rows = rows[recording.piece[rows] == recording.piece[rows][:1]]
    if not len(rows):
        raise TraceError(
            f"{recording.source}: episode must be one of {_numbers(known)}, got {number}"
        )
    return recording.picked(rows)


def recorded_moments(episode: Recording) -> Iterator[Moment]:
    """Every step of a recorded episode; what a picture showed is not recorded."""
    total = np.cumsum(np.nan_to_num(episode.reward))
    # A file may begin in the middle of an episode.
    begun = episode.seconds[0] - CONTROL_PERIOD * max(int(episode.steps[0]) - 1, 0)
    for row in range(len(episode.x)):
        x, y, yaw = (float(column[row]) for column in (episode.x, episode.y, episode.yaw))
        yield Moment(
            # The recorded point is the front one.
            car=(x - FRONT_POINT * np.cos(yaw), y - FRONT_POINT * np.sin(yaw), yaw),
            steering=float(np.degrees(episode.steering[row])),
            speed=float(episode.speed[row]),
            progress=max(float(np.nan_to_num(episode.progress[row])), 0.0),
            seconds=float(episode.seconds[row] - begun),
            lap=int(episode.episode[row]),
            status=str(episode.status[row]),
            reward=float(episode.reward[row]),
            total=float(total[row]),
        )


def _place(simulator: Simulator) -> Moment:
    """Where the first car and what it meets are now; nothing is known of the step yet."""
    x, y, heading = (float(value) for value in simulator.vehicle_states()[0, :3])
    poses, race = simulator.object_poses()[0], simulator.rules.race
    are_cars = race.race_type != "OBJECT_AVOIDANCE" or race.is_obstacle_bot_car
    is_car = np.full(len(poses), are_cars, np.int32)
    return Moment((x, y, heading), 0.0, 0.0, 0.0, 0.0, 0, objects=RoadObjects(poses, is_car))


def _newest_picture(seen: dict[str, Array], frames: int) -> Array | None:
    """The first car's picture, if it has a camera; of several frames the last."""
    picture = next((rows[0] for name, rows in seen.items() if name in CAMERAS), None)
    return None if picture is None else picture[..., -(picture.shape[-1] // frames) :]


def _output(film: FilmOptions, name: str) -> Path:
    """Where the film goes; checked before anything is driven."""
    path = film.output or Path(f"{name}.mp4" if mp4_encoder() else f"{name}.gif")
    check_film_path(path)
    return path


def _film(path: Path, screen: Screen, moments: Iterator[Moment], film: FilmOptions) -> None:
    """Writes the film, and says of each lap how it ended."""
    console, unit = Console(stderr=True), screen.caption.unit
    limit = max(1, round(film.seconds * FRAMES_PER_SECOND)) if film.seconds else None
    last: dict[int, Moment] = {}
    count = 0

    def frames() -> Iterator[Array]:
        nonlocal count
        for moment in itertools.islice(moments, limit):
            last[moment.lap] = moment
            count += 1
            status.update(f"{unit} {moment.lap}: {moment.progress:.0f} %")
            yield screen.frame(moment)

    with console.status("") as status:
        write_film(path, frames())
    for lap, moment in last.items():
        print(
            f"{unit} {lap}  {moment.progress:5.1f} %  {moment.seconds:7.3f} s  "
            f"{moment.status.replace('_', ' ')}"
        )
    size = path.stat().st_size / 1e6
    print(f"video  {path}  ({count / FRAMES_PER_SECOND:.1f} s, {count} frames, {size:.1f} MB)")


def _numbers(known: list[int]) -> str:
    return ", ".join(map(str, known)) if len(known) < 12 else f"{known[0]} to {known[-1]}"
