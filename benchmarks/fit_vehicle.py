"""Fits a car's physics (``VehicleParams`` in csrc/car/vehicle.h) to step traces of the original.

    python benchmarks/fit_vehicle.py --version 4 training-simtrace/*.csv

In: recordings (simtrace CSVs or logs) of one ``version``. Out: the fit, its open-loop error, and
the error on recordings that a fit of the others has not seen: every second episode, the later half
of the episodes, where there are several files the later half of those, and where there are few
episodes each of them in turn.

What is minimised is the mean error of the front point after 8, 15 and 22 steps as a share of the
way driven (at most 1, so that a crash of the recording counts no more than a bad guess), both from
each standing start and from windows all along the way, in which the car's own pose is turned onto
the recorded one; and beside it the misfit of the understeer that ``understeer.py`` tabulates from
many more recordings, which keeps the fit to a few laps from claiming too much. The car that drives
is the simulator's own.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from understeer import understeer_misfit

from deepracer_fast import _core
from deepracer_fast.driving.replay import (
    FRONT_POINT,
    Episode,
    Replay,
    episodes,
    error_table,
    replay,
)
from deepracer_fast.files.simtrace_reader import read_recording

Array = npt.NDArray[Any]

FREE = (
    "delay",
    "speed_gain",
    "grip",
    "drive_slip",
    "side_slip",
    "steering_lag",
    "steering_kick",
    "steering_gain",
    "steering_offset",
)
FEW_EPISODES = 5  # at most: then a half of them says little
STEPS_OF_SCALE = {"delay": 0.02, "steering_kick": 0.02, "steering_offset": 0.02}  # s, rad, rad
# The others vary by a factor.
LIMITS = {"delay": (0.0, 0.06), "steering_kick": (0.0, np.inf)}  # s, rad
HORIZONS = (8, 15, 22)
WINDOW = 15
MOST_EPISODES = 150
PULL = 0.001  # towards where the fit began, for what the recordings do not determine
UNDERSTEER = 10.0  # weight of the tabulated understeer; 0, 3, 10, 30 were tried


def vehicle_at(version: int, moves: Sequence[float]) -> Any:
    """The car that lies ``moves`` away from the simulator's."""
    vehicle = _core.VehicleParams(version, True)
    for name, move in zip(free_parameters(version), moves, strict=True):
        value = getattr(vehicle, name)
        scale = STEPS_OF_SCALE.get(name)
        value = value * np.exp(0.5 * move) if scale is None else value + scale * move
        low, high = LIMITS.get(name, (-np.inf, np.inf))
        setattr(vehicle, name, min(max(value, low), high))
    return vehicle


def free_parameters(version: int) -> tuple[str, ...]:
    """What is fitted: the controllers of version 5 and later have no part that kicks."""
    return FREE if version <= 4 else tuple(name for name in FREE if name != "steering_kick")


def window_error(result: Replay, steps: int) -> Array:
    """Share of the way by which windows of ``steps`` steps, end to end, are missed."""
    shares = []
    for begin in range(steps, result.logged.shape[1] - steps, steps):
        end = begin + steps
        logged, driven = result.logged[:, begin], result.driven[:, begin]
        turn = logged[:, 2] - driven[:, 2]
        moved = result.driven[:, end, :2] - driven[:, :2]
        moved = moved + FRONT_POINT * unit(driven[:, 2])  # from base_link
        cos, sin = np.cos(turn), np.sin(turn)
        x = cos * moved[:, 0] - sin * moved[:, 1]
        y = sin * moved[:, 0] + cos * moved[:, 1]
        base = logged[:, :2] - FRONT_POINT * unit(logged[:, 2])
        gap = np.linalg.norm(base + np.stack([x, y], axis=-1) - result.logged[:, end, :2], axis=-1)
        way = result.distance[:, end] - result.distance[:, begin]
        shares.append((gap / np.maximum(way, 0.3))[np.isfinite(gap)])
    return np.concatenate(shares) if shares else np.empty(0)


def start_error(result: Replay, steps: int) -> Array:
    """Share of the way by which episodes of at least ``steps`` steps are missed."""
    if steps >= result.logged.shape[1]:
        return np.empty(0)
    share = result.error[:, steps] / result.distance[:, steps]
    return np.asarray(share[np.isfinite(share)])


