"""The painted ground of one track, once more: twin of ``ground.cpp``.

In: a :class:`~deepracer_fast.tracks.track.Track`. Out: :class:`Ground`, an 8-bit picture of the
world from above with mip levels, and the walls around it. Shared with the native core is the table
of greys and line widths (``_core.look``); grain, light, shapes and levels are painted here anew.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.tracks.borders import mitred_corners
from deepracer_fast.tracks.track import Ribbon, Track
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.records import Bytes, Floats, Singles

NUM_LEVELS, LEVELS_PER_OCTAVE = 16, 2
LEAST_SIZE = 8  # texels of a level along an axis
FINEST_TEXEL = 0.0035  # m
TEXEL_BUDGET = 22e6  # texels of level 0
MAX_PITCH = 32_000  # texels from row to row

LAMP_HEIGHT = 15.0  # m above the world's origin (world files: a point light beside the sun)
LAMP_SHARE = 0.47  # of the sun's light, below the lamp; csrc/rendering/look.h says how measured

GRAIN = 512  # texels, the period of the grain
SHARPNESS = 0.4  # share of its mean that each 2x2 block of the grain loses
SUB_ROWS = 4  # a shape's share of a texel is exact along x and sampled so often along y

Points = Floats  # [N, 2] m


class Ground(NamedTuple):
    """What a camera sees of a world.

    Level k's texels are 2^(k / 2) times as wide as level 0's; texel (0, 0) begins at
    (min_x, min_y), columns run along x, rows along y.
    """

    texels: Bytes  # of all levels, one after the other, row by row
    levels: NDArray[np.int64]  # [NUM_LEVELS, 3]: index of the first texel, rows, columns
    scales: Points  # [NUM_LEVELS] texels per metre
    log2_texel: float  # of a texel of level 0, m
    min_x: float  # m, the walls
    min_y: float
    max_x: float
    max_y: float
    walls: Points  # [4, 2] west, north, east, south: grey at the foot, gain per metre of height
    wall_height: float  # m
    sky_grey: float


def paint_ground(track: Track) -> Ground:
    """Field, road, start line, border lines and dashes, painted over each other in this order."""
    look = _core.look(track.look)
    low, high, texel, shape = room_of(track, look["field_margin"])
    road = track.ribbon
    plane, mask = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
    grain = make_grain()

    def paint(surface: str, bands: list[tuple[Points, Points]]) -> None:
        for one, other in bands:
            add_band(mask, (one - low) / texel, (other - low) / texel)
        grey, sigma = look[surface]
        blend(plane, mask, grey, sigma, grain, low, texel)

    paint("field", [])
    paint("road", [(road.inner, road.outer)])
    paint("line", start_line(road, look["start_length"]))
    paint("line", border_lines(road, look["line_outer"], look["line_inner"]))
    paint("dash", dashes(road.waypoints, look))
    walls = np.array(look["walls"])
    sizes = (*low.tolist(), *high.tolist(), walls, look["wall_height"], look["sky_grey"])
    scales = 1.0 / (texel * 2.0 ** (np.arange(NUM_LEVELS) / LEVELS_PER_OCTAVE))
    return Ground(*joined(mip_levels(plane)), scales, float(np.log2(texel)), *sizes)


def room_of(track: Track, margin: float) -> tuple[Points, Points, float, tuple[int, int]]:
    """The room: its low and high corner (m), the finest texel (m), texels in rows and columns."""
    low = np.minimum(track.inner.min(axis=0), track.outer.min(axis=0)) - margin
    high = np.maximum(track.inner.max(axis=0), track.outer.max(axis=0)) + margin
    size = high - low
    texel = max(FINEST_TEXEL, float(np.sqrt(size.prod() / TEXEL_BUDGET)), size.max() / MAX_PITCH)
    width, height = (max(LEAST_SIZE, int(n / texel) + 1) for n in size)
    return low, high, float(np.float32(texel)), (height, width)


def joined(levels: list[Bytes]) -> tuple[Bytes, NDArray[np.int64]]:
    """The first two fields of :class:`Ground`."""
    first = np.cumsum([0] + [level.size for level in levels[:-1]])
    shapes = np.array([level.shape for level in levels])
    return np.concatenate([level.ravel() for level in levels]), np.column_stack([first, shapes])


def directions_of(line: Points) -> Points:
    """Unit vectors [N - 1, 2] along the segments; one of no length takes its predecessor's."""
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    real = np.maximum.accumulate(np.where(lengths > 1e-9, np.arange(len(steps)), -1))
    directions = steps[real] / np.maximum(lengths[real], 1e-9)[:, None]
    if real[0] < 0:
        across = line[-1] - line[0]
        directions[real < 0] = across / np.linalg.norm(across) if across.any() else (1.0, 0.0)
    return directions


