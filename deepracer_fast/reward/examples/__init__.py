"""Reward functions to start from: complete files that run unchanged here and in the original.

In: a name. Out: the path of a ``reward_function.py``, to read, to copy or to hand to `load_reward`.
"""

from pathlib import Path

from deepracer_fast.errors import RewardError

_FOLDER = Path(__file__).parent


def example_names() -> list[str]:
    """The names that `example_reward` knows, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "__init__")


def reward_file(path: Path) -> Path:
    """The path as it is, or the example's of that name where there is no such file."""
    named = not path.exists() and str(path) in example_names()
    return example_reward(str(path)) if named else path


def example_reward(name: str) -> Path:
    """The file of the example reward function called ``name``.

    Raises:
        RewardError: There is no example of that name.
    """
    names = example_names()
    if name not in names:
        raise RewardError(
            f"no example reward function is called {name!r}: choose one of {', '.join(names)}"
        )
    return _FOLDER / f"{name}.py"
