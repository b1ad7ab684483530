"""NumPy: scalars and arrays, made, indexed and mapped; sums and their kin along an axis."""

import ast
from collections.abc import Callable
from functools import partial

from deepracer_fast.reward.compiler.codegen import kinds, numbers
from deepracer_fast.reward.compiler.codegen.arithmetic import (
    as_float,
    as_number,
    binary,
    both_as,
    compare_numbers,
    is_nan,
    truth_of,
)
from deepracer_fast.reward.compiler.codegen.builtins import all_of, any_of, better_ranked, extreme
from deepracer_fast.reward.compiler.codegen.dicts import dict_item
from deepracer_fast.reward.compiler.codegen.lists import item_at, sliced, sort_into, to_list
from deepracer_fast.reward.compiler.codegen.sequences import (
    Seq,
    accumulate,
    as_numpy,
    as_tuple,
    each,
    gathered,
    in_memory,
    items_of,
    of_each,
)
from deepracer_fast.reward.compiler.codegen.slots import bound, where_bound
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC, describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering import memory
from deepracer_fast.reward.compiler.lowering.context import F64, Context, f64, i64
from deepracer_fast.reward.compiler.lowering.merges import if_else


def array_of(ctx: Context, value: Value) -> py.Arr:
    """A list, tuple or array as an array."""
    value = kinds.plain(ctx, gathered(ctx, value))
    match value:
        case py.Arr():
            return value
        case py.Const(obj) if hasattr(obj, "tolist"):
            if obj.dtype.kind not in "fiub" or obj.ndim not in (1, 2):
                raise Unsupported("such an array", ctx.line)
            rows = ctx.facts.made.setdefault(("rows", id(obj)), obj.tolist())
            return array_of(ctx, py.Const(rows))
        case py.Const(obj) if isinstance(obj, list | tuple) and len(obj) > MAX_STATIC:
            return py.Arr(in_memory(ctx, value))
        case py.Lst() if ctx.facts.is_frozen(value.site):
            return py.Arr(value)
        case py.Lst():
            return py.Arr(to_list(ctx, (ctx.place(), "array"), value))
    return py.Arr(unified(ctx, as_tuple(ctx, value)))


def unified(ctx: Context, items: py.Tup) -> py.Tup:
    """The items as numbers of one kind, or as rows of them."""
    if items.items and _is_row(items.items[0]):
        rows = (unified(ctx, as_tuple(ctx, bare(ctx, item))) for item in items.items)
        return py.Tup(tuple(rows), True)
    scalars = [as_number(ctx, item) for item in items.items]
    kind = max((n.kind for n in scalars), key="bif".index, default="f")
    cast = (py.Num(kind, memory.cast_leaf(ctx, n.leaf, n.kind, kind), 1) for n in scalars)
    return py.Tup(tuple(cast), True)


def _is_row(item: Value) -> bool:
    return kinds.is_sequence(item) or kinds.is_array(item)


def bare(ctx: Context, item: Value) -> Value:
    """A row without its array; other items as they are."""
    return array_of(ctx, item).inner if kinds.is_array(item) else item


def operand(ctx: Context, value: Value) -> Value:
    """An array or a NumPy scalar."""
    value = gathered(ctx, value)
    return array_of(ctx, value) if _is_row(value) else value


def made(ctx: Context, seq: Seq, action: Callable[[Value], Value], tag: str = "map") -> py.Arr:
    """A new array of what an action makes of each item."""
    if seq.static is not None:
        items = [stripped(action(seq.get(k))) for k in range(seq.static)]
        return py.Arr(py.Tup(tuple(items), True))
    lst = memory.new_list(ctx, (ctx.place(), tag), seq.length())
    site = (ctx.place(), tag, "each")
    each(ctx, site, seq, lambda item: memory.append(ctx, lst, stripped(action(item))))
    return py.Arr(lst)


def stripped(value: Value) -> Value:
    """What an array is over; other values as they are."""
    return value.inner if isinstance(value, py.Arr) else value


def array_map(ctx: Context, action: Callable[[Value], Value], value: Value) -> Value:
    """An action on each number of an array, or on a number."""
    if not _is_row(value):
        return action(as_numpy(ctx, value))
    array = array_of(ctx, value)
    return made(ctx, items_of(ctx, array), lambda item: array_map(ctx, action, item))


