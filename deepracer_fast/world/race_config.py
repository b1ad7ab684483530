"""What else is on the road: the race types of the original and their numbers.

In: keys of a race's or training's yaml, in lower case, from Python or a ``[race]`` table of
``config.toml``. Out: a frozen, checked ``RaceConfig``. Names and defaults: markov
agent_ctrl/obstacles_agent_ctrl.py, bot_cars_agent_ctrl.py; numbers of objects: deepracer-for-cloud.
Neighbours: ``config`` and ``evaluate`` hold one, ``simulator`` hands the core's record of it on.
"""

import math
import re
from dataclasses import dataclass, fields, replace

from deepracer_fast import _core
from deepracer_fast.checks.values import check_fields, one_of, require, shown
from deepracer_fast.errors import ConfigError

RACE_TYPES = ("TIME_TRIAL", "OBJECT_AVOIDANCE", "HEAD_TO_BOT", "HEAD_TO_MODEL")

MAX_OBSTACLES = 6
"""Obstacles or bots that a race can have; the console's limit."""

PRACTICE_BOTS = 4
"""With two, on reinvent_base, one is in sight in 22 % of the pictures."""

MAX_CARS_PER_WORLD = _core.MAX_OBJECTS + 1
"""Racers that can meet each other."""

MOST_METRES_OR_SECONDS = 1e6
"""Of what has no limit of its own; more is no race, and float32 has no metres left there."""

OBSTACLE_TYPES = ("box_obstacle", "deepracer_box_obstacle", "amazon_box_obstacle")
"""They differ in what is printed on them, which a 160x120 grey picture does not show."""


@dataclass(frozen=True)
class RaceConfig:
    """A race type and what belongs to it; what belongs to another type has no effect.

    Attributes:
        race_type: one of ``RACE_TYPES``.
        number_of_obstacles: 1 to 6, with OBJECT_AVOIDANCE.
        object_positions: where they stand, ``"0.2,1;0.5,-1"``: for each its share of the track's
            length, [0, 1), and its lane, 1 inner or -1 outer. Empty: evenly spaced, in lanes by
            turns.
        min_distance_between_obstacles: in percent of the track's length, as the original takes
            it; also from the start line to the first.
        shrinking_obstacle_distance: multiply that distance anew by length / 100 m at every reset,
            as the original does.
        randomize_obstacle_locations: other places and lanes in each episode.
        is_obstacle_bot_car: parked cars in place of boxes.
        obstacle_type: one of ``OBSTACLE_TYPES``, which look alike here.
        number_of_bot_cars: 1 to 6, with HEAD_TO_BOT.
        min_distance_between_bot_cars: metres, also from the start line to the first.
        bot_car_speed: m/s along the centre line.
        randomize_bot_car_locations: other places and lanes in each episode.
        is_lane_change: bots change lanes.
        lower_lane_change_time: seconds from one change to the next, at least.
        upper_lane_change_time: seconds, at most.
        lane_change_distance: metres of road that a change takes.
        cars_per_world: racers that meet, with HEAD_TO_MODEL; cars 0 to cars_per_world - 1 of a
            batch are the first world. Each starts 0.75 m behind the one before it.
        collision_penalty: seconds of simulated time that a car waits that ran into something.
        reset_behind_dist: metres before the object, on the other lane, where it goes on.
    """

    race_type: str = "TIME_TRIAL"
    number_of_obstacles: int = 6
    object_positions: str = ""
    min_distance_between_obstacles: float = 2.0
    shrinking_obstacle_distance: bool = False
    randomize_obstacle_locations: bool = False
    is_obstacle_bot_car: bool = False
    obstacle_type: str = "box_obstacle"
    number_of_bot_cars: int = 3
    min_distance_between_bot_cars: float = 2.0
    bot_car_speed: float = 0.2
    randomize_bot_car_locations: bool = False
    is_lane_change: bool = False
    lower_lane_change_time: float = 3.0
    upper_lane_change_time: float = 5.0
    lane_change_distance: float = 1.0
    cars_per_world: int = 2
    collision_penalty: float = 5.0
    reset_behind_dist: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        if "HEAD_TO_HEAD" in self.race_type:  # the console's name for both
            raise ConfigError(
                f"race_type must be HEAD_TO_BOT, against bots, or HEAD_TO_MODEL, among models, got "
                f"{shown(self.race_type)}"
            )
        one_of("race_type", self.race_type, RACE_TYPES)
        one_of("obstacle_type", self.obstacle_type, OBSTACLE_TYPES)
        for name, low, high, rule in _LIMITS:
            require(self, name, low <= getattr(self, name) <= high, rule)
        lower, upper = self.lower_lane_change_time, self.upper_lane_change_time
        rule = f"{lower:g} s (lower_lane_change_time) or more"
        require(self, "upper_lane_change_time", lower <= upper, rule)
        rule = f"at most {MOST_METRES_OR_SECONDS:g}"
        for name in _UNLIMITED:
            require(self, name, getattr(self, name) <= MOST_METRES_OR_SECONDS, rule)
        places = len(self.places())
        if places not in (0, self.number_of_obstacles):
            raise ConfigError(
                f"object_positions must name {self.number_of_obstacles} places "
                f"(number_of_obstacles), got {places}"
            )

    def places(self) -> list[tuple[float, bool]]:
        """``object_positions`` as (share of the track's length, whether it is the inner lane)."""
        texts = [text for text in self.object_positions.split(";") if text.strip()]
        return [_place(text.strip()) for text in texts]

    @property
    def num_objects(self) -> int:
        """K, the objects that each car meets."""
        return {
            "TIME_TRIAL": 0,
            "OBJECT_AVOIDANCE": self.number_of_obstacles,
            "HEAD_TO_BOT": self.number_of_bot_cars,
            "HEAD_TO_MODEL": self.cars_per_world - 1,
        }[self.race_type]

    def of_type(self, race_type: str) -> "RaceConfig":
        """The same settings for another race type, whatever the case it is written in.

        Raises:
            ConfigError: it is none of ``RACE_TYPES``.
        """
        return replace(self, race_type=re.sub(r"[\W_]+", "_", race_type.strip()).upper())

    def for_practice(self, track_length: float) -> "RaceConfig":
        """The same race with bots anywhere, and with more of them if the track has room.

        Args:
            track_length: of the shortest track, m.
        """
        room = int((track_length - 1.0) / (2.0 * max(self.min_distance_between_bot_cars, 1.0)))
        number = max(self.number_of_bot_cars, min(PRACTICE_BOTS, room))
        return replace(self, randomize_bot_car_locations=True, number_of_bot_cars=number)

    def lacks_room(self, track_length: float) -> str:
        """Why a track of that length (m) has no room for the objects; "" where it has."""
        if self.race_type == "OBJECT_AVOIDANCE" and not self.object_positions:
            name, gap = "obstacles", 0.01 * self.min_distance_between_obstacles * track_length
        elif self.race_type == "HEAD_TO_BOT":
            name, gap = "bot_cars", self.min_distance_between_bot_cars
        else:
            return ""
        room = track_length - 1.0  # none stands in the last metre
        if self.num_objects * gap <= room:
            return ""
        return (
            f"min_distance_between_{name} must leave room for {self.num_objects} of them: "
            f"{gap:.2f} m each are more than the {room:.2f} m of this track; lower it"
        )

    def check_room(self, track_length: float) -> None:
        """Refuses objects that a track has no room for.

        Raises:
            ConfigError: they can't keep their distance on a track of that length (m).
        """
        if problem := self.lacks_room(track_length):
            raise ConfigError(problem)


