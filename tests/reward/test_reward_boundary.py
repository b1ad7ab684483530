"""Nothing of a user's file runs outside its process, and nothing it says can harm another."""

import ast
import builtins
import copy
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepracer_fast.errors import RewardError
from deepracer_fast.reward import cache, load_reward, translator
from deepracer_fast.reward.compiled import CompiledReward
from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.compiler.runtime.machine import Machine
from deepracer_fast.reward.interpret import Interpreter
from deepracer_fast.reward.loading import compile_source, read_reward
from deepracer_fast.reward.probe import probe_batches
from deepracer_fast.reward.sandbox import channel
from deepracer_fast.reward.sandbox.describe import Description
from deepracer_fast.reward.sandbox.process import Sandbox
from deepracer_fast.reward.sandbox.rebuild import FIELDS, rebuild
from deepracer_fast.reward.translating import Made, answer, compile_module
from deepracer_fast.reward.words import State, StateError

BATCH: dict[str, Any] = probe_batches(4, 1)[0]

# Whatever Python calls of a class springs the trap, which marks the process that it runs in.
TRAPS = """
import builtins, collections, enum, functools
from dataclasses import dataclass, field

def spring(*args, **kwargs):
    builtins.trap_was_sprung = True
    return 1

NAMES = ('eq ne lt le gt ge hash bool len iter next contains getitem setitem index int float round '
         'repr str format add radd sub mul neg abs call get set getattr setattr delattr dir del '
         'instancecheck subclasscheck init_subclass set_name class_getitem missing enter exit '
         'array array_ufunc reduce copy deepcopy sizeof fspath trunc floor ceil').split()
HOOKS = {f'__{name}__': spring for name in NAMES}

class Descriptor:
    def __get__(self, owner, cls=None): return spring()
    def __set__(self, owner, value): spring()
    def __set_name__(self, owner, name): spring()

class Plain:
    __init_subclass__ = classmethod(spring)
    eager = Descriptor()
    late = functools.cached_property(spring)
    asked = property(lambda self: spring())

class Hooked(Plain): pass
for name, hook in HOOKS.items():
    if name not in ('__set__', '__setattr__', '__delattr__', '__del__', '__getattr__', '__get__'):
        setattr(Hooked, name, hook)

class Meta(type):
    __call__ = __instancecheck__ = __subclasscheck__ = __getattr__ = __eq__ = spring
    __hash__ = lambda cls: spring()
    __prepare__ = classmethod(lambda *args: spring() and {})
Metal = Meta('Metal', (), {})

class Text(str): pass
class Number(float): pass
for cls in (Text, Number):
    for name in ('__eq__', '__hash__', '__lt__', '__len__', '__add__', '__mul__', '__format__'):
        setattr(cls, name, spring)

@dataclass(eq=False)
class Made:
    items: list = field(default_factory=spring)

class Mode(enum.Enum):
    A = 1
    @classmethod
    def _missing_(cls, value): return spring()

class Error(Exception):
    __init__ = __str__ = spring

@spring
def decorated(a=spring()) -> spring(): pass

hooked, plain, text, number = Hooked(), Plain(), Text('a'), Number(1.0)
table = collections.defaultdict(spring, {1: hooked})
cached = functools.lru_cache(spring)
del builtins.trap_was_sprung
"""
USES = """
hooked == 1; 1 == hooked; hooked < 1; hooked in [1, 2]; 1 in hooked; hooked is None; not hooked
hooked and 1; len(hooked); [v for v in hooked]; sum(hooked); hooked[0]; [1, 2][hooked]
int(hooked); float(hooked); round(hooked); abs(hooked); -hooked; hooked + 1; 1 + hooked
hooked * x; hooked(); min(hooked, 1); max([hooked, x]); sorted([hooked, 1]); str(hooked)
f'{hooked}'; '%s' % hooked; hooked.x; hooked.eager; hasattr(hooked, 'x'); getattr(hooked, 'x', 1)
{1: 2}[hooked]; {hooked: 1}; {hooked, 1}; isinstance(hooked, Hooked); isinstance(x, Hooked)
type(hooked) == Hooked; callable(hooked); next(hooked); list(hooked); range(hooked)
(hooked, 1) == (hooked, 2); plain.asked; plain.eager; plain.late; plain.late + 1; Plain().asked
Plain().eager; Hooked() == 1; hasattr(plain, 'asked'); hasattr(Plain(), 'late'); Metal.x; Metal()
isinstance(x, Metal); Metal == 1; {Metal: 1}; issubclass(Metal, Metal); Metal is None; text == 'a'
{'a': 1}[text]; len(text); text * 2; text + 'b'; number + 1; number == x; max(number, x); table[1]
table[7]; table.get(1); 1 in table; Made(); Made().items; Mode(7); Mode.A.value; Mode.A == 1
cached(); cached(x); decorated(); decorated; reward_function.__defaults__
plain.__class__.__name__; setattr(plain, 'eager', x); hooked.real; np.array([hooked])
np.sum(hooked); np.dot(hooked, [1, 2]); math.sqrt(hooked); math.floor(hooked)
isinstance(hooked, numbers.Number); divmod(hooked, 2); (lambda v=hooked: v == 1)(); [*hooked]
"""
EXPRESSIONS = [each.strip() for line in USES.strip().split("\n") for each in line.split("; ")]


