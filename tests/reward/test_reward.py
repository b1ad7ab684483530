"""The reward station: what a reward function is handed, its state, and how it fails."""

import copy
import gzip
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import PARAMETERS, Reward, load_reward, params_dict
from deepracer_fast.reward.examples import example_names, example_reward
from deepracer_fast.reward.params_table import ALL_KEYS

NUM_WAYPOINTS = 5


def make_params(num_cars: int = 3, **columns: Any) -> dict[str, np.ndarray]:
    """A batch in which every car is alike, with the given columns instead."""
    types = {"bool": np.bool_, "float": np.float32, "int": np.int32}
    params: dict[str, np.ndarray] = {
        p.name: np.zeros([num_cars if size == "B" else 2 for size in p.shape], types[p.kind])
        for p in PARAMETERS
        if p.default is None
    }
    params["waypoints"] = np.arange(NUM_WAYPOINTS * 2, dtype=np.float64).reshape(-1, 2)
    for name, values in columns.items():
        params[name] = np.asarray(values, params[name].dtype)
    return params


def rewards_of(source: str, num_cars: int = 3, **columns: Any) -> list[float]:
    rewards: list[float] = load_reward(source)(make_params(num_cars, **columns)).tolist()
    return rewards


def failure(source: Any, params: dict[str, np.ndarray] | None = None) -> str:
    with pytest.raises(RewardError) as caught:
        load_reward(source)(make_params() if params is None else params)
    return str(caught.value)


# The examples


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("follow_center_line", [1.0, 1.0, 0.5, 0.1, 0.001]),
        ("follow_center_line_smooth", [1.0, 0.8, 0.4, 0.1, 0.0008]),
        ("follow_center_line_fast", [0.5, 1.0, 0.5, 0.05, 0.001]),
    ],
)
def test_examples_give_the_hand_worked_rewards(name: str, expected: list[float]) -> None:
    params = make_params(
        5,
        track_width=np.full(5, 1.0),
        distance_from_center=[0.0, 0.09, 0.25, 0.5, 0.51],
        steering_angle=[15.0, 15.5, -30.0, 0.0, 20.0],
        speed=[0.5, 1.0, 2.0, 0.9, 4.0],
    )
    rewards = load_reward(example_reward(name))(params)
    assert rewards.dtype == np.float32
    np.testing.assert_allclose(rewards, expected, rtol=1e-6)


def test_the_progress_example_pays_what_each_step_gained() -> None:
    reward = load_reward(example_reward("progress"))
    gained = [
        reward(make_params(2, progress=progress, steps=steps)).tolist()
        for progress, steps in [
            ([0.5, 90.0], [2.0, 800.0]),
            ([0.75, 90.5], [3.0, 801.0]),
            ([0.7, 0.5], [4.0, 2.0]),
        ]
    ]
    assert gained[0][0] == 0.0
    np.testing.assert_allclose(gained[1], [0.25, 0.5])
    np.testing.assert_allclose(gained[2], [-0.05, 0.0], atol=1e-6)


def test_an_unknown_example_is_refused_with_the_choices() -> None:
    assert len(example_names()) == 6
    with pytest.raises(RewardError, match=r"'fast'.*follow_center_line, follow_center_line_fast"):
        example_reward("fast")


