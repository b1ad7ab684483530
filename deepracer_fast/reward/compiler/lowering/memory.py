"""Values as leaves and as words: numbers widened, lists in the arena, tables of the program.

In: values and the types that they are wanted as. Out: leaves, and lists whose header and elements
lie in memory. A list has the element type of its site; one that stands for a list of others, or
for a tuple, is `FIXED`. Neighbour: `kept` copies a car's lists.
"""

import struct
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Leaf, Type, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import (
    F64,
    FALSE,
    I1,
    I8,
    I64,
    LEAF,
    TRUE,
    WORDS,
    Context,
    f64,
    i64,
)

MAX_INT = 2**53  # beyond it floats do not hold every int: the interpreter takes over
HEADER = 3  # words of a list header: data, length, capacity
FIXED = -1  # capacity of a list that must not be changed
CLAIMED = -2  # of one that is found to be kept, when the call is over


def zeros(typ: Type) -> list[Leaf]:
    """Leaves that are never looked at."""
    return [ir.Constant(LEAF[kind], 0) for kind in py.leaf_kinds(typ)]


def cast_leaf(ctx: Context, leaf: Leaf, kind: str, to: str) -> Leaf:
    """A number's leaf in a wider kind."""
    if kind == to:
        return leaf
    if isinstance(leaf, ir.Constant):
        return ir.Constant(LEAF[to], float(leaf.constant) if to == "f" else int(leaf.constant))
    if to == "i":
        return ctx.b.zext(leaf, I64)
    return ctx.b.sitofp(leaf, F64) if kind == "i" else ctx.b.uitofp(leaf, F64)


def coerce(ctx: Context, value: Value, typ: Type) -> list[Leaf]:
    """The leaves of a value as one of the (wider) type."""
    if not py.leaf_kinds(typ):
        return []
    match typ, value:
        case py.Maybe(_, inner), _:
            return _flagged(ctx, value, inner, value is py.UNBOUND, py.Maybe)
        case py.Opt(_, inner), _:
            return _flagged(ctx, value, inner, py.is_none(value), py.Opt)
        case py.Num(to), py.Num(kind, leaf):
            return [cast_leaf(ctx, leaf, kind, to)]
        case py.Num(to), py.Const(obj):
            return [number_leaf(ctx, obj, to)]
        case py.Str(), py.Const(obj) if isinstance(obj, str):
            return [i64(ctx.string_id(obj))]
        case py.Tup(items), py.Tup(parts) if len(items) == len(parts):
            pairs = zip(parts, items, strict=True)
            return [leaf for part, item in pairs for leaf in coerce(ctx, part, item)]
        case py.Tup(items), py.Const(obj) if isinstance(obj, tuple | list):
            pairs = zip(map(py.Const, obj), items, strict=True)
            return [leaf for part, item in pairs for leaf in coerce(ctx, part, item)]
        case py.Lst(_, site), py.Const(obj) if isinstance(obj, tuple | list):
            if ctx.facts.root(("const", id(obj))) == ctx.facts.root(site):
                return [table(ctx, obj)]
            return [_copy_of_items(ctx, tuple(map(py.Const, obj)), site)]
        case py.Lst(_, site), py.Tup(items):
            return [_copy_of_items(ctx, items, site)]
        case py.Lst(_, site), py.Lst(_, own) if ctx.facts.root(own) != ctx.facts.root(site):
            return [_copy_of_list(ctx, value, site)]
        case py.Arr(inner), py.Arr(held):
            return coerce(ctx, held, inner)
        case py.Choice(), py.Const(obj):
            return [i64(typ.keys.index(py.const_key(obj)))]
        case py.Choice(), py.Choice(leaf):
            return [_renumbered(ctx, leaf, [typ.keys.index(key) for key in value.keys])]
        case _, py.Str(leaf) | py.Lst(leaf):
            return [leaf]
        case _, py.Range(start, stop):
            return [start, stop]
    raise Unsupported("a value whose type is not clear here", ctx.line)


def _renumbered(ctx: Context, leaf: Leaf, places: list[int]) -> Leaf:
    """A position among some objects as one among more."""
    if places == list(range(len(places))):
        return leaf
    result: Leaf = i64(places[0])
    for old, new in enumerate(places[1:], start=1):
        result = ctx.b.select(ctx.b.icmp_signed("==", leaf, i64(old)), i64(new), result)
    return result


