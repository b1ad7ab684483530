"""Built-in functions: of items, of numbers, new containers, questions about types."""

import ast
import collections
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

from deepracer_fast.reward.compiler.codegen import attributes, kinds, lists, numbers
from deepracer_fast.reward.compiler.codegen.arithmetic import as_int, binary, boolean, truth_of
from deepracer_fast.reward.compiler.codegen.dicts import keys_of, new_dict, pairs_of
from deepracer_fast.reward.compiler.codegen.equality import is_less
from deepracer_fast.reward.compiler.codegen.sequences import (
    Gen,
    Seq,
    accumulate,
    as_tuple,
    each,
    for_each,
    gathered,
    items_of,
)
from deepracer_fast.reward.compiler.codegen.slots import bound, where_bound
from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC, describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import FALSE, Context, i64
from deepracer_fast.reward.compiler.lowering.memory import append, length_of, new_list
from deepracer_fast.reward.compiler.lowering.merges import if_else, when


def _sum(ctx: Context, args: Args, kw: Kwargs) -> Value:
    start = args[1] if len(args) > 1 else kw.get("start", py.Const(0))
    return accumulate(ctx, "sum", args[0], start, lambda a, b: binary(ctx, ast.Add(), a, b))


def any_of(ctx: Context, items: Value) -> Value:
    """``any(items)``; all of them are looked at."""
    return accumulate(ctx, "any", items, py.Const(False), lambda a, b: _logic(ctx, a, b, ctx.b.or_))


def all_of(ctx: Context, items: Value) -> Value:
    """``all(items)``."""
    return accumulate(ctx, "all", items, py.Const(True), lambda a, b: _logic(ctx, a, b, ctx.b.and_))


def _logic(ctx: Context, a: Value, b: Value, action: Callable[[Any, Any], Any]) -> Value:
    return boolean(action(truth_of(ctx, a), truth_of(ctx, b)))


def extreme(ctx: Context, args: Args, kw: Kwargs, least: bool) -> Value:
    """``min`` and ``max`` in all their forms."""
    key = kw.get("key", py.NONE)
    plain_key = py.is_none(key)
    if len(args) > 1 and plain_key:
        return reduce(partial(_better, ctx, least), args)
    better = _better if plain_key else better_ranked

    def look(best: Value, item: Value) -> Value:
        new = item if plain_key else py.Tup((ctx.ops.call(ctx, key, (item,), {}), item))
        return where_bound(ctx, best, lambda held: better(ctx, least, held, new), lambda: new)

    items = py.Tup(args) if len(args) > 1 else args[0]
    found = accumulate(ctx, "extreme", items, py.UNBOUND, look)
    unranked = (lambda v: v) if plain_key else (lambda v: v.items[1])
    if "default" in kw:
        return where_bound(ctx, found, unranked, lambda: kw["default"])
    return unranked(bound(ctx, found, ValueError))


def better_ranked(ctx: Context, least: bool, best: Value, other: Value) -> Value:
    """The better of two, each a rank with its item."""
    better = _is_better(ctx, least, best.items[0], other.items[0])  # type: ignore[attr-defined]
    return if_else(ctx, better, lambda: other, lambda: best)


def _better(ctx: Context, least: bool, best: Value, other: Value) -> Value:
    if kinds.is_sequence(best) and kinds.is_sequence(other):
        return if_else(ctx, _is_better(ctx, least, best, other), lambda: other, lambda: best)
    return numbers.minmax(ctx, least, best, other)


def _is_better(ctx: Context, least: bool, best: Value, other: Value) -> Leaf:
    return is_less(ctx, other, best) if least else is_less(ctx, best, other)


