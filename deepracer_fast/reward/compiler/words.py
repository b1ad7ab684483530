"""State between Python objects and the 64-bit words of a kernel's columns.

In: the slots of a compiled program. Out: the layout that a caller needs, a car's words from the
objects of a module, and the objects from the words.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from deepracer_fast.reward.compiler.joins import Facts, Slot
from deepracer_fast.reward.compiler.kept import inner_site, list_site, row_width, slot_leaves
from deepracer_fast.reward.compiler.program import Program
from deepracer_fast.reward.compiler.state import MISSING
from deepracer_fast.reward.compiler.values import (
    TConst,
    TLst,
    TMaybe,
    TNum,
    TOpt,
    TStr,
    TTup,
    Type,
    leaf_kinds,
)

Words = list[Any]  # an int a leaf; for a list leaf the list of its words
_ACCEPTED = {"b": (bool,), "i": (int, bool), "f": (float, int, bool)}


class StateError(Exception):
    """An object is not of the type that its slot was compiled for."""


class StateWords:
    """Reads and writes the state of one module, in the order of the kernel's columns."""

    def __init__(self, program: Program) -> None:
        self._facts: Facts = program.facts
        self._strings = program.strings
        self._namespace = program.namespace
        self._slots = list(program.facts.slots.values())

    def layout(self) -> list[dict[str, Any]]:
        """One record a leaf: its initial words, and the width of a list's elements."""
        records: list[dict[str, Any]] = []
        for slot in self._slots:
            words = self.pack(slot.type, slot.initial)
            for kind, word in zip(slot_leaves(slot, self._facts), words, strict=True):
                if kind == "list":
                    width = row_width(list_site(slot.type), self._facts)
                    records.append({"list": True, "width": width, "initial": word})
                else:
                    records.append({"list": False, "width": 1, "initial": word})
        return records

    def read(self) -> Words:
        """The present state of the module.

        Raises:
            StateError: it has left the types that it was compiled for.
        """
        words: Words = []
        for slot in self._slots:
            words += self.pack(slot.type, self._object(slot))
        return words

    def write(self, words: Words) -> None:
        """Puts a car's state into the module."""
        waiting = iter(words)
        for slot in self._slots:
            self._assign(slot, self.unpack(slot.type, waiting))

    def _object(self, slot: Slot) -> Any:
        match slot.kind:
            case "global":
                return self._namespace.get(slot.name, MISSING)
            case "key":
                return slot.owner.get(slot.name, MISSING)
            case "list":
                return list(slot.owner)
            case "cell":
                return slot.owner.cell_contents
        return getattr(slot.owner, slot.name, MISSING)

    def _assign(self, slot: Slot, obj: Any) -> None:
        match slot.kind:
            case "list":
                slot.owner.clear()
                slot.owner.extend(obj)
            case "cell":
                slot.owner.cell_contents = obj
            case "attr":
                if obj is not MISSING:
                    setattr(slot.owner, slot.name, obj)
                elif slot.name in getattr(slot.owner, "__dict__", {}):
                    delattr(slot.owner, slot.name)
            case _:
                holder = self._namespace if slot.kind == "global" else slot.owner
                if obj is MISSING:
                    holder.pop(slot.name, None)
                else:
                    holder[slot.name] = obj

    def pack(self, typ: Type, obj: Any) -> Words:
        """The words of an object as a type."""
        match typ:
            case TMaybe(inner):
                if obj is MISSING:
                    return [1, *self._zeros(inner)]
                return [0, *self.pack(inner, obj)]
            case TOpt(inner):
                return [1, *self._zeros(inner)] if obj is None else [0, *self.pack(inner, obj)]
            case TNum(kind):
                return [self._number(kind, obj)]
            case TStr() if isinstance(obj, str):  # one that the code does not know equals none
                return [self._strings.setdefault(obj, len(self._strings))]
            case TTup(items, is_list) if isinstance(obj, list if is_list else tuple):
                if len(obj) == len(items):
                    pairs = zip(items, obj, strict=True)
                    return [word for item, part in pairs for word in self.pack(item, part)]
            case TLst(site) if isinstance(obj, list):
                return [self._row(site, obj)]
            case TConst(_, None) if obj is None:
                return []
        raise StateError(f"{obj!r:.40} has another type than before")

    def _row(self, site: Any, obj: list[Any]) -> Words:
        """The words of a list; those of a list of lists begin with its length, as each of them."""
        element = self._facts.element(site)
        if element is None and obj:
            raise StateError(f"{obj!r:.40} has another type than before")
        if not isinstance(element, TLst):
            return [word for item in obj for word in self.pack(element, item)]  # type: ignore[arg-type]
        words = [len(obj)]
        for item in obj:
            (row,) = self.pack(element, item)
            nested = inner_site(element.site, self._facts) is not None
            words += row if nested else [len(item), *row]
        return words

    def _zeros(self, typ: Type) -> Words:
        if isinstance(typ, TLst):
            return [[]]
        if isinstance(typ, TOpt | TMaybe):
            return [0, *self._zeros(typ.inner)]
        return [0 for _ in leaf_kinds(typ)]

    def _number(self, kind: str, obj: Any) -> int:
        value = obj.item() if type(obj).__module__ == "numpy" and hasattr(obj, "item") else obj
        if type(value) not in _ACCEPTED[kind] or (kind != "f" and abs(value) > 2**53):
            raise StateError(f"{obj!r:.40} has another type than before")
        if kind == "f":
            word: int = struct.unpack("<q", struct.pack("<d", float(value)))[0]
            return word
        return int(value)

    def unpack(self, typ: Type, words: Iterator[Any]) -> Any:
        """The object that words stand for."""
        match typ:
            case TMaybe(inner) | TOpt(inner):
                flag, obj = next(words), self.unpack(inner, words)
                return (MISSING if isinstance(typ, TMaybe) else None) if flag else obj
            case TNum(kind, np):
                return self._object_of(kind, np, next(words))
            case TStr():
                number = next(words)
                return next(text for text, k in self._strings.items() if k == number)
            case TTup(items, is_list):
                parts = [self.unpack(item, words) for item in items]
                return parts if is_list else tuple(parts)
            case TLst(site):
                row = next(words)
                if not row or (element := self._facts.element(site)) is None:
                    return []
                flat = iter(row)
                count = (
                    next(flat)
                    if isinstance(element, TLst)
                    else len(row) // row_width(site, self._facts)
                )
                return self._items(element, count, flat)
        return None

    def _object_of(self, kind: str, np: int, word: int) -> Any:
        if kind == "f":
            number: Any = struct.unpack("<d", struct.pack("<q", word))[0]
        else:
            number = bool(word) if kind == "b" else word
        if np == 1:
            import numpy

            return numpy.float64(number) if kind == "f" else numpy.int64(number)
        return number

    def _items(self, element: Type | None, count: int, flat: Iterator[Any]) -> list[Any]:
        """So many elements of a list; None where the program has none to put there."""
        if not isinstance(element, TLst):
            return [self.unpack(element, flat) for _ in range(count)]  # type: ignore[arg-type]
        inner = self._facts.element(element.site)
        return [self._items(inner, next(flat), flat) for _ in range(count)]
