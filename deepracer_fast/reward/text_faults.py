"""Faults that a reward function's text shows, also where no state leads to them.

In: a `RewardSource` that Python can compile. Out: a `Fault` each: a key that params does not have,
a name that nothing defines. Where an exception is caught around it, or the text makes such a key
itself, it may be meant: then it is none. And a remark where it reads a file. Neighbours:
``validate`` refuses a function for a fault; ``train`` says the remark, too.
"""

import ast
import builtins
import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from deepracer_fast.reward.loading import FUNCTION_NAME, RewardSource, Span, span_of_bytes
from deepracer_fast.reward.params_table import ALL_KEYS, key_hint

_CATCH_KEY = {"KeyError", "LookupError", "Exception", "BaseException"}
_CATCH_NAME = {"NameError", "Exception", "BaseException"}
_MAKE_NAMES = {"exec", "eval", "globals", "locals", "vars", "setattr"}
_READERS = {"open", "load", "loadtxt", "genfromtxt", "fromfile", "read_csv", "read_text"}
_IN_MEMORY = {"json", "pickle", "yaml"}  # their ``load`` takes what ``open`` has opened
_OF_EVERY_MODULE = {"__name__", "__file__", "__doc__", "__builtins__", "__package__", "__spec__"}


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where."""

    what: str
    span: Span


def text_faults(source: RewardSource) -> list[Fault]:
    """The faults of a text, by line."""
    tree = ast.parse(source.text)
    found = [
        Fault(what, span_of_bytes(source, node.lineno, node.col_offset, node.end_col_offset))
        for what, node in (*_misspelt_keys(tree), *_undefined_names(source.text, tree))
    ]
    return sorted(found, key=lambda fault: (fault.span.line, fault.span.start))


def _misspelt_keys(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    reads = {
        node: str(key.value)
        for node, key in keys_asked_for(tree)
        if isinstance(node, ast.Subscript) and key.value not in ALL_KEYS
    }
    made = texts_beside(tree, {node.slice for node in reads})
    caught = _caught(tree, _CATCH_KEY)
    for node, key in reads.items():
        if key not in made and node not in caught:
            yield f"params has no key {key!r}{key_hint(key)}", node


def texts_beside(tree: ast.Module, nodes: set[ast.expr]) -> set[object]:
    """Constants, and names of arguments, that stand elsewhere than at these nodes."""
    constants = (each for each in ast.walk(tree) if isinstance(each, ast.Constant))
    named = {each.arg for each in ast.walk(tree) if isinstance(each, ast.keyword)}
    return named | {each.value for each in constants if each not in nodes}


def keys_asked_for(tree: ast.Module) -> Iterator[tuple[ast.Subscript | ast.Call, ast.Constant]]:
    """Reads of constant keys from what `reward_function` is handed, and these keys.

    In brackets, where no such key is an error, or by a method, where it may go unnoticed.
    """
    for function, name in _holders(tree):
        for node in ast.walk(function):
            match node:
                case (
                    ast.Subscript(
                        value=ast.Name(id=found), slice=ast.Constant(str()) as key, ctx=ast.Load()
                    )
                    | ast.Call(
                        func=ast.Attribute(ast.Name(id=found), "get" | "setdefault" | "pop"),
                        args=[ast.Constant(str()) as key, *_],
                    )
                ) if found == name:
                    yield node, key


def _holders(tree: ast.Module) -> set[tuple[ast.FunctionDef, str]]:
    """Functions with the argument by which they know params, as calls hand them on."""
    functions = _functions(tree)
    waiting = [
        (each, name) for each in functions.get(FUNCTION_NAME, []) for name in _arguments(each)[:1]
    ]
    found: set[tuple[ast.FunctionDef, str]] = set()
    while waiting:
        function, name = waiting.pop()
        if (function, name) in found or _binds_anew(function, name):
            continue
        found.add((function, name))
        for call in ast.walk(function):
            if isinstance(call, ast.Call):
                for receiver in functions.get(_called(call), []):
                    waiting += [(receiver, to) for to in _received(call, receiver, name)]
    return found


def _functions(tree: ast.Module) -> dict[str, list[ast.FunctionDef]]:
    """By the name that a call has for them: a class is called to call its ``__init__``."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ClassDef):
            inits = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            found.setdefault(node.name, []).extend(f for f in inits if f.name == "__init__")
    return found


