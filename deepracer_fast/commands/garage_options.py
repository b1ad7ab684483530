"""The options of ``deepracer-fast garage``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the car that it
asks for. Neighbours: ``cli`` has the other commands; ``commands.garage`` builds.
"""

from __future__ import annotations

from typing import Annotated

import typer


def garage(
    name: Annotated[
        str | None,
        typer.Argument(help="Of the car, such as Flash; none lists the cars that are there."),
    ] = None,
    steering: Annotated[
        str | None,
        typer.Option(
            help="Steering angles, deg, left positive: MAX:LEVELS as in the console, or a list, "
            "-30,-10,0,10,30 (default: 30:5)",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            help="Speeds, m/s: MAX:LEVELS as in the console, or a list, 0.5,1,2 (default: 1:3)",
            show_default=False,
        ),
    ] = None,
    actions: Annotated[
        str | None,
        typer.Option(
            help="In place of both, action by action: -30@0.5,0@2,30@0.5", show_default=False
        ),
    ] = None,
    continuous: Annotated[
        bool,
        typer.Option(
            "--continuous",
            help="Any steering and speed from the least to the greatest, not a list of actions.",
        ),
    ] = False,
    sensor: Annotated[
        list[str] | None,
        typer.Option(
            help="camera, stereo, lidar, sector_lidar, discretized_lidar; repeat it for one "
            "camera and a lidar (default: camera)",
            show_default=False,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="3 or 5 for the console's 3- or 5-layer CNN, or deep (default: 3)",
            show_default=False,
        ),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            help="Of the shell: Black, Grey, Blue, Red, Orange, White or Purple (default: any)",
            show_default=False,
        ),
    ] = None,
    car_version: Annotated[
        int | None, typer.Option(help="Car physics, 3 to 6 (default: 5)", min=3, max=6)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Build a car for your models: sensors, network, actions, name and colour.

    It is written to garage/NAME and shown as a table and a picture; what is left out stays as it
    was. Train it by train --metadata garage/NAME.
    """
    from deepracer_fast.commands.garage import run_garage
    from deepracer_fast.files.garage import CarPlan

    plan = CarPlan(
        tuple(sensor or ()), network, steering, speed, actions, continuous, color, car_version
    )
    run_garage(name, plan, as_json)
