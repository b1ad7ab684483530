"""How a policy drives: its speed, the use that it makes of its actions, and what is odd about it.

In: the trace of an evaluation, and the action space. Out: a line that says how it drove, and
remarks on what people usually wonder about, each with what they change then. Neighbours:
``evaluate`` drives, ``commands.train`` and ``cli`` show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace

USED = 0.01  # share of the steps from which on an action counts as used
FEW_ACTIONS = 1 / 6  # of those offered
MANY_ACTIONS = 6  # offered, so that two of them are few
NEARLY_ALL = 0.9  # share of the steps at the slowest speed
WIDE = 0.5  # of the largest steering angle, to either side: half of a zig or a zag
OFTEN = 1.5  # times a second from one side to the other
_SHOWN = 4  # actions in the summary


@dataclass(frozen=True)
class DrivingHabits:
    """What a trace says about a policy.

    Attributes:
        mean_speed: metres driven over seconds, m/s.
        slowest: share of the steps that asked for the lowest speed of the action space.
        swings: times a second that the steering went from far on one side to far on the other.
        used: of a discrete action space the share of the steps by action, [A]; None otherwise.
        commands: steering angle and speed that were asked for, [T, 2].
    """

    mean_speed: float
    slowest: float
    swings: float
    used: Array | None
    commands: Array

    def lines(self, space: ActionSpace) -> Iterator[str]:
        """What is shown below a table of laps."""
        yield self.summary(space)
        yield from (f"note: {each}" for each in self.remarks(space))

    def summary(self, space: ActionSpace) -> str:
        """One line: speed and actions."""
        line = f"mean speed {self.mean_speed:.2f} m/s"
        if len(self.commands) == 0:
            return line
        if round(self.mean_speed, 2) > round(self.commands[:, 1].max(), 2):
            line += " (the wheels turn 1 to 2 % faster than asked for, as in the original)"
        if self.used is None or not isinstance(space, DiscreteActionSpace):
            low, high = self.commands.min(axis=0), self.commands.max(axis=0)
            return (
                f"{line}; steering {low[0]:.0f} to {high[0]:.0f} degrees, speeds asked for "
                f"{low[1]:.2f} to {high[1]:.2f} m/s"
            )
        most = np.argsort(-self.used, kind="stable")[:_SHOWN]
        shares = [
            f"{space.steering_angle_deg[k]:g} deg {space.speed[k]:.2f} m/s {self.used[k]:.0%}"
            for k in most
            if self.used[k] >= USED
        ]
        count = int((self.used >= USED).sum())
        return f"{line}; {count} of {space.size} actions used, most: {', '.join(shares)}"

    def remarks(self, space: ActionSpace) -> Iterator[str]:
        """What a person would wonder about."""
        speeds = _speeds(space)
        if speeds[1] > speeds[0] and self.slowest >= NEARLY_ALL:
            yield (
                f"it asks for its slowest speed, {speeds[0]:.2f} m/s, in {self.slowest:.0%} of its "
                "steps. A reward that is paid for every step pays most for a slow lap: pay for "
                "progress or speed instead, offer no slow actions, or train longer"
            )
        if self.used is not None and len(self.used) >= MANY_ACTIONS:
            count = int((self.used >= USED).sum())
            if count <= max(1, FEW_ACTIONS * len(self.used)):
                yield (
                    f"it uses {count} of its {len(self.used)} actions. Usual remedies: train "
                    "longer, raise beta_entropy, or offer fewer actions"
                )
        if self.swings >= OFTEN:
            yield (
                f"it zig-zags: {self.swings:.1f} times a second the steering goes from one side to "
                "the other. Usual remedies: a reward that costs something for large steering "
                "angles, or an action space with smaller ones"
            )


def driving_habits(columns: Mapping[str, Array], space: ActionSpace) -> DrivingHabits:
    """Looks at the columns of a simtrace, sorted by episode and step."""
    driving = np.isin(columns["episode_status"], ("prepare", "pause"), invert=True)
    discrete = isinstance(space, DiscreteActionSpace)
    actions = columns["action"][driving]
    commands = np.asarray(space.to_commands(actions), np.float64).reshape(-1, 2)
    same = np.diff(columns["episode"]) == 0
    apart = np.hypot(np.diff(columns["X"]), np.diff(columns["Y"]))
    time = np.diff(columns["tstamp"].astype(np.float64))
    goes_on = same & driving[1:] & driving[:-1]
    seconds = float(time[goes_on].sum())
    used = None
    if discrete and len(actions):
        used = np.bincount(actions.astype(int), minlength=space.size) / len(actions)
    slowest = commands[:, 1] <= _speeds(space)[0] * 1.001 if len(commands) else np.zeros(1)
    return DrivingHabits(
        mean_speed=float(apart[goes_on].sum()) / seconds if seconds else 0.0,
        slowest=float(slowest.mean()),
        swings=_swings(commands[:, 0]) / seconds if seconds else 0.0,
        used=used,
        commands=commands,
    )


def _swings(steering: Array) -> int:
    """How often it goes from far on one side to far on the other."""
    widest = np.abs(steering).max(initial=0.0)
    if widest == 0.0:
        return 0
    sides = np.sign(steering) * (np.abs(steering) >= WIDE * widest)
    sides = sides[sides != 0]
    return int((np.diff(sides) != 0).sum())


def _speeds(space: ActionSpace) -> tuple[float, float]:
    """The lowest and the highest speed that may be asked for, m/s."""
    if isinstance(space, DiscreteActionSpace):
        return float(np.min(space.speed)), float(np.max(space.speed))
    return float(space.speed_low), float(space.speed_high)
