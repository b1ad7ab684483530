"""``deepracer-fast replay``: from recordings to a table, JSON and a picture.

In: paths and options as the command line has them. Out: what is printed. Neighbours: ``cli``
parses the options; ``simtrace_reader`` and ``replay`` do the work.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from deepracer_fast.commands.options import ReplayOptions
from deepracer_fast.commands.terminal import say
from deepracer_fast.driving.replay import (
    Episode,
    VehicleParams,
    episodes,
    error_table,
    guess_car_version,
    replay,
)
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.simtrace_reader import Recording, read_recording
from deepracer_fast.tracks.track import Track, load_track, track_names
from deepracer_fast.training.config import settings_of
from deepracer_fast.world.car_versions import check_car_version

_LENGTH_TOLERANCE = 0.01  # share: bundled outlines are surveyed to 1-2 cm
_NEAR = 1.0  # m from the centre line on which the recorded cars stood, in the median


def run_replay(traces: Sequence[Path], options: ReplayOptions) -> None:
    """Replays traces and says how far the car ends up from the original's.

    Raises:
        DeepRacerError: a trace, the track or the version cannot be used.
    """
    ours = [own_folder(path) for path in traces]
    car_version = _car_version(traces[0], ours[0], options)
    is_symmetric = _is_symmetric(traces, ours, options)
    recordings = [read_recording(path) for path in traces]
    for remark in (*_about(ours), *(remark for each in recordings for remark in each.remarks)):
        print(f"remark: {remark}", file=sys.stderr)
    track = load_track(options.track) if options.track else guess_track(recordings[0])
    starts: list[Episode] = []
    for each, folder in zip(recordings, ours, strict=True):
        starts += episodes(each, wheels_are_straight=folder is not None)
    result = replay(starts, VehicleParams(car_version, not is_symmetric))
    report = {
        "traces": [str(path) for path in traces],
        "car_version": car_version,
        "asymmetric": not is_symmetric,
        "track": track.name if track else None,
        "episodes": len(starts),
        "horizons": error_table(result),
    }
    if options.png is not None:
        from deepracer_fast.pictures.replay import PictureTitle, draw_replay

        name = traces[0].name + (f" and {len(traces) - 1} more" if len(traces) > 1 else "")
        draw_replay(result, track, PictureTitle(name, f"version-{car_version} car"), options.png)
    if options.as_json:
        print(json.dumps(report, indent=2))
        return
    _print(Console(), report, options)


def own_folder(trace: Path) -> Path | None:
    """The model folder in which a training of ours recorded a trace; None for the original's."""
    above = trace.resolve().parents[:3]
    return next((each for each in above if ModelFolder(each).mark.is_file()), None)


def _about(folders: Sequence[Path | None]) -> Iterator[str]:
    """What a replay of our own recordings cannot repeat."""
    for folder in dict.fromkeys(filter(None, folders)):
        if settings_of(folder).randomization.is_on:
            yield f"{folder}: its cars may have differed from episode to episode (randomization)"


def _car_version(trace: Path, ours: Path | None, options: ReplayOptions) -> int:
    told = settings_of(ours).car_version if ours else 0
    car_version = options.car_version or told or guess_car_version(trace)
    check_car_version(car_version)
    return car_version


def _is_symmetric(
    traces: Sequence[Path], ours: Sequence[Path | None], options: ReplayOptions
) -> bool:
    """Whether the car has no pull to the left: the original's has one, ours was trained without."""
    if options.symmetric is not None:
        return options.symmetric
    one = dict(zip(map(bool, ours), traces, strict=True))
    if len(one) > 1:
        raise ConfigError(
            f"{one[True]} was driven here and {one[False]} was not, by cars that differ: replay "
            "them apart, or choose one car with --symmetric or --asymmetric"
        )
    return True in one


def guess_track(recording: Recording) -> Track | None:
    """The bundled track of the recorded length on whose road the recorded cars stood."""
    length = float(np.median(recording.track_length))
    points = np.column_stack([recording.x, recording.y])
    nearest: list[tuple[float, Track]] = []
    for track in map(load_track, track_names()):
        if abs(track.length - length) > _LENGTH_TOLERANCE * length:
            continue
        sample = points[:: max(1, len(points) // 200)]
        gaps = np.linalg.norm(sample[:, None] - track.waypoints, axis=-1).min(axis=1)
        nearest.append((float(np.median(gaps)), track))
    gap, best = min(nearest, key=lambda each: each[0], default=(np.inf, None))
    return best if gap < _NEAR else None


def _print(console: Console, report: dict[str, Any], options: ReplayOptions) -> None:
    sides = "asymmetric" if report["asymmetric"] else "symmetric"
    where = f"on {report['track']}" if report["track"] else "on a track that is not bundled"
    title = f"Open loop: {report['episodes']} standing starts {where}, "
    title += f"version-{report['car_version']} car, {sides}"
    table = Table(title=title, title_justify="left")
    table.add_column("steps", justify="right")
    table.add_column("episodes", justify="right")
    for name in ("p10", "p25", "median", "p75", "p90"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in report["horizons"]:
        metres, share = row["error_m"].values(), row["error_share"].values()
        cells = [f"{m:.3f} m\n{100 * s:.1f} %" for m, s in zip(metres, share, strict=True)]
        table.add_row(str(row["steps"]), str(row["episodes"]), *cells, end_section=True)
    console.print(table)
    console.print("Error of the front point, in metres and as a share of the way driven.")
    if not report["horizons"]:
        console.print("No episode is long enough.")
    if options.png is not None:
        say(console, f"picture  {options.png}")
        if report["track"] is None:
            console.print("The picture has no borders; name the track with --track.")
