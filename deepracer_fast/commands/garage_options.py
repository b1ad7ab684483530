"""The options of ``deepracer-fast garage``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the car that it
asks for. Neighbours: ``cli`` names the command; ``commands.garage`` builds.
"""

from __future__ import annotations

from dataclasses import dataclass

from deepracer_fast.commands.options import Speed, Steering, option


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
