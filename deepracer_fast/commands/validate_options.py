"""The options of ``deepracer-fast validate``.

In: what the user typed, each option with its default in ``--help``. Out: what is to be tried.
Neighbours: ``cli`` names the command; ``commands.validate`` tries it.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from deepracer_fast.commands.options import EXAMPLES, AsJson, argument, option


@dataclass(frozen=True)
class ValidateOptions:
    """What is to be tried, on what, and what becomes of it; None for what is usual."""

    reward: Path = argument(f"reward_function.py, or an example: {EXAMPLES}.", default=MISSING)
    track: str = option("Bundled track, or path of a route .npy.", default="reinvent_base")
    metadata: Path | None = option(
        "model_metadata.json, whose actions drive (default: the lab's 15 actions)"
    )
    race_type: str | None = option(
        "TIME_TRIAL, OBJECT_AVOIDANCE, HEAD_TO_BOT or HEAD_TO_MODEL (default: TIME_TRIAL, and the "
        "two after it where the function minds objects)"
    )
    png: Path | None = option(
        "Draw the reward over the track, by speed and steering, to this file."
    )
    as_json: AsJson = False
