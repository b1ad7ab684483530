"""Lists and their kin: items, slices, copies, sums and repetitions; changes, methods, sorting."""

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen.arithmetic import as_int, binary, boolean, truth_of
from deepracer_fast.reward.compiler.codegen.dicts import dict_write
from deepracer_fast.reward.compiler.codegen.equality import equals, is_less
from deepracer_fast.reward.compiler.codegen.kinds import is_dict, is_known, is_sequence, plain
from deepracer_fast.reward.compiler.codegen.sequences import (
    Seq,
    accumulate,
    as_tuple,
    each,
    items_of,
    leaf_of,
    loop,
    pick,
    range_seq,
)
from deepracer_fast.reward.compiler.codegen.slots import known, list_slot
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC, describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering import memory
from deepracer_fast.reward.compiler.lowering.context import I64, Context, i64
from deepracer_fast.reward.compiler.lowering.merges import if_else, when


def position(ctx: Context, index: Leaf, length: Leaf) -> Leaf:
    """An index from either end, checked."""
    if isinstance(index, ir.Constant) and isinstance(length, ir.Constant):
        at = index.constant + (length.constant if index.constant < 0 else 0)
        return i64(at) if 0 <= at < length.constant else ctx.fail(IndexError)
    from_end = ctx.b.icmp_signed("<", index, i64(0))
    at = ctx.b.select(from_end, ctx.b.add(index, length), index)
    ctx.fail_if(ctx.b.icmp_unsigned(">=", at, length), IndexError)
    return at


def item_at(ctx: Context, value: Value, index: Value) -> Value:
    """``value[index]`` of a sequence."""
    if is_known(value, str):
        return _character(ctx, value.obj, index)
    at = as_int(ctx, index)
    if isinstance(value, py.Const) and isinstance(at, ir.Constant):
        try:
            return known(ctx, value.obj[at.constant])
        except IndexError:
            return ctx.fail(IndexError)
    seq = items_of(ctx, value)
    where = position(ctx, at, seq.length())
    constant = isinstance(where, ir.Constant) and seq.static is not None
    return seq.get(where.constant if constant else where)


def _character(ctx: Context, text: str, index: Value) -> Value:
    if isinstance(index, py.Const):
        try:
            return py.Const(text[index.obj])
        except (IndexError, TypeError) as error:
            return ctx.fail(type(error))
    at = position(ctx, as_int(ctx, index), i64(len(text)))
    return pick(ctx, tuple(py.Const(letter) for letter in text), at)


def sliced(ctx: Context, site: Any, value: Value, bounds: tuple[Value, Value, Value]) -> Value:
    """``value[low:high:step]`` as a new sequence of the same kind."""
    value = plain(ctx, value)
    known = [bound.obj for bound in bounds if isinstance(bound, py.Const)]
    if len(known) == 3:
        return _known_slice(ctx, site, value, slice(*known))
    step = bounds[2]
    if not (isinstance(step, py.Const) and step.obj in (None, 1)):
        raise Unsupported("a slice with a step that is not known", ctx.line)
    return _copy_of_slice(ctx, site, items_of(ctx, value), bounds[0], bounds[1])


def _copy_of_slice(
    ctx: Context, site: Any, seq: Seq, start: Value, stop: Value, step: int = 1
) -> Value:
    length = seq.length()
    low = _clipped(ctx, start, i64(0), length)
    count = ctx.b.sub(_clipped(ctx, stop, length, length), low)
    if step > 1:
        count = ctx.b.sdiv(ctx.b.add(count, i64(step - 1)), i64(step))
    count = ctx.b.select(ctx.b.icmp_signed("<", count, i64(0)), i64(0), count)
    return copy_range(ctx, site, seq, low, count, step)


def _known_slice(ctx: Context, site: Any, value: Value, cut: slice) -> Value:
    if is_known(value, list, tuple, str):
        if isinstance(value.obj, list) and len(value.obj) <= MAX_STATIC:
            return series(ctx, site, tuple(map(partial(known, ctx), value.obj[cut])), True)
        key = (site, id(value.obj), cut.start, cut.stop, cut.step)
        part = py.Const(ctx.facts.made.setdefault(key, value.obj[cut]))
        return to_list(ctx, site, part) if site in ctx.facts.dynamic else part
    if isinstance(value, py.Tup):
        return series(ctx, site, value.items[cut], value.is_list)
    step = 1 if cut.step is None else cut.step
    seq = items_of(ctx, value)
    if cut == slice(None, None, -1):
        return copy_range(ctx, site, backwards(ctx, seq), i64(0), seq.length())
    if step < 1:
        raise Unsupported("a slice that runs backwards", ctx.line)
    return _copy_of_slice(ctx, site, seq, py.Const(cut.start), py.Const(cut.stop), step)