def array_map2(
    ctx: Context, action: Callable[[Value, Value], Value], a: Value, b: Value, tag: str = "map2"
) -> Value:
    """An action on pairs of numbers, broadcast as NumPy does."""
    a, b = operand(ctx, a), operand(ctx, b)
    if not isinstance(a, py.Arr) and not isinstance(b, py.Arr):
        return action(as_numpy(ctx, a), as_numpy(ctx, b))
    inner = partial(array_map2, ctx, action, tag=tag + "+")
    first, second = dimensions_of(ctx, a), dimensions_of(ctx, b)
    if first > second:  # the operand of fewer dimensions meets each item of the other
        return made(ctx, items_of(ctx, a), lambda row: inner(row, b), tag)
    if first < second:
        return made(ctx, items_of(ctx, b), lambda row: inner(a, row), tag)
    x, y = items_of(ctx, a), items_of(ctx, b)
    if 1 in (x.static, y.static) and x.static != y.static:
        raise Unsupported("arrays of different lengths", ctx.line)
    if None not in (x.static, y.static) and x.static != y.static:
        return ctx.fail(ValueError)
    if x.static != y.static or x.static is None:
        ctx.fail_if(ctx.b.icmp_signed("!=", x.length(), y.length()), None)
    static = x.static if x.static is not None else y.static
    pairs = Seq(static, x.length, lambda k: py.Tup((x.get(k), y.get(k))))
    return made(ctx, pairs, lambda pair: inner(*pair.items), tag)  # type: ignore[attr-defined]


def dimensions_of(ctx: Context, value: Value) -> int:
    """0 for a number, 1 or 2."""
    if not isinstance(value, py.Arr):
        return 0
    inner = value.inner
    if isinstance(inner, py.Tup):
        return 2 if inner.items and isinstance(inner.items[0], py.Tup | py.Lst) else 1
    assert isinstance(inner, py.Lst)
    return 2 if isinstance(ctx.facts.element(inner.site), py.Tup) else 1


def array_item(ctx: Context, owner: Value, index: Value) -> Value:
    """``array[i]``, ``array[i, j]``, ``array[:, j]``."""
    array = array_of(ctx, owner)
    if isinstance(index, py.Tup):
        if len(index.items) != 2:
            raise Unsupported("such an index of an array", ctx.line)
        first, second = index.items
        if kinds.is_known(first, slice):
            rows = _cut(ctx, array, first.obj)
            return made(ctx, items_of(ctx, rows), lambda row: subscript(ctx, row, second), "col")
        return array_item(ctx, array_item(ctx, array, first), second)
    if kinds.is_known(index, slice):
        return _cut(ctx, array, index.obj)
    if _is_row(index):
        wanted = array_of(ctx, index)
        return made(ctx, items_of(ctx, wanted), lambda k: item_at(ctx, array, k), "taken")
    return item_at(ctx, array, index)


def _cut(ctx: Context, array: py.Arr, cut: slice) -> py.Arr:
    if cut == slice(None):
        return array
    bounds = (py.Const(cut.start), py.Const(cut.stop), py.Const(cut.step))
    return py.Arr(sliced(ctx, ("cut", ctx.place()), array.inner, bounds))


def cast_array(ctx: Context, owner: Value, kind: Value) -> Value:
    """``array.astype(kind)``."""
    if isinstance(kind, py.Const) and kind.obj in (float, "float", "float64"):
        return array_map(ctx, lambda v: as_numpy(ctx, numbers.to_float(ctx, (v,))), owner)
    if isinstance(kind, py.Const) and kind.obj in (int, "int"):
        return array_map(ctx, lambda v: as_numpy(ctx, numbers.to_int(ctx, (v,))), owner)
    raise Unsupported("such a type of array", ctx.line)


def float1(ctx: Context, value: Value, function: str) -> Value:
    """A native function of one number."""
    number = as_number(ctx, value)
    if function == "llvm.fabs.f64" and number.kind != "f":
        return numbers.absolute_value(ctx, number)
    return py.Num("f", ctx.native(function, F64, as_float(ctx, number)), 1)


def float2(ctx: Context, x: Value, y: Value, function: str) -> Value:
    """A native function of two numbers."""
    return py.Num("f", ctx.native(function, F64, as_float(ctx, x), as_float(ctx, y)), 1)