def left_of(directions: Points) -> Points:
    """The directions turned by a quarter to the left."""
    return directions[..., ::-1] * (-1.0, 1.0)


def moved(border: Points, across: Points, is_loop: bool, distance: float) -> Points:
    """A border moved towards the one across the road, with mitred corners."""
    normals = left_of(directions_of(border))
    towards = np.sum(normals * (across - border)[:-1])
    corner, mitre = mitred_corners(normals, is_loop)
    return border + np.copysign(2.0, towards) * distance * corner / mitre


def border_lines(road: Ribbon, outer: float, inner: float) -> list[tuple[Points, Points]]:
    """Both border lines, between these distances from the border towards the centre line (m)."""
    return [
        (moved(border, across, road.is_loop, outer), moved(border, across, road.is_loop, inner))
        for border, across in ((road.inner, road.outer), (road.outer, road.inner))
    ]


def start_line(road: Ribbon, length: float) -> list[tuple[Points, Points]]:
    """Every second square of 2 along the road by 8 across it, centred on the first waypoint.

    None if its length along the road is 0.
    """
    if length == 0.0:
        return []
    along = length * directions_of(road.waypoints)[0]
    across = road.outer[0] - road.inner[0]
    squares = []
    for row in range(2):
        near = road.inner[0] + 0.5 * (row - 1) * along
        for column in range(row, 8, 2):
            left, right = near + column / 8 * across, near + (column + 1) / 8 * across
            squares.append((np.stack([left, left + 0.5 * along]),
                            np.stack([right, right + 0.5 * along])))  # fmt: skip
    return squares


def dashes(center: Points, look: dict[str, Any]) -> list[tuple[Points, Points]]:
    """The dashes of the centre line, each cut where the line bends."""
    lengths = np.linalg.norm(np.diff(center, axis=0), axis=1)
    arcs = np.concatenate([[0.0], np.cumsum(lengths)])
    directions = directions_of(center)
    quads = []
    for begin in np.arange(look["dash_first"], arcs[-1], look["dash_pitch"]):
        end = begin + look["dash_length"]
        first = max(int(np.searchsorted(arcs, begin, "right")) - 1, 0)
        for i in range(first, len(lengths)):
            if arcs[i] >= end:
                break
            span = np.clip([begin, end], arcs[i], arcs[i + 1]) - arcs[i]
            middle = center[i] + span[:, None] * directions[i]
            half = 0.5 * look["dash_width"] * left_of(directions[i])
            quads.append((middle - half, middle + half))
    return quads


