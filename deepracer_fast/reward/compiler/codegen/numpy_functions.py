"""NumPy functions by name: operators, products, norms, orders and series of numbers."""

import ast
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen import arrays
from deepracer_fast.reward.compiler.codegen.arithmetic import (
    absolute,
    arithmetic,
    as_float,
    as_int,
    as_number,
    binary,
    float_modulo,
    is_finite,
    is_nan,
    truth_of,
)
from deepracer_fast.reward.compiler.codegen.builtins import enumerated, range_of
from deepracer_fast.reward.compiler.codegen.comparisons import array_compare
from deepracer_fast.reward.compiler.codegen.lists import sequence_binary, sliced, sort_into
from deepracer_fast.reward.compiler.codegen.sequences import Seq, as_numpy, as_tuple, items_of
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC, describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, I64, Context, f64, i64


def _dot(ctx: Context, args: Args, kw: Kwargs) -> Value:
    a, b = arrays.operand(ctx, args[0]), arrays.operand(ctx, args[1])
    if arrays.dimensions_of(ctx, a) != 1 or arrays.dimensions_of(ctx, b) != 1:
        if arrays.dimensions_of(ctx, a) == 2 and arrays.dimensions_of(ctx, b) == 1:
            return arrays.made(ctx, items_of(ctx, a), lambda row: _dot(ctx, (row, b), kw), "matrix")
        if 2 in (arrays.dimensions_of(ctx, a), arrays.dimensions_of(ctx, b)):
            raise Unsupported("a product of matrices", ctx.line)
        return array_binary(ctx, ast.Mult(), a, b)
    return arrays.total(ctx, arrays.array_of(ctx, array_binary(ctx, ast.Mult(), a, b)))


def _cross(ctx: Context, args: Args, kw: Kwargs) -> Value:
    a, b = (as_tuple(ctx, arrays.array_of(ctx, arg).inner).items for arg in args)
    if len(a) != 2 or len(b) != 2:
        raise Unsupported("numpy.cross of three dimensions", ctx.line)
    first = binary(ctx, ast.Mult(), a[0], b[1])
    return binary(ctx, ast.Sub(), first, binary(ctx, ast.Mult(), a[1], b[0]))


def _norm(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) > 1 or "ord" in kw:
        raise Unsupported("numpy.linalg.norm with an order", ctx.line)

    def norm(array: py.Arr) -> Value:
        squares = arrays.array_of(ctx, array_binary(ctx, ast.Mult(), array, array))
        return arrays.float1(ctx, arrays.total(ctx, squares), "llvm.sqrt.f64")

    return arrays.reduced(ctx, args, kw, norm)


def _diff(ctx: Context, args: Args, kw: Kwargs) -> Value:
    array = arrays.array_of(ctx, args[0])
    if len(args) > 1 or kw:
        raise Unsupported("numpy.diff with arguments", ctx.line)

    def cut(name: str, low: Value, high: Value) -> Value:
        return py.Arr(sliced(ctx, (ctx.place(), name), array.inner, (low, high, py.NONE)))

    later, earlier = cut("later", py.Const(1), py.NONE), cut("earlier", py.NONE, py.Const(-1))
    return array_binary(ctx, ast.Sub(), later, earlier)


def _interpolated_long(ctx: Context, leaf: Leaf, known: Seq, values: Seq) -> Value:
    """``numpy.interp`` in tables; one that does not rise is left to NumPy's own search."""
    count = known.length()
    unlike = ctx.b.icmp_signed("!=", count, values.length())
    ctx.fail_if(ctx.b.or_(unlike, ctx.b.icmp_signed("<", count, i64(1))), ValueError)
    below, before = ctx.variable(i64(0)), ctx.variable(f64(-math.inf))

    def look(k: Leaf) -> None:
        at = as_float(ctx, known.get(k))
        ctx.fail_if(ctx.b.fcmp_unordered("<", at, ctx.b.load(before)), None)
        ctx.b.store(at, before)
        ctx.increase(below, ctx.b.zext(ctx.b.fcmp_ordered("<=", at, leaf), I64))

    ctx.times(count, look)
    number, last = ctx.b.load(below), ctx.b.sub(count, i64(1))
    low = ctx.b.select(ctx.b.icmp_signed(">", number, i64(0)), number, i64(1))
    low = ctx.b.sub(low, i64(1))
    high = ctx.b.select(ctx.b.icmp_signed(">", number, last), last, number)
    x0, x1 = (as_float(ctx, known.get(k)) for k in (low, high))
    y0, y1 = (as_float(ctx, values.get(k)) for k in (low, high))
    slope = ctx.b.fdiv(ctx.b.fsub(y1, y0), ctx.b.fsub(x1, x0))
    between = ctx.b.fadd(ctx.b.fmul(slope, ctx.b.fsub(leaf, x0)), y0)
    result = ctx.b.select(ctx.b.icmp_signed("==", low, high), y0, between)
    return py.Num("f", ctx.b.select(is_nan(ctx, leaf), leaf, result), 1)


