"""The table of hostile reward functions that `escapes` tries: a name, and what the file does.

In: nothing. Out: `ESCAPES`, bodies of a function ``attack`` that is called with each reward, and
`AT_LOAD`, those that are called while the file is loaded. `source` makes a file of either. The
prelude first takes the worker's own refusals away, so that the operating system is what refuses.
OUT is a folder that must stay as it is, SECRET a file that must not be read, TOKEN what is in it.
"""

from __future__ import annotations

import textwrap

_PRELUDE = """
import ctypes, gc, json, os, platform, signal, socket, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()
ARM = platform.machine() == "aarch64"
worker = sys.modules["deepracer_fast.reward.sandbox.worker"]
worker.refuse.__code__ = (lambda event, args: None).__code__
worker._REFUSED.clear()
channel = next(o for o in gc.get_objects() if type(o).__name__ == "Channel")
line = channel._write
def call(x86, arm, *arguments):
    number = arm if ARM else x86
    return libc.syscall(ctypes.c_long(number), *arguments)
def raw(head, *parts, count=None):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    count = len(parts) if count is None else count
    data = struct.pack("<II", len(text), count) + text + b"".join(parts)
    while data:
        data = data[os.write(line, data):]
"""

# What was found first: each of these once did what it says.
_NAMED = {
    "clears the refusals": "os.system(f'touch {OUT}/x')",
    "a program by ctypes": "libc.system(f'touch {OUT}/x'.encode())",
    "a program by _posixsubprocess": "subprocess.Popen(['/usr/bin/touch', f'{OUT}/x']).wait()",
    "a file by ctypes": "libc.write(libc.open(f'{OUT}/x'.encode(), 0o101, 0o644), b'x', 1)",
    "a file by sqlite3": """
        import sqlite3
        with sqlite3.connect(f'{OUT}/x.db') as db:
            db.execute('create table t (a)')""",
    "a pipe on the disk": "os.mkfifo(f'{OUT}/x')",
    "a UDP packet": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(b'hello', ('127.0.0.1', PORT))",
    "a signal to the parent": "libc.kill(PARENT, 9)",
    "forged rewards that are nan": """
        raw({'prints': 0, 'parts': [32]}, struct.pack('4d', *[float('nan')] * 4))""",
    "rewards of too few bytes": "raw({'prints': 0, 'parts': [7]}, bytes(7))",
    "rewards of too many bytes": "raw({'prints': 0, 'parts': [1 << 29]}, bytes(1 << 20))",
    "an answer of another type": "raw({'prints': 'many', 'parts': [32]}, bytes(32))",
    "an answer that is a list": "raw([1, 2, 3])",
    "an answer without parts": "raw({'prints': 0})",
    "parts that are no sizes": "raw({'prints': 0, 'parts': ['x', None, -1]}, count=3)",
    "a part of 2 to the 70": "raw({'prints': 0, 'parts': [1 << 70]}, count=1)",
    "four thousand million parts": "raw({'prints': 0, 'parts': []}, count=0xFFFFFFFF)",
    "a head of 4 GB": "os.write(line, struct.pack('<II', 0xFFFFFFFF, 0)); os.write(line, b'{' * 9)",
    "deep JSON": "raw(b'[' * 50_000)",
    "deep JSON in an object": """raw(b'{"parts": ' + b'[' * 9_000 + b']' * 9_000 + b'}')""",
    "a number of 6,000 digits": """raw(b'{"parts": [], "prints": ' + b'9' * 6_000 + b'}')""",
    "text that is not UTF-8": "raw(bytes(range(128, 256)))",
}

