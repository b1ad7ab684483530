"""Numbers: operators, truth, comparisons, with Python's rules where the machine's differ.

Ints are 64 bits wide and give up beyond 2**53; a float operation raises where Python raises and
gives inf or nan where NumPy does (`Num.np`).
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen import kinds
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.users import STAND_INS, type_name
from deepracer_fast.reward.compiler.lattice.values import Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering import memory
from deepracer_fast.reward.compiler.lowering.context import F64, FALSE, I64, TRUE, Context, f64, i64

SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_LARGEST_FOLD = 1 << 12
_LONGEST_FOLD = 4096  # bits of a product
_LONGEST_TEXT = 100_000  # characters times pieces that a call may throw away


def boolean(leaf: Leaf) -> Value:
    """A bool; known if its leaf is a constant."""
    if isinstance(leaf, ir.Constant):
        return py.Const(bool(leaf.constant))
    return py.Num("b", leaf)


def negated(ctx: Context, leaf: Leaf) -> Leaf:
    """The opposite of an i1."""
    if isinstance(leaf, ir.Constant):
        return FALSE if leaf.constant else TRUE
    return ctx.b.not_(leaf)


def as_number(ctx: Context, value: Value) -> py.Num:
    """A number's kind and leaf."""
    value = kinds.plain(ctx, value)
    if isinstance(value, py.Num):
        return value
    if isinstance(value, py.Const):
        return const_number(ctx, value.obj)
    if isinstance(value, py.Str | py.Tup | py.Lst):
        return ctx.fail(TypeError)
    raise Unsupported(f"uses {describe(py.type_of(value))} as a number", ctx.line)


def const_number(ctx: Context, obj: Any) -> py.Num:
    """A known number."""
    kind, np = py.KINDS.get(type(obj)), 0
    if kind is None:
        if isinstance(obj, STAND_INS):
            raise Unsupported(f"uses a {type_name(obj)} as a number", ctx.line)
        if getattr(obj, "shape", None) != () or not hasattr(obj, "dtype"):
            return ctx.fail(TypeError)
        kind, np = {"b": "b", "i": "i", "u": "i", "f": "f"}.get(obj.dtype.kind), 1
        if kind is None:
            return ctx.fail(TypeError)
    return py.Num(kind, memory.number_leaf(ctx, obj, kind), np)


def as_float(ctx: Context, value: Value) -> Leaf:
    """A number's value as double."""
    number = as_number(ctx, value)
    return memory.cast_leaf(ctx, number.leaf, number.kind, "f")


def as_int(ctx: Context, value: Value, kind: type[BaseException] = TypeError) -> Leaf:
    """An int or bool as i64; a float is no index."""
    number = as_number(ctx, value)
    if number.kind == "f":
        if not number.exact:
            raise Unsupported("an index that may be an int or a float", ctx.line)
        return ctx.fail(kind)
    return memory.cast_leaf(ctx, number.leaf, number.kind, "i")


def truth_of(ctx: Context, value: Value) -> Leaf:
    """Whether ``if`` takes the value for true."""
    match value:
        case py.Const(obj):
            if hasattr(obj, "shape") and obj.shape != ():
                raise Unsupported("the truth of an array", ctx.line)
            return TRUE if obj else FALSE
        case py.Num("b", leaf):
            return leaf
        case py.Num("i", leaf):
            return ctx.b.icmp_signed("!=", leaf, i64(0))
        case py.Num("f", leaf):
            return ctx.b.fcmp_unordered("!=", leaf, f64(0.0))
        case py.Opt(flag, inner):
            return ctx.b.and_(ctx.b.not_(flag), truth_of(ctx, inner))
        case py.Tup(items):
            return TRUE if items else FALSE
        case py.Lst():
            return ctx.b.icmp_signed("!=", memory.length_of(ctx, value), i64(0))
        case py.Str(leaf):
            return ctx.b.icmp_signed("!=", leaf, i64(ctx.string_id("")))
        case py.Conflict():
            ctx.conflict(value)
    raise Unsupported(f"the truth of {describe(py.type_of(value))}", ctx.line)


def binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """``a op b``."""
    a, b = kinds.plain(ctx, a), kinds.plain(ctx, b)
    if isinstance(a, py.Opaque) or isinstance(b, py.Opaque):
        return py.Opaque()
    if kinds.is_object(a) or kinds.is_object(b):
        return kinds.object_binary(ctx, op, a, b)
    if kinds.is_array(a) or kinds.is_array(b):
        if isinstance(op, ast.Mod) and kinds.is_text(a):
            return py.Opaque()
        return ctx.ops.array_binary(ctx, op, a, b)
    if isinstance(a, py.Const) and isinstance(b, py.Const) and _folds(op, a.obj, b.obj):
        try:
            return py.Const(getattr(operator, kinds.METHODS[type(op)])(a.obj, b.obj))
        except (ArithmeticError, TypeError, ValueError) as error:
            return ctx.fail(type(error))
    if kinds.is_text(a) or kinds.is_text(b):
        return _text_binary(ctx, op, a, b)
    if kinds.is_sequence(a) or kinds.is_sequence(b):
        return ctx.ops.sequence_binary(ctx, op, a, b)
    return arithmetic(ctx, op, as_number(ctx, a), as_number(ctx, b))


def _text_binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """A text formatted, joined or repeated, which only print may use."""
    both = kinds.is_text(a) and kinds.is_text(b)
    if (isinstance(op, ast.Mod) and kinds.is_text(a)) or (isinstance(op, ast.Add) and both):
        return py.Opaque()
    count = b if kinds.is_text(a) else a
    if both or not isinstance(op, ast.Mult) or not isinstance(count, py.Num | py.Const):
        return ctx.fail(TypeError)
    leaf = as_int(ctx, count)
    if not isinstance(leaf, ir.Constant):
        ctx.fail_if(ctx.b.icmp_signed(">", leaf, i64(_LONGEST_TEXT)), None)
    elif leaf.constant > _LONGEST_TEXT:
        raise Unsupported("a text of such a length", ctx.line)
    return py.Opaque()


def _folds(op: ast.operator, a: Any, b: Any) -> bool:
    if type(a) in py.SCALARS and type(b) in py.SCALARS:
        if isinstance(op, ast.Mult) and (isinstance(a, str) or isinstance(b, str)):
            return False
        if isinstance(op, ast.Mult) and isinstance(a, int) and isinstance(b, int):
            return int(a).bit_length() + int(b).bit_length() <= _LONGEST_FOLD
        if isinstance(op, ast.Pow | ast.LShift):
            sizes = [abs(x) for x in (a, b) if isinstance(x, int | float)]
            return len(sizes) == 2 and sizes[1] <= 64 and sizes[0] <= _LARGEST_FOLD
        return not (isinstance(op, ast.Mod) and isinstance(a, str))
    return isinstance(op, ast.Add) and type(a) is type(b) is tuple and len(a + b) <= 64


def arithmetic(ctx: Context, op: ast.operator, a: py.Num, b: py.Num) -> Value:
    """``a op b`` for two numbers."""
    np = 1 if 1 in (a.np, b.np) else max(a.np, b.np)
    ints = a.kind != "f" and b.kind != "f"
    match op:
        case ast.Add() | ast.Sub() | ast.Mult():
            if ints and not (a.np and a.kind == b.kind == "b"):
                return py.Num("i", _int_operation(ctx, op, *both_as(ctx, "i", a, b)), np)
            action = {ast.Add: ctx.b.fadd, ast.Sub: ctx.b.fsub, ast.Mult: ctx.b.fmul}[type(op)]
            return py.Num("f", action(*both_as(ctx, "f", a, b)), np, _is_float(a, b))
        case ast.Div():
            x, y = both_as(ctx, "f", a, b)
            _check_zero_float(ctx, y, np)
            return py.Num("f", ctx.b.fdiv(x, y), np)
        case ast.FloorDiv() | ast.Mod():
            return _floor_divide(ctx, isinstance(op, ast.Mod), a, b, np)
        case ast.Pow():
            return power(ctx, a, b, np)
    return _bitwise(ctx, op, a, b)


