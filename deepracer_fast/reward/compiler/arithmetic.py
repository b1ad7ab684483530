"""Numbers: operators, truth, comparisons, with Python's rules where the machine's differ.

Ints are 64 bits wide and give up beyond 2**53; a float operation raises where Python raises and
gives inf or nan where NumPy does (`Num.np`).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.emitter import F64, FALSE, I1, I64, TRUE, f64, i64
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.memory import MAX_INT, Memory
from deepracer_fast.reward.compiler.users import STAND_INS, Unknown, type_name
from deepracer_fast.reward.compiler.values import (
    NONE,
    Arr,
    Conflict,
    Const,
    Leaf,
    Lst,
    Num,
    Opaque,
    Opt,
    Str,
    Tup,
    Value,
    type_of,
)

_FOLD: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
SCALARS = (bool, int, float, str, type(None))
_KINDS = {bool: "b", int: "i", float: "f"}
_LARGEST_FOLD = 1 << 12
_LONGEST_FOLD = 4096  # bits of a product
_LONGEST_TEXT = 100_000  # characters times pieces that a call may throw away


def boolean(leaf: Leaf) -> Value:
    """A bool; known if its leaf is a constant."""
    if isinstance(leaf, ir.Constant):
        return Const(bool(leaf.constant))
    return Num("b", leaf)


class Arithmetic(Memory):
    """Operators on numbers."""

    # What others provide

    def array_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """Elementwise operation (`arrays`)."""
        raise NotImplementedError

    def sequence_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """+ and * of lists and tuples (`sequences`)."""
        raise NotImplementedError

    def is_object(self, value: Value) -> bool:
        """An object of a class of the user's file (`functions`)."""
        raise NotImplementedError

    def object_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """An operator that a class defines (`functions`)."""
        raise NotImplementedError

    # Numbers

    def plain(self, value: Value) -> Value:
        """The value itself; TypeError at run time where it is None."""
        if isinstance(value, Conflict):
            self.conflict(value)
        if isinstance(value, Opt):
            self.fail_if(value.flag, TypeError)
            return value.value
        if isinstance(value, Const) and isinstance(value.obj, Unknown):
            raise Unsupported(f"uses {value.obj.name}", self.line)
        return value

    def number(self, value: Value) -> Num:
        """A number's kind and leaf."""
        value = self.plain(value)
        if isinstance(value, Num):
            return value
        if isinstance(value, Const):
            return self.const_number(value.obj)
        if isinstance(value, Str | Tup | Lst):
            return self.fail(TypeError)
        raise Unsupported(f"uses {describe(type_of(value))} as a number", self.line)

    def const_number(self, obj: Any) -> Num:
        """A known number."""
        kind, np = _KINDS.get(type(obj)), 0
        if kind is None:
            if isinstance(obj, STAND_INS):
                raise Unsupported(f"uses a {type_name(obj)} as a number", self.line)
            if getattr(obj, "shape", None) != () or not hasattr(obj, "dtype"):
                return self.fail(TypeError)
            kind, np = {"b": "b", "i": "i", "u": "i", "f": "f"}.get(obj.dtype.kind), 1
            if kind is None:
                return self.fail(TypeError)
        if kind == "f":
            return Num("f", f64(float(obj)), np)
        if abs(int(obj)) > MAX_INT:
            raise Unsupported("an int beyond 2**53", self.line)
        return Num(kind, ir.Constant(I1 if kind == "b" else I64, int(obj)), np)

    def as_float(self, value: Value) -> Leaf:
        """A number's value as double."""
        number = self.number(value)
        return self.cast(number.leaf, number.kind, "f")

    def as_int(self, value: Value, kind: type[BaseException] = TypeError) -> Leaf:
        """An int or bool as i64; a float is no index."""
        number = self.number(value)
        if number.kind == "f":
            if not number.exact:
                raise Unsupported("an index that may be an int or a float", self.line)
            return self.fail(kind)
        return self.cast(number.leaf, number.kind, "i")

    def truth(self, value: Value) -> Leaf:
        """Whether ``if`` takes the value for true."""
        match value:
            case Const(obj):
                if hasattr(obj, "shape") and obj.shape != ():
                    raise Unsupported("the truth of an array", self.line)
                return TRUE if obj else FALSE
            case Num("b", leaf):
                return leaf
            case Num("i", leaf):
                return self.b.icmp_signed("!=", leaf, i64(0))
            case Num("f", leaf):
                return self.b.fcmp_unordered("!=", leaf, f64(0.0))
            case Opt(flag, inner):
                return self.b.and_(self.b.not_(flag), self.truth(inner))
            case Tup(items):
                return TRUE if items else FALSE
            case Lst():
                return self.b.icmp_signed("!=", self.length(value), i64(0))
            case Str(leaf):
                return self.b.icmp_signed("!=", leaf, i64(self.string_id("")))
            case Conflict():
                self.conflict(value)
        raise Unsupported(f"the truth of {describe(type_of(value))}", self.line)

    # Operators

    def binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """``a op b``."""
        a, b = self.plain(a), self.plain(b)
        if isinstance(a, Opaque) or isinstance(b, Opaque):
            return Opaque()
        if self.is_object(a) or self.is_object(b):
            return self.object_binary(op, a, b)
        if self.is_array(a) or self.is_array(b):
            if isinstance(op, ast.Mod) and self.is_text(a):
                return Opaque()
            return self.array_binary(op, a, b)
        if isinstance(a, Const) and isinstance(b, Const) and self._folds(op, a.obj, b.obj):
            try:
                return Const(_FOLD[type(op)](a.obj, b.obj))
            except (ArithmeticError, TypeError, ValueError) as error:
                return self.fail(type(error))
        if self.is_text(a) or self.is_text(b):
            return self._text_binary(op, a, b)
        if self.is_sequence(a) or self.is_sequence(b):
            return self.sequence_binary(op, a, b)
        return self.arithmetic(op, self.number(a), self.number(b))

    def _text_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """A text formatted, joined or repeated, which only print may use."""
        both = self.is_text(a) and self.is_text(b)
        if (isinstance(op, ast.Mod) and self.is_text(a)) or (isinstance(op, ast.Add) and both):
            return Opaque()
        count = b if self.is_text(a) else a
        if both or not isinstance(op, ast.Mult) or not isinstance(count, Num | Const):
            return self.fail(TypeError)
        number = self.number(count)
        if number.kind == "f":
            return self.fail(TypeError)
        leaf = self.cast(number.leaf, number.kind, "i")
        if not isinstance(leaf, ir.Constant):
            self.fail_if(self.b.icmp_signed(">", leaf, i64(_LONGEST_TEXT)), None)
        elif leaf.constant > _LONGEST_TEXT:
            raise Unsupported("a text of such a length", self.line)
        return Opaque()

    def is_text(self, value: Value) -> bool:
        """A string, known or one of several."""
        return isinstance(value, Str) or (isinstance(value, Const) and isinstance(value.obj, str))

    def is_array(self, value: Value) -> bool:
        """A NumPy array of at least one dimension."""
        if isinstance(value, Arr):
            return True
        return (
            isinstance(value, Const)
            and getattr(value.obj, "shape", ()) != ()
            and (type(value.obj).__module__ == "numpy")
        )

    def is_sequence(self, value: Value) -> bool:
        """A tuple or a list."""
        if isinstance(value, Tup | Lst):
            return True
        return isinstance(value, Const) and isinstance(value.obj, tuple | list)

    def _folds(self, op: ast.operator, a: Any, b: Any) -> bool:
        if type(a) in SCALARS and type(b) in SCALARS:
            if isinstance(op, ast.Mult) and (isinstance(a, str) or isinstance(b, str)):
                return False
            if all(isinstance(x, int) for x in (a, b)) and isinstance(op, ast.Mult):
                return int(a).bit_length() + int(b).bit_length() <= _LONGEST_FOLD
            if isinstance(op, ast.Pow | ast.LShift):
                sizes = [abs(x) for x in (a, b) if isinstance(x, int | float)]
                return len(sizes) == 2 and sizes[1] <= 64 and sizes[0] <= _LARGEST_FOLD
            return not (isinstance(op, ast.Mod) and isinstance(a, str))
        return isinstance(op, ast.Add) and type(a) is type(b) is tuple and len(a + b) <= 64

    def arithmetic(self, op: ast.operator, a: Num, b: Num) -> Value:
        """``a op b`` for two numbers."""
        np = 1 if 1 in (a.np, b.np) else max(a.np, b.np)
        ints = a.kind != "f" and b.kind != "f"
        match op:
            case ast.Add() | ast.Sub() | ast.Mult():
                if ints and not (a.np and a.kind == b.kind == "b"):
                    x, y = self.cast(a.leaf, a.kind, "i"), self.cast(b.leaf, b.kind, "i")
                    return Num("i", self._int_operation(op, x, y), np)
                return Num("f", self._float_operation(op, a, b), np, _is_float(a, b))
            case ast.Div():
                return self._divide(a, b, np)
            case ast.FloorDiv() | ast.Mod():
                return self._floor_divide(isinstance(op, ast.Mod), a, b, np)
            case ast.Pow():
                return self.power(a, b, np)
        return self._bitwise(op, a, b)

    def _int_operation(self, op: ast.operator, x: Leaf, y: Leaf) -> Leaf:
        if isinstance(op, ast.Mult):
            both = self.b.smul_with_overflow(x, y)
            result = self.b.extract_value(both, 0)
            self.fail_if(self.b.extract_value(both, 1), None)
        else:
            result = self.b.add(x, y) if isinstance(op, ast.Add) else self.b.sub(x, y)
        return self.small(result)

    def small(self, leaf: Leaf) -> Leaf:
        """An int within 2**53; others give the call up."""
        shifted = self.b.add(leaf, i64(MAX_INT))
        self.fail_if(self.b.icmp_unsigned(">", shifted, i64(2 * MAX_INT)), None)
        return leaf

    def _float_operation(self, op: ast.operator, a: Num, b: Num) -> Leaf:
        x, y = self.cast(a.leaf, a.kind, "f"), self.cast(b.leaf, b.kind, "f")
        if isinstance(op, ast.Add):
            return self.b.fadd(x, y)
        return self.b.fsub(x, y) if isinstance(op, ast.Sub) else self.b.fmul(x, y)

    def zero_check(self, zero: Leaf, np: int) -> None:
        """What a division by zero does: raise, go on, or give up where it is not known."""
        if np != 1:
            self.fail_if(zero, ZeroDivisionError if np == 0 else None)

    def _divide(self, a: Num, b: Num, np: int) -> Value:
        x, y = self.cast(a.leaf, a.kind, "f"), self.cast(b.leaf, b.kind, "f")
        self._check_zero_float(y, np)
        return Num("f", self.b.fdiv(x, y), np)

    def _check_zero_float(self, y: Leaf, np: int) -> None:
        if isinstance(y, ir.Constant):
            if y.constant == 0 and np != 1:
                self.fail(ZeroDivisionError if np == 0 else None)
            return
        self.zero_check(self.b.fcmp_ordered("==", y, f64(0.0)), np)

    def _floor_divide(self, modulo: bool, a: Num, b: Num, np: int) -> Value:
        if a.kind != "f" and b.kind != "f":
            x, y = self.cast(a.leaf, a.kind, "i"), self.cast(b.leaf, b.kind, "i")
            zero = self.b.icmp_signed("==", y, i64(0))
            if isinstance(y, ir.Constant):
                zero = TRUE if y.constant == 0 else FALSE
            self.fail_if(zero, ZeroDivisionError if np == 0 else None)
            rest = self.b.srem(x, y)
            wrong = self.b.and_(
                self.b.icmp_signed("!=", rest, i64(0)),
                self.b.icmp_signed("<", self.b.xor(rest, y), i64(0)),
            )
            if modulo:
                return Num("i", self.b.select(wrong, self.b.add(rest, y), rest), np)
            quotient = self.b.sdiv(x, y)
            return Num("i", self.b.sub(quotient, self.b.zext(wrong, I64)), np)
        x, y = self.cast(a.leaf, a.kind, "f"), self.cast(b.leaf, b.kind, "f")
        self._check_zero_float(y, 0 if np == 0 else 2)
        rest = self._float_modulo(x, y)
        exact = _is_float(a, b)
        if modulo:
            return Num("f", rest, np, exact)
        # As CPython's float_floor_div: the quotient of what the modulo leaves, snapped to a whole.
        quotient = self.b.fdiv(self.b.fsub(x, rest), y)
        floor = self.native("llvm.floor.f64", F64, quotient)
        more = self.b.fcmp_ordered(">", self.b.fsub(quotient, floor), f64(0.5))
        snapped = self.b.select(more, self.b.fadd(floor, f64(1.0)), floor)
        return Num("f", snapped, np, exact)

    def _float_modulo(self, x: Leaf, y: Leaf) -> Leaf:
        rest = self.native("fmod", F64, x, y)
        negative = self.b.fcmp_ordered("<", rest, f64(0.0))
        other_sign = self.b.xor(negative, self.b.fcmp_ordered("<", y, f64(0.0)))
        nonzero = self.b.fcmp_unordered("!=", rest, f64(0.0))
        fixed = self.b.select(other_sign, self.b.fadd(rest, y), rest)
        signed_zero = self.native("llvm.copysign.f64", F64, f64(0.0), y)
        return self.b.select(nonzero, fixed, signed_zero)

    def power(self, a: Num, b: Num, np: int = 0) -> Value:
        """``a ** b``."""
        small = isinstance(b.leaf, ir.Constant) and b.kind == "i" and 0 <= b.leaf.constant <= 8
        if a.kind != "f" and b.kind != "f":
            return self._int_power(a, b, np, small)
        x, y = self.cast(a.leaf, a.kind, "f"), self.cast(b.leaf, b.kind, "f")
        exact = _is_float(a, b)
        if isinstance(y, ir.Constant) and y.constant in (1.0, 2.0):
            result = self.b.fmul(x, x) if y.constant == 2.0 else x
            self._check_overflow(result, x, y, np)
            return Num("f", result, np, exact)
        if np == 0 or np == 2:
            self._check_power(x, y, np)
        result = self.native("pow", F64, x, y)
        self._check_overflow(result, x, y, np)
        return Num("f", result, np, exact)

    def _check_power(self, x: Leaf, y: Leaf, np: int) -> None:
        """Zero to a negative power raises; a negative base to a broken one is complex."""
        constant = y.constant if isinstance(y, ir.Constant) else None
        if constant is None or constant < 0:
            negative = self.b.fcmp_ordered("<", y, f64(0.0))
            zero = self.b.and_(self.b.fcmp_ordered("==", x, f64(0.0)), negative)
            self.fail_if(zero, ZeroDivisionError if np == 0 else None)
        if constant is None or not float(constant).is_integer():
            floor = self.native("llvm.floor.f64", F64, y)
            broken = self.b.fcmp_unordered("!=", floor, y)
            self.fail_if(self.b.and_(self.b.fcmp_ordered("<", x, f64(0.0)), broken), None)

    def _check_overflow(self, result: Leaf, x: Leaf, y: Leaf, np: int) -> None:
        if np == 1:
            return
        infinite = self.is_infinite(result)
        finite = self.b.and_(self.is_finite(x), self.is_finite(y))
        self.fail_if(self.b.and_(infinite, finite), OverflowError if np == 0 else None)

    def is_infinite(self, leaf: Leaf) -> Leaf:
        """Plus or minus infinity."""
        return self.b.fcmp_ordered("==", self.absolute(leaf), f64(float("inf")))

    def is_finite(self, leaf: Leaf) -> Leaf:
        """Neither infinite nor nan."""
        return self.b.fcmp_ordered("<", self.absolute(leaf), f64(float("inf")))

    def absolute(self, leaf: Leaf) -> Leaf:
        """|leaf|."""
        return self.native("llvm.fabs.f64", F64, leaf)

    def _int_power(self, a: Num, b: Num, np: int, small: bool) -> Value:
        x, y = self.cast(a.leaf, a.kind, "i"), self.cast(b.leaf, b.kind, "i")
        if small:
            result: Leaf = i64(1)
            for _ in range(b.leaf.constant):
                result = self._int_operation(ast.Mult(), result, x)
            return Num("i", result, np)
        if isinstance(y, ir.Constant) and y.constant < 0 and np == 0:
            base = Num("f", self.cast(x, "i", "f"))
            return self.power(base, Num("f", f64(float(y.constant))))
        self.fail_if(self.b.icmp_signed("<", y, i64(0)), None)
        result = self.native("pow", F64, self.cast(x, "i", "f"), self.cast(y, "i", "f"))
        over = self.b.fcmp_unordered(">", self.absolute(result), f64(float(MAX_INT)))
        self.fail_if(over, None)
        return Num("i", self.b.fptosi(result, I64), np)

    def _bitwise(self, op: ast.operator, a: Num, b: Num) -> Value:
        if a.kind == "f" or b.kind == "f":
            return self.fail(TypeError if a.exact and b.exact else None)
        actions = {ast.BitAnd: self.b.and_, ast.BitOr: self.b.or_, ast.BitXor: self.b.xor}
        action = actions.get(type(op))
        if action is not None and a.kind == b.kind == "b":
            return Num("b", action(a.leaf, b.leaf), max(a.np, b.np))
        x, y = self.cast(a.leaf, a.kind, "i"), self.cast(b.leaf, b.kind, "i")
        if action is None:
            self.fail_if(self.b.icmp_unsigned(">", y, i64(31)), None)
            if isinstance(op, ast.LShift):
                high = self.b.icmp_unsigned(">", self.b.add(x, i64(1 << 21)), i64(1 << 22))
                self.fail_if(high, None)
                return Num("i", self.b.shl(x, y))
            if isinstance(op, ast.RShift):
                return Num("i", self.b.ashr(x, y))
            raise Unsupported("the operator @", self.line)
        return Num("i", action(x, y), max(a.np, b.np))

    def unary(self, op: ast.unaryop, value: Value) -> Value:
        """``-x``, ``+x``, ``~x`` and ``not x``."""
        if isinstance(op, ast.Not):
            truth = self.truth(value)
            if isinstance(truth, ir.Constant):
                return Const(not truth.constant)
            return Num("b", self.b.not_(truth))
        value = self.plain(value)
        if self.is_array(value):
            factor = Const(-1) if isinstance(op, ast.USub) else Const(1)
            return self.array_binary(ast.Mult(), factor, value)
        if isinstance(value, Const) and type(value.obj) in (bool, int, float):
            actions: dict[type, Callable[[Any], Any]] = {
                ast.USub: operator.neg,
                ast.UAdd: operator.pos,
                ast.Invert: operator.invert,
            }
            if not (isinstance(op, ast.Invert) and isinstance(value.obj, float)):
                return Const(actions[type(op)](value.obj))
        number = self.number(value)
        if number.kind == "f":
            if isinstance(op, ast.Invert):
                return self.fail(TypeError)
            leaf = self.b.fneg(number.leaf) if isinstance(op, ast.USub) else number.leaf
            return Num("f", leaf, number.np, number.exact)
        leaf = self.cast(number.leaf, number.kind, "i")
        if isinstance(op, ast.Invert):
            return Num("i", self.b.not_(leaf), number.np)
        return Num("i", self.b.sub(i64(0), leaf) if isinstance(op, ast.USub) else leaf, number.np)

    def compare_numbers(self, sign: str, a: Num, b: Num) -> Leaf:
        """An i1 for ``a sign b``."""
        if a.kind == "f" or b.kind == "f":
            x, y = self.cast(a.leaf, a.kind, "f"), self.cast(b.leaf, b.kind, "f")
            if sign == "!=":
                return self.b.fcmp_unordered(sign, x, y)
            return self.b.fcmp_ordered(sign, x, y)
        x, y = self.cast(a.leaf, a.kind, "i"), self.cast(b.leaf, b.kind, "i")
        return self.b.icmp_signed(sign, x, y)


def _is_float(a: Num, b: Num) -> bool:
    """Whether a float result is certainly one: an exact float takes part, or all is exact."""
    return any(n.kind == "f" and n.exact for n in (a, b))


__all__ = ["NONE", "Arithmetic", "boolean"]
