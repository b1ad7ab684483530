"""The command line: ``deepracer-fast train | evaluate | race | video | replay | ...``.

In: options, each with its unit and default in ``--help``. Out: exit status 0, 1 (one line of
error; the traceback with ``--debug``) or 2 (wrong usage). Each command imports what it needs when
it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deepracer_fast import __version__, _core
from deepracer_fast.commands.evaluate_options import evaluate
from deepracer_fast.commands.garage_options import garage
from deepracer_fast.commands.terminal import error_line, open_streams
from deepracer_fast.commands.train_options import train
from deepracer_fast.files.cache_folder import lend_to_libraries

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",  # brackets in help are not markup
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        print(f"deepracer-fast {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Train DeepRacer models from the camera in minutes. --debug shows tracebacks."""


CarVersionOption = Annotated[
    int | None,
    typer.Option(
        help="Car physics, 3 to 6 (default: version of model_metadata.json)", show_default=False
    ),
]

CheckpointOption = Annotated[
    str,
    typer.Option(help="Of a model folder: best, last, or the number of an iteration."),
]

TrackOption = Annotated[
    str | None, typer.Option(help="Bundled track, or path of a route .npy.", show_default=False)
]


app.command()(garage)
app.command()(train)


app.command()(evaluate)


@app.command()
def race(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="archive, model.pb or model folders; none shows the leaderboard."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            help="Bundled track, or path of a route .npy (default: reinvent_base)",
            show_default=False,
        ),
    ] = None,
    laps: Annotated[
        int | None, typer.Option(help="Laps of a submission, one after the other (default: 3)")
    ] = None,
    ranking: Annotated[
        str | None,
        typer.Option(help="best-lap, average-lap or total-time (default: best-lap)"),
    ] = None,
    minimum_laps: Annotated[
        int | None,
        typer.Option(
            help="Laps in a row to be ranked, which average-lap averages (default: 1 by best-lap, "
            "otherwise all)"
        ),
    ] = None,
    resets: Annotated[
        int | None,
        typer.Option(help="Times that a car is put back before its lap is given up (default: 100)"),
    ] = None,
    off_track_penalty: Annotated[
        float | None, typer.Option(help="Seconds that leaving the track costs (default: 2)")
    ] = None,
    car_version: CarVersionOption = None,
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT, or HEAD_TO_MODEL, in which the models "
            "meet (default: TIME_TRIAL, or what --config says)",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml whose [race] table says what else is on the road",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name on the leaderboard, once a model (default: from its path)",
            show_default=False,
        ),
    ] = None,
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            help="File of the race; what it holds need not be said again (default: "
            "leaderboards/TRACK-RANKING.json)",
            show_default=False,
        ),
    ] = None,
    checkpoint: CheckpointOption = "best",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Let models race under one set of rules, and keep their best submissions on a leaderboard."""
    from deepracer_fast.commands.race import RaceRequest, race_of, run_race

    rules = {
        "track": track,
        "laps": laps,
        "ranking": ranking,
        "minimum_laps": minimum_laps,
        "resets": resets,
        "off_track_penalty": off_track_penalty,
        "car_version": car_version,
    }
    given: dict[str, Any] = {key: value for key, value in rules.items() if value is not None}
    if race_type or config:
        given["road"] = race_of(race_type, config)
    run_race(RaceRequest(models or [], name or [], leaderboard, as_json, checkpoint), given)


@app.command()
def archive(
    model: Annotated[Path, typer.Argument(help="A model folder, or any other model.")],
    checkpoint: CheckpointOption = "best",
    output: Annotated[
        Path | None,
        typer.Option(
            help="The .tar.gz to write; its name is the model's on the car (default: NAME.tar.gz, "
            "or NAME-CHECKPOINT.tar.gz, here)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the archive of any checkpoint, for the car and the other tools."""
    from deepracer_fast.commands.archive import run_archive

    run_archive(model, checkpoint, output)


