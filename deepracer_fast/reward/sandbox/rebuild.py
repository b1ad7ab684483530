"""Reads a description: the values of a user's module, without anything of it being run.

In: what `describe` sent, which may be anything at all. Out: `Module`, the names with plain values
and stand-ins (`compiler.users`). The text is checked against `FIELDS` as a whole before any
of it is used; the objects made of it are Python's own, the library's, or stand-ins.
"""

from __future__ import annotations

import collections
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepracer_fast.reward import library
from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.sandbox.channel import Malformed
from deepracer_fast.reward.sandbox.describe import ARRAY_TYPES, MAX_BITS, MAX_DEPTH, MAX_NODES

MAX_BYTES = 1 << 26


@dataclass(eq=False)
class Module:
    """The names of a user's module."""

    names: dict[str, Any]  # the module variables
    numbers: dict[int, int]  # of what may change, by `id`: its number in the description


Check = Callable[["_Reader", Any], bool]


def _is(kind: type) -> Check:
    return lambda _, field: type(field) is kind


def _list_of(check: Check) -> Check:
    return lambda reader, field: type(field) is list and all(check(reader, e) for e in field)


def _row_of(*checks: Check) -> Check:
    """A list with a field for each check."""
    return lambda reader, field: (
        type(field) is list
        and len(field) == len(checks)
        and all(check(reader, each) for check, each in zip(checks, field, strict=True))
    )


def _refers_to(kind: str) -> Check:
    return lambda reader, field: _value(reader, field) and reader.is_kind(field, kind)


def _number(_: _Reader, field: object) -> bool:
    return type(field) is int and abs(field) < 1 << 53


def _size(reader: _Reader, field: Any) -> bool:
    return _number(reader, field) and field >= 0


def _room(reader: _Reader, field: object) -> bool:
    return field is None or _size(reader, field)


def _value(reader: _Reader, field: object) -> bool:
    if type(field) is list:
        (number,) = field if len(field) == 1 else (None,)
        return type(number) is int and 0 <= number < len(reader.nodes)
    if type(field) is int:
        return field.bit_length() <= MAX_BITS
    return field is None or type(field) in (bool, float, str)


def _maybe(reader: _Reader, field: Any) -> bool:
    return _values(reader, field) and len(field) <= 1


def _fields(reader: _Reader, field: object) -> bool:
    return field is None or _list_of(_row_of(_text, _maybe, _maybe))(reader, field)


_text, _flag = _is(str), _is(bool)
_texts, _values = _list_of(_text), _list_of(_value)
_pairs = _list_of(_row_of(_value, _value))
_named = _list_of(_row_of(_text, _value))
_cells = _list_of(_row_of(_text, _refers_to("cell")))
_class = _refers_to("class")

_WRAPPERS = {"property": property, "static": staticmethod, "class method": classmethod}
FIELDS: dict[str, tuple[Check, ...]] = {
    **dict.fromkeys(("list", "tuple", "set", "frozenset"), (_values,)),
    **dict.fromkeys(("dict", "ordered", "default", "counter"), (_pairs,)),
    "deque": (_room, _values),
    "range": (_number, _number, _number),
    "bytes": (_text,),
    "array": (_text, _list_of(_size), _text),
    "scalar": (_text, _text),
    # name, line, arguments, defaults, keyword defaults, cells, attributes, whether it is cached
    "function": (_text, _number, _texts, _values, _named, _cells, _named, _flag),
    "cell": (_maybe,),
    "method": (_value, _value),
    **dict.fromkeys(_WRAPPERS, (_value,)),
    "class": (_text, _values, _named, _fields),  # name, order, attributes, fields
    "object": (_class, _named),
    "named": (_class, _values, _texts),
    "module": (_text,),
    "library": (_text, _text),
    "logger": (),
    "unknown": (_text,),
}
_EMPTY: dict[str, Callable[[], Any]] = {
    "list": list,
    "set": set,
    "dict": dict,
    "ordered": collections.OrderedDict,
    "default": collections.defaultdict,
    "counter": collections.Counter,
    "cell": users.Cell,
    "class": lambda: users.UserClass(""),
    "function": lambda: users.UserFunction("", 0, ()),
}
_FILLED = (  # in this order: what is in a dict or set must have a hash
    *("class", "cell", "function", "object", "list", "deque"),
    *("dict", "ordered", "default", "counter", "set"),
)


def rebuild(text: bytes) -> Module:
    """The module that a description tells of.

    Raises:
        Malformed: it breaks a rule.
    """
    if len(text) > MAX_BYTES:
        raise Malformed("it is too long")
    try:
        return _Reader(json.loads(text)).module()
    except (ValueError, TypeError, KeyError, LookupError, RecursionError) as error:
        raise Malformed(f"{type(error).__name__} in it") from error


