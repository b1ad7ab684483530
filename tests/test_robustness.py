"""A tenth of the trials of what must not break; all of them are in `benchmarks/robustness.py`.

Each kind is a module of `robustness`, whose head says what it tries.
"""

import pytest
from robustness import TRIALS, in_its_own_process


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRIALS)
def test_a_tenth_of_the_trials_holds(kind: str) -> None:
    assert in_its_own_process(kind, max(1, TRIALS[kind] // 10), seed=0) == []