def unit(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def loss(vehicle: Any, recorded: Sequence[Episode]) -> float:
    result = replay(recorded, vehicle)
    terms = [error(result, steps) for steps in HORIZONS for error in (start_error, window_error)]
    return float(sum(np.minimum(term, 1.0).mean() for term in terms if len(term)))


def fit(version: int, recorded: Sequence[Episode]) -> Any:
    """The car nearest to the recordings (Powell's method, from the simulator's car)."""
    some = list(recorded)[:: max(1, len(recorded) // MOST_EPISODES)]

    def objective(moves: Array) -> float:
        vehicle = vehicle_at(version, moves)
        bends = UNDERSTEER * understeer_misfit(vehicle, version)
        return loss(vehicle, some) + bends + PULL * float(np.square(moves).sum())

    options = {"maxfev": 700, "xtol": 1e-2, "ftol": 1e-4}
    start = np.zeros(len(free_parameters(version)))
    found = minimize(objective, start, method="Powell", options=options)
    return vehicle_at(version, found.x)


def figures(vehicle: Any, recorded: Sequence[Episode]) -> dict[str, Any]:
    """Medians: after 15 steps from standing starts, in windows of 15 steps, in percent."""
    result = replay(recorded, vehicle)
    return {
        "episodes": len(recorded),
        "standing_start_15_median_percent": 100 * float(np.median(start_error(result, 15))),
        "standing_start_15_p90_percent": 100 * float(np.percentile(start_error(result, 15), 90)),
        "window_15_median_percent": 100 * float(np.median(window_error(result, WINDOW))),
    }


def splits(recorded: Sequence[Episode]) -> dict[str, Callable[[int], bool]]:
    """Name -> which episodes are held out."""
    found: dict[str, Callable[[int], bool]] = {
        "every second episode": lambda number: number % 2 == 1,
        "later half of the episodes": lambda number: number >= len(recorded) / 2,
    }
    sources = list(dict.fromkeys(episode.steps.source for episode in recorded))
    if len(sources) > 1:
        later = set(sources[len(sources) // 2 :])
        found["later half of the files"] = lambda n: recorded[n].steps.source in later
    return found


def held_out(version: int, recorded: Sequence[Episode]) -> dict[str, dict[str, Any]]:
    report = {}
    for name, is_out in splits(recorded).items():
        seen = [episode for n, episode in enumerate(recorded) if not is_out(n)]
        unseen = [episode for n, episode in enumerate(recorded) if is_out(n)]
        report[name] = figures(fit(version, seen), unseen)
    if len(recorded) <= FEW_EPISODES:
        report["each episode in turn, median"] = one_at_a_time(version, recorded)
    return report


def one_at_a_time(version: int, recorded: Sequence[Episode]) -> dict[str, Any]:
    """Medians over the episodes, each driven by a fit to the others."""
    rows = []
    for number, episode in enumerate(recorded):
        others = [*recorded[:number], *recorded[number + 1 :]]
        rows.append(figures(fit(version, others), [episode]))
    medians = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
    return medians | {"episodes": len(recorded)}


def show(title: str, row: dict[str, Any]) -> None:
    print(
        f"{title:<36} {row['episodes']:>4} episodes   from a standing start "
        f"{row['standing_start_15_median_percent']:5.1f} % (p90 "
        f"{row['standing_start_15_p90_percent']:.1f})   windows "
        f"{row['window_15_median_percent']:5.1f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("traces", nargs="+", type=Path)
    parser.add_argument("--version", type=int, required=True, help="of model_metadata.json, 3 to 6")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    arguments = parser.parse_args()
    recorded = [e for path in arguments.traces for e in episodes(read_recording(path))]
    start = _core.VehicleParams(arguments.version, True)

    print("median error of the front point after 15 steps, as a share of the way")
    show("the simulator's car", before := figures(start, recorded))
    vehicle = fit(arguments.version, recorded)
    show("fit to all", after := figures(vehicle, recorded))
    unseen = held_out(arguments.version, recorded)
    for name, row in unseen.items():
        show(f"held out: {name}", row)
    for name in FREE:
        print(f"    .{name} = {getattr(vehicle, name):.4g}f,")
    if arguments.json:
        report = {
            "version": arguments.version,
            "parameters": {name: getattr(vehicle, name) for name in FREE},
            "simulator": before,
            "fit": after,
            "held_out": unseen,
            "horizons": error_table(replay(recorded, vehicle)),
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