_FILES = {
    "writes through Python": "open(f'{OUT}/x', 'w').write('x')",
    "removes a file": "os.remove(f'{OUT}/kept')",
    "renames a file": "os.rename(f'{OUT}/kept', f'{OUT}/moved')",
    "truncates a file": "libc.truncate(f'{OUT}/kept'.encode(), ctypes.c_long(0))",
    "appends to a file": "os.write(os.open(f'{OUT}/kept', os.O_WRONLY | os.O_APPEND), b'x')",
    "changes a mode": "os.chmod(f'{OUT}/kept', 0o777)",
    "changes an owner": "libc.chown(f'{OUT}/kept'.encode(), 12345, 12345)",
    "changes a time": "os.utime(f'{OUT}/kept', (1, 1))",
    "sets an attribute": "os.setxattr(f'{OUT}/kept', 'user.x', b'x')",
    "makes a folder": "os.mkdir(f'{OUT}/x')",
    "makes a link": "os.symlink('/etc/passwd', f'{OUT}/x')",
    "makes a hard link": "os.link(f'{OUT}/kept', f'{OUT}/x')",
    "makes a device": "os.mknod(f'{OUT}/x', 0o20666, os.makedev(1, 3))",
    "a file without a name": "os.write(os.open(OUT, os.O_TMPFILE | os.O_WRONLY), bytes(9))",
    "opens by openat2": """
        how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o644, 0)
        call(437, 437, -100, f'{OUT}/x'.encode(), how, ctypes.c_size_t(24))""",
    "fills the disk": """
        for folder in (OUT, '/tmp', '/dev/shm', '/var/tmp'):
            try:
                open(f'{folder}/escape-fill', 'wb').write(bytes(1 << 28))
            except OSError:
                pass""",
    "writes beside its own file": "open(os.path.join(os.path.dirname(__file__), 'x'), 'w')",
    "changes its own file": "open(__file__, 'a').write('#')",
    "bytecode in the cache": """
        import py_compile
        py_compile.compile(__file__, cfile=f'{OUT}/x.pyc')""",
    "shared memory by name": "libc.shm_open(b'/escape-shm', 0o102, 0o600)",
    "shared memory of System V": "call(29, 194, 0x45534341, ctypes.c_size_t(4096), 0o1600)",
    "a message queue": "call(240, 180, b'escape-queue', 0o102, 0o600, None)",
    "a message queue of System V": "call(68, 186, 0x45534341, 0o1600)",
    "locks a file of others": "import fcntl; fcntl.flock(open(__file__), fcntl.LOCK_EX)",
    "an atexit hook": """
        import atexit
        atexit.register(lambda: open(f'{OUT}/x', 'w').write('x'))
        sys.exit(0)""",
    "mounts over a folder": "libc.mount(b'none', OUT.encode(), b'tmpfs', ctypes.c_ulong(0), None)",
    "mounts by the new calls": "call(430, 430, b'tmpfs', 0)",
    "a chroot": "libc.chroot(OUT.encode())",
}

_READS = {
    "reads a secret": "raise ValueError(open(SECRET).read())",
    "reads a secret by ctypes": """
        text = ctypes.create_string_buffer(100)
        libc.read(libc.open(SECRET.encode(), 0), text, 100)
        raise ValueError(text.value.decode())""",
    "reads a secret through its folder": """
        os.chdir(os.path.dirname(SECRET))
        raise ValueError(open(os.path.basename(SECRET)).read())""",
    "reads a secret by mmap": """
        import mmap
        raise ValueError(mmap.mmap(os.open(SECRET, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:])""",
    "reads a secret by a handle": "raise ValueError(repr(os.listdir(os.path.dirname(SECRET))))",
    "reads the parent's environment": "raise ValueError(open(f'/proc/{PARENT}/environ').read())",
    "reads its own environment": "raise ValueError(repr(dict(os.environ)))",
    "reads its own environment in /proc": "raise ValueError(open('/proc/self/environ').read())",
    "reads the parent's memory": "raise ValueError(open(f'/proc/{PARENT}/mem', 'rb').read(9))",
    "reads through the parent's files": """
        names = os.listdir(f'/proc/{PARENT}/fd')
        raise ValueError([os.readlink(f'/proc/{PARENT}/fd/{name}') for name in names])""",
    "reads through the parent's root": """
        raise ValueError(open(f'/proc/{PARENT}/root{SECRET}').read())""",
    "reads through a link beside it": """
        beside = os.path.join(os.path.dirname(__file__), 'link_to_secret')
        raise ValueError(open(beside).read())""",
    "reads the keys of this user": """
        raise ValueError(repr(os.listdir(os.path.expanduser('~root/.ssh'))) + TOKEN)""",
    "reads what is hidden beside it": """
        beside = os.path.join(os.path.dirname(__file__), '.hidden')
        raise ValueError(open(beside).read())""",
}

