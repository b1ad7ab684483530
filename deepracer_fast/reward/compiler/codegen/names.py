"""Names: local variables, those of functions around, of the module, built-ins; and ``super()``."""

from __future__ import annotations

import builtins
from typing import Any

from deepracer_fast.reward.compiler.codegen.slots import bound, known, read_slot, write_slot
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.users import (
    Cell,
    UserClass,
    UserFunction,
    attributes_of,
    class_of,
)
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, Frame
from deepracer_fast.reward.sandbox.kept_values import MISSING


def resolve(ctx: Context, name: str) -> tuple[Frame, Any] | None:
    """The frame and key of a name; None for a module variable or built-in."""
    frame: Frame | None = ctx.frame
    while frame is not None:
        if name in frame.outside:
            return None
        if name in frame.names:
            return frame, ("v", frame.path, name)
        frame = frame.parent
    return None


def read_name(ctx: Context, name: str) -> Value:
    """The value of a name."""
    found = resolve(ctx, name)
    if found is None:
        return _read_global(ctx, name)
    frame, key = found
    held = frame.cells.get(name)
    if isinstance(held, Cell):
        return _read_cell(ctx, held)
    if key not in ctx.env and name in frame.cells:
        return py.Const(held)
    value = ctx.env.get(key, py.UNBOUND)
    if isinstance(value, py.Maybe) or value is py.UNBOUND:
        value = bound(ctx, value, UnboundLocalError)
        ctx.env[key] = value
    return value


def write_name(ctx: Context, name: str, value: Value) -> None:
    """Binds a name."""
    found = resolve(ctx, name)
    if found is None:
        _write_global(ctx, name, value)
        return
    frame, key = found
    held = frame.cells.get(name)
    if isinstance(held, Cell):
        _write_cell(ctx, held, value)
        return
    ctx.env[key] = value


def inherited(ctx: Context, name: str) -> Value:
    """``super().name``."""
    frame: Frame | None = ctx.frame
    while frame is not None and not (frame.parent and "__class__" in frame.parent.cells):
        frame = frame.parent
    if frame is None or frame.parent is None or frame.first is None:
        raise Unsupported("such a super()", ctx.line)
    owner = ctx.env["v", frame.path, frame.first]
    cls = owner.cls if isinstance(owner, py.Obj) else class_of(getattr(owner, "obj", None))
    own = frame.parent.cells["__class__"].contents
    order = cls.order if isinstance(cls, UserClass) else ()
    if own not in order:
        raise Unsupported("such a super()", ctx.line)
    for base in order[order.index(own) + 1 :]:
        found = attributes_of(base).get(name, MISSING)
        if isinstance(found, UserFunction) or found is object.__init__:
            return py.Bound(py.Const(found), owner)
        if found is not MISSING:
            raise Unsupported(f"super().{name}", ctx.line)
    return ctx.fail(AttributeError)


def _read_global(ctx: Context, name: str) -> Value:
    """A module variable or a built-in."""
    key = ("global", name)
    if key in ctx.facts.slots:
        return read_slot(ctx, key, NameError)
    if name in ctx.namespace:
        return known(ctx, ctx.namespace[name])
    builtin = getattr(builtins, name, MISSING)
    if builtin is MISSING:
        return ctx.fail(NameError)
    return py.Const(builtin)


def _write_global(ctx: Context, name: str, value: Value) -> None:
    """``global name; name = value``."""
    first = ctx.namespace.get(name, MISSING)
    write_slot(ctx, ("global", name), (None, name, first), value)


def _read_cell(ctx: Context, cell: Cell) -> Value:
    """A variable that a closure shares with the function around it."""
    key = ("cell", id(cell))
    if key in ctx.facts.slots:
        return read_slot(ctx, key, NameError)
    return ctx.fail(NameError) if cell.contents is MISSING else known(ctx, cell.contents)


def _write_cell(ctx: Context, cell: Cell, value: Value) -> None:
    """``nonlocal name; name = value``."""
    write_slot(ctx, ("cell", id(cell)), (cell, None, cell.contents), value)
