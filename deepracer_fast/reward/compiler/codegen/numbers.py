"""``math``, ``round``, ``int`` and ``float``: functions of numbers.

The C library's functions are the ones that CPython calls; what CPython adds, its checks of domain
and range, is added here.
"""

import ast
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import (
    absolute,
    as_float,
    as_int,
    as_number,
    binary,
    compare_numbers,
    is_finite,
    is_infinite,
    is_nan,
)
from deepracer_fast.reward.compiler.codegen.kinds import all_known, is_array, plain
from deepracer_fast.reward.compiler.codegen.sequences import Seq, items_of
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.users import STAND_INS, UserTuple
from deepracer_fast.reward.compiler.lattice.values import Args, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, I64, TRUE, Context, f64, i64
from deepracer_fast.reward.compiler.lowering.memory import cast_leaf
from deepracer_fast.reward.compiler.lowering.merges import if_else

# Functions of one float: name -> whether a result beyond all floats is an OverflowError.
C_FUNCTIONS = {
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan", "tanh"), False),
    **dict.fromkeys(("asinh", "acosh", "atanh", "cbrt", "erf", "erfc"), False),
    **dict.fromkeys(("log", "log2", "log10", "log1p"), False),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), True),
}


def math_function(ctx: Context, name: str, args: Args) -> Value:
    """``math.name(...)``."""
    if all_known(args):
        return fold(ctx, getattr(math, name), args)
    if name in C_FUNCTIONS and len(args) == 1:
        return py.Num("f", _checked(ctx, name, as_float(ctx, args[0])))
    if name not in MATH:
        raise Unsupported(f"math.{name}", ctx.line)
    return MATH[name](ctx, *args)


def fold(ctx: Context, function: Callable[..., Any], args: Args) -> Value:
    """Calls a pure function of known numbers now."""
    known = [arg.obj for arg in args if isinstance(arg, py.Const)]
    if any(isinstance(obj, int) and abs(obj) > 1 << 40 for obj in known):
        raise Unsupported("a large int", ctx.line)
    if any(isinstance(obj, STAND_INS) and type(obj) is not UserTuple for obj in known):
        raise Unsupported(f"{function.__name__} of an object", ctx.line)
    try:
        return py.Const(function(*known))
    except Unsupported:
        raise
    except Exception as error:
        return ctx.fail(type(error))


def _checked(ctx: Context, name: str, x: Leaf) -> Leaf:
    """A C function with CPython's checks (Modules/mathmodule.c, math_1)."""
    result = ctx.native(name, F64, x)
    bad = ctx.b.and_(is_nan(ctx, result), ctx.b.fcmp_ordered("ord", x, x))
    ctx.fail_if(bad, ValueError)
    if name not in ("sin", "cos", "asin", "acos", "atan", "tanh", "erf", "erfc"):
        over = ctx.b.and_(is_infinite(ctx, result), is_finite(ctx, x))
        ctx.fail_if(over, OverflowError if C_FUNCTIONS[name] else ValueError)
    return result


def _sqrt(ctx: Context, x: Leaf) -> Leaf:
    ctx.fail_if(ctx.b.fcmp_ordered("<", x, f64(0.0)), ValueError)
    return ctx.native("llvm.sqrt.f64", F64, x)


def _hypot(ctx: Context, *args: Value) -> Value:
    leaves = [as_float(ctx, arg) for arg in args]
    if len(leaves) == 2:
        return py.Num("f", ctx.native("hypot", F64, *leaves))
    total: Leaf = f64(0.0)
    for leaf in leaves:
        total = ctx.b.fadd(total, ctx.b.fmul(leaf, leaf))
    return _root_of_squares(ctx, total)


def _root_of_squares(ctx: Context, total: Leaf) -> Value:
    """The root of a sum that may have left the range; then it is for Python, which scales."""
    result = ctx.native("llvm.sqrt.f64", F64, total)
    ctx.fail_if(is_infinite(ctx, result), None)
    return py.Num("f", result)


def _dist(ctx: Context, p: Value, q: Value) -> Value:
    a, b = items_of(ctx, p), items_of(ctx, q)
    if a.static is None or b.static is None:
        return _distance_in_memory(ctx, a, b)
    if a.static != b.static:
        return ctx.fail(ValueError)
    gaps = [binary(ctx, ast.Sub(), a.get(k), b.get(k)) for k in range(a.static)]
    return _hypot(ctx, *(py.Num("f", as_float(ctx, gap)) for gap in gaps))


