"""Tries a reward function on the states of a real drive and says what its author should know.

In: a reward file and a track. Out: a `Report`: range of the rewards, speed, warnings.
Neighbours: ``simulator`` drives, ``reward`` judges, ``validate_command`` prints.
"""

from __future__ import annotations

import ast
import difflib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.reward import Reward, load_reward
from deepracer_fast.reward.params_table import ALL_KEYS, OLD_NAMES
from deepracer_fast.reward.remarks import about_files
from deepracer_fast.reward.sandbox import confinement_note
from deepracer_fast.simulator import PAUSE, PREPARE, Simulator
from deepracer_fast.track import Track

Array = npt.NDArray[Any]

# What the original's own validator lets a reward function import.
ALLOWED_IMPORTS = ("math", "random", "numpy", "scipy", "shapely")
CARS, STEPS = 128, 45
OBJECTS = 3
_OBJECT_OFFSET = 0.27  # m from the centre line, as the original puts its boxes
_ENOUGH_SECONDS = 20.0  # of trying a slow function
_SPEED_CARS = 4096
_LEFT_OF_LINE = np.array([True, False, True])


@dataclass(frozen=True)
class Spread:
    """Rewards of one kind of state."""

    calls: int
    minimum: float
    mean: float
    maximum: float


@dataclass
class Report:
    """What was found; see `validate_reward`.

    Attributes:
        name: of the reward function.
        track: that it was driven on.
        mode: "compiled" or "interpreted".
        reason: why interpreted.
        calls_per_second: on one thread, in a batch of thousands of cars.
        rewards: by kind of state; "all" among them.
        warnings: a sentence each.
    """

    name: str
    track: str
    mode: str
    reason: str
    calls_per_second: float = 0.0
    rewards: dict[str, Spread] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def validate_reward(path: Path, track: Track) -> Report:
    """Loads a reward function and calls it with thousands of states.

    Raises:
        RewardError: it cannot be used, or fails in a state; the message shows line and params.
    """
    reward = load_reward(path)
    values, kinds = _try(reward, track)
    report = Report(reward.name, track.name, reward.mode, reward.reason)
    for kind, chosen in kinds.items():
        if chosen.any():
            found = values[chosen]
            low, mean, high = float(found.min()), float(found.mean()), float(found.max())
            report.rewards[kind] = Spread(len(found), low, mean, high)
    report.calls_per_second = _speed(load_reward(path), track)
    report.warnings = [*_about_values(values), *about_source(reward.source), *reward.notes]
    report.warnings += filter(None, [*about_files(reward.source), confinement_note()])
    return report


def drive(track: Track, seed: int = 0) -> Iterator[dict[str, Array]]:
    """The columns that a reward function sees: first alone on the track, then among objects."""
    rng = np.random.default_rng(seed)
    sim = Simulator(track, CARS, (), seed=seed)
    for among_objects in (False, True):
        result = sim.reset()
        aim = rng.uniform(-25.0, 25.0, CARS)
        for step in range(STEPS):
            aim += rng.normal(0.0, 6.0, CARS)
            speed = rng.choice([0.5, 1.0, 1.8, 2.5, 4.0], CARS)
            sim.step(np.column_stack([np.clip(aim, -30.0, 30.0), speed]))
            if ((result.status == PREPARE) | (result.status == PAUSE)).all():
                continue
            params = {name: np.array(column) for name, column in result.params.items()}
            _add_rare_events(params, rng, step)
            yield params | (object_columns(params, track, rng) if among_objects else {})