def _flagged(ctx: Context, value: Value, inner: Type, is_set: bool, holder: Any) -> list[Leaf]:
    if is_set:
        return [TRUE, *zeros(inner)]
    if isinstance(value, holder):
        return [value.flag, *coerce(ctx, value.value, inner)]
    return [FALSE, *coerce(ctx, value, inner)]


def number_leaf(ctx: Context, obj: Any, kind: str) -> ir.Constant:
    """A known number as a leaf."""
    if kind == "f":
        return f64(float(obj))
    if abs(int(obj)) > MAX_INT:
        raise Unsupported("an int beyond 2**53", ctx.line)
    return ir.Constant(LEAF[kind], int(obj))


def to_word(ctx: Context, leaf: Leaf, kind: str) -> Leaf:
    """A leaf as 64 bits."""
    if kind == "b":
        return ctx.b.zext(leaf, I64)
    return ctx.b.bitcast(leaf, I64) if kind == "f" else leaf


def from_word(ctx: Context, word: Leaf, kind: str) -> Leaf:
    """A leaf from 64 bits."""
    if kind == "b":
        return ctx.b.trunc(word, I1)
    return ctx.b.bitcast(word, F64) if kind == "f" else word


def word_at(ctx: Context, pointer: Leaf, index: Leaf | int) -> Any:
    """The address of a word."""
    return ctx.b.gep(pointer, [i64(index) if isinstance(index, int) else index])


def allocate(ctx: Context, words: Leaf) -> Leaf:
    """Room in the arena, which is emptied before each call; its address as int."""
    top = ctx.b.load(ctx.arena_top)
    after = ctx.b.add(top, ctx.b.shl(words, i64(3)))
    ctx.fail_if(ctx.b.icmp_unsigned(">", after, ctx.arena_end), None)
    ctx.b.store(after, ctx.arena_top)
    return top


def width_of(ctx: Context, site: Any) -> int:
    """Words of one element."""
    element = ctx.facts.element(site)
    return 0 if element is None else len(py.leaf_kinds(element))


def new_list(ctx: Context, site: Any, capacity: Leaf) -> py.Lst:
    """An empty list."""
    ctx.fail_if(ctx.b.icmp_unsigned(">", capacity, i64(1 << 24)), None)
    words = ctx.b.mul(capacity, i64(max(width_of(ctx, site), 1)))
    address = allocate(ctx, ctx.b.add(words, i64(HEADER)))
    header = ctx.b.inttoptr(address, WORDS)
    ctx.b.store(ctx.b.add(address, i64(8 * HEADER)), header)
    ctx.b.store(i64(0), word_at(ctx, header, 1))
    ctx.b.store(capacity, word_at(ctx, header, 2))
    return py.Lst(address, site)


def header_of(ctx: Context, lst: py.Lst) -> Leaf:
    """The pointer to a list's header."""
    return ctx.b.inttoptr(lst.leaf, WORDS)


def length_of(ctx: Context, lst: py.Lst) -> Leaf:
    """The present length of a list."""
    return ctx.b.load(word_at(ctx, header_of(ctx, lst), 1))


def element_address(ctx: Context, lst: py.Lst, index: Leaf) -> Leaf:
    """Where the words of an element begin."""
    data = ctx.b.inttoptr(ctx.b.load(header_of(ctx, lst)), WORDS)
    return word_at(ctx, data, ctx.b.mul(index, i64(width_of(ctx, lst.site))))


def load_element(ctx: Context, lst: py.Lst, index: Leaf) -> Value:
    """Element at an index that is known to be there."""
    element = ctx.facts.element(lst.site)
    if element is None:
        return ctx.fail(IndexError)
    start = element_address(ctx, lst, index)
    words = enumerate(py.leaf_kinds(element))
    leaves = [from_word(ctx, ctx.b.load(word_at(ctx, start, k)), kind) for k, kind in words]
    return py.with_leaves(element, iter(leaves))


def store_element(ctx: Context, lst: py.Lst, index: Leaf, value: Value) -> None:
    """Overwrites an element at an index that is known to be there."""
    ctx.facts.widen_element(lst.site, py.type_of(value))
    element = ctx.facts.element(lst.site)
    assert element is not None
    leaves = coerce(ctx, value, element)
    start = element_address(ctx, lst, index)
    for k, (leaf, kind) in enumerate(zip(leaves, py.leaf_kinds(element), strict=True)):
        ctx.b.store(to_word(ctx, leaf, kind), word_at(ctx, start, k))


