"""A route file: the lines of a road as ``.npy``, read and written.

In: a path. Out: a ``Route``, the three lines of a road that can be driven. Three forms are read:
``[N, 6]``, centre, inner and outer border with x and y each, as the original's files have it;
``[N, 3]``, centre line and the road's width, from which the borders are made; and what
``route_bytes`` writes, which is the first form with one line of JSON behind the array: whatever
reads ``.npy`` files leaves that alone, and here it brings back the very same track.

Each of the three lines may be sampled on its own. Neighbours: ``file_reading`` opens the file,
``array_file`` takes it apart, ``track`` makes a ``Track`` of a route.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from deepracer_fast.checks.array_file import ArrayFileError, read_numbers
from deepracer_fast.checks.file_reading import opened, refusing
from deepracer_fast.errors import TrackError
from deepracer_fast.tracks import borders
from deepracer_fast.tracks.outline import without_loops
from deepracer_fast.tracks.random_outline import LOOKS

# The largest original track spans 23 m; points further than this from row 0 are not in metres.
MAX_EXTENT = 200.0
# Float64 holds no tenth of a micrometre beyond; the Earth is 40,000 km round.
MAX_COORDINATE = 1e8
# The native core numbers the edges of both borders with 16 bits.
MAX_ROWS = 32_767
# Wider than any road that a car of 0.2 m drives on.
MAX_WIDTH = 20.0
# Rows closer together than this are one row: they have no direction.
SAME_POINT = 1e-6

_KEY = "deepracer_fast_track"
_MAX_RECORD = 4096  # bytes behind the array
_FORMS = (
    "a route must have shape (N, 6), centre, inner and outer border with x and y each, or (N, 3), "
    "centre and the road's width in metres"
)
_WIDTH_ADVICE = (
    "to a centre line add the road's width: numpy.save('track.npy', "
    "numpy.column_stack([points, numpy.full(len(points), 0.8)]))"
)

Points = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class RouteRecord:
    """What the lines of a track don't tell; see ``Track`` for the fields."""

    name: str
    title: str
    look: str
    is_loop: bool


@dataclass(frozen=True)
class Route:
    """The lines of a road ``[N, 2]``, a loop's last row its first; record: None if it has none."""

    centre: Points
    inner: Points
    outer: Points
    is_loop: bool
    record: RouteRecord | None = None


def read_route(path: Path) -> Route:
    """Reads a route file.

    Raises:
        TrackError: it is none, or the road cannot be driven; names file and row (from 0).
    """
    with opened(path, TrackError) as file, refusing(str(path), "must be a route", TrackError):
        values, record = _read(path, file)
    _check_values(path, values)
    if record is not None:
        return _as_written(path, values, record)
    rows = _distinct_rows(path, values)
    rows, is_loop = _without_closing_row(path, values, rows)
    centre = _kept(values[:, :2], rows, is_loop)
    if values.shape[1] == 3:
        inner, outer = _borders_of(centre, _kept(values[:, 2:], rows, is_loop)[:, 0], is_loop)
    else:
        lines = (values[:, 2:4], values[:, 4:])
        inner, outer = (_border(centre, line, rows, is_loop) for line in lines)
    _check_borders(path, centre, inner, outer)
    if is_loop and abs(borders.signed_area(inner)) > abs(borders.signed_area(outer)):
        inner, outer = outer, inner
    return Route(centre, inner, outer, is_loop)


def route_bytes(route: Route) -> bytes:
    """The content of a route file that reads back to the same lines and record.

    Raises:
        TrackError: the lines differ in their numbers of rows.
    """
    if not len(route.centre) == len(route.inner) == len(route.outer):
        raise TrackError(
            "a route file needs as many rows of each line, found "
            f"{len(route.centre)}, {len(route.inner)} and {len(route.outer)}"
        )
    buffer = io.BytesIO()
    np.save(buffer, np.hstack([route.centre, route.inner, route.outer]))
    if route.record is not None:
        buffer.write(json.dumps({_KEY: asdict(route.record)}).encode() + b"\n")
    return buffer.getvalue()


def _read(path: Path, file: BinaryIO) -> tuple[Points, RouteRecord | None]:
    """The array float64, [N, 6] or [N, 3], and the record behind it if there is one."""
    try:
        array = read_numbers(file, lambda shape: _check_shape(path, shape))
        behind = file.read(_MAX_RECORD + 1)
    except ArrayFileError as error:
        _refuse(path, file, str(error))
    # Wider than float64: it becomes infinite; a signalling NaN: it is one. Both are refused.
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float64), _record(path, behind)


