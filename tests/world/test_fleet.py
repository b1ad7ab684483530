"""Promises of ``world.fleet``: cars on several tracks, driven as one batch."""

import numpy as np
import pytest

from deepracer_fast.errors import ConfigError
from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.reward import load_reward
from deepracer_fast.world.fleet import Fleet, judge_of
from deepracer_fast.world.simulator import RaceRules, Simulator

TRACKS = ("Oval_track", "Bowtie_track")
COUNTS_CALLS = """
calls = 0

def reward_function(params):
    global calls
    calls += 1
    return calls + len(params["waypoints"]) / 1000
"""


def simulators() -> list[Simulator]:
    rules = RaceRules(random_start=True)
    return [
        Simulator(track, cars, sensors=[TRACK_STATE], threads=1, rules=rules)
        for track, cars in zip(TRACKS, (2, 3), strict=True)
    ]


def test_a_fleet_drives_as_its_simulators_do_alone() -> None:
    fleet, alone = Fleet(simulators()), simulators()
    actions = np.column_stack([np.linspace(-30, 30, 5), np.full(5, 2.0)]).astype(np.float32)
    together = fleet.reset()
    parts = [simulator.reset() for simulator in alone]
    for _ in range(20):
        together = fleet.step(actions)
        parts = [alone[0].step(actions[:2]), alone[1].step(actions[2:])]
    for name in ("x", "progress", "closest_waypoints", "track_length"):
        expected = np.concatenate([part.params[name] for part in parts])
        np.testing.assert_array_equal(together.params[name], expected)
    seen = np.concatenate([part.observation[TRACK_STATE] for part in parts])
    np.testing.assert_array_equal(together.observation[TRACK_STATE], seen)
    np.testing.assert_array_equal(together.status, np.concatenate([p.status for p in parts]))
    assert (fleet.num_cars, fleet.rows) == (5, [slice(0, 2), slice(2, 5)])


def test_each_track_has_its_own_copy_of_the_reward_function() -> None:
    fleet = Fleet(simulators())
    judge = judge_of(fleet, load_reward(COUNTS_CALLS))
    fleet.reset()
    result = fleet.step(np.zeros((5, 2), np.float32) + np.array([0.0, 1.0], np.float32))
    everyone = np.ones(5, bool)
    judge(result, everyone)
    second = judge(result, everyone)
    points = [len(simulator.reset().params["waypoints"]) for simulator in fleet.simulators]
    expected = [2 + points[0] / 1000] * 2 + [2 + points[1] / 1000] * 3
    np.testing.assert_allclose(second, expected, rtol=1e-6)


def test_several_tracks_need_a_reward_function_with_a_source() -> None:
    reward = load_reward(COUNTS_CALLS)
    reward.source = ""
    judge_of(Fleet(simulators()[:1]), reward)
    with pytest.raises(ConfigError, match="from a file"):
        judge_of(Fleet(simulators()), reward)
