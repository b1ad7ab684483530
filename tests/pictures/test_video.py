"""Promises of ``deepracer-fast video``; the models are made up and need no network."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from command_line import Answer, CommandLine
from PIL import Image, ImageDraw

from deepracer_fast.commands import video as video_command
from deepracer_fast.commands.video import (
    car_colour,
    drive_moments,
    one_episode,
    recorded_moments,
)
from deepracer_fast.driving.evaluate import EvaluationOptions, evaluate_model
from deepracer_fast.driving.trace import simtrace_columns
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.model_metadata import FIRST_MODEL, ModelMetadata
from deepracer_fast.files.simtrace_reader import read_recording
from deepracer_fast.files.simtrace_writer import write_simtrace
from deepracer_fast.pictures.track import track_map
from deepracer_fast.pictures.video import file as video_file
from deepracer_fast.pictures.video.bars import speeds_that_fit
from deepracer_fast.pictures.video.file import mp4_encoder, write_film
from deepracer_fast.pictures.video.frame import HEIGHT, SMALL, WIDTH, Caption, Moment, Screen
from deepracer_fast.pictures.video.pen import Pen
from deepracer_fast.pictures.video.views import RoadObjects, Views
from deepracer_fast.tracks.track import load_track
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.simulator import RaceRules, Simulator

TRACK = "reinvent_base"
FRAMES = 30  # two seconds


Run = Callable[..., Answer]


def driver(sensors: tuple[str, ...] = ("FRONT_FACING_CAMERA",)) -> Any:
    """A model that likes to go straight on at 1 m/s, and half as much to turn left."""
    space = DiscreteActionSpace((0.0, 30.0), (1.0, 0.5))
    metadata = ModelMetadata(space, sensors=sensors)
    answer = np.array([[2 / 3, 1 / 3]], np.float32)
    return SimpleNamespace(
        metadata=metadata,
        spec=SimpleNamespace(continuous=False),
        output=lambda seen: answer,
        best_action=lambda seen: answer.argmax(axis=-1),
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command in a folder of its own, with the same driver whatever the model's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(video_command, "load_model", lambda path, _: driver())
    return partial(CommandLine(monkeypatch, capsys), "video")


@pytest.fixture(scope="module")
def simtrace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two attempts of the driver, as an evaluation records them."""
    options = EvaluationOptions(laps=2, resets=False, threads=1)
    trace = evaluate_model(driver(), TRACK, options).trace
    path = tmp_path_factory.mktemp("trace") / "0-iteration.csv"
    write_simtrace(path, simtrace_columns(trace, load_track(TRACK).waypoints))
    return path


def read_mp4(path: Path) -> np.ndarray:
    """Frames [T, H, W, 3] of a film of this size."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path)]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)


def test_two_seconds_of_a_drive_are_thirty_frames(run: Run, tmp_path: Path) -> None:
    answer = run("mine", "--seconds", "2", "--output", "drive.mp4", "--track", TRACK)
    assert answer.status == 0, answer.err
    assert "drive.mp4  (2.0 s, 30 frames, " in answer.out
    assert len(read_mp4(tmp_path / "drive.mp4")) == FRAMES
    assert [path.name for path in tmp_path.iterdir()] == ["drive.mp4"]  # nothing temporary


def test_a_film_shows_the_race_and_the_direction_that_were_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RaceRules] = []

    def drive(model: Any, simulator: Simulator, *_: Any) -> Iterator[Moment]:
        seen.append(simulator.rules)
        return drive_moments(model, simulator, 1)

    monkeypatch.setattr(video_command, "drive_moments", drive)
    options = ("--race-type", "object-avoidance", "--direction", "clockwise")
    answer = run("mine", "--seconds", "0.2", "--output", "a.gif", "--track", TRACK, *options)
    assert answer.status == 0, answer.err
    assert (seen[0].race.race_type, seen[0].reverse_direction) == ("OBJECT_AVOIDANCE", True)


def test_the_reward_of_a_folder_is_run_only_if_it_is_named(run: Run, tmp_path: Path) -> None:
    """This one fails whenever it is run."""
    (tmp_path / "mine").mkdir()
    reward = tmp_path / "mine" / "reward_function.py"
    reward.write_text("raise ValueError('was run')\n")
    film = ("mine", "--seconds", "0.2", "--track", TRACK, "--output", "drive.gif")
    unasked = run(*film)
    assert (unasked.status, unasked.err) == (0, "")
    named = run(*film, "--reward", "mine/reward_function.py")
    assert named.status == 1 and "ValueError: was run" in named.err
    assert run(*film, "--reward", "follow_center_line").status == 0


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Without the extra, and with a PATH of one empty folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(video_file.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(folder))
    mp4_encoder.cache_clear()
    yield folder
    mp4_encoder.cache_clear()


def test_without_an_encoder_a_gif_of_the_same_length_is_made(
    run: Run, tmp_path: Path, no_extra: Path
) -> None:
    answer = run("mine", "--seconds", "0.4")
    assert answer.status == 0, answer.err
    with Image.open(tmp_path / "mine.gif") as film:
        assert (film.n_frames, film.size) == (6, (756, 432))
        delays = []
        for number in range(film.n_frames):
            film.seek(number)
            delays.append(film.info["duration"])
    assert delays == [70, 70, 60, 70, 70, 60]
    refused = run("mine", "--output", "drive.mp4")
    assert refused.status == 1
    assert "pip install 'deepracer-fast[video]'" in refused.err


@pytest.mark.parametrize(("encoders", "is_used"), [("libx264", True), ("libtheora", False)])
def test_an_ffmpeg_on_the_path_is_used_if_it_writes_h264(
    no_extra: Path, encoders: str, is_used: bool
) -> None:
    ffmpeg = no_extra / "ffmpeg"
    ffmpeg.write_text(f"#!/bin/sh\necho ' V....D {encoders}'\n")
    ffmpeg.chmod(0o755)
    assert mp4_encoder() == (str(ffmpeg) if is_used else None)


def test_fifteen_seconds_of_a_gif_take_less_than_four_megabytes(tmp_path: Path) -> None:
    """Three seconds, with the grain of the camera's picture, which packs worst."""
    write_film(tmp_path / "lap.gif", drawn_frames(45))
    assert 5 * (tmp_path / "lap.gif").stat().st_size < 4e6


