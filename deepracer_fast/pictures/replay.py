"""A picture of a replay: both paths of some episodes, and how the error grows.

In: a ``Replay`` and, if it is known, the track. Out: a PNG. Neighbour: ``replay``. Import it where
it is needed: it loads matplotlib.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepracer_fast.checks.values import check_fields, instance, path_of
from deepracer_fast.driving.replay import Replay
from deepracer_fast.tracks.track import Track

MOST_PATHS = 20
SHOWN_STEPS = 45
"""3 s: beyond, open loop says more about luck than about the car."""

_SIZE_INCHES = (13.0, 6.0)
_DPI = 120
_LOGGED = "#1f2a36"
_DRIVEN = "#d1495b"
_ROAD = "#b9c0c8"


@dataclass(frozen=True)
class PictureTitle:
    """What the picture says of itself."""

    trace: str
    car: str

    def __post_init__(self) -> None:
        check_fields(self)


def draw_replay(result: Replay, track: Track | None, title: PictureTitle, path: Path) -> None:
    """Draws up to 20 evenly chosen episodes, and the error of all of them.

    Raises:
        OSError: the file cannot be written.
    """
    instance("result", result, Replay, maker="replay()")
    if track is not None:
        instance("track", track, Track, maker="load_track")
    instance("title", title, PictureTitle)
    path = path_of("the path of a picture", path)
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    paths, errors = figure.subplots(1, 2, width_ratios=[1.7, 1.0])
    _draw_paths(paths, result, track)
    paths.set_title(f"{title.trace}: recorded, and driven by the {title.car}", loc="left")
    _draw_errors(errors, result)
    figure.savefig(path, format="png")


def _draw_paths(axes: Axes, result: Replay, track: Track | None) -> None:
    if track is not None:
        for border in (track.inner, track.outer):
            axes.plot(*border.T, color=_ROAD, linewidth=1.5, zorder=1)
    count = len(result.logged)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_PATHS)).astype(int))
    for number, car in enumerate(chosen):
        kinds = (result.logged, _LOGGED, "recorded"), (result.driven, _DRIVEN, "driven")
        for values, colour, name in kinds:
            x, y, _ = values[car, : SHOWN_STEPS + 1].T
            label = f"{name}, up to {SHOWN_STEPS / 15:.0f} s" if number == 0 else None
            axes.plot(x, y, color=colour, linewidth=1.2, label=label, zorder=2)
            axes.plot(x[15:16], y[15:16], "o", color=colour, markersize=3.5, zorder=3)
    axes.plot(*result.logged[chosen, 0, :2].T, "s", color=_LOGGED, markersize=4, label="start")
    axes.plot([], [], "o", color="grey", markersize=3.5, label="after 15 steps")
    axes.set(xlabel="x (m)", ylabel="y (m)", aspect="equal")
    axes.legend(loc="best", fontsize=8)


def _draw_errors(axes: Axes, result: Replay) -> None:
    steps = np.arange(1, min(SHOWN_STEPS + 1, result.logged.shape[1]))
    share = 100 * result.error[:, steps] / np.maximum(result.distance[:, steps], 1e-6)
    low, middle, high = np.nanpercentile(share, (10, 50, 90), axis=0)
    axes.fill_between(steps, low, high, color=_DRIVEN, alpha=0.2, linewidth=0, label="10 to 90 %")
    axes.plot(steps, middle, color=_DRIVEN, label="median")
    # The first steps cover centimetres, of which any error is a large share.
    axes.set(ylim=(0, 1.15 * float(np.nanmax(high[4:] if len(high) > 4 else high))))
    axes.set(xlim=(0, steps[-1]), xlabel="steps of 1/15 s")
    axes.set_title("Error of the front point, % of the way driven", loc="left")
    axes.grid(color="0.9")
    axes.legend(loc="lower right", fontsize=8)