@kernel
def add_band(mask: Bytes, one: Points, other: Points) -> None:
    """Adds the band between two lines of equal length, in texels, to a mask of covered shares.

    Quadrilaterals that share an edge cover it exactly once together.
    """
    quad = np.empty((4, 2))
    for i in range(len(one) - 1):
        quad[0], quad[1], quad[2], quad[3] = one[i], one[i + 1], other[i + 1], other[i]
        first = max(0, int(np.ceil(quad[:, 1].min() * SUB_ROWS - 0.5)))
        last = min(len(mask) * SUB_ROWS, int(np.ceil(quad[:, 1].max() * SUB_ROWS - 0.5)))
        for sub_row in range(first, last):
            left, right = span_at(quad, (sub_row + 0.5) / SUB_ROWS)
            left, right = max(left, 0.0), min(right, float(mask.shape[1]))
            line = mask[sub_row // SUB_ROWS]
            for column in range(int(left), int(np.ceil(right))):
                covered = min(right, column + 1.0) - max(left, float(column))
                line[column] = min(255, line[column] + int(covered * 256 / SUB_ROWS + 0.5))


@njit
def span_at(shape: Points, y: float) -> tuple[float, float]:
    """From where to where a horizontal line runs inside a convex shape; infinity to -infinity."""
    left, right = np.inf, -np.inf
    for i in range(len(shape)):
        (ax, ay), (bx, by) = shape[i - 1], shape[i]
        if (ay <= y) != (by <= y):
            x = ax + (y - ay) / (by - ay) * (bx - ax)
            left, right = min(left, x), max(right, x)
    return left, right


@kernel
def blend(
    plane: Bytes, mask: Bytes, grey: float, sigma: float, grain: Singles, low: Points, texel: float
) -> None:
    """Paints a surface where the mask is set, lit by sun and lamp, then clears the mask."""
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            if mask[row, column] == 0:
                continue
            share = mask[row, column] / 255.0
            x, y = low[0] + (column + 0.5) * texel, low[1] + (row + 0.5) * texel
            lamp = LAMP_SHARE * (1.0 + (x * x + y * y) / LAMP_HEIGHT**2) ** -1.5
            light = (1.0 + lamp) / (1.0 + LAMP_SHARE)
            value = min(light * (grey + sigma * grain[row % GRAIN, column % GRAIN]), 255.0)
            mixed = plane[row, column] * (1.0 - share) + value * share
            plane[row, column] = int(min(max(mixed + 0.5, 0.0), 255.0))
            mask[row, column] = 0


def mip_levels(plane: Bytes) -> list[Bytes]:
    """The picture in ever larger texels, half an octave a level, each the mean of what it covers.

    Levels of odd number come from the first one, the others from the finest.
    """
    levels = [plane, shrunk(plane, 2.0 ** (1 / LEVELS_PER_OCTAVE))]
    while len(levels) < NUM_LEVELS:
        levels.append(shrunk(levels[-2], 2.0))
    return levels


def shrunk(plane: Bytes, ratio: float) -> Bytes:
    """The picture in texels ``ratio`` times as large."""
    shape = tuple(max(LEAST_SIZE, int(np.ceil(n / ratio - 1e-9))) for n in plane.shape)
    result = np.empty(shape, np.uint8)
    average(plane, ratio, result)
    return result


@kernel
def average(plane: Bytes, ratio: float, result: Bytes) -> None:
    """Each texel of the result becomes the mean of the texels that it covers, by area."""
    height, width = plane.shape
    for row in range(len(result)):
        top, bottom = min(row * ratio, height - 1.0), min((row + 1) * ratio, float(height))
        for column in range(result.shape[1]):
            left = min(column * ratio, width - 1.0)
            right = min((column + 1) * ratio, float(width))
            total = 0.0
            for i in range(int(top), int(np.ceil(bottom - 1e-9))):
                tall = min(bottom, i + 1.0) - max(top, float(i))
                for j in range(int(left), int(np.ceil(right - 1e-9))):
                    wide = min(right, j + 1.0) - max(left, float(j))
                    total += tall * wide * plane[i, j]
            result[row, column] = int(total / ((bottom - top) * (right - left)) + 0.5)


def make_grain() -> NDArray[np.float32]:
    """Carpet fibres [GRAIN, GRAIN]: noise of zero mean and unit variance, periodic.

    Each is a short run of white noise along a direction that differs from spot to spot.
    """
    white = white_noise(np.arange(GRAIN**2)).reshape(GRAIN, GRAIN)
    spot = np.arange(GRAIN) >> 2
    choice = white_noise((spot[:, None] * GRAIN + spot + 77).ravel()).reshape(GRAIN, GRAIN) + 0.5
    steps = np.array([(1, 0), (1, 1), (0, 1), (-1, 1)])[(choice * 4).astype(int)]
    row, column = np.indices((GRAIN, GRAIN))
    grain = white + white[(row + steps[..., 0]) % GRAIN, (column + steps[..., 1]) % GRAIN]
    # Grain fades with distance, level by level, as fast as in the frames of the original.
    blocks = grain.reshape(GRAIN // 2, 2, GRAIN // 2, 2)
    blocks -= SHARPNESS * blocks.mean(axis=(1, 3), keepdims=True)
    return np.asarray(grain / np.sqrt(np.mean(grain**2)), np.float32)


def white_noise(keys: NDArray[np.int64]) -> Floats:
    """Uniform in [-0.5, 0.5), from a 32-bit integer hash (multiply and xor-shift rounds)."""
    key = keys.astype(np.uint32)
    key = (key ^ (key >> np.uint32(16))) * np.uint32(0x7FEB352D)
    key = (key ^ (key >> np.uint32(15))) * np.uint32(0x846CA68B)
    key ^= key >> np.uint32(16)
    return np.asarray(key * 2.0**-32 - 0.5, np.float64)
