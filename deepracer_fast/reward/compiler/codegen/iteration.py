"""Iteration over anything: generators, and the built-ins that fold, count and pair items."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import as_int, binary, boolean, truth_of
from deepracer_fast.reward.compiler.codegen.dicts import keys_of
from deepracer_fast.reward.compiler.codegen.equality import is_less
from deepracer_fast.reward.compiler.codegen.kinds import all_known, is_sequence, plain
from deepracer_fast.reward.compiler.codegen.numbers import fold, minmax
from deepracer_fast.reward.compiler.codegen.sequences import Seq, as_tuple, each, items_of
from deepracer_fast.reward.compiler.codegen.slices import backwards, copy_range, to_list
from deepracer_fast.reward.compiler.codegen.slots import bound
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, i64
from deepracer_fast.reward.compiler.lowering.memory import append, length_of, new_list
from deepracer_fast.reward.compiler.lowering.merges import if_else, when


@dataclass(frozen=True, eq=False)
class Gen(Value):
    """A generator expression; `run` calls a body with each of its items."""

    run: Callable[[Callable[[Value], None]], None]


def for_each(ctx: Context, site: Any, value: Value, body: Callable[[Value], None]) -> None:
    """Runs over anything iterable."""
    if isinstance(value, Gen):
        handlers, ctx.handlers = ctx.handlers, []  # what a lazy generator never gets to
        try:
            value.run(body)
        finally:
            ctx.handlers = handlers
        return
    each(ctx, site, items_of(ctx, value), body)


def gathered(ctx: Context, value: Value) -> Value:
    """A generator as a list."""
    if not isinstance(value, Gen):
        return value
    lst = new_list(ctx, (ctx.place(), "gathered"), i64(8))
    for_each(ctx, None, value, lambda item: append(ctx, lst, item))
    return lst


def _sum(ctx: Context, args: Args, kw: Kwargs) -> Value:
    start = args[1] if len(args) > 1 else kw.get("start", py.Const(0))
    return accumulate(ctx, "sum", args[0], start, lambda a, b: binary(ctx, ast.Add(), a, b))


def accumulate(
    ctx: Context, name: str, items: Value, start: Value, action: Callable[[Value, Value], Value]
) -> Value:
    """Folds items into one value."""
    key = (name, ctx.place())
    ctx.env[key] = start

    def step(item: Value) -> None:
        ctx.env[key] = action(ctx.env[key], item)

    for_each(ctx, (ctx.place(), name), items, step)
    return ctx.env.pop(key)


def any_of(ctx: Context, items: Value) -> Value:
    """``any(items)``; all of them are looked at."""
    return accumulate(ctx, "any", items, py.Const(False), lambda a, b: _logic(ctx, a, b, ctx.b.or_))


def all_of(ctx: Context, items: Value) -> Value:
    """``all(items)``."""
    return accumulate(ctx, "all", items, py.Const(True), lambda a, b: _logic(ctx, a, b, ctx.b.and_))


def _logic(ctx: Context, a: Value, b: Value, action: Callable[[Any, Any], Any]) -> Value:
    return boolean(action(truth_of(ctx, a), truth_of(ctx, b)))


def extreme(ctx: Context, args: Args, kw: Kwargs, least: bool) -> Value:
    """``min`` and ``max`` in all their forms."""
    key = kw.get("key", py.NONE)
    plain_key = isinstance(key, py.Const) and key.obj is None
    if len(args) > 1 and plain_key:
        result = args[0]
        for other in args[1:]:
            result = _better(ctx, least, result, other)
        return result
    items = py.Tup(args) if len(args) > 1 else args[0]
    place = ("extreme", ctx.place())
    ctx.env[place] = py.UNBOUND

    def look(item: Value) -> None:
        ranked = item if plain_key else py.Tup((ctx.ops.call(ctx, key, (item,), {}), item))
        best = ctx.env[place]
        if best is py.UNBOUND:
            ctx.env[place] = ranked
        elif isinstance(best, py.Maybe):
            held = best.value
            ctx.env[place] = if_else(
                ctx,
                best.flag,
                lambda: ranked,
                lambda: better_ranked(ctx, least, held, ranked, plain_key),
            )
        else:
            ctx.env[place] = better_ranked(ctx, least, best, ranked, plain_key)

    for_each(ctx, (ctx.place(), "extreme"), items, look)
    found = ctx.env.pop(place)
    unranked = (lambda v: v) if plain_key else (lambda v: v.items[1])
    if "default" in kw:
        return _with_default(ctx, found, kw["default"], unranked)
    return unranked(bound(ctx, found, ValueError))


def _with_default(
    ctx: Context, found: Value, default: Value, unranked: Callable[[Any], Value]
) -> Value:
    if found is py.UNBOUND:
        return default
    if isinstance(found, py.Maybe):
        held = found.value
        return if_else(ctx, found.flag, lambda: default, lambda: unranked(held))
    return unranked(found)


def better_ranked(ctx: Context, least: bool, best: Value, other: Value, plain: bool) -> Value:
    """The better of two, each a rank with its item unless they are ``plain``."""
    if plain:
        return _better(ctx, least, best, other)
    first, second = best.items[0], other.items[0]  # type: ignore[attr-defined]
    better = is_less(ctx, second, first) if least else is_less(ctx, first, second)
    return if_else(ctx, better, lambda: other, lambda: best)


def _better(ctx: Context, least: bool, a: Value, b: Value) -> Value:
    if is_sequence(a) and is_sequence(b):
        better = is_less(ctx, b, a) if least else is_less(ctx, a, b)
        return if_else(ctx, better, lambda: b, lambda: a)
    return minmax(ctx, least, a, b)


def _next(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not isinstance(args[0], Gen):
        raise Unsupported("next of an iterator", ctx.line)
    key = ("next", ctx.place())
    ctx.env[key] = py.UNBOUND

    def look(item: Value) -> None:
        first = ctx.env[key]
        if first is py.UNBOUND:
            ctx.env[key] = item
        elif isinstance(first, py.Maybe):
            held = first.value
            ctx.env[key] = if_else(ctx, first.flag, lambda: item, lambda: held)

    for_each(ctx, (ctx.place(), "next"), args[0], look)
    found = ctx.env.pop(key)
    if len(args) > 1:
        return _with_default(ctx, found, args[1], lambda v: v)
    return bound(ctx, found, StopIteration)


def _len(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value = plain(ctx, args[0])
    if isinstance(value, py.Const) and not isinstance(value.obj, dict):
        return fold(ctx, len, (value,))
    if isinstance(value, py.Const | py.Dct):
        return py.Const(len(keys_of(ctx, value)))
    if isinstance(value, py.Num | py.Str | py.Opaque | py.Obj):
        if isinstance(value, py.Num):
            return ctx.fail(TypeError)
        raise Unsupported(f"len of {describe(py.type_of(value))}", ctx.line)
    seq = items_of(ctx, value)
    return py.Const(seq.static) if seq.static is not None else py.Num("i", seq.length())


def range_of(ctx: Context, args: Args, kw: Kwargs) -> Value:
    """``range(...)``."""
    if all_known(args):
        known = tuple(arg.obj for arg in args)
        try:
            return py.Const(ctx.facts.made.setdefault(("range", known), range(*known)))
        except (TypeError, ValueError) as error:
            return ctx.fail(type(error))
    step = args[2] if len(args) > 2 else py.Const(1)
    if not (isinstance(step, py.Const) and type(step.obj) is int and step.obj):
        raise Unsupported("a range whose step is not known", ctx.line)
    start = as_int(ctx, args[0]) if len(args) > 1 else i64(0)
    stop = as_int(ctx, args[1] if len(args) > 1 else args[0])
    return py.Range(start, stop, step.obj)


def enumerated(ctx: Context, args: Args, kw: Kwargs) -> Value:
    """``enumerate(items, start)``."""
    seq = items_of(ctx, gathered(ctx, args[0]))
    start = args[1] if len(args) > 1 else kw.get("start", py.Const(0))

    def get(k: Any) -> Value:
        number = py.Const(k) if isinstance(k, int) else py.Num("i", k)
        return py.Tup((binary(ctx, ast.Add(), number, start), seq.get(k)))

    return py.Lazy(Seq(seq.static, seq.length, get))


def _zip(ctx: Context, args: Args, kw: Kwargs) -> Value:
    seqs = [items_of(ctx, gathered(ctx, arg)) for arg in args]
    statics = [seq.static for seq in seqs]
    static = None if None in statics else min(s for s in statics if s is not None)

    def length() -> Any:
        least = seqs[0].length()
        for seq in seqs[1:]:
            other = seq.length()
            least = ctx.b.select(ctx.b.icmp_signed("<", other, least), other, least)
        return least

    return py.Lazy(Seq(static, length, lambda k: py.Tup(tuple(seq.get(k) for seq in seqs))))


def unzipped(ctx: Context, value: Value) -> Value:
    """``zip(*rows)``: a list for each place in the rows."""
    value = gathered(ctx, value)
    if items_of(ctx, value).static is not None:
        return _zip(ctx, as_tuple(ctx, value).items, {})
    rows = to_list(ctx, (ctx.place(), "rows"), value)
    element, length = ctx.facts.element(rows.site), length_of(ctx, rows)
    if not isinstance(element, py.Tup):
        raise Unsupported("zip of rows whose length is not known", ctx.line)
    ctx.fail_if(ctx.b.icmp_signed("==", length, i64(0)), None)

    def column(k: int) -> Value:
        items = Seq(
            None, lambda: length, lambda j: items_of(ctx, items_of(ctx, rows).get(j)).get(k)
        )
        return copy_range(ctx, (ctx.place(), "column", k), items, i64(0), length)

    made = tuple(column(k) for k in range(len(element.items)))
    return py.Lazy(items_of(ctx, py.Tup(made)))


def _map(ctx: Context, args: Args, kw: Kwargs) -> Value:
    function, *iterables = args
    rows = _zip(ctx, tuple(iterables), {})
    assert isinstance(rows, py.Lazy)

    def run(body: Callable[[Value], None]) -> None:
        def one(row: Value) -> None:
            body(ctx.ops.call(ctx, function, row.items, {}))  # type: ignore[attr-defined]

        each(ctx, (ctx.place(), "map"), rows.seq, one)

    return Gen(run)


def _filter(ctx: Context, args: Args, kw: Kwargs) -> Value:
    function, items = args
    identity = isinstance(function, py.Const) and function.obj is None

    def run(body: Callable[[Value], None]) -> None:
        def one(item: Value) -> None:
            keep = item if identity else ctx.ops.call(ctx, function, (item,), {})
            when(ctx, truth_of(ctx, keep), lambda: body(item))

        for_each(ctx, (ctx.place(), "filter"), items, one)

    return Gen(run)


# Python's function -> what translates a call of it; `builtins` adds the rest.
ITERATION: dict[Any, Callable[[Context, Args, Kwargs], Value]] = {
    any: lambda ctx, args, kw: any_of(ctx, args[0]),
    all: lambda ctx, args, kw: all_of(ctx, args[0]),
    enumerate: enumerated,
    filter: _filter,
    len: _len,
    map: _map,
    max: partial(extreme, least=False),
    min: partial(extreme, least=True),
    next: _next,
    range: range_of,
    reversed: lambda ctx, args, kw: py.Lazy(backwards(ctx, items_of(ctx, gathered(ctx, args[0])))),
    sum: _sum,
    zip: _zip,
}
