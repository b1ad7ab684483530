"""NumPy: scalars, short vectors, and arrays over lists in memory."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.calls import Calls
from deepracer_fast.reward.compiler.emitter import F64, TRUE, f64, i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported, describe
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Arr,
    Const,
    Leaf,
    Lst,
    Num,
    TNum,
    TTup,
    Tup,
    Value,
    type_of,
)

# NumPy name -> C function of one float.
_UNARY = {name: name for name in ("sin", "cos", "tan", "exp", "log", "log2", "log10", "tanh")}
_UNARY |= {"sinh": "sinh", "cosh": "cosh", "expm1": "expm1", "log1p": "log1p", "cbrt": "cbrt"}
_UNARY |= {"arctan": "atan", "arcsin": "asin", "arccos": "acos", "sqrt": "llvm.sqrt.f64"}
_UNARY |= {"floor": "llvm.floor.f64", "ceil": "llvm.ceil.f64", "rint": "llvm.roundeven.f64"}
_UNARY |= {"trunc": "llvm.trunc.f64", "fabs": "llvm.fabs.f64"}
_BINARY = {"arctan2": "atan2", "hypot": "hypot", "copysign": "copysign"}
_OPERATORS: dict[str, ast.operator] = {
    "add": ast.Add(),
    "subtract": ast.Sub(),
    "multiply": ast.Mult(),
    "divide": ast.Div(),
    "true_divide": ast.Div(),
    "power": ast.Pow(),
    "mod": ast.Mod(),
    "remainder": ast.Mod(),
    "floor_divide": ast.FloorDiv(),
}
_COMPARISONS: dict[str, ast.cmpop] = {
    "less": ast.Lt(),
    "greater": ast.Gt(),
    "less_equal": ast.LtE(),
    "greater_equal": ast.GtE(),
    "equal": ast.Eq(),
}
_ALIASES = {"absolute": "abs", "amin": "min", "amax": "max", "around": "round", "asarray": "array"}
_ALIASES |= {"deg2rad": "radians", "rad2deg": "degrees", "float64": "float_", "double": "float_"}
_SCALE = {"radians": math.pi / 180.0, "degrees": 180.0 / math.pi}


class ArrayBasics(Calls):
    """NumPy functions and operators."""

    # From and to arrays

    def array_of(self, value: Value) -> Arr:
        """A list, tuple or array as an array."""
        value = self.plain(self.gathered(value))
        match value:
            case Arr():
                return value
            case Const(obj) if hasattr(obj, "tolist"):
                if obj.dtype.kind not in "fiub" or obj.ndim not in (1, 2):
                    raise Unsupported("such an array", self.line)
                rows = self.facts.made.setdefault(("rows", id(obj)), obj.tolist())
                return self.array_of(Const(rows))
            case Const(obj) if isinstance(obj, list | tuple) and len(obj) > MAX_STATIC:
                return Arr(self.in_memory(value))
            case Lst() if self.facts.is_frozen(value.site):
                return Arr(value)
            case Lst():
                return Arr(self.to_list((self.place(), "array"), value))
        return Arr(self._unified(self.as_tuple(value)))

    def _unified(self, items: Tup) -> Tup:
        """The items as numbers of one kind, or as rows of them."""
        if items.items and self._is_row(items.items[0]):
            rows = (self._unified(self.as_tuple(self._bare(item))) for item in items.items)
            return Tup(tuple(rows), True)
        numbers = [self.number(item) for item in items.items]
        kind = max((n.kind for n in numbers), key="bif".index, default="f")
        cast = (Num(kind, self.cast(n.leaf, n.kind, kind), 1) for n in numbers)
        return Tup(tuple(cast), True)

    def _is_row(self, item: Value) -> bool:
        return self.is_sequence(item) or self.is_array(item)

    def _bare(self, item: Value) -> Value:
        return self.array_of(item).inner if self.is_array(item) else item

    def _operand(self, value: Value) -> Value:
        """An array or a NumPy scalar."""
        value = self.gathered(value)
        return self.array_of(value) if self._is_row(value) else value

    def _made(self, seq: Seq, action: Callable[[Value], Value], tag: str = "map") -> Arr:
        """A new array of what an action makes of each item."""
        if seq.static is not None:
            items = [self._stripped(action(seq.get(k))) for k in range(seq.static)]
            return Arr(Tup(tuple(items), True))
        lst = self.new_list((self.place(), tag), seq.length())
        self.each(
            (self.place(), tag, "each"),
            seq,
            lambda item: self.append(lst, self._stripped(action(item))),
        )
        return Arr(lst)

    def _stripped(self, value: Value) -> Value:
        return value.inner if isinstance(value, Arr) else value

    def array_map(self, action: Callable[[Value], Value], value: Value) -> Value:
        """An action on each number of an array, or on a number."""
        if not self._is_row(value):
            return action(self.as_numpy(value))
        array = self.array_of(value)
        return self._made(self.seq(array), lambda item: self.array_map(action, item))

    def array_map2(
        self, action: Callable[[Value, Value], Value], a: Value, b: Value, tag: str = "map2"
    ) -> Value:
        """An action on pairs of numbers, broadcast as NumPy does."""
        a, b = self._operand(a), self._operand(b)
        if not isinstance(a, Arr) and not isinstance(b, Arr):
            return action(self.as_numpy(a), self.as_numpy(b))
        first, second = self._dimensions(a), self._dimensions(b)
        if first != second:
            return self._broadcast(action, (a, first), (b, second), tag)
        x, y = self.seq(a), self.seq(b)
        if 1 in (x.static, y.static) and x.static != y.static:
            raise Unsupported("arrays of different lengths", self.line)
        if None not in (x.static, y.static) and x.static != y.static:
            return self.fail(ValueError)
        if x.static != y.static or x.static is None:
            self.fail_if(self.b.icmp_signed("!=", x.length(), y.length()), None)
        static = x.static if x.static is not None else y.static
        pairs = Seq(static, x.length, lambda k: Tup((x.get(k), y.get(k))))

        def both(pair: Value) -> Value:
            left, right = pair.items  # type: ignore[attr-defined]
            return self.array_map2(action, left, right, tag + "+")

        return self._made(pairs, both, tag)

    def _broadcast(
        self,
        action: Callable[[Value, Value], Value],
        a: tuple[Value, int],
        b: tuple[Value, int],
        tag: str,
    ) -> Value:
        """The operand of fewer dimensions meets each item of the other."""
        if a[1] > b[1]:
            return self._made(
                self.seq(a[0]), lambda row: self.array_map2(action, row, b[0], tag + "+"), tag
            )
        return self._made(
            self.seq(b[0]), lambda row: self.array_map2(action, a[0], row, tag + "+"), tag
        )

    def _dimensions(self, value: Value) -> int:
        if not isinstance(value, Arr):
            return 0
        inner = value.inner
        if isinstance(inner, Tup):
            return 2 if inner.items and isinstance(inner.items[0], Tup | Lst) else 1
        assert isinstance(inner, Lst)
        return 2 if isinstance(self.facts.element(inner.site), TTup) else 1

    def array_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """Elementwise operation."""
        if isinstance(op, ast.MatMult):
            return self._numpy_dot((a, b), {})
        return self.array_map2(
            lambda x, y: self.arithmetic(op, self.number(x), self.number(y)), a, b
        )

    def array_compare(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        """Elementwise comparison."""
        return self.array_map2(lambda x, y: self.compare(op, x, y), a, b)

    def array_item(self, owner: Value, index: Value) -> Value:
        """``array[i]``, ``array[i, j]``, ``array[:, j]``."""
        array = self.array_of(owner)
        if isinstance(index, Tup):
            if len(index.items) != 2:
                raise Unsupported("such an index of an array", self.line)
            first, second = index.items
            if isinstance(first, Const) and isinstance(first.obj, slice):
                rows = self._cut(array, first.obj)
                return self._made(self.seq(rows), lambda row: self.subscript(row, second), "col")
            return self.array_item(self.array_item(array, first), second)
        if isinstance(index, Const) and isinstance(index.obj, slice):
            return self._cut(array, index.obj)
        if self._is_row(index):
            wanted = self.array_of(index)
            return self._made(self.seq(wanted), lambda k: self.item(array, k), "taken")
        return self.item(array, index)

    def _cut(self, array: Arr, cut: slice) -> Arr:
        if cut == slice(None):
            return array
        bounds = (Const(cut.start), Const(cut.stop), Const(cut.step))
        return Arr(self.slice(("cut", self.place()), array.inner, bounds))

    def array_method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        """``array.name(...)``."""
        if name == "tolist":
            return self.array_of(owner).inner
        if name in ("copy", "flatten", "ravel") and self._dimensions(self._operand(owner)) == 1:
            return self.array_of(owner)
        if name == "astype":
            return self._cast_array(owner, args[0])
        if name == "item" and not args:
            return self.as_scalar(self.array_of(owner))
        return self.numpy_function(name, (owner, *args), kw)

    def _cast_array(self, owner: Value, kind: Value) -> Value:
        if isinstance(kind, Const) and kind.obj in (float, "float", "float64"):
            return self.array_map(lambda v: self.as_numpy(self.to_float((v,))), owner)
        if isinstance(kind, Const) and kind.obj in (int, "int"):
            return self.array_map(lambda v: self.as_numpy(self.to_int((v,))), owner)
        raise Unsupported("such a type of array", self.line)

    def array_attribute(self, owner: Value, name: str) -> Value:
        """``shape``, ``size``, ``ndim`` and ``T``."""
        array = self.array_of(owner)
        seq, dimensions = self.seq(array), self._dimensions(array)
        rows = Const(seq.static) if seq.static is not None else Num("i", seq.length())
        if name == "ndim":
            return Const(dimensions)
        if dimensions == 1:
            return {"shape": Tup((rows,)), "size": rows, "T": array}[name]
        columns = Const(self._columns(array))
        if name == "T":
            return self._by_column(array, lambda part: part)
        return Tup((rows, columns)) if name == "shape" else self.binary(ast.Mult(), rows, columns)

    # Functions

    def numpy_function(self, name: str, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """``numpy.name(...)``."""
        name = _ALIASES.get(name, name)
        if name in _UNARY and len(args) == 1:
            return self.array_map(lambda v: self._unary(_UNARY[name], v), self._operand(args[0]))
        if name in _BINARY:
            return self.array_map2(lambda x, y: self._float2(_BINARY[name], x, y), *args)
        if name in _OPERATORS:
            return self.array_binary(_OPERATORS[name], *map(self._operand, args))
        if name in _COMPARISONS:
            return self.array_compare(_COMPARISONS[name], *args)
        if name in _SCALE:
            return self.array_map(
                lambda v: Num("f", self.b.fmul(self.as_float(v), f64(_SCALE[name])), 1),
                self._operand(args[0]),
            )
        action = getattr(self, f"_numpy_{name}", None)
        if action is None:
            raise Unsupported(f"numpy.{name}", self.line)
        result: Value = action(args, kw)
        return result

    def _unary(self, function: str, value: Value) -> Value:
        number = self.number(value)
        if function in ("llvm.fabs.f64",) and number.kind != "f":
            return self.absolute_value(number)
        return Num("f", self.native(function, F64, self.cast(number.leaf, number.kind, "f")), 1)

    def _float2(self, function: str, x: Value, y: Value) -> Value:
        return Num("f", self.native(function, F64, self.as_float(x), self.as_float(y)), 1)

    def _numpy_dot(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        raise NotImplementedError

    def _numpy_array(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value = self.gathered(args[0])
        if not self._is_row(value):
            return self.as_numpy(value)
        array = self.array_of(value)
        kind = kw.get("dtype") or (args[1] if len(args) > 1 else None)
        return array if kind is None else self._cast_array(array, kind)

    def _numpy_float_(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.as_numpy(self.to_float(args))

    def _numpy_abs(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map(self.absolute_value, self._operand(args[0]))

    def _numpy_square(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        value = self._operand(args[0])
        return self.array_binary(ast.Mult(), value, value)

    def _numpy_sign(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        def sign(value: Value) -> Value:
            number = self.number(value)
            x = self.cast(number.leaf, number.kind, "f")
            above = self.b.uitofp(self.b.fcmp_ordered(">", x, f64(0.0)), F64)
            below = self.b.uitofp(self.b.fcmp_ordered("<", x, f64(0.0)), F64)
            broken = self.b.fcmp_unordered("uno", x, x)
            return Num("f", self.b.select(broken, x, self.b.fsub(above, below)), 1, False)

        return self.array_map(sign, self._operand(args[0]))

    def _numpy_round(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        digits = args[1] if len(args) > 1 else kw.get("decimals", Const(0))

        def one(value: Value) -> Value:
            number = self.number(value)
            if number.kind != "f":
                return number
            if not (isinstance(digits, Const) and 0 <= digits.obj <= 15):
                raise Unsupported("round to such digits", self.line)
            if digits.obj == 0:
                return Num("f", self.native("llvm.roundeven.f64", F64, number.leaf), 1)
            return Num("f", self._rounded(number.leaf, digits.obj, 1), 1)

        return self.array_map(one, self._operand(args[0]))

    def _numpy_clip(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        low = args[1] if len(args) > 1 else kw.get("a_min", NONE)
        high = args[2] if len(args) > 2 else kw.get("a_max", NONE)
        value = self._operand(args[0])
        for bound, name in ((low, "maximum"), (high, "minimum")):
            if not (isinstance(bound, Const) and bound.obj is None):
                value = self.numpy_function(name, (value, bound), {})
        return value

    def _numpy_maximum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map2(lambda x, y: self._extreme2(">", x, y), *args)

    def _numpy_minimum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map2(lambda x, y: self._extreme2("<", x, y), *args)

    def _extreme2(self, sign: str, a: Value, b: Value) -> Value:
        """The larger or smaller; nan if one is nan."""
        x, y = self.number(a), self.number(b)
        kind = max(x.kind, y.kind, key="bif".index)
        left, right = self.cast(x.leaf, x.kind, kind), self.cast(y.leaf, y.kind, kind)
        better = self.compare_numbers(sign, Num(kind, left), Num(kind, right))
        result = self.b.select(better, left, right)
        if kind == "f":
            result = self.b.select(self.b.fcmp_unordered("uno", left, left), left, result)
        return Num(kind, result, 1)

    def _numpy_where(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if len(args) != 3 or any(self._is_row(arg) for arg in args):
            raise Unsupported("numpy.where of arrays", self.line)
        yes, no = self.as_numpy(args[1]), self.as_numpy(args[2])
        return self.if_else(self.truth(args[0]), lambda: yes, lambda: no)

    def _numpy_isnan(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map(self._math_isnan, self._operand(args[0]))

    def _numpy_isfinite(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map(self._math_isfinite, self._operand(args[0]))

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
            pick = Const(column)
            part = self._made(
                self.seq(value), lambda row, j=pick: self.subscript(row, j), f"column{column}"
            )
            results.append(action(part))
        if any(isinstance(result, Arr) for result in results):
            inner = tuple(self._stripped(result) for result in results)
            return Arr(Tup(inner, True))
        return Arr(self._unified(Tup(tuple(results), True)))

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
        return Num("f", self.b.fdiv(self.as_float(self._total(array)), self._number_of_items(seq)), 1)

    def _number_of_items(self, seq: Seq) -> Leaf:
        return f64(float(seq.static)) if seq.static is not None else self.b.sitofp(seq.length(), F64)

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
        return Num("f", self.b.fdiv(self.as_float(total), self._number_of_items(self.seq(array))), 1)

    def _numpy_std(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self._reduced(
            args, kw, lambda a: self._unary("llvm.sqrt.f64", self._variance(a))
        )

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
            held = self.env[best]
            if held is UNBOUND:
                self.env[best] = pair
            else:
                bound = held.value if hasattr(held, "flag") else held

                def better() -> Value:
                    return self._ranked(least, bound, pair, False)

                if hasattr(held, "flag"):
                    self.env[best] = self.if_else(held.flag, lambda: pair, better)
                else:
                    self.env[best] = better()
            self.env[count] = self.arithmetic_add(self.env[count], Const(1))

        self.each((self.place(), "arg"), self.seq(array), look)
        del self.env[count]
        found = self.bound(self.env.pop(best), ValueError)
        return self.as_numpy(found.items[1])  # type: ignore[attr-defined]

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


__all__ = ["TRUE", "ArrayBasics", "TNum"]
