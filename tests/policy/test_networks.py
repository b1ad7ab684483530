"""Promises of networks.py: the original's parameter tree, and equal numbers however computed."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepracer_fast.errors import ConfigError, MetadataError
from deepracer_fast.files.action_space import ContinuousActionSpace, DiscreteActionSpace
from deepracer_fast.files.model_metadata import LidarConfig, ModelMetadata
from deepracer_fast.policy import native_network, networks, value_networks
from deepracer_fast.policy.networks import NetworkSpec, init_policy, network_spec, policy_logits

SHALLOW = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
FIVE_LAYER = "DEEP_CONVOLUTIONAL_NETWORK"
DEEP = "DEEP_CONVOLUTIONAL_NETWORK_DEEP"
MONO = ("FRONT_FACING_CAMERA", (120, 160, 1))
STEREO = ("STEREO_CAMERAS", (120, 160, 2))
THREE_ACTIONS = DiscreteActionSpace(steering_angle_deg=(-30.0, 0.0, 30.0), speed=(1.0, 2.0, 1.0))


def spec_of(*sensors, neural_network=SHALLOW, num_actions=3, continuous=False):
    return NetworkSpec(sensors, neural_network, num_actions, continuous)


def metadata_of(*sensors, action_space=THREE_ACTIONS, neural_network=SHALLOW, lidar=None):
    return ModelMetadata(action_space, sensors, neural_network, "clipped_ppo", 5, lidar)


def random_observation(spec, batch, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, 256, (batch, *shape), dtype=np.uint8)
        if len(shape) == 3
        else rng.random((batch, *shape), dtype=np.float32)
        for name, shape in spec.sensors
    }


def random_biases(params):
    """Zero biases would hide a bias that is left out."""
    rng = np.random.default_rng(1)
    return jax.tree.map(
        lambda leaf: (
            jnp.asarray(rng.uniform(-0.1, 0.1, leaf.shape), jnp.float32) if leaf.ndim == 1 else leaf
        ),
        params,
    )


def shapes(params):
    return jax.tree.map(jnp.shape, params)


def test_shallow_tree_has_the_original_names_and_shapes():
    tree = shapes(init_policy(spec_of(MONO, num_actions=12), jax.random.key(0)))
    assert tree == {
        "FRONT_FACING_CAMERA": {
            "Conv2d_0": {"kernel": (8, 8, 1, 32), "bias": (32,)},
            "Conv2d_2": {"kernel": (4, 4, 32, 64), "bias": (64,)},
            "Conv2d_4": {"kernel": (3, 3, 64, 64), "bias": (64,)},
        },
        "middleware_fc_embedder": {"Dense_0": {"kernel": (11264, 512), "bias": (512,)}},
        "ppo_head_0": {"policy_fc": {"kernel": (512, 12), "bias": (12,)}},
    }


@pytest.mark.parametrize(
    ("sensor", "neural_network", "features", "middleware"),
    [
        (MONO, FIVE_LAYER, 56000, (512,)),
        (MONO, DEEP, 9216, (256, 128)),
        (STEREO, SHALLOW, 11264, (512,)),
        (STEREO, FIVE_LAYER, 112000, (512,)),
        (STEREO, DEEP, 112000, (256, 128)),
    ],
)
def test_middleware_is_as_wide_as_the_original(sensor, neural_network, features, middleware):
    spec = spec_of(sensor, neural_network=neural_network)
    tree = jax.eval_shape(lambda key: init_policy(spec, key), jax.random.key(0))
    dense = tree["middleware_fc_embedder"]
    widths = (features, *middleware)
    for index in range(len(middleware)):
        assert dense[f"Dense_{2 * index}"]["kernel"].shape == widths[index : index + 2]
    assert len(dense) == len(middleware)


def test_dense_layers_at_each_pixel_keep_their_matrix_shape():
    tree = jax.eval_shape(
        lambda key: init_policy(spec_of(MONO, neural_network=DEEP), key), jax.random.key(0)
    )["FRONT_FACING_CAMERA"]
    assert sorted(tree) == ["Conv2d_0", "Conv2d_2", "Conv2d_4", "Conv2d_6", "Dense_10", "Dense_8"]
    assert tree["Dense_8"]["kernel"].shape == (64, 512)
    assert tree["Dense_10"]["kernel"].shape == (512, 512)


def test_oldest_sensor_always_has_the_shallow_layers():
    spec = spec_of(("observation", (120, 160, 1)), neural_network=DEEP)
    tree = shapes(init_policy(spec, jax.random.key(0)))
    assert sorted(tree["observation"]) == ["Conv2d_0", "Conv2d_2", "Conv2d_4"]
    assert tree["middleware_fc_embedder"]["Dense_2"]["kernel"] == (256, 128)


def test_sensors_join_in_order_of_name():
    spec = network_spec(metadata_of("STEREO_CAMERAS", "LIDAR"))
    assert [name for name, _ in spec.sensors] == ["LIDAR", "STEREO_CAMERAS"]
    params = init_policy(spec, jax.random.key(0))
    observation = random_observation(spec, 2)
    kernel = params["middleware_fc_embedder"]["Dense_0"]["kernel"]
    assert kernel.shape == (256 + 11264, 512)
    # With the lidar's rows, the first 256, cut off the lidar must not matter any more.
    params["middleware_fc_embedder"]["Dense_0"]["kernel"] = kernel.at[:256].set(0.0)
    other = observation | {"LIDAR": observation["LIDAR"] + 1}
    np.testing.assert_array_equal(
        policy_logits(spec, params, observation), policy_logits(spec, params, other)
    )


def test_spec_follows_the_metadata():
    box = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)
    lidar = LidarConfig(num_sectors=16, num_values_per_sector=4)
    sensors = ("FRONT_FACING_CAMERA", "DISCRETIZED_SECTOR_LIDAR")
    spec = network_spec(metadata_of(*sensors, action_space=box, lidar=lidar))
    assert spec == spec_of(
        ("DISCRETIZED_SECTOR_LIDAR", (64,)), MONO, num_actions=2, continuous=True
    )
    assert hash(spec) == hash(network_spec(metadata_of(*sensors, action_space=box, lidar=lidar)))


@pytest.mark.parametrize(
    ("camera", "first_layer"),
    [
        ("LEFT_CAMERA", (5, 5, 2, 32)),
        ("STEREO_CAMERAS", (3, 3, 4, 32)),
    ],
)
def test_two_frames_are_no_second_eye(camera, first_layer):
    metadata = metadata_of(camera, neural_network=FIVE_LAYER)
    spec = network_spec(replace(metadata, frame_stack=2))
    tree = jax.eval_shape(lambda key: init_policy(spec, key), jax.random.key(0))
    assert tree[camera]["Conv2d_0"]["kernel"].shape == first_layer


def test_unknown_network_is_refused():
    with pytest.raises(MetadataError, match=r"neural_network must be one of .* got 'WIDE'"):
        network_spec(metadata_of("FRONT_FACING_CAMERA", neural_network="WIDE"))


def test_unknown_sensor_is_refused():
    with pytest.raises(MetadataError, match="got 'RADAR'"):
        network_spec(metadata_of("RADAR"))


def test_continuous_head_has_a_small_mean_and_its_own_deviation():
    spec = spec_of(MONO, num_actions=2, continuous=True)
    params = init_policy(spec, jax.random.key(0))
    head = params["ppo_head_0"]
    assert sorted(head) == ["policy_log_std", "policy_mean"]
    columns = np.linalg.norm(head["policy_mean"]["kernel"], axis=0)
    np.testing.assert_allclose(columns, 0.01, rtol=1e-5)
    assert policy_logits(spec, params, random_observation(spec, 2)).shape == (2, 2)
    head["policy_log_std"] = jnp.array([-50.0, 9.0])
    np.testing.assert_array_equal(networks.policy_log_std(params), [-20.0, 3.0])


def test_kernels_start_glorot_uniform_and_biases_at_zero():
    params = init_policy(spec_of(MONO), jax.random.key(0))
    kernel = params["FRONT_FACING_CAMERA"]["Conv2d_2"]["kernel"]
    limit = np.sqrt(6.0 / (4 * 4 * (32 + 64)))
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    biases = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim == 1]
    assert all(not leaf.any() for leaf in biases)


NETWORKS = [
    (MONO, SHALLOW),
    (MONO, FIVE_LAYER),
    (MONO, DEEP),
    (STEREO, SHALLOW),
    (STEREO, FIVE_LAYER),  # the two deeper networks share their stereo layers
]
THREE_FRAMES = ("FRONT_FACING_CAMERA", (120, 160, 3))
STACKED = [(THREE_FRAMES, SHALLOW), (THREE_FRAMES, FIVE_LAYER)]
IMPLEMENTATIONS = [name for name in networks.available_implementations() if name != "xla"]
INSTRUCTION_SETS = native_network.instruction_sets()


def with_all_units_active(params):
    """Small kernels and large biases: no ReLU is near its edge, where rounding would switch it."""
    return jax.tree.map(lambda leaf: 0.1 * leaf if leaf.ndim > 1 else leaf + 1.0, params)


def assert_trees_close(got, want):
    """Sums over a picture differ in order only: 1e-5 of the largest entry of each leaf."""

    def compare(path, got, want):
        tolerance = 1e-5 * float(jnp.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance, err_msg=str(path))

    jax.tree_util.tree_map_with_path(compare, got, want)


def assert_trees_aligned(got, want, least_cosine):
    def compare(path, got, want):
        cosine = jnp.vdot(got, want) / (jnp.linalg.norm(got) * jnp.linalg.norm(want))
        assert cosine > least_cosine, f"{path}: cosine {cosine}"

    jax.tree_util.tree_map_with_path(compare, got, want)


def random_leaf(leaf):
    """Uniform values, kernels as large as Glorot's; by NumPy, as compiling takes longer."""
    *window, fan_in, fan_out = (1, *leaf.shape)
    limit = np.sqrt(6.0 / (np.prod(window) * (fan_in + fan_out))) if leaf.ndim > 1 else 0.1
    values = np.random.default_rng(1).uniform(-limit, limit, leaf.shape)
    return jnp.asarray(values, jnp.float32)


