"""One car's camera: the picture of painted ground, walls and sky, as plainly as it can be said.

In: a :class:`~deepracer_fast.world.engine_numba.ground.Ground` and poses of base_link. Out: grey
pictures [120, 160], what the original's 640x480 frame becomes when it is reduced. The twin of
``csrc/rendering/camera.*``, ``frame_painter.h`` and ``wall_view.h``: the same rays and the same
filter, by the definitions in place of the vector arithmetic.

A ray through pixel (u right, v down, in focal lengths) runs forward by cos(pitch) - v sin(pitch),
right by u and down by sin(pitch) + v cos(pitch). The ground is flat: all ground points of a picture
row are equally far ahead, so a picture is a list of scanlines, from one per row near the car to
three far away, each sampled in the mip level that suits its spacing.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.ground import LEVELS_PER_OCTAVE, NUM_LEVELS, Ground
from deepracer_fast.world.engine_numba.plane import clip, point_of
from deepracer_fast.world.engine_numba.records import (
    Bytes,
    Car,
    Cars,
    Floats,
    Records,
    Scanline,
    Singles,
)

HEIGHT, WIDTH = _core.PICTURE_SHAPE  # pixels
# Source: URDF racecar.gazebo:64-75 and deepracer_single_cam_lidar.urdf:41,398-399,469.
HFOV = 1.13  # rad, between the left and right edge of the picture
PITCH = 0.2618  # rad, downwards
LENS_AHEAD, LENS_Z = 0.14529, 0.13033  # m from base_link
FOCAL = 0.5 * WIDTH / math.tan(0.5 * HFOV)  # pixels
SINE, COSINE = math.sin(PITCH), math.cos(PITCH)
COLUMNS = np.arange(WIDTH, dtype=np.float32) + np.float32(0.5)  # middles of the pixels of a row
ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)

# How scanlines are chosen (csrc/rendering/camera.cpp says against what this was tuned).
MAX_PER_ROW = 3
SPACING = 6.0  # pixel widths on the ground between scanlines, at most
GAP = 6.0  # texels between scanlines, at most
TEXEL_PER_PIXEL = 1.0  # texel over pixel width on the ground, at least
FARTHEST = 40.0  # m; what is further lies behind a wall
CLEARANCE = 0.05  # m; a lens nearer to a wall is moved inside
ROUNDING = np.float32(1 / 64)  # of a grey level, more than the sums of weighted samples lose

SCANLINE = np.dtype(
    [
        ("row", np.int64),  # picture row at or above it
        ("weight", np.float32),  # share in that row
        ("weight_next", np.float32),  # share in the row below
        ("forward", np.float64),  # m ahead of the lens along the ground
        ("step", np.float64),  # m to the right per column
        ("log2_step", np.float64),
        ("log2_texel", np.float64),  # of the least that suits it, m
    ],
    align=True,
)


Lens = tuple[float, float, float, float, float]  # see ``lens_of``
Walk = tuple[NDArray[np.int32], Singles, Singles, NDArray[np.int32]]  # see ``take_blocks``


def plan_scanlines() -> Records:
    """Places the scanlines, an array of ``SCANLINE`` from the horizon down.

    A row is weighted with a triangle that reaches to the middles of its neighbours.
    """
    lines = []
    for row in range(HEIGHT):
        down = max(SINE + (row + 0.5 - HEIGHT / 2) / FOCAL * COSINE, 1e-3)
        width = LENS_Z / FOCAL / down  # of a pixel on the ground, m
        depth = width / down
        count = min(max(math.ceil(depth / width / SPACING), 1), MAX_PER_ROW)
        texel = max(TEXEL_PER_PIXEL * width, depth / count / GAP)
        for k in range(count):
            at = row - 0.5 + (k + 0.5) / count
            v = (at + 0.5 - HEIGHT / 2) / FOCAL
            ahead, down_at = COSINE - v * SINE, SINE + v * COSINE
            if down_at * FARTHEST < LENS_Z * ahead:
                continue
            above = math.floor(at)
            share = (above + 1.0 - at) / count, (at - above) / count
            forward, step = LENS_Z * ahead / down_at, LENS_Z / FOCAL / down_at
            lines.append((above, *share, forward, step, math.log2(step), math.log2(texel)))
    return _normalised(np.array(lines, SCANLINE))


def _normalised(lines: Records) -> Records:
    """The same with weights that sum to 1 in each row: a flat surface keeps its grey."""
    total = np.zeros(HEIGHT + 2, np.float32)
    np.add.at(total, lines["row"], lines["weight"])
    np.add.at(total, lines["row"] + 1, lines["weight_next"])
    total[total == 0.0] = 1.0
    lines["weight"] /= total[lines["row"]]
    lines["weight_next"] /= total[lines["row"] + 1]
    return lines


SCANLINES = plan_scanlines()


@kernel
def paint_pictures(
    cars: Cars, left: float, ground: Ground, pictures: Bytes, begin: int, end: int
) -> None:
    """Fills ``pictures`` [B, 120, 160] uint8 of cars begin to end - 1.

    Their lenses are ``left`` m off their middles.
    """
    n, f4 = WIDTH, np.float32
    here, below = np.zeros(n, f4), np.zeros(n, f4)  # sums of the row in hand and the one below it
    foot, top, wall, sky = np.zeros(n, f4), np.zeros(n, f4), np.zeros(n, f4), np.zeros(n, f4)
    walk = np.zeros(n, np.int32), np.zeros(n, f4), np.zeros(n, f4), np.zeros(n, np.int32)
    sides = np.empty((5, 6))
    sky[:] = ground.sky_grey
    for i in range(begin, end):
        lens = lens_of(cars[i], left, ground)
        ahead = sides[: find_sides(lens, ground, sides)]
        trace(ahead, LENS_Z, foot)
        trace(ahead, LENS_Z - ground.wall_height, top)
        lowest_foot, lowest_top = foot.max(), top.max()
        k = 0  # the next scanline
        for row in range(HEIGHT):
            k = add_ground(row, k, lens, ground, foot, walk, here, below)
            if row - 0.5 < lowest_foot:
                paint_walls(row, ahead, ground, wall)
                if row - 0.5 < lowest_top:
                    blend(wall, sky, top, row)
                blend(here, wall, foot, row)
            finish_row(here, pictures[i, row])
            here, below = below, here


@njit
def finish_row(sums: Singles, out: Bytes) -> None:
    """Writes the greys, truncated, and clears the sums."""
    for column in range(WIDTH):
        out[column] = np.uint8(np.int32(sums[column] + ROUNDING))
        sums[column] = ZERO


@njit
def lens_of(car: Car, left: float, ground: Ground) -> Lens:
    """Where the lens is, kept inside the walls, x and y (m), and its heading as a unit vector.

    Then log2 of the least texel (in columns of a scanline): along the picture's row, which lies
    across the heading, a column is at most one texel in y and two thirds of one in x, so that four
    columns fit the native painter's windows.
    """
    x, y = point_of(car, LENS_AHEAD, left)
    c, s = math.cos(car.heading), math.sin(car.heading)
    return (
        clip(x, ground.min_x + CLEARANCE, ground.max_x - CLEARANCE),
        clip(y, ground.min_y + CLEARANCE, ground.max_y - CLEARANCE),
        c,
        s,
        math.log2(max(1.5 * abs(s), abs(c))),
    )


# The ground.


@njit
def add_ground(
    row: int, k: int, lens: Lens, ground: Ground, foot: Singles, walk: Walk, here: Singles,
    below: Singles
) -> int:  # fmt: skip
    """Adds the scanlines of a row, from the k-th on, to its sums and the next; the first after."""
    first, last = columns_below(foot, row + 2.5)
    while k < len(SCANLINES) and SCANLINES[k].row == row:
        take_blocks(SCANLINES[k], lens, ground, COLUMNS[first:last], walk)
        if SCANLINES[k].weight_next > 0.0:
            add_to_both(walk, SCANLINES[k], here[first:last], below[first:last])
        else:
            add_samples(walk, SCANLINES[k].weight, here[first:last])
        k += 1
    return k


@njit
def columns_below(foot: Singles, row: float) -> tuple[int, int]:
    """The columns, begin and end, in which ground shows above a row: feet are convex."""
    begin, end = 0, WIDTH
    while begin < end and foot[begin] > row:
        begin += 1
    while end > begin and foot[end - 1] > row:
        end -= 1
    return begin, end


@njit
def take_blocks(
    scanline: Scanline, lens: Lens, ground: Ground, columns: Singles, walk: Walk
) -> None:
    """Looks up the ground along a scanline.

    ``walk`` becomes, by column, the 2x2 block of texels around the ground point, and where in it
    the point lies. Three plain loops, here and in ``add_samples``, of which LLVM makes vectors of
    all but the one that looks texels up: three times as fast as a single one.
    """
    place, share_u, share_v, blocks = walk
    x, y, c, s, log2_least = lens
    forward, step = scanline.forward, scanline.step
    level = level_of(scanline, ground.log2_texel, log2_least)
    scale = ground.scales[level]
    right = -WIDTH / 2 * step  # of the lens, at the picture's left edge
    # In texels from the middle of texel (0, 0).
    u = np.float32((x - ground.min_x + forward * c + right * s) * scale - 0.5)
    v = np.float32((y - ground.min_y + forward * s - right * c) * scale - 0.5)
    step_u, step_v = np.float32(step * s * scale), np.float32(-step * c * scale)
    first, pitch = np.int32(ground.levels[level, 0]), np.int32(ground.levels[level, 2])
    last_u, last_v = np.float32(pitch - 1.001), np.float32(ground.levels[level, 1] - 1.001)
    for i in range(len(columns)):
        at_u = min(max(u + step_u * columns[i], ZERO), last_u)
        at_v = min(max(v + step_v * columns[i], ZERO), last_v)
        column, row = np.int32(at_u), np.int32(at_v)
        share_u[i], share_v[i] = at_u - np.float32(column), at_v - np.float32(row)
        place[i] = first + row * pitch + column
    texels, one, above = ground.texels, np.uint32(1), np.uint32(pitch)
    for i in range(len(columns)):
        at = np.uint32(place[i])
        low = np.int32(texels[at]) | np.int32(texels[at + one]) << np.int32(8)
        at += above
        high = np.int32(texels[at]) | np.int32(texels[at + one]) << np.int32(8)
        blocks[i] = low | high << np.int32(16)


@njit
def level_of(scanline: Scanline, log2_finest: float, log2_least: float) -> int:
    """The finest mip level whose texels are large enough."""
    log2_texel = max(scanline.log2_texel, scanline.log2_step + log2_least)
    level = int(max(LEVELS_PER_OCTAVE * (log2_texel - log2_finest) + 0.999, 0.0))
    return min(level, NUM_LEVELS - 1)


@njit
def add_samples(walk: Walk, weight: np.float32, sums: Singles) -> None:
    """Adds the bilinear mean of each block to a row."""
    _, share_u, share_v, blocks = walk
    for i in range(len(sums)):
        sums[i] += weight * mean_of(blocks[i], share_u[i], share_v[i])


@njit
def add_to_both(walk: Walk, scanline: Scanline, sums: Singles, next_sums: Singles) -> None:
    """Adds the same to a row and the one below it."""
    _, share_u, share_v, blocks = walk
    weight, weight_next = scanline.weight, scanline.weight_next
    for i in range(len(sums)):
        mean = mean_of(blocks[i], share_u[i], share_v[i])
        sums[i] += weight * mean
        next_sums[i] += weight_next * mean


@njit
def mean_of(block: np.int32, share_u: np.float32, share_v: np.float32) -> np.float32:
    """The bilinear mean of the four texels that ``take_blocks`` packed into an int32."""
    byte = np.int32(255)
    a, b = np.float32(block & byte), np.float32((block >> np.int32(8)) & byte)
    c, d = np.float32((block >> np.int32(16)) & byte), np.float32((block >> np.int32(24)) & byte)
    low, high = a + share_u * (b - a), c + share_u * (d - c)
    return low + share_v * (high - low)


# The walls and the sky. A side is a row of `sides`: the column at which it begins at the picture's
# top, columns per row that this edge leans, distance of the lens (m), the side's outward normal
# along forward and right, and its number (west, north, east, south).


@njit
def find_sides(lens: Lens, ground: Ground, sides: Floats) -> int:
    """Fills in the sides ahead, from the one at the picture's top left clockwise; how many."""
    x, y, c, s, _ = lens
    west, east = x - ground.min_x, ground.max_x - x
    south, north = y - ground.min_y, ground.max_y - y
    walls = ((west, -c, -s), (north, s, -c), (east, c, s), (south, -s, c))
    corners = ((-west, north), (east, north), (east, -south), (-west, -south))  # where each ends
    level = COSINE + HEIGHT / 2 / FOCAL * SINE
    side, nearest = 0, -1.0
    for k in range(4):
        distance, ahead, right = walls[k]
        closing = (level * ahead - WIDTH / 2 / FOCAL * right) / distance
        if closing > nearest:
            side, nearest = k, closing
    start, lean = -2.0, 0.0
    for count in range(5):
        number = (side + count) % 4
        distance, ahead, right = walls[number]
        sides[count] = np.array([start, lean, distance, ahead, right, float(number)])
        east_of, north_of = corners[number]
        forward, rightward = c * east_of + s * north_of, s * east_of - c * north_of
        if forward <= 0.01:
            break
        start = WIDTH / 2 + rightward / forward * (FOCAL * COSINE + HEIGHT / 2 * SINE)
        lean = -rightward / forward * SINE
        if start > 2 * WIDTH:
            break
    return count + 1


