"""One reward function as a kernel: a loop over cars around the translated function.

In: what is in the user's module (`rebuild`), and its syntax tree. Out: LLVM assembly and the pass
that made it, which says what the caller has to hand in. `kernel(start, stop, args)` runs the cars
of a range and gives 0 if none of them was given up; ``args`` is a table of addresses and numbers,
whose order is in `columns`, as are the params of a car.
"""

from __future__ import annotations

import ast
import time
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.columns import (
    ARENA,
    ARENA_END,
    CHUNK,
    FUEL,
    OUT,
    STATUS,
    WHERE,
)
from deepracer_fast.reward.compiler.emitter import F64, I8, I32, I64, TRUE, WORDS, Dead, f64, i64
from deepracer_fast.reward.compiler.functions import Frame
from deepracer_fast.reward.compiler.joins import Facts, Restart, Unsupported
from deepracer_fast.reward.compiler.kept import KeptState
from deepracer_fast.reward.compiler.memory import MAX_INT
from deepracer_fast.reward.compiler.users import UserMethod
from deepracer_fast.reward.compiler.values import (
    Bound,
    Const,
    Dct,
    Leaf,
    Value,
)
from deepracer_fast.reward.loading import FUNCTION_NAME
from deepracer_fast.reward.params_table import ALL_KEYS, Parameter

MAX_SECONDS = 5.0  # of processor time for all passes
MAX_REWARD = 1e5
_FLAG = Parameter("where", "bool", ("B",), "", "the cars to call")
_UNSTEADY = {"random", "time", "datetime", "uuid", "secrets", "os", "sys"}


class Program(KeptState):
    """One pass over a reward function."""

    def __init__(
        self, facts: Facts, strings: dict[str, int], namespace: dict[str, Any], tree: ast.Module
    ) -> None:
        super().__init__(facts, strings)
        self.namespace = namespace
        self.tree = tree
        self.visits = {}
        self.loops = []
        self.finals = 0
        self.node = tree
        self.frame = Frame(-1, frozenset())
        self._loaded = {}
        self._hoisted = {}
        self._state_numbers = {}

    # The kernel

    def emit(self, function: Any) -> str:
        """The assembly of the whole kernel."""
        kind = ir.FunctionType(I32, [I64, I64, WORDS])
        self.fn = ir.Function(self.module, kind, "kernel")
        start, stop, self._args = self.fn.args
        names = ("entry", "chunks", "chunk", "cars", "car", "body", "give_up", "next", "leave")
        blocks = {name: self.block(name) for name in names}
        self.give_up_block = blocks["give_up"]
        self._set_builders(blocks)
        counters = self._loops(blocks, start, stop)
        self.arena_end = self.argument(ARENA_END)
        self.b.store(self.argument(ARENA), self.arena_top)
        status = self._leave_car(blocks, self._run(function, blocks))
        after = self.b.add(self.row, i64(1)), self.b.or_(self._given_up, status)
        onwards = self.b.add(self.first, i64(CHUNK)), after[1]
        for counter, leaf in zip(counters, (*onwards, *after), strict=True):
            counter.add_incoming(leaf, self.b.block)
        again = self.b.icmp_signed("<", after[0], self.count)
        self.b.cbranch(again, blocks["cars"], blocks["chunks"])
        if self.facts.void:
            raise Restart
        self._close(blocks)
        return str(self.module)

    def _set_builders(self, blocks: dict[str, Any]) -> None:
        self.alloca_builder = ir.IRBuilder(blocks["entry"])
        self._at_chunk, self._at_row = ir.IRBuilder(blocks["chunk"]), ir.IRBuilder(blocks["cars"])
        self.b = ir.IRBuilder(blocks["car"])
        self.fuel, self.arena_top = self.alloca(I64), self.alloca(I64)
        self.alloca_builder.store(self.argument(FUEL), self.fuel)

    def _loops(self, blocks: dict[str, Any], start: Leaf, stop: Leaf) -> list[Any]:
        """The loop over chunks, then the one over the cars of a chunk: what they count."""
        chunks = ir.IRBuilder(blocks["chunks"])
        self.first = first = chunks.phi(I64)
        so_far = chunks.phi(I32)
        first.add_incoming(start, blocks["entry"])
        so_far.add_incoming(ir.Constant(I32, 0), blocks["entry"])
        ir.IRBuilder(blocks["leave"]).ret(so_far)
        more = chunks.icmp_signed("<", first, stop)
        chunks.cbranch(more, blocks["chunk"], blocks["leave"])
        left = self._at_chunk.sub(stop, first)
        whole = self._at_chunk.icmp_signed(">", left, i64(CHUNK))
        self.count = self._at_chunk.select(whole, i64(CHUNK), left)
        self.row = row = self._at_row.phi(I64)
        self._given_up = given_up = self._at_row.phi(I32)
        row.add_incoming(i64(0), blocks["chunk"])
        given_up.add_incoming(so_far, blocks["chunk"])
        self.car = self._at_row.add(first, row)
        called = self.buffered(self.argument(WHERE), i64(1), _FLAG, 1)
        byte = self._at_row.load(self._at_row.gep(called, [row]))
        self._called = self._at_row.icmp_signed("!=", byte, ir.Constant(I8, 0))
        return [first, so_far, row, given_up]

    def _run(self, function: Any, blocks: dict[str, Any]) -> list[tuple[Any, Leaf, Leaf]]:
        """Calls the function; the ways to the next car, each with reward and status."""
        self.env = {("keys", ("params",)): Const(ALL_KEYS)}
        self.load_state()
        self._at_entry = self.b
        self.b = ir.IRBuilder(blocks["body"])
        ways = [(blocks["cars"], f64(0.0), ir.Constant(I32, 0))]
        try:
            result = self.call(function, (Dct(("params",)),), {})
            reward = self.as_float(self.as_scalar(self.plain(result)))
            bad = self.b.fcmp_unordered(">", self.absolute(reward), f64(MAX_REWARD))
            self.fail_if(bad, None)
            self.store_state()
            ways.append((self.b.block, reward, ir.Constant(I32, 0)))
            self.b.branch(blocks["next"])
        except Dead:
            pass
        self._at_entry.branch(blocks["body"])
        self.start(self.give_up_block)
        if self.give_ups:
            line = self.b.phi(I32)
            for block, number in self.give_ups:
                line.add_incoming(ir.Constant(I32, number or 1), block)
            ways.append((self.give_up_block, f64(0.0), line))
            self.b.branch(blocks["next"])
        return ways

    def _leave_car(self, blocks: dict[str, Any], ways: list[tuple[Any, Leaf, Leaf]]) -> Leaf:
        """Writes what the car got, whichever way led here; its status."""
        self.start(blocks["next"])
        reward, status = self.b.phi(F64), self.b.phi(I32)
        for block, number, line in ways:
            reward.add_incoming(number, block)
            status.add_incoming(line, block)
        for place, leaf in ((OUT, reward), (STATUS, status)):
            column = self.b.inttoptr(self.argument(place), leaf.type.as_pointer())
            self.b.store(leaf, self.b.gep(column, [self.car]))
        return status

    def _close(self, blocks: dict[str, Any]) -> None:
        self.alloca_builder.branch(blocks["chunks"])
        self._at_chunk.branch(blocks["cars"])
        self._at_row.cbranch(self._called, blocks["car"], blocks["next"])
        for block in self.fn.blocks:
            if not block.is_terminated:  # the way into it was found to be closed
                ir.IRBuilder(block).unreachable()


