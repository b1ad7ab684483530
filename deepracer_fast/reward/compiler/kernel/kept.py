"""State in memory: what a kernel loads before it calls the function, and stores afterwards.

In: the slots that `slots` made. Out: each slot's value in the environment, and its words in the
car's columns. A number is a word; a list is a row of its elements' words; a list of lists is a row
of counts and words, as `load_rows` reads them. `words` does the same for Python's values.
"""

from collections.abc import Callable, Iterator
from typing import Any

from deepracer_fast.reward.compiler.codegen.slots import can_be_kept
from deepracer_fast.reward.compiler.kernel.columns import STATE, argument
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Facts, Restart, Slot, describe
from deepracer_fast.reward.compiler.lattice.values import Leaf, Type, Unsupported
from deepracer_fast.reward.compiler.lowering import memory
from deepracer_fast.reward.compiler.lowering.context import WORDS, Context, i64
from deepracer_fast.reward.compiler.lowering.merges import if_else, when
from deepracer_fast.reward.sandbox.kept_values import json_of

GROW = -1  # status: a list of the state needs more room
_WITHIN_TUPLES = "keeps lists within tuples from one call to the next"


def _state_pointer(ctx: Context, place: int) -> Leaf:
    return ctx.b.inttoptr(_state_number(ctx, place), WORDS)


def _state_number(ctx: Context, place: int) -> Leaf:
    """A number of the state's table, loaded once a call of the kernel."""
    if place not in ctx.cars.state_numbers:
        entry = ctx.alloca_builder
        table = entry.inttoptr(argument(ctx, STATE), WORDS)
        ctx.cars.state_numbers[place] = entry.load(entry.gep(table, [i64(place)]))
    return ctx.cars.state_numbers[place]


def _row(ctx: Context, place: int, width: int) -> Leaf:
    """Where the words of a car's list begin."""
    room = ctx.b.mul(_state_number(ctx, place + 2), i64(width))
    return memory.word_at(ctx, _state_pointer(ctx, place), ctx.b.mul(ctx.cars.car, room))


def load_state(ctx: Context) -> None:
    """Puts the value of each slot into the environment."""
    place = 0
    for key, slot in ctx.facts.slots.items():
        leaves = []
        for kind in slot_leaves(slot, ctx.facts):
            if kind == "list":
                leaves.append(_load_list(ctx, place, list_site(slot.type)))
                place += 3
            else:
                word = ctx.b.load(memory.word_at(ctx, _state_pointer(ctx, place), ctx.cars.car))
                leaves.append(memory.from_word(ctx, word, kind))
                place += 1
        ctx.env["slot", key] = py.with_leaves(slot.type, iter(leaves))


def _load_list(ctx: Context, place: int, site: Any) -> Leaf:
    """A copy of a car's list in the arena."""
    ctx.line = 1
    length = ctx.b.load(memory.word_at(ctx, _state_pointer(ctx, place + 1), ctx.cars.car))
    source = _row(ctx, place, memory.width_of(ctx, site))
    if inner_site(site, ctx.facts) is None:
        return _load_words(ctx, site, source, length).leaf
    cursor = ctx.variable(i64(0))
    some = ctx.b.icmp_signed(">", length, i64(0))
    count = _either(ctx, some, lambda: ctx.b.load(source), lambda: i64(0))
    ctx.b.store(i64(1), cursor)
    return _load_rows(ctx, site, source, cursor, count).leaf


def _either(
    ctx: Context, condition: Leaf, then: Callable[[], Leaf], other: Callable[[], Leaf]
) -> Leaf:
    """The int of one of two ways."""
    ways = (lambda: py.Num("i", then())), (lambda: py.Num("i", other()))
    return if_else(ctx, condition, *ways).leaf  # type: ignore[attr-defined]


def _load_words(ctx: Context, site: Any, source: Leaf, length: Leaf) -> py.Lst:
    lst = memory.new_list(ctx, site, ctx.b.add(length, i64(4)))
    target = ctx.b.inttoptr(ctx.b.load(memory.header_of(ctx, lst)), WORDS)
    memory.copy_words(ctx, target, source, ctx.b.mul(length, i64(memory.width_of(ctx, site))))
    ctx.b.store(length, memory.word_at(ctx, memory.header_of(ctx, lst), 1))
    return lst


def _load_rows(ctx: Context, site: Any, source: Leaf, cursor: Leaf, count: Leaf) -> py.Lst:
    """A list of lists: each a count, and that many elements."""
    inner = inner_site(site, ctx.facts)
    nested = inner_site(inner, ctx.facts) is not None
    lst = memory.new_list(ctx, site, ctx.b.add(count, i64(4)))

    def row(k: Leaf) -> None:
        at = ctx.b.load(cursor)
        length = ctx.b.load(memory.word_at(ctx, source, at))
        after = ctx.b.add(at, i64(1))
        ctx.b.store(after, cursor)
        if nested:
            made = _load_rows(ctx, inner, source, cursor, length)
        else:
            made = _load_words(ctx, inner, memory.word_at(ctx, source, after), length)
            words = ctx.b.mul(length, i64(memory.width_of(ctx, inner)))
            ctx.b.store(ctx.b.add(after, words), cursor)
        memory.store_element(ctx, lst, k, made)

    ctx.times(count, row)
    ctx.b.store(count, memory.word_at(ctx, memory.header_of(ctx, lst), 1))
    return lst