@njit
def trace(sides: Floats, lens_above: float, line: Singles) -> None:
    """The picture rows, by column, of a height at which all sides meet (over which the lens is).

    Of several sides the nearest counts: the lowest line if it is below the lens, else the highest.
    """
    for k in range(min(len(sides), 4)):
        distance, ahead, right = sides[k, 2], sides[k, 3], sides[k, 4]
        depth = max(distance * COSINE + lens_above * SINE * ahead, 1e-3)
        middle = HEIGHT / 2 + FOCAL * (lens_above * COSINE * ahead - distance * SINE) / depth
        step = np.float32(lens_above * right / depth)
        start = np.float32(middle) - step * np.float32(WIDTH / 2)
        for column in range(WIDTH):
            row = start + step * COLUMNS[column]
            if k == 0:
                line[column] = row
            elif lens_above > 0.0:
                line[column] = max(line[column], row)
            else:
                line[column] = min(line[column], row)


@njit
def paint_walls(row: int, sides: Floats, ground: Ground, wall: Singles) -> None:
    """Fills a row with the walls: one grey a side, that at the middle of its part of the row."""
    v = (row + 0.5 - HEIGHT / 2) / FOCAL
    edge = -2.0
    for k in range(len(sides)):
        last = k + 1 == len(sides)
        next_edge = WIDTH + 2.0 if last else sides[k + 1, 0] + sides[k + 1, 1] * (row + 0.5)
        u = (0.5 * (max(edge, 0.0) + min(next_edge, float(WIDTH))) - WIDTH / 2) / FOCAL
        closing = (COSINE - v * SINE) * sides[k, 3] + u * sides[k, 4]
        height = LENS_Z - sides[k, 2] / max(closing, 1e-3) * (SINE + v * COSINE)
        foot, gain = ground.walls[int(sides[k, 5])]
        grey = np.float32(clip(foot + gain * clip(height, 0.0, ground.wall_height), 0.0, 255.0))
        start = np.float32(edge)
        for column in range(min(max(int(edge - 0.5), 0), WIDTH), WIDTH):
            wall[column] += share_beyond(COLUMNS[column] - start) * (grey - wall[column])
        edge = next_edge


@njit
def blend(below: Singles, above: Singles, line: Singles, row: int) -> None:
    """Lays one row of greys over another, in the columns whose line lies below this row."""
    middle = np.float32(row) + HALF
    for column in range(WIDTH):
        share = share_beyond(middle - line[column])
        below[column] = above[column] + share * (below[column] - above[column])


@njit
def share_beyond(distance: np.float32) -> np.float32:
    """Share of a pixel's triangle filter that lies beyond an edge so many pixels before it."""
    distance = min(max(distance, -ONE), ONE)
    rest = ONE - abs(distance)
    half = HALF * rest * rest
    return half if distance < ZERO else ONE - half
