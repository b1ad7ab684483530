"""Statements of the user's file."""

import ast
import importlib.util
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial, reduce
from typing import Any

from llvmlite import ir

from deepracer_fast.reward import library
from deepracer_fast.reward.compiler.codegen import attributes
from deepracer_fast.reward.compiler.codegen.arithmetic import binary, negated, truth_of
from deepracer_fast.reward.compiler.codegen.arrays import subscript
from deepracer_fast.reward.compiler.codegen.calls import call_method, leave
from deepracer_fast.reward.compiler.codegen.dicts import dict_remove
from deepracer_fast.reward.compiler.codegen.equality import equals, same
from deepracer_fast.reward.compiler.codegen.expressions import condition, expr
from deepracer_fast.reward.compiler.codegen.kinds import is_known, is_sequence
from deepracer_fast.reward.compiler.codegen.lists import mutable, set_item
from deepracer_fast.reward.compiler.codegen.names import assign, read_name, resolve, write_name
from deepracer_fast.reward.compiler.codegen.sequences import Seq, each, gathered, items_of, loop
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.users import Unknown, is_class, is_subclass
from deepracer_fast.reward.compiler.lattice.values import Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import TRUE, Context, Dead, Handler, Merge
from deepracer_fast.reward.compiler.lowering.merges import fork, land, lead

_MAX_UNROLLED = 3000  # nodes of a loop's body, times its turns


def statements(ctx: Context, body: list[ast.stmt]) -> None:
    """Translates statements in order; Dead where they never end."""
    for node in body:
        ctx.node, ctx.line = node, node.lineno
        action = STATEMENTS.get(type(node))
        if action is None:
            name = type(node).__name__.lower()
            raise Unsupported(f"the statement {name}", node.lineno)
        action(ctx, node)


def _way(ctx: Context, merge: Merge, body: list[ast.stmt]) -> None:
    """Statements that lead to a merge if they end."""
    lead(ctx, merge, partial(statements, ctx, body))


def _pass(ctx: Context, node: ast.stmt) -> None:
    pass


def _assign(ctx: Context, node: ast.Assign) -> None:
    value = expr(ctx, node.value)
    for target in node.targets:
        assign(ctx, target, value)


