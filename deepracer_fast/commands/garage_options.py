"""The options of ``deepracer-fast garage``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the car that it
asks for. Neighbours: ``cli`` names the command; ``commands.garage`` builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from deepracer_fast.commands.options import Speed, Steering


@dataclass(frozen=True)
class CarOptions:
    """Fields of ``CarPlan``; None for what stays as it is."""

    steering: Steering = None
    speed: Speed = None
    actions: Annotated[
        str | None,
        typer.Option(
            help="In place of both, action by action: -30@0.5,0@2,30@0.5", show_default=False
        ),
    ] = None
    continuous: Annotated[
        bool,
        typer.Option(
            "--continuous",
            help="Any steering and speed from the least to the greatest, not a list of actions.",
        ),
    ] = False
    sensors: Annotated[
        list[str] | None,
        typer.Option(
            "--sensor",
            help="camera, stereo, lidar, sector_lidar, discretized_lidar; repeat it for one "
            "camera and a lidar (default: camera)",
            show_default=False,
        ),
    ] = None
    network: Annotated[
        str | None,
        typer.Option(
            help="3 or 5 for the console's 3- or 5-layer CNN, or deep (default: 3)",
            show_default=False,
        ),
    ] = None
    color: Annotated[
        str | None,
        typer.Option(
            help="Of the shell: Black, Grey, Blue, Red, Orange, White or Purple (default: any)",
            show_default=False,
        ),
    ] = None
    car_version: Annotated[
        int | None, typer.Option(help="Car physics, 3 to 6 (default: 5)", min=3, max=6)
    ] = None
