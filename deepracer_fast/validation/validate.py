"""Tries a reward function on all that a training may meet, and says what its author should know.

In: a reward file, a track, a model's actions, a race type. Out: a `Report`: range of the rewards,
speed, branches that no state led to, warnings; or the error that a training would end with.
Neighbours: ``reward_trial`` calls it, ``reward.text_faults`` reads it, ``commands.validate``
prints.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from deepracer_fast.errors import one_line
from deepracer_fast.files.model_metadata import ModelMetadata
from deepracer_fast.reward.loading import complaint, read_reward
from deepracer_fast.reward.params_table import ALL_KEYS, OLD_NAMES, key_hint
from deepracer_fast.reward.sandbox.process import confinement_note
from deepracer_fast.reward.text_faults import about_files, keys_asked_for, text_faults, texts_beside
from deepracer_fast.tracks.track import Track
from deepracer_fast.validation.drives import drives_of
from deepracer_fast.validation.reward_trial import Spread, Trial

# What the original's own validator lets a reward function import.
ALLOWED_IMPORTS = ("math", "random", "numpy", "scipy", "shapely")

FURTHER_RACES = ("OBJECT_AVOIDANCE", "HEAD_TO_BOT")
"""Whose states a function is called with that minds objects, where no race type is asked for."""

_MINDS_OBJECTS = re.compile("object|crashed")


@dataclass(frozen=True)
class Unreached:
    """A branch that no watched call took."""

    line: int  # of the file
    text: str  # of that line
    what: str  # what never happened there, such as "never true"


@dataclass
class Report:
    """What was found; see `validate_reward`.

    Attributes:
        name: of the reward function.
        track: that it was driven on.
        races: whose states it was called with.
        mode: "compiled" or "interpreted".
        reason: why interpreted.
        calls_per_second: on one thread, in a batch of many cars.
        rewards: by kind of state; "all" among them.
        watched_calls: that were made in plain Python, to see which branches they take.
        unreached: branches that none of those took.
        warnings: a sentence each.
    """

    name: str
    track: str
    races: list[str]
    mode: str
    reason: str
    calls_per_second: float
    rewards: dict[str, Spread]
    watched_calls: int
    unreached: list[Unreached]
    warnings: list[str]


def validate_reward(
    path: Path, track: Track, metadata: ModelMetadata, race_type: str | None = None
) -> Report:
    """Loads a reward function and calls it with the states of many drives.

    Args:
        path: of the file.
        track: that is driven.
        metadata: of the model, whose actions and car drive.
        race_type: whose states; None for a time trial's, and those of races with objects too if
            the text minds objects or crashes.

    Raises:
        RewardError: it cannot be used, its text has a fault, or it fails in a state; the message
            shows the line, and the params of the call.
        ConfigError: no such race type, or no room for its objects on the track.
    """
    source = read_reward(path)
    races = [race_type or "TIME_TRIAL"]
    if race_type is None and _MINDS_OBJECTS.search(source.text):
        races += FURTHER_RACES
    drives = drives_of(races, track, metadata)
    with closing(Trial(path, metadata)) as trial:
        for fault in text_faults(source):
            raise complaint(source, fault.what, fault.span)
        trial.run(drives, track)
        return Report(
            name=trial.reward.name,
            track=track.name,
            races=list(dict.fromkeys(drive.race.race_type for drive in drives)),
            mode=trial.reward.mode,
            reason=trial.reward.reason,
            calls_per_second=1.0 / trial.seconds_a_call,
            rewards={kind: spread for kind, spread in trial.spreads.items() if spread.calls},
            watched_calls=trial.watched_calls,
            unreached=[
                Unreached(branch.line, one_line(source.line(branch.line).strip()), branch.missed)
                for branch in trial.missed()
            ],
            warnings=[
                *_about_values(trial.spreads["all"]),
                *about_source(source.text),
                *trial.notes(),
                *filter(None, [*about_files(source.text), confinement_note()]),
            ],
        )


def _about_values(rewards: Spread) -> Iterator[str]:
    if rewards.minimum == rewards.maximum:
        yield f"the reward is {rewards.maximum:.6g} in every state: nothing can be learnt from it"
    elif rewards.maximum <= 0:
        yield "no state is worth more than 0: the shorter an episode, the better, off the track too"


def about_source(text: str) -> Iterator[str]:
    """What the source alone tells: keys that do not exist, old keys, imports of the original."""
    tree = ast.parse(text)
    keys = {key for _, key in keys_asked_for(tree)}
    made = texts_beside(tree, set(keys))
    for line, name in sorted({(key.lineno, str(key.value)) for key in keys}):
        if name in OLD_NAMES:
            yield f"line {line}: {name!r} is now called {OLD_NAMES[name]!r}"
        elif name not in ALL_KEYS and name not in made:
            yield f"line {line}: params has no key {name!r}{key_hint(name)}"
    for line, module in _imports(tree):
        if module not in ALLOWED_IMPORTS:
            yield (
                f"line {line}: the original does not let a reward function import {module}, "
                f"only {', '.join(ALLOWED_IMPORTS)}"
            )


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, str(node.module).split(".")[0]
