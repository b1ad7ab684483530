"""The native core's own door: what it refuses, and what outlives what."""

import ast
import dataclasses
import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepracer_fast
from deepracer_fast import _core
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization
from deepracer_fast.world.simulator import RaceRules


def lines(points: int = 11) -> tuple[Any, Any, Any]:
    """10 m along +x, 0.8 m wide."""
    x = np.linspace(0.0, 10.0, points)
    centre, left, right = (np.stack([x, np.full_like(x, y)], 1) for y in (0.0, 0.4, -0.4))
    return centre, left, right


@pytest.fixture(scope="module")
def world() -> tuple[_core.Track, _core.Ground]:
    return _core.Track(*lines(), False), _core.Ground(*lines(), False, "oval")


def options(num_cars: int = 4, race: str = "TIME_TRIAL") -> _core.SimulatorOptions:
    chosen = _core.SimulatorOptions()
    chosen.num_cars = chosen.cars_in_batch = num_cars
    chosen.rules.traffic.race_type = getattr(_core.RaceType, race)
    chosen.rules.traffic.number_of_bot_cars = 2
    return chosen


FOUR = np.zeros(4, np.float32)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((3, 2), np.float32), r"actions must have shape \(4, 2\), got \(3, 2\)"),
        (np.zeros(8), r"actions must have shape \(4, 2\), got \(8,\)"),
        (np.full((4, 2), 1e39), r"actions must be finite, got 1e\+39 at \[0, 0\]"),
        ([[0, 0], [0, 0], [0, np.nan], [0, 0]], r"actions must be finite, got nan at \[2, 1\]"),
        ([[1], [1, 2]], r"actions must be an array of numbers, \(4, 2\), got \[\[1\], \[1, 2\]\]"),
        (None, "actions must be an array of numbers, .* got None"),
        (np.zeros((4, 2), bool), "actions must be an array of numbers, .* got dtype bool"),
    ],
)
def test_actions_that_cannot_be_used_are_refused(actions: Any, message: str, world: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        _core.Simulator(*world, options()).step(actions)


def test_actions_of_any_layout_and_size_are_taken_for_what_they_are(world: Any) -> None:
    plain = np.array([[1, 2], [-3, 1], [5, 3], [0, 4]], np.float32)
    unaligned = np.frombuffer(b"\0" + plain.tobytes(), "u1")[1:].view("f4").reshape(4, 2)
    layouts = [plain, np.asfortranarray(plain), np.repeat(plain, 2, axis=0)[::2], unaligned]
    types = [plain.astype(kind) for kind in ("f8", "f2", "g", "i4", ">f4", ">i8")]
    found = []
    for actions in (*layouts, *types, plain.tolist(), plain.view(np.matrix)):
        simulator = _core.Simulator(*world, options())
        for _ in range(4):
            simulator.step(actions)
        found.append(simulator.vehicle_states().tobytes())
    assert set(found) == {found[0]}


@pytest.mark.parametrize(
    ("cars", "message"),
    [
        ([2**32, 1, 2, 3], r"cars must lie in \[0, 4\), got 4294967296"),
        (np.array([2**64 - 1, 0, 1, 2], np.uint64), r"cars must lie in \[0, 4\), got 184467440737"),
        ([-1, 0, 1, 2], r"cars must lie in \[0, 4\), got -1"),
        ([0, 1, 2, 1], "cars must name each car once, got 1 twice"),
        ([0.0, 1.0, 2.0, 3.0], "cars must be an array of integers, got dtype float64"),
        ([True, False, True, True], "cars must be an array of integers, got dtype bool"),
        ([[0, 1], [2, 3]], r"cars must have shape \(n,\), got \(2, 2\)"),
        ([0, 1, 2], r"x must have shape \(3,\), got \(4,\)"),
    ],
)
def test_car_numbers_do_not_wrap(cars: Any, message: str, world: Any) -> None:
    simulator = _core.Simulator(*world, options())
    before = simulator.vehicle_states()
    with pytest.raises((TypeError, ValueError), match=message):
        simulator.place(cars, FOUR + 5, FOUR, FOUR, FOUR)
    np.testing.assert_array_equal(simulator.vehicle_states(), before)


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        ((FOUR + 1e30, FOUR, FOUR, FOUR), r"x must lie in \[-1002.*\], got 1e\+30 at \[0\]"),
        ((FOUR, FOUR * np.nan, FOUR, FOUR), r"y must lie in .*, got nan at \[0\]"),
        ((FOUR, FOUR, FOUR + 1e5, FOUR), r"heading must lie in \[-10000, 10000\], got 100000"),
        ((FOUR, FOUR, FOUR, FOUR - 2), r"steering must lie in \[-1.58, 1.58\], got -2"),
    ],
)
def test_poses_out_of_bounds_are_refused(pose: Any, message: str, world: Any) -> None:
    with pytest.raises(ValueError, match=message):
        _core.Simulator(*world, options()).place(range(4), *pose)