def _distance_in_memory(ctx: Context, a: Seq, b: Seq) -> Value:
    count = a.length()
    ctx.fail_if(ctx.b.icmp_signed("!=", count, b.length()), ValueError)
    total = ctx.variable(f64(0.0))

    def add(k: Leaf) -> None:
        gap = as_float(ctx, binary(ctx, ast.Sub(), a.get(k), b.get(k)))
        ctx.b.store(ctx.b.fadd(ctx.b.load(total), ctx.b.fmul(gap, gap)), total)

    ctx.times(count, add)
    return _root_of_squares(ctx, ctx.b.load(total))


def _pow(ctx: Context, a: Leaf, b: Leaf) -> Leaf:
    result = ctx.native("pow", F64, a, b)
    finite = ctx.b.and_(is_finite(ctx, a), is_finite(ctx, b))
    ctx.fail_if(ctx.b.and_(finite, is_nan(ctx, result)), ValueError)
    infinite = ctx.b.and_(finite, is_infinite(ctx, result))
    zero = ctx.b.fcmp_ordered("==", a, f64(0.0))
    ctx.fail_if(ctx.b.and_(infinite, zero), ValueError)
    ctx.fail_if(infinite, OverflowError)
    return result


def _fmod(ctx: Context, a: Leaf, b: Leaf) -> Leaf:
    ctx.fail_if(ctx.b.fcmp_ordered("==", b, f64(0.0)), ValueError)
    ctx.fail_if(is_infinite(ctx, a), ValueError)
    return ctx.native("fmod", F64, a, b)


def _log(ctx: Context, x: Value, base: Value | None = None) -> Value:
    top = _checked(ctx, "log", as_float(ctx, x))
    if base is None:
        return py.Num("f", top)
    bottom = _checked(ctx, "log", as_float(ctx, base))
    return binary(ctx, ast.Div(), py.Num("f", top), py.Num("f", bottom))


def _to_whole(ctx: Context, value: Value, function: str = "trunc") -> Value:
    number = as_number(ctx, value)
    if number.kind != "f":
        return py.Num("i", cast_leaf(ctx, number.leaf, number.kind, "i"))
    return whole(ctx, ctx.native(f"llvm.{function}.f64", F64, number.leaf))


def whole(ctx: Context, leaf: Leaf) -> py.Num:
    """A float without fraction as int; nan, inf and what is too large give up."""
    fits = ctx.b.fcmp_ordered("<=", absolute(ctx, leaf), f64(float(2**53)))
    ctx.fail_if(is_nan(ctx, leaf), ValueError)
    ctx.fail_if(is_infinite(ctx, leaf), OverflowError)
    ctx.fail_if(ctx.b.not_(fits), None)
    return py.Num("i", ctx.b.fptosi(leaf, I64))


def _isclose(ctx: Context, x: Leaf, y: Leaf) -> Leaf:
    gap = absolute(ctx, ctx.b.fsub(x, y))
    larger = ctx.native("llvm.maxnum.f64", F64, absolute(ctx, x), absolute(ctx, y))
    close = ctx.b.fcmp_ordered("<=", gap, ctx.b.fmul(larger, f64(1e-9)))
    same = ctx.b.fcmp_ordered("==", x, y)
    finite = ctx.b.and_(is_finite(ctx, x), is_finite(ctx, y))
    return ctx.b.or_(same, ctx.b.and_(close, finite))


def _of_leaves(function: Callable[..., Leaf], kind: str = "f") -> Callable[..., Value]:
    """A function of values from one of floats' leaves."""
    return lambda ctx, *args: py.Num(kind, function(ctx, *(as_float(ctx, arg) for arg in args)))


def _native(name: str) -> Callable[..., Value]:
    return _of_leaves(lambda ctx, *leaves: ctx.native(name, F64, *leaves))


def _scaled(factor: float) -> Callable[..., Value]:
    """A function that multiplies by a constant."""
    return _of_leaves(lambda ctx, leaf: ctx.b.fmul(leaf, f64(factor)))


# What `math` has besides `C_FUNCTIONS`.
MATH: dict[str, Callable[..., Value]] = {
    "sqrt": _of_leaves(_sqrt),
    "fabs": _of_leaves(absolute),
    "radians": _scaled(math.pi / 180.0),
    "degrees": _scaled(180.0 / math.pi),
    "atan2": _native("atan2"),
    "copysign": _native("llvm.copysign.f64"),
    "hypot": _hypot,
    "dist": _dist,
    "pow": _of_leaves(_pow),
    "fmod": _of_leaves(_fmod),
    "log": _log,
    "isclose": _of_leaves(_isclose, "b"),
    "isnan": _of_leaves(is_nan, "b"),
    "isinf": _of_leaves(is_infinite, "b"),
    "isfinite": _of_leaves(is_finite, "b"),
    **{name: partial(_to_whole, function=name) for name in ("floor", "ceil", "trunc")},
}


