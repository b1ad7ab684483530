"""The options of ``deepracer-fast video``.

In: what the user typed, each option with its unit and default in ``--help``. Out: the film that it
asks for. Neighbours: ``cli`` names the command; ``commands.video`` films.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from deepracer_fast.commands.options import (
    CarVersion,
    Direction,
    RaceFile,
    RaceType,
    Track,
    argument,
    option,
)


@dataclass(frozen=True)
class FilmOptions:
    """What to film; None for what is usual.

    The reward function in a model's folder is somebody's program: it is run only if it is named.
    """

    source: Path = argument(
        "archive, model.pb or model folder to film; or a recorded simtrace CSV.",
        default=MISSING,
        metavar="MODEL|EPISODE",
    )
    output: Path | None = option(
        "The .mp4, .gif or .webp to write, 15 pictures a second (default: SOURCE.mp4, or .gif "
        "where no ffmpeg is found: pip install 'deepracer-fast[video]' brings one)"
    )
    track: Track = None
    seconds: float | None = option("End after so many seconds (default: no limit)", min=0.1)
    episode: int | None = option("Of a recording: which one to show (default: the first)")
    reward: Path | None = option(
        "Of a model: reward_function.py to run and to show; the model folder's own is not run "
        "unless named (default: no reward is shown)"
    )


@dataclass(frozen=True)
class DriveOptions:
    """How a model drives: a recording takes none of these."""

    checkpoint: str | None = option(
        "Of a model folder: best, last, or the number of an iteration (default: best)"
    )
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
