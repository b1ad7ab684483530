"""A tenth of the trials of what must not break; all of them are in `benchmarks/robustness.py`.

Each kind is a module of `robustness`, whose head says what it tries.
"""

import importlib

import pytest
from robustness import TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRIALS)
def test_a_tenth_of_the_trials_holds(kind: str) -> None:
    module = importlib.import_module(f"robustness.{kind}")
    assert module.run(max(1, TRIALS[kind] // 10), seed=0) == []
