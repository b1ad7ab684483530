"""Built-in functions: reductions over anything iterable, sorting, conversions, type questions."""

from __future__ import annotations

import ast
import builtins
import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepracer_fast.reward.compiler.arithmetic import boolean
from deepracer_fast.reward.compiler.emitter import FALSE, I64, TRUE, i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported, describe
from deepracer_fast.reward.compiler.numbers import Numbers
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Arr,
    Const,
    Dct,
    Lazy,
    Lst,
    Maybe,
    Num,
    Obj,
    Opaque,
    Opt,
    Range,
    Str,
    Tup,
    Value,
    type_of,
)


@dataclass(frozen=True, eq=False)
class Gen(Value):
    """A generator expression; `run` calls a body with each of its items."""

    run: Callable[[Callable[[Value], None]], None]


_NUMBER_TYPES = {"b": bool, "i": int, "f": float}


class Calls(Numbers):
    """Built-in functions."""

    def builtin(self, name: str, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """Calls a built-in by name."""
        action = getattr(self, f"_builtin_{name}", None)
        if action is None:
            raise Unsupported(f"the built-in {name}", self.line)
        result: Value = action(args, kw)
        return result

    def for_each(self, site: Any, value: Value, body: Callable[[Value], None]) -> None:
        """Runs over anything iterable."""
        if isinstance(value, Gen):
            handlers, self.handlers = self.handlers, []  # what a lazy generator never gets to
            try:
                value.run(body)
            finally:
                self.handlers = handlers
            return
        self.each(site, self.seq(value), body)

    def gathered(self, value: Value) -> Value:
        """A generator as a list."""
        if not isinstance(value, Gen):
            return value
        lst = self.new_list((self.place(), "gathered"), i64(8))
        self.for_each(None, value, lambda item: self.append(lst, item))
        return lst

    # Reductions

    def _builtin_sum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        start = args[1] if len(args) > 1 else kw.get("start", Const(0))
        return self.accumulate("sum", args[0], start, lambda a, b: self.binary(ast.Add(), a, b))

    def accumulate(
        self, name: str, items: Value, start: Value, action: Callable[[Value, Value], Value]
    ) -> Value:
        """Folds items into one value."""
        key = (name, self.place())
        self.env[key] = start

        def step(item: Value) -> None:
            self.env[key] = action(self.env[key], item)

        self.for_each((self.place(), name), items, step)
        return self.env.pop(key)

    def _builtin_any(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.accumulate(
            "any", args[0], Const(False), lambda a, b: self._logic(a, b, self.b.or_)
        )

    def _builtin_all(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.accumulate(
            "all", args[0], Const(True), lambda a, b: self._logic(a, b, self.b.and_)
        )

    def _logic(self, a: Value, b: Value, action: Callable[[Any, Any], Any]) -> Value:
        return boolean(action(self.truth(a), self.truth(b)))

    def _builtin_min(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.extreme(True, args, kw)

    def _builtin_max(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.extreme(False, args, kw)

    def extreme(self, least: bool, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """``min`` and ``max`` in all their forms."""
        key = kw.get("key", NONE)
        plain_key = isinstance(key, Const) and key.obj is None
        if len(args) > 1 and plain_key:
            result = args[0]
            for other in args[1:]:
                result = self._better(least, result, other)
            return result
        items = Tup(args) if len(args) > 1 else args[0]
        place = ("extreme", self.place())
        self.env[place] = UNBOUND

        def look(item: Value) -> None:
            ranked = item if plain_key else Tup((self.call(key, (item,), {}), item))
            best = self.env[place]
            if best is UNBOUND:
                self.env[place] = ranked
            elif isinstance(best, Maybe):
                held = best.value
                self.env[place] = self.if_else(
                    best.flag, lambda: ranked, lambda: self._ranked(least, held, ranked, plain_key)
                )
            else:
                self.env[place] = self._ranked(least, best, ranked, plain_key)

        self.for_each((self.place(), "extreme"), items, look)
        found = self.env.pop(place)
        unranked = (lambda v: v) if plain_key else (lambda v: v.items[1])
        if "default" in kw:
            return self._with_default(found, kw["default"], unranked)
        return unranked(self.bound(found, ValueError))

    def _with_default(
        self, found: Value, default: Value, unranked: Callable[[Any], Value]
    ) -> Value:
        if found is UNBOUND:
            return default
        if isinstance(found, Maybe):
            held = found.value
            return self.if_else(found.flag, lambda: default, lambda: unranked(held))
        return unranked(found)

    def _ranked(self, least: bool, best: Value, other: Value, plain: bool) -> Value:
        if plain:
            return self._better(least, best, other)
        first, second = best.items[0], other.items[0]  # type: ignore[attr-defined]
        better = self.less(second, first) if least else self.less(first, second)
        return self.if_else(better, lambda: other, lambda: best)

    def _better(self, least: bool, a: Value, b: Value) -> Value:
        if self.is_sequence(a) and self.is_sequence(b):
            better = self.less(b, a) if least else self.less(a, b)
            return self.if_else(better, lambda: b, lambda: a)
        return self.minmax(least, a, b)

    def _builtin_next(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if not isinstance(args[0], Gen):
            raise Unsupported("next of an iterator", self.line)
        key = ("next", self.place())
        self.env[key] = UNBOUND

        def look(item: Value) -> None:
            first = self.env[key]
            if first is UNBOUND:
                self.env[key] = item
            elif isinstance(first, Maybe):
                held = first.value
                self.env[key] = self.if_else(first.flag, lambda: item, lambda: held)

        self.for_each((self.place(), "next"), args[0], look)
        found = self.env.pop(key)
        if len(args) > 1:
            return self._with_default(found, args[1], lambda v: v)
        return self.bound(found, StopIteration)

    # Iterables

    def _builtin_len(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value = self.plain(args[0])
        if isinstance(value, Const) and not isinstance(value.obj, dict):
            return self.fold(len, (value,))
        if isinstance(value, Const | Dct):
            return Const(len(self.keys_of(value)))
        if isinstance(value, Num | Str | Opaque | Obj):
            return self.fail(TypeError) if isinstance(value, Num) else self._no("len", value)
        seq = self.seq(value)
        return Const(seq.static) if seq.static is not None else Num("i", seq.length())

    def _no(self, what: str, value: Value) -> Any:
        raise Unsupported(f"{what} of {describe(type_of(value))}", self.line)

    def _builtin_range(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if all(isinstance(arg, Const) for arg in args):
            known = tuple(arg.obj for arg in args if isinstance(arg, Const))
            try:
                return Const(self.facts.made.setdefault(("range", known), range(*known)))
            except (TypeError, ValueError) as error:
                return self.fail(type(error))
        step = args[2] if len(args) > 2 else Const(1)
        if not (isinstance(step, Const) and type(step.obj) is int and step.obj):
            raise Unsupported("a range whose step is not known", self.line)
        start = self.as_int(args[0]) if len(args) > 1 else i64(0)
        stop = self.as_int(args[1] if len(args) > 1 else args[0])
        return Range(start, stop, step.obj)

    def _builtin_enumerate(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        seq = self.seq(self.gathered(args[0]))
        start = args[1] if len(args) > 1 else kw.get("start", Const(0))

        def get(k: Any) -> Value:
            number = Const(k) if isinstance(k, int) else Num("i", k)
            return Tup((self.binary(ast.Add(), number, start), seq.get(k)))

        return Lazy(Seq(seq.static, seq.length, get))

    def _builtin_zip(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        seqs = [self.seq(self.gathered(arg)) for arg in args]
        statics = [seq.static for seq in seqs]
        static = None if None in statics else min(s for s in statics if s is not None)

        def length() -> Any:
            least = seqs[0].length()
            for seq in seqs[1:]:
                other = seq.length()
                least = self.b.select(self.b.icmp_signed("<", other, least), other, least)
            return least

        return Lazy(Seq(static, length, lambda k: Tup(tuple(seq.get(k) for seq in seqs))))

    def _builtin_reversed(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return Lazy(self.backwards(self.seq(self.gathered(args[0]))))

    def _builtin_iter(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        raise Unsupported("iter", self.line)

    def _builtin_map(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        function, *iterables = args
        rows = self._builtin_zip(tuple(iterables), {})
        assert isinstance(rows, Lazy)

        def run(body: Callable[[Value], None]) -> None:
            def one(row: Value) -> None:
                body(self.call(function, row.items, {}))  # type: ignore[attr-defined]

            self.each((self.place(), "map"), rows.seq, one)

        return Gen(run)

    def _builtin_filter(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        function, items = args
        identity = isinstance(function, Const) and function.obj is None

        def run(body: Callable[[Value], None]) -> None:
            def one(item: Value) -> None:
                keep = item if identity else self.call(function, (item,), {})
                self.when(self.truth(keep), lambda: body(item))

            self.for_each((self.place(), "filter"), items, one)

        return Gen(run)

    def when(self, condition: Any, action: Callable[[], None]) -> None:
        """Does something only where a condition holds."""
        if isinstance(condition, type(TRUE)):
            if condition.constant:
                action()
            return

        def then() -> Value:
            action()
            return NONE

        self.if_else(condition, then, lambda: NONE)

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

        def sink() -> None:
            self.b.store(self.b.load(outer), inner)
            self.loop((site, "sink"), not_first, step)

        self.loop((site, "sort"), unsorted, sink, advance)

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
        if isinstance(value, Opt):
            inner = self.truth(self._builtin_isinstance((value.value, wanted), kw))
            return boolean(self.b.and_(self.b.not_(value.flag), inner))
        if isinstance(value, Const):
            return self.fold(isinstance, (value, Const(classes)))
        return Const(issubclass(self.class_of(value), classes))

    def class_of(self, value: Value) -> type:
        """The class of a value made at run time."""
        match value:
            case Num(kind, _, 0, True):
                return _NUMBER_TYPES[kind]
            case Str():
                return str
            case Tup(_, is_list):
                return list if is_list else tuple
            case Lst():
                return list
            case Obj(_, cls):
                return cls
            case Dct():
                return dict
        raise Unsupported(f"asks for the class of {describe(type_of(value))}", self.line)

    def _builtin_type(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value = args[0]
        return Const(type(value.obj)) if isinstance(value, Const) else Const(self.class_of(value))

    def _builtin_callable(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.fold(callable, args) if isinstance(args[0], Const) else Const(False)

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