def append(ctx: Context, lst: py.Lst, value: Value) -> None:
    """Appends; a full list moves to twice the room."""
    header, length = header_of(ctx, lst), length_of(ctx, lst)
    full = ctx.b.icmp_signed(">=", length, ctx.b.load(word_at(ctx, header, 2)))
    grow, ready = ctx.block("grow"), ctx.block("ready")
    ctx.b.cbranch(full, grow, ready)
    ctx.start(grow)
    _grow(ctx, lst, header, length)
    ctx.b.branch(ready)
    ctx.start(ready)
    store_element(ctx, lst, length, value)
    ctx.b.store(ctx.b.add(length, i64(1)), word_at(ctx, header, 1))


def _grow(ctx: Context, lst: py.Lst, header: Leaf, length: Leaf) -> None:
    width = i64(max(width_of(ctx, lst.site), 1))
    capacity = ctx.b.add(ctx.b.shl(length, i64(1)), i64(4))
    address = allocate(ctx, ctx.b.mul(capacity, width))
    old = ctx.b.inttoptr(ctx.b.load(header), WORDS)
    copy_words(ctx, ctx.b.inttoptr(address, WORDS), old, ctx.b.mul(length, width))
    ctx.b.store(address, header)
    ctx.b.store(capacity, word_at(ctx, header, 2))


def copy_words(ctx: Context, target: Leaf, source: Leaf, words: Leaf) -> None:
    """Copies words between places that do not overlap."""
    pointers = [ctx.b.bitcast(pointer, I8.as_pointer()) for pointer in (target, source)]
    ctx.native("memmove", I8.as_pointer(), *pointers, ctx.b.shl(words, i64(3)))


def _copy_of_items(ctx: Context, items: tuple[Value, ...], site: Any) -> Leaf:
    """A list in memory that stands for a tuple, or for a list that nobody changes."""
    made = new_list(ctx, site, i64(len(items)))
    for k, item in enumerate(items):
        store_element(ctx, made, i64(k), item)
    return _fixed(ctx, made, i64(len(items)))


def _copy_of_list(ctx: Context, lst: py.Lst, site: Any) -> Leaf:
    """A list that the simulator has laid out, as one of another site."""
    length = length_of(ctx, lst)
    made = new_list(ctx, site, length)
    ctx.times(length, lambda k: store_element(ctx, made, k, load_element(ctx, lst, k)))
    return _fixed(ctx, made, length)


def _fixed(ctx: Context, lst: py.Lst, length: Leaf) -> Leaf:
    for k, word in ((1, length), (2, i64(FIXED))):
        ctx.b.store(word, word_at(ctx, header_of(ctx, lst), k))
    return lst.leaf


def is_fixed(ctx: Context, lst: py.Lst) -> Leaf:
    """Whether a list must not be changed: it belongs to others, or stands for a tuple."""
    return ctx.b.icmp_signed("<", ctx.b.load(word_at(ctx, header_of(ctx, lst), 2)), i64(0))


def table(ctx: Context, obj: Any) -> Leaf:
    """A list or tuple of the program in constant memory; the address of its header."""
    site = ctx.facts.const_site(obj)
    element = ctx.facts.element(site)
    key = (site, element)
    if key not in ctx.tables:
        words = [word for item in obj for word in _table_words(ctx, item, element)] or [i64(0)]
        name = f"table{len(ctx.module.globals)}"
        data = _global_words(ctx, name, words)
        header = [data.ptrtoint(I64), i64(len(obj)), i64(FIXED)]
        ctx.tables[key] = _global_words(ctx, f"{name}.header", header).ptrtoint(I64)
    return ctx.tables[key]


def _global_words(ctx: Context, name: str, words: list[Any]) -> Any:
    kind = ir.ArrayType(I64, len(words))
    data = ir.GlobalVariable(ctx.module, kind, name)
    data.initializer, data.linkage = ir.Constant(kind, words), "internal"
    return data


def _table_words(ctx: Context, item: Any, typ: Type | None) -> list[Any]:
    assert typ is not None
    leaves = coerce(ctx, py.Const(item), typ)
    return [_constant_word(leaf, k) for leaf, k in zip(leaves, py.leaf_kinds(typ), strict=True)]


def _constant_word(leaf: Any, kind: str) -> Any:
    if kind == "f":
        return i64(struct.unpack("<q", struct.pack("<d", leaf.constant))[0])
    if kind == "b":
        return i64(int(leaf.constant))
    return leaf
