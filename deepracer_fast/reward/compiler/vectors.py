"""NumPy: products, norms, orders and series of numbers."""

from __future__ import annotations

import ast
import math
from typing import Any

from deepracer_fast.reward.compiler.emitter import F64, I64, f64, i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported, describe
from deepracer_fast.reward.compiler.reductions import Reductions
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    Arr,
    Const,
    Leaf,
    Num,
    Range,
    Tup,
    Value,
    type_of,
)


class Arrays(Reductions):
    """NumPy functions beyond the elementwise ones."""

    # Vectors

    def _numpy_dot(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        a, b = self._operand(args[0]), self._operand(args[1])
        if self._dimensions(a) != 1 or self._dimensions(b) != 1:
            if self._dimensions(a) == 2 and self._dimensions(b) == 1:
                return self._made(self.seq(a), lambda row: self._numpy_dot((row, b), kw), "matrix")
            if 2 in (self._dimensions(a), self._dimensions(b)):
                raise Unsupported("a product of matrices", self.line)
            return self.array_binary(ast.Mult(), a, b)
        return self._total(self.array_of(self.array_binary(ast.Mult(), a, b)))

    def _numpy_inner(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._numpy_dot(args, kw)

    def _numpy_cross(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        a, b = (self.as_tuple(self.array_of(arg).inner).items for arg in args)
        if len(a) != 2 or len(b) != 2:
            raise Unsupported("numpy.cross of three dimensions", self.line)
        first = self.binary(ast.Mult(), a[0], b[1])
        return self.binary(ast.Sub(), first, self.binary(ast.Mult(), a[1], b[0]))

    def _numpy_norm(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if len(args) > 1 or "ord" in kw:
            raise Unsupported("numpy.linalg.norm with an order", self.line)

        def norm(array: Arr) -> Value:
            squares = self.array_of(self.array_binary(ast.Mult(), array, array))
            return self._unary("llvm.sqrt.f64", self._total(squares))

        return self._reduced(args, kw, norm)

    def _numpy_diff(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        array = self.array_of(args[0])
        if len(args) > 1 or kw:
            raise Unsupported("numpy.diff with arguments", self.line)
        later = Arr(self.sliced((self.place(), "later"), array.inner, (Const(1), NONE, NONE)))
        earlier = Arr(self.sliced((self.place(), "earlier"), array.inner, (NONE, Const(-1), NONE)))
        return self.array_binary(ast.Sub(), later, earlier)

    def _numpy_interp(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        xs, ys = self.array_of(args[1]), self.array_of(args[2])
        return self.array_map(lambda x: self._interpolated(x, xs, ys), self._operand(args[0]))

    def _interpolated_long(self, leaf: Leaf, known: Seq, values: Seq) -> Value:
        """``numpy.interp`` in tables; one that does not rise is left to NumPy's own search."""
        count = known.length()
        unlike = self.b.icmp_signed("!=", count, values.length())
        self.fail_if(self.b.or_(unlike, self.b.icmp_signed("<", count, i64(1))), ValueError)
        below, before = self.alloca(I64), self.alloca(F64)
        self.b.store(i64(0), below)
        self.b.store(f64(-math.inf), before)

        def look(k: Leaf) -> None:
            at = self.as_float(known.get(k))
            self.fail_if(self.b.fcmp_unordered("<", at, self.b.load(before)), None)
            self.b.store(at, before)
            here = self.b.zext(self.b.fcmp_ordered("<=", at, leaf), I64)
            self.b.store(self.b.add(self.b.load(below), here), below)

        self.times(count, look)
        number, last = self.b.load(below), self.b.sub(count, i64(1))
        low = self.b.select(self.b.icmp_signed(">", number, i64(0)), number, i64(1))
        low = self.b.sub(low, i64(1))
        high = self.b.select(self.b.icmp_signed(">", number, last), last, number)
        x0, x1 = (self.as_float(known.get(k)) for k in (low, high))
        y0, y1 = (self.as_float(values.get(k)) for k in (low, high))
        slope = self.b.fdiv(self.b.fsub(y1, y0), self.b.fsub(x1, x0))
        between = self.b.fadd(self.b.fmul(slope, self.b.fsub(leaf, x0)), y0)
        result = self.b.select(self.b.icmp_signed("==", low, high), y0, between)
        missing = self.b.fcmp_unordered("uno", leaf, leaf)
        return Num("f", self.b.select(missing, leaf, result), 1)

    def _interpolated(self, x: Value, xs: Arr, ys: Arr) -> Value:
        known, values = self.seq(xs), self.seq(ys)
        leaf = self.as_float(x)
        if known.static is None or values.static is None:
            return self._interpolated_long(leaf, known, values)
        if known.static != values.static or known.static == 0:
            return self.fail(ValueError)
        px = [self.as_float(known.get(k)) for k in range(known.static)]
        py = [self.as_float(values.get(k)) for k in range(known.static)]
        result = py[0]
        for k in range(known.static - 1):
            slope = self.b.fdiv(self.b.fsub(py[k + 1], py[k]), self.b.fsub(px[k + 1], px[k]))
            there = self.b.fadd(self.b.fmul(slope, self.b.fsub(leaf, px[k])), py[k])
            result = self.b.select(self.b.fcmp_ordered(">=", leaf, px[k]), there, result)
        past = self.b.fcmp_ordered(">=", leaf, px[-1])
        result = self.b.select(past, py[-1], result)
        broken = self.b.fcmp_unordered("uno", leaf, leaf)
        return Num("f", self.b.select(broken, leaf, result), 1)

    def _numpy_zeros(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._filled(args[0], Const(0.0))

    def _numpy_ones(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._filled(args[0], Const(1.0))

    def _filled(self, count: Value, item: Value) -> Value:
        if isinstance(count, Const) and type(count.obj) is int and 0 <= count.obj <= MAX_STATIC:
            return Arr(self._unified(Tup((item,) * count.obj, True)))
        raise Unsupported(f"an array of {describe(type_of(count))} items", self.line)

    def _numpy_isclose(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if kw or len(args) != 2:
            raise Unsupported("numpy.isclose with a tolerance", self.line)

        def close(a: Value, b: Value) -> Value:
            x, y = self.as_float(a), self.as_float(b)
            room = self.b.fadd(f64(1e-8), self.b.fmul(f64(1e-5), self.absolute(y)))
            near = self.b.fcmp_ordered("<=", self.absolute(self.b.fsub(x, y)), room)
            return Num("b", self.b.and_(near, self.is_finite(y)), 1)

        return self.array_map2(close, *args)

    # Orders and series

    def _numpy_argsort(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        pairs = self._builtin_enumerate((self.array_of(args[0]),), {})
        swapped = Seq(
            pairs.seq.static,  # type: ignore[attr-defined]
            pairs.seq.length,  # type: ignore[attr-defined]
            lambda k: Tup(tuple(reversed(pairs.seq.get(k).items))),  # type: ignore[attr-defined]
        )
        done = self.sort_into(("argsort", self.place()), swapped, None, False)
        return self._made(self.seq(done), lambda pair: pair.items[1], "order")  # type: ignore[attr-defined]

    def _numpy_sort(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        seq = self.seq(self.array_of(args[0]))
        return Arr(self.sort_into(("sort", self.place()), seq, None, False))

    def _numpy_cumsum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        key = ("cumsum", self.place())
        self.env[key] = Const(0)

        def add(item: Value) -> Value:
            self.env[key] = self.binary(ast.Add(), self.env[key], item)
            return self.env[key]

        result = self._made(self.seq(self.array_of(args[0])), add, "cumsum")
        del self.env[key]
        return result

    def _numpy_unwrap(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if len(args) > 1 or kw:
            raise Unsupported("numpy.unwrap with arguments", self.line)
        key = ("unwrap", self.place())
        self.env[key] = Tup((Const(True), Num("f", f64(0.0)), Num("f", f64(0.0))))

        def step(item: Value) -> Value:
            first, last, shift = self.env[key].items  # type: ignore[attr-defined]
            angle = self.as_float(item)
            gap = self.b.fsub(angle, self.as_float(last))
            turn, half = f64(6.283185307179586), f64(3.141592653589793)
            wrapped = self.b.fsub(self._float_modulo(self.b.fadd(gap, half), turn), half)
            at_edge = self.b.and_(
                self.b.fcmp_ordered("==", wrapped, self.b.fneg(half)),
                self.b.fcmp_ordered(">", gap, f64(0.0)),
            )
            wrapped = self.b.select(at_edge, half, wrapped)
            small = self.b.fcmp_ordered("<", self.absolute(gap), half)
            more = self.b.select(small, f64(0.0), self.b.fsub(wrapped, gap))
            more = self.b.select(self.truth(first), f64(0.0), more)
            total = self.b.fadd(self.as_float(shift), more)
            self.env[key] = Tup((Const(False), Num("f", angle), Num("f", total)))
            return Num("f", self.b.fadd(angle, total), 1)

        result = self._made(self.seq(self.array_of(args[0])), step, "unwrap")
        del self.env[key]
        return result

    def _numpy_linspace(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        count = args[2] if len(args) > 2 else kw.get("num", Const(50))
        known = isinstance(count, Const) and type(count.obj) is int and count.obj > 1
        if not known or len(args) > 3 or kw.keys() - {"num"}:
            raise Unsupported("such a numpy.linspace", self.line)
        total = count.obj  # type: ignore[attr-defined]
        low, high = self.as_float(args[0]), self.as_float(args[1])
        step = self.b.fdiv(self.b.fsub(high, low), f64(float(total - 1)))

        def get(k: Any) -> Value:
            number = f64(float(k)) if isinstance(k, int) else self.b.sitofp(k, F64)
            return Num("f", self.b.fadd(low, self.b.fmul(number, step)), 1)

        static = total if total <= MAX_STATIC else None
        return self._made(Seq(static, lambda: i64(total), get), lambda v: v, "linspace")

    def _numpy_arange(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        numbers = self._builtin_range(args, {})
        return self._made(self.seq(numbers), self.as_numpy, "arange")

    def _numpy_roll(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if len(args) != 2 or kw.keys() - {"axis"}:
            raise Unsupported("such a numpy.roll", self.line)
        array, shift = self.array_of(args[0]), self.as_int(args[1])
        seq = self.seq(array)

        def get(k: Any) -> Value:
            index = Num("i", self.b.sub(i64(k) if isinstance(k, int) else k, shift))
            return seq.get(self.as_int(self.binary(ast.Mod(), index, Num("i", seq.length()))))

        return self._made(Seq(None, seq.length, get), lambda v: v, "roll")

    def _numpy_concatenate(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        parts = [self.array_of(part).inner for part in self.as_tuple(args[0]).items]
        joined = parts[0]
        for part in parts[1:]:
            joined = self.sequence_binary(ast.Add(), joined, part)
        return self.array_of(joined)

    def _numpy_full(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._filled(args[0], args[1])

    # The module statistics

    def _statistics_mean(self, values: Value) -> Value:
        array = self._not_empty(values, 1)
        return self._mean(array)

    _statistics_fmean = _statistics_mean

    def _statistics_median(self, values: Value) -> Value:
        return self._median(self._not_empty(values, 1))

    def _statistics_pstdev(self, values: Value) -> Value:
        return self._unary("llvm.sqrt.f64", self._variance(self._not_empty(values, 1)))

    def _statistics_pvariance(self, values: Value) -> Value:
        return self._variance(self._not_empty(values, 1))

    def _statistics_variance(self, values: Value) -> Value:
        array = self._not_empty(values, 2)
        count = self._number_of_items(self.seq(array))
        share = self.b.fdiv(count, self.b.fsub(count, f64(1.0)))
        return Num("f", self.b.fmul(self.as_float(self._variance(array)), share), 1)

    def _statistics_stdev(self, values: Value) -> Value:
        return self._unary("llvm.sqrt.f64", self._statistics_variance(values))

    def _not_empty(self, values: Value, least: int) -> Arr:
        array = self.array_of(values)
        length = self.seq(array).length()
        if isinstance(length, type(i64(0))):
            if length.constant < least:
                self.fail(None)
            return array
        self.fail_if(self.b.icmp_signed("<", length, i64(least)), None)
        return array


__all__ = ["Arrays", "Range"]
