"""What is assigned to: names, attributes, items, and several of them at once."""

from __future__ import annotations

import ast

from llvmlite import ir

from deepracer_fast.reward.compiler.codegen.attributes import set_attribute
from deepracer_fast.reward.compiler.codegen.builtins import make_list
from deepracer_fast.reward.compiler.codegen.functions import write_name
from deepracer_fast.reward.compiler.codegen.iteration import gathered
from deepracer_fast.reward.compiler.codegen.lists import set_item
from deepracer_fast.reward.compiler.codegen.sequences import Seq, as_tuple, items_of
from deepracer_fast.reward.compiler.codegen.slices import copy_range
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, i64


def assign(ctx: Context, target: ast.expr, value: Value) -> None:
    """Binds a target."""
    match target:
        case ast.Name(id=name):
            write_name(ctx, name, value)
        case ast.Attribute(value=owner, attr=name):
            set_attribute(ctx, ctx.ops.expr(ctx, owner), name, value)
        case ast.Subscript(value=owner, slice=index):
            if isinstance(index, ast.Slice):
                raise Unsupported("assigns to a slice", target.lineno)
            holder = ctx.ops.expr(ctx, owner)
            set_item(ctx, holder, ctx.ops.expr(ctx, index), value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            _unpack(ctx, targets, value)
        case _:
            raise Unsupported("such an assignment", target.lineno)


def _unpack(ctx: Context, targets: list[ast.expr], value: Value) -> None:
    if any(isinstance(target, ast.Starred) for target in targets):
        _unpack_starred(ctx, targets, value)
        return
    if isinstance(value, py.Opaque):
        raise Unsupported("unpacks a text", ctx.line)
    seq = items_of(ctx, gathered(ctx, value))
    if seq.static is None:
        count = ir.Constant(ir.IntType(64), len(targets))
        ctx.fail_if(ctx.b.icmp_signed("!=", seq.length(), count), ValueError)
    elif seq.static != len(targets):
        ctx.fail(ValueError)
    for target, item in zip(targets, [seq.get(k) for k in range(len(targets))], strict=True):
        assign(ctx, target, item)


def _unpack_starred(ctx: Context, targets: list[ast.expr], value: Value) -> None:
    seq = items_of(ctx, gathered(ctx, value))
    if seq.static is None:
        _unpack_long(ctx, targets, seq)
        return
    value = as_tuple(ctx, value)
    star = next(k for k, target in enumerate(targets) if isinstance(target, ast.Starred))
    after = len(targets) - star - 1
    items = value.items
    if len(items) < len(targets) - 1:
        ctx.fail(ValueError)
    middle = items[star : len(items) - after]
    site = ("star", ctx.place())
    for target, item in zip(targets[:star], items, strict=False):
        assign(ctx, target, item)
    starred = targets[star]
    assert isinstance(starred, ast.Starred)
    assign(ctx, starred.value, make_list(ctx, site, middle))
    for target, item in zip(targets[star + 1 :], items[len(items) - after :], strict=True):
        assign(ctx, target, item)


def _unpack_long(ctx: Context, targets: list[ast.expr], seq: Seq) -> None:
    """``first, *rest = ...`` of what has a length at run time only."""
    star = next(k for k, target in enumerate(targets) if isinstance(target, ast.Starred))
    after, length = len(targets) - star - 1, seq.length()
    count = ctx.b.sub(length, i64(star + after))
    ctx.fail_if(ctx.b.icmp_signed("<", count, i64(0)), ValueError)
    middle = copy_range(ctx, ("star", ctx.place()), seq, i64(star), count)
    heads = [seq.get(i64(k)) for k in range(star)]
    tails = [seq.get(ctx.b.sub(length, i64(after - k))) for k in range(after)]
    starred = targets[star]
    assert isinstance(starred, ast.Starred)
    values = [*heads, middle, *tails]
    for target, item in zip(
        [*targets[:star], starred.value, *targets[star + 1 :]], values, strict=True
    ):
        assign(ctx, target, item)
