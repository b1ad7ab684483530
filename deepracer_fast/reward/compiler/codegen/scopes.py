"""Scopes: which names belong to which function of the user's file.

In: syntax trees. Out: `Scope`, the names that a function binds, and the definition of a function
object. Every pass asks again: answers are remembered.
Neighbour: `functions` resolves names with them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from deepracer_fast.reward.compiler.lattice.users import UserFunction

Function = ast.FunctionDef | ast.Lambda


class Scope(NamedTuple):
    """What a function's own nodes say: local names, names declared global, and any ``yield``."""

    names: frozenset[str]
    outside: frozenset[str]
    generates: bool


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


@lru_cache(maxsize=4096)
def scope_of(node: Function) -> Scope:
    """The scope of a function."""
    bound, elsewhere = bound_names(node)
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a]
    own = list(own_nodes(node))
    declared = (n.names for n in own if isinstance(n, ast.Global))
    return Scope(
        frozenset((bound | {a.arg for a in every}) - elsewhere),
        frozenset(name for names in declared for name in names),
        any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in own),
    )


def definitions_of(tree: ast.Module, function: UserFunction) -> list[Function]:
    """The definitions in a module that a function may come from: one, if that is clear."""
    found: list[Function] = []
    for node in _by_line(tree).get(function.line, []):
        if isinstance(node, ast.FunctionDef):
            if node.name == function.name:
                found.append(node)
        elif function.name == "<lambda>":
            names = tuple(a.arg for a in node.args.args)
            if names == function.arguments[: len(names)]:
                found.append(node)
    return found


def names_used(node: Function) -> set[str]:
    """Names that are not the function's own: of module variables, built-ins and attributes."""
    body = node.body if isinstance(node.body, list) else [node.body]
    nodes = [n for part in body for n in ast.walk(part)]
    names = {n.id for n in nodes if isinstance(n, ast.Name)} - scope_of(node).names
    return names | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


@lru_cache(maxsize=1)
def _by_line(tree: ast.Module) -> dict[int, list[Function]]:
    """Functions by their first line, which is that of the first decorator."""
    lines: dict[int, list[Function]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(d.lineno for d in decorators)])
            lines.setdefault(first, []).append(node)
    return lines
