"""Promises of ``policy.archive`` and ``atomic.py``: graphs, archives, weights.

That OpenVINO computes from an exported graph what the policy computes itself is tested in
``test_model.py``. The same was checked by hand with TensorFlow, too large to install for a test:
tensorflow-cpu 2.21.0, ``tf.compat.v1.import_graph_def`` of our graphs and a session on three
random frames, for each of the three networks with FRONT_FACING_CAMERA (discrete and continuous),
``observation``, STEREO_CAMERAS + LIDAR (discrete) and LEFT_CAMERA + SECTOR_LIDAR (continuous). The
largest difference to the policy's own answer was 6.9e-7; the best action was always the same.
Model Optimizer 2024.6 with its legacy frontend (``mo --use_legacy_frontend`` and the car's inputs)
converted the same graphs but ``observation``: 1.0e-6 off in float32, 4.2e-4 with FP16 weights.
"""

import gzip
import os
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboardX.proto.graph_pb2 import GraphDef
from tensorboardX.proto.node_def_pb2 import NodeDef

from deepracer_fast.errors import ArchiveError, MetadataError
from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.files.atomic import atomic_file, atomic_write_text
from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.policy.archive.frozen_graph import frozen_graph, input_name
from deepracer_fast.policy.archive.graph_import import read_frozen_graph
from deepracer_fast.policy.archive.model_archive import (
    MAX_TOTAL_BYTES,
    read_model_archive,
    write_model_archive,
)
from deepracer_fast.policy.archive.weights import (
    flatten_tree,
    load_weights,
    policy_shapes,
    save_weights,
    unflatten_tree,
)
from deepracer_fast.policy.networks import NetworkSpec, network_spec

SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
FIVE_LAYERS = "DEEP_CONVOLUTIONAL_NETWORK"
DEEP = "DEEP_CONVOLUTIONAL_NETWORK_DEEP"
POLICY = "main_level/agent/main/online/network_1"
DISCRETE = discrete_grid(30.0, 3, 2.0, 2)
CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 1.0, 4.0)


def metadata_of(network: str, sensors: str, continuous: bool = False) -> ModelMetadata:
    return ModelMetadata(
        CONTINUOUS if continuous else DISCRETE,
        tuple(sensors.split("+")),
        network,
        lidar=LidarConfig() if "DISCRETIZED_SECTOR_LIDAR" in sensors else None,
    )


def random_params(spec: NetworkSpec) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shapes = policy_shapes(spec).items()
    return unflatten_tree({name: rng.random(shape, dtype=np.float32) for name, shape in shapes})


@pytest.fixture(scope="module")
def small() -> tuple[NetworkSpec, dict[str, Any], bytes]:
    """The smallest policy (10 MB), its parameters and its graph."""
    spec = network_spec(metadata_of(DEEP, "FRONT_FACING_CAMERA"))
    params = random_params(spec)
    return spec, params, frozen_graph(spec, params)


# Frozen graph: out -------------------------------------------------------------------------------


def test_graph_has_the_names_and_operations_of_a_genuine_one(small: tuple) -> None:
    graph = GraphDef.FromString(small[2])
    nodes = {node.name: node for node in graph.node}
    placeholder = nodes[input_name("FRONT_FACING_CAMERA")]
    assert placeholder.name == (
        "main_level/agent/main/online/network_0/FRONT_FACING_CAMERA/FRONT_FACING_CAMERA"
    )
    assert [d.size for d in placeholder.attr["shape"].shape.dim] == [-1, 120, 160, 1]
    assert nodes[f"{POLICY}/ppo_head_0/policy"].op == "Softmax"
    assert graph.versions.producer == 0
    assert {node.op for node in graph.node} == {
        "BiasAdd", "Const", "Conv2D", "Identity", "MatMul", "Placeholder", "RealDiv", "Relu",
        "Reshape", "Softmax", "Sub",
    }  # fmt: skip


def test_names_are_those_of_the_genuine_graph(shared: Path) -> None:
    data = (shared / "models" / "genuine_discrete12" / "model.pb").read_bytes()
    genuine = {node.name: node.op for node in GraphDef.FromString(data).node}
    ours = GraphDef.FromString(frozen_graph(*read_frozen_graph(data, "genuine")))
    # Genuine graphs find the batch size at run time; ours says -1, and so needs one constant.
    added = {f"{POLICY}/FRONT_FACING_CAMERA/Flatten/flatten/Reshape/shape": "Const"}
    assert {node.name: node.op for node in ours.node}.items() <= (genuine | added).items()


