"""The options of ``deepracer-fast evaluate``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the laps that it
asks for. Neighbours: ``cli`` names the command; ``commands.evaluate`` drives.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from deepracer_fast.commands.options import (
    CarVersion,
    Direction,
    RaceFile,
    RaceType,
    argument,
    option,
)


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
        "Of model folders: best, last, the number of an iteration, or all; repeat it for several "
        "(default: best)"
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