def series(ctx: Context, site: Any, items: tuple[Value, ...], is_list: bool | None) -> Value:
    """A new tuple or list of known items; in memory if the program changes it."""
    if not is_list:
        return py.Tup(items, is_list)
    made = py.Tup(items, True, frozenset([site]))
    return to_list(ctx, site, made) if site in ctx.facts.dynamic else made


def backwards(ctx: Context, seq: Seq) -> Seq:
    """The same items in reverse."""

    def get(k: int | Leaf) -> Value:
        if isinstance(k, int) and seq.static is not None:
            return seq.get(seq.static - 1 - k)
        return seq.get(ctx.b.sub(ctx.b.sub(seq.length(), i64(1)), leaf_of(k)))

    return Seq(seq.static, seq.length, get)


def _clipped(ctx: Context, value: Value, default: Leaf, length: Leaf) -> Leaf:
    """A slice's bound, as Python clips it."""
    return default if py.is_none(value) else _within(ctx, as_int(ctx, value), length)


def _within(ctx: Context, index: Leaf, length: Leaf) -> Leaf:
    """An index from either end, moved to the nearer end where it is beyond one."""
    at = ctx.b.select(ctx.b.icmp_signed("<", index, i64(0)), ctx.b.add(index, length), index)
    at = ctx.b.select(ctx.b.icmp_signed("<", at, i64(0)), i64(0), at)
    return ctx.b.select(ctx.b.icmp_signed(">", at, length), length, at)


def copy_range(ctx: Context, site: Any, seq: Seq, low: Leaf, count: Leaf, step: int = 1) -> py.Lst:
    """A new list of ``count`` items from ``low`` on."""
    lst = memory.new_list(ctx, site, count)

    def get(k: int | Leaf) -> Value:
        return seq.get(ctx.b.add(low, ctx.b.mul(leaf_of(k), i64(step))))

    each(ctx, (site, "copy"), Seq(None, lambda: count, get), lambda v: memory.append(ctx, lst, v))
    return lst


def to_list(ctx: Context, site: Any, value: Value) -> py.Lst:
    """A new list in memory with the items of a value."""
    seq = items_of(ctx, value)
    if seq.static is not None:
        lst = memory.new_list(ctx, site, i64(seq.static))
        for k in range(seq.static):
            memory.append(ctx, lst, seq.get(k))
        return lst
    return copy_range(ctx, site, seq, i64(0), seq.length())


def sequence_binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """``+`` and ``*`` of lists and tuples."""
    site = ("made", ctx.place())
    if isinstance(op, ast.Add) and is_sequence(a) and is_sequence(b):
        if isinstance(a, py.Tup | py.Const) and isinstance(b, py.Tup | py.Const):
            first, second = as_tuple(ctx, a), as_tuple(ctx, b)
            if first.is_list is None or second.is_list is None:
                raise Unsupported("adds to a list or a tuple", ctx.line)
            if first.is_list != second.is_list:
                return ctx.fail(TypeError)
            if len(first.items) + len(second.items) <= MAX_STATIC * 4:
                return series(ctx, site, first.items + second.items, first.is_list)
        lst = to_list(ctx, site, a)
        each(ctx, (site, "add"), items_of(ctx, b), lambda item: memory.append(ctx, lst, item))
        return lst
    if isinstance(op, ast.Mult):
        if not is_sequence(a):
            a, b = b, a
        return _repeat(ctx, site, a, b)
    return ctx.fail(TypeError)


def _repeat(ctx: Context, site: Any, value: Value, times: Value) -> Value:
    if isinstance(times, py.Const) and isinstance(value, py.Tup | py.Const):
        items = as_tuple(ctx, value)
        if type(times.obj) is int and len(items.items) * times.obj <= MAX_STATIC:
            return series(ctx, site, items.items * times.obj, items.is_list)
    if is_sequence(times):
        return ctx.fail(TypeError)
    count = as_int(ctx, times)
    inner = items_of(ctx, value)
    lst = memory.new_list(ctx, site, i64(4))
    rounds = py.Range(i64(0), count, 1)

    def once(_: Value) -> None:
        each(ctx, (site, "inner"), inner, lambda item: memory.append(ctx, lst, item))

    each(ctx, (site, "repeat"), range_seq(ctx, rounds), once)
    return lst