def _refuse(path: Path, file: BinaryIO, found: str) -> NoReturn:
    must_be = "a route must be a .npy array of numbers"
    remedy = "write it with numpy.save(path, route.astype(float))"
    if found == "text":
        file.seek(0)
        remedy = _text_remedy(path, file.readline(1000))
    elif found.startswith("a Git LFS pointer"):
        raise TrackError(f"{path}: {must_be}, found {found}") from None
    raise TrackError(f"{path}: {must_be}, found {found}; {remedy}") from None


def _text_remedy(path: Path, line: bytes) -> str:
    """How a table becomes a route, by the number of values in its first line."""
    separator = next((each for each in (b",", b";", b"\t") if each in line), b" ")
    columns = len([value for value in line.strip().split(separator) if value])
    stem = path.stem
    header = "" if _is_number(line.split(separator)[0]) else ", skiprows=1"
    convert = (
        f"numpy.save('{stem}.npy', numpy.loadtxt('{path.name}'"
        + {b" ": "", b"\t": ""}.get(separator, f", delimiter='{separator.decode()}'")
        + f"{header}))"
    )
    if columns == 2:
        return f"these may be points of a centre line; {_WIDTH_ADVICE}"
    if columns in (3, 6):
        return f"{_FORMS}: convert it with {convert}"
    return f"{_FORMS}, and this text has {columns} in its first line; {_WIDTH_ADVICE}"


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[1] not in (3, 6):
        advice = f"; {_WIDTH_ADVICE}" if len(shape) == 2 and shape[1] in (2, 4) else ""
        raise TrackError(f"{path}: {_FORMS}, found {shape}{advice}")
    if shape[0] > MAX_ROWS:
        raise TrackError(f"{path}: a route must have at most {MAX_ROWS} rows, found {shape[0]}")


def _record(path: Path, behind: bytes) -> RouteRecord | None:
    """What ``route_bytes`` wrote behind the array; None for anything else, as NumPy leaves it."""
    if not behind.startswith(f'{{"{_KEY}"'.encode()):
        return None
    damaged = TrackError(f"{path}: what follows the array is damaged")
    try:
        fields = json.loads(behind)[_KEY] if len(behind) <= _MAX_RECORD else None
    except (ValueError, RecursionError, TypeError, KeyError):
        raise damaged from None
    kinds = {"name": str, "title": str, "look": str, "is_loop": bool}
    if not isinstance(fields, dict) or {k: type(v) for k, v in fields.items()} != kinds:
        raise damaged
    if fields["look"] not in LOOKS:
        raise damaged
    return RouteRecord(**fields)


def _check_values(path: Path, values: Points) -> None:
    """All of them finite, in metres and close together."""
    for rule, bad, found, advice in _rules(values):
        for row, column in np.argwhere(bad)[:1].tolist():
            value = found[row, column]
            raise TrackError(
                f"{path}: row {row}: {rule}, found {value:g} in column {column}{advice}"
            )


