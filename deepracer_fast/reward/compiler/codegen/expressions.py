"""Expressions of the user's file."""

import ast
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.codegen import arithmetic, names, sequences
from deepracer_fast.reward.compiler.codegen.arrays import array_of, subscript
from deepracer_fast.reward.compiler.codegen.attributes import attribute
from deepracer_fast.reward.compiler.codegen.builtins import make_list, unzipped
from deepracer_fast.reward.compiler.codegen.calls import call, forget
from deepracer_fast.reward.compiler.codegen.comparisons import compare
from deepracer_fast.reward.compiler.codegen.dicts import hashable, new_dict, pairs_of
from deepracer_fast.reward.compiler.codegen.kinds import all_known, is_array, is_known, plain
from deepracer_fast.reward.compiler.codegen.lists import sliced
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import MAX_STATIC
from deepracer_fast.reward.compiler.lattice.values import Leaf, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context, Frame, i64
from deepracer_fast.reward.compiler.lowering.memory import append, new_list
from deepracer_fast.reward.compiler.lowering.merges import if_else, when

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
MAX_SPREAD = 400  # items of a range that a list display may spread
_REFUSED = {"SetComp": "a set comprehension", "Await": "await", "Yield": "yield"}


def expr(ctx: Context, node: ast.expr) -> Value:
    """Translates an expression."""
    outer, ctx.node = ctx.node, node
    ctx.line = node.lineno
    action = EXPRESSIONS.get(type(node))
    if action is None:
        kind = type(node).__name__
        raise Unsupported(_REFUSED.get(kind, f"the construct {kind}"), node.lineno)
    try:
        value = action(ctx, node)
    finally:
        ctx.node = outer
    ctx.line = node.lineno
    return value


