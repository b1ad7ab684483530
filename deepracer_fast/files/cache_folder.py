"""Where caches lie: what was compiled before, which may be deleted at any time.

In: the environment. Out: a folder that can be written, or none. It is ``$DEEPRACER_FAST_CACHE``, or
``deepracer_fast`` in the user's cache folder (``$XDG_CACHE_HOME``, or ``~/.cache``). A user who has
no such folder, or may not write it, has one of their own in the temporary folder, and without that
everything works and is compiled anew. Neighbours: ``compilation_cache`` and ``reward/cache`` keep
their files here; Numba and Matplotlib, which look for a home of their own, are lent a part of it.
"""

import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

_NAMES = ("DEEPRACER_FAST_CACHE", "XDG_CACHE_HOME", "HOME")  # what the choice depends on


def cache_folder(part: str = "") -> Path | None:
    """The cache, or a folder in it that may not be there yet; None where nothing can be kept."""
    chosen = _chosen(*map(os.environ.get, _NAMES))
    return None if chosen is None else chosen / part


def remark() -> str:
    """What a user should know whose cache is not in the usual place; "" where it is."""
    if _is_usable(_wished()):
        return ""
    chosen, there = cache_folder(), _wished() or "no home folder"
    where = f"is kept in {chosen}" if chosen else "is compiled anew in each process"
    return (
        f"{there}: no cache can be written there, so what is compiled {where}; "
        "set DEEPRACER_FAST_CACHE to a folder that can be written"
    )


def lend_to_libraries() -> None:
    """Gives Numba and Matplotlib a place where they would find none, before they are loaded.

    Without a home Numba writes below a folder named ``~`` in the working directory, and Matplotlib
    complains and makes a temporary folder in each process.
    """
    if not os.path.isabs(os.environ.get("XDG_CACHE_HOME") or os.sep):
        del os.environ["XDG_CACHE_HOME"]  # its specification: a relative path is to be ignored
    if _is_usable(_of_user()):
        return
    for name, part in (("NUMBA_CACHE_DIR", "numba"), ("MPLCONFIGDIR", "matplotlib")):
        if (folder := cache_folder(part)) is not None:
            os.environ.setdefault(name, str(folder))


def _wished() -> Path | None:
    """The usual place; None for a user without a home."""
    if given := os.environ.get("DEEPRACER_FAST_CACHE"):
        return Path(given)
    home = _of_user()
    return None if home is None else home / "deepracer_fast"


def _of_user() -> Path | None:
    """The user's own cache folder; None without a home."""
    given = os.environ.get("XDG_CACHE_HOME") or ""
    try:
        return Path(given) if os.path.isabs(given) else Path.home() / ".cache"
    except RuntimeError:  # no HOME, and the system does not know this user
        return None


@lru_cache
def _chosen(*_environment: str | None) -> Path | None:
    wished = _wished()
    return wished if _is_usable(wished) else _temporary()


def _is_usable(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path | None:
    """A folder that only this user can write: whoever writes it has code run by this user."""
    try:
        folder = Path(tempfile.gettempdir()) / f"deepracer_fast-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    is_ours = found.st_uid == os.getuid() and not found.st_mode & 0o022
    return folder if stat.S_ISDIR(found.st_mode) and is_ours else None