_PROCESSES = {
    "forks": "os.fork()",
    "forks by ctypes": "libc.fork()",
    "forks by vfork": "call(58, 220, 0)",
    "forks by clone3": "call(435, 435, bytes(88), ctypes.c_size_t(88))",
    "a fork bomb": "for _ in range(64): libc.fork()",
    "a thread": "threading.Thread(target=time.sleep, args=(9,)).start()",
    "a thread bomb": """
        threading.stack_size(32768)
        for _ in range(100_000):
            threading.Thread(target=time.sleep, args=(9,), daemon=True).start()""",
    "spawns": "os.posix_spawn('/usr/bin/touch', ['touch', f'{OUT}/x'], {})",
    "replaces itself": "os.execv('/usr/bin/touch', ['touch', f'{OUT}/x'])",
    "a program out of memory": """
        program = libc.memfd_create(b'x', 0)
        os.write(program, open('/usr/bin/touch', 'rb').read())
        os.execve(program, ['touch', f'{OUT}/x'], {})""",
    "a pool of processes": "import multiprocessing as m; m.Pool(2).map(abs, [1])",
    "kills its group": "os.killpg(os.getpgid(PARENT), 9)",
    "signals a thread of the parent": "call(234, 131, PARENT, PARENT, 9)",
    "signals by tkill": "call(200, 130, PARENT, 9)",
    "signals by a queue": "call(129, 138, PARENT, 9, struct.pack('iii', 9, 0, -1) + bytes(116))",
    "signals by a descriptor": "call(424, 424, call(434, 434, PARENT, 0), 9, None, 0)",
    "signals everybody": "libc.kill(-1, 15)",
    "signals through the line": """
        import fcntl
        fcntl.fcntl(channel._read, fcntl.F_SETOWN, PARENT)
        fcntl.fcntl(channel._read, 10, 9)  # F_SETSIG
        fcntl.fcntl(channel._read, fcntl.F_SETFL, os.O_ASYNC)""",
    "traces the parent": "libc.ptrace(16, PARENT, None, None)",
    "writes the parent's memory": """
        here = ctypes.create_string_buffer(b'x' * 8)
        piece = struct.pack('QQ', ctypes.addressof(here), 8)
        call(311, 271, PARENT, piece, 1, piece, 1, 0)""",
    "writes /proc of the parent": "open(f'/proc/{PARENT}/mem', 'r+b').write(b'x')",
    "writes its own memory": """
        with open('/proc/self/mem', 'r+b') as memory:
            memory.seek(id(1))
            memory.write(bytes(32))""",
    "takes a descriptor of the parent": "call(438, 438, call(434, 434, PARENT, 0), 1, 0)",
    "slows the parent": "os.setpriority(os.PRIO_PROCESS, PARENT, 19)",
    "pins the parent": "libc.sched_setaffinity(PARENT, 8, struct.pack('Q', 1))",
    "limits the parent": "call(302, 261, PARENT, 7, struct.pack('QQ', 3, 3), None)",
    "raises its own limits": """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)""",
    "has the parent killed first": "open(f'/proc/{PARENT}/oom_score_adj', 'w').write('1000')",
    "outlives its parent": "libc.prctl(1, 0, 0, 0, 0)",
    "a new namespace": "libc.unshare(0x10000000)",
    "joins a namespace": "libc.setns(os.open(f'/proc/{PARENT}/ns/mnt', 0), 0)",
}

_KERNEL = {
    "io_uring": "call(425, 425, 8, bytes(120))",
    "bpf": "call(321, 280, 0, bytes(72), 72)",
    "performance events": "call(298, 241, bytes(112), PARENT, -1, -1, ctypes.c_ulong(0))",
    "faults of user memory": "call(323, 282, 0)",
    "keys of the kernel": "call(248, 217, b'user', b'escape', b'x', ctypes.c_size_t(1), -4)",
    "a filter of its own": "call(317, 277, 1, 8, bytes(16))",
    "the numbers of x32": "libc.syscall(ctypes.c_long(0x40000000 + 57))",
    "a TCP connection": "socket.create_connection(('127.0.0.1', TCP), 1).send(b'hello')",
    "a socket without a file": """
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendto(b'hello', '\\0' + ABSTRACT)""",
    "a socket of the kernel": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "a raw socket": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "a server": "socket.socket().bind(('0.0.0.0', 0))",
    "asks a name server": "socket.getaddrinfo('escape.example.org', 80)",
    "types into the terminal": """
        import fcntl
        for letter in b'touch escape\\n':
            fcntl.ioctl(0, 0x5412, bytes([letter]))""",
}

