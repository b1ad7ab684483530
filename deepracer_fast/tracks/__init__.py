"""The bundled tracks, and made-up ones.

In: ``outlines.json``, 18 tracks as control points on the centre line (metres, in driving
direction, closed) with the road's width. They are surveyed outlines, 1-2 cm accurate, not the
original's route files. Out: outlines by name; ``outline`` draws their roads.

Neighbour: ``deepracer_fast/track.py`` turns a route, from here or from a file, into a ``Track``.
"""

import json
from functools import cache
from importlib import resources

from deepracer_fast.errors import TrackError
from deepracer_fast.tracks.outline import Outline, outline_route, without_loops
from deepracer_fast.tracks.random_outline import LOOKS, PREFIX, random_outline

__all__ = ["LOOKS", "Outline", "find_outline", "outline_route", "outlines", "without_loops"]

_MAX_DIGITS = 50  # the name becomes one of folders and files


@cache
def outlines() -> dict[str, Outline]:
    """All bundled tracks by name, the most used ones first."""
    text = (resources.files(__name__) / "outlines.json").read_text(encoding="utf-8")
    return {
        name: Outline(
            name=name,
            title=entry["title"],
            look=entry["look"],
            width=entry["width"],
            control_points=tuple((x, y) for x, y in entry["control_points"]),
        )
        for name, entry in json.loads(text).items()
    }


def find_outline(name: str) -> Outline | None:
    """The bundled track of that name, or the made-up one if it is ``random_<number>``.

    Raises:
        TrackError: the number has more digits than a name should.
    """
    number = name.removeprefix(PREFIX)
    if name != number and number.isascii() and number.isdigit():
        if len(number) > _MAX_DIGITS:
            raise TrackError(
                f"the number of a made-up track must have at most {_MAX_DIGITS} digits, got "
                f"{len(number)}"
            )
        return random_outline(int(number))
    return outlines().get(name)
