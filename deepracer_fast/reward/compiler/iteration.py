"""Iteration over anything: generators, and the built-ins that fold, count and pair items."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepracer_fast.reward.compiler.arithmetic import boolean
from deepracer_fast.reward.compiler.emitter import TRUE, i64
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.numbers import Numbers
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Const,
    Dct,
    Lazy,
    Maybe,
    Num,
    Obj,
    Opaque,
    Range,
    Str,
    TTup,
    Tup,
    Value,
    type_of,
)


@dataclass(frozen=True, eq=False)
class Gen(Value):
    """A generator expression; `run` calls a body with each of its items."""

    run: Callable[[Callable[[Value], None]], None]


class Iteration(Numbers):
    """Built-in functions of iterables."""

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

    def columns(self, value: Value) -> Value:
        """``zip(*rows)``: a list for each place in the rows."""
        value = self.gathered(value)
        if self.seq(value).static is not None:
            return self._builtin_zip(self.as_tuple(value).items, {})
        rows = self.to_list((self.place(), "rows"), value)
        element, length = self.facts.element(rows.site), self.length(rows)
        if not isinstance(element, TTup):
            raise Unsupported("zip of rows whose length is not known", self.line)
        self.fail_if(self.b.icmp_signed("==", length, i64(0)), None)

        def column(k: int) -> Value:
            items = Seq(None, lambda: length, lambda j: self.seq(self.seq(rows).get(j)).get(k))
            return self.copy_range((self.place(), "column", k), items, i64(0), length)

        made = tuple(column(k) for k in range(len(element.items)))
        return Lazy(self.seq(Tup(made)))

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
