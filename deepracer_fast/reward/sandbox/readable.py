"""What a reward function may read: Python, the packages, and the files beside its own.

In: the path of a reward file. Out: paths for `confine`, collected on the trusted side.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import deepracer_fast

_SYSTEM = (  # where libraries are loaded from, and what they look at to know the machine
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store"),
    *("/usr/share/zoneinfo", "/etc/ld.so.cache"),
    *("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"),
)
_PACKAGES = ("site-packages", "dist-packages")
_CODE = (".py", ".so", ".pyd", ".dylib")
_MOST = 2000  # entries of a folder that are looked at, the first of them by name


def readable_paths(reward: str) -> list[str]:
    """Files, and folders with all that lies below them.

    Args:
        reward: the path of its file; what is no file, such as the name of a text, has none beside.
    """
    homes = _homes()
    found = [path for path in dict.fromkeys(_python()) if not _holds(path, homes)]
    return list(dict.fromkeys([*_SYSTEM, *found, *_beside(Path(reward), homes)]))


def _python() -> Iterator[str]:
    installed = [
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
        installed += [os.path.join(prefix, name) for name in ("lib", "lib64")]
    yield from installed
    for entry in sys.path:
        path = Path(entry or os.getcwd())
        if not any(path.is_relative_to(each) for each in installed):
            yield from _modules(path)
    yield from deepracer_fast.__path__
    yield from filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))


def _modules(entry: Path) -> Iterator[str]:
    """What of a folder on Python's path is code: it may be that of a script, among other things."""
    if entry.is_file() or entry.name in _PACKAGES:
        yield str(entry)
        return
    for each in _listed(entry):
        is_package = each.is_dir() and os.path.isfile(os.path.join(each.path, "__init__.py"))
        if is_package or each.name.endswith(_CODE):
            yield each.path


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)[:_MOST]
    except OSError:  # not there, or it may be searched, but not listed
        return []


def _beside(reward: Path, homes: set[Path]) -> Iterator[str]:
    """What lies in the file's folder and is not hidden; in a home no folders, which hold it all.

    Links are left out: a folder that somebody else made may link to what is not theirs.
    """
    if not reward.is_file():
        return
    folder = reward.absolute().parent
    in_home = _holds(str(folder), homes)
    yield str(reward.absolute())
    for entry in _listed(folder):
        is_wanted = entry.is_file(follow_symlinks=False) or (
            entry.is_dir(follow_symlinks=False) and not in_home
        )
        if is_wanted and not entry.name.startswith("."):
            yield entry.path


def _homes() -> set[Path]:
    """The user's home, by the environment and by the system."""
    found = {os.path.expanduser("~"), os.environ.get("HOME", "")}
    try:
        import pwd

        found.add(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):  # Windows; a user that the system does not know
        pass
    return {Path(os.path.realpath(home)) for home in found if os.path.isabs(home) and home != "/"}


def _holds(folder: str, homes: set[Path]) -> bool:
    """Whether the folder is a home, or has one below it."""
    path = Path(os.path.realpath(folder))
    return path.parent == path or any(home == path or path in home.parents for home in homes)
