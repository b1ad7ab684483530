"""Lists: what they are changed by, and their methods."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.codegen.arithmetic import as_int, binary, boolean, truth_of
from deepracer_fast.reward.compiler.codegen.dicts import dict_write
from deepracer_fast.reward.compiler.codegen.equality import equals, is_less
from deepracer_fast.reward.compiler.codegen.kinds import is_dict, is_known, plain
from deepracer_fast.reward.compiler.codegen.sequences import Seq, each, items_of, loop
from deepracer_fast.reward.compiler.codegen.slices import backwards, position, to_list
from deepracer_fast.reward.compiler.codegen.slots import list_slot
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Args, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import I64, Context, i64
from deepracer_fast.reward.compiler.lowering.memory import (
    append,
    copy_words,
    element_address,
    header_of,
    is_fixed,
    length_of,
    load_element,
    new_list,
    store_element,
    width_of,
    word_at,
)
from deepracer_fast.reward.compiler.lowering.merges import if_else, when


def set_item(ctx: Context, owner: Value, index: Value, value: Value) -> None:
    """``owner[index] = value``."""
    owner = plain(ctx, owner)
    if is_dict(owner):
        dict_write(ctx, owner, index, value)
        return
    lst = mutable(ctx, owner)
    at = position(ctx, as_int(ctx, index), length_of(ctx, lst))
    store_element(ctx, lst, at, value)


def mutable(ctx: Context, owner: Value) -> py.Lst:
    """A list that may be changed; others are moved to memory, and the pass starts over."""
    if isinstance(owner, py.Lst):
        if ctx.facts.is_frozen(owner.site):
            raise Unsupported("changes a list of params or of the module", ctx.line)
        if ctx.facts.is_mixed(owner.site):
            ctx.fail_if(is_fixed(ctx, owner), None)
        return owner
    if isinstance(owner, py.Tup) and owner.is_list and owner.sites:
        ctx.facts.make_dynamic(owner.sites)
    if is_known(owner, list):
        list_slot(ctx, owner.obj)
    if isinstance(owner, py.Tup) and owner.is_list is False:
        return ctx.fail(TypeError)
    raise Unsupported(f"changes {describe(py.type_of(owner))}", ctx.line)


def _sort_in_place(ctx: Context, lst: py.Lst, args: Args, kw: Any) -> None:
    reverse = kw.get("reverse", py.Const(False))
    if not isinstance(reverse, py.Const):
        raise Unsupported("a sort whose direction is not known", ctx.line)
    site = (ctx.place(), "sort")
    done = sort_into(ctx, site, items_of(ctx, lst), kw.get("key"), bool(reverse.obj))
    _overwrite(ctx, lst, items_of(ctx, done))


def _clear(ctx: Context, lst: py.Lst) -> None:
    ctx.b.store(i64(0), word_at(ctx, header_of(ctx, lst), 1))


def _overwrite(ctx: Context, lst: py.Lst, seq: Seq) -> None:
    _clear(ctx, lst)
    each(ctx, (ctx.place(), "overwrite"), seq, lambda v: append(ctx, lst, v))


def _append_within(ctx: Context, lst: py.Lst, value: Value) -> None:
    append(ctx, lst, value)
    maxlen = ctx.facts.maxlen.get(ctx.facts.root(lst.site))
    if maxlen is not None:
        over = ctx.b.icmp_signed(">", length_of(ctx, lst), i64(maxlen))
        when(ctx, over, lambda: _pop(ctx, lst, i64(0)))


def _pop(ctx: Context, lst: py.Lst, index: Leaf) -> Value:
    length = length_of(ctx, lst)
    at = position(ctx, index, length)
    value = load_element(ctx, lst, at)
    width = i64(width_of(ctx, lst.site))
    start = element_address(ctx, lst, at)
    rest = ctx.b.sub(ctx.b.sub(length, at), i64(1))
    words = ctx.b.mul(rest, width)
    copy_words(ctx, start, ctx.b.gep(start, [width]), words)
    ctx.b.store(ctx.b.sub(length, i64(1)), word_at(ctx, header_of(ctx, lst), 1))
    return value


def _insert(ctx: Context, lst: py.Lst, index: Leaf, value: Value) -> None:
    length = length_of(ctx, lst)
    at = ctx.b.select(ctx.b.icmp_signed("<", index, i64(0)), ctx.b.add(index, length), index)
    at = ctx.b.select(ctx.b.icmp_signed("<", at, i64(0)), i64(0), at)
    at = ctx.b.select(ctx.b.icmp_signed(">", at, length), length, at)
    append(ctx, lst, value)  # makes room; the place at the end is overwritten by the shift
    width = i64(width_of(ctx, lst.site))
    start = element_address(ctx, lst, at)
    words = ctx.b.mul(ctx.b.sub(length, at), width)
    copy_words(ctx, ctx.b.gep(start, [width]), start, words)
    store_element(ctx, lst, at, value)


def _count_equal(ctx: Context, owner: Value, item: Value) -> Value:
    key = ("count", ctx.place())
    ctx.env[key] = py.Const(0)

    def look(other: Value) -> None:
        equal = truth_of(ctx, equals(ctx, item, other))
        one = boolean(equal)
        ctx.env[key] = binary(ctx, ast.Add(), ctx.env[key], one)

    each(ctx, (ctx.place(), "count"), items_of(ctx, owner), look)
    return ctx.env.pop(key)


def _index_of(ctx: Context, owner: Value, args: Args) -> Value:
    """The first position of an equal item; ValueError if there is none."""
    if len(args) != 1:
        raise Unsupported("index with a range", ctx.line)
    known = isinstance(owner, py.Const) and isinstance(args[0], py.Const)
    if known:
        try:
            return py.Const(owner.obj.index(args[0].obj))  # type: ignore[attr-defined]
        except ValueError:
            return ctx.fail(ValueError)
    seq = items_of(ctx, owner)
    found, counter = ctx.alloca(I64), ctx.alloca(I64)
    ctx.b.store(i64(-1), found)
    ctx.b.store(i64(0), counter)

    def look(other: Value) -> None:
        equal = truth_of(ctx, equals(ctx, args[0], other))
        at, before = ctx.b.load(counter), ctx.b.load(found)
        first = ctx.b.and_(equal, ctx.b.icmp_signed("<", before, i64(0)))
        ctx.b.store(ctx.b.select(first, at, before), found)
        ctx.b.store(ctx.b.add(at, i64(1)), counter)

    each(ctx, (ctx.place(), "index"), seq, look)
    at = ctx.b.load(found)
    ctx.fail_if(ctx.b.icmp_signed("<", at, i64(0)), ValueError)
    return py.Num("i", at)


def sort_into(ctx: Context, site: Any, seq: Seq, key: Value | None, reverse: bool) -> py.Lst:
    """A new sorted list; stable, by insertion."""
    work = new_list(ctx, (site, "work"), seq.length())

    def put(item: Value) -> None:
        rank = item if key is None else ctx.ops.call(ctx, key, (item,), {})
        append(ctx, work, py.Tup((rank, item)))

    each(ctx, (site, "put"), seq, put)
    _insertion_sort(ctx, site, work, reverse)
    done = new_list(ctx, site, length_of(ctx, work))

    def take(pair: Value) -> None:
        append(ctx, done, pair.items[1])  # type: ignore[attr-defined]

    each(ctx, (site, "take"), items_of(ctx, work), take)
    return done


def _insertion_sort(ctx: Context, site: Any, work: py.Lst, reverse: bool) -> None:
    if ctx.facts.element(work.site) is None:
        return
    outer, inner = ctx.alloca(I64), ctx.alloca(I64)
    ctx.b.store(i64(1), outer)

    def unsorted() -> Any:
        return ctx.b.icmp_signed("<", ctx.b.load(outer), length_of(ctx, work))

    def advance() -> None:
        ctx.b.store(ctx.b.add(ctx.b.load(outer), i64(1)), outer)

    def sink() -> None:
        ctx.b.store(ctx.b.load(outer), inner)
        _sink(ctx, site, work, inner, reverse)

    loop(ctx, (site, "sort"), unsorted, sink, advance)


def _sink(ctx: Context, site: Any, work: py.Lst, inner: Any, reverse: bool) -> None:
    """Moves the item at ``inner`` down to its place among those before it."""

    def not_first() -> Any:
        return ctx.b.icmp_signed(">", ctx.b.load(inner), i64(0))

    def step() -> None:
        at = ctx.b.load(inner)
        before = ctx.b.sub(at, i64(1))
        low, high = load_element(ctx, work, before), load_element(ctx, work, at)
        a, b = low.items[0], high.items[0]  # type: ignore[attr-defined]
        wrong = is_less(ctx, a, b) if reverse else is_less(ctx, b, a)

        def swap() -> None:
            store_element(ctx, work, before, high)
            store_element(ctx, work, at, low)
            ctx.b.store(before, inner)

        def stop() -> Value:
            ctx.b.store(i64(0), inner)
            return py.NONE

        def swapped() -> Value:
            swap()
            return py.NONE

        if_else(ctx, wrong, swapped, stop)

    loop(ctx, (site, "sink"), not_first, step)


def _remove(ctx: Context, lst: py.Lst, args: Args, kw: Any) -> None:
    _pop(ctx, lst, as_int(ctx, _index_of(ctx, lst, args)))


def _reverse(ctx: Context, lst: py.Lst, args: Args, kw: Any) -> None:
    copied = to_list(ctx, (ctx.place(), "copy"), lst)
    _overwrite(ctx, lst, backwards(ctx, items_of(ctx, copied)))


def _extend(ctx: Context, lst: py.Lst, args: Args, kw: Any) -> None:
    each(ctx, (ctx.place(), "extend"), items_of(ctx, args[0]), lambda v: append(ctx, lst, v))


# Name and number of arguments of what changes a list -> what translates it; None is Python's None.
_CHANGES: dict[tuple[str, int], Callable[[Context, py.Lst, Args, Any], Value | None]] = {
    ("append", 1): lambda ctx, lst, args, kw: _append_within(ctx, lst, args[0]),
    ("clear", 0): lambda ctx, lst, args, kw: _clear(ctx, lst),
    ("extend", 1): _extend,
    ("insert", 2): lambda ctx, lst, args, kw: _insert(ctx, lst, as_int(ctx, args[0]), args[1]),
    ("pop", 0): lambda ctx, lst, args, kw: _pop(ctx, lst, i64(-1)),
    ("pop", 1): lambda ctx, lst, args, kw: _pop(ctx, lst, as_int(ctx, args[0])),
    ("popleft", 0): lambda ctx, lst, args, kw: _pop(ctx, lst, i64(0)),
    ("remove", 1): _remove,
    ("reverse", 0): _reverse,
    ("sort", 0): _sort_in_place,
}


def list_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``owner.name(...)`` of a list, tuple or deque."""
    if name == "count":
        return _count_equal(ctx, owner, args[0])
    if name == "index":
        return _index_of(ctx, owner, args)
    if name == "copy":
        return to_list(ctx, ("copy", ctx.place()), owner)
    lst = mutable(ctx, owner)
    if (name, len(args)) not in _CHANGES:
        raise Unsupported(f"the list method {name}", ctx.line)
    return _CHANGES[name, len(args)](ctx, lst, args, kw) or py.NONE
