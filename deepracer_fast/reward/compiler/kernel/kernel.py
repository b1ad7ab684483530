"""One reward function as a kernel: a loop over cars around the translated function.

Out: LLVM assembly. `kernel(start, stop, args)` runs the cars of a range and gives 0 if none of
them was given up; ``args`` is a table of addresses and numbers, whose order is in `columns`, as
are the params of a car.
"""

from contextlib import suppress
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen.arithmetic import absolute, as_float
from deepracer_fast.reward.compiler.codegen.calls import call
from deepracer_fast.reward.compiler.codegen.kinds import plain
from deepracer_fast.reward.compiler.codegen.numbers import as_scalar
from deepracer_fast.reward.compiler.kernel import columns
from deepracer_fast.reward.compiler.kernel.columns import argument, buffered
from deepracer_fast.reward.compiler.kernel.kept import load_state, store_state
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Restart
from deepracer_fast.reward.compiler.lattice.values import Leaf
from deepracer_fast.reward.compiler.lowering.context import (
    F64,
    I8,
    I32,
    I64,
    WORDS,
    Context,
    Dead,
    f64,
    i64,
)
from deepracer_fast.reward.params_table import ALL_KEYS, Parameter

MAX_REWARD = 1e5
_FLAG = Parameter("where", "bool", ("B",), "", "the cars to call")


def emit(ctx: Context, function: Any) -> str:
    """The assembly of the whole kernel."""
    kind = ir.FunctionType(I32, [I64, I64, WORDS])
    ctx.fn = ir.Function(ctx.module, kind, "kernel")
    start, stop, ctx.cars.args = ctx.fn.args
    names = ("entry", "chunks", "chunk", "cars", "car", "body", "give_up", "next", "leave")
    blocks = {name: ctx.block(name) for name in names}
    ctx.give_up_block = blocks["give_up"]
    _set_builders(ctx, blocks)
    counters = _loops(ctx, blocks, start, stop)
    ctx.arena_end = argument(ctx, columns.ARENA_END)
    ctx.b.store(argument(ctx, columns.ARENA), ctx.arena_top)
    status = _leave_car(ctx, blocks, _run(ctx, function, blocks))
    after = ctx.b.add(ctx.cars.row, i64(1)), ctx.b.or_(ctx.cars.given_up, status)
    onwards = ctx.b.add(ctx.cars.first, i64(columns.CHUNK)), after[1]
    for counter, leaf in zip(counters, (*onwards, *after), strict=True):
        counter.add_incoming(leaf, ctx.b.block)
    again = ctx.b.icmp_signed("<", after[0], ctx.cars.count)
    ctx.b.cbranch(again, blocks["cars"], blocks["chunks"])
    if ctx.facts.void:
        raise Restart
    _close(ctx, blocks)
    return str(ctx.module)


def _set_builders(ctx: Context, blocks: dict[str, Any]) -> None:
    ctx.alloca_builder = ir.IRBuilder(blocks["entry"])
    ctx.cars.at_chunk, ctx.cars.at_row = ir.IRBuilder(blocks["chunk"]), ir.IRBuilder(blocks["cars"])
    ctx.b = ir.IRBuilder(blocks["car"])
    ctx.fuel, ctx.arena_top = ctx.alloca(I64), ctx.alloca(I64)
    ctx.alloca_builder.store(argument(ctx, columns.FUEL), ctx.fuel)


def _loops(ctx: Context, blocks: dict[str, Any], start: Leaf, stop: Leaf) -> list[Any]:
    """The loop over chunks, then the one over the cars of a chunk: what they count."""
    chunks = ir.IRBuilder(blocks["chunks"])
    ctx.cars.first = first = chunks.phi(I64)
    so_far = chunks.phi(I32)
    first.add_incoming(start, blocks["entry"])
    so_far.add_incoming(ir.Constant(I32, 0), blocks["entry"])
    ir.IRBuilder(blocks["leave"]).ret(so_far)
    more = chunks.icmp_signed("<", first, stop)
    chunks.cbranch(more, blocks["chunk"], blocks["leave"])
    left = ctx.cars.at_chunk.sub(stop, first)
    whole = ctx.cars.at_chunk.icmp_signed(">", left, i64(columns.CHUNK))
    ctx.cars.count = ctx.cars.at_chunk.select(whole, i64(columns.CHUNK), left)
    ctx.cars.row = row = ctx.cars.at_row.phi(I64)
    ctx.cars.given_up = given_up = ctx.cars.at_row.phi(I32)
    row.add_incoming(i64(0), blocks["chunk"])
    given_up.add_incoming(so_far, blocks["chunk"])
    ctx.cars.car = ctx.cars.at_row.add(first, row)
    called = buffered(ctx, argument(ctx, columns.WHERE), i64(1), _FLAG, 1)
    byte = ctx.cars.at_row.load(ctx.cars.at_row.gep(called, [row]))
    ctx.cars.called = ctx.cars.at_row.icmp_signed("!=", byte, ir.Constant(I8, 0))
    return [first, so_far, row, given_up]


def _run(ctx: Context, function: Any, blocks: dict[str, Any]) -> list[tuple[Any, Leaf, Leaf]]:
    """Calls the function; the ways to the next car, each with reward and status."""
    ctx.env = {("keys", ("params",)): py.Const(ALL_KEYS)}
    load_state(ctx)
    ctx.cars.at_entry = ctx.b
    ctx.b = ir.IRBuilder(blocks["body"])
    ways = [(blocks["cars"], f64(0.0), ir.Constant(I32, 0))]
    with suppress(Dead):
        result = call(ctx, function, (py.Dct(("params",)),), {})
        reward = as_float(ctx, as_scalar(ctx, plain(ctx, result)))
        bad = ctx.b.fcmp_unordered(">", absolute(ctx, reward), f64(MAX_REWARD))
        ctx.fail_if(bad, None)
        store_state(ctx)
        ways.append((ctx.b.block, reward, ir.Constant(I32, 0)))
        ctx.b.branch(blocks["next"])
    ctx.cars.at_entry.branch(blocks["body"])
    ctx.start(ctx.give_up_block)
    if ctx.give_ups:
        line = ctx.b.phi(I32)
        for block, number in ctx.give_ups:
            line.add_incoming(ir.Constant(I32, number or 1), block)
        ways.append((ctx.give_up_block, f64(0.0), line))
        ctx.b.branch(blocks["next"])
    return ways


def _leave_car(ctx: Context, blocks: dict[str, Any], ways: list[tuple[Any, Leaf, Leaf]]) -> Leaf:
    """Writes what the car got, whichever way led here; its status."""
    ctx.start(blocks["next"])
    reward, status = ctx.b.phi(F64), ctx.b.phi(I32)
    for block, number, line in ways:
        reward.add_incoming(number, block)
        status.add_incoming(line, block)
    for place, leaf in ((columns.OUT, reward), (columns.STATUS, status)):
        column = ctx.b.inttoptr(argument(ctx, place), leaf.type.as_pointer())
        ctx.b.store(leaf, ctx.b.gep(column, [ctx.cars.car]))
    return status


def _close(ctx: Context, blocks: dict[str, Any]) -> None:
    ctx.alloca_builder.branch(blocks["chunks"])
    ctx.cars.at_chunk.branch(blocks["cars"])
    ctx.cars.at_row.cbranch(ctx.cars.called, blocks["car"], blocks["next"])
    for block in ctx.fn.blocks:
        if not block.is_terminated:  # the way into it was found to be closed
            ir.IRBuilder(block).unreachable()
