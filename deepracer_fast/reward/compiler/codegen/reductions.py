"""NumPy: sums, means, extremes and their kin, whole or along an axis."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from deepracer_fast.reward.compiler.codegen.arithmetic import as_float, as_number, binary
from deepracer_fast.reward.compiler.codegen.arrays import (
    array_of,
    bare,
    dimensions_of,
    float1,
    made,
    operand,
    stripped,
    subscript,
    unified,
)
from deepracer_fast.reward.compiler.codegen.iteration import (
    accumulate,
    all_of,
    any_of,
    better_ranked,
    extreme,
)
from deepracer_fast.reward.compiler.codegen.lists import sort_into
from deepracer_fast.reward.compiler.codegen.sequences import Seq, as_numpy, as_tuple, each, items_of
from deepracer_fast.reward.compiler.codegen.slots import bound
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, Context, f64, i64
from deepracer_fast.reward.compiler.lowering.memory import (
    append,
    cast_leaf,
    length_of,
    load_element,
    new_list,
)
from deepracer_fast.reward.compiler.lowering.merges import if_else


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
    results = []
    for column in range(row_length(ctx, value)):
        results.append(action(_column(ctx, value, py.Const(column))))
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
    lst = new_list(ctx, (ctx.place(), "flat"), seq.length())

    def put(row: Value) -> None:
        for item in as_tuple(ctx, bare(ctx, row)).items:
            append(ctx, lst, item)

    each(ctx, (ctx.place(), "flatten"), seq, put)
    return py.Arr(lst)


def total(ctx: Context, array: py.Arr) -> Value:
    """The sum; bools count as ints."""

    def add(a: Value, b: Value) -> Value:
        number = as_number(ctx, b)
        if number.kind == "b":
            number = py.Num("i", cast_leaf(ctx, number.leaf, "b", "i"), 1)
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

    total = accumulate(ctx, "variance", array, py.Const(0.0), add)
    return py.Num(
        "f", ctx.b.fdiv(as_float(ctx, total), number_of_items(ctx, items_of(ctx, array))), 1
    )


def deviation(ctx: Context, array: py.Arr) -> Value:
    """The standard deviation."""
    return float1(ctx, variance(ctx, array), "llvm.sqrt.f64")


def _product(ctx: Context, array: py.Arr) -> Value:
    def multiply(a: Value, b: Value) -> Value:
        return binary(ctx, ast.Mult(), a, b)

    return as_numpy(ctx, accumulate(ctx, "prod", array, py.Const(1), multiply))


def _extreme(ctx: Context, array: py.Arr, least: bool) -> Value:
    return as_numpy(ctx, extreme(ctx, (array,), {}, least))


def _arg_extreme(ctx: Context, array: py.Arr, least: bool) -> Value:
    best, count = ("best", ctx.place()), ("at", ctx.place())
    ctx.env[best], ctx.env[count] = py.UNBOUND, py.Const(0)

    def look(item: Value) -> None:
        pair = py.Tup((item, ctx.env[count]))
        ctx.env[best] = _best_pair(ctx, least, ctx.env[best], pair)
        ctx.env[count] = binary(ctx, ast.Add(), ctx.env[count], py.Const(1))

    each(ctx, (ctx.place(), "arg"), items_of(ctx, array), look)
    del ctx.env[count]
    found = bound(ctx, ctx.env.pop(best), ValueError)
    return as_numpy(ctx, found.items[1])  # type: ignore[attr-defined]


def _best_pair(ctx: Context, least: bool, held: Value, pair: Value) -> Value:
    if held is py.UNBOUND:
        return pair
    if not isinstance(held, py.Maybe):
        return better_ranked(ctx, least, held, pair, False)
    bound = held.value
    return if_else(
        ctx, held.flag, lambda: pair, lambda: better_ranked(ctx, least, bound, pair, False)
    )


def median(ctx: Context, array: py.Arr) -> Value:
    """The item in the middle, or the mean of the two there."""
    site = (ctx.place(), "median")
    done = sort_into(ctx, site, items_of(ctx, array), None, False)
    length = length_of(ctx, done)
    ctx.fail_if(ctx.b.icmp_signed("==", length, i64(0)), None)
    half = ctx.b.ashr(length, i64(1))
    other = ctx.b.ashr(ctx.b.sub(length, i64(1)), i64(1))
    pair = [as_float(ctx, load_element(ctx, done, k)) for k in (half, other)]
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
