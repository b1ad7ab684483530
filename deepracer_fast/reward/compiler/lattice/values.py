"""What the compiler knows about a Python value.

A value is either known (`Const`: the very object) or made of leaves, numbers that exist only at
run time. A type is a value without its leaves: it says which Python it stands for, and how many
leaves it has. Two values are equal if their types are. Where two ways through a function meet, the
types are joined (`joins`); what has no join is a `Conflict`, which may be carried about but not
used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

Leaf = Any  # an LLVM value: double, i64 or i1


class Unsupported(Exception):
    """The compiler cannot follow; `line` of the user's file, 0 if unknown."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


class Value:
    """Base of all values."""


Type = Value  # where nobody looks at the leaves


Args = tuple[Value, ...]
Kwargs = dict[str, Value]


@dataclass(frozen=True, eq=False)
class Const(Value):
    """A Python object that is the same for every car and every call."""

    obj: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and (
            self.obj is other.obj or const_key(self.obj) == const_key(other.obj)
        )

    def __hash__(self) -> int:
        return hash(const_key(self.obj))


@dataclass(frozen=True)
class Num(Value):
    """A number.

    Attributes:
        kind: "b", "i" or "f": bool, int, float.
        leaf: i1, i64 or double.
        np: 0 a plain Python number, 1 a NumPy scalar, 2 either (they differ at division by zero).
        exact: False when a float may stand for an int, or an int for a bool.
    """

    kind: str
    leaf: Leaf = field(default=None, compare=False)
    np: int = 0
    exact: bool = True


@dataclass(frozen=True)
class Str(Value):
    """One of the strings that occur in the program; the leaf is its number."""

    leaf: Leaf = field(default=None, compare=False)


@dataclass(frozen=True)
class Opt(Value):
    """None where the flag is set, otherwise ``value``."""

    flag: Leaf = field(compare=False)
    value: Value


@dataclass(frozen=True)
class Maybe(Value):
    """Not bound to anything where the flag is set, otherwise ``value``."""

    flag: Leaf = field(compare=False)
    value: Value


@dataclass(frozen=True)
class Tup(Value):
    """A tuple, or a list that nobody changes (`sites`: where such a list is made).

    `is_list` is None where it is one or the other, depending on the way taken.
    """

    items: tuple[Value, ...]
    is_list: bool | None = False
    sites: frozenset[Any] = frozenset()


@dataclass(frozen=True)
class Lst(Value):
    """A list in memory; the leaf points at its header. All elements have the type of its site.

    That type is in `joins.Facts`.
    """

    leaf: Leaf = field(compare=False)
    site: Any


@dataclass(frozen=True)
class Arr(Value):
    """A NumPy array of one or two dimensions over a `Tup` or a `Lst`."""

    inner: Value


@dataclass(frozen=True)
class Range(Value):
    """The numbers of ``range(start, stop, step)``."""

    start: Leaf = field(compare=False)
    stop: Leaf = field(compare=False)
    step: int


@dataclass(frozen=True)
class Obj(Value):
    """An object made within the call, its attributes live in the environment.

    `cls` is a `users.UserClass`.
    """

    path: Any
    cls: Any = field(compare=False)


@dataclass(frozen=True)
class Dct(Value):
    """A dict with known keys, its values live in the environment under ``path``."""

    path: Any


@dataclass(frozen=True, eq=False)
class Fn(Value):
    """A function of the user's file, with the frame it was defined in and its defaults."""

    node: Any
    frame: Any
    defaults: tuple[Value, ...] = ()
    kw_defaults: tuple[Value | None, ...] = ()
    key: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fn) and self._which() == other._which()

    def __hash__(self) -> int:
        return hash(self._which())

    def _which(self) -> tuple[Any, ...]:
        return id(self.node), getattr(self.frame, "path", None), self.key


@dataclass(frozen=True)
class Bound(Value):
    """A method with its object, or a built-in method by name."""

    fn: Value | str
    self: Value


@dataclass(frozen=True, eq=False)
class Lazy(Value):
    """What zip, enumerate, reversed and map return: items by position."""

    seq: Any


@dataclass(frozen=True, eq=False)
class Choice(Value):
    """One of several known objects; the leaf is its position."""

    leaf: Leaf
    objs: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)

    @property
    def keys(self) -> tuple[Any, ...]:
        """What tells the objects apart."""
        return tuple(map(const_key, self.objs))


@dataclass(frozen=True)
class Opaque(Value):
    """A value that only print may use, such as a formatted text."""

    what: str = field(default="text made at run time", compare=False)


@dataclass(frozen=True)
class Conflict(Value):
    """A value of different types on different ways; it must not be used."""

    why: str


UNBOUND = Conflict("a name that is not bound")
NONE = Const(None)
SCALARS = (bool, int, float, str, type(None))
KINDS = {bool: "b", int: "i", float: "f"}


def const_key(obj: Any) -> Any:
    """Equal for objects that are the same value to Python, sign of zero and type included."""
    if type(obj) in SCALARS:
        return (type(obj).__name__, repr(obj))
    if type(obj) is tuple:
        return ("tuple", *(const_key(item) for item in obj))
    return ("id", id(obj))


def is_none(value: Value) -> bool:
    """Whether a value is known to be None."""
    return isinstance(value, Const) and value.obj is None


def type_of(value: Value) -> Type:
    """The type of a value."""
    return with_leaves(value, repeat(None))


def leaf_kinds(typ: Type) -> list[str]:
    """The kinds of a type's leaves in order: "b", "i" or "f"; pointers count as "i"."""
    match typ:
        case Num(kind):
            return [kind]
        case Str() | Lst() | Choice():
            return ["i"]
        case Opt(_, inner) | Maybe(_, inner):
            return ["b", *leaf_kinds(inner)]
        case Tup(items):
            return [kind for item in items for kind in leaf_kinds(item)]
        case Arr(inner):
            return leaf_kinds(inner)
        case Range():
            return ["i", "i"]
    return []


def with_leaves(typ: Type, leaves: Iterator[Leaf]) -> Value:
    """The value of a type with the leaves that come next, in the order of `leaf_kinds`."""
    match typ:
        case Num(kind, _, np, exact):
            return Num(kind, next(leaves), np, exact)
        case Str():
            return Str(next(leaves))
        case Opt(_, inner) | Maybe(_, inner):
            return type(typ)(next(leaves), with_leaves(inner, leaves))
        case Tup(items, is_list, sites):
            return Tup(tuple(with_leaves(item, leaves) for item in items), is_list, sites)
        case Lst(_, site):
            return Lst(next(leaves), site)
        case Arr(inner):
            return Arr(with_leaves(inner, leaves))
        case Range(_, _, step):
            return Range(next(leaves), next(leaves), step)
        case Choice(_, objs):
            return Choice(next(leaves), objs)
    return typ
