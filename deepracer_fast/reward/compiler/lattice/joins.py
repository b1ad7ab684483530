"""Joins of types, and what the passes over a program learn about its lists, loops and state.

The compiler emits a program again and again. Each pass assumes what `Facts` says, notes what it
finds to be wider, and starts over (`Restart`) until a pass finds nothing new. Where the rest of a
pass can still learn something, it goes on: `Facts.void` says that its code is no good.
"""

from dataclasses import dataclass, field
from typing import Any

from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.users import type_name
from deepracer_fast.reward.compiler.lattice.values import Type, Unsupported

MAX_STATIC = 16  # items of a constant list that are still treated one by one
_LARGEST_TABLE = 30_000  # rows of a list that the program holds
_ORDER = "bif"


class Restart(Exception):
    """A fact became wider: what was emitted so far is void."""


@dataclass
class Slot:
    """One piece of state that outlives a call: an attribute, a module variable, a key, a list."""

    owner: Any
    kind: str  # "attr", "global", "key", "list" or "cell"
    name: Any
    initial: Any
    type: Type


@dataclass
class Facts:
    """What is known about the program so far; it only ever widens."""

    void: bool = False  # this pass has found a fact, and what it emits is not for use
    dynamic: set[Any] = field(default_factory=set)  # sites whose list lives in memory
    frozen: set[Any] = field(default_factory=set)  # list sites that must not be changed
    mixed: set[Any] = field(default_factory=set)  # sites some of whose lists are such
    tuples: set[Any] = field(default_factory=set)  # sites some of whose lists stand for tuples
    loops: dict[Any, dict[Any, Type]] = field(default_factory=dict)
    slots: dict[Any, Slot] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    consts: dict[int, Any] = field(default_factory=dict)  # id -> table kept in memory
    made: dict[Any, Any] = field(default_factory=dict)  # constants made while compiling
    paths: dict[Any, int] = field(default_factory=dict)  # short names of places
    maxlen: dict[Any, int] = field(default_factory=dict)  # of deques, by site
    _element: dict[Any, Type] = field(default_factory=dict)
    _parent: dict[Any, Any] = field(default_factory=dict)

    def root(self, site: Any) -> Any:
        """The name that a list site shares with those it was joined with."""
        while site in self._parent:
            site = self._parent[site]
        return site

    def element(self, site: Any) -> Type | None:
        """The type of a site's elements; None while it has none."""
        return self._element.get(self.root(site))

    def is_frozen(self, site: Any) -> bool:
        """Whether every list of this site belongs to the params or to the program."""
        return self.root(site) in self.frozen and not self.is_mixed(site)

    def is_mixed(self, site: Any) -> bool:
        """Whether a list of this site may be one that must not be changed."""
        return self.root(site) in self.mixed

    def may_be_tuple(self, site: Any) -> bool:
        """Whether a list of this site may stand for a tuple; if so it must not be changed."""
        return self.root(site) in self.tuples

    def wider_element(self, site: Any, typ: Type) -> Type:
        """The type that holds a site's elements and one more."""
        old, new = self.element(site), self.widen(typ)
        return new if old is None else self.join(old, new)

    def replace_element(self, site: Any, typ: Type) -> None:
        """Gives a site's elements another type, of which nothing that was emitted knows."""
        self._element[self.root(site)] = typ

    def widen_element(self, site: Any, typ: Type) -> None:
        """Lets a site hold elements of one more type."""
        old, new = self.element(site), self.wider_element(site, typ)
        if isinstance(new, py.Conflict):
            raise Unsupported(f"a list of {new.why}")
        if new != old:
            self.replace_element(site, new)
            if old is not None:
                raise Restart
            self.void |= site not in self.frozen

    def set_element(self, site: Any, typ: Type) -> None:
        """Names a new site's element type, before any of it was used."""
        self._element.setdefault(self.root(site), typ)

    def unify(self, first: Any, second: Any) -> Any:
        """Makes two sites one."""
        a, b = self.root(first), self.root(second)
        if a == b:
            return a
        types = [self._element[site] for site in (a, b) if site in self._element]
        joined = types[0] if len(types) == 1 else self.join(*types) if types else None
        if isinstance(joined, py.Conflict):
            raise Unsupported(f"a list of {joined.why}")
        a, b = self.root(a), self.root(b)
        if a == b:
            raise Restart
        self._parent[b] = a
        if {a, b} & self.mixed or (a in self.frozen) != (b in self.frozen):
            self.mixed.add(a)
        if b in self.tuples:
            self.tuples.add(a)
        if joined is not None:
            self._element[a] = joined
        raise Restart

    def make_dynamic(self, sites: Any) -> None:
        """Moves lists into memory."""
        new = set(sites) - self.dynamic
        if not new:
            raise Unsupported("a list that is changed in more than one way")
        self.dynamic |= new
        raise Restart

    def widen(self, typ: Type) -> Type:
        """The run-time type of what was known, for places that hold more than one value."""
        if isinstance(typ, py.Const):
            return self._widen_const(typ)
        if isinstance(typ, py.Tup):
            return py.Tup(tuple(self.widen(item) for item in typ.items), typ.is_list, typ.sites)
        if isinstance(typ, py.Opt):
            return py.Opt(None, self.widen(typ.value))
        if isinstance(typ, py.Maybe):
            return py.Maybe(None, self.widen(typ.value))
        return typ

    def _widen_const(self, typ: py.Const) -> Type:
        obj = typ.obj
        if type(obj) in py.KINDS:
            return py.Num(py.KINDS[type(obj)])
        if type(obj) is str:
            return py.Str()
        if type(obj) in (tuple, list):
            if type(obj) is tuple or len(obj) <= MAX_STATIC:
                items = tuple(self.widen(py.Const(item)) for item in obj)
                return py.Tup(items, type(obj) is list)
            return py.Lst(None, self.const_site(obj))
        if type(obj).__module__ == "numpy" and getattr(obj, "shape", None) == ():
            kind = {"f": "f", "i": "i", "u": "i", "b": "b"}.get(obj.dtype.kind)
            return typ if kind is None else py.Num(kind, np=1)
        return typ

    def const_site(self, obj: Any) -> Any:
        """The site of a list or tuple of the program that is kept in memory."""
        site = ("const", id(obj))
        if id(obj) not in self.consts:
            if len(obj) > _LARGEST_TABLE:
                raise Unsupported(f"a table of more than {_LARGEST_TABLE:,} rows")
            self.frozen.add(site)
            for item in obj:
                new = self.wider_element(site, py.Const(item))
                if isinstance(new, py.Conflict):
                    raise Unsupported(f"a table of {new.why}")
                self.replace_element(site, new)
            self.consts[id(obj)] = obj
        return site

    def join(self, a: Type, b: Type) -> Type:
        """The narrowest type that holds both."""
        if a == b:
            return a
        if a is py.UNBOUND or b is py.UNBOUND:
            return self._maybe(b if a is py.UNBOUND else a)
        if isinstance(a, py.Conflict) or isinstance(b, py.Conflict):
            return a if isinstance(a, py.Conflict) else b
        if isinstance(a, py.Maybe) or isinstance(b, py.Maybe):
            return self._maybe(self.join(_within(py.Maybe, a), _within(py.Maybe, b)))
        if py.is_none(a) or py.is_none(b):
            return self._optional(b if py.is_none(a) else a)
        if isinstance(a, py.Opt) or isinstance(b, py.Opt):
            return self._optional(self.join(_within(py.Opt, a), _within(py.Opt, b)))
        return self._join_present(self.widen(a), self.widen(b))

    def _maybe(self, typ: Type) -> Type:
        if isinstance(typ, py.Maybe | py.Conflict):
            return typ
        return py.Maybe(None, typ)

    def _optional(self, typ: Type) -> Type:
        if isinstance(typ, py.Opt | py.Conflict):
            return typ
        if isinstance(typ, py.Maybe):
            return py.Maybe(None, self._optional(typ.value))
        return py.Opt(None, self.widen(typ))

    def _join_present(self, a: Type, b: Type) -> Type:
        if a == b:
            return a
        match a, b:
            case py.Num(), py.Num():
                kind = max(a.kind, b.kind, key=_ORDER.index)
                same = a.kind == b.kind
                exact = same and a.exact and b.exact
                return py.Num(kind, None, a.np if a.np == b.np else 2, exact)
            case py.Tup(), py.Tup():
                return self._join_tuples(a, b)
            case py.Lst(_, first), py.Lst(_, second):
                return self._join_lists(first, second)
            case py.Arr(first), py.Arr(second):
                inner = self.join(first, second)
                return inner if isinstance(inner, py.Conflict) else py.Arr(inner)
            case py.Tup(), py.Lst(_, site):
                return self._join_items(a, site)
            case py.Lst(_, site), py.Tup():
                return self._join_items(b, site)
        first, second = _choices(a), _choices(b)
        if first is not None and second is not None:
            objs = dict(zip(first.keys, first.objs, strict=True))
            objs |= dict(zip(second.keys, second.objs, strict=True))
            return py.Choice(None, tuple(objs.values()))
        if isinstance(a, py.Opaque) or isinstance(b, py.Opaque):
            return py.Opaque()
        return py.Conflict(f"{describe(a)} or {describe(b)}, depending on the way taken")

    def _join_lists(self, first: Any, second: Any) -> Type:
        """One site for both; a list of params stays as it lies, and is copied if need be."""
        for site, other in ((first, second), (second, first)):
            own, rest = self.element(site), self.element(other)
            lies = site[0] == "param" and own is not None and rest is not None
            if lies and self.join(own, rest) != own:  # type: ignore[arg-type]
                return self._join_items(py.Tup((own,), True), other)  # type: ignore[arg-type]
        return py.Lst(None, self.unify(first, second))

    def _join_items(self, tup: py.Tup, site: Any) -> Type:
        """A list in memory, or one with known items: the second is copied where they meet."""
        if tup.sites - self.dynamic:
            self.make_dynamic(tup.sites)
        for item in tup.items:
            new = self.wider_element(site, item)
            if isinstance(new, py.Conflict):
                return new
            self.widen_element(site, item)
        root, is_tuple = self.root(site), tup.is_list is not True
        if (is_tuple or not tup.sites) and root not in (self.tuples if is_tuple else self.mixed):
            self.mixed.add(root)
            if is_tuple:
                self.tuples.add(root)
            raise Restart
        return py.Lst(None, site)

    def _join_tuples(self, a: py.Tup, b: py.Tup) -> Type:
        sites = a.sites | b.sites
        if len(a.items) == len(b.items):
            items = tuple(self.join(x, y) for x, y in zip(a.items, b.items, strict=True))
            conflict = next((item for item in items if isinstance(item, py.Conflict)), None)
            return conflict or py.Tup(items, a.is_list if a.is_list == b.is_list else None, sites)
        if a.is_list and b.is_list and a.sites and b.sites and sites - self.dynamic:
            self.make_dynamic(sites)
        return py.Conflict("tuples or lists of different lengths")


def _choices(typ: Type) -> py.Choice | None:
    """A known object, or one of several."""
    if isinstance(typ, py.Const) and typ.obj is not None:
        return py.Choice(None, (typ.obj,))
    return typ if isinstance(typ, py.Choice) else None


def _within(holder: Any, typ: Type) -> Type:
    """What a `Maybe` or an `Opt` holds; other types as they are."""
    return typ.value if isinstance(typ, holder) else typ


def describe(typ: Type) -> str:
    """A type in a user's words."""
    names = {"b": "bool", "i": "int", "f": "float"}
    match typ:
        case py.Num(kind):
            return f"a {names[kind]}"
        case py.Str():
            return "a string"
        case py.Tup(_, is_list):
            return {True: "a list", False: "a tuple", None: "a list or a tuple"}[is_list]
        case py.Lst():
            return "a list"
        case py.Arr():
            return "an array"
        case py.Range():
            return "a range"
        case py.Const(obj):
            return f"a {type_name(obj)}"
        case py.Opt(_, inner):
            return f"None or {describe(inner)}"
    return "an object"
