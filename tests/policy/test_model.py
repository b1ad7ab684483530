"""Promises of ``policy.model``: what a loaded model answers, and what can be loaded.

OpenVINO is the judge, in float32: it is the engine that runs the graph on the car.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import ArchiveError, ConfigError, DeepRacerError
from deepracer_fast.files.action_space import ContinuousActionSpace, discrete_grid
from deepracer_fast.files.atomic import atomic_write_bytes
from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.policy.archive.frozen_graph import OUTPUT_NAME, frozen_graph, input_name
from deepracer_fast.policy.archive.model_archive import write_model_archive
from deepracer_fast.policy.archive.weights import policy_shapes, save_weights, unflatten_tree
from deepracer_fast.policy.model import Model, load_model
from deepracer_fast.policy.networks import NetworkSpec, network_spec

SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
FIVE_LAYERS = "DEEP_CONVOLUTIONAL_NETWORK"
DEEP = "DEEP_CONVOLUTIONAL_NETWORK_DEEP"
DISCRETE = discrete_grid(30.0, 3, 2.0, 2)
CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 1.0, 4.0)


def metadata_of(network: str, sensors: str, continuous: bool = False) -> ModelMetadata:
    return ModelMetadata(
        CONTINUOUS if continuous else DISCRETE,
        tuple(sensors.split("+")),
        network,
        lidar=LidarConfig() if "DISCRETIZED_SECTOR_LIDAR" in sensors else None,
    )


def random_params(spec: NetworkSpec, seed: int = 0) -> dict[str, Any]:
    """Weights that keep activations near 1, so that the answers differ clearly from each other."""
    rng = np.random.default_rng(seed)
    flat = {}
    for name, shape in policy_shapes(spec).items():
        scale = (2.0 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.1
        flat[name] = rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)
    return unflatten_tree(flat)


def random_observation(spec: NetworkSpec, num_cars: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        name: rng.integers(0, 256, (num_cars, *shape), dtype=np.uint8)
        if len(shape) == 3
        else rng.random((num_cars, *shape), dtype=np.float32)
        for name, shape in spec.sensors
    }


def openvino_answer(graph: Path, observation: dict[str, np.ndarray]) -> np.ndarray:
    # Its telemetry reports the import from a forked process, which JAX warns of.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    inputs = {f"{input_name(k)}:0": v.astype(np.float32) for k, v in observation.items()}
    return np.array(model(inputs)[f"{OUTPUT_NAME}:0"])


# The same answers as the engine on the car --------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "sensors", "continuous"),
    [
        (SHALLOW, "FRONT_FACING_CAMERA", False),
        (SHALLOW, "observation", True),
        (SHALLOW, "STEREO_CAMERAS+LIDAR", False),
        (SHALLOW, "DISCRETIZED_SECTOR_LIDAR+FRONT_FACING_CAMERA", True),
        (FIVE_LAYERS, "FRONT_FACING_CAMERA", False),
        (DEEP, "FRONT_FACING_CAMERA", False),
        (DEEP, "SECTOR_LIDAR+LEFT_CAMERA", True),
        pytest.param(FIVE_LAYERS, "STEREO_CAMERAS+LIDAR", False, marks=pytest.mark.slow),
        pytest.param(DEEP, "STEREO_CAMERAS", True, marks=pytest.mark.slow),
    ],
)
def test_openvino_computes_the_policy_s_own_answer(
    network: str, sensors: str, continuous: bool, tmp_path: Path
) -> None:
    metadata = metadata_of(network, sensors, continuous)
    spec = network_spec(metadata)
    params = random_params(spec)
    observation = random_observation(spec, num_cars=3)
    atomic_write_bytes(tmp_path / "model.pb", frozen_graph(spec, params))

    theirs = openvino_answer(tmp_path / "model.pb", observation)

    model = Model(metadata, spec, params)
    ours = model.output(observation)
    assert ours.shape == theirs.shape == (3, spec.num_actions)
    # Sums of up to 112,000 float32 products in another order; measured: at most 1e-6. Where 3x3
    # windows come in steps of 1 OpenVINO transforms them (Winograd) and is 7.9e-6 away from
    # all our forms, direct and transformed, which agree to 6e-7 among themselves.
    tolerance = 1e-5 if (network, sensors) == (DEEP, "STEREO_CAMERAS") else 5e-6
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    best = theirs if continuous else theirs.argmax(axis=1)
    np.testing.assert_allclose(
        model.act(observation), metadata.action_space.to_commands(best), rtol=0, atol=1e-4
    )


def structured_pictures() -> np.ndarray:
    """Black, white, a ramp down, a ramp across, and a bright band as a track's border is."""
    rows, columns = np.mgrid[:120, :160]
    band = np.where(np.abs(columns - 80 - rows / 2) < 4, 230, 70)
    pictures = [rows * 0, rows * 0 + 255, rows * 2, columns, band]
    return np.stack(pictures).astype(np.uint8)[..., None]


