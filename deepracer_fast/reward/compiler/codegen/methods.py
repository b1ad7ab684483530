"""Methods of built-in types: texts, numbers, arrays; lists and dicts have their own files."""

from __future__ import annotations

import collections
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import as_number, is_finite
from deepracer_fast.reward.compiler.codegen.arrays import (
    array_of,
    cast_array,
    dimensions_of,
    operand,
)
from deepracer_fast.reward.compiler.codegen.dicts import dict_method
from deepracer_fast.reward.compiler.codegen.kinds import (
    all_known,
    is_array,
    is_dict,
    is_known,
    is_sequence,
    is_text,
)
from deepracer_fast.reward.compiler.codegen.lists import list_method
from deepracer_fast.reward.compiler.codegen.numbers import as_scalar
from deepracer_fast.reward.compiler.codegen.numpy_calls import numpy_function
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Args, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, Context

_TEXT_TESTS = ("startswith", "endswith", "lower", "upper", "strip", "title", "capitalize")


def array_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``array.name(...)``."""
    if name == "tolist":
        return array_of(ctx, owner).inner
    if name in ("copy", "flatten", "ravel") and dimensions_of(ctx, operand(ctx, owner)) == 1:
        return array_of(ctx, owner)
    if name == "astype":
        return cast_array(ctx, owner, args[0])
    if name == "item" and not args:
        return as_scalar(ctx, array_of(ctx, owner))
    return numpy_function(ctx, name, (owner, *args), kw)


def call_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``owner.name(...)`` of a built-in type."""
    if isinstance(owner, py.Opaque):
        return py.Opaque()
    if is_dict(owner):
        return dict_method(ctx, owner, name, args, kw)
    if is_text(owner):
        return _text_method(ctx, owner, name, args, kw)
    if is_array(owner):
        return array_method(ctx, owner, name, args, kw)
    if is_known(owner, set, frozenset):
        raise Unsupported(f"the method {name} of a set", ctx.line)
    if is_sequence(owner) or is_known(owner, collections.deque):
        return list_method(ctx, owner, name, args, kw)
    return number_method(ctx, owner, name, args)


def _text_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    if name in ("format", "join", "ljust", "rjust", "center", "zfill", "replace"):
        if name == "join" and args:
            seq_or_text(ctx, args[0])
        return py.Opaque()
    if isinstance(owner, py.Const) and all_known(args):
        known = [arg.obj for arg in args]
        if name in _TEXT_TESTS:
            try:
                return py.Const(getattr(owner.obj, name)(*known))
            except TypeError:
                return ctx.fail(TypeError)
    raise Unsupported(f"the string method {name}", ctx.line)


def seq_or_text(ctx: Context, value: Value) -> None:
    """Refuses what cannot be joined."""
    if not (
        is_sequence(value) or isinstance(value, py.Opaque | py.Lazy | py.Lst | py.Const | py.Arr)
    ):
        raise Unsupported("join of something else", ctx.line)


def number_method(ctx: Context, owner: Value, name: str, args: Args) -> Value:
    """``number.name()``."""
    number = as_number(ctx, owner)
    if name == "is_integer" and number.kind == "f" and number.exact:
        floor = ctx.native("llvm.floor.f64", F64, number.leaf)
        whole = ctx.b.fcmp_ordered("==", floor, number.leaf)
        return py.Num("b", ctx.b.and_(whole, is_finite(ctx, number.leaf)))
    if name in ("item", "conjugate") and not args:
        return py.Num(number.kind, number.leaf, 0, number.exact)
    if name == "astype" or not number.np:
        raise Unsupported(f"the method {name} of {describe(py.type_of(owner))}", ctx.line)
    return array_method(ctx, owner, name, args, {})
