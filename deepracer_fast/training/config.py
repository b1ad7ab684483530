"""What a training is made of, apart from the files that DeepRacer users already have.

In: command-line options or a ``config.toml``. Out: a frozen, checked ``TrainConfig``, grouped by
what changes together: a record here is a table there. The action space lives in
``model_metadata.py``, the learner's numbers in ``hyperparameters.py``; here is what those files
have no key for. Neighbours: ``teaching_config`` has the tables of teacher and lessons; ``inputs``
makes a job of settings and files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from deepracer_fast.checks.json_object import read_toml
from deepracer_fast.checks.values import (
    MOST,
    TRAINING_SEEDS,
    check_fields,
    one_of,
    path_of,
    refuse,
    require,
    sequence,
    shown,
    text,
)
from deepracer_fast.errors import ConfigError
from deepracer_fast.renamed import keeps_old_members
from deepracer_fast.tracks.driving_direction import DRIVING_DIRECTIONS
from deepracer_fast.training.teaching_config import LessonsConfig, TeacherConfig
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization

COLLECTIONS = ("horizon", "episodes")
VALUE_FUNCTIONS = ("track_state", "separate", "shared")
LR_SCHEDULES = ("constant", "linear")
BEST_BY = ("progress", "reward", "laptime")


def _below_most(record: object, *names: str) -> None:
    for name in names:
        require(record, name, getattr(record, name) <= MOST, "below 2**31")


@dataclass(frozen=True)
class CourseConfig:
    """Where the cars drive, and which way.

    Attributes:
        tracks: bundled names, or paths of route ``.npy``, to train on at the same time.
        random_tracks: so many made-up ones as well, ``random_0`` and on, for a policy that is to
            drive on tracks it never saw; its laps are counted on the others.
        driving_direction: which way the tracks are driven: as their routes run, ``forward``, or
            ``reverse``; or ``clockwise`` or ``counter-clockwise``.
        alternate_driving_direction: change direction from one episode to the next.
    """

    tracks: tuple[str, ...] = ("reinvent_base",)
    random_tracks: int = 0
    driving_direction: str = "forward"
    alternate_driving_direction: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        different = len(set(self.tracks)) == len(self.tracks) > 0
        require(self, "tracks", different, "one or more, each a track of its own")
        require(self, "random_tracks", 0 <= self.random_tracks <= 200, "in [0, 200]")
        one_of("driving_direction", self.driving_direction, DRIVING_DIRECTIONS)


@dataclass(frozen=True)
class CollectionConfig:
    """How experience is collected from one update to the next.

    Attributes:
        collection: ``horizon`` learns after ``horizon`` steps of each of ``num_cars`` cars;
            ``episodes`` after ``num_episodes_between_training`` whole episodes, as the original.
        num_cars: cars that drive side by side (``horizon`` only).
        horizon: steps of each car between two updates (``horizon`` only).
        random_start: with ``horizon``, start episodes anywhere on the centre line; otherwise, and
            with ``episodes``, each starts further on than the one before, as in the original.
        start_position: without ``random_start``, share of the track's length, [0, 1), where the
            first episode starts.
        round_robin_advance_dist: likewise, share by which each next episode starts further on.
    """

    collection: str = "horizon"
    num_cars: int = 64
    horizon: int = 32
    random_start: bool = True
    start_position: float = 0.0
    round_robin_advance_dist: float = 0.05

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "collection", self.collection in COLLECTIONS, " or ".join(COLLECTIONS))
        require(self, "num_cars", self.num_cars >= 1, "at least 1")
        require(self, "horizon", self.horizon >= 1, "at least 1 step")
        _below_most(self, "num_cars", "horizon")
        require(self, "start_position", 0.0 <= self.start_position < 1.0, "in [0, 1)")
        advance = self.round_robin_advance_dist
        require(self, "round_robin_advance_dist", -1.0 <= advance <= 1.0, "in [-1, 1]")

    @property
    def whole_episodes(self) -> bool:
        """Whether each car drives one episode to its end."""
        return self.collection == "episodes"


@dataclass(frozen=True)
class LearningConfig:
    """What PPO learns by, beside ``hyperparameters.json``.

    Attributes:
        gae_lambda: of generalised advantage estimation; the original's is 0.95.
        clip: of the policy ratio; the original's is 0.2.
        value_function: what it sees while training: ``track_state`` what the simulator knows;
            ``separate`` the car's sensors through a network of its own, as in the original;
            ``shared`` the policy's own features.
        lr_schedule: ``constant`` as in the original, or ``linear`` from ``lr`` to 0 at the limit of
            ``minutes`` or ``steps``, whichever comes first.
    """

    gae_lambda: float = 0.95
    clip: float = 0.2
    value_function: str = "track_state"
    lr_schedule: str = "constant"

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "gae_lambda", 0.0 <= self.gae_lambda <= 1.0, "in [0, 1]")
        require(self, "clip", 0.0 < self.clip < 1.0, "in (0, 1)")
        known = self.value_function in VALUE_FUNCTIONS
        require(self, "value_function", known, " or ".join(VALUE_FUNCTIONS))
        require(self, "lr_schedule", self.lr_schedule in LR_SCHEDULES, " or ".join(LR_SCHEDULES))


@dataclass(frozen=True)
class BudgetConfig:
    """When a training ends.

    Attributes:
        minutes: wall-clock limit.
        steps: limit of environment steps; 0 for none.
        stop_after: evaluations in a row without leaving the track that end the training, the
            last of them with five laps in a row from the line; 0 never.
    """

    minutes: float = 20.0
    steps: int = 0
    stop_after: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "minutes", 0 < self.minutes < math.inf, "above 0")
        require(self, "steps", 0 <= self.steps < 2**63, "0 (no limit) or more, below 2**63")
        require(self, "stop_after", self.stop_after >= 0, "0 (never) or more")
        _below_most(self, "stop_after")


@dataclass(frozen=True)
class EvaluationConfig:
    """How often the policy drives greedy laps, and which checkpoint is the best.

    Attributes:
        evaluate_every: iterations from one evaluation and checkpoint to the next.
        best_by: what the best checkpoint is chosen by, in the evaluations' laps: mean
            ``progress``, mean ``reward``, or ``laptime`` (whole laps before broken-off ones, and
            a policy that then drives five clean laps in a row before one that does not).
    """

    evaluate_every: int = 4
    best_by: str = "progress"

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "evaluate_every", self.evaluate_every >= 1, "at least 1 iteration")
        _below_most(self, "evaluate_every")
        require(self, "best_by", self.best_by in BEST_BY, " or ".join(BEST_BY))


@keeps_old_members
@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training; each record is a table of ``config.toml``.

    Attributes:
        seed: of the parameters, the exploration and the start positions.
        threads: of the simulator; 0 for all cores.
        car_version: whose physics the car has, 3 to 6; 0 for ``version`` of model_metadata.json.
        course: the tracks.
        collection: of experience.
        learning: from it.
        budget: of time and steps.
        evaluation: of the policy.
        teacher: that learns the reward first.
        lessons: that it gives.
        randomization: what differs from episode to episode while training, for sim-to-real;
            nothing by default.
        race: the race type and what else is on the road; a time trial by default.
    """

    seed: int = 0
    threads: int = 0
    car_version: int = 0
    course: CourseConfig = field(default_factory=CourseConfig)
    collection: CollectionConfig = field(default_factory=CollectionConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    lessons: LessonsConfig = field(default_factory=LessonsConfig)
    randomization: Randomization = field(default_factory=Randomization)
    race: RaceConfig = field(default_factory=RaceConfig)

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "seed", 0 <= self.seed < TRAINING_SEEDS, "in [0, 2**63)")
        require(self, "threads", self.threads >= 0, "0 (all cores) or more")
        require(self, "car_version", self.car_version >= 0, "3 to 6, or 0 for the model's")
        _below_most(self, "threads")
        if self.race.race_type == "HEAD_TO_MODEL":
            raise ConfigError(
                "race_type HEAD_TO_MODEL is a race between trained models, as in the original; "
                "train with HEAD_TO_BOT"
            )

    @property
    def taught_share(self) -> float:
        """Of the time limit, for a teacher and its lessons."""
        return self.teacher.time_share + self.lessons.time_share

    def updated(self, **settings: Any) -> TrainConfig:
        """The same with other settings, each by its own name, whatever its table.

        Raises:
            ConfigError: there is no such setting, or it cannot have that value.
        """
        asked = _in_tables(_with_old_tracks(self, settings))
        return _updated(self, asked, known=self.settings())

    def settings(self) -> dict[str, Any]:
        """What ``updated`` takes: every setting by its own name, in no table."""
        found = dict(vars(self))
        for table in _TABLES:
            found |= vars(found.pop(table))
        return found

    def to_toml(self) -> str:
        """The text of a ``config.toml``: one key a line, table by table."""
        return _toml(asdict(self))