def test_same_parameters_give_the_same_bytes(small: tuple) -> None:
    spec, params, graph = small
    assert frozen_graph(spec, params) == graph


def test_export_refuses_parameters_that_are_not_finite(small: tuple) -> None:
    spec, params, _ = small
    bad = unflatten_tree({k: v.copy() for k, v in flatten_tree(params).items()})
    bad["ppo_head_0"]["policy_fc"]["bias"][0] = np.nan
    with pytest.raises(ArchiveError, match=r"policy to export: ppo_head_0/policy_fc/bias .*finite"):
        frozen_graph(spec, bad)


def test_export_refuses_parameters_of_another_network(small: tuple) -> None:
    spec = network_spec(metadata_of(SHALLOW, "FRONT_FACING_CAMERA"))
    with pytest.raises(ArchiveError, match="unknown parameter 'FRONT_FACING_CAMERA/Conv2d_6/bias'"):
        frozen_graph(spec, small[1])


# Frozen graph: in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "sensors", "continuous"),
    [
        (SHALLOW, "LIDAR+STEREO_CAMERAS", False),
        (FIVE_LAYERS, "FRONT_FACING_CAMERA", False),
        (DEEP, "LEFT_CAMERA+SECTOR_LIDAR", True),
    ],
)
def test_reading_returns_what_was_written(network: str, sensors: str, continuous: bool) -> None:
    spec = network_spec(metadata_of(network, sensors, continuous))
    params = random_params(spec)
    found_spec, found = read_frozen_graph(frozen_graph(spec, params), "model.pb")
    assert found_spec == spec
    expected = flatten_tree(params)
    if continuous:  # no ancestor of the output, so it cannot come back
        expected["ppo_head_0/policy_log_std"] = np.zeros(2, np.float32)
    flat = flatten_tree(found)
    assert flat.keys() == expected.keys()
    for name, leaf in expected.items():
        np.testing.assert_array_equal(flat[name], leaf, err_msg=name)


def edited(graph: bytes, edit: Callable[[dict[str, NodeDef]], None]) -> bytes:
    message = GraphDef.FromString(graph)
    edit({node.name: node for node in message.node})
    return message.SerializeToString()


def test_weights_may_be_stored_as_a_list_or_as_one_repeated_value(small: tuple) -> None:
    graph = small[2]

    def as_values(nodes: dict[str, NodeDef]) -> None:
        for scope, values in (
            ("Conv2d_0", [0.25]),
            ("Conv2d_2", list(range(32))),
            ("Conv2d_4", []),
        ):
            tensor = nodes[f"{POLICY}/FRONT_FACING_CAMERA/{scope}/bias"].attr["value"].tensor
            tensor.ClearField("tensor_content")
            tensor.float_val.extend(values)

    camera = read_frozen_graph(edited(graph, as_values), "model.pb")[1]["FRONT_FACING_CAMERA"]
    np.testing.assert_array_equal(camera["Conv2d_0"]["bias"], np.full(32, 0.25, np.float32))
    np.testing.assert_array_equal(camera["Conv2d_2"]["bias"], np.arange(32, dtype=np.float32))
    np.testing.assert_array_equal(camera["Conv2d_4"]["bias"], np.zeros(64, np.float32))


def test_devices_and_nodes_beside_the_policy_do_not_matter(small: tuple) -> None:
    spec, _, graph = small
    message = GraphDef.FromString(graph)
    for node in message.node:
        node.device = "/device:GPU:0"
    message.node.add(name="save/restore", op="RestoreV2")
    assert read_frozen_graph(message.SerializeToString(), "model.pb")[0] == spec


def set_tensor(name: str, **fields: Any) -> Callable[[dict[str, NodeDef]], None]:
    def edit(nodes: dict[str, NodeDef]) -> None:
        tensor = nodes[f"{POLICY}/{name}"].attr["value"].tensor
        for key, value in fields.items():
            tensor.ClearField(key)
            if key == "float_val":
                tensor.float_val.extend(value)
            else:
                setattr(tensor, key, value)

    return edit