@pytest.mark.parametrize("name", ["genuine_discrete12", "topology_continuous"])
def test_a_genuine_model_answers_as_in_openvino(name: str, shared: Path) -> None:
    folder = shared / "models" / name
    model = load_model(folder)
    noise = random_observation(model.spec, num_cars=3)["FRONT_FACING_CAMERA"]
    pictures = np.concatenate([noise, structured_pictures()])

    theirs = openvino_answer(folder / "model.pb", {"FRONT_FACING_CAMERA": pictures})

    # Measured: 1.5e-7 (discrete) and 6e-8 (continuous) on noise.
    np.testing.assert_allclose(model.output(pictures), theirs, rtol=0, atol=2e-6)
    best = theirs if model.spec.continuous else theirs.argmax(axis=1)
    expected = model.metadata.action_space.to_commands(best)
    np.testing.assert_allclose(model.act(pictures), expected, rtol=0, atol=1e-4)


def test_a_genuine_model_exports_to_a_graph_of_the_same_answers(
    shared: Path, tmp_path: Path
) -> None:
    model = load_model(shared / "models" / "genuine_discrete12")
    pictures = {"FRONT_FACING_CAMERA": structured_pictures()}
    graph = frozen_graph(model.spec, model.params)
    write_model_archive(tmp_path / "model.tar.gz", model.metadata, graph)
    atomic_write_bytes(tmp_path / "model.pb", graph)

    again = load_model(tmp_path / "model.tar.gz")

    expected = openvino_answer(shared / "models" / "genuine_discrete12" / "model.pb", pictures)
    np.testing.assert_array_equal(openvino_answer(tmp_path / "model.pb", pictures), expected)
    assert again.metadata == model.metadata
    np.testing.assert_array_equal(again.probabilities(pictures), model.probabilities(pictures))


# What may be asked --------------------------------------------------------------------------------

MONO = metadata_of(DEEP, "FRONT_FACING_CAMERA")


@pytest.fixture(scope="module")
def mono() -> Model:
    """A small discrete policy over one camera."""
    return Model(MONO, network_spec(MONO), random_params(network_spec(MONO)))


@pytest.fixture(scope="module")
def with_lidar() -> Model:
    """A small continuous policy over a camera and a lidar."""
    metadata = metadata_of(DEEP, "SECTOR_LIDAR+LEFT_CAMERA", continuous=True)
    return Model(metadata, network_spec(metadata), random_params(network_spec(metadata)))


def test_one_camera_may_come_without_its_name(mono: Model) -> None:
    observation = random_observation(mono.spec, num_cars=2)
    named = mono.probabilities(observation)
    np.testing.assert_array_equal(mono.probabilities(observation["FRONT_FACING_CAMERA"]), named)
    assert named.dtype == np.float32
    np.testing.assert_allclose(named.sum(axis=1), 1.0, atol=1e-6)


