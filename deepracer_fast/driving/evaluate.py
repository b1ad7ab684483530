"""Evaluation: greedy laps, counted and timed as in a race.

In: a policy and a simulator whose rules say what happens to a car that leaves the track. Out: one
``Lap`` record each. Neighbours: ``model`` or the learner gives the policy; ``train``, ``cli`` and
the metrics read the laps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.checks.values import check_fields, count, instance, one_of
from deepracer_fast.driving.trace import Trace
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.files.metrics import STATUS_LABELS, EvaluationMetrics, milliseconds
from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.policy.model import Model, metadata_of
from deepracer_fast.renamed import keep_old_names
from deepracer_fast.tracks.driving_direction import DRIVING_DIRECTIONS
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.world.fleet import Fleet, Judge, judged_cars
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import (
    CONTROL_PERIOD,
    OFF_TRACK,
    PREPARE,
    STATUS_NAMES,
    RaceRules,
    Simulator,
    StepResult,
)

keep_old_names(__name__)

GreedyPolicy = Callable[[dict[str, Array]], Array]
"""Observation [B, ...] by sensor -> actions [B] or [B, 2], in the action space's own terms."""

Watch = Callable[[int, float], bool]
"""Laps behind the first car and percent of its present one -> whether there is time to go on."""

MAX_LAP_STEPS = 10_000
"""A lap that takes longer (11 minutes of simulated time) is given up."""


@dataclass(frozen=True)
class Lap:
    """One evaluated lap, or the attempt at one.

    Attributes:
        completion_percentage: progress at its end, 100 for a whole lap; below 0, as the original
            records it, where an attempt ends behind its start.
        lap_time_seconds: simulated time with the penalties in it; also of an attempt.
        off_track_count: times that all four wheels left the road.
        steps: env steps.
        status: how it ended, a word of ``STATUS_NAMES``.
        crash_count: times that it ran into an object.
        reset_count: times that the car was put back.
        immobilized_count: times that it stood still.
        reversed_count: times that it drove backwards.
        start_seconds: simulated time at its start.
        reward: sum of the user's reward over its steps; 0 where nobody asked for it.
    """

    completion_percentage: float
    lap_time_seconds: float
    off_track_count: int
    steps: int
    status: str
    crash_count: int = 0
    reset_count: int = 0
    immobilized_count: int = 0
    reversed_count: int = 0
    start_seconds: float = 0.0
    reward: float = 0.0

    @property
    def is_clean(self) -> bool:
        """A whole lap in which the car was never put back."""
        return self.status == "lap_complete" and self.reset_count == 0

    @property
    def completion(self) -> float:
        """Percent of a lap as people are told it: behind its start an attempt has come to 0."""
        return max(self.completion_percentage, 0.0)

    def metrics(self, trial: int) -> EvaluationMetrics:
        """Its row in EvaluationMetrics.json."""
        start = milliseconds(self.start_seconds)
        elapsed = milliseconds(self.lap_time_seconds)
        return EvaluationMetrics(
            completion_percentage=int(self.completion_percentage),
            metric_time=start + elapsed,
            start_time=start,
            elapsed_time_in_milliseconds=elapsed,
            episode_status=STATUS_LABELS[self.status],
            crash_count=self.crash_count,
            immobilized_count=self.immobilized_count,
            off_track_count=self.off_track_count,
            reversed_count=self.reversed_count,
            reset_count=self.reset_count,
            trial=trial,
        )


def mean_completion(laps: Sequence[Lap]) -> float:
    """Of at least one lap, percent, as people are told it."""
    return sum(lap.completion for lap in laps) / len(laps)


@dataclass(frozen=True)
class EvaluationOptions:
    """How an evaluation is run.

    Attributes:
        laps: how many.
        resets: put a car that leaves the track or crashes back and let it go on after the
            penalty, as races do; otherwise that ends the lap and the next one starts at the line.
        off_track_penalty: seconds of simulated time.
        threads: of the simulator; 0 for all cores.
        car_version: whose physics the car has; 0 for the model's own.
        race: what else is on the road, and what running into it costs.
        driving_direction: which way, one of ``DRIVING_DIRECTIONS``.
        start_position: share of the track's length, [0, 1), where the first lap starts.
        round_robin_advance_dist: share by which each next lap starts further on, from a standing
            start; with 0 a car that has completed a lap drives on.
        randomization: what differs from lap to lap; nothing by default.
    """

    laps: int = 5
    resets: bool = True
    off_track_penalty: float = 2.0
    threads: int = 0
    car_version: int = 0
    race: RaceConfig = field(default_factory=RaceConfig)
    driving_direction: str = "forward"
    start_position: float = 0.0
    round_robin_advance_dist: float = 0.0
    randomization: Randomization = field(default_factory=Randomization)

    def __post_init__(self) -> None:
        check_fields(self)
        one_of("driving_direction", self.driving_direction, DRIVING_DIRECTIONS)
        count("laps", self.laps, 1)
        count("threads", self.threads)


