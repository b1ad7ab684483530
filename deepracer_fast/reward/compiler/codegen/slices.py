"""Items and slices of sequences; copies, sums and repetitions of lists."""

from __future__ import annotations

import ast
from functools import partial
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen.arithmetic import as_int
from deepracer_fast.reward.compiler.codegen.kinds import is_known, is_sequence, plain
from deepracer_fast.reward.compiler.codegen.sequences import (
    Seq,
    as_tuple,
    each,
    items_of,
    pick,
    range_seq,
)
from deepracer_fast.reward.compiler.codegen.slots import known
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC
from deepracer_fast.reward.compiler.lattice.values import Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, i64
from deepracer_fast.reward.compiler.lowering.memory import append, new_list

# Indices


def position(ctx: Context, index: Leaf, length: Leaf) -> Leaf:
    """An index from either end, checked."""
    if isinstance(index, ir.Constant) and isinstance(length, ir.Constant):
        at = index.constant + (length.constant if index.constant < 0 else 0)
        return i64(at) if 0 <= at < length.constant else ctx.fail(IndexError)
    from_end = ctx.b.icmp_signed("<", index, i64(0))
    at = ctx.b.select(from_end, ctx.b.add(index, length), index)
    ctx.fail_if(ctx.b.icmp_unsigned(">=", at, length), IndexError)
    return at


def item_at(ctx: Context, value: Value, index: Value) -> Value:
    """``value[index]`` of a sequence."""
    if is_known(value, str):
        return _character(ctx, value.obj, index)
    at = as_int(ctx, index)
    if isinstance(value, py.Const) and isinstance(at, ir.Constant):
        try:
            return known(ctx, value.obj[at.constant])
        except IndexError:
            return ctx.fail(IndexError)
    seq = items_of(ctx, value)
    where = position(ctx, at, seq.length())
    constant = isinstance(where, ir.Constant) and seq.static is not None
    return seq.get(where.constant if constant else where)


def _character(ctx: Context, text: str, index: Value) -> Value:
    if isinstance(index, py.Const):
        try:
            return py.Const(text[index.obj])
        except (IndexError, TypeError) as error:
            return ctx.fail(type(error))
    at = position(ctx, as_int(ctx, index), i64(len(text)))
    return pick(ctx, tuple(py.Const(letter) for letter in text), at)


def sliced(ctx: Context, site: Any, value: Value, bounds: tuple[Value, Value, Value]) -> Value:
    """``value[low:high:step]`` as a new sequence of the same kind."""
    value = plain(ctx, value)
    known = [bound.obj for bound in bounds if isinstance(bound, py.Const)]
    if len(known) == 3:
        return _known_slice(ctx, site, value, slice(*known))
    step = bounds[2]
    if not (isinstance(step, py.Const) and step.obj in (None, 1)):
        raise Unsupported("a slice with a step that is not known", ctx.line)
    seq = items_of(ctx, value)
    length = seq.length()
    low = _bound(ctx, bounds[0], i64(0), length)
    high = _bound(ctx, bounds[1], length, length)
    count = ctx.b.sub(high, low)
    count = ctx.b.select(ctx.b.icmp_signed("<", count, i64(0)), i64(0), count)
    return copy_range(ctx, site, seq, low, count)


def _known_slice(ctx: Context, site: Any, value: Value, cut: slice) -> Value:
    if is_known(value, list, tuple, str):
        if isinstance(value.obj, list) and len(value.obj) <= MAX_STATIC:
            return series(ctx, site, tuple(map(partial(known, ctx), value.obj[cut])), True)
        key = (site, id(value.obj), cut.start, cut.stop, cut.step)
        part = py.Const(ctx.facts.made.setdefault(key, value.obj[cut]))
        return to_list(ctx, site, part) if site in ctx.facts.dynamic else part
    if isinstance(value, py.Tup):
        return series(ctx, site, value.items[cut], value.is_list)
    step = 1 if cut.step is None else cut.step
    seq = items_of(ctx, value)
    length = seq.length()
    if step == -1 and cut.start is None and cut.stop is None:
        return copy_range(ctx, site, backwards(ctx, seq), i64(0), length)
    if step < 1:
        raise Unsupported("a slice that runs backwards", ctx.line)
    low = _bound(ctx, py.Const(cut.start), i64(0), length)
    high = _bound(ctx, py.Const(cut.stop), length, length)
    gap = ctx.b.add(ctx.b.sub(high, low), i64(step - 1))
    count = ctx.b.sdiv(gap, i64(step))
    count = ctx.b.select(ctx.b.icmp_signed("<", count, i64(0)), i64(0), count)
    return copy_range(ctx, site, seq, low, count, step)


