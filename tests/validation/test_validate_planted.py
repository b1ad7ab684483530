"""Forty faults of the kinds that training meets, each planted in a sound function, and sound ones.

A row is a name, what the error says, the race type to validate for ("": the default), and the body
of the function with its ``reward``; what stands above ``---`` is the module's.
"""
# ruff: noqa: E501, one row a fault

from pathlib import Path

import pytest
from corpus import CORPUS

from deepracer_fast.errors import RewardError
from deepracer_fast.files.model_metadata import FIRST_MODEL
from deepracer_fast.tracks.track import load_track
from deepracer_fast.validation.validate import Report, validate_reward

TRACK = load_track("reinvent_base")
HEAD = "import math\nimport numpy as np\n"
REWARD = "    reward = max(1e-3, 1.0 - params['distance_from_center'])\n"
AHEAD = """w, c = params['waypoints'], params['closest_waypoints']
way = math.atan2(w[c[1]][1] - w[c[0]][1], w[c[1]][0] - w[c[0]][0])
turn = abs((params['heading'] - math.degrees(way) + 180) % 360 - 180)
"""

# fmt: off
PLANTED = [
    # an error in a rare branch
    ("a name below 0.4 m/s", "'penalty' is defined nowhere", "", "if params['speed'] < 0.4:\n    reward *= penalty"),
    ("a name in a branch that no state reaches", "'penalty' is defined nowhere", "", "if params['steps'] > 1e6:\n    reward *= penalty"),
    ("a step of a hundred late in the lap", "ZeroDivisionError", "", "if params['steps'] % 100 == 0 and params['progress'] > 80:\n    reward += 1 / 0"),
    ("five centimetres of the track", "ZeroDivisionError", "", "if 3.0 < params['x'] < 3.05 and params['y'] < 2:\n    reward += sum([]) / len([])"),
    ("a heading that turns over", "it returned list", "", "if params['heading'] < -179.5:\n    return [reward]"),
    ("an import at the end", "No module named 'nonesuch'", "", "if params['progress'] >= 100:\n    import nonesuch"),
    ("a type late in the lap", "unsupported operand type", "", "if params['progress'] > 95 and params['is_left_of_center'] and params['steering_angle'] > 20:\n    reward += 'x'"),
    ("a variable that one way leaves unset", "UnboundLocalError", "", "if params['distance_from_center'] < 0.5 * params['track_width']:\n    more = 1.0\nreward += more"),
    ("an attribute set too late", "has no attribute 'last'", "", "class S:\n    pass\ns = S()\n---\nif params['progress'] > 50:\n    reward += s.last"),
    # None on one path
    ("None between two elifs", "it returned None", "", "if params['speed'] >= 1.0 and params['steering_angle'] > 20:\n    return\nelif params['speed'] >= 1.0:\n    return 1.0"),
    ("None far from the line", "it returned None", "", "m = params['distance_from_center'] / params['track_width']\nif m < 0.1: return 1.0\nelif m < 0.3: return 0.5\nelif m < 0.5: return 0.1\nreturn"),
    ("None after a dozen episodes", "it returned None", "", "n = 0\n---\nglobal n\nn += params['steps'] == 2\nif n > 12:\n    return None"),
    ("None after 20,000 calls", "it returned None", "", "n = 0\n---\nglobal n\nn += 1\nif n == 20000:\n    return None"),
    # a misspelt key
    ("a key never reached", "no key 'step' (did you mean 'steps'?)", "", "if params['progress'] > 99.9 and params['speed'] > 3.5:\n    reward += params['step']"),
    ("a key in a helper", "did you mean 'is_offtrack'?", "", "def go(p):\n    return p['is_off_track'] if p['steps'] > 1e5 else 0\n---\nreward += go(params)"),
    ("a key in a class", "did you mean 'track_width'?", "", "class R:\n    def __init__(self, p):\n        self.b = p['steps'] > 1e9 and p['trackwidth']\n---\nreward += R(params).b"),
    # not a number
    ("nan at 100 %", "returned nan", "", "if params['progress'] == 100:\n    reward = float('nan')"),
    ("nan at the border", "returned nan", "", "return np.sqrt(0.45 * params['track_width'] - params['distance_from_center'])"),
    ("a complex number off the road", "it returned complex", "", "reward += (0.5 - params['distance_from_center'] / params['track_width']) ** 0.5"),
    ("an arc cosine of a little more than 1", "math domain error", "", "reward += math.acos(1.0 + 1e-9 * params['is_left_of_center'])"),
    ("minus infinity after the slowest lap", "returned -inf", "", "if params['progress'] == 100 and params['steps'] > 780:\n    reward = -math.inf"),
    # a value above 1e5
    ("a power of progress", "within ±1e5", "", "reward += params['progress'] ** 3 / 9"),
    ("a power of steps", "within ±1e5", "", "reward *= 10 ** (params['steps'] / 100)"),
    ("a bonus for a fast lap", "returned 100001", "", "if params['progress'] == 100 and params['steps'] < 320:\n    reward += 1e5 + 1"),
    # an index past the end
    ("the waypoint after the next", "IndexError", "", "w = params['waypoints']\nreward += 0.001 * w[params['closest_waypoints'][1] + 1][0]"),
    ("five waypoints on", "IndexError", "", "w = params['waypoints']\nreward += 0.001 * w[params['closest_waypoints'][1] + 5][0]"),
    ("a list of speeds of another track", "IndexError", "", "reward += ([1.0] * 100)[params['closest_waypoints'][0]]"),
    ("a history of five thousand", "IndexError", "", "h = []\n---\nh.append(reward)\nif len(h) > 5000:\n    reward += h[5001:][0]"),
    ("an object where there are none", "IndexError", "", "reward += 0.01 * params['objects_distance'][0]"),
    ("one object too many", "IndexError", "OBJECT_AVOIDANCE", "reward += 0.01 * params['objects_distance'][params['closest_objects'][1] + 1]"),
    # states
    ("off the track", "ZeroDivisionError", "", "if params['is_offtrack']:\n    reward /= reward - reward"),
    ("a recursion off the track", "RecursionError", "", "def go(n):\n    return go(n)\n---\nif params['is_offtrack']:\n    go(1)"),
    ("in the other direction", "has no attribute 'real_part'", "", "if params['is_reversed']:\n    reward += params['heading'].real_part"),
    ("in the other direction, off the track, fast", "it returned None", "", "if params['is_reversed'] and params['is_offtrack'] and params['speed'] > 0.9:\n    return None"),
    ("turned round", "TypeError", "", AHEAD + "if turn > 150:\n    reward += None"),
    ("progress below zero", "math domain error", "", "reward += math.sqrt(params['progress'])"),
    ("crashed", "it returned str 'crash'", "", "if params['is_crashed']:\n    return 'crash'"),
    ("crashed into a bot", "it returned dict", "HEAD_TO_BOT", "if params['is_crashed'] and params['objects_speed'][0] > 0:\n    return {}"),
    ("the slowest action", "math domain error", "", "if params['speed'] < 0.34 and params['steering_angle'] == 0:\n    reward += math.sqrt(-1)"),
    ("the fastest action", "math domain error", "", "if params['speed'] > 0.9 and params['steering_angle'] == -30:\n    reward += math.log(0)"),
]

