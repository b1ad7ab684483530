"""The code under construction: blocks, the environment, errors, merges and lists in memory.

In: what the translators ask for. Out: LLVM instructions in one function. Every value that a name,
an attribute or a key holds is in `Emitter.env`; where ways meet, a `Merge` joins the environments.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.joins import Facts, Restart, Unsupported
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Arr,
    Choice,
    Conflict,
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
    TConflict,
    TConst,
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

I1, I8, I32, I64, F64 = (
    ir.IntType(1),
    ir.IntType(8),
    ir.IntType(32),
    ir.IntType(64),
    ir.DoubleType(),
)
WORDS = I64.as_pointer()
LEAF = {"b": I1, "i": I64, "f": F64}
MAX_INT = 2**53  # beyond it floats do not hold every int: the interpreter takes over
MAX_INSTRUCTIONS = 150_000
PARAMS = ("dct", ("params",))  # begins the keys of what params holds
HEADER = 3  # words of a list header: data, length, capacity
FIXED = -1  # capacity of a list that must not be changed


class Dead(Exception):
    """What follows in this block is never reached."""


def i64(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def f64(value: float) -> ir.Constant:
    """A float constant."""
    return ir.Constant(F64, value)


TRUE, FALSE = ir.Constant(I1, 1), ir.Constant(I1, 0)


class Merge:
    """A place that several ways lead to."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self.entries: list[tuple[Any, dict[Any, Value]]] = []

    def jump(self) -> None:
        """Leads the present way here; the present block gets its branch in `land`."""
        self.entries.append((self._emitter.b.block, dict(self._emitter.env)))

    def land(self) -> None:
        """Goes on from here with the joined environment; Dead if no way leads here."""
        emitter = self._emitter
        if not self.entries:
            raise Dead
        if len(self.entries) == 1:
            block, emitter.env = self.entries[0]
            emitter.b.position_at_end(block)
            return
        keys = dict.fromkeys(key for _, env in self.entries for key in env)
        envs = [env for _, env in self.entries]
        types, joined = self._joined_types(keys, envs)
        target = emitter.block("merge")
        phis = self._phis(target, types)
        for block, env in self.entries:
            emitter.b.position_at_end(block)
            leaves = [
                leaf
                for key, typ in types.items()
                for leaf in emitter.coerce(emitter.held(env, key), typ)
            ]
            for phi, leaf in zip(phis, leaves, strict=True):
                phi.add_incoming(leaf, emitter.b.block)
            emitter.b.branch(target)
        rest = list(phis)
        joined |= {key: value_from(typ, rest) for key, typ in types.items()}
        emitter.b.position_at_end(target)
        emitter.env = joined

    def _joined_types(
        self, keys: Iterable[Any], envs: list[dict[Any, Value]]
    ) -> tuple[dict[Any, Type], dict[Any, Value]]:
        """The types of what differs between the ways, and the values of what does not."""
        facts = self._emitter.facts
        types: dict[Any, Type] = {}
        joined: dict[Any, Value] = {}
        for key in keys:
            values = [self._emitter.held(env, key) for env in envs]
            if all(value is values[0] for value in values):
                joined[key] = values[0]
                continue
            distinct = {id(value): value for value in values}.values()
            typ = None
            for value in distinct:
                found = type_of(value)
                typ = found if typ is None else facts.join(typ, found)
            assert typ is not None
            types[key] = typ
        return types, joined

    def _phis(self, target: Any, types: dict[Any, Type]) -> list[Any]:
        builder = ir.IRBuilder(target)
        return [builder.phi(LEAF[kind]) for typ in types.values() for kind in leaf_kinds(typ)]


class Handler:
    """One ``try``: where its exceptions lead."""

    def __init__(self, merge: Merge, catches: Callable[[type[BaseException]], bool]) -> None:
        self.merge = merge
        self.catches = catches


