"""One array of numbers out of an ``.npy`` file that anybody may have written.

In: an open file, and what shape is allowed. Out: the array. Nothing is allocated beyond what the
file holds, and nothing is unpickled: what a header declares is checked against the file before a
number is read. Neighbours: ``file_reading`` opens it, ``route_file`` asks.

The format is that of ``numpy.lib.format``: magic, version, length of the header, and the header as
the text of a Python dict.
"""

import ast
import math
import os
import re
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from deepracer_fast.checks.arrays import Array

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000  # bytes, as NumPy itself allows
_LENGTHS = {1: "<H", 2: "<I", 3: "<I"}  # of the header, by version of the format
_KEYS = {"descr", "fortran_order", "shape"}

Check = Callable[[tuple[int, ...]], None]
"""Raises what the caller likes if it has no use for an array of that shape."""

_Header = tuple[np.dtype[Any], bool, tuple[int, ...]]
"""Type of the numbers, whether columns come first, and shape."""


class ArrayFileError(Exception):
    """Why a file is not an array of numbers; without its name, which the caller knows."""


def read_numbers(file: BinaryIO, check: Check | None = None) -> Array:
    """The array of an ``.npy`` file.

    Args:
        file: as ``file_reading.opened`` gives it, or an ``io.BytesIO``; it is left behind the
            last number.
        check: asked about the shape before the numbers are read.

    Returns:
        Integers or real numbers in the machine's own byte order, at least as wide as float32.

    Raises:
        ArrayFileError: it is another kind of file, damaged, cut short, or holds no numbers.
        OSError: it cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    dtype, fortran_order, shape = _read_header(file, size)
    if check is not None:
        check(shape)
    declared, follow = math.prod(shape) * dtype.itemsize, size - file.tell()
    if declared > follow:
        raise ArrayFileError(
            f"its header declares {shape} of {dtype}, {declared} bytes, and {follow} follow: "
            "the file was cut short or is damaged"
        )
    data = file.read(declared)
    if len(data) < declared:
        raise ArrayFileError("the file became shorter while it was read")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")
    own = array.dtype.newbyteorder("=")
    return array.astype(np.float32 if own == np.float16 else own)


def _read_header(file: BinaryIO, size: int) -> _Header:
    """The header of a file of so many bytes, which is then at the first number."""
    start = file.read(8)
    if start[:6] != MAGIC:
        raise ArrayFileError(_what_it_is(start + file.read(40), size))
    version = start[6] if len(start) == 8 else 0
    if version not in _LENGTHS:
        raise ArrayFileError("the file's header is damaged: it has no known version")
    field = file.read(struct.calcsize(_LENGTHS[version]))
    length = int.from_bytes(field, "little")
    if length > MAX_HEADER:
        raise ArrayFileError(f"the file's header is damaged: it would be {length} bytes long")
    text = file.read(length)
    if len(text) < length or not length:
        raise ArrayFileError("the file's header was cut short")
    return _parsed(text, "utf-8" if version == 3 else "latin-1")


def _parsed(text: bytes, encoding: str) -> _Header:
    try:
        plain = re.sub(r"(\d)L\b", r"\1", text.decode(encoding))  # as Python 2 wrote integers
        fields = ast.literal_eval(plain.strip())
        if not isinstance(fields, dict) or set(fields) != _KEYS:
            raise ValueError("other keys")
        shape, fortran_order, descr = fields["shape"], fields["fortran_order"], fields["descr"]
        if not isinstance(shape, tuple) or not isinstance(fortran_order, bool):
            raise ValueError("other types")
        if not all(type(length) is int and length >= 0 for length in shape) or len(shape) > 32:
            raise ValueError("no shape")
        dtype = np.dtype(descr) if isinstance(descr, str) else None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
        raise ArrayFileError("the file's header is damaged") from None
    if dtype is None or dtype.kind not in "fiu" or dtype.itemsize == 0:
        kind = "records" if dtype is None else str(dtype)
        if dtype is not None and dtype.hasobject:
            kind = "Python objects, which cannot be loaded safely"
        raise ArrayFileError(kind)
    return dtype, fortran_order, shape


def _what_it_is(start: bytes, size: int) -> str:
    """What a file without NumPy's magic most probably is, in words that say what to do."""
    if not size:
        return "an empty file"
    if start.startswith(b"version https://git-lfs"):
        return (
            "a Git LFS pointer, which stands for the data and is not the data; fetch it with "
            "`git lfs pull`"
        )
    if start.startswith(b"PK\x03\x04"):
        return "an archive (.npz or .zip); save its array alone"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "a pickle, which is not loaded"
    printable = all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in start)
    return "text" if printable else "something else"
