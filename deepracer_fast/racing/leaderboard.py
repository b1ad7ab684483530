"""The file of a race: its rules, and every submission to it.

In: a race and what models drove in it. Out: a JSON file, read and extended as a whole; two
processes that submit at once both find their laps in it. Neighbours: ``race`` says who stands
where, ``commands.race`` shows it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from deepracer_fast.checks.file_reading import MiB
from deepracer_fast.checks.json_object import JsonObject, brief, read_json_object
from deepracer_fast.checks.values import instance, path_of, sequence
from deepracer_fast.errors import ConfigError, LeaderboardError
from deepracer_fast.files.atomic import atomic_write_text
from deepracer_fast.files.writer_lock import WriterLock
from deepracer_fast.racing.race import RaceLap, RankedRace, Submission
from deepracer_fast.world.race_config import RaceConfig

FORMAT = 1
"""Version of the file's form; a newer one is refused."""

_PATIENCE = 10.0  # s for which another writer is waited for: it only adds its laps
MAX_NUMBER = 1e9
"""Of anything that is counted or measured in a race: seconds, metres, steps."""

MAX_BYTES = 32 * MiB
"""Of the file; a submission of three laps takes 1 kB."""

_LATER = {"road", "driving_direction"}
"""Fields of a race that the first files lack; there they are as usual."""

_Record = TypeVar("_Record", RankedRace, RaceConfig, RaceLap)


@dataclass(frozen=True)
class Leaderboard:
    """What the file holds.

    Attributes:
        race: the rules.
        submissions: in the order in which they came.
    """

    race: RankedRace
    submissions: tuple[Submission, ...] = ()


def read_leaderboard(path: Path) -> Leaderboard:
    """Reads the file of a race.

    Raises:
        LeaderboardError: it cannot be read, or is not one; names file and key.
    """
    path = path_of("the path of a leaderboard", path, LeaderboardError)
    content = read_json_object(path, LeaderboardError, MAX_BYTES)
    if content.get("format") != FORMAT:
        found = brief(content.get("format"))
        raise LeaderboardError(f"{path}: format of a leaderboard must be {FORMAT}, found {found}")
    race = _record(RankedRace, content.get("race"), f"{path}: race")
    listed = content.get("submissions")
    if not isinstance(listed, list):
        raise LeaderboardError(f"{path}: submissions must be a list, found {brief(listed)}")
    places = (f"{path}: submissions[{number}]" for number in range(len(listed)))
    return Leaderboard(race, tuple(map(_submission, listed, places)))


def add_submissions(path: Path, race: RankedRace, new: Sequence[Submission]) -> Leaderboard:
    """Adds submissions to the file of a race, or begins it.

    Raises:
        LeaderboardError: the file cannot be read, or its race has other rules.
        InUseError: another process is writing it, and does not end.
        OSError: it cannot be written.
    """
    path = path_of("the path of a leaderboard", path, LeaderboardError)
    instance("race", race, RankedRace, LeaderboardError)
    for number, submission in enumerate(sequence("new", new, "submissions", LeaderboardError)):
        instance(f"new[{number}]", submission, Submission, LeaderboardError)
    path.parent.mkdir(parents=True, exist_ok=True)
    with WriterLock(path.with_name(f".{path.name}.lock"), path, _PATIENCE):
        board = read_leaderboard(path) if path.exists() else Leaderboard(race)
        refuse_other_rules(path, board.race, asdict(race))
        board = Leaderboard(race, (*board.submissions, *new))
        content = {"format": FORMAT} | asdict(board)
        atomic_write_text(path, json.dumps(content, indent=2) + "\n")
    return board


def refuse_other_rules(path: Path, race: RankedRace, asked: Mapping[str, object]) -> None:
    """Refuses rules, by field name, that are not those of the race in the file.

    Raises:
        LeaderboardError: one line with every difference.
    """
    rules, asked = _flat(asdict(race)), _flat(dict(asked))
    differing = [name for name in rules if name in asked and rules[name] != asked[name]]
    if differing:
        there = ", ".join(f"{name} {rules[name]}" for name in differing)
        here = ", ".join(f"{name} {asked[name]}" for name in differing)
        raise LeaderboardError(
            f"{path}: all submissions must be driven under the rules of the race, {there}; got "
            f"{here}: leave that out, or begin another race with --leaderboard"
        )


def _flat(rules: JsonObject) -> JsonObject:
    """Rules by name, those of the road among them."""
    road = rules.get("road", {})
    others = {name: value for name, value in rules.items() if name != "road"}
    return others | (asdict(road) if isinstance(road, RaceConfig) else road)


def _submission(content: object, place: str) -> Submission:
    if not isinstance(content, dict):
        raise LeaderboardError(f"{place} must be an object, found {brief(content)}")
    laps = content.get("laps")
    if not isinstance(laps, list):
        raise LeaderboardError(f"{place}.laps must be a list, found {brief(laps)}")
    records = [_record(RaceLap, lap, f"{place}.laps[{k}]") for k, lap in enumerate(laps)]
    with _at(place):
        told = (content.get("model"), content.get("submitted"), tuple(records))
        return Submission(*told, car=content.get("car", ""))  # type: ignore[arg-type]


def _record(kind: type[_Record], content: object, place: str) -> _Record:
    """The record whose every field an object gives, but for those of ``_LATER``."""
    names: dict[str, Any] = {field.name: field.type for field in fields(kind)}
    if not isinstance(content, dict) or set(content) | (_LATER & set(names)) != set(names):
        raise LeaderboardError(
            f"{place} must be an object of {', '.join(names)}, found {brief(content)}"
        )
    content = content | {
        name: _record(names[name], content[name], f"{place}.{name}")
        for name in content
        if is_dataclass(names[name])
    }
    for name, value in content.items():
        if isinstance(value, int | float) and not abs(value) < MAX_NUMBER:
            raise LeaderboardError(
                f"{place}.{name} must be a number below {MAX_NUMBER:g} in size, found "
                f"{brief(value)}"
            )
    with _at(place):
        return kind(**content)


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Names the place in the file of what a record refuses."""
    try:
        yield
    except ConfigError as problem:
        raise LeaderboardError(f"{place}: {problem}") from None
