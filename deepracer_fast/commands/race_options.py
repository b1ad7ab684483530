"""The options of ``deepracer-fast race``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the race that it
asks for. Neighbours: ``cli`` names the command; ``commands.race`` lets the models race.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepracer_fast.commands.options import CarVersion, Checkpoint, argument, option


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
