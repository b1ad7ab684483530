"""``deepracer_fast.json``, the mark of a model folder: that it is ours, and of which form.

In: the file. Out: what it says: the form, the version that made it, what the archive was last
called, and which model this one is a clone of. Neighbour: ``model_folder`` knows where it lies.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import deepracer_fast
from deepracer_fast.checks.json_object import JsonObject, read_json_object
from deepracer_fast.errors import ArchiveError
from deepracer_fast.files.atomic import atomic_write_text

FORMAT = 1
"""Version of the folder's form; one without a number is as old as this one, a newer is refused."""

FIRST_ARCHIVE = "model.tar.gz"
"""What every archive was called before it was named after its model."""

_ARCHIVE_NAME = re.compile(r"[^/\\\0]+\.tar\.gz")


def read_mark(path: Path) -> JsonObject:
    """What the mark says; the first form's for a folder from before there were marks.

    Raises:
        ArchiveError: it is damaged.
    """
    return read_json_object(path, ArchiveError) if path.exists() else {"format": 1}


def write_mark(path: Path, archive: str, parent: Mapping[str, str]) -> None:
    """Says of a folder that it is ours, what its archive is called, and whose clone it is."""
    mark: JsonObject = {"format": FORMAT, "version": deepracer_fast.__version__}
    mark |= {"archive": archive, "clone": bool(parent)}
    _write(path, mark | ({"parent": dict(parent)} if parent else {}))


def check_form(path: Path) -> None:
    """Refuses a folder whose form is newer than this version knows.

    Raises:
        ArchiveError: it is newer, or its mark is damaged.
    """
    content = read_mark(path)
    found = content.get("format")
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= FORMAT:
        made_by = f", made by version {content.get('version')}" if "version" in content else ""
        raise ArchiveError(
            f"{path}: the form of a model folder must be at most {FORMAT}, found {found!r}"
            f"{made_by}; install a newer deepracer-fast"
        )


def archive_called(path: Path) -> str:
    """The name of the file that the folder's archive was last written to.

    Raises:
        ArchiveError: the mark is damaged.
    """
    told = str(read_mark(path).get("archive", ""))
    return told if _ARCHIVE_NAME.fullmatch(told) else FIRST_ARCHIVE


def call_archive(path: Path, name: str) -> None:
    """Says that the archive is called so; what else the mark says stays."""
    _write(path, read_mark(path) | {"archive": name})


def _write(path: Path, content: JsonObject) -> None:
    atomic_write_text(path, json.dumps(content) + "\n")
