"""What ``params`` holds, read from the simulator's columns.

In: the addresses in ``args``. Out: values in registers and lists where they lie. The numbers of a
chunk of cars are first copied into buffers, in the width and the decimals that a reward function
sees: whatever the caller's columns are made of, the loop over cars then has nothing to decide,
and LLVM makes vector instructions of it where the function allows that.
Neighbour: `program`, which sets the builders up and runs the loops.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.emitter import F64, I8, I32, I64, f64, i64
from deepracer_fast.reward.compiler.joins import Unsupported
from deepracer_fast.reward.compiler.memory import FIXED
from deepracer_fast.reward.compiler.statements import Statements
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Leaf,
    Lst,
    Num,
    TNum,
    TTup,
    Tup,
    Type,
    Value,
    leaf_kinds,
)
from deepracer_fast.reward.params_table import OLD_NAMES, PARAMETERS, Parameter

# Places in ``args``.
OUT, STATUS, WHERE, ARENA, ARENA_END, FORWARDS, BACKWARDS, OBJECTS, STATE, FUEL, COLUMNS = range(11)
CHUNK = 128  # cars; the buffers of ten columns fit the first cache
F32 = ir.FloatType()
_TABLE = {parameter.name: parameter for parameter in PARAMETERS}
_SEEN = {"float": F64, "int": I64, "bool": I8}


class Columns(Statements):
    """The parameters of one car of the loop.

    Attributes:
        car: its row in the columns.
        row: its place in the chunk.
        first, count: the first car of the chunk, and how many it has.
    """

    car: Leaf
    row: Leaf
    first: Leaf
    count: Leaf
    _args: Leaf
    _at_entry: Any  # builds what is done for a called car before its call
    _at_row: Any  # what is done for every car
    _at_chunk: Any  # what is done for every chunk
    _loaded: dict[str, Value]
    _hoisted: dict[int, Leaf]

    def argument(self, place: int) -> Leaf:
        """A number of ``args``, loaded once a call of the kernel."""
        if place not in self._hoisted:
            address = self.alloca_builder.gep(self._args, [i64(place)])
            self._hoisted[place] = self.alloca_builder.load(address)
        return self._hoisted[place]

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
            return self._numbers_of(parameter, 1)[0]
        if "K" in parameter.shape:
            return self._object_list(parameter)
        items = tuple(self._numbers_of(parameter, 2))
        site = ("param", parameter.name)
        if site in self.facts.dynamic:
            return self.make_list(site, items)
        return Tup(items, True, frozenset([site]))

    def _place_of(self, name: str) -> int:
        self.facts.columns.setdefault(name, None)
        return COLUMNS + 2 * list(self.facts.columns).index(name)

    # Numbers

    def _numbers_of(self, parameter: Parameter, each: int) -> list[Num]:
        """A car's numbers of one column."""
        place = self._place_of(parameter.name)
        pointer = self.argument(place)
        buffer = self.buffered(pointer, self.argument(place + 1), parameter, each)
        row, found = self._at_row, []
        start = row.mul(self.row, i64(each))
        for k in range(each):
            leaf = row.load(row.gep(buffer, [row.add(start, i64(k))]))
            if parameter.kind == "bool":
                leaf = row.icmp_signed("!=", leaf, ir.Constant(I8, 0))
            found.append(Num({"float": "f", "int": "i", "bool": "b"}[parameter.kind], leaf))
        return found

    def buffered(self, source: Leaf, wide: Leaf, parameter: Parameter, each: int) -> Any:
        """The buffer of a column, filled at the begin of each chunk.

        Args:
            source: address of the column.
            wide: 0 if its numbers are of 32 bits.
            parameter: what it holds.
            each: numbers a car.
        """
        buffer = self.alloca_builder.alloca(_SEEN[parameter.kind], CHUNK * each)
        chunk = self._at_chunk
        first, count = (chunk.mul(number, i64(each)) for number in (self.first, self.count))
        chunk.call(self._filler(parameter), [buffer, source, wide, first, count])
        return buffer

    def _filler(self, parameter: Parameter) -> Any:
        """The function that copies numbers of a kind: (to, source, wide, first, count)."""
        name = f"fill.{parameter.kind}" + (".decimal" if parameter.commanded else "")
        if name not in self._functions:
            kind = _SEEN[parameter.kind]
            types = [kind.as_pointer(), I64, I64, I64, I64]
            function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), types), name)
            function.linkage = "internal"
            self._functions[name] = function
            here, self.b = self.b, ir.IRBuilder(function.append_basic_block("entry"))
            try:
                self._fill(parameter, function)
            finally:
                self.b = here
        return self._functions[name]

    def _fill(self, parameter: Parameter, function: Any) -> None:
        target, source, wide, first, count = function.args
        kind = _SEEN[parameter.kind]
        narrow, copy = (function.append_basic_block(name) for name in ("narrow", "copy"))
        if parameter.kind == "bool":
            self.b.branch(copy)
            self.start(narrow)
            self.b.unreachable()
        else:
            self.b.cbranch(self.b.icmp_signed("==", wide, i64(0)), narrow, copy)
            self.start(narrow)
            self._fill_from_narrow(parameter, function)
        self.start(copy)
        start = self.b.gep(self.b.inttoptr(source, kind.as_pointer()), [first])
        size = self.b.mul(count, i64(1 if kind is I8 else 8))
        pointers = [self.b.bitcast(pointer, I8.as_pointer()) for pointer in (target, start)]
        self.native("memmove", I8.as_pointer(), *pointers, size)
        self.b.ret_void()

    def _fill_from_narrow(self, parameter: Parameter, function: Any) -> None:
        target, source, _, first, count = function.args
        before, turn, done = self.b.block, *(function.append_basic_block() for _ in range(2))
        narrow = F32 if parameter.kind == "float" else I32
        start = self.b.gep(self.b.inttoptr(source, narrow.as_pointer()), [first])
        self.b.branch(turn)
        self.start(turn)
        place = self.b.phi(I64)
        place.add_incoming(i64(0), before)
        single = self.b.load(self.b.gep(start, [place]))
        seen = self.b.fpext(single, F64) if narrow is F32 else self.b.sext(single, I64)
        if parameter.commanded:
            seen = self._decimal(seen, single)
        self.b.store(seen, self.b.gep(target, [place]))
        after = self.b.add(place, i64(1))
        place.add_incoming(after, turn)
        self.b.cbranch(self.b.icmp_signed("<", after, count), turn, done)
        self.start(done)
        self.b.ret_void()

    def _decimal(self, leaf: Leaf, single: Leaf) -> Leaf:
        """A command in the decimals of its action space (`params_table.seen_column`)."""
        scaled = self.native("llvm.roundeven.f64", F64, self.b.fmul(leaf, f64(1e5)))
        decimal = self.b.fdiv(scaled, f64(1e5))
        same = self.b.fcmp_ordered("==", self.b.fptrunc(decimal, F32), single)
        return self.b.select(same, decimal, leaf)

    # Lists

    def _waypoints(self) -> Value:
        self._place_of("waypoints")
        site = ("param", "waypoints")
        self.facts.frozen.add(site)
        self._as_it_lies(site, TTup((TNum("f"), TNum("f"))))
        flag = self._numbers_of(_TABLE["is_reversed"], 1)[0].leaf
        return Lst(self.b.select(flag, self.argument(BACKWARDS), self.argument(FORWARDS)), site)

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
        address = self.argument(self._place_of(parameter.name))
        header = self.alloca_builder.alloca(I64, 3)
        missing = self.b.icmp_signed("==", address, i64(0))
        count = self.b.select(missing, i64(0), self.argument(OBJECTS))
        bytes_ = self.b.mul(self.b.mul(self.car, count), i64(16 if pairs else 8))
        self.b.store(self.b.add(address, bytes_), header)
        for k, word in ((1, count), (2, i64(FIXED))):
            self.b.store(word, self.word_at(header, k))
        return Lst(self.b.ptrtoint(header, I64), site)
