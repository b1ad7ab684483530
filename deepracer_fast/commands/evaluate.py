"""``deepracer-fast evaluate``: any models, checkpoints and tracks, in one table.

In: paths and options as the command line has them. Out: a table of laps, or of one row for each
combination, or JSON. Neighbours: ``commands.options`` has the options; ``evaluate``
drives.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from deepracer_fast.commands.options import Entries, LapSettings, given
from deepracer_fast.commands.race import race_of
from deepracer_fast.commands.screen import TIMES, evaluation_summary, lap_table
from deepracer_fast.commands.terminal import say
from deepracer_fast.driving.evaluate import (
    EvaluationOptions,
    Lap,
    Watch,
    evaluate_model,
    evaluate_starts,
    mean_completion,
)
from deepracer_fast.driving.habits import DrivingHabits, driving_habits
from deepracer_fast.driving.trace import Trace, simtrace_columns
from deepracer_fast.errors import printable
from deepracer_fast.files.chosen_checkpoint import checkpoint_word, has_index, numbered_checkpoints
from deepracer_fast.files.model_name import model_name
from deepracer_fast.policy.compilation_cache import keep_compiled_programs
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.racing.leagues import league_line, league_races_on
from deepracer_fast.tracks.driving_direction import direction_meant
from deepracer_fast.tracks.track import Track, load_track
from deepracer_fast.training.config import TrainConfig, settings_of
from deepracer_fast.world.perturbed_worlds import STARTS, perturbed_worlds


@dataclass(frozen=True)
class Entry:
    """One row that is to be driven.

    Attributes:
        path: the model's, as it was given.
        checkpoint: which one of it.
        model: loaded.
        track: where.
        world: what is not as usual there, in a word or two; "" for nothing.
        options: how.
    """

    path: Path
    checkpoint: str
    model: Model
    track: Track
    world: str
    options: EvaluationOptions


@dataclass(frozen=True)
class Driven:
    """What an entry drove."""

    entry: Entry
    laps: list[Lap]
    trace: Trace

    @cached_property
    def habits(self) -> DrivingHabits:
        """Its speed, and the use that it made of its actions."""
        columns = simtrace_columns(self.trace, self.entry.track.waypoints)
        return driving_habits(columns, self.entry.model.metadata.action_space)

    def report(self) -> dict[str, Any]:
        """The row as JSON has it."""
        entry = self.entry
        has_objects = entry.options.race.num_objects > 0
        laps = [
            {
                "completion_percentage": lap.completion_percentage,
                "lap_time_seconds": lap.lap_time_seconds,
                "off_track_count": lap.off_track_count,
                "steps": lap.steps,
            }
            | ({"crash_count": lap.crash_count} if has_objects else {})
            for lap in self.laps
        ]
        about = {"model": str(entry.path), "checkpoint": entry.checkpoint}
        about |= {"world": entry.world} if entry.world else {}
        about |= {"track": entry.track.name}
        return about | {"mean_speed": round(self.habits.mean_speed, 3), "laps": laps}


def run_evaluation(
    entries: Entries, settings: LapSettings, perturbed: bool = False, as_json: bool = False
) -> None:
    """Drives every model, checkpoint and track, and shows how, as a table or JSON.

    What the settings leave out is the model folder's. Worlds that differ as the real car's may
    are those of ``perturbed_worlds``.

    Raises:
        DeepRacerError: something cannot be used; nothing has been driven then.
    """
    keep_compiled_programs()
    rows = list(entries_of(entries, settings))
    if perturbed:
        rows = [each for entry in rows for each in _perturbed(entry)]
    driven = list(_drive(rows))
    if as_json:
        reports = [each.report() for each in driven]
        print(json.dumps(reports[0] if len(reports) == 1 else {"evaluations": reports}, indent=2))
    elif len(driven) == 1:
        _show_laps(driven[0])
    else:
        Console().print(evaluation_table(driven))


def entries_of(entries: Entries, settings: LapSettings) -> Iterator[Entry]:
    """What is to be driven: of each model in turn its checkpoints, and of these the tracks.

    Raises:
        DeepRacerError: a model, a track or an option cannot be used.
    """
    for path in entries.models:
        trained = settings_of(path)
        tracks = list(map(load_track, entries.track or trained.course.tracks))
        options = _options(entries, settings, trained)
        for checkpoint in _checkpoints(path, entries.checkpoint or ()):
            model = load_model(path, checkpoint)
            for track in tracks:
                yield Entry(path, checkpoint, model, track, "", options)


def _perturbed(entry: Entry) -> Iterator[Entry]:
    """The same in other worlds."""
    for world, randomization in perturbed_worlds():
        options = replace(entry.options, randomization=randomization)
        yield replace(entry, world=world, options=options)


def _show_laps(driven: Driven) -> None:
    """Lap by lap, and what a person would wonder about."""
    console, entry = Console(), driven.entry
    console.print(lap_table(driven.laps, f"{entry.path} on {entry.track.name}"))
    times = [lap.lap_time_seconds for lap in driven.laps if lap.status == "lap_complete"]
    mean = f", mean {sum(times) / len(times):.2f} s" if times else ""
    say(console, f"{evaluation_summary(driven.laps)}{mean}")
    say(console, f"best: of the clean laps; mean: {TIMES}")
    say(console, *driven.habits.lines(entry.model.metadata.action_space))
    races = league_races_on(entry.track.name, entry.options.race.race_type)
    if times and races and not entry.track.runs_backwards(entry.options.driving_direction):
        say(console, league_line(races[0], min(times)))


def evaluation_table(driven: Sequence[Driven]) -> Group:
    """A row for each entry; what would be the same in all of them is the title."""
    entries = [each.entry for each in driven]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))  # room for names
    columns = ["model"] if len({entry.path for entry in entries}) > 1 else []
    columns += ["checkpoint"] if {entry.checkpoint for entry in entries} != {"best"} else []
    columns += ["track"] if len({entry.track.name for entry in entries}) > 1 else []
    columns += ["world"] if any(entry.world for entry in entries) else []
    left = len(columns)
    columns += ["clean", "best, s", "mean, s", "m/s", "done, %", "off track"]
    columns += ["crashes"] if any(e.options.race.num_objects for e in entries) else []
    for column in columns[:left]:
        table.add_column(column.replace("kp", "k-\np"), overflow="fold")
    for column in columns[left:]:
        table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    names = _names([entry.path for entry in entries])
    for each in driven:
        cells = _cells(each) | {"model": names[each.entry.path]}
        table.add_row(*(Text(printable(cells[column])) for column in columns))
    note = f"best and mean: {TIMES}"
    if any(entry.world for entry in entries):
        note += "; without resets: a lap ends where it leaves the track"
    return Group(Text(_common(entries), style="italic"), table, Text(note))


def _common(entries: Sequence[Entry]) -> str:
    """What all rows have in common, for the title."""
    models, tracks = {entry.path for entry in entries}, {entry.track.name for entry in entries}
    model, track = (found.pop() if len(found) == 1 else None for found in (models, tracks))
    return printable(" on ".join(str(each) for each in (model, track) if each is not None))


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """What the models are called; their paths where two would have one name."""
    names = {path: model_name(path) for path in paths}
    unique = len(set(names.values())) == len(names)
    return names if unique else {path: str(path) for path in paths}


def _cells(driven: Driven) -> dict[str, str]:
    """What the table can say of a row, by column."""
    entry, laps = driven.entry, driven.laps
    times = [lap.lap_time_seconds for lap in laps if lap.status == "lap_complete"]
    return {
        "checkpoint": entry.checkpoint,
        "track": entry.track.name,
        "world": entry.world,
        "clean": f"{sum(lap.is_clean for lap in laps)} of {len(laps)}",
        "best, s": f"{min(times):.2f}" if times else "-",
        "mean, s": f"{sum(times) / len(times):.2f}" if times else "-",
        "m/s": f"{driven.habits.mean_speed:.2f}",
        "done, %": f"{mean_completion(laps):.0f}",
        "off track": str(sum(lap.off_track_count for lap in laps)),
        "crashes": str(sum(lap.crash_count for lap in laps)),
    }


def _options(entries: Entries, settings: LapSettings, trained: TrainConfig) -> EvaluationOptions:
    usual: dict[str, Any] = {
        "car_version": trained.car_version,
        "driving_direction": trained.course.driving_direction,
        "race": race_of(entries.race_type, entries.config, trained.race),
    }
    asked = given(settings)
    if "driving_direction" in asked:
        asked["driving_direction"] = direction_meant(asked["driving_direction"])
    return EvaluationOptions(**(usual | asked))


def _checkpoints(path: Path, asked: Sequence[str]) -> Iterable[str]:
    """Which ones of a model; all of a folder that does not say which is the best."""
    known = [str(number) for number in numbered_checkpoints(path)]
    if not asked:
        return known if len(known) > 1 and not has_index(path) else ["best"]
    words: list[str] = []
    for each in asked:
        is_all = each.strip().lower() == "all"
        words += (known or ["best"]) if is_all else [checkpoint_word(each)]
    return dict.fromkeys(words)


def _drive(entries: Sequence[Entry]) -> Iterator[Driven]:
    console = Console(stderr=True)
    with console.status("") as status:
        for number, entry in enumerate(entries, start=1):
            place = f"{number} of {len(entries)}: {entry.path} on {entry.track.name}"

            def watch(laps: int, progress: float, place: str = place) -> bool:
                status.update(Text(printable(f"{place}, lap {laps + 1}: {progress:.0f} %")))
                return True

            status.update(Text(printable(place)))
            yield _driven(entry, watch)


def _driven(entry: Entry, watch: Watch) -> Driven:
    if entry.world:
        result = evaluate_starts(entry.model, entry.track, entry.options, STARTS)
    else:
        result = evaluate_model(entry.model, entry.track, entry.options, watch)
    return Driven(entry, result.laps, result.trace)
