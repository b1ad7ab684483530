"""One reward function as a kernel: a loop over cars around the translated function.

In: the user's module after it has run, and its syntax tree. Out: LLVM assembly and a `Layout`,
which says what the caller has to hand in. `kernel(start, stop, args)` runs the cars of a range
and gives 0 if none of them was given up; ``args`` is a table of addresses and numbers, whose order
is in `columns`, as are the params of a car.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.columns import (
    ARENA,
    ARENA_END,
    CHUNK,
    FUEL,
    OUT,
    STATE,
    STATUS,
    WHERE,
    Columns,
)
from deepracer_fast.reward.compiler.emitter import (
    F64,
    I8,
    I32,
    I64,
    MAX_INT,
    TRUE,
    WORDS,
    Dead,
    f64,
    i64,
)
from deepracer_fast.reward.compiler.functions import Frame
from deepracer_fast.reward.compiler.joins import Facts, Restart, Slot, Unsupported
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Bound,
    Const,
    Dct,
    Leaf,
    Lst,
    Num,
    TLst,
    TMaybe,
    TOpt,
    TTup,
    Type,
    Value,
    leaf_kinds,
    value_from,
)
from deepracer_fast.reward.params_table import ALL_KEYS, Parameter

GROW = -1  # status: a list of the state needs more room
MAX_PASSES = 400
MAX_REWARD = 1e5
_FLAG = Parameter("where", "bool", ("B",), "", "the cars to call")
_UNSTEADY = {"random", "time", "datetime", "uuid", "secrets", "os", "sys"}


class Program(Columns):
    """One pass over a reward function."""

    def __init__(
        self, facts: Facts, strings: dict[str, int], namespace: dict[str, Any], tree: ast.Module
    ) -> None:
        super().__init__(facts, strings)
        self.namespace = namespace
        self.filename = namespace["__file__"]
        self.tree = tree
        self.scopes = {}
        self.visits = {}
        self.loops = []
        self.finals = 0
        self.node = tree
        self.frame = Frame(-1, frozenset())
        self._loaded = {}
        self._hoisted = {}
        self._state_numbers: dict[int, Leaf] = {}

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
        self._load_state()
        self._at_entry = self.b
        self.b = ir.IRBuilder(blocks["body"])
        ways = [(blocks["cars"], f64(0.0), ir.Constant(I32, 0))]
        try:
            result = self.call(function, (Dct(("params",)),), {})
            reward = self.as_float(self.as_scalar(self.plain(result)))
            bad = self.b.fcmp_unordered(">", self.absolute(reward), f64(MAX_REWARD))
            self.fail_if(bad, None)
            self._store_state()
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

    # State

    def _state_pointer(self, place: int) -> Leaf:
        return self.b.inttoptr(self._state_number(place), WORDS)

    def _state_number(self, place: int) -> Leaf:
        """A number of the state's table, loaded once a call of the kernel."""
        if place not in self._state_numbers:
            entry = self.alloca_builder
            table = entry.inttoptr(self.argument(STATE), WORDS)
            self._state_numbers[place] = entry.load(entry.gep(table, [i64(place)]))
        return self._state_numbers[place]

    def _load_state(self) -> None:
        place = 0
        for key, slot in self.facts.slots.items():
            leaves = []
            for kind in slot_leaves(slot, self.facts):
                if kind == "list":
                    leaves.append(self._load_list(place, list_site(slot.type)))
                    place += 3
                else:
                    word = self.b.load(self.word_at(self._state_pointer(place), self.car))
                    leaves.append(self.from_word(word, kind))
                    place += 1
            self.env["slot", key] = value_from(slot.type, leaves)

    def _load_list(self, place: int, site: Any) -> Leaf:
        """A copy of a car's list in the arena."""
        self.line = 1
        length = self.b.load(self.word_at(self._state_pointer(place + 1), self.car))
        lst = self.new_list(site, self.b.add(length, i64(4)))
        width = i64(self.width(site))
        room = self.b.mul(self._state_number(place + 2), width)
        source = self.word_at(self._state_pointer(place), self.b.mul(self.car, room))
        target = self.b.inttoptr(self.b.load(self.header(lst)), WORDS)
        self.copy_words(target, source, self.b.mul(length, width))
        self.b.store(length, self.word_at(self.header(lst), 1))
        return lst.leaf

    def _store_state(self) -> None:
        place, words, lists = 0, [], []
        for key, slot in self.facts.slots.items():
            value = self.env["slot", key]
            if value is UNBOUND and not isinstance(slot.type, TMaybe):
                raise Restart
            leaves = self.coerce(value, slot.type)
            for kind, leaf in zip(slot_leaves(slot, self.facts), leaves, strict=True):
                if kind == "list":
                    lists.append((place, leaf, list_site(slot.type)))
                    place += 3
                else:
                    words.append((place, self.to_word(leaf, kind)))
                    place += 1
        self._check_lists(lists)
        for place, word in words:
            self.b.store(word, self.word_at(self._state_pointer(place), self.car))
        for place, leaf, site in lists:
            self._store_list(place, leaf, site)

    def _check_lists(self, lists: list[tuple[int, Leaf, Any]]) -> None:
        """Lists must fit their columns, and no two may be one."""
        for k, (_, leaf, _) in enumerate(lists):
            for _, other, _ in lists[:k]:
                both = self.b.icmp_signed("!=", leaf, i64(0))
                same = self.b.icmp_signed("==", leaf, other)
                self.fail_if(self.b.and_(both, same), None)
        for place, leaf, site in lists:
            length = self._list_length(leaf, site)
            over = self.b.icmp_signed(">", length, self._state_number(place + 2))
            line, self.line = self.line, GROW
            self.fail_if(over, None)
            self.line = line

    def _list_length(self, leaf: Leaf, site: Any) -> Leaf:
        missing = self.b.icmp_signed("==", leaf, i64(0))
        length = self.if_else(
            missing, lambda: Num("i", i64(0)), lambda: Num("i", self.length(Lst(leaf, site)))
        )
        assert isinstance(length, Num)
        return length.leaf

    def _store_list(self, place: int, leaf: Leaf, site: Any) -> None:
        length = self._list_length(leaf, site)
        width = i64(self.width(site))
        room = self.b.mul(self._state_number(place + 2), width)
        target = self.word_at(self._state_pointer(place), self.b.mul(self.car, room))

        def copy() -> Value:
            source = self.b.inttoptr(self.b.load(self.header(Lst(leaf, site))), WORDS)
            self.copy_words(target, source, self.b.mul(length, width))
            return Const(None)

        self.if_else(self.b.icmp_signed(">", length, i64(0)), copy, lambda: Const(None))
        self.b.store(length, self.word_at(self._state_pointer(place + 1), self.car))


