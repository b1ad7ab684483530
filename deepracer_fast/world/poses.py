"""Where cars and objects may be put: on the track and within a kilometre of it.

In: poses as people hand them in. Out: float32 arrays of one shape that an engine takes, or one line
that says what is wrong. Neighbours: ``arrays`` before it, ``simulator`` puts things there.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deepracer_fast.checks.arrays import numbers, within
from deepracer_fast.errors import ActionError
from deepracer_fast.tracks.track import Track

ASTRAY = 1000.0
"""Metres beyond the outermost points of the borders, further than anything drives or is seen."""

LARGEST_ANGLE = 10_000.0
"""Radians, up to which the sines and cosines of the physics are made."""

_ANGLES = (-LARGEST_ANGLE, LARGEST_ANGLE)
_QUARTERS = (-0.5 * math.pi, 0.5 * math.pi)
_WHERE = "m (1 km beyond the track)"

Floats = npt.NDArray[np.float32]


class Reach(NamedTuple):
    """Least and greatest coordinates where something may be put, and what an engine counts from.

    All in metres, in the world's coordinates; the poses that an engine takes are counted from
    ``origin`` (see ``Track.origin``).
    """

    x: tuple[float, float]
    y: tuple[float, float]
    origin: tuple[float, float]

    @classmethod
    def of(cls, track: Track) -> "Reach":
        """Around a track."""
        borders = np.concatenate([track.inner, track.outer])
        low, high = borders.min(axis=0) - ASTRAY, borders.max(axis=0) + ASTRAY
        x, y = zip(low.tolist(), high.tolist(), strict=True)
        return cls(x, y, track.origin)

    def car_poses(
        self, count: int, pose: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Checked x, y, heading and steering, [count] or a number each.

        Raises:
            ActionError: another shape, not numbers, or out of bounds.
        """
        x, y, heading, steering = pose
        return (
            within("x", x, (count,), self.x, _WHERE, self.origin[0]),
            within("y", y, (count,), self.y, _WHERE, self.origin[1]),
            within("heading", heading, (count,), _ANGLES, "rad"),
            within("steering", steering, (count,), _QUARTERS, "rad"),
        )

    def object_poses(
        self, shape: tuple[int, int], location: npt.ArrayLike, heading: npt.ArrayLike
    ) -> tuple[Floats, Floats]:
        """Checked location [n, K, 2] and heading [n, K], or what broadcasts to them.

        Raises:
            ActionError: another shape, not numbers, or out of bounds.
        """
        places = numbers("location", location, error=ActionError)
        yaw = numbers("heading", heading, error=ActionError)
        try:
            places, yaw = np.broadcast_to(places, (*shape, 2)), np.broadcast_to(yaw, shape)
        except ValueError:
            raise ActionError(
                f"location must have shape {(*shape, 2)} and heading {shape}, got "
                f"{places.shape} and {yaw.shape}"
            ) from None
        x = within("location", places[..., 0], shape, self.x, _WHERE, self.origin[0])
        y = within("location", places[..., 1], shape, self.y, _WHERE, self.origin[1])
        return np.stack([x, y], axis=-1), within("heading", yaw, shape, _ANGLES, "rad")
