"""A ranked race: its rules, what a submission to it is, and who stands where.

In: the laps that models drove under one set of rules. Out: standings. Nothing here drives or
writes: ``racing.drive`` lets the models drive, ``leaderboard`` keeps the file, ``commands.race`` is
the command line.

Rankings are those of the original's community races (DeepRacer-on-AWS TimingMethod BEST_LAP_TIME,
AVG_LAP_TIME, TOTAL_TIME): the best submission of a model counts, and a submission is ranked once
it has completed the required laps in a row. Penalties are served on the road, so lap times hold
them already.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from deepracer_fast.checks.values import MOST, check_fields, one_of, require, shown
from deepracer_fast.errors import ConfigError
from deepracer_fast.renamed import keep_old_names
from deepracer_fast.tracks.driving_direction import DRIVING_DIRECTIONS
from deepracer_fast.world.race_config import RaceConfig

keep_old_names(__name__)

RANKINGS = ("best-lap", "average-lap", "total-time")

LONGEST_NAME = 100
"""Characters of a model's name on a leaderboard."""

MAX_LAPS = 1000
"""Of a submission; keeps a slip of the keyboard from driving for days."""


@dataclass(frozen=True)
class RankedRace:
    """The rules of one ranked race; every submission to it is driven under them.

    Attributes:
        track: bundled name, or path of a route ``.npy``.
        track_length: metres; tells two routes of one name apart.
        ranking: ``best-lap``, the fastest lap; ``average-lap``, the best average of
            ``minimum_laps`` laps in a row; ``total-time``, all laps together.
        laps: that a submission drives, one after the other, the first from a standing start.
        minimum_laps: laps in a row that it has to complete to be ranked; all with ``total-time``.
        resets: times that a car is put back before its lap is given up.
        off_track_penalty: seconds of simulated time that leaving the track costs.
        car_version: whose physics every car has, 3 to 6; 0 for each model's own.
        driving_direction: which way, one of ``DRIVING_DIRECTIONS``.
        road: what else is on the road, and what running into it costs. With HEAD_TO_MODEL the
            models of one ``drive_race`` meet, whatever ``cars_per_world`` says.
    """

    track: str
    track_length: float
    ranking: str = "best-lap"
    laps: int = 3
    minimum_laps: int = 1
    resets: int = 100
    off_track_penalty: float = 2.0
    car_version: int = 0
    driving_direction: str = "forward"
    road: RaceConfig = field(default_factory=RaceConfig)

    def __post_init__(self) -> None:
        check_fields(self)
        one_of("ranking", self.ranking, RANKINGS)
        one_of("driving_direction", self.driving_direction, DRIVING_DIRECTIONS)
        laps, fewest = self.laps, self.minimum_laps
        require(self, "laps", 1 <= laps <= MAX_LAPS, f"1 to {MAX_LAPS}")
        require(self, "minimum_laps", 1 <= fewest <= laps, f"1 to {laps} (laps)")
        if self.ranking == "total-time":
            require(self, "minimum_laps", fewest == laps, f"{laps} (laps) by total-time")
        require(self, "resets", self.resets >= 0, "0 or more")
        require(self, "resets", self.resets <= MOST, "below 2**31")
        require(self, "off_track_penalty", 0.0 <= self.off_track_penalty < 3600.0, "in [0, 3600) s")
        require(self, "track_length", 0.0 < self.track_length < math.inf, "above 0 m")


def default_minimum_laps(ranking: str, laps: int) -> int:
    """What a race asks for that does not say: one lap to have a best one, otherwise all."""
    return 1 if ranking == "best-lap" else laps


@dataclass(frozen=True)
class RaceLap:
    """One lap of a submission, or the attempt at one.

    Attributes:
        completion_percentage: progress at its end.
        lap_time_seconds: simulated time with the penalties in it.
        off_track_count: times that all four wheels left the road.
        crash_count: times that it ran into something.
        reset_count: times that the car was put back.
        steps: env steps.
        status: how it ended, a word of ``simulator.STATUS_NAMES``.
    """

    completion_percentage: float
    lap_time_seconds: float
    off_track_count: int
    crash_count: int
    reset_count: int
    steps: int
    status: str

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def is_complete(self) -> bool:
        """A whole lap, however often the car was put back."""
        return self.status == "lap_complete"


