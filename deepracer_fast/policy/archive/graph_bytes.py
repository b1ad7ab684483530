"""Weighs a frozen graph before it is parsed: its weights may be large, everything else is small.

In: the bytes of a ``GraphDef``. Out: nothing, or a refusal. A message of two bytes takes a hundred
bytes of memory once it is parsed, so that a small file of such messages would fill the memory.
Here only tags and lengths are read, and only on the way to the weights
(tensorflow/core/framework: graph.proto, node_def.proto, attr_value.proto, tensor.proto).

Neighbour: ``graph_import`` parses what passes.
"""

from collections.abc import Iterator

from deepracer_fast.errors import ArchiveError

MAX_GRAPH_BYTES = 1 << 28
"""The largest policy (two cameras, 5 convolutions) has 230 MB."""

MAX_STRUCTURE_BYTES = 1 << 21
"""Of all that is no weight; genuine graphs have some 10 kB."""

_MAX_FIELDS = 1 << 18  # genuine graphs have some 3,000

# GraphDef.node, NodeDef.attr, its map's value, AttrValue.tensor: the way to a TensorProto.
_WAY = (1, 5, 2, 8)
_WEIGHTS = (4, 5)  # TensorProto.tensor_content, and float_val where it is packed

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

_Field = tuple[int, int, int]  # number, and where its content begins and ends


def check_graph_size(data: bytes, source: str) -> None:
    """Refuses a graph that would take much more memory than its weights.

    Raises:
        ArchiveError: it is too large, or not made of fields as every message is.
    """
    if len(data) > MAX_GRAPH_BYTES:
        raise ArchiveError(
            f"{source}: a graph must have at most {MAX_GRAPH_BYTES:,} bytes, found {len(data):,}"
        )
    try:
        structure = len(data) - _weight_bytes(data)
    except (ValueError, IndexError) as problem:
        raise ArchiveError(
            f"{source}: not a frozen graph, or cut short; export the model again"
        ) from problem
    if structure > MAX_STRUCTURE_BYTES:
        raise ArchiveError(
            f"{source}: a graph must have at most {MAX_STRUCTURE_BYTES:,} bytes beside its "
            f"weights, found {structure:,}"
        )


def _weight_bytes(data: bytes) -> int:
    """Bytes that stand for weights; each takes as many in memory."""
    total, count = 0, 0
    waiting: list[tuple[int, int, int]] = [(0, 0, len(data))]  # depth on the way, begin, end
    while waiting:
        depth, begin, end = waiting.pop()
        for number, start, stop in _fields(data, begin, end):
            count += 1
            if count > _MAX_FIELDS:
                raise ValueError("too many fields")
            if depth == len(_WAY):
                total += stop - start if number in _WEIGHTS else 0
            elif number == _WAY[depth]:
                waiting.append((depth + 1, start, stop))
    return total


def _fields(data: bytes, begin: int, end: int) -> Iterator[_Field]:
    """The fields of a message whose content has a length; others are skipped."""
    position = begin
    while position < end:
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == _LENGTH:
            length, position = _varint(data, position)
            if length > end - position:
                raise ValueError("a field ends behind its message")
            yield tag >> 3, position, position + length
            position += length
        elif kind == _VARINT:
            _, position = _varint(data, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("a group, which no such message has")
    if position > end:
        raise ValueError("a field ends behind its message")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of 7 bits a byte, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than 64 bits")
