"""The options of ``deepracer-fast evaluate``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the laps that it
asks for. Neighbours: ``cli`` names the command; ``commands.evaluate`` drives.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deepracer_fast.commands.options import CarVersion, Direction, RaceFile, RaceType


@dataclass(frozen=True)
class Entries:
    """What is to be driven; None for what a model's folder says.

    A ``race_type`` goes before that of ``config``.
    """

    models: Annotated[
        list[Path],
        typer.Argument(help="Model folders, archives or model.pb; several give one table."),
    ]
    track: Annotated[
        list[str] | None,
        typer.Option(
            help="Bundled track, or path of a route .npy; repeat it for several (default: those "
            "that a model was trained on)",
            show_default=False,
        ),
    ] = None
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Of model folders: best, last, the number of an iteration, or all; repeat it for "
            "several (default: best)",
            show_default=False,
        ),
    ] = None
    race_type: RaceType = None
    config: RaceFile = None


@dataclass(frozen=True)
class LapSettings:
    """How the laps are driven: fields of ``EvaluationOptions``, of which None is the folder's."""

    laps: Annotated[int, typer.Option(help="Greedy laps, one after the other.", min=1)] = 5
    resets: Annotated[
        bool,
        typer.Option(
            "--resets/--no-resets",
            help="Put a car that leaves the track back after the penalty, or end its lap.",
        ),
    ] = True
    off_track_penalty: Annotated[
        float, typer.Option(help="Seconds that leaving the track costs.", min=0.0)
    ] = 2.0
    car_version: CarVersion = None
    driving_direction: Direction = None
    start_position: Annotated[
        float, typer.Option(help="Share of the track, 0 to 1, where the first lap starts.")
    ] = 0.0
    round_robin_advance_dist: Annotated[
        float,
        typer.Option(
            "--round-robin",
            help="Share of the track by which each lap starts further on, from a standing start; "
            "with 0 a car drives on after a lap.",
        ),
    ] = 0.0
