"""Reads a reward function and says clearly what is wrong with it.

In: a path, source text or a callable. Out: `RewardSource`, checked as far as that goes without
running it, and the `RewardError` messages: file, line, the source line with a caret.
Neighbours: `interpret` runs it in `worker`'s process, `compiler` translates it in one of its own.
"""

import ast
import inspect
import linecache
import os
import re
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any

from deepracer_fast.checks.file_reading import read_bytes
from deepracer_fast.checks.source_text import decoded, encoded
from deepracer_fast.checks.values import shown
from deepracer_fast.errors import RewardError
from deepracer_fast.reward.examples import reward_file

FUNCTION_NAME = "reward_function"
FILE_NAME = "__file__"  # by which a module knows where it lies
_TEXT_NAME = "<reward source>"
_LOOKS_LIKE_SOURCE = re.compile(rf"\n|\bdef\s+{FUNCTION_NAME}\b|\b{FUNCTION_NAME}\s*=")
MAX_CHARACTERS = 1_000_000  # the original took 140,000
_MAX_BYTES = 4 * MAX_CHARACTERS  # UTF-8 takes up to four a character
_CLIP = 100  # longest piece of a source line or of a message that is shown
_CUT = "..."  # where a line goes on that is not shown whole


@dataclass(frozen=True)
class RewardSource:
    """A reward function as it was given."""

    name: str  # the file's name without its folder, for lists and plots
    filename: str  # what its code calls its file, and what messages call it
    text: str  # the source, unchanged; "" for a callable whose source Python does not know
    code: CodeType | None = None  # the module; None for a callable, and before `compile_source`
    function: Callable[..., Any] | None = None  # that was given; None for a file or text

    def line(self, number: int) -> str:
        """Source line ``number``, counted from 1; "" where there is none."""
        if self.function is not None:
            return linecache.getline(self.filename, number).rstrip("\n")
        lines = re.split(r"\r\n|\r|\n", self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True)
class Span:
    """A piece of one source line: its number from 1, and the characters from 0, end exclusive."""

    line: int
    start: int = 0
    end: int | None = None


def read_reward(given: str | os.PathLike[str] | Callable[..., Any]) -> RewardSource:
    """Reads a reward function; `compile_source` is the next step.

    A string is source text if it has a line break or defines ``reward_function``; any other
    string is a path, or the name of an example where no such file is.

    Raises:
        RewardError: No such file, not in the encoding that it declares, or far too long.
    """
    is_text = isinstance(given, str) and _LOOKS_LIKE_SOURCE.search(given) is not None
    if isinstance(given, str) and is_text:
        text = given.removeprefix("\ufeff")  # the mark that some editors begin a file with
        source = RewardSource(_TEXT_NAME, _TEXT_NAME, text)
    elif isinstance(given, str | os.PathLike):
        path = reward_file(Path(given))
        source = RewardSource(path.name, str(path), _read_text(path))
    elif callable(given):
        return _from_callable(given)
    else:
        raise RewardError(
            "a reward is a path, source text or a function, "
            f"got {type(given).__name__}: {shown(given)}"
        )
    if len(source.text) > MAX_CHARACTERS:
        raise RewardError(
            f"{source.filename}: a reward function may have {MAX_CHARACTERS:,} characters, "
            f"this one has {len(source.text):,}"
        )
    try:
        if is_text:  # a copy of it in a file is to be read as the same text
            encoded(source.text)
    except (LookupError, UnicodeEncodeError) as error:
        raise RewardError(
            f"{source.filename}: the text must hold what its own coding line declares: {error}; "
            "drop that line"
        ) from error
    return source