def absolute_value(ctx: Context, value: Value) -> Value:
    """``abs(value)``."""
    if is_array(value):
        return ctx.ops.array_map(ctx, partial(absolute_value, ctx), value)
    if isinstance(value, py.Const):
        return fold(ctx, abs, (value,))
    number = as_number(ctx, value)
    if number.kind == "f":
        return py.Num("f", absolute(ctx, number.leaf), number.np, number.exact)
    leaf = cast_leaf(ctx, number.leaf, number.kind, "i")
    negative = ctx.b.icmp_signed("<", leaf, i64(0))
    return py.Num("i", ctx.b.select(negative, ctx.b.sub(i64(0), leaf), leaf), number.np)


def round_value(ctx: Context, value: Value, digits: Value) -> Value:
    """``round(value)`` to int, ``round(value, digits)`` to float, halves to even."""
    number = as_number(ctx, value)
    if number.kind != "f":
        if not py.is_none(digits):
            ctx.fail_if(ctx.b.icmp_signed("<", as_int(ctx, digits), i64(0)), None)
        return py.Num("i", cast_leaf(ctx, number.leaf, number.kind, "i"), number.np)
    if py.is_none(digits):
        return whole(ctx, ctx.native("llvm.roundeven.f64", F64, number.leaf))
    if not isinstance(digits, py.Const):
        raise Unsupported("round to a number of digits that is not known", ctx.line)
    places = digits.obj
    if type(places) is not int or not 0 <= places <= 15:
        raise Unsupported("round to such digits", ctx.line)
    return py.Num("f", rounded(ctx, number.leaf, places, number.np), number.np)


def rounded(ctx: Context, x: Leaf, places: int, np: int) -> Leaf:
    """X to ``places`` decimals; for plain floats correctly rounded, as CPython does it."""
    scale = f64(10.0**places)
    scaled = ctx.b.fmul(x, scale)
    nearest = ctx.native("llvm.roundeven.f64", F64, scaled)
    if np == 0:
        error = ctx.native("llvm.fma.f64", F64, x, scale, ctx.b.fneg(scaled))
        floor = ctx.native("llvm.floor.f64", F64, scaled)
        half = ctx.b.fcmp_ordered("==", ctx.b.fsub(scaled, floor), f64(0.5))
        more = ctx.b.fcmp_ordered(">", error, f64(0.0))
        above = ctx.b.select(more, ctx.b.fadd(floor, f64(1.0)), floor)
        tie = ctx.b.and_(half, ctx.b.fcmp_ordered("!=", error, f64(0.0)))
        nearest = ctx.b.select(tie, above, nearest)
    result = ctx.b.fdiv(nearest, scale)
    if np == 2:
        ctx.fail_if(TRUE, None)
    huge = ctx.b.fcmp_unordered(">", absolute(ctx, scaled), f64(4e15))
    return ctx.b.select(huge, x, result)


def to_int(ctx: Context, args: Args) -> Value:
    """``int(x)``."""
    if len(args) > 1:
        raise Unsupported("int with a base", ctx.line)
    if not args:
        return py.Const(0)
    value = plain(ctx, args[0])
    if isinstance(value, py.Const):
        return fold(ctx, int, (value,))
    if isinstance(value, py.Str | py.Opaque):
        raise Unsupported("int of a text", ctx.line)
    return _to_whole(ctx, as_scalar(ctx, value))


def to_float(ctx: Context, args: Args) -> Value:
    """``float(x)``."""
    if len(args) != 1:
        return py.Const(0.0) if not args else ctx.fail(TypeError)
    value = plain(ctx, args[0])
    if isinstance(value, py.Const) and not is_array(value):
        return fold(ctx, float, (value,))
    if isinstance(value, py.Str | py.Opaque):
        raise Unsupported("float of a text", ctx.line)
    return py.Num("f", as_float(ctx, as_scalar(ctx, value)))


def as_scalar(ctx: Context, value: Value) -> Value:
    """The one item of an array that has one."""
    if isinstance(value, py.Arr):
        seq = items_of(ctx, value)
        if seq.static != 1:
            raise Unsupported("an array as a number", ctx.line)
        return as_scalar(ctx, seq.get(0))
    return value


def minmax(ctx: Context, less: bool, a: Value, b: Value) -> Value:
    """The smaller or the larger of two numbers, the first where they are equal."""
    a, b = plain(ctx, a), plain(ctx, b)
    if isinstance(a, py.Const) and isinstance(b, py.Const):
        return fold(ctx, min if less else max, (a, b))
    sign = "<" if less else ">"
    x, y = as_number(ctx, a), as_number(ctx, b)
    better = compare_numbers(ctx, sign, y, x)
    if x.kind == y.kind and x.np == y.np and x.exact == y.exact:
        return py.Num(x.kind, ctx.b.select(better, y.leaf, x.leaf), x.np, x.exact)
    return if_else(ctx, better, lambda: b, lambda: a)