def recorded_columns(shared: Path, count: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    recording = json.loads(gzip.decompress((shared / "params/TT-discrete.json.gz").read_bytes()))
    dicts = recording["params_list"][:count]
    # In a time trial the lists of objects are empty; the simulator has no columns for them.
    columns = {key: np.array([d[key] for d in dicts]) for key in dicts[0] if dicts[0][key] != []}
    return dicts, {**columns, "waypoints": np.array(recording["waypoints"])}


def test_examples_take_the_params_recorded_from_the_original(shared: Path) -> None:
    dicts, columns = recorded_columns(shared, 400)
    for name in example_names():
        expected = []
        for recorded in dicts:  # each a car of its own, as each was a process
            namespace: dict[str, Any] = {}
            exec(example_reward(name).read_text(), namespace)
            expected.append(namespace["reward_function"](recorded))
        rewards = load_reward(example_reward(name))(columns)
        np.testing.assert_array_equal(rewards, np.array(expected, np.float32))


def test_a_dict_equals_the_one_recorded_from_the_original(shared: Path) -> None:
    dicts, columns = recorded_columns(shared, 50)
    for car, recorded in enumerate(dicts):
        handed = params_dict(columns, car)
        assert {key: handed[key] for key in recorded} == recorded
        assert {key: type(handed[key]) for key in recorded} == {
            key: type(value) for key, value in recorded.items()
        }


# What a reward function is handed


def test_params_have_every_key_in_plain_python_types() -> None:
    handed = params_dict(make_params(closest_waypoints=[[0, 1], [1, 2], [2, 3]]), 1)
    assert set(handed) == set(ALL_KEYS)
    assert handed["waypoints"] == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0), (8.0, 9.0)]
    assert handed["closest_waypoints"] == [1, 2]
    assert handed["objects_location"] == [] and handed["closest_objects"] == [0, 0]
    kinds = {"bool": bool, "float": float}
    for parameter in PARAMETERS:
        if parameter.shape == ("B",):
            assert type(handed[parameter.name]) is kinds[parameter.kind]


def test_old_names_hold_what_the_new_names_hold() -> None:
    source = "def reward_function(params):\n    return params['crashed'] + 2 * params['offtrack']"
    rewards = rewards_of(source, is_crashed=[0, 1, 0], is_offtrack=[0, 0, 1])
    assert rewards == [0.0, 1.0, 2.0]


def test_commanded_values_are_the_decimals_of_the_action_space() -> None:
    params = make_params(speed=[0.1, 1.4, 1 / 3], steering_angle=[-30.0, 12.7, 0.1])
    assert params_dict(params, 0)["speed"] == 0.1
    assert params_dict(params, 1)["speed"] == 1.4
    assert params_dict(params, 1)["steering_angle"] == 12.7
    assert params_dict(params, 2)["speed"] == float(np.float32(1 / 3))


def test_object_columns_are_handed_out_per_car() -> None:
    params = make_params(2)
    params["objects_location"] = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    params["objects_left_of_center"] = np.array([[True, False], [False, False]])
    params["closest_objects"] = np.array([[0, 1], [1, 0]])
    handed = params_dict(params, 1)
    assert handed["objects_location"] == [[4.0, 5.0], [6.0, 7.0]]
    assert handed["objects_left_of_center"] == [False, False]
    assert handed["closest_objects"] == [1, 0]


def test_a_function_that_changes_its_params_affects_no_other_call() -> None:
    source = """
def reward_function(params):
    seen = len(params["waypoints"]) + len(params["objects_speed"]) + sum(params["closest_objects"])
    params["waypoints"].clear()
    params["objects_speed"].append(1.0)
    params["closest_objects"][0] = 7
    params["closest_waypoints"][0] = 9
    params["x"] = 100.0
    del params["y"]
    return seen
"""
    params = make_params()
    before = copy.deepcopy(params)
    reward = load_reward(source)
    for _ in range(2):
        assert reward(params).tolist() == [NUM_WAYPOINTS] * 3
    for name, column in before.items():
        np.testing.assert_array_equal(params[name], column)


# Calling


def test_cars_left_out_get_zero_and_are_not_called() -> None:
    called: list[float] = []

    def spy(params: dict[str, Any]) -> float:
        called.append(params["x"])
        return 5.0

    params = make_params(4, x=[0.0, 1.0, 2.0, 3.0])
    where = np.array([False, True, False, True])
    assert load_reward(spy)(params, where).tolist() == [0.0, 5.0, 0.0, 5.0]
    assert called == [1.0, 3.0]
    assert load_reward(spy)(params, np.zeros(4, bool)).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "returned", ["np.float32(2)", "np.bool_(True) + 1", "2", "np.array(2.0)", "'2'", "True + 1"]
)
def test_whatever_float_takes_is_a_reward(returned: str) -> None:
    source = f"import numpy as np\ndef reward_function(params):\n    return {returned}"
    assert rewards_of(source, 1) == [2.0]