def _interp(ctx: Context, args: Args, kw: Kwargs) -> Value:
    xs, ys = (arrays.array_of(ctx, arg) for arg in args[1:3])
    return arrays.array_map(ctx, partial(_interpolated, ctx, xs, ys), arrays.operand(ctx, args[0]))


def _interpolated(ctx: Context, xs: py.Arr, ys: py.Arr, x: Value) -> Value:
    known, values, leaf = items_of(ctx, xs), items_of(ctx, ys), as_float(ctx, x)
    if known.static is None or values.static is None:
        return _interpolated_long(ctx, leaf, known, values)
    if known.static != values.static or known.static == 0:
        return ctx.fail(ValueError)
    x_at = [as_float(ctx, known.get(k)) for k in range(known.static)]
    y_at = [as_float(ctx, values.get(k)) for k in range(known.static)]
    result = y_at[0]
    for k in range(known.static - 1):
        slope = ctx.b.fdiv(ctx.b.fsub(y_at[k + 1], y_at[k]), ctx.b.fsub(x_at[k + 1], x_at[k]))
        there = ctx.b.fadd(ctx.b.fmul(slope, ctx.b.fsub(leaf, x_at[k])), y_at[k])
        result = ctx.b.select(ctx.b.fcmp_ordered(">=", leaf, x_at[k]), there, result)
    past = ctx.b.fcmp_ordered(">=", leaf, x_at[-1])
    result = ctx.b.select(past, y_at[-1], result)
    return py.Num("f", ctx.b.select(is_nan(ctx, leaf), leaf, result), 1)


def _filled(ctx: Context, count: Value, item: Value) -> Value:
    if isinstance(count, py.Const) and type(count.obj) is int and 0 <= count.obj <= MAX_STATIC:
        return py.Arr(arrays.unified(ctx, py.Tup((item,) * count.obj, True)))
    raise Unsupported(f"an array of {describe(py.type_of(count))} items", ctx.line)


