"""Flat faces in a picture in perspective, with smooth edges.

In: a lens, faces in metres, a picture in colour. Out: the faces painted into the picture, solids
with their hidden parts hidden. Neighbours: ``car_shape`` has the faces of cars and boxes; ``views``
has the lens, which looks as the core's camera does, and the picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from deepracer_fast.checks.arrays import Array
from deepracer_fast.pictures.video.car_shape import Colour, Face, Solid

_NEAR = 0.03  # m, what is nearer is not painted
_FINE = 2  # samples along each edge of a pixel

# Of a film's lamps: what all faces get, and what one gets that looks into the light.
_AMBIENT, _LAMP = 0.52, 0.55
_TO_LAMP = np.array([0.3, 0.35, 0.89])
_TO_LAMP = _TO_LAMP / np.linalg.norm(_TO_LAMP)


@dataclass(frozen=True)
class Lens:
    """A camera above the ground (csrc/rendering/camera.h has the same one).

    Attributes:
        x: of the lens, m.
        y: of the lens, m.
        heading: rad.
        height: of the lens above the ground, m.
        pitch: rad, downwards.
        size: width and height of the picture, pixels.
        hfov: rad, across the width.
    """

    x: float
    y: float
    heading: float
    height: float
    pitch: float
    size: tuple[int, int]
    hfov: float

    @cached_property
    def focal(self) -> float:
        """Pixels."""
        return 0.5 * self.size[0] / math.tan(0.5 * self.hfov)

    @cached_property
    def place(self) -> Array:
        """[3], m."""
        return np.array([self.x, self.y, self.height])

    def turned(self, vectors: Array) -> Array:
        """Vectors [..., 3] of the world as the lens has them: right, down and along its axis."""
        turned: Array = vectors @ self._axes
        return turned

    @cached_property
    def _axes(self) -> Array:
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        down, along = math.sin(self.pitch), math.cos(self.pitch)
        axes = [
            (sine, -cosine, 0.0),
            (-down * cosine, -down * sine, -along),
            (along * cosine, along * sine, -down),
        ]
        return np.array(axes).T

    def seen_by(self, pose: Array) -> "Lens":
        """The same lens in the frame of what stands at x, y (m) with a heading (rad)."""
        x, y, heading = (float(value) for value in pose)
        cosine, sine = math.cos(heading), math.sin(heading)
        ahead, left = self.x - x, self.y - y
        x, y = cosine * ahead + sine * left, cosine * left - sine * ahead
        return replace(self, x=x, y=y, heading=self.heading - heading)

    def outline(self, points: Array) -> Array:
        """Pixels [K, 2], x right and y down, of a face [K, 3] in metres; K is 0 behind the lens."""
        seen = _before(self.turned(points - self.place))
        middle = 0.5 * np.array(self.size)
        return middle + self.focal * seen[:, :2] / seen[:, 2:]


def paint_flat(picture: Image.Image, lens: Lens, faces: Sequence[Array], colour: Colour) -> None:
    """Paints faces [K, 3], m, that nothing hides, all of one colour and without light."""
    outlines = [outline for face in faces if len(outline := lens.outline(face)) > 2]
    if not outlines:
        return
    low, high = _window(np.concatenate(outlines), lens.size)
    if (high <= low).any():
        return
    mask = Image.new("L", tuple(_FINE * (high - low)))
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        # Pixels of a polygon are named by their middles.
        corners = _FINE * (outline - low) - 0.5
        draw.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    picture.paste(colour, (int(low[0]), int(low[1])), mask.reduce(_FINE))


def paint_solid(picture: Array, lens: Lens, solid: Solid, pose: Array) -> None:
    """Paints a solid that stands at x, y (m) with a heading (rad) into uint8 [H, W, 3].

    Of its faces those that look at the lens are painted, of these what nothing nearer hides.
    """
    lens = lens.seen_by(pose)
    facing = np.einsum("fk,fk->f", solid.normals, lens.place - solid.anchors) > 0
    light = solid.normals @ _turned_lamp(float(pose[2]))
    shown = []
    for number in np.flatnonzero(facing):
        face = solid.faces[number]
        outline = lens.outline(face.points)
        if len(outline) > 2:
            shown.append((face, outline, _AMBIENT + _LAMP * max(float(light[number]), 0.0)))
    if not shown:
        return
    low, high = _window(np.concatenate([outline for _, outline, _ in shown]), lens.size)
    if (high <= low).any():
        return
    canvas = _Canvas(lens, low, high)
    for face, outline, lit in shown:
        canvas.add(face, outline, lit)
    colours, share = canvas.reduced()
    part = picture[low[1] : high[1], low[0] : high[0]]
    part[:] = part * (1 - share) + colours + 0.5


class _Canvas:
    """A window of the picture in fine samples, each of which keeps the nearest face."""

    def __init__(self, lens: Lens, low: Array, high: Array) -> None:
        width, height = _FINE * (high - low)
        self._lens, self._low = lens, low
        self._nearness = np.zeros((height, width), np.float32)  # 1/m along the axis
        self._colours = np.zeros((height, width, 3), np.float32)

    def add(self, face: Face, outline: Array, lit: float) -> None:
        """Lays a face where it is nearest, its colour times the light on it."""
        corners = _FINE * (outline - self._low)
        height, width = self._nearness.shape
        low, high = _window(corners, (width, height))
        x = np.arange(low[0], high[0], dtype=np.float32) + 0.5
        y = (np.arange(low[1], high[1], dtype=np.float32) + 0.5)[:, None]
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        nearness = self._nearness_of(face, x, y)
        is_nearest = _inside(corners, x, y) & (nearness > self._nearness[part])
        self._nearness[part][is_nearest] = nearness[is_nearest]
        self._colours[part][is_nearest] = [min(part * lit, 255.0) for part in face.colour]

    def reduced(self) -> tuple[Array, Array]:
        """The window in pixels: colours times what the solid covers of each, and this share."""
        height, width = (length // _FINE for length in self._nearness.shape)
        split = (height, _FINE, width, _FINE)
        share = (self._nearness > 0).reshape(split).mean(axis=(1, 3), dtype=np.float32)
        return self._colours.reshape(*split, 3).mean(axis=(1, 3)), share[..., None]

    def _nearness_of(self, face: Face, x: Array, y: Array) -> Array:
        """One over the depth of a plane is linear in the picture: n . (u, v, 1) / (n . p)."""
        lens = self._lens
        normal = lens.turned(face.normal)
        away = float(normal @ lens.turned(face.points[0] - lens.place))
        u = (x / _FINE + self._low[0] - 0.5 * lens.size[0]) / lens.focal
        v = (y / _FINE + self._low[1] - 0.5 * lens.size[1]) / lens.focal
        nearness: Array = (normal[0] * u + normal[1] * v + normal[2]) / away
        return nearness


def _inside(corners: Array, x: Array, y: Array) -> Array:
    """Which samples lie in a convex outline, whichever way round it is given."""
    along = np.concatenate([corners[1:], corners[:1]]) - corners
    turning = along[:, 0] * corners[:, 1] - along[:, 1] * corners[:, 0]
    if turning.sum() > 0:
        along, turning = -along, -turning
    # On the inner side of each edge: cross(along, point - corner) >= 0.
    along, turning = along.astype(np.float32), turning.astype(np.float32)
    inside = np.ones((len(y), len(x)), bool)
    for (right, down), away in zip(along, turning, strict=True):
        inside &= right * y >= down * x + away
    return inside


def _turned_lamp(heading: float) -> Array:
    """Where the lamp is for what stands with a heading (rad)."""
    cosine, sine = math.cos(heading), math.sin(heading)
    x, y, z = _TO_LAMP
    return np.array([cosine * x + sine * y, cosine * y - sine * x, z])


def _before(points: Array) -> Array:
    """What of a face [K, 3] in the lens's axes lies before its near plane."""
    if (points[:, 2] >= _NEAR).all():
        return points
    kept = []
    for here, after in zip(points, [*points[1:], points[0]], strict=True):
        if here[2] >= _NEAR:
            kept.append(here)
        if (here[2] >= _NEAR) != (after[2] >= _NEAR):
            kept.append(here + (_NEAR - here[2]) / (after[2] - here[2]) * (after - here))
    return np.array(kept).reshape(-1, 3)


def _window(points: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Whole pixels around points, as far as they are in the picture: first, and one past last."""
    bounds = np.array([points.min(axis=0) // 1, -(-points.max(axis=0) // 1)])
    low, high = np.clip(bounds, 0, size).astype(int)
    return low, high
