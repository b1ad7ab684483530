"""A track: the centre line and the two borders of a road, ready to be driven.

In: the name of a bundled track, or a route file (``route_file.py``). Out: an immutable ``Track``.
The bundled tracks are drawn from surveyed outlines, 1-2 cm accurate; a user who has an original
route file passes its path instead.

Neighbours: ``tracks/`` holds the outlines, ``borders`` knows what stands opposite what;
``simulator.py`` drives on a ``Track``; ``pictures/track.py`` draws it.
"""

import difflib
import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.checks.arrays import numbers
from deepracer_fast.checks.values import instance, one_of, path_of, shown, text, truth
from deepracer_fast.errors import TrackError
from deepracer_fast.files.atomic import atomic_write_bytes
from deepracer_fast.tracks import route_file
from deepracer_fast.tracks.borders import nearest_points, rungs, signed_area, stand_opposite
from deepracer_fast.tracks.bundled import find_outline, names_meant, outlines
from deepracer_fast.tracks.driving_direction import DRIVING_DIRECTIONS
from deepracer_fast.tracks.outline import outline_route
from deepracer_fast.tracks.random_outline import LOOKS, PREFIX
from deepracer_fast.tracks.route_file import MAX_COORDINATE, MAX_ROWS

CENTRED = 0.02  # m between a road's middle and a whole metre; no measure that is not made to be
_ROUNDING = 1e-6  # m, of coordinates that were moved far away and back
_MAX_NAME = 100  # characters; it becomes part of names of files and folders

Points = NDArray[np.float64]


class Ribbon(NamedTuple):
    """A road as painters need it, ``[N, 2]`` and ``[M, 2]``.

    Points of the same number on the two borders stand opposite each other, the first ones beside
    the first waypoint; ``waypoints`` may be another number.
    """

    waypoints: Points
    inner: Points
    outer: Points
    is_loop: bool
    look: str


