"""One reward function as a kernel: a loop over cars around the translated function.

In: the user's module after it has run, and its syntax tree. Out: LLVM assembly and a `Layout`,
which says what the caller has to hand in. `kernel(start, stop, args)` runs the cars of a range;
``args`` is a table of addresses and numbers in the order of the constants below.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

from llvmlite import ir

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
from deepracer_fast.reward.compiler.statements import Statements
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
    TNum,
    TOpt,
    TTup,
    Tup,
    Type,
    Value,
    leaf_kinds,
    value_from,
)
from deepracer_fast.reward.params_table import ALL_KEYS, OLD_NAMES, PARAMETERS, Parameter

# Places in ``args``.
OUT, STATUS, WHERE, ARENA, ARENA_END, FORWARDS, BACKWARDS, OBJECTS, STATE, FUEL, COLUMNS = range(11)
GROW = -1  # status: a list of the state needs more room
MAX_PASSES = 400
MAX_REWARD = 1e5
_TABLE = {parameter.name: parameter for parameter in PARAMETERS}
_UNSTEADY = {"random", "time", "datetime", "uuid", "secrets", "os", "sys"}


class Program(Statements):
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
        self._loaded: dict[str, Value] = {}

    # The kernel

    def emit(self, function: Any) -> str:
        """The assembly of the whole kernel."""
        kind = ir.FunctionType(ir.VoidType(), [I64, I64, WORDS])
        self.fn = ir.Function(self.module, kind, "kernel")
        start, stop, self._args = self.fn.args
        entry, head = self.block("entry"), self.block("cars")
        self.alloca_builder = ir.IRBuilder(entry)
        self.b = ir.IRBuilder(head)
        self.fuel, self.arena_top = self.alloca(I64), self.alloca(I64)
        check, self._next = self.block("check"), self.block("next")
        leave = self.block("leave")
        self.give_up_block = self.block("give_up")
        self._car = self.b.phi(I64)
        self._car.add_incoming(start, entry)
        self.b.cbranch(self.b.icmp_signed("<", self._car, stop), check, leave)
        self._enter_car(check)
        self._run(function)
        self._give_up()
        self.start(self._next)
        self._car.add_incoming(self.b.add(self._car, i64(1)), self._next)
        self.b.branch(head)
        ir.IRBuilder(leave).ret_void()
        place = self.alloca_builder.gep(self._args, [i64(FUEL)])
        self.alloca_builder.store(self.alloca_builder.load(place), self.fuel)
        self.alloca_builder.branch(head)
        for block in self.fn.blocks:
            if not block.is_terminated:  # the way into it was found to be closed
                ir.IRBuilder(block).unreachable()
        return str(self.module)

    def _arg(self, place: int) -> Leaf:
        return self.b.load(self.word_at(self._args, place))

    def _pointer(self, place: int, kind: Any) -> Leaf:
        return self.b.inttoptr(self._arg(place), kind.as_pointer())

    def _enter_car(self, check: Any) -> None:
        self.start(check)
        called = self.b.load(self.b.gep(self._pointer(WHERE, I8), [self._car]))
        self._entry_block, body = self.block("car"), self.block("body")
        flag = self.b.icmp_signed("!=", called, ir.Constant(I8, 0))
        self.b.cbranch(flag, self._entry_block, self._next)
        self.start(self._entry_block)
        self.b.store(self._arg(ARENA), self.arena_top)
        self.arena_end = self._arg(ARENA_END)
        self._body_block = body

    def _run(self, function: Any) -> None:
        self.env = {("keys", ("params",)): Const(ALL_KEYS)}
        self._load_state()
        self._at_entry = self.b
        self.b = ir.IRBuilder(self._body_block)
        try:
            result = self.call(function, (Dct(("params",)),), {})
            reward = self.as_float(self.as_scalar(self.plain(result)))
            bad = self.b.fcmp_unordered(">", self.absolute(reward), f64(MAX_REWARD))
            self.fail_if(bad, None)
            self._store_state()
            self.b.store(reward, self.b.gep(self._pointer(OUT, F64), [self._car]))
            self._set_status(ir.Constant(I32, 0))
            self.b.branch(self._next)
        except Dead:
            pass
        self._at_entry.branch(self._body_block)

    def _set_status(self, status: Leaf) -> None:
        self.b.store(status, self.b.gep(self._pointer(STATUS, I32), [self._car]))

    def _give_up(self) -> None:
        self.start(self.give_up_block)
        if self.give_ups:
            line = self.b.phi(I32)
            for block, number in self.give_ups:
                line.add_incoming(ir.Constant(I32, number or 1), block)
            self._set_status(line)
            self.b.branch(self._next)
        else:
            self.b.unreachable()

    # Parameters

    def parameter(self, key: Any) -> Value:
        """What ``params`` holds under a key."""
        name = OLD_NAMES.get(key, key)
        if name not in _TABLE:
            return UNBOUND
        if name not in self._loaded:
            here, self.b = self.b, self._at_entry
            line, self.line = self.line, 1
            try:
                self._loaded[name] = self._load(_TABLE[name])
            finally:
                self._at_entry, self.b, self.line = self.b, here, line
        return self._loaded[name]

    def _load(self, parameter: Parameter) -> Value:
        if parameter.shape == ("N", 2):
            return self._waypoints()
        if parameter.shape == ("B",):
            return self._number_of(parameter, self._car)
        if "K" in parameter.shape:
            return self._object_list(parameter)
        first = self.b.mul(self._car, i64(2))
        items = tuple(
            self._number_of(parameter, self.b.add(first, i64(k)) if k else first) for k in (0, 1)
        )
        site = ("param", parameter.name)
        if site in self.facts.dynamic:
            return self.make_list(site, items)
        return Tup(items, True, frozenset([site]))

    def _place_of(self, name: str) -> int:
        self.facts.columns.setdefault(name, None)
        return COLUMNS + 2 * list(self.facts.columns).index(name)

    def _number_of(self, parameter: Parameter, index: Leaf) -> Num:
        place = self._place_of(parameter.name)
        if parameter.kind == "bool":
            byte = self.b.load(self.b.gep(self._pointer(place, I8), [index]))
            return Num("b", self.b.icmp_signed("!=", byte, ir.Constant(I8, 0)))
        narrow, wide, merged = (self.block(n) for n in ("narrow", "wide", "loaded"))
        is_narrow = self.b.icmp_signed("==", self._arg(place + 1), i64(0))
        self.b.cbranch(is_narrow, narrow, wide)
        floats = parameter.kind == "float"
        self.start(narrow)
        single = self.b.load(
            self.b.gep(self._pointer(place, ir.FloatType() if floats else I32), [index])
        )
        first = self.b.fpext(single, F64) if floats else self.b.sext(single, I64)
        if parameter.commanded:
            first = self._decimal(first, single)
        self.b.branch(merged)
        self.start(wide)
        second = self.b.load(self.b.gep(self._pointer(place, F64 if floats else I64), [index]))
        self.b.branch(merged)
        self.start(merged)
        phi = self.b.phi(F64 if floats else I64)
        phi.add_incoming(first, narrow)
        phi.add_incoming(second, wide)
        return Num("f" if floats else "i", phi)

    def _decimal(self, leaf: Leaf, single: Leaf) -> Leaf:
        """A command in the decimals of its action space (`params_table.seen_column`)."""
        scaled = self.native("llvm.roundeven.f64", F64, self.b.fmul(leaf, f64(1e5)))
        decimal = self.b.fdiv(scaled, f64(1e5))
        same = self.b.fcmp_ordered("==", self.b.fptrunc(decimal, ir.FloatType()), single)
        return self.b.select(same, decimal, leaf)

    def _waypoints(self) -> Value:
        self._place_of("waypoints")
        site = ("param", "waypoints")
        self.facts.frozen.add(site)
        self._as_it_lies(site, TTup((TNum("f"), TNum("f"))))
        flag = self._number_of(_TABLE["is_reversed"], self._car).leaf
        return Lst(self.b.select(flag, self._arg(BACKWARDS), self._arg(FORWARDS)), site)

    def _as_it_lies(self, site: Any, element: Type) -> None:
        """Names the elements of a list that the simulator has laid out."""
        self.facts.set_element(site, element)
        found = self.facts.element(site)
        if found is None or leaf_kinds(found) != leaf_kinds(element):
            raise Unsupported("a list of params or another list, depending on the way taken", 1)

    def _object_list(self, parameter: Parameter) -> Value:
        site = ("param", parameter.name)
        kind = {"float": "f", "bool": "b", "int": "i"}[parameter.kind]
        pairs = len(parameter.shape) == 3
        element: Type = TTup((TNum(kind), TNum(kind)), True) if pairs else TNum(kind)
        self.facts.frozen.add(site)
        self._as_it_lies(site, element)
        place = self._place_of(parameter.name)
        header = self.alloca_builder.alloca(I64, 3)
        count = self.b.select(
            self.b.icmp_signed("==", self._arg(place), i64(0)), i64(0), self._arg(OBJECTS)
        )
        bytes_ = self.b.mul(self.b.mul(self._car, count), i64(16 if pairs else 8))
        self.b.store(self.b.add(self._arg(place), bytes_), header)
        for k in (1, 2):
            self.b.store(count, self.word_at(header, k))
        return Lst(self.b.ptrtoint(header, I64), site)

    # State

    def _state_pointer(self, place: int) -> Leaf:
        table = self.b.inttoptr(self._arg(STATE), WORDS)
        return self.b.inttoptr(self.b.load(self.word_at(table, place)), WORDS)

    def _state_number(self, place: int) -> Leaf:
        return self.b.load(self.word_at(self.b.inttoptr(self._arg(STATE), WORDS), place))

    def _load_state(self) -> None:
        place = 0
        for key, slot in self.facts.slots.items():
            leaves = []
            for kind in slot_leaves(slot, self.facts):
                if kind == "list":
                    leaves.append(self._load_list(place, list_site(slot.type)))
                    place += 3
                else:
                    word = self.b.load(self.word_at(self._state_pointer(place), self._car))
                    leaves.append(self.from_word(word, kind))
                    place += 1
            self.env["slot", key] = value_from(slot.type, leaves)

    def _load_list(self, place: int, site: Any) -> Leaf:
        """A copy of a car's list in the arena."""
        self.line = 1
        length = self.b.load(self.word_at(self._state_pointer(place + 1), self._car))
        lst = self.new_list(site, self.b.add(length, i64(4)))
        width = i64(self.width(site))
        room = self.b.mul(self._state_number(place + 2), width)
        source = self.word_at(self._state_pointer(place), self.b.mul(self._car, room))
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
            self.b.store(word, self.word_at(self._state_pointer(place), self._car))
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
        target = self.word_at(self._state_pointer(place), self.b.mul(self._car, room))

        def copy() -> Value:
            source = self.b.inttoptr(self.b.load(self.header(Lst(leaf, site))), WORDS)
            self.copy_words(target, source, self.b.mul(length, width))
            return Const(None)

        self.if_else(self.b.icmp_signed(">", length, i64(0)), copy, lambda: Const(None))
        self.b.store(length, self.word_at(self._state_pointer(place + 1), self._car))


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
