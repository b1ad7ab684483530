"""Made-up states of a drive, to try a reward function on before any simulator exists.

Out: batches of params columns, step by step, from cars that circle a small bean-shaped track:
some on the line, some off the road, crashed, at the end of a lap, or driving it backwards.
Neighbours: the compiler's first check runs on these; `validate` drives real tracks instead.
"""

from typing import Any

import numpy as np

from deepracer_fast.checks.arrays import Array

_WIDTH = 1.07  # m, as the re:Invent 2018 track
_SPEEDS = np.array([0.5, 1.0, 1.4, 2.0, 2.7, 3.5, 4.0])
_ANGLES = np.array([-30.0, -20.0, -15.0, -5.0, 0.0, 5.0, 12.5, 20.0, 30.0])


def probe_waypoints(count: int = 71) -> Array:
    """A closed centre line [count + 1, 2], its first point repeated at the end."""
    turn = np.linspace(0.0, 2 * np.pi, count + 1)
    radius = 2.6 + 0.9 * np.cos(2 * turn) + 0.35 * np.sin(3 * turn)
    points = np.column_stack([3.5 + 1.3 * radius * np.cos(turn), 2.5 + radius * np.sin(turn)])
    points[-1] = points[0]
    return points


def probe_batches(
    num_cars: int = 32, steps: int = 12, objects: int = 0, seed: int = 0
) -> list[dict[str, Array]]:
    """The params columns of B cars over several steps, of kinds and shapes as a simulator's.

    Args:
        num_cars: B.
        steps: number of batches.
        objects: K; 0 for a time trial, which has no object columns.
        seed: of all numbers.
    """
    random = np.random.default_rng(seed)
    points = probe_waypoints()
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    total = along[-1]
    place = random.uniform(0.0, total, num_cars)
    start = place.copy()
    offset = random.normal(0.0, 0.28, num_cars)
    reversed_ = np.arange(num_cars) % 8 == 7
    standing = _objects(random, num_cars, objects, points, along)
    batches = []
    for step in range(steps):
        speed = random.choice(_SPEEDS, num_cars)
        place = (place + speed / 15.0) % total
        offset = np.clip(offset + random.normal(0.0, 0.08, num_cars), -1.2, 1.2)
        state = (place, start, offset, speed, reversed_)
        batches.append(_columns(random, points, along, state, step) | standing)
    return batches


def _columns(
    random: np.random.Generator, points: Array, along: Array, state: Any, step: int
) -> dict[str, Array]:
    place, start, offset, speed, reversed_ = state
    total, count = along[-1], len(place)
    behind = np.clip(np.searchsorted(along, place, side="right") - 1, 0, len(points) - 2)
    part = (place - along[behind]) / (along[behind + 1] - along[behind])
    way = points[behind + 1] - points[behind]
    direction = way / np.linalg.norm(way, axis=1, keepdims=True)
    normal = np.column_stack([-direction[:, 1], direction[:, 0]])
    spot = points[behind] + part[:, None] * way + offset[:, None] * normal
    heading = np.degrees(np.arctan2(way[:, 1], way[:, 0])) + random.normal(0.0, 18.0, count)
    progress = 100.0 * ((place - start) % total) / total
    progress[::16] = np.where(step % 5 == 4, 100.0, progress[::16])
    away = np.abs(offset)
    ahead = np.column_stack([behind, behind + 1])
    closest = np.where(reversed_[:, None], len(points) - 1 - ahead[:, ::-1], ahead)
    numbers = {
        "x": spot[:, 0],
        "y": spot[:, 1],
        "heading": (heading + 180.0) % 360.0 - 180.0,
        "distance_from_center": away,
        "projection_distance": place,
        "progress": progress,
        "steps": np.full(count, step + 2.0),
        "speed": speed,
        "steering_angle": random.choice(_ANGLES, count),
        "track_width": np.full(count, _WIDTH),
        "track_length": np.full(count, total),
        "sim_time": np.full(count, 3.0 + step / 15.0),
    }
    flags = {
        "all_wheels_on_track": away < _WIDTH / 2 - 0.1,
        "is_left_of_center": offset > 0,
        "is_reversed": reversed_,
        "is_crashed": random.random(count) < 0.06,
        "is_offtrack": away > _WIDTH / 2 + 0.1,
    }
    rest = {"waypoints": points, "closest_waypoints": closest.astype(np.int32)}
    return {name: values.astype(np.float32) for name, values in numbers.items()} | flags | rest


def _objects(
    random: np.random.Generator, num_cars: int, count: int, points: Array, along: Array
) -> dict[str, Array]:
    """Columns of objects that stand beside the centre line; none for a time trial."""
    if count == 0:
        return {}
    place = np.sort(random.uniform(0.0, along[-1], (num_cars, count)), axis=1)
    at = np.clip(np.searchsorted(along, place) - 1, 0, len(points) - 2)
    left = random.random((num_cars, count)) < 0.5
    location = points[at] + np.where(left, 0.27, -0.27)[..., None]
    ahead = random.integers(0, count, num_cars)
    return {
        "closest_objects": np.column_stack([(ahead - 1) % count, ahead]).astype(np.int32),
        "objects_location": location.astype(np.float32),
        "objects_left_of_center": left,
        "object_in_camera": random.random(num_cars) < 0.4,
        "objects_speed": np.where(left, 0.0, 0.8).astype(np.float32),
        "objects_heading": random.uniform(-np.pi, np.pi, (num_cars, count)).astype(np.float32),
        "objects_distance_from_center": np.full((num_cars, count), 0.27, np.float32),
        "objects_distance": place.astype(np.float32),
    }