def _array(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value = gathered(ctx, args[0])
    if not _is_row(value):
        return as_numpy(ctx, value)
    array = array_of(ctx, value)
    kind = kw.get("dtype") or (args[1] if len(args) > 1 else None)
    return array if kind is None else cast_array(ctx, array, kind)


def _sign(ctx: Context, value: Value) -> Value:
    x = as_float(ctx, value)
    above = ctx.b.uitofp(ctx.b.fcmp_ordered(">", x, f64(0.0)), F64)
    below = ctx.b.uitofp(ctx.b.fcmp_ordered("<", x, f64(0.0)), F64)
    return py.Num("f", ctx.b.select(is_nan(ctx, x), x, ctx.b.fsub(above, below)), 1, False)


def _round(ctx: Context, args: Args, kw: Kwargs) -> Value:
    digits = args[1] if len(args) > 1 else kw.get("decimals", py.Const(0))

    def one(value: Value) -> Value:
        number = as_number(ctx, value)
        if number.kind != "f":
            return number
        if not (isinstance(digits, py.Const) and 0 <= digits.obj <= 15):
            raise Unsupported("round to such digits", ctx.line)
        if digits.obj == 0:
            return py.Num("f", ctx.native("llvm.roundeven.f64", F64, number.leaf), 1)
        return py.Num("f", numbers.rounded(ctx, number.leaf, digits.obj, 1), 1)

    return array_map(ctx, one, operand(ctx, args[0]))


def _extreme2(ctx: Context, a: Value, b: Value, sign: str) -> Value:
    """The larger or smaller; nan if one is nan."""
    x, y = as_number(ctx, a), as_number(ctx, b)
    kind = max(x.kind, y.kind, key="bif".index)
    left, right = both_as(ctx, kind, x, y)
    better = compare_numbers(ctx, sign, py.Num(kind, left), py.Num(kind, right))
    result = ctx.b.select(better, left, right)
    if kind == "f":
        result = ctx.b.select(is_nan(ctx, left), left, result)
    return py.Num(kind, result, 1)


def _where(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) != 3 or any(_is_row(arg) for arg in args):
        raise Unsupported("numpy.where of arrays", ctx.line)
    yes, no = as_numpy(ctx, args[1]), as_numpy(ctx, args[2])
    return if_else(ctx, truth_of(ctx, args[0]), lambda: yes, lambda: no)


def subscript(ctx: Context, owner: Value, index: Value) -> Value:
    """``owner[index]``."""
    owner = kinds.plain(ctx, owner)
    if kinds.is_dict(owner):
        return dict_item(ctx, owner, index)
    if kinds.is_array(owner):
        return array_item(ctx, owner, index)
    if isinstance(owner, py.Tup | py.Lst | py.Str | py.Range):
        return item_at(ctx, owner, index)
    if kinds.is_known(owner, tuple, list, str, range):
        return item_at(ctx, owner, index)
    if isinstance(owner, py.Choice):
        return of_each(ctx, owner, lambda v: subscript(ctx, v, index))
    if isinstance(owner, py.Num):
        return ctx.fail(TypeError)
    raise Unsupported(f"an item of {describe(py.type_of(owner))}", ctx.line)


# C functions of one float: NumPy's name -> its name.
_NATIVE = {name: name for name in ("sin", "cos", "tan", "exp", "log", "log2", "log10", "tanh")}
_NATIVE |= {"sinh": "sinh", "cosh": "cosh", "expm1": "expm1", "log1p": "log1p", "cbrt": "cbrt"}
_NATIVE |= {"arctan": "atan", "arcsin": "asin", "arccos": "acos", "sqrt": "llvm.sqrt.f64"}
_NATIVE |= {"floor": "llvm.floor.f64", "ceil": "llvm.ceil.f64", "rint": "llvm.roundeven.f64"}
_NATIVE |= {"trunc": "llvm.trunc.f64", "fabs": "llvm.fabs.f64"}
# NumPy's functions of each number, and of each pair of numbers.
EACH: dict[str, Callable[[Context, Value], Value]] = {
    "abs": numbers.absolute_value,
    "degrees": lambda ctx, v: as_numpy(ctx, numbers.MATH["degrees"](ctx, v)),
    "isfinite": numbers.MATH["isfinite"],
    "isnan": numbers.MATH["isnan"],
    "radians": lambda ctx, v: as_numpy(ctx, numbers.MATH["radians"](ctx, v)),
    "sign": _sign,
    **{name: partial(float1, function=function) for name, function in _NATIVE.items()},
}
PAIRS: dict[str, Callable[[Context, Value, Value], Value]] = {
    "arctan2": partial(float2, function="atan2"),
    "copysign": partial(float2, function="copysign"),
    "hypot": partial(float2, function="hypot"),
    "maximum": partial(_extreme2, sign=">"),
    "minimum": partial(_extreme2, sign="<"),
}
ARRAYS: dict[str, Callable[[Context, Args, Kwargs], Value]] = {
    "array": _array,
    "float_": lambda ctx, args, kw: as_numpy(ctx, numbers.to_float(ctx, args)),
    "round": _round,
    "where": _where,
}


def reduced(ctx: Context, args: Args, kw: Kwargs, action: Callable[[py.Arr], Value]) -> Value:
    """Applies a reduction of one dimension to an array, by its axis."""
    value = operand(ctx, args[0])
    if not isinstance(value, py.Arr):
        value = py.Arr(py.Tup((value,), True))
    axis = kw.get("axis") or (args[1] if len(args) > 1 else py.NONE)
    if kw.keys() - {"axis"} or not isinstance(axis, py.Const):
        raise Unsupported("such arguments of a NumPy function", ctx.line)
    if dimensions_of(ctx, value) == 1:
        return action(value)
    if axis.obj in (1, -1):
        return made(ctx, items_of(ctx, value), lambda row: action(array_of(ctx, row)), "rows")
    if axis.obj == 0:
        return _by_column(ctx, value, action)
    return action(_flat(ctx, value))


def row_length(ctx: Context, value: py.Arr) -> int:
    """Numbers in a row of an array of two dimensions."""
    first = py.type_of(value.inner)
    if isinstance(value.inner, py.Lst):
        found = ctx.facts.element(value.inner.site)
    else:
        found = first.items[0]  # type: ignore[attr-defined]
    if not isinstance(found, py.Tup):
        raise Unsupported("rows of different lengths", ctx.line)
    return len(found.items)


def _by_column(ctx: Context, value: py.Arr, action: Callable[[py.Arr], Value]) -> Value:
    columns = map(py.Const, range(row_length(ctx, value)))
    results = [action(_column(ctx, value, column)) for column in columns]
    if any(isinstance(result, py.Arr) for result in results):
        inner = tuple(stripped(result) for result in results)
        return py.Arr(py.Tup(inner, True))
    return py.Arr(unified(ctx, py.Tup(tuple(results), True)))


def _column(ctx: Context, value: py.Arr, at: py.Const) -> py.Arr:
    tag = f"column{at.obj}"
    return made(ctx, items_of(ctx, value), lambda row: subscript(ctx, row, at), tag)


def _flat(ctx: Context, value: py.Arr) -> py.Arr:
    seq = items_of(ctx, value)
    if seq.static is not None:
        rows = (as_tuple(ctx, bare(ctx, seq.get(k))).items for k in range(seq.static))
        return py.Arr(py.Tup(tuple(item for row in rows for item in row), True))
    lst = memory.new_list(ctx, (ctx.place(), "flat"), seq.length())

    def put(row: Value) -> None:
        for item in as_tuple(ctx, bare(ctx, row)).items:
            memory.append(ctx, lst, item)

    each(ctx, (ctx.place(), "flatten"), seq, put)
    return py.Arr(lst)


def total(ctx: Context, array: py.Arr) -> Value:
    """The sum; bools count as ints."""

    def add(a: Value, b: Value) -> Value:
        number = as_number(ctx, b)
        if number.kind == "b":
            number = py.Num("i", memory.cast_leaf(ctx, number.leaf, "b", "i"), 1)
        return binary(ctx, ast.Add(), a, number)

    return as_numpy(ctx, accumulate(ctx, "total", array, py.Const(0), add))


def mean_of(ctx: Context, array: py.Arr) -> Value:
    """The mean of one dimension."""
    seq = items_of(ctx, array)
    return py.Num("f", ctx.b.fdiv(as_float(ctx, total(ctx, array)), number_of_items(ctx, seq)), 1)


def number_of_items(ctx: Context, seq: Seq) -> Leaf:
    """How many items there are, as a float."""
    return f64(float(seq.static)) if seq.static is not None else ctx.b.sitofp(seq.length(), F64)


def variance(ctx: Context, array: py.Arr) -> Value:
    """The mean square of the distance to the mean."""
    mean = as_float(ctx, mean_of(ctx, array))

    def add(a: Value, b: Value) -> Value:
        gap = ctx.b.fsub(as_float(ctx, b), mean)
        return py.Num("f", ctx.b.fadd(as_float(ctx, a), ctx.b.fmul(gap, gap)), 1)

    squares = as_float(ctx, accumulate(ctx, "variance", array, py.Const(0.0), add))
    return py.Num("f", ctx.b.fdiv(squares, number_of_items(ctx, items_of(ctx, array))), 1)


def deviation(ctx: Context, array: py.Arr) -> Value:
    """The standard deviation."""
    return float1(ctx, variance(ctx, array), "llvm.sqrt.f64")


def _product(ctx: Context, array: py.Arr) -> Value:
    multiply = partial(binary, ctx, ast.Mult())
    return as_numpy(ctx, accumulate(ctx, "prod", array, py.Const(1), multiply))


def _extreme(ctx: Context, array: py.Arr, least: bool) -> Value:
    return as_numpy(ctx, extreme(ctx, (array,), {}, least))


def _arg_extreme(ctx: Context, array: py.Arr, least: bool) -> Value:
    best, count = ("best", ctx.place()), ("at", ctx.place())
    ctx.env[best], ctx.env[count] = py.UNBOUND, py.Const(0)

    def look(item: Value) -> None:
        pair = py.Tup((item, ctx.env[count]))
        better = partial(better_ranked, ctx, least, other=pair)
        ctx.env[best] = where_bound(ctx, ctx.env[best], better, lambda: pair)
        ctx.env[count] = binary(ctx, ast.Add(), ctx.env[count], py.Const(1))

    each(ctx, (ctx.place(), "arg"), items_of(ctx, array), look)
    del ctx.env[count]
    found = bound(ctx, ctx.env.pop(best), ValueError)
    return as_numpy(ctx, found.items[1])  # type: ignore[attr-defined]


def median(ctx: Context, array: py.Arr) -> Value:
    """The item in the middle, or the mean of the two there."""
    done = sort_into(ctx, (ctx.place(), "median"), items_of(ctx, array))
    length = memory.length_of(ctx, done)
    ctx.fail_if(ctx.b.icmp_signed("==", length, i64(0)), None)
    half = ctx.b.ashr(length, i64(1))
    other = ctx.b.ashr(ctx.b.sub(length, i64(1)), i64(1))
    pair = [as_float(ctx, memory.load_element(ctx, done, k)) for k in (half, other)]
    return py.Num("f", ctx.b.fmul(ctx.b.fadd(*pair), f64(0.5)), 1)


def array_attribute(ctx: Context, owner: Value, name: str) -> Value:
    """``shape``, ``size``, ``ndim`` and ``T``."""
    array = array_of(ctx, owner)
    seq, dimensions = items_of(ctx, array), dimensions_of(ctx, array)
    rows = py.Const(seq.static) if seq.static is not None else py.Num("i", seq.length())
    if name == "ndim":
        return py.Const(dimensions)
    if dimensions == 1:
        return {"shape": py.Tup((rows,)), "size": rows, "T": array}[name]
    columns = py.Const(row_length(ctx, array))
    if name == "T":
        return _by_column(ctx, array, lambda part: part)
    return py.Tup((rows, columns)) if name == "shape" else binary(ctx, ast.Mult(), rows, columns)


# NumPy's functions of one dimension, which `reduced` applies along an axis.
REDUCTIONS: dict[str, Callable[[Context, py.Arr], Value]] = {
    "all": all_of,
    "any": any_of,
    "argmax": partial(_arg_extreme, least=False),
    "argmin": partial(_arg_extreme, least=True),
    "max": partial(_extreme, least=False),
    "mean": mean_of,
    "median": median,
    "min": partial(_extreme, least=True),
    "prod": _product,
    "std": deviation,
    "sum": total,
    "var": variance,
}
