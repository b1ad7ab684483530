"""The options of commands in records, and the way to hand a command its options as those records.

In: what the user typed, each option with its unit and default in ``--help``. Out: a command whose
options typer reads one by one, and which gets them as records, with None for what is usual. This
loads quickly, for ``--help``. Neighbours: ``cli`` names the commands; ``train_options`` has those
of ``train``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

EXAMPLES = (
    "progress, follow_center_line, follow_center_line_smooth, follow_center_line_fast, "
    "avoid_objects or pass_bot_cars"
)
"""Rewards that may be named in place of a file."""

CHECKPOINTS = "best, last, or the number of a kept iteration, see evaluate --checkpoint all"
"""What --checkpoint takes."""

CarVersion = Annotated[
    int | None,
    typer.Option(
        help="Car physics, 3 to 6 (default: version of model_metadata.json)", show_default=False
    ),
]

Checkpoint = Annotated[str, typer.Option(help=f"Of a model folder: {CHECKPOINTS}.")]

Direction = Annotated[
    str | None,
    typer.Option(
        "--direction",
        help="Driving direction: forward, as the track runs, reverse, clockwise or "
        "counter-clockwise (default: the model folder's)",
        show_default=False,
    ),
]

RaceFile = Annotated[
    Path | None,
    typer.Option(
        help="config.toml whose [race] table says what else is on the road "
        "(default: the model folder's, if there is one)",
        show_default=False,
    ),
]

RaceType = Annotated[
    str | None,
    typer.Option(
        help="TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: the model folder's)",
        show_default=False,
    ),
]

Speed = Annotated[
    str | None,
    typer.Option(
        help="Speeds, m/s: MAX:LEVELS as in the console, or a list, 0.5,1,2; 1 alone is one speed "
        "(default: 1:3)",
        show_default=False,
    ),
]

Steering = Annotated[
    str | None,
    typer.Option(
        help="Steering angles, deg, left positive: MAX:LEVELS as in the console, or a list, "
        "-30,-10,0,10,30 (default: 30:5)",
        show_default=False,
    ),
]

Track = Annotated[
    str | None,
    typer.Option(
        help="Bundled track, or path of a route .npy (default: the model's or the recording's)",
        show_default=False,
    ),
]


def option(told: str, *names: str, default: Any = None, **limits: Any) -> Any:
    """A field of a record of options: what ``--help`` says, names, and typer's further words."""
    return field(default=default, metadata={"typer": typer.Option(*names, help=told, **limits)})


def argument(told: str, default: Any = None, **limits: Any) -> Any:
    """The same without a name."""
    return field(default=default, metadata={"typer": typer.Argument(help=told, **limits)})


def given(options: Any) -> dict[str, Any]:
    """What the user gave of a record of options, by field; None stands for the rest."""
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to read it: with the fields of its records as options of their own.

    A record's ``panel``, if it has one, is the heading of its options in ``--help``.
    """
    records: dict[str, Any] = {
        name: kind for name, kind in get_type_hints(command).items() if is_dataclass(kind)
    }

    def run(**values: Any) -> None:
        made = {
            name: kind(**{each.name: values.pop(each.name) for each in fields(kind)})
            for name, kind in records.items()
        }
        command(**made, **values)

    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in records:
            parameters += _options(records[parameter.name])
        else:
            parameters.append(_option(parameter.name, hints[parameter.name], parameter.default))
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _options(record: Any) -> Iterator[inspect.Parameter]:
    hints, panel = get_type_hints(record, include_extras=True), getattr(record, "panel", None)
    for each in fields(record):
        kind, told = hints[each.name], each.metadata.get("typer")
        if told is None:  # an option of several commands
            kind, told = kind.__origin__, copy(kind.__metadata__[0])
        told.rich_help_panel = panel
        default = inspect.Parameter.empty if each.default is MISSING else each.default
        yield _option(each.name, Annotated[kind, told], default)


def _option(name: str, kind: Any, default: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=kind)


# Of ``garage`` ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CarOptions:
    """Fields of ``CarPlan``; None for what stays as it is."""

    steering: Steering = None
    speed: Speed = None
    actions: str | None = option("In place of both, action by action: -30@0.5,0@2,30@0.5")
    continuous: bool = option(
        "Any steering and speed from the least to the greatest, not a list of actions.",
        "--continuous",
        default=False,
    )
    sensors: list[str] | None = option(
        "camera, stereo, lidar, sector_lidar, discretized_lidar, or as in model_metadata.json; "
        "repeat it for one camera and a lidar (default: camera)",
        "--sensor",
    )
    network: str | None = option(
        "3 or 5 for the console's 3- or 5-layer CNN, or deep, or as in "
        "model_metadata.json (default: 3)"
    )
    color: str | None = option(
        "Of the shell: Black, Grey, Blue, Red, Orange, White or Purple (default: any)"
    )
    car_version: int | None = option("Car physics, 3 to 6 (default: 5)", min=3, max=6)


# Of ``evaluate`` ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entries:
    """What is to be driven; None for what a model's folder says.

    A ``race_type`` goes before that of ``config``.
    """

    models: list[Path] = argument(
        "Model folders, archives or model.pb; several give one table.",
        default=MISSING,
    )
    track: list[str] | None = option(
        "Bundled track, or path of a route .npy; repeat it for several (default: those that a "
        "model was trained on)"
    )
    checkpoint: list[str] | None = option(
        "Of model folders: best, last, the number of a kept iteration, or all, which lists "
        "those that are kept; repeat it for several (default: best)"
    )
    race_type: RaceType = None
    config: RaceFile = None


@dataclass(frozen=True)
class LapSettings:
    """How the laps are driven: fields of ``EvaluationOptions``, of which None is the folder's."""

    laps: int = option("Greedy laps, one after the other.", default=5, min=1)
    resets: bool = option(
        "Put a car that leaves the track back after the penalty, or end its lap.",
        "--resets/--no-resets",
        default=True,
    )
    off_track_penalty: float = option("Seconds that leaving the track costs.", default=2.0, min=0.0)
    car_version: CarVersion = None
    driving_direction: Direction = None
    start_position: float = option(
        "Share of the track, 0 to 1, where the first lap starts.",
        default=0.0,
    )
    round_robin_advance_dist: float = option(
        "Share of the track by which each lap starts further on, from a standing start; with 0 a "
        "car drives on after a lap.",
        "--round-robin",
        default=0.0,
    )


