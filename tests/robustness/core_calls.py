"""The native core is handed what it was not made for: everything public in ``_core``, by name.

``run(count, seed)``: ``count`` calls of functions, constructors, methods and property setters that
are found in the module itself, so that a new one is tried too. A call has good arguments but one,
which is wrong, huge, tiny, negative, not finite, ragged, of another layout or type, read-only,
byte-swapped, None, a subclass, empty or made without its ``__init__``; of a callable that has no
good arguments here yet, all are. Each runs in a fork of a warm process with 20 s and 1 GB more.

A finding is a line about a call that ended by a signal or ran out of time, that raised anything but
a TypeError, ValueError or MemoryError of one line, that answered with numbers which are not finite,
or after whose refusal the simulator's next step was not to the byte that of an undisturbed twin.
What a setter accepts must work: a simulator, camera or car is made with it and used.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from deepracer_fast import _core

SECONDS = 20
MEMORY = 1 << 30  # bytes beyond what the warm process has
CARS, OBJECTS = 4, 2
CLEAR = (TypeError, ValueError, MemoryError)
FAILED = 1  # exit status of a child that has written a finding

Arguments = tuple[Any, ...]


def run(count: int, seed: int) -> list[str]:
    """The findings of ``count`` calls, made by a process of its own, which has no other threads."""
    paths = os.pathsep.join([str(Path(_core.__file__).parents[1]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(count), str(seed)],
        env=dict(os.environ) | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return [f"core_calls: the process that makes the calls ended: {done.stderr[-500:]}"]
    findings: list[str] = json.loads(done.stdout.splitlines()[-1])
    return findings


# What is called ----------------------------------------------------------------------------------


def lines(points: int = 21) -> tuple[Any, Any, Any]:
    """A straight road along +x, 10 m by 0.8 m."""
    x = np.linspace(0.0, 10.0, points)
    centre, left, right = (np.stack([x, np.full_like(x, y)], 1) for y in (0.0, 0.4, -0.4))
    return centre, left, right


class Bench:
    """One of each kind of object, and good arguments for what can be called."""

    def __init__(self) -> None:
        self.track = _core.Track(*lines(), False)
        self.ground = _core.Ground(*lines(), False, "oval")
        self.camera = _core.Camera()
        self.picture = self.camera.render(self.ground, [1.0], [0.0], [0.0])[0]
        self.simulator = self.build(self.options())
        self.twin = self.build(self.options())

    def build(self, options: _core.SimulatorOptions) -> _core.Simulator:
        return _core.Simulator(self.track, self.ground, options)

    def options(self, race: str = "HEAD_TO_BOT") -> _core.SimulatorOptions:
        """A simulator with a camera, a LIDAR and what belongs to the race."""
        options = _core.SimulatorOptions()
        options.num_cars = options.cars_in_batch = CARS
        options.threads = 2
        options.rules.max_steps = 7
        options.sensors.lidar = _core.LidarSensor.DISCRETIZED_SECTORS
        traffic = options.rules.traffic
        traffic.race_type = getattr(_core.RaceType, race)
        traffic.number_of_obstacles = traffic.number_of_bot_cars = OBJECTS
        traffic.bots.is_lane_change = True
        traffic.cars_per_world = 2 if race == "HEAD_TO_MODEL" else 1
        return options

    def good(self, name: str) -> Arguments | None:
        """Arguments of a callable that it must take, or None where they are not known."""
        two, angles = np.array([1.0, 2.0], np.float32), np.array([0.1, -0.1], np.float32)
        cars = np.array([0, 2])
        known: dict[str, Arguments] = {
            "direction": (angles,),
            "drive_open_loop": (
                _core.VehicleParams(5),
                np.zeros((2, 4), np.float32),
                np.ones((2, 3, 2), np.float32),
            ),
            "look": ("oval",),
            "check_track": (*lines(), False),
            "check_options": (self.options(), 10.0),
            "actions_of": (np.ones((3, 2), np.float32), 3),
            "VehicleParams": (5, True),
            "Track": (*lines(), False),
            "Ground": (*lines(), False, "oval", _core.Channel.GREY),
            "Camera": (_core.CameraParams(),),
            "Simulator": (self.track, self.ground, self.options()),
            "Simulator.begin_episodes": (3,),
            "Simulator.step": (np.ones((CARS, 2), np.float32),),
            "Simulator.place": (cars, two, 0.1 * angles, angles, angles),
            "Simulator.place_objects": (
                cars,
                np.ones((2, OBJECTS, 2), np.float32),
                np.zeros((2, OBJECTS), np.float32),
            ),
            "Camera.render": (self.ground, two, angles, angles, ""),
            "Camera.draw_objects": (
                self.picture.copy(),
                (1.0, 0.0, 0.0),
                np.array([[3.0, 0.0, 0.0]], np.float32),
                np.array([1], np.int32),
                _core.Channel.GREY,
            ),
        }
        return known.get(name)

    def receiver(self, kind: type, random: np.random.Generator) -> Any:
        """An object whose method or setter is tried, and which can then be used."""
        races = ("TIME_TRIAL", "OBJECT_AVOIDANCE", "HEAD_TO_BOT", "HEAD_TO_MODEL")
        self.tried = self.options(str(random.choice(races)))
        rules = self.tried.rules
        parts = (self.tried, rules, self.tried.randomization, self.tried.sensors)
        whole = (self.simulator, self.camera, self.track, self.ground, self.simulator)
        records = (rules.traffic, rules.traffic.bots, _core.VehicleParams(5), _core.CameraParams())
        for known in (*parts, *whole, *records):
            if type(known) is kind:
                return known
        return kind()

    def use(self, result: Any) -> Iterator[Any]:
        """What comes of an object that was accepted, as arrays that must be finite."""
        if isinstance(result, _core.VehicleParams):
            commands = np.tile([[0.5, 4.0], [-0.5, 0.1]], (1, 30, 1))
            yield _core.drive_open_loop(result, np.zeros((1, 4)), commands)
        elif isinstance(result, _core.CameraParams):
            yield from self.use(_core.Camera(result))
        elif isinstance(result, _core.Camera):
            yield result.render(self.ground, [1.0, 2.0], [0.0, 0.1], [0.0, 3.0])
        elif isinstance(result, _core.Track):
            yield from driven(_core.Simulator(result, self.ground, self.options("TIME_TRIAL")))
        elif isinstance(result, _core.Ground):
            yield from self.use(_core.Simulator(self.track, result, self.options()))
        elif isinstance(result, _core.Simulator):
            yield from driven(result)
        elif type(result) is type(self.tried) or type(result).__name__.endswith(RECORDS):
            yield from driven(self.build(self.tried))


RECORDS = ("Rules", "Options", "Randomization")


def driven(simulator: _core.Simulator) -> Iterator[Any]:
    """Every number of a simulator after some steps."""
    for _ in range(9):
        simulator.step(np.full((len(simulator.status), 2), [5.0, 3.0], np.float32))
    yield from simulator.params.values()
    yield from simulator.object_params.values()
    yield from (simulator.lidar, simulator.pictures, simulator.object_poses())
    yield from (simulator.vehicle_states(), simulator.track_states())


def everything() -> Iterator[tuple[str, Callable[..., Any], type | None]]:
    """Name, function, and class of the receiver of all that is public in the core."""
    for name, member in vars(_core).items():
        if name.startswith("_") or not callable(member):
            continue
        yield name, member, None
        if not isinstance(member, type) or issubclass(member, Enum):
            continue
        for part, attribute in vars(member).items():
            if isinstance(attribute, property):
                yield f"{name}.{part}.get", attribute.fget, member  # type: ignore[misc]
                if attribute.fset is not None:
                    yield f"{name}.{part}.set", attribute.fset, member
            elif not part.startswith("_") and callable(attribute):
                yield f"{name}.{part}", attribute, member


def number_of_arguments(function: Callable[..., Any]) -> int:
    """By the signature in the documentation that pybind11 writes; ``self`` left out."""
    text = (function.__init__ if isinstance(function, type) else function).__doc__ or ""  # type: ignore[misc]
    signature = re.search(r"\((.*?)\) ->", text)
    names = re.findall(r"(\w+): ", signature.group(1)) if signature else []
    return len([name for name in names if name != "self"])


# What it is handed -------------------------------------------------------------------------------


class Odd(np.ndarray):
    """A subclass of arrays."""


class Liar:
    """Says that it is an array, a number and an index, and fails in each."""

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no\narray")

    def __float__(self) -> NoReturn:
        raise ZeroDivisionError("no number")

    def __index__(self) -> NoReturn:
        raise KeyError("no index")

    def __repr__(self) -> NoReturn:
        raise OSError("no words")


def plain_values() -> list[Any]:
    """Numbers, text and containers."""
    whole = [-1, 0, 1, 2, 3, 7, 99, 2**16, 2**24, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**63, 2**64]
    floats = [0.5, 1.5, -1.5, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e39, 1e300, 1e-30, 5e-324]
    texts = ["", "oval", "portable", "x" * 100_000, "a\nb", "oval\0", "\ud800", "\x1b[31m", "5"]
    others = [None, True, False, 1j, b"oval", 10**400, -(2**63) - 1, 10**5000, Liar(), Liar, ...]
    lists = [[], [[]], [1], [[1], [1, 2]], [None], ["a"], (1, 2), {1: 2}, {1.0}, range(5), [[[0]]]]
    numbers = [
        np.float32(2.5),
        np.float64("nan"),
        np.int8(-1),
        np.uint64(2**64 - 1),
        np.bool_(True),
    ]
    enums = [_core.Channel.RED, _core.RaceType.HEAD_TO_BOT, _core.CameraSensor.STEREO]
    return [*whole, *floats, *texts, *others, *lists, *numbers, *enums, np.bool_(True)]


def arrays() -> list[Any]:
    """Arrays of wrong shapes, types and sizes."""
    virtual = [np.broadcast_to(np.float32(0), (2**k, 2)) for k in (25, 40)]
    shapes = [(), (0,), (0, 2), (1,), (2,), (1, 2), (4, 2), (2, 2), (21, 2), (2, 2, 2), (1,) * 30]
    made = [np.full(shape, value) for shape in shapes for value in (0.0, np.nan, 1e30)]
    types = ["?", "i1", "u8", "f2", "g", "F", "O", "U3", "S3", "M8[s]", "m8[s]", "V8", ">f4", ">i8"]
    typed = [np.ones((4, 2), "i4").astype(kind) for kind in types if kind[0] not in "MmV"]
    strange = [np.zeros((4, 2), kind) for kind in types if kind[0] in "MmV"]
    records = [np.zeros(4, [("x", "f4"), ("y", "f4")]), np.ma.masked_all((4, 2))]
    return [*virtual, *made, *typed, *strange, *records]


def unfinished() -> list[Any]:
    """Objects of the core whose ``__init__`` has not run."""
    kinds = [member for member in vars(_core).values() if isinstance(member, type)]
    return [kind.__new__(kind) for kind in kinds if not issubclass(kind, Enum)]


def variants(value: Any) -> list[Any]:
    """A good array in other layouts, and spoilt in one place."""
    if not isinstance(value, np.ndarray) or value.size == 0:
        return []
    first, unaligned = value.copy(), np.frombuffer(b"\0" + value.tobytes(), "u1")[1:]
    first.flat[0] = np.nan if value.dtype.kind == "f" else -1
    apart = np.repeat(value, 2, axis=0)
    frozen = value.copy()
    frozen.setflags(write=False)
    return [
        *(first, frozen, apart, apart[::2], value[::-1], value[:-1], value[1:], value[:0]),
        *(np.asfortranarray(value), value.T, value[..., None], value.ravel()),
        value.astype(value.dtype.newbyteorder()),
        unaligned.view(value.dtype).reshape(value.shape),
        *(value.astype(kind) for kind in ("f8", "f2", "g", "O", "c8", "i8", "u1", "?")),
        *(value.view(Odd), value.tolist(), memoryview(value)),
        *(np.where(np.arange(value.size).reshape(value.shape) == 0, bad, value) for bad in BAD),
    ]


BAD = (np.inf, -1e30, 1e39, 2.0**32, 2.0**63, -1.0)


# How it is tried ---------------------------------------------------------------------------------


def chosen_calls(count: int, seed: int) -> Iterator[tuple[str, np.random.Generator]]:
    """Names of what is called, all in turn in an order of chance."""
    random = np.random.default_rng(seed)
    names = sorted(name for name, *_ in everything())
    while count > 0:
        for name in random.permutation(names)[:count]:
            yield str(name), random.spawn(1)[0]
        count -= len(names)


def arguments_for(
    name: str, function: Callable[..., Any], bench: Bench, random: np.random.Generator
) -> Arguments:
    """Good arguments but for one; or odd ones alone, where none are known."""
    pool = [*plain_values(), *arrays(), *unfinished()]
    good = bench.good(name)
    if good is None:
        return tuple(pick(pool, random) for _ in range(number_of_arguments(function)))
    arguments = list(good)
    place = int(random.integers(len(arguments)))
    own = variants(arguments[place])
    arguments[place] = pick(own if own and random.random() < 0.5 else pool, random)
    return tuple(arguments)


def pick(pool: list[Any], random: np.random.Generator) -> Any:
    return pool[int(random.integers(len(pool)))]


def tried(name: str, bench: Bench, random: np.random.Generator) -> str:
    """Makes one call; what is wrong with its outcome, or nothing."""
    function, owner = next((f, kind) for known, f, kind in everything() if known == name)
    receiver = () if owner is None else (bench.receiver(owner, random),)
    if owner is None:
        bench.receiver(object, random)
    setter_or_getter = name.endswith((".set", ".get"))
    if setter_or_getter:
        pool = [*plain_values(), *arrays(), *unfinished()]
        arguments: Arguments = (pick(pool, random),) if name.endswith(".set") else ()
        if name.endswith(".get") and random.random() < 0.5:
            receiver = (pick(pool, random),)
    else:
        arguments = arguments_for(name, function, bench, random)
        if receiver and random.random() < 0.1:
            receiver = (owner.__new__(owner),)  # type: ignore[union-attr]
    words = f"{name}({', '.join(map(short, arguments))})"
    try:
        result = function(*receiver, *arguments)
    except CLEAR as error:
        is_clear = len(str(error).splitlines()) == 1 or "incompatible function" in str(error)
        if not is_clear or len(str(error)) > 400:
            return f"{words}: {type(error).__name__} of many lines: {short(str(error))}"
        return after_refusal(words, bench)
    except BaseException as error:
        return f"{words}: {type(error).__name__}: {error}"
    return after_success(words, bench, (*receiver, result))


def after_refusal(words: str, bench: Bench) -> str:
    """Compares the next step with the twin's."""
    for simulator in (bench.simulator, bench.twin):
        simulator.step(np.full((CARS, 2), [3.0, 2.0], np.float32))
    pairs = zip(contents(bench.simulator), contents(bench.twin), strict=True)
    same = all(mine.tobytes() == other.tobytes() for mine, other in pairs)
    return "" if same else f"{words}: refused, and the next step was another"