def test_a_gif_of_nothing_but_noise_is_still_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 60, 80, 3), np.uint8)
    write_film(tmp_path / "noise.gif", noise)
    with Image.open(tmp_path / "noise.gif") as film:
        assert (film.n_frames, film.size) == (5, (80, 60))


def test_a_gif_shows_what_was_drawn(tmp_path: Path) -> None:
    frames = list(drawn_frames(6))
    write_film(tmp_path / "lap.gif", frames)
    with Image.open(tmp_path / "lap.gif") as film:
        film.seek(5)
        gap = np.abs(np.asarray(film.convert("RGB")).astype(int) - frames[5])
    assert gap.mean() < 5


def test_a_webp_has_every_frame(tmp_path: Path) -> None:
    write_film(tmp_path / "lap.webp", drawn_frames(3))
    with Image.open(tmp_path / "lap.webp") as film:
        assert (film.n_frames, film.size) == (3, (756, 432))


def drawn_frames(count: int) -> Iterator[np.ndarray]:
    """Frames as a GIF has them, of a car that follows the centre line at 1 m/s."""
    actions = [(float(angle), speed) for angle in (30, 15, 0, -15, -30) for speed in (0.5, 1.0)]
    track = load_track(TRACK)
    screen = Screen(track, Caption("mine", actions=actions), SMALL)
    steps = np.linalg.norm(np.diff(track.waypoints, axis=0), axis=1)
    arc = np.append(0.0, np.cumsum(steps))
    for number in range(count):
        here, ahead = (
            np.array([np.interp(s, arc, track.waypoints[:, k]) for k in range(2)])
            for s in (number / 15, number / 15 + 0.1)
        )
        car = (float(here[0]), float(here[1]), float(np.arctan2(*(ahead - here)[::-1])))
        answer = np.roll(np.arange(10.0) / 45, number)
        yield screen.frame(Moment(car, 0.0, 1.0, number / 2.25, number / 15, 1, output=answer))


def test_the_chase_view_shows_road_lines_and_the_car() -> None:
    """Colours of the look, in the middle of the world below its lamp."""
    track = load_track(TRACK)
    ahead = track.waypoints[31] - track.waypoints[30]
    car = (*map(float, track.waypoints[30]), float(np.arctan2(ahead[1], ahead[0])))
    views = Views(track)
    picture = views.chase(car, RoadObjects.none()).astype(int)
    red, green, blue = np.moveaxis(picture, -1, 0)
    shell = (red > 80) & (green < 60) & (blue < 60)
    rows, columns = np.nonzero(shell)
    assert 2000 < len(rows) < 60_000
    assert abs(columns.mean() - 320) < 20  # it is in the middle
    assert ((blue > red + 20) & (blue < 90)).sum() > 20_000  # the road's dark blue
    assert ((green > red + 25) & (green > blue + 15)).sum() > 20_000  # the field
    assert ((red > 180) & (green > 90) & (green < 180) & (blue < 90)).sum() > 200  # dashes
    assert (picture.min(axis=-1) > 170).sum() > 2000  # lines


