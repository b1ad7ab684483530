"""Dicts: their keys are known, their values live in the environment or in slots."""

from typing import Any

from deepracer_fast.reward.compiler.codegen import slots
from deepracer_fast.reward.compiler.codegen.arithmetic import truth_of
from deepracer_fast.reward.compiler.codegen.equality import equals
from deepracer_fast.reward.compiler.codegen.sequences import pick
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Args, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, i64
from deepracer_fast.reward.compiler.lowering.merges import if_else
from deepracer_fast.reward.sandbox.kept_values import MISSING


def dict_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``owner.name(...)`` of a dict."""
    match name, len(args):
        case "get", (1 | 2):
            return _get(ctx, owner, args[0], args[1] if len(args) == 2 else py.NONE)
        case "keys", 0:
            return py.Tup(tuple(map(py.Const, keys_of(ctx, owner))), True)
        case "values", 0:
            return py.Tup(tuple(value for _, value in pairs_of(ctx, owner)), True)
        case "items", 0:
            pairs = pairs_of(ctx, owner)
            return py.Tup(tuple(py.Tup((py.Const(key), value)) for key, value in pairs), True)
        case "copy", 0:
            if isinstance(owner, py.Dct) and owner.path == ("params",):
                raise Unsupported("a copy of params", ctx.line)
            return new_dict(ctx, ("copy", ctx.place()), pairs_of(ctx, owner))
        case "pop", (1 | 2):
            return _pop_key(ctx, owner, args)
        case "setdefault", (1 | 2):
            return _set_default(ctx, owner, args[0], args[1] if len(args) == 2 else py.NONE)
        case "update", (0 | 1):
            for source in args:
                for key, value in pairs_of(ctx, source):
                    dict_write(ctx, owner, py.Const(key), value)
            for key, value in kw.items():
                dict_write(ctx, owner, py.Const(key), value)
            return py.NONE
    raise Unsupported(f"the dict method {name}", ctx.line)


def pairs_of(ctx: Context, owner: Value) -> list[tuple[Any, Value]]:
    """The keys and values of a dict whose keys are there on every way."""
    pairs = [(key, dict_read(ctx, owner, key)) for key in keys_of(ctx, owner)]
    if any(value is py.UNBOUND or isinstance(value, py.Maybe) for _, value in pairs):
        raise Unsupported("a dict whose keys depend on the way taken", ctx.line)
    return pairs


def _get(ctx: Context, owner: Value, key: Value, default: Value) -> Value:
    if isinstance(key, py.Const):
        value = dict_read(ctx, owner, hashable(ctx, key))
        return slots.where_bound(ctx, value, lambda held: held, lambda: default)
    keys = keys_of(ctx, owner)
    found = find_key(ctx, key, keys)
    values = tuple(dict_read(ctx, owner, k) for k in keys)
    missing = ctx.b.icmp_signed("<", found, i64(0))
    return if_else(ctx, missing, lambda: default, lambda: pick(ctx, values, found))


def _pop_key(ctx: Context, owner: Value, args: Args) -> Value:
    if len(args) == 1:
        value = dict_item(ctx, owner, args[0])
        dict_remove(ctx, owner, args[0])
        return value
    has = truth_of(ctx, dict_has(ctx, owner, args[0]))
    return if_else(ctx, has, lambda: _pop_key(ctx, owner, args[:1]), lambda: args[1])


def _set_default(ctx: Context, owner: Value, key: Value, default: Value) -> Value:
    has = truth_of(ctx, dict_has(ctx, owner, key))

    def put() -> Value:
        dict_write(ctx, owner, key, default)
        return default

    return if_else(ctx, has, lambda: dict_item(ctx, owner, key), put)


def dict_read(ctx: Context, owner: Value, key: Any) -> Value:
    """The value under a known key, `UNBOUND` or a `Maybe` where it may be missing."""
    if isinstance(owner, py.Dct):
        return ctx.held(ctx.env, ("dct", owner.path, key))
    assert isinstance(owner, py.Const)
    slot = ("key", id(owner.obj), key)
    if slot in ctx.facts.slots:
        return ctx.env[("slot", slot)]
    return slots.known(ctx, owner.obj[key]) if key in owner.obj else py.UNBOUND


def dict_item(ctx: Context, owner: Value, key: Value) -> Value:
    """``owner[key]`` of a dict."""
    if isinstance(key, py.Const):
        return slots.bound(ctx, dict_read(ctx, owner, hashable(ctx, key)), KeyError)
    keys = keys_of(ctx, owner)
    found = find_key(ctx, key, keys)
    ctx.fail_if(ctx.b.icmp_signed("<", found, i64(0)), KeyError)
    return pick(ctx, tuple(dict_read(ctx, owner, k) for k in keys), found)


def find_key(ctx: Context, key: Value, keys: tuple[Any, ...]) -> Any:
    """The position of a key that is known at run time only; -1 if it is not there."""
    found = i64(-1)
    for k, candidate in enumerate(keys):
        here = truth_of(ctx, equals(ctx, key, py.Const(candidate)))
        found = ctx.b.select(here, i64(k), found)
    return found


def keys_of(ctx: Context, owner: Value) -> tuple[Any, ...]:
    """All keys of a dict, if they are the same for every car."""
    if isinstance(owner, py.Dct):
        return slots.dict_keys(ctx, owner)
    assert isinstance(owner, py.Const)
    obj = owner.obj
    for kind, number, name in [k for k in ctx.facts.slots if k[0] == "key"]:
        if kind == "key" and number == id(obj) and name not in obj:
            raise Unsupported("a dict that gets keys while it runs", ctx.line)
    if len(obj) > 400:
        raise Unsupported("a dict with more than 400 keys", ctx.line)
    return tuple(obj)


def dict_write(ctx: Context, owner: Value, key: Value, value: Value) -> None:
    """``owner[key] = value`` of a dict."""
    if not isinstance(key, py.Const):
        raise Unsupported("a dict key that is not known before it runs", ctx.line)
    name = hashable(ctx, key)
    if isinstance(owner, py.Dct):
        keys = ctx.env[("keys", owner.path)]
        if isinstance(keys, py.Const) and name not in keys.obj:
            ctx.env[("keys", owner.path)] = py.Const((*keys.obj, name))
        ctx.env[("dct", owner.path, name)] = value
        return
    assert isinstance(owner, py.Const)
    first = owner.obj.get(name, MISSING)
    slots.write_slot(ctx, ("key", id(owner.obj), name), (owner.obj, name, first), value)


def dict_remove(ctx: Context, owner: Value, key: Value) -> None:
    """Takes a key out of a dict; KeyError if it is not there."""
    if not isinstance(owner, py.Dct) or not isinstance(key, py.Const):
        raise Unsupported("takes a key out of a dict that is kept", ctx.line)
    name = hashable(ctx, key)
    slots.bound(ctx, dict_read(ctx, owner, name), KeyError)
    keys = ctx.env[("keys", owner.path)]
    if isinstance(keys, py.Const):
        ctx.env[("keys", owner.path)] = py.Const(tuple(k for k in keys.obj if k != name))
    ctx.env[("dct", owner.path, name)] = py.UNBOUND


def hashable(ctx: Context, key: py.Const) -> Any:
    """The object of a key; TypeError if it has no hash."""
    try:
        hash(key.obj)
    except TypeError as error:
        return ctx.fail(type(error))
    return key.obj


def dict_has(ctx: Context, container: Value, item: Value) -> Value:
    """``item in container`` of a dict."""
    if not isinstance(item, py.Const):
        found = find_key(ctx, item, keys_of(ctx, container))
        return py.Num("b", ctx.b.icmp_signed(">=", found, i64(0)))
    value = dict_read(ctx, container, hashable(ctx, item))
    if value is py.UNBOUND:
        return py.Const(False)
    return py.Num("b", ctx.b.not_(value.flag)) if isinstance(value, py.Maybe) else py.Const(True)


def new_dict(ctx: Context, path: Any, items: list[tuple[Any, Value]]) -> py.Dct:
    """A dict made in this call."""
    if ctx.loops:
        ctx.loop_guard("a dict")
    path = path if path == ("params",) else ctx.nth(path)
    for key in [k for k in ctx.env if k[0] == "dct" and k[1] == path]:
        del ctx.env[key]
    ctx.env[("keys", path)] = py.Const(tuple(dict.fromkeys(key for key, _ in items)))
    for key, value in items:
        ctx.env[("dct", path, key)] = value
    return py.Dct(path)
