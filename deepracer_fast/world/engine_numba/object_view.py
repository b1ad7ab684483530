"""Boxes and cars in a picture: the twin of ``csrc/rendering/object_view.*``.

In: cars, their objects, and pictures that show ground and walls. Out: the same pictures with the
objects over them, the farthest first. Objects are solid blocks of flat faces (``objects``). A face
is a polygon in the picture; a pixel takes the share of it that the filter of the original's
reduction from 640x480 gives: a triangle of half-width one pixel, exact along rows and over the
original's four lines a row.
"""

import math

import numpy as np
from numba import njit

from deepracer_fast.world.engine_numba.camera import (
    COLUMNS,
    COSINE,
    FOCAL,
    HEIGHT,
    LENS_AHEAD,
    LENS_Z,
    SINE,
    WIDTH,
    share_beyond,
)
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.ground import LAMP_HEIGHT, span_at
from deepracer_fast.world.engine_numba.objects import BLOCKS, FIRST_BLOCK, NOTHING, to_world
from deepracer_fast.world.engine_numba.plane import clip, point_of
from deepracer_fast.world.engine_numba.records import (
    Block,
    Bytes,
    Cars,
    Face,
    Floats,
    Indices,
    Records,
    Thing,
    Things,
)

NEAR = 0.02  # m, the near plane of the original's camera
LINES_PER_ROW = 4  # of the original's 480
MOST_FACES = 3  # of a block that can be seen at once
MOST_POINTS = 5  # of a face: four corners, one more where the near plane cuts one off

# The light of the world files; csrc/rendering/object_view.cpp says how it was measured.
AMBIENT, SUN, LAMP = 0.5, 0.42, 0.406
TO_SUN = (0.4834, -0.0967, 0.8701)

FACE = np.dtype(
    [
        ("points", np.float64, (MOST_POINTS, 2)),  # columns and rows in the picture
        ("count", np.int64),  # of points
        ("grey", np.float64),
    ],
    align=True,
)


Lens = tuple[float, float, float, float]  # x, y (m), heading as a unit vector

Room = tuple[Records, Floats, Floats]  # to work in: faces; shares and light of a row


@kernel
def draw_objects(
    cars: Cars, objects: Things, left: float, pictures: Bytes, begin: int, end: int
) -> None:
    """Draws over the pictures of cars begin to end - 1, from lenses ``left`` m off their middles.

    ``objects`` [B, K] are records of ``OBJECT``, ``pictures`` [B, 120, 160] uint8.
    """
    room = np.zeros(MOST_FACES, FACE), np.zeros(WIDTH), np.zeros(WIDTH)  # to work in
    away = np.zeros(objects.shape[1])
    for i in range(begin, end):
        x, y = point_of(cars[i], LENS_AHEAD, left)
        lens = x, y, math.cos(cars[i].heading), math.sin(cars[i].heading)
        for k in range(len(away)):
            away[k] = math.hypot(objects[i, k].x - x, objects[i, k].y - y)
        for k in farthest_first(away):
            draw_object(objects[i, k], lens, room, pictures[i])


@njit
def draw_object(thing: Thing, lens: Lens, room: Room, picture: Bytes) -> None:
    """Draws an object. Its first block is its body; the others, a car's wheels, are partly inside.

    They are drawn before it, the farthest first, and then once more what sticks out of its sides.
    """
    first = FIRST_BLOCK[thing.kind]
    away = np.zeros(FIRST_BLOCK[thing.kind + 1] - first - 1)
    for k in range(len(away)):
        low, high = BLOCKS[first + 1 + k].low, BLOCKS[first + 1 + k].high
        x, y = to_world(thing, 0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]))
        away[k] = math.hypot(x - lens[0], y - lens[1])
    order = farthest_first(away)
    for k in order:
        draw_block(thing, BLOCKS[first + 1 + k], NOTHING[0], lens, room, picture)
    draw_block(thing, BLOCKS[first], NOTHING[0], lens, room, picture)
    for k in order:
        draw_block(thing, BLOCKS[first + 1 + k], BLOCKS[first], lens, room, picture)


@njit
def draw_block(
    thing: Thing, block: Block, body: Block, lens: Lens, room: Room, picture: Bytes
) -> None:
    """Draws what of a block lies outside a body."""
    faces, covered, light = room
    count = find_faces(thing, block, body, lens, faces)
    if count > 0:
        fill(faces[:count], covered, light, picture)


@njit
def farthest_first(away: Floats) -> Indices:
    """The order of some things at these distances: sorted by insertion."""
    order = np.zeros(len(away), np.int64)
    for k in range(len(away)):
        at = k
        while at > 0 and away[order[at - 1]] < away[k]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = k
    return order


# Faces.


@njit
def find_faces(thing: Thing, block: Block, body: Block, lens: Lens, faces: Records) -> int:
    """Fills in the faces of a block that look towards the lens and lie outside a body; how many."""
    gap_x, gap_y = lens[0] - thing.x, lens[1] - thing.y
    ahead = gap_x * thing.along_x + gap_y * thing.along_y
    left = thing.along_x * gap_y - thing.along_y * gap_x
    eye = ahead, left, LENS_Z
    count = 0
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = block.high[axis] if sign > 0.0 else block.low[axis]
            limit = body.high[axis] if sign > 0.0 else body.low[axis]
            if sign * (eye[axis] - side) > 0.0 and sign * (side - limit) > 0.0:
                project_face(thing, block, axis, side, lens, faces[count])
                faces[count].grey = lit_grey(thing, block.grey, axis, sign)
                count += faces[count].count >= 3
    return count


