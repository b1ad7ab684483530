"""JSON files as people write them: read, taken apart, and refused with one clear line.

In: a path or text, and the error class of the station that asks. Out: text, objects, numbers.
Neighbours: ``model_metadata`` and ``hyperparameters`` read their files through it.
"""

import json
import math
from pathlib import Path
from typing import Any

from deepracer_fast.door import shown
from deepracer_fast.errors import DeepRacerError


def read_text(path: Path, error: type[DeepRacerError]) -> str:
    """Reads a small text file; a byte-order mark, as Windows editors write, is dropped."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise error(
            f"{path}: must be UTF-8 text, found byte {problem.start} that is not"
        ) from problem


def parse_json_object(text: str, source: str, error: type[DeepRacerError]) -> dict[str, Any]:
    """Reads a JSON object; what is not one raises ``error`` with line and column."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"{source}: must be valid JSON, found: {problem}; correct it there") from None
    if not isinstance(content, dict):
        raise error(f"{source}: must be a JSON object {{...}}, found {brief(content)}")
    return content


def parse_number(value: Any, where: str, error: type[DeepRacerError]) -> float:
    """Reads a finite number; consoles and tools also write numbers as strings."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise error(f"{where} must be a finite number, found {brief(value)}")
    return number


def brief(value: Any) -> str:
    """A found value as JSON on one line, shortened so that the message stays one line."""
    try:
        text = json.dumps(value, default=str)
    except Exception:  # keys that are no texts, thousands of digits, or a __str__ of the user's own
        text = shown(value)
    return text if len(text) <= 60 else text[:57] + "..."
