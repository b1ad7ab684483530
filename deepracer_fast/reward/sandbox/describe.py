"""Describes the values of a module that has run, for a process that must not run any of it.

In: the names of a module, in the process of the user's file. Out: JSON text that `rebuild` reads,
and the objects by their number in it. A description holds plain values, and for functions and
classes their place in the source; an object of any other kind is named by its class only.

A value is a JSON scalar, or ``[number]`` of a node; a node is ``[kind, ...]`` as `rebuild.FIELDS`
lists them. Whatever is found here may lie: the other side believes none of it to be safe.
"""

import abc
import builtins
import collections
import dataclasses
import enum
import functools
import json
import logging
from collections.abc import Iterable, Mapping
from types import CellType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from deepracer_fast.reward import library

MAX_NODES = 100_000
MAX_DEPTH = 60
MAX_BITS = 1024  # of an int
ARRAY_TYPES = ("bool", *(f"{sign}int{8 << k}" for sign in ("", "u") for k in range(4)))
ARRAY_TYPES += ("float16", "float32", "float64")

_SKIPPED = {"__builtins__", "__doc__", "__loader__", "__spec__", "__package__", "__annotations__"}
_SKIPPED |= {"__dict__", "__weakref__", "__module__", "__qualname__", "__match_args__", "_abc_impl"}
_SKIPPED |= {"__dataclass_fields__", "__dataclass_params__", "__abstractmethods__"}
_DICTS: dict[type, str] = {
    dict: "dict",
    collections.OrderedDict: "ordered",
    collections.defaultdict: "default",
    collections.Counter: "counter",
}
_HASH_OF_ENUM = enum.Enum.__hash__
_OWN_WAYS = {"__eq__", "__hash__", "__len__", "__iter__", "__getitem__", "__contains__", "__bool__"}
_OWN_WAYS |= {"__lt__", "__le__", "__gt__", "__ge__", "__add__", "__mul__"}


class Unfit(Exception):
    """The module holds what a description cannot tell of."""


