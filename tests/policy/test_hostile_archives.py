"""Graphs, archives and weights that declare more than they hold, or hold what no model has."""

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.model_metadata import parse_model_metadata
from deepracer_fast.policy.archive.frozen_graph import POLICY_SCOPE, frozen_graph
from deepracer_fast.policy.archive.graph_import import read_frozen_graph
from deepracer_fast.policy.archive.messages import GraphDef
from deepracer_fast.policy.archive.model_archive import read_model_archive, write_model_archive
from deepracer_fast.policy.archive.weights import (
    load_weights,
    policy_shapes,
    save_weights,
    unflatten_tree,
)
from deepracer_fast.policy.model import load_model
from deepracer_fast.policy.networks import network_spec

METADATA = parse_model_metadata(
    '{"action_space": [{"steering_angle": 0, "speed": 1}], "sensor": ["FRONT_FACING_CAMERA"]}', "m"
)
SPEC = network_spec(METADATA)
HEAD = f"{POLICY_SCOPE}/ppo_head_0/policy_fc"


@pytest.fixture(scope="module")
def graph() -> bytes:
    """Every weight is one repeated value, as TensorFlow may store it."""
    shapes = policy_shapes(SPEC)
    tree = unflatten_tree({name: np.zeros(shape, "f4") for name, shape in shapes.items()})
    message = GraphDef.FromString(frozen_graph(SPEC, tree))
    for node in message.node:
        if "value" in node.attr and len(node.attr["value"].tensor.tensor_content) > 16:
            node.attr["value"].tensor.tensor_content = b""
            node.attr["value"].tensor.float_val.append(0.5)
    content: bytes = message.SerializeToString()
    assert len(content) < 10_000
    return content


def edited(graph: bytes, edit: Callable[[dict[str, Any], Any], None]) -> bytes:
    message = GraphDef.FromString(graph)
    edit({node.name: node for node in message.node}, message)
    content: bytes = message.SerializeToString()
    return content


