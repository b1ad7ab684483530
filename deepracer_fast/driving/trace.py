"""From what the simulator said at each step to the rows of a simtrace.

In: columns over T steps of B cars, recorded by ``collect`` or ``evaluate``. Out: the columns that
``simtrace`` writes, one row a step, episode after episode.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.world.simulator import STATUS_NAMES, StepResult

TRACED_PARAMS = (
    *("x", "y", "heading", "steering_angle", "speed", "all_wheels_on_track", "progress"),
    *("closest_waypoints", "is_reversed", "track_length", "sim_time", "steps"),
)


@dataclass
class Trace:
    """What is known of T steps of B cars; each field grows by one [B] entry a step.

    Attributes:
        params: by name, a list of copies.
        action: index [B], or [B, 2] of a continuous action space.
        reward: [B].
        ended: bool [B].
        status: codes [B].
        episode: numbers [B].
        counted: bool [B], the step belongs to an episode that counts.
    """

    params: dict[str, list[Array]] = field(default_factory=lambda: {k: [] for k in TRACED_PARAMS})
    action: list[Array] = field(default_factory=list)
    reward: list[Array] = field(default_factory=list)
    ended: list[Array] = field(default_factory=list)
    status: list[Array] = field(default_factory=list)
    episode: list[Array] = field(default_factory=list)
    counted: list[Array] = field(default_factory=list)

    def record(
        self, result: StepResult, action: Array, reward: Array, episode: Array, counted: Array
    ) -> None:
        """Copies one step."""
        for name, column in self.params.items():
            column.append(result.params[name].copy())
        self.action.append(np.array(action))
        self.reward.append(np.array(reward))
        self.ended.append(result.terminated | result.truncated)
        self.status.append(result.status.copy())
        self.episode.append(np.array(episode))
        self.counted.append(np.array(counted))

    def followed_by(self, later: Trace) -> Trace:
        """These steps and then those, of the same cars."""
        if not self.action:
            return later
        params = {name: self.params[name] + column for name, column in later.params.items()}
        rest = [each.name for each in fields(Trace) if each.name != "params"]
        return Trace(params, **{name: getattr(self, name) + getattr(later, name) for name in rest})


def simtrace_columns(trace: Trace, waypoints: Array, cars: slice = slice(None)) -> dict[str, Array]:
    """The rows of a simtrace, sorted by episode and step, of a trace of at least one step.

    ``cars`` drive on the track with these waypoints, [N, 2].
    """

    def flat(column: list[Array]) -> Array:
        """A list of T arrays [B, ...] as one [T * K, ...] of the chosen cars."""
        return np.concatenate([row[cars] for row in column])

    params = {name: flat(column) for name, column in trace.params.items()}
    rows = {
        "episode": flat(trace.episode),
        "steps": params["steps"],
        "X": params["x"],
        "Y": params["y"],
        "yaw": params["heading"],
        "steer": params["steering_angle"],
        "throttle": params["speed"],
        "action": flat(trace.action),
        "reward": flat(trace.reward),
        "done": flat(trace.ended),
        "all_wheels_on_track": params["all_wheels_on_track"],
        "progress": params["progress"],
        "closest_waypoint": _nearer_waypoint(params, waypoints),
        "track_len": params["track_length"],
        "tstamp": params["sim_time"],
        "episode_status": np.array(STATUS_NAMES)[flat(trace.status)],
        "pause_duration": np.zeros(len(params["x"])),
    }
    order = np.lexsort((rows["tstamp"], rows["episode"]))
    order = order[flat(trace.counted)[order]]
    return {name: column[order] for name, column in rows.items()}


def _nearer_waypoint(params: dict[str, Array], waypoints: Array) -> Array:
    """Of the waypoints behind and ahead the one that is nearer to the front point, int [rows]."""
    position = np.stack([params["x"], params["y"]], axis=-1)[:, None]
    pair = params["closest_waypoints"]
    backwards = params["is_reversed"][:, None]
    row = np.where(backwards, len(waypoints) - 1 - pair, pair)
    ahead_is_nearer = np.linalg.norm(waypoints[row] - position, axis=-1).argmin(axis=1)
    return pair[np.arange(len(pair)), ahead_is_nearer]
