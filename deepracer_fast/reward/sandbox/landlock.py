"""Landlock: the Linux kernel lets this process read certain paths, and change no file at all.

In: paths. Out: whether the kernel holds it. Rights and calls are those of linux/landlock.h; what a
kernel does not know yet is left to `syscall_filter`. The library ``landlock`` is an alpha that
knows files only; this is as long as its use would be.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 5: 16}  # so many rights on files, one a bit
_NETWORK_ABI, _NETWORK = 4, 0b11  # to bind and to connect TCP
_SCOPE_ABI, _SCOPES = 6, 0b11  # abstract UNIX sockets, and signals, of processes outside
_SET_NO_NEW_PRIVS = 38
_RULESET = struct.Struct("=QQQ")  # rights on files, on the network, and scopes
_BENEATH = struct.Struct("=Qi")  # what is allowed, and the descriptor of the path


def restrict(readable: Iterable[str]) -> bool:
    """Confines this thread and those that it starts, for good; False where the kernel cannot."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if abi < 1:
        return False
    handled = _RULESET.pack(
        (1 << max(n for since, n in _FILE_RIGHTS_BY_ABI.items() if since <= abi)) - 1,
        _NETWORK if abi >= _NETWORK_ABI else 0,
        _SCOPES if abi >= _SCOPE_ABI else 0,
    )
    size = ctypes.c_size_t(24 if abi >= _SCOPE_ABI else 16 if abi >= _NETWORK_ABI else 8)
    rules = libc.syscall(_CREATE_RULESET, handled, size, 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(libc, rules, path)
        libc.prctl(_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        return bool(libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: str) -> None:
    """Lets a path be read; one that is not there needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights |= _READ_DIR
        if path == os.devnull:
            rights |= _WRITE_FILE
        rule = _BENEATH.pack(rights, descriptor)
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
