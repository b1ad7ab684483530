"""What cars and boxes look like in films: solids of flat, coloured faces.

In: a colour's name. Out: the faces of a car or a box about its own origin, x ahead, y left, z up,
in metres. Neighbours: ``solids`` paints them, ``views`` puts them on the road. What a car's own
camera sees of others is drawn by the core, with the measured shapes of csrc/traffic/objects.h.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepracer_fast.checks.arrays import Array

Colour = tuple[int, int, int]

CAR_COLOURS: dict[str, Colour] = {
    "Black": (70, 73, 82),  # light enough to be told from the road
    "Grey": (142, 148, 156),
    "Blue": (38, 98, 214),
    "Red": (214, 40, 44),
    "Orange": (240, 128, 24),
    "White": (236, 238, 240),
    "Purple": (132, 58, 190),
}
"""The original's names of shell colours (its consoles' CAR_COLOR), chosen by eye."""

OTHER_COLOUR, OTHER_WISE = "White", "Blue"
"""Of the cars that are met, and of these where one's own is white."""

BOX_COLOUR: Colour = (168, 122, 78)  # cardboard
_TAPE: Colour = (206, 172, 120)
_RUBBER: Colour = (26, 27, 30)
_RIM: Colour = (150, 154, 160)
_GLASS: Colour = (30, 42, 58)
_HEADLIGHT: Colour = (490, 470, 390)  # lamps shine by themselves
_TAIL_LIGHT: Colour = (490, 110, 90)

# Extents as in csrc/rendering/blocks.h: the body's mesh, wheels about their hinges, a box of 0.4 x
# 0.3 m.
_AXLE, _HINGE = 0.082, 0.081  # m ahead of and beside base_link
_WHEEL_RADIUS, _WHEEL_HALF_WIDTH = 0.036, 0.017  # m
_WHEEL_CORNERS = 8


@dataclass(frozen=True)
class Face:
    """A flat convex face.

    Attributes:
        points: [K, 3], m, in order around it.
        normal: [3], unit vector that points out of the solid.
        colour: of the material, before any light.
    """

    points: Array
    normal: Array
    colour: Colour


class Solid:
    """Faces about an origin of their own.

    Attributes:
        faces: in any order.
        normals: [F, 3], of the faces.
        anchors: [F, 3], a point of each face, m.
    """

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = tuple(faces)
        self.normals = np.array([face.normal for face in faces])
        self.anchors = np.array([face.points[0] for face in faces])


