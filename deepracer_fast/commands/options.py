"""Options that several commands have, and the way to hand a command its options in records.

In: dataclasses whose fields are ``Annotated`` options. Out: a command whose options typer reads one
by one, and which gets them as those records. This loads quickly, for ``--help``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

EXAMPLES = (
    "progress, follow_center_line, follow_center_line_smooth, follow_center_line_fast, "
    "avoid_objects or pass_bot_cars"
)
"""Rewards that may be named in place of a file."""

CarVersion = Annotated[
    int | None,
    typer.Option(
        help="Car physics, 3 to 6 (default: version of model_metadata.json)", show_default=False
    ),
]

Checkpoint = Annotated[
    str,
    typer.Option(
        help="Of a model folder: best, last, or the number of an iteration, as in its training.png."
    ),
]

Direction = Annotated[
    str | None,
    typer.Option(
        "--direction",
        help="Driving direction: forward, as the track runs, reverse, clockwise or "
        "counter-clockwise (default: the model folder's)",
        show_default=False,
    ),
]

RaceFile = Annotated[
    Path | None,
    typer.Option(
        help="config.toml whose [race] table says what else is on the road "
        "(default: the model folder's, if there is one)",
        show_default=False,
    ),
]

RaceType = Annotated[
    str | None,
    typer.Option(
        help="TIME_TRIAL, OBJECT_AVOIDANCE or HEAD_TO_BOT (default: the model folder's)",
        show_default=False,
    ),
]

Speed = Annotated[
    str | None,
    typer.Option(
        help="Speeds, m/s: MAX:LEVELS as in the console, or a list, 0.5,1,2; 1 alone is one speed "
        "(default: 1:3)",
        show_default=False,
    ),
]

Steering = Annotated[
    str | None,
    typer.Option(
        help="Steering angles, deg, left positive: MAX:LEVELS as in the console, or a list, "
        "-30,-10,0,10,30 (default: 30:5)",
        show_default=False,
    ),
]

Track = Annotated[
    str | None,
    typer.Option(
        help="Bundled track, or path of a route .npy (default: the model's or the recording's)",
        show_default=False,
    ),
]


def option(told: str, *names: str, default: Any = None, **limits: Any) -> Any:
    """A field of a record of options: what ``--help`` says, names, and typer's further words."""
    return field(default=default, metadata={"typer": typer.Option(*names, help=told, **limits)})


def argument(told: str, default: Any = None, **limits: Any) -> Any:
    """The same without a name."""
    return field(default=default, metadata={"typer": typer.Argument(help=told, **limits)})


def given(options: Any) -> dict[str, Any]:
    """What the user gave of a record of options, by field; None stands for the rest."""
    values = {each.name: getattr(options, each.name) for each in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to read it: with the fields of its records as options of their own.

    A record's ``panel``, if it has one, is the heading of its options in ``--help``.
    """
    records: dict[str, Any] = {
        name: kind for name, kind in get_type_hints(command).items() if is_dataclass(kind)
    }

    def run(**values: Any) -> None:
        made = {
            name: kind(**{each.name: values.pop(each.name) for each in fields(kind)})
            for name, kind in records.items()
        }
        command(**made, **values)

    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in records:
            parameters += _options(records[parameter.name])
        else:
            parameters.append(_option(parameter.name, hints[parameter.name], parameter.default))
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _options(record: Any) -> Iterator[inspect.Parameter]:
    hints, panel = get_type_hints(record, include_extras=True), getattr(record, "panel", None)
    for each in fields(record):
        kind, told = hints[each.name], each.metadata.get("typer")
        if told is None:  # an option of several commands
            kind, told = kind.__origin__, copy(kind.__metadata__[0])
        told.rich_help_panel = panel
        default = inspect.Parameter.empty if each.default is MISSING else each.default
        yield _option(each.name, Annotated[kind, told], default)


def _option(name: str, kind: Any, default: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=kind)
