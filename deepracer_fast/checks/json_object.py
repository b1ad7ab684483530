"""JSON and TOML as people write them: taken apart, and refused with one clear line.

In: a path or text, and the error class of the station that asks. Out: objects and numbers.
Neighbours: ``file_reading`` brings the text; every station that has a JSON or TOML file reads it
through here.
"""

import json
import math
import os
import re
import tomllib
from typing import Any

from deepracer_fast.checks.file_reading import MAX_SETTINGS_BYTES, MiB, read_text, refusing
from deepracer_fast.checks.values import shown
from deepracer_fast.errors import DeepRacerError

MAX_DEPTH = 32
"""Of lists and objects in each other; what we and others write has at most 5."""

MAX_TOML_BYTES = 1 << 16
"""Ours have 2 kB, and the time that ``tomllib`` takes can grow with the square of the size."""

# So it does with the length of a dotted name, quoted or not.
_LONG_NAME = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}"""
)

# An empty object takes 2 characters of a file and 64 bytes of memory. Where a file may be large,
# because it has a row for each episode, it may not consist of such.
_SMALL = 16 * MiB
_LEAST_ROW = 32  # characters


JsonObject = dict[str, Any]
"""What a JSON object or a TOML file holds: anything, until it has been looked at."""


def read_json_object(
    path: str | os.PathLike[str], error: type[DeepRacerError], limit: int = MAX_SETTINGS_BYTES
) -> JsonObject:
    """Reads a JSON file of at most ``limit`` bytes that holds one object.

    Raises:
        DeepRacerError: of class ``error``, with the file's path.
    """
    return parse_json_object(read_text(path, error, limit), str(path), error)


def parse_json_object(text: str, source: str, error: type[DeepRacerError]) -> JsonObject:
    """Reads a JSON object; what is not one raises ``error`` with line and column."""
    if len(text) > _SMALL and text.count("{") + text.count("[") > len(text) // _LEAST_ROW:
        raise error(f"{source}: must hold rows of values, found more brackets than values")
    with refusing(source, "must be valid JSON", error):
        content = json.loads(text)
    if not isinstance(content, dict):
        raise error(f"{source}: must be a JSON object {{...}}, found {brief(content)}")
    return content


def read_toml(path: str | os.PathLike[str], error: type[DeepRacerError]) -> JsonObject:
    """Reads a TOML file.

    Raises:
        DeepRacerError: of class ``error``, with the file's path.
    """
    text = read_text(path, error, MAX_TOML_BYTES)
    with refusing(str(path), "must be valid TOML", error):
        if _LONG_NAME.search(text):
            raise RecursionError
        content = tomllib.loads(text)
        _check_values(content)
    return content


def _check_values(content: Any, depth: int = 0) -> None:
    """Refuses what TOML allows to be written but nobody can use, or even print.

    Dotted keys, unlike brackets, are read without recursion and nest a thousand times in a line.

    Raises:
        RecursionError: it is nested too deeply for its ``repr``.
        ValueError: a whole number that does not fit into 64 bits, TOML's own limit.
    """
    if depth == MAX_DEPTH:
        raise RecursionError
    for value in content.values() if isinstance(content, dict) else content:
        if isinstance(value, dict | list):
            _check_values(value, depth + 1)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"a whole number of {value.bit_length()} bits; it may have 64")


def parse_number(value: Any, where: str, error: type[DeepRacerError]) -> float:
    """Reads a finite number; consoles and tools also write numbers as strings."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise error(f"{where} must be a finite number, found {brief(value)}")
    return number


def brief(value: object) -> str:
    """A found value as JSON on one line, shortened so that the message stays one line."""
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    except Exception:  # keys that are no texts, thousands of digits, or a __str__ of the user's own
        text = shown(value)
    return text if len(text) <= 60 else text[:57] + "..."
