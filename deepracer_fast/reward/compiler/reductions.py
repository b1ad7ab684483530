"""NumPy: sums, means, extremes and their kin, whole or along an axis."""

from __future__ import annotations

import ast
from collections.abc import Callable

from deepracer_fast.reward.compiler.arrays import ArrayBasics
from deepracer_fast.reward.compiler.emitter import F64, f64, i64
from deepracer_fast.reward.compiler.joins import Unsupported
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Arr,
    Const,
    Leaf,
    Lst,
    Maybe,
    Num,
    TTup,
    Tup,
    Value,
    type_of,
)


class Reductions(ArrayBasics):
    """Functions that make fewer numbers of many."""

    # Reductions

    def _reduced(
        self, args: tuple[Value, ...], kw: dict[str, Value], action: Callable[[Arr], Value]
    ) -> Value:
        """Applies a reduction of one dimension to an array, by its axis."""
        value = self._operand(args[0])
        if not isinstance(value, Arr):
            value = Arr(Tup((value,), True))
        axis = kw.get("axis") or (args[1] if len(args) > 1 else NONE)
        if kw.keys() - {"axis"} or not isinstance(axis, Const):
            raise Unsupported("such arguments of a NumPy function", self.line)
        if self._dimensions(value) == 1:
            return action(value)
        if axis.obj in (1, -1):
            return self._made(self.seq(value), lambda row: action(self.array_of(row)), "rows")
        if axis.obj == 0:
            return self._by_column(value, action)
        return action(self._flat(value))

    def _columns(self, value: Arr) -> int:
        first = type_of(value.inner)
        if isinstance(value.inner, Lst):
            found = self.facts.element(value.inner.site)
        else:
            found = first.items[0]  # type: ignore[attr-defined]
        if not isinstance(found, TTup):
            raise Unsupported("rows of different lengths", self.line)
        return len(found.items)

    def _by_column(self, value: Arr, action: Callable[[Arr], Value]) -> Value:
        results = []
        for column in range(self._columns(value)):
            results.append(action(self._column(value, Const(column))))
        if any(isinstance(result, Arr) for result in results):
            inner = tuple(self._stripped(result) for result in results)
            return Arr(Tup(inner, True))
        return Arr(self._unified(Tup(tuple(results), True)))

    def _column(self, value: Arr, at: Const) -> Arr:
        tag = f"column{at.obj}"
        return self._made(self.seq(value), lambda row: self.subscript(row, at), tag)

    def _flat(self, value: Arr) -> Arr:
        seq = self.seq(value)
        if seq.static is not None:
            rows = (self.as_tuple(self._bare(seq.get(k))).items for k in range(seq.static))
            return Arr(Tup(tuple(item for row in rows for item in row), True))
        lst = self.new_list((self.place(), "flat"), seq.length())

        def put(row: Value) -> None:
            for item in self.as_tuple(self._bare(row)).items:
                self.append(lst, item)

        self.each((self.place(), "flatten"), seq, put)
        return Arr(lst)

    def _numpy_sum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, self._total)

    def _total(self, array: Arr) -> Value:
        def add(a: Value, b: Value) -> Value:
            number = self.number(b)
            if number.kind == "b":
                number = Num("i", self.cast(number.leaf, "b", "i"), 1)
            return self.binary(ast.Add(), a, number)

        start = Const(0)
        total = self.accumulate("total", array, start, add)
        return self.as_numpy(total)

    def _numpy_mean(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, self._mean)

    def _mean(self, array: Arr) -> Value:
        seq = self.seq(array)
        return Num(
            "f", self.b.fdiv(self.as_float(self._total(array)), self._number_of_items(seq)), 1
        )

    def _number_of_items(self, seq: Seq) -> Leaf:
        return (
            f64(float(seq.static)) if seq.static is not None else self.b.sitofp(seq.length(), F64)
        )

    def _numpy_average(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        weights = kw.pop("weights", None)
        if weights is None:
            return self._numpy_mean(args, kw)
        top = self._numpy_dot((args[0], weights), {})
        return self.binary(ast.Div(), top, self._total(self.array_of(weights)))

    def _numpy_var(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, self._variance)

    def _variance(self, array: Arr) -> Value:
        mean = self.as_float(self._mean(array))

        def add(a: Value, b: Value) -> Value:
            gap = self.b.fsub(self.as_float(b), mean)
            return Num("f", self.b.fadd(self.as_float(a), self.b.fmul(gap, gap)), 1)

        total = self.accumulate("variance", array, Const(0.0), add)
        return Num(
            "f", self.b.fdiv(self.as_float(total), self._number_of_items(self.seq(array))), 1
        )

    def _numpy_std(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self._unary("llvm.sqrt.f64", self._variance(a)))

    def _numpy_prod(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        def multiply(a: Value, b: Value) -> Value:
            return self.binary(ast.Mult(), a, b)

        return self._reduced(
            args, kw, lambda a: self.as_numpy(self.accumulate("prod", a, Const(1), multiply))
        )

    def _numpy_min(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self.as_numpy(self.extreme(True, (a,), {})))

    def _numpy_max(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self.as_numpy(self.extreme(False, (a,), {})))

    def _numpy_argmin(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self._arg_extreme(True, a))

    def _numpy_argmax(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self._arg_extreme(False, a))

    def _arg_extreme(self, least: bool, array: Arr) -> Value:
        best, count = ("best", self.place()), ("at", self.place())
        self.env[best], self.env[count] = UNBOUND, Const(0)

        def look(item: Value) -> None:
            pair = Tup((item, self.env[count]))
            self.env[best] = self._best_pair(least, self.env[best], pair)
            self.env[count] = self.arithmetic_add(self.env[count], Const(1))

        self.each((self.place(), "arg"), self.seq(array), look)
        del self.env[count]
        found = self.bound(self.env.pop(best), ValueError)
        return self.as_numpy(found.items[1])  # type: ignore[attr-defined]

    def _best_pair(self, least: bool, held: Value, pair: Value) -> Value:
        if held is UNBOUND:
            return pair
        if not isinstance(held, Maybe):
            return self._ranked(least, held, pair, False)
        bound = held.value
        return self.if_else(
            held.flag, lambda: pair, lambda: self._ranked(least, bound, pair, False)
        )

    def _numpy_any(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self._builtin_any((a,), {}))

    def _numpy_all(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, lambda a: self._builtin_all((a,), {}))

    def _numpy_median(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(args, kw, self._median)

    def _median(self, array: Arr) -> Value:
        site = (self.place(), "median")
        done = self.sort_into(site, self.seq(array), None, False)
        length = self.length(done)
        self.fail_if(self.b.icmp_signed("==", length, i64(0)), None)
        half = self.b.ashr(length, i64(1))
        other = self.b.ashr(self.b.sub(length, i64(1)), i64(1))
        pair = [self.as_float(self.load_element(done, k)) for k in (half, other)]
        return Num("f", self.b.fmul(self.b.fadd(*pair), f64(0.5)), 1)
