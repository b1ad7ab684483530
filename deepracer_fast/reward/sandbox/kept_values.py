"""The values that a module keeps between calls, as JSON: what crosses when a call is made again.

In and out: a number, a text, None, or a list that begins with what it is: ``list``, ``tuple``,
``float64`` or ``int64`` of NumPy, ``missing``, ``other``. Neighbours: `words` checks them and makes
the words of a kernel's columns of them; `Keeper` reads and writes them in the user's process.
"""

import collections
from typing import Any

import numpy as np

MISSING = object()
_NUMPY = {"float64": np.float64, "int64": np.int64}


def json_of(obj: object) -> object:
    """An object as JSON; anything but plain values is ``["other"]``."""
    if isinstance(obj, np.generic):
        obj = obj.item()
    if obj is None or type(obj) in (bool, int, float, str):
        return obj
    if obj is MISSING:
        return ["missing"]
    if isinstance(obj, list | tuple | collections.deque):
        kind = "tuple" if isinstance(obj, tuple) else "list"
        return [kind, *map(json_of, obj)]
    return ["other"]


def object_of(data: object) -> object:
    """The object that JSON stands for."""
    if not isinstance(data, list):
        return data
    kind, *items = data
    if kind == "missing":
        return MISSING
    if kind in _NUMPY:
        return _NUMPY[kind](*items)
    made = map(object_of, items)
    return list(made) if kind == "list" else tuple(made)


class Keeper:
    """Reads and writes what one module keeps.

    Args:
        names: the module's variables.
        objects: its objects, by the number that a place gives.
        places: ``[kind, number of the object, name]`` each, as `words.State` lists them.
    """

    def __init__(
        self, names: dict[str, object], objects: list[object], places: list[tuple[str, int, object]]
    ) -> None:
        self._places = [
            (kind, names if kind == "global" else objects[number], object_of(name))
            for kind, number, name in places
        ]

    def read(self) -> list[object]:
        """The present values."""
        return [json_of(_get(*place)) for place in self._places]

    def write(self, values: list[object]) -> None:
        """Puts values into the module."""
        for place, value in zip(self._places, values, strict=True):
            _set(*place, object_of(value))


def _get(kind: str, owner: Any, name: Any) -> Any:
    match kind:
        case "global" | "key":
            return owner.get(name, MISSING)
        case "list":
            return owner
        case "cell":
            return owner.cell_contents
    return getattr(owner, name, MISSING)


def _set(kind: str, owner: Any, name: Any, obj: Any) -> None:
    match kind:
        case "list":
            owner.clear()
            owner.extend(obj)
        case "cell":
            owner.cell_contents = obj
        case "attr" if obj is not MISSING:
            setattr(owner, name, obj)
        case "attr":
            if name in getattr(owner, "__dict__", {}):
                delattr(owner, name)
        case _ if obj is MISSING:
            owner.pop(name, None)
        case _:
            owner[name] = obj