def described(source: str) -> bytes:
    """The description that a worker gives of a source."""
    worker = Sandbox(read_reward(source), 20.0)
    try:
        said, parts = worker.load(compile_too=True)
        assert parts, said
        return parts[0]
    finally:
        worker.close()


@pytest.fixture(scope="module")
def trapped() -> tuple[str, bytes]:
    """The traps, and what is in their module after it has run in its own process."""
    source = "import math, numbers\nimport numpy as np\n" + TRAPS
    source += "def reward_function(params):\n    return 1.0\n"
    return source, described(source)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_hook_of_a_class_runs_where_a_function_is_translated(
    expression: str, trapped: tuple[str, bytes]
) -> None:
    source, description = trapped
    body = f"    x = params['x']\n    value = {expression}\n    return 1.0\n"
    record, _ = answer(source.replace("    return 1.0\n", body), description)
    assert not hasattr(builtins, "trap_was_sprung")
    assert "the compiler failed" not in record["reason"]


@pytest.mark.parametrize(
    "statement", ["raise Error(1)", "raise Metal", "del table[1]", "hooked.x = 1"]
)
@pytest.mark.parametrize("caught", ["Error", "Metal", "hooked", "(ValueError, Error)"])
def test_no_hook_runs_where_an_exception_is_translated(
    statement: str, caught: str, trapped: tuple[str, bytes]
) -> None:
    source, description = trapped
    body = f"    try:\n        {statement}\n    except {caught} as error:\n        str(error)\n"
    answer(source.replace("    return 1.0\n", body + "    return 1.0\n"), description)
    assert not hasattr(builtins, "trap_was_sprung")


def test_a_translation_imports_nothing_that_a_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trap_module.py").write_text("import builtins\nbuiltins.trap_was_sprung = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = "def reward_function(params):\n    return 1.0\n"
    description = described(source)
    for line in ("import trap_module", "from trap_module import x", "import antigravity"):
        answer(source.replace("    return", f"    {line}\n    return"), description)
    assert not hasattr(builtins, "trap_was_sprung")
    assert not {"trap_module", "antigravity"} & sys.modules.keys()


def test_a_module_is_described_by_names_of_the_library_only() -> None:
    nodes = [["module", "os"], ["library", "builtins", "len"], ["library", "os", "system"]]
    nodes += [["library", "logging", "os"], ["library", "numpy", "__loader__"]]
    names = [[f"n{k}", [k]] for k in range(len(nodes))]
    module = rebuild(json.dumps({"names": names, "nodes": nodes}).encode())
    assert module.names["n1"] is len
    for name in ("n0", "n2", "n3", "n4"):
        with pytest.raises(Unsupported):
            bool(module.names[name])


def test_a_worker_does_not_load_the_compiler() -> None:
    source = "import sys\ndef reward_function(params):\n    "
    source += "return float(any('llvm' in m or '.compiler' in m for m in sys.modules))\n"
    assert load_reward(source)(BATCH).tolist() == [0.0] * 4


def test_code_that_a_worker_sends_is_never_loaded() -> None:
    source = """
import gc
from deepracer_fast.reward.sandbox.channel import Channel
record = {'mode': 'compiled', 'reason': '', 'described': '', 'kept': {},
          'layout': {'columns': [], 'state': [], 'prints': False}}
for channel in [obj for obj in gc.get_objects() if isinstance(obj, Channel)]:
    channel.send(record, [b'\\x7fELF' + bytes(1000)])
def reward_function(params):
    return 1.0
"""
    try:
        reward = load_reward(source)
        assert reward.mode == "interpreted" and "cannot be told" in reward.reason
    except RewardError as error:
        assert str(error).startswith("<reward source>")