def _next(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not isinstance(args[0], Gen):
        raise Unsupported("next of an iterator", ctx.line)

    def look(first: Value, item: Value) -> Value:
        return where_bound(ctx, first, lambda held: held, lambda: item)

    found = accumulate(ctx, "next", args[0], py.UNBOUND, look)
    if len(args) > 1:
        return where_bound(ctx, found, lambda held: held, lambda: args[1])
    return bound(ctx, found, StopIteration)


def _len(ctx: Context, args: Args, kw: Kwargs) -> Value:
    value = kinds.plain(ctx, args[0])
    if isinstance(value, py.Const) and not isinstance(value.obj, dict):
        return numbers.fold(ctx, len, (value,))
    if isinstance(value, py.Const | py.Dct):
        return py.Const(len(keys_of(ctx, value)))
    if isinstance(value, py.Num):
        return ctx.fail(TypeError)
    if isinstance(value, py.Str | py.Opaque | py.Obj):
        raise Unsupported(f"len of {describe(py.type_of(value))}", ctx.line)
    seq = items_of(ctx, value)
    return py.Const(seq.static) if seq.static is not None else py.Num("i", seq.length())


def range_of(ctx: Context, args: Args, kw: Kwargs) -> Value:
    """``range(...)``."""
    if kinds.all_known(args):
        known = tuple(arg.obj for arg in args)
        try:
            return py.Const(ctx.facts.made.setdefault(("range", known), range(*known)))
        except (TypeError, ValueError) as error:
            return ctx.fail(type(error))
    step = args[2] if len(args) > 2 else py.Const(1)
    if not (isinstance(step, py.Const) and type(step.obj) is int and step.obj):
        raise Unsupported("a range whose step is not known", ctx.line)
    start = as_int(ctx, args[0]) if len(args) > 1 else i64(0)
    stop = as_int(ctx, args[1] if len(args) > 1 else args[0])
    return py.Range(start, stop, step.obj)


def enumerated(ctx: Context, args: Args, kw: Kwargs) -> Value:
    """``enumerate(items, start)``."""
    seq = items_of(ctx, gathered(ctx, args[0]))
    start = args[1] if len(args) > 1 else kw.get("start", py.Const(0))

    def get(k: Any) -> Value:
        number = py.Const(k) if isinstance(k, int) else py.Num("i", k)
        return py.Tup((binary(ctx, ast.Add(), number, start), seq.get(k)))

    return py.Lazy(Seq(seq.static, seq.length, get))


def _zip(ctx: Context, args: Args, kw: Kwargs) -> Value:
    seqs = [items_of(ctx, gathered(ctx, arg)) for arg in args]
    statics = [seq.static for seq in seqs]
    static = None if None in statics else min(s for s in statics if s is not None)

    def length() -> Any:
        least = seqs[0].length()
        for seq in seqs[1:]:
            other = seq.length()
            least = ctx.b.select(ctx.b.icmp_signed("<", other, least), other, least)
        return least

    return py.Lazy(Seq(static, length, lambda k: py.Tup(tuple(seq.get(k) for seq in seqs))))


def unzipped(ctx: Context, value: Value) -> Value:
    """``zip(*rows)``: a list for each place in the rows."""
    value = gathered(ctx, value)
    if items_of(ctx, value).static is not None:
        return _zip(ctx, as_tuple(ctx, value).items, {})
    rows = lists.to_list(ctx, (ctx.place(), "rows"), value)
    element, length = ctx.facts.element(rows.site), length_of(ctx, rows)
    if not isinstance(element, py.Tup):
        raise Unsupported("zip of rows whose length is not known", ctx.line)
    ctx.fail_if(ctx.b.icmp_signed("==", length, i64(0)), None)

    def column(k: int) -> Value:
        def get(j: Any) -> Value:
            return items_of(ctx, items_of(ctx, rows).get(j)).get(k)

        items = Seq(None, lambda: length, get)
        return lists.copy_range(ctx, (ctx.place(), "column", k), items, i64(0), length)

    made = tuple(column(k) for k in range(len(element.items)))
    return py.Lazy(items_of(ctx, py.Tup(made)))


def _map(ctx: Context, args: Args, kw: Kwargs) -> Value:
    function, *iterables = args
    rows = _zip(ctx, tuple(iterables), {})
    assert isinstance(rows, py.Lazy)

    def run(body: Callable[[Value], None]) -> None:
        def one(row: Value) -> None:
            body(ctx.ops.call(ctx, function, row.items, {}))  # type: ignore[attr-defined]

        each(ctx, (ctx.place(), "map"), rows.seq, one)

    return Gen(run)


def _filter(ctx: Context, args: Args, kw: Kwargs) -> Value:
    function, items = args

    def run(body: Callable[[Value], None]) -> None:
        def one(item: Value) -> None:
            keep = item if py.is_none(function) else ctx.ops.call(ctx, function, (item,), {})
            when(ctx, truth_of(ctx, keep), lambda: body(item))

        for_each(ctx, (ctx.place(), "filter"), items, one)

    return Gen(run)


def _sorted(ctx: Context, args: Args, kw: Kwargs) -> Value:
    seq = items_of(ctx, gathered(ctx, args[0]))
    return lists.sort_as_said(ctx, ("sorted", ctx.place()), seq, kw)


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
    return lists.to_list(ctx, site, value)


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
    return lists.to_list(ctx, ("tuple", ctx.place()), value)


def _dict(ctx: Context, args: Args, kw: Kwargs) -> Value:
    items = [pair for source in args for pair in pairs_of(ctx, source)]
    return new_dict(ctx, ("dict", ctx.place()), [*items, *kw.items()])


def _round(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if kinds.all_known(args) and not kw:
        return numbers.fold(ctx, round, args)
    digits = args[1] if len(args) > 1 else kw.get("ndigits", py.NONE)
    return numbers.round_value(ctx, args[0], digits)


def _pow(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if len(args) != 2:
        raise Unsupported("pow with a modulus", ctx.line)
    return binary(ctx, ast.Pow(), *args)


def _str(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not args:
        return py.Const("")
    return args[0] if kinds.is_text(args[0]) else py.Opaque()


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
        return py.Const(users.is_subclass(users.class_of(value.obj), classes))
    if isinstance(value, py.Opt):
        inner = truth_of(ctx, _isinstance(ctx, (value.value, wanted), kw))
        return boolean(ctx.b.and_(ctx.b.not_(value.flag), inner))
    return py.Const(users.is_subclass(kinds.class_of_value(ctx, value), classes))


def _type(ctx: Context, args: Args, kw: Kwargs) -> Value:
    if not isinstance(args[0], py.Const):
        return py.Const(kinds.class_of_value(ctx, args[0]))
    obj = args[0].obj
    if isinstance(obj, users.STAND_INS) and not kinds.is_object(args[0]):
        raise Unsupported(f"asks for the class of a {users.type_name(obj)}", ctx.line)
    return py.Const(users.class_of(obj))


def _name_of(ctx: Context, value: Value) -> str:
    if kinds.is_known(value, str):
        return value.obj
    raise Unsupported("an attribute whose name is not known", ctx.line)


def _getattr(ctx: Context, args: Args, kw: Kwargs) -> Value:
    owner, name = args[0], _name_of(ctx, args[1])
    if len(args) == 2:
        return attributes.attribute(ctx, owner, name)
    has = truth_of(ctx, attributes.has_attribute(ctx, owner, name))
    return if_else(ctx, has, lambda: attributes.attribute(ctx, owner, name), lambda: args[2])


def _deque(ctx: Context, args: Args, kw: Kwargs) -> Value:
    raise Unsupported("a deque made while it runs", ctx.line)


# Python's function -> what translates a call of it.
BUILTINS: dict[Any, Callable[[Context, Args, Kwargs], Value]] = {
    abs: lambda ctx, args, kw: numbers.absolute_value(ctx, kinds.plain(ctx, args[0])),
    all: lambda ctx, args, kw: all_of(ctx, args[0]),
    any: lambda ctx, args, kw: any_of(ctx, args[0]),
    bool: lambda ctx, args, kw: boolean(truth_of(ctx, args[0]) if args else FALSE),
    callable: lambda ctx, args, kw: py.Const(
        isinstance(args[0], py.Const) and users.is_callable(args[0].obj)
    ),
    collections.deque: _deque,
    dict: _dict,
    divmod: lambda ctx, args, kw: py.Tup(
        (binary(ctx, ast.FloorDiv(), *args), binary(ctx, ast.Mod(), *args))
    ),
    enumerate: enumerated,
    filter: _filter,
    float: lambda ctx, args, kw: numbers.to_float(ctx, args),
    format: _str,
    getattr: _getattr,
    hasattr: lambda ctx, args, kw: attributes.has_attribute(ctx, args[0], _name_of(ctx, args[1])),
    int: lambda ctx, args, kw: numbers.to_int(ctx, args),
    isinstance: _isinstance,
    len: _len,
    list: _list,
    map: _map,
    max: partial(extreme, least=False),
    min: partial(extreme, least=True),
    next: _next,
    pow: _pow,
    print: say,
    range: range_of,
    repr: _str,
    reversed: lambda ctx, args, kw: py.Lazy(
        lists.backwards(ctx, items_of(ctx, gathered(ctx, args[0])))
    ),
    round: _round,
    setattr: lambda ctx, args, kw: attributes.set_attribute(
        ctx, args[0], _name_of(ctx, args[1]), args[2]
    ),
    sorted: _sorted,
    str: _str,
    sum: _sum,
    tuple: _tuple,
    type: _type,
    zip: _zip,
}
