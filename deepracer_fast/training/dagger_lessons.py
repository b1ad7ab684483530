"""Lessons: a policy learns from the pictures what its teacher does, on its own drives.

In: a teacher that sees the track state, and a learner that sees the camera. Out: a learner that
drives nearly as its teacher does, and the books of its drives. First the teacher drives, then the
learner, and always with swerves thrown in, so that the pictures also show how to get back (dataset
aggregation). Each picture is learnt from once: painting a new one is much cheaper than a step of
the network. Among objects, which few pictures show, the network looks at more than it learns from,
and learns mostly where it is far from its teacher.
Neighbours: ``teacher`` before it; ``train`` evaluates what it learnt, and may go on with PPO.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepracer_fast.checks.arrays import Array
from deepracer_fast.driving.episode_books import Driven, EpisodeBooks
from deepracer_fast.driving.evaluate import step_rewards
from deepracer_fast.files.action_space import ActionSpace, DiscreteActionSpace
from deepracer_fast.files.model_metadata import TRACK_STATE
from deepracer_fast.learning.learner import Learner
from deepracer_fast.reward import Reward
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.training.course import Cars, Course
from deepracer_fast.world.fleet import judge_of
from deepracer_fast.world.simulator import RaceRules


class Lessons:
    """Cars that the learner learns on, and its teacher's answers.

    Args:
        course: tracks and car.
        config: its own settings, seed and randomisation.
        teacher: answers what to do.
        learner: is taught.
        reward: the user's function, for the books alone.
        halved_after: samples after which the learning rate has halved; after as many again a third
            of it is left, then a quarter.
        samples: that it was taught before, where a training goes on.

    Attributes:
        samples: that it was taught so far.
        simulator: with its cars.
    """

    def __init__(
        self,
        course: Course,
        config: TrainConfig,
        teacher: Learner,
        learner: Learner,
        reward: Reward,
        halved_after: int,
        samples: int = 0,
    ) -> None:
        self._teacher, self._learner = teacher, learner
        self._halved_after = halved_after
        self._space, self._sensors = course.metadata.action_space, course.metadata.sensors
        rules = RaceRules(random_start=True, alternate_driving_direction=course.both_ways)
        self._config = config.lessons
        among_objects = course.race.num_objects > 0
        each = config.lessons.among_objects if among_objects else config.lessons.alone
        self._learnt_from = each.learnt_from
        cars = Cars(
            each.num_cars,
            rules,
            tuple(dict.fromkeys((*self._sensors, TRACK_STATE))),
            config.seed + 1 + samples,  # a training that goes on meets other start positions
            config.randomization,
            practice=True,
        )
        self.simulator = course.put(cars)
        self._judge = judge_of(self.simulator, reward)
        self._books = EpisodeBooks(self.simulator.num_cars)
        self._distances: list[float] = []
        self._seen = self.simulator.reset()
        self._random = np.random.default_rng([config.seed, 2, *([samples] if samples else [])])
        self._swerve_left = np.zeros(self.simulator.num_cars, int)
        self._swerve = self._any_actions()
        self._everyone = np.ones(self.simulator.num_cars, bool)
        self.samples = samples
        if samples == 0:
            learner.succeed(teacher.knowledge())

    def give(self, samples: int, going_on: Callable[[], None]) -> None:
        """Teaches at least so many samples; ``going_on`` is called between steps, and may raise.

        Raises:
            RewardError: the user's function failed.
        """
        end = self.samples + samples
        while self.samples < end:
            going_on()
            seen = {name: np.array(shown) for name, shown in self._seen.observation.items()}
            shown = {TRACK_STATE: seen[TRACK_STATE]}
            observation = {name: seen[name] for name in self._sensors}
            answers = self._teacher.logits(shown)
            own = self._learner.logits(observation)
            action = (
                self._teacher.explore(shown).action
                if self.samples < self._config.teacher_drives
                else self._learner.best_action_of(own)
            )
            distance = self._learner.distances(own, answers)
            self._distances.append(float(distance.mean()))
            # The pictures of cars that are prepared count: they are the first that a car acts on.
            self._learn(observation, answers, self._order(distance))
            self._drive(action)
            self.samples += len(action)

    def close(self) -> tuple[float, Driven]:
        """How far the learner was from its teacher, mean since the last time, and what it drove.

        The distance is that of ``imitation``.
        """
        distances, self._distances = self._distances, []
        return float(np.mean(distances)) if distances else float("nan"), self._books.close()

    def _order(self, distance: Array) -> Array:
        """Cars to learn from, in random order: all, or a few, mostly far from their teacher.

        A car's chance grows with its distance plus the mean one. The largest of logarithms with
        Gumbel noise are drawn without replacement (Efraimidis and Spirakis 2006).
        """
        if self._learnt_from == 0:
            return self._random.permutation(len(distance))
        weight = distance + distance.mean() + np.finfo(np.float32).tiny
        noise = self._random.gumbel(size=len(distance))
        return np.argsort(-np.log(weight) - noise)[: self._learnt_from]

    def _learn(self, observation: dict[str, Array], answers: Array, order: Array) -> None:
        """These cars' pictures once, in minibatches."""
        size = self._config.batch_size
        for first in range(0, len(order) - size + 1, size):
            chosen = order[first : first + size]
            self._learner.imitate(
                {name: seen[chosen] for name, seen in observation.items()},
                answers[chosen],
                self._config.lr / (1.0 + self.samples / self._halved_after),
            )

    def _drive(self, action: Array) -> None:
        """One step with these actions, except for cars that swerve."""
        starting = (self._swerve_left == 0) & (
            self._random.random(len(action)) < self._config.swerve_chance
        )
        least, most = self._config.swerve_least, self._config.swerve_most
        self._swerve_left[starting] = self._random.integers(least, most + 1, starting.sum())
        self._swerve[starting] = self._any_actions()[starting]
        swerving = self._swerve_left > 0
        self._swerve_left[swerving] -= 1
        chosen = np.array(action)
        chosen[swerving] = self._swerve[swerving]
        self._seen = result = self.simulator.step(self._space.to_commands(chosen))
        self._books.take(result, chosen, step_rewards(self._judge, result), self._everyone)
        self._books.number_next(result.terminated | result.truncated)

    def _any_actions(self) -> Array:
        return any_actions(self._space, self.simulator.num_cars, self._random)


def any_actions(space: ActionSpace, count: int, random: np.random.Generator) -> Array:
    """Uniformly random actions, in the action space's own terms."""
    if isinstance(space, DiscreteActionSpace):
        return random.integers(0, space.size, count).astype(np.int32)
    return random.uniform(-1.0, 1.0, (count, 2)).astype(np.float32)
