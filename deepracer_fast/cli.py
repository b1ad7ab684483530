"""The command line: ``deepracer-fast train | evaluate | race | video | replay | ...``.

In: options, each with its unit and default in ``--help``. Out: exit status 0, 1 (one line of
error; the traceback with ``--debug``) or 2 (wrong usage). Each command imports what it needs when
it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from deepracer_fast import _core
from deepracer_fast.cache_folder import lend_to_libraries
from deepracer_fast.terminal import error_line, open_streams

app = typer.Typer(
    help="Train DeepRacer models from the camera in minutes. --debug shows tracebacks.",
    no_args_is_help=True,
    rich_markup_mode="markdown",  # brackets in help are not markup
    add_completion=False,
    pretty_exceptions_enable=False,
)

CarVersionOption = Annotated[
    int | None,
    typer.Option(
        help="Car physics, 3 to 6 (default: version of model_metadata.json)", show_default=False
    ),
]

TrackOption = Annotated[
    str | None, typer.Option(help="Bundled track, or path of a route .npy.", show_default=False)
]


@app.command()
def train(
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundled track, or path of a route .npy; repeat it to train on several at once.",
            show_default=False,
        ),
    ] = None,
    random_tracks: Annotated[
        int | None,
        typer.Option(help="Train on so many made-up tracks as well (default: 0)", min=0),
    ] = None,
    reward: Annotated[
        Path | None,
        typer.Option(
            help="reward_function.py, or an example's name, such as progress (default: "
            "follow_center_line)",
        ),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="model_metadata.json (default: camera, 15 actions up to 30 deg, 1 m/s)"),
    ] = None,
    max_speed: Annotated[
        float | None,
        typer.Option(
            help="Without METADATA: 28 actions, 7 angles up to 30 deg, 4 speeds up to this, m/s.",
            min=0.4,
            max=4.0,
        ),
    ] = None,
    hyperparameters: Annotated[
        Path | None, typer.Option(help="hyperparameters.json (default: the lab's, for this speed)")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="config.toml with further settings.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder (default: models/TRACK-N, N counting up)")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            help="Clone: begin with the policy of this model (folder, model.tar.gz, .pb)."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with MODEL, or with the newest of the track.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes (default: 20)")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Stop after so many env-steps (default: no limit)")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all randomness (default: 0)")] = None,
    num_cars: Annotated[
        int | None, typer.Option(help="Cars side by side (default: 64)", min=1)
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many evaluations in a row with clean laps only, 0 for never "
            "(default: 1)",
            min=0,
        ),
    ] = None,
    best_by: Annotated[
        str | None,
        typer.Option(help="Best checkpoint: progress, reward or laptime (default: progress)"),
    ] = None,
    teacher: Annotated[
        bool | None,
        typer.Option(
            "--teacher/--no-teacher",
            help="Let a policy that sees the track state learn first and teach (default: yes)",
            show_default=False,
        ),
    ] = None,
    track_state: Annotated[
        bool,
        typer.Option(
            "--track-state",
            help="Learn from the track state, not the camera: takes seconds, not for the car.",
        ),
    ] = False,
    frame_stack: Annotated[
        int | None,
        typer.Option(
            help="Show the policy the camera's last 2 to 4 frames at once, not for the car "
            "(default: METADATA's, or 1)",
            min=1,
            max=4,
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="horizon, or episodes as the original (default: horizon)")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Simulator threads, 0 for all cores (default: 0)")
    ] = None,
    car_version: CarVersionOption = None,
    coordinator: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of host 0, to train on several hosts: the same command on each, but "
            "for --host-id.",
            show_default=False,
        ),
    ] = None,
    num_hosts: Annotated[
        int | None, typer.Option(help="Of a training on several hosts.", show_default=False)
    ] = None,
    host_id: Annotated[
        int | None,
        typer.Option(help="Which one this is, from 0, which writes the model.", show_default=False),
    ] = None,
) -> None:
    """Train a model, evaluate five greedy laps, and write its model.tar.gz."""
    from deepracer_fast.hosts import invitation
    from deepracer_fast.reward.examples import reward_file
    from deepracer_fast.training_command import TrainingFiles, run_training

    settings = {
        "track": track[0] if track else None,
        "more_tracks": tuple(track[1:]) if track else None,
        "random_tracks": random_tracks,
        "stop_after": stop_after,
        "best_by": best_by,
        "teacher": teacher,
        "minutes": minutes,
        "steps": steps,
        "seed": seed,
        "num_cars": num_cars,
        "collection": collection,
        "threads": threads,
        "car_version": car_version,
    }
    reward = reward_file(reward) if reward else None
    files = TrainingFiles(
        reward, metadata, hyperparameters, config, model, pretrained, max_speed, frame_stack
    )
    given = {name: value for name, value in settings.items() if value is not None}
    invited = invitation(coordinator, num_hosts, host_id)
    run_training(files, given, resume, track_state, invited)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="model.tar.gz, model.pb, or a model folder.")],
    track: TrackOption = None,
    laps: Annotated[int, typer.Option(help="Greedy laps, one after the other.", min=1)] = 5,
    resets: Annotated[
        bool,
        typer.Option(
            "--resets/--no-resets",
            help="Put a car that leaves the track back after the penalty, or end its lap.",
        ),
    ] = True,
    off_track_penalty: Annotated[
        float, typer.Option(help="Seconds that leaving the track costs.", min=0.0)
    ] = 2.0,
    car_version: CarVersionOption = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml whose [race] table says what else is on the road "
            "(default: the model folder's)",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Drive greedy laps with a trained model and print their times."""
    from deepracer_fast.compilation_cache import keep_compiled_programs
    from deepracer_fast.config import read_config, settings_of
    from deepracer_fast.evaluate import RaceOptions, evaluate_model
    from deepracer_fast.model import load_model
    from deepracer_fast.training_screen import lap_table

    keep_compiled_programs()
    loaded = load_model(model)
    settings = settings_of(model)
    name = track or settings.track
    options = RaceOptions(
        laps=laps,
        resets=resets,
        off_track_penalty=off_track_penalty,
        car_version=car_version or settings.car_version,
        race=(read_config(config) if config else settings).race,
    )
    driven, _ = evaluate_model(loaded, name, options)
    if as_json:
        rows = [
            {
                "completion_percentage": lap.completion_percentage,
                "lap_time_seconds": lap.lap_time_seconds,
                "off_track_count": lap.off_track_count,
                "steps": lap.steps,
            }
            | ({"crash_count": lap.crash_count} if options.race.num_objects else {})
            for lap in driven
        ]
        print(json.dumps({"track": name, "laps": rows}, indent=2))
    else:
        Console().print(lap_table(driven, f"{model} on {name}"))


@app.command()
def race(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="model.tar.gz, model.pb or model folders; none shows the leaderboard."),
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Let models race under one set of rules, and keep their best submissions on a leaderboard."""
    from deepracer_fast.race_command import RaceRequest, race_of, run_race

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
    run_race(RaceRequest(models or [], name or [], leaderboard, as_json), given)


@app.command()
def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|EPISODE",
            help="model.tar.gz, model.pb or model folder to film; or a recorded simtrace CSV.",
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
    from deepracer_fast.reward.examples import reward_file
    from deepracer_fast.video_command import VideoRequest, run_video

    driving = {
        "laps": laps,
        "seed": seed,
        "resets": resets,
        "off_track_penalty": off_track_penalty,
        "car_version": car_version,
        "config": config,
    }
    given = {name: value for name, value in driving.items() if value is not None}
    reward = reward_file(reward) if reward else None
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
    from deepracer_fast.replay_command import ReplayOptions, run_replay

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
    from deepracer_fast.reward.examples import reward_file
    from deepracer_fast.validate_command import ValidateRequest, run_validate

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
    from deepracer_fast.tracks_command import run_tracks

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