@contextmanager
def little_memory(most: int = 64 << 20) -> Iterator[None]:
    """Python and NumPy may not take more at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def many_actions(nodes: dict[str, Any], _: Any) -> None:
    for name, first in ((f"{HEAD}/kernel", 1), (f"{HEAD}/bias", 0)):
        nodes[name].attr["value"].tensor.tensor_shape.dim[first].size = 100_000


def huge_scale(nodes: dict[str, Any], _: Any) -> None:
    scale = nodes[f"{POLICY_SCOPE}/FRONT_FACING_CAMERA/truediv/y"].attr["value"].tensor
    scale.tensor_shape.dim.add(size=1 << 40)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (many_actions, "must agree on the action space: it says 1 actions, the policy has 100000"),
        (huge_scale, "truediv/y must be a number, has shape"),
    ],
)
def test_what_a_graph_declares_is_checked_before_it_is_made(
    edit: Callable[[dict[str, Any], Any], None], says: str, graph: bytes, tmp_path: Path
) -> None:
    write_model_archive(tmp_path / "m.tar.gz", METADATA, edited(graph, edit))
    with pytest.raises(ArchiveError, match=says), little_memory():
        load_model(tmp_path / "m.tar.gz")


def test_a_graph_of_empty_nodes_is_refused_before_it_is_parsed(graph: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"must have at most 2,097,152 bytes beside its weights"):
        read_frozen_graph(graph + b"\x7a\x80\x80\xc0\x01" + bytes(3 << 20), "g")
    with pytest.raises(ArchiveError, match="not a frozen graph"):
        read_frozen_graph(b"\x0a\x00" * (1 << 19), "g")


def test_weights_may_be_large_where_all_else_is_small(graph: bytes) -> None:
    def unused(_: Any, message: Any) -> None:
        tensor = message.node.add(name="unused", op="Const").attr["value"].tensor
        tensor.tensor_content = bytes(8 << 20)

    assert read_frozen_graph(edited(graph, unused), "g")[0] == SPEC


@pytest.mark.parametrize("data", [b"\x0a\x05\x2a", b"\x0b\x0c", b"\x0a\xff" * 10, b"\xff" * 20])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a frozen graph, or cut short"):
        read_frozen_graph(data, "g")


# Archives


def tar(members: list[tuple[str, bytes]], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def packed(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


META = ("model_metadata.json", METADATA.to_json().encode())
GRAPH = ("agent/model.pb", b"graph")


@pytest.mark.parametrize(
    "content",
    [tar([META, GRAPH]), tar([META, GRAPH], "w"), packed([META, GRAPH]), packed([META, GRAPH], 0)],
    ids=["tar.gz", "tar", "zip", "stored zip"],
)
def test_a_model_is_read_from_a_tar_or_a_zip_too(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    assert read_model_archive(tmp_path / "m") == (METADATA, b"graph")
    for cut in (len(content) // 20, min(len(content) // 2, 1000)):
        (tmp_path / "m").write_bytes(content[:cut])
        with pytest.raises(ArchiveError, match=r"m: (not a whole|holds no)"):
            read_model_archive(tmp_path / "m")


@pytest.mark.parametrize("pack", [tar, packed])
def test_the_last_of_two_members_of_one_name_counts(
    pack: Callable[[list[tuple[str, bytes]]], bytes], tmp_path: Path
) -> None:
    members = [META, ("agent/model.pb", b"old"), GRAPH]
    if pack is packed:
        with pytest.warns(UserWarning, match="Duplicate name"):
            content = pack(members)
    else:
        content = pack(members)
    (tmp_path / "m").write_bytes(content)
    assert read_model_archive(tmp_path / "m")[1] == b"graph"


def odd_zip(**fields: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(*META)
        info = zipfile.ZipInfo("agent/model.pb")
        for name, value in fields.items():
            setattr(info, name, value)
        archive.writestr(info, b"graph")
    return buffer.getvalue()


def zip_with_flag(flag: int) -> bytes:
    content = bytearray(odd_zip())
    content[content.rfind(b"PK\1\2") + 8] |= flag
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (packed([META, ("../model.pb", b"")]), "'../model.pb': a member's path must stay inside"),
        (packed([META, ("/model.pb", b"")]), "'/model.pb': a member's path must stay inside"),
        (odd_zip(external_attr=0o120777 << 16), "is a link, device or pipe"),
        (odd_zip(compress_type=zipfile.ZIP_BZIP2), "packed by another method than deflate"),
        (zip_with_flag(1), "is encrypted"),
        (packed([(str(number), b"") for number in range(10_001)]), "more than 10,000 members"),
        (packed([META, ("big.pb", bytes(64 << 20))]), "brings the unpacked size to 67.1 MB"),
        (tar([META, ("big.pb", bytes(64 << 20))]), "brings the unpacked size to 67.1 MB"),
        (tar([META, GRAPH])[:-9] + b"\0", "not a whole .tar.gz archive"),
        (gzip.compress(b"", mtime=0) * 3 + b"x", "not a whole .tar.gz archive"),
    ],
)
def test_an_archive_that_no_model_needs_is_refused(
    content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ArchiveError, match=says), little_memory():
        read_model_archive(tmp_path / "m")


def test_long_names_of_long_names_are_one_line(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2
    link = info.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(tarfile.BLOCKSIZE, b"\0")
    (tmp_path / "m").write_bytes(gzip.compress(link * 1000))
    with pytest.raises(ArchiveError, match=r"not a whole \.tar\.gz"):
        read_model_archive(tmp_path / "m")


def test_of_many_models_only_one_is_held_in_memory(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    members = [(f"{number}/policy.pb", random.bytes(8 << 20)) for number in range(12)]
    (tmp_path / "m").write_bytes(tar([META, *members, GRAPH], "w"))
    with little_memory(40 << 20):
        assert read_model_archive(tmp_path / "m")[1] == b"graph"


def test_control_characters_of_a_members_name_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(tar([META, ("\x1b[31m/../a", b"")]))
    with pytest.raises(ArchiveError) as caught:
        read_model_archive(tmp_path / "m")
    assert str(caught.value).isprintable()


# Weights


def test_a_name_of_too_many_parts_is_one_line(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", {"/".join("a" * 5_000): np.zeros(1)})
    with pytest.raises(ArchiveError, match=r"w\.safetensors: tensor names must have at most 17"):
        load_weights(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((1,), np.int32), "must hold floats, got int32"),
        (np.full((1,), 1e300), "holds values that are not finite"),
        (np.zeros((0,)), r"must have shape \(1,\) in .*, got \(0,\)"),
    ],
)
def test_weights_that_float32_does_not_hold_are_refused(
    values: np.ndarray, says: str, tmp_path: Path
) -> None:
    (tmp_path / META[0]).write_bytes(META[1])
    flat = {name: np.zeros(shape, "f4") for name, shape in policy_shapes(SPEC).items()}
    flat["ppo_head_0/policy_fc/bias"] = values
    save_weights(tmp_path / "0.safetensors", {"network_1": unflatten_tree(flat)})
    with pytest.raises(ArchiveError, match=says):
        load_model(tmp_path)


def test_a_checkpoint_far_larger_than_its_network_is_not_read(tmp_path: Path) -> None:
    (tmp_path / META[0]).write_bytes(META[1])
    with (tmp_path / "0.safetensors").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ArchiveError, match="must have at most"), little_memory():
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"a": {"dtype": "F32", "shape": [1 << 62], "data_offsets": [0, 4]}}, "not a safetensors"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, "not a safetensors"),
        ({"__metadata__": {"a": "b" * (1 << 20)}}, "header of at most 1,048,576 bytes"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: Any, says: str, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(4)
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ArchiveError, match=says):
        load_weights(tmp_path / "w.safetensors")