_TABLES = {
    name: frozenset(vars(getattr(TrainConfig(), name)))
    for name in ("course", "collection", "learning", "budget", "evaluation")
}
"""Whose keys may stand at the top of a file as well, where all of them once stood."""


def settings_of(model: Path) -> TrainConfig:
    """What a model was trained with: a model folder, or a file in one; otherwise the defaults.

    Routes that the folder carries are named by their place in it.
    """
    folder = path_of("model", model)
    if folder.is_file():  # its archive, or a graph in its model/
        above = folder.resolve().parents[:2]
        folder = next((home for home in above if (home / "model").is_dir()), folder)
    if not (folder / "config.toml").is_file():
        return TrainConfig()
    config = read_config(folder / "config.toml")
    tracks = config.course.tracks
    found = [str(folder / name) if (folder / name).is_file() else name for name in tracks]
    return config.updated(tracks=found)


def read_config(path: str | Path, over: TrainConfig | None = None) -> TrainConfig:
    """Reads a ``config.toml``.

    Args:
        path: of the file.
        over: what the keys that it leaves out have; their defaults if None.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or has a key or value of the wrong kind.
    """
    content = read_toml(path_of("the path of a config.toml", path), ConfigError)
    try:
        return (over or TrainConfig()).updated(**content)
    except ConfigError as problem:
        raise ConfigError(f"{path}: {problem}") from None


