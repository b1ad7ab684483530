"""State that outlives a call: what a variable, an attribute, a key or a list holds.

A piece of state gets a `Slot` when the program is seen to write it; from the next pass on, reads
and writes go to the environment, which the kernel fills from the car's columns and writes back.
What is never written is a constant.
"""

import collections
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Restart, Slot, describe
from deepracer_fast.reward.compiler.lattice.values import Type, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context
from deepracer_fast.reward.compiler.lowering.merges import Way, if_else
from deepracer_fast.reward.sandbox.kept_values import MISSING


def can_be_kept(typ: Type) -> bool:
    """Whether a type has words that say all about its value."""
    match typ:
        case py.Opt(_, inner) | py.Maybe(_, inner):
            return can_be_kept(inner)
        case py.Tup(items, is_list):
            return is_list is not None and all(can_be_kept(item) for item in items)
        case py.Const(obj):
            return obj is None
    return typ is py.UNBOUND or isinstance(typ, py.Num | py.Str | py.Lst)


def known(ctx: Context, obj: Any) -> Value:
    """An object of the user's module: a constant, or the list that it is for this car."""
    if isinstance(obj, list | collections.deque):
        key = ("list", id(obj))
        if key in ctx.facts.slots:
            return ctx.env[("slot", key)]
        if isinstance(obj, collections.deque):
            list_slot(ctx, obj)
    return py.Const(obj)


def list_slot(ctx: Context, obj: Any) -> None:
    """Makes a list of the module state, because it is changed."""
    for made_key, made in ctx.facts.made.items():
        if obj is made:
            ctx.facts.make_dynamic([made_key[0]])
    key, site = ("list", id(obj)), ("state", id(obj))
    for item in obj:
        ctx.facts.replace_element(site, ctx.facts.wider_element(site, py.Const(item)))
    if isinstance(obj, collections.deque) and obj.maxlen is not None:
        ctx.facts.maxlen[ctx.facts.root(site)] = obj.maxlen
    ctx.facts.slots[key] = Slot(obj, "list", None, list(obj), py.Lst(None, site))
    raise Restart


def read_slot(ctx: Context, key: Any, error: type[BaseException]) -> Value:
    """The value of a slot; raises where it is not bound."""
    return bound(ctx, ctx.env[("slot", key)], error)


def bound(ctx: Context, value: Value, error: type[BaseException]) -> Value:
    """The value of something that may not be bound."""
    if value is py.UNBOUND:
        return ctx.fail(error)
    if isinstance(value, py.Maybe):
        ctx.fail_if(value.flag, error)
        return value.value
    return value


def where_bound(ctx: Context, value: Value, then: Callable[[Any], Value], other: Way) -> Value:
    """What ``then`` makes of something that may not be bound; ``other`` where it is not."""
    if value is py.UNBOUND:
        return other() or py.NONE
    if isinstance(value, py.Maybe):
        return if_else(ctx, value.flag, other, lambda: then(value.value))
    return then(value)


def write_slot(ctx: Context, key: Any, what: tuple[Any, Any, Any], value: Value) -> None:
    """Gives a slot a new value, and makes the slot if it is the first time.

    Args:
        ctx: the pass.
        key: of the slot; begins with its kind.
        what: its owner, its name there, and what it holds at first.
        value: the new one.
    """
    owner, name, first = what
    present = ctx.facts.slots.get(key)
    old = initial_type(ctx, first) if present is None else present.type
    if isinstance(value, py.Tup) and value.is_list and not value.sites <= ctx.facts.dynamic:
        ctx.facts.make_dynamic(value.sites)
    typ = ctx.facts.join(old, _storable(ctx, py.type_of(value)))
    if present is None:
        ctx.facts.slots[key] = Slot(owner, key[0], name, first, typ)
        raise Restart
    if typ != old:
        present.type = _storable(ctx, typ)
        raise Restart
    ctx.env[("slot", key)] = value


def _storable(ctx: Context, typ: Type) -> Type:
    wide = ctx.facts.widen(typ)
    if not can_be_kept(wide):
        raise Unsupported(f"keeps {describe(wide)} from one call to the next", ctx.line)
    return wide


def initial_type(ctx: Context, obj: Any) -> Type:
    """The type of a slot's first value."""
    if obj is MISSING:
        return py.UNBOUND
    if isinstance(obj, list):
        site = ("state", id(obj))
        for item in obj:
            ctx.facts.widen_element(site, py.Const(item))
        return py.Lst(None, site)
    return _storable(ctx, py.Const(obj))


def dict_keys(ctx: Context, value: py.Dct) -> tuple[Any, ...]:
    """The keys of a dict made in this call, in order."""
    keys = ctx.env[("keys", value.path)]
    if not isinstance(keys, py.Const):
        raise Unsupported("a dict whose keys depend on the way taken", ctx.line)
    return keys.obj
