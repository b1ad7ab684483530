"""Compiled rewards on disk, one file a source, for the next process that loads the same file.

In: a source text. Out: what `translator` made of it, if this machine and this version made it
before. The process that runs the user's file has no part in it. It lies in `cache_folder`.
"""

import hashlib
import json
import os
import stat
import sys
import time
from functools import cache as memoised
from pathlib import Path

import numpy as np

from deepracer_fast.files.atomic import atomic_write_bytes
from deepracer_fast.files.cache_folder import cache_folder
from deepracer_fast.reward.sandbox.channel import Head

_MOST_FILES = 500
_LONGEST_WRITE = 3600.0  # s


@memoised
def _maker() -> bytes:
    """Names everything but the source that the code depends on."""
    from deepracer_fast.reward.compiler.runtime.machine import host

    digest = hashlib.sha256(f"{host()} {sys.version} {np.__version__}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def _path(text: str) -> Path:
    folder = cache_folder()
    if folder is None:
        raise FileNotFoundError("there is no folder for caches")
    digest = hashlib.sha256(_maker() + text.encode("utf-8", "surrogatepass"))
    return folder / f"{digest.hexdigest()}.reward"


def find(text: str) -> tuple[Head, bytes] | None:
    """The record and the object code of a source; None if there is nothing sound."""
    try:
        path = _path(text)
        if not _is_ours(path):
            return None
        data = path.read_bytes()
        digest, rest = data[:32], data[32:]
        if hashlib.sha256(rest).digest() != digest:
            return None
        head, _, code = rest.partition(b"\n")
        record: Head = json.loads(head)
    except (OSError, ValueError):
        return None
    return record, code


def _is_ours(path: Path) -> bool:
    """Whether nobody else can have put the file there: what is in it will be run."""
    if not hasattr(os, "getuid"):
        return True
    file, where = path.stat(), path.parent.stat()
    owners = {file.st_uid, where.st_uid} <= {os.getuid(), 0}
    shared = where.st_mode & stat.S_IWOTH and not where.st_mode & stat.S_ISVTX
    return owners and not file.st_mode & stat.S_IWOTH and not shared


def keep(text: str, record: Head, code: bytes) -> None:
    """Keeps what was made of a source; a folder that cannot be written is no error."""
    rest = json.dumps(record).encode() + b"\n" + code
    try:
        path = _path(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_old(path.parent)
        atomic_write_bytes(path, hashlib.sha256(rest).digest() + rest)
    except OSError:
        pass


def _drop_old(where: Path) -> None:
    for half in where.glob(".*.reward.*.tmp"):  # of a writer that was killed
        if time.time() - half.stat().st_mtime > _LONGEST_WRITE:
            half.unlink(missing_ok=True)
    files = list(where.glob("*.reward"))
    if len(files) >= _MOST_FILES:
        files.sort(key=lambda path: path.stat().st_mtime)
        for path in files[: len(files) // 2]:
            path.unlink(missing_ok=True)
