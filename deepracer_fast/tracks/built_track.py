"""What the native core builds of a track, once for all the simulators that drive there.

In: a :class:`~deepracer_fast.tracks.track.Track`. Out: the core's road and painted ground.
Neighbours: ``track`` before it, ``simulator`` behind it.
"""

import weakref
from dataclasses import dataclass

from deepracer_fast import _core
from deepracer_fast.tracks.track import Track


@dataclass(frozen=True)
class BuiltTrack:
    """It never changes."""

    road: _core.Track
    ground: _core.Ground


_built: "weakref.WeakValueDictionary[Track, BuiltTrack]" = weakref.WeakValueDictionary()


def built(track: Track) -> BuiltTrack:
    """Built once for as long as a simulator drives there."""
    found = _built.get(track)
    if found is None:
        near = track.local
        lines = (near.waypoints, near.inner, near.outer, near.is_loop)
        road = _core.Track(*lines, near.rows_stand_opposite)
        found = _built[track] = BuiltTrack(road, _core.Ground(*near.ribbon))
    return found