def _isclose(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if kw or len(args) != 2:
        raise Unsupported("numpy.isclose with a tolerance", ctx.line)

    def close(a: Value, b: Value) -> Value:
        x, y = as_float(ctx, a), as_float(ctx, b)
        room = ctx.b.fadd(f64(1e-8), ctx.b.fmul(f64(1e-5), absolute(ctx, y)))
        near = ctx.b.fcmp_ordered("<=", absolute(ctx, ctx.b.fsub(x, y)), room)
        return py.Num("b", ctx.b.and_(near, is_finite(ctx, y)), 1)

    return arrays.array_map2(ctx, close, *args)


def _argsort(ctx: Context, args: Args, kw: Kwargs) -> Value:
    pairs = items_of(ctx, enumerated(ctx, (arrays.array_of(ctx, args[0]),), {}))

    def swapped(k: Any) -> Value:
        return py.Tup(tuple(reversed(as_tuple(ctx, pairs.get(k)).items)))

    done = sort_into(ctx, ("argsort", ctx.place()), Seq(pairs.static, pairs.length, swapped))
    return arrays.made(ctx, items_of(ctx, done), lambda pair: pair.items[1], "order")  # type: ignore[attr-defined]


def _sort(ctx: Context, args: Args, kw: Kwargs) -> Value:
    seq = items_of(ctx, arrays.array_of(ctx, args[0]))
    return py.Arr(sort_into(ctx, ("sort", ctx.place()), seq))


def _cumsum(ctx: Context, args: Args, kw: Kwargs) -> Value:
    key = ("cumsum", ctx.place())
    ctx.env[key] = py.Const(0)

    def add(item: Value) -> Value:
        ctx.env[key] = binary(ctx, ast.Add(), ctx.env[key], item)
        return ctx.env[key]

    result = arrays.made(ctx, items_of(ctx, arrays.array_of(ctx, args[0])), add, "cumsum")
    del ctx.env[key]
    return result


def _unwrap(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) > 1 or kw:
        raise Unsupported("numpy.unwrap with arguments", ctx.line)
    key = ("unwrap", ctx.place())
    ctx.env[key] = py.Tup((py.Const(True), py.Num("f", f64(0.0)), py.Num("f", f64(0.0))))

    def step(item: Value) -> Value:
        first, last, shift = ctx.env[key].items  # type: ignore[attr-defined]
        angle = as_float(ctx, item)
        gap = ctx.b.fsub(angle, as_float(ctx, last))
        turn, half = f64(6.283185307179586), f64(3.141592653589793)
        wrapped = ctx.b.fsub(float_modulo(ctx, ctx.b.fadd(gap, half), turn), half)
        at_edge = ctx.b.fcmp_ordered("==", wrapped, ctx.b.fneg(half))
        at_edge = ctx.b.and_(at_edge, ctx.b.fcmp_ordered(">", gap, f64(0.0)))
        wrapped = ctx.b.select(at_edge, half, wrapped)
        small = ctx.b.fcmp_ordered("<", absolute(ctx, gap), half)
        more = ctx.b.select(small, f64(0.0), ctx.b.fsub(wrapped, gap))
        more = ctx.b.select(truth_of(ctx, first), f64(0.0), more)
        turned = ctx.b.fadd(as_float(ctx, shift), more)
        ctx.env[key] = py.Tup((py.Const(False), py.Num("f", angle), py.Num("f", turned)))
        return py.Num("f", ctx.b.fadd(angle, turned), 1)

    result = arrays.made(ctx, items_of(ctx, arrays.array_of(ctx, args[0])), step, "unwrap")
    del ctx.env[key]
    return result


def _linspace(ctx: Context, args: Args, kw: Kwargs) -> Value:
    count = args[2] if len(args) > 2 else kw.get("num", py.Const(50))
    whole = isinstance(count, py.Const) and type(count.obj) is int and count.obj > 1
    if not whole or len(args) > 3 or kw.keys() - {"num"}:
        raise Unsupported("such a numpy.linspace", ctx.line)
    number = count.obj  # type: ignore[attr-defined]
    low, high = as_float(ctx, args[0]), as_float(ctx, args[1])
    step = ctx.b.fdiv(ctx.b.fsub(high, low), f64(float(number - 1)))

    def get(k: Any) -> Value:
        turn = f64(float(k)) if isinstance(k, int) else ctx.b.sitofp(k, F64)
        return py.Num("f", ctx.b.fadd(low, ctx.b.fmul(turn, step)), 1)

    static = number if number <= MAX_STATIC else None
    return arrays.made(ctx, Seq(static, lambda: i64(number), get), lambda v: v, "linspace")


def _roll(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) != 2 or kw.keys() - {"axis"}:
        raise Unsupported("such a numpy.roll", ctx.line)
    array, shift = arrays.array_of(ctx, args[0]), as_int(ctx, args[1])
    seq = items_of(ctx, array)

    def get(k: Any) -> Value:
        index = py.Num("i", ctx.b.sub(i64(k) if isinstance(k, int) else k, shift))
        return seq.get(as_int(ctx, binary(ctx, ast.Mod(), index, py.Num("i", seq.length()))))

    return arrays.made(ctx, Seq(None, seq.length, get), lambda v: v, "roll")


def _concatenate(ctx: Context, args: Args, kw: Kwargs) -> Value:
    parts = [arrays.array_of(ctx, part).inner for part in as_tuple(ctx, args[0]).items]
    joined = parts[0]
    for part in parts[1:]:
        joined = sequence_binary(ctx, ast.Add(), joined, part)
    return arrays.array_of(ctx, joined)


def _sample_variance(ctx: Context, array: py.Arr) -> Value:
    count = arrays.number_of_items(ctx, items_of(ctx, array))
    share = ctx.b.fdiv(count, ctx.b.fsub(count, f64(1.0)))
    return py.Num("f", ctx.b.fmul(as_float(ctx, arrays.variance(ctx, array)), share), 1)


def _sample_deviation(ctx: Context, array: py.Arr) -> Value:
    return arrays.float1(ctx, _sample_variance(ctx, array), "llvm.sqrt.f64")


# Name -> what translates a call with so many items or more.
STATISTICS: dict[str, tuple[Callable[[Context, py.Arr], Value], int]] = {
    "mean": (arrays.mean_of, 1),
    "median": (arrays.median, 1),
    "pstdev": (arrays.deviation, 1),
    "pvariance": (arrays.variance, 1),
    "stdev": (_sample_deviation, 2),
    "variance": (_sample_variance, 2),
}


def statistics_function(ctx: Context, name: str, values: Value) -> Value:
    """``statistics.name(values)`` of those in `STATISTICS`, as a NumPy number."""
    action, least = STATISTICS[name]
    array = arrays.array_of(ctx, values)
    length = items_of(ctx, array).length()
    if not isinstance(length, ir.Constant):
        ctx.fail_if(ctx.b.icmp_signed("<", length, i64(least)), None)
    elif length.constant < least:
        ctx.fail(None)
    return action(ctx, array)


def array_binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """Elementwise operation."""
    if isinstance(op, ast.MatMult):
        return _dot(ctx, (a, b), {})

    def operate(x: Value, y: Value) -> Value:
        return arithmetic(ctx, op, as_number(ctx, x), as_number(ctx, y))

    return arrays.array_map2(ctx, operate, a, b)


def _square(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value = arrays.operand(ctx, args[0])
    return array_binary(ctx, ast.Mult(), value, value)


def _average(ctx: Context, args: Args, kw: Kwargs) -> Value:
    weights = kw.pop("weights", None)
    if weights is None:
        return arrays.reduced(ctx, args, kw, partial(arrays.mean_of, ctx))
    top = _dot(ctx, (args[0], weights), {})
    return binary(ctx, ast.Div(), top, arrays.total(ctx, arrays.array_of(ctx, weights)))


# NumPy's functions of whole arrays.
VECTORS: dict[str, Callable[[Context, Args, Kwargs], Value]] = {
    "arange": lambda ctx, args, kw: arrays.made(
        ctx, items_of(ctx, range_of(ctx, args, {})), partial(as_numpy, ctx), "arange"
    ),
    "argsort": _argsort,
    "average": _average,
    "concatenate": _concatenate,
    "cross": _cross,
    "cumsum": _cumsum,
    "diff": _diff,
    "dot": _dot,
    "full": lambda ctx, args, kw: _filled(ctx, args[0], args[1]),
    "inner": _dot,
    "interp": _interp,
    "isclose": _isclose,
    "linspace": _linspace,
    "norm": _norm,
    "ones": lambda ctx, args, kw: _filled(ctx, args[0], py.Const(1.0)),
    "roll": _roll,
    "sort": _sort,
    "square": _square,
    "unwrap": _unwrap,
    "zeros": lambda ctx, args, kw: _filled(ctx, args[0], py.Const(0.0)),
}


_ALIASES = {"absolute": "abs", "amin": "min", "amax": "max", "around": "round", "asarray": "array"}
_ALIASES |= {"true_divide": "divide", "remainder": "mod"}
_ALIASES |= {"deg2rad": "radians", "rad2deg": "degrees", "float64": "float_", "double": "float_"}
_OPERATORS: dict[str, ast.operator] = {
    "add": ast.Add(),
    "subtract": ast.Sub(),
    "multiply": ast.Mult(),
    "divide": ast.Div(),
    "power": ast.Pow(),
    "mod": ast.Mod(),
    "floor_divide": ast.FloorDiv(),
}
_COMPARISONS: dict[str, ast.cmpop] = {
    "less": ast.Lt(),
    "greater": ast.Gt(),
    "less_equal": ast.LtE(),
    "greater_equal": ast.GtE(),
    "equal": ast.Eq(),
}


def numpy_function(ctx: Context, name: str, args: Args, kw: Kwargs) -> Value:
    """``numpy.name(...)``."""
    name = _ALIASES.get(name, name)
    if name in arrays.EACH and len(args) == 1:
        return arrays.array_map(ctx, partial(arrays.EACH[name], ctx), arrays.operand(ctx, args[0]))
    if name in arrays.PAIRS:
        return arrays.array_map2(ctx, partial(arrays.PAIRS[name], ctx), args[0], args[1])
    if name in _OPERATORS:
        return array_binary(ctx, _OPERATORS[name], *map(partial(arrays.operand, ctx), args))
    if name in _COMPARISONS:
        return array_compare(ctx, _COMPARISONS[name], *args)
    if name in arrays.REDUCTIONS:
        return arrays.reduced(ctx, args, kw, partial(arrays.REDUCTIONS[name], ctx))
    if name not in NUMPY:
        raise Unsupported(f"numpy.{name}", ctx.line)
    return NUMPY[name](ctx, args, kw)


def _clip(ctx: Context, args: Args, kw: Kwargs) -> Value:
    low = args[1] if len(args) > 1 else kw.get("a_min", py.NONE)
    high = args[2] if len(args) > 2 else kw.get("a_max", py.NONE)
    value = arrays.operand(ctx, args[0])
    for bound, name in ((low, "maximum"), (high, "minimum")):
        if not py.is_none(bound):
            value = numpy_function(ctx, name, (value, bound), {})
    return value


NUMPY = arrays.ARRAYS | VECTORS | {"clip": _clip}
