"""What is assigned to: names, attributes, items, and several of them at once."""

from __future__ import annotations

import ast

from deepracer_fast.reward.compiler.codegen.attributes import set_attribute
from deepracer_fast.reward.compiler.codegen.builtins import make_list
from deepracer_fast.reward.compiler.codegen.iteration import gathered
from deepracer_fast.reward.compiler.codegen.lists import set_item
from deepracer_fast.reward.compiler.codegen.names import write_name
from deepracer_fast.reward.compiler.codegen.sequences import Seq, items_of
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
    star = next((k for k, each in enumerate(targets) if isinstance(each, ast.Starred)), None)
    if star is None and isinstance(value, py.Opaque):
        raise Unsupported("unpacks a text", ctx.line)
    seq = items_of(ctx, gathered(ctx, value))
    if star is not None:
        items = _starred(ctx, seq, star, len(targets) - star - 1)
    else:
        if seq.static is None:
            count = i64(len(targets))
            ctx.fail_if(ctx.b.icmp_signed("!=", seq.length(), count), ValueError)
        elif seq.static != len(targets):
            ctx.fail(ValueError)
        items = [seq.get(k) for k in range(len(targets))]
    for target, item in zip(targets, items, strict=True):
        assign(ctx, target.value if isinstance(target, ast.Starred) else target, item)


def _starred(ctx: Context, seq: Seq, before: int, after: int) -> list[Value]:
    """The items of ``*heads, *middle, *tails`` with so many before and after the middle."""
    site = ("star", ctx.place())
    if seq.static is not None:
        items = [seq.get(k) for k in range(seq.static)]
        if len(items) < before + after:
            ctx.fail(ValueError)
        end = len(items) - after
        return [*items[:before], make_list(ctx, site, tuple(items[before:end])), *items[end:]]
    length = seq.length()
    count = ctx.b.sub(length, i64(before + after))
    ctx.fail_if(ctx.b.icmp_signed("<", count, i64(0)), ValueError)
    middle = copy_range(ctx, site, seq, i64(before), count)
    heads = [seq.get(i64(k)) for k in range(before)]
    tails = [seq.get(ctx.b.sub(length, i64(after - k))) for k in range(after)]
    return [*heads, middle, *tails]