@app.command()
def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|EPISODE",
            help="archive, model.pb or model folder to film; or a recorded simtrace CSV.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="The .mp4, .gif or .webp to write, 15 pictures a second (default: SOURCE.mp4, or "
            ".gif where no ffmpeg is found: pip install 'deepracer-fast[video]' brings one)"
        ),
    ] = None,
    track: TrackOption = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="Of a model folder: best, last, or the number of an iteration (default: best)",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="End after so many seconds (default: no limit)", min=0.1)
    ] = None,
    laps: Annotated[
        int | None, typer.Option(help="Of a model: greedy laps (default: 1)", min=1)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of a model: of obstacles and bots (default: 0)", min=0)
    ] = None,
    resets: Annotated[
        bool | None,
        typer.Option(
            "--resets/--no-resets",
            help="Of a model: put a car back after the penalty, or end its lap (default: resets)",
            show_default=False,
        ),
    ] = None,
    off_track_penalty: Annotated[
        float | None, typer.Option(help="Of a model: seconds off the track (default: 2)", min=0.0)
    ] = None,
    car_version: CarVersionOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Of a model: config.toml that says what is on the road", show_default=False
        ),
    ] = None,
    episode: Annotated[
        int | None, typer.Option(help="Of a recording: which one to show (default: the first)")
    ] = None,
    reward: Annotated[
        Path | None,
        typer.Option(
            help="Of a model: reward_function.py to run and to show; the model folder's own is not "
            "run unless named (default: no reward is shown)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Film a model's laps, or a recorded episode with its rewards as recorded."""
    from deepracer_fast.commands.video import VideoRequest, run_video

    driving = {
        "checkpoint": checkpoint,
        "laps": laps,
        "seed": seed,
        "resets": resets,
        "off_track_penalty": off_track_penalty,
        "car_version": car_version,
        "config": config,
    }
    given = {name: value for name, value in driving.items() if value is not None}
    run_video(VideoRequest(source, output, track, seconds, episode, reward), given)


@app.command()
def replay(
    traces: Annotated[
        list[Path], typer.Argument(help="Simtrace CSVs, or logs with SIM_TRACE_LOG lines.")
    ],
    car_version: Annotated[
        int | None,
        typer.Option(
            help="Car physics, 3 to 6 (default: from the model_metadata.json beside the trace)",
            show_default=False,
        ),
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Without the car's pull to the left.")
    ] = False,
    track: Annotated[
        str | None,
        typer.Option(
            help="Track to draw (default: the bundled one of that length)", show_default=False
        ),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw both paths to this PNG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Drive recorded actions open loop and print how far the car ends up from the recording."""
    from deepracer_fast.commands.replay import ReplayOptions, run_replay

    run_replay(traces, ReplayOptions(car_version, symmetric, track, png, as_json))


@app.command()
def validate(
    reward: Annotated[Path, typer.Argument(help="reward_function.py, or an example's name")],
    track: Annotated[
        str, typer.Option(help="Bundled track, or path of a route .npy.")
    ] = "reinvent_base",
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="model_metadata.json, whose actions drive (default: the lab's 15 actions)",
            show_default=False,
        ),
    ] = None,
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT or HEAD_TO_MODEL (default: TIME_TRIAL, "
            "and the two after it where the function minds objects)",
            show_default=False,
        ),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Draw the reward over the track, by speed and steering, to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Drive a reward function through all that training may meet; say its range and its faults."""
    from deepracer_fast.commands.validate import ValidateRequest, run_validate
    from deepracer_fast.reward.examples import reward_file

    request = ValidateRequest(reward_file(reward), track, metadata, race_type, png, as_json)
    sys.exit(run_validate(request))


@app.command()
def tracks(
    name: Annotated[
        str | None, typer.Argument(help="Bundled track or path of a route .npy.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the track to this PNG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the bundled tracks with length and width, or draw one."""
    from deepracer_fast.commands.tracks import run_tracks

    run_tracks(name, png, as_json)


def main() -> None:
    """Entry point of ``deepracer-fast``."""
    open_streams()
    lend_to_libraries()
    _core.tune_allocator()  # takes effect only before JAX allocates
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments, prog_name="deepracer-fast")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        print(error_line(error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