def test_a_path_a_string_source_text_and_a_callable_give_the_same(tmp_path: Path) -> None:
    text = "def reward_function(params):\r\n    return params['speed'] * 2 # é\r\n"
    path = tmp_path / "my reward (1).py"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    for given in (path, str(path), text, lambda params: params["speed"] * 2):
        reward = load_reward(given)
        assert reward(make_params(speed=[1, 2, 3])).tolist() == [2.0, 4.0, 6.0]
        mode = "interpreted" if callable(given) else "compiled"
        assert (reward.mode, bool(reward.reason)) == (mode, callable(given))
    assert load_reward(path).name == "my reward (1).py"
    assert load_reward(path).source == text


def test_a_callable_shows_its_source_where_python_knows_it() -> None:
    def my_reward(params: dict[str, Any]) -> float:
        return 1.0

    assert load_reward(my_reward).name == "my_reward"
    assert load_reward(my_reward).source.startswith("def my_reward(")
    assert load_reward(len).source == ""


# State


STATEFUL = """
calls = 0
class Memory:
    speeds = []
    def __init__(self):
        self.last = 0.0
memory = Memory()

def reward_function(params, seen=[]):
    global calls
    calls += 1
    seen.append(params["x"])
    Memory.speeds.append(params["speed"])
    gained, memory.last = params["progress"] - memory.last, params["progress"]
    return 1000 * calls + 100 * len(seen) + 10 * len(Memory.speeds) + gained
"""


def test_each_car_keeps_its_own_state() -> None:
    reward = load_reward(STATEFUL)
    assert reward(make_params(progress=[1, 2, 3])).tolist() == [1111.0, 1112.0, 1113.0]
    second = reward(make_params(progress=[3, 5, 7]), np.array([True, False, True]))
    assert second.tolist() == [2222.0, 0.0, 2224.0]
    assert reward(make_params(progress=[4, 5, 6])).tolist() == [3331.0, 2223.0, 3329.0]


def test_state_can_begin_afresh_with_each_episode() -> None:
    reward = load_reward(STATEFUL, state="episode")
    assert reward(make_params(steps=[2, 2, 2])).tolist() == [1110.0] * 3
    assert reward(make_params(steps=[3, 3, 3])).tolist() == [2220.0] * 3
    assert reward(make_params(steps=[4, 2, 4])).tolist() == [3330.0, 1110.0, 3330.0]


def test_other_settings_of_the_state_are_refused() -> None:
    with pytest.raises(RewardError, match='state must be "process" or "episode", got \'lap\''):
        load_reward(STATEFUL, state="lap")


def test_two_loads_share_nothing() -> None:
    first, second = load_reward(STATEFUL), load_reward(STATEFUL)
    first(make_params())
    assert second(make_params()).tolist() == [1110.0] * 3


def test_a_callable_is_shared_by_all_cars() -> None:
    calls = itertools.count(1)
    reward = load_reward(lambda params: next(calls))
    assert reward(make_params()).tolist() == [1.0, 2.0, 3.0]


def test_print_is_dropped_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    reward = load_reward("def reward_function(params):\n    print('hi')\n    return 1")
    reward(make_params())
    assert capsys.readouterr().out == ""
    assert reward.notes == ("<reward source>: print is dropped",)


def test_an_interpreted_reward_counts_what_it_drops() -> None:
    source = "def reward_function(params):\n    print(id(params))\n    return 1"
    reward = load_reward(source)
    assert reward.mode == "interpreted" and not reward.notes
    reward(make_params())
    assert reward.notes == ("<reward source>: print is dropped (3 calls so far)",)