class EvaluationResult(NamedTuple):
    """What was driven: the laps in order, and the trace of every step."""

    laps: list[Lap]
    trace: Trace


MAX_RESETS = 100  # of one lap, as deepracer-for-cloud allows by default


def evaluate_model(
    model: Model,
    track: Track | str | Path,
    options: EvaluationOptions | None = None,
    watch: Watch | None = None,
) -> EvaluationResult:
    """Drives greedy laps one after the other, the first from a standing start, usually at the line.

    After a whole lap the car drives on, so the later ones have a flying start
    (``IS_CONTINUOUS``, as deepracer-for-cloud evaluates).

    Args:
        model: what drives.
        track: where.
        options: how many laps, and what leaving the track costs.
        watch: is asked before each step; where it ends them the last lap is ``time_up``.
    """
    options = EvaluationOptions() if options is None else options
    instance("options", options, EvaluationOptions)
    track = load_track(track)
    simulator, trace = cars_of(metadata_of(model), track, options), Trace()
    driver = Driver(model.best_action, metadata_of(model).action_space)
    laps = drive_laps(driver, simulator, options.laps, trace, watch=watch)[0]
    return EvaluationResult(laps, trace)


def evaluate_starts(
    model: Model, track: Track | str | Path, options: EvaluationOptions, starts: int
) -> EvaluationResult:
    """Drives one greedy lap, or attempt, from each of several evenly spaced places.

    Leaving the track ends it, as does the time for two laps at the slowest action. In the trace
    each is an episode.

    Args:
        model: what drives.
        track: where.
        options: what is on the road, and what differs from lap to lap.
        starts: how many places.
    """
    instance("options", options, EvaluationOptions)
    count("starts", starts, 1)
    track, metadata = load_track(track), metadata_of(model)
    space = metadata.action_space
    rules = replace(
        lap_rules(replace(options, resets=False), track),
        round_robin_advance_dist=1.0 / starts,
        continuous=False,
        max_steps=min(MAX_LAP_STEPS, two_slow_laps(track.length, space)),
    )
    simulator, trace = cars_of(metadata, track, options, rules, starts), Trace()
    driven = drive_laps(Driver(model.best_action, space), simulator, 1, trace)
    trace.episode = [np.arange(starts)] * len(trace.episode)  # each has one of its own
    return EvaluationResult([laps[0] for laps in driven], trace)


def cars_of(
    metadata: ModelMetadata,
    track: Track,
    options: EvaluationOptions,
    rules: RaceRules | None = None,
    number: int = 1,
    seed: int = 0,
) -> Simulator:
    """Cars that are as a model describes them, on a track; by the laps' rules unless given."""
    return Simulator(
        track,
        number,
        sensors=metadata.sensors,
        threads=options.threads,
        seed=seed,
        car_version=options.car_version or metadata.car_version,
        rules=rules or lap_rules(options, track),
        randomization=options.randomization,
        lidar=metadata.lidar or LidarConfig(),
        frame_stack=metadata.frame_stack,
    )


def two_slow_laps(length: float, space: ActionSpace) -> int:
    """Env steps of two laps at the slowest action.

    Args:
        length: of the track, m.
        space: whose slowest speed counts; the car never drives at less than 0.1 m/s.
    """
    speed = np.min(space.speed) if isinstance(space, DiscreteActionSpace) else space.speed_low
    return int(2.0 * length / max(float(speed), 0.1) / CONTROL_PERIOD)


def lap_rules(options: EvaluationOptions, track: Track | None = None) -> RaceRules:
    """Laps one after the other, the first from a standing start.

    Args:
        options: what is to be driven.
        track: where; None if whoever puts the cars there says which way they drive.
    """
    return RaceRules(
        start_position=options.start_position,
        round_robin_advance_dist=options.round_robin_advance_dist,
        reverse_direction=bool(track and track.runs_backwards(options.driving_direction)),
        continuous=options.round_robin_advance_dist == 0.0,
        number_of_resets=MAX_RESETS if options.resets else 0,
        off_track_penalty=options.off_track_penalty,
        max_steps=MAX_LAP_STEPS,
        race=options.race,
    )


