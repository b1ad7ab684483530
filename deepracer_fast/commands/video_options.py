"""The options of ``deepracer-fast video``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the film that it
asks for. Neighbours: ``cli`` names the command; ``commands.video`` films.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deepracer_fast.commands.options import CarVersion, Direction, RaceFile, RaceType, Track


@dataclass(frozen=True)
class FilmOptions:
    """What to film; None for what is usual.

    The reward function in a model's folder is somebody's program: it is run only if it is named.
    """

    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|EPISODE",
            help="archive, model.pb or model folder to film; or a recorded simtrace CSV.",
        ),
    ]
    output: Annotated[
        Path | None,
        typer.Option(
            help="The .mp4, .gif or .webp to write, 15 pictures a second (default: SOURCE.mp4, or "
            ".gif where no ffmpeg is found: pip install 'deepracer-fast[video]' brings one)"
        ),
    ] = None
    track: Track = None
    seconds: Annotated[
        float | None, typer.Option(help="End after so many seconds (default: no limit)", min=0.1)
    ] = None
    episode: Annotated[
        int | None, typer.Option(help="Of a recording: which one to show (default: the first)")
    ] = None
    reward: Annotated[
        Path | None,
        typer.Option(
            help="Of a model: reward_function.py to run and to show; the model folder's own is not "
            "run unless named (default: no reward is shown)",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class DriveOptions:
    """How a model drives: a recording takes none of these."""

    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="Of a model folder: best, last, or the number of an iteration (default: best)",
            show_default=False,
        ),
    ] = None
    laps: Annotated[
        int | None, typer.Option(help="Of a model: greedy laps (default: 1)", min=1)
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Of a model: of obstacles and bots (default: 0)", min=0)
    ] = None
    resets: Annotated[
        bool | None,
        typer.Option(
            "--resets/--no-resets",
            help="Of a model: put a car back after the penalty, or end its lap (default: resets)",
            show_default=False,
        ),
    ] = None
    off_track_penalty: Annotated[
        float | None, typer.Option(help="Of a model: seconds off the track (default: 2)", min=0.0)
    ] = None
    car_version: CarVersion = None
    race_type: RaceType = None
    direction: Direction = None
    config: RaceFile = None
