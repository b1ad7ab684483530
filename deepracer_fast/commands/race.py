"""``deepracer-fast race``: from models and rules to a leaderboard.

In: paths and options as the command line has them. Out: the race's file, and what is printed of
it. Neighbours: ``cli`` parses the options; ``racing.drive`` lets the models drive, ``leaderboard``
keeps the file, ``race`` ranks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from deepracer_fast.commands.options import Racers, RankedRules, given
from deepracer_fast.commands.screen import TIMES
from deepracer_fast.commands.terminal import say
from deepracer_fast.errors import ConfigError, printable
from deepracer_fast.files.model_name import model_name
from deepracer_fast.policy.model import load_model
from deepracer_fast.racing.drive import Entrant, drive_race
from deepracer_fast.racing.leaderboard import (
    Leaderboard,
    add_submissions,
    read_leaderboard,
    refuse_other_rules,
)
from deepracer_fast.racing.leagues import league_line, league_races_on
from deepracer_fast.racing.race import (
    RankedRace,
    Standing,
    Submission,
    check_name,
    default_minimum_laps,
    standings,
)
from deepracer_fast.tracks.driving_direction import direction_meant
from deepracer_fast.tracks.track import load_track, track_name
from deepracer_fast.training.config import read_config, settings_of
from deepracer_fast.world.car_versions import check_car_version
from deepracer_fast.world.race_config import RaceConfig

LEADERBOARDS = Path("leaderboards")
"""Where races go that are given no file of their own."""

DEFAULT_TRACK = "reinvent_base"

_TIMES = {"best-lap": "best lap, s", "average-lap": "average lap, s", "total-time": "total, s"}


def run_race(rules: RankedRules, racers: Racers, as_json: bool = False) -> None:
    """Lets the models race, adds what they drove to the leaderboard, and shows it.

    What the rules leave out is the file's, or usual.

    Raises:
        DeepRacerError: something cannot be used, or the file's race has other rules; nothing has
            been driven or written then.
    """
    asked = given(rules)
    for name, meant in (("track", track_name), ("driving_direction", direction_meant)):
        asked |= {name: meant(asked[name])} if name in asked else {}
    if racers.models and not racers.leaderboard and "track" not in asked:
        own = settings_of(racers.models[0]).course.tracks
        asked |= {"track": own[0]} if own else {}
    if racers.race_type or racers.config:
        asked["road"] = race_of(racers.race_type, racers.config)
    path, models = racers.leaderboard or _usual_place(asked), racers.models or []
    if not (models or asked or racers.leaderboard):
        there = sorted(LEADERBOARDS.glob("*.json"))
        if len(there) > 1:
            list_leaderboards(as_json)
            return
        path = there[0] if there else path
    board = _board(path, asked, is_new_allowed=bool(models))
    if models:
        entrants = [
            Entrant(name, load_model(model, racers.checkpoint))
            for name, model in zip(_names(models, racers.name or []), models, strict=True)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)  # before laps are driven that nobody keeps
        board = add_submissions(path, board.race, _drive(board.race, entrants))
    ranked = standings(board.race, board.submissions)
    if as_json:
        print(json.dumps(_report(path, board.race, ranked), indent=2))
    else:
        _print(Console(), path, board.race, ranked)


def list_leaderboards(as_json: bool) -> None:
    """Shows the races of the usual place, and who leads them.

    Raises:
        DeepRacerError: one of the files cannot be read.
    """
    rows = list(map(_summary, sorted(LEADERBOARDS.glob("*.json"))))
    if as_json:
        print(json.dumps({"leaderboards": rows}, indent=2))
        return
    races = "1 race" if len(rows) == 1 else f"{len(rows)} races"
    table = Table(title=f"{races} in {LEADERBOARDS}/", title_justify="left")
    for name, side in (("race", "left"), ("models", "right"), ("first", "left"), ("s", "right")):
        table.add_column(name, justify=cast(JustifyMethod, side), overflow="fold")
    for row in rows:
        seconds = "" if row["time_seconds"] is None else f"{row['time_seconds']:.3f}"
        race = Text(printable(row["race"])).append(f"\n{printable(row['leaderboard'])}", "dim")
        table.add_row(race, str(row["models"]), Text(printable(row["first"] or "-")), seconds)
    Console().print(table)


def race_of(
    race_type: str | None, config: Path | None, usual: RaceConfig | None = None
) -> RaceConfig:
    """What is on the road: by a file's ``[race]`` table, or as usual; of this type if given."""
    road = read_config(config).race if config else usual or RaceConfig()
    return road.of_type(race_type) if race_type else road


