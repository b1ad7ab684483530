"""Old names work for one version, give the same things, and say the new name."""

import json
import subprocess
import sys
from importlib import import_module, util
from typing import Any

import jax
import numpy as np
import pytest

import deepracer_fast
from deepracer_fast import renamed
from deepracer_fast.errors import ConfigError
from deepracer_fast.files.action_space import DiscreteActionSpace
from deepracer_fast.files.model_metadata import TRACK_STATE, ModelMetadata
from deepracer_fast.policy.model import Model
from deepracer_fast.policy.networks import init_policy, network_spec
from deepracer_fast.training.config import TrainConfig
from deepracer_fast.world.simulator import Simulator

METADATA = ModelMetadata(DiscreteActionSpace((0.0,), (1.0,)), sensors=(TRACK_STATE,))


def test_every_old_module_is_the_new_one(own_process: dict[str, str]) -> None:
    """In a process of its own: an old name is searched for once."""
    program = """
import importlib, json, warnings
from deepracer_fast.renamed import PACKAGE, new_modules
inside = {"archive.weights": "policy.archive.weights"}
inside["engine_numba.vehicle"] = "world.engine_numba.vehicle"
found = {}
for old, new in (new_modules() | inside).items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        module = importlib.import_module(f"{PACKAGE}.{old}")
    same = module is importlib.import_module(f"{PACKAGE}.{new}") and module.__spec__.name
    found[old] = (same == f"{PACKAGE}.{new}", [str(each.message) for each in said][-1])
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=own_process,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    for old, (is_same, said) in json.loads(done.stdout).items():
        assert is_same, old
        assert said.startswith(f"deepracer_fast.{old} is called deepracer_fast."), said


def test_the_warning_points_at_the_import(own_process: dict[str, str]) -> None:
    """Which is why Python shows it in programs, and not in what they import."""
    program = "import deepracer_fast.track\nfrom deepracer_fast import borders"
    done = subprocess.run(
        [sys.executable, "-c", program], env=own_process, capture_output=True, text=True, timeout=60
    )
    says = "DeprecationWarning: deepracer_fast.{0} is called deepracer_fast.tracks.{0} now"
    lines = [f"<string>:1: {says.format('track')}", f"<string>:2: {says.format('borders')}"]
    assert done.stderr.splitlines() == lines


@pytest.mark.parametrize("module", renamed.NAMES)
def test_an_old_name_in_a_module_is_the_new_one(module: str) -> None:
    for old, new in renamed.NAMES[module].items():
        with pytest.warns(DeprecationWarning, match=f"{module}.{old} is called .*{new} now"):
            found = getattr(import_module(f"deepracer_fast.{module}"), old)
        home, _, name = new.rpartition(".")
        assert found is getattr(import_module(f"deepracer_fast.{home}"), name)
    with pytest.raises(AttributeError, match=f"module 'deepracer_fast.{module}' has no attribute"):
        _ = import_module(f"deepracer_fast.{module}").nothing


def test_an_old_argument_means_the_new_one() -> None:
    old: Any = Simulator
    with pytest.warns(DeprecationWarning, match=r"Simulator\(num_threads=...\) is called threads"):
        assert old("Oval_track", 2, (), num_threads=2).threads == 2
    with pytest.warns(DeprecationWarning):
        assert old("Oval_track", 2, (), num_threads=None).threads == 0
    with pytest.warns(DeprecationWarning, match=r"ModelMetadata\(version=...\) is called car_ver"):
        assert ModelMetadata(METADATA.action_space, version=3).car_version == 3  # type: ignore[call-arg]


def test_an_old_argument_goes_into_the_record_where_it_lies_now() -> None:
    old: Any = TrainConfig
    with pytest.warns(DeprecationWarning, match="is called (course.tracks|collection.num_cars)"):
        config = old(track="Oval_track", num_cars=8, seed=4)
    assert config == TrainConfig(seed=4).updated(tracks=["Oval_track"], num_cars=8)
    with pytest.warns(DeprecationWarning, match="TrainConfig.num_cars is called collection.num_ca"):
        assert config.num_cars == 8
    with pytest.raises(ConfigError, match="num_cars must"), pytest.warns(DeprecationWarning):
        old(num_cars=0)


def test_an_old_attribute_means_the_new_one() -> None:
    spec = network_spec(METADATA)
    model: Any = Model(METADATA, spec, init_policy(spec, jax.random.key(0)))
    state = np.zeros((1, 17), np.float32)
    for old, new in (("choose", "best_action"), ("answer", "output")):
        with pytest.warns(DeprecationWarning, match=f"Model.{old} is called {new} now"):
            np.testing.assert_array_equal(getattr(model, old)(state), getattr(model, new)(state))
    with pytest.warns(DeprecationWarning, match="ModelMetadata.version is called car_version now"):
        assert model.metadata.version == 5


def test_other_names_are_left_alone() -> None:
    for name in ("simulater", "simulator_", "tracks", "pictures.video", "errors"):
        assert renamed.OldModules().find_spec(f"deepracer_fast.{name}") is None
    assert renamed.OldModules().find_spec("track") is None
    assert util.find_spec("deepracer_fast.simulator") is not None
    new = {name for name in vars(deepracer_fast) if not name.startswith("_")}
    assert not new & set(renamed.new_modules())
