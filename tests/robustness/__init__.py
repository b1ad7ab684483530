"""Trials of what must not break: each kind a module with ``run(count, seed)``, a line a finding.

Run in full by ``benchmarks/robustness.py``, and a tenth of each in the tests.
"""

TRIALS = {
    "kills": 60,
    "mutations": 3_000,
    "calls": 300,
    "core_calls": 300,
    "circumstances": 60,
    "escapes": 200,
    "reward_descriptions": 500,
    "routes": 200,
    "soak": 1_800,  # seconds
}
"""How many of each kind make a full trial."""