def _usual_place(asked: Mapping[str, Any]) -> Path:
    ranking = asked.get("ranking", RankedRace.ranking)
    race_type = asked.get("road", RaceConfig()).race_type
    direction = asked.get("driving_direction", RankedRace.driving_direction)
    kind = "" if race_type == "TIME_TRIAL" else f"-{race_type.lower().replace('_', '-')}"
    kind += "" if direction == RankedRace.driving_direction else f"-{direction}"
    return LEADERBOARDS / f"{Path(asked.get('track', DEFAULT_TRACK)).stem}{kind}-{ranking}.json"


def _board(path: Path, asked: Mapping[str, Any], is_new_allowed: bool) -> Leaderboard:
    """The race's file as it is, or an empty one by the given rules."""
    if path.exists():
        board = read_leaderboard(path)
        refuse_other_rules(path, board.race, asked)
        _check_track(path, board.race)
        return board
    if not is_new_allowed:
        raise ConfigError(
            f"{path}: there is no such leaderboard yet; race MODEL begins it, race --list shows "
            "those that exist"
        )
    return Leaderboard(_new_race(asked))


def _check_track(path: Path, race: RankedRace) -> None:
    length = _length_of(race.track)
    if length != race.track_length:
        raise ConfigError(
            f"{path}: its track {race.track} must be {race.track_length} m long, found "
            f"{length} m: the route has changed, so begin another race with --leaderboard"
        )


def _new_race(asked: Mapping[str, Any]) -> RankedRace:
    if car_version := asked.get("car_version", 0):
        check_car_version(car_version)
    ranking, laps = asked.get("ranking", RankedRace.ranking), asked.get("laps", RankedRace.laps)
    usual: dict[str, Any] = {
        "track": DEFAULT_TRACK,
        "track_length": _length_of(asked.get("track", DEFAULT_TRACK)),
        "minimum_laps": default_minimum_laps(ranking, laps),
    }
    return RankedRace(**(usual | dict(asked)))


def _length_of(track: str) -> float:
    return round(load_track(track).length, 3)


def _names(models: Sequence[Path], said: Sequence[str]) -> list[str]:
    """What the models are called on the leaderboard.

    Raises:
        ConfigError: two have one name, or there are names for some only.
    """
    names = [name.strip() for name in said] or list(map(model_name, models))
    if len(names) != len(models) or not all(names):
        raise ConfigError(
            f"--name must be given once for each model and not be empty, got {len(names)} for "
            f"{len(models)} models"
        )
    for name in names:
        check_name(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"models in one race must have different names, got {', '.join(twice)} more than "
            "once: give each its own with --name"
        )
    return names


def _drive(race: RankedRace, entrants: Sequence[Entrant]) -> list[Submission]:
    console = Console(stderr=True)
    who = entrants[0].name if len(entrants) == 1 else f"{len(entrants)} models"
    with console.status(Text(f"{who}: {race.laps} laps on {race.track}")):
        laps = drive_race(race, entrants)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        Submission(entrant.name, now, tuple(driven), entrant.model.metadata.car)
        for entrant, driven in zip(entrants, laps, strict=True)
    ]


def _summary(path: Path) -> dict[str, Any]:
    """A race in a line of the list."""
    board = read_leaderboard(path)
    ranked = standings(board.race, board.submissions)
    first = next((standing for standing in ranked if standing.rank), None)
    return {
        "leaderboard": str(path),
        "race": _title(board.race),
        "models": len(ranked),
        "first": first and first.submission.model,
        "time_seconds": first and first.seconds,
    }


def _title(race: RankedRace) -> str:
    """Where and how, in a few words."""
    words = [race.track, f"{race.laps} lap{'s' * (race.laps > 1)}", f"by {race.ranking}"]
    words += [] if race.road.race_type == "TIME_TRIAL" else [race.road.race_type]
    words += [] if race.driving_direction == "forward" else [race.driving_direction]
    return ", ".join(words)