def _read_text(path: Path) -> str:
    data = read_bytes(path, RewardError, _MAX_BYTES)
    try:
        return decoded(data)
    except LookupError as error:
        raise RewardError(
            f"{path}: a reward function must be in an encoding that Python reads, {error}; "
            "save the file as UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        is_default = error.encoding.startswith("utf-8")
        rule = "UTF-8 text" if is_default else f"in the encoding that it declares, {error.encoding}"
        raise RewardError(
            f"{path}, line {line}: a reward function must be {rule}, "
            f"found the byte 0x{data[error.start]:02x}; save the file as UTF-8"
        ) from error


def compile_source(source: RewardSource) -> RewardSource:
    """The same source with its code, without running any of it.

    Raises:
        RewardError: It is not Python.
    """
    if "\0" in source.text:
        line = source.text.count("\n", 0, source.text.index("\0")) + 1
        raise complaint(source, "this is not Python: it holds a null character", Span(line))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stray backslash is no reason to stop or to shout
            code = compile(source.text, source.filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        span = Span(error.lineno, (error.offset or 1) - 1) if error.lineno else None
        raise complaint(source, f"this is not Python: {error.msg}", span) from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise complaint(source, f"Python cannot compile this: {said(error)}") from error
    return replace(source, code=code)


def _from_callable(function: Callable[..., Any]) -> RewardSource:
    plain = inspect.unwrap(function)
    try:
        text = textwrap.dedent(inspect.getsource(plain))
        filename = inspect.getsourcefile(plain)
    except (OSError, TypeError):
        text, filename = "", None
    code = getattr(plain, "__code__", None)
    filename = code.co_filename if code is not None else filename
    name = getattr(plain, "__name__", type(plain).__name__)
    return RewardSource(name, filename or name, text, function=function)


def check_function(source: RewardSource, function: object) -> None:
    """Checks that ``function`` can be called with params alone and may return a number.

    Raises:
        RewardError: It cannot.
    """
    span = definition(source)
    if not callable(function):
        what = f"{FUNCTION_NAME} must be a function, found {type(function).__name__}"
        raise complaint(source, what, span)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise complaint(
            source, f"{FUNCTION_NAME} must return a number: it has an async or a yield", span
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # written in C: its first call shows whether it fits
    try:
        signature.bind({})
    except TypeError as error:
        what = f"{FUNCTION_NAME} must take one argument, params: it is defined with {signature}"
        raise complaint(source, what, span) from error


def definition(source: RewardSource) -> Span | None:
    """Where the source defines or assigns ``reward_function`` last; None if that is unknown."""
    if source.function is not None:
        code = getattr(inspect.unwrap(source.function), "__code__", None)
        return None if code is None else Span(code.co_firstlineno)
    found: Span | None = None
    for node in ast.parse(source.text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        else:
            targets = getattr(node, "targets", [])
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        if FUNCTION_NAME in names:
            start = max(source.line(node.lineno).find(FUNCTION_NAME), 0)
            found = Span(node.lineno, start, start + len(FUNCTION_NAME))
    return found


def failing_span(source: RewardSource, error: BaseException) -> Span | None:
    """The innermost piece of the user's own file that ``error`` was raised through."""
    found: Span | None = None
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == source.filename:
            line, end_line, start, end = list(code.co_positions())[trace.tb_lasti // 2]
            last = end if end_line == line else None
            found = span_of_bytes(source, line or trace.tb_lineno, start or 0, last)
        trace = trace.tb_next
    return found


def span_of_bytes(source: RewardSource, line: int, start: int, end: int | None) -> Span:
    """A piece of a line as Python counts its columns, in bytes of UTF-8; no end: to the line's."""
    encoded = source.line(line).encode()
    first, last = (len(encoded[:at].decode(errors="replace")) for at in (start, end))
    return Span(line, first, None if end is None else last)


def complaint(
    source: RewardSource, what: str, span: Span | None = None, details: str = ""
) -> RewardError:
    """A `RewardError` that names the file and line and shows the line with a caret.

    Args:
        source: The reward function that is at fault.
        what: What is wrong, in one line.
        span: Where, or None if that is unknown.
        details: A last line, such as the parameters of the call.
    """
    if span is None:
        lines = [f"{source.filename}: {what}"]
    else:
        lines = [f"{source.filename}, line {span.line}: {what}", *_underlined(source, span)]
    if details:
        lines.append(details)
    return RewardError("\n".join(lines))


def _underlined(source: RewardSource, span: Span) -> list[str]:
    """The source line, cut to what fits around the span, and the carets below it."""
    line = source.line(span.line).replace("\t", " ").rstrip()
    if not line:
        return []
    margin = len(line) - len(line.lstrip())
    start = max(span.start, margin)
    last_begin = max(len(line) - _CLIP, margin)
    begin = margin if start - margin < _CLIP // 2 else min(start - _CLIP // 2, last_begin)
    shown = line[begin : begin + _CLIP]
    before = _CUT if begin > margin else ""
    after = _CUT if begin + _CLIP < len(line) else ""
    end = len(line) if span.end is None else span.end
    carets = max(min(end - start, begin + len(shown) - start), 1)
    indent = " " * (4 + len(before) + start - begin)
    return [f"    {before}{shown}{after}", indent + "^" * carets]


def said(error: BaseException) -> str:
    """The exception's class and the first line of its message, cut to what fits."""
    try:
        message = str(error).strip().split("\n")[0]
    except Exception:  # the user's own __str__ may fail; the class still says something
        message = ""
    message = message if len(message) <= _CLIP else message[: _CLIP - len(_CUT)] + _CUT
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