def store_state(ctx: Context) -> None:
    """Writes every slot back, or nothing where the car is given up."""
    place, words, lists = 0, [], []
    for key, slot in ctx.facts.slots.items():
        value = ctx.env["slot", key]
        if value is py.UNBOUND and not isinstance(slot.type, py.Maybe):
            raise Restart
        leaves = memory.coerce(ctx, value, slot.type)
        for kind, leaf in zip(slot_leaves(slot, ctx.facts), leaves, strict=True):
            if kind == "list":
                lists.append((place, py.Lst(leaf, list_site(slot.type))))
                place += 3
            else:
                words.append((place, memory.to_word(ctx, leaf, kind)))
                place += 1
    sizes = _check_lists(ctx, lists)
    for place, word in words:
        ctx.b.store(word, memory.word_at(ctx, _state_pointer(ctx, place), ctx.cars.car))
    for (place, lst), size in zip(lists, sizes, strict=True):
        _store_list(ctx, place, lst, size)


def _check_lists(ctx: Context, lists: list[tuple[int, py.Lst]]) -> list[Leaf]:
    """The lengths of the rows, which must fit their columns; no two lists may be one."""
    for k, (_, lst) in enumerate(lists):
        for _, other in lists[:k]:
            both = ctx.b.icmp_signed("!=", lst.leaf, i64(0))
            same = ctx.b.icmp_signed("==", lst.leaf, other.leaf)
            ctx.fail_if(ctx.b.and_(both, same), None)
    nested = any(inner_site(lst.site, ctx.facts) is not None for _, lst in lists)
    sizes = []
    for place, lst in lists:
        if nested or ctx.facts.may_be_tuple(lst.site):
            _where_there(ctx, lst, lambda lst=lst: _claim(ctx, lst))
        size = _where_there(ctx, lst, lambda lst=lst: _size(ctx, lst))
        over = ctx.b.icmp_signed(">", size, _state_number(ctx, place + 2))
        line, ctx.line = ctx.line, GROW
        ctx.fail_if(over, None)
        ctx.line = line
        sizes.append(size)
    return sizes


def _where_there(ctx: Context, lst: py.Lst, action: Any) -> Leaf:
    """What an action gives for a list; 0 where None stands in its place."""
    missing = ctx.b.icmp_signed("==", lst.leaf, i64(0))
    return _either(ctx, missing, lambda: i64(0), action)


def _claim(ctx: Context, lst: py.Lst) -> Leaf:
    """Marks a list as kept; one that is kept twice, or stands for a tuple, gives up."""
    place = memory.word_at(ctx, memory.header_of(ctx, lst), 2)
    capacity = ctx.b.load(place)
    taken = ctx.b.icmp_signed("==", capacity, i64(memory.CLAIMED))
    ctx.fail_if(taken, None)
    fixed = ctx.b.icmp_signed("<", capacity, i64(0))
    if ctx.facts.may_be_tuple(lst.site):
        ctx.fail_if(fixed, None)

    def mark() -> None:
        ctx.b.store(i64(memory.CLAIMED), place)

    if_else(ctx, fixed, lambda: None, mark)
    return i64(0)


def _size(ctx: Context, lst: py.Lst) -> Leaf:
    """Elements of a plain list, words of a list of lists."""
    inner = inner_site(lst.site, ctx.facts)
    if inner is None:
        return memory.length_of(ctx, lst)
    total = ctx.variable(i64(1))
    _measure(ctx, lst, total)
    return ctx.b.load(total)


def _measure(ctx: Context, lst: py.Lst, total: Leaf) -> None:
    inner = inner_site(lst.site, ctx.facts)

    def row(k: Leaf) -> None:
        each = memory.load_element(ctx, lst, k)
        assert isinstance(each, py.Lst)
        _claim(ctx, each)
        ctx.increase(total, i64(1))
        if inner_site(inner, ctx.facts) is not None:
            _measure(ctx, each, total)
            return
        words = ctx.b.mul(memory.length_of(ctx, each), i64(memory.width_of(ctx, inner)))
        ctx.b.store(ctx.b.add(ctx.b.load(total), words), total)

    ctx.times(memory.length_of(ctx, lst), row)


def _store_list(ctx: Context, place: int, lst: py.Lst, size: Leaf) -> None:
    target = _row(ctx, place, memory.width_of(ctx, lst.site))

    def copy() -> None:
        if inner_site(lst.site, ctx.facts) is None:
            _store_words(ctx, target, lst)
        else:
            _store_rows(ctx, target, ctx.variable(i64(0)), lst)

    when(ctx, ctx.b.icmp_signed(">", size, i64(0)), copy)
    ctx.b.store(size, memory.word_at(ctx, _state_pointer(ctx, place + 1), ctx.cars.car))


