"""The cars that a training collects from, and the learner that learns from them.

In: a job, and the hosts that share its cars. Out: rollouts. Neighbours: ``train`` and
``training.follower`` ask for them; ``course`` puts the cars on the tracks, ``collect`` drives them.
"""

from __future__ import annotations

from deepracer_fast.driving.collect import Collector, Policy, Rollout
from deepracer_fast.learning.hosts import Team
from deepracer_fast.learning.learner import Learner, LearnerOptions
from deepracer_fast.policy.networks import network_spec
from deepracer_fast.training.course import Cars, Course, rows_of
from deepracer_fast.training.job import TrainingJob
from deepracer_fast.training.record import EPISODES_OF_AN_ITERATION
from deepracer_fast.training.teacher import Misjudgement
from deepracer_fast.training.traces import TrainingTrack
from deepracer_fast.world.fleet import Fleet
from deepracer_fast.world.simulator import RaceRules, Simulator

LONGEST_EPISODE = 3_000
"""Env steps (200 s) after which an episode is cut off when whole episodes are collected."""

_SAMPLES_OF_AN_ITERATION = {"DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": 10_000}
_SAMPLES_OF_DEEPER_NETWORKS = 3_000  # both: markov deepracer_memory.py


def learner_of(job: TrainingJob, team: Team) -> Learner:
    """A fresh learner for a job."""
    spec, how = network_spec(job.metadata), vars(job.config.learning)
    return Learner(LearnerOptions(spec, job.hyperparameters, job.config.seed, **how), team)


class TrainingCars:
    """This host's part of a training's cars.

    A resumed training, which begins with a later iteration, must not meet the same start positions
    once more.

    Attributes:
        tracks: those whose traces are kept.
    """

    def __init__(self, job: TrainingJob, course: Course, team: Team, iteration: int) -> None:
        config, collection = job.config, job.config.collection
        self._whole_episodes = collection.whole_episodes
        rules = RaceRules(
            start_position=collection.start_position,
            round_robin_advance_dist=collection.round_robin_advance_dist,
            random_start=collection.random_start and not collection.whole_episodes,
            alternate_driving_direction=config.course.alternate_driving_direction,
            max_steps=LONGEST_EPISODE if collection.whole_episodes else RaceRules.max_steps,
        )
        cars = Cars(
            number_of_cars(job) // team.count,
            rules,
            job.metadata.sensors,
            seed=config.seed + iteration,
            randomization=config.randomization,
            practice=not collection.whole_episodes,
            part=(team.index, team.count),
        )
        simulator = course.put(cars)
        self.tracks = traced(job, course, simulator)
        misjudgement = Misjudgement(
            simulator.num_cars, config.seed + team.index, config.teacher.errors
        )
        self._collector = Collector(
            simulator,
            job.reward,
            job.metadata.action_space,
            LONGEST_EPISODE if collection.whole_episodes else collection.horizon,
            disturb=misjudgement if job.metadata.sees_track_state else None,
        )
        network = job.metadata.neural_network
        most = _SAMPLES_OF_AN_ITERATION.get(network, _SAMPLES_OF_DEEPER_NETWORKS)
        self._most_samples = most // team.count

    def collect(self, policy: Policy) -> Rollout:
        """One iteration's experience.

        Raises:
            RewardError: the user's function failed.
        """
        if self._whole_episodes:
            return self._collector.episodes(policy, self._most_samples)
        return self._collector.horizon(policy)


def traced(
    job: TrainingJob, course: Course, simulator: Simulator | Fleet, most: int | None = None
) -> list[TrainingTrack]:
    """The named tracks with the cars on them whose traces are kept; made-up tracks are not named.

    ``most`` are episodes of an iteration over all tracks, but for one on each; eight times as many
    cars are looked at, since a lap may take many iterations. None for all.
    """
    each = None if most is None else max(1, most // len(job.config.course.tracks))
    kept = []
    for track, rows in zip(
        course.tracks[: len(job.config.course.tracks)], rows_of(simulator), strict=False
    ):
        end = rows.stop if each is None else min(rows.stop, rows.start + 8 * each)
        kept.append(TrainingTrack(track.name, track.waypoints, slice(rows.start, end), each))
    return kept


def number_of_cars(job: TrainingJob) -> int:
    """Cars that drive side by side, over all hosts."""
    if job.config.collection.whole_episodes:
        return job.hyperparameters.num_episodes_between_training
    return job.config.collection.num_cars


def room_for_episodes(job: TrainingJob) -> int:
    """Episode numbers that an iteration has in the books; see ``training.record``."""
    collection = job.config.collection
    if collection.whole_episodes and not job.config.teacher.enabled:
        return number_of_cars(job)  # one each, as in the original
    room = EPISODES_OF_AN_ITERATION
    while room < collection.num_cars * collection.horizon // 2:
        room *= 10
    return room
