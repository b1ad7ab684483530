"""The original's leagues: races that thousands of people drove, and where a time would have come.

In: ``leagues.json``, 70 races of 2020 to 2025 with their rules, the number of entries and their
times as quantiles, from the community's public record (aws-deepracer-community,
deepracer-race-data). Out: the races of a track, an estimated rank, and a line that says it. Speed
limit, car version and direction are not on record. Neighbours: ``race`` has the rules of ours;
``commands.evaluate`` and ``commands.race`` print the line.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from deepracer_fast.world.race_config import RaceConfig

_SHARES = {"p1": 0.01, "p10": 0.10, "p25": 0.25, "p50": 0.50, "p75": 0.75}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_ROAD = (
    *("number_of_obstacles", "randomize_obstacle_locations", "number_of_bot_cars"),
    *("bot_car_speed", "is_lane_change", "collision_penalty"),
)


@dataclass(frozen=True)
class LeagueRace:
    """One race of the leagues.

    Attributes:
        track: bundled name.
        opened: year and month, ``2025-01``.
        ranking: a word of ``race.RANKINGS``.
        laps: of a submission.
        minimum_laps: in a row, to be ranked.
        entries: how many were ranked.
        off_track_penalty: seconds.
        continuous: laps followed one another without a standing start.
        road: what else was on it.
        best_lap: the fastest lap of each entry, as quantiles: ``first``, ``p1`` (the best 1 %) to
            ``p75``, seconds.
        score: what the ranking compared, likewise.
    """

    track: str
    opened: str
    ranking: str
    laps: int
    minimum_laps: int
    entries: int
    off_track_penalty: float
    continuous: bool
    road: RaceConfig
    best_lap: Mapping[str, float]
    score: Mapping[str, float]

    @property
    def title(self) -> str:
        """When it was driven and by which rules, in words."""
        year, month = self.opened.split("-")
        return f"{_MONTHS[int(month) - 1]} {year}"


@cache
def league_races() -> tuple[LeagueRace, ...]:
    """All races on record, the oldest first."""
    text = (resources.files(__package__) / "leagues.json").read_text(encoding="utf-8")
    return tuple(map(_race, json.loads(text)))


def league_races_on(track: str, race_type: str = "TIME_TRIAL") -> list[LeagueRace]:
    """Those of a track and race type, the latest first.

    A route that is driven the other way (``_cw`` for ``_ccw``) is another track.
    """
    races = [r for r in league_races() if (r.track, r.road.race_type) == (track, race_type)]
    return races[::-1]


def estimated_rank(quantiles: Mapping[str, float], entries: int, seconds: float) -> int | None:
    """Where a time would have come, from 1.

    Between two quantiles the logarithm of the rank follows that of the time.

    Args:
        quantiles: ``LeagueRace.best_lap`` or ``score``.
        entries: of the race.
        seconds: that were driven.

    Returns:
        None where it is slower than the last quantile, of which the record says no more.
    """
    ranks = [1.0] + [max(1.0, share * entries) for q, share in _SHARES.items() if q in quantiles]
    times = [quantiles["first"]] + [quantiles[q] for q in _SHARES if q in quantiles]
    if seconds <= times[0]:
        return 1
    above = bisect_right(times, seconds)
    if above == len(times):
        return None if seconds > times[-1] else round(ranks[-1])
    low, high = above - 1, above
    share = math.log(seconds / times[low]) / math.log(times[high] / times[low])
    return max(2, round(ranks[low] * (ranks[high] / ranks[low]) ** share))


def league_line(race: LeagueRace, seconds: float, by_ranking: bool = False) -> str:
    """Where a car's fastest lap would have come in a race; one line.

    The seconds may also be what the race's own ranking compares (``by_ranking``).
    """
    quantiles = race.score if by_ranking else race.best_lap
    rank = estimated_rank(quantiles, race.entries, seconds)
    what = f"result by {race.ranking}" if by_ranking else "best lap"
    last = list(quantiles)[-1]
    where = f"about {_ordinal(rank)}" if rank else f"beyond the first {last[1:]} %"
    return (
        f"league: that {what} would have been {where} of {race.entries:,} in the original's league "
        f"of {race.title} (first: {quantiles['first']:.2f} s); its simulator was another one, so "
        "take it as a guide"
    )


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{'th' if number % 100 in (11, 12, 13) else ending}"


def _race(entry: dict[str, object]) -> LeagueRace:
    road = {name: entry.pop(name) for name in _ROAD if name in entry}
    race_type = entry.pop("race_type")
    return LeagueRace(
        **({"continuous": True} | entry),  # type: ignore[arg-type]
        road=RaceConfig(race_type=race_type, **road),  # type: ignore[arg-type]
    )