class Emitter:
    """Blocks and values of one kernel; the translators are subclasses."""

    def __init__(self, facts: Facts, strings: dict[str, int]) -> None:
        self.facts = facts
        self.strings = strings
        self.module = ir.Module(name="reward")
        self.env: dict[Any, Value] = {}
        self.handlers: list[Handler] = []
        self.line = 0
        self.give_ups: list[tuple[Any, int]] = []
        self.prints = False
        self._count = 0
        self._tables: dict[Any, Any] = {}
        self._functions: dict[str, Any] = {}
        self.fn: Any = None
        self.b: Any = None
        self.give_up_block: Any = None
        self.fuel: Any = None
        self.arena_top: Any = None
        self.arena_end: Any = None
        self.alloca_builder: Any = None

    # Blocks and ways

    def held(self, env: dict[Any, Value], key: Any) -> Value:
        """What an environment holds; params hold their column until they are overwritten."""
        if key not in env and key[:2] == PARAMS:
            return self.parameter(key[2])
        return env.get(key, UNBOUND)

    def parameter(self, key: Any) -> Value:
        """What ``params`` holds under a key (`program`)."""
        raise NotImplementedError

    def unique(self) -> int:
        """A number that no other place of this pass has."""
        self._count += 1
        return self._count

    def block(self, name: str) -> Any:
        """A new basic block at the end of the kernel."""
        if len(self.fn.blocks) > MAX_INSTRUCTIONS // 8:
            raise Unsupported(
                "more code than the compiler takes (inlined calls or loops)", self.line
            )
        return self.fn.append_basic_block(name)

    def start(self, block: Any) -> None:
        """Goes on in another block."""
        self.b.position_at_end(block)

    def alloca(self, kind: Any) -> Any:
        """A slot on the stack, made once per call of the kernel."""
        return self.alloca_builder.alloca(kind)

    def if_else(
        self, condition: Leaf, then: Callable[[], Value], other: Callable[[], Value]
    ) -> Value:
        """The value of one of two ways."""
        yes, no = self.block("then"), self.block("else")
        self.b.cbranch(condition, yes, no)
        merge, key, before = Merge(self), ("result", self.unique()), self.env
        for block, way in ((yes, then), (no, other)):
            self.start(block)
            self.env = dict(before)
            try:
                self.env[key] = way()
                merge.jump()
            except Dead:
                pass
        merge.land()
        return self.env.pop(key)

    def fail(self, kind: type[BaseException] | None) -> Any:
        """Raises; None gives the call up to the interpreter whatever ``try`` is around it."""
        self._leave(kind)
        raise Dead

    def fail_if(self, condition: Leaf, kind: type[BaseException] | None) -> None:
        """Raises where the condition holds."""
        if isinstance(condition, ir.Constant):
            if condition.constant:
                self.fail(kind)
            return
        bad, good = self.block("bad"), self.block("good")
        self.b.cbranch(condition, bad, good)
        self.start(bad)
        before = self.env
        self._leave(kind)
        self.env = before
        self.start(good)

    def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None:
            for handler in reversed(self.handlers):
                if handler.catches(kind):
                    handler.merge.jump()
                    return
        self.give_ups.append((self.b.block, self.line))
        self.b.branch(self.give_up_block)

    def times(self, count: Leaf, action: Callable[[Leaf], None]) -> None:
        """Does something so many times; it gets the turn, and must not bind anything."""
        turn, done, before = self.block("turn"), self.block("done"), self.b.block
        self.b.cbranch(self.b.icmp_signed(">", count, i64(0)), turn, done)
        self.start(turn)
        number = self.b.phi(I64)
        number.add_incoming(i64(0), before)
        action(number)
        after = self.b.add(number, i64(1))
        number.add_incoming(after, self.b.block)
        self.b.cbranch(self.b.icmp_signed("<", after, count), turn, done)
        self.start(done)

    def burn(self) -> None:
        """Counts a turn of a loop; a call that turns too often is given up."""
        left = self.b.sub(self.b.load(self.fuel), i64(1))
        self.b.store(left, self.fuel)
        self.fail_if(self.b.icmp_signed("<", left, i64(0)), None)

    def native(self, name: str, result: Any, *arguments: Any) -> Any:
        """Calls a C or LLVM function by name."""
        if name not in self._functions:
            kind = ir.FunctionType(result, [a.type for a in arguments])
            self._functions[name] = ir.Function(self.module, kind, name)
        return self.b.call(self._functions[name], arguments)

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

    # Values

    def conflict(self, value: Conflict) -> Any:
        """Refuses a value that cannot be used."""
        raise Unsupported(f"a value that is {value.why}", self.line)


def _constant_word(leaf: Any, kind: str) -> Any:
    if kind == "f":
        return i64(struct.unpack("<q", struct.pack("<d", leaf.constant))[0])
    if kind == "b":
        return i64(int(leaf.constant))
    return leaf


__all__ = ["Dead", "Emitter", "Handler", "Merge", "Restart", "TConflict", "TConst", "const_key"]
