"""What the collector stores, and the books that it keeps of episodes, returns and outcomes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from deepracer_fast.driving.collect import Collector, Decision, Rollout
from deepracer_fast.driving.trace import simtrace_columns
from deepracer_fast.files.action_space import ContinuousActionSpace, DiscreteActionSpace
from deepracer_fast.reward import load_reward
from deepracer_fast.tracks.track import Track
from deepracer_fast.world.simulator import PREPARE, STATUS_NAMES, RaceRules, Simulator

Array = npt.NDArray[Any]

ACTIONS = DiscreteActionSpace(steering_angle_deg=(0.0, 30.0), speed=(0.5, 2.0))
STRAIGHT, LEFT = 0, 1
CAMERA = "FRONT_FACING_CAMERA"


def make_simulator(num_cars: int = 2, sensors: tuple[str, ...] = (), **rules: Any) -> Simulator:
    """On a straight road of 12 m, 0.8 m wide; all cars start at its beginning."""
    x = np.arange(13.0)
    middle, left = np.column_stack([x, 0 * x]), np.array([0.0, 0.4])
    track = Track("road", "", "oval", middle, middle + left, middle - left, is_loop=False)
    return Simulator(track, num_cars, sensors, threads=1, rules=RaceRules(**rules))


class FakePolicy:
    """The same action for a car at every step; its log probability numbers the calls."""

    def __init__(self, *actions: int) -> None:
        self.actions = np.array(actions)
        self.seen: list[Array] = []

    def __call__(self, observation: dict[str, Array]) -> Decision:
        self.seen.extend(picture.copy() for picture in observation.values())
        self.calls = getattr(self, "calls", 0) + 1
        return Decision(self.actions, np.full(len(self.actions), -0.5 * self.calls, np.float32))


def collector(simulator: Simulator, max_steps: int, reward: Any = None) -> Collector:
    """The reward is 1 in every step that it is called in, unless another is given."""
    one = load_reward(reward or (lambda params: 1.0))
    return Collector(simulator, one, ACTIONS, max_steps)


def statuses(rollout: Rollout) -> list[list[str]]:
    return [[STATUS_NAMES[code] for code in row] for row in rollout.driven.trace.status]


def test_horizon_stores_every_step_of_every_car() -> None:
    simulator = make_simulator(max_steps=4)
    policy = FakePolicy(STRAIGHT, LEFT)
    rollout = collector(simulator, 10).horizon(policy)
    assert rollout.num_steps == 10
    assert rollout.valid.all()
    assert rollout.action.tolist() == [[STRAIGHT, LEFT]] * 10
    assert (rollout.action.dtype, rollout.reward.dtype) == (np.int32, np.float32)
    assert rollout.log_prob[:, 0].tolist() == [-0.5 * call for call in range(1, 11)]
    assert rollout.track_state.shape[:2] == (11, 2)
    # Episodes of four steps: the fourth ends it, the first prepares the car and has no reward.
    ended = [False, False, False, True] * 2 + [False, False]
    assert rollout.ended[:, 0].tolist() == ended
    assert rollout.reward[:, 0].tolist() == [0, 1, 1, 1, 0, 1, 1, 1, 0, 1]


def test_commands_reach_the_reward_function_as_the_action_space_has_them() -> None:
    reward = "def reward_function(params):\n    return params['speed'] + params['steering_angle']\n"
    rollout = collector(make_simulator(), 3, reward).horizon(FakePolicy(STRAIGHT, LEFT))
    assert rollout.reward.tolist() == [[0, 0], [0.5, 32.0], [0.5, 32.0]]


def test_steps_that_prepare_or_pause_a_car_are_not_rewarded() -> None:
    calls: list[float] = []
    reward = load_reward(lambda params: calls.append(params["steps"]) or 1.0)
    simulator = make_simulator(1, number_of_resets=1, off_track_penalty=0.4)
    rollout = Collector(simulator, reward, ACTIONS, 60).horizon(FakePolicy(LEFT))
    words = [row[0] for row in statuses(rollout)]
    assert {"prepare", "pause", "off_track", "in_progress"} <= set(words)
    driven = [word not in ("prepare", "pause") for word in words]
    assert rollout.reward[:, 0].tolist() == [float(drives) for drives in driven]
    assert len(calls) == sum(driven)
    assert min(calls) == 2.0


def test_outcomes_say_how_each_episode_went() -> None:
    rollout = collector(make_simulator(max_steps=5), 12).horizon(FakePolicy(STRAIGHT, STRAIGHT))
    assert len(rollout.driven.outcomes) == 4
    assert [outcome.reward for outcome in rollout.driven.outcomes] == [4.0] * 4
    assert {outcome.status for outcome in rollout.driven.outcomes} == {"time_up"}
    # PREPARE steps are number 0 and 5, last steps 4 and 9 of the simulated time.
    outcomes = rollout.driven.outcomes
    assert [outcome.start_s for outcome in outcomes] == pytest.approx([0, 0, 1 / 3, 1 / 3])
    assert [outcome.end_s for outcome in outcomes] == pytest.approx(
        [4 / 15, 4 / 15, 9 / 15, 9 / 15]
    )
    ended = np.argwhere(rollout.ended)
    progress = [rollout.driven.trace.params["progress"][t][car] for t, car in ended]
    assert [outcome.progress for outcome in rollout.driven.outcomes] == progress


def test_return_goes_on_from_one_horizon_to_the_next() -> None:
    collect = collector(make_simulator(max_steps=8), 5)
    policy = FakePolicy(STRAIGHT, STRAIGHT)
    assert collect.horizon(policy).driven.outcomes == []
    second = collect.horizon(policy)
    assert [outcome.reward for outcome in second.driven.outcomes] == [7.0, 7.0]
    assert second.driven.trace.episode[0].tolist() == [0, 1]
    assert second.driven.trace.episode[-1].tolist() == [2, 3]
    assert collect.horizon(policy).driven.outcomes == []


def test_stored_picture_is_the_one_that_the_action_was_chosen_from() -> None:
    simulator = make_simulator(sensors=(CAMERA,))
    first = simulator.reset().observation[CAMERA].copy()
    policy = FakePolicy(STRAIGHT, LEFT)
    rollout = collector(simulator, 20).horizon(policy)
    np.testing.assert_array_equal(rollout.observation[CAMERA], np.stack(policy.seen))
    np.testing.assert_array_equal(rollout.observation[CAMERA][0], first)
    np.testing.assert_array_equal(rollout.observation[CAMERA][1], first, "PREPARE moves nothing")
    assert not np.array_equal(rollout.observation[CAMERA][-1], first)


def test_continuous_actions_are_stored_as_the_policy_gave_them() -> None:
    space = ContinuousActionSpace(-30.0, 30.0, 1.0, 3.0)
    drive = Collector(make_simulator(), load_reward(lambda params: params["speed"]), space, 2)
    actions = np.array([[0.5, -2.0], [0.0, 0.0]], np.float32)
    rollout = drive.horizon(lambda _: Decision(actions, np.zeros(2, np.float32)))
    np.testing.assert_array_equal(rollout.action, [actions, actions])
    assert rollout.reward.tolist() == [[0, 0], [1.0, 2.0]]


def test_episodes_marks_one_whole_episode_of_each_car() -> None:
    rollout = collector(make_simulator(), 400).episodes(FakePolicy(STRAIGHT, LEFT), 10_000)
    # The one that steers left leaves the road at once, the other one drives to its end.
    last = rollout.ended.argmax(axis=0)
    assert 0 < last[1] < last[0]
    assert rollout.num_steps == last[0] + 1
    for car in range(2):
        assert rollout.valid[:, car].tolist() == [t <= last[car] for t in range(400)]
        assert rollout.ended[last[car], car]
        assert not rollout.reward[last[car] + 1 : last[0], car].any()
        reward = rollout.reward[: rollout.num_steps, car]
        assert reward.sum() == last[car], "1 in each but the PREPARE step"
    assert [outcome.reward for outcome in rollout.driven.outcomes] == [last[1], last[0]]
    assert [outcome.status for outcome in rollout.driven.outcomes] == ["off_track", "lap_complete"]


def test_episodes_drops_those_that_still_go_on_at_the_limit_of_samples() -> None:
    rollout = collector(make_simulator(), 200).episodes(FakePolicy(STRAIGHT, LEFT), 60)
    last = int(rollout.ended[:, 1].argmax())
    assert rollout.valid[: last + 1, 1].all()
    assert rollout.valid.sum() == last + 1
    assert len(rollout.driven.outcomes) == 1


def test_episodes_keeps_unfinished_ones_if_none_is_whole() -> None:
    rollout = collector(make_simulator(), 200).episodes(FakePolicy(STRAIGHT, STRAIGHT), 30)
    assert (rollout.num_steps, rollout.valid.sum()) == (15, 30)
    assert not rollout.valid[15:].any()
    assert rollout.driven.outcomes == []


def test_every_collection_of_episodes_begins_with_prepared_cars() -> None:
    collect = collector(make_simulator(), 60)
    for _ in range(3):
        rollout = collect.episodes(FakePolicy(STRAIGHT, LEFT), 60)
        assert rollout.driven.trace.status[0].tolist() == [PREPARE] * 2
        np.testing.assert_array_equal(rollout.driven.trace.params["steps"][0], [1, 1])


def test_first_track_state_of_every_collection_is_that_of_the_start() -> None:
    collect = collector(make_simulator(), 60)
    for _ in range(2):
        state = collect.episodes(FakePolicy(STRAIGHT, LEFT), 60).track_state
        # A prepared car does not move, so its state is the same before and after that step.
        np.testing.assert_array_equal(state[0, :, :7], state[1, :, :7])


def test_random_starts_differ_between_collections_of_episodes() -> None:
    rules = RaceRules(random_start=True)
    collect = collector(Simulator("Bowtie_track", 2, (), threads=1, rules=rules), 60)
    starts = [
        collect.episodes(FakePolicy(STRAIGHT, LEFT), 60).driven.trace.params["x"][0]
        for _ in range(2)
    ]
    assert (starts[0] != starts[1]).all()


def test_trace_of_a_collection_of_episodes_has_no_other_episodes() -> None:
    simulator = make_simulator()
    collect = collector(simulator, 400)
    for first in (0, 2):
        rollout = collect.episodes(FakePolicy(STRAIGHT, LEFT), 10_000)
        rows = simtrace_columns(rollout.driven.trace, simulator.track.waypoints)
        assert len(rollout.driven.outcomes) == 2
        assert len(rows["steps"]) == rollout.valid.sum()
        for car in range(2):
            steps = rows["steps"][rows["episode"] == first + car]
            assert steps.tolist() == list(range(1, 1 + rollout.valid[:, car].sum()))


def test_simulated_time_goes_on_from_one_collection_of_episodes_to_the_next() -> None:
    collect = collector(make_simulator(max_steps=5), 60)
    times = []
    for _ in range(3):
        for outcome in collect.episodes(FakePolicy(STRAIGHT, LEFT), 60).driven.outcomes:
            times.append([outcome.start_s, outcome.end_s])
    # Five steps each, the first and the last of them 4 / 15 s apart.
    expected = [[start / 15, (start + 4) / 15] for start in (0, 0, 5, 5, 10, 10)]
    assert np.ravel(times) == pytest.approx(np.ravel(expected), abs=1e-5)
