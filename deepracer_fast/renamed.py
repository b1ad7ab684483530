"""Names of version 0.1 that changed: they work until 0.3, and say what they are called now.

``guide/renamed.md`` is the same table to read. All of it goes at once: this file, its import in
``__init__``, and ``keeps_old_members`` and ``keep_old_names`` where they stand.
"""

import sys
import warnings
from collections.abc import Sequence
from functools import cache, wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from operator import attrgetter
from types import ModuleType
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type[Any])

PACKAGE = "deepracer_fast"

MODULES = {
    "checks": "array_file arrays file_reading json_object source_text door:values",
    "files": "action_space action_words atomic cache_folder checkpoint_record:checkpoint_ranking "
    "chosen_checkpoint folder_mark:model_folder garage hyperparameters metrics model_folder "
    "model_metadata model_name simtrace:simtrace_writer trace_reader:simtrace_reader "
    "trace_rows:simtrace_reader training_params writer_lock",
    "tracks": "borders built_track driving_direction route_file track world_frame",
    "world": "engine_numba fleet frame_stack perturbed_worlds poses race_config randomization "
    "sensors simulator",
    "policy": "archive compilation_cache mending model native_network networks value_networks",
    "driving": "collect episode_books evaluate driving_habits:habits replay trace",
    "racing": "race_drive:drive leaderboard race",
    "validation": "trial_drivers:drivers trial_drives:drives reward_trial validate",
    "learning": "descent hosts imitation learner parallel ppo",
    "pictures": "action_picture:action_space replay_picture:replay reward_picture:reward "
    "track_picture:track",
    "pictures.video": "video_bars:bars car_shape video_file:file video:frame gif_palette "
    "video_pen:pen solids views",
    "training": "training_cars:cars checkpoints clone config course training_evaluation:evaluation "
    "training_follower:follower training_health:health training_files:inputs "
    "training_iterations:iterations training_job:job lessons:dagger_lessons training_plot:plot "
    "training_record:record training_report:iterations stop_request teacher "
    "teaching:teacher_stages training_traces:traces train",
    "commands": "archive_command:archive evaluate_command:evaluate cli_evaluate:options "
    "garage_command:garage cli_garage:options race_command:race replay_command:replay "
    "training_screen:screen terminal unbreakable_stream:terminal tracks_command:tracks "
    "training_command:train cli_train:train_options validate_command:validate video_command:video",
}
"""Folder -> what lay beside it before there were folders; ``old:new`` where its name changed too.
The modules inside ``archive`` and ``engine_numba`` went with them."""

NAMES = {
    "driving.evaluate": {"RaceOptions": "driving.evaluate.EvaluationOptions"},
    "racing.race": {"Race": "racing.race.RankedRace"},
    "tracks": {
        **{name: f"tracks.bundled.{name}" for name in ("find_outline", "names_meant", "outlines")},
        **{
            name: f"tracks.outline.{name}" for name in ("Outline", "outline_route", "without_loops")
        },
    },
}
"""Module, as it is called now -> what it held or how that was called, and what it is now."""

_OF_TRAINING = {
    "course": "random_tracks driving_direction alternate_driving_direction",
    "collection": "num_cars horizon random_start start_position round_robin_advance_dist",
    "learning": "gae_lambda clip value_function lr_schedule",
    "budget": "minutes steps stop_after",
    "evaluation": "evaluate_every best_by",
}
MEMBERS = {
    "Model": {"answer": "output", "choose": "best_action"},
    "ModelMetadata": {"version": "car_version"},
    "Simulator": {"num_threads": "threads"},
    "TrainConfig": {
        **{"track": "course.tracks", "more_tracks": "course.tracks"},
        **{k: f"{table}.{k}" for table, keys in _OF_TRAINING.items() for k in keys.split()},
    },
}
"""Class -> its arguments and attributes. One that is None is as good as left out; what went into a
record within, with a dot here, is given to ``updated``."""


@cache
def new_modules() -> dict[str, str]:
    """The old name of each module and its new one, both below the package."""
    return {
        old: f"{folder}.{new or old}"
        for folder, entries in MODULES.items()
        for old, _, new in (entry.partition(":") for entry in entries.split())
    }


def warn(old: str, new: str) -> None:
    """Says so where the caller was called."""
    warnings.warn(f"{old} is called {new} now", DeprecationWarning, stacklevel=3)


class OldModules:
    """Finds a module by its old name and gives the very same one: an entry of ``sys.meta_path``."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for every name that is not an old one."""
        if not name.startswith(f"{PACKAGE}."):
            return None
        first, _, rest = name.removeprefix(f"{PACKAGE}.").partition(".")
        if first not in new_modules():
            return None
        new = f"{PACKAGE}.{new_modules()[first]}" + (f".{rest}" if rest else "")
        loader = _Loader(new)  # no importlib.abc.Loader, which is slow to load
        return ModuleSpec(name, loader, origin=new)  # type: ignore[arg-type]


class _Loader:
    def __init__(self, new: str) -> None:
        self._new = new

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves it to Python: what it makes is thrown away."""

    def exec_module(self, module: ModuleType) -> None:
        warn(module.__name__, self._new)
        sys.modules[module.__name__] = import_module(self._new)  # which the import then takes


def keep_old_names(module: str) -> None:
    """Gives a module the ``NAMES`` that it had; called within it, unseen by who checks types."""

    def get(name: str) -> object:
        new = NAMES[module.removeprefix(f"{PACKAGE}.")].get(name)
        if new is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn(f"{module}.{name}", f"{PACKAGE}.{new}")
        home, _, name = f"{PACKAGE}.{new}".rpartition(".")
        return getattr(import_module(home), name)

    sys.modules[module].__getattr__ = get  # type: ignore[method-assign]


def keeps_old_members(kind: Class) -> Class:
    """The class with the ``MEMBERS`` that it had, as attributes and as arguments."""
    names, make = MEMBERS[kind.__name__], kind.__init__

    @wraps(make)
    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        within = {}
        for old in [name for name in named if name in names]:
            warn(f"{kind.__name__}({old}=...)", names[old])
            value = named.pop(old)
            if "." in names[old]:
                within[old] = value
            elif value is not None:
                named[names[old]] = value
        make(self, *arguments, **named)
        if within:
            vars(self).update(vars(self.updated(**within)))

    kind.__init__ = __init__
    for old, new in names.items():
        setattr(kind, old, _old_attribute(f"{kind.__name__}.{old}", new))
    return kind


def _old_attribute(old: str, new: str) -> property:
    def read(self: object) -> Any:
        warn(old, new)
        return attrgetter(new)(self)

    return property(read)
