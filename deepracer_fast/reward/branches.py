"""Which ways through a reward function are taken: marks in its code, one a branch.

In: source text. Out: its `Branch` list, the same in every process, and for `worker` the code with a
mark at the head of each branch. A mark sets one byte and changes nothing else; lines and columns
stay. What the module does while it is loaded has no marks: only what a call may do.
Neighbours: `watched` asks which marks were set.
"""

import ast
from dataclasses import dataclass, replace
from typing import NamedTuple

from deepracer_fast.reward.loading import RewardSource, compile_source

MARKS = "__marks_of_branches__"
"""The name by which the marked code finds its bytearray, one byte a branch."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# By the class of a node its fields that hold a branch, and what is said where one is missed.
_WAYS: dict[type, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(_FUNCTIONS, (("body", "never called"),)),
    **dict.fromkeys((ast.If, ast.IfExp), (("body", "never true"), ("orelse", "never false"))),
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.While), (("body", "never entered"),)),
    ast.ExceptHandler: (("body", "never needed"),),
    ast.match_case: (("body", "never matched"),),
}


@dataclass(frozen=True)
class Branch:
    """One way through the code."""

    line: int  # of what decides on it, from 1
    missed: str  # what is to be said where no call took it
    within: int | None  # number of the branch that it lies in; None: of the outermost functions


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
        places = _branches(node, within)
        numbers = {place.field: len(found) + i for i, place in enumerate(places)}
        found += places
        for field, value in ast.iter_fields(node):
            inside = numbers.get(field, within)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    waiting.append((child, inside))
    return found


def _branches(node: ast.AST, within: int | None) -> list[_Place]:
    """The branches that a node decides on."""
    if within is None and not isinstance(node, _FUNCTIONS):
        return []
    line = getattr(node.pattern if isinstance(node, ast.match_case) else node, "lineno", 1)
    ways = _WAYS.get(type(node), ())
    return [_Place(node, field, Branch(line, missed, within)) for field, missed in ways]


def _mark(place: _Place, number: int) -> None:
    body = getattr(place.node, place.field)
    near = body if isinstance(body, ast.expr) else body[0] if body else place.node
    # Its value is None, so that an ``or`` goes on with what follows.
    mark = ast.parse(f"{MARKS}.__setitem__({number}, 1)", mode="eval").body
    for node in ast.walk(mark):
        ast.copy_location(node, near)
    if isinstance(body, ast.expr):
        either = ast.BoolOp(ast.Or(), [mark, body])
        setattr(place.node, place.field, ast.copy_location(either, body))
        return
    is_docstring = isinstance(near, ast.Expr) and isinstance(near.value, ast.Constant)
    body.insert(int(is_docstring), ast.copy_location(ast.Expr(mark), near))
