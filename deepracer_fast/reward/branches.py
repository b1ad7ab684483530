"""Which ways through a reward function are taken: marks in its code, one a branch.

In: source text. Out: its `Branch` list, the same in every process, and for `worker` the code with a
mark at the head of each branch. A mark sets one byte and changes nothing else; lines and columns
stay. What the module does while it is loaded has no marks: only what a call may do.
Neighbours: `watched` asks which marks were set.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from deepracer_fast.reward.loading import RewardSource, compile_source

MARKS = "__marks_of_branches__"
"""The name by which the marked code finds its bytearray, one byte a branch."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Branch:
    """One way through the code.

    Attributes:
        line: of what decides on it, from 1.
        missed: what is to be said where no call took it.
        within: number of the branch that it lies in; None for that of the outermost functions.
    """

    line: int
    missed: str
    within: int | None


class _Place(NamedTuple):
    """Where the mark of a branch belongs: the field of a node that holds its code."""

    node: ast.AST
    field: str
    branch: Branch


def branches_of(text: str) -> list[Branch]:
    """The branches of a source that Python can compile."""
    return [place.branch for place in _places(ast.parse(text))]


def marked(source: RewardSource) -> RewardSource:
    """The source with code that marks the branches that it takes.

    Raises:
        RewardError: It is not Python.
    """
    plain = compile_source(source)
    tree = ast.parse(source.text)
    for number, place in enumerate(_places(tree)):
        _mark(place, number)
    code = compile(tree, source.filename, "exec", dont_inherit=True)
    return replace(plain, code=code)


def _places(tree: ast.Module) -> list[_Place]:
    """In an order that the text decides; without recursion: an elif lies in the one before."""
    found: list[_Place] = []
    waiting: list[tuple[ast.AST, int | None]] = [(tree, None)]
    while waiting:
        node, within = waiting.pop()
        places = list(_branches(node, within))
        numbers = {place.field: len(found) + i for i, place in enumerate(places)}
        found += places
        for field, value in ast.iter_fields(node):
            inside = numbers.get(field, within)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    waiting.append((child, inside))
    return found


def _branches(node: ast.AST, within: int | None) -> Iterator[_Place]:
    """The branches that a node decides on."""

    def place(field: str, missed: str) -> _Place:
        return _Place(node, field, Branch(getattr(node, "lineno", 1), missed, within))

    if isinstance(node, _Function):
        yield place("body", "never called")
    if within is None:
        return
    match node:
        case ast.If() | ast.IfExp():
            yield place("body", "never true")
            yield place("orelse", "never false")
        case ast.For() | ast.AsyncFor() | ast.While():
            yield place("body", "never entered")
        case ast.ExceptHandler():
            yield _Place(node, "body", Branch(node.lineno, "never needed", within))
        case ast.match_case():
            yield _Place(node, "body", Branch(node.pattern.lineno, "never matched", within))


def _mark(place: _Place, number: int) -> None:
    node, field, _ = place
    body = getattr(node, field)
    if isinstance(body, ast.expr):
        mark = _call(number, body)
        setattr(node, field, _at(ast.BoolOp(ast.Or(), [mark, body]), body))
        return
    first = body[0] if body else node
    match first:
        case ast.Expr(value=ast.Constant()):  # a docstring stays one
            at = 1
        case _:
            at = 0
    body.insert(at, _at(ast.Expr(_call(number, first)), first))


def _call(number: int, near: ast.AST) -> ast.expr:
    """Sets the mark; its value is None, so that an ``or`` goes on with what follows."""
    name = _at(ast.Name(MARKS, ast.Load()), near)
    method = _at(ast.Attribute(cast(ast.expr, name), "__setitem__", ast.Load()), near)
    arguments = [cast(ast.expr, _at(ast.Constant(value), near)) for value in (number, 1)]
    return cast(ast.expr, _at(ast.Call(cast(ast.expr, method), arguments, []), near))


def _at(node: ast.AST, near: ast.AST) -> ast.AST:
    return ast.copy_location(node, near)