def test_the_parts_of_a_grey_add_up_to_what_the_car_sees() -> None:
    """Weighted as the original weighs them, three colours are the grey picture."""
    track = load_track(TRACK)
    car = (*map(float, track.waypoints[5]), 0.0)
    objects = RoadObjects(
        np.array([[car[0] + 0.9, car[1], 0.3]], np.float32), np.array([1], np.int32)
    )
    views = Views(track)
    parts = [video_views_picture(views, number, car, objects) for number in range(3)]
    grey = 0.2989 * parts[0] + 0.5870 * parts[1] + 0.1140 * parts[2]
    gap = np.abs(grey - views.own(car, objects)[..., 0])
    assert np.median(gap) < 2
    assert np.quantile(gap, 0.95) < 6


def video_views_picture(views: Views, number: int, car: Any, objects: RoadObjects) -> np.ndarray:
    """The car's own camera in one colour."""
    from deepracer_fast import _core
    from deepracer_fast.pictures.video import views as module

    camera, ground = _core.Camera(), _core.Ground(*views._ribbon, module._CHANNELS[number])
    picture = module._rendered(camera, ground, car)
    camera.draw_objects(picture, car, objects.poses, objects.is_car, module._CHANNELS[number])
    return picture.astype(np.float64)


def test_frames_show_the_policys_picture_and_the_likeliest_action() -> None:
    moment = next(moments_of(driver()))
    assert moment.picture is not None and moment.picture.shape == (120, 160, 1)
    frame = Screen(load_track(TRACK), Caption("mine", actions=[(0.0, 1.0), (30.0, 0.5)])).frame(
        moment
    )
    assert frame.shape == (HEIGHT, WIDTH, 3)
    small = frame[28:268, 656:976, 0].reshape(120, 2, 160, 2).mean(axis=(1, 3))
    assert np.abs(small - moment.picture[..., 0]).mean() < 4
    bars = (frame[450:532, 656:992] == (255, 166, 48)).all(axis=-1)
    # Of two bars the right one, two thirds of the height above the speeds.
    assert bars.any(axis=0).nonzero()[0].min() == pytest.approx(170, abs=2)
    assert bars.any(axis=1).sum() == pytest.approx(45, abs=2)
    assert (frame[518:532, 656:992].max(axis=(0, 2)) > 100).sum() > 10  # the speeds


def test_boxes_are_seen_in_the_chase_view() -> None:
    race = RaceConfig(
        race_type="OBJECT_AVOIDANCE", number_of_obstacles=1, object_positions="0.06,1"
    )
    moment = next(moments_of(driver(()), race))
    assert moment.objects.is_car.tolist() == [0]
    assert moment.picture is None  # no camera, and the frame shows what one would have seen
    views = Views(load_track(TRACK))
    with_box = views.chase(moment.car, moment.objects)
    without = views.chase(moment.car, RoadObjects.none())
    assert (with_box != without).any(axis=-1).sum() > 500


def moments_of(model: Any, race: RaceConfig | None = None) -> Any:
    rules = RaceRules(round_robin_advance_dist=0.0, race=race or RaceConfig())
    simulator = Simulator(TRACK, sensors=model.metadata.sensors, threads=1, rules=rules)
    return drive_moments(model, simulator, 1)


def test_a_recorded_episode_shows_the_poses_that_were_driven(simtrace: Path) -> None:
    episode = one_episode(read_recording(simtrace), 1)
    recorded = list(recorded_moments(episode))
    driven = [m for m in drive_two_attempts() if m.lap == 2]
    assert len(recorded) == len(driven)
    for one, other in zip(recorded, driven, strict=True):
        assert one.car == pytest.approx(other.car, abs=1e-3)
        assert one.seconds == pytest.approx(other.seconds, abs=1e-3)
        assert (one.status, one.speed) == (other.status, other.speed)


def drive_two_attempts() -> Any:
    from deepracer_fast.driving.evaluate import lap_rules

    rules = lap_rules(EvaluationOptions(laps=2, resets=False))
    simulator = Simulator(TRACK, threads=1, rules=rules)
    return drive_moments(driver(), simulator, 2)


def test_an_episode_is_filmed_on_the_track_that_fits_it(run: Run, simtrace: Path) -> None:
    answer = run(str(simtrace), "--episode", "1", "--seconds", "0.2", "--output", "e.mp4")
    assert answer.status == 0, answer.err
    assert "e.mp4  (0.2 s, 3 frames, " in answer.out