@cache
def features_and_gradient(sensor, neural_network, implementation):
    """Of the picture layers through one jitted function; with all units active, and with half."""
    architecture = networks.ARCHITECTURES[neural_network]
    layers = architecture.stereo if sensor[0] == STEREO[0] else architecture.mono
    embedder = networks.PictureEmbedder(layers, implementation)
    picture = random_observation(spec_of(sensor), 2)[sensor[0]]
    shapes = jax.eval_shape(embedder.init, jax.random.key(0), picture)["params"]
    params = jax.tree.map(random_leaf, shapes)

    def weighted_sum(params):
        features = embedder.apply({"params": params}, picture).astype(jnp.float32)
        weights = jnp.asarray(np.random.default_rng(2).normal(size=features.shape), jnp.float32)
        return jnp.sum(features * weights), features

    function = jax.jit(jax.grad(weighted_sum, has_aux=True))
    return function(with_all_units_active(params))[::-1], function(params)[::-1]


@pytest.mark.parametrize(
    "implementation", [name for name in IMPLEMENTATIONS if not name.endswith("bf16")]
)
@pytest.mark.parametrize(("sensor", "neural_network"), [*NETWORKS, *STACKED])
def test_picture_layers_equal_the_plain_convolution(sensor, neural_network, implementation):
    got, _ = features_and_gradient(sensor, neural_network, implementation)
    want, _ = features_and_gradient(sensor, neural_network, "xla")
    assert_trees_close(got, want)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize(("sensor", "neural_network"), [*NETWORKS, *STACKED])