def _int_operation(ctx: Context, op: ast.operator, x: Leaf, y: Leaf) -> Leaf:
    if isinstance(op, ast.Mult):
        both = ctx.b.smul_with_overflow(x, y)
        result = ctx.b.extract_value(both, 0)
        ctx.fail_if(ctx.b.extract_value(both, 1), None)
    else:
        result = ctx.b.add(x, y) if isinstance(op, ast.Add) else ctx.b.sub(x, y)
    return small(ctx, result)


def small(ctx: Context, leaf: Leaf) -> Leaf:
    """An int within 2**53; others give the call up."""
    shifted = ctx.b.add(leaf, i64(memory.MAX_INT))
    ctx.fail_if(ctx.b.icmp_unsigned(">", shifted, i64(2 * memory.MAX_INT)), None)
    return leaf


def _check_zero_float(ctx: Context, y: Leaf, np: int) -> None:
    """What a division by zero does: raise, go on, or give up where it is not known."""
    if isinstance(y, ir.Constant):
        zero = TRUE if y.constant == 0 else FALSE
    else:
        zero = ctx.b.fcmp_ordered("==", y, f64(0.0))
    if np != 1:
        ctx.fail_if(zero, ZeroDivisionError if np == 0 else None)


def _floor_divide(ctx: Context, modulo: bool, a: py.Num, b: py.Num, np: int) -> Value:
    if a.kind != "f" and b.kind != "f":
        x, y = both_as(ctx, "i", a, b)
        zero = ctx.b.icmp_signed("==", y, i64(0))
        if isinstance(y, ir.Constant):
            zero = TRUE if y.constant == 0 else FALSE
        ctx.fail_if(zero, ZeroDivisionError if np == 0 else None)
        rest = ctx.b.srem(x, y)
        inexact = ctx.b.icmp_signed("!=", rest, i64(0))
        wrong = ctx.b.and_(inexact, ctx.b.icmp_signed("<", ctx.b.xor(rest, y), i64(0)))
        if modulo:
            return py.Num("i", ctx.b.select(wrong, ctx.b.add(rest, y), rest), np)
        quotient = ctx.b.sdiv(x, y)
        return py.Num("i", ctx.b.sub(quotient, ctx.b.zext(wrong, I64)), np)
    x, y = both_as(ctx, "f", a, b)
    _check_zero_float(ctx, y, 0 if np == 0 else 2)
    rest = float_modulo(ctx, x, y)
    exact = _is_float(a, b)
    if modulo:
        return py.Num("f", rest, np, exact)
    # As CPython's float_floor_div: the quotient of what the modulo leaves, snapped to a whole.
    quotient = ctx.b.fdiv(ctx.b.fsub(x, rest), y)
    floor = ctx.native("llvm.floor.f64", F64, quotient)
    more = ctx.b.fcmp_ordered(">", ctx.b.fsub(quotient, floor), f64(0.5))
    snapped = ctx.b.select(more, ctx.b.fadd(floor, f64(1.0)), floor)
    return py.Num("f", snapped, np, exact)


def float_modulo(ctx: Context, x: Leaf, y: Leaf) -> Leaf:
    """``x % y`` of floats that are not zero: the sign is that of ``y``."""
    rest = ctx.native("fmod", F64, x, y)
    negative = ctx.b.fcmp_ordered("<", rest, f64(0.0))
    other_sign = ctx.b.xor(negative, ctx.b.fcmp_ordered("<", y, f64(0.0)))
    nonzero = ctx.b.fcmp_unordered("!=", rest, f64(0.0))
    fixed = ctx.b.select(other_sign, ctx.b.fadd(rest, y), rest)
    signed_zero = ctx.native("llvm.copysign.f64", F64, f64(0.0), y)
    return ctx.b.select(nonzero, fixed, signed_zero)