@dataclass(frozen=True, eq=False)
class Track:
    """A road, in metres in the world frame, x to the right and y up.

    Attributes:
        name: what ``load_track`` finds it by, or the file's stem.
        title: the name that people know it by.
        look: colours and lines: "reinvent" (re:Invent 2018: navy road, lines inside the borders),
            "oval" (2019 training tracks: grey road, lines outside the borders) or "speedway"
            (2019 onwards: grey road, lines inside the borders).
        waypoints: centre line ``[N, 2]`` float64 in driving direction; a loop's last row repeats
            its first. Read-only, like the borders.
        inner: border on the inside of a loop ``[N, 2]``, left of an open track. It may be sampled
            on its own: its rows need not stand opposite the waypoints.
        outer: the other border ``[N, 2]``.
        is_loop: False for a track with two ends.

    Raises:
        TrackError: a field is of another kind, or the core can build no road of the lines: they
            have not as many rows each, too few or too many of them, numbers that are not finite or
            too large, points too far apart, or a loop's ends are.
    """

    name: str
    title: str
    look: str
    waypoints: Points = field(repr=False)
    inner: Points = field(repr=False)
    outer: Points = field(repr=False)
    is_loop: bool

    def __post_init__(self) -> None:
        text("name", self.name, TrackError)
        text("title", self.title, TrackError)
        one_of("look", self.look, LOOKS, TrackError)
        object.__setattr__(self, "is_loop", truth("is_loop", self.is_loop, TrackError))
        for name in ("waypoints", "inner", "outer"):
            points = self._checked(name)
            points.setflags(write=False)
            object.__setattr__(self, name, points)
        if not np.any(self.waypoints != self.waypoints[0]):
            raise TrackError("waypoints must have two or more different points, found one")
        lines = (self.waypoints, self.inner, self.outer)
        centre, inner, outer = (line - self.origin for line in lines)
        try:
            _core.check_track(centre, inner, outer, self.is_loop)
        except ValueError as error:
            raise TrackError(f"track {self.name!r}: {error}") from None

    def _checked(self, name: str) -> Points:
        """A copy of one line."""
        points = np.array(numbers(name, getattr(self, name), np.float64, TrackError), order="C")
        if points.ndim != 2 or points.shape[1] != 2 or not 2 <= len(points) <= MAX_ROWS:
            raise TrackError(
                f"{name} must have shape (N, 2), N from 2 to {MAX_ROWS}, found {points.shape}"
            )
        for rule, holds in (
            ("be finite", np.isfinite(points)),
            (f"lie within {MAX_COORDINATE:g} m of the origin", np.abs(points) <= MAX_COORDINATE),
        ):
            for row in np.flatnonzero(~holds.all(axis=1))[:1].tolist():
                raise TrackError(f"{name} must {rule}, found {points[row].tolist()} in row {row}")
        return points

    @cached_property
    def length(self) -> float:
        """Length of the centre line, metres; what reward params call ``track_length``."""
        return float(np.linalg.norm(np.diff(self.waypoints, axis=0), axis=1).sum())

    @cached_property
    def direction(self) -> str:
        """Driving direction: "counter-clockwise", "clockwise", or "open" where there is none."""
        if not self.is_loop:
            return "open"
        return "counter-clockwise" if signed_area(self.waypoints) > 0 else "clockwise"

    def runs_backwards(self, driving_direction: str) -> bool:
        """Whether who drives that way drives the route from its end to its beginning.

        Args:
            driving_direction: one of ``DRIVING_DIRECTIONS``.

        Raises:
            TrackError: it goes round, and the track has two ends.
        """
        one_of("driving_direction", driving_direction, DRIVING_DIRECTIONS, TrackError)
        if driving_direction in ("forward", "reverse"):
            return driving_direction == "reverse"
        if not self.is_loop:
            raise TrackError(
                f"track {self.name!r} has two ends, and nobody drives it {driving_direction}: "
                "choose forward or reverse"
            )
        return driving_direction != self.direction

    @cached_property
    def width(self) -> tuple[float, float, float]:
        """Least, mean and greatest width, metres, over the waypoints.

        The width at a point of the centre line is the distance between the points nearest to it
        on the two borders, as reward params have ``track_width`` (markov agent_ctrl/utils.py).
        """
        centre = self.waypoints[:-1] if self.is_loop else self.waypoints
        inner, outer = (feet[: len(centre)] for feet in self.beside)
        widths = np.linalg.norm(inner - outer, axis=1)
        return float(widths.min()), float(widths.mean()), float(widths.max())

    @cached_property
    def beside(self) -> tuple[Points, Points]:
        """The points of the inner and outer border nearest to each waypoint, ``[N, 2]`` each."""
        inner, outer = (nearest_points(self.waypoints, line) for line in (self.inner, self.outer))
        return inner, outer

    @cached_property
    def rows_stand_opposite(self) -> bool:
        """Whether rows of the same number are a cut across the road, as in most route files."""
        return stand_opposite(self.waypoints, self.inner, self.outer)

    @cached_property
    def ribbon(self) -> Ribbon:
        """The road as painters need it."""
        inner, outer = self.inner, self.outer
        if not self.rows_stand_opposite:
            inner, outer = rungs(self.waypoints, inner, outer, self.is_loop)
        return Ribbon(self.waypoints, inner, outer, self.is_loop, self.look)

    @cached_property
    def origin(self) -> tuple[float, float]:
        """The point that simulators count from, whole metres: near the road's lower left corner.

        Of a road that is laid out about a middle it is that middle. So a road drives the same
        wherever it lies, bit by bit where it was moved by whole metres, and float32 tells
        micrometres apart. What simulators are told and what they say is in the world's coordinates
        all the same.
        """
        everything = np.vstack([self.inner, self.outer])
        low, high = everything.min(axis=0), everything.max(axis=0)
        middle = (low + high) / 2
        is_centred = bool(np.all(np.abs(middle - np.round(middle)) < CENTRED))
        x, y = np.round(middle) if is_centred else np.floor(low + _ROUNDING)
        return float(x), float(y)

    @cached_property
    def local(self) -> "Track":
        """The same road counted from its origin."""
        if self.origin == (0.0, 0.0):
            return self
        lines = {
            name: getattr(self, name) - self.origin for name in ("waypoints", "inner", "outer")
        }
        return replace(self, **lines)

    @cached_property
    def digest(self) -> str:
        """A name for the road's geometry, hexadecimal: the same wherever its file lies."""
        content = hashlib.sha256(b"loop" if self.is_loop else b"open")
        for line in (self.waypoints, self.inner, self.outer):
            content.update(len(line).to_bytes(8, "little"))
            content.update((line + 0.0).astype("<f8").tobytes())  # -0.0 is 0.0
        return content.hexdigest()


def route_bytes(track: Track) -> bytes:
    """The content of a route file that ``load_track`` reads back to the very same track.

    It is an ``.npy`` array ``[N, 6]`` as the original's routes are, with a line of JSON behind it
    that holds name, title and look, and that other readers leave alone.

    Raises:
        TrackError: the track's borders have another number of rows than its centre line.
    """
    instance("track", track, Track, TrackError, "load_track")
    record = route_file.RouteRecord(track.name, track.title, track.look, track.is_loop)
    lines = (track.waypoints, track.inner, track.outer)
    return route_file.route_bytes(route_file.Route(*lines, track.is_loop, record))


