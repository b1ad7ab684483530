"""What a researcher may vary of a teacher and its lessons, each with the reason for its value.

In: tables ``[teacher]`` and ``[lessons]`` of a ``config.toml``. Out: frozen, checked records.
Neighbours: ``config`` holds them, ``teacher``, ``lessons`` and ``teacher_stages`` go by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deepracer_fast.checks.values import MOST, check_fields, require
from deepracer_fast.files.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class TeacherPractice:
    """What depends on whether objects are in a teacher's way.

    Attributes:
        num_cars: that it learns on, over all tracks.
        gae_lambda: of its updates.
        lr_halved_after: env steps after which its learning rate has halved, after as many again a
            third of it is left; 0 for never.
        evaluation_starts: places from which its greedy laps start, over all tracks.
    """

    num_cars: int = 256
    gae_lambda: float = 0.8
    lr_halved_after: int = 0
    evaluation_starts: int = 10

    def __post_init__(self) -> None:
        check_fields(self)
        _check_counts(self, "num_cars", "evaluation_starts")
        require(self, "gae_lambda", 0.0 <= self.gae_lambda <= 1.0, "in [0, 1]")
        require(self, "lr_halved_after", 0 <= self.lr_halved_after <= MOST, "in [0, 2**31)")


@dataclass(frozen=True)
class TeacherErrors:
    """What a camera network misjudges of the track state, standard deviations.

    A policy that learns without them drives along the edge of what is possible: where its own
    exploration no longer disturbs it, it leaves the track.

    Attributes:
        offset: half widths of the road.
        heading: sine of the heading error; 0.05 are 2.9 degrees.
        object: of where an object is, metres ahead and to the left.
        memory: share that is left of an error after a step: it persists for a third of a second.
        in_changed_worlds: times as large, where camera, light and car differ from lap to lap.
    """

    offset: float = 0.1
    heading: float = 0.05
    object: float = 0.05
    memory: float = 0.8
    in_changed_worlds: float = 2.0

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "memory", 0.0 <= self.memory < 1.0, "in [0, 1)")
        for name in ("offset", "heading", "object", "in_changed_worlds"):
            require(self, name, 0.0 <= getattr(self, name) <= 10.0, "in [0, 10]")


@dataclass(frozen=True)
class TeacherConfig:
    """A small policy that sees the track state, learns the reward first and teaches the network.

    Attributes:
        enabled: then PPO goes on after its lessons. Without it, with a clone, or where it finds no
            lap, PPO does it all.
        time_share: of the time limit, for it to learn.
        least_clean: share of clean laps that it must drive to teach; below it PPO does better
            alone.
        clean_in_a_row: greedy laps, in whole evaluations, after which it knows enough. One that
            has just learnt to lap still chooses nearly at random, and its preferences are then too
            faint to imitate well.
        evaluate_every: updates, which are a round.
        horizon: steps of each car between two updates.
        batch_size: of its updates; discount, entropy and loss are the user's.
        num_epochs: likewise.
        lr: likewise.
        alone: without objects. A ``gae_lambda`` of 0.8: of three tracks and two rewards all lapped
            after 100,000 to 160,000 env-steps; with the usual 0.95 the championship track took
            over 400,000.
        among_objects: which are to be passed on a side chosen long before: past six boxes on
            reinvent_base all laps were clean after 590,000 env-steps; with 256 cars and 0.8 one
            box was still hit after 1,470,000.
        errors: with which it drives.
    """

    enabled: bool = True
    time_share: float = 0.15
    least_clean: float = 0.5
    clean_in_a_row: int = 40
    evaluate_every: int = 4
    horizon: int = 32
    batch_size: int = 1024
    num_epochs: int = 4
    lr: float = 1e-3
    alone: TeacherPractice = field(default_factory=TeacherPractice)
    among_objects: TeacherPractice = field(
        default_factory=lambda: TeacherPractice(512, 0.95, 300_000, 30)
    )
    errors: TeacherErrors = field(default_factory=TeacherErrors)

    def __post_init__(self) -> None:
        check_fields(self)
        _check_shares(self, "time_share", "least_clean")
        _check_counts(self, "clean_in_a_row", "evaluate_every", "horizon")
        _ = self.hyperparameters  # checks them

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Those of its updates, with the usual discount, entropy and loss."""
        return Hyperparameters(batch_size=self.batch_size, num_epochs=self.num_epochs, lr=self.lr)


