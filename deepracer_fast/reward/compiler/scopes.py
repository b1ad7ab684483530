"""Frames and scopes: which names belong to which function of the user's file.

In: syntax trees. Out: `Frame`, one call under translation, and the names that a function binds.
Neighbour: `functions` resolves names with them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from deepracer_fast.reward.compiler.emitter import Merge


@dataclass
class Frame:
    """One call of a function that is being translated.

    Attributes:
        path: names the call; the same in every pass.
        names: local variables.
        parent: the frame that the function was defined in; None for the module.
        outside: names declared global.
        cells: known values of a closure that was made when the module ran.
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


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's own scope, without nested functions' insides."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop()
        yield child
        if not isinstance(
            child, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.AsyncFunctionDef
        ):
            waiting.extend(ast.iter_child_nodes(child))


def bound_names(node: ast.AST) -> tuple[set[str], set[str]]:
    """Names that a function binds, and those that it declares global or nonlocal."""
    bound, elsewhere, inner = set(), set(), set()
    for child in own_nodes(node):
        match child:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.Import() | ast.ImportFrom():
                bound |= {(a.asname or a.name).split(".")[0] for a in child.names}
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                elsewhere |= set(names)
            case ast.comprehension():
                targets = ast.walk(child.target)
                inner |= {n.id for n in targets if isinstance(n, ast.Name)}
    stores = [n for n in own_nodes(node) if isinstance(n, ast.Name) and n.id in inner]
    outer = {n.id for n in stores if isinstance(n.ctx, ast.Store) and not _in_target(node, n)}
    return (bound - inner) | (outer & bound), elsewhere


def _in_target(node: ast.AST, name: ast.Name) -> bool:
    """Whether a name is bound by a comprehension, whose variables are its own."""
    return any(
        name in set(ast.walk(child.target))
        for child in own_nodes(node)
        if isinstance(child, ast.comprehension)
    )


def declared_globals(node: ast.AST) -> frozenset[str]:
    """Names that a function declares global."""
    declared = (n.names for n in own_nodes(node) if isinstance(n, ast.Global))
    return frozenset(name for names in declared for name in names)
