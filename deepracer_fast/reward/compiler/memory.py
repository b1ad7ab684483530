"""Values as leaves and as words: numbers widened, lists in the arena, tables of the program.

In: values and the types that they are wanted as. Out: leaves, and lists whose header and elements
lie in memory. A list has the element type of its site; one that stands for a list of others, or
for a tuple, is `FIXED`. Neighbours: `emitter` makes the instructions, `kept` copies a car's lists.
"""

from __future__ import annotations

import struct
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.emitter import (
    F64,
    FALSE,
    I1,
    I8,
    I64,
    LEAF,
    TRUE,
    WORDS,
    Emitter,
    f64,
    i64,
)
from deepracer_fast.reward.compiler.joins import Unsupported
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Arr,
    Choice,
    Const,
    Leaf,
    Lst,
    Maybe,
    Num,
    Opt,
    Range,
    Str,
    TArr,
    TChoice,
    TLst,
    TMaybe,
    TNum,
    TOpt,
    TStr,
    TTup,
    Tup,
    Type,
    Value,
    const_key,
    leaf_kinds,
    leaves_of,
    type_of,
    value_from,
)

MAX_INT = 2**53  # beyond it floats do not hold every int: the interpreter takes over
HEADER = 3  # words of a list header: data, length, capacity
FIXED = -1  # capacity of a list that must not be changed
CLAIMED = -2  # of one that is found to be kept, when the call is over


