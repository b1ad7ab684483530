"""The command line: ``deepracer-fast train | evaluate | race | video | replay | ...``.

In: options, each with its unit and default in ``--help``. Out: exit status 0, 1 (one line of
error; the traceback with ``--debug``) or 2 (wrong usage). Each command imports what it needs when
it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from deepracer_fast import __version__, _core
from deepracer_fast.commands.options import (
    AsJson,
    CarOptions,
    Checkpoint,
    DriveOptions,
    Entries,
    FilmOptions,
    LapSettings,
    Racers,
    RankedRules,
    ReplayOptions,
    ValidateOptions,
    spread,
)
from deepracer_fast.commands.terminal import error_line, open_streams
from deepracer_fast.commands.train_options import (
    CourseOptions,
    HostOptions,
    ModelOptions,
    RunOptions,
)
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
    """Train DeepRacer models from the camera in minutes.

    garage builds a car, train trains a model, evaluate and race drive it, video films it.
    --debug shows tracebacks.
    """


def garage(
    car: CarOptions,
    name: Annotated[
        str | None,
        typer.Argument(help="Of the car, such as Flash; none lists the cars that are there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a car for your models: sensors, network, actions, name and colour.

    It is written to garage/NAME and shown as a table and a picture; what is left out stays as it
    was. Train it by train --metadata garage/NAME.
    """
    from deepracer_fast.commands.garage import run_garage

    run_garage(name, car, as_json)


def train(
    course: CourseOptions,
    model: ModelOptions,
    run: RunOptions,
    hosts: HostOptions,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with --model, or with the newest model of the track."),
    ] = False,
    for_the_car: Annotated[
        bool,
        typer.Option(
            "--for-the-car",
            help="For a real car: light, colours, noise, blur, camera mount, delay, grip, steering "
            "and speed differ from episode to episode, and the time is used up. See evaluate "
            "--perturbed.",
        ),
    ] = False,
) -> None:
    """Train a model, evaluate five greedy laps, and write its archive, NAME.tar.gz."""
    from deepracer_fast.commands.train import run_training

    run_training(course, model, run, hosts, resume, for_the_car)


def evaluate(
    entries: Entries,
    settings: LapSettings,
    perturbed: Annotated[
        bool,
        typer.Option(
            "--perturbed",
            help="Drive a lap from each of 20 places as the real car may find them: other light, "
            "noise, camera mount, delay, grip, steering, speed, one at a time and together; "
            "without resets: a lap ends where it leaves the track.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Drive greedy laps with trained models and print their times, of several in one table."""
    from deepracer_fast.commands.evaluate import run_evaluation

    run_evaluation(entries, settings, perturbed, as_json)


def race(
    rules: RankedRules,
    racers: Racers,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the races in leaderboards/ and who leads them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let models race under one set of rules, and keep their best submissions on a leaderboard."""
    from deepracer_fast.commands.race import list_leaderboards, run_race

    if listed:
        list_leaderboards(as_json)
    else:
        run_race(rules, racers, as_json)


def archive(
    model: Annotated[Path, typer.Argument(help="Model folder, archive or model.pb.")],
    checkpoint: Checkpoint = "best",
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


def video(film: FilmOptions, drive: DriveOptions) -> None:
    """Film a model's laps, or a recorded episode with its rewards as recorded."""
    from deepracer_fast.commands.video import run_video

    run_video(film, drive)


def replay(
    traces: Annotated[
        list[Path], typer.Argument(help="Simtrace CSVs, or logs with SIM_TRACE_LOG lines.")
    ],
    options: ReplayOptions,
) -> None:
    """Drive the actions of a recording again; print how far the car ends up from where it was."""
    from deepracer_fast.commands.replay import run_replay

    run_replay(traces, options)


def validate(options: ValidateOptions) -> None:
    """Drive a reward function through all that training may meet; say its range and its faults."""
    from deepracer_fast.commands.validate import run_validate

    sys.exit(run_validate(options))


def tracks(
    name: Annotated[
        str | None, typer.Argument(help="Bundled track or path of a route .npy.")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the track to this PNG file.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the bundled tracks with length and width, or draw one."""
    from deepracer_fast.commands.tracks import run_tracks

    run_tracks(name, png, as_json)


for _command in (garage, train, evaluate, race, archive, video, replay, validate, tracks):
    app.command()(spread(_command))


def main() -> None:
    """Entry point of ``deepracer-fast``."""
    open_streams()
    lend_to_libraries()
    _core.tune_allocator()  # takes effect only before JAX allocates
    from typer import rich_utils

    rich_utils.RANGE_STRING = "\n[{}]"  # of a number: below its type, which leaves help more room
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
