"""World tour: where our policies would have come in the races of the original's leagues.

Each race on record is driven under its rules, by a model that is given or by one that is trained
for it. Out: a line a race, with the estimated place among its entries and the ratio to its first;
``--json FILE`` keeps them, and a tour that is started again with the same file goes on where it
was; beside it a picture of all races. Speed limit and car version are not on record: up to 4 m/s,
version 5 from 2022 on and 4 before.

    python benchmarks/world_tour.py --json benchmarks/results/world-tour-NAME.json
    python benchmarks/world_tour.py --races all --model MODEL --json ...
    python benchmarks/world_tour.py --races "Albert TIME_TRIAL 2024-05" --minutes 3 --json ...

The core is what is counted: strong fields, one division, up to 4 m/s.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from time_to_lap import machine

from deepracer_fast.files.atomic import atomic_file, atomic_write_text
from deepracer_fast.policy.model import load_model
from deepracer_fast.racing.drive import Entrant, drive_race
from deepracer_fast.racing.leagues import LeagueRace, estimated_rank, league_races
from deepracer_fast.racing.race import RaceLap, RankedRace, ranked_seconds
from deepracer_fast.tracks.track import load_track

TRIES = 3
"""Submissions of a model, as a person would make; what is random on the road differs in each."""

_OLDER_CORE = {
    *("2022_reinvent_champ_ccw", "caecer_gp", "caecer_loop", "2022_april_open_ccw"),
    "2022_summit_speedway_ccw",
}
_SLOW_BOTS = 1.0  # m/s; faster ones are never met
_WIDEST = 2.45  # ratio in the picture; what is slower stands at its edge


@dataclass(frozen=True)
class Result:
    """How a model did in one race.

    Attributes:
        race: its key.
        compared: ``score``, what the race's ranking compares, or ``best_lap`` where ours cannot be
            driven by it.
        seconds: of that; None where no try had the laps that the race asks for.
        first: the same of the race's first entry.
        ratio: of both.
        rank: estimated, of ``entries``; None if it was slower than the record tells.
        entries: of the race.
        best_lap: fastest whole lap of all tries, seconds.
        tries: laps of each that were whole, and how many of these were clean.
        trained_s: wall-clock seconds of the training; 0 for a given model.
    """

    race: str
    compared: str
    seconds: float | None
    first: float
    ratio: float | None
    rank: int | None
    entries: int
    best_lap: float | None
    tries: list[tuple[int, int]]
    trained_s: float


def key_of(race: LeagueRace) -> str:
    return f"{race.track} {race.road.race_type} {race.opened}"


def is_core(race: LeagueRace) -> bool:
    if race.road.race_type != "TIME_TRIAL":
        return False
    return race.opened >= "2023" or (race.opened >= "2021-11" and race.track in _OLDER_CORE)


def chosen(words: Sequence[str]) -> list[LeagueRace]:
    """The races that are meant: ``core``, ``time-trials``, ``all``, or keys."""
    races = league_races()
    groups = {
        "core": [race for race in races if is_core(race)],
        "time-trials": [race for race in races if race.road.race_type == "TIME_TRIAL"],
        "all": [race for race in races if race.road.bot_car_speed <= _SLOW_BOTS],
    }
    by_key = {key_of(race): race for race in races}
    unknown = [word for word in words if word not in groups and word not in by_key]
    if unknown:
        raise SystemExit(f"no such race: {', '.join(unknown)}; there are {', '.join(by_key)}")
    found = [race for word in words for race in groups.get(word) or [by_key[word]]]
    return list({key_of(race): race for race in found}.values())


def car_version_of(race: LeagueRace) -> int:
    """Not on record; version 5 came in 2022."""
    return 5 if race.opened >= "2022" else 4


def rules_of(race: LeagueRace) -> RankedRace:
    return RankedRace(
        track=race.track,
        track_length=round(load_track(race.track).length, 3),
        ranking=race.ranking,
        laps=race.laps,
        minimum_laps=race.minimum_laps,
        off_track_penalty=race.off_track_penalty,
        car_version=car_version_of(race),
        road=race.road,
    )


def train(race: LeagueRace, folder: Path, minutes: float, options: Sequence[str]) -> float:
    """Trains a model for a race; wall-clock seconds."""
    rules = rules_of(race)
    config = {"race_type": rules.road.race_type} | {
        name: value
        for name, value in asdict(rules.road).items()
        if value != asdict(type(rules.road)())[name]
    }
    rows = "\n".join(f"{name} = {json.dumps(value)}" for name, value in config.items())
    (folder / "race.toml").write_text(f"[race]\n{rows}\n", encoding="utf-8")
    command = [sys.executable, "-m", "deepracer_fast.cli", "train", "--track", race.track]
    command += ["--config", "race.toml", "--max-speed", "4", "--best-by", "laptime"]
    command += ["--car-version", str(rules.car_version), "--minutes", f"{minutes:g}"]
    command += ["--stop-after", "0", "--seed", "0", "--model", "model", *options]
    started = time.monotonic()
    with (folder / "training.log").open("w") as log:
        subprocess.run(command, cwd=folder, stdout=log, check=True)
    return time.monotonic() - started


def drive(race: LeagueRace, model: Path, trained_s: float) -> Result:
    """Drives all tries, and holds the best one against the record."""
    entrant, rules = Entrant("ours", load_model(model)), rules_of(race)
    tries = [drive_race(rules, [entrant], seed=number)[0] for number in range(TRIES)]
    whole = [lap for laps in tries for lap in laps if lap.is_complete]
    best_lap = min((lap.lap_time_seconds for lap in whole), default=None)
    compared = "score" if race.continuous else "best_lap"
    quantiles = race.score if race.continuous else race.best_lap
    scores = [ranked_seconds(rules, laps) for laps in tries]
    known = [seconds for seconds in scores if seconds is not None]
    seconds = min(known, default=None) if race.continuous else best_lap
    return Result(
        race=key_of(race),
        compared=compared,
        seconds=seconds,
        first=quantiles["first"],
        ratio=None if seconds is None else round(seconds / quantiles["first"], 4),
        rank=None if seconds is None else estimated_rank(quantiles, race.entries, seconds),
        entries=race.entries,
        best_lap=best_lap,
        tries=[(sum(lap.is_complete for lap in laps), _clean(laps)) for laps in tries],
        trained_s=round(trained_s, 1),
    )


def _clean(laps: Iterable[RaceLap]) -> int:
    return sum(lap.is_complete and lap.off_track_count + lap.crash_count == 0 for lap in laps)


def run(race: LeagueRace, model: Path | None, minutes: float, options: Sequence[str]) -> Result:
    if model is not None:
        return drive(race, model, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        seconds = train(race, Path(folder), minutes, options)
        return drive(race, Path(folder) / "model", seconds)


def line(result: Result) -> str:
    tries = ", ".join(f"{whole} whole, {clean} clean" for whole, clean in result.tries)
    if result.seconds is None:
        return f"{result.race}: not ranked; {tries}"
    place = f"about {result.rank}" if result.rank else "beyond the record"
    return (
        f"{result.race}: {result.seconds:.2f} s ({result.compared}), first {result.first:.2f} s, "
        f"ratio {result.ratio:.3f}, {place} of {result.entries:,}; {tries}"
    )


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Medians over the races, those without a result being the last."""
    ratios = sorted(r.ratio if r.ratio is not None else math.inf for r in results)
    ranks = sorted(r.rank if r.rank is not None else math.inf for r in results)
    asked = {key_of(race): race.minimum_laps for race in league_races()}
    full = [_some_try_is_clean(r, asked[r.race]) for r in results]
    return {
        "races": len(results),
        "ratio_median": _finite(statistics.median(ratios)),
        "ratio_worst": _finite(ratios[-1]),
        "rank_median": _finite(statistics.median(ranks)),
        "clean_in_three_tries": sum(full),
    }


