"""What hosts that train one policy together do together, and the part of all but the first.

In: the same job on every host, and the team. Out: of ``follow``, nothing; the model is host 0's.
Every host makes the same calls here. Neighbours: ``hosts`` is the team; ``train`` runs on host 0,
which alone evaluates and writes, and decides when it is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from deepracer_fast.driving.collect import Rollout
from deepracer_fast.errors import ConfigError, DeepRacerError
from deepracer_fast.files.metrics import EpisodeOutcome
from deepracer_fast.learning.hosts import Team, agree
from deepracer_fast.tracks.track import load_track
from deepracer_fast.training.cars import TrainingCars, learner_of, number_of_cars
from deepracer_fast.training.course import Course
from deepracer_fast.training.job import TrainingJob, has_teacher


def follow(job: TrainingJob, resume: bool, stop_requested: Callable[[], bool], team: Team) -> int:
    """Trains with host 0, which has the same job, to its end.

    What was learnt before a resumed training comes from host 0. A requested stop ends the training
    on all hosts.

    Returns:
        Env steps that all hosts drove together.

    Raises:
        HostLostError: a host is gone.
        DeepRacerError: anything that would end the training on host 0 as well.
    """
    check_team(job, team, resume)
    course, learner, steps = Course(job.config, job.metadata), learner_of(job, team), 0
    try:
        cars = TrainingCars(job, course, team, begin_together(team, 0))
        learner.follow_first_host()
        while not end_together(team, stop_requested(), False):
            rollout = cars.collect(learner.explore)
            learner.learn(rollout)
            steps += gathered(team, rollout).samples
    except FloatingPointError as error:
        raise DeepRacerError(
            f"learning became unstable: {error}; host 0 has an earlier model"
        ) from error
    finally:
        team.leave()
    return steps


def begin_together(team: Team, iteration: int) -> int:
    """The iteration that host 0 begins with."""
    begun: int = team.gather(iteration)[0]
    return begun


def end_together(team: Team, stop_requested: bool, is_over: bool) -> bool:
    """Whether host 0 is at a limit, or somebody asks any host to stop."""
    told = team.gather({"is_asked": stop_requested, "is_over": is_over})
    return bool(told[0]["is_over"]) or any(host["is_asked"] for host in told)


def check_team(job: TrainingJob, team: Team, resume: bool) -> None:
    """Refuses what several hosts cannot share evenly.

    Raises:
        ConfigError: the cars, or the teacher of a new training.
    """
    if team.count > 1 and has_teacher(job) and not resume:
        raise ConfigError(
            "a teacher and its lessons run on one host: add --no-teacher, or let one host begin "
            "the training and --resume it on all"
        )
    by_episodes = job.config.collection.whole_episodes
    name = "num_episodes_between_training" if by_episodes else "num_cars"
    team.share(name, number_of_cars(job))


def agree_on(team: Team, job: TrainingJob) -> None:
    """Makes sure that all hosts train the same.

    Raises:
        ConfigError: on every host, if one was given something else than the first.
    """
    if team.count == 1:
        return
    tracks = {f"track {name}": load_track(name).waypoints for name in job.config.course.tracks}
    things = {
        "reward function": job.reward.source,
        "model metadata": job.metadata.to_json(),
        "hyperparameters": job.hyperparameters.to_json(),
        "config": replace(job.config, threads=0).to_toml(),
    }
    agree(team, things | {name: str(points.tolist()) for name, points in tracks.items()})


@dataclass(frozen=True)
class Gathered:
    """What all hosts collected.

    Attributes:
        samples: that are learnt from.
        outcomes: of the episodes that ended, host 0's first.
    """

    samples: int
    outcomes: list[EpisodeOutcome]


def gathered(team: Team, rollout: Rollout) -> Gathered:
    """What all hosts' rollouts hold together."""
    ended = [asdict(each) for each in rollout.driven.outcomes]
    told = team.gather({"samples": int(rollout.valid.sum()), "ended": ended})
    return Gathered(
        sum(host["samples"] for host in told),
        [EpisodeOutcome(**each) for host in told for each in host["ended"]],
    )
