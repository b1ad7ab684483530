"""NumPy functions by name: those of one number, of pairs, and the tables of the others."""

from __future__ import annotations

import ast
from functools import partial

from deepracer_fast.reward.compiler.codegen.arrays import (
    ARRAYS,
    EACH,
    PAIRS,
    array_map,
    array_map2,
    operand,
)
from deepracer_fast.reward.compiler.codegen.comparisons import array_compare
from deepracer_fast.reward.compiler.codegen.reductions import REDUCTIONS, reduced
from deepracer_fast.reward.compiler.codegen.vectors import VECTORS, array_binary
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context

_ALIASES = {"absolute": "abs", "amin": "min", "amax": "max", "around": "round", "asarray": "array"}
_ALIASES |= {"deg2rad": "radians", "rad2deg": "degrees", "float64": "float_", "double": "float_"}
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


def numpy_function(ctx: Context, name: str, args: Args, kw: Kwargs) -> Value:
    """``numpy.name(...)``."""
    name = _ALIASES.get(name, name)
    if name in EACH and len(args) == 1:
        return array_map(ctx, partial(EACH[name], ctx), operand(ctx, args[0]))
    if name in PAIRS:
        return array_map2(ctx, partial(PAIRS[name], ctx), args[0], args[1])
    if name in _OPERATORS:
        return array_binary(ctx, _OPERATORS[name], *map(partial(operand, ctx), args))
    if name in _COMPARISONS:
        return array_compare(ctx, _COMPARISONS[name], *args)
    if name in REDUCTIONS:
        return reduced(ctx, args, kw, partial(REDUCTIONS[name], ctx))
    if name not in NUMPY:
        raise Unsupported(f"numpy.{name}", ctx.line)
    return NUMPY[name](ctx, args, kw)


def _clip(ctx: Context, args: Args, kw: Kwargs) -> Value:
    low = args[1] if len(args) > 1 else kw.get("a_min", py.NONE)
    high = args[2] if len(args) > 2 else kw.get("a_max", py.NONE)
    value = operand(ctx, args[0])
    for bound, name in ((low, "maximum"), (high, "minimum")):
        if not (isinstance(bound, py.Const) and bound.obj is None):
            value = numpy_function(ctx, name, (value, bound), {})
    return value


NUMPY = ARRAYS | VECTORS | {"clip": _clip}