@njit
def project_face(
    thing: Thing, block: Block, axis: int, side: float, lens: Lens, face: Face
) -> None:
    """Where the face at this side along an axis is in the picture, cut at the near plane."""
    point, corners = np.zeros(3), np.zeros((4, 3))
    one, other = (axis + 1) % 3, (axis + 2) % 3
    point[axis] = side
    for k in range(4):  # around the face
        point[one] = block.high[one] if k in (1, 2) else block.low[one]
        point[other] = block.high[other] if k >= 2 else block.low[other]
        corners[k, 0], corners[k, 1], corners[k, 2] = to_camera(thing, point, lens)
    face.count = 0
    for k in range(4):
        a, b = corners[k], corners[(k + 1) % 4]
        if a[2] >= NEAR:
            add_point(face, a[0], a[1], a[2])
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            t = (NEAR - a[2]) / (b[2] - a[2])
            add_point(face, a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), NEAR)


@njit
def to_camera(thing: Thing, point: Floats, lens: Lens) -> tuple[float, float, float]:
    """A point of an object's frame as the camera has it, m: right, down, along its axis."""
    x, y = to_world(thing, point[0], point[1])
    gap_x, gap_y = x - lens[0], y - lens[1]
    ahead, right = lens[2] * gap_x + lens[3] * gap_y, lens[3] * gap_x - lens[2] * gap_y
    down = LENS_Z - point[2]
    return right, down * COSINE - ahead * SINE, ahead * COSINE + down * SINE


@njit
def add_point(face: Face, right: float, down: float, depth: float) -> None:
    """Adds a corner of the camera's frame to a face."""
    face.points[face.count, 0] = WIDTH / 2 + FOCAL * right / depth
    face.points[face.count, 1] = HEIGHT / 2 + FOCAL * down / depth
    face.count += 1


@njit
def lit_grey(thing: Thing, grey: float, axis: int, sign: float) -> float:
    """The grey of a surface that looks along an axis of the object, by Lambert's law.

    The sun lights all alike, the lamp by the square of its distance.
    """
    ahead, left = sign if axis == 0 else 0.0, sign if axis == 1 else 0.0
    x = ahead * thing.along_x - left * thing.along_y
    y = ahead * thing.along_y + left * thing.along_x
    z = sign if axis == 2 else 0.0
    to_sun = x * TO_SUN[0] + y * TO_SUN[1] + z * TO_SUN[2]
    distance = math.sqrt(thing.x**2 + thing.y**2 + LAMP_HEIGHT**2)
    to_lamp = (z * LAMP_HEIGHT - x * thing.x - y * thing.y) / distance
    lamp = LAMP * (LAMP_HEIGHT / distance) ** 2
    return min(grey * (AMBIENT + SUN * max(to_sun, 0.0) + lamp * max(to_lamp, 0.0)), 255.0)


# Pixels.


@njit
def fill(faces: Records, covered: Floats, light: Floats, picture: Bytes) -> None:
    """Lays the faces of a block over the picture; together they cover a pixel at most once.

    ``covered`` and ``light`` are room for a row: the share of each pixel that they cover, and what
    they add to its grey.
    """
    top, bottom = math.inf, -math.inf
    for f in range(len(faces)):
        for k in range(faces[f].count):
            at = faces[f].points[k, 1]
            top, bottom = min(top, at), max(bottom, at)
    for row in range(int(clip(top - 1.5, 0.0, HEIGHT)), int(clip(bottom + 1.5, 0.0, HEIGHT))):
        for line in range(-LINES_PER_ROW, LINES_PER_ROW):
            gap = (line + 0.5) / LINES_PER_ROW  # rows from the middle of this one
            weight = (1.0 - abs(gap)) / LINES_PER_ROW
            for f in range(len(faces)):
                add_line(faces[f], row + 0.5 + gap, weight, covered, light)
        lay(covered, light, picture[row])


@njit
def add_line(face: Face, line: float, weight: float, covered: Floats, light: Floats) -> None:
    """Adds what a line across the picture meets of a face."""
    left, right = span_at(face.points[: face.count], line)
    if right < -1.0 or left > WIDTH + 1.0 or left >= right:
        return
    for column in range(int(clip(left - 1.0, 0.0, WIDTH)), int(clip(right + 2.0, 0.0, WIDTH))):
        at = COLUMNS[column]
        share = weight * (share_beyond(at - left) - share_beyond(at - right))
        covered[column] += share
        light[column] += share * face.grey


@njit
def lay(covered: Floats, light: Floats, row: Bytes) -> None:
    """Lays what was added over a row of the picture, and clears it."""
    for column in range(WIDTH):
        if covered[column] > 0.0:
            mixed = row[column] * (1.0 - covered[column]) + light[column]
            row[column] = np.uint8(clip(mixed + 0.5, 0.0, 255.0))
            covered[column] = light[column] = 0.0
