"""The door for values from a user's Python: each is what it should be, or one clear line is raised.

In: any object at all, its name in messages, and the error class of the station that asks. Out: a
plain Python value. What lies behind the door trusts what came through it. NumPy's scalars serve
like Python's, a whole number serves as a number; a truth value is never a number, a float never a
count (64.0 is refused like 64.5), and a text never a list of texts.
Neighbours: every station with a public function or record asks here; ``arrays`` is the same door
for arrays; files have their readers.
"""

import math
import operator
import os
import re
import reprlib
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from deepracer_fast.errors import ConfigError, DeepRacerError

Error = type[DeepRacerError]
_Kind = TypeVar("_Kind")

SEEDS = 2**64
"""Seeds of a simulator lie in [0, 2**64), the words of the core's counter-based generator."""

TRAINING_SEEDS = 2**63
"""Seeds of a training lie in [0, 2**63), TOML's integers; what it adds stays within ``SEEDS``."""

MOST = 2**31 - 1
"""The largest count: the core's ``int``."""

_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes: Linux's NAME_MAX, and PATH_MAX without its end
_SHOWN = 80  # characters of a found value

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _SHOWN
_short.maxlong = 40


def shown(value: object) -> str:
    """A found value on one short line, whatever it is: a repr may be endless, or fail."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = " ".join(_short.repr(value).split())
    except Exception:  # a whole number of thousands of digits, or a __repr__ of the user's own
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def refuse(name: str, rule: str, value: object, error: Error = ConfigError) -> DeepRacerError:
    """The one line about a value that breaks a rule, to be raised."""
    return error(f"{name} must be {rule}, got {shown(value)}")


def require(record: object, name: str, holds: bool, rule: str, error: Error = ConfigError) -> None:
    """Refuses a record whose field of that name breaks a rule."""
    if not holds:
        raise refuse(name, rule, getattr(record, name), error)


def whole(name: str, value: Any, error: Error = ConfigError) -> int:
    """A whole number of any size, Python's or NumPy's."""
    try:
        if not isinstance(value, bool | np.bool_):
            return operator.index(value)
    except TypeError:
        pass
    raise refuse(name, "a whole number", value, error)


def count(
    name: str, value: object, low: int = 0, high: int = MOST, error: Error = ConfigError
) -> int:
    """A whole number from ``low`` to ``high``, both allowed."""
    number = whole(name, value, error)
    if not low <= number <= high:
        raise refuse(name, f"a whole number from {low} to {high}", value, error)
    return number


def number(name: str, value: object, error: Error = ConfigError) -> float:
    """A number; NaN and infinity are left to the caller's range, which must refuse them."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool):
        raise refuse(name, "a number", value, error)
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits, of either sign
        return math.inf


def truth(name: str, value: object, error: Error = ConfigError) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(name, "true or false", value, error)
    return bool(value)


def text(name: str, value: object, error: Error = ConfigError) -> str:
    """A text."""
    if not isinstance(value, str):
        raise refuse(name, "text", value, error)
    return value


def one_of(
    name: str,
    value: object,
    allowed: Sequence[str],
    error: Error = ConfigError,
    quoted: bool = False,
) -> str:
    """One of a few words."""
    if not (isinstance(value, str) and value in allowed):
        words = [f'"{word}"' if quoted else word for word in allowed]
        rule = " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"
        raise refuse(name, rule, value, error)
    return value


def instance(
    name: str, value: object, kind: type[_Kind], error: Error = ConfigError, maker: str = ""
) -> _Kind:
    """A value of one of our classes; ``maker`` names what makes one."""
    if not isinstance(value, kind):
        how = f" ({maker} makes one)" if maker else ""
        raise refuse(name, f"a {kind.__name__}{how}", value, error)
    return value


def path_of(name: str, value: object, error: Error = ConfigError) -> Path:
    """A path that an operating system can be asked for, whether or not anything is there."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise refuse(name, "a path, as text or pathlib.Path", value, error)
    path = Path(value)
    try:
        whole_path, parts = os.fsencode(path), [os.fsencode(part) for part in path.parts]
    except UnicodeEncodeError:
        raise refuse(name, "a path that can be written in bytes", os.fspath(value), error) from None
    if not os.fspath(value).isprintable() and _CONTROL.search(os.fspath(value)):
        raise refuse(name, "a path without control characters", os.fspath(value), error)
    if len(whole_path) > _LONGEST_PATH or max(map(len, parts), default=0) > _LONGEST_NAME:
        rule = f"a path of at most {_LONGEST_PATH} bytes, {_LONGEST_NAME} in each name"
        raise refuse(name, rule, os.fspath(value), error)
    return path


def mapping(name: str, value: object, error: Error = ConfigError) -> Mapping[str, Any]:
    """A dictionary whose keys are texts."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refuse(name, "a dictionary by name", value, error)
    return value


def sequence(name: str, value: object, what: str, error: Error = ConfigError) -> Sequence[Any]:
    """A list or tuple."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise refuse(name, f"a list of {what}", value, error)
    return value


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def room_for(what: str, size: int, error: Error = ConfigError) -> None:
    """Refuses what is larger than this machine's memory, before it is begun: it would be killed."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        return
    if size > memory:
        raise error(
            f"{what} take {size / 1e9:,.0f} GB of memory, and this machine has "
            f"{memory / 1e9:,.0f}: use fewer"
        )


def check_fields(record: Any, error: Error = ConfigError) -> None:
    """Checks every field of a dataclass by its declared type, and makes plain values of it.

    Called first in ``__post_init__``; what a type cannot say, such as a range, follows there. Of
    types it knows int, float, str, bool, tuples and sequences of one of them, classes, and any of
    these or None; an ``Any`` or a callable is left to the record.
    """
    for name, kind in _kinds(record.__class__).items():
        found = getattr(record, name)
        fitting = _fitting(name, found, kind, error)
        if fitting is not found:
            object.__setattr__(record, name, fitting)


@cache
def _kinds(record: Any) -> dict[str, Any]:
    hints = get_type_hints(record)  # once a class: it takes as long as a small simulator
    return {field.name: hints[field.name] for field in fields(record)}


_PLAIN: dict[Any, Any] = {int: whole, float: number, str: text, bool: truth}
_PLURAL = {int: "whole numbers", float: "numbers", str: "texts", bool: "truth values"}


def _fitting(name: str, value: object, kind: object, error: Error) -> Any:
    """The value as one of that kind."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is float and type(value) is int and abs(value) <= 2**53:
        return value  # is written to files as the user wrote it
    if kind in _PLAIN:
        return _PLAIN[kind](name, value, error)
    if origin in (Union, types.UnionType):
        return _one_of_kinds(name, value, inner, error)
    if origin in (tuple, Sequence) and inner[0] in _PLAIN:
        found = sequence(name, value, _PLURAL[inner[0]], error)
        return tuple(
            _fitting(f"{name}[{i}]", each, inner[0], error) for i, each in enumerate(found)
        )
    if isinstance(kind, type) and origin is None and not getattr(kind, "_is_protocol", False):
        return instance(name, value, kind, error)
    return value


def _one_of_kinds(name: str, value: object, kinds: tuple[Any, ...], error: Error) -> Any:
    others = [kind for kind in kinds if kind is not type(None)]
    if value is None and len(others) < len(kinds):
        return None
    if len(others) == 1:
        return _fitting(name, value, others[0], error)
    classes = tuple(kind for kind in others if isinstance(kind, type))
    if classes and not isinstance(value, classes):
        raise refuse(name, " or ".join(f"a {kind.__name__}" for kind in classes), value, error)
    return value
