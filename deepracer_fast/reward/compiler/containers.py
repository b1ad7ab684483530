"""Methods and items of lists, dicts and strings."""

from __future__ import annotations

import collections
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.arithmetic import boolean
from deepracer_fast.reward.compiler.emitter import FALSE, I64, TRUE, i64
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.state import State
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Arr,
    Choice,
    Const,
    Dct,
    Lazy,
    Leaf,
    Lst,
    Maybe,
    Num,
    Opaque,
    Range,
    Tup,
    Value,
    type_of,
)

_TEXT_TESTS = ("startswith", "endswith", "lower", "upper", "strip", "title", "capitalize")


class Containers(State):
    """What people call on lists, dicts and strings."""

    # Items

    def subscript(self, owner: Value, index: Value) -> Value:
        """``owner[index]``."""
        owner = self.plain(owner)
        if isinstance(owner, Dct) or (isinstance(owner, Const) and isinstance(owner.obj, dict)):
            return self.dict_item(owner, index)
        if self.is_array(owner):
            return self.array_item(owner, index)
        if self.is_sequence(owner) or isinstance(owner, Lst) or self.is_text(owner):
            return self.item(owner, index)
        if isinstance(owner, Range) or (isinstance(owner, Const) and isinstance(owner.obj, range)):
            return self.item(owner, index)
        if isinstance(owner, Choice):
            return self.of_each(owner, lambda v: self.subscript(v, index))
        if isinstance(owner, Num):
            return self.fail(TypeError)
        raise Unsupported(f"an item of {describe(type_of(owner))}", self.line)

    def array_item(self, owner: Value, index: Value) -> Value:
        """``array[index]`` (`arrays`)."""
        raise NotImplementedError

    def set_item(self, owner: Value, index: Value, value: Value) -> None:
        """``owner[index] = value``."""
        owner = self.plain(owner)
        if isinstance(owner, Dct) or (isinstance(owner, Const) and isinstance(owner.obj, dict)):
            self.dict_write(owner, index, value)
            return
        lst = self.mutable(owner)
        at = self.position(self.as_int(index), self.length(lst))
        self.store_element(lst, at, value)

    def mutable(self, owner: Value) -> Lst:
        """A list that may be changed; others are moved to memory, and the pass starts over."""
        if isinstance(owner, Lst):
            if self.facts.is_frozen(owner.site):
                raise Unsupported("changes a list of params or of the module", self.line)
            if self.facts.is_mixed(owner.site):
                self.fail_if(self.is_fixed(owner), None)
            return owner
        if isinstance(owner, Tup) and owner.is_list and owner.sites:
            self.facts.make_dynamic(owner.sites)
        if isinstance(owner, Const) and isinstance(owner.obj, list):
            self.list_slot(owner.obj)
        if isinstance(owner, Tup) and owner.is_list is False:
            return self.fail(TypeError)
        raise Unsupported(f"changes {describe(type_of(owner))}", self.line)

    # Methods

    def method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        """``owner.name(...)`` of a built-in type."""
        if isinstance(owner, Opaque):
            return Opaque()
        if isinstance(owner, Dct) or (isinstance(owner, Const) and isinstance(owner.obj, dict)):
            return self._dict_method(owner, name, args, kw)
        if self.is_text(owner):
            return self._text_method(owner, name, args, kw)
        if self.is_array(owner):
            return self.array_method(owner, name, args, kw)
        if isinstance(owner, Const) and isinstance(owner.obj, set | frozenset):
            raise Unsupported(f"the method {name} of a set", self.line)
        if self.is_sequence(owner) or (
            isinstance(owner, Const) and isinstance(owner.obj, collections.deque)
        ):
            return self._list_method(owner, name, args, kw)
        return self.number_method(owner, name, args)

    def array_method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        """``array.name(...)`` (`arrays`)."""
        raise NotImplementedError

    def number_method(self, owner: Value, name: str, args: tuple[Value, ...]) -> Value:
        """``number.name()`` (`numbers`)."""
        raise NotImplementedError

    def sort_into(self, site: Any, seq: Seq, key: Value | None, reverse: bool) -> Lst:
        """A sorted list (`calls`)."""
        raise NotImplementedError

    def _list_method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        if name == "count":
            return self._count_equal(owner, args[0])
        if name == "index":
            return self._index_of(owner, args)
        if name == "copy":
            return self.to_list(("copy", self.place()), owner)
        lst = self.mutable(owner)
        match name, len(args):
            case "append", 1:
                self._append_within(lst, args[0])
            case "appendleft", 1:
                raise Unsupported("appendleft", self.line)
            case "extend", 1:
                self.each(
                    (self.place(), "extend"), self.seq(args[0]), lambda v: self.append(lst, v)
                )
            case "insert", 2:
                self._insert(lst, self.as_int(args[0]), args[1])
            case "pop", (0 | 1):
                return self._pop(lst, self.as_int(args[0]) if args else i64(-1))
            case "popleft", 0:
                return self._pop(lst, i64(0))
            case "clear", 0:
                self.b.store(i64(0), self.word_at(self.header(lst), 1))
            case "remove", 1:
                found = self._index_of(lst, args)
                self._pop(lst, self.as_int(found))
            case "reverse", 0:
                copied = self.to_list((self.place(), "copy"), lst)
                self._overwrite(lst, self.backwards(self.seq(copied)))
            case "sort", 0:
                self._sort_in_place(lst, kw)
            case _:
                raise Unsupported(f"the list method {name}", self.line)
        return NONE

    def _sort_in_place(self, lst: Lst, kw: Any) -> None:
        reverse = kw.get("reverse", Const(False))
        if not isinstance(reverse, Const):
            raise Unsupported("a sort whose direction is not known", self.line)
        site = (self.place(), "sort")
        done = self.sort_into(site, self.seq(lst), kw.get("key"), bool(reverse.obj))
        self._overwrite(lst, self.seq(done))

    def _overwrite(self, lst: Lst, seq: Seq) -> None:
        self.b.store(i64(0), self.word_at(self.header(lst), 1))
        self.each((self.place(), "overwrite"), seq, lambda v: self.append(lst, v))

    def _append_within(self, lst: Lst, value: Value) -> None:
        self.append(lst, value)
        maxlen = self.facts.maxlen.get(self.facts.root(lst.site))
        if maxlen is not None:
            over = self.b.icmp_signed(">", self.length(lst), i64(maxlen))

            def drop() -> Value:
                self._pop(lst, i64(0))
                return NONE

            self.if_else(over, drop, lambda: NONE)

    def _pop(self, lst: Lst, index: Leaf) -> Value:
        length = self.length(lst)
        at = self.position(index, length)
        value = self.load_element(lst, at)
        width = i64(self.width(lst.site))
        start = self._element_address(lst, at)
        rest = self.b.sub(self.b.sub(length, at), i64(1))
        words = self.b.mul(rest, width)
        self.copy_words(start, self.b.gep(start, [width]), words)
        self.b.store(self.b.sub(length, i64(1)), self.word_at(self.header(lst), 1))
        return value

    def _insert(self, lst: Lst, index: Leaf, value: Value) -> None:
        length = self.length(lst)
        at = self.b.select(self.b.icmp_signed("<", index, i64(0)), self.b.add(index, length), index)
        at = self.b.select(self.b.icmp_signed("<", at, i64(0)), i64(0), at)
        at = self.b.select(self.b.icmp_signed(">", at, length), length, at)
        self.append(lst, value)  # makes room; the place at the end is overwritten by the shift
        width = i64(self.width(lst.site))
        start = self._element_address(lst, at)
        words = self.b.mul(self.b.sub(length, at), width)
        self.copy_words(self.b.gep(start, [width]), start, words)
        self.store_element(lst, at, value)

    def _count_equal(self, owner: Value, item: Value) -> Value:
        key = ("count", self.place())
        self.env[key] = Const(0)

        def look(other: Value) -> None:
            equal = self.truth(self.equal(item, other))
            one = boolean(equal)
            self.env[key] = self.arithmetic_add(self.env[key], one)

        self.each((self.place(), "count"), self.seq(owner), look)
        return self.env.pop(key)

    def arithmetic_add(self, a: Value, b: Value) -> Value:
        """``a + b``."""
        import ast

        return self.binary(ast.Add(), a, b)

    def _index_of(self, owner: Value, args: tuple[Value, ...]) -> Value:
        """The first position of an equal item; ValueError if there is none."""
        if len(args) != 1:
            raise Unsupported("index with a range", self.line)
        known = isinstance(owner, Const) and isinstance(args[0], Const)
        if known:
            try:
                return Const(owner.obj.index(args[0].obj))  # type: ignore[attr-defined]
            except ValueError:
                return self.fail(ValueError)
        seq = self.seq(owner)
        found, counter = self.alloca(I64), self.alloca(I64)
        self.b.store(i64(-1), found)
        self.b.store(i64(0), counter)

        def look(other: Value) -> None:
            equal = self.truth(self.equal(args[0], other))
            at, before = self.b.load(counter), self.b.load(found)
            first = self.b.and_(equal, self.b.icmp_signed("<", before, i64(0)))
            self.b.store(self.b.select(first, at, before), found)
            self.b.store(self.b.add(at, i64(1)), counter)

        self.each((self.place(), "index"), seq, look)
        at = self.b.load(found)
        self.fail_if(self.b.icmp_signed("<", at, i64(0)), ValueError)
        return Num("i", at)

    # Dicts

    def _dict_method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        match name, len(args):
            case "get", (1 | 2):
                return self._get(owner, args[0], args[1] if len(args) == 2 else NONE)
            case "keys", 0:
                return Tup(tuple(Const(key) for key in self.keys_of(owner)), True)
            case "values", 0:
                return Tup(tuple(self._present(owner, key) for key in self.keys_of(owner)), True)
            case "items", 0:
                return Tup(
                    tuple(
                        Tup((Const(key), self._present(owner, key))) for key in self.keys_of(owner)
                    ),
                    True,
                )
            case "copy", 0:
                if isinstance(owner, Dct) and owner.path == ("params",):
                    raise Unsupported("a copy of params", self.line)
                items = [(key, self._present(owner, key)) for key in self.keys_of(owner)]
                return self.new_dict(("copy", self.place()), items)
            case "pop", (1 | 2):
                return self._pop_key(owner, args)
            case "setdefault", (1 | 2):
                return self._set_default(owner, args[0], args[1] if len(args) == 2 else NONE)
            case "update", (0 | 1):
                for source in args:
                    for key in self.keys_of(source):
                        self.dict_write(owner, Const(key), self._present(source, key))
                for key, value in kw.items():
                    self.dict_write(owner, Const(key), value)
                return NONE
        raise Unsupported(f"the dict method {name}", self.line)

    def _present(self, owner: Value, key: Any) -> Value:
        value = self.dict_read(owner, key)
        if value is UNBOUND or isinstance(value, Maybe):
            raise Unsupported("a dict whose keys depend on the way taken", self.line)
        return value

    def _get(self, owner: Value, key: Value, default: Value) -> Value:
        if isinstance(key, Const):
            value = self.dict_read(owner, self._hashable(key))
            if value is UNBOUND:
                return default
            if isinstance(value, Maybe):
                held = value.value
                return self.if_else(value.flag, lambda: default, lambda: held)
            return value
        keys = self.keys_of(owner)
        found = self.find_key(key, keys)
        values = tuple(self.dict_read(owner, k) for k in keys)
        missing = self.b.icmp_signed("<", found, i64(0))
        return self.if_else(missing, lambda: default, lambda: self.pick(values, found))

    def _pop_key(self, owner: Value, args: tuple[Value, ...]) -> Value:
        if len(args) == 1:
            value = self.dict_item(owner, args[0])
            self.dict_remove(owner, args[0])
            return value

        def take() -> Value:
            return self._pop_key(owner, args[:1])

        has = self.truth(self.dict_has(owner, args[0]))
        if isinstance(has, ir.Constant):
            return take() if has.constant else args[1]
        return self.if_else(has, take, lambda: args[1])

    def _set_default(self, owner: Value, key: Value, default: Value) -> Value:
        has = self.truth(self.dict_has(owner, key))

        def put() -> Value:
            self.dict_write(owner, key, default)
            return default

        if isinstance(has, ir.Constant):
            return self.dict_item(owner, key) if has.constant else put()
        return self.if_else(has, lambda: self.dict_item(owner, key), put)

    # Strings

    def _text_method(self, owner: Value, name: str, args: tuple[Value, ...], kw: Any) -> Value:
        if name in ("format", "join", "ljust", "rjust", "center", "zfill", "replace"):
            if name == "join" and args:
                self.seq_or_text(args[0])
            return Opaque()
        if isinstance(owner, Const) and all(isinstance(arg, Const) for arg in args):
            known = [arg.obj for arg in args if isinstance(arg, Const)]
            if name in _TEXT_TESTS:
                try:
                    return Const(getattr(owner.obj, name)(*known))
                except TypeError:
                    return self.fail(TypeError)
        raise Unsupported(f"the string method {name}", self.line)

    def seq_or_text(self, value: Value) -> None:
        """Refuses what cannot be joined."""
        if not (self.is_sequence(value) or isinstance(value, Opaque | Lazy | Lst | Const | Arr)):
            raise Unsupported("join of something else", self.line)


__all__ = ["FALSE", "TRUE", "Containers"]
