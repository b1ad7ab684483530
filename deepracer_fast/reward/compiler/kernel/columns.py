"""What ``params`` holds, read from the simulator's columns.

In: the addresses in ``args``. Out: values in registers and lists where they lie. The numbers of a
chunk of cars are first copied into buffers, in the width and the decimals that a reward function
sees: whatever the caller's columns are made of, the loop over cars then has nothing to decide,
and LLVM makes vector instructions of it where the function allows that.
Neighbour: `kernel`, which sets the builders up and runs the loops.
"""

from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen.builtins import make_list
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Leaf, Type, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, I8, I32, I64, Context, f64, i64
from deepracer_fast.reward.compiler.lowering.memory import FIXED, word_at
from deepracer_fast.reward.params_table import OLD_NAMES, PARAMETERS, Parameter

# Places in ``args``.
OUT, STATUS, WHERE, ARENA, ARENA_END, FORWARDS, BACKWARDS, OBJECTS, STATE, FUEL, COLUMNS = range(11)
CHUNK = 128  # cars; the buffers of ten columns fit the first cache
F32 = ir.FloatType()
_TABLE = {parameter.name: parameter for parameter in PARAMETERS}
_SEEN = {"float": F64, "int": I64, "bool": I8}


def argument(ctx: Context, place: int) -> Leaf:
    """A number of ``args``, loaded once a call of the kernel."""
    if place not in ctx.cars.hoisted:
        address = ctx.alloca_builder.gep(ctx.cars.args, [i64(place)])
        ctx.cars.hoisted[place] = ctx.alloca_builder.load(address)
    return ctx.cars.hoisted[place]


def parameter(ctx: Context, key: Any) -> Value:
    """What ``params`` holds under a key."""
    name = OLD_NAMES.get(key, key)
    if name not in _TABLE:
        return py.UNBOUND
    if name not in ctx.cars.loaded:
        here, ctx.b = ctx.b, ctx.cars.at_entry
        line, ctx.line = ctx.line, 1
        try:
            ctx.cars.loaded[name] = _load(ctx, _TABLE[name])
        finally:
            ctx.cars.at_entry, ctx.b, ctx.line = ctx.b, here, line
    return ctx.cars.loaded[name]


def _load(ctx: Context, parameter: Parameter) -> Value:
    if parameter.shape == ("N", 2):
        return _waypoints(ctx)
    if parameter.shape == ("B",):
        return _numbers_of(ctx, parameter, 1)[0]
    if "K" in parameter.shape:
        return _object_list(ctx, parameter)
    items = tuple(_numbers_of(ctx, parameter, 2))
    site = ("param", parameter.name)
    if site in ctx.facts.dynamic:
        return make_list(ctx, site, items)
    return py.Tup(items, True, frozenset([site]))


def _place_of(ctx: Context, name: str) -> int:
    ctx.facts.columns.setdefault(name, None)
    return COLUMNS + 2 * list(ctx.facts.columns).index(name)


def _numbers_of(ctx: Context, parameter: Parameter, each: int) -> list[py.Num]:
    """A car's numbers of one column."""
    place = _place_of(ctx, parameter.name)
    pointer = argument(ctx, place)
    buffer = buffered(ctx, pointer, argument(ctx, place + 1), parameter, each)
    row, found = ctx.cars.at_row, []
    start = row.mul(ctx.cars.row, i64(each))
    for k in range(each):
        leaf = row.load(row.gep(buffer, [row.add(start, i64(k))]))
        if parameter.kind == "bool":
            leaf = row.icmp_signed("!=", leaf, ir.Constant(I8, 0))
        found.append(py.Num(parameter.kind[0], leaf))
    return found


def buffered(ctx: Context, source: Leaf, wide: Leaf, parameter: Parameter, each: int) -> Any:
    """The buffer of a column, filled at the begin of each chunk.

    Args:
        ctx: the pass.
        source: address of the column.
        wide: 0 if its numbers are of 32 bits.
        parameter: what it holds.
        each: numbers a car.
    """
    buffer = ctx.alloca_builder.alloca(_SEEN[parameter.kind], CHUNK * each)
    chunk = ctx.cars.at_chunk
    first, count = (chunk.mul(number, i64(each)) for number in (ctx.cars.first, ctx.cars.count))
    chunk.call(_filler(ctx, parameter), [buffer, source, wide, first, count])
    return buffer


def _filler(ctx: Context, parameter: Parameter) -> Any:
    """The function that copies numbers of a kind: (to, source, wide, first, count)."""
    name = f"fill.{parameter.kind}" + (".decimal" if parameter.commanded else "")
    if name not in ctx.functions:
        kind = _SEEN[parameter.kind]
        types = [kind.as_pointer(), I64, I64, I64, I64]
        function = ir.Function(ctx.module, ir.FunctionType(ir.VoidType(), types), name)
        function.linkage = "internal"
        ctx.functions[name] = function
        here, ctx.b = ctx.b, ir.IRBuilder(function.append_basic_block("entry"))
        try:
            _fill(ctx, parameter, function)
        finally:
            ctx.b = here
    return ctx.functions[name]


