"""State in memory: what a kernel loads before it calls the function, and stores afterwards.

In: the slots that `state` found. Out: each slot's value in the environment, and its words in the
car's columns. A number is a word; a list is a row of its elements' words; a list of lists is a row
of counts and words, as `load_rows` reads them. `words` does the same for Python's values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepracer_fast.reward.compiler.columns import STATE, Columns
from deepracer_fast.reward.compiler.emitter import I64, WORDS, i64
from deepracer_fast.reward.compiler.joins import Facts, Restart, Slot, Unsupported, describe
from deepracer_fast.reward.compiler.memory import CLAIMED
from deepracer_fast.reward.compiler.state import can_be_kept
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Const,
    Leaf,
    Lst,
    Num,
    TConst,
    TLst,
    TMaybe,
    TNum,
    TOpt,
    TStr,
    TTup,
    Type,
    Value,
    leaf_kinds,
    value_from,
)
from deepracer_fast.reward.kept_values import json_of

GROW = -1  # status: a list of the state needs more room


class KeptState(Columns):
    """Loads and stores of the car's state."""

    _state_numbers: dict[int, Leaf]

    def _state_pointer(self, place: int) -> Leaf:
        return self.b.inttoptr(self._state_number(place), WORDS)

    def _state_number(self, place: int) -> Leaf:
        """A number of the state's table, loaded once a call of the kernel."""
        if place not in self._state_numbers:
            entry = self.alloca_builder
            table = entry.inttoptr(self.argument(STATE), WORDS)
            self._state_numbers[place] = entry.load(entry.gep(table, [i64(place)]))
        return self._state_numbers[place]

    def _row(self, place: int, width: int) -> Leaf:
        """Where the words of a car's list begin."""
        room = self.b.mul(self._state_number(place + 2), i64(width))
        return self.word_at(self._state_pointer(place), self.b.mul(self.car, room))

    # Before the call

    def load_state(self) -> None:
        """Puts the value of each slot into the environment."""
        place = 0
        for key, slot in self.facts.slots.items():
            leaves = []
            for kind in slot_leaves(slot, self.facts):
                if kind == "list":
                    leaves.append(self._load_list(place, list_site(slot.type)))
                    place += 3
                else:
                    word = self.b.load(self.word_at(self._state_pointer(place), self.car))
                    leaves.append(self.from_word(word, kind))
                    place += 1
            self.env["slot", key] = value_from(slot.type, leaves)

    def _load_list(self, place: int, site: Any) -> Leaf:
        """A copy of a car's list in the arena."""
        self.line = 1
        length = self.b.load(self.word_at(self._state_pointer(place + 1), self.car))
        source = self._row(place, row_width(site, self.facts))
        if inner_site(site, self.facts) is None:
            return self._load_words(site, source, length).leaf
        cursor = self.alloca(I64)
        self.b.store(i64(0), cursor)
        some = self.b.icmp_signed(">", length, i64(0))
        count = self.if_else(some, lambda: Num("i", self.b.load(source)), lambda: Num("i", i64(0)))
        assert isinstance(count, Num)
        self.b.store(i64(1), cursor)
        return self._load_rows(site, source, cursor, count.leaf).leaf

    def _load_words(self, site: Any, source: Leaf, length: Leaf) -> Lst:
        lst = self.new_list(site, self.b.add(length, i64(4)))
        target = self.b.inttoptr(self.b.load(self.header(lst)), WORDS)
        self.copy_words(target, source, self.b.mul(length, i64(self.width(site))))
        self.b.store(length, self.word_at(self.header(lst), 1))
        return lst

    def _load_rows(self, site: Any, source: Leaf, cursor: Leaf, count: Leaf) -> Lst:
        """A list of lists: each a count, and that many elements."""
        inner = inner_site(site, self.facts)
        nested = inner_site(inner, self.facts) is not None
        lst = self.new_list(site, self.b.add(count, i64(4)))

        def row(k: Leaf) -> None:
            at = self.b.load(cursor)
            length = self.b.load(self.word_at(source, at))
            after = self.b.add(at, i64(1))
            self.b.store(after, cursor)
            if nested:
                made = self._load_rows(inner, source, cursor, length)
            else:
                made = self._load_words(inner, self.word_at(source, after), length)
                words = self.b.mul(length, i64(self.width(inner)))
                self.b.store(self.b.add(after, words), cursor)
            self.store_element(lst, k, made)

        self.times(count, row)
        self.b.store(count, self.word_at(self.header(lst), 1))
        return lst

    # After the call

    def store_state(self) -> None:
        """Writes every slot back, or nothing where the car is given up."""
        place, words, lists = 0, [], []
        for key, slot in self.facts.slots.items():
            value = self.env["slot", key]
            if value is UNBOUND and not isinstance(slot.type, TMaybe):
                raise Restart
            leaves = self.coerce(value, slot.type)
            for kind, leaf in zip(slot_leaves(slot, self.facts), leaves, strict=True):
                if kind == "list":
                    lists.append((place, Lst(leaf, list_site(slot.type))))
                    place += 3
                else:
                    words.append((place, self.to_word(leaf, kind)))
                    place += 1
        sizes = self._check_lists(lists)
        for place, word in words:
            self.b.store(word, self.word_at(self._state_pointer(place), self.car))
        for (place, lst), size in zip(lists, sizes, strict=True):
            self._store_list(place, lst, size)

    def _check_lists(self, lists: list[tuple[int, Lst]]) -> list[Leaf]:
        """The lengths of the rows, which must fit their columns; no two lists may be one."""
        for k, (_, lst) in enumerate(lists):
            for _, other in lists[:k]:
                both = self.b.icmp_signed("!=", lst.leaf, i64(0))
                same = self.b.icmp_signed("==", lst.leaf, other.leaf)
                self.fail_if(self.b.and_(both, same), None)
        nested = any(inner_site(lst.site, self.facts) is not None for _, lst in lists)
        sizes = []
        for place, lst in lists:
            if nested or self.facts.may_be_tuple(lst.site):
                self._where_there(lst, lambda lst=lst: self._claim(lst))
            size = self._where_there(lst, lambda lst=lst: self._size(lst))
            over = self.b.icmp_signed(">", size, self._state_number(place + 2))
            line, self.line = self.line, GROW
            self.fail_if(over, None)
            self.line = line
            sizes.append(size)
        return sizes

    def _where_there(self, lst: Lst, action: Any) -> Leaf:
        """What an action gives for a list; 0 where None stands in its place."""
        missing = self.b.icmp_signed("==", lst.leaf, i64(0))
        found = self.if_else(missing, lambda: Num("i", i64(0)), lambda: Num("i", action()))
        assert isinstance(found, Num)
        return found.leaf

    def _claim(self, lst: Lst) -> Leaf:
        """Marks a list as kept; one that is kept twice, or stands for a tuple, gives up."""
        place = self.word_at(self.header(lst), 2)
        capacity = self.b.load(place)
        taken = self.b.icmp_signed("==", capacity, i64(CLAIMED))
        self.fail_if(taken, None)
        fixed = self.b.icmp_signed("<", capacity, i64(0))
        if self.facts.may_be_tuple(lst.site):
            self.fail_if(fixed, None)

        def mark() -> Value:
            self.b.store(i64(CLAIMED), place)
            return Const(None)

        self.if_else(fixed, lambda: Const(None), mark)
        return i64(0)

    def _size(self, lst: Lst) -> Leaf:
        """Elements of a plain list, words of a list of lists."""
        inner = inner_site(lst.site, self.facts)
        if inner is None:
            return self.length(lst)
        total = self.alloca(I64)
        self.b.store(i64(1), total)
        self._measure(lst, total)
        return self.b.load(total)

    def _measure(self, lst: Lst, total: Leaf) -> None:
        inner = inner_site(lst.site, self.facts)

        def row(k: Leaf) -> None:
            each = self.load_element(lst, k)
            assert isinstance(each, Lst)
            self._claim(each)
            self.b.store(self.b.add(self.b.load(total), i64(1)), total)
            if inner_site(inner, self.facts) is not None:
                self._measure(each, total)
                return
            words = self.b.mul(self.length(each), i64(self.width(inner)))
            self.b.store(self.b.add(self.b.load(total), words), total)

        self.times(self.length(lst), row)

    def _store_list(self, place: int, lst: Lst, size: Leaf) -> None:
        target = self._row(place, row_width(lst.site, self.facts))

        def copy() -> Value:
            if inner_site(lst.site, self.facts) is None:
                self._store_words(target, lst)
            else:
                cursor = self.alloca(I64)
                self.b.store(i64(0), cursor)
                self._store_rows(target, cursor, lst)
            return Const(None)

        self.if_else(self.b.icmp_signed(">", size, i64(0)), copy, lambda: Const(None))
        self.b.store(size, self.word_at(self._state_pointer(place + 1), self.car))

    def _store_words(self, target: Leaf, lst: Lst) -> Leaf:
        source = self.b.inttoptr(self.b.load(self.header(lst)), WORDS)
        words = self.b.mul(self.length(lst), i64(self.width(lst.site)))
        self.copy_words(target, source, words)
        return words

    def _store_rows(self, target: Leaf, cursor: Leaf, lst: Lst) -> None:
        length, at = self.length(lst), self.b.load(cursor)
        self.b.store(length, self.word_at(target, at))
        self.b.store(self.b.add(at, i64(1)), cursor)
        if inner_site(lst.site, self.facts) is None:
            words = self._store_words(self.word_at(target, self.b.load(cursor)), lst)
            self.b.store(self.b.add(self.b.load(cursor), words), cursor)
            return

        def row(k: Leaf) -> None:
            each = self.load_element(lst, k)
            assert isinstance(each, Lst)
            self._store_rows(target, cursor, each)

        self.times(length, row)


