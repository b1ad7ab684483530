"""What the compiler knows about a Python value: values, their types, and the join of two types.

A value is either known (`Const`: the very object) or made of leaves, numbers that exist only at
run time. Its type says which Python it stands for and how many leaves it has. Where two ways
through a function meet, the types are joined; what has no join becomes a `Conflict`, which may be
carried about but not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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


Args = tuple[Value, ...]
Kwargs = dict[str, Value]


@dataclass(frozen=True, eq=False)
class Const(Value):
    """A Python object that is the same for every car and every call."""

    obj: Any


@dataclass(frozen=True, eq=False)
class Num(Value):
    """A number.

    Attributes:
        kind: "b", "i" or "f": bool, int, float.
        leaf: i1, i64 or double.
        np: 0 a plain Python number, 1 a NumPy scalar, 2 either (they differ at division by zero).
        exact: False when a float may stand for an int, or an int for a bool.
    """

    kind: str
    leaf: Leaf
    np: int = 0
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Str(Value):
    """One of the strings that occur in the program; the leaf is its number."""

    leaf: Leaf


@dataclass(frozen=True, eq=False)
class Opt(Value):
    """None where the flag is set, otherwise ``value``."""

    flag: Leaf
    value: Value


@dataclass(frozen=True, eq=False)
class Maybe(Value):
    """Not bound to anything where the flag is set, otherwise ``value``."""

    flag: Leaf
    value: Value


@dataclass(frozen=True, eq=False)
class Tup(Value):
    """A tuple, or a list that nobody changes (`sites`: where such a list is made).

    `is_list` is None where it is one or the other, depending on the way taken.
    """

    items: tuple[Value, ...]
    is_list: bool | None = False
    sites: frozenset[Any] = frozenset()


@dataclass(frozen=True, eq=False)
class Lst(Value):
    """A list in memory; the leaf points at its header. All elements have the type of its site."""

    leaf: Leaf
    site: Any


@dataclass(frozen=True, eq=False)
class Arr(Value):
    """A NumPy array of one or two dimensions over a `Tup` or a `Lst`."""

    inner: Value


@dataclass(frozen=True, eq=False)
class Range(Value):
    """The numbers of ``range(start, stop, step)``."""

    start: Leaf
    stop: Leaf
    step: int


@dataclass(frozen=True, eq=False)
class Obj(Value):
    """An object made within the call, its attributes live in the environment.

    `cls` is a `users.UserClass`.
    """

    path: Any
    cls: Any


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class Opaque(Value):
    """A value that only print may use, such as a formatted text."""

    what: str = "text made at run time"


@dataclass(frozen=True, eq=False)
class Conflict(Value):
    """A value of different types on different ways; it must not be used."""

    why: str


UNBOUND = Conflict("a name that is not bound")
NONE = Const(None)


@dataclass(frozen=True)
class Type:
    """Base of all types."""


@dataclass(frozen=True)
class TConst(Type):
    """Of a `Const`; two of them are equal if Python could not tell the objects apart."""

    key: Any
    obj: Any = field(compare=False, hash=False)


@dataclass(frozen=True)
class TNum(Type):
    """Of a `Num`."""

    kind: str
    np: int = 0
    exact: bool = True


@dataclass(frozen=True)
class TStr(Type):
    """Of a `Str`."""


@dataclass(frozen=True)
class TOpt(Type):
    """Of an `Opt`."""

    inner: Type


@dataclass(frozen=True)
class TMaybe(Type):
    """Of a `Maybe`."""

    inner: Type


@dataclass(frozen=True)
class TTup(Type):
    """Of a `Tup`."""

    items: tuple[Type, ...]
    is_list: bool | None = False
    sites: frozenset[Any] = frozenset()


@dataclass(frozen=True)
class TLst(Type):
    """Of a `Lst`; the site's element type is in `joins.Facts`."""

    site: Any


@dataclass(frozen=True)
class TArr(Type):
    """Of an `Arr`."""

    inner: Type


@dataclass(frozen=True)
class TChoice(Type):
    """Of a `Choice`."""

    keys: tuple[Any, ...]
    objs: tuple[Any, ...] = field(compare=False, hash=False)


@dataclass(frozen=True)
class TRange(Type):
    """Of a `Range`."""

    step: int