def _arguments(function: ast.FunctionDef) -> list[str]:
    """Those that a call fills by their place: not the object of a method."""
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return names[1:] if names[:1] == ["self"] else names


def _received(call: ast.Call, receiver: ast.FunctionDef, name: str) -> Iterator[str]:
    """The arguments by which a function is handed what the caller knows by a name."""
    for given, to in zip(call.args, _arguments(receiver), strict=False):
        if isinstance(given, ast.Starred):
            return
        if isinstance(given, ast.Name) and given.id == name:
            yield to
    for keyword in call.keywords:
        if keyword.arg and isinstance(keyword.value, ast.Name) and keyword.value.id == name:
            yield keyword.arg


def _binds_anew(function: ast.FunctionDef, name: str) -> bool:
    """Whether the name may stand for something else somewhere in the function."""
    return any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == name and node not in function.args.args)
        for node in ast.walk(function)
    )


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _caught(tree: ast.Module, classes: set[str]) -> set[ast.AST]:
    """The code around which one of the exceptions is caught, also in what is called there."""
    functions = _functions(tree)
    waiting: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.Try(body, handlers) if any(_catches(each, classes) for each in handlers):
                waiting += body
            case ast.With(items, body) if any(map(_is_suppress, items)):
                waiting += body
    found: set[ast.AST] = set()
    while waiting:
        for node in ast.walk(waiting.pop()):
            if node not in found:
                found.add(node)
                if isinstance(node, ast.Call):
                    waiting += functions.get(_called(node), [])
    return found


def _catches(handler: ast.ExceptHandler, classes: set[str]) -> bool:
    named = ast.walk(handler.type) if handler.type else []
    return handler.type is None or any(
        isinstance(each, ast.Name) and each.id in classes for each in named
    )


def _is_suppress(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and _called(item.context_expr) == "suppress"


def _undefined_names(text: str, tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that functions take for the module's, and that neither it nor Python has."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {each.name for node in imports for each in node.names}
    if "*" in imported or any(node.id in _MAKE_NAMES for node in names):
        return
    codes = list(_codes(compile(text, "<text>", "exec", dont_inherit=True)))
    known = set(vars(builtins)) | _OF_EVERY_MODULE
    known |= {
        str(each.argval)
        for code in codes
        for each in dis.get_instructions(code)
        if each.opname == "STORE_GLOBAL" or (each.opname == "STORE_NAME" and code is codes[0])
    }
    caught = _caught(tree, _CATCH_NAME)
    places = {(node.lineno, node.col_offset): node for node in names}
    for code in codes:
        for each in dis.get_instructions(code):
            if each.opname == "LOAD_GLOBAL" and each.argval not in known and each.positions:
                node = places.get((each.positions.lineno or 0, each.positions.col_offset or 0))
                if node is not None and node not in caught:
                    yield f"the name {each.argval!r} is defined nowhere", node


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A module's code, then that of all within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def about_files(text: str) -> Iterator[str]:
    """Files that are read: no model folder has them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # whoever loads it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _reads(node.func):
            yield (
                f"line {node.lineno}: reads a file; it may lie beside the reward function, and a "
                "training that is resumed looks for it in the model folder: copy it there"
            )
            return


def _reads(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in _READERS - {"load"}
        case ast.Attribute(ast.Name(id=module), name):
            return name in _READERS and module not in _IN_MEMORY
        case ast.Attribute(attr=name):
            return name in _READERS
    return False
