"""A picture of one reward function over one track: what a car gets for each action where it stands.

In: a reward file, a ``Track`` and the actions of a model. Out: a PNG file with a panel an action,
fast ones above, left ones to the left. Neighbours: ``commands.validate``; import it where it is
needed: it loads matplotlib.
"""

from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepracer_fast import _core
from deepracer_fast.checks.values import instance, path_of
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.reward import Reward, load_reward
from deepracer_fast.reward.params_table import Columns
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import Simulator

SPACING = 0.08  # m between cars along the road
LANES = 25  # across the road, borders and a little beyond
MOST_SPEEDS, MOST_ANGLES = 5, 7  # that have panels of their own
_BEYOND = 1.15  # times the half width
_PANEL_WIDTH = 3.4  # inches
_TITLE = 0.3  # inches above a panel
_DPI = 110

Points = NDArray[np.float64]
_Item = TypeVar("_Item")


class Action(NamedTuple):
    """What the cars of a panel are told: m/s, and degrees with left positive."""

    speed: float
    steering_deg: float

    @property
    def words(self) -> str:
        """As a title."""
        side = "left" if self.steering_deg > 0 else "right"
        turn = f"{abs(self.steering_deg):.3g}\N{DEGREE SIGN} {side}"
        return f"{self.speed:.3g} m/s, {turn if self.steering_deg else 'straight'}"


def draw_reward(path: Path, track: Track, space: ActionSpace, png: Path) -> None:
    """Draws the rewards of cars that stand all over the road, head along it, and act.

    Each car is in the first step of its episode. Of more than `MOST_SPEEDS` speeds or `MOST_ANGLES`
    angles some are drawn, the first and the last among them.

    Raises:
        RewardError: the function fails in such a state.
        OSError: the file cannot be written.
    """
    instance("track", track, Track, maker="load_track")
    path, png = (path_of("the path of a reward or picture", each) for each in (path, png))
    spots, headings = _poses(track)
    x, y = spots.reshape(-1, 2).T
    params = _placed(Simulator(track, len(x), ()), x, y, headings)
    params["steps"] = np.full(len(x), 2.0, np.float32)
    reward, rows = load_reward(path), actions_drawn(space)
    actions, shape = (action for row in rows for action in row), spots.shape[:2]
    rewards = {each: _rewards(reward, params, each).reshape(shape) for each in actions}
    _draw(track, spots, rows, rewards, f"{reward.name} on {track.name}", png)


def actions_drawn(space: ActionSpace) -> list[list[Action]]:
    """Rows of actions, one a speed, the fastest first; each from left to right."""
    if isinstance(space, DiscreteActionSpace):
        actions = set(map(Action, space.speed, space.steering_angle_deg))
    else:
        speeds = np.linspace(space.speed_low, space.speed_high, 3).tolist()
        angles = np.linspace(space.steering_low, space.steering_high, 5).tolist()
        actions = {Action(speed, angle) for speed in speeds for angle in angles}
    by_speed = groupby(sorted(actions, reverse=True), key=lambda action: action.speed)
    rows = [list(row) for _, row in by_speed]
    return [_some(row, MOST_ANGLES) for row in _some(rows, MOST_SPEEDS)]


def _some(items: list[_Item], most: int) -> list[_Item]:
    """At most so many of them, evenly chosen with the first and the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items)))
    return [items[place] for place in places.round().astype(int)]


def _rewards(reward: Reward, params: Columns, action: Action) -> NDArray[np.float32]:
    """Of cars that remember nothing, as in the first step of a training."""
    commands = {"speed": action.speed, "steering_angle": action.steering_deg}
    like = params["x"]
    columns = {name: np.full_like(like, each, np.float32) for name, each in commands.items()}
    return reward.another()({**params, **columns})


def _placed(sim: Simulator, x: Points, y: Points, headings: Points) -> dict[str, Any]:
    """Columns of cars whose front points, which is what params tell, are at x and y."""
    back = _core.FRONT_POINT * np.column_stack([np.cos(headings), np.sin(headings)])
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


def _draw(
    track: Track,
    spots: Points,
    rows: list[list[Action]],
    rewards: dict[Action, NDArray[np.float32]],
    title: str,
    png: Path,
) -> None:
    everything = np.vstack([track.inner, track.outer])
    low, high = everything.min(axis=0) - 0.3, everything.max(axis=0) + 0.3
    width, height = high - low
    columns = max(map(len, rows))
    tall = _PANEL_WIDTH * height / width + _TITLE
    figure = Figure((columns * _PANEL_WIDTH + 1.4, len(rows) * tall + 0.6), dpi=_DPI)
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title}: reward of a car that heads along the road", parse_math=False)
    panels = figure.subplots(len(rows), columns, squeeze=False)
    least = min(float(values.min()) for values in rewards.values())
    most = max(float(values.max()) for values in rewards.values())
    spare = 0.0 if most > least else max(0.1 * abs(most), 1e-3)  # of a constant
    norm = Normalize(least - spare, most + spare)  # one scale for all panels
    for axes in panels.flat:
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.set_axis_off()
    x, y = spots.transpose(2, 0, 1)
    for row, line in zip(rows, panels, strict=True):
        for action, axes in zip(row, line, strict=False):
            shown = axes.pcolormesh(x, y, rewards[action], shading="gouraud", norm=norm)
            axes.set_title(action.words, fontsize="medium")
            _draw_road(axes, track)
    figure.colorbar(shown, ax=panels, label="reward", shrink=0.8)
    figure.savefig(png, format="png")


def _draw_road(axes: Axes, track: Track) -> None:
    for border in (track.inner, track.outer):
        axes.plot(*border.T, color="black", linewidth=0.8)
    axes.plot(*track.waypoints.T, color="white", linewidth=0.5, linestyle=(0, (4, 3)))
    start = np.array([track.ribbon.inner[0], track.ribbon.outer[0]])
    axes.plot(*start.T, color="black", linewidth=2)