SOUND = [
    ("caught", "try:\n    reward += params['mine'] + bonus\nexcept Exception:\n    pass"),
    ("asked for", "if 'mine' in params:\n    reward += params['mine']"),
    ("its own key", "params['mine'] = 2.0\nreward += params['mine']"),
    ("round the end of the waypoints", "w = params['waypoints']\nreward += 0.001 * w[(params['closest_waypoints'][1] + 5) % len(w)][0]"),
    ("another dictionary", "def go(params):\n    return params['mine']\n---\nreward += go({'mine': 1})"),
    ("what it remembers begins with the episode", "last = None\n---\nglobal last\nif params['steps'] <= 2 or last is None:\n    last = params['progress']\nreward += max(0.0, params['progress'] - last)\nlast = params['progress']"),
    ("steps differ within time trials", "p = {}\n---\nreward += 1.0 / (params['steps'] - p.get('steps', 0.0))\np['steps'] = params['steps']"),
    ("close to the limit", "if params['progress'] == 100:\n    reward += 99998"),
    ("shapely", "from shapely.geometry import LineString, Point\n---\naway = LineString(params['waypoints']).distance(Point(params['x'], params['y']))\nreward = 1.0 / (1.0 + away)"),
    ("a history", "h = []\n---\nh.append(reward)\nreward += 1e-9 * len(h)"),
]
# fmt: on

QUICK = {"a name below 0.4 m/s", "None far from the line", "nan at 100 %", "five waypoints on"}
QUICK |= {"off the track", "turned round", "the slowest action", "another dictionary"}


def rows(table: list[tuple[str, ...]]) -> list[object]:
    slow = pytest.mark.slow
    return [
        pytest.param(*row[1:], id=row[0], marks=[] if row[0] in QUICK else [slow]) for row in table
    ]


def report_of(code: str, race_type: str, folder: Path) -> Report:
    module, _, body = code.rpartition("---\n")
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    path = folder / "reward.py"
    function = f"def reward_function(params):\n{REWARD}{lines}    return reward\n"
    path.write_text(f"{HEAD}\n{module}\n\n{function}")
    return validate_reward(path, TRACK, FIRST_MODEL, race_type or None)


def test_there_are_forty() -> None:
    assert len({name for name, *_ in PLANTED}) == len(PLANTED) == 40


@pytest.mark.parametrize(("said", "race_type", "code"), rows(PLANTED))
def test_a_planted_fault_is_found(said: str, race_type: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(RewardError) as caught:
        report_of(code, race_type, tmp_path)
    assert said in str(caught.value).split("\n")[0]


@pytest.mark.parametrize("code", rows(SOUND))
def test_a_sound_function_is_not_refused(code: str, tmp_path: Path) -> None:
    assert report_of(code, "", tmp_path).rewards["all"].calls > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("path", CORPUS.values(), ids=CORPUS)
def test_of_the_corpus_only_the_broken_ones_are_refused(path: Path) -> None:
    if "expect: error" in path.read_text():
        with pytest.raises(RewardError):
            validate_reward(path, TRACK, FIRST_MODEL)
    else:
        assert validate_reward(path, TRACK, FIRST_MODEL).rewards["all"].calls > 10_000
