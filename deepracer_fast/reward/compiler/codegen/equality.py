"""Equality, identity and order of two values."""

import ast
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import (
    as_number,
    boolean,
    compare_numbers,
    truth_of,
)
from deepracer_fast.reward.compiler.codegen.kinds import is_known, is_sequence, is_text
from deepracer_fast.reward.compiler.codegen.sequences import Seq, as_tuple, items_of, of_each
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import FALSE, TRUE, Context, i64
from deepracer_fast.reward.compiler.lowering.memory import coerce, is_fixed


def same(ctx: Context, a: Value, b: Value) -> Value:
    """``a is b``, for None and bools; of others only what is certain."""
    if isinstance(a, py.Const) and not isinstance(b, py.Const):
        a, b = b, a
    if isinstance(b, py.Const) and (b.obj is None or b.obj is True or b.obj is False):
        if isinstance(a, py.Const):
            return py.Const(a.obj is b.obj)
        return _is_constant(ctx, a, b.obj)
    if isinstance(a, py.Const) and isinstance(b, py.Const) and type(a.obj) not in py.SCALARS:
        return py.Const(a.obj is b.obj)
    return equals(ctx, a, b)  # numbers and strings: what the author means by it


def _is_constant(ctx: Context, a: Value, obj: Any) -> Value:
    if isinstance(a, py.Opt):
        if obj is None:
            return py.Num("b", a.flag)
        inner = truth_of(ctx, _is_constant(ctx, a.value, obj))
        return py.Num("b", ctx.b.and_(ctx.b.not_(a.flag), inner))
    if isinstance(a, py.Num) and obj is not None:
        if a.kind == "b" and a.exact and a.np == 0:
            return py.Num("b", a.leaf if obj else ctx.b.not_(a.leaf))
        if not a.exact or (a.kind == "b" and a.np == 2):
            raise Unsupported(f"'is {obj}' of a value that may be a number", ctx.line)
    return py.Const(False)


def equals(ctx: Context, a: Value, b: Value) -> Value:
    """``a == b``."""
    for x, y in ((a, b), (b, a)):
        if isinstance(x, py.Opt):
            if py.is_none(y):
                return py.Num("b", x.flag)
            if isinstance(y, py.Opt):
                both = ctx.b.and_(x.flag, y.flag)
                neither = ctx.b.not_(ctx.b.or_(x.flag, y.flag))
                values = ctx.b.and_(neither, truth_of(ctx, equals(ctx, x.value, y.value)))
                return py.Num("b", ctx.b.or_(both, values))
            inner = truth_of(ctx, equals(ctx, x.value, y))
            return py.Num("b", ctx.b.and_(ctx.b.not_(x.flag), inner))
    if isinstance(a, py.Const) and isinstance(b, py.Const):
        return py.Const(bool(a.obj == b.obj))
    if is_text(a) and is_text(b):
        (x,), (y,) = (coerce(ctx, value, py.Str()) for value in (a, b))
        return boolean(ctx.b.icmp_signed("==", x, y))
    if is_sequence(a) and is_sequence(b):
        return _equal_sequences(ctx, a, b)
    if _is_number(a) and _is_number(b):
        return boolean(compare_numbers(ctx, "==", as_number(ctx, a), as_number(ctx, b)))
    if isinstance(a, py.Choice) or isinstance(b, py.Choice):
        chosen, other = (a, b) if isinstance(a, py.Choice) else (b, a)
        return of_each(ctx, chosen, lambda v: equals(ctx, v, other))  # type: ignore[arg-type]
    if all(isinstance(value, py.Num | py.Str | py.Tup | py.Lst | py.Const) for value in (a, b)):
        return py.Const(False)
    raise Unsupported(f"compares {describe(py.type_of(a))}", ctx.line)


def _equal_sequences(ctx: Context, a: Value, b: Value) -> Value:
    first, second = items_of(ctx, a), items_of(ctx, b)
    kinds = [_is_list(ctx, value) for value in (a, b)]
    if None in kinds:
        return _equal_perhaps(ctx, a, b, False in kinds)
    if kinds[0] != kinds[1]:
        return py.Const(False)
    return _equal_items(ctx, first, second)


def _is_list(ctx: Context, value: Value) -> bool | None:
    """Whether a sequence is a list; None if that depends on the way taken."""
    if isinstance(value, py.Tup):
        return value.is_list
    if isinstance(value, py.Lst):
        return None if ctx.facts.may_be_tuple(value.site) else True
    return is_known(value, list)


def _equal_perhaps(ctx: Context, a: Value, b: Value, with_tuple: bool) -> Value:
    """Equality where a fixed list in memory may stand for a tuple: that is for Python."""
    unsure = [v for v in (a, b) if _is_list(ctx, v) is None]
    lists = [v for v in unsure if isinstance(v, py.Lst)]
    if len(lists) < len(unsure):
        raise Unsupported("compares a list or a tuple", ctx.line)
    alike = truth_of(ctx, _equal_items(ctx, items_of(ctx, a), items_of(ctx, b)))
    for lst in lists:
        ctx.fail_if(ctx.b.and_(alike, is_fixed(ctx, lst)), None)
    return py.Const(False) if with_tuple else boolean(alike)


def _equal_items(ctx: Context, first: Seq, second: Seq) -> Value:
    if first.static is None or second.static is None:
        return _equal_in_memory(ctx, first, second)
    if first.static != second.static:
        return py.Const(False)
    result = TRUE
    for k in range(first.static):
        equal = truth_of(ctx, equals(ctx, first.get(k), second.get(k)))
        result = equal if result is TRUE else ctx.b.and_(result, equal)
    return boolean(result)


def _equal_in_memory(ctx: Context, first: Seq, second: Seq) -> Value:
    """Whether two sequences, one of them in memory, have equal items."""
    lengths = first.length(), second.length()
    same = ctx.b.icmp_signed("==", *lengths)
    alike = ctx.variable(same)

    def look(k: Leaf) -> None:
        here = truth_of(ctx, equals(ctx, first.get(k), second.get(k)))
        ctx.b.store(ctx.b.and_(ctx.b.load(alike), here), alike)

    ctx.times(ctx.b.select(same, lengths[0], i64(0)), look)
    return boolean(ctx.b.load(alike))


def order(ctx: Context, op: ast.cmpop, a: Value, b: Value) -> Value:
    """``a < b`` and its like."""
    x, y = (b, a) if isinstance(op, ast.Gt | ast.GtE) else (a, b)
    less = is_less(ctx, x, y)
    if isinstance(op, ast.Lt | ast.Gt):
        return boolean(less)
    return boolean(ctx.b.not_(is_less(ctx, y, x)))


def is_less(ctx: Context, a: Value, b: Value) -> Leaf:
    """``a < b`` for numbers and for tuples of numbers."""
    if not is_sequence(a):
        return compare_numbers(ctx, "<", as_number(ctx, a), as_number(ctx, b))
    first, second = as_tuple(ctx, a).items, as_tuple(ctx, b).items
    result = TRUE if len(first) < len(second) else FALSE
    for x, y in reversed(list(zip(first, second, strict=False))):
        smaller = is_less(ctx, x, y)
        equal = truth_of(ctx, equals(ctx, x, y))
        result = ctx.b.select(equal, result, smaller)
    return result


def _is_number(value: Value) -> bool:
    if isinstance(value, py.Const):
        return type(value.obj) in (bool, int, float) or getattr(value.obj, "shape", None) == ()
    return isinstance(value, py.Num)