def _check_top_level(tree: ast.Module) -> None:
    """Refuses a module that asks for the time or for chance when it is loaded."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            names = [n for n in ast.walk(node.func) if isinstance(n, ast.Name | ast.Attribute)]
            words = {n.id if isinstance(n, ast.Name) else n.attr for n in names}
            if words & _UNSTEADY:
                raise Unsupported("calls " + ast.unparse(node.func), node.lineno)
        waiting.extend(ast.iter_child_nodes(node))


def translate(namespace: dict[str, Any], tree: ast.Module) -> tuple[str, Program]:
    """The assembly of a module's ``reward_function``, and the pass that made it.

    Raises:
        Unsupported: the compiler cannot follow this function.
    """
    _check_top_level(tree)
    facts, strings = Facts(), {"": 0}
    deadline = time.process_time() + MAX_SECONDS
    while time.process_time() < deadline:
        facts.void = False
        program = Program(facts, strings, namespace, tree)
        try:
            return program.emit(program_entry(namespace)), program
        except Restart:
            continue
        except Dead:
            if not facts.void:
                raise Unsupported("it fails in every call", program.line) from None
        except Unsupported as error:
            if not facts.void:
                error.line = error.line or max(program.line, 0)
                raise
    raise Unsupported("more code than the compiler takes (inlined calls or loops)", 1)


def program_entry(namespace: dict[str, Any]) -> Value:
    """What is called for each car."""
    function = namespace.get(FUNCTION_NAME)
    if isinstance(function, UserMethod):
        return Bound(Const(function.function), Const(function.owner))
    return Const(function)


__all__ = ["MAX_INT", "TRUE", "Program", "translate"]
