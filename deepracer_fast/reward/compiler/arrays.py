"""NumPy: scalars, short vectors, and arrays over lists in memory."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.calls import Calls
from deepracer_fast.reward.compiler.emitter import F64, f64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.values import (
    NONE,
    Arr,
    Const,
    Lst,
    Num,
    TTup,
    Tup,
    Value,
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
        return Arr(self.sliced(("cut", self.place()), array.inner, bounds))

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

    def _columns(self, value: Arr) -> int:
        """The length of an array's rows (`reductions`)."""
        raise NotImplementedError

    def _by_column(self, value: Arr, action: Callable[[Arr], Value]) -> Value:
        """An action on each column (`reductions`)."""
        raise NotImplementedError

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
            return self.array_map2(lambda x, y: self._float2(_BINARY[name], x, y), args[0], args[1])
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
        return self.array_map2(lambda x, y: self._extreme2(">", x, y), args[0], args[1])

    def _numpy_minimum(self, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        return self.array_map2(lambda x, y: self._extreme2("<", x, y), args[0], args[1])

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
