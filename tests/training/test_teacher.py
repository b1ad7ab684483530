"""Promises of ``teacher``, ``lessons``, ``imitation``: a network learns what its teacher does."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.learning.imitation import imitation_loss
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import init_policy, network_spec
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.examples import example_reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.training.dagger_lessons import Lessons, any_actions
from deepracer_fast.training.teacher import (
    HALF_WIDTH,
    Misjudgement,
    Teacher,
    TeacherReport,
)
from deepracer_fast.training.teaching_config import TeacherErrors
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.sensors import TRACK_STATE_WIDTH, objects_told
from deepracer_fast.world.simulator import RaceRules

REWARD = load_reward(example_reward("progress"))
CONFIG = TrainConfig().updated(track="Oval_track", threads=1)
TRACK_STATE_MODEL = ModelMetadata(discrete_grid(30.0, 5, 1.0, 1), sensors=(TRACK_STATE,))
BOX_MODEL = replace(TRACK_STATE_MODEL, action_space=ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0))


def learner_of(
    metadata: ModelMetadata, seed: int = 0, value_function: str = "track_state"
) -> Learner:
    options = LearnerOptions(
        network_spec(metadata), Hyperparameters(), seed=seed, value_function=value_function
    )
    return Learner(options)


@pytest.mark.parametrize("metadata", [TRACK_STATE_MODEL, BOX_MODEL])
def test_lessons_bring_a_policy_near_its_teacher(metadata: ModelMetadata) -> None:
    """The pupil sees the track state as well here: that takes no pictures, and it forgets none."""
    pupil, master = learner_of(metadata), learner_of(metadata, seed=1)
    lessons = Lessons(Course(CONFIG, metadata), CONFIG, master, pupil, REWARD, halved_after=10**6)
    cars, distances = CONFIG.lessons.alone.num_cars, []
    for _ in range(61):
        lessons.give(cars, lambda: None)
        distances.append(lessons.close()[0])
    first, last = distances[0], distances[-1]
    assert last < 0.3 * first
    assert lessons.samples == 61 * cars


def test_among_objects_lessons_look_at_all_cars_and_learn_mostly_where_the_policy_errs() -> None:
    config = CONFIG.updated(race=RaceConfig("OBJECT_AVOIDANCE"))
    pupil, master = learner_of(TRACK_STATE_MODEL), learner_of(TRACK_STATE_MODEL, seed=1)
    lessons = Lessons(Course(config, TRACK_STATE_MODEL), config, master, pupil, REWARD, 10**6)
    cars = config.lessons.among_objects.num_cars
    lessons.give(1, lambda: None)
    assert lessons.samples == cars
    first, _ = lessons.close()
    lessons.give(59 * cars, lambda: None)
    lessons.close()
    lessons.give(1, lambda: None)
    assert lessons.close()[0] < 0.5 * first
    distance = np.where(np.arange(cars) < cars // 2, 1.0, 0.0)  # chances are 3 to 1
    chosen = np.concatenate([lessons._order(distance)[:1] for _ in range(400)])
    assert np.mean(chosen < cars // 2) == pytest.approx(0.75, abs=0.08)
    order = lessons._order(distance)
    assert len(set(order.tolist())) == len(order) == config.lessons.among_objects.learnt_from


def test_distance_to_the_teacher_is_the_divergence_of_the_actions() -> None:
    spec = network_spec(TRACK_STATE_MODEL)
    params = init_policy(spec, jax.random.key(0))
    params["ppo_head_0"]["policy_fc"] = {
        "kernel": jnp.zeros((64, 5)),
        "bias": jnp.log(jnp.array([0.5, 0.2, 0.1, 0.1, 0.1])),
    }
    answers = jnp.log(jnp.full((1, 5), 0.2))
    loss = imitation_loss(spec, params, {TRACK_STATE: jnp.zeros((1, 17))}, answers)
    expected = 0.2 * np.log(0.2 / np.array([0.5, 0.2, 0.1, 0.1, 0.1])).sum()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_successor_takes_over_values_and_spread_but_not_the_policy() -> None:
    master, pupil = learner_of(BOX_MODEL, seed=1), learner_of(BOX_MODEL)
    head = master.policy["ppo_head_0"]
    head["policy_log_std"] = head["policy_log_std"] - 1.5
    pupil.succeed(master.knowledge())
    np.testing.assert_array_equal(pupil.policy["ppo_head_0"]["policy_log_std"], [-1.5, -1.5])
    assert not np.array_equal(
        pupil.policy["ppo_head_0"]["policy_mean"]["kernel"],
        master.policy["ppo_head_0"]["policy_mean"]["kernel"],
    )


@pytest.mark.parametrize("value_function", ["separate", "shared"])
def test_a_value_function_of_another_kind_is_left_alone(value_function: str) -> None:
    pupil = learner_of(TRACK_STATE_MODEL, value_function=value_function)
    pupil.succeed(learner_of(TRACK_STATE_MODEL, seed=1).knowledge())
    observation = {TRACK_STATE: np.zeros((2, 17), np.float32)}
    assert pupil.explore(observation).value.shape == (2,)  # type: ignore[union-attr]


def test_random_actions_lie_in_the_action_space() -> None:
    random = np.random.default_rng(0)
    assert set(any_actions(TRACK_STATE_MODEL.action_space, 200, random)) == set(range(5))
    values = any_actions(BOX_MODEL.action_space, 200, random)
    assert values.shape == (200, 2)
    assert np.abs(values).max() <= 1.0


def test_cars_that_learn_meet_bots_all_round_the_track() -> None:
    race = RaceConfig("HEAD_TO_BOT", number_of_bot_cars=1)
    course = Course(CONFIG.updated(race=race), TRACK_STATE_MODEL)
    spans = []
    for practice in (False, True):
        cars = Cars(200, RaceRules(), (TRACK_STATE,), practice=practice)
        params = course.put(cars).reset().params
        places = params["objects_distance"] / params["track_length"][:, None]
        spans.append(np.ptp(places))
    assert spans[0] == 0.0
    assert spans[1] > 0.8


def test_places_of_objects_are_misjudged_by_some_centimetres() -> None:
    seen = np.zeros((2_000, TRACK_STATE_WIDTH), np.float32)
    objects = objects_told(seen)
    objects[:, 0] = 0.5 * np.array([1.0, 1.2, -0.3, 0.4])  # nearness, ahead, left, offset
    before = objects.copy()
    misjudge = Misjudgement(len(seen), 0, TeacherErrors(object=0.03))
    for _ in range(20):  # an error builds up
        seen[:, -8:] = before.reshape(len(seen), 8)
        misjudge({TRACK_STATE: seen})
    error = (objects - before)[:, 0] / 0.5
    assert not error[:, 0].any(), "how near it is says whether there is one"
    assert error[:, 1:3].std(axis=0) == pytest.approx([0.03] * 2, rel=0.1)
    np.testing.assert_allclose(error[:, 3], error[:, 2] / HALF_WIDTH, atol=1e-5)
    assert not objects[:, 1].any(), "there is no second object"


def make_teacher() -> Teacher:
    config = CONFIG.updated(teacher={"horizon": 16, "alone": {"num_cars": 64}})
    course = Course(CONFIG, replace(TRACK_STATE_MODEL, sensors=("FRONT_FACING_CAMERA",)))
    reward = load_reward(example_reward("follow_center_line"))
    return Teacher(course, config, Hyperparameters(), reward)


def test_a_teacher_stops_when_it_is_asked_to() -> None:
    class Enough(Exception):
        pass

    def show(report: TeacherReport) -> None:
        assert report.steps == 4 * 16 * 64
        raise Enough

    with pytest.raises(Enough):
        make_teacher().train(60.0, True, show)


def test_a_teacher_without_time_says_that_it_does_not_lap() -> None:
    assert not make_teacher().train(0.0, True, lambda report: None)


def test_in_a_changed_world_a_teacher_misjudges_more() -> None:
    def spread(is_changed: bool) -> float:
        misjudge = Misjudgement(2_000, 0, TeacherErrors(in_changed_worlds=3.0), is_changed)
        seen = np.zeros((2_000, TRACK_STATE_WIDTH), np.float32)
        for _ in range(20):
            seen[:] = 0.0
            misjudge({TRACK_STATE: seen})
        return float(seen[:, 0].std())

    assert spread(True) == pytest.approx(3.0 * spread(False), rel=1e-5)