def _fill(ctx: Context, parameter: Parameter, function: Any) -> None:
    target, source, wide, first, count = function.args
    kind = _SEEN[parameter.kind]
    narrow, copy = (function.append_basic_block(name) for name in ("narrow", "copy"))
    if parameter.kind == "bool":
        ctx.b.branch(copy)
        ctx.start(narrow)
        ctx.b.unreachable()
    else:
        ctx.b.cbranch(ctx.b.icmp_signed("==", wide, i64(0)), narrow, copy)
        ctx.start(narrow)
        _fill_from_narrow(ctx, parameter, function)
    ctx.start(copy)
    start = ctx.b.gep(ctx.b.inttoptr(source, kind.as_pointer()), [first])
    size = ctx.b.mul(count, i64(1 if kind is I8 else 8))
    pointers = [ctx.b.bitcast(pointer, I8.as_pointer()) for pointer in (target, start)]
    ctx.native("memmove", I8.as_pointer(), *pointers, size)
    ctx.b.ret_void()


def _fill_from_narrow(ctx: Context, parameter: Parameter, function: Any) -> None:
    target, source, _, first, count = function.args
    before, turn, done = ctx.b.block, *(function.append_basic_block() for _ in range(2))
    narrow = F32 if parameter.kind == "float" else I32
    start = ctx.b.gep(ctx.b.inttoptr(source, narrow.as_pointer()), [first])
    ctx.b.branch(turn)
    ctx.start(turn)
    place = ctx.b.phi(I64)
    place.add_incoming(i64(0), before)
    single = ctx.b.load(ctx.b.gep(start, [place]))
    seen = ctx.b.fpext(single, F64) if narrow is F32 else ctx.b.sext(single, I64)
    if parameter.commanded:
        seen = _decimal(ctx, seen, single)
    ctx.b.store(seen, ctx.b.gep(target, [place]))
    after = ctx.b.add(place, i64(1))
    place.add_incoming(after, turn)
    ctx.b.cbranch(ctx.b.icmp_signed("<", after, count), turn, done)
    ctx.start(done)
    ctx.b.ret_void()


def _decimal(ctx: Context, leaf: Leaf, single: Leaf) -> Leaf:
    """A command in the decimals of its action space (`params_table.seen_column`)."""
    scaled = ctx.native("llvm.roundeven.f64", F64, ctx.b.fmul(leaf, f64(1e5)))
    decimal = ctx.b.fdiv(scaled, f64(1e5))
    same = ctx.b.fcmp_ordered("==", ctx.b.fptrunc(decimal, F32), single)
    return ctx.b.select(same, decimal, leaf)


def _waypoints(ctx: Context) -> Value:
    _place_of(ctx, "waypoints")
    site = ("param", "waypoints")
    _as_it_lies(ctx, site, py.Tup((py.Num("f"), py.Num("f"))))
    flag = _numbers_of(ctx, _TABLE["is_reversed"], 1)[0].leaf
    return py.Lst(ctx.b.select(flag, argument(ctx, BACKWARDS), argument(ctx, FORWARDS)), site)


def _as_it_lies(ctx: Context, site: Any, element: Type) -> None:
    """Names the elements of a list that the simulator has laid out, and nobody may change."""
    ctx.facts.frozen.add(site)
    ctx.facts.set_element(site, element)
    found = ctx.facts.element(site)
    if found is None or py.leaf_kinds(found) != py.leaf_kinds(element):
        raise Unsupported("a list of params or another list, depending on the way taken", 1)


def _object_list(ctx: Context, parameter: Parameter) -> Value:
    site = ("param", parameter.name)
    number, pairs = py.Num(parameter.kind[0]), len(parameter.shape) == 3
    element: Type = py.Tup((number, number), True) if pairs else number
    _as_it_lies(ctx, site, element)
    address = argument(ctx, _place_of(ctx, parameter.name))
    header = ctx.alloca_builder.alloca(I64, 3)
    missing = ctx.b.icmp_signed("==", address, i64(0))
    count = ctx.b.select(missing, i64(0), argument(ctx, OBJECTS))
    bytes_ = ctx.b.mul(ctx.b.mul(ctx.cars.car, count), i64(16 if pairs else 8))
    ctx.b.store(ctx.b.add(address, bytes_), header)
    for k, word in ((1, count), (2, i64(FIXED))):
        ctx.b.store(word, word_at(ctx, header, k))
    return py.Lst(ctx.b.ptrtoint(header, I64), site)
