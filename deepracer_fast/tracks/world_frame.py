"""Between the world's coordinates and those that the engines count in.

In: a track's origin and the arrays of an engine, float32 and counted from there. Out: the same
places in the world's coordinates: the engine's own arrays where both have one origin, others
elsewhere. Far away, as in UTM coordinates, float32 has no millimetres, and these are float64.
Neighbours: ``track`` chooses the origin, ``simulator`` asks.
"""

from collections.abc import Mapping

import numpy as np

from deepracer_fast.checks.arrays import Array

_PLACES = ("x", "y", "objects_location")
"""The columns of params that hold places."""

_NEAR = 256.0  # m, up to which float32 tells hundredths of a millimetre apart


class WorldFrame:
    """The frame of one simulator.

    Args:
        origin: x and y of what the engine calls (0, 0), metres.

    Attributes:
        is_elsewhere: it is not the world's own (0, 0).
    """

    def __init__(self, origin: tuple[float, float]) -> None:
        self.is_elsewhere = origin != (0.0, 0.0)
        self._origin = np.array(origin)
        self._type = np.float32 if max(map(abs, origin)) <= _NEAR else np.float64
        # Arrays: a plain number would be added in float32.
        self._shifts = {"x": self._origin[:1], "y": self._origin[1:]}
        self._pairs: list[tuple[Array, Array, Array]] = []

    def columns(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """The engine's columns, those that hold places in world coordinates.

        Where they are arrays of their own, `refresh` fills them.
        """
        seen = dict(params)
        if not self.is_elsewhere:
            return seen
        for name in _PLACES:
            if name in params:
                own = np.zeros(params[name].shape, self._type)
                seen[name] = own.view()
                seen[name].setflags(write=False)
                self._pairs.append((params[name], own, self._shifts.get(name, self._origin)))
        self.refresh()
        return seen

    def refresh(self) -> None:
        """Copies what the engine has now."""
        for inside, own, shift in self._pairs:
            np.add(inside, shift, out=own, casting="same_kind")

    def outwards(self, poses: Array) -> Array:
        """The engine's poses [..., 2 or more], x and y first, in world coordinates."""
        if not self.is_elsewhere:
            return poses
        shifted = poses.astype(np.float64)
        shifted[..., :2] += self._origin
        return shifted.astype(self._type)
