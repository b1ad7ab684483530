"""Built-in functions: sorting, new containers, numbers, questions about types."""

from __future__ import annotations

import ast
import collections
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import binary, boolean, truth_of
from deepracer_fast.reward.compiler.codegen.attributes import (
    attribute,
    has_attribute,
    set_attribute,
)
from deepracer_fast.reward.compiler.codegen.dicts import keys_of, new_dict, present
from deepracer_fast.reward.compiler.codegen.iteration import ITERATION, Gen, gathered
from deepracer_fast.reward.compiler.codegen.kinds import all_known, class_of_value, is_known, plain
from deepracer_fast.reward.compiler.codegen.lists import sort_into
from deepracer_fast.reward.compiler.codegen.numbers import (
    absolute_value,
    fold,
    round_value,
    to_bool,
    to_float,
    to_int,
)
from deepracer_fast.reward.compiler.codegen.sequences import items_of
from deepracer_fast.reward.compiler.codegen.slices import to_list
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC
from deepracer_fast.reward.compiler.lattice.users import (
    STAND_INS,
    UserObject,
    UserTuple,
    class_of,
    is_callable,
    is_subclass,
    type_name,
)
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import TRUE, Context, i64
from deepracer_fast.reward.compiler.lowering.memory import append, new_list
from deepracer_fast.reward.compiler.lowering.merges import if_else


def _sorted(ctx: Context, args: Args, kw: Kwargs) -> Value:
    reverse = kw.get("reverse", py.Const(False))
    if not isinstance(reverse, py.Const):
        raise Unsupported("a sort whose direction is not known", ctx.line)
    key = kw.get("key")
    if isinstance(key, py.Const) and key.obj is None:
        key = None
    site = ("sorted", ctx.place())
    return sort_into(ctx, site, items_of(ctx, gathered(ctx, args[0])), key, bool(reverse.obj))


def _list(ctx: Context, args: Args, kw: Kwargs) -> Value:
    site = ("list", ctx.place())
    if not args:
        return make_list(ctx, site, ())
    value = gathered(ctx, args[0])
    seq = items_of(ctx, value)
    if seq.static is not None and seq.static <= MAX_STATIC:
        return make_list(ctx, site, tuple(seq.get(k) for k in range(seq.static)))
    if isinstance(args[0], Gen) and isinstance(value, py.Lst):
        return value
    return to_list(ctx, site, value)


def make_list(ctx: Context, site: Any, items: tuple[Value, ...]) -> Value:
    """A list display."""
    if site in ctx.facts.dynamic or len(items) > MAX_STATIC * 4:
        lst = new_list(ctx, site, i64(len(items)))
        for item in items:
            append(ctx, lst, item)
        return lst
    return py.Tup(items, True, frozenset([site]))


def _tuple(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not args:
        return py.Const(())
    value = gathered(ctx, args[0])
    seq = items_of(ctx, value)
    if seq.static is not None:
        return py.Tup(tuple(seq.get(k) for k in range(seq.static)))
    return to_list(ctx, ("tuple", ctx.place()), value)


def _dict(ctx: Context, args: Args, kw: Kwargs) -> Value:
    items: list[tuple[Any, Value]] = []
    for source in args:
        for key in keys_of(ctx, source):
            items.append((key, present(ctx, source, key)))
    return new_dict(ctx, ("dict", ctx.place()), [*items, *kw.items()])


def _round(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if all_known(args) and not kw:
        return fold(ctx, round, args)
    return round_value(ctx, args[0], args[1] if len(args) > 1 else kw.get("ndigits"))


def _pow(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) != 2:
        raise Unsupported("pow with a modulus", ctx.line)
    return binary(ctx, ast.Pow(), *args)


def _str(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not args:
        return py.Const("")
    if is_known(args[0], str):
        return args[0]
    return args[0] if isinstance(args[0], py.Str) else py.Opaque()


def say(ctx: Context, args: Args, kw: Kwargs) -> Value:
    """``print`` and its like: nothing is said, and the caller is told so."""
    ctx.prints = True
    return py.NONE


def _isinstance(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value, wanted = args
    classes = wanted.obj if isinstance(wanted, py.Const) else ()
    if isinstance(wanted, py.Tup):
        classes = tuple(getattr(item, "obj", object) for item in wanted.items)
    if isinstance(value, py.Const):
        return py.Const(is_subclass(class_of(value.obj), classes))
    if isinstance(value, py.Opt):
        inner = truth_of(ctx, _isinstance(ctx, (value.value, wanted), kw))
        return boolean(ctx.b.and_(ctx.b.not_(value.flag), inner))
    return py.Const(is_subclass(class_of_value(ctx, value), classes))


def _type(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value = args[0]
    if not isinstance(value, py.Const):
        return py.Const(class_of_value(ctx, value))
    if isinstance(value.obj, STAND_INS) and not isinstance(value.obj, UserObject | UserTuple):
        raise Unsupported(f"asks for the class of a {type_name(value.obj)}", ctx.line)
    return py.Const(class_of(value.obj))


def _name_of(ctx: Context, value: Value) -> str:
    if is_known(value, str):
        return value.obj
    raise Unsupported("an attribute whose name is not known", ctx.line)


def _getattr(ctx: Context, args: Args, kw: Kwargs) -> Value:
    owner, name = args[0], _name_of(ctx, args[1])
    if len(args) == 2:
        return attribute(ctx, owner, name)
    has = truth_of(ctx, has_attribute(ctx, owner, name))
    if isinstance(has, type(TRUE)):
        return attribute(ctx, owner, name) if has.constant else args[2]
    return if_else(ctx, has, lambda: attribute(ctx, owner, name), lambda: args[2])


def _deque(ctx: Context, args: Args, kw: Kwargs) -> Value:
    raise Unsupported("a deque made while it runs", ctx.line)


# Python's function -> what translates a call of it.
BUILTINS: dict[Any, Callable[[Context, Args, Kwargs], Value]] = ITERATION | {
    abs: lambda ctx, args, kw: absolute_value(ctx, plain(ctx, args[0])),
    bool: lambda ctx, args, kw: to_bool(ctx, args),
    callable: lambda ctx, args, kw: py.Const(
        isinstance(args[0], py.Const) and is_callable(args[0].obj)
    ),
    collections.deque: _deque,
    dict: _dict,
    divmod: lambda ctx, args, kw: py.Tup(
        (binary(ctx, ast.FloorDiv(), *args), binary(ctx, ast.Mod(), *args))
    ),
    float: lambda ctx, args, kw: to_float(ctx, args),
    format: _str,
    getattr: _getattr,
    hasattr: lambda ctx, args, kw: has_attribute(ctx, args[0], _name_of(ctx, args[1])),
    int: lambda ctx, args, kw: to_int(ctx, args),
    isinstance: _isinstance,
    list: _list,
    pow: _pow,
    print: say,
    repr: _str,
    round: _round,
    setattr: lambda ctx, args, kw: set_attribute(ctx, args[0], _name_of(ctx, args[1]), args[2]),
    sorted: _sorted,
    str: _str,
    tuple: _tuple,
    type: _type,
}
