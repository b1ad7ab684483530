"""Chance in a reward function: the same numbers in every run, where it does not seed them itself.

A training is to give the same rewards each time with the same seed, so what Python and NumPy take
from the machine's own noise comes from one fixed generator here: the present state of `random`
and of ``numpy.random``, and the seeds of generators that are made without one. The cars of a
process share it, in the order of their calls. What asks the system itself (`os.urandom`,
`random.SystemRandom`) still gets noise.
"""

import random
import secrets
import sys
from typing import Any

_SEED = 0
_SEED_BITS = 128


def install() -> None:
    """Takes the machine's noise from the generators of this process."""
    source = random.Random(_SEED)
    real = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        real(self, source.getrandbits(_SEED_BITS) if a is None else a, version)

    random.Random.seed = seed  # type: ignore[method-assign]
    random.seed = random._inst.seed
    random.seed()
    # Where NumPy's generators take their seeds from.
    secrets.randbits = source.getrandbits  # type: ignore[assignment]
    if "numpy.random" in sys.modules:
        from numpy.random import bit_generator
        from numpy.random import seed as seed_numpy

        bit_generator.randbits = source.getrandbits  # type: ignore[attr-defined]
        seed_numpy(_SEED)
