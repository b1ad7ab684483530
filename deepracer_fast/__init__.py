"""deepracer_fast: a batched DeepRacer simulator, a PPO learner, and the archive in between.

The line: track -> simulator -> observation -> policy -> action, with the reward beside it.
Names are imported from their stations, so that importing the package loads nothing heavy.
"""

from importlib.util import find_spec

__version__ = "0.1.0"

if find_spec("deepracer_fast._core") is None:
    raise ImportError(
        f"{__path__[0]} holds the sources without their compiled core: start Python in another "
        "folder than the checkout, or install the package with `pip install -e .`"
    )