@dataclass(frozen=True)
class Submission:
    """What one model drove at one time.

    Attributes:
        model: its name on the leaderboard.
        submitted: UTC time, ISO 8601.
        laps: in the order in which they were driven.
        car: name and colour of its car, "" where it has none.
    """

    model: str
    submitted: str
    laps: tuple[RaceLap, ...]
    car: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


def check_name(name: str) -> None:
    """Refuses what nobody could read, or type again, on a leaderboard.

    Raises:
        ConfigError: it is empty, long, or has characters that are not shown.
    """
    if not (name.strip() and len(name) <= LONGEST_NAME and name.isprintable()):
        raise ConfigError(
            f"a name on the leaderboard must have 1 to {LONGEST_NAME} characters that can be "
            f"shown, got {shown(name)}: give another one with --name"
        )


@dataclass(frozen=True)
class Standing:
    """Where a model stands.

    Attributes:
        rank: from 1, equal for equal times; None if it is not ranked.
        seconds: what the ranking compares; None if it is not ranked.
        reach: laps in a row that it came, as a fraction: 1.4 is a lap and 40 % of the next one.
        submission: the one that counts, its best.
        submissions: how many the model has.
    """

    rank: int | None
    seconds: float | None
    reach: float
    submission: Submission
    submissions: int


def ranked_seconds(race: RankedRace, laps: Sequence[RaceLap]) -> float | None:
    """What the ranking compares, to the millisecond, or None without the required laps in a row."""
    runs = [run for run in _complete_runs(laps) if len(run) >= race.minimum_laps]
    if not runs:
        return None
    if race.ranking == "best-lap":
        return min(lap.lap_time_seconds for lap in laps if lap.is_complete)
    size = race.minimum_laps
    totals = [
        sum(lap.lap_time_seconds for lap in run[first : first + size])
        for run in runs
        for first in range(len(run) - size + 1)
    ]
    return round(min(totals) / (size if race.ranking == "average-lap" else 1), 3)


def reach(laps: Iterable[RaceLap]) -> float:
    """The most laps in a row that were driven, with the share of the one that was not finished."""
    farthest = row = 0.0
    for lap in laps:
        share = 1.0 if lap.is_complete else max(lap.completion_percentage, 0.0) / 100.0
        farthest = max(farthest, row + share)
        row = row + 1.0 if lap.is_complete else 0.0
    return farthest


def standings(race: RankedRace, submissions: Sequence[Submission]) -> list[Standing]:
    """Every model once, by its best submission: first the ranked, then those that are not.

    Of equal submissions the earlier one counts, and of models with equal times the earlier one is
    named first, at the same rank. Models that are not ranked stand in the order of their reach.
    """
    best: dict[str, Submission] = {}
    for submission in submissions:
        known = best.get(submission.model)
        if known is None or _order(race, submission) < _order(race, known):
            best[submission.model] = submission
    counts = {model: sum(s.model == model for s in submissions) for model in best}
    # By position, not by the clock, which may be set back.
    position = {id(submission): number for number, submission in enumerate(submissions)}
    ordered = sorted(best.values(), key=lambda s: (_order(race, s), position[id(s)]))
    times = [ranked_seconds(race, submission.laps) for submission in ordered]
    return [
        Standing(
            rank=None if seconds is None else 1 + times.index(seconds),
            seconds=seconds,
            reach=reach(submission.laps),
            submission=submission,
            submissions=counts[submission.model],
        )
        for submission, seconds in zip(ordered, times, strict=True)
    ]


def _order(race: RankedRace, submission: Submission) -> tuple[bool, float]:
    seconds = ranked_seconds(race, submission.laps)
    return (True, -reach(submission.laps)) if seconds is None else (False, seconds)


def _complete_runs(laps: Iterable[RaceLap]) -> list[list[RaceLap]]:
    """Laps that were completed in a row."""
    runs = groupby(laps, key=lambda lap: lap.is_complete)
    return [list(run) for is_complete, run in runs if is_complete]
