"""Where ways meet: the joined environment, and the value of one of two ways."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import NONE, Leaf, Type, Value
from deepracer_fast.reward.compiler.lowering.context import LEAF, Context, Dead, Merge
from deepracer_fast.reward.compiler.lowering.memory import coerce

Way = Callable[[], Value | None]


def land(ctx: Context, merge: Merge) -> None:
    """Goes on from where ways meet, with the joined environment; Dead if no way leads here."""
    if not merge.entries:
        raise Dead
    if len(merge.entries) == 1:
        block, ctx.env = merge.entries[0]
        ctx.start(block)
        return
    envs = [env for _, env in merge.entries]
    keys = dict.fromkeys(key for env in envs for key in env)
    types, joined = _joined_types(ctx, keys, envs)
    target = ctx.block("merge")
    kinds = [kind for typ in types.values() for kind in py.leaf_kinds(typ)]
    builder = ir.IRBuilder(target)
    phis = [builder.phi(LEAF[kind]) for kind in kinds]
    for block, env in merge.entries:
        ctx.start(block)
        held = ((ctx.held(env, key), typ) for key, typ in types.items())
        leaves = [leaf for value, typ in held for leaf in coerce(ctx, value, typ)]
        for phi, leaf in zip(phis, leaves, strict=True):
            phi.add_incoming(leaf, ctx.b.block)
        ctx.b.branch(target)
    rest = iter(phis)
    ctx.start(target)
    ctx.env = joined | {key: py.with_leaves(typ, rest) for key, typ in types.items()}


def _joined_types(
    ctx: Context, keys: Iterable[Any], envs: list[dict[Any, Value]]
) -> tuple[dict[Any, Type], dict[Any, Value]]:
    """The types of what differs between the ways, and the values of what does not."""
    types: dict[Any, Type] = {}
    joined: dict[Any, Value] = {}
    for key in keys:
        values = [ctx.held(env, key) for env in envs]
        first, *others = {id(value): value for value in values}.values()
        if not others:
            joined[key] = first
            continue
        typ = py.type_of(first)
        for value in others:
            typ = ctx.facts.join(typ, py.type_of(value))
        types[key] = typ
    return types, joined


def lead(ctx: Context, merge: Merge, way: Callable[[], object]) -> None:
    """Does something that leads to a merge, if it ends."""
    with suppress(Dead):
        way()
        ctx.jump(merge)


def fork(ctx: Context, condition: Leaf, ways: dict[str, Callable[[], None]]) -> None:
    """Two ways, each from the environment here; the first where the condition holds.

    Args:
        ctx: the pass.
        condition: a bool; where it is known, the other way is not translated.
        ways: what each does, by the name of its block; it jumps on by itself.
    """
    if isinstance(condition, ir.Constant):
        yes, no = ways.values()
        (yes if condition.constant else no)()
        return
    blocks, before = [ctx.block(name) for name in ways], ctx.env
    ctx.b.cbranch(condition, *blocks)
    for block, way in zip(blocks, ways.values(), strict=True):
        ctx.start(block)
        ctx.env = dict(before)
        with suppress(Dead):
            way()


def if_else(ctx: Context, condition: Leaf, then: Way, other: Way) -> Value:
    """The value of one of two ways; None stands for Python's."""
    merge, key = Merge(), ("result", ctx.unique())

    def go(way: Way) -> None:
        ctx.env[key] = way() or NONE
        ctx.jump(merge)

    fork(ctx, condition, {"then": lambda: go(then), "else": lambda: go(other)})
    land(ctx, merge)
    return ctx.env.pop(key)


def when(ctx: Context, condition: Leaf, action: Callable[[], object]) -> None:
    """Does something only where a condition holds."""

    def then() -> None:
        action()

    if_else(ctx, condition, then, lambda: None)
