"""The code under construction: the one object that every function of the compiler is handed.

Out: LLVM instructions in one function. Every value that a name, an attribute or a key holds is in
`Context.env`; where ways meet, `merges` joins the environments. `Operations` is the only way in
which a module asks for something that one above it does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Facts
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Leaf, Unsupported, Value

I1, I8, I32, I64, F64 = (*map(ir.IntType, (1, 8, 32, 64)), ir.DoubleType())
WORDS = I64.as_pointer()
LEAF = {"b": I1, "i": I64, "f": F64}
MAX_INSTRUCTIONS = 150_000
TOO_MUCH = "more code than the compiler takes (inlined calls or loops)"
PARAMS = ("dct", ("params",))  # begins the keys of what params holds


def i64(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def f64(value: float) -> ir.Constant:
    """A float constant."""
    return ir.Constant(F64, value)


TRUE, FALSE = ir.Constant(I1, 1), ir.Constant(I1, 0)


class Dead(Exception):
    """What follows in this block is never reached."""


@dataclass(eq=False)
class Merge:
    """A place that several ways lead to: each way's last block, and the environment there."""

    entries: list[tuple[Any, dict[Any, Value]]] = field(default_factory=list)


@dataclass(eq=False)
class Handler:
    """One ``try``: where its exceptions lead."""

    merge: Merge
    catches: Callable[[type[BaseException]], bool]


@dataclass(eq=False)
class LoopFrame:
    """Where ``break`` and ``continue`` lead; `runtime` unless the loop is unrolled."""

    on_break: Merge
    on_continue: Merge
    runtime: bool


@dataclass
class Frame:
    """One call of a function that is being translated.

    Attributes:
        path: names the call; the same in every pass.
        names: local variables.
        parent: the frame that the function was defined in; None for the module.
        outside: names declared global.
        cells: the variables of a closure that was made when the module ran, in `users.Cell`s;
            or the built-ins that a definition of the library calls.
        captured: a nested function may outlive the call.
        on_return: where ``return`` leads.
        depth: number of calls around this one.
        first: the name of its first parameter.
    """

    path: int
    names: frozenset[str]
    parent: Frame | None = None
    outside: frozenset[str] = frozenset()
    cells: dict[str, Any] = field(default_factory=dict)
    captured: bool = False
    on_return: Merge | None = None
    depth: int = 0
    first: str | None = None


@dataclass(frozen=True)
class Operations:
    """What modules need of those above them, since Python's operations need one another."""

    expr: Callable[[Context, ast.expr], Value]
    statements: Callable[[Context, list[ast.stmt]], None]
    call: Callable[[Context, Value, Args, Kwargs], Value]
    parameter: Callable[[Context, Any], Value]  # what params holds under a key
    item_at: Callable[[Context, Value, Value], Value]  # ``sequence[index]``
    sequence_binary: Callable[[Context, ast.operator, Value, Value], Value]
    array_binary: Callable[[Context, ast.operator, Value, Value], Value]
    array_of: Callable[[Context, Value], py.Arr]
    array_attribute: Callable[[Context, Value, str], Value]
    array_map: Callable[[Context, Callable[[Value], Value], Value], Value]


@dataclass
class CarLoop:
    """The loops around the translated function, over chunks of cars and the cars of a chunk.

    Attributes:
        args: the table of addresses and numbers that the kernel is handed.
        first, count: the first car of the chunk, and how many it has.
        row, car: the car's place in the chunk, and in the columns.
        called: whether this car is to be called.
        given_up: of the cars so far, one was given up.
        at_chunk, at_row, at_entry: build what is done for every chunk, for every car, and for a
            called car before its call.
        loaded: parameters of the car, by name.
        hoisted, state_numbers: numbers of ``args`` and of the table of state, by place.
    """

    args: Leaf = None
    first: Leaf = None
    count: Leaf = None
    row: Leaf = None
    car: Leaf = None
    called: Leaf = None
    given_up: Leaf = None
    at_chunk: Any = None
    at_row: Any = None
    at_entry: Any = None
    loaded: dict[str, Value] = field(default_factory=dict)
    hoisted: dict[int, Leaf] = field(default_factory=dict)
    state_numbers: dict[int, Leaf] = field(default_factory=dict)


