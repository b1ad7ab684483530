"""The loops over cars: what each stage of ``engine`` calls for a range of them.

In: the records of ``cars``, the roads, the rules, the traffic (None in a time trial). Out: the same
records, one step on. A range holds whole worlds. The one-car functions that they call live in
``rules``, ``traffic`` and ``track_state``.
"""

import numpy as np

from deepracer_fast.world.engine_numba.cars import Rules
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.records import (
    Cars,
    Floats,
    Indices,
    Records,
    Singles,
    Things,
)
from deepracer_fast.world.engine_numba.road import Roads
from deepracer_fast.world.engine_numba.rules import (
    PREPARED,
    begin_episode,
    go_on,
    judge_car,
    observe,
    place_car,
)
from deepracer_fast.world.engine_numba.track_state import write_track_state
from deepracer_fast.world.engine_numba.traffic import Traffic, meet_racers, put_objects

ZERO = np.float32(0.0)  # a command, in the type of an action


@kernel
def begin_cars(
    cars: Cars,
    seen: Records,
    roads: Roads,
    rules: Rules,
    traffic: Traffic | None,
    number: int,
    time: float,
    begin: int,
    end: int,
) -> None:
    """Begins episode ``number`` of cars begin to end - 1."""
    for i in range(begin, end):
        cars[i].episode = number
        seen[i].terminated = seen[i].truncated = False
        seen[i].status = PREPARED
        place_in_world = i % rules.cars_per_world
        begin_episode(cars, roads, rules, traffic, i, rules.cars_per_world - 1 - place_in_world)
    if traffic is not None:
        for i in range(begin, end):
            meet_racers(cars, i, traffic)
    for i in range(begin, end):
        observe(cars[i], seen[i], roads, traffic, i, ZERO, ZERO, time)
        seen[i].is_crashed = False


@kernel
def step_cars(
    cars: Cars,
    seen: Records,
    roads: Roads,
    rules: Rules,
    traffic: Traffic | None,
    actions: Singles,
    time: float,
    begin: int,
    end: int,
) -> None:
    """Reads and judges the poses of cars begin to end - 1, before their actions move them."""
    size = rules.cars_per_world
    for world in range(begin, end, size):
        for i in range(world, world + size):
            judge_car(cars[i], seen[i], roads, rules, traffic, i, actions[i], time)
        for i in range(world, world + size):
            go_on(cars, seen[i], roads, rules, traffic, i)


@kernel
def meet_cars(cars: Cars, traffic: Traffic, begin: int, end: int) -> None:
    """Racers begin to end - 1 see each other where they are now."""
    for i in range(begin, end):
        meet_racers(cars, i, traffic)


@kernel
def place_cars(
    cars: Cars,
    seen: Records,
    roads: Roads,
    rules: Rules,
    traffic: Traffic | None,
    which: Indices,
    poses: Floats,
    time: float,
) -> None:
    """Puts cars at poses [n, 4]: x, y, heading and steering."""
    for n in range(len(which)):
        i = which[n]
        place_car(cars[i], seen[i], roads, rules, poses[n])
    if traffic is not None:
        for i in range(len(cars)):
            meet_racers(cars, i, traffic)
    for i in which:
        observe(cars[i], seen[i], roads, traffic, i, ZERO, ZERO, time)


@kernel
def place_objects(
    cars: Cars,
    seen: Records,
    roads: Roads,
    traffic: Traffic,
    which: Indices,
    poses: Floats,
    time: float,
) -> None:
    """Puts the objects of cars at poses [n, K, 3]: x, y and heading."""
    for n in range(len(which)):
        i = which[n]
        put_objects(cars[i], i, roads, traffic, poses[n])
        steering, speed = seen[i].steering_angle, seen[i].speed
        observe(cars[i], seen[i], roads, traffic, i, steering, speed, time)


@kernel
def write_track_states(cars: Cars, roads: Roads, objects: Things, states: Singles) -> None:
    """What the poses mean for the road ahead; columns as in ``csrc/simulator/track_state.h``."""
    for i in range(len(cars)):
        write_track_state(states[i], cars[i], roads, objects[i])
