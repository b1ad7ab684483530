"""The options of ``deepracer-fast replay``.

In: what the user typed, each option with its default in ``--help``. Out: how to replay.
Neighbours: ``cli`` names the command; ``commands.replay`` replays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepracer_fast.commands.options import AsJson, CarVersion, option


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