def _rules(values: Points) -> Iterator[tuple[str, NDArray[np.bool_], Points, str]]:
    """Each rule, where it is broken, what is found there, and advice; those before it hold."""
    yield "every value must be finite", ~np.isfinite(values), values, ""
    points = values if values.shape[1] == 6 else values[:, :2]
    origin = np.tile(points[:1, :2], points.shape[1] // 2)
    away = np.abs(points / MAX_EXTENT - origin / MAX_EXTENT)
    rule = f"every point must lie within {MAX_EXTENT:g} m of row 0"
    yield rule, away > 1, away * MAX_EXTENT, "; coordinates must be in metres"
    rule = f"every coordinate must lie within {MAX_COORDINATE:g} m of the origin"
    yield rule, np.abs(points) > MAX_COORDINATE, points, ""
    if values.shape[1] == 3:
        rule = f"the width, column 2, must lie between {borders.MIN_WIDTH} and {MAX_WIDTH:g} m"
        width = values[:, 2:]
        yield rule, (width < borders.MIN_WIDTH) | (width > MAX_WIDTH), width, ""


def _distinct_rows(path: Path, values: Points) -> Rows:
    """Numbers of the rows whose centre is not that of the row before."""
    steps = np.linalg.norm(np.diff(values[:, :2], axis=0), axis=1)
    rows = np.flatnonzero(np.append(True, steps > SAME_POINT)[: len(values)])
    if len(rows) < 3:
        raise TrackError(
            f"{path}: a route needs 3 or more rows with different centres, found {len(rows)}"
        )
    return rows


def _without_closing_row(path: Path, values: Points, rows: Rows) -> tuple[Rows, bool]:
    """The rows of a loop once each, or those of an open track; and whether it is a loop.

    The ends of a straight line of 3 or more rows are at least two typical spacings apart, so a
    gap of up to one and a half is that of a loop which nobody closed.
    """
    centre = values[rows, :2]
    spacing = float(np.median(np.linalg.norm(np.diff(centre, axis=0), axis=1)))
    gap = float(np.linalg.norm(centre[-1] - centre[0]))
    if gap > 1.5 * spacing:
        return rows, False
    if gap <= 0.01 * spacing:
        rows = rows[:-1]
    if len(rows) < 3:
        raise TrackError(f"{path}: a loop needs 3 or more different rows, found {len(rows)}")
    return rows, True


def _kept(line: Points, rows: Rows, is_loop: bool) -> Points:
    """Every row of the file, repeated ones as well: waypoint numbers stay those of the file.

    Only the row that closes a loop is put where it belongs, on row 0.
    """
    return np.vstack([line[: rows[-1] + 1], line[:1]]) if is_loop else line


def _border(centre: Points, line: Points, rows: Rows, is_loop: bool) -> Points:
    """A border in driving direction, with as many rows as the centre line."""
    kept = _kept(line, rows, is_loop)
    if is_loop and len(line) == len(kept) and np.any(line[-1] != line[0]):
        # Begun elsewhere than the centre line, a closed ring has its seam among its rows.
        repeated = np.flatnonzero(np.all(np.diff(line, axis=0) == 0, axis=1))
        centre_repeats = len(rows) < rows[-1] + 1
        if len(repeated) and not centre_repeats:
            kept = np.vstack([np.delete(line, repeated[0], axis=0), line[:1]])
    return kept[::-1] if _runs_back(centre, kept, is_loop) else kept


def _runs_back(centre: Points, line: Points, is_loop: bool) -> bool:
    """Whether a border has its rows against the driving direction."""
    if is_loop:
        return borders.signed_area(line) * borders.signed_area(centre) < 0
    straight = np.linalg.norm(line[[0, -1]] - centre[[0, -1]], axis=1).sum()
    turned = np.linalg.norm(line[[-1, 0]] - centre[[0, -1]], axis=1).sum()
    return bool(turned < straight)


def _borders_of(centre: Points, width: Points, is_loop: bool) -> tuple[Points, Points]:
    """Inner and outer border of a road of that width, row by row beside the centre line."""
    lines = borders.offset_borders(centre, width, is_loop)
    left, right = (_ironed(line, is_loop) for line in lines)
    if is_loop and borders.signed_area(centre) < 0:
        return right, left
    return left, right


def _ironed(line: Points, is_loop: bool) -> Points:
    if not is_loop:
        return without_loops(line, is_open=True)
    ring = without_loops(line[:-1])
    return np.vstack([ring, ring[:1]])


def _check_borders(path: Path, centre: Points, inner: Points, outer: Points) -> None:
    if fault := borders.border_fault(centre, inner, outer):
        raise TrackError(f"{path}: {fault}")


def _as_written(path: Path, values: Points, record: RouteRecord) -> Route:
    """A track that was written by ``route_bytes``, row for row."""
    if values.shape[1] != 6:
        raise TrackError(f"{path}: what follows the array is damaged")
    _distinct_rows(path, values)
    centre, inner, outer = np.hsplit(values, 3)
    _check_borders(path, centre, inner, outer)
    return Route(centre, inner, outer, record.is_loop, record)


def mean_width(route: Route) -> float:
    """Of the road, metres, over the waypoints."""
    if borders.stand_opposite(route.centre, route.inner, route.outer):
        return float(np.linalg.norm(route.inner - route.outer, axis=1).mean())
    lines = (route.inner, route.outer)
    inner, outer = (borders.nearest_points(route.centre, line) for line in lines)
    return float(np.linalg.norm(inner - outer, axis=1).mean())
