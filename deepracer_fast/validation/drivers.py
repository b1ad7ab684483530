"""Drivers of all kinds for trials: good ones, careless ones, and such as go the wrong way.

In: an action space, and step by step what the simulator says of the cars. Out: commands, each an
action of that space. Each episode of a car has a driver of its own: one that follows the road at a
speed and an offset of its own choice, with or without swerves; one that follows it backwards; one
that keeps to a single action; one that acts at random. So a batch soon meets what the policies of a
training meet from their first random steps to their best laps.
Neighbours: ``validation.drives`` puts the cars on the road.
"""

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.tracks.outline import arc_length
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import StepResult

# Shares of episodes; the rest follows the road.
GOES_BACK, KEEPS_ONE_ACTION, ACTS_AT_RANDOM = 0.08, 0.12, 0.3

SWERVE_CHANCES = (0.0, 0.0, 0.02, 0.2)
"""A step, of those that follow: a random action that is then held for a while."""

LONGEST_HOLD = 20  # steps
NEW_OFFSET_CHANCE = 0.02  # a step, of those that follow with an offset
MOST_OFFSET = 1.3  # half widths, from which a car is off the road
LOOKAHEAD = (0.45, 0.2)  # m, and m for each m/s
IN_SIGHT, PASSED = 2.0, 0.4  # m to the next object and from the last, which a driver minds
PASSING_OFFSET = 0.7  # half widths
STEERING_GAIN = 1.3  # degrees of steering for each degree to the point ahead


class Choices:
    """The actions of a space, to be drawn or to be looked up by what is wanted.

    A box is drawn from with a third of the draws on each of its bounds' sides, as a policy that is
    clipped does.
    """

    def __init__(self, space: ActionSpace, rng: np.random.Generator) -> None:
        self._space, self._rng = space, rng
        if isinstance(space, DiscreteActionSpace):
            self._table = space.to_commands(np.arange(space.size))
            self.speeds: Array = np.unique(self._table[:, 1])
        else:
            self.speeds = np.array([space.speed_low, space.speed_high], np.float32)
        self._speed_range = max(float(np.ptp(self.speeds)), 1e-6)

    def drawn(self, count: int) -> Array:
        """Random commands, float32 [count, 2]."""
        if isinstance(self._space, DiscreteActionSpace):
            chosen: Array = self._table[self._rng.integers(0, len(self._table), count)]
            return chosen
        return self._space.to_commands(self._rng.uniform(-3.0, 3.0, (count, 2)))

    def nearest(self, steering: Array, speed: Array) -> Array:
        """The commands nearest to what is wanted, degrees and m/s, [B] each; float32 [B, 2]."""
        space = self._space
        if isinstance(space, DiscreteActionSpace):
            turn = np.abs(self._table[:, 0] - steering[:, None]) / 30.0
            pace = np.abs(self._table[:, 1] - speed[:, None]) / self._speed_range
            chosen: Array = self._table[np.argmin(turn + pace, axis=1)]
            return chosen
        low, high = (space.steering_low, space.speed_low), (space.steering_high, space.speed_high)
        return np.clip(np.column_stack([steering, speed]), low, high).astype(np.float32)


class _Way:
    """The centre line in one driving direction, to find a point ahead."""

    def __init__(self, line: Array, is_loop: bool) -> None:
        self._line, self._is_loop = line, is_loop
        self._along = arc_length(line)

    def point(self, distance: Array, offset: Array) -> Array:
        """World points [B, 2], m along the line and m to its left."""
        length = self._along[-1]
        place = distance % length if self._is_loop else np.clip(distance, 0.0, length)
        behind = np.clip(
            np.searchsorted(self._along, place, side="right") - 1, 0, len(self._line) - 2
        )
        way = self._line[behind + 1] - self._line[behind]
        way /= np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
        normal = np.column_stack([-way[:, 1], way[:, 0]])
        spot = self._line[behind] + (place - self._along[behind])[:, None] * way
        found: Array = spot + offset[:, None] * normal
        return found


class _Styles:
    """How each car drives its present episode; [B] each, but for ``held`` [B, 2]."""

    def __init__(self, num_cars: int) -> None:
        self.follows, self.goes_back, self.wanders = np.zeros((3, num_cars), bool)
        self.offset, self.speed, self.swerves = np.zeros((3, num_cars))
        self.hold = np.zeros(num_cars, int)
        self.held = np.zeros((num_cars, 2), np.float32)