def test_a_trainings_recording_has_its_cars_colour_and_says_how_it_counts(
    run: Run, simtrace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, films = ModelFolder(tmp_path / "mine"), []
    monkeypatch.setattr(video_command, "_film", lambda _, screen, *__: films.append(screen))
    trace = folder.training_simtrace(6)
    for each in (folder.path, folder.model_metadata.parent, trace.parent):
        each.mkdir(exist_ok=True)
    folder.put_mark()
    folder.model_metadata.write_text(replace(FIRST_MODEL, car_color="White").to_json())
    trace.write_bytes(simtrace.read_bytes())
    answer = run(str(trace))
    assert answer.err.startswith("remark: 6-iteration.csv holds iteration 7; episodes are numbered")
    assert run(str(simtrace)).err == ""
    assert [screen.caption.car_colour for screen in films] == ["White", "Red"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("TRACE", "--episode", "7"), "episode must be one of 0, 1, got 7"),
        (("TRACE", "--laps", "2"), "is a recording, which takes no --laps"),
        (("TRACE", "--race-type", "TIME_TRIAL"), "is a recording, which takes no --race-type"),
        (("TRACE", "--reward", "progress"), "is a recording, which shows the reward as recorded"),
        (("mine", "--episode", "1"), "is a model, which takes no --episode"),
        (("mine", "--output", "film.avi"), "must end in .mp4, .gif or .webp"),
        (("mine", "--output", "nowhere/film.mp4"), "there is no folder nowhere"),
        (("mine", "--track", "moon"), "moon"),
        (("other.txt",), "a trace must be a simtrace CSV"),
    ],
)
def test_what_cannot_be_filmed_is_said_in_one_line(
    run: Run, simtrace: Path, arguments: tuple[str, ...], message: str
) -> None:
    Path("other.txt").write_text("nothing\n")
    answer = run(*(str(simtrace) if each == "TRACE" else each for each in arguments))
    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert message in answer.err
    assert not list(Path().glob("*.mp4"))


def test_a_film_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def frames() -> Any:
        yield np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        raise ValueError("no more")

    for name in ("film.mp4", "film.gif", "film.webp"):
        with pytest.raises(ValueError, match="no more"):
            write_film(tmp_path / name, frames())
    assert not list(tmp_path.iterdir())


def test_the_map_puts_points_where_they_are_drawn() -> None:
    track = load_track(TRACK)
    drawn = track_map(track, 336, 142)
    assert drawn.pixels.shape == (142, 336, 3)
    columns, rows = drawn.place(track.waypoints[20:60:5] * 1.0).astype(int).T
    road = drawn.pixels[rows, columns].astype(int)
    assert (road.sum(axis=-1) < 420).all()  # road or dashes, not the bright field


def test_a_continuous_policys_means_are_drawn() -> None:
    moment = Moment((0.0, 0.0, 0.0), 10.0, 1.0, 5.0, 1.0, 1, output=np.array([0.5, -0.5]))
    frame = Screen(load_track(TRACK), Caption("mine")).frame(moment)
    bars = (frame[452:540, 656:992] == (255, 166, 48)).all(axis=-1)
    assert bars[:44, :160].any() and not bars[:44, 170:].any()  # steers left, and is drawn there


def test_speeds_below_the_bars_are_as_exact_as_there_is_room() -> None:
    pen = Pen(ImageDraw.Draw(Image.new("RGB", (8, 8))), 1.0)
    actions = [(0.0, 1 / 3), (0.0, 2.25), (0.0, 4.0)]
    assert speeds_that_fit(pen, actions, 60.0) == [".33", "2.25", "4"]
    assert speeds_that_fit(pen, actions, 22.0) == [".3", "2.2", "4"]
    assert speeds_that_fit(pen, actions, 5.0) == []


@pytest.mark.parametrize(
    ("lines", "colour"),
    [
        ('WORLD_NAME: "reinvent_base"\nCAR_COLOR: "Blue"\n', "Blue"),
        ("CAR_COLOR: purple\n", "Purple"),
        ("CAR_COLOR:\n- 'Orange'\n- 'White'\n", "Orange"),
        ("CAR_COLOR: plaid\n", "Red"),
        ("", "Red"),
    ],
)
def test_the_cars_colour_is_the_model_folders(tmp_path: Path, lines: str, colour: str) -> None:
    (tmp_path / "training_params.yaml").write_text(lines)
    assert car_colour(tmp_path, FIRST_MODEL) == colour
    assert car_colour(tmp_path / "model.tar.gz", FIRST_MODEL) == "Red"
    assert car_colour(tmp_path, replace(FIRST_MODEL, car_color="White")) == "White"