def power(ctx: Context, a: py.Num, b: py.Num, np: int = 0) -> Value:
    """``a ** b``."""
    small = isinstance(b.leaf, ir.Constant) and b.kind == "i" and 0 <= b.leaf.constant <= 8
    if a.kind != "f" and b.kind != "f":
        return _int_power(ctx, a, b, np, small)
    x, y = both_as(ctx, "f", a, b)
    if isinstance(y, ir.Constant) and y.constant in (1.0, 2.0):
        result = ctx.b.fmul(x, x) if y.constant == 2.0 else x
    else:
        if np != 1:
            _check_power(ctx, x, y, np)
        result = ctx.native("pow", F64, x, y)
    _check_overflow(ctx, result, x, y, np)
    return py.Num("f", result, np, _is_float(a, b))


def _check_power(ctx: Context, x: Leaf, y: Leaf, np: int) -> None:
    """Zero to a negative power raises; a negative base to a broken one is complex."""
    constant = y.constant if isinstance(y, ir.Constant) else None
    if constant is None or constant < 0:
        negative = ctx.b.fcmp_ordered("<", y, f64(0.0))
        zero = ctx.b.and_(ctx.b.fcmp_ordered("==", x, f64(0.0)), negative)
        ctx.fail_if(zero, ZeroDivisionError if np == 0 else None)
    if constant is None or not float(constant).is_integer():
        floor = ctx.native("llvm.floor.f64", F64, y)
        broken = ctx.b.fcmp_unordered("!=", floor, y)
        ctx.fail_if(ctx.b.and_(ctx.b.fcmp_ordered("<", x, f64(0.0)), broken), None)


def _check_overflow(ctx: Context, result: Leaf, x: Leaf, y: Leaf, np: int) -> None:
    if np == 1:
        return
    infinite = is_infinite(ctx, result)
    finite = ctx.b.and_(is_finite(ctx, x), is_finite(ctx, y))
    ctx.fail_if(ctx.b.and_(infinite, finite), OverflowError if np == 0 else None)


def is_infinite(ctx: Context, leaf: Leaf) -> Leaf:
    """Plus or minus infinity."""
    return ctx.b.fcmp_ordered("==", absolute(ctx, leaf), f64(float("inf")))


def is_finite(ctx: Context, leaf: Leaf) -> Leaf:
    """Neither infinite nor nan."""
    return ctx.b.fcmp_ordered("<", absolute(ctx, leaf), f64(float("inf")))


def is_nan(ctx: Context, leaf: Leaf) -> Leaf:
    """Not a number."""
    return ctx.b.fcmp_unordered("uno", leaf, leaf)


def absolute(ctx: Context, leaf: Leaf) -> Leaf:
    """|leaf|."""
    return ctx.native("llvm.fabs.f64", F64, leaf)


def _int_power(ctx: Context, a: py.Num, b: py.Num, np: int, small: bool) -> Value:
    x, y = both_as(ctx, "i", a, b)
    if small:
        result: Leaf = i64(1)
        for _ in range(b.leaf.constant):
            result = _int_operation(ctx, ast.Mult(), result, x)
        return py.Num("i", result, np)
    if isinstance(y, ir.Constant) and y.constant < 0 and np == 0:
        base = py.Num("f", memory.cast_leaf(ctx, x, "i", "f"))
        return power(ctx, base, py.Num("f", f64(float(y.constant))))
    ctx.fail_if(ctx.b.icmp_signed("<", y, i64(0)), None)
    result = ctx.native(
        "pow", F64, memory.cast_leaf(ctx, x, "i", "f"), memory.cast_leaf(ctx, y, "i", "f")
    )
    over = ctx.b.fcmp_unordered(">", absolute(ctx, result), f64(float(memory.MAX_INT)))
    ctx.fail_if(over, None)
    return py.Num("i", ctx.b.fptosi(result, I64), np)