class Drivers:
    """The drivers of a batch.

    Args:
        space: what they may do.
        track: that they know.
        num_cars: B.
        rng: of all their choices.

    The first cars' first drivers follow the road without swerves, one for each speed, so that each
    speed sees a whole lap however few of the cars are looked at.
    """

    def __init__(
        self, space: ActionSpace, track: Track, num_cars: int, rng: np.random.Generator
    ) -> None:
        self._rng, self._choices = rng, Choices(space, rng)
        lines = (track.waypoints, track.waypoints[::-1])
        self._ways = [_Way(line, track.is_loop) for line in lines]
        self._half_width = track.width[1] / 2
        self._styles = _Styles(num_cars)
        self._begin(np.arange(num_cars))
        speeds = self._choices.speeds
        order = np.concatenate([speeds[-1:], speeds[:-1]])  # the fastest has its lap soonest
        laps = np.arange(min(len(speeds), num_cars))
        self._styles.speed[laps] = order[laps]
        self._styles.follows[laps] = True
        for field in ("goes_back", "wanders", "offset", "swerves"):
            getattr(self._styles, field)[laps] = 0

    def commands(self, result: StepResult) -> Array:
        """What the cars do after ``result``, float32 [B, 2]."""
        styles = self._styles
        chance = np.where(styles.follows, styles.swerves, 1.0)
        swerving = self._rng.random(len(chance)) < chance
        self._hold(np.flatnonzero(swerving & (styles.hold <= 0)))
        commands = self._following(result.params)
        holds = styles.hold > 0
        commands[holds] = styles.held[holds]
        styles.hold -= 1
        return commands

    def begin(self, cars: Array) -> Array:
        """Other drivers for cars whose episode has just ended, int; those to be turned round."""
        self._begin(cars)
        return cars[self._styles.goes_back[cars]]

    def _begin(self, cars: Array) -> None:
        rng, styles, count = self._rng, self._styles, len(cars)
        ends = np.cumsum([GOES_BACK, KEEPS_ONE_ACTION, ACTS_AT_RANDOM])
        kind = np.searchsorted(ends, rng.random(count), side="right")
        styles.goes_back[cars] = kind == 0
        styles.follows[cars] = (kind == 0) | (kind == 3)
        styles.wanders[cars] = rng.random(count) < 0.6
        styles.offset[cars] = styles.wanders[cars] * self._offsets(count)
        styles.speed[cars] = rng.choice(self._choices.speeds, count)
        styles.swerves[cars] = rng.choice(SWERVE_CHANCES, count)
        styles.held[cars] = self._choices.drawn(count)
        styles.hold[cars] = np.where(kind == 1, 1 << 30, 0)

    def _offsets(self, count: int) -> Array:
        return self._rng.uniform(-MOST_OFFSET, MOST_OFFSET, count) * self._half_width

    def _hold(self, cars: Array) -> None:
        self._styles.held[cars] = self._choices.drawn(len(cars))
        self._styles.hold[cars] = self._rng.integers(1, LONGEST_HOLD, len(cars))

    def _following(self, params: dict[str, Array]) -> Array:
        styles = self._styles
        moved = styles.wanders & (self._rng.random(len(styles.wanders)) < NEW_OFFSET_CHANCE)
        styles.offset[moved] = self._offsets(int(moved.sum()))
        back = np.where(styles.goes_back, -1.0, 1.0)
        ahead = LOOKAHEAD[0] + LOOKAHEAD[1] * styles.speed
        place = params["projection_distance"] + back * ahead
        offset = self._past_objects(params) if "objects_distance" in params else styles.offset
        is_reversed = np.asarray(params["is_reversed"])
        forwards, backwards = (way.point(place, offset) for way in self._ways)
        points = np.where(is_reversed[:, None], backwards, forwards)
        to_point = np.arctan2(points[:, 1] - params["y"], points[:, 0] - params["x"])
        turn = (np.degrees(to_point) - params["heading"] + 180.0) % 360.0 - 180.0
        return self._choices.nearest(np.clip(STEERING_GAIN * turn, -30.0, 30.0), styles.speed)

    def _past_objects(self, params: dict[str, Array]) -> Array:
        """Offsets [B], m: drivers that do not wander keep clear of what is near."""
        cars = np.arange(len(params["x"]))
        near = self._styles.offset.copy()
        here = params["projection_distance"]
        for which, reach in ((0, PASSED), (1, IN_SIGHT)):  # what lies ahead counts more
            number = params["closest_objects"][:, which]
            gap = params["objects_distance"][cars, number] - here
            gap = (gap if which else -gap) % params["track_length"]
            away = np.where(params["objects_left_of_center"][cars, number], -1.0, 1.0)
            near = np.where(gap < reach, PASSING_OFFSET * self._half_width * away, near)
        return np.where(self._styles.wanders, self._styles.offset, near)