def _store_words(ctx: Context, target: Leaf, lst: py.Lst) -> Leaf:
    source = ctx.b.inttoptr(ctx.b.load(memory.header_of(ctx, lst)), WORDS)
    words = ctx.b.mul(memory.length_of(ctx, lst), i64(memory.width_of(ctx, lst.site)))
    memory.copy_words(ctx, target, source, words)
    return words


def _store_rows(ctx: Context, target: Leaf, cursor: Leaf, lst: py.Lst) -> None:
    length, at = memory.length_of(ctx, lst), ctx.b.load(cursor)
    ctx.b.store(length, memory.word_at(ctx, target, at))
    ctx.b.store(ctx.b.add(at, i64(1)), cursor)
    if inner_site(lst.site, ctx.facts) is None:
        words = _store_words(ctx, memory.word_at(ctx, target, ctx.b.load(cursor)), lst)
        ctx.b.store(ctx.b.add(ctx.b.load(cursor), words), cursor)
        return

    def row(k: Leaf) -> None:
        each = memory.load_element(ctx, lst, k)
        assert isinstance(each, py.Lst)
        _store_rows(ctx, target, cursor, each)

    ctx.times(length, row)


def list_site(typ: Type) -> Any:
    """The site of the list that a slot holds."""
    inner = typ.value if isinstance(typ, py.Opt | py.Maybe) else typ
    inner = inner.value if isinstance(inner, py.Opt) else inner
    if not isinstance(inner, py.Lst):
        raise Unsupported(_WITHIN_TUPLES)
    return inner.site


def inner_site(site: Any, facts: Facts) -> Any:
    """The site of the lists in a list; None if it has no lists."""
    element = facts.element(site)
    return element.site if isinstance(element, py.Lst) else None


def slot_leaves(slot: Slot, facts: Facts) -> list[str]:
    """The kinds of a slot's leaves, "list" for a list."""
    kinds = py.leaf_kinds(slot.type)
    if not _holds_list(slot.type):
        return kinds
    for element in _elements(list_site(slot.type), facts):
        if not isinstance(element, py.Lst) and _holds_list(element):
            raise Unsupported(_WITHIN_TUPLES)
        if not can_be_kept(element):
            raise Unsupported(f"keeps {describe(element)} from one call to the next")
    return [*kinds[:-1], "list"]


def _elements(site: Any, facts: Facts) -> Iterator[Type]:
    """What is in a list, in its lists, and so on."""
    seen = set()
    element = facts.element(site)
    while element is not None:
        yield element
        if not isinstance(element, py.Lst):
            return
        if facts.root(element.site) in seen:
            raise Unsupported("keeps a list that may hold itself")
        seen.add(facts.root(element.site))
        element = facts.element(element.site)


def _holds_list(typ: Type) -> bool:
    match typ:
        case py.Lst():
            return True
        case py.Opt(_, inner) | py.Maybe(_, inner):
            return _holds_list(inner)
        case py.Tup(items):
            return any(_holds_list(item) for item in items)
    return False


def state_record(facts: Facts, strings: dict[str, int], numbers: dict[int, int]) -> dict[str, Any]:
    """The record of `words.State`: where each slot is, and its type.

    Args:
        facts: of the last pass.
        strings: the texts of the program, by number.
        numbers: of the module's objects in its description, by `id`.
    """
    places, types = [], []
    for slot in facts.slots.values():
        number = 0 if slot.kind == "global" else numbers.get(id(slot.owner))
        if number is None or not _is_plain(slot.name):
            raise Unsupported("keeps something that has no place of its own")
        places.append([slot.kind, number, json_of(slot.name)])
        types.append(_written(slot.type, facts))
    return {"places": places, "types": types, "texts": list(strings)}


def _is_plain(name: Any) -> bool:
    if isinstance(name, tuple):
        return all(map(_is_plain, name))
    return name is None or isinstance(name, bool | int | float | str)


def initial_values(facts: Facts) -> list[Any]:
    """What the slots hold after the module has run, as `kept_values` writes it."""
    return [json_of(slot.initial) for slot in facts.slots.values()]


def _written(typ: Type, facts: Facts) -> list[Any]:
    """A type as `words.State` reads it."""
    match typ:
        case py.Num(kind, _, np):
            return ["number", kind, np]
        case py.Str():
            return ["text"]
        case py.Maybe(_, inner):
            return ["maybe", _written(inner, facts)]
        case py.Opt(_, inner):
            return ["optional", _written(inner, facts)]
        case py.Tup(items, is_list):
            return ["items", bool(is_list), [_written(item, facts) for item in items]]
        case py.Lst(_, site):
            element = facts.element(site)
            return ["list", None if element is None else _written(element, facts)]
        case py.Const(None):
            return ["none"]
    raise Unsupported(f"keeps {describe(typ)} from one call to the next")