def test_a_command_is_the_likeliest_action_in_degrees_and_metres_per_second(mono: Model) -> None:
    observation = random_observation(mono.spec, num_cars=4)
    commands = mono.act(observation)
    best = mono.probabilities(observation).argmax(axis=1)
    assert commands.dtype == np.float32
    assert commands.tolist() == [
        [DISCRETE.steering_angle_deg[action], DISCRETE.speed[action]] for action in best
    ]


PICTURE = np.zeros((2, 120, 160, 1), np.uint8)
SECTORS = np.ones((2, 8), np.float32)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (PICTURE, "must be a dictionary of LEFT_CAMERA, SECTOR_LIDAR, got one array"),
        ({"LEFT_CAMERA": PICTURE}, r"must hold LEFT_CAMERA, SECTOR_LIDAR, got \['LEFT_CAMERA'\]"),
        (
            {"LEFT_CAMERA": PICTURE[0], "SECTOR_LIDAR": SECTORS},
            r"LEFT_CAMERA must have shape \(B, 120, 160, 1\), got \(120, 160, 1\)",
        ),
        (
            {"LEFT_CAMERA": PICTURE / 255, "SECTOR_LIDAR": SECTORS},
            r"LEFT_CAMERA must be uint8 pictures \(0 to 255\), got float64",
        ),
        (
            {"LEFT_CAMERA": PICTURE, "SECTOR_LIDAR": SECTORS * np.nan},
            "SECTOR_LIDAR must hold finite floats, got float32 or a NaN",
        ),
        (
            {"LEFT_CAMERA": PICTURE, "SECTOR_LIDAR": SECTORS[:1]},
            "as many cars for each sensor, got LEFT_CAMERA 2, SECTOR_LIDAR 1",
        ),
    ],
)
def test_a_wrong_observation_is_refused(with_lidar: Model, observation: Any, message: str) -> None:
    with pytest.raises(DeepRacerError, match=message):
        with_lidar.act(observation)


def test_a_continuous_model_has_no_probabilities(with_lidar: Model) -> None:
    observation = {"LEFT_CAMERA": PICTURE, "SECTOR_LIDAR": SECTORS}
    with pytest.raises(DeepRacerError, match="continuous action space has no probabilities"):
        with_lidar.probabilities(observation)
    commands = with_lidar.act(observation)
    low, high = [-30.0, 1.0], [30.0, 4.0]
    assert ((commands >= low) & (commands <= high)).all()


# What can be loaded -------------------------------------------------------------------------------


def write_metadata(folder: Path, metadata: ModelMetadata = MONO) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_metadata.json").write_text(metadata.to_json())


def write_index(folder: Path, **names: str) -> None:
    """``deepracer_checkpoints.json`` as the original writes it."""
    entry = {"time_stamp": 1.0, "avg_eval_metric": 90.0}
    index = {f"{key}_checkpoint": {"name": name, **entry} for key, name in names.items()}
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "deepracer_checkpoints.json").write_text(json.dumps(index))


def save_checkpoint(folder: Path, name: str, model: Model, bias: float) -> None:
    """One of our checkpoints; the bias tells which it was."""
    policy = {**model.params, "ppo_head_0": {"policy_fc": dict(first_head(model))}}
    policy["ppo_head_0"]["policy_fc"]["bias"] = np.full(6, bias, np.float32)
    value = {"output": {"bias": np.zeros(1, np.float32)}}
    save_weights(folder / "model" / name, {"network_0": value, "network_1": policy})


def first_head(model: Model) -> dict[str, np.ndarray]:
    head: dict[str, np.ndarray] = model.params["ppo_head_0"]["policy_fc"]
    return head


