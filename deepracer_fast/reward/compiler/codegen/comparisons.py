"""Comparison operators, ``in`` and ``not in``."""

import ast
import operator

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen import arithmetic
from deepracer_fast.reward.compiler.codegen.arrays import array_map2
from deepracer_fast.reward.compiler.codegen.dicts import dict_has
from deepracer_fast.reward.compiler.codegen.equality import equals, order, same
from deepracer_fast.reward.compiler.codegen.kinds import is_array, is_sequence, plain
from deepracer_fast.reward.compiler.codegen.sequences import accumulate
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Leaf, Value
from deepracer_fast.reward.compiler.lowering.context import F64, FALSE, I64, TRUE, Context, i64
from deepracer_fast.reward.compiler.lowering.memory import cast_leaf

_CHAIN = 512  # items of a constant collection that `in` compares one by one
_ORDERS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}


def array_compare(ctx: Context, op: ast.cmpop, a: Value, b: Value) -> Value:
    """Elementwise comparison."""
    return array_map2(ctx, lambda x, y: compare(ctx, op, x, y), a, b)


def compare(ctx: Context, op: ast.cmpop, a: Value, b: Value) -> Value:
    """``a op b`` as a value."""
    if isinstance(a, py.Conflict) or isinstance(b, py.Conflict):
        ctx.conflict(a if isinstance(a, py.Conflict) else b)  # type: ignore[arg-type]
    match op:
        case ast.Is():
            return same(ctx, a, b)
        case ast.IsNot():
            return arithmetic.unary(ctx, ast.Not(), same(ctx, a, b))
        case ast.In():
            return contains(ctx, a, b)
        case ast.NotIn():
            return arithmetic.unary(ctx, ast.Not(), contains(ctx, a, b))
    if is_array(a) or is_array(b):
        return array_compare(ctx, op, a, b)
    if isinstance(op, ast.Eq | ast.NotEq):
        equal = equals(ctx, a, b)
        return equal if isinstance(op, ast.Eq) else arithmetic.unary(ctx, ast.Not(), equal)
    a, b = plain(ctx, a), plain(ctx, b)
    if is_sequence(a) and is_sequence(b):
        return order(ctx, op, a, b)
    if isinstance(a, py.Const) and isinstance(b, py.Const):
        try:
            return py.Const(_ORDERS[type(op)](a.obj, b.obj))
        except (TypeError, ValueError) as error:
            return ctx.fail(type(error))
    x, y = arithmetic.as_number(ctx, a), arithmetic.as_number(ctx, b)
    return arithmetic.boolean(arithmetic.compare_numbers(ctx, arithmetic.SIGNS[type(op)], x, y))


def contains(ctx: Context, item: Value, container: Value) -> Value:
    """``item in container``."""
    container = plain(ctx, container)
    if isinstance(container, py.Dct):
        return dict_has(ctx, container, item)
    if isinstance(container, py.Const):
        obj = container.obj
        if isinstance(item, py.Const):
            try:
                return py.Const(item.obj in obj)
            except TypeError:
                return ctx.fail(TypeError)
        if isinstance(obj, range):
            return _in_range(ctx, item, py.Range(i64(obj.start), i64(obj.stop), obj.step))
        if isinstance(obj, list | tuple | set | frozenset | dict) and len(obj) <= _CHAIN:
            return _any_equal(ctx, item, [py.Const(each) for each in obj])
    if isinstance(container, py.Tup):
        return _any_equal(ctx, item, list(container.items))
    if isinstance(container, py.Range):
        return _in_range(ctx, item, container)
    return _search(ctx, item, container)


def _any_equal(ctx: Context, item: Value, candidates: list[Value]) -> Value:
    found: Leaf = FALSE
    for candidate in candidates:
        equal = arithmetic.truth_of(ctx, equals(ctx, item, candidate))
        if isinstance(equal, ir.Constant) and not equal.constant:
            continue
        found = equal if found is FALSE else ctx.b.or_(found, equal)
    return arithmetic.boolean(found)


def _in_range(ctx: Context, item: Value, container: py.Range) -> Value:
    if py.is_none(item):
        return py.Const(False)
    number = arithmetic.as_number(ctx, item)
    if number.kind == "f":
        whole = ctx.native("llvm.floor.f64", F64, number.leaf)
        small = ctx.b.fcmp_ordered(
            "<", arithmetic.absolute(ctx, number.leaf), ir.Constant(F64, 9e15)
        )
        fits = ctx.b.and_(ctx.b.fcmp_ordered("==", whole, number.leaf), small)
        leaf = ctx.b.fptosi(ctx.b.select(fits, whole, ir.Constant(F64, 0.0)), I64)
    else:
        fits, leaf = TRUE, cast_leaf(ctx, number.leaf, number.kind, "i")
    gap = ctx.b.sub(leaf, container.start)
    step, room = container.step, ctx.b.sub(container.stop, container.start)
    if step < 0:
        gap, room, step = ctx.b.sub(i64(0), gap), ctx.b.sub(i64(0), room), -step
    inside = ctx.b.and_(ctx.b.icmp_signed(">=", gap, i64(0)), ctx.b.icmp_signed("<", gap, room))
    on_step = ctx.b.icmp_signed("==", ctx.b.srem(gap, i64(step)), i64(0))
    return arithmetic.boolean(ctx.b.and_(fits, ctx.b.and_(inside, on_step)))


def _search(ctx: Context, item: Value, container: Value) -> Value:
    def look(found: Value, other: Value) -> Value:
        equal = arithmetic.truth_of(ctx, equals(ctx, item, other))
        return arithmetic.boolean(ctx.b.or_(arithmetic.truth_of(ctx, found), equal))

    return accumulate(ctx, "in", container, py.Const(False), look)
