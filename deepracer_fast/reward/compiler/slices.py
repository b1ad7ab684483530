"""Items and slices of sequences; copies, sums and repetitions of lists."""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.emitter import i64
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported
from deepracer_fast.reward.compiler.sequences import Seq, Sequences
from deepracer_fast.reward.compiler.values import (
    Const,
    Leaf,
    Lst,
    Range,
    Tup,
    Value,
)


class Slices(Sequences):
    """Indices from either end, slices, and new lists out of old ones."""

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

    def sliced(self, site: Any, value: Value, bounds: tuple[Value, Value, Value]) -> Value:
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
            if isinstance(value.obj, list) and len(value.obj) <= MAX_STATIC:
                return self.series(site, tuple(map(self.known, value.obj[cut])), True)
            key = (site, id(value.obj), cut.start, cut.stop, cut.step)
            part = Const(self.facts.made.setdefault(key, value.obj[cut]))
            return self.to_list(site, part) if site in self.facts.dynamic else part
        if isinstance(value, Tup):
            return self.series(site, value.items[cut], value.is_list)
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

    def series(self, site: Any, items: tuple[Value, ...], is_list: bool | None) -> Value:
        """A new tuple or list of known items; in memory if the program changes it."""
        if not is_list:
            return Tup(items, is_list)
        made = Tup(items, True, frozenset([site]))
        return self.to_list(site, made) if site in self.facts.dynamic else made

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
                if first.is_list is None or second.is_list is None:
                    raise Unsupported("adds to a list or a tuple", self.line)
                if first.is_list != second.is_list:
                    return self.fail(TypeError)
                if len(first.items) + len(second.items) <= MAX_STATIC * 4:
                    return self.series(site, first.items + second.items, first.is_list)
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
                return self.series(site, items.items * times.obj, items.is_list)
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
