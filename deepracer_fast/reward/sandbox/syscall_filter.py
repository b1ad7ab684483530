"""A seccomp filter: the Linux kernel runs the system calls of a list for this process, no others.

In: nothing, or that files are not `landlock`'s. Out: whether the kernel holds it. The list is what
Python, NumPy, SciPy and Shapely need to import and to reckon: no programs, processes or threads,
no sockets, no signals to others, nothing that changes a file or a limit. What is not on it fails
with EPERM, which Python raises as PermissionError; what is newer than the list with ENOSYS, on
which the C library takes the older way.

Written out in place of libseccomp: ``pyseccomp`` needs that library on the user's system, which
has it less often than a kernel that can do this.
"""

import ctypes
import errno
import os
import platform
import re
import signal
import struct
import sys

# Name, number on x86-64, on aarch64; "-" where there is none. From asm/unistd_64.h and
# asm-generic/unistd.h of Linux 6.1.
_TABLE = """
read 0 63 / write 1 64 / readv 19 65 / writev 20 66 / pread64 17 67 / preadv 295 69
preadv2 327 286 / close 3 57 / close_range 436 436 / lseek 8 62 / dup 32 23 / dup2 33 -
dup3 292 24 / pipe 22 - / pipe2 293 59 / poll 7 - / ppoll 271 73 / select 23 - / pselect6 270 72
epoll_create1 291 20 / epoll_ctl 233 21 / epoll_wait 232 - / epoll_pwait 281 22 / eventfd2 290 19
open 2 - / openat 257 56 / stat 4 - / lstat 6 - / fstat 5 80 / newfstatat 262 79 / statx 332 291
statfs 137 43 / fstatfs 138 44 / access 21 - / faccessat 269 48 / faccessat2 439 439
readlink 89 - / readlinkat 267 78 / getdents 78 - / getdents64 217 61 / getcwd 79 17 / chdir 80 49
fchdir 81 50 / fadvise64 221 223 / fcntl 72 25
mmap 9 222 / munmap 11 215 / mremap 25 216 / mprotect 10 226 / madvise 28 233 / brk 12 214
membarrier 324 283 / mincore 27 232
rt_sigaction 13 134 / rt_sigprocmask 14 135 / rt_sigreturn 15 139 / rt_sigpending 127 136
rt_sigsuspend 130 133 / rt_sigtimedwait 128 137 / sigaltstack 131 132 / restart_syscall 219 128
pause 34 - / alarm 37 - / setitimer 38 103 / getitimer 36 102 / tgkill 234 131 / tkill 200 130
clock_gettime 228 113 / clock_getres 229 114 / clock_nanosleep 230 115 / nanosleep 35 101
gettimeofday 96 169 / time 201 - / times 100 153
getpid 39 172 / gettid 186 178 / getppid 110 173 / getpgid 121 155 / getpgrp 111 - / getsid 124 156
getuid 102 174 / geteuid 107 175 / getgid 104 176 / getegid 108 177 / getresuid 118 148
getresgid 120 150 / getgroups 115 158 / uname 63 160 / sysinfo 99 179 / getrusage 98 165
getrlimit 97 163 / prlimit64 302 261 / getpriority 140 141 / getcpu 309 168 / sched_yield 24 124
sched_getaffinity 204 123 / getrandom 318 278 / futex 202 98 / futex_waitv 449 449
set_robust_list 273 99 / set_tid_address 218 96 / rseq 334 293 / prctl 157 167 / umask 95 166
exit 60 93
exit_group 231 94
"""
_IOCTL = (16, 29)
_SECCOMP = (317, 277)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, AUDIT_ARCH_*

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_SET_NO_NEW_PRIVS = 38
_FIRST_NEW = 424  # from here on numbers are the same everywhere; what is not listed is "new"
_X32 = 0x40000000  # a bit of x86-64's second set of numbers

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_KILL_PROCESS, _ALLOW, _FAIL = 0x80000000, 0x7FFF0000, 0x00050000

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PRCTL = (15, 16, 0x53564D41)  # to name a thread or memory
_POISON = (100, 101)  # advice that takes a page of the machine's out of use
_FCNTL = (0, 1, 2, 3, 4, 1030, 1032)  # to copy, flags, size of a pipe; no owner: it gets signals

_Code = list[tuple[int, int, int, int]]
"""Operation, how many to skip if true, if false, and its operand."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install(files_too: bool) -> bool:
    """Filters the calls of all threads of this process, for good; False where that cannot be.

    Args:
        files_too: no file may be opened to be written; Landlock says it better, by path.
    """
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None or struct.calcsize("P") != 8:
        return False
    column, architecture = known
    code = _filter(column, architecture, files_too)
    data = b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
    program = _Program(len(code), data)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    number = ctypes.c_long(_SECCOMP[column])
    done = libc.syscall(number, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program))
    return bool(done == 0)


def numbers(column: int) -> dict[str, int]:
    """The system calls of the list: 0 for those of x86-64, 1 of aarch64."""
    rows = re.findall(r"(\w+) (\d+|-) (\d+|-)", _TABLE)
    return {row[0]: int(row[1 + column]) for row in rows if row[1 + column] != "-"}


def _filter(column: int, architecture: int, files_too: bool) -> _Code:
    checks = _checks(files_too)
    code: _Code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]
    for name, number in numbers(column).items():
        block = [*checks.get(name, []), (_RETURN, 0, 0, _ALLOW)]
        code += [(_EQUAL, 0, len(block), number), *block]
    return [
        *code,
        (_EQUAL, 0, 1, _IOCTL[column]),
        (_RETURN, 0, 0, _FAIL | errno.ENOTTY),
        (_AT_LEAST, 0, 1, _FIRST_NEW),
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
        (_RETURN, 0, 0, _FAIL | errno.EPERM),
    ]


def _checks(files_too: bool) -> dict[str, _Code]:
    """What the arguments of some calls must be."""
    stops = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
    here = _one_of(0, (os.getpid(),))
    checks = {
        "tgkill": here + _none_of(2, stops),
        "tkill": here + _none_of(1, stops),
        "prctl": _one_of(0, _PRCTL),
        "madvise": _none_of(2, _POISON),
        "fcntl": _one_of(1, _FCNTL),
        "prlimit64": _one_of(0, (0, os.getpid())) + _is_null(2),
    }
    if files_too:
        checks |= {"open": _no_bit(1, _WRITING), "openat": _no_bit(2, _WRITING)}
    return checks


def _load(argument: int, high: bool = False) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4 * high)  # both machines' low half is first


_REFUSE = (_RETURN, 0, 0, _FAIL | errno.EPERM)


def _one_of(argument: int, values: tuple[int, ...]) -> _Code:
    last = len(values) - 1
    tests = [(_EQUAL, last - at + 1, 0, value) for at, value in enumerate(values)]
    return [_load(argument), *tests, _REFUSE]


def _none_of(argument: int, values: tuple[int, ...]) -> _Code:
    last = len(values) - 1
    tests = [(_EQUAL, last - at, int(at == last), value) for at, value in enumerate(values)]
    return [_load(argument), *tests, _REFUSE]


def _no_bit(argument: int, bits: int) -> _Code:
    return [_load(argument), (_ANY_BIT, 0, 1, bits), _REFUSE]


def _is_null(argument: int) -> _Code:
    return [
        _load(argument),
        (_EQUAL, 0, 2, 0),
        _load(argument, high=True),
        (_EQUAL, 1, 0, 0),
        _REFUSE,
    ]