def _in_tables(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings table by table; those that stand in none, as in older files, go to their own."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        table = next((name for name, keys in _TABLES.items() if key in keys), key)
        if is_dataclass(value):
            value = vars(value)
        if isinstance(value, dict):
            found[key] = {**value, **found.get(key, {})}
        elif key == "teacher":  # once a mere switch
            found[key] = {**found.get(key, {}), "enabled": value}
        elif table in _TABLES:
            found[table] = {**found.get(table, {}), key: value}
        else:
            found[key] = value
    return found


def _with_old_tracks(over: TrainConfig, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which ``track`` and ``more_tracks``, of older files, are ``tracks``."""
    found = dict(settings)
    if not found.keys().isdisjoint(("track", "more_tracks")):
        first = text("track", found.pop("track", over.course.tracks[0]))
        more = sequence("more_tracks", found.pop("more_tracks", ()), "texts")
        found["tracks"] = (first, *more)
    return found


_Record = TypeVar("_Record")


def _updated(over: _Record, table: Mapping[str, Any], known: Iterable[str] = ()) -> _Record:
    """The record with the fields that a table gives, and what is in tables within it."""
    values: dict[str, Any] = {}
    for key, found in table.items():
        if key not in vars(over):
            known = ", ".join(known or vars(over))
            raise ConfigError(f"unknown key {shown(key)[1:-1]}; known are {known}")
        own = getattr(over, key)
        if is_dataclass(own) and not isinstance(found, type(own)):
            if not isinstance(found, dict):
                raise refuse(key, f"a table [{key}]", found)
            found = _updated(own, found)
        values[key] = found
    return replace(over, **values)  # type: ignore[type-var]


def _toml(settings: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml_value(settings[key])}\n" for key in settings if key not in tables]
    head = [f"\n[{'.'.join(path)}]\n"] if path and lines else []
    return "".join(
        [*head, *lines, *(_toml(table, (*path, name)) for name, table in tables.items())]
    )


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | tuple):
        return json.dumps(value, ensure_ascii=False)  # JSON texts and lists are TOML's as well
    return repr(value)