class Description:
    """The values of one module.

    Args:
        names: its variables.
        filename: that its functions are from.
        names_itself: its file's path is one of its values.

    Attributes:
        text: the description.
        objects: the objects by their number.
    """

    def __init__(self, names: dict[str, Any], filename: str, names_itself: bool = True) -> None:
        self.objects: list[object] = []
        self._module = names["__name__"]
        self._filename = filename
        self._print = names["__builtins__"]["print"]
        self._library = library.names()
        for name, obj in names["__builtins__"].items():
            if obj is not vars(builtins).get(name) and name != "print":
                raise Unfit(f"it changes the built-in {name}")
        self._numbers: dict[int, int] = {}
        self._depths: list[int] = []
        self._depth = 0
        nodes: list[list[object]] = []
        skipped = _SKIPPED if names_itself else {*_SKIPPED, "__file__"}
        own = [[name, self._value(obj)] for name, obj in names.items() if name not in skipped]
        while len(nodes) < len(self.objects):
            self._depth = self._depths[len(nodes)] + 1
            nodes.append(self._node(self.objects[len(nodes)]))
        self.text = json.dumps({"names": own, "nodes": nodes}).encode()

    def _value(self, obj: object) -> object:
        if obj is None or type(obj) in (bool, float, str):
            return obj
        if type(obj) is int and obj.bit_length() <= MAX_BITS:
            return obj
        if id(obj) not in self._numbers:
            if len(self.objects) >= MAX_NODES:
                raise Unfit(f"it holds more than {MAX_NODES:,} objects")
            self._numbers[id(obj)] = len(self.objects)
            self.objects.append(obj)
            self._depths.append(self._depth)
        return [self._numbers[id(obj)]]

    def _values(self, items: Iterable[object]) -> list[object]:
        return [self._value(item) for item in items]

    def _pairs(self, items: dict[object, object]) -> list[object]:
        return [[self._value(key), self._value(item)] for key, item in items.items()]

    def _named(self, items: Mapping[str, object]) -> list[object]:
        return [[name, self._value(obj)] for name, obj in items.items() if name not in _SKIPPED]

    def _is_key(self, obj: Any) -> bool:
        """Whether the other side finds an object in a dict as this one does."""
        if type(obj) in (tuple, frozenset):
            return all(map(self._is_key, obj))
        if obj is None or type(obj) in (bool, int, float, str, bytes, FunctionType):
            return True
        cls: Any = obj if isinstance(obj, type) else type(obj)
        plain = cls.__eq__ is object.__eq__ and cls.__hash__ in (object.__hash__, _HASH_OF_ENUM)
        return id(obj) in self._library or (self._is_users(cls) and plain)

    def _node(self, obj: Any) -> list[object]:
        kind = type(obj)
        if self._depth > MAX_DEPTH:
            return self._unknown(obj)
        if kind in (set, frozenset, *_DICTS) and not all(map(self._is_key, obj)):
            return self._unknown(obj)
        if kind in (set, frozenset):
            return self._set(obj)
        if kind in (list, tuple):
            return [kind.__name__, self._values(obj)]
        if kind in _DICTS:
            return [_DICTS[kind], self._pairs(obj)]
        if kind is FunctionType and obj.__code__.co_filename == self._filename:
            return self._function(obj)
        if obj is self._print:
            return ["library", "builtins", "print"]
        if id(obj) in self._library:
            return ["library", *self._library[id(obj)]]
        if isinstance(obj, type):
            return self._class(obj) if self._is_users(obj) else self._unknown(obj)
        if self._is_users(kind):
            return self._object(obj)
        return self._other(obj)

    def _set(self, obj: set[object] | frozenset[object]) -> list[object]:
        """In the order of this process, where it is of use and the same in each process."""
        if all(type(item) in (int, bool) for item in obj):
            return [type(obj).__name__, self._values(obj)]
        if any(isinstance(item, type | FunctionType) or self._is_users(type(item)) for item in obj):
            return self._unknown(obj)
        return [type(obj).__name__, self._values(sorted(obj, key=repr))]

    def _unknown(self, obj: object) -> list[object]:
        name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
        return ["unknown", name if type(name) is str else f"a {type(obj).__name__}"]

    def _is_users(self, cls: type) -> bool:
        return cls.__module__ == self._module and type(cls) in (type, abc.ABCMeta, enum.EnumMeta)

    def _other(self, obj: object) -> list[object]:
        """Objects of the library's classes."""
        if type(obj) is np.ndarray and obj.dtype.name in ARRAY_TYPES:
            return ["array", obj.dtype.name, list(obj.shape), obj.tobytes().hex()]
        if isinstance(obj, np.generic) and obj.dtype.name in ARRAY_TYPES:
            return ["scalar", obj.dtype.name, obj.tobytes().hex()]
        if isinstance(obj, ModuleType):
            listed = obj.__name__ in library.MODULES
            return ["module", obj.__name__] if listed else self._unknown(obj)
        match obj:
            case range(start=start, stop=stop, step=step):
                if max(abs(start), abs(stop), abs(step)) < 1 << 53:
                    return ["range", start, stop, step]
            case collections.deque():
                return ["deque", obj.maxlen, self._values(obj)]
            case bytes():
                return ["bytes", obj.hex()]
            case CellType():
                return ["cell", self._cell(obj)]
            case property():
                return ["property", self._value(obj.fget)]
            case staticmethod():
                return ["static", self._value(obj.__func__)]
            case classmethod():
                return ["class method", self._value(obj.__func__)]
            case MethodType():
                return ["method", self._value(obj.__func__), self._value(obj.__self__)]
            case functools._lru_cache_wrapper(__wrapped__=FunctionType() as function):
                if function.__code__.co_filename == self._filename:
                    return [*self._function(function)[:-1], True]
            case logging.Logger():
                return ["logger"]
        return self._unknown(obj)

    def _cell(self, cell: CellType) -> list[object]:
        try:
            return [self._value(cell.cell_contents)]
        except ValueError:  # it is empty
            return []

    def _function(self, function: FunctionType) -> list[object]:
        code = function.__code__
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        return [
            "function",
            code.co_name,
            code.co_firstlineno,
            list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]),
            self._values(function.__defaults__ or ()),
            self._named(function.__kwdefaults__ or {}),
            self._named(cells),
            self._named({k: v for k, v in vars(function).items() if k != "__wrapped__"}),
            False,
        ]

    def _class(self, cls: Any) -> list[object]:
        own = dict(vars(cls)) | dict(getattr(cls, "__members__", {}))
        own = {name: obj for name, obj in own.items() if type(obj) is not MemberDescriptorType}
        fields = getattr(cls, "__dataclass_fields__", None)
        if fields is not None:
            fields = [self._field(each) for each in fields.values() if each.init]
        return ["class", cls.__name__, self._values(cls.__mro__), self._named(own), fields]

    def _field(self, field: Any) -> list[object]:
        """The name of a dataclass's field, its default and its factory, if it has them."""
        given = (field.default, field.default_factory)
        rest = ([] if obj is dataclasses.MISSING else [self._value(obj)] for obj in given)
        return [field.name, *rest]

    def _object(self, obj: object) -> list[object]:
        cls: Any = type(obj)
        if isinstance(obj, tuple) and hasattr(cls, "_fields"):
            users = [base for base in cls.__mro__ if base not in (tuple, object)]
            if not any(name in _OWN_WAYS for base in users for name in vars(base)):
                return ["named", self._value(cls), self._values(obj), list(cls._fields)]
        if isinstance(obj, tuple | list | dict | set | frozenset | int | float | str | bytes):
            return self._unknown(obj)
        own = dict(getattr(obj, "__dict__", {}))
        for base in cls.__mro__:
            for name, found in vars(base).items():
                if type(found) is MemberDescriptorType and hasattr(obj, name):
                    own[name] = found.__get__(obj)
        if isinstance(obj, enum.Enum):
            own |= {"value": obj.value, "name": obj.name}
        return ["object", self._value(cls), self._named(own)]