def test_gradients_agree_where_units_switch_off(sensor, neural_network, implementation):
    """A unit within rounding of zero may switch in one alone: the direction is compared."""
    _, got = features_and_gradient(sensor, neural_network, implementation)
    _, want = features_and_gradient(sensor, neural_network, "xla")
    # bfloat16 has eight bits of mantissa; float32 is off by the units that switch.
    assert_trees_aligned(got, want, 0.98 if implementation.endswith("bf16") else 0.9999)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_whole_network_equals_the_plain_one(implementation):
    spec = spec_of(MONO)
    params = with_all_units_active(random_biases(init_policy(spec, jax.random.key(0))))
    observation = random_observation(spec, 3)

    def loss(params, implementation):
        logits = policy_logits(spec, params, observation, implementation)
        return jnp.sum(logits * jnp.arange(1.0, 4.0)), logits

    function = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
    (gradient, logits), (want_gradient, want_logits) = (
        function(params, implementation),
        function(params, "xla"),
    )
    if implementation.endswith("bf16"):
        np.testing.assert_allclose(logits, want_logits, atol=0.02)
        assert_trees_aligned(gradient, want_gradient, 0.999)
    else:
        np.testing.assert_allclose(logits, want_logits, atol=1e-5)
        assert_trees_close(gradient, want_gradient)


def classification_losses(implementation):
    """Of 40 steps of Adam that teach pictures by heart."""
    spec = spec_of(MONO)
    observation = random_observation(spec, 48)
    labels = np.arange(48) % 3

    def loss(params):
        logits = policy_logits(spec, params, observation, implementation)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    adam = optax.adam(3e-4)

    @jax.jit
    def step(params, state):
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = adam.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    params = init_policy(spec, jax.random.key(5))
    state = adam.init(params)
    losses = []
    for _ in range(40):
        params, state, value = step(params, state)
        losses.append(float(value))
    return losses


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_kernels_learn_as_plain_jax_does(instruction_set):
    got, want = classification_losses(instruction_set), classification_losses("matmul")
    np.testing.assert_allclose(got[:5], want[:5], rtol=0.01)
    assert want[-1] < 0.5 * want[0] and got[-1] < 0.5 * got[0]