def test_best_or_last_checkpoint_of_our_folder(tmp_path: Path, mono: Model) -> None:
    write_metadata(tmp_path)
    write_index(tmp_path, best="2_Step-900.ckpt", last="4_Step-1800.ckpt")
    save_checkpoint(tmp_path, "2_Step-900.safetensors", mono, bias=2.0)
    save_checkpoint(tmp_path, "4_Step-1800.safetensors", mono, bias=4.0)
    assert first_head(load_model(tmp_path))["bias"][0] == 2.0
    assert first_head(load_model(tmp_path, checkpoint="last"))["bias"][0] == 4.0
    file = tmp_path / "model" / "4_Step-1800.safetensors"
    assert first_head(load_model(file))["bias"][0] == 4.0


@pytest.mark.parametrize("asked", [2, "2", "02"])
def test_any_checkpoint_of_a_folder_by_its_iteration(
    asked: str | int, tmp_path: Path, mono: Model
) -> None:
    write_metadata(tmp_path)
    write_index(tmp_path, best="4_Step-1800.ckpt", last="4_Step-1800.ckpt")
    save_checkpoint(tmp_path, "4_Step-1800.safetensors", mono, bias=4.0)
    save_checkpoint(tmp_path, "2_Step-900.safetensors", mono, bias=9.0)
    save_checkpoint(tmp_path, "2_Step-1000.safetensors", mono, bias=2.0)
    (tmp_path / "model" / "2_Step-1000.learner.safetensors").write_bytes(b"")
    (tmp_path / "model" / "model_2.pb").write_bytes(b"")
    assert first_head(load_model(tmp_path, asked))["bias"][0] == 2.0
    with pytest.raises(ArchiveError, match=r"no checkpoint of iteration 3; .* kept are 2, 4"):
        load_model(tmp_path, 3)


def test_graphs_without_an_index_are_chosen_by_number(tmp_path: Path, mono: Model) -> None:
    write_metadata(tmp_path)
    for number in (1, 2, 10):
        params = {**mono.params, "ppo_head_0": {"policy_fc": dict(first_head(mono))}}
        params["ppo_head_0"]["policy_fc"]["bias"] = np.full(6, float(number), np.float32)
        (tmp_path / f"model_{number}.pb").write_bytes(frozen_graph(mono.spec, params))
    assert first_head(load_model(tmp_path, "last"))["bias"][0] == 10.0
    assert first_head(load_model(tmp_path, 1))["bias"][0] == 1.0
    with pytest.raises(ArchiveError, match=r"the checkpoints 1, 2, 10, and no .* choose a number"):
        load_model(tmp_path)
    with pytest.raises(ArchiveError, match=r"is no folder, and holds one policy"):
        load_model(tmp_path / "model_1.pb", 1)


def test_folder_of_a_training_job_of_the_original(tmp_path: Path, mono: Model) -> None:
    write_index(tmp_path, best="7_Step-3000.ckpt", last="8_Step-3300.ckpt")
    write_metadata(tmp_path / "model")
    (tmp_path / "model" / "model_7.pb").write_bytes(frozen_graph(mono.spec, mono.params))
    for folder in (tmp_path, tmp_path / "model"):
        model = load_model(folder)
        assert model.spec == mono.spec
        np.testing.assert_array_equal(first_head(model)["bias"], first_head(mono)["bias"])
    with pytest.raises(ArchiveError, match=r"neither 8_Step-3300.safetensors nor model_8.pb"):
        load_model(tmp_path, checkpoint="last")


