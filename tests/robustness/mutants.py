"""Changes to a file: of its bytes, of its words, and of what its format is made of.

``mutated`` chooses one and says what it was. Some break the file, some leave it sound; which is
not told, since the reader has to find out.
"""

import gzip
import io
import json
import random
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from deepracer_fast.policy.archive.messages import GraphDef

Mutation = Callable[[random.Random, bytes], bytes]

DEEP = 10_000
NUMBERS = (
    "0", "-1", "1e308", "-1e308", "1e-320", "9" * 400, "9" * 5000, str(2**31), str(2**32),
    str(2**63), str(-(2**63) - 1), str(2**64), "1e400", "NaN", "Infinity", "nan", "-inf", "0.5",
    "1_0", "0x7fffffffffffffff", "true", "null", '""', "[]", "{}",
)  # fmt: skip
TEXTS = (
    "", "\x00", "\x1b[31m\x07", "\u202e", "\ud800", "a" * 300, "a" * 100_000, "../../etc/passwd",
    "\n\n", "1e5", " FRONT_FACING_CAMERA ", "é\u0301", "[" * DEEP,
)  # fmt: skip
SIZES = (0, 1, 0x7F, 0xFF, 1 << 15, 1 << 20, 1 << 28, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1)


# Bytes --------------------------------------------------------------------------------------------