class _Reader:
    """One description on its way to objects."""

    def __init__(self, data: object) -> None:
        if type(data) is not dict or data.keys() != {"names", "nodes"}:
            raise Malformed("it must have names and nodes")
        self.nodes = data["nodes"]
        if type(self.nodes) is not list or len(self.nodes) > MAX_NODES:
            raise Malformed(f"it may have {MAX_NODES:,} nodes")
        for node in self.nodes:
            self._check(node)
        if not _named(self, data["names"]):
            raise Malformed("names must be pairs of a text and a value")
        self._names = data["names"]
        self._made: dict[int, Any] = {}
        self._open: set[int] = set()

    def _check(self, node: object) -> None:
        if type(node) is not list or not node or type(node[0]) is not str:
            raise Malformed("a node must be a list that begins with its kind")
        kind, *fields = node
        checks = FIELDS.get(kind)
        if checks is None or len(checks) != len(fields):
            raise Malformed(f"there is no such node: {kind:.20}")
        if not _row_of(*checks)(self, fields):
            raise Malformed(f"a node is not what a {kind} must be")

    def is_kind(self, value: object, kind: str) -> bool:
        """Whether a value refers to a node of a kind."""
        return type(value) is list and self.nodes[value[0]][:1] == [kind]

    def module(self) -> Module:
        """All objects; those that may hold themselves are made empty first, then filled."""
        for number, (kind, *fields) in enumerate(self.nodes):
            if kind in _EMPTY:
                self._made[number] = _EMPTY[kind]()
            elif kind == "deque":
                self._made[number] = collections.deque(maxlen=fields[0])
        for number, (kind, *fields) in enumerate(self.nodes):
            if kind == "object":
                self._made[number] = users.UserObject(self._made[fields[0][0]], {})
        numbers = {id(obj): number for number, obj in self._made.items()}
        for kind in _FILLED:
            for number, (found, *fields) in enumerate(self.nodes):
                if found == kind:
                    self._fill(kind, self._made[number], fields)
        return Module({name: self.value(each) for name, each in self._names}, numbers)

    def value(self, field: object) -> Any:
        """What a value stands for."""
        if type(field) is not list:
            return field
        number = field[0]
        if number not in self._made:
            if number in self._open or len(self._open) > MAX_DEPTH:
                raise Malformed("it is nested too deeply")
            self._open.add(number)
            self._made[number] = self._frozen(*self.nodes[number])
            self._open.remove(number)
        return self._made[number]

    def _values(self, fields: list[Any]) -> list[Any]:
        return [self.value(each) for each in fields]

    def _dict(self, pairs: list[Any]) -> dict[Any, Any]:
        return {self.value(key): self.value(each) for key, each in pairs}

    def _fill(self, kind: str, made: Any, fields: list[Any]) -> None:
        match kind:
            case "list" | "deque":
                made.extend(self._values(fields[-1]))
            case "set":
                made.update(self._values(fields[0]))
            case "cell":
                made.contents = self._perhaps(fields[0])
            case "class":
                made.name, made.order = fields[0], tuple(self._values(fields[1]))
                made.attributes = self._dict(fields[2])
                if fields[3] is not None:
                    made.fields = tuple(
                        users.Field(name, *map(self._perhaps, rest)) for name, *rest in fields[3]
                    )
            case "object":
                made.attributes = self._dict(fields[1])
            case "function":
                made.name, made.line, made.arguments = fields[0], fields[1], tuple(fields[2])
                made.defaults = tuple(self._values(fields[3]))
                made.kw_defaults, made.cells, made.attributes = map(self._dict, fields[4:7])
                made.cached = fields[7]
            case _:
                made.update(self._dict(fields[0]))

    def _perhaps(self, field: list[Any]) -> Any:
        return self.value(field[0]) if field else users.MISSING

    def _frozen(self, kind: str, *fields: Any) -> Any:
        """What cannot be changed is made at once."""
        match kind:
            case "tuple" | "frozenset":
                items = self._values(fields[0])
                return tuple(items) if kind == "tuple" else frozenset(items)
            case "named":
                return self._named_tuple(*fields)
            case "range":
                return range(*fields)
            case "bytes":
                return bytes.fromhex(fields[0])
            case "array" | "scalar":
                return _numpy(fields[0], bytes.fromhex(fields[-1]), fields[1:-1])
            case "method":
                return users.UserMethod(self.value(fields[0]), self.value(fields[1]))
            case "property" | "static" | "class method":
                return _WRAPPERS[kind](self.value(fields[0]))
            case "module":
                return library.module(fields[0]) or users.Unknown(fields[0])
            case "library":
                return _member(*fields)
            case "logger":
                return logging.getLogger("reward")
        return users.Unknown(fields[0])

    def _named_tuple(self, cls: object, items: list[Any], names: list[str]) -> users.UserTuple:
        if len(items) != len(names):
            raise Malformed("a named tuple must have as many items as names")
        made = users.UserTuple(self._values(items))
        made.cls, made.fields = self.value(cls), tuple(names)
        return made


def _numpy(dtype: str, data: bytes, shape: tuple[Any, ...]) -> Any:
    if dtype not in ARRAY_TYPES:
        raise Malformed(f"there are no arrays of {dtype:.20}")
    if math.prod(max(size, 1) for sizes in shape for size in sizes) > MAX_BYTES:
        raise Malformed("an array is too large")
    flat = np.frombuffer(data, np.uint8 if dtype == "bool" else dtype)
    flat = flat != 0 if dtype == "bool" else flat
    if not shape:
        (number,) = flat
        return number
    return flat.reshape(shape[0])


def _member(module: str, name: str) -> Any:
    owner = library.module(module)
    try:
        return users.Unknown(f"{module}.{name}") if owner is None else library.member(owner, name)
    except (LookupError, ValueError):
        return users.Unknown(f"{module}.{name}")
