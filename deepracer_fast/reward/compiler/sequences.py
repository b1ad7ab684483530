"""Sequences: one view of tuples, lists, ranges and their kin; loops, indices, slices, equality.

`Seq` is what everything that runs over items is written against. Short sequences whose items are
known one by one are unrolled; the others become loops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepracer_fast.reward.compiler.arithmetic import Arithmetic
from deepracer_fast.reward.compiler.emitter import I64, LEAF, Dead, Merge, i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported, describe
from deepracer_fast.reward.compiler.values import (
    Arr,
    Choice,
    Const,
    Dct,
    Lazy,
    Leaf,
    Lst,
    Num,
    Range,
    Tup,
    Type,
    Value,
    const_key,
    leaf_kinds,
    type_of,
    value_from,
)


@dataclass
class Seq:
    """Items by position; `static` is their number where that is known."""

    static: int | None
    length: Callable[[], Leaf]
    get: Callable[[int | Leaf], Value]


@dataclass
class LoopFrame:
    """Where ``break`` and ``continue`` lead."""

    on_break: Merge
    on_continue: Merge
    runtime: bool


class Sequences(Arithmetic):
    """Views, loops, indices and comparisons."""

    loops: list[LoopFrame]

    # What others provide

    def item(self, value: Value, index: Value) -> Value:
        """``value[index]`` of a sequence (`slices`)."""
        raise NotImplementedError

    def equal(self, a: Value, b: Value) -> Value:
        """``a == b`` (`comparisons`)."""
        raise NotImplementedError

    def place(self) -> Any:
        """A name of the place in the program that is being translated (`functions`)."""
        raise NotImplementedError

    # Views

    def seq(self, value: Value) -> Seq:
        """The items of a value."""
        value = self.plain(value)
        match value:
            case Tup(items):
                return self._static_seq(items)
            case Lst():
                return Seq(None, lambda: self.length(value), self._getter(value))
            case Range():
                return self._range_seq(value)
            case Arr(inner):
                rows = self.seq(inner)
                return Seq(rows.static, rows.length, lambda k: self.as_numpy(rows.get(k)))
            case Lazy(seq):
                return seq
            case Dct():
                return self._static_seq(tuple(Const(key) for key in self.dict_keys(value)))
            case Const(obj):
                return self._const_seq(obj)
            case Choice(_, objs) if all(isinstance(obj, tuple | list) for obj in objs):
                lengths = {len(obj) for obj in objs}
                if len(lengths) == 1:
                    places = range(lengths.pop())
                    return self._static_seq(tuple(self._chosen_item(value, k) for k in places))
        raise Unsupported(f"iterates over {describe(type_of(value))}", self.line)

    def _chosen_item(self, value: Choice, k: int) -> Value:
        return self.of_each(value, lambda each: self.item(each, Const(k)))

    def as_numpy(self, value: Value) -> Value:
        """An item of an array: a NumPy scalar, or a row."""
        match value:
            case Num(kind, leaf, _, exact):
                return Num(kind, leaf, 1, exact)
            case Tup() | Lst():
                return Arr(value)
            case Const(obj) if type(obj) in (bool, int, float):
                number = self.const_number(obj)
                return Num(number.kind, number.leaf, 1)
            case Const(obj) if isinstance(obj, list | tuple):
                return Arr(self.as_tuple(value))
        return value

    def known(self, obj: Any) -> Value:
        """An object of the user's module, or what state it stands for (`state`)."""
        raise NotImplementedError

    def dict_keys(self, value: Dct) -> tuple[Any, ...]:
        """The keys of a dict in order (`containers`)."""
        raise NotImplementedError

    def _static_seq(self, items: tuple[Value, ...]) -> Seq:
        def get(k: int | Leaf) -> Value:
            return items[k] if isinstance(k, int) else self.pick(items, k)

        return Seq(len(items), lambda: i64(len(items)), get)

    def _getter(self, lst: Lst) -> Callable[[int | Leaf], Value]:
        return lambda k: self.load_element(lst, i64(k) if isinstance(k, int) else k)

    def _range_seq(self, value: Range) -> Seq:
        def get(k: int | Leaf) -> Value:
            leaf = i64(k) if isinstance(k, int) else k
            return Num("i", self.b.add(value.start, self.b.mul(leaf, i64(value.step))))

        return Seq(None, lambda: self.range_length(value), get)

    def range_length(self, value: Range) -> Leaf:
        """How many numbers a range has."""
        gap = self.b.sub(value.stop, value.start)
        step = value.step
        if step < 0:
            gap, step = self.b.sub(i64(0), gap), -step
        count = self.b.sdiv(self.b.add(gap, i64(step - 1)), i64(step))
        return self.b.select(self.b.icmp_signed("<", gap, i64(0)), i64(0), count)

    def _const_seq(self, obj: Any) -> Seq:
        if isinstance(obj, range):
            if len(obj) <= MAX_STATIC:
                return self._static_seq(tuple(Const(item) for item in obj))
            return self._range_seq(Range(i64(obj.start), i64(obj.stop), obj.step))
        if type(obj) in (list, tuple) and len(obj) > MAX_STATIC:
            return self._const_list_seq(obj)
        if isinstance(obj, list | tuple | str | dict):
            if len(obj) > 64:
                raise Unsupported(f"iterates over a long {type(obj).__name__}", self.line)
            return self._static_seq(tuple(self.known(item) for item in obj))
        if type(obj) in (set, frozenset) and all(type(item) in (int, bool) for item in obj):
            return self._static_seq(tuple(Const(item) for item in obj))
        if type(obj).__module__ == "numpy" and getattr(obj, "ndim", 0) in (1, 2):
            return self.seq(self.array_of(Const(obj)))
        if obj is None or type(obj) in (int, float, bool):
            return self.fail(TypeError)
        raise Unsupported(f"iterates over a {type(obj).__name__}", self.line)

    def _const_list_seq(self, obj: Any) -> Seq:
        lst = self.in_memory(Const(obj))

        def get(k: int | Leaf) -> Value:
            return self.known(obj[k]) if isinstance(k, int) else self.load_element(lst, k)

        return Seq(None, lambda: i64(len(obj)), get)

    def array_of(self, value: Value) -> Arr:
        """A value as an array (`arrays`)."""
        raise NotImplementedError

    def in_memory(self, value: Value) -> Lst:
        """A list of the program as one in constant memory."""
        if isinstance(value, Lst):
            return value
        assert isinstance(value, Const)
        return Lst(self.table(value.obj), self.facts.const_site(value.obj))

    def as_tuple(self, value: Value) -> Tup:
        """A value with known items as a `Tup`."""
        if isinstance(value, Tup):
            return value
        if isinstance(value, Const) and isinstance(value.obj, tuple | list):
            return Tup(tuple(Const(item) for item in value.obj), isinstance(value.obj, list))
        seq = self.seq(value)
        if seq.static is None:
            raise Unsupported("needs a sequence whose length is known", self.line)
        return Tup(tuple(seq.get(k) for k in range(seq.static)), True)

    def of_each(self, value: Choice, action: Callable[[Value], Value]) -> Value:
        """What an action gives for the object that was chosen; it must not do anything else."""
        items = tuple(action(self.known(obj)) for obj in value.objs)
        if len(items) > MAX_STATIC and all(isinstance(item, Const) for item in items):
            objs = [item.obj for item in items if isinstance(item, Const)]
            if all(type(obj) in (bool, int, float, str, tuple) for obj in objs):
                key = ("column", self.place(), tuple(map(const_key, objs)))
                return self.load_element(
                    self.in_memory(Const(self.facts.made.setdefault(key, objs))), value.leaf
                )
        return self.pick(items, value.leaf)

    def pick(self, items: tuple[Value, ...], index: Leaf) -> Value:
        """The item at an index that is known only at run time and lies within."""
        if not items:
            return self.fail(IndexError)
        typ: Type = type_of(items[0])
        for item in items[1:]:
            typ = self.facts.join(typ, type_of(item))
        leaves = self.coerce(items[0], typ)
        for k, item in enumerate(items[1:], start=1):
            here = self.b.icmp_signed("==", index, i64(k))
            others = self.coerce(item, typ)
            pairs = zip(others, leaves, strict=True)
            leaves = [self.b.select(here, new, old) for new, old in pairs]
        return value_from(typ, leaves)

    # Loops

    def loop(
        self,
        site: Any,
        test: Callable[[], Leaf],
        body: Callable[[], None],
        advance: Callable[[], None] = lambda: None,
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """A loop at run time; ``otherwise`` is its ``else``."""
        header = self.block("loop")
        phis, types = self._enter_loop(site, header)
        header_env = dict(self.env)
        self.burn()
        going_on = test()
        inside, outside = self.block("body"), self.block("after")
        self.b.cbranch(going_on, inside, outside)
        exit_env = dict(self.env)
        frame = LoopFrame(Merge(self), Merge(self), True)
        self.loops.append(frame)
        self.start(inside)
        try:
            body()
            frame.on_continue.jump()
        except Dead:
            pass
        wider: dict[Any, Type] = {}
        try:
            frame.on_continue.land()
            advance()
            wider = self._close_loop(site, header_env, types, phis)
            self.b.branch(header)
        except Dead:
            pass
        self.loops.pop()
        self.start(outside)
        exit_env |= {key: self.unknown(typ) for key, typ in wider.items()}
        self._leave_loop(frame, exit_env, otherwise)

    def _enter_loop(self, site: Any, header: Any) -> tuple[list[Any], dict[Any, Type]]:
        table = self.facts.loops.setdefault(site, {})
        leaves: list[Leaf] = []
        for key, typ in list(table.items()):
            value = self.held(self.env, key)
            table[key] = self.facts.join(typ, type_of(value))
            leaves += self.coerce(value, table[key])
        types = dict(table)
        before = self.b.block
        self.b.branch(header)
        self.start(header)
        kinds = [kind for typ in types.values() for kind in leaf_kinds(typ)]
        phis = [self.b.phi(LEAF[kind]) for kind in kinds]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, before)
        rest = list(phis)
        self.env = dict(self.env) | {key: value_from(typ, rest) for key, typ in types.items()}
        return phis, types

    def _close_loop(
        self, site: Any, header_env: dict[Any, Value], types: dict[Any, Type], phis: list[Any]
    ) -> dict[Any, Type]:
        """Leads back to the header; what turned out to be wider than the header takes it for."""
        found: dict[Any, Type] = {}
        for key in dict.fromkeys([*header_env, *self.env]):
            old, new = self.held(header_env, key), self.held(self.env, key)
            if old is new:
                continue
            known = types.get(key, type_of(old))
            wider = self.facts.join(known, type_of(new))
            if key not in types or wider != known:
                found[key] = wider
        if found:
            self.facts.loops[site] |= found
            self.facts.void = True
            return found
        leaves = [
            leaf
            for key, typ in types.items()
            for leaf in self.coerce(self.held(self.env, key), typ)
        ]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, self.b.block)
        return {}

    def unknown(self, typ: Type) -> Value:
        """Some value of a type, to go on with in a void pass."""
        leaves = [self.b.load(self.alloca(LEAF[kind])) for kind in leaf_kinds(typ)]
        return value_from(typ, leaves)

    def _leave_loop(
        self, frame: LoopFrame, env: dict[Any, Value], otherwise: Callable[[], None]
    ) -> None:
        self.env = env
        try:
            otherwise()
            frame.on_break.jump()
        except Dead:
            pass
        frame.on_break.land()

    def each(
        self,
        site: Any,
        seq: Seq,
        body: Callable[[Value], None],
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Runs over the items of a sequence, unrolled or as a loop."""
        if seq.static is not None and seq.static <= MAX_STATIC * 4:
            self._unrolled(seq, body, otherwise)
            return
        counter = self.alloca(I64)
        self.b.store(i64(0), counter)

        def test() -> Leaf:
            return self.b.icmp_signed("<", self.b.load(counter), seq.length())

        def run() -> None:
            body(seq.get(self.b.load(counter)))

        def advance() -> None:
            self.b.store(self.b.add(self.b.load(counter), i64(1)), counter)

        self.loop(site, test, run, advance, otherwise)

    def _unrolled(
        self, seq: Seq, body: Callable[[Value], None], otherwise: Callable[[], None]
    ) -> None:
        assert seq.static is not None
        on_break = Merge(self)
        try:
            for k in range(seq.static):
                frame = LoopFrame(on_break, Merge(self), False)
                self.loops.append(frame)
                try:
                    body(seq.get(k))
                    frame.on_continue.jump()
                except Dead:
                    pass
                finally:
                    self.loops.pop()
                frame.on_continue.land()
            otherwise()
            on_break.jump()
        except Dead:
            pass
        on_break.land()