def set_item(ctx: Context, owner: Value, index: Value, value: Value) -> None:
    """``owner[index] = value``."""
    owner = plain(ctx, owner)
    if is_dict(owner):
        dict_write(ctx, owner, index, value)
        return
    lst = mutable(ctx, owner)
    at = position(ctx, as_int(ctx, index), memory.length_of(ctx, lst))
    memory.store_element(ctx, lst, at, value)


def mutable(ctx: Context, owner: Value) -> py.Lst:
    """A list that may be changed; others are moved to memory, and the pass starts over."""
    if isinstance(owner, py.Lst):
        if ctx.facts.is_frozen(owner.site):
            raise Unsupported("changes a list of params or of the module", ctx.line)
        if ctx.facts.is_mixed(owner.site):
            ctx.fail_if(memory.is_fixed(ctx, owner), None)
        return owner
    if isinstance(owner, py.Tup) and owner.is_list and owner.sites:
        ctx.facts.make_dynamic(owner.sites)
    if is_known(owner, list):
        list_slot(ctx, owner.obj)
    if isinstance(owner, py.Tup) and owner.is_list is False:
        return ctx.fail(TypeError)
    raise Unsupported(f"changes {describe(py.type_of(owner))}", ctx.line)


def _sort_in_place(ctx: Context, lst: py.Lst, args: Args, kw: Kwargs) -> None:
    done = sort_as_said(ctx, (ctx.place(), "sort"), items_of(ctx, lst), kw)
    _overwrite(ctx, lst, items_of(ctx, done))


def _clear(ctx: Context, lst: py.Lst) -> None:
    ctx.b.store(i64(0), memory.word_at(ctx, memory.header_of(ctx, lst), 1))


def _overwrite(ctx: Context, lst: py.Lst, seq: Seq) -> None:
    _clear(ctx, lst)
    each(ctx, (ctx.place(), "overwrite"), seq, lambda v: memory.append(ctx, lst, v))


def _append_within(ctx: Context, lst: py.Lst, value: Value) -> None:
    memory.append(ctx, lst, value)
    maxlen = ctx.facts.maxlen.get(ctx.facts.root(lst.site))
    if maxlen is not None:
        over = ctx.b.icmp_signed(">", memory.length_of(ctx, lst), i64(maxlen))
        when(ctx, over, lambda: _pop(ctx, lst, i64(0)))


def _pop(ctx: Context, lst: py.Lst, index: Leaf) -> Value:
    length = memory.length_of(ctx, lst)
    at = position(ctx, index, length)
    value = memory.load_element(ctx, lst, at)
    width, start = i64(memory.width_of(ctx, lst.site)), memory.element_address(ctx, lst, at)
    rest = ctx.b.sub(ctx.b.sub(length, at), i64(1))
    words = ctx.b.mul(rest, width)
    memory.copy_words(ctx, start, ctx.b.gep(start, [width]), words)
    ctx.b.store(ctx.b.sub(length, i64(1)), memory.word_at(ctx, memory.header_of(ctx, lst), 1))
    return value


def _insert(ctx: Context, lst: py.Lst, index: Leaf, value: Value) -> None:
    length = memory.length_of(ctx, lst)
    at = _within(ctx, index, length)
    memory.append(ctx, lst, value)  # makes room; the place at the end is overwritten by the shift
    width = i64(memory.width_of(ctx, lst.site))
    start = memory.element_address(ctx, lst, at)
    words = ctx.b.mul(ctx.b.sub(length, at), width)
    memory.copy_words(ctx, ctx.b.gep(start, [width]), start, words)
    memory.store_element(ctx, lst, at, value)


def _count_equal(ctx: Context, owner: Value, item: Value) -> Value:
    def look(count: Value, other: Value) -> Value:
        return binary(ctx, ast.Add(), count, boolean(truth_of(ctx, equals(ctx, item, other))))

    return accumulate(ctx, "count", owner, py.Const(0), look)