def contents(simulator: _core.Simulator) -> list[Any]:
    """Every array of a simulator."""
    told = [*simulator.params.values(), *simulator.object_params.values()]
    states = [simulator.vehicle_states(), simulator.track_states(), simulator.object_poses()]
    return [*told, *states, simulator.pictures, simulator.lidar, simulator.status]


def after_success(words: str, bench: Bench, outcome: Arguments) -> str:
    """Uses what was accepted; whether all that comes of it is finite."""
    for result in outcome:
        try:
            for numbers in (*bench.use(result), result):
                if isinstance(numbers, np.ndarray | float) and not np.isfinite(numbers).all():
                    return f"{words}: accepted, and what comes of it is not finite"
        except (*CLEAR, RuntimeError) as error:  # of threads, of which there may be no more
            if len(str(error).splitlines()) != 1:
                return f"{words}: accepted, then {type(error).__name__}: {error}"
    return ""


def short(value: Any) -> str:
    """A value in some characters of one line."""
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {value.shape}>"
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return ascii(text[:60])


def in_a_fork(name: str, bench: Bench, random: np.random.Generator) -> str:
    """The finding of one call, made by a child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        confine()
        finding = tried(name, bench, random)
        os.write(write, finding.encode(errors="backslashreplace")[:4000])
        os._exit(FAILED if finding else 0)
    os.close(write)
    with os.fdopen(read, errors="replace") as pipe:
        finding = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status in (0, FAILED):
        return finding
    why = f"took over {SECONDS} s" if status == -signal.SIGALRM else f"ended with status {status}"
    return f"{name}: {why}"


def confine() -> None:
    """Limits of time and memory for this process."""
    signal.alarm(SECONDS)
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(count: int, seed: int) -> None:
    """Prints the findings as one line of JSON."""
    bench = Bench()
    calls = enumerate(chosen_calls(count, seed))
    found = [(number, in_a_fork(name, bench, random)) for number, (name, random) in calls]
    print(json.dumps([f"core_calls {seed}/{number}: {text}" for number, text in found if text]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
