"""Which way a track is driven, in words that hold for every track.

Neighbours: ``config`` and ``evaluate`` keep one; ``Track.runs_backwards`` says what it means there.
"""

import re

DRIVING_DIRECTIONS = ("forward", "reverse", "clockwise", "counter-clockwise")
"""As the route runs, or against it; or round a loop as a console asks for it."""

_OTHER_NAMES = {
    "cw": "clockwise",
    "ccw": "counter-clockwise",
    "counterclockwise": "counter-clockwise",
    "anticlockwise": "counter-clockwise",
    "reversed": "reverse",
    "backwards": "reverse",
}


def direction_meant(said: str) -> str:
    """The direction that a person means; what means none as it was said."""
    plain = re.sub(r"[\W_]+", "", said.casefold())
    return _OTHER_NAMES.get(plain, said.strip().casefold())