def series(ctx: Context, site: Any, items: tuple[Value, ...], is_list: bool | None) -> Value:
    """A new tuple or list of known items; in memory if the program changes it."""
    if not is_list:
        return py.Tup(items, is_list)
    made = py.Tup(items, True, frozenset([site]))
    return to_list(ctx, site, made) if site in ctx.facts.dynamic else made


def backwards(ctx: Context, seq: Seq) -> Seq:
    """The same items in reverse."""

    def get(k: int | Leaf) -> Value:
        if isinstance(k, int) and seq.static is not None:
            return seq.get(seq.static - 1 - k)
        leaf = i64(k) if isinstance(k, int) else k
        return seq.get(ctx.b.sub(ctx.b.sub(seq.length(), i64(1)), leaf))

    return Seq(seq.static, seq.length, get)


def _bound(ctx: Context, value: Value, default: Leaf, length: Leaf) -> Leaf:
    """A slice's bound, as Python clips it."""
    if isinstance(value, py.Const) and value.obj is None:
        return default
    at = as_int(ctx, value)
    at = ctx.b.select(ctx.b.icmp_signed("<", at, i64(0)), ctx.b.add(at, length), at)
    at = ctx.b.select(ctx.b.icmp_signed("<", at, i64(0)), i64(0), at)
    return ctx.b.select(ctx.b.icmp_signed(">", at, length), length, at)


def copy_range(ctx: Context, site: Any, seq: Seq, low: Leaf, count: Leaf, step: int = 1) -> py.Lst:
    """A new list of ``count`` items from ``low`` on."""
    lst = new_list(ctx, site, count)

    def get(k: int | Leaf) -> Value:
        leaf = i64(k) if isinstance(k, int) else k
        return seq.get(ctx.b.add(low, ctx.b.mul(leaf, i64(step))))

    each(ctx, (site, "copy"), Seq(None, lambda: count, get), lambda v: append(ctx, lst, v))
    return lst


def to_list(ctx: Context, site: Any, value: Value) -> py.Lst:
    """A new list in memory with the items of a value."""
    seq = items_of(ctx, value)
    if seq.static is not None:
        lst = new_list(ctx, site, i64(seq.static))
        for k in range(seq.static):
            append(ctx, lst, seq.get(k))
        return lst
    return copy_range(ctx, site, seq, i64(0), seq.length())


def sequence_binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """``+`` and ``*`` of lists and tuples."""
    site = ("made", ctx.place())
    if isinstance(op, ast.Add) and is_sequence(a) and is_sequence(b):
        if isinstance(a, py.Tup | py.Const) and isinstance(b, py.Tup | py.Const):
            first, second = as_tuple(ctx, a), as_tuple(ctx, b)
            if first.is_list is None or second.is_list is None:
                raise Unsupported("adds to a list or a tuple", ctx.line)
            if first.is_list != second.is_list:
                return ctx.fail(TypeError)
            if len(first.items) + len(second.items) <= MAX_STATIC * 4:
                return series(ctx, site, first.items + second.items, first.is_list)
        lst = to_list(ctx, site, a)
        each(ctx, (site, "add"), items_of(ctx, b), lambda item: append(ctx, lst, item))
        return lst
    if isinstance(op, ast.Mult):
        if not is_sequence(a):
            a, b = b, a
        return _repeat(ctx, site, a, b)
    return ctx.fail(TypeError)


def _repeat(ctx: Context, site: Any, value: Value, times: Value) -> Value:
    if isinstance(times, py.Const) and isinstance(value, py.Tup | py.Const):
        items = as_tuple(ctx, value)
        if type(times.obj) is int and len(items.items) * times.obj <= MAX_STATIC:
            return series(ctx, site, items.items * times.obj, items.is_list)
    if is_sequence(times):
        return ctx.fail(TypeError)
    count = as_int(ctx, times)
    inner = items_of(ctx, value)
    lst = new_list(ctx, site, i64(4))
    rounds = py.Range(i64(0), count, 1)

    def once(_: Value) -> None:
        each(ctx, (site, "inner"), inner, lambda item: append(ctx, lst, item))

    each(ctx, (site, "repeat"), range_seq(ctx, rounds), once)
    return lst