@lru_cache
def car_solid(colour: str) -> Solid:
    """A car with its base_link at the origin, in a colour of ``CAR_COLOURS``."""
    shell = CAR_COLOURS[colour]
    dark: Colour = (shell[0] * 3 // 5, shell[1] * 3 // 5, shell[2] * 3 // 5)
    hull = [(-0.158, 0.03), (0.166, 0.03), (0.166, 0.055), (0.09, 0.086), (-0.158, 0.092)]
    faces = _extruded(hull, 0.066, shell)
    faces += _tapered((-0.125, 0.085, 0.062, 0.086), (-0.085, 0.005, 0.044, 0.14), _GLASS)[:-1]
    faces += _tapered((-0.085, 0.005, 0.044, 0.14), (-0.08, 0.0, 0.042, 0.146), shell)
    faces += _tapered((-0.17, -0.12, 0.08, 0.132), (-0.17, -0.125, 0.08, 0.14), shell)  # wing
    for side in (-1, 1):
        faces += _block((-0.155, -0.135), (side * 0.05 - 0.004, side * 0.05 + 0.004), (0.09, 0.132))
        faces += _wheel(-_AXLE, side) + _wheel(_AXLE, side)
        faces.append(_plate(-0.1585, -1, side * 0.046, 0.068, _TAIL_LIGHT))
        faces.append(_plate(0.1665, 1, side * 0.046, 0.044, _HEADLIGHT))
    faces += _block((-0.16, -0.156), (-0.03, 0.03), (0.05, 0.07), dark)
    faces += _block((0.115, 0.135), (-0.014, 0.014), (0.07, 0.125))  # the camera on its foot
    return Solid(faces)


@lru_cache
def box_solid() -> Solid:
    """A cardboard box with its centre over the origin, taped along its top."""
    tape = np.array([(-0.2, -0.025, 0.226), (0.2, -0.025, 0.226), (0.2, 0.025, 0.226)])
    tape = np.vstack([tape, (-0.2, 0.025, 0.226)])
    box = _block((-0.2, 0.2), (-0.15, 0.15), (0.0, 0.225), BOX_COLOUR)
    return Solid([*box, Face(tape, np.array([0.0, 0.0, 1.0]), _TAPE)])


def _outward(corners: list[Array], colours: list[Colour]) -> list[Face]:
    """The faces of one convex solid, whose middle tells which side of each is outside."""
    middle = np.concatenate(corners).mean(axis=0)
    faces = []
    for points, colour in zip(corners, colours, strict=True):
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        normal = normal / np.linalg.norm(normal)
        if normal @ (points[0] - middle) < 0:
            normal = -normal
        faces.append(Face(points, normal, colour))
    return faces


def _extruded(profile: list[tuple[float, float]], half_width: float, colour: Colour) -> list[Face]:
    """A convex outline of (x, z) from one side to the other."""
    left, right = (np.array([(x, y, z) for x, z in profile]) for y in (half_width, -half_width))
    corners = [left, right]
    for here in range(len(profile)):
        after = (here + 1) % len(profile)
        corners.append(np.array([left[here], left[after], right[after], right[here]]))
    return _outward(corners, [colour] * len(corners))


Level = tuple[float, float, float, float]
"""Rear, front, half of the width, height: a horizontal rectangle, m."""


def _tapered(base: Level, top: Level, colour: Colour) -> list[Face]:
    """Four sides from one rectangle to another above it, and the upper one, which comes last."""

    def ring(level: Level) -> Array:
        rear, front, half, z = level
        return np.array([(rear, -half, z), (front, -half, z), (front, half, z), (rear, half, z)])

    low, high = ring(base), ring(top)
    corners = [np.array([low[i], low[i - 1], high[i - 1], high[i]]) for i in range(4)]
    return _outward([*corners, high], [colour] * 5)


def _block(
    x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], colour: Colour = _RUBBER
) -> list[Face]:
    """An upright block between two values of each axis; nobody sees its bottom."""
    half, middle = (y[1] - y[0]) / 2, (y[0] + y[1]) / 2
    faces = _tapered((x[0], x[1], half, z[0]), (x[0], x[1], half, z[1]), colour)
    beside = np.array([0.0, middle, 0.0])
    return [Face(f.points + beside, f.normal, f.colour) for f in faces]


def _wheel(axle: float, side: int) -> list[Face]:
    """A wheel at an axle, on the left (1) or right (-1), with a bright rim outside."""
    angles = 2 * np.pi * (np.arange(_WHEEL_CORNERS) + 0.5) / _WHEEL_CORNERS
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    profile = (axle, _WHEEL_RADIUS) + _WHEEL_RADIUS * circle
    sides = _extruded([(x, z) for x, z in profile.tolist()], _WHEEL_HALF_WIDTH, _RUBBER)
    tyre = [face for face in sides if side * face.normal[1] > -0.5]  # the car hides the inner one
    beside = np.array([0.0, side * _HINGE, 0.0])
    faces = [Face(f.points + beside, f.normal, f.colour) for f in tyre]
    rim = (axle, _WHEEL_RADIUS) + 0.5 * _WHEEL_RADIUS * circle
    outside = side * (_HINGE + _WHEEL_HALF_WIDTH + 0.001)
    points = np.array([(x, outside, z) for x, z in rim.tolist()])
    return [*faces, Face(points, np.array([0.0, float(side), 0.0]), _RIM)]


def _plate(x: float, ahead: int, y: float, z: float, colour: Colour) -> Face:
    """A lamp on the front (1) or rear (-1), 3 cm wide and 1.6 cm high."""
    points = [(x, y + a, z + b) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    spread = np.array([(x, y, z)]) + (np.array(points) - (x, y, z)) * (0.0, 0.015, 0.008)
    return Face(spread, np.array([float(ahead), 0.0, 0.0]), colour)