def traffic_rules(race: RaceConfig) -> _core.TrafficRules:
    """The core's record of a race."""
    rules, bots = _core.TrafficRules(), _core.BotRules()
    for field in fields(race):
        if hasattr(bots, field.name):
            setattr(bots, field.name, getattr(race, field.name))
        elif field.name not in ("race_type", "object_positions", "obstacle_type"):
            setattr(rules, field.name, getattr(race, field.name))
    rules.race_type = getattr(_core.RaceType, race.race_type)
    rules.object_distances = [share for share, _ in race.places()]
    rules.object_lanes = [0 if is_inner else 1 for _, is_inner in race.places()]
    rules.cars_per_world = race.cars_per_world if race.race_type == "HEAD_TO_MODEL" else 1
    rules.bots = bots
    return rules


# Name, least and greatest value, both allowed, and the rule in words.
_LIMITS = (
    ("number_of_obstacles", 1, MAX_OBSTACLES, f"1 to {MAX_OBSTACLES}"),
    ("number_of_bot_cars", 1, MAX_OBSTACLES, f"1 to {MAX_OBSTACLES}"),
    ("cars_per_world", 2, MAX_CARS_PER_WORLD, f"2 to {MAX_CARS_PER_WORLD}"),
    ("min_distance_between_obstacles", 0.0, 100.0, "in [0, 100]"),
    ("bot_car_speed", 0.0, 10.0, "in [0, 10]"),
    ("min_distance_between_bot_cars", 0.0, math.inf, "0 m or more"),
    ("reset_behind_dist", 0.0, math.inf, "0 m or more"),
    ("collision_penalty", 0.0, math.nextafter(3600.0, 0.0), "in [0, 3600) s"),
    ("lane_change_distance", math.ulp(0.0), math.inf, "above 0 m"),
    ("lower_lane_change_time", 0.0, math.inf, "0 s or more"),
)
_UNLIMITED = ("min_distance_between_bot_cars", "lower_lane_change_time", "upper_lane_change_time",
              "lane_change_distance", "reset_behind_dist")  # fmt: skip


def _place(text: str) -> tuple[float, bool]:
    share, _, lane = text.partition(",")
    try:
        distance, side = float(share), int(lane)
    except ValueError:
        distance, side = -1.0, 0
    if not (0.0 <= distance < 1.0 and side in (1, -1)):
        raise ConfigError(
            'object_positions must be like "0.2,1;0.5,-1" (share of the track\'s length in [0, 1), '
            f"then 1 for the inner lane or -1 for the outer one), got {shown(text)}"
        )
    return distance, side == 1
