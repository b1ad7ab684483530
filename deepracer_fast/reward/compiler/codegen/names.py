"""Names: whose they are, read and bound; and what else is assigned to, one or several at once."""

import ast
import builtins
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from deepracer_fast.reward.compiler.codegen.attributes import set_attribute
from deepracer_fast.reward.compiler.codegen.builtins import make_list
from deepracer_fast.reward.compiler.codegen.lists import copy_range, set_item
from deepracer_fast.reward.compiler.codegen.sequences import Seq, gathered, items_of
from deepracer_fast.reward.compiler.codegen.slots import bound, known, read_slot, write_slot
from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, Frame, i64
from deepracer_fast.reward.sandbox.kept_values import MISSING

Function = ast.FunctionDef | ast.Lambda
_SCOPES = ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.AsyncFunctionDef


class Scope(NamedTuple):
    """What a function's own nodes say: local names, names declared global, and any ``yield``."""

    names: frozenset[str]
    outside: frozenset[str]
    generates: bool


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's own scope, without nested functions' insides."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop()
        yield child
        if not isinstance(child, _SCOPES):
            waiting.extend(ast.iter_child_nodes(child))


@lru_cache(maxsize=4096)
def scope_of(node: Function) -> Scope:
    """The scope of a function; the variables of a comprehension are the comprehension's own."""
    own, spec = list(own_nodes(node)), node.args
    inner = {n for c in own if isinstance(c, ast.comprehension) for n in ast.walk(c.target)}
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
    bound = {a.arg for a in every if a}
    elsewhere: set[str] = set()
    outside: set[str] = set()
    for child in own:
        match child:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if child not in inner:
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.Import() | ast.ImportFrom():
                bound |= {(a.asname or a.name).split(".")[0] for a in child.names}
            case ast.Nonlocal(names=names):
                elsewhere |= set(names)
            case ast.Global(names=names):
                outside |= set(names)
    generates = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in own)
    return Scope(frozenset(bound - elsewhere - outside), frozenset(outside), generates)


def definition_of(ctx: Context, function: users.UserFunction) -> Function:
    """The definition in the user's file that a function comes from."""
    found: list[Function] = []
    for node in _by_line(ctx.tree).get(function.line, []):
        if isinstance(node, ast.FunctionDef):
            fits = node.name == function.name
        else:
            names = tuple(a.arg for a in node.args.args)
            fits = function.name == "<lambda>" and names == function.arguments[: len(names)]
        if fits:
            found.append(node)
    if len(found) != 1:
        raise Unsupported(f"calls {function.name}, whose source is not clear", ctx.line)
    return found[0]


def names_used(node: Function) -> set[str]:
    """Names that are not the function's own: of module variables, built-ins and attributes."""
    body = node.body if isinstance(node.body, list) else [node.body]
    nodes = [n for part in body for n in ast.walk(part)]
    names = {n.id for n in nodes if isinstance(n, ast.Name)} - scope_of(node).names
    return names | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


@lru_cache(maxsize=1)
def _by_line(tree: ast.Module) -> dict[int, list[Function]]:
    """Functions by their first line, which is that of the first decorator."""
    lines: dict[int, list[Function]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(d.lineno for d in decorators)])
            lines.setdefault(first, []).append(node)
    return lines


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
        first = ctx.namespace.get(name, getattr(builtins, name, MISSING))
        return _read_outer(ctx, ("global", name), first)
    frame, key = found
    held = frame.cells.get(name)
    if isinstance(held, users.Cell):
        return _read_outer(ctx, ("cell", id(held)), held.contents)
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
    held = None if found is None else found[0].cells.get(name)
    if found is None:
        first = ctx.namespace.get(name, MISSING)
        write_slot(ctx, ("global", name), (None, name, first), value)
    elif isinstance(held, users.Cell):
        write_slot(ctx, ("cell", id(held)), (held, None, held.contents), value)
    else:
        ctx.env[found[1]] = value


def inherited(ctx: Context, name: str) -> Value:
    """``super().name``."""
    frame: Frame | None = ctx.frame
    while frame is not None and not (frame.parent and "__class__" in frame.parent.cells):
        frame = frame.parent
    if frame is None or frame.parent is None or frame.first is None:
        raise Unsupported("such a super()", ctx.line)
    owner = ctx.env["v", frame.path, frame.first]
    cls = owner.cls if isinstance(owner, py.Obj) else users.class_of(getattr(owner, "obj", None))
    own = frame.parent.cells["__class__"].contents
    order = cls.order if isinstance(cls, users.UserClass) else ()
    if own not in order:
        raise Unsupported("such a super()", ctx.line)
    for base in order[order.index(own) + 1 :]:
        found = users.attributes_of(base).get(name, MISSING)
        if isinstance(found, users.UserFunction) or found is object.__init__:
            return py.Bound(py.Const(found), owner)
        if found is not MISSING:
            raise Unsupported(f"super().{name}", ctx.line)
    return ctx.fail(AttributeError)


def _read_outer(ctx: Context, key: Any, first: Any) -> Value:
    """A variable of the module, or one that a closure shares with the function around it."""
    if key in ctx.facts.slots:
        return read_slot(ctx, key, NameError)
    return ctx.fail(NameError) if first is MISSING else known(ctx, first)


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