def _report(path: Path, race: RankedRace, ranked: Iterable[Standing]) -> dict[str, Any]:
    rows = list(ranked)
    return {
        "leaderboard": str(path),
        "race": asdict(race),
        "standings": [_row(standing) for standing in rows if standing.rank is not None],
        "not_ranked": [_row(standing) for standing in rows if standing.rank is None],
    }


def _row(standing: Standing) -> dict[str, Any]:
    submission = standing.submission
    return {
        "rank": standing.rank,
        "model": submission.model,
        "car": submission.car,
        "time_seconds": standing.seconds,
        "laps_in_a_row": round(standing.reach, 4),
        "submitted": submission.submitted,
        "submissions": standing.submissions,
        "laps": [asdict(lap) for lap in submission.laps],
    }


def _print(console: Console, path: Path, race: RankedRace, ranked: Sequence[Standing]) -> None:
    table = Table(title=Text(printable(_title(race))), title_justify="left")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("model", overflow="fold")
    columns = [_TIMES[race.ranking], "gap, s", "laps", "off track", "crashes", "entries"]
    if race.road.race_type == "TIME_TRIAL":
        columns.remove("crashes")
    for name in columns:
        table.add_column(name, justify="right")
    fastest = next((s.seconds for s in ranked if s.seconds is not None), 0.0)
    for standing in ranked:
        table.add_row(*_cells(standing, race, fastest))
    console.print(table)
    if any(standing.rank is None for standing in ranked):
        row = "a lap" if race.minimum_laps == 1 else f"{race.minimum_laps} laps in a row"
        console.print(f"- is not ranked: that takes {row}.")
    say(console, f"times: {TIMES}")
    say(console, *_league_lines(race, ranked), f"rules    {_rules(race)}", f"file     {path}")


def _league_lines(race: RankedRace, ranked: Sequence[Standing]) -> Iterator[str]:
    """Where the winner would have come in a league's race this way, by this ranking if possible."""
    if load_track(race.track).runs_backwards(race.driving_direction):
        return
    races = league_races_on(race.track, race.road.race_type)
    same = [each for each in races if each.ranking == race.ranking]
    if not ranked or ranked[0].seconds is None or not races:
        return
    if same and same[0].minimum_laps == race.minimum_laps:
        yield league_line(same[0], ranked[0].seconds, by_ranking=True)
        return
    laps = [lap for lap in ranked[0].submission.laps if lap.is_complete]
    yield league_line(races[0], min(lap.lap_time_seconds for lap in laps))


def _cells(standing: Standing, race: RankedRace, fastest: float) -> list[str | Text]:
    submission, seconds = standing.submission, standing.seconds
    laps = submission.laps
    off_track = sum(lap.off_track_count for lap in laps)
    crashes = sum(lap.crash_count for lap in laps)
    complete = sum(lap.is_complete for lap in laps)
    driven = f"{complete} of {race.laps}" if seconds is not None else f"{standing.reach:.2f}"
    return [
        "-" if standing.rank is None else str(standing.rank),
        Text(printable(f"{submission.model}{submission.car and f' ({submission.car})'}")),
        "" if seconds is None else f"{seconds:.3f}",
        "" if seconds is None or seconds == fastest else f"+{seconds - fastest:.3f}",
        driven,
        str(off_track),
        *([] if race.road.race_type == "TIME_TRIAL" else [str(crashes)]),
        str(standing.submissions),
    ]


def _rules(race: RankedRace) -> str:
    hidden = ("track", "track_length", "road")
    rules = {k: v for k, v in asdict(race).items() if k not in hidden}
    rules |= {"car_version": race.car_version or "the model's"} | _road(race.road)
    return ", ".join(f"{name} {value}" for name, value in rules.items())


def _road(road: RaceConfig) -> dict[str, Any]:
    """The race type, and what is not as usual in it."""
    given, usual = asdict(road), asdict(RaceConfig())
    return {k: v for k, v in given.items() if k == "race_type" or v != usual[k]}
