"""Which keys of params a reward function may read, as far as its text shows it.

In: source text. Out: the keys, or None where params are used in a way that any key may be read.
Neighbour: `interpret` builds dicts with these keys only, which is most of what a call costs.
"""

import ast

from deepracer_fast.reward.loading import FUNCTION_NAME

_SEES_ALL = {"locals", "globals", "vars", "eval", "exec", "getattr", "inspect", "sys", "gc"}


def keys_read(text: str) -> frozenset[str] | None:
    """The constant keys that ``params`` is asked for; None if it is used in any other way.

    ``params`` may go by several names: those of the parameters that it is handed on to. Each use
    of such a name, wherever it is, must be ``name["key"]``, ``name.get("key", ...)`` or an
    argument of a function of the file.
    """
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    functions: dict[str, list[ast.FunctionDef]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(node)
    if any(isinstance(node, ast.Name) and node.id in _SEES_ALL for node in nodes):
        return None
    entry = functions.get(FUNCTION_NAME, [])
    if not entry or any(not node.args.args or node.decorator_list for node in entry):
        return None
    names = {node.args.args[0].arg for node in entry}
    uses = _Uses(nodes, functions)
    known: set[str] = set()
    while names - known:  # each round finds what the names of the last round are handed on to
        known |= names
        found = uses.of(known)
        if found is None:
            return None
        keys, handed_on = found
        names |= handed_on
    return frozenset(keys)


class _Uses:
    """The uses of names in a module."""

    def __init__(self, nodes: list[ast.AST], functions: dict[str, list[ast.FunctionDef]]) -> None:
        self._nodes = nodes
        self._functions = functions

    def of(self, names: set[str]) -> tuple[set[str], set[str]] | None:
        """Keys that the names are asked for, and the parameters that they are handed on to."""
        keys: set[str] = set()
        handed_on: set[str] = set()
        allowed: set[int] = set()
        for node in self._nodes:
            match node:
                case ast.Subscript(
                    value=ast.Name(id=name) as use, slice=ast.Constant(value=str(key))
                ) if name in names and isinstance(node.ctx, ast.Load):
                    keys.add(key)
                    allowed.add(id(use))
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name) as use, attr="get"),
                    args=[ast.Constant(value=str(key)), *_],
                ) if name in names:
                    keys.add(key)
                    allowed.add(id(use))
                case ast.Call():
                    for place, handed in enumerate(node.args):
                        if isinstance(handed, ast.Name) and handed.id in names:
                            receivers = self._receivers(node, place)
                            if not receivers:
                                return None
                            handed_on |= receivers
                            allowed.add(id(handed))
        if any(
            isinstance(node, ast.Name) and node.id in names and id(node) not in allowed
            for node in self._nodes
        ):
            return None
        return keys, handed_on

    def _receivers(self, call: ast.Call, place: int) -> set[str]:
        """The parameters that may receive an argument; none if that is not clear."""
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return set()
        match call.func:
            case ast.Name(id=name):
                offset = 0
            case ast.Attribute(attr=name):
                offset = 1
            case _:
                return set()
        found: set[str] = set()
        for function in self._functions.get(name, []):
            arguments = function.args.args
            at = place + offset
            if function.decorator_list or at >= len(arguments):
                return set()
            found.add(arguments[at].arg)
        return found
