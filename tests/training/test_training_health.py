"""Promises of ``training_health``: it warns of what usually goes wrong, sparingly."""

import math

from deepracer_fast.files.hyperparameters import Hyperparameters
from deepracer_fast.policy.networks import NetworkSpec
from deepracer_fast.training.health import PATIENCE, Health

SPEC = NetworkSpec((("TRACK_STATE", (17,)),), "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 15, False)
WELL = {"entropy": 2.0, "kl": 0.01}


def warnings_of(progress: list[float], measures: dict[str, float] = WELL) -> list[str]:
    health = Health(Hyperparameters(), SPEC)
    return [text for value in progress for text in health.warnings(measures, value)]


def test_a_training_that_gets_on_is_left_alone() -> None:
    assert warnings_of([float(i) for i in range(100)]) == []
    assert warnings_of([99.0] * 50) == []
    assert warnings_of([math.nan] * 50) == []


def test_flat_progress_is_said_once_in_a_while() -> None:
    said = warnings_of([7.0] * (2 * PATIENCE))
    assert len(said) == 1
    assert warnings_of([7.0, math.nan] * (PATIENCE + 2)) == [said[0]], "no episode is no progress"
    assert "flat" in said[0] and "7 %" in said[0] and "beta_entropy (now 0.01)" in said[0]


def test_a_collapsed_policy_and_a_large_step_are_said() -> None:
    assert "hardly explores" in warnings_of([50.0], {"entropy": 0.01, "kl": 0.0})[0]
    assert "lower lr (now 0.0003)" in warnings_of([50.0], {"entropy": 2.0, "kl": 0.5})[0].lower()
