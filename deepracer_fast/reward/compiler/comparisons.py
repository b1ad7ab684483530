"""Comparisons of any two values: identity, equality, order, and ``in``."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.arithmetic import SCALARS, SIGNS, boolean
from deepracer_fast.reward.compiler.emitter import F64, FALSE, I1, I64, TRUE, i64
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.slices import Slices
from deepracer_fast.reward.compiler.values import (
    Choice,
    Conflict,
    Const,
    Dct,
    Leaf,
    Lst,
    Num,
    Opt,
    Range,
    Str,
    Tup,
    Value,
    type_of,
)

_CHAIN = 512  # items of a constant collection that `in` compares one by one


class Comparisons(Slices):
    """``is``, ``==``, ``<`` and ``in``."""

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
            except (TypeError, ValueError) as error:
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
        kinds = [self._is_list(value) for value in (a, b)]
        if None in kinds:
            return self._equal_perhaps(a, b, False in kinds)
        if kinds[0] != kinds[1]:
            return Const(False)
        return self._equal_items(first, second)

    def _is_list(self, value: Value) -> bool | None:
        """Whether a sequence is a list; None if that depends on the way taken."""
        if isinstance(value, Tup):
            return value.is_list
        if isinstance(value, Lst):
            return None if self.facts.may_be_tuple(value.site) else True
        return isinstance(value, Const) and isinstance(value.obj, list)

    def _equal_perhaps(self, a: Value, b: Value, with_tuple: bool) -> Value:
        """Equality where a fixed list in memory may stand for a tuple: that is for Python."""
        unsure = [v for v in (a, b) if self._is_list(v) is None]
        lists = [v for v in unsure if isinstance(v, Lst)]
        if len(lists) < len(unsure):
            raise Unsupported("compares a list or a tuple", self.line)
        alike = self.truth(self._equal_items(self.seq(a), self.seq(b)))
        for lst in lists:
            self.fail_if(self.b.and_(alike, self.is_fixed(lst)), None)
        return Const(False) if with_tuple else boolean(alike)

    def _equal_items(self, first: Seq, second: Seq) -> Value:
        if first.static is None or second.static is None:
            return self._equal_in_memory(first, second)
        if first.static != second.static:
            return Const(False)
        result = TRUE
        for k in range(first.static):
            equal = self.truth(self.equal(first.get(k), second.get(k)))
            result = equal if result is TRUE else self.b.and_(result, equal)
        return boolean(result)

    def _equal_in_memory(self, first: Seq, second: Seq) -> Value:
        """Whether two sequences, one of them in memory, have equal items."""
        alike = self.alloca(I1)
        lengths = first.length(), second.length()
        same = self.b.icmp_signed("==", *lengths)
        self.b.store(same, alike)

        def look(k: Leaf) -> None:
            here = self.truth(self.equal(first.get(k), second.get(k)))
            self.b.store(self.b.and_(self.b.load(alike), here), alike)

        self.times(self.b.select(same, lengths[0], i64(0)), look)
        return boolean(self.b.load(alike))

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
            small = self.b.fcmp_ordered("<", self.absolute(number.leaf), ir.Constant(F64, 9e15))
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
