"""Built-in functions: sorting, new containers, numbers, questions about types."""

from __future__ import annotations

import ast
import builtins
import collections
from typing import Any

from deepracer_fast.reward.compiler.arithmetic import boolean
from deepracer_fast.reward.compiler.emitter import FALSE, I64, TRUE, i64
from deepracer_fast.reward.compiler.iteration import Gen, Iteration
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported, describe
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.users import (
    STAND_INS,
    UserObject,
    UserTuple,
    class_of,
    is_callable,
    is_subclass,
    type_name,
)
from deepracer_fast.reward.compiler.values import (
    NONE,
    Arr,
    Const,
    Dct,
    Lst,
    Num,
    Obj,
    Opaque,
    Opt,
    Str,
    Tup,
    Value,
    type_of,
)

_NUMBER_TYPES = {"b": bool, "i": int, "f": float}


class Calls(Iteration):
    """Built-in functions."""

    def _builtin_sorted(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        reverse = kw.get("reverse", Const(False))
        if not isinstance(reverse, Const):
            raise Unsupported("a sort whose direction is not known", self.line)
        key = kw.get("key")
        if isinstance(key, Const) and key.obj is None:
            key = None
        site = ("sorted", self.place())
        return self.sort_into(site, self.seq(self.gathered(args[0])), key, bool(reverse.obj))

    def sort_into(self, site: Any, seq: Seq, key: Value | None, reverse: bool) -> Lst:
        """A new sorted list; stable, by insertion."""
        work = self.new_list((site, "work"), seq.length())

        def put(item: Value) -> None:
            rank = item if key is None else self.call(key, (item,), {})
            self.append(work, Tup((rank, item)))

        self.each((site, "put"), seq, put)
        self._insertion_sort(site, work, reverse)
        done = self.new_list(site, self.length(work))

        def take(pair: Value) -> None:
            self.append(done, pair.items[1])  # type: ignore[attr-defined]

        self.each((site, "take"), self.seq(work), take)
        return done

    def _insertion_sort(self, site: Any, work: Lst, reverse: bool) -> None:
        if self.facts.element(work.site) is None:
            return
        outer, inner = self.alloca(I64), self.alloca(I64)
        self.b.store(i64(1), outer)

        def unsorted() -> Any:
            return self.b.icmp_signed("<", self.b.load(outer), self.length(work))

        def advance() -> None:
            self.b.store(self.b.add(self.b.load(outer), i64(1)), outer)

        def sink() -> None:
            self.b.store(self.b.load(outer), inner)
            self._sink(site, work, inner, reverse)

        self.loop((site, "sort"), unsorted, sink, advance)

    def _sink(self, site: Any, work: Lst, inner: Any, reverse: bool) -> None:
        """Moves the item at ``inner`` down to its place among those before it."""

        def not_first() -> Any:
            return self.b.icmp_signed(">", self.b.load(inner), i64(0))

        def step() -> None:
            at = self.b.load(inner)
            before = self.b.sub(at, i64(1))
            low, high = self.load_element(work, before), self.load_element(work, at)
            a, b = low.items[0], high.items[0]  # type: ignore[attr-defined]
            wrong = self.less(a, b) if reverse else self.less(b, a)

            def swap() -> None:
                self.store_element(work, before, high)
                self.store_element(work, at, low)
                self.b.store(before, inner)

            def stop() -> Value:
                self.b.store(i64(0), inner)
                return NONE

            def swapped() -> Value:
                swap()
                return NONE

            self.if_else(wrong, swapped, stop)

        self.loop((site, "sink"), not_first, step)

    def _builtin_list(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        site = ("list", self.place())
        if not args:
            return self.make_list(site, ())
        value = self.gathered(args[0])
        seq = self.seq(value)
        if seq.static is not None and seq.static <= MAX_STATIC:
            return self.make_list(site, tuple(seq.get(k) for k in range(seq.static)))
        if isinstance(args[0], Gen) and isinstance(value, Lst):
            return value
        return self.to_list(site, value)

    def make_list(self, site: Any, items: tuple[Value, ...]) -> Value:
        """A list display."""
        if site in self.facts.dynamic or len(items) > MAX_STATIC * 4:
            lst = self.new_list(site, i64(len(items)))
            for item in items:
                self.append(lst, item)
            return lst
        return Tup(items, True, frozenset([site]))

    def _builtin_tuple(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if not args:
            return Const(())
        value = self.gathered(args[0])
        seq = self.seq(value)
        if seq.static is not None:
            return Tup(tuple(seq.get(k) for k in range(seq.static)))
        return self.to_list(("tuple", self.place()), value)

    def _builtin_dict(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        items: list[tuple[Any, Value]] = []
        for source in args:
            for key in self.keys_of(source):
                items.append((key, self._present(source, key)))
        return self.new_dict(("dict", self.place()), [*items, *kw.items()])

    # Numbers and types

    def _builtin_abs(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.absolute_value(self.plain(args[0]))

    def _builtin_round(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if all(isinstance(arg, Const) for arg in args) and not kw:
            return self.fold(round, args)
        return self.round_value(args[0], args[1] if len(args) > 1 else kw.get("ndigits"))

    def _builtin_int(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.to_int(args)

    def _builtin_float(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.to_float(args)

    def _builtin_bool(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.to_bool(args)

    def _builtin_pow(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if len(args) != 2:
            raise Unsupported("pow with a modulus", self.line)
        return self.binary(ast.Pow(), *args)

    def _builtin_divmod(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return Tup((self.binary(ast.FloorDiv(), *args), self.binary(ast.Mod(), *args)))

    def _builtin_str(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if not args:
            return Const("")
        if isinstance(args[0], Const) and isinstance(args[0].obj, str):
            return args[0]
        return args[0] if isinstance(args[0], Str) else Opaque()

    _builtin_repr = _builtin_format = _builtin_str

    def _builtin_print(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        self.prints = True
        return NONE

    def _builtin_isinstance(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value, wanted = args
        classes = wanted.obj if isinstance(wanted, Const) else ()
        if isinstance(wanted, Tup):
            classes = tuple(getattr(item, "obj", object) for item in wanted.items)
        if isinstance(value, Const):
            return Const(is_subclass(class_of(value.obj), classes))
        if isinstance(value, Opt):
            inner = self.truth(self._builtin_isinstance((value.value, wanted), kw))
            return boolean(self.b.and_(self.b.not_(value.flag), inner))
        return Const(is_subclass(self.class_of(value), classes))

    def class_of(self, value: Value) -> Any:
        """The class of a value made at run time."""
        match value:
            case Num(kind, _, 0, True):
                return _NUMBER_TYPES[kind]
            case Str():
                return str
            case Tup(_, is_list) if is_list is not None:
                return list if is_list else tuple
            case Lst(_, site) if not self.facts.may_be_tuple(site):
                return list
            case Obj(_, cls):
                return cls
            case Dct():
                return dict
        raise Unsupported(f"asks for the class of {describe(type_of(value))}", self.line)

    def _builtin_type(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value = args[0]
        if not isinstance(value, Const):
            return Const(self.class_of(value))
        if isinstance(value.obj, STAND_INS) and not isinstance(value.obj, UserObject | UserTuple):
            raise Unsupported(f"asks for the class of a {type_name(value.obj)}", self.line)
        return Const(class_of(value.obj))

    def _builtin_callable(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return Const(isinstance(args[0], Const) and is_callable(args[0].obj))

    def _builtin_hasattr(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.has_attribute(args[0], self._name_of(args[1]))

    def _name_of(self, value: Value) -> str:
        if isinstance(value, Const) and isinstance(value.obj, str):
            return value.obj
        raise Unsupported("an attribute whose name is not known", self.line)

    def _builtin_getattr(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        owner, name = args[0], self._name_of(args[1])
        if len(args) == 2:
            return self.attribute(owner, name)
        has = self.truth(self.has_attribute(owner, name))
        if isinstance(has, type(TRUE)):
            return self.attribute(owner, name) if has.constant else args[2]
        return self.if_else(has, lambda: self.attribute(owner, name), lambda: args[2])

    def _builtin_setattr(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        self.set_attribute(args[0], self._name_of(args[1]), args[2])
        return NONE

    def _builtin_deque(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        raise Unsupported("a deque made while it runs", self.line)


BUILTIN_NAMES = {
    getattr(builtins, name[9:]): name[9:]
    for name in dir(Calls)
    if name.startswith("_builtin_") and hasattr(builtins, name[9:])
} | {collections.deque: "deque"}

__all__ = ["BUILTIN_NAMES", "FALSE", "Arr", "Calls", "Gen"]