# What a description may be


def text_of(nodes: list[Any], names: Any = ()) -> bytes:
    return json.dumps({"names": list(names), "nodes": nodes}).encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "JSONDecodeError"),
        (b"[" * 100_000, "in it"),
        (b'{"names": []}', "names and nodes"),
        (text_of([], [[1, 2]]), "names must be pairs"),
        (text_of([], [["a", [0]]]), "names must be pairs"),
        (text_of([["spring"]]), "no such node: spring"),
        (text_of([["list"]]), "no such node: list"),
        (text_of([["list", [[-1]]]]), "not what a list must be"),
        (text_of([["list", [1 << 2000]]]), "not what a list must be"),
        (text_of([["tuple", [[0]]]], [["a", [0]]]), "nested too deeply"),
        (text_of([["tuple", [[k + 1]]] for k in range(99)] + [["list", []]], [["a", [0]]]), "deep"),
        (text_of([["array", "float64", [3], "00"]], [["a", [0]]]), "ValueError"),
        (text_of([["array", "float64", [2], "00" * 8]], [["a", [0]]]), "ValueError"),
        (text_of([["array", "object", [1], "00" * 8]], [["a", [0]]]), "no arrays of object"),
        (text_of([["array", "int8", [10**12, 0], ""]], [["a", [0]]]), "too large"),
        (text_of([["range", 0, 1 << 70, 1]]), "not what a range must be"),
        (text_of([["range", 0, 1, 0]], [["a", [0]]]), "ValueError"),
        (text_of([["deque", -1, []]]), "not what a deque must be"),
        (text_of([["dict", [[[1], 2]]], ["list", []]]), "TypeError"),
        (text_of([["object", [1], []], ["list", []]]), "not what a object must be"),
        (text_of([["named", [1], [1], []], ["class", "C", [], [], None]], [["a", [0]]]), "as many"),
        (text_of([["function", "f", 1, [], [], [], [["c", 1]], [], False]]), "not what a function"),
    ],
)
def test_a_description_that_breaks_a_rule_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(channel.Malformed, match=message):
        rebuild(text)


def test_a_list_that_holds_itself_is_told_as_it_is() -> None:
    module = rebuild(text_of([["list", [[1]]], ["tuple", [[0], 1.5]]], [["a", [0]]]))
    held = module.names["a"]
    assert held[0][0] is held and held[0][1] == 1.5


def made_of(source: str, description: bytes | None = None) -> Made:
    return compile_module(rebuild(description or described(source)), ast.parse(source))


KEPT = """
count, label, last, best, trail, rows = 0, 'new', None, (0.0, 0), [1.0], []
pairs, flag = [(0.0, True)], False
def reward_function(params):
    global count, label, last, best, flag
    count += 1
    label = 'even' if count % 2 == 0 else 'odd'
    last = params['x'] if count % 3 else None
    best = max(best, (params['y'], count))
    flag = not flag
    trail.append(params['x'])
    row = []
    row.append(params['y'])
    rows.append(row)
    pairs.append((params['x'], flag))
    total = sum(sum(row) for row in rows) + sum(a for a, b in pairs if b)
    return min(9.0, max(-9.0, count + best[0] + sum(trail[-3:]) + total + (label == 'odd')))
"""
SOUND = [5, "odd", 1.5, ["tuple", 0.5, 2], ["list", 1.0, 2.0], ["list", ["list", 1.0], ["list"]],
         ["list", ["tuple", 1.0, True]], False]  # fmt: skip
ODD: list[Any] = [
    *(None, True, 7, -(1 << 62), 1 << 62, 1 << 80, 0.5, float("nan"), float("inf"), "text", {}),
    *([], ["list"], ["tuple"], ["missing"], ["other"], ["float64", 1.0], [[1], 2]),
    *(["list", "x"], ["list", ["list", ["list", 1]]], ["list", None], ["list", 1.0, 2]),
    ["tuple", 1.0, "x"],
]


