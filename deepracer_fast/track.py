"""A track: the centre line and the two borders of a road, ready to be driven.

In: the name of a bundled track, or a route file ``[N, 6]`` (.npy: centre, inner and outer border,
x and y each, rows in driving direction), as the original's route files and most track editors
have it. Out: an immutable ``Track``. The bundled tracks are drawn from surveyed outlines, 1-2 cm
accurate; a user who has an original route file passes its path instead.

Neighbours: ``tracks/`` holds the outlines; ``simulator.py`` drives on a ``Track``;
``track_picture.py`` draws it.
"""

import difflib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepracer_fast.door import path_of, shown
from deepracer_fast.errors import TrackError
from deepracer_fast.tracks import PREFIX, find_outline, outline_route, outlines

# The largest original track spans 23 m; points further than this from row 0 are not in metres.
MAX_EXTENT = 200.0
# The native core numbers the edges of both borders with 16 bits.
MAX_ROWS = 32_767
# A road narrower than this holds no car (0.2 m wide), so the row is wrong.
MIN_WIDTH = 0.05
# Rows closer together than this are one row: they have no direction.
SAME_POINT = 1e-6

Points = NDArray[np.float64]
Rows = NDArray[np.intp]


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
        inner: border on the inside of a loop ``[N, 2]``, left of an open track.
        outer: the other border ``[N, 2]``.
        is_loop: False for a track with two ends.
    """

    name: str
    title: str
    look: str
    waypoints: Points
    inner: Points
    outer: Points
    is_loop: bool

    def __post_init__(self) -> None:
        for name in ("waypoints", "inner", "outer"):
            points = np.array(getattr(self, name), dtype=np.float64, order="C")
            points.setflags(write=False)
            object.__setattr__(self, name, points)

    @cached_property
    def length(self) -> float:
        """Length of the centre line, metres; what reward params call ``track_length``."""
        return float(np.linalg.norm(np.diff(self.waypoints, axis=0), axis=1).sum())

    @cached_property
    def direction(self) -> str:
        """Driving direction: "counter-clockwise", "clockwise", or "open" where there is none."""
        if not self.is_loop:
            return "open"
        return "counter-clockwise" if _signed_area(self.waypoints) > 0 else "clockwise"

    @cached_property
    def width(self) -> tuple[float, float, float]:
        """Least, mean and greatest width, metres, over the waypoints.

        The width at a point of the centre line is the distance between the points nearest to it
        on the two borders, as reward params have ``track_width`` (markov agent_ctrl/utils.py).
        """
        centre = self.waypoints[:-1] if self.is_loop else self.waypoints
        across = _nearest(centre, self.inner) - _nearest(centre, self.outer)
        widths = np.linalg.norm(across, axis=1)
        return float(widths.min()), float(widths.mean()), float(widths.max())


def track_names() -> list[str]:
    """Names of the bundled tracks, the most used ones first."""
    return list(outlines())


def load_track(name_or_path: str | Path | Track) -> Track:
    """Finds a bundled track, or reads a route file.

    A route whose ends meet or nearly meet is a loop and is closed. Rows that repeat the row
    before are kept, so that waypoint numbers are those of the file and of the service from 2018
    to 2024, whose recordings have them; release 6 of the original drops them (markov
    track_geom/track_data.py). If the inner border of a loop encloses the outer one, the two are
    exchanged.

    Args:
        name_or_path: a name of ``track_names()``; ``random_<number>`` for a made-up track, the same
            for the same number; or the path of a ``.npy`` route ``[N, 6]``. A ``Track`` is
            returned as it is.

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
    if isinstance(name_or_path, str) and (track := _drawn(name_or_path)):
        return track
    path = path_of("a track", name_or_path, TrackError)
    if path.suffix != ".npy" and not path.exists():
        raise TrackError(_unknown_name(str(name_or_path)))
    return _track_from_file(path)


@cache
def _drawn(name: str) -> Track | None:
    outline = find_outline(name)
    if outline is None:
        return None
    centre, inner, outer = np.hsplit(outline_route(outline), 3)
    return Track(name, outline.title, outline.look, centre, inner, outer, is_loop=True)


def _unknown_name(name: str) -> str:
    names = {key.lower(): known for known, o in outlines().items() for key in (known, o.title)}
    matches = difflib.get_close_matches(name.lower(), names, n=3)
    close = ", ".join(dict.fromkeys(names[match] for match in matches))
    hint = f"did you mean {close}? " if close else ""
    if name.startswith(PREFIX):
        hint = f"a made-up track is {PREFIX} and a whole number below 2**63; "
    return (
        f"unknown track {shown(name)}, and no such file; {hint}"
        "run `deepracer-fast tracks` for the names, or give the path of a .npy route"
    )


def _track_from_file(path: Path) -> Track:
    route = _read_route(path)
    rows = _distinct_rows(path, route)
    rows, is_loop = _without_closing_row(path, route, rows)
    _check_borders(path, route, rows, is_loop)
    centre, inner, outer = np.hsplit(route[_kept_rows(len(route), rows, is_loop)], 3)
    if is_loop and abs(_signed_area(inner)) > abs(_signed_area(outer)):
        inner, outer = outer, inner
    known = outlines().get(path.stem)
    title = known.title if known else path.stem
    mean_width = float(np.linalg.norm(inner - outer, axis=1).mean())
    look = known.look if known else _look(path.stem, mean_width)
    return Track(path.stem, title, look, centre, inner, outer, is_loop)


def _kept_rows(num_rows: int, rows: Rows, is_loop: bool) -> Rows:
    """Every row of the file, repeated ones as well: waypoint numbers stay those of the file.

    Only the row that closes a loop is put where it belongs, on row 0.
    """
    if not is_loop:
        return np.arange(num_rows)
    return np.append(np.arange(rows[-1] + 1), 0)