def save_route(track: Track, path: str | Path) -> None:
    """Writes a track as a route file; an existing one is replaced.

    Raises:
        TrackError: see `route_bytes`.
        OSError: the file cannot be written.
    """
    content = route_bytes(track)
    atomic_write_bytes(path_of("the path of a route", path, TrackError), content)


def track_names() -> list[str]:
    """Names of the bundled tracks, the most used ones first."""
    return list(outlines())


def load_track(name_or_path: str | Path | Track) -> Track:
    """Finds a bundled track, or reads a route file (`route_file` says which forms there are).

    A route whose ends meet or nearly meet is a loop and is closed. Rows that repeat the row
    before are kept, so that waypoint numbers are those of the file and of the service from 2018
    to 2024, whose recordings have them; release 6 of the original drops them (markov
    track_geom/track_data.py). If the inner border of a loop encloses the outer one, the two are
    exchanged.

    Args:
        name_or_path: a name of ``track_names()``, or one that people know such a track by (see
            `track_name`); ``random_<number>`` for a made-up track, the same for the same number;
            or the path of a ``.npy`` route, ``[N, 6]`` or ``[N, 3]``. A ``Track`` is returned as it
            is.

    Raises:
        TrackError: the name is unknown, or the route cannot be driven; names file and row
            (counted from 0).
    """
    if isinstance(name_or_path, Track):
        return name_or_path
    if not isinstance(name_or_path, str | Path):
        raise TrackError(
            f"a track must be a name or the path of a .npy route, got {shown(name_or_path)}; "
            "run `deepracer-fast tracks` for the names"
        )
    if isinstance(name_or_path, str):
        if track := _drawn(track_name(name_or_path)):
            return track
        if name_or_path.startswith(PREFIX) and not name_or_path.endswith(".npy"):
            raise TrackError(_unknown_name(name_or_path))
    path = path_of("a track", name_or_path, TrackError)
    if path.suffix != ".npy" and not os.path.exists(path):
        raise TrackError(_unknown_name(str(name_or_path)))
    return _track_from_file(path)


def track_name(name: str) -> str:
    """The bundled track that a person means; any other name, or a path, as it is.

    "Oval", "oval track" and "OVAL_TRACK" mean Oval_track, and "re:Invent 2018" reinvent_base. A
    file of that name goes before, and a name that fits several tracks means none.
    """
    if name.startswith(PREFIX) or find_outline(name) or os.path.exists(name):
        return name
    meant = names_meant(name)
    return meant[0] if len(meant) == 1 else name


@cache
def _drawn(name: str) -> Track | None:
    outline = find_outline(name)
    if outline is None:
        return None
    centre, inner, outer = np.hsplit(outline_route(outline), 3)
    return Track(name, outline.title, outline.look, centre, inner, outer, is_loop=True)


def _unknown_name(name: str) -> str:
    names = {key.lower(): known for known, o in outlines().items() for key in (known, o.title)}
    matches = difflib.get_close_matches(name.lower()[:_MAX_NAME], names, n=3)
    close = ", ".join(dict.fromkeys([*names_meant(name), *(names[match] for match in matches)]))
    hint = f"did you mean {close}? " if close else ""
    if name.startswith(PREFIX):
        hint = f"a made-up track is {PREFIX} and a whole number below 2**63; "
    return (
        f"unknown track {shown(name)}, and no such file; {hint}"
        "run `deepracer-fast tracks` for the names, or give the path of a .npy route"
    )


def _track_from_file(path: Path) -> Track:
    route = route_file.read_route(path)
    lines = (route.centre, route.inner, route.outer)
    if route.record is not None:
        name, title = _file_name(route.record.name), route.record.title
        title = "".join(c if c.isprintable() else " " for c in title)[:_MAX_NAME]
        return Track(name, title, route.record.look, *lines, route.is_loop)
    known = outlines().get(path.stem)
    name = _file_name(path.stem)
    title = known.title if known else name
    look = known.look if known else _look(path.stem, route_file.mean_width(route))
    return Track(name, title, look, *lines, route.is_loop)


def _file_name(stem: str) -> str:
    """A track's name: part of names of files and folders, so without what those cannot have."""
    safe = "".join(c if c.isprintable() and c not in _NOT_IN_NAMES else "_" for c in stem)
    return safe[:_MAX_NAME].strip(". ") or "track"


_NOT_IN_NAMES = '/\\:*?"<>|'  # on some system


def _look(stem: str, mean_width: float) -> str:
    """The look of an original's family, by what sets it apart (measured on its meshes)."""
    if stem.startswith("reinvent_"):
        return "reinvent"
    # Roads of the 2019 training tracks are 0.60 to 0.67 m wide, all later ones 0.75 m and more.
    return "oval" if mean_width < 0.70 else "speedway"