def list_site(typ: Type) -> Any:
    """The site of the list that a slot holds."""
    inner = typ.inner if isinstance(typ, TOpt | TMaybe) else typ
    inner = inner.inner if isinstance(inner, TOpt) else inner
    assert isinstance(inner, TLst)
    return inner.site


def slot_leaves(slot: Slot, facts: Facts) -> list[str]:
    """The kinds of a slot's leaves, "list" for a list."""
    kinds = leaf_kinds(slot.type)
    if not _holds_list(slot.type):
        return kinds
    try:
        site = list_site(slot.type)
    except AssertionError:
        raise Unsupported("keeps lists within tuples from one call to the next") from None
    element = facts.element(site)
    if element is not None and _holds_list(element):
        raise Unsupported("keeps lists of lists from one call to the next")
    return [*kinds[:-1], "list"]


def _holds_list(typ: Type) -> bool:
    match typ:
        case TLst():
            return True
        case TOpt(inner) | TMaybe(inner):
            return _holds_list(inner)
        case TTup(items):
            return any(_holds_list(item) for item in items)
    return False


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
    for _ in range(MAX_PASSES):
        program = Program(facts, strings, namespace, tree)
        try:
            function = program_entry(namespace)
            return program.emit(function), program
        except Restart:
            continue
        except Dead:
            raise Unsupported("it fails in every call", program.line) from None
        except Unsupported as error:
            if not error.line:
                error.line = max(program.line, 0)
            raise
    raise Unsupported("types that do not settle", 1)


def program_entry(namespace: dict[str, Any]) -> Value:
    """What is called for each car."""
    function = namespace["reward_function"]
    if not isinstance(function, FunctionType) and hasattr(function, "__func__"):
        return Bound(Const(function.__func__), Const(function.__self__))
    return Const(function)


__all__ = ["MAX_INT", "TRUE", "Program", "translate"]