@dataclass(frozen=True)
class TStatic(Type):
    """A value without leaves that is the same on all ways: objects, dicts, functions, texts."""

    key: Any
    value: Value = field(compare=False, hash=False)


@dataclass(frozen=True)
class TConflict(Type):
    """Of a `Conflict`."""

    why: str


@dataclass(frozen=True)
class TUnbound(Type):
    """Of a name that is not bound."""


_SCALARS = (bool, int, float, str, type(None))


def const_key(obj: Any) -> Any:
    """Equal for objects that are the same value to Python, sign of zero and type included."""
    if type(obj) in _SCALARS:
        return (type(obj).__name__, repr(obj))
    if type(obj) is tuple:
        return ("tuple", *(const_key(item) for item in obj))
    return ("id", id(obj))


def type_of(value: Value) -> Type:
    """The type of a value."""
    match value:
        case Const(obj):
            return TConst(const_key(obj), obj)
        case Num(kind, _, np, exact):
            return TNum(kind, np, exact)
        case Str():
            return TStr()
        case Opt(_, inner):
            return TOpt(type_of(inner))
        case Maybe(_, inner):
            return TMaybe(type_of(inner))
        case Tup(items, is_list, sites):
            return TTup(tuple(type_of(item) for item in items), is_list, sites)
        case Lst(_, site):
            return TLst(site)
        case Arr(inner):
            return TArr(type_of(inner))
        case Range(_, _, step):
            return TRange(step)
        case Choice(_, objs):
            return TChoice(tuple(const_key(obj) for obj in objs), objs)
        case Conflict(why):
            return TUnbound() if value is UNBOUND else TConflict(why)
    return TStatic(_static_key(value), value)


def _static_key(value: Value) -> Any:
    match value:
        case Obj(path, _) | Dct(path):
            return (type(value).__name__, path)
        case Fn(node, frame, _, _, key):
            return ("Fn", id(node), getattr(frame, "path", None), key)
        case Bound(fn, owner):
            return ("Bound", fn if isinstance(fn, str) else type_of(fn), type_of(owner))
        case Opaque():
            return ("Opaque",)
    return ("id", id(value))


def leaf_kinds(typ: Type) -> list[str]:
    """The kinds of a type's leaves in order: "b", "i" or "f"; pointers count as "i"."""
    match typ:
        case TNum(kind):
            return [kind]
        case TStr() | TLst() | TChoice():
            return ["i"]
        case TOpt(inner) | TMaybe(inner):
            return ["b", *leaf_kinds(inner)]
        case TTup(items):
            return [kind for item in items for kind in leaf_kinds(item)]
        case TArr(inner):
            return leaf_kinds(inner)
        case TRange():
            return ["i", "i"]
    return []


def leaves_of(value: Value) -> list[Leaf]:
    """The leaves of a value, in the order of `leaf_kinds`."""
    match value:
        case Num(_, leaf) | Str(leaf) | Lst(leaf) | Choice(leaf):
            return [leaf]
        case Opt(flag, inner) | Maybe(flag, inner):
            return [flag, *leaves_of(inner)]
        case Tup(items):
            return [leaf for item in items for leaf in leaves_of(item)]
        case Arr(inner):
            return leaves_of(inner)
        case Range(start, stop, _):
            return [start, stop]
    return []


def value_from(typ: Type, leaves: list[Leaf]) -> Value:
    """The value of a type from its leaves, which are taken off the front of the list."""
    match typ:
        case TConst(_, obj):
            return Const(obj)
        case TNum(kind, np, exact):
            return Num(kind, leaves.pop(0), np, exact)
        case TStr():
            return Str(leaves.pop(0))
        case TOpt(inner):
            return Opt(leaves.pop(0), value_from(inner, leaves))
        case TMaybe(inner):
            return Maybe(leaves.pop(0), value_from(inner, leaves))
        case TTup(items, is_list, sites):
            return Tup(tuple(value_from(item, leaves) for item in items), is_list, sites)
        case TLst(site):
            return Lst(leaves.pop(0), site)
        case TArr(inner):
            return Arr(value_from(inner, leaves))
        case TRange(step):
            return Range(leaves.pop(0), leaves.pop(0), step)
        case TChoice(_, objs):
            return Choice(leaves.pop(0), objs)
        case TStatic(_, value):
            return value
        case TConflict(why):
            return Conflict(why)
    return UNBOUND
