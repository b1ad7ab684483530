"""Replay: the recorded actions of the original, driven open loop by this simulator's car.

In: recordings (``simtrace_reader``) and a vehicle. Out: where the car would have gone, and how far
that is from where the original's went. ``pictures.replay`` draws it; ``benchmarks/fit_vehicle.py``
fits the vehicle by it.

Each episode begins at its logged pose and at rest; the action of a row acts from that row's pose
to the next one's, in steps of 1/15 s, whatever the stamps say. The PREPARE row does not act. Only
the pose is set at the start of an episode, not the steering: the original does not straighten the
front wheels when it puts the car back, so they still stand nearly as the last episode left them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from deepracer_fast import _core
from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import instance, path_of, sequence
from deepracer_fast.errors import ConfigError, TraceError
from deepracer_fast.files.model_metadata import METADATA_NAME, read_model_metadata
from deepracer_fast.files.simtrace_reader import Recording
from deepracer_fast.world.car_versions import CAR_VERSIONS

HORIZONS = (5, 15, 30)
"""Steps after which the error is told: 1/3, 1 and 2 seconds."""

PERCENTILES = (10, 25, 50, 75, 90)

VehicleParams = _core.VehicleParams
"""The physics of a car of one version, symmetric or not."""

FRONT_POINT: float = _core.FRONT_POINT
"""Metres from base_link to the logged point (markov agent_ctrl/constants.py)."""

SETTLING = 0.11
"""Seconds for which the steering runs back to straight between two episodes: the PREPARE step and
what the reset takes, which commands nothing. A fit to version-4 recordings."""

_REMEMBERED = 30  # steps of the last episode that can still show in the steering
_METADATA_PLACES = (METADATA_NAME, f"model/{METADATA_NAME}")


@dataclass(frozen=True)
class Episode:
    """A standing start and what followed, up to the first pause.

    Attributes:
        steps: the rows from the first that acts; [T].
        before: commands of the rows before it in the file, [K, 2], radians and m/s.
    """

    steps: Recording
    before: Array


@dataclass(frozen=True)
class Replay:
    """What was recorded and what was driven; B episodes, padded with nan to T steps.

    Attributes:
        logged: float [B, T + 1, 3], front point and yaw, metres and radians.
        driven: float [B, T + 1, 3].
    """

    logged: Array
    driven: Array

    @property
    def error(self) -> Array:
        """Metres between the front points, [B, T + 1]."""
        return np.asarray(np.linalg.norm(self.driven[..., :2] - self.logged[..., :2], axis=-1))

    @property
    def distance(self) -> Array:
        """Metres along the logged path, [B, T + 1]."""
        way = np.linalg.norm(np.diff(self.logged[..., :2], axis=1), axis=-1)
        return np.pad(np.cumsum(way, axis=1), ((0, 0), (1, 0)))


def episodes(recording: Recording, wheels_are_straight: bool = False) -> list[Episode]:
    """The standing starts of a recording, in file order.

    An evaluation that goes on from lap to lap has only one.

    Args:
        recording: of the original, or of this simulator.
        wheels_are_straight: at each start, as this simulator puts them: nothing came before.
    """
    instance("recording", recording, Recording, TraceError, "read_recording")
    # A gap, too: without the action of a line that was left out the rest cannot be driven.
    new = (np.diff(recording.episode) != 0) | (np.diff(recording.steps) != 1)
    if recording.piece is not None:
        new |= np.diff(recording.piece) != 0
    edges = [0, *(np.flatnonzero(new) + 1), len(recording.x)]
    found = []
    for begin, end in pairwise(edges):
        if recording.steps[begin] > 1:
            continue
        first = begin + int(recording.status[begin] == "prepare")
        paused = np.flatnonzero(recording.status[first:end] == "pause")
        stop = first + int(paused[0]) if len(paused) else end
        if stop - first > 1:
            # The row that ends an episode says what was chosen there, but it is not driven.
            last = 0 if wheels_are_straight else max(0, begin - 1)
            before = _commands(recording.rows(max(0, last - _REMEMBERED), last))
            found.append(Episode(recording.rows(first, stop), before))
    return found


def replay(starts: Sequence[Episode], vehicle: Any) -> Replay:
    """Drives the commands of each episode open loop.

    Args:
        starts: at least one.
        vehicle: ``VehicleParams``.

    Raises:
        TraceError: there is nothing to replay.
    """
    for number, start in enumerate(sequence("starts", starts, "episodes", TraceError)):
        instance(f"starts[{number}]", start, Episode, TraceError, "episodes()")
    instance("vehicle", vehicle, VehicleParams, TraceError)
    if not starts:
        raise TraceError("a replay needs an episode with a standing start, found none")
    logged = np.stack(
        [_padded([getattr(e.steps, name) for e in starts]) for name in ("x", "y", "yaw")], axis=-1
    )
    yaw = logged[:, 0, 2]
    base = logged[:, 0, :2] - FRONT_POINT * _direction(yaw)
    # Float32 holds the paths best where they all begin at the origin.
    poses = np.column_stack([0 * base, yaw, steering_at_start(starts, vehicle)])
    commands = np.stack(
        [_padded([_commands(e.steps)[:-1, i] for e in starts]) for i in (0, 1)], axis=-1
    )
    states = _core.drive_open_loop(vehicle, poses, np.nan_to_num(commands)).astype(np.float64)
    front = base[:, None] + states[..., :2] + FRONT_POINT * _direction(states[..., 2])
    driven = np.concatenate([front, states[..., 2:3]], axis=-1)
    driven[np.isnan(logged)] = np.nan
    return Replay(logged, driven)


def steering_at_start(starts: Sequence[Episode], vehicle: Any) -> Array:
    """Radians at which the front wheels still stand from the episode before, [B]."""
    before = [episode.before[:, 0] for episode in starts]
    commands = np.zeros((len(starts), _REMEMBERED, 2))
    for row, steering in zip(commands, before, strict=True):
        row[_REMEMBERED - len(steering) :, 0] = steering
    states = _core.drive_open_loop(vehicle, np.zeros((len(starts), 4)), commands)
    return np.asarray(states[:, -1, 4] * np.exp(-SETTLING / vehicle.steering_lag))


def error_table(result: Replay) -> list[dict[str, Any]]:
    """One row a horizon that some episode reaches: percentiles in metres and of the way driven."""
    instance("result", result, Replay, TraceError, "replay()")
    rows = []
    for steps in HORIZONS:
        if steps >= result.logged.shape[1]:
            continue
        error, way = result.error[:, steps], result.distance[:, steps]
        reached = np.isfinite(error)
        error, way = error[reached], way[reached]
        rows.append(
            {
                "steps": steps,
                "episodes": int(reached.sum()),
                "error_m": _percentiles(error),
                "error_share": _percentiles(error / np.maximum(way, 1e-6)),
            }
        )
    return rows


def guess_car_version(trace: str | Path) -> int:
    """``version`` of the model_metadata.json beside a trace, or of the model folder around it.

    Raises:
        ConfigError: there is none, or it names a car that is not known here.
    """
    path = path_of("the path of a trace", trace, TraceError)
    for metadata in _metadata_around(path.resolve()):
        car_version = read_model_metadata(metadata).car_version
        if car_version not in CAR_VERSIONS:
            raise ConfigError(
                f"{metadata} has version {car_version}: the cars known here are "
                f"{', '.join(map(str, CAR_VERSIONS))}; choose one with --car-version"
            )
        return car_version
    raise ConfigError(
        f"{trace}: there is no model_metadata.json beside it that tells the car; give "
        "--car-version 4 (AWS console and DRfC to 2022), 5 (from 2022) or 6 (ROS 2)"
    )


def _metadata_around(trace: Path) -> Iterator[Path]:
    for folder in list(trace.parents)[:3]:
        yield from (folder / place for place in _METADATA_PLACES if (folder / place).is_file())


def _commands(steps: Recording) -> Array:
    return np.column_stack([steps.steering, steps.speed])


def _padded(columns: Sequence[Array]) -> Array:
    result = np.full((len(columns), max(map(len, columns))), np.nan)
    for row, column in zip(result, columns, strict=True):
        row[: len(column)] = column
    return result


def _direction(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _percentiles(values: Array) -> dict[str, float]:
    return {
        f"p{p}": float(value)
        for p, value in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    }