# Refusals: loading


def test_an_error_is_a_line_the_source_and_a_caret(tmp_path: Path) -> None:
    path = tmp_path / "reward_function.py"
    path.write_text("def reward_function(params):\n\tü = 'é'; return 1.0 / params['speed']\n")
    params = make_params(1, x=[0.5], progress=[12.5], steps=[2])
    assert failure(path, params) == (
        f"{path}, line 2: reward_function raised ZeroDivisionError: float division by zero\n"
        "    ü = 'é'; return 1.0 / params['speed']\n"
        "                    ^^^^^^^^^^^^^^^^^^^^^\n"
        "  car 0: steps=2, progress=12.5, x=0.5, y=0, speed=0, steering_angle=0, "
        "distance_from_center=0, track_width=0, closest_waypoints=[0, 0], "
        "all_wheels_on_track=False"
    )


@pytest.mark.parametrize("given", ["no/such/reward.py", Path("no/such/reward.py")])
def test_a_missing_file_is_refused(given: Any) -> None:
    message = str(Path("no/such/reward.py"))
    assert failure(given) == f"{message}: cannot be read: " + ("No such file or directory")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in failure(tmp_path)


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "reward.py"
    path.write_bytes(b"# one\n# caf\xe9\ndef reward_function(params): return 1\n")
    assert failure(path) == (
        f"{path}, line 2: a reward function must be UTF-8 text, found the byte 0xe9; "
        "save the file as UTF-8"
    )


def test_other_types_are_refused() -> None:
    assert failure(3) == "a reward is a path, source text or a function, got int: 3"


@pytest.mark.parametrize(
    ("source", "first_line"),
    [
        ("def reward_function(params)\n    return 1", r"line 1: this is not Python: expected ':'"),
        ("def reward_function(params):\n  a = 1\n b", r"line 3: this is not Python: unindent"),
        ("x = '\0'\n", "line 1: this is not Python: it holds a null character"),
        ("import math\nimport no_such_module\n", r"line 2: cannot import no_such_module: no such"),
        ("from math import sine\n", r"line 1: cannot import: cannot import name 'sine'"),
        ("a = 1\nb = a / 0\n", r"line 2: the file's top level raised ZeroDivisionError: division"),
        ("import sys\nsys.exit(3)\n", r"line 2: the file's top level raised SystemExit: 3"),
        ("def reward(params):\n    return 1\n", r"must define reward_function\(params\): it does"),
        ("\nreward_function = 3\n", r"line 2: reward_function must be a function, found int"),
        (
            "def reward_function():\n    return 1",
            r"line 1: .* must take one argument, .* with \(\)",
        ),
        ("def reward_function(a, b): return 1", r"must take one argument, .* with \(a, b\)"),
        ("def reward_function(a, *, b): return 1", r"must take one argument, .* \(a, \*, b\)"),
        ("async def reward_function(a): return 1", r"must return a number: it has an async"),
        ("def reward_function(a): yield 1", r"must return a number: it has an async or a yield"),
    ],
)
def test_what_cannot_be_a_reward_function_is_refused(source: str, first_line: str) -> None:
    message = failure(source + "\n").split("\n")
    assert message[0].startswith("<reward source>")
    assert re.search(first_line, message[0])
    if ", line" in message[0]:
        assert set(message[2].strip()) == {"^"}


@pytest.mark.parametrize(
    "parameters", ["params", "params, bonus=1", "*params", "params, **options", "params, *, b=1"]
)
def test_one_argument_and_defaults_are_accepted(parameters: str) -> None:
    assert rewards_of(f"def reward_function({parameters}):\n    return 1", 1) == [1.0]


# Refusals: calling