@pytest.fixture(scope="module")
def kept() -> tuple[Made, State, list[Any]]:
    """Code that keeps something of every kind; sound values in the order of its places."""
    made = made_of(KEPT)
    names = ("count", "label", "last", "best", "trail", "rows", "pairs", "flag")
    state = State(made.state)
    start = {name: value for name, value in zip(names, SOUND, strict=True)}
    plain = {place[2]: start.get(place[2]) for place in state.places}
    lists = iter([start["trail"], start["rows"], start["pairs"]])
    return made, state, [plain[n] if k == "global" else next(lists) for k, _, n in state.places]


def test_values_become_words_and_words_the_same_values(
    kept: tuple[Made, State, list[Any]],
) -> None:
    made, state, sound = kept
    assert state.values(state.words(sound)) == sound
    compiled = CompiledReward(Machine(made.code), made.layout)
    compiled.states.fit(4)
    compiled.states.put(2, state.words(sound))
    assert state.values(compiled.states.words(2)) == sound


def test_no_value_that_a_worker_makes_up_leads_code_astray(
    kept: tuple[Made, State, list[Any]],
) -> None:
    made, state, sound = kept
    machine = Machine(made.code)
    for place in range(len(sound)):
        for odd in [*ODD, *sound]:
            values = copy.deepcopy(sound)
            values[place] = odd
            try:
                words = state.words(values)
            except StateError:
                continue
            compiled = CompiledReward(machine, made.layout)
            compiled.states.fit(4)
            compiled.states.put(1, words)
            rewards, status, _ = compiled.run(BATCH, np.ones(4, bool))
            assert np.isfinite(rewards[status == 0]).all() or odd != odd or odd == np.inf
    for odd in [*ODD, [*sound, 1], sound[:-1]]:
        with pytest.raises(StateError):
            state.words(odd)


def test_calls_made_again_keep_what_the_module_keeps() -> None:
    source = KEPT.replace("    count += 1\n", "    count += 1\n    1 / (params['steps'] - 4.0)\n")
    source = source.replace("1 / (params", "int(1e300) if params['steps'] == 4.0 else (params")
    reward = load_reward(source)
    plain = Interpreter(compile_source(read_reward(source)))
    for batch in probe_batches(4, 12):
        np.testing.assert_allclose(reward(batch), plain.run(batch, np.arange(4)), rtol=1e-6)
    assert reward.mode == "compiled", reward.reason


def test_every_kind_of_value_that_a_reward_may_hold_is_compiled() -> None:
    source = """
import collections, enum, math
from dataclasses import dataclass, field
from typing import NamedTuple
import numpy as np
class Mode(enum.Enum):
    SLOW = 1.5
    FAST = 3.5
class Point(NamedTuple):
    x: float
    y: float
@dataclass
class Zone:
    low: float
    weights: list = field(default_factory=lambda: [1.0, 2.0])
class Slotted:
    __slots__ = ('gain', 'calls')
    scale = 2.0
    def __init__(self): self.gain, self.calls = 0.5, 0
    @property
    def half(self): return self.gain * self.scale / 2
    @staticmethod
    def twice(v): return 2 * v
    @classmethod
    def named(cls, v): return v + cls.scale
AIM, ZONE, SLOT, TABLE = Point(1.0, 2.0), Zone(0.1), Slotted(), np.array([[1.5, 2.5], [3.5, 4.5]])
RECENT, WAYS = collections.deque([0.0], maxlen=3), {'a': (1, {2, 3})}
WAYS['b'] = collections.OrderedDict(c=4)
ROOT = math.sqrt
SHARED = [1.0]
SAME = SHARED
def reward_function(params, bonus=0.25, *, more=0.5):
    SLOT.calls += 1
    RECENT.append(params['x'])
    SAME[0] += 1.0
    reward_function.calls = getattr(reward_function, 'calls', 0) + 1
    mode = Mode.FAST if params['speed'] > 2 else Mode.SLOW
    total = math.hypot(params['x'] - AIM.x, params['y'] - AIM[1]) + mode.value + TABLE[1, 0]
    total += ZONE.weights[0] + Zone(0.2).weights[1] + SLOT.half + SLOT.twice(1) + len(RECENT)
    total += Slotted.named(1)
    total += WAYS['a'][0] + (2 in WAYS['a'][1]) + WAYS['b']['c'] + ROOT(4.0) + bonus + more
    return total + SHARED[0] + SLOT.calls + reward_function.calls
reward_function.calls = 0
"""
    reward = load_reward(source)
    plain = Interpreter(compile_source(read_reward(source)))
    for batch in probe_batches(4, 6):
        np.testing.assert_allclose(reward(batch), plain.run(batch, np.arange(4)), rtol=1e-6)
    assert reward.mode == "compiled", reward.reason


