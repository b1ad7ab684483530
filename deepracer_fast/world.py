"""What the native core builds of a track, once for all the simulators that drive there.

In: a :class:`~deepracer_fast.track.Track`. Out: the core's road and painted ground. Neighbours:
``track`` before it, ``simulator`` behind it.
"""

import weakref
from dataclasses import dataclass

from deepracer_fast import _core
from deepracer_fast.errors import TrackError
from deepracer_fast.track import Track


@dataclass(frozen=True)
class World:
    """It never changes."""

    track: _core.Track
    ground: _core.Ground


_worlds: "weakref.WeakValueDictionary[Track, World]" = weakref.WeakValueDictionary()


def world_of(track: Track) -> World:
    """Built once for as long as a simulator drives there."""
    world = _worlds.get(track)
    if world is None:
        road = track.local
        lines = (road.waypoints, road.inner, road.outer, road.is_loop)
        world = _worlds[track] = World(
            _core.Track(*lines, road.rows_stand_opposite), _core.Ground(*road.ribbon)
        )
    return world


def check_lines(track: Track) -> None:
    """Refuses a track of which no engine can build anything.

    Raises:
        TrackError: too few points, lines of different lengths, coordinates that are not finite or
            too far apart, or an unknown look.
    """
    try:
        road = track.local
        _core.check_track(road.waypoints, road.inner, road.outer, road.is_loop)
        _core.look(track.look)
    except (TypeError, ValueError) as error:
        raise TrackError(f"track {track.name!r}: {error}") from None
