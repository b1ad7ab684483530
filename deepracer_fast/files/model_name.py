"""What a model is called: by its folder, or by the file that somebody was sent.

In: a path. Out: a name, for leaderboards, films and clones. Neighbours: ``commands.race``,
``commands.video`` and ``clone`` ask.
"""

from pathlib import Path

_PLAIN_NAMES = ("model", "agent")  # of files and folders that say nothing about whose model it is
_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip", ".pb", ".safetensors")


def model_name(path: Path) -> str:
    """A model's name from its path: of models/fast/model.tar.gz it is "fast"."""
    path = path.resolve()
    for part in (path, *path.parents):
        name = part.name
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix)
        if name and name not in _PLAIN_NAMES:
            return name
    return path.name
