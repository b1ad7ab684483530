"""A host that helps another one train: it collects and learns, and leaves the rest to host 0.

In: the same job as host 0, and the team. Out: nothing; the model is host 0's. Neighbours: ``train``
does the same on host 0, which alone evaluates and writes, and decides when it is enough.
"""

from __future__ import annotations

from collections.abc import Callable

from deepracer_fast.errors import DeepRacerError
from deepracer_fast.learning.hosts import Team
from deepracer_fast.training.cars import TrainingCars, all_episodes, check_team, learner_of
from deepracer_fast.training.course import Course
from deepracer_fast.training.job import TrainingJob


def follow(job: TrainingJob, resume: bool, stop_requested: Callable[[], bool], team: Team) -> int:
    """Trains with host 0 to its end.

    Args:
        job: as host 0 has it.
        resume: likewise; what was learnt before comes from host 0.
        stop_requested: True ends the training on all hosts.
        team: this host is not its first.

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
            steps += all_episodes(team, rollout)[0]
    except FloatingPointError as error:
        raise DeepRacerError(
            f"learning became unstable: {error}; host 0 has an earlier model"
        ) from error
    finally:
        team.leave()
    return steps


def begin_together(team: Team, iteration: int) -> int:
    """The iteration that host 0 begins with; every host calls it."""
    begun: int = team.gather(iteration)[0]
    return begun


def end_together(team: Team, stop_requested: bool, is_over: bool) -> bool:
    """Whether host 0 is at a limit, or somebody asks any host to stop; every host calls it."""
    told = team.gather([stop_requested, is_over])
    return bool(told[0][1]) or any(asked for asked, _ in told)