def condition(ctx: Context, node: ast.expr) -> Leaf:
    """Whether an expression is true, without making its value."""
    if isinstance(node, ast.BoolOp):
        return _all_or_any(ctx, isinstance(node.op, ast.And), node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return arithmetic.negated(ctx, condition(ctx, node.operand))
    return arithmetic.truth_of(ctx, expr(ctx, node))


def _all_or_any(ctx: Context, every: bool, nodes: list[ast.expr]) -> Leaf:
    first = condition(ctx, nodes[0])
    if len(nodes) == 1:
        return first

    def more() -> Value:
        return arithmetic.boolean(_all_or_any(ctx, every, nodes[1:]))

    ways = (more, lambda: py.Const(False)) if every else (lambda: py.Const(True), more)
    return arithmetic.truth_of(ctx, if_else(ctx, first, *ways))


def _attribute(ctx: Context, node: ast.Attribute) -> Value:
    match node.value:
        case ast.Call(func=ast.Name(id="super"), args=[]) if names.resolve(ctx, "super") is None:
            return names.inherited(ctx, node.attr)
    return attribute(ctx, expr(ctx, node.value), node.attr)


def _unary_op(ctx: Context, node: ast.UnaryOp) -> Value:
    if isinstance(node.op, ast.Not):
        return arithmetic.boolean(condition(ctx, node))
    return arithmetic.unary(ctx, node.op, expr(ctx, node.operand))


def _choice(ctx: Context, every: bool, nodes: list[ast.expr]) -> Value:
    value = expr(ctx, nodes[0])
    if len(nodes) == 1:
        return value

    def more() -> Value:
        return _choice(ctx, every, nodes[1:])

    ways = (more, lambda: value) if every else (lambda: value, more)
    return if_else(ctx, arithmetic.truth_of(ctx, value), *ways)


def _chain(ctx: Context, left: Value, ops: list[ast.cmpop], nodes: list[ast.expr]) -> Value:
    right = expr(ctx, nodes[0])
    result = compare(ctx, ops[0], left, right)
    if len(ops) == 1:
        return result

    def more() -> Value:
        return _chain(ctx, right, ops[1:], nodes[1:])

    return if_else(ctx, arithmetic.truth_of(ctx, result), more, lambda: py.Const(False))


def _if_exp(ctx: Context, node: ast.IfExp) -> Value:
    test = condition(ctx, node.test)
    return if_else(ctx, test, lambda: expr(ctx, node.body), lambda: expr(ctx, node.orelse))


def _named_expr(ctx: Context, node: ast.NamedExpr) -> Value:
    value = expr(ctx, node.value)
    names.write_name(ctx, node.target.id, value)
    return value


def _items(ctx: Context, nodes: list[ast.expr]) -> tuple[Value, ...]:
    items: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            value = expr(ctx, node.value)
            if is_known(value, range):
                items += [py.Const(number) for number in value.obj[:MAX_SPREAD]]
                if len(value.obj) > MAX_SPREAD:
                    raise Unsupported(f"more than {MAX_SPREAD} items", ctx.line)
            else:
                items += sequences.as_tuple(ctx, value).items
        else:
            items.append(expr(ctx, node))
    return tuple(items)


def _tuple(ctx: Context, node: ast.Tuple) -> Value:
    items = _items(ctx, node.elts)
    if all_known(items) and not any(isinstance(item.obj, list) for item in items):
        return py.Const(tuple(item.obj for item in items))
    return py.Tup(items)


def _list(ctx: Context, node: ast.List) -> Value:
    site = ("list", ctx.place())
    table = _literal(ctx, node, site)
    if table is not None:
        return table
    items = _items(ctx, node.elts)
    consts = [item.obj for item in items if isinstance(item, py.Const)]
    known = [obj for obj in consts if type(obj) in py.SCALARS]
    if len(known) == len(items) > MAX_STATIC and site not in ctx.facts.dynamic:
        return py.Const(ctx.facts.made.setdefault((site, "literal"), known))
    return make_list(ctx, site, items)


def _literal(ctx: Context, node: ast.List, site: Any) -> Value | None:
    """A long list of constants as one object, as long as nobody changes it."""
    if len(node.elts) <= MAX_STATIC or site in ctx.facts.dynamic:
        return None
    if (site, "literal") not in ctx.facts.made:
        try:
            ctx.facts.made[site, "literal"] = ast.literal_eval(node)
        except ValueError:
            return None
    return py.Const(ctx.facts.made[site, "literal"])


def _set(ctx: Context, node: ast.Set) -> Value:
    items = _items(ctx, node.elts)
    if all_known(items):
        known = frozenset(item.obj for item in items)
        return py.Const(ctx.facts.made.setdefault(("set", id(node)), known))
    raise Unsupported("a set made while it runs", ctx.line)


def _dict(ctx: Context, node: ast.Dict) -> Value:
    items: list[tuple[Any, Value]] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            items += pairs_of(ctx, expr(ctx, value))
            continue
        name = expr(ctx, key)
        if not isinstance(name, py.Const):
            raise Unsupported("a dict key that is not known before it runs", ctx.line)
        items.append((hashable(ctx, name), expr(ctx, value)))
    return new_dict(ctx, ("dict", ctx.place()), items)


def _joined_str(ctx: Context, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            expr(ctx, part.value)
    return py.Opaque()


def _lambda(ctx: Context, node: ast.Lambda) -> Value:
    ctx.frame.captured = True
    defaults = tuple(expr(ctx, d) for d in node.args.defaults)
    return py.Fn(node, ctx.frame, defaults)


def _slice(ctx: Context, node: ast.Slice) -> Value:
    parts = _slice_bounds(ctx, node)
    if all_known(parts):
        return py.Const(slice(*(part.obj for part in parts)))
    raise Unsupported("such a slice of an array", ctx.line)


def _slice_bounds(ctx: Context, node: ast.Slice) -> tuple[Value, Value, Value]:
    def bound(part: ast.expr | None) -> Value:
        return py.NONE if part is None else expr(ctx, part)

    return bound(node.lower), bound(node.upper), bound(node.step)


def _subscript(ctx: Context, node: ast.Subscript) -> Value:
    owner = plain(ctx, expr(ctx, node.value))
    if isinstance(node.slice, ast.Slice):
        bounds, site = _slice_bounds(ctx, node.slice), ("slice", ctx.place())
        if is_array(owner):
            return array_of(ctx, sliced(ctx, site, array_of(ctx, owner).inner, bounds))
        return sliced(ctx, site, owner, bounds)
    if isinstance(node.slice, ast.Tuple):
        return subscript(ctx, owner, py.Tup(tuple(expr(ctx, e) for e in node.slice.elts)))
    return subscript(ctx, owner, expr(ctx, node.slice))


def _call(ctx: Context, node: ast.Call) -> Value:
    fn = expr(ctx, node.func)
    match node.args:
        case [ast.Starred(value=rows)] if isinstance(fn, py.Const) and fn.obj is zip:
            return unzipped(ctx, expr(ctx, rows))
    args = _items(ctx, node.args)
    kwargs: dict[str, Value] = {}
    for keyword in node.keywords:
        value = expr(ctx, keyword.value)
        kwargs |= pairs_of(ctx, value) if keyword.arg is None else {keyword.arg: value}
    ctx.line = node.lineno
    return call(ctx, fn, args, kwargs)


def _runner(
    ctx: Context, node: Comprehension, elt: ast.expr
) -> tuple[Value, Callable[[Callable[[Value], None]], None]]:
    """What a comprehension runs over first, and what calls a body with each of its items."""
    targets = [n for g in node.generators for n in ast.walk(g.target)]
    own = frozenset(n.id for n in targets if isinstance(n, ast.Name))
    path = ctx.path_of(ctx.frame.path, id(node), "comprehension")
    frame = Frame(path, own, ctx.frame, depth=ctx.frame.depth)
    first = expr(ctx, node.generators[0].iter)

    def run(body: Callable[[Value], None]) -> None:
        outer = (ctx.frame, ctx.node)
        ctx.frame, ctx.node = frame, node

        def one() -> None:
            item = expr(ctx, elt)
            inner = (ctx.frame, ctx.node)
            ctx.frame, ctx.node = outer
            body(item)
            ctx.frame, ctx.node = inner

        try:
            _generate(ctx, node, 0, first, one)
        finally:
            ctx.frame, ctx.node = outer
        forget(ctx, frame.path)

    return first, run


def _generate(
    ctx: Context, node: Comprehension, k: int, iterable: Value | None, body: Callable[[], None]
) -> None:
    if k == len(node.generators):
        body()
        return
    generator = node.generators[k]
    items = expr(ctx, generator.iter) if iterable is None else iterable

    def one(item: Value) -> None:
        names.assign(ctx, generator.target, item)
        _filtered(ctx, generator.ifs, lambda: _generate(ctx, node, k + 1, None, body))

    site = (ctx.frame.path, id(node), "generator", k)
    sequences.for_each(ctx, site, sequences.gathered(ctx, items) if k else items, one)


def _filtered(ctx: Context, tests: list[ast.expr], action: Callable[[], None]) -> None:
    if not tests:
        action()
        return
    when(ctx, condition(ctx, tests[0]), lambda: _filtered(ctx, tests[1:], action))


def _list_comp(ctx: Context, node: ast.ListComp) -> Value:
    site = ("list", ctx.place())
    first, run = _runner(ctx, node, node.elt)
    generator = node.generators[0]
    plain = len(node.generators) == 1 and not generator.ifs
    if plain and site not in ctx.facts.dynamic and _is_short(ctx, first):
        items: list[Value] = []
        run(items.append)
        return py.Tup(tuple(items), True, frozenset([site]))
    lst = new_list(ctx, site, i64(8))
    run(lambda item: append(ctx, lst, item))
    return lst


def _is_short(ctx: Context, value: Value) -> bool:
    """Whether a value has a few items, whose number is known."""
    if isinstance(value, sequences.Gen):
        return False
    static = sequences.items_of(ctx, value).static
    return static is not None and static <= MAX_STATIC


def _dict_comp(ctx: Context, node: ast.DictComp) -> Value:
    pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node)
    pair = ctx.facts.made.setdefault(("pair", id(node)), pair)
    items: list[tuple[Any, Value]] = []

    def put(item: Value) -> None:
        parts = sequences.as_tuple(ctx, item).items
        if not isinstance(parts[0], py.Const) or any(frame.runtime for frame in ctx.loops):
            raise Unsupported("a dict whose keys are not known before it runs", ctx.line)
        items.append((parts[0].obj, parts[1]))

    _runner(ctx, node, pair)[1](put)
    return new_dict(ctx, ("dict", ctx.place()), items)


# What translates each kind of expression.
EXPRESSIONS: dict[type[ast.expr], Callable[[Context, Any], Value]] = {
    ast.Attribute: _attribute,
    ast.BinOp: lambda ctx, node: arithmetic.binary(
        ctx, node.op, expr(ctx, node.left), expr(ctx, node.right)
    ),
    ast.BoolOp: lambda ctx, node: _choice(ctx, isinstance(node.op, ast.And), node.values),
    ast.Call: _call,
    ast.Compare: lambda ctx, node: _chain(ctx, expr(ctx, node.left), node.ops, node.comparators),
    ast.Constant: lambda ctx, node: py.Const(node.value),
    ast.Dict: _dict,
    ast.DictComp: _dict_comp,
    ast.GeneratorExp: lambda ctx, node: sequences.Gen(_runner(ctx, node, node.elt)[1]),
    ast.IfExp: _if_exp,
    ast.JoinedStr: _joined_str,
    ast.Lambda: _lambda,
    ast.List: _list,
    ast.ListComp: _list_comp,
    ast.Name: lambda ctx, node: names.read_name(ctx, node.id),
    ast.NamedExpr: _named_expr,
    ast.Set: _set,
    ast.Slice: _slice,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.UnaryOp: _unary_op,
}
