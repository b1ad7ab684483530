"""A car's state as 64-bit words of a kernel's columns, and as the values that Python keeps.

In: a record of the state that the compiler made, then values as `kept_values` writes them. Out: the
words, or `StateError`; and back. Whatever values are given, the words of a type have its number
and its ranges: compiled code takes lengths and flags from them.
"""

import struct
from collections.abc import Iterator
from typing import Any

Words = list[Any]  # an int a leaf; for a list leaf the list of its words
Type = list[Any]  # see ``State``
_ACCEPTED = {"b": (bool,), "i": (int, bool), "f": (float, int, bool)}
_MAX_INT = 2**53
_MAX_TEXTS = 100_000  # that are told apart
_LONGEST = 1 << 22  # words of a list


class StateError(Exception):
    """A value is not of the type that its place was compiled for."""


class State:
    """What a compiled module keeps.

    Args:
        record: ``places``, a kind, the number of an object in the description and a name each;
            their ``types``; and the ``texts`` of the program, by number.

    A type is a list that begins with its kind: ``["number", kind, np]``, ``["text"]``,
    ``["none"]``, ``["maybe", type]`` (it may be missing), ``["optional", type]`` (it may be None),
    ``["list", type or None]`` (in memory; None: it never had an item), and ``["items", is_list,
    types]`` for tuples and short lists.
    """

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.places: list[object] = record["places"]
        self._types: list[Type] = record["types"]
        self._texts: list[str] = record["texts"]
        self._numbers = {text: number for number, text in enumerate(self._texts)}

    def layout(self, values: list[object]) -> list[dict[str, object]]:
        """One record a leaf: its initial words, and the width of a list's elements."""
        records: list[dict[str, object]] = []
        for typ, value in zip(self._types, values, strict=True):
            for word in self._pack(typ, value):
                is_list = isinstance(word, list)
                width = _row_width(_list_in(typ)) if is_list else 1
                records.append({"list": is_list, "width": width, "initial": word})
        return records

    def words(self, values: object) -> Words:
        """The words of values.

        Raises:
            StateError: they have other types than those that were compiled.
        """
        if type(values) is not list or len(values) != len(self._types):
            raise StateError("there are other values than before")
        return [
            word
            for typ, value in zip(self._types, values, strict=True)
            for word in self._pack(typ, value)
        ]

    def values(self, words: Words) -> list[object]:
        """The values that words stand for."""
        waiting = iter(words)
        return [self._unpack(typ, waiting) for typ in self._types]

    # To words

    def _pack(self, typ: Type, value: object) -> Words:
        match typ:
            case ["maybe" | "optional" as kind, inner]:
                is_set = value == ["missing"] if kind == "maybe" else value is None
                return [1, *_zeros(inner)] if is_set else [0, *self._pack(inner, value)]
            case ["number", kind, _]:
                return [_number_word(kind, value)]
            case ["text"] if type(value) is str:
                return [self._text_number(value)]
            case ["none"] if value is None:
                return []
            case ["items", is_list, types]:
                items = _items_of(value, "list" if is_list else "tuple")
                if len(items) == len(types):
                    pairs = zip(types, items, strict=True)
                    return [word for item, part in pairs for word in self._pack(item, part)]
            case ["list", element]:
                return [self._row(element, _items_of(value, "list"))]
        raise StateError(f"{value!r:.40} has another type than before")

    def _row(self, element: Type | None, items: list[Any]) -> Words:
        """The words of a list; those of a list of lists begin with its length, as each of them."""
        if element is None:
            if items:
                raise StateError("a list that was always empty has items")
            return []
        if element[0] != "list":
            words = [word for item in items for word in self._pack(element, item)]
        else:
            words = [len(items)]
            for item in items:
                (row,) = self._pack(element, item)
                words += row if _is_list(element[1]) else [len(item) - 1, *row]
        if len(words) > _LONGEST:
            raise StateError("a list is too long")
        return words

    def _text_number(self, text: str) -> int:
        """One that the code does not know equals none that it knows."""
        if text not in self._numbers:
            if len(self._texts) >= _MAX_TEXTS:
                raise StateError("it makes ever new texts")
            self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return self._numbers[text]

    # From words

    def _unpack(self, typ: Type, words: Iterator[Any]) -> object:
        match typ:
            case ["maybe" | "optional" as kind, inner]:
                flag, value = next(words), self._unpack(inner, words)
                return (["missing"] if kind == "maybe" else None) if flag else value
            case ["number", kind, np]:
                return _number_of(kind, np, next(words))
            case ["text"]:
                return self._texts[next(words)]
            case ["items", is_list, types]:
                parts = [self._unpack(item, words) for item in types]
                return ["list" if is_list else "tuple", *parts]
            case ["list", element]:
                row = next(words)
                if not row or element is None:
                    return ["list"]
                flat = iter(row)
                count = next(flat) if _is_list(element) else len(row) // _row_width(typ)
                return ["list", *self._unpack_items(element, count, flat)]
        return None

    def _unpack_items(self, element: Type, count: int, flat: Iterator[Any]) -> list[object]:
        """So many elements of a list."""
        if not _is_list(element):
            return [self._unpack(element, flat) for _ in range(count)]
        return [["list", *self._unpack_items(element[1], next(flat), flat)] for _ in range(count)]


def _items_of(value: object, kind: str) -> list[Any]:
    if type(value) is not list or value[:1] != [kind]:
        raise StateError(f"{value!r:.40} has another type than before")
    return value[1:]


def _number_word(kind: str, value: Any) -> int:
    if type(value) not in _ACCEPTED[kind] or (type(value) is int and abs(value) > _MAX_INT):
        raise StateError(f"{value!r:.40} has another type than before")
    if kind != "f":
        return int(value)
    word: int = struct.unpack("<q", struct.pack("<d", float(value)))[0]
    return word


def _number_of(kind: str, np: int, word: int) -> object:
    if kind == "f":
        number: object = struct.unpack("<d", struct.pack("<q", word))[0]
    else:
        number = bool(word) if kind == "b" else word
    return ["float64" if kind == "f" else "int64", number] if np == 1 else number


def _is_list(typ: Type | None) -> bool:
    return typ is not None and typ[0] == "list"


def _list_in(typ: Type) -> Type:
    """The list that a place holds, perhaps."""
    return typ if typ[0] == "list" else _list_in(typ[1])


def _row_width(typ: Type) -> int:
    """Words of one unit of a list's length in its column."""
    element = typ[1]
    return 0 if element is None else 1 if _is_list(element) else len(_zeros(element))


def _zeros(typ: Type) -> Words:
    match typ:
        case ["maybe" | "optional", inner]:
            return [0, *_zeros(inner)]
        case ["items", _, types]:
            return [word for item in types for word in _zeros(item)]
        case ["list", _]:
            return [[]]
        case ["none"]:
            return []
    return [0]
