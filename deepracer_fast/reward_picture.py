"""A picture of one reward function over one track: what a car gets that drives along the road.

In: a reward file and a ``Track``. Out: a PNG file. Neighbours: ``validate_command``; import it
where it is needed: it loads matplotlib.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepracer_fast.door import instance, path_of
from deepracer_fast.reward import load_reward
from deepracer_fast.simulator import Simulator
from deepracer_fast.track import Track

FRONT = 0.14  # m from base_link to the front point
SPEED = 2.0  # m/s, at which the cars of the picture drive
SPACING = 0.04  # m between cars along the road
LANES = 61  # across the road, borders and a little beyond
_BEYOND = 1.15  # times the half width
_LONG_SIDE = 11.0  # inches
_DPI = 130

Points = NDArray[np.float64]


def draw_reward(path: Path, track: Track, png: Path) -> None:
    """Draws the reward of cars that stand all over the road and head along it.

    Each car is in the first step of its episode, steers straight and drives at `SPEED`.

    Raises:
        RewardError: the function fails in such a state.
        OSError: the file cannot be written.
    """
    instance("track", track, Track, maker="load_track")
    path, png = (path_of("the path of a reward or picture", each) for each in (path, png))
    spots, headings = _poses(track)
    x, y = spots.reshape(-1, 2).T
    sim = Simulator(track, len(x), ())
    params = _placed(sim, x, y, headings)
    params["speed"] = np.full(len(x), SPEED, np.float32)
    params["steering_angle"] = np.zeros(len(x), np.float32)
    params["steps"] = np.full(len(x), 2.0, np.float32)
    rewards = load_reward(path)(params).reshape(spots.shape[:2])
    _draw(track, spots, rewards, path.name, png)


def _placed(sim: Simulator, x: Points, y: Points, headings: Points) -> dict[str, Any]:
    """Columns of cars whose front points, which is what params tell, are at x and y."""
    back = FRONT * np.column_stack([np.cos(headings), np.sin(headings)])
    cars = np.arange(len(x))
    return dict(sim.place(cars, x - back[:, 0], y - back[:, 1], headings).params)


def _poses(track: Track) -> tuple[Points, Points]:
    """Where the front points stand, [LANES, places, 2] m, and the cars' headings, radians."""
    line = track.waypoints
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0.0, along[-1], int(along[-1] / SPACING))
    centre = np.column_stack([np.interp(at, along, axis) for axis in line.T])
    way = np.gradient(centre, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    normal = np.column_stack([-way[:, 1], way[:, 0]])
    reach = _BEYOND * track.width[1] / 2
    offsets = np.linspace(-reach, reach, LANES)
    spots = centre[None] + offsets[:, None, None] * normal[None]
    headings = np.broadcast_to(np.arctan2(way[:, 1], way[:, 0]), (LANES, len(at)))
    return spots, headings.reshape(-1)


def _draw(track: Track, spots: Points, rewards: Points, name: str, png: Path) -> None:
    everything = np.vstack([track.inner, track.outer])
    low, high = everything.min(axis=0) - 0.4, everything.max(axis=0) + 0.4
    inches_per_metre = _LONG_SIDE / float(max(high - low))
    width, height = (high - low) * inches_per_metre
    figure = Figure(figsize=(width + 1.8, height + 1.2), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set(xlabel="x (m)", ylabel="y (m)")
    axes.set_title(
        f"{name} on {track.name}: along the road at {SPEED:g} m/s, straight steering",
        loc="left",
        parse_math=False,
    )
    x, y = spots.transpose(2, 0, 1)
    shown = axes.pcolormesh(x, y, rewards, shading="gouraud", cmap="viridis")
    for border in (track.inner, track.outer):
        axes.plot(*border.T, color="black", linewidth=1.2)
    axes.plot(*track.waypoints.T, color="white", linewidth=0.8, linestyle=(0, (4, 3)))
    start = np.array([track.ribbon.inner[0], track.ribbon.outer[0]])
    axes.plot(*start.T, color="black", linewidth=3)
    figure.colorbar(shown, ax=axes, label="reward", shrink=0.8)
    figure.savefig(png, format="png")
