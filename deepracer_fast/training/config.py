"""What a training is made of, apart from the files that DeepRacer users already have.

In: command-line options or a ``config.toml``. Out: a frozen, checked ``TrainConfig``. The action
space lives in ``model_metadata.py``, the learner's numbers in ``hyperparameters.py``; here is what
those files have no key for. First station of the line: only errors and the checked numbers of
``race_config`` and ``randomization`` come before it.
"""

import json
import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
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
    shown,
)
from deepracer_fast.errors import ConfigError
from deepracer_fast.tracks.driving_direction import DRIVING_DIRECTIONS
from deepracer_fast.world.race_config import RaceConfig
from deepracer_fast.world.randomization import Randomization

COLLECTIONS = ("horizon", "episodes")
VALUE_FUNCTIONS = ("track_state", "separate", "shared")
LR_SCHEDULES = ("constant", "linear")
BEST_BY = ("progress", "reward", "laptime")

Names = tuple[str, ...]


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training.

    Attributes:
        track: bundled name, or path of a route ``.npy``.
        more_tracks: further ones to train on at the same time.
        random_tracks: so many made-up ones as well, ``random_0`` and on, for a policy that is to
            drive on tracks it never saw; its laps are counted on the others.
        teacher: a small policy that sees the track state learns the reward first and teaches the
            network; then PPO goes on. Without it, with a clone, or where it finds no lap, PPO does
            it all.
        seed: of the parameters, the exploration and the start positions.
        collection: ``horizon`` learns after ``horizon`` steps of each of ``num_cars`` cars;
            ``episodes`` after ``num_episodes_between_training`` whole episodes, as the original.
        num_cars: cars that drive side by side (``horizon`` only).
        horizon: steps of each car between two updates (``horizon`` only).
        minutes: wall-clock limit of the training.
        steps: limit of environment steps; 0 for none.
        evaluate_every: iterations from one evaluation and checkpoint to the next.
        stop_after: evaluations in a row without leaving the track that end the training, the
            last of them with five laps in a row from the line; 0 never.
        best_by: what the best checkpoint is chosen by, in the evaluations' laps: mean
            ``progress``, mean ``reward``, or ``laptime`` (whole laps before broken-off ones, and
            a policy that then drives five clean laps in a row before one that does not).
        gae_lambda: of generalised advantage estimation; the original's is 0.95.
        clip: of the policy ratio; the original's is 0.2.
        value_function: what it sees while training: ``track_state`` what the simulator knows;
            ``separate`` the car's sensors through a network of its own, as in the original;
            ``shared`` the policy's own features.
        lr_schedule: ``constant`` as in the original, or ``linear`` from ``lr`` to 0 at the limit of
            ``minutes`` or ``steps``, whichever comes first.
        random_start: with ``horizon``, start episodes anywhere on the centre line; otherwise, and
            with ``episodes``, each starts further on than the one before, as in the original.
        start_position: without ``random_start``, share of the track's length, [0, 1), where the
            first episode starts.
        round_robin_advance_dist: likewise, share by which each next episode starts further on.
        driving_direction: which way the tracks are driven: as their routes run, ``forward``, or
            ``reverse``; or ``clockwise`` or ``counter-clockwise``.
        alternate_driving_direction: change direction from one episode to the next.
        threads: of the simulator; 0 for all cores.
        car_version: whose physics the car has, 3 to 6; 0 for ``version`` of model_metadata.json.
        randomization: what differs from episode to episode while training, for sim-to-real; a
            table of its own in the file, nothing by default.
        race: the race type and what else is on the road; a table of its own in the file, a time
            trial by default.
    """

    track: str = "reinvent_base"
    more_tracks: Names = ()
    random_tracks: int = 0
    teacher: bool = True
    seed: int = 0
    collection: str = "horizon"
    num_cars: int = 64
    horizon: int = 32
    minutes: float = 20.0
    steps: int = 0
    evaluate_every: int = 4
    stop_after: int = 1
    best_by: str = "progress"
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_function: str = "track_state"
    lr_schedule: str = "constant"
    random_start: bool = True
    start_position: float = 0.0
    round_robin_advance_dist: float = 0.05
    driving_direction: str = "forward"
    alternate_driving_direction: bool = False
    threads: int = 0
    car_version: int = 0
    randomization: Randomization = field(default_factory=Randomization)
    race: RaceConfig = field(default_factory=RaceConfig)

    def __post_init__(self) -> None:
        check_fields(self)
        require(self, "collection", self.collection in COLLECTIONS, " or ".join(COLLECTIONS))
        known = self.value_function in VALUE_FUNCTIONS
        require(self, "value_function", known, " or ".join(VALUE_FUNCTIONS))
        require(self, "lr_schedule", self.lr_schedule in LR_SCHEDULES, " or ".join(LR_SCHEDULES))
        require(self, "seed", 0 <= self.seed < TRAINING_SEEDS, "in [0, 2**63)")
        require(self, "num_cars", self.num_cars >= 1, "at least 1")
        require(self, "horizon", self.horizon >= 1, "at least 1 step")
        require(self, "minutes", 0 < self.minutes < math.inf, "above 0")
        require(self, "steps", 0 <= self.steps < 2**63, "0 (no limit) or more, below 2**63")
        for name in ("num_cars", "horizon", "evaluate_every", "stop_after", "threads"):
            require(self, name, getattr(self, name) <= MOST, "below 2**31")
        require(self, "evaluate_every", self.evaluate_every >= 1, "at least 1 iteration")
        require(self, "stop_after", self.stop_after >= 0, "0 (never) or more")
        require(self, "best_by", self.best_by in BEST_BY, " or ".join(BEST_BY))
        repeated = len(set(self.tracks)) < len(self.tracks)
        require(self, "random_tracks", 0 <= self.random_tracks <= 200, "in [0, 200]")
        require(self, "more_tracks", not repeated, "each a track of its own")
        require(self, "gae_lambda", 0.0 <= self.gae_lambda <= 1.0, "in [0, 1]")
        require(self, "clip", 0.0 < self.clip < 1.0, "in (0, 1)")
        require(self, "start_position", 0.0 <= self.start_position < 1.0, "in [0, 1)")
        advance = self.round_robin_advance_dist
        require(self, "round_robin_advance_dist", -1.0 <= advance <= 1.0, "in [-1, 1]")
        one_of("driving_direction", self.driving_direction, DRIVING_DIRECTIONS)
        require(self, "car_version", self.car_version >= 0, "3 to 6, or 0 for the model's")
        require(self, "threads", self.threads >= 0, "0 (all cores) or more")
        if self.race.race_type == "HEAD_TO_MODEL":
            raise ConfigError(
                "race_type HEAD_TO_MODEL is a race between trained models, as in the original; "
                "train with HEAD_TO_BOT"
            )

    @property
    def tracks(self) -> Names:
        """The named tracks, ``track`` first."""
        return (self.track, *self.more_tracks)

    def to_toml(self) -> str:
        """The text of a ``config.toml``; one key a line, in the order above."""
        settings = asdict(self)
        tables = {name: settings.pop(name) for name in ("randomization", "race")}
        return _toml_lines(settings) + "".join(
            f"\n[{name}]\n{_toml_lines(table)}" for name, table in tables.items()
        )


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
    found = [str(folder / name) if (folder / name).is_file() else name for name in config.tracks]
    return replace(config, track=found[0], more_tracks=tuple(found[1:]))


def read_config(path: str | Path, over: TrainConfig | None = None) -> TrainConfig:
    """Reads a ``config.toml``.

    Args:
        path: of the file.
        over: what the keys that it leaves out have; their defaults if None. A file that names a
            track has no more tracks than it names.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or has a key or value of the wrong kind.
    """
    content = read_toml(path_of("the path of a config.toml", path), ConfigError)
    try:
        if "track" in content:
            content = {"more_tracks": (), **content}
        return _record(TrainConfig() if over is None else over, content)
    except ConfigError as problem:
        raise ConfigError(f"{path}: {problem}") from None


_Record = TypeVar("_Record", TrainConfig, Randomization, RaceConfig)


def _record(over: _Record, table: dict[str, Any]) -> _Record:
    """The record with the fields that a TOML table gives."""
    types: dict[str, Any] = {each.name: each.type for each in fields(over)}
    values: dict[str, Any] = {}
    for key, found in table.items():
        if key not in types:
            raise ConfigError(f"unknown key {shown(key)[1:-1]}; known are {', '.join(types)}")
        values[key] = found
        if is_dataclass(types[key]):
            if not isinstance(found, dict):
                raise refuse(key, f"a table [{key}]", found)
            values[key] = _record(getattr(over, key), found)
    return replace(over, **values)


def _toml_lines(settings: dict[str, Any]) -> str:
    return "".join(f"{key} = {_toml_value(value)}\n" for key, value in settings.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | tuple):
        return json.dumps(value, ensure_ascii=False)  # JSON texts and lists are TOML's as well
    return repr(value)
