"""``deepracer-fast tracks``: lists the bundled tracks, or draws one.

In: a track's name. Out: a table, JSON, or a picture. Neighbour: ``cli`` parses the options.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.track import Track, load_track, track_names


def run_tracks(name: str | None, png: Path | None, as_json: bool) -> None:
    """Lists all tracks, or that one, as a table or JSON; or draws it to ``png``.

    Raises:
        ConfigError: a picture is asked for and no track.
        TrackError: the track cannot be read.
    """
    if png is not None:
        from deepracer_fast.pictures.track import draw_track  # loads matplotlib

        if name is None:
            raise ConfigError("--png needs the name of the track to draw")
        draw_track(load_track(name), png)
        print(png)
        return
    shown = [load_track(each) for each in ([name] if name else track_names())]
    if as_json:
        rows = [
            {
                "name": track.name,
                "title": track.title,
                "length_m": round(track.length, 2),
                "width_m": round(track.width[1], 3),
                "direction": track.direction,
                "waypoints": len(track.waypoints),
            }
            for track in shown
        ]
        print(json.dumps(rows, indent=2))
        return
    Console().print(_track_table(shown))
    if name is None:
        print("A track named _ccw is there as _cw, too: the same road, driven clockwise.")


def _track_table(tracks: Iterable[Track]) -> Table:
    """One track a row, within 80 columns."""
    table = Table(Column("track", no_wrap=True), "title")
    for name in ("long, m", "wide, m"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("way", no_wrap=True)
    ways = {"counter-clockwise": "ccw", "clockwise": "cw", "open": "open"}
    for track in tracks:
        length, width = f"{track.length:.2f}", f"{track.width[1]:.2f}"
        name, title = escape(track.name), escape(track.title)
        table.add_row(name, title, length, width, ways[track.direction])
    return table
