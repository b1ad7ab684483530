"""The part of Python's library that a reward may name where it is translated.

In: an object of the library, or its name. Out: the other one. Neighbours: `describe` writes the
names, `rebuild` and the compiler look them up. Modules that are not listed are known by name only:
nothing is imported, and nothing read, because a user's file says so.
"""

import importlib
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

MODULES = (
    *("builtins", "math", "numpy", "numpy.linalg", "numpy.random", "statistics", "operator"),
    *("bisect", "functools", "collections", "time", "logging", "traceback", "typing", "abc"),
    *("enum", "dataclasses"),
)
_PLAIN = (bool, int, float, str, type(None))
_CALLED = (BuiltinFunctionType, FunctionType, type)


def names() -> dict[int, tuple[str, str]]:
    """Module and name of the library's functions and classes, by `id`."""
    found: dict[int, tuple[str, str]] = {}
    for module in MODULES:
        for name, obj in vars(sys.modules.get(module, ModuleType(module))).items():
            if _is_named(obj):
                found.setdefault(id(obj), (module, name))
    return found


def _is_named(obj: object) -> bool:
    return isinstance(obj, _CALLED) or (
        callable(obj) and type(obj).__module__.split(".")[0] in ("numpy", "functools")
    )


def module(name: str) -> ModuleType | None:
    """A module of the list; None for any other."""
    return importlib.import_module(name) if name in MODULES else None


def member(owner: ModuleType, name: str) -> Any:
    """What a module of the list holds: a function, a class, a number, a text or another module.

    Raises:
        LookupError: it holds nothing of the name.
        ValueError: it holds something else, which may differ from process to process.
    """
    if name not in vars(owner) and not hasattr(owner, name):
        raise LookupError(name)
    obj = getattr(owner, name)
    if isinstance(obj, ModuleType):
        if obj.__name__ in MODULES:
            return obj
    elif type(obj) in _PLAIN or _is_named(obj):
        return obj
    raise ValueError(name)