class Memory(Emitter):
    """Leaves, words and lists."""

    # Leaves

    def zeros(self, typ: Type) -> list[Leaf]:
        """Leaves that are never looked at."""
        return [ir.Constant(LEAF[kind], 0) for kind in leaf_kinds(typ)]

    def cast(self, leaf: Leaf, kind: str, to: str) -> Leaf:
        """A number's leaf in a wider kind."""
        if kind == to:
            return leaf
        if isinstance(leaf, ir.Constant):
            return ir.Constant(LEAF[to], float(leaf.constant) if to == "f" else int(leaf.constant))
        if to == "i":
            return self.b.zext(leaf, I64)
        return self.b.sitofp(leaf, F64) if kind == "i" else self.b.uitofp(leaf, F64)

    def coerce(self, value: Value, typ: Type) -> list[Leaf]:
        """The leaves of a value as one of the (wider) type."""
        if not leaf_kinds(typ):
            return []
        match typ, value:
            case TMaybe(inner), _:
                return self._flagged(value, inner, value is UNBOUND, Maybe)
            case TOpt(inner), _:
                is_none = isinstance(value, Const) and value.obj is None
                return self._flagged(value, inner, is_none, Opt)
            case TNum(to), Num(kind, leaf):
                return [self.cast(leaf, kind, to)]
            case TNum(), Const(obj):
                return [self._number_leaf(obj, typ)]
            case TStr(), Const(obj) if isinstance(obj, str):
                return [i64(self.string_id(obj))]
            case TTup(items), Tup(parts) if len(items) == len(parts):
                pairs = zip(parts, items, strict=True)
                return [leaf for part, item in pairs for leaf in self.coerce(part, item)]
            case TTup(items), Const(obj) if isinstance(obj, tuple | list):
                pairs = zip(map(Const, obj), items, strict=True)
                return [leaf for part, item in pairs for leaf in self.coerce(part, item)]
            case TLst(site), Const(obj) if isinstance(obj, tuple | list):
                if self.facts.root(("const", id(obj))) == self.facts.root(site):
                    return [self.table(obj)]
                return [self._copy_of_items(tuple(map(Const, obj)), site)]
            case TLst(site), Tup(items):
                return [self._copy_of_items(items, site)]
            case TLst(site), Lst(_, own) if self.facts.root(own) != self.facts.root(site):
                return [self._copy_of_list(value, site)]
            case TArr(inner), Arr(held):
                return self.coerce(held, inner)
            case TChoice(keys), Const(obj):
                return [i64(keys.index(const_key(obj)))]
            case TChoice(keys), Choice(leaf, objs):
                return [self._renumbered(leaf, [keys.index(const_key(obj)) for obj in objs])]
        if isinstance(value, Str | Lst | Range):
            return leaves_of(value)
        raise Unsupported("a value whose type is not clear here", self.line)

    def _renumbered(self, leaf: Leaf, places: list[int]) -> Leaf:
        """A position among some objects as one among more."""
        if places == list(range(len(places))):
            return leaf
        result: Leaf = i64(places[0])
        for old, new in enumerate(places[1:], start=1):
            result = self.b.select(self.b.icmp_signed("==", leaf, i64(old)), i64(new), result)
        return result

    def _flagged(self, value: Value, inner: Type, is_set: bool, holder: Any) -> list[Leaf]:
        if is_set:
            return [TRUE, *self.zeros(inner)]
        if isinstance(value, holder):
            return [value.flag, *self.coerce(value.value, inner)]
        return [FALSE, *self.coerce(value, inner)]

    def _number_leaf(self, obj: Any, typ: TNum) -> Leaf:
        if typ.kind == "f":
            return f64(float(obj))
        if abs(int(obj)) > MAX_INT:
            raise Unsupported("an int beyond 2**53", self.line)
        return ir.Constant(LEAF[typ.kind], int(obj))

    def string_id(self, text: str) -> int:
        """The number of a string."""
        return self.strings.setdefault(text, len(self.strings))

    # Memory

    def to_word(self, leaf: Leaf, kind: str) -> Leaf:
        """A leaf as 64 bits."""
        if kind == "b":
            return self.b.zext(leaf, I64)
        return self.b.bitcast(leaf, I64) if kind == "f" else leaf

    def from_word(self, word: Leaf, kind: str) -> Leaf:
        """A leaf from 64 bits."""
        if kind == "b":
            return self.b.trunc(word, I1)
        return self.b.bitcast(word, F64) if kind == "f" else word

    def word_at(self, pointer: Leaf, index: Leaf | int) -> Any:
        """The address of a word."""
        return self.b.gep(pointer, [i64(index) if isinstance(index, int) else index])

    def allocate(self, words: Leaf) -> Leaf:
        """Room in the arena, which is emptied before each call; its address as int."""
        top = self.b.load(self.arena_top)
        after = self.b.add(top, self.b.shl(words, i64(3)))
        self.fail_if(self.b.icmp_unsigned(">", after, self.arena_end), None)
        self.b.store(after, self.arena_top)
        return top

    def width(self, site: Any) -> int:
        """Words of one element."""
        element = self.facts.element(site)
        return 0 if element is None else len(leaf_kinds(element))

    def new_list(self, site: Any, capacity: Leaf) -> Lst:
        """An empty list."""
        self.fail_if(self.b.icmp_unsigned(">", capacity, i64(1 << 24)), None)
        words = self.b.mul(capacity, i64(max(self.width(site), 1)))
        address = self.allocate(self.b.add(words, i64(HEADER)))
        header = self.b.inttoptr(address, WORDS)
        self.b.store(self.b.add(address, i64(8 * HEADER)), header)
        self.b.store(i64(0), self.word_at(header, 1))
        self.b.store(capacity, self.word_at(header, 2))
        return Lst(address, site)

    def header(self, lst: Lst) -> Leaf:
        """The pointer to a list's header."""
        return self.b.inttoptr(lst.leaf, WORDS)

    def length(self, lst: Lst) -> Leaf:
        """The present length of a list."""
        return self.b.load(self.word_at(self.header(lst), 1))

    def _element_address(self, lst: Lst, index: Leaf) -> Leaf:
        data = self.b.inttoptr(self.b.load(self.header(lst)), WORDS)
        return self.word_at(data, self.b.mul(index, i64(self.width(lst.site))))

    def load_element(self, lst: Lst, index: Leaf) -> Value:
        """Element at an index that is known to be there."""
        element = self.facts.element(lst.site)
        if element is None:
            return self.fail(IndexError)
        start = self._element_address(lst, index)
        words = enumerate(leaf_kinds(element))
        leaves = [self.from_word(self.b.load(self.word_at(start, k)), kind) for k, kind in words]
        return value_from(element, leaves)

    def store_element(self, lst: Lst, index: Leaf, value: Value) -> None:
        """Overwrites an element at an index that is known to be there."""
        self.facts.widen_element(lst.site, type_of(value))
        element = self.facts.element(lst.site)
        assert element is not None
        leaves = self.coerce(value, element)
        start = self._element_address(lst, index)
        for k, (leaf, kind) in enumerate(zip(leaves, leaf_kinds(element), strict=True)):
            self.b.store(self.to_word(leaf, kind), self.word_at(start, k))

    def append(self, lst: Lst, value: Value) -> None:
        """Appends; a full list moves to twice the room."""
        header, length = self.header(lst), self.length(lst)
        full = self.b.icmp_signed(">=", length, self.b.load(self.word_at(header, 2)))
        grow, ready = self.block("grow"), self.block("ready")
        self.b.cbranch(full, grow, ready)
        self.start(grow)
        self._grow(lst, header, length)
        self.b.branch(ready)
        self.start(ready)
        self.store_element(lst, length, value)
        self.b.store(self.b.add(length, i64(1)), self.word_at(header, 1))

    def _grow(self, lst: Lst, header: Leaf, length: Leaf) -> None:
        width = i64(max(self.width(lst.site), 1))
        capacity = self.b.add(self.b.shl(length, i64(1)), i64(4))
        address = self.allocate(self.b.mul(capacity, width))
        old = self.b.inttoptr(self.b.load(header), WORDS)
        self.copy_words(self.b.inttoptr(address, WORDS), old, self.b.mul(length, width))
        self.b.store(address, header)
        self.b.store(capacity, self.word_at(header, 2))

    def copy_words(self, target: Leaf, source: Leaf, words: Leaf) -> None:
        """Copies words between places that do not overlap."""
        pointers = [self.b.bitcast(pointer, I8.as_pointer()) for pointer in (target, source)]
        self.native("memmove", I8.as_pointer(), *pointers, self.b.shl(words, i64(3)))

    def _copy_of_items(self, items: tuple[Value, ...], site: Any) -> Leaf:
        """A list in memory that stands for a tuple, or for a list that nobody changes."""
        made = self.new_list(site, i64(len(items)))
        for k, item in enumerate(items):
            self.store_element(made, i64(k), item)
        return self._fixed(made, i64(len(items)))

    def _copy_of_list(self, lst: Lst, site: Any) -> Leaf:
        """A list that the simulator has laid out, as one of another site."""
        length = self.length(lst)
        made = self.new_list(site, length)
        self.times(length, lambda k: self.store_element(made, k, self.load_element(lst, k)))
        return self._fixed(made, length)

    def _fixed(self, lst: Lst, length: Leaf) -> Leaf:
        for k, word in ((1, length), (2, i64(FIXED))):
            self.b.store(word, self.word_at(self.header(lst), k))
        return lst.leaf

    def is_fixed(self, lst: Lst) -> Leaf:
        """Whether a list must not be changed: it belongs to others, or stands for a tuple."""
        return self.b.icmp_signed("<", self.b.load(self.word_at(self.header(lst), 2)), i64(0))

    def table(self, obj: Any) -> Leaf:
        """A list or tuple of the program in constant memory; the address of its header."""
        site = self.facts.const_site(obj)
        key = (site, self.facts.element(site))
        if key not in self._tables:
            element = self.facts.element(site)
            words = [w for item in obj for w in self._table_words(item, element)] or [i64(0)]
            name = f"table{len(self.module.globals)}"
            kind = ir.ArrayType(I64, len(words))
            data = ir.GlobalVariable(self.module, kind, name)
            data.initializer, data.linkage = ir.Constant(kind, words), "internal"
            head_kind = ir.ArrayType(I64, HEADER)
            head = ir.GlobalVariable(self.module, head_kind, f"{name}.header")
            fields = [data.ptrtoint(I64), i64(len(obj)), i64(FIXED)]
            head.initializer, head.linkage = ir.Constant(head_kind, fields), "internal"
            self._tables[key] = head.ptrtoint(I64)
        return self._tables[key]

    def _table_words(self, item: Any, typ: Type | None) -> list[Any]:
        assert typ is not None
        leaves = self.coerce(Const(item), typ)
        return [_constant_word(leaf, k) for leaf, k in zip(leaves, leaf_kinds(typ), strict=True)]


def _constant_word(leaf: Any, kind: str) -> Any:
    if kind == "f":
        return i64(struct.unpack("<q", struct.pack("<d", leaf.constant))[0])
    if kind == "b":
        return i64(int(leaf.constant))
    return leaf