def _some_try_is_clean(result: Result, laps: int) -> bool:
    return any(clean >= laps for _, clean in result.tries)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def draw(results: Sequence[Result], path: Path) -> None:
    """A bar a race: the ratio to its first, the best and the worst entries' beside it."""
    from matplotlib.figure import Figure

    by_key = {key_of(race): race for race in league_races()}
    figure = Figure(figsize=(9, 1.5 + 0.28 * len(results)), layout="constrained")
    axes = figure.subplots()
    rows = sorted(results, key=lambda r: r.ratio if r.ratio is not None else math.inf)
    marks: dict[str, tuple[str, str, list[tuple[float, int]]]] = {
        "p1": ("|", "#3b6ea5", []),
        "p10": ("|", "#8fb3d9", []),
        "ours": ("o", "#c8502a", []),
    }
    for row, result in enumerate(rows):
        race = by_key[result.race]
        quantiles = race.score if result.compared == "score" else race.best_lap
        for name in ("p1", "p10"):
            marks[name][2].append((quantiles[name] / result.first, row))
        if result.ratio is not None:
            marks["ours"][2].append((min(result.ratio, _WIDEST), row))
    for name, (mark, colour, points) in marks.items():
        axes.plot(*zip(*points, strict=True), mark, color=colour, label=name, markersize=8)
    axes.axvline(1.0, color="0.5", linewidth=1)
    axes.set_yticks(range(len(rows)), [result.race for result in rows], fontsize=7)
    axes.set_xlabel("time over that of the race's first")
    axes.set_xlim(0.85, _WIDEST + 0.05)
    axes.legend(loc="lower right")
    with atomic_file(path) as file:
        figure.savefig(file, format="png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--races", nargs="+", default=["core"], metavar="RACE")
    parser.add_argument("--model", type=Path, help="drives all races; default: one is trained")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--train", default="", metavar="OPTIONS", help="more of the training's")
    parser.add_argument("--json", type=Path, help="kept after each race; go on with it")
    options = parser.parse_args()
    races, results = chosen(options.races), []
    how = {"model": str(options.model or ""), "minutes": options.minutes, "train": options.train}
    if options.json and options.json.exists():
        kept = json.loads(options.json.read_text(encoding="utf-8"))
        if kept["how"] != how:
            parser.error(f"{options.json} is of another tour: {kept['how']}")
        results = [Result(**entry) for entry in kept["races"]]
    for race in races:
        if key_of(race) in {result.race for result in results}:
            continue
        results.append(run(race, options.model, options.minutes, options.train.split()))
        print(line(results[-1]), flush=True)
        if options.json:
            content = {"machine": machine(), "how": how, "summary": summary(results)}
            content["races"] = [asdict(result) for result in results]
            options.json.parent.mkdir(parents=True, exist_ok=True)
            atomic_write_text(options.json, json.dumps(content, indent=1) + "\n")
            draw(results, options.json.with_suffix(".png"))
    print(summary(results))


if __name__ == "__main__":
    main()
