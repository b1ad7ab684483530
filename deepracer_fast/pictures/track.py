"""Pictures of one track: road, borders, waypoint numbers, start line and driving direction.

In: a ``Track``. Out: a PNG file, for ``deepracer-fast tracks`` and for choosing waypoints while
writing a reward function; or a small map, for ``pictures.video.frame``. Neighbour: ``track.py``.
Import it where it is needed: it loads matplotlib.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from deepracer_fast.checks.values import count, instance, path_of
from deepracer_fast.tracks.track import Track

# Field, road, border line and centre dashes in the simulator's colours, RGB 0-255 (measured on
# the original's meshes and textures).
COLOURS = {
    "reinvent": ((95, 136, 104), (36, 49, 64), (194, 194, 190), (194, 117, 0)),
    "oval": ((126, 133, 65), (64, 63, 61), (223, 223, 222), (225, 143, 0)),
    "speedway": ((126, 133, 65), (64, 63, 61), (223, 223, 222), (225, 143, 0)),
}
LINE_WIDTH = 0.05  # metres, the tape of a real track (1.9 inches)
NUMBER_EVERY = 10  # waypoints
LONG_SIDE = 11.0  # inches
DPI = 130
MOST_PIXELS = 10_000  # of either side of a map

Points = NDArray[np.float64]


def draw_track(track: Track, path: str | Path) -> None:
    """Draws a track into a PNG file; an existing one is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    instance("track", track, Track, maker="load_track")
    path = path_of("the path of a picture", path)
    margin = 0.6 + track.width[1] / 2
    low, high = _corners(track, margin)
    inches_per_metre = LONG_SIDE / float(max(high - low))
    width, height = (high - low) * inches_per_metre
    figure = Figure(figsize=(width + 0.9, height + 1.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set(xlabel="x (m)", ylabel="y (m)")
    axes.set_title(_title(track), fontsize=13, loc="left", parse_math=False)
    _draw_road(axes, track, points_per_metre=72 * inches_per_metre)
    _draw_start(axes, track)
    _draw_numbers(axes, track)
    figure.savefig(path, format="png")


def _corners(track: Track, margin: float) -> tuple[Points, Points]:
    """Lower left and upper right of all of the road and a margin (m)."""
    everything = np.vstack([track.inner, track.outer])
    return everything.min(axis=0) - margin, everything.max(axis=0) + margin


@dataclass(frozen=True)
class TrackMap:
    """A small picture of a track, and where its points are in it.

    Attributes:
        pixels: uint8 [H, W, 3].
        left: x of the picture's left edge, metres.
        top: y of its upper edge, metres.
        scale: pixels per metre.
    """

    pixels: NDArray[np.uint8]
    left: float
    top: float
    scale: float

    def place(self, points: Points) -> Points:
        """Pixels [..., 2] of points [..., 2] in metres."""
        return self.scale * (np.asarray(points) - (self.left, self.top)) * (1.0, -1.0)


def track_map(track: Track, width: int, height: int) -> TrackMap:
    """The road and its lines, as large as the picture of so many pixels holds them."""
    instance("track", track, Track, maker="load_track")
    for name, pixels in (("width", width), ("height", height)):
        count(name, pixels, 1, MOST_PIXELS)
    margin = 0.3  # m beside the road
    low, high = _corners(track, margin)
    scale = float(min(np.array([width, height]) / (high - low)))
    half = np.array([width, height]) / scale / 2
    left, bottom = (low + high) / 2 - half
    right, top = (low + high) / 2 + half
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    _draw_road(axes, track, points_per_metre=72 / DPI * scale)
    axes.plot(*_start_line(track).T, color="white", linewidth=2, zorder=4)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return TrackMap(picture, float(left), float(top), scale)


def _title(track: Track) -> str:
    name = track.name if track.title == track.name else f"{track.title} ({track.name})"
    return f"{name}: {track.length:.2f} m long, {track.width[1]:.2f} m wide, {track.direction}"


def _draw_road(axes: Axes, track: Track, points_per_metre: float) -> None:
    field, road, line, dash = ([value / 255 for value in rgb] for rgb in COLOURS[track.look])
    thickness = LINE_WIDTH * points_per_metre
    axes.set_facecolor((field[0], field[1], field[2], 0.55))
    axes.add_patch(PathPatch(_road_outline(track), facecolor=road, edgecolor="none"))
    for border in (track.inner, track.outer):
        axes.plot(*border.T, color=line, linewidth=thickness, solid_joinstyle="round")
    thin = max(thickness / 2, 1.2)
    axes.plot(*track.waypoints.T, color=dash, linewidth=thin, linestyle=(0, (4, 3)))


def _road_outline(track: Track) -> Outline:
    """The road as one shape: a ring with a hole, or a strip between the borders."""
    if not track.is_loop:
        return Outline(np.vstack([track.inner, track.outer[::-1]]))
    # A hole must run against the ring around it, and both borders run with the driving direction.
    return Outline.make_compound_path(Outline(track.outer), Outline(track.inner[::-1]))


def _start_line(track: Track) -> Points:
    """Its two ends [2, 2], across the road at the first waypoint."""
    return np.array([track.ribbon.inner[0], track.ribbon.outer[0]])


def _draw_start(axes: Axes, track: Track) -> None:
    axes.plot(*_start_line(track).T, color="white", linewidth=4, solid_capstyle="butt", zorder=4)
    new = int(np.argmax(np.any(track.waypoints != track.waypoints[0], axis=1)))
    ahead = track.waypoints[new] - track.waypoints[0]
    ahead = ahead / np.linalg.norm(ahead)
    span = max(np.ptp(track.waypoints, axis=0))
    tail = track.waypoints[0] + 0.01 * span * ahead
    tip = tail + 0.07 * span * ahead
    arrow = {"arrowstyle": "-|>,head_width=0.4,head_length=0.7", "color": "white", "lw": 3}
    axes.annotate("", xy=tip, xytext=tail, arrowprops=arrow, zorder=5)


def _draw_numbers(axes: Axes, track: Track) -> None:
    """A dot on every tenth waypoint, and its number beside the road beyond the outer border."""
    num_waypoints = len(track.waypoints) - track.is_loop
    # A last number too close to the start would run into the 0.
    last = num_waypoints - NUMBER_EVERY // 2 if track.is_loop else num_waypoints
    rows = np.arange(0, last, NUMBER_EVERY)
    axes.plot(*track.waypoints[rows].T, "o", color="white", markersize=3.5, zorder=6)
    beyond = track.outer if track.rows_stand_opposite else track.beside[1]
    outward = beyond[rows] - track.waypoints[rows]
    outward = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9}
    style["textcoords"] = "offset points"
    for row, direction in zip(rows, outward, strict=True):
        place, offset = tuple(beyond[row]), tuple(12 * direction)
        axes.annotate(str(row), xy=place, xytext=offset, **style)
