"""Which way a track is driven, in words that hold for every track.

Neighbours: ``config`` and ``evaluate`` keep one; ``Track.runs_backwards`` says what it means there.
"""

DRIVING_DIRECTIONS = ("forward", "reverse", "clockwise", "counter-clockwise")
"""As the route runs, or against it; or round a loop as a console asks for it."""
