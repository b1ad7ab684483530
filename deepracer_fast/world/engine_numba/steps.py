"""The loops over cars: what each stage of ``engine`` calls for a range of them.

In: the :class:`World` of ``cars``, the traffic (None in a time trial). Out: the same records, one
step on. A range holds whole worlds. The one-car functions that they call live in
``rules``, ``traffic`` and ``track_state``.
"""

from deepracer_fast.world.engine_numba.cars import World
from deepracer_fast.world.engine_numba.compiling import kernel
from deepracer_fast.world.engine_numba.records import Cars, Floats, Indices, Singles, Things
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


@kernel
def begin_cars(
    world: World, traffic: Traffic | None, number: int, time: float, begin: int, end: int
) -> None:
    """Begins episode ``number`` of cars begin to end - 1."""
    seen, size = world.seen, world.rules.cars_per_world
    for i in range(begin, end):
        world.cars[i].episode = number
        seen[i].terminated = seen[i].truncated = False
        seen[i].status = PREPARED
        begin_episode(world, traffic, i, size - 1 - i % size)
    if traffic is not None:
        for i in range(begin, end):
            meet_racers(world.cars, traffic, i)
    for i in range(begin, end):
        seen[i].steering_angle = seen[i].speed = 0.0
        observe(world, traffic, i, time)
        seen[i].is_crashed = False


@kernel
def step_cars(
    world: World, traffic: Traffic | None, actions: Singles, time: float, begin: int, end: int
) -> None:
    """Reads and judges the poses of cars begin to end - 1, before their actions move them."""
    size = world.rules.cars_per_world
    for first in range(begin, end, size):
        for i in range(first, first + size):
            judge_car(world, traffic, i, actions[i], time)
        for i in range(first, first + size):
            go_on(world, traffic, i)


@kernel
def meet_cars(cars: Cars, traffic: Traffic, begin: int, end: int) -> None:
    """Racers begin to end - 1 see each other where they are now."""
    for i in range(begin, end):
        meet_racers(cars, traffic, i)


@kernel
def place_cars(
    world: World, traffic: Traffic | None, which: Indices, poses: Floats, time: float
) -> None:
    """Puts cars at poses [n, 4]: x, y, heading and steering."""
    for n in range(len(which)):
        place_car(world, which[n], poses[n])
    if traffic is not None:
        for i in range(len(world.cars)):
            meet_racers(world.cars, traffic, i)
    for i in which:
        world.seen[i].steering_angle = world.seen[i].speed = 0.0
        observe(world, traffic, i, time)


@kernel
def place_objects(
    world: World, traffic: Traffic, which: Indices, poses: Floats, time: float
) -> None:
    """Puts the objects of cars at poses [n, K, 3]: x, y and heading."""
    for n in range(len(which)):
        put_objects(world, traffic, which[n], poses[n])
        observe(world, traffic, which[n], time)


@kernel
def write_track_states(cars: Cars, roads: Roads, objects: Things, states: Singles) -> None:
    """What the poses mean for the road ahead; columns as in ``csrc/simulator/track_state.h``."""
    for i in range(len(cars)):
        write_track_state(states[i], cars[i], roads, objects[i])
