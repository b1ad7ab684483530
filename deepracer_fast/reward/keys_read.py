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
    nodes = list(ast.walk(ast.parse(text)))
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    uses = [node for node in nodes if isinstance(node, ast.Name)]
    functions: dict[str, list[ast.FunctionDef]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(node)
    entry = functions.get(FUNCTION_NAME, [])
    if not entry or any(not node.args.args or node.decorator_list for node in entry):
        return None
    if any(use.id in _SEES_ALL for use in uses):
        return None
    keys: set[str] = set()
    names: set[str] = set()
    waiting = {node.args.args[0].arg for node in entry}
    while waiting:
        name = waiting.pop()
        names.add(name)
        for use in uses:
            if use.id == name:
                read, receivers = _use(use, parents, functions)
                if not read and not receivers:
                    return None
                keys |= read
                waiting |= receivers - names
    return frozenset(keys)


def _use(
    use: ast.Name, parents: dict[ast.AST, ast.AST], functions: dict[str, list[ast.FunctionDef]]
) -> tuple[set[str], set[str]]:
    """The key that is read, or the parameters that a name is handed on to; neither: unclear."""
    parent = parents[use]
    match parent, parents.get(parent):
        case ast.Subscript(value, ast.Constant(str(key)), ast.Load()), _ if value is use:
            return {key}, set()
        case ast.Attribute(attr="get"), ast.Call(func, [ast.Constant(str(key)), *_]) if (
            func is parent
        ):
            return {key}, set()
        case ast.Call(args=arguments), _ if use in arguments:
            return set(), _receivers(parent, arguments.index(use), functions)
    return set(), set()


def _receivers(call: ast.Call, place: int, functions: dict[str, list[ast.FunctionDef]]) -> set[str]:
    """The parameters that may receive an argument; none if that is not clear."""
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return set()
    match call.func:
        case ast.Name(id=name):
            at = place
        case ast.Attribute(attr=name) if name != "get":  # which hands its default back
            at = place + 1
        case _:
            return set()
    found: set[str] = set()
    for function in functions.get(name, []):
        arguments = function.args.args
        if function.decorator_list or at >= len(arguments):
            return set()
        found.add(arguments[at].arg)
    return found