def _add_rare_events(params: dict[str, Array], rng: np.random.Generator, step: int) -> None:
    """Finished laps and crashes, which a drive of a few seconds does not reach."""
    if step % 9 == 8:
        params["progress"][:: CARS // 8] = 100.0
    params["is_crashed"] = rng.random(CARS) < 0.03


def object_columns(
    params: dict[str, Array], track: Track, rng: np.random.Generator
) -> dict[str, Array]:
    """Columns of boxes beside the centre line, one near most of the cars."""
    points = track.waypoints
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    ahead = params["projection_distance"][:, None] + rng.uniform(0.2, 3.0, (CARS, 1))
    gaps = np.arange(OBJECTS) * along[-1] / OBJECTS
    place = np.sort((ahead + gaps) % along[-1], axis=1)
    row = np.clip(np.searchsorted(along, place) - 1, 0, len(points) - 2)
    way = points[row + 1] - points[row]
    way /= np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    normal = np.stack([-way[..., 1], way[..., 0]], axis=-1)
    left = np.broadcast_to(_LEFT_OF_LINE, place.shape)
    location = points[row] + np.where(left, _OBJECT_OFFSET, -_OBJECT_OFFSET)[..., None] * normal
    following = (place < params["projection_distance"][:, None]).sum(axis=1) % OBJECTS
    shape = (CARS, OBJECTS)
    return {
        "closest_objects": np.stack([(following - 1) % OBJECTS, following], 1).astype(np.int32),
        "objects_location": location.astype(params["x"].dtype),
        "objects_left_of_center": np.array(left),
        "object_in_camera": rng.random(CARS) < 0.5,
        "objects_speed": np.zeros(shape, np.float32),
        "objects_heading": np.zeros(shape, np.float32),
        "objects_distance_from_center": np.full(shape, _OBJECT_OFFSET, np.float32),
        "objects_distance": place.astype(np.float32),
    }


def _try(reward: Reward, track: Track) -> tuple[Array, dict[str, Array]]:
    """The rewards of all states, and which of them are of which kind."""
    values: list[Array] = []
    kinds: dict[str, list[Array]] = {}
    deadline = time.monotonic() + _ENOUGH_SECONDS
    for params in drive(track):
        values.append(reward(params))
        off_track, crashed = params["is_offtrack"], params["is_crashed"]
        for kind, chosen in {
            "all": np.ones(CARS, bool),
            "on track": params["all_wheels_on_track"] & ~off_track & ~crashed,
            "partly off": ~params["all_wheels_on_track"] & ~off_track & ~crashed,
            "off track": off_track,
            "crashed": crashed,
            "lap complete": params["progress"] >= 100.0,
            "with objects": np.full(CARS, "objects_location" in params),
        }.items():
            kinds.setdefault(kind, []).append(chosen)
        if time.monotonic() > deadline:
            break
    return np.concatenate(values), {kind: np.concatenate(rows) for kind, rows in kinds.items()}


def _speed(reward: Reward, track: Track) -> float:
    """Calls a second on one thread."""
    params = next(iter(drive(track)))
    rows = np.arange(_SPEED_CARS if reward.mode == "compiled" else CARS) % CARS
    batch = {
        name: column if name == "waypoints" else np.ascontiguousarray(column[rows])
        for name, column in params.items()
    }
    reward.use_one_thread()
    best, deadline = np.inf, time.perf_counter() + 0.3
    while time.perf_counter() < deadline:  # the least disturbed batch says most
        start = time.perf_counter()
        reward(batch)
        best = min(best, time.perf_counter() - start)
    return len(rows) / best


def _about_values(values: Array) -> Iterator[str]:
    if not values.any():
        yield "the reward is 0 in every state: nothing can be learnt from it"
    elif values.min() == values.max():
        yield f"the reward is {values[0]:.6g} in every state: nothing can be learnt from it"
    elif values.max() <= 0:
        yield "no state is worth more than 0: the shorter an episode, the better, off the track too"


def about_source(text: str) -> Iterator[str]:
    """What the source alone tells: keys that do not exist, old keys, imports of the original."""
    tree = ast.parse(text)
    for line, key in sorted(set(_keys(tree)), key=lambda each: (each[0], str(each[1]))):
        if key in OLD_NAMES:
            yield f"line {line}: {key!r} is now called {OLD_NAMES[key]!r}"
        elif key not in ALL_KEYS:
            close = difflib.get_close_matches(key, ALL_KEYS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            yield f"line {line}: params has no key {key!r}{hint}"
    for line, module in _imports(tree):
        if module not in ALLOWED_IMPORTS:
            yield (
                f"line {line}: the original does not let a reward function import {module}, "
                f"only {', '.join(ALLOWED_IMPORTS)}"
            )


def _keys(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Constant keys that are read from what ``reward_function`` is handed."""
    names = {"params"} | {
        node.args.args[0].arg
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "reward_function" and node.args.args
    }
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
                stored = isinstance(node.ctx, ast.Store)
                if name in names and not stored:
                    yield node.lineno, key
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="get"),
                args=[ast.Constant(value=str(key)), *_],
            ) if name in names:
                yield node.lineno, key


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, str(node.module).split(".")[0]