def test_what_is_known_by_name_only_may_be_carried_through_a_loop() -> None:
    source = """
import os
def reward_function(params):
    import random
    ways = None
    for k in range(int(params['steps']) + 100):
        ways = os.path if k % 2 else random.random
    return 1.0 if ways is not None else 0.0
"""
    record, _ = answer(source, described(source))
    assert record["mode"] == "compiled", record["reason"]


def test_a_list_that_is_only_emptied_is_kept_for_more_and_more_cars() -> None:
    reward = load_reward(
        "seen = []\ndef reward_function(params):\n    seen.clear()\n    return 1.0\n"
    )
    for cars in (2, 5):
        assert reward(probe_batches(cars, 1)[0]).tolist() == [1.0] * cars
    assert reward.mode == "compiled", reward.reason


def test_each_kind_of_node_has_its_rules() -> None:
    for kind, checks in FIELDS.items():
        wrong = [kind, *[{}] * len(checks)] if checks else [kind, 1]
        with pytest.raises(channel.Malformed):
            rebuild(text_of([wrong]))


@pytest.mark.parametrize("keeps", [False, True])
def test_a_reward_from_the_cache_makes_calls_again_in_python(keeps: bool) -> None:
    source = "calls = [0.0]\ndef reward_function(params):\n"
    source += "    calls[0] += 1.0\n" * keeps
    source += "    return calls[0] + 7 ** int(params['steps'] == 13 and 300) % 11 * 0.25\n"
    plain = Interpreter(compile_source(read_reward(source)))
    batches = probe_batches(4, 12)
    expected = [plain.run(batch, np.arange(4)) for batch in batches]
    for _ in range(2):
        reward = load_reward(source)
        found = [reward(batch) for batch in batches]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert reward.mode == "compiled", reward.reason
    assert reward._runner._workers  # type: ignore[attr-defined]


# The process that translates


@pytest.mark.parametrize(
    ("sent", "reason"),
    [(signal.SIGKILL, r"ended \(SIGKILL\)"), (signal.SIGSTOP, "took longer than")],
)
def test_a_translation_that_does_not_end_well_is_tried_again_another_time(
    sent: signal.Signals, reason: str, monkeypatch: pytest.MonkeyPatch, reward_cache: Path
) -> None:
    source = f"def reward_function(params):\n    return params['x'] + {int(sent)}.5\n"
    start = translator.Translator.__init__

    def hindered(self: translator.Translator) -> None:
        start(self)
        os.kill(self._process.pid, sent)

    before = set(reward_cache.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(translator.Translator, "__init__", hindered)
        patch.setattr(translator, "_SLEEPING", 0.01)
        reward = load_reward(source)
    assert reward.mode == "interpreted"
    assert re.search(reason, reward.reason)
    np.testing.assert_allclose(reward(BATCH), BATCH["x"] + int(sent) + 0.5, rtol=1e-6)
    assert set(reward_cache.iterdir()) == before
    assert load_reward(source).mode == "compiled"


def test_code_that_others_may_have_put_into_the_cache_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPRACER_FAST_CACHE", str(tmp_path))
    source = "def reward_function(params):\n    return params['x'] + 3.25\n"
    load_reward(source)
    (made,) = tmp_path.iterdir()
    assert cache.find(source) is not None
    made.chmod(0o666)
    assert cache.find(source) is None
    made.chmod(0o600)
    tmp_path.chmod(0o777)
    assert cache.find(source) is None


def test_a_folder_with_modules_named_as_pythons_own_does_not_reach_a_translation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "statistics", "ast", "sys"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    source = "def reward_function(params):\n    return 1.0\n"
    importing = source.replace("    return", "    import statistics\n    return")
    record, _ = translator.Translator().translate(importing, described_here(source))
    assert record["mode"] == "compiled" and not (tmp_path / "trap").exists()


def described_here(source: str) -> bytes:
    """The description of a source of ours, made in this process."""
    text = compile_source(read_reward(source))
    return Description(Interpreter(text).new_module(), text.filename).text