def test_objects_are_placed_by_the_same_rules(world: Any) -> None:
    simulator = _core.Simulator(*world, options(race="HEAD_TO_BOT"))
    with pytest.raises(ValueError, match=r"location must have shape \(1, 2, 2\), got \(1, 3, 2\)"):
        simulator.place_objects([0], np.zeros((1, 3, 2)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"cars must lie in \[0, 4\), got 4294967296"):
        simulator.place_objects([2**32], np.zeros((1, 2, 2)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"location must lie in .* got 1e\+30 at \[0, 0, 0\]"):
        simulator.place_objects([0], np.full((1, 2, 2), 1e30), np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 2)), r"center must have shape \(N, 2\) with N from 2 to 32767, got \(0, 2\)"),
        (np.zeros((1, 2)), r"center must have shape .*, got \(1, 2\)"),
        (np.zeros((40_000, 2)), r"center must have shape .*, got \(40000, 2\)"),
        (np.zeros(4), r"center must have shape .*, got \(4,\)"),
        (np.zeros((4, 2)), "center must have a length"),
        (np.full((4, 2), np.nan), r"center must lie in .*, got nan at \[0, 0\]"),
        ([[0, 0], [1, 0], [1e6, 0], [3, 0]], "within 10000 m of its first one, point 2 does not"),
        ([[0, 0], [1, 0], [1, 1], [0, 1]], "a loop must repeat its first point at the end"),
        (None, "center must be an array of numbers"),
    ],
)
def test_lines_that_make_no_track_are_refused(points: Any, message: str) -> None:
    for build in (_core.Track, _core.check_track):
        with pytest.raises((TypeError, ValueError), match=message):
            build(points, points, points, True)
    with pytest.raises((TypeError, ValueError), match=message):
        _core.Ground(points, points, points, True, "oval")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threads", 0, r"threads must lie in \[1, 1024\], got 0"),
        ("threads", -1, "threads must lie in .*, got -1"),
        ("threads", 10**9, "threads must lie in .*, got 1000000000"),
        ("threads", 2.0, "threads must be an integer, got 2.0"),
        ("num_cars", 2**32 + 1, "num_cars must lie in .*, got 4294967297"),
        ("num_cars", True, "num_cars must be an integer, got True"),
        ("seed", 2**64, r"seed must lie in \[0, 2\*\*64\), got 18446744073709551616"),
        ("car_version", 2, r"car_version must lie in \[3, 6\], got 2"),
        ("asymmetric", 1, "asymmetric must be True or False, got 1"),
        ("instruction_set", "mmx", "instruction set must be one that .*, got mmx"),
        ("instruction_set", "x" * 999, "instruction_set must be text of one line"),
        ("rules", None, "rules must be a _core.RaceRules, got None"),
        ("sensors", _core.RaceRules(), "sensors must be a _core.SensorOptions, got <"),
    ],
)
def test_options_hold_only_what_can_be_used(name: str, value: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        setattr(_core.SimulatorOptions(), name, value)


@pytest.mark.parametrize(
    "record",
    [_core.VehicleParams(5), _core.Randomization(), _core.BotRules(), _core.CameraParams()],
)
def test_no_number_of_a_record_is_negative_infinite_or_text(record: Any) -> None:
    names = [name for name in dir(record) if isinstance(getattr(record, name), float)]
    assert names
    for name in names:
        for value in (np.nan, np.inf, -1e30, "1", None, True, [1.0], 1j, 10**400):
            with pytest.raises((TypeError, ValueError), match=f"{name} must "):
                setattr(record, name, value)


def names(record: type) -> set[str]:
    return {field.name for field in dataclasses.fields(record)}


def test_records_of_people_have_the_fields_of_the_core() -> None:
    assert names(Randomization) == set(_core.Randomization.FIELDS)
    assert names(RaceRules) - {"race"} == set(_core.RaceRules.FIELDS) - {"traffic"}
    native = {*_core.TrafficRules.FIELDS, *_core.BotRules.FIELDS}
    places = {"object_distances", "object_lanes", "bots"}
    assert names(RaceConfig) - {"object_positions", "obstacle_type"} == native - places


def test_the_fields_of_a_record_are_documented() -> None:
    unit, meaning, ends = _core.VehicleParams.FIELDS["grip"]
    assert (unit, ends) == ("m/s^2", (0.0, 1e6))
    assert _core.VehicleParams.grip.__doc__ == f"{unit}: {meaning}"


def functions(body: list[ast.stmt], owner: Any) -> Iterator[tuple[ast.FunctionDef, Any]]:
    """Those of the stub, each with the core's own."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body, getattr(_core, node.name))
        elif isinstance(node, ast.FunctionDef) and callable(getattr(owner, node.name)):
            yield node, getattr(owner, node.name)


def test_the_stub_names_the_arguments_of_the_core() -> None:
    """What stubtest cannot see: pybind11 says them in docstrings alone."""
    stub = Path(str(deepracer_fast.__file__)).with_name("_core.pyi").read_text(encoding="utf-8")
    found = list(functions(ast.parse(stub).body, _core))
    assert len(found) > 20
    for node, native in found:
        signature = native.__doc__.split(") -> ")[0]
        wanted = [argument.arg for argument in node.args.args]
        assert re.findall(r"[(,] ?(\w+): ", signature) == wanted, node.name


def test_options_must_fit_together(world: Any) -> None:
    apart = options()
    apart.cars_in_batch = 2
    bots = options(race="HEAD_TO_BOT")
    bots.rules.traffic.min_distance_between_bot_cars = 1e3
    places = options(race="OBJECT_AVOIDANCE")
    places.rules.traffic.object_distances = [0.5]
    worlds = options(race="HEAD_TO_MODEL")
    worlds.rules.traffic.cars_per_world = 3
    sectors = options()
    sectors.sensors.lidar, sectors.sensors.num_sectors = _core.LidarSensor.DISCRETIZED_SECTORS, 7
    for chosen, message in (
        (apart, "must lie in a batch of 2 cars"),
        (bots, "must leave room for number_of_bot_cars"),
        (places, "object_distances and object_lanes must be empty or hold 0 .* got 1 and 0"),
        (worlds, r"multiples of cars_per_world \(3\)"),
        (sectors, "num_sectors must divide 64, got 7"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.Simulator(*world, chosen)


def test_more_cars_than_memory_are_refused_before_they_are_made(world: Any) -> None:
    many = options(2**24)
    many.sensors.lidar = _core.LidarSensor.DISCRETIZED_SECTORS
    many.sensors.num_sectors, many.sensors.num_values_per_sector = 64, 4096
    with pytest.raises(MemoryError, match=r"they need 179\d\d GB and this machine has \d+ GB"):
        _core.Simulator(*world, many)


def test_none_and_half_made_objects_are_refused(world: Any) -> None:
    half_made = _core.Simulator.__new__(_core.Simulator)
    for call, message in (
        (lambda: _core.Simulator(None, world[1], options()), "track must be a _core.Track, got N"),
        (lambda: _core.Simulator(world[0], None, options()), "ground must be a _core.Ground"),
        (lambda: _core.Simulator(*world, None), "options must be a _core.SimulatorOptions"),
        (lambda: _core.Camera(None), "params must be a _core.CameraParams, got None"),
        (lambda: half_made.step(np.zeros((1, 2))), "_core.Simulator whose __init__ has run"),
        (lambda: half_made.params, "_core.Simulator whose __init__ has run"),
        (lambda: _core.drive_open_loop(None, FOUR, FOUR), "vehicle must be a _core.VehicleParams"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_objects_are_drawn_only_on_a_picture_of_the_camera(world: Any) -> None:
    camera = _core.Camera()
    picture = camera.render(world[1], [1.0], [0.0], [0.0])[0]
    poses = np.array([[2.0, 0.0, 0.0]])
    frozen = picture.copy()
    frozen.setflags(write=False)
    for wrong, message in (
        (picture[:-1], r"picture must have shape \(120, 160\), got \(119, 160\)"),
        (picture.astype(float), "picture must be a C-contiguous array of dtype uint8"),
        (frozen, "picture must be writeable"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            camera.draw_objects(wrong, (0.0, 0.0, 0.0), poses, [1])
    with pytest.raises(ValueError, match=r"is_car must have shape \(1,\), got \(2,\)"):
        camera.draw_objects(picture, (0.0, 0.0, 0.0), poses, [1, 0])


def test_views_outlive_their_simulator_and_it_its_track() -> None:
    track, ground, chosen = (
        _core.Track(*lines(), False),
        _core.Ground(*lines(), False, "oval"),
        options(),
    )
    simulator = _core.Simulator(track, ground, chosen)
    del track, ground, chosen
    gc.collect()
    views = [*simulator.params.values(), simulator.pictures, simulator.status]
    simulator.reset()
    simulator.step(np.ones((4, 2), np.float32))
    copies = [view.copy() for view in views]
    del simulator
    gc.collect()
    for view, copy in zip(views, copies, strict=True):
        np.testing.assert_array_equal(view, copy)


def test_parts_of_options_outlive_them() -> None:
    bots = _core.SimulatorOptions().rules.traffic.bots
    gc.collect()
    bots.bot_car_speed = 0.5
    assert bots.bot_car_speed == 0.5
