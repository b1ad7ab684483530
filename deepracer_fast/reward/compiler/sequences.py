"""Sequences: one view of tuples, lists, ranges and their kin; loops, indices, slices, equality.

`Seq` is what everything that runs over items is written against. Short sequences whose items are
known one by one are unrolled; the others become loops.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.arithmetic import SCALARS, SIGNS, Arithmetic, boolean
from deepracer_fast.reward.compiler.emitter import F64, FALSE, I64, TRUE, Dead, Merge, i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Restart, Unsupported, describe
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Arr,
    Choice,
    Conflict,
    Const,
    Dct,
    Lazy,
    Leaf,
    Lst,
    Num,
    Opt,
    Range,
    Str,
    Tup,
    Type,
    Value,
    const_key,
    leaf_kinds,
    type_of,
    value_from,
)

_CHAIN = 512  # items of a constant collection that `in` compares one by one


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
                    items = (
                        self.of_each(value, lambda v, k=k: self.item(v, Const(k)))
                        for k in range(lengths.pop())
                    )
                    return self._static_seq(tuple(items))
        raise Unsupported(f"iterates over {describe(type_of(value))}", self.line)

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
        header, before = self.block("loop"), self.b.block
        phis, types = self._enter_loop(site, header)
        header_env = dict(self.env)
        self.burn()
        inside, outside = self.block("body"), self.block("after")
        self.b.cbranch(test(), inside, outside)
        exit_env = dict(self.env)
        frame = LoopFrame(Merge(self), Merge(self), True)
        self.loops.append(frame)
        self.start(inside)
        try:
            body()
            frame.on_continue.jump()
        except Dead:
            pass
        try:
            frame.on_continue.land()
            advance()
            self._close_loop(site, header_env, types, phis)
            self.b.branch(header)
        except Dead:
            pass
        self.loops.pop()
        del before
        self._leave_loop(frame, outside, exit_env, otherwise)

    def _enter_loop(self, site: Any, header: Any) -> tuple[list[Any], dict[Any, Type]]:
        table = self.facts.loops.setdefault(site, {})
        leaves: list[Leaf] = []
        for key, typ in list(table.items()):
            value = self.env.get(key, UNBOUND)
            table[key] = self.facts.join(typ, type_of(value))
            leaves += self.coerce(value, table[key])
        types = dict(table)
        before = self.b.block
        self.b.branch(header)
        self.start(header)
        kinds = [kind for typ in types.values() for kind in leaf_kinds(typ)]
        phis = [self.b.phi(_leaf_type(kind)) for kind in kinds]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, before)
        rest = list(phis)
        self.env = dict(self.env) | {key: value_from(typ, rest) for key, typ in types.items()}
        return phis, types

    def _close_loop(
        self, site: Any, header_env: dict[Any, Value], types: dict[Any, Type], phis: list[Any]
    ) -> None:
        table, changed = self.facts.loops[site], False
        for key in dict.fromkeys([*header_env, *self.env]):
            old, new = header_env.get(key, UNBOUND), self.env.get(key, UNBOUND)
            if old is new:
                continue
            known = types.get(key, type_of(old))
            wider = self.facts.join(known, type_of(new))
            if key not in types or wider != known:
                table[key] = wider
                changed = True
        if changed:
            raise Restart
        leaves = [
            leaf
            for key, typ in types.items()
            for leaf in self.coerce(self.env.get(key, UNBOUND), typ)
        ]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, self.b.block)

    def _leave_loop(
        self,
        frame: LoopFrame,
        outside: Any,
        env: dict[Any, Value],
        otherwise: Callable[[], None],
    ) -> None:
        self.start(outside)
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

    # Indices

    def position(self, index: Leaf, length: Leaf) -> Leaf:
        """An index from either end, checked."""
        if isinstance(index, ir.Constant) and isinstance(length, ir.Constant):
            at = index.constant + (length.constant if index.constant < 0 else 0)
            return i64(at) if 0 <= at < length.constant else self.fail(IndexError)
        from_end = self.b.icmp_signed("<", index, i64(0))
        at = self.b.select(from_end, self.b.add(index, length), index)
        self.fail_if(self.b.icmp_unsigned(">=", at, length), IndexError)
        return at

    def item(self, value: Value, index: Value) -> Value:
        """``value[index]`` of a sequence."""
        if isinstance(value, Const) and isinstance(value.obj, str):
            return self._character(value.obj, index)
        at = self.as_int(index)
        if isinstance(value, Const) and isinstance(at, ir.Constant):
            try:
                return self.known(value.obj[at.constant])
            except IndexError:
                return self.fail(IndexError)
        seq = self.seq(value)
        where = self.position(at, seq.length())
        constant = isinstance(where, ir.Constant) and seq.static is not None
        return seq.get(where.constant if constant else where)

    def _character(self, text: str, index: Value) -> Value:
        if isinstance(index, Const):
            try:
                return Const(text[index.obj])
            except (IndexError, TypeError) as error:
                return self.fail(type(error))
        at = self.position(self.as_int(index), i64(len(text)))
        return self.pick(tuple(Const(letter) for letter in text), at)

    def slice(self, site: Any, value: Value, bounds: tuple[Value, Value, Value]) -> Value:
        """``value[low:high:step]`` as a new sequence of the same kind."""
        value = self.plain(value)
        known = [bound.obj for bound in bounds if isinstance(bound, Const)]
        if len(known) == 3:
            return self._known_slice(site, value, slice(*known))
        step = bounds[2]
        if not (isinstance(step, Const) and step.obj in (None, 1)):
            raise Unsupported("a slice with a step that is not known", self.line)
        seq = self.seq(value)
        length = seq.length()
        low = self._bound(bounds[0], i64(0), length)
        high = self._bound(bounds[1], length, length)
        count = self.b.sub(high, low)
        count = self.b.select(self.b.icmp_signed("<", count, i64(0)), i64(0), count)
        return self.copy_range(site, seq, low, count)

    def _known_slice(self, site: Any, value: Value, cut: slice) -> Value:
        if isinstance(value, Const) and isinstance(value.obj, list | tuple | str):
            key = (site, id(value.obj), cut.start, cut.stop, cut.step)
            if isinstance(value.obj, list) and len(value.obj) <= MAX_STATIC:
                return Tup(tuple(Const(item) for item in value.obj[cut]), True, frozenset([site]))
            return Const(self.facts.made.setdefault(key, value.obj[cut]))
        if isinstance(value, Tup):
            return Tup(value.items[cut], value.is_list, frozenset([site]))
        step = 1 if cut.step is None else cut.step
        seq = self.seq(value)
        length = seq.length()
        if step == -1 and cut.start is None and cut.stop is None:
            return self.copy_range(site, self.backwards(seq), i64(0), length)
        if step < 1:
            raise Unsupported("a slice that runs backwards", self.line)
        low = self._bound(Const(cut.start), i64(0), length)
        high = self._bound(Const(cut.stop), length, length)
        gap = self.b.add(self.b.sub(high, low), i64(step - 1))
        count = self.b.sdiv(gap, i64(step))
        count = self.b.select(self.b.icmp_signed("<", count, i64(0)), i64(0), count)
        return self.copy_range(site, seq, low, count, step)

    def backwards(self, seq: Seq) -> Seq:
        """The same items in reverse."""

        def get(k: int | Leaf) -> Value:
            if isinstance(k, int) and seq.static is not None:
                return seq.get(seq.static - 1 - k)
            leaf = i64(k) if isinstance(k, int) else k
            return seq.get(self.b.sub(self.b.sub(seq.length(), i64(1)), leaf))

        return Seq(seq.static, seq.length, get)

    def _bound(self, value: Value, default: Leaf, length: Leaf) -> Leaf:
        """A slice's bound, as Python clips it."""
        if isinstance(value, Const) and value.obj is None:
            return default
        at = self.as_int(value)
        at = self.b.select(self.b.icmp_signed("<", at, i64(0)), self.b.add(at, length), at)
        at = self.b.select(self.b.icmp_signed("<", at, i64(0)), i64(0), at)
        return self.b.select(self.b.icmp_signed(">", at, length), length, at)

    def copy_range(self, site: Any, seq: Seq, low: Leaf, count: Leaf, step: int = 1) -> Lst:
        """A new list of ``count`` items from ``low`` on."""
        lst = self.new_list(site, count)

        def get(k: int | Leaf) -> Value:
            leaf = i64(k) if isinstance(k, int) else k
            return seq.get(self.b.add(low, self.b.mul(leaf, i64(step))))

        self.each((site, "copy"), Seq(None, lambda: count, get), lambda v: self.append(lst, v))
        return lst

    def to_list(self, site: Any, value: Value) -> Lst:
        """A new list in memory with the items of a value."""
        seq = self.seq(value)
        if seq.static is not None:
            lst = self.new_list(site, i64(seq.static))
            for k in range(seq.static):
                self.append(lst, seq.get(k))
            return lst
        return self.copy_range(site, seq, i64(0), seq.length())

    def sequence_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """``+`` and ``*`` of lists and tuples."""
        site = ("made", self.place())
        if isinstance(op, ast.Add) and self.is_sequence(a) and self.is_sequence(b):
            if isinstance(a, Tup | Const) and isinstance(b, Tup | Const):
                first, second = self.as_tuple(a), self.as_tuple(b)
                if first.is_list != second.is_list:
                    return self.fail(TypeError)
                if len(first.items) + len(second.items) <= MAX_STATIC * 4:
                    sites = frozenset([site]) if first.is_list else frozenset()
                    return Tup(first.items + second.items, first.is_list, sites)
            lst = self.to_list(site, a)
            self.each((site, "add"), self.seq(b), lambda item: self.append(lst, item))
            return lst
        if isinstance(op, ast.Mult):
            if not self.is_sequence(a):
                a, b = b, a
            return self._repeat(site, a, b)
        return self.fail(TypeError)

    def _repeat(self, site: Any, value: Value, times: Value) -> Value:
        if isinstance(times, Const) and isinstance(value, Tup | Const):
            items = self.as_tuple(value)
            if type(times.obj) is int and len(items.items) * times.obj <= MAX_STATIC:
                sites = frozenset([site]) if items.is_list else frozenset()
                if items.is_list and site in self.facts.dynamic:
                    return self.to_list(site, Tup(items.items * times.obj))
                return Tup(items.items * times.obj, items.is_list, sites)
        if self.is_sequence(times):
            return self.fail(TypeError)
        count = self.as_int(times)
        inner = self.seq(value)
        lst = self.new_list(site, i64(4))
        rounds = Range(i64(0), count, 1)

        def once(_: Value) -> None:
            self.each((site, "inner"), inner, lambda item: self.append(lst, item))

        self.each((site, "repeat"), self._range_seq(rounds), once)
        return lst

    def place(self) -> Any:
        """A name of the place in the program that is being translated (`functions`)."""
        raise NotImplementedError

    # Comparisons

    def compare(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        """``a op b`` as a value."""
        if isinstance(a, Conflict) or isinstance(b, Conflict):
            self.conflict(a if isinstance(a, Conflict) else b)  # type: ignore[arg-type]
        match op:
            case ast.Is():
                return self.same(a, b)
            case ast.IsNot():
                return self.unary(ast.Not(), self.same(a, b))
            case ast.In():
                return self.contains(a, b)
            case ast.NotIn():
                return self.unary(ast.Not(), self.contains(a, b))
        if self.is_array(a) or self.is_array(b):
            return self.array_compare(op, a, b)
        if isinstance(op, ast.Eq | ast.NotEq):
            equal = self.equal(a, b)
            return equal if isinstance(op, ast.Eq) else self.unary(ast.Not(), equal)
        a, b = self.plain(a), self.plain(b)
        if self.is_sequence(a) and self.is_sequence(b):
            return self._order(op, a, b)
        if isinstance(a, Const) and isinstance(b, Const):
            try:
                return Const(_ORDERS[type(op)](a.obj, b.obj))
            except Exception as error:
                return self.fail(type(error))
        x, y = self.number(a), self.number(b)
        return boolean(self.compare_numbers(SIGNS[type(op)], x, y))

    def array_compare(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        """Elementwise comparison (`arrays`)."""
        raise NotImplementedError

    def same(self, a: Value, b: Value) -> Value:
        """``a is b``, for None and bools; of others only what is certain."""
        if isinstance(a, Const) and not isinstance(b, Const):
            a, b = b, a
        if isinstance(b, Const) and (b.obj is None or b.obj is True or b.obj is False):
            if isinstance(a, Const):
                return Const(a.obj is b.obj)
            return self._is_constant(a, b.obj)
        if isinstance(a, Const) and isinstance(b, Const) and type(a.obj) not in SCALARS:
            return Const(a.obj is b.obj)
        return self.equal(a, b)  # numbers and strings: what the author means by it

    def _is_constant(self, a: Value, obj: Any) -> Value:
        if isinstance(a, Opt):
            if obj is None:
                return Num("b", a.flag)
            inner = self.truth(self._is_constant(a.value, obj))
            return Num("b", self.b.and_(self.b.not_(a.flag), inner))
        if isinstance(a, Num) and obj is not None:
            if a.kind == "b" and a.exact and a.np == 0:
                return Num("b", a.leaf if obj else self.b.not_(a.leaf))
            if not a.exact or (a.kind == "b" and a.np == 2):
                raise Unsupported(f"'is {obj}' of a value that may be a number", self.line)
        return Const(False)

    def equal(self, a: Value, b: Value) -> Value:
        """``a == b``."""
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Opt):
                if isinstance(y, Const) and y.obj is None:
                    return Num("b", x.flag)
                if isinstance(y, Opt):
                    both = self.b.and_(x.flag, y.flag)
                    neither = self.b.not_(self.b.or_(x.flag, y.flag))
                    values = self.b.and_(neither, self.truth(self.equal(x.value, y.value)))
                    return Num("b", self.b.or_(both, values))
                inner = self.truth(self.equal(x.value, y))
                return Num("b", self.b.and_(self.b.not_(x.flag), inner))
        if isinstance(a, Const) and isinstance(b, Const):
            return Const(bool(a.obj == b.obj))
        if self.is_text(a) and self.is_text(b):
            x, y = (self._text_leaf(value) for value in (a, b))
            return boolean(self.b.icmp_signed("==", x, y))
        if self.is_sequence(a) and self.is_sequence(b):
            return self._equal_sequences(a, b)
        if _is_number(a) and _is_number(b):
            return boolean(self.compare_numbers("==", self.number(a), self.number(b)))
        if isinstance(a, Choice) or isinstance(b, Choice):
            chosen, other = (a, b) if isinstance(a, Choice) else (b, a)
            return self.of_each(chosen, lambda v: self.equal(v, other))  # type: ignore[arg-type]
        if isinstance(a, Num | Str | Tup | Lst | Const) and isinstance(b, Num | Str | Tup | Lst):
            return Const(False)
        if isinstance(b, Const) and isinstance(a, Num | Str | Tup | Lst):
            return Const(False)
        raise Unsupported(f"compares {describe(type_of(a))}", self.line)

    def _text_leaf(self, value: Value) -> Leaf:
        return value.leaf if isinstance(value, Str) else i64(self.string_id(value.obj))  # type: ignore[attr-defined]

    def _equal_sequences(self, a: Value, b: Value) -> Value:
        first, second = self.seq(a), self.seq(b)
        if first.static is not None and second.static is not None:
            if _is_list(a) != _is_list(b) or first.static != second.static:
                return Const(False)
            result = TRUE
            for k in range(first.static):
                equal = self.truth(self.equal(first.get(k), second.get(k)))
                result = equal if result is TRUE else self.b.and_(result, equal)
            return boolean(result)
        if 0 in (first.static, second.static):
            return boolean(self.b.icmp_signed("==", first.length(), second.length()))
        raise Unsupported("compares two lists", self.line)

    def _order(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        strict = isinstance(op, ast.Lt | ast.Gt)
        swapped = isinstance(op, ast.Gt | ast.GtE)
        x, y = (b, a) if swapped else (a, b)
        less = self.less(x, y)
        if strict:
            return boolean(less)
        return boolean(self.b.not_(self.less(y, x)))

    def less(self, a: Value, b: Value) -> Leaf:
        """``a < b`` for numbers and for tuples of numbers."""
        if not self.is_sequence(a):
            return self.compare_numbers("<", self.number(a), self.number(b))
        first, second = self.as_tuple(a).items, self.as_tuple(b).items
        result = TRUE if len(first) < len(second) else FALSE
        for x, y in reversed(list(zip(first, second, strict=False))):
            smaller = self.less(x, y)
            equal = self.truth(self.equal(x, y))
            result = self.b.select(equal, result, smaller)
        return result

    def contains(self, item: Value, container: Value) -> Value:
        """``item in container``."""
        container = self.plain(container)
        if isinstance(container, Dct):
            return self.dict_has(container, item)
        if isinstance(container, Const):
            obj = container.obj
            if isinstance(item, Const):
                try:
                    return Const(item.obj in obj)
                except TypeError:
                    return self.fail(TypeError)
            if isinstance(obj, range):
                return self._in_range(item, Range(i64(obj.start), i64(obj.stop), obj.step))
            if isinstance(obj, list | tuple | set | frozenset | dict) and len(obj) <= _CHAIN:
                return self._any_equal(item, [Const(each) for each in obj])
        if isinstance(container, Tup):
            return self._any_equal(item, list(container.items))
        if isinstance(container, Range):
            return self._in_range(item, container)
        return self._search(item, container)

    def dict_has(self, container: Dct, item: Value) -> Value:
        """Whether a dict has a key (`containers`)."""
        raise NotImplementedError

    def _any_equal(self, item: Value, candidates: list[Value]) -> Value:
        found: Leaf = FALSE
        for candidate in candidates:
            equal = self.truth(self.equal(item, candidate))
            if equal is FALSE or (isinstance(equal, ir.Constant) and not equal.constant):
                continue
            found = equal if found is FALSE else self.b.or_(found, equal)
        return boolean(found)

    def _in_range(self, item: Value, container: Range) -> Value:
        if isinstance(item, Const) and item.obj is None:
            return Const(False)
        number = self.number(item)
        if number.kind == "f":
            whole = self.native("llvm.floor.f64", F64, number.leaf)
            small = self.b.fcmp_ordered(
                "<", self.absolute(number.leaf), ir.Constant(F64, 9e15)
            )
            fits = self.b.and_(self.b.fcmp_ordered("==", whole, number.leaf), small)
            leaf = self.b.fptosi(self.b.select(fits, whole, ir.Constant(F64, 0.0)), I64)
        else:
            fits, leaf = TRUE, self.cast(number.leaf, number.kind, "i")
        gap = self.b.sub(leaf, container.start)
        step, room = container.step, self.b.sub(container.stop, container.start)
        if step < 0:
            gap, room, step = self.b.sub(i64(0), gap), self.b.sub(i64(0), room), -step
        inside = self.b.and_(
            self.b.icmp_signed(">=", gap, i64(0)), self.b.icmp_signed("<", gap, room)
        )
        on_step = self.b.icmp_signed("==", self.b.srem(gap, i64(step)), i64(0))
        return boolean(self.b.and_(fits, self.b.and_(inside, on_step)))

    def _search(self, item: Value, container: Value) -> Value:
        seq = self.seq(container)
        key = ("found", self.place())
        self.env[key] = Const(False)

        def look(other: Value) -> None:
            equal = self.truth(self.equal(item, other))
            self.env[key] = boolean(self.b.or_(self.truth(self.env[key]), equal))

        self.each((self.place(), "in"), seq, look)
        return self.env.pop(key)


_ORDERS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


def _is_number(value: Value) -> bool:
    if isinstance(value, Num):
        return True
    return isinstance(value, Const) and (
        type(value.obj) in (bool, int, float) or getattr(value.obj, "shape", None) == ()
    )


def _is_list(value: Value) -> bool:
    if isinstance(value, Tup):
        return value.is_list
    return isinstance(value, Lst) or (isinstance(value, Const) and isinstance(value.obj, list))


def _leaf_type(kind: str) -> Any:
    from deepracer_fast.reward.compiler.emitter import LEAF

    return LEAF[kind]


__all__ = ["NONE", "LoopFrame", "Seq", "Sequences"]