def test_unpacked_archive_and_graph_with_metadata_beside_it(tmp_path: Path, mono: Model) -> None:
    write_metadata(tmp_path)
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "model.pb").write_bytes(frozen_graph(mono.spec, mono.params))
    assert load_model(tmp_path).spec == mono.spec
    assert load_model(tmp_path / "agent" / "model.pb").spec == mono.spec


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", 'must hold {"best_checkpoint": {"name": ...}}, found'),
        ('{"best_checkpoint": null}', 'must hold {"best_checkpoint": {"name": ...}}, found'),
        ('{"best_checkpoint": {"name": "../1_Step-2.ckpt"}}', "must be named like 27_Step-40129"),
        ('{"best_checkpoint": {"name": "1_Step-2.ckpt"}}', "neither 1_Step-2.safetensors nor"),
    ],
)
def test_a_broken_checkpoint_index_is_refused(index: str, message: str, tmp_path: Path) -> None:
    write_metadata(tmp_path)
    write_index(tmp_path)
    (tmp_path / "model" / "deepracer_checkpoints.json").write_text(index)
    with pytest.raises(ArchiveError) as caught:
        load_model(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no such file or folder"):
        load_model(tmp_path / "none")
    with pytest.raises(ArchiveError, match=r"needs a model_metadata\.json beside it, found none"):
        load_model(tmp_path)
    (tmp_path / "model.pb").write_bytes(b"")
    with pytest.raises(ArchiveError, match=r"model\.pb: needs a model_metadata.json beside it"):
        load_model(tmp_path / "model.pb")
    write_metadata(tmp_path / "empty")
    with pytest.raises(ArchiveError, match=r"exactly one \*.safetensors or \*.pb, found none"):
        load_model(tmp_path / "empty")
    with pytest.raises(ConfigError, match=r'checkpoint must be "best", "last" or .* got'):
        load_model(tmp_path, checkpoint="first")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (
            ModelMetadata(discrete_grid(30.0, 5, 2.0, 2), neural_network=DEEP),
            "agree on the action space: it says 10 actions, the policy has 6 actions",
        ),
        (
            ModelMetadata(CONTINUOUS, neural_network=DEEP),
            "it says a continuous box, the policy has 6 actions",
        ),
        (
            metadata_of(DEEP, "LEFT_CAMERA"),
            "sensors: it says LEFT_CAMERA 120x160x1, the policy has FRONT_FACING_CAMERA",
        ),
        (metadata_of(SHALLOW, "FRONT_FACING_CAMERA"), f"it says {SHALLOW}, the policy has {DEEP}"),
        (
            ModelMetadata(CONTINUOUS, neural_network=DEEP, training_algorithm="sac"),
            "was trained with sac; only clipped_ppo policies can be read",
        ),
    ],
)
def test_metadata_of_another_model_is_refused(
    metadata: ModelMetadata, message: str, mono: Model, tmp_path: Path
) -> None:
    graph = frozen_graph(mono.spec, mono.params)
    write_model_archive(tmp_path / "model.tar.gz", metadata, graph)
    with pytest.raises(ArchiveError, match=f"model.tar.gz: .*{message}"):
        load_model(tmp_path / "model.tar.gz")


def test_over_the_oldest_sensor_two_networks_are_the_same(tmp_path: Path) -> None:
    metadata = metadata_of(FIVE_LAYERS, "observation")
    graph = frozen_graph(network_spec(metadata), random_params(network_spec(metadata)))
    write_model_archive(tmp_path / "model.tar.gz", metadata, graph)
    assert load_model(tmp_path / "model.tar.gz").spec == network_spec(metadata)


def test_a_checkpoint_without_or_with_another_policy_is_refused(
    tmp_path: Path, mono: Model
) -> None:
    write_metadata(tmp_path, metadata_of(SHALLOW, "FRONT_FACING_CAMERA"))
    path = tmp_path / "1_Step-2.safetensors"
    save_weights(path, {"network_1": mono.params})
    with pytest.raises(ArchiveError, match=r"1_Step-2\.safetensors: has the unknown parameter"):
        load_model(tmp_path)
    save_weights(path, {"network_0": mono.params})
    with pytest.raises(ArchiveError, match="holds no tensors below network_1"):
        load_model(tmp_path)


def test_a_model_is_shown_without_its_weights(mono: Model) -> None:
    assert len(repr(mono)) < 1000