@pytest.mark.parametrize(
    ("body", "first_line"),
    [
        ("return", "must return a number, it returned None (a path through it has no return)"),
        ("return 'fast'", "must return a number, it returned str 'fast'"),
        ("return [1.0]", "must return a number, it returned list [1.0]"),
        ("return 1j", "must return a number, it returned complex 1j"),
        ("return float('nan')", "returned nan: a reward must be finite and within ±1e5"),
        ("return float('-inf')", "returned -inf: a reward must be finite and within ±1e5"),
        ("return 100001", "returned 100001: a reward must be finite and within ±1e5"),
        ("return params['sped']", "raised KeyError: 'sped' (did you mean 'speed'?)"),
        ("return undefined", "raised NameError: name 'undefined' is not defined"),
        ("import no_such", "raised ModuleNotFoundError: No module named 'no_such'"),
        ("raise SystemExit", "raised SystemExit"),
        ("return reward_function(params)", "raised RecursionError: maximum recursion depth"),
    ],
)
def test_a_call_that_fails_names_the_line_and_the_car(body: str, first_line: str) -> None:
    source = f"def reward_function(params):\n    if params['x'] == 0.0: return 1\n    {body}\n"
    message = failure(source, make_params(x=[0, 1, 0])).split("\n")
    line = 3 if "raised" in first_line else 1
    assert message[0].startswith(f"<reward source>, line {line}: reward_function {first_line}")
    assert set(message[2].strip()) == {"^"}
    assert message[3].startswith("  car 1: steps=0, progress=0, x=1, y=0")


def test_the_line_is_the_innermost_one_in_the_users_file() -> None:
    source = (
        "import json\ndef helper(v):\n    return json.loads(v)\ndef reward_function(p):\n"
        "    return helper('{')\n"
    )
    assert failure(source).startswith("<reward source>, line 3: reward_function raised JSONDecode")


def test_a_failing_callable_names_its_own_file() -> None:
    def broken(params: dict[str, Any]) -> float:
        return float(params["x"]) / 0

    message = failure(broken)
    assert message.startswith(f"{__file__}, line {broken.__code__.co_firstlineno + 1}: ")
    assert 'return float(params["x"]) / 0' in message


def test_a_keyboard_interrupt_passes() -> None:
    def interrupted(params: dict[str, Any]) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_reward(interrupted)(make_params())


def test_an_exception_that_cannot_be_shown_is_still_reported() -> None:
    source = """
class Odd(Exception):
    def __str__(self):
        raise ValueError
def reward_function(params):
    raise Odd
"""
    assert failure(source).startswith("<reward source>, line 6: reward_function raised Odd\n")


# Refusals: params


def one(params: dict[str, Any]) -> float:
    return 1.0


@pytest.fixture
def reward() -> Reward:
    return load_reward(one)


def test_missing_columns_are_refused(reward: Reward) -> None:
    params = make_params()
    del params["x"], params["is_crashed"]
    with pytest.raises(RewardError, match="must have the columns x, is_crashed: they are missing"):
        reward(params)


def test_misshapen_columns_are_refused(reward: Reward) -> None:
    params = make_params()
    params["speed"] = np.zeros(2, np.float32)
    message = r"params\['speed'\] must have shape \(3,\) for 3 cars, got \(2,\)"
    with pytest.raises(RewardError, match=message):
        reward(params)


def test_a_misshapen_where_is_refused(reward: Reward) -> None:
    with pytest.raises(RewardError, match=r"where must be bool with shape \(3,\), got bool \(2,\)"):
        reward(make_params(), np.ones(2, bool))


def test_a_car_that_is_not_there_is_refused() -> None:
    with pytest.raises(RewardError, match="car must be a whole number from 0 to 2, got 3"):
        params_dict(make_params(), 3)


def test_dataclasses_of_the_file_find_their_module() -> None:
    text = """from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Memory:
    speed: float = 2.0

memory = Memory()

def reward_function(params):
    return memory.speed
"""
    assert rewards_of(text, 2) == [2.0, 2.0]
