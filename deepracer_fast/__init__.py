"""deepracer_fast: a batched DeepRacer simulator, a PPO learner, and the archive in between.

The line: track -> simulator -> observation -> policy -> action, with the reward beside it.
What users need is imported from here. ``__init__.pyi`` lists it for type checkers, and this file
loads a name from its module when it is first asked for, so that importing the package loads
nothing heavy (PEP 562; the stub as the list is Scientific Python's SPEC 1).
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from deepracer_fast.renamed import OldModules

__version__ = "0.2.0.dev0"

if find_spec("deepracer_fast._core") is None:
    raise ImportError(
        f"{__path__[0]} holds the sources without their compiled core: start Python in another "
        "folder than the checkout, or install the package with `pip install -e .`"
    )

sys.meta_path.insert(0, OldModules())  # before the one that looks into a package's folder


@cache
def _homes() -> dict[str, str]:
    """The module of each name."""
    with open(f"{__file__}i", encoding="utf-8") as stub:
        lines = [line.split() for line in stub if line.startswith("from ")]
    return {words[-1]: words[1] for words in lines}


def __getattr__(name: str) -> object:
    if name.startswith("_") or name not in _homes():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_homes()[name]), name)
    return value


def __dir__() -> list[str]:
    return ["__version__", *sorted(_homes())]
