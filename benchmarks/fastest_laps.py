"""The fastest laps that the simulated car can do, beside the fastest of the original's leagues.

For each track of the core of ``world_tour.py`` the fastest flying lap is searched for
(``deepracer_fast.racing.fastest_lap``) and held against the best lap of all entries. A ratio under
1: our car could have driven faster than thousands of entries did, in this simulator. Out: a line a
track, and the median; ``--json FILE`` keeps what was found, and goes on where it was.

    python benchmarks/fastest_laps.py --json benchmarks/results/fastest-laps.json
    python benchmarks/fastest_laps.py --tracks Albert caecer_loop --set grip=3.4

``--set`` changes the car (``VehicleParams``), to see which of its parameters a lap time tells of.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from time_to_lap import machine
from world_tour import car_version_of, is_core, key_of

from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.racing.fastest_lap import fastest_lap
from deepracer_fast.racing.leagues import LeagueRace, league_races
from deepracer_fast.tracks.track import load_track
from deepracer_fast.world.engine_numba.vehicle import VehicleParams, vehicle_params

FLYING = 1  # number of the lap that is compared; the first one has a standing start


def main() -> None:
    options = parse_options()
    kept = _read(options.json)
    for race in core_races(options.tracks):
        if key_of(race) in kept:
            continue
        found = limit(race, options.set, options.breadth, options.searches, options.threads)
        kept[key_of(race)] = found
        print(line(key_of(race), found), flush=True)
        if options.json:
            record = {"machine": machine(), "races": kept}
            atomic_write_text(options.json, json.dumps(record, indent=1) + "\n")
    ratios = [found["ratio"] for found in kept.values()]
    print(f"{len(ratios)} races: ratio {statistics.median(ratios):.3f} (median), ", end="")
    print(f"{min(ratios):.3f} to {max(ratios):.3f}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", nargs="*", help="of the core; default: all")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of the car")
    parser.add_argument("--breadth", type=int, default=2000, help="states kept at a place")
    parser.add_argument("--searches", type=int, default=6, help="each finer than the one before")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def core_races(tracks: Sequence[str] | None) -> list[LeagueRace]:
    """Of each track and car the race in which the fastest lap was driven."""
    best: dict[tuple[str, int], LeagueRace] = {}
    for race in filter(is_core, league_races()):
        if tracks is None or race.track in tracks:
            key = race.track, car_version_of(race)
            if key not in best or race.best_lap["first"] < best[key].best_lap["first"]:
                best[key] = race
    return list(best.values())


def limit(
    race: LeagueRace, changes: Sequence[str], breadth: int, searches: int, threads: int
) -> dict[str, Any]:
    """What was found for a race's track and car, beside its best lap."""
    car = changed(vehicle_params(car_version_of(race)), changes)
    started = time.monotonic()
    lap = fastest_lap(
        load_track(race.track),
        vehicle=car,
        breadth=breadth,
        searches=searches,
        threads=threads,
    )
    seconds, first = lap.seconds[FLYING], race.best_lap["first"]
    return {
        "seconds": round(seconds, 3),
        "first": first,
        "ratio": round(seconds / first, 4),
        "standing_lap": round(lap.seconds[0], 3),
        "found": [round(both, 3) for both in lap.found],
        "car": dict(zip(car._fields, car, strict=True)),
        "took_s": round(time.monotonic() - started),
    }


def changed(car: VehicleParams, changes: Sequence[str]) -> VehicleParams:
    try:
        return car._replace(**{n: float(v) for n, v in (c.split("=") for c in changes)})
    except ValueError as error:
        raise SystemExit(f"--set takes NAME=VALUE of {', '.join(car._fields)}: {error}") from None


def line(key: str, found: dict[str, Any]) -> str:
    gained = found["found"][-2] - found["found"][-1] if len(found["found"]) > 1 else 0.0
    return (
        f"{key}: {found['seconds']:.2f} s, first {found['first']:.2f} s, ratio "
        f"{found['ratio']:.3f}; the last search gained {gained:.2f} s in two laps "
        f"({found['took_s']} s)"
    )


def _read(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None or not file.exists():
        return {}
    kept: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["races"]
    return kept


if __name__ == "__main__":
    main()