def _bitwise(ctx: Context, op: ast.operator, a: py.Num, b: py.Num) -> Value:
    if a.kind == "f" or b.kind == "f":
        return ctx.fail(TypeError if a.exact and b.exact else None)
    actions = {ast.BitAnd: ctx.b.and_, ast.BitOr: ctx.b.or_, ast.BitXor: ctx.b.xor}
    action = actions.get(type(op))
    if action is not None and a.kind == b.kind == "b":
        return py.Num("b", action(a.leaf, b.leaf), max(a.np, b.np))
    x, y = both_as(ctx, "i", a, b)
    if action is not None:
        return py.Num("i", action(x, y), max(a.np, b.np))
    ctx.fail_if(ctx.b.icmp_unsigned(">", y, i64(31)), None)
    if isinstance(op, ast.LShift):
        high = ctx.b.icmp_unsigned(">", ctx.b.add(x, i64(1 << 21)), i64(1 << 22))
        ctx.fail_if(high, None)
        return py.Num("i", ctx.b.shl(x, y))
    if isinstance(op, ast.RShift):
        return py.Num("i", ctx.b.ashr(x, y))
    raise Unsupported("the operator @", ctx.line)


def unary(ctx: Context, op: ast.unaryop, value: Value) -> Value:
    """``-x``, ``+x``, ``~x`` and ``not x``."""
    if isinstance(op, ast.Not):
        return boolean(negated(ctx, truth_of(ctx, value)))
    value = kinds.plain(ctx, value)
    if kinds.is_array(value):
        factor = py.Const(-1) if isinstance(op, ast.USub) else py.Const(1)
        return ctx.ops.array_binary(ctx, ast.Mult(), factor, value)
    if isinstance(value, py.Const) and type(value.obj) in (bool, int, float):
        try:
            return py.Const(_UNARY[type(op)](value.obj))
        except TypeError:
            return ctx.fail(TypeError)
    number = as_number(ctx, value)
    if number.kind == "f":
        if isinstance(op, ast.Invert):
            return ctx.fail(TypeError)
        leaf = ctx.b.fneg(number.leaf) if isinstance(op, ast.USub) else number.leaf
        return py.Num("f", leaf, number.np, number.exact)
    leaf = memory.cast_leaf(ctx, number.leaf, number.kind, "i")
    if isinstance(op, ast.Invert):
        return py.Num("i", ctx.b.not_(leaf), number.np)
    return py.Num("i", ctx.b.sub(i64(0), leaf) if isinstance(op, ast.USub) else leaf, number.np)


def compare_numbers(ctx: Context, sign: str, a: py.Num, b: py.Num) -> Leaf:
    """An i1 for ``a sign b``."""
    if a.kind == "f" or b.kind == "f":
        fcmp = ctx.b.fcmp_unordered if sign == "!=" else ctx.b.fcmp_ordered
        return fcmp(sign, *both_as(ctx, "f", a, b))
    return ctx.b.icmp_signed(sign, *both_as(ctx, "i", a, b))


def both_as(ctx: Context, kind: str, a: py.Num, b: py.Num) -> tuple[Leaf, Leaf]:
    """Two numbers' leaves in a kind as wide as theirs, or wider."""
    return memory.cast_leaf(ctx, a.leaf, a.kind, kind), memory.cast_leaf(ctx, b.leaf, b.kind, kind)


def _is_float(a: py.Num, b: py.Num) -> bool:
    """Whether a float result is certainly one: an exact float takes part, or all is exact."""
    return any(n.kind == "f" and n.exact for n in (a, b))
