"""Reward functions to start from: complete files that run unchanged here and in the original.

In: a name. Out: the path of a ``reward_function.py``, to read, to copy or to hand to `load_reward`.
"""

import os
from pathlib import Path

from deepracer_fast.checks.values import shown
from deepracer_fast.errors import RewardError

_FOLDER = Path(__file__).parent


def example_names() -> list[str]:
    """The names that `example_reward` knows, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "__init__")


def reward_file(path: Path) -> Path:
    """The path as it is, or the example's of that name where there is no such file.

    Raises:
        RewardError: There is neither, and the path is no more than a name.
    """
    if path.suffix or path.name != str(path) or os.path.exists(path):  # never raises
        return path
    return example_reward(path.name)


def example_reward(name: str) -> Path:
    """The file of the example reward function called ``name``.

    Raises:
        RewardError: There is no example of that name.
    """
    names = example_names()
    meant = name.strip().casefold().replace("-", "_").replace(" ", "_")
    if meant not in names:
        raise RewardError(
            f"no example reward function, nor a file, is called {shown(name)}: choose one of "
            f"{', '.join(names)}"
        )
    return _FOLDER / f"{meant}.py"