class CommandTable(Protocol):
    """What makes commands of a policy's answers: an action space, or a stand-in for several."""

    def to_commands(self, answers: Any, /) -> Array:
        """Degrees and m/s, [B, 2]."""
        ...


@dataclass(frozen=True)
class Driver:
    """A greedy policy and what its answers mean."""

    policy: GreedyPolicy
    action_space: CommandTable


def drive_laps(
    driver: Driver,
    simulator: Simulator | Fleet,
    laps: int,
    trace: Trace | None = None,
    judge: Judge | None = None,
    give_up: bool = False,
    watch: Watch | None = None,
) -> list[list[Lap]]:
    """Lets every car drive until it has ``laps`` laps, or attempts, behind it.

    Args:
        driver: chooses the actions.
        simulator: is reset first.
        laps: per car.
        trace: records every step if given.
        judge: the user's reward, which is added up over each lap if given.
        give_up: end as soon as a lap was not clean.
        watch: is asked before each step; once it says no, laps end as they are, ``time_up``.

    Returns:
        For each car its laps in order; fewer of them if it gave up or its time was up.
    """
    result = simulator.reset()
    counters = [_LapCounter() for _ in range(simulator.num_cars)]
    while any(len(counter.laps) < laps for counter in counters):
        progress, now = result.params["progress"], result.params["sim_time"]
        if watch is not None and not watch(len(counters[0].laps), float(progress[0])):
            for car, counter in enumerate(counters):
                counter.end("time_up", float(progress[car]), float(now[car]))
            break
        # A copy: what JAX is handed must not change under it.
        observation = {name: np.array(picture) for name, picture in result.observation.items()}
        action = driver.policy(observation)
        result = simulator.step(driver.action_space.to_commands(action))
        if trace is not None:
            lap = np.array([len(counter.laps) for counter in counters])
            no_reward = np.zeros(simulator.num_cars)
            trace.record(result, action, no_reward, lap, lap < laps)
        reward = step_rewards(judge, result)
        for car, counter in enumerate(counters):
            counter.reward += float(reward[car])
            counter.count(
                STATUS_NAMES[result.status[car]],
                float(result.params["progress"][car]),
                float(result.params["sim_time"][car]),
                bool(result.terminated[car] or result.truncated[car]),
            )
        if give_up and any(c.laps and not c.laps[-1].is_clean for c in counters):
            break
    return [counter.laps[:laps] for counter in counters]


def step_rewards(judge: Judge | None, result: StepResult) -> Array:
    """What the step earned each car; nothing in steps that prepare or pause it."""
    if judge is None:
        return np.zeros(len(result.status), np.float32)
    return judge(result, judged_cars(result))


class _LapCounter:
    """Follows one car, and closes a lap whenever its episode ends."""

    def __init__(self) -> None:
        self.laps: list[Lap] = []
        self._open(0.0)

    def _open(self, time: float) -> None:
        self._start, self._steps, self.reward = time, 0, 0.0
        self._violations: list[str] = []

    def count(self, status: str, progress: float, time: float, ended: bool) -> None:
        """Takes in one step."""
        if status == STATUS_NAMES[PREPARE]:
            self._open(time)
        self._steps += 1
        if status in ("crashed", "off_track", "immobilized", "reversed"):
            self._violations.append(status)
        if ended:
            self.end(status, progress, time)

    def end(self, status: str, progress: float, time: float) -> None:
        """Closes a lap as it is, and begins the next one."""
        self.laps.append(self._close(status, progress, time))
        self._open(time)

    def _close(self, status: str, progress: float, time: float) -> Lap:
        count = self._violations.count
        last_was_final = status == (self._violations[-1] if self._violations else None)
        return Lap(
            completion_percentage=progress,
            lap_time_seconds=round(time - self._start, 3),
            off_track_count=count(STATUS_NAMES[OFF_TRACK]),
            steps=self._steps,
            status=status,
            crash_count=count("crashed"),
            reset_count=len(self._violations) - last_was_final,
            immobilized_count=count("immobilized"),
            reversed_count=count("reversed"),
            start_seconds=self._start,
            reward=self.reward,
        )
