"""Simtraces of a training: each episode once and whole, in the iteration in which it ended.

In: what cars drove, iteration by iteration. Out: one CSV an iteration and track, below the model
folder. Neighbours: ``training.record`` says which iteration it is, ``trace`` makes the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.trace import Trace, simtrace_columns
from deepracer_fast.files.model_folder import ModelFolder
from deepracer_fast.files.simtrace_writer import write_simtrace

Columns = dict[str, Array]

TEACHING_BYTES = 20 << 20
"""Of all traces of a teacher and its lessons."""

_AT_ONCE = 0.25  # of these; the rest is given out as the teaching's time passes
_ROW_BYTES = 160  # of a row, about


@dataclass(frozen=True)
class TrainingTrack:
    """One of the tracks that cars drive on, and whose traces are kept.

    Attributes:
        name: as ``Track.name``.
        waypoints: [N, 2].
        cars: which of them drive there, and are traced.
        most_episodes: that are written of an iteration; None for all that ended.
    """

    name: str
    waypoints: npt.NDArray[np.float64]
    cars: slice
    most_episodes: int | None = None


class TrainingTraces:
    """Those of one training, in its folder."""

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        self._going_on: dict[str, Columns] = {}  # by track, rows of episodes that have not ended
        self._written = 0  # bytes

    def drop(self, iterations: int) -> None:
        """Removes what a broken-off run wrote after so many iterations."""
        for path in self._folder.simtraces.rglob("*-iteration.csv"):
            number = path.name.removesuffix("-iteration.csv")
            if number.isdecimal() and int(number) >= iterations:
                path.unlink()
        self._written = sum(path.stat().st_size for path in self._folder.simtraces.rglob("*.csv"))

    def forget_what_goes_on(self) -> None:
        """Other cars drive from here on, whose episodes have numbers of their own."""
        self._going_on = {}

    def ended(self, trace: Trace, track: TrainingTrack, goes_on: bool) -> Columns:
        """Rows of episodes that ended on a track, sorted by episode and step.

        If it ``goes_on`` an episode may go on in the next iteration; otherwise what has not ended
        was dropped, and so are its rows.
        """
        rows = simtrace_columns(trace, track.waypoints, track.cars)
        if track.name in self._going_on:
            rows = _below(self._going_on[track.name], rows)
        ended = rows["episode"][rows["done"]]
        if goes_on:
            running = ~np.isin(rows["episode"], ended)
            self._going_on[track.name] = {name: row[running] for name, row in rows.items()}
        if track.most_episodes is not None and len(ended) > track.most_episodes:
            ended = ended[np.linspace(0, len(ended) - 1, track.most_episodes).astype(int)]
        kept = np.isin(rows["episode"], ended)
        return {name: row[kept] for name, row in rows.items()}

    def write(
        self,
        iteration: int,
        tracks: Sequence[TrainingTrack],
        episodes: Sequence[Columns],
        share: float | None,
    ) -> None:
        """Writes an iteration's episodes, whose rows are given by track.

        The first track's traces lie where readers look for them, those of the others in folders of
        their own. ``share`` of the teaching's time is over, which gives out room for its traces;
        None where there is no limit.
        """
        size = _ROW_BYTES * sum(len(rows["episode"]) for rows in episodes)
        room = math.inf if share is None else TEACHING_BYTES * (_AT_ONCE + share * (1 - _AT_ONCE))
        if iteration > 0 and self._written + size > room:
            return
        for number, (track, rows) in enumerate(zip(tracks, episodes, strict=True)):
            if len(rows["episode"]) == 0:
                continue
            path = self._folder.training_simtrace(iteration, track.name if number else None)
            path.parent.mkdir(exist_ok=True)
            write_simtrace(path, rows)
            self._written += path.stat().st_size


def renumbered(rows: Mapping[str, Array], numbers: Mapping[int, int]) -> Columns:
    """The same rows, episode by episode in the order of their new numbers."""
    old, place = np.unique(rows["episode"], return_inverse=True)
    new = np.array([numbers[number] for number in old.tolist()], np.int64)[place]
    order = np.argsort(new, kind="stable")
    return {name: column[order] for name, column in {**rows, "episode": new}.items()}


def _below(first: Columns, second: Columns) -> Columns:
    """Rows of both, sorted by episode and, within it, by time."""
    rows = {name: np.concatenate([first[name], second[name]]) for name in second}
    order = np.argsort(rows["episode"], kind="stable")
    return {name: column[order] for name, column in rows.items()}