def flip_bits(choice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(choice.choice((1, 1, 2, 8)) if data else 0):
        changed[_place(choice, data)] ^= 1 << choice.randrange(8)
    return bytes(changed)


def insert(choice: random.Random, data: bytes) -> bytes:
    at = choice.randrange(len(data) + 1)
    return data[:at] + choice.randbytes(choice.choice((1, 2, 16, 300))) + data[at:]


def delete(choice: random.Random, data: bytes) -> bytes:
    at = choice.randrange(len(data) + 1)
    return data[:at] + data[at + choice.choice((1, 2, 16, 300)) :]


def duplicate(choice: random.Random, data: bytes) -> bytes:
    at, size = choice.randrange(len(data) + 1), choice.choice((1, 16, 300, 5000))
    return data[: at + size] + data[at : at + size] * choice.choice((1, 1, 50)) + data[at + size :]


def truncate(choice: random.Random, data: bytes) -> bytes:
    return data[: choice.randrange(len(data) + 1)]


def set_size(choice: random.Random, data: bytes) -> bytes:
    """A field that may be a length becomes an extreme one, low byte first or last."""
    width, order = choice.choice((2, 4, 8)), choice.choice(("little", "big"))
    size = choice.choice(SIZES) % (1 << 8 * width)
    at = _place(choice, data)
    return data[:at] + size.to_bytes(width, order) + data[at + width :]  # type: ignore[arg-type]


def _place(choice: random.Random, data: bytes) -> int:
    """Somewhere, and as often near the beginning, where the headers are."""
    end = len(data) if choice.random() < 0.5 else min(len(data), 600)
    return choice.randrange(max(end, 1))


# Words --------------------------------------------------------------------------------------------


def replace_number(choice: random.Random, data: bytes) -> bytes:
    places = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not places:
        return insert(choice, data)
    found = choice.choice(places)
    return data[: found.start()] + choice.choice(NUMBERS).encode() + data[found.end() :]


def replace_word(choice: random.Random, data: bytes) -> bytes:
    places = list(re.finditer(rb"[A-Za-z_]{2,}", data))
    if not places:
        return insert(choice, data)
    found, other = choice.choice(places), choice.choice(places)[0]
    new = choice.choice((other, choice.choice(TEXTS).encode("utf-8", "replace")))
    return data[: found.start()] + new + data[found.end() :]


def nest(choice: random.Random, data: bytes) -> bytes:
    """Thousands of brackets, or of dotted names, alone or somewhere within."""
    deep = choice.choice(
        (b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP, b"a." * DEEP + b"a = 1\n",
         b"x = " + b"[" * DEEP, b"x = " + b"{a=" * DEEP, b"(" * DEEP, b"-" * DEEP)
    )  # fmt: skip
    at = choice.choice((0, len(data), choice.randrange(len(data) + 1)))
    return deep if choice.random() < 0.3 else data[:at] + deep + data[at:]


def swap_lines(choice: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    first, second = choice.randrange(len(lines)), choice.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    if choice.random() < 0.5:
        lines.insert(first, choice.choice((b"", b"\xef\xbb\xbf", lines[second], b'"', b",")))
    return b"\n".join(lines)


def swap_values(choice: random.Random, data: bytes) -> bytes:
    """Columns of one row of a table change places, are left out or come twice."""
    lines = data.split(b"\n")
    row = choice.choice((0, choice.randrange(len(lines))))
    values = lines[row].split(b",")
    at = choice.randrange(len(values))
    values[at : at + 1] = choice.choice(
        (
            [],
            [values[at]] * 2,
            [choice.choice(values)],
            [b'"[1, 2]"'],
            [b"[1.0 2.0]"],
            [b"[" * DEEP],
        )
    )
    lines[row] = b",".join(values)
    return b"\n".join(lines)


def mark(choice: random.Random, data: bytes) -> bytes:
    """Another encoding."""
    text = data.decode("utf-8", "replace")
    return choice.choice(
        (b"\xef\xbb\xbf" + data, text.encode("utf-16"), text.encode("utf-16-le"), data + b"\0",
         data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), b"\xff" + data)
    )  # fmt: skip


# JSON ---------------------------------------------------------------------------------------------


def edit_json(choice: random.Random, data: bytes) -> bytes:
    """One value or key of a JSON file becomes another, of any kind."""
    return json.dumps(_edited(choice, json.loads(data))).encode("utf-8", "surrogatepass")


def _edited(choice: random.Random, content: Any) -> Any:
    places = list(_containers(content))
    holder = choice.choice(places)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys:
        return content
    key, others = choice.choice(keys), [content, holder, holder[choice.choice(keys)]]
    new = choice.choice((_odd_value(choice), json.loads(json.dumps(choice.choice(others)))))
    if choice.random() < 0.2:
        del holder[key]
    elif isinstance(holder, dict) and choice.random() < 0.2:
        holder[choice.choice(TEXTS)] = holder.pop(key)
    else:
        holder[key] = new
    return content


def _containers(content: Any) -> Any:
    if isinstance(content, dict | list) and content:
        yield content
        for inner in content.values() if isinstance(content, dict) else content:
            yield from _containers(inner)


def _odd_value(choice: random.Random) -> Any:
    return choice.choice(
        (None, True, False, 0, -1, 0.5, 2**31, 2**63, 10**30, 10**400, 1e308, -1e-320, float("nan"),
         float("inf"), [], {}, [[]], [1, 2], {"low": 0, "high": 1}, *TEXTS, *NUMBERS)
    )  # fmt: skip


# Formats ------------------------------------------------------------------------------------------


def edit_graph(choice: random.Random, data: bytes) -> bytes:
    """A field of a node changes: shapes, types, values, names, inputs; or nodes come a lot."""
    graph = GraphDef.FromString(data)
    consts = [node for node in graph.node if node.op == "Const"]
    tensor = choice.choice(consts).attr["value"].tensor
    dims = tensor.tensor_shape.dim
    node, other = choice.choice(graph.node), choice.choice(graph.node)
    edit = choice.randrange(12)
    if edit == 0 and dims:
        choice.choice(dims).size = choice.choice((*SIZES, -1, 3))
    elif edit == 1:
        dims.add(size=choice.choice((0, 1, 1 << 28, -1)))
    elif edit == 2:
        tensor.dtype = choice.choice((0, 2, 3, 7, 19, 101))
    elif edit == 3:
        tensor.tensor_content = choice.randbytes(choice.choice((1, 4, 100, 1 << 16)))
    elif edit == 4:
        tensor.float_val.extend(
            [choice.choice((float("nan"), 1e38, 0.0))] * choice.choice((1, 9999))
        )
    elif edit == 5:
        node.name = choice.choice((other.name, choice.choice(TEXTS[:2] + TEXTS[5:8]), "/a" * DEEP))
    elif edit == 6:
        node.input.append(choice.choice((node.name, other.name, "^" + other.name, "\x1b[31mx")))
    elif edit == 7:
        node.op = choice.choice((other.op, "Exp\x07", "", "x" * 5000))
    elif edit == 8:
        graph.node.add(name="huge", op="Const").attr["value"].tensor.CopyFrom(tensor)
        graph.node[-1].attr["value"].tensor.tensor_shape.dim.add(size=1 << 30)
    elif edit == 9:
        for _ in range(choice.choice((100, 20_000))):
            graph.node.add()
    elif edit == 10:
        node.attr[choice.choice(("strides", "padding", "value", "x"))].list.i.extend([1] * 100_000)
    else:
        content: bytes = graph.SerializeToString()
        return content + choice.choice((b"\x0a\x00", b"\x0b", b"\x0a\x02\x2a\x00")) * 200_000
    edited: bytes = graph.SerializeToString()
    return edited


def edit_weights(choice: random.Random, data: bytes) -> bytes:
    """The header of a safetensors file changes, and its length with it; or a weight does."""
    length = int.from_bytes(data[:8], "little")
    header, values = json.loads(data[8 : 8 + length]), data[8 + length :]
    name = choice.choice(list(header))
    entry, edit = header[name], choice.randrange(8)
    if edit == 0:
        entry["shape"] = choice.choice(([], [0], [2**62, 2], [-1], entry["shape"][::-1], [1, 1]))
    elif edit == 1:
        entry["dtype"] = choice.choice(("F64", "F16", "BF16", "I64", "BOOL", "C64", "F8_E4M3", "x"))
    elif edit == 2:
        entry["data_offsets"] = choice.choice(([0, 4], [0, 2**63], [8, 4], [0, len(values)]))
    elif edit == 3:
        new = choice.choice(
            (name + "/x", "/a" * DEEP, "a." * DEEP, "\x1b[31m", "", name + "/" * 20)
        )
        header[new] = header.pop(name)
    elif edit == 4:
        header["__metadata__"] = choice.choice(({"a": "b" * 100_000}, {"a": 1}, []))
    elif edit == 5:
        header = _edited(choice, header)
    elif edit == 6:
        at = 4 * choice.randrange(max(len(values) // 4, 1))
        odd = choice.choice((float("nan"), float("inf"), -float("inf"), 3e38))
        values = values[:at] + struct.pack("<f", odd) + values[at + 4 :]
    else:
        values += bytes(choice.choice((1, 4, 1 << 20)))
    text = json.dumps(header).encode("utf-8", "replace")
    return len(text).to_bytes(8, "little") + text + values


def edit_npy(choice: random.Random, data: bytes) -> bytes:
    """The header of an .npy file changes, its length stays."""
    begin, end = 10, 10 + int.from_bytes(data[8:10], "little")
    header = data[begin:end].decode("latin-1").rstrip()
    old, new = choice.choice(
        (("'<f8'", choice.choice(("'|O'", "'<f4'", "'<c16'", "'|S8'", "'<U2'", "'<M8[s]'", "'x'"))),
         ("False", choice.choice(("True", "None", "0"))),
         (", 6)", choice.choice((", 6, 1)", ", -6)", ")", ", 0)", ", 2**9)", ", 999999999999)"))),
         ("'shape': (", f"'shape': ({choice.choice((2**62, 10**9, 0, -1))}, "),
         ("{", choice.choice(("{" * 100, "(" * 90, "[", "{'x': 1, "))),
         ("descr", choice.choice(("shape", "descr\\0", ""))))
    )  # fmt: skip
    header = header.replace(old, new, 1)[: end - begin - 1].ljust(end - begin - 1) + "\n"
    return data[:begin] + header.encode("latin-1") + data[end:]


def edit_tar(choice: random.Random, data: bytes) -> bytes:
    """Members of a tar archive with other headers, sums and order; packed again as it was."""
    packed = data.startswith(b"\x1f\x8b")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [(info, archive.extractfile(info).read()) for info in archive]  # type: ignore
    buffer, form = io.BytesIO(), choice.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    for info, content in [*members, choice.choice(members)]:
        if choice.random() < 0.4:
            content = _odd_member(choice, info, content)
        buffer.write(info.tobuf(form) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
    written = buffer.getvalue() + bytes(2 * tarfile.BLOCKSIZE)
    if not packed:
        return written
    pieces = gzip.compress(written, 1), gzip.compress(b""), gzip.compress(bytes(50 << 20), 1)
    return pieces[0] + choice.choice((b"", b"", pieces[1] * 1000, pieces[2], b"\0" * 100, b"x"))


def _odd_member(choice: random.Random, info: tarfile.TarInfo, content: bytes) -> bytes:
    edit = choice.randrange(6)
    if edit == 0:
        info.type = choice.choice(
            (b"1", b"2", b"3", b"5", b"6", b"7", b"S", b"L", b"K", b"x", b"g")
        )
    elif edit == 1:
        info.size = choice.choice((0, 1, 1 << 20, 1 << 33, 1 << 40))
    elif edit == 2:
        info.name = choice.choice(
            ("/a", "../a", "a\x1b[31m.pb", "a/" * 50 + "b.pb", "x" * 90, "agent/")
        )
    elif edit == 3:
        keys = ("GNU.sparse.size", "GNU.sparse.map", "GNU.sparse.major", "size", "path", "comment")
        values = ("1", "0,1", str(1 << 40), "-1", "x" * 5000, "../a", "\x1b[31m")
        info.pax_headers = {choice.choice(keys): choice.choice(values) for _ in range(2)}
    elif edit == 4:
        return bytes(choice.choice((1 << 10, 60 << 20)))
    else:
        info.mode, info.linkname = 0o7777, "/etc/passwd"
    return content


def edit_zip(choice: random.Random, data: bytes) -> bytes:
    """Members of a zip archive with other names, sizes and methods."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    buffer, edit = io.BytesIO(), choice.randrange(6)
    method = choice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(buffer, "w", method if edit == 0 else zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            odd = choice.choice(("../" + name, "/" + name, name + "\x1b[31m", "a/" * 200 + name))
            info = zipfile.ZipInfo(odd if edit == 1 else name)
            info.compress_type = archive.compression
            info.external_attr = 0o120777 << 16 if edit == 2 else 0
            archive.writestr(info, bytes(60 << 20) if edit == 3 else content)
        for number in range(20_000 if edit == 4 else 0):
            archive.writestr(str(number), b"")
    written = bytearray(buffer.getvalue())
    if edit == 5:  # what the directory declares
        at = written.rfind(b"PK\1\2") + choice.choice((8, 10, 16, 20, 24, 28, 42))
        written[at : at + 4] = choice.choice(SIZES[:-1]).to_bytes(4, "little")
    return bytes(written)


# Choosing -----------------------------------------------------------------------------------------

BYTES: tuple[Mutation, ...] = (flip_bits, insert, delete, duplicate, truncate, set_size)
WORDS: tuple[Mutation, ...] = (replace_number, replace_word, nest, swap_lines, mark)
FORMATS: dict[str, Mutation] = {
    "metadata": edit_json, "hyperparameters": edit_json, "index": edit_json,
    "index of a model": edit_json, "leaderboard": edit_json, "metrics": edit_json,
    "evaluation": edit_json, "weights": edit_weights, "learner": edit_weights, "graph": edit_graph,
    "tar.gz": edit_tar, "archive": edit_tar, "tar": edit_tar, "zip": edit_zip, "route": edit_npy,
    "simtrace": swap_values, "log": swap_values,
}  # fmt: skip
BINARY = {"weights", "learner", "graph", "tar.gz", "archive", "tar", "zip", "route", "reward cache"}


def mutated(choice: random.Random, kind: str, sound: Mapping[str, bytes]) -> tuple[str, bytes]:
    """A changed file of a kind, and what was done to it.

    Args:
        choice: the only source of chance.
        kind: of the file.
        sound: kind -> its sound file.
    """
    data = sound[kind]
    known: list[Mutation] = [*BYTES, *([] if kind in BINARY else WORDS)]
    known += [FORMATS[kind]] * 5 if kind in FORMATS else []
    mutation = choice.choice(known)
    if choice.random() < 0.05:
        other = choice.choice(sorted(sound))
        at = choice.randrange(len(data) + 1)
        return f"spliced with {other}", data[:at] + sound[other][at:]
    changed = mutation(choice, data)
    if choice.random() < 0.2:
        again = choice.choice(BYTES)
        return f"{mutation.__name__}, {again.__name__}", again(choice, changed)
    return mutation.__name__, changed