class Context:
    """One pass: what is translated, where in it we are, and the kernel as far as it is made.

    Attributes:
        facts, strings: what earlier passes found out, and the numbers of the program's texts.
        namespace, tree: what the user's module holds, and its syntax.
        frame, node, line, loops, handlers, finals: the place in the user's program.
        env: what each name, attribute, key and slot holds here.
        b: builds at the end of the present block of ``fn``, in ``module``.
        give_ups: blocks that give the call up, each with its line.
        prints: whether calls of ``print`` were dropped.
    """

    def __init__(
        self,
        ops: Operations,
        facts: Facts,
        strings: dict[str, int],
        namespace: dict[str, Any],
        tree: ast.Module,
    ) -> None:
        self.ops, self.facts, self.strings = ops, facts, strings
        self.namespace, self.tree = namespace, tree
        self.frame = Frame(-1, frozenset())
        self.node: ast.AST = tree
        self.line = self.finals = self._count = 0
        self.loops: list[LoopFrame] = []
        self.handlers: list[Handler] = []
        self.visits: dict[Any, int] = {}
        self.env: dict[Any, Value] = {}
        self.module = ir.Module(name="reward")
        self.tables: dict[Any, Any] = {}
        self.functions: dict[str, Any] = {}
        self.give_ups: list[tuple[Any, int]] = []
        self.prints = False
        self.cars = CarLoop()
        self.fn: Any = None
        self.b: Any = None
        self.give_up_block: Any = None
        self.fuel: Any = None
        self.arena_top: Any = None
        self.arena_end: Any = None
        self.alloca_builder: Any = None

    # Places in the program

    def place(self) -> Any:
        """A name of the node that is being translated, in its frame; the same in every pass."""
        return (self.frame.path, id(self.node))

    def path_of(self, *parts: Any) -> int:
        """A short name for a place."""
        return self.facts.paths.setdefault(parts, len(self.facts.paths))

    def nth(self, path: Any) -> Any:
        """A place with the number of times that this pass has come there (unrolled loops)."""
        self.visits[path] = self.visits.get(path, 0) + 1
        return (path, self.visits[path])

    def unique(self) -> int:
        """A number that no other place of this pass has."""
        self._count += 1
        return self._count

    def loop_guard(self, what: str) -> None:
        """Refuses what has one identity per place where a loop would make many."""
        if any(frame.runtime for frame in self.loops):
            raise Unsupported(f"makes {what} in a loop", self.line)

    def conflict(self, value: py.Conflict) -> Any:
        """Refuses a value that cannot be used."""
        raise Unsupported(f"a value that is {value.why}", self.line)

    def held(self, env: dict[Any, Value], key: Any) -> Value:
        """What an environment holds; params hold their column until they are overwritten."""
        if key not in env and key[:2] == PARAMS:
            return self.ops.parameter(self, key[2])
        return env.get(key, py.UNBOUND)

    # Blocks and ways

    def block(self, name: str) -> Any:
        """A new basic block at the end of the kernel."""
        if len(self.fn.blocks) > MAX_INSTRUCTIONS // 8:
            raise Unsupported(TOO_MUCH, self.line)
        return self.fn.append_basic_block(name)

    def start(self, block: Any) -> None:
        """Goes on in another block."""
        self.b.position_at_end(block)

    def alloca(self, kind: Any) -> Any:
        """A slot on the stack, made once per call of the kernel."""
        return self.alloca_builder.alloca(kind)

    def variable(self, first: Leaf) -> Any:
        """A slot on the stack that holds a number so far."""
        slot = self.alloca(first.type)
        self.b.store(first, slot)
        return slot

    def increase(self, slot: Any, leaf: Leaf) -> None:
        """Adds to an int on the stack."""
        self.b.store(self.b.add(self.b.load(slot), leaf), slot)

    def jump(self, merge: Merge) -> None:
        """Leads the present way to a merge; its block gets its branch in `merges.land`."""
        merge.entries.append((self.b.block, dict(self.env)))

    def fail(self, kind: type[BaseException] | None) -> Any:
        """Raises; None gives the call up to the interpreter whatever ``try`` is around it."""
        self._leave(kind)
        raise Dead

    def fail_if(self, condition: Leaf, kind: type[BaseException] | None) -> None:
        """Raises where the condition holds."""
        if isinstance(condition, ir.Constant):
            if condition.constant:
                self.fail(kind)
            return
        bad, good = self.block("bad"), self.block("good")
        self.b.cbranch(condition, bad, good)
        self.start(bad)
        before = self.env
        self._leave(kind)
        self.env = before
        self.start(good)

    def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None:
            for handler in reversed(self.handlers):
                if handler.catches(kind):
                    self.jump(handler.merge)
                    return
        self.give_ups.append((self.b.block, self.line))
        self.b.branch(self.give_up_block)

    def times(self, count: Leaf, action: Callable[[Leaf], None]) -> None:
        """Does something so many times; it gets the turn, and must not bind anything."""
        turn, done, before = self.block("turn"), self.block("done"), self.b.block
        self.b.cbranch(self.b.icmp_signed(">", count, i64(0)), turn, done)
        self.start(turn)
        number = self.b.phi(I64)
        number.add_incoming(i64(0), before)
        action(number)
        after = self.b.add(number, i64(1))
        number.add_incoming(after, self.b.block)
        self.b.cbranch(self.b.icmp_signed("<", after, count), turn, done)
        self.start(done)

    def burn(self) -> None:
        """Counts a turn of a loop; a call that turns too often is given up."""
        left = self.b.sub(self.b.load(self.fuel), i64(1))
        self.b.store(left, self.fuel)
        self.fail_if(self.b.icmp_signed("<", left, i64(0)), None)

    def native(self, name: str, result: Any, *arguments: Any) -> Any:
        """Calls a C or LLVM function by name."""
        if name not in self.functions:
            kind = ir.FunctionType(result, [a.type for a in arguments])
            self.functions[name] = ir.Function(self.module, kind, name)
        return self.b.call(self.functions[name], arguments)

    def string_id(self, text: str) -> int:
        """The number of a string."""
        return self.strings.setdefault(text, len(self.strings))
