"""``math``, ``round``, ``int`` and ``float``: functions of numbers.

The C library's functions are the ones that CPython calls; what CPython adds, its checks of domain
and range, is added here.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.containers import Containers
from deepracer_fast.reward.compiler.emitter import F64, FALSE, I32, I64, TRUE, f64, i64
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.users import STAND_INS, UserTuple
from deepracer_fast.reward.compiler.values import Arr, Const, Leaf, Num, Opaque, Str, Value, type_of

# Functions of one float: name -> whether a result beyond all floats is an OverflowError.
C_FUNCTIONS = {
    **dict.fromkeys(
        ("sin", "cos", "tan", "asin", "acos", "atan", "asinh", "acosh", "atanh", "tanh"), False
    ),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "cbrt", "erf", "erfc"), False),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), True),
}
_TO_RADIANS = math.pi / 180.0
_TO_DEGREES = 180.0 / math.pi
_NUMPY_RADIANS = math.pi / 180.0


class Numbers(Containers):
    """Functions of numbers."""

    def math_function(self, name: str, args: tuple[Value, ...]) -> Value:
        """``math.name(...)``."""
        if all(isinstance(arg, Const) for arg in args):
            return self.fold(getattr(math, name), args)
        if name in C_FUNCTIONS and len(args) == 1:
            return Num("f", self._checked(name, self.as_float(args[0])))
        special = getattr(self, f"_math_{name}", None)
        if special is None:
            raise Unsupported(f"math.{name}", self.line)
        result: Value = special(*args)
        return result

    def fold(self, function: Callable[..., Any], args: tuple[Value, ...]) -> Value:
        """Calls a pure function of known numbers now."""
        known = [arg.obj for arg in args if isinstance(arg, Const)]
        if any(isinstance(obj, int) and abs(obj) > 1 << 40 for obj in known):
            raise Unsupported("a large int", self.line)
        if any(isinstance(obj, STAND_INS) and type(obj) is not UserTuple for obj in known):
            raise Unsupported(f"{function.__name__} of an object", self.line)
        try:
            return Const(function(*known))
        except Unsupported:
            raise
        except Exception as error:
            return self.fail(type(error))

    def _checked(self, name: str, x: Leaf) -> Leaf:
        """A C function with CPython's checks (Modules/mathmodule.c, math_1)."""
        result = self.native(name, F64, x)
        bad = self.b.and_(
            self.b.fcmp_unordered("uno", result, result), self.b.fcmp_ordered("ord", x, x)
        )
        self.fail_if(bad, ValueError)
        if name in ("exp", "exp2", "expm1", "sinh", "cosh"):
            over = self.b.and_(self.is_infinite(result), self.is_finite(x))
            self.fail_if(over, OverflowError)
        elif name not in ("sin", "cos", "asin", "acos", "atan", "tanh", "erf", "erfc"):
            over = self.b.and_(self.is_infinite(result), self.is_finite(x))
            self.fail_if(over, ValueError)
        return result

    def _math_sqrt(self, x: Value) -> Value:
        leaf = self.as_float(x)
        self.fail_if(self.b.fcmp_ordered("<", leaf, f64(0.0)), ValueError)
        return Num("f", self.native("llvm.sqrt.f64", F64, leaf))

    def _math_fabs(self, x: Value) -> Value:
        return Num("f", self.absolute(self.as_float(x)))

    def _math_radians(self, x: Value) -> Value:
        return Num("f", self.b.fmul(self.as_float(x), f64(_TO_RADIANS)))

    def _math_degrees(self, x: Value) -> Value:
        return Num("f", self.b.fmul(self.as_float(x), f64(_TO_DEGREES)))

    def _math_atan2(self, y: Value, x: Value) -> Value:
        return Num("f", self.native("atan2", F64, self.as_float(y), self.as_float(x)))

    def _math_copysign(self, x: Value, y: Value) -> Value:
        return Num("f", self.native("llvm.copysign.f64", F64, self.as_float(x), self.as_float(y)))

    def _math_hypot(self, *args: Value) -> Value:
        leaves = [self.as_float(arg) for arg in args]
        if len(leaves) == 2:
            result = self.native("hypot", F64, *leaves)
        else:
            total: Leaf = f64(0.0)
            for leaf in leaves:
                total = self.b.fadd(total, self.b.fmul(leaf, leaf))
            result = self.native("llvm.sqrt.f64", F64, total)
            self.fail_if(self.is_infinite(result), None)
        return Num("f", result)

    def _math_dist(self, p: Value, q: Value) -> Value:
        a, b = self.seq(p), self.seq(q)
        if a.static is None or b.static is None:
            return self._distance_in_memory(a, b)
        if a.static != b.static:
            return self.fail(ValueError)
        gaps = [self.binary(ast.Sub(), a.get(k), b.get(k)) for k in range(a.static)]
        return self._math_hypot(*(Num("f", self.as_float(gap)) for gap in gaps))

    def _distance_in_memory(self, a: Seq, b: Seq) -> Value:
        count, total = a.length(), self.alloca(F64)
        self.fail_if(self.b.icmp_signed("!=", count, b.length()), ValueError)
        self.b.store(f64(0.0), total)

        def add(k: Leaf) -> None:
            gap = self.as_float(self.binary(ast.Sub(), a.get(k), b.get(k)))
            self.b.store(self.b.fadd(self.b.load(total), self.b.fmul(gap, gap)), total)

        self.times(count, add)
        result = self.native("llvm.sqrt.f64", F64, self.b.load(total))
        self.fail_if(self.is_infinite(result), None)
        return Num("f", result)

    def _math_pow(self, x: Value, y: Value) -> Value:
        a, b = self.as_float(x), self.as_float(y)
        result = self.native("pow", F64, a, b)
        finite = self.b.and_(self.is_finite(a), self.is_finite(b))
        broken = self.b.fcmp_unordered("uno", result, result)
        self.fail_if(self.b.and_(finite, broken), ValueError)
        infinite = self.b.and_(finite, self.is_infinite(result))
        zero = self.b.fcmp_ordered("==", a, f64(0.0))
        self.fail_if(self.b.and_(infinite, zero), ValueError)
        self.fail_if(infinite, OverflowError)
        return Num("f", result)

    def _math_fmod(self, x: Value, y: Value) -> Value:
        a, b = self.as_float(x), self.as_float(y)
        self.fail_if(self.b.fcmp_ordered("==", b, f64(0.0)), ValueError)
        self.fail_if(self.is_infinite(a), ValueError)
        return Num("f", self.native("fmod", F64, a, b))

    def _math_log(self, x: Value, base: Value | None = None) -> Value:
        top = self._checked("log", self.as_float(x))
        if base is None:
            return Num("f", top)
        bottom = self._checked("log", self.as_float(base))
        return self.binary(ast.Div(), Num("f", top), Num("f", bottom))

    def _math_floor(self, x: Value) -> Value:
        return self._to_whole("llvm.floor.f64", x)

    def _math_ceil(self, x: Value) -> Value:
        return self._to_whole("llvm.ceil.f64", x)

    def _math_trunc(self, x: Value) -> Value:
        return self._to_whole("llvm.trunc.f64", x)

    def _to_whole(self, function: str, value: Value) -> Value:
        number = self.number(value)
        if number.kind != "f":
            return Num("i", self.cast(number.leaf, number.kind, "i"))
        return self.whole(self.native(function, F64, number.leaf))

    def whole(self, leaf: Leaf) -> Num:
        """A float without fraction as int; nan, inf and what is too large give up."""
        fits = self.b.fcmp_ordered("<=", self.absolute(leaf), f64(float(2**53)))
        broken = self.b.fcmp_unordered("uno", leaf, leaf)
        self.fail_if(broken, ValueError)
        self.fail_if(self.is_infinite(leaf), OverflowError)
        self.fail_if(self.b.not_(fits), None)
        return Num("i", self.b.fptosi(leaf, I64))

    def _math_isclose(self, a: Value, b: Value) -> Value:
        x, y = self.as_float(a), self.as_float(b)
        gap = self.absolute(self.b.fsub(x, y))
        larger = self.native("llvm.maxnum.f64", F64, self.absolute(x), self.absolute(y))
        close = self.b.fcmp_ordered("<=", gap, self.b.fmul(larger, f64(1e-9)))
        same = self.b.fcmp_ordered("==", x, y)
        finite = self.b.and_(self.is_finite(x), self.is_finite(y))
        return Num("b", self.b.or_(same, self.b.and_(close, finite)))

    def _math_isnan(self, x: Value) -> Value:
        leaf = self.as_float(x)
        return Num("b", self.b.fcmp_unordered("uno", leaf, leaf))

    def _math_isinf(self, x: Value) -> Value:
        return Num("b", self.is_infinite(self.as_float(x)))

    def _math_isfinite(self, x: Value) -> Value:
        return Num("b", self.is_finite(self.as_float(x)))

    # Built-ins on numbers

    def absolute_value(self, value: Value) -> Value:
        """``abs(value)``."""
        if self.is_array(value):
            return self.array_map(lambda v: self.absolute_value(v), value)
        if isinstance(value, Const):
            return self.fold(abs, (value,))
        number = self.number(value)
        if number.kind == "f":
            return Num("f", self.absolute(number.leaf), number.np, number.exact)
        leaf = self.cast(number.leaf, number.kind, "i")
        negative = self.b.icmp_signed("<", leaf, i64(0))
        return Num("i", self.b.select(negative, self.b.sub(i64(0), leaf), leaf), number.np)

    def array_map(self, action: Callable[[Value], Value], value: Value) -> Value:
        """Elementwise function (`arrays`)."""
        raise NotImplementedError

    def round_value(self, value: Value, digits: Value | None) -> Value:
        """``round(value)`` to int, ``round(value, digits)`` to float, halves to even."""
        number = self.number(value)
        if number.kind != "f":
            if digits is not None and not (isinstance(digits, Const) and digits.obj is None):
                self.fail_if(self.b.icmp_signed("<", self.as_int(digits), i64(0)), None)
            return Num("i", self.cast(number.leaf, number.kind, "i"), number.np)
        if digits is None or (isinstance(digits, Const) and digits.obj is None):
            return self.whole(self.native("llvm.roundeven.f64", F64, number.leaf))
        if not isinstance(digits, Const):
            raise Unsupported("round to a number of digits that is not known", self.line)
        places = digits.obj
        if type(places) is not int or not 0 <= places <= 15:
            raise Unsupported("round to such digits", self.line)
        if not number.exact:
            self._no_ints(number)
        return Num("f", self._rounded(number.leaf, places, number.np), number.np)

    def _no_ints(self, number: Num) -> None:
        """A float that may stand for an int rounds like a float: the value is the same."""

    def _rounded(self, x: Leaf, places: int, np: int) -> Leaf:
        """X to ``places`` decimals; for plain floats correctly rounded, as CPython does it."""
        scale = f64(10.0**places)
        scaled = self.b.fmul(x, scale)
        nearest = self.native("llvm.roundeven.f64", F64, scaled)
        if np == 0:
            error = self.native("llvm.fma.f64", F64, x, scale, self.b.fneg(scaled))
            floor = self.native("llvm.floor.f64", F64, scaled)
            half = self.b.fcmp_ordered("==", self.b.fsub(scaled, floor), f64(0.5))
            above = self.b.select(
                self.b.fcmp_ordered(">", error, f64(0.0)), self.b.fadd(floor, f64(1.0)), floor
            )
            tie = self.b.and_(half, self.b.fcmp_ordered("!=", error, f64(0.0)))
            nearest = self.b.select(tie, above, nearest)
        result = self.b.fdiv(nearest, scale)
        if np == 2:
            self.fail_if(TRUE, None)
        huge = self.b.fcmp_unordered(">", self.absolute(scaled), f64(4e15))
        return self.b.select(huge, x, result)

    def to_int(self, args: tuple[Value, ...]) -> Value:
        """``int(x)``."""
        if len(args) != 1:
            return Const(0) if not args else self._refuse("int with a base")
        value = self.plain(args[0])
        if isinstance(value, Const):
            return self.fold(int, (value,))
        if isinstance(value, Str | Opaque):
            return self._refuse("int of a text")
        number = self.number(self.as_scalar(value))
        if number.kind != "f":
            return Num("i", self.cast(number.leaf, number.kind, "i"))
        return self.whole(self.native("llvm.trunc.f64", F64, number.leaf))

    def _refuse(self, what: str) -> Any:
        raise Unsupported(what, self.line)

    def to_float(self, args: tuple[Value, ...]) -> Value:
        """``float(x)``."""
        if len(args) != 1:
            return Const(0.0) if not args else self.fail(TypeError)
        value = self.plain(args[0])
        if isinstance(value, Const) and not self.is_array(value):
            return self.fold(float, (value,))
        if isinstance(value, Str | Opaque):
            return self._refuse("float of a text")
        return Num("f", self.as_float(self.as_scalar(value)))

    def as_scalar(self, value: Value) -> Value:
        """The one item of an array that has one."""
        if isinstance(value, Arr):
            seq = self.seq(value)
            if seq.static != 1:
                raise Unsupported("an array as a number", self.line)
            return self.as_scalar(seq.get(0))
        return value

    def to_bool(self, args: tuple[Value, ...]) -> Value:
        """``bool(x)``."""
        leaf = self.truth(args[0]) if args else FALSE
        return Const(bool(leaf.constant)) if isinstance(leaf, ir.Constant) else Num("b", leaf)

    def number_method(self, owner: Value, name: str, args: tuple[Value, ...]) -> Value:
        """``number.name()``."""
        number = self.number(owner)
        if name == "is_integer" and number.kind == "f" and number.exact:
            floor = self.native("llvm.floor.f64", F64, number.leaf)
            whole = self.b.fcmp_ordered("==", floor, number.leaf)
            return Num("b", self.b.and_(whole, self.is_finite(number.leaf)))
        if name in ("item", "conjugate") and not args:
            return Num(number.kind, number.leaf, 0, number.exact)
        if name == "astype" or not number.np:
            raise Unsupported(f"the method {name} of {describe(type_of(owner))}", self.line)
        return self.array_method(owner, name, args, {})

    def minmax(self, less: bool, a: Value, b: Value) -> Value:
        """The smaller or the larger of two numbers, the first where they are equal."""
        a, b = self.plain(a), self.plain(b)
        if isinstance(a, Const) and isinstance(b, Const):
            return self.fold(min if less else max, (a, b))
        sign = "<" if less else ">"
        x, y = self.number(a), self.number(b)
        better = self.compare_numbers(sign, y, x)
        if x.kind == y.kind and x.np == y.np and x.exact == y.exact:
            return Num(x.kind, self.b.select(better, y.leaf, x.leaf), x.np, x.exact)
        return self.if_else(better, lambda: b, lambda: a)


__all__ = ["I32", "Numbers"]