def _index_of(ctx: Context, owner: Value, args: Args) -> Value:
    """The first position of an equal item; ValueError if there is none."""
    if len(args) != 1:
        raise Unsupported("index with a range", ctx.line)
    if isinstance(owner, py.Const) and isinstance(args[0], py.Const):
        try:
            return py.Const(owner.obj.index(args[0].obj))
        except ValueError:
            return ctx.fail(ValueError)
    seq = items_of(ctx, owner)
    found, counter = ctx.variable(i64(-1)), ctx.variable(i64(0))

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


def sort_as_said(ctx: Context, site: Any, seq: Seq, kw: Kwargs) -> py.Lst:
    """A new list, sorted as the arguments of ``sorted`` and ``list.sort`` say."""
    key, reverse = kw.get("key", py.NONE), kw.get("reverse", py.Const(False))
    if not isinstance(reverse, py.Const):
        raise Unsupported("a sort whose direction is not known", ctx.line)
    return sort_into(ctx, site, seq, None if py.is_none(key) else key, bool(reverse.obj))


def sort_into(
    ctx: Context, site: Any, seq: Seq, key: Value | None = None, reverse: bool = False
) -> py.Lst:
    """A new sorted list; stable, by insertion."""
    work = memory.new_list(ctx, (site, "work"), seq.length())

    def put(item: Value) -> None:
        rank = item if key is None else ctx.ops.call(ctx, key, (item,), {})
        memory.append(ctx, work, py.Tup((rank, item)))

    each(ctx, (site, "put"), seq, put)
    _insertion_sort(ctx, site, work, reverse)
    done = memory.new_list(ctx, site, memory.length_of(ctx, work))

    def take(pair: Value) -> None:
        memory.append(ctx, done, pair.items[1])  # type: ignore[attr-defined]

    each(ctx, (site, "take"), items_of(ctx, work), take)
    return done


def _insertion_sort(ctx: Context, site: Any, work: py.Lst, reverse: bool) -> None:
    if ctx.facts.element(work.site) is None:
        return
    outer, inner = ctx.variable(i64(1)), ctx.alloca(I64)

    def unsorted() -> Any:
        return ctx.b.icmp_signed("<", ctx.b.load(outer), memory.length_of(ctx, work))

    def sink() -> None:
        ctx.b.store(ctx.b.load(outer), inner)
        _sink(ctx, site, work, inner, reverse)

    loop(ctx, (site, "sort"), unsorted, sink, lambda: ctx.increase(outer, i64(1)))


def _sink(ctx: Context, site: Any, work: py.Lst, inner: Any, reverse: bool) -> None:
    """Moves the item at ``inner`` down to its place among those before it."""

    def not_first() -> Any:
        return ctx.b.icmp_signed(">", ctx.b.load(inner), i64(0))

    def step() -> None:
        at = ctx.b.load(inner)
        before = ctx.b.sub(at, i64(1))
        low, high = memory.load_element(ctx, work, before), memory.load_element(ctx, work, at)
        a, b = low.items[0], high.items[0]  # type: ignore[attr-defined]
        wrong = is_less(ctx, a, b) if reverse else is_less(ctx, b, a)

        def swap() -> None:
            memory.store_element(ctx, work, before, high)
            memory.store_element(ctx, work, at, low)
            ctx.b.store(before, inner)

        def stop() -> None:
            ctx.b.store(i64(0), inner)

        if_else(ctx, wrong, swap, stop)

    loop(ctx, (site, "sink"), not_first, step)


def _remove(ctx: Context, lst: py.Lst, args: Args, kw: Kwargs) -> None:
    _pop(ctx, lst, as_int(ctx, _index_of(ctx, lst, args)))


def _reverse(ctx: Context, lst: py.Lst, args: Args, kw: Kwargs) -> None:
    copied = to_list(ctx, (ctx.place(), "copy"), lst)
    _overwrite(ctx, lst, backwards(ctx, items_of(ctx, copied)))


def _extend(ctx: Context, lst: py.Lst, args: Args, kw: Kwargs) -> None:
    each(ctx, (ctx.place(), "extend"), items_of(ctx, args[0]), lambda v: memory.append(ctx, lst, v))


# Name and number of arguments of what changes a list -> what translates it; None is Python's None.
_CHANGES: dict[tuple[str, int], Callable[[Context, py.Lst, Args, Kwargs], Value | None]] = {
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


def list_method(ctx: Context, owner: Value, name: str, args: Args, kw: Kwargs) -> Value:
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