def _ann_assign(ctx: Context, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(ctx, node.target, expr(ctx, node.value))


def _aug_assign(ctx: Context, node: ast.AugAssign) -> None:
    target = node.target
    match target:
        case ast.Name():
            old = read_name(ctx, target.id)
            write_name(ctx, target.id, _augmented(ctx, node, old))
        case ast.Attribute():
            owner = expr(ctx, target.value)
            old = attributes.attribute(ctx, owner, target.attr)
            attributes.set_attribute(ctx, owner, target.attr, _augmented(ctx, node, old))
        case ast.Subscript():
            owner, index = expr(ctx, target.value), expr(ctx, target.slice)
            old = subscript(ctx, owner, index)
            set_item(ctx, owner, index, _augmented(ctx, node, old))


def _augmented(ctx: Context, node: ast.AugAssign, old: Value) -> Value:
    value = expr(ctx, node.value)
    ctx.node, ctx.line = node, node.lineno
    is_list = old.is_list if isinstance(old, py.Tup) else not is_known(old, tuple)
    if isinstance(node.op, ast.Add) and is_sequence(old) and is_list:
        lst = mutable(ctx, old)
        call_method(ctx, lst, "extend", (value,), {})
        return lst
    return binary(ctx, node.op, old, value)


def _delete(ctx: Context, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            owner = expr(ctx, target.value)
            if is_sequence(owner):
                call_method(ctx, owner, "pop", (expr(ctx, target.slice),), {})
                continue
            if isinstance(owner, py.Dct):
                dict_remove(ctx, owner, expr(ctx, target.slice))
                continue
        found = resolve(ctx, target.id) if isinstance(target, ast.Name) else None
        if found is None or found[0].cells:
            raise Unsupported("such a del", node.lineno)
        ctx.env[found[1]] = py.UNBOUND


def _return(ctx: Context, node: ast.Return) -> None:
    value = py.NONE if node.value is None else expr(ctx, node.value)
    if ctx.finals:
        raise Unsupported("a return within try ... finally", node.lineno)
    leave(ctx, gathered(ctx, value))


def _raise(ctx: Context, node: ast.Raise) -> None:
    if node.exc is None:
        return ctx.fail(None)
    thrown = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    kind = expr(ctx, thrown)
    known = isinstance(kind, py.Const) and is_class(kind.obj)
    ctx.fail(kind.obj if known else None)  # type: ignore[attr-defined]


def _assert(ctx: Context, node: ast.Assert) -> None:
    ctx.fail_if(negated(ctx, condition(ctx, node.test)), AssertionError)


def _import(ctx: Context, node: ast.Import) -> None:
    for alias in node.names:
        module = _module(ctx, alias.name)
        top = alias.name.split(".")[0]
        found = module if alias.asname else _module(ctx, top)
        write_name(ctx, alias.asname or top, py.Const(found))


def _module(ctx: Context, name: str) -> Any:
    """A module of the library, or one that is known by name; nothing else is imported."""
    module = library.module(name)
    if module is not None:
        return module
    top = name.split(".")[0]
    if top not in sys.stdlib_module_names and importlib.util.find_spec(top) is None:
        ctx.fail(ModuleNotFoundError)
    return attributes.by_name(ctx, name).obj


def _import_from(ctx: Context, node: ast.ImportFrom) -> None:
    if node.level:
        raise Unsupported("such an import", node.lineno)
    module = _module(ctx, str(node.module))
    for alias in node.names:
        if isinstance(module, Unknown):
            found: Value = attributes.by_name(ctx, f"{module.name}.{alias.name}")
        elif hasattr(module, alias.name):
            found = attributes.module_member(ctx, module, alias.name)
        else:
            raise Unsupported("such an import", node.lineno)
        write_name(ctx, alias.asname or alias.name, found)


def _function_def(ctx: Context, node: ast.FunctionDef) -> None:
    if node.decorator_list:
        raise Unsupported("a decorated function within a function", node.lineno)
    ctx.frame.captured = True
    defaults = tuple(expr(ctx, default) for default in node.args.defaults)
    if any(isinstance(default, py.Tup) and default.is_list for default in defaults):
        raise Unsupported("a list as a default within a function", node.lineno)
    kw = tuple(None if d is None else expr(ctx, d) for d in node.args.kw_defaults)
    write_name(ctx, node.name, py.Fn(node, ctx.frame, defaults, kw))


def _if(ctx: Context, node: ast.If) -> None:
    test, merge = condition(ctx, node.test), Merge()
    yes, no = (partial(_way, ctx, merge, body) for body in (node.body, node.orelse))
    fork(ctx, test, {"if": yes, "else": no})
    land(ctx, merge)


def _while(ctx: Context, node: ast.While) -> None:
    site = (ctx.frame.path, id(node))
    body, otherwise = (partial(statements, ctx, part) for part in (node.body, node.orelse))
    loop(ctx, site, partial(condition, ctx, node.test), body, otherwise=otherwise)


def _for(ctx: Context, node: ast.For) -> None:
    seq = items_of(ctx, gathered(ctx, expr(ctx, node.iter)))
    ctx.node = node
    if seq.static is not None and seq.static > 4:
        size = sum(1 for statement in node.body for _ in ast.walk(statement))
        if size * seq.static > _MAX_UNROLLED:
            seq = Seq(None, seq.length, seq.get)

    def body(item: Value) -> None:
        assign(ctx, node.target, item)
        statements(ctx, node.body)

    each(ctx, (ctx.frame.path, id(node)), seq, body, lambda: statements(ctx, node.orelse))


def _match(ctx: Context, node: ast.Match) -> None:
    subject, merge = expr(ctx, node.subject), Merge()
    _cases(ctx, subject, node.cases, merge)
    land(ctx, merge)


def _cases(ctx: Context, subject: Value, cases: list[ast.match_case], merge: Merge) -> None:
    if not cases:
        ctx.jump(merge)
        return
    case = cases[0]
    fits = _fits(ctx, subject, case.pattern)
    if case.guard is not None:
        if not isinstance(fits, ir.Constant):
            raise Unsupported("a case with a guard", case.guard.lineno)
        fits = condition(ctx, case.guard) if fits.constant else fits
    taken = partial(_way, ctx, merge, case.body)
    passed = partial(_cases, ctx, subject, cases[1:], merge)
    fork(ctx, fits, {"case": taken, "other": passed})


def _fits(ctx: Context, subject: Value, pattern: ast.pattern) -> Leaf:
    match pattern:
        case ast.MatchValue(value=value):
            return truth_of(ctx, equals(ctx, subject, expr(ctx, value)))
        case ast.MatchSingleton(value=value):
            return truth_of(ctx, same(ctx, subject, py.Const(value)))
        case ast.MatchAs(pattern=None, name=name):
            if name is not None:
                write_name(ctx, name, subject)
            return TRUE
        case ast.MatchOr(patterns=patterns):
            return reduce(ctx.b.or_, [_fits(ctx, subject, each) for each in patterns])
    raise Unsupported("such a case", pattern.lineno)


def _leave_turn(ctx: Context, node: ast.Break | ast.Continue) -> None:
    if ctx.finals:
        raise Unsupported("leaves a loop within try ... finally", node.lineno)
    loop = ctx.loops[-1]
    ctx.jump(loop.on_break if isinstance(node, ast.Break) else loop.on_continue)
    raise Dead


def _try(ctx: Context, node: ast.Try) -> None:
    ctx.finals += bool(node.finalbody)
    after, depth = Merge(), len(ctx.handlers)
    merges = [Merge() for _ in node.handlers]
    clauses = list(zip(node.handlers, merges, strict=True))
    for clause, merge in reversed(clauses):
        ctx.handlers.append(Handler(merge, _catches(ctx, clause)))

    def body() -> None:
        statements(ctx, node.body)
        del ctx.handlers[depth:]
        statements(ctx, node.orelse)

    lead(ctx, after, body)
    del ctx.handlers[depth:]
    for clause, merge in clauses:
        with suppress(Dead):
            land(ctx, merge)
            if clause.name:
                write_name(ctx, clause.name, py.Opaque("an exception"))
            _way(ctx, after, clause.body)
    ctx.finals -= bool(node.finalbody)
    land(ctx, after)
    statements(ctx, node.finalbody)


def _catches(ctx: Context, clause: ast.ExceptHandler) -> Any:
    if clause.type is None:
        return lambda kind: True
    value = expr(ctx, clause.type)
    kinds = getattr(value, "obj", None)
    if isinstance(value, py.Tup):
        kinds = tuple(getattr(item, "obj", None) for item in value.items)
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not all(map(is_class, kinds)):
        raise Unsupported("such an except", clause.lineno)
    return lambda kind: is_subclass(kind, kinds)


# What translates each kind of statement.
STATEMENTS: dict[type[ast.stmt], Callable[[Context, Any], object]] = {
    ast.AnnAssign: _ann_assign,
    ast.Assert: _assert,
    ast.Assign: _assign,
    ast.AugAssign: _aug_assign,
    ast.Break: _leave_turn,
    ast.Continue: _leave_turn,
    ast.Delete: _delete,
    ast.Expr: lambda ctx, node: expr(ctx, node.value),
    ast.For: _for,
    ast.FunctionDef: _function_def,
    ast.Global: _pass,
    ast.If: _if,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Match: _match,
    ast.Nonlocal: _pass,
    ast.Pass: _pass,
    ast.Raise: _raise,
    ast.Return: _return,
    ast.Try: _try,
    ast.While: _while,
}