_ITSELF = {
    "a wall of memory": "x = [bytearray(1 << 26) for _ in range(10_000)]",
    "a crash": "ctypes.string_at(0)",
    "faulthandler's crash": "import faulthandler; faulthandler._sigsegv()",
    "an abort": "libc.abort()",
    "an exit that nobody sees": "libc._exit(0)",
    "a real-time signal": "libc.raise_ = getattr(libc, 'raise'); libc.raise_(40)",
    "stops itself": "libc.kill(os.getpid(), 19); getattr(libc, 'raise')(19)",
    "a loop in C": "sum(range(10 ** 14))",
    "a loop that catches all": """
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
        while True:
            try:
                time.perf_counter()
            except BaseException:
                pass""",
    "waits for ever": "import select; select.select([], [], [])",
    "an expression without end": "import re; re.match('(a*)*b', 'a' * 64)",
    "a large number": "10 ** 10 ** 9",
    "deep JSON of its own": "json.loads('[' * 10 ** 6)",
    "deep pickles": "import pickle; pickle.loads(b'(' * 10 ** 6 + b'.')",
    "deep lists": """
        x = []
        for _ in range(10 ** 6):
            x = [x]
        repr(x); del x""",
    "recursion without a limit": """
        sys.setrecursionlimit(10 ** 9)
        def down(): return down()
        down()""",
    "traces all calls": """
        sys.settrace(lambda *a: (_ for _ in ()).throw(SystemExit))
        sys.setprofile(lambda *a: (_ for _ in ()).throw(SystemExit))""",
    "takes the built-ins away": "import builtins; vars(builtins).clear()",
    "takes the modules away": "sys.modules.clear(); gc.collect()",
    "another json": 'json.dumps = lambda *a, **k: \'{"parts": [], "error": 7}\'',
    "another channel": """
        kind = sys.modules['deepracer_fast.reward.sandbox.channel'].Channel
        kind.send = lambda *a: time.sleep(0)""",
    "a channel that talks twice": """
        kind = sys.modules['deepracer_fast.reward.sandbox.channel'].Channel
        send = kind.send
        kind.send = lambda self, *a: (send(self, *a), send(self, *a))""",
    "closes its descriptors": "os.closerange(0, 256)",
    "puts another file on the line": "os.dup2(os.open('/dev/null', os.O_RDONLY), line)",
    "puts the line on another": "os.dup2(line, channel._read)",
    "floods the line": """
        while True:
            os.write(line, bytes(1 << 16))""",
    "drips into the line": """
        import select
        os.write(line, struct.pack('<II', 60_000, 0))
        while True:
            os.write(line, b' ')
            select.select([], [], [], 0.05)""",
    "floods what it says at its end": """
        for number in range(3, 30):
            try:
                os.set_blocking(number, True)
                while number != line:
                    os.write(number, b'File "x", line 1\\n' * 4096)
            except OSError:
                pass
        libc._exit(3)""",
    "says much in an error": "raise ValueError('x' * 10 ** 7)",
    "moves the cursor": "raise ValueError('\\x1b[2J\\x1b]0;title\\x07\\r\\x9b31m\\u202egnirts')",
    "an error of many lines": "raw({'error': 'error: \\n' * 9_000, 'parts': []})",
    "an error that is no text": "raw({'error': ['x'], 'parts': []})",
    "an error of control characters": "raw({'error': '\\x1b[2J\\ud800\\0', 'parts': []})",
    "a name that moves the cursor": "raise type('E\\x1b[2J', (Exception,), {})('x')",
    "an exception that fails": """
        class E(BaseException):
            def __str__(self): raise self
            __repr__ = __str__
        raise E""",
    "Ctrl-C in turns": """
        def again(*a): raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        raise KeyboardInterrupt""",
    "another folder and language": """
        import locale
        os.chdir('/')
        os.umask(0)
        locale.setlocale(locale.LC_ALL, 'C')""",
    "another NumPy": "import numpy; numpy.frombuffer = numpy.array = lambda *a, **k: 1 / 0",
}

ESCAPES: dict[str, str] = _NAMED | _FILES | _READS | _PROCESSES | _KERNEL | _ITSELF

AT_LOAD = {
    # Until no code crosses from the worker these two are what the training process runs.
    "garbage for code": """
        layout = {'columns': [], 'state': [], 'prints': False}
        head = {'mode': 'compiled', 'reason': '', 'layout': layout, 'parts': [900]}
        raw(head, bytes(900))""",
    "forged object code": """
        from deepracer_fast.reward.compiler.runtime.machine import compile_assembly
        code = compile_assembly('''
        define i32 @kernel(i64 %a, i64 %b, ptr %c) {
          store i32 0, ptr null
          ret i32 0
        }''')
        layout = {'columns': [], 'state': [], 'prints': False}
        head = {'mode': 'compiled', 'reason': '', 'layout': layout, 'parts': [len(code)]}
        raw(head, code)""",
    "an answer before it is asked, and no ear": """
        import select
        raw({'mode': 'interpreted', 'reason': '', 'parts': []})
        select.select([], [], [])""",
    "a layout that is none": """
        raw({'mode': 'compiled', 'reason': '', 'layout': [[]], 'parts': [0]}, b'')""",
    "a mode that is none": "raw({'mode': 'native', 'reason': '', 'parts': []})",
    "a reason of many lines": """
        raw({'mode': 'interpreted', 'reason': '\\x1b\\n' * 999, 'parts': []})""",
    "a load without end": "while True: pass",
    "a load that stops the process": "getattr(libc, 'raise')(19)",
}


def source(body: str, at_load: bool, names: dict[str, object]) -> str:
    """The text of a reward function that does it."""
    code = textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
    given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    call = "attack()" if at_load else ""
    return (
        f"{given}{_PRELUDE}\ndef attack():\n{code}\n{call}\n"
        f"def reward_function(params):\n    {'pass' if at_load else 'attack()'}\n    return 1.0\n"
    )