def _look(stem: str, mean_width: float) -> str:
    """The look of an original's family, by what sets it apart (measured on its meshes)."""
    if stem.startswith("reinvent_"):
        return "reinvent"
    # Roads of the 2019 training tracks are 0.60 to 0.67 m wide, all later ones 0.75 m and more.
    return "oval" if mean_width < 0.70 else "speedway"


def _read_route(path: Path) -> Points:
    """The file's array ``[N, 6]`` float64, all values finite and close together."""
    must_be = "a route must be a .npy array of numbers"
    remedy = "write it with numpy.save(path, route.astype(float))"
    try:
        with path.open("rb") as file:
            route = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise TrackError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, MemoryError) as error:
        raise TrackError(f"{path}: {must_be}, found: {error or 'nothing'}; {remedy}") from None
    if route.dtype.kind not in "fiu":
        raise TrackError(f"{path}: {must_be}, found {route.dtype}; {remedy}")
    if route.ndim != 2 or route.shape[1] != 6:
        raise TrackError(
            f"{path}: a route must have shape (N, 6), centre, inner and outer border with x and y "
            f"each, found {route.shape}"
        )
    if len(route) > MAX_ROWS:
        raise TrackError(f"{path}: a route must have at most {MAX_ROWS} rows, found {len(route)}")
    route = route.astype(np.float64)
    for row, column in np.argwhere(~np.isfinite(route))[:1]:
        raise TrackError(
            f"{path}: row {row}: every value must be finite, found {route[row, column]} in column "
            f"{column}"
        )
    for row, column in np.argwhere(np.abs(route / MAX_EXTENT - route[:1] / MAX_EXTENT) > 1)[:1]:
        raise TrackError(
            f"{path}: row {row}: every point must lie within {MAX_EXTENT:g} m of row 0, found "
            f"{abs(route[row, column] - route[0, column]):g} in column {column}; coordinates must "
            "be in metres"
        )
    return route


def _distinct_rows(path: Path, route: Points) -> Rows:
    """Numbers of the rows whose centre is not that of the row before."""
    steps = np.linalg.norm(np.diff(route[:, :2], axis=0), axis=1)
    rows = np.flatnonzero(np.append(True, steps > SAME_POINT)[: len(route)])
    if len(rows) < 3:
        raise TrackError(
            f"{path}: a route needs 3 or more rows with different centres, found {len(rows)}"
        )
    return rows


def _without_closing_row(path: Path, route: Points, rows: Rows) -> tuple[Rows, bool]:
    """The rows of a loop once each, or those of an open track; and whether it is a loop.

    The ends of a straight line of 3 or more rows are at least two typical spacings apart, so a
    gap of up to one and a half is that of a loop which nobody closed.
    """
    centre = route[rows, :2]
    spacing = float(np.median(np.linalg.norm(np.diff(centre, axis=0), axis=1)))
    gap = float(np.linalg.norm(centre[-1] - centre[0]))
    if gap > 1.5 * spacing:
        return rows, False
    if gap <= 0.01 * spacing:
        rows = rows[:-1]
    if len(rows) < 3:
        raise TrackError(f"{path}: a loop needs 3 or more different rows, found {len(rows)}")
    return rows, True


def _check_borders(path: Path, route: Points, rows: Rows, is_loop: bool) -> None:
    """Refuses a row whose road has no width, misses the centre line or is turned over."""
    centre, inner, outer = np.hsplit(route[rows], 3)
    across = inner - outer
    width = np.linalg.norm(across, axis=1)
    for bad in np.flatnonzero(width < MIN_WIDTH)[:1]:
        raise TrackError(
            f"{path}: row {rows[bad]}: the borders must be {MIN_WIDTH} m or more apart, found "
            f"{width[bad]:.3f} m"
        )
    share = np.sum((centre - outer) * across, axis=1) / width**2
    for bad in np.flatnonzero((share <= 0) | (share >= 1))[:1]:
        raise TrackError(
            f"{path}: row {rows[bad]}: the centre must lie between the borders, found it beyond "
            f"the {'inner' if share[bad] >= 1 else 'outer'} one; columns must be centre x y, "
            "inner x y, outer x y"
        )
    if is_loop:
        forward = np.roll(centre, -1, axis=0) - np.roll(centre, 1, axis=0)
    else:
        forward = np.gradient(centre, axis=0)
    inner_is_left = forward[:, 0] * across[:, 1] - forward[:, 1] * across[:, 0] > 0
    usual = inner_is_left.mean() > 0.5
    for bad in np.flatnonzero(inner_is_left != usual)[:1]:
        side, other = ("left", "right") if usual else ("right", "left")
        raise TrackError(
            f"{path}: row {rows[bad]}: the inner border must stay on one side, {side} of the "
            f"driving direction as in most rows, found it on the {other}; exchange inner and outer "
            "there, or put the rows in driving order"
        )


def _signed_area(ring: Points) -> float:
    """Area within a closed ring whose last row repeats its first, m^2; below 0 if clockwise."""
    x, y = ring.T
    return float(0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _nearest(points: Points, line: Points) -> Points:
    """The point of the polyline ``line`` [N, 2] that is nearest to each of ``points`` [P, 2]."""
    start, step = line[:-1], np.diff(line, axis=0)
    squared = np.maximum(np.sum(step**2, axis=1), np.finfo(np.float64).tiny)
    along = np.sum((points[:, None] - start) * step, axis=2) / squared
    feet = start + np.clip(along, 0.0, 1.0)[..., None] * step
    nearest = np.argmin(np.sum((points[:, None] - feet) ** 2, axis=2), axis=1)
    return np.asarray(feet[np.arange(len(points)), nearest])