def test_the_environment_may_name_an_implementation(monkeypatch):
    for implementation in networks.available_implementations():
        monkeypatch.setenv("DEEPRACER_FAST_NETWORK", implementation)
        assert networks.default_implementation() == implementation
    monkeypatch.setenv("DEEPRACER_FAST_NETWORK", "mmx")
    with pytest.raises(ConfigError, match=r"must be one of xla, matmul.*, got 'mmx'"):
        networks.default_implementation()


def shallow_layers():
    """Random weights and strides of the shallow picture layers."""
    keys = jax.random.split(jax.random.key(2), 3)
    shapes = [(8, 8, 1, 32), (4, 4, 32, 64), (3, 3, 64, 64)]
    initialise = jax.nn.initializers.glorot_uniform()
    weights = [
        (initialise(key, shape), jnp.full(shape[-1:], 0.01))
        for key, shape in zip(keys, shapes, strict=True)
    ]
    return weights, (4, 2, 1)


def kernel_gradients(instruction_set):
    """Bytes of every gradient of one picture layer stack and one dense layer."""
    weights, strides = shallow_layers()
    picture = np.random.default_rng(3).integers(0, 256, (21, 120, 160, 1), dtype=np.uint8)
    dense = jax.random.normal(jax.random.key(4), (11264, 64))

    def total(weights, dense):
        features = native_network.picture_features(instruction_set, picture, weights, strides)
        return jnp.sum(jnp.square(native_network.matmul(instruction_set, features, dense)))

    gradient = jax.jit(jax.grad(total, (0, 1)))(weights, dense)
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(gradient))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_gradient_does_not_depend_on_thread_count(own_process):
    """JAX takes one thread a core that it may use: here all, in the other process one."""
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "import hashlib, test_networks as t\n"
        "for k in t.INSTRUCTION_SETS: print(hashlib.sha256(t.kernel_gradients(k)).hexdigest())"
    )
    paths = os.pathsep.join([own_process["PYTHONPATH"], str(Path(__file__).parent)])
    alone = subprocess.run(
        [sys.executable, "-c", program],
        env=own_process | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [hashlib.sha256(kernel_gradients(name)).hexdigest() for name in INSTRUCTION_SETS]
    assert alone.stdout.split() == here


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_an_answer_does_not_depend_on_its_batch(instruction_set):
    """PPO's probability ratio then starts at 1, however act and learn cut their batches."""
    weights, strides = shallow_layers()
    dense = jax.random.normal(jax.random.key(4), (11264, 64))
    pictures = np.random.default_rng(3).integers(0, 256, (7, 120, 160, 1), dtype=np.uint8)

    def answer(pictures):
        features = native_network.picture_features(instruction_set, pictures, weights, strides)
        return native_network.matmul(instruction_set, features, dense)

    together = answer(pictures)
    np.testing.assert_array_equal(together[4:5], answer(pictures[4:5]))


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_kernels_refuse_a_layer_that_does_not_fill_their_vectors(instruction_set):
    with pytest.raises(Exception, match="must be multiples of 32, got 64 and 40"):
        native_network.matmul(instruction_set, jnp.ones((2, 64)), jnp.ones((64, 40)))


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_kernels_run_under_vmap(instruction_set):
    x = jax.random.normal(jax.random.key(0), (2, 3, 64))
    w = jax.random.normal(jax.random.key(1), (2, 64, 64))
    got = jax.vmap(lambda x, w: native_network.matmul(instruction_set, x, w))(x, w)
    np.testing.assert_allclose(got, jnp.einsum("nbf,nfo->nbo", x, w), atol=0.2)


def test_genuine_picture_range_is_scaled_inside():
    spec = spec_of(MONO)
    params = random_biases(init_policy(spec, jax.random.key(0)))
    dark = policy_logits(spec, params, {MONO[0]: np.zeros((1, 120, 160, 1), np.uint8)})
    white = policy_logits(spec, params, {MONO[0]: np.full((1, 120, 160, 1), 255, np.uint8)})
    assert np.abs(np.asarray(white - dark)).max() < 10.0


@pytest.mark.parametrize("kind", ["track_state", "separate", "shared"])
def test_every_value_function_gives_one_number_a_car(kind):
    spec = spec_of(("LIDAR", (64,)))
    params = value_networks.init_value(kind, spec, 10, jax.random.key(0))
    observation = random_observation(spec, 5)
    if kind == "track_state":
        values = value_networks.track_state_value(params, jnp.ones((5, 10)))
    elif kind == "separate":
        values = value_networks.separate_value(spec, params, observation)
    else:
        policy = init_policy(spec, jax.random.key(1))
        _, features = networks.policy_logits_and_features(spec, policy, observation)
        values = value_networks.shared_value(params, features)
    assert values.shape == (5,)
    assert np.isfinite(values).all()
