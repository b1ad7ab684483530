"""Where control may go from here: the ends of branches, loops, calls and ``try``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deepracer_fast.reward.compiler.lattice.values import Value


class Dead(Exception):
    """What follows in this block is never reached."""


@dataclass(eq=False)
class Merge:
    """A place that several ways lead to: each way's last block, and the environment there."""

    entries: list[tuple[Any, dict[Any, Value]]] = field(default_factory=list)


@dataclass(eq=False)
class Handler:
    """One ``try``: where its exceptions lead."""

    merge: Merge
    catches: Callable[[type[BaseException]], bool]


@dataclass(eq=False)
class LoopFrame:
    """Where ``break`` and ``continue`` lead; `runtime` unless the loop is unrolled."""

    on_break: Merge
    on_continue: Merge
    runtime: bool


@dataclass
class Frame:
    """One call of a function that is being translated.

    Attributes:
        path: names the call; the same in every pass.
        names: local variables.
        parent: the frame that the function was defined in; None for the module.
        outside: names declared global.
        cells: the variables of a closure that was made when the module ran, in `users.Cell`s;
            or the built-ins that a definition of the library calls.
        captured: a nested function may outlive the call.
        on_return: where ``return`` leads.
        depth: number of calls around this one.
        first: the name of its first parameter.
    """

    path: int
    names: frozenset[str]
    parent: Frame | None = None
    outside: frozenset[str] = frozenset()
    cells: dict[str, Any] = field(default_factory=dict)
    captured: bool = False
    on_return: Merge | None = None
    depth: int = 0
    first: str | None = None
