"""The options of ``deepracer-fast race``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the race that it
asks for. Neighbours: ``cli`` names the command; ``commands.race`` lets the models race.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deepracer_fast.commands.options import CarVersion, Checkpoint


@dataclass(frozen=True)
class RankedRules:
    """Fields of ``RankedRace``; None for what its file says, or what is usual."""

    track: Annotated[
        str | None,
        typer.Option(
            help="Bundled track, or path of a route .npy (default: reinvent_base)",
            show_default=False,
        ),
    ] = None
    laps: Annotated[
        int | None, typer.Option(help="Laps of a submission, one after the other (default: 3)")
    ] = None
    ranking: Annotated[
        str | None,
        typer.Option(help="best-lap, average-lap or total-time (default: best-lap)"),
    ] = None
    minimum_laps: Annotated[
        int | None,
        typer.Option(
            help="Laps in a row to be ranked, which average-lap averages (default: 1 by best-lap, "
            "otherwise all)"
        ),
    ] = None
    resets: Annotated[
        int | None,
        typer.Option(help="Times that a car is put back before its lap is given up (default: 100)"),
    ] = None
    off_track_penalty: Annotated[
        float | None, typer.Option(help="Seconds that leaving the track costs (default: 2)")
    ] = None
    car_version: CarVersion = None
    driving_direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            help="Driving direction: forward, as the track runs, reverse, clockwise or "
            "counter-clockwise (default: forward)",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True)
class Racers:
    """Who races, on what road, and where it is written down.

    Without ``models`` the leaderboard is shown. ``name`` has one each, or is taken from the paths.
    """

    models: Annotated[
        list[Path] | None,
        typer.Argument(help="archive, model.pb or model folders; none shows the leaderboard."),
    ] = None
    race_type: Annotated[
        str | None,
        typer.Option(
            help="TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT, or HEAD_TO_MODEL, in which the models "
            "meet (default: TIME_TRIAL, or what --config says)",
            show_default=False,
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            help="config.toml whose [race] table says what else is on the road",
            show_default=False,
        ),
    ] = None
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name on the leaderboard, once a model (default: from its path)",
            show_default=False,
        ),
    ] = None
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            help="File of the race; what it holds need not be said again (default: "
            "leaderboards/TRACK-RANKING.json)",
            show_default=False,
        ),
    ] = None
    checkpoint: Checkpoint = "best"