@dataclass(frozen=True)
class LessonCars:
    """Cars on which lessons are given.

    Attributes:
        num_cars: over all tracks.
        learnt_from: of these in a step, mostly those far from their teacher; 0 for all.
    """

    num_cars: int = 128
    learnt_from: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        _check_counts(self, "num_cars")
        allowed = 0 <= self.learnt_from <= self.num_cars
        require(self, "learnt_from", allowed, f"0 (all) to {self.num_cars} (num_cars)")


@dataclass(frozen=True)
class LessonsConfig:
    """How the network learns from its teacher.

    Attributes:
        time_share: of the time limit, for the lessons, if they do not end before.
        samples: env steps of one lesson on each track.
        most_samples: env steps on each track after which PPO goes on, where a row of laps is to be
            found soon.
        lr: of Adam.
        lr_halved_after: env steps on each track after which it has halved; four times as many
            where the time is to be used up.
        batch_size: pictures of one step; a lesson has one step at least. With 64 the distance to
            the teacher after 4,000 samples is half of that with 128 and twice the ``lr``.
        evaluate_every: lessons, where the time is to be used up; otherwise each is evaluated.
        teacher_drives: samples at the beginning; then the network drives.
        swerve_chance: that a swerve begins in a step, a random action that is held: so the
            pictures also show how to get back.
        swerve_least: steps of a swerve.
        swerve_most: likewise.
        most_tracks: more tracks than these do not make lessons any longer.
        objects_as_tracks: objects on the road make lessons as long as so many tracks; the network
            learns from a third of their env steps.
        alone: without objects.
        among_objects: which few pictures show, so the network learns from a choice of them.
            Without it the network was still as blind to bots after 12,000 samples as to be at 0.4
            nats from its teacher where one was in sight, ten times as far as elsewhere.
    """

    time_share: float = 0.6
    samples: int = 1_024
    most_samples: int = 16_384
    lr: float = 5e-4
    lr_halved_after: int = 4_096
    batch_size: int = 64
    evaluate_every: int = 4
    teacher_drives: int = 2_048
    swerve_chance: float = 0.017
    swerve_least: int = 2
    swerve_most: int = 10
    most_tracks: int = 8
    objects_as_tracks: int = 16
    alone: LessonCars = field(default_factory=LessonCars)
    among_objects: LessonCars = field(default_factory=lambda: LessonCars(192, 64))

    def __post_init__(self) -> None:
        check_fields(self)
        _check_shares(self, "time_share", "swerve_chance")
        _check_counts(self, "samples", "most_samples", "lr_halved_after", "batch_size")
        _check_counts(self, "evaluate_every", "most_tracks", "objects_as_tracks")
        _check_counts(self, "swerve_least", "swerve_most")
        require(self, "lr", 0.0 < self.lr < 1.0, "in (0, 1)")
        require(self, "teacher_drives", 0 <= self.teacher_drives <= MOST, "in [0, 2**31)")
        ordered = self.swerve_least <= self.swerve_most
        require(self, "swerve_most", ordered, f"{self.swerve_least} (swerve_least) or more")
        for name in ("alone", "among_objects"):
            cars = getattr(self, name)
            enough = (cars.learnt_from or cars.num_cars) >= self.batch_size
            require(self, name, enough, f"cars enough for batch_size {self.batch_size}")


def _check_counts(record: object, *names: str) -> None:
    for name in names:
        require(record, name, 1 <= getattr(record, name) <= MOST, "in [1, 2**31)")


def _check_shares(record: object, *names: str) -> None:
    for name in names:
        require(record, name, 0.0 <= getattr(record, name) <= 1.0, "in [0, 1]")
