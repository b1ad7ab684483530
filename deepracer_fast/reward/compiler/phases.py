"""What each phase of the compiler makes of a reward function, as text for those who work on it.

In: a file. Out: titles and texts, in the order in which `README.md` explains the phases. The file's
module runs in the worker, as ever; the compiler runs here and not in a process of its own.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepracer_fast.reward.compiler.codegen.expressions import EXPRESSIONS
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Facts
from deepracer_fast.reward.compiler.lattice.users import STAND_INS, type_name
from deepracer_fast.reward.compiler.lattice.values import Type, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context
from deepracer_fast.reward.compiler.passes import translate
from deepracer_fast.reward.compiler.runtime.machine import compile_assembly
from deepracer_fast.reward.loading import RewardSource
from deepracer_fast.reward.sandbox.process import Sandbox
from deepracer_fast.reward.sandbox.rebuild import rebuild

_SECONDS = 60.0  # for loading the module
_WORDS = {"b": "bool", "i": "int", "f": "float"}


def phases(source: RewardSource) -> Iterator[tuple[str, str]]:
    """Title and text of each phase, up to the one that gives up.

    Raises:
        RewardError: the file cannot be loaded.
        Unsupported: the compiler cannot follow it.
    """
    worker = Sandbox(source, _SECONDS)
    try:
        said, parts = worker.load(compile_too=True)
    finally:
        worker.close()
    if not parts:
        raise Unsupported(f"its values cannot be told: {said['undescribed']}")
    names = rebuild(parts[0]).names
    held = [f"{name:20} {_held(obj)}" for name, obj in names.items() if not name.startswith("__")]
    yield "values: what the module holds", "\n".join(held)
    passes: list[str] = []
    seen: list[str] = []
    with _watched(seen):
        assembly, ctx = translate(names, ast.parse(source.text), _teller(passes, seen))
    yield "fixpoint: what each pass found out", "\n".join(passes)
    yield "codegen: what each expression became in the last pass", "\n".join(seen)
    yield "lowering: LLVM's text", assembly
    code = compile_assembly(assembly)
    told = f"{len(code):,} bytes of object code, for the columns {', '.join(ctx.facts.columns)}"
    yield "runtime", told


def _teller(passes: list[str], seen: list[str]) -> Callable[[Context, str], None]:
    """Writes down how a pass ended, and which facts are new."""
    known: set[str] = set()

    def tell(ctx: Context, ending: str) -> None:
        number = sum(line.startswith("pass") for line in passes) + 1
        passes.append(f"pass {number}: {ending or 'nothing new'}")
        facts = _facts(ctx.facts)
        passes.extend(f"    {fact}" for fact in facts if fact not in known)
        known.update(facts)
        if ending:
            seen.clear()

    return tell


def _facts(facts: Facts) -> list[str]:
    """The facts that a pass can find out."""
    found = [f"column {name}" for name in facts.columns]
    for slot in facts.slots.values():
        found.append(f"state {slot.kind} {slot.name or ''}: {shown(slot.type, facts)}")
    for variables in facts.loops.values():
        for key, typ in variables.items():
            found.append(f"loop variable {key[-1]}: {shown(typ, facts)}")
    return found + ["list in memory"] * bool(facts.dynamic)


@contextmanager
def _watched(seen: list[str]) -> Iterator[None]:
    """Has every expression that is translated written down, with what became of it."""
    actions = dict(EXPRESSIONS)

    def watch(action: Callable[[Context, Any], Value]) -> Callable[[Context, Any], Value]:
        def watched(ctx: Context, node: ast.expr) -> Value:
            value = action(ctx, node)
            became = shown(py.type_of(value), ctx.facts)
            seen.append(f"{node.lineno:4}  {ast.unparse(node):50.50}  {became}")
            return value

        return watched

    EXPRESSIONS.update({kind: watch(action) for kind, action in actions.items()})
    try:
        yield
    finally:
        EXPRESSIONS.update(actions)


def _held(obj: Any) -> str:
    if isinstance(obj, STAND_INS):
        return f"a {type_name(obj)} of the file"
    return f"{obj!r:.60}"


def shown(typ: Type, facts: Facts) -> str:
    """A type in a line."""
    match typ:
        case py.Const(obj):
            return f"known: {_held(obj)}"
        case py.Num(kind, _, np):
            return ("", "NumPy ", "NumPy or ")[np] + _WORDS[kind]
        case py.Str():
            return "str"
        case py.Opt(_, inner):
            return f"None or {shown(inner, facts)}"
        case py.Maybe(_, inner):
            return f"unbound or {shown(inner, facts)}"
        case py.Tup(items, is_list):
            inside = ", ".join(shown(item, facts) for item in items)
            return f"[{inside}]" if is_list else f"({inside})"
        case py.Lst(_, site):
            element = facts.element(site)
            return f"list of {'nothing yet' if element is None else shown(element, facts)}"
        case py.Arr(inner):
            return f"array of {shown(inner, facts)}"
        case py.Choice(_, objs):
            return f"one of {len(objs)} known objects"
        case py.Conflict(why):
            return f"not to be used: {why}"
    return type(typ).__name__
