"""The process that makes object code of a source: it compiles, and runs nothing of the user's.

In: from `translator`, a source and the description of its module's values (`describe`). Out: object
code and the record that `sandboxed` runs it by, and what the code gives on made-up states; or why
there is none. What a source can do to a compiler, endless work or a wall of memory, ends this
process and nothing else.
"""

import ast
import dataclasses
from dataclasses import dataclass
from typing import Any

from deepracer_fast.errors import one_line
from deepracer_fast.reward.compiled import Layout
from deepracer_fast.reward.compiler.kernel.kept import initial_values, state_record
from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.compiler.passes import translate
from deepracer_fast.reward.compiler.runtime.machine import Machine, compile_assembly
from deepracer_fast.reward.loading import said
from deepracer_fast.reward.sandbox.channel import Channel, Closed, Malformed, Message
from deepracer_fast.reward.sandbox.confine import MEMORY, limit
from deepracer_fast.reward.sandbox.rebuild import Module, rebuild
from deepracer_fast.reward.verify import compiled_probes
from deepracer_fast.reward.words import State, StateError


@dataclass(frozen=True)
class Made:
    """A compiled module: object code, what it wants to be handed, and the record of its state."""

    code: bytes
    layout: Layout
    state: dict[str, Any]


def compile_module(module: Module, tree: ast.Module) -> Made:
    """Translates and compiles ``reward_function`` of a module.

    Raises:
        Unsupported: the compiler cannot follow it.
    """
    assembly, program = translate(module.names, tree)
    facts = program.facts
    record = state_record(facts, program.strings, module.numbers)
    try:
        leaves = State(record).layout(initial_values(facts))
    except StateError as error:
        raise Unsupported(f"state: {error}", 1) from error
    layout = Layout(list(facts.columns), leaves, program.prints)
    return Made(compile_assembly(assembly), layout, record)


def answer(source: str, description: bytes) -> Message:
    """The record of a source, its code, and what the code gives on made-up states."""
    try:
        made = compile_module(rebuild(description), ast.parse(source))
        rewards, status = compiled_probes(Machine(made.code), made.layout)
    except Unsupported as error:
        return _interpreted(f"line {error.line}: {error.what}")
    except Malformed as error:
        return _interpreted(f"its values cannot be told: {error}")
    except Exception as error:  # a fault of the compiler must not cost the user the training
        return _interpreted(f"the compiler failed: {said(error)}")
    layout = dataclasses.asdict(made.layout)
    record = {"mode": "compiled", "reason": "", "layout": layout, "kept": made.state}
    return record, [made.code, rewards.tobytes(), status.tobytes()]


def _interpreted(reason: str) -> Message:
    return {"mode": "interpreted", "reason": one_line(reason)}, []


def main(read: int, write: int, seconds: int) -> None:
    """Translates one source."""
    limit(CORE=0, CPU=seconds, AS=MEMORY)
    channel = Channel(read, write)
    try:
        _, parts = channel.receive()
        channel.send(*answer(parts[0].decode("utf-8", "surrogatepass"), parts[1]))
    except Closed:
        pass