# Of ``race`` --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RankedRules:
    """Fields of ``RankedRace``; None for what its file says, or what is usual."""

    track: str | None = option(
        "Bundled track, or path of a route .npy (default: the first model's)"
    )
    laps: int | None = option("Laps of a submission, one after the other (default: 3)")
    ranking: str | None = option("best-lap, average-lap or total-time (default: best-lap)")
    minimum_laps: int | None = option(
        "Laps in a row to be ranked, which average-lap averages (default: 1 by best-lap, otherwise "
        "all)"
    )
    resets: int | None = option(
        "Times that a car is put back before its lap is given up (default: 100)"
    )
    off_track_penalty: float | None = option("Seconds that leaving the track costs (default: 2)")
    car_version: CarVersion = None
    driving_direction: str | None = option(
        "Driving direction: forward, as the track runs, reverse, clockwise or counter-clockwise "
        "(default: forward)",
        "--direction",
    )


@dataclass(frozen=True)
class Racers:
    """Who races, on what road, and where it is written down.

    Without ``models`` the leaderboard is shown. ``name`` has one each, or is taken from the paths.
    """

    models: list[Path] | None = argument(
        "Archives, model.pb or model folders; none shows the leaderboard, or the list of several."
    )
    race_type: str | None = option(
        "TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT, or HEAD_TO_MODEL, in which the models meet "
        "(default: TIME_TRIAL, or what --config says)"
    )
    config: Path | None = option("config.toml whose [race] table says what else is on the road")
    name: list[str] | None = option(
        "Name on the leaderboard, once a model (default: from its path)"
    )
    leaderboard: Path | None = option(
        "File of the race; what it holds need not be said again (default: "
        "leaderboards/TRACK-RANKING.json)"
    )
    checkpoint: Checkpoint = "best"


# Of ``video`` -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FilmOptions:
    """What to film; None for what is usual.

    The reward function in a model's folder is somebody's program: it is run only if it is named.
    """

    source: Path = argument(
        "archive, model.pb or model folder to film; or a recorded simtrace CSV: of a training "
        "N-iteration.csv holds iteration N + 1.",
        default=MISSING,
        metavar="MODEL|EPISODE",
    )
    output: Path | None = option(
        "The .mp4, .gif or .webp to write, 15 pictures a second (default: SOURCE.mp4, or .gif "
        "where no ffmpeg is found: pip install 'deepracer-fast[video]' brings one)"
    )
    track: Track = None
    seconds: float | None = option("End after so many seconds (default: no limit)", min=0.1)
    episode: int | None = option(
        "Of a recording: which one to show, as numbered in its first column (default: the first)"
    )
    reward: Path | None = option(
        "Of a model: reward_function.py to run and to show; the model folder's own is not run "
        "unless named (default: no reward is shown)"
    )


@dataclass(frozen=True)
class DriveOptions:
    """How a model drives: a recording takes none of these."""

    checkpoint: str | None = option(f"Of a model folder: {CHECKPOINTS} (default: best)")
    laps: int | None = option("Of a model: greedy laps (default: 1)", min=1)
    seed: int | None = option("Of a model: of obstacles and bots (default: 0)", min=0)
    resets: bool | None = option(
        "Of a model: put a car back after the penalty, or end its lap (default: resets)",
        "--resets/--no-resets",
    )
    off_track_penalty: float | None = option(
        "Of a model: seconds off the track (default: 2)",
        min=0.0,
    )
    car_version: CarVersion = None
    race_type: RaceType = None
    direction: Direction = None
    config: RaceFile = None


# Of ``replay`` ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReplayOptions:
    """How recordings are replayed; None for what the recording and the tracks say."""

    car_version: CarVersion = None
    symmetric: bool | None = option(
        "Without or with the car's pull to the left (default: with it, as the original's; without "
        "it for what was driven here, which the model folder around it tells)",
        "--symmetric/--asymmetric",
    )
    track: str | None = option("Track to draw (default: the bundled one of that length)")
    png: Path | None = option("Draw both paths to this PNG file.")
    as_json: AsJson = False


# Of ``validate`` ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ValidateOptions:
    """What is to be tried, on what, and what becomes of it; None for what is usual."""

    reward: Path = argument(f"reward_function.py, or an example: {EXAMPLES}.", default=MISSING)
    track: str = option("Bundled track, or path of a route .npy.", default="reinvent_base")
    metadata: Path | None = option(
        "model_metadata.json, or a folder that has one, such as garage/Flash, whose actions drive "
        "(default: the lab's 15 actions)"
    )
    race_type: str | None = option(
        "TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT or HEAD_TO_MODEL (default: TIME_TRIAL, and the "
        "two after it where the function minds objects)"
    )
    png: Path | None = option(
        "Draw the reward over the track, by speed and steering, to this file."
    )
    as_json: AsJson = False