def set_node(name: str, field: str, value: Any) -> Callable[[dict[str, NodeDef]], None]:
    return lambda nodes: setattr(nodes[f"{POLICY}/{name}"], field, value)


def set_stride(nodes: dict[str, NodeDef]) -> None:
    strides = nodes[f"{POLICY}/FRONT_FACING_CAMERA/Conv2d_2/Conv2D"].attr["strides"].list
    strides.i[:] = [1, 3, 3, 1]


def set_size(name: str, sizes: list[int]) -> Callable[[dict[str, NodeDef]], None]:
    def edit(nodes: dict[str, NodeDef]) -> None:
        dims = nodes[f"{POLICY}/{name}"].attr["value"].tensor.tensor_shape.dim
        for dim, size in zip(dims, sizes, strict=True):
            dim.size = size

    return edit


HEAD = "ppo_head_0/policy_fc"
CAMERA = "FRONT_FACING_CAMERA"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (set_node("ppo_head_0/policy", "name", "other"), "of 72 nodes none is main_level/.*policy"),
        (set_node("ppo_head_0/policy", "op", "Identity"), "must end in one Softmax"),
        (
            set_node(f"{CAMERA}/BatchnormActivationDropout_1_activation", "op", "Tanh"),
            "operations of no DeepRacer policy: Tanh",
        ),
        (
            set_node(f"{CAMERA}/BatchnormActivationDropout_1_activation", "op", "Identity"),
            "must have 8 Relu nodes, has 7",
        ),
        (set_node(f"{CAMERA}/Conv2d_0/kernel", "name", "gone"), "Conv2d_0/kernel', which is miss"),
        (set_stride, "Conv2d_2/Conv2D must have stride 2 and VALID padding, found strides .1, 3"),
        (
            set_tensor(f"{CAMERA}/truediv/y", float_val=[1.0]),
            "must divide FRONT_FACING_CAMERA by 255, divides by 1",
        ),
        (
            set_tensor(f"{HEAD}/bias", tensor_content=np.full(6, np.nan, "<f4").tobytes()),
            "policy_fc/bias holds values that are not finite",
        ),
        (set_tensor(f"{HEAD}/bias", tensor_content=b"12345678"), "must have 24 bytes, has 8"),
        (set_tensor(f"{HEAD}/bias", dtype=19), "policy_fc/bias must be float32, is data type 19"),
        (
            set_tensor(f"{HEAD}/bias", tensor_content=b"", float_val=[0.0] * 7),
            "must have at most 6 values, has 7",
        ),
        (set_size(f"{HEAD}/bias", [7]), "its 18 weights .* fit none of DEEP_CONV"),
        (set_size(f"{HEAD}/bias", [-1]), r"policy_fc/bias has the impossible shape \(-1,\)"),
        (set_size(f"{HEAD}/kernel", [1 << 40, 6]), "policy_fc/kernel has the impossible shape"),
    ],
)
def test_a_graph_that_is_no_such_policy_is_refused(
    small: tuple, edit: Callable[[dict[str, NodeDef]], None], message: str
) -> None:
    with pytest.raises(ArchiveError, match=f"^model.pb: .*{message}") as caught:
        read_frozen_graph(edited(small[2], edit), "model.pb")
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_graph_are_refused(small: tuple) -> None:
    graph = small[2]
    with pytest.raises(ArchiveError, match=r"^model.pb: not a frozen graph, or cut short"):
        read_frozen_graph(graph[: len(graph) // 2], "model.pb")
    with pytest.raises(ArchiveError, match=r"^model.pb: not a frozen graph, or cut short"):
        read_frozen_graph(b"no graph at all", "model.pb")
    with pytest.raises(ArchiveError, match=r"^model.pb: not a DeepRacer policy: of 0 nodes"):
        read_frozen_graph(b"", "model.pb")


def test_a_sac_policy_is_named_as_such() -> None:
    graph = GraphDef()
    name = "main_level/agent/policy/online/network_0/sac_policy_head_0/policy"
    graph.node.add(name=name, op="Identity")
    with pytest.raises(ArchiveError, match="is a SAC policy; only clipped_ppo"):
        read_frozen_graph(graph.SerializeToString(), "model.pb")


# Model archive -----------------------------------------------------------------------------------

METADATA = metadata_of(SHALLOW, "FRONT_FACING_CAMERA")
JSON = METADATA.to_json().encode()


def pack(path: Path, members: list[tuple[str, bytes]], **fields: Any) -> Path:
    """A tar.gz of those members; the fields change the last one's header."""
    with tarfile.open(path, "w:gz") as archive:
        for index, (name, content) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in fields.items() if index == len(members) - 1 else ():
                setattr(info, key, value)
            # Not addfile: a header here may declare more than follows.
            padding = bytes(-len(content) % tarfile.BLOCKSIZE)
            assert archive.fileobj is not None
            archive.fileobj.write(info.tobuf(archive.format) + content + padding)
    return path


def test_archive_comes_back_as_it_went_in(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    write_model_archive(path, METADATA, b"graph")
    assert read_model_archive(path) == (METADATA, b"graph")
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["agent/model.pb", "model_metadata.json"]
        assert {(m.uid, m.gid, m.mode) for m in archive} == {(0, 0, 0o644)}


def test_what_is_unpacked_can_be_packed_into_a_zip_file(tmp_path: Path) -> None:
    write_model_archive(tmp_path / "model.tar.gz", METADATA, b"graph")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name in ("agent/model.pb", "model_metadata.json"):
            archive.write(tmp_path / name, name)  # refuses dates before 1980
    assert read_model_archive(tmp_path / "model.zip") == (METADATA, b"graph")


def test_same_model_gives_the_same_archive(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        write_model_archive(tmp_path / name, METADATA, bytes(range(256)) * 100)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "b.tar.gz"]


@pytest.mark.parametrize(
    "members",
    [
        [("./agent/model.pb", b"graph"), ("./model_metadata.json", JSON)],
        [("anything/policy.pb", b"graph"), ("model_metadata.json", JSON)],
        [("m/agent/model.pb", b"graph"), ("m/model_metadata.json", JSON), ("m/x.txt", b"")],
        [("agent/model.pb", b"graph"), ("model/model_3.pb", b"x"), ("model_metadata.json", JSON)],
        [("model_metadata.json", JSON), ("model/model_metadata.json", b"x"), ("a.pb", b"graph")],
        [("agent/._model.pb", b"x"), ("agent/model.pb", b"graph"), ("model_metadata.json", JSON)],
        [("model_metadata.json", b"\xef\xbb\xbf" + JSON), ("model.pb", b"graph")],
    ],
)
def test_any_layout_with_one_graph_and_its_metadata_is_read(
    members: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    assert read_model_archive(pack(tmp_path / "m.tar.gz", members)) == (METADATA, b"graph")


GRAPH = ("agent/model.pb", b"graph")
META = ("model_metadata.json", JSON)


@pytest.mark.parametrize(
    ("members", "fields", "message"),
    [
        ([META], {}, r"holds no \*.pb graph; expected agent/model.pb"),
        ([GRAPH], {}, "holds no model_metadata.json"),
        ([META, ("a.pb", b""), ("b.pb", b"")], {}, r"holds several graphs \(a.pb, b.pb\)"),
        (
            [GRAPH, ("a/model_metadata.json", JSON), ("b/model_metadata.json", JSON)],
            {},
            "holds several models: a/model_metadata.json, b/",
        ),
        ([META, ("../model.pb", b"")], {}, "'../model.pb': a member's path must stay inside"),
        ([META, ("a\\..\\b", b"")], {}, "member's path must stay inside"),
        ([META, ("/etc/model.pb", b"")], {}, "'/etc/model.pb': a member's path must stay inside"),
        (
            [META, ("agent/model.pb", b"")],
            {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
            "'agent/model.pb': is a link, device or pipe",
        ),
        (
            [META, ("agent/model.pb", b"")],
            {"type": tarfile.LNKTYPE, "linkname": "model_metadata.json"},
            "'agent/model.pb': is a link, device or pipe",
        ),
        ([META, ("null", b"")], {"type": tarfile.CHRTYPE}, "'null': is a link, device or pipe"),
        ([META, ("big.bin", b"")], {"size": MAX_TOTAL_BYTES}, "'big.bin': brings the unpacked"),
        ([("model_metadata.json", b"")], {"size": 1 << 21}, "has 2,097,152 bytes; at most"),
        ([META, ("agent/model.pb", b"")], {"size": 50_000}, "not a whole .tar.gz archive"),
        ([GRAPH, ("model_metadata.json", b"\xff\xfe")], {}, "model_metadata.json: must be UTF-8"),
    ],
)
def test_an_unsafe_or_incomplete_archive_is_refused(
    members: list, fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = pack(tmp_path / "m.tar.gz", members, **fields)
    with pytest.raises(ArchiveError, match=f"^{path}: .*{message}") as caught:
        read_model_archive(path)
    assert "\n" not in str(caught.value)


def test_a_metadata_error_names_archive_and_member(tmp_path: Path) -> None:
    path = pack(tmp_path / "m.tar.gz", [GRAPH, ("model_metadata.json", b"{}")])
    with pytest.raises(MetadataError, match=r"m.tar.gz: model_metadata.json: action_space is miss"):
        read_model_archive(path)


def test_a_cut_or_damaged_archive_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "m.tar.gz"
    write_model_archive(path, METADATA, rng.bytes(5000))
    whole = path.read_bytes()
    damaged = [whole[:size] for size in (0, 1, 9, 30, 3000, len(whole) - 30, len(whole) - 1)]
    damaged.append(b"PK\3\4 a zip file")
    damaged.append(gzip.compress(b"no tar archive"))
    for position in rng.integers(10, len(whole), 200):
        changed = bytearray(whole)
        changed[position] ^= 0x55
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ArchiveError, match=f"^{path}: ") as caught:
            read_model_archive(path)
        assert "\n" not in str(caught.value)


def test_headers_without_end_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("agent/model.pb")
    info.pax_headers = {"comment": "x" * (4 << 20)}
    path = tmp_path / "m.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    with pytest.raises(ArchiveError, match="unpacks to far more than its members declare"):
        read_model_archive(path)


def test_a_missing_archive_and_a_missing_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read: No such file"):
        read_model_archive(tmp_path / "none.tar.gz")
    with pytest.raises(ArchiveError, match="cannot be written: No such file"):
        write_model_archive(tmp_path / "none" / "m.tar.gz", METADATA, b"")


# Weights -----------------------------------------------------------------------------------------


def test_weights_come_back_as_they_went_in(tmp_path: Path) -> None:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T
    tree = {"network_1": {"LIDAR": {"kernel": transposed}, "scale": np.float32(2)}, "step": 7}
    save_weights(tmp_path / "w.safetensors", tree)
    found = load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(found["network_1"]["LIDAR"]["kernel"], transposed)
    assert found["network_1"]["scale"] == 2.0
    assert found["step"] == 7
    first = (tmp_path / "w.safetensors").read_bytes()
    save_weights(tmp_path / "w.safetensors", dict(reversed(tree.items())))
    assert (tmp_path / "w.safetensors").read_bytes() == first


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": np.zeros(100)})
    whole = path.read_bytes()
    for content in (b"", whole[:50], whole[:-1], b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(ArchiveError, match="not a safetensors file, or cut short"):
            load_weights(path)
    with pytest.raises(ArchiveError, match="cannot be read: No such file"):
        load_weights(tmp_path / "none.safetensors")


def test_clashing_tensor_names_are_refused() -> None:
    for names in (["a", "a/b"], ["a/b", "a"]):
        with pytest.raises(ArchiveError, match="tensor names clash"):
            unflatten_tree({name: np.zeros(1) for name in names})


# Atomic writing ----------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write_text(path, "old\n")
    with pytest.raises(RuntimeError, match="crash"), atomic_file(path) as file:
        file.write(b"half of the n")
        raise RuntimeError("crash")
    assert path.read_bytes() == b"old\n"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"sensors": ("TRACK_STATE",)}, "TRACK_STATE: train one with a camera to have"),
        ({"frame_stack": 2}, "2 frames at once: train one without frame_stack to have"),
    ],
)
def test_a_policy_that_reads_what_no_car_shows_has_no_archive(
    tmp_path: Path, change: dict[str, Any], seen: str
) -> None:
    metadata = replace(METADATA, **change)
    with pytest.raises(ArchiveError, match=f"no car can drive a policy that reads {seen}"):
        write_model_archive(tmp_path / "model.tar.gz", metadata, b"graph")
    assert not list(tmp_path.iterdir())
