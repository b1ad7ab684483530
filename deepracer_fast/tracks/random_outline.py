"""Made-up tracks, one for each number, so that a policy can be trained on roads that nobody knows.

In: a number. Out: an ``Outline`` like those of the bundled tracks. A tree grows on a coarse grid;
the way around it, on a grid twice as fine, is a loop that never meets itself and turns both ways,
with straights, single bends and hairpins. Width, look, size, stretch and driving direction are
drawn with it, within what the bundled tracks have.
"""

import numpy as np
from numpy.typing import NDArray

from deepracer_fast.tracks.outline import Outline, outline_route

Points = NDArray[np.float64]
Cell = tuple[int, int]

PREFIX = "random_"

LOOKS = ("reinvent", "oval", "speedway")
NUM_CELLS = (3, 9)  # of the tree: loops of about 15 to 50 m
SPACING = (1.1, 1.9)  # m between points of the fine grid; a hairpin's legs are so far apart
WIDTH = (0.6, 1.07)  # m, of the bundled tracks
JITTER = 0.16  # of the spacing, standard deviation
STRETCH = 0.2  # at most, of either axis
CLEARANCE = 0.1  # m of field between two parts of the road, and of a bend inside its inner border

_SIDES = ((1, 0), (0, 1), (-1, 0), (0, -1))


def random_outline(number: int) -> Outline:
    """The made-up track of that number; the same number always gives the same track."""
    random = np.random.default_rng(number)
    while True:
        points = _points(random)
        spacing = random.uniform(*SPACING)
        width = random.uniform(*WIDTH)
        outline = Outline(
            name=f"{PREFIX}{number}",
            title=f"Random {number}",
            look=LOOKS[random.integers(len(LOOKS))],
            width=round(width, 3),
            control_points=tuple((float(x), float(y)) for x, y in spacing * points),
        )
        if _is_drivable(outline_route(outline)[:-1, :2], outline.width):
            return outline


def _points(random: np.random.Generator) -> Points:
    """Control points of a loop, in units of the fine grid."""
    corners = np.array(_way_around(_tree(random)), float)
    middles = (corners + np.roll(corners, -1, axis=0)) / 2  # a turn of the grid becomes an arc
    middles += JITTER * random.standard_normal(middles.shape)
    middles *= 1.0 + STRETCH * random.uniform(-1.0, 1.0, 2)
    angle = random.uniform(0.0, 2.0 * np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    rotated = middles @ np.array([[cosine, sine], [-sine, cosine]])
    rotated = np.roll(rotated, random.integers(len(rotated)), axis=0)
    return rotated[::-1] if random.random() < 0.5 else rotated


def _tree(random: np.random.Generator) -> set[tuple[Cell, Cell]]:
    """Edges, both ways, between neighbouring cells; no cell is reached in two ways."""
    cells: list[Cell] = [(0, 0)]
    edges: set[tuple[Cell, Cell]] = set()
    while len(cells) < random.integers(*NUM_CELLS):
        x, y = cells[random.integers(len(cells))]
        dx, dy = _SIDES[random.integers(4)]
        new = (x + dx, y + dy)
        if new not in cells:
            cells.append(new)
            edges |= {((x, y), new), (new, (x, y))}
    return edges


def _way_around(edges: set[tuple[Cell, Cell]]) -> list[Cell]:
    """Points of the fine grid, counter-clockwise around the tree.

    Each cell has four of them, at its corners. At each, the way keeps the tree to its left: it
    goes along an edge where there is one, and turns left around the cell where there is none.
    """
    start = point = (0, 0)  # lower left corner of cell (0, 0)
    side = 0  # heading, of _SIDES
    way: list[Cell] = []
    while True:
        way.append(point)
        for turn in (-1, 0, 1):  # right first: along an edge that leaves the cell there
            dx, dy = _SIDES[(side + turn) % 4]
            target = (point[0] + dx, point[1] + dy)
            if _joined(point, target, edges):
                side = (side + turn) % 4
                point = target
                break
        if point == start:
            return way


def _joined(point: Cell, target: Cell, edges: set[tuple[Cell, Cell]]) -> bool:
    """Whether the way runs between two points: within a cell, off its edges, or beside an edge."""
    cell, other = ((p[0] // 2, p[1] // 2) for p in (point, target))
    if cell != other:
        return (cell, other) in edges
    # Two corners of one cell: closed where an edge of the tree crosses between them.
    along = (target[0] - point[0], target[1] - point[1])
    outwards = (0, 2 * (point[1] % 2) - 1) if along[0] else (2 * (point[0] % 2) - 1, 0)
    return (cell, (cell[0] + outwards[0], cell[1] + outwards[1])) not in edges


def _is_drivable(centre: Points, width: float) -> bool:
    """Whether no bend is too narrow and no two parts of the road too near."""
    step = np.roll(centre, -1, axis=0) - centre
    length = np.linalg.norm(step, axis=1)
    heading = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs(np.angle(np.exp(1j * (np.roll(heading, -1) - heading))))
    if np.any(turn / length > 1.0 / (0.5 * width + CLEARANCE)):
        return False
    along = np.cumsum(length) - length
    apart = np.abs(along[:, None] - along)
    apart = np.minimum(apart, length.sum() - apart)
    distance = np.linalg.norm(centre[:, None] - centre, axis=2)
    # Two points of one bend may be near each other: a half circle lies between those of a hairpin.
    far = apart > 0.5 * np.pi * (width + CLEARANCE)
    return bool(np.all(distance[far] > width + CLEARANCE))
