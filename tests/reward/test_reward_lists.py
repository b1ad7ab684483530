"""Lists in lists, lists that are kept from call to call, and lists that may be the simulator's."""

import numpy as np
import pytest

from deepracer_fast.reward import Reward, load_reward
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.reward.probe import probe_batches

CARS, STEPS = 5, 12


def same_as_python(source: str) -> Reward:
    """The reward, after a drive in which it gave what plain Python gives."""
    reward = load_reward(source)
    plain = Interpreter(compile_source(read_reward(source)))
    for batch in probe_batches(CARS, STEPS):
        expected = plain.run(batch, np.arange(CARS))
        np.testing.assert_allclose(reward(batch), expected, rtol=1e-6)
    return reward


SMOOTHED = """
line = None

def halves(points):
    made = [[0.0 for _ in range(2)] for _ in range(len(points))]
    for k in range(len(points)):
        made[k][0] = 0.5 * points[k][0] + 0.5 * points[k - 1][0]
        made[k][1] = 0.5 * points[k][1] + 0.5 * points[k - 1][1]
        while abs(made[k][0] - points[k][0]) > 0.2:
            made[k][0] = 0.9 * made[k][0] + 0.1 * points[k][0]
    return made

def reward_function(params):
    global line
    if line is None:
        line = params['waypoints']
        for _ in range(3):
            line = halves(line)
    {change}
    here = line[params['closest_waypoints'][1]]
    return here[0] + 10 * here[1] + len(line)
"""


@pytest.mark.parametrize(
    "change",
    [
        "pass",
        "line[int(params['steps']) % len(line)][0] += 0.25",
        "line.append([params['x'], 1.0, 2.0])",
        "line[0] = [params['y']]",
        "line.index(line[3])",
    ],
)
def test_a_list_of_lists_lives_on_per_car(change: str) -> None:
    reward = same_as_python(SMOOTHED.replace("{change}", change))
    assert reward.mode == "compiled", reward.reason


def test_lists_within_lists_of_lists_live_on_and_can_be_taken_back() -> None:
    source = """
cells = [[], []]
def reward_function(params):
    while len(cells) < 3:
        cells.append([])
    cells[int(params['steps']) % 3].append([params['x'], params['y']])
    cells[0] = cells[0][-2:]
    return sum(len(cell) for cell in cells) + sum(p[0] for cell in cells for p in cell)
"""
    reward = same_as_python(source)
    batch = probe_batches(CARS, 1)[0]
    once = reward(batch)
    reward._runner.reset(np.arange(CARS))
    again = load_reward(source)(batch)
    np.testing.assert_array_equal(reward(batch), again)
    assert not np.array_equal(once, again)


@pytest.mark.parametrize(
    "body",
    [
        "row = [0.0, 1.0]\n        rows = [row, row]",
        "rows = [[0.0, 1.0], [2.0, 3.0]]\n        rows.append(rows[0])",
        "rows = [[0.0, 1.0], list(spare)]\n        spare = rows[1]",
    ],
)
def test_one_list_kept_in_two_places_stays_one(body: str) -> None:
    source = f"""
rows, spare = [], [5.0, 6.0]
def reward_function(params):
    global rows, spare
    if not rows:
        {body}
    rows[0][0] += params['x']
    rows[-1][1] += 1.0
    return sum(r[0] + 3 * r[1] for r in rows) + spare[1]
"""
    same_as_python(source)


@pytest.mark.parametrize("rare", [False, True])
def test_a_list_that_may_be_the_simulators_is_not_changed_behind_its_back(rare: bool) -> None:
    when = "params['steps'] == 11" if rare else "params['steps'] > 3"
    source = f"""
def reward_function(params):
    points = params['waypoints']
    line = points if {when} else [p for p in points]
    line.append((9.0, 9.0))
    return len(params['waypoints']) + line[-1][0]
"""
    reward = same_as_python(source)
    assert reward.mode == ("compiled" if rare else "interpreted"), reward.reason


def test_a_list_of_the_simulators_or_a_copy_of_it_is_kept() -> None:
    source = """
class Track:
    points, start = None, (0.0, 0.0)
def reward_function(params):
    if Track.points is None or params['steps'] % 4 == 0:
        points = params['waypoints']
        Track.points = points[::-1] if params['x'] > 3 else points
    Track.points.append((params['x'], 1.0)) if params['steps'] == 11 else None
    Track.start = Track.points[-1]
    return len(Track.points) + Track.start[0]
"""
    assert same_as_python(source).mode == "compiled"


def test_a_row_that_may_be_a_tuple_is_told_from_a_list() -> None:
    source = """
def reward_function(params):
    first = params['waypoints'][0]
    own = [0.0, 0.0]
    own[0], own[1] = first[0], first[1]
    row = first if params['steps'] % 5 == 0 else own
    tuples = 1 if isinstance(first, tuple) else 0
    return (row == own) + 2 * (row == first) + 4 * (own == [first[0], first[1]]) + tuples
"""
    same_as_python(source)


def test_a_text_is_repeated_and_joined_for_print_only() -> None:
    source = """
def reward_function(params):
    found = 0
    try:
        form = '%d' if params['x'] > 0 else '%s'
        print('-' * 40, 2 * 'ab', form % 3, '=' * int(params['steps']))
        found += 1
    except TypeError:
        found += 10
    try:
        'a' * params['speed']
    except TypeError:
        found += 100
    return found
"""
    assert same_as_python(source).mode == "compiled"


def test_a_list_is_asked_for_what_arrays_have() -> None:
    source = """
def reward_function(params):
    points = params['waypoints']
    points = points.tolist() if hasattr(points, 'tolist') else points
    return len(points) + hasattr(points, 'append')
"""
    assert same_as_python(source).mode == "compiled"


@pytest.mark.parametrize(
    "call",
    [
        "float(np.interp(params['progress'], marks, speeds))",
        "float(np.interp(params['x'], [p[0] for p in rising], [p[1] for p in rising]))",
        "float(np.interp(-1.0, marks, speeds) + np.interp(200.0, marks, speeds))",
        "float(np.interp(params['x'], speeds, marks))",
        "math.dist([p[0] for p in rising[:2]], [p[1] for p in rising[2:4]])",
    ],
)
def test_a_long_table_is_looked_up_and_measured(call: str) -> None:
    source = f"""
import math
import numpy as np
marks = [5 * k for k in range(21)]
speeds = [1.0 + (k * k) % 7 for k in range(21)]
def reward_function(params):
    rising = sorted(params['waypoints'], key=lambda p: p[0])
    return {call}
"""
    reward = same_as_python(source)
    assert reward.mode == "compiled" or "interp(params['x'], speeds" in call, reward.reason