def list_site(typ: Type) -> Any:
    """The site of the list that a slot holds."""
    inner = typ.inner if isinstance(typ, TOpt | TMaybe) else typ
    inner = inner.inner if isinstance(inner, TOpt) else inner
    assert isinstance(inner, TLst)
    return inner.site


def inner_site(site: Any, facts: Facts) -> Any:
    """The site of the lists in a list; None if it has no lists."""
    element = facts.element(site)
    return element.site if isinstance(element, TLst) else None


def row_width(site: Any, facts: Facts) -> int:
    """Words of one unit of a list's length in its column."""
    element = facts.element(site)
    if element is None:
        return 0
    return 1 if isinstance(element, TLst) else len(leaf_kinds(element))


def slot_leaves(slot: Slot, facts: Facts) -> list[str]:
    """The kinds of a slot's leaves, "list" for a list."""
    kinds = leaf_kinds(slot.type)
    if not _holds_list(slot.type):
        return kinds
    try:
        site = list_site(slot.type)
    except AssertionError:
        raise Unsupported("keeps lists within tuples from one call to the next") from None
    for element in _elements(site, facts):
        if not isinstance(element, TLst) and _holds_list(element):
            raise Unsupported("keeps lists within tuples from one call to the next")
        if not can_be_kept(element):
            raise Unsupported(f"keeps {describe(element)} from one call to the next")
    return [*kinds[:-1], "list"]


def _elements(site: Any, facts: Facts) -> Iterator[Type]:
    """What is in a list, in its lists, and so on."""
    seen = set()
    element = facts.element(site)
    while element is not None:
        yield element
        if not isinstance(element, TLst):
            return
        if facts.root(element.site) in seen:
            raise Unsupported("keeps a list that may hold itself")
        seen.add(facts.root(element.site))
        element = facts.element(element.site)


def _holds_list(typ: Type) -> bool:
    match typ:
        case TLst():
            return True
        case TOpt(inner) | TMaybe(inner):
            return _holds_list(inner)
        case TTup(items):
            return any(_holds_list(item) for item in items)
    return False


# For those who carry it from process to process


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
        case TNum(kind, np):
            return ["number", kind, np]
        case TStr():
            return ["text"]
        case TMaybe(inner):
            return ["maybe", _written(inner, facts)]
        case TOpt(inner):
            return ["optional", _written(inner, facts)]
        case TTup(items, is_list):
            return ["items", bool(is_list), [_written(item, facts) for item in items]]
        case TLst(site):
            element = facts.element(site)
            return ["list", None if element is None else _written(element, facts)]
        case TConst(_, None):
            return ["none"]
    raise Unsupported(f"keeps {describe(typ)} from one call to the next")
