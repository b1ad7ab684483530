"""Sequences: one view of tuples, lists, ranges and their kin; loops, indices, slices, equality.

`Seq` is what everything that runs over items is written against. Short sequences whose items are
known one by one are unrolled; the others become loops.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import const_number
from deepracer_fast.reward.compiler.codegen.kinds import all_known, is_known, plain
from deepracer_fast.reward.compiler.codegen.slots import dict_keys, known
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC, describe
from deepracer_fast.reward.compiler.lattice.values import Leaf, Type, Unsupported, Value
from deepracer_fast.reward.compiler.lowering import memory
from deepracer_fast.reward.compiler.lowering.context import (
    LEAF,
    Context,
    Dead,
    LoopFrame,
    Merge,
    i64,
)
from deepracer_fast.reward.compiler.lowering.merges import land, lead

Action = Callable[[], None]


def _nothing() -> None:
    pass


@dataclass
class Seq:
    """Items by position; `static` is their number where that is known."""

    static: int | None
    length: Callable[[], Leaf]
    get: Callable[[int | Leaf], Value]


def leaf_of(position: int | Leaf) -> Leaf:
    """A position as a leaf."""
    return i64(position) if isinstance(position, int) else position


def items_of(ctx: Context, value: Value) -> Seq:
    """The items of a value."""
    value = plain(ctx, value)
    match value:
        case py.Tup(items):
            return _static_seq(ctx, items)
        case py.Lst():
            length = partial(memory.length_of, ctx, value)
            return Seq(None, length, lambda k: memory.load_element(ctx, value, leaf_of(k)))
        case py.Range():
            return range_seq(ctx, value)
        case py.Arr(inner):
            rows = items_of(ctx, inner)
            return Seq(rows.static, rows.length, lambda k: as_numpy(ctx, rows.get(k)))
        case py.Lazy(seq):
            return seq
        case py.Dct():
            return _static_seq(ctx, tuple(py.Const(key) for key in dict_keys(ctx, value)))
        case py.Const(obj):
            return _const_seq(ctx, obj)
        case py.Choice(_, objs) if all(isinstance(obj, tuple | list) for obj in objs):
            if len({len(obj) for obj in objs}) == 1:
                places = range(len(objs[0]))
                return _static_seq(ctx, tuple(_chosen_item(ctx, value, k) for k in places))
    raise Unsupported(f"iterates over {describe(py.type_of(value))}", ctx.line)


def _chosen_item(ctx: Context, value: py.Choice, k: int) -> Value:
    return of_each(ctx, value, lambda each: ctx.ops.item_at(ctx, each, py.Const(k)))


def as_numpy(ctx: Context, value: Value) -> Value:
    """An item of an array: a NumPy scalar, or a row."""
    match value:
        case py.Num(kind, leaf, _, exact):
            return py.Num(kind, leaf, 1, exact)
        case py.Tup() | py.Lst():
            return py.Arr(value)
        case py.Const(obj) if type(obj) in (bool, int, float):
            number = const_number(ctx, obj)
            return py.Num(number.kind, number.leaf, 1)
        case py.Const(obj) if isinstance(obj, list | tuple):
            return py.Arr(as_tuple(ctx, value))
    return value


def _static_seq(ctx: Context, items: tuple[Value, ...]) -> Seq:
    def get(k: int | Leaf) -> Value:
        return items[k] if isinstance(k, int) else pick(ctx, items, k)

    return Seq(len(items), lambda: i64(len(items)), get)


def range_seq(ctx: Context, value: py.Range) -> Seq:
    """The numbers of a range as items."""

    def get(k: int | Leaf) -> Value:
        return py.Num("i", ctx.b.add(value.start, ctx.b.mul(leaf_of(k), i64(value.step))))

    return Seq(None, partial(_range_length, ctx, value), get)


def _range_length(ctx: Context, value: py.Range) -> Leaf:
    gap = ctx.b.sub(value.stop, value.start)
    step = value.step
    if step < 0:
        gap, step = ctx.b.sub(i64(0), gap), -step
    count = ctx.b.sdiv(ctx.b.add(gap, i64(step - 1)), i64(step))
    return ctx.b.select(ctx.b.icmp_signed("<", gap, i64(0)), i64(0), count)


def _const_seq(ctx: Context, obj: Any) -> Seq:
    if isinstance(obj, range):
        if len(obj) <= MAX_STATIC:
            return _static_seq(ctx, tuple(map(py.Const, obj)))
        return range_seq(ctx, py.Range(i64(obj.start), i64(obj.stop), obj.step))
    if type(obj) in (list, tuple) and len(obj) > MAX_STATIC:
        return _const_list_seq(ctx, obj)
    if isinstance(obj, list | tuple | str | dict):
        if len(obj) > 64:
            raise Unsupported(f"iterates over a long {type(obj).__name__}", ctx.line)
        return _static_seq(ctx, tuple(known(ctx, item) for item in obj))
    if type(obj) in (set, frozenset) and all(type(item) in (int, bool) for item in obj):
        return _static_seq(ctx, tuple(map(py.Const, obj)))
    if type(obj).__module__ == "numpy" and getattr(obj, "ndim", 0) in (1, 2):
        return items_of(ctx, ctx.ops.array_of(ctx, py.Const(obj)))
    if obj is None or type(obj) in (int, float, bool):
        return ctx.fail(TypeError)
    raise Unsupported(f"iterates over a {type(obj).__name__}", ctx.line)


def _const_list_seq(ctx: Context, obj: Any) -> Seq:
    lst = in_memory(ctx, py.Const(obj))

    def get(k: int | Leaf) -> Value:
        return known(ctx, obj[k]) if isinstance(k, int) else memory.load_element(ctx, lst, k)

    return Seq(None, lambda: i64(len(obj)), get)


def in_memory(ctx: Context, value: Value) -> py.Lst:
    """A list of the program as one in constant memory."""
    if isinstance(value, py.Lst):
        return value
    assert isinstance(value, py.Const)
    return py.Lst(memory.table(ctx, value.obj), ctx.facts.const_site(value.obj))


def as_tuple(ctx: Context, value: Value) -> py.Tup:
    """A value with known items as a `Tup`."""
    if isinstance(value, py.Tup):
        return value
    if is_known(value, tuple, list):
        return py.Tup(tuple(py.Const(item) for item in value.obj), isinstance(value.obj, list))
    seq = items_of(ctx, value)
    if seq.static is None:
        raise Unsupported("needs a sequence whose length is known", ctx.line)
    return py.Tup(tuple(seq.get(k) for k in range(seq.static)), True)


def of_each(ctx: Context, value: py.Choice, action: Callable[[Value], Value]) -> Value:
    """What an action gives for the object that was chosen; it must not do anything else."""
    items = tuple(action(known(ctx, obj)) for obj in value.objs)
    if len(items) > MAX_STATIC and all_known(items):
        objs = [item.obj for item in items]
        if all(type(obj) in (bool, int, float, str, tuple) for obj in objs):
            key = ("column", ctx.place(), tuple(map(py.const_key, objs)))
            column = py.Const(ctx.facts.made.setdefault(key, objs))
            return memory.load_element(ctx, in_memory(ctx, column), value.leaf)
    return pick(ctx, items, value.leaf)


def pick(ctx: Context, items: tuple[Value, ...], index: Leaf) -> Value:
    """The item at an index that is known only at run time and lies within."""
    if not items:
        return ctx.fail(IndexError)
    typ: Type = py.type_of(items[0])
    for item in items[1:]:
        typ = ctx.facts.join(typ, py.type_of(item))
    leaves = memory.coerce(ctx, items[0], typ)
    for k, item in enumerate(items[1:], start=1):
        here = ctx.b.icmp_signed("==", index, i64(k))
        others = memory.coerce(ctx, item, typ)
        pairs = zip(others, leaves, strict=True)
        leaves = [ctx.b.select(here, new, old) for new, old in pairs]
    return py.with_leaves(typ, iter(leaves))


def loop(
    ctx: Context,
    site: Any,
    test: Callable[[], Leaf],
    body: Action,
    advance: Action = _nothing,
    otherwise: Action = _nothing,
) -> None:
    """A loop at run time; ``otherwise`` is its ``else``."""
    header = ctx.block("loop")
    phis, types = _enter_loop(ctx, site, header)
    header_env = dict(ctx.env)
    ctx.burn()
    going_on = test()
    inside, outside = ctx.block("body"), ctx.block("after")
    ctx.b.cbranch(going_on, inside, outside)
    exit_env = dict(ctx.env)
    frame = LoopFrame(Merge(), Merge(), True)
    ctx.loops.append(frame)
    ctx.start(inside)
    lead(ctx, frame.on_continue, body)
    wider: dict[Any, Type] = {}
    with suppress(Dead):
        land(ctx, frame.on_continue)
        advance()
        wider = _close_loop(ctx, site, header_env, types, phis)
        ctx.b.branch(header)
    ctx.loops.pop()
    ctx.start(outside)
    ctx.env = exit_env | {key: unknown(ctx, typ) for key, typ in wider.items()}
    lead(ctx, frame.on_break, otherwise)
    land(ctx, frame.on_break)


def _enter_loop(ctx: Context, site: Any, header: Any) -> tuple[list[Any], dict[Any, Type]]:
    held = ctx.facts.loops.setdefault(site, {})
    leaves: list[Leaf] = []
    for key, typ in list(held.items()):
        value = ctx.held(ctx.env, key)
        held[key] = ctx.facts.join(typ, py.type_of(value))
        leaves += memory.coerce(ctx, value, held[key])
    types = dict(held)
    before = ctx.b.block
    ctx.b.branch(header)
    ctx.start(header)
    kinds = [kind for typ in types.values() for kind in py.leaf_kinds(typ)]
    phis = [ctx.b.phi(LEAF[kind]) for kind in kinds]
    for phi, leaf in zip(phis, leaves, strict=True):
        phi.add_incoming(leaf, before)
    rest = iter(phis)
    ctx.env = dict(ctx.env) | {key: py.with_leaves(typ, rest) for key, typ in types.items()}
    return phis, types


def _close_loop(
    ctx: Context, site: Any, header_env: dict[Any, Value], types: dict[Any, Type], phis: list[Any]
) -> dict[Any, Type]:
    """Leads back to the header; what turned out to be wider than the header takes it for."""
    found: dict[Any, Type] = {}
    for key in dict.fromkeys([*header_env, *ctx.env]):
        old, new = ctx.held(header_env, key), ctx.held(ctx.env, key)
        if old is new:
            continue
        known = types.get(key, py.type_of(old))
        wider = ctx.facts.join(known, py.type_of(new))
        if key not in types or wider != known:
            found[key] = wider
    if found:
        ctx.facts.loops[site] |= found
        ctx.facts.void = True
        return found
    now = ((ctx.held(ctx.env, key), typ) for key, typ in types.items())
    leaves = [leaf for value, typ in now for leaf in memory.coerce(ctx, value, typ)]
    for phi, leaf in zip(phis, leaves, strict=True):
        phi.add_incoming(leaf, ctx.b.block)
    return {}


def unknown(ctx: Context, typ: Type) -> Value:
    """Some value of a type, to go on with in a void pass."""
    leaves = [ctx.b.load(ctx.alloca(LEAF[kind])) for kind in py.leaf_kinds(typ)]
    return py.with_leaves(typ, iter(leaves))


def each(
    ctx: Context, site: Any, seq: Seq, body: Callable[[Value], None], otherwise: Action = _nothing
) -> None:
    """Runs over the items of a sequence, unrolled or as a loop."""
    if seq.static is not None and seq.static <= MAX_STATIC * 4:
        _unrolled(ctx, seq, body, otherwise)
        return
    counter = ctx.variable(i64(0))

    def test() -> Leaf:
        return ctx.b.icmp_signed("<", ctx.b.load(counter), seq.length())

    def run() -> None:
        body(seq.get(ctx.b.load(counter)))

    loop(ctx, site, test, run, lambda: ctx.increase(counter, i64(1)), otherwise)


def _unrolled(ctx: Context, seq: Seq, body: Callable[[Value], None], otherwise: Action) -> None:
    assert seq.static is not None
    on_break = Merge()
    with suppress(Dead):
        for k in range(seq.static):
            frame = LoopFrame(on_break, Merge(), False)
            ctx.loops.append(frame)
            with suppress(Dead):
                body(seq.get(k))
                ctx.jump(frame.on_continue)
            ctx.loops.pop()
            land(ctx, frame.on_continue)
        otherwise()
        ctx.jump(on_break)
    land(ctx, on_break)


@dataclass(frozen=True, eq=False)
class Gen(Value):
    """A generator expression; `run` calls a body with each of its items."""

    run: Callable[[Callable[[Value], None]], None]


def for_each(ctx: Context, site: Any, value: Value, body: Callable[[Value], None]) -> None:
    """Runs over anything iterable."""
    if isinstance(value, Gen):
        handlers, ctx.handlers = ctx.handlers, []  # what a lazy generator never gets to
        try:
            value.run(body)
        finally:
            ctx.handlers = handlers
        return
    each(ctx, site, items_of(ctx, value), body)


def gathered(ctx: Context, value: Value) -> Value:
    """A generator as a list."""
    if not isinstance(value, Gen):
        return value
    lst = memory.new_list(ctx, (ctx.place(), "gathered"), i64(8))
    for_each(ctx, None, value, lambda item: memory.append(ctx, lst, item))
    return lst


def accumulate(
    ctx: Context, name: str, items: Value, start: Value, action: Callable[[Value, Value], Value]
) -> Value:
    """Folds items into one value."""
    key = (name, ctx.place())
    ctx.env[key] = start

    def step(item: Value) -> None:
        ctx.env[key] = action(ctx.env[key], item)

    for_each(ctx, (ctx.place(), name), items, step)
    return ctx.env.pop(key)
