"""Expressions of the user's file."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.arithmetic import SCALARS, boolean
from deepracer_fast.reward.compiler.calls import Gen
from deepracer_fast.reward.compiler.emitter import TRUE, i64
from deepracer_fast.reward.compiler.functions import Frame, Functions
from deepracer_fast.reward.compiler.joins import MAX_STATIC, Unsupported
from deepracer_fast.reward.compiler.values import (
    NONE,
    Const,
    Fn,
    Leaf,
    Opaque,
    Tup,
    Value,
)

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp

MAX_SPREAD = 400  # items of a range that a list display may spread


def _is_spread(args: list[ast.expr]) -> bool:
    """Whether the arguments are ``*rows`` and nothing else."""
    return len(args) == 1 and isinstance(args[0], ast.Starred)


class Expressions(Functions):
    """One method a kind of expression."""

    def expr(self, node: ast.expr) -> Value:
        """Translates an expression."""
        outer, self.node = self.node, node
        self.line = node.lineno
        action = getattr(self, f"_expr_{type(node).__name__}", None)
        if action is None:
            raise Unsupported(_words(node), node.lineno)
        try:
            value: Value = action(node)
        finally:
            self.node = outer
        self.line = node.lineno
        return value

    def condition(self, node: ast.expr) -> Leaf:
        """Whether an expression is true, without making its value."""
        if isinstance(node, ast.BoolOp):
            return self._all_or_any(isinstance(node.op, ast.And), node.values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            if isinstance(inner, ir.Constant):
                return ir.Constant(inner.type, 1 - int(inner.constant))
            return self.b.not_(inner)
        return self.truth(self.expr(node))

    def _all_or_any(self, every: bool, nodes: list[ast.expr]) -> Leaf:
        first = self.condition(nodes[0])
        if len(nodes) == 1:
            return first
        rest = nodes[1:]
        if isinstance(first, ir.Constant):
            decided = bool(first.constant) != every
            return first if decided else self._all_or_any(every, rest)

        def more() -> Value:
            return boolean(self._all_or_any(every, rest))

        if every:
            return self.truth(self.if_else(first, more, lambda: Const(False)))
        return self.truth(self.if_else(first, lambda: Const(True), more))

    def _expr_Constant(self, node: ast.Constant) -> Value:
        return Const(node.value)

    def _expr_Name(self, node: ast.Name) -> Value:
        return self.read_name(node.id)

    def _expr_Attribute(self, node: ast.Attribute) -> Value:
        match node.value:
            case ast.Call(func=ast.Name(id="super"), args=[]) if self.resolve("super") is None:
                return self.inherited(node.attr)
        return self.attribute(self.expr(node.value), node.attr)

    def _expr_BinOp(self, node: ast.BinOp) -> Value:
        left = self.expr(node.left)
        return self.binary(node.op, left, self.expr(node.right))

    def _expr_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return boolean(self.condition(node))
        return self.unary(node.op, self.expr(node.operand))

    def _expr_BoolOp(self, node: ast.BoolOp) -> Value:
        return self._choice(isinstance(node.op, ast.And), node.values)

    def _choice(self, every: bool, nodes: list[ast.expr]) -> Value:
        value = self.expr(nodes[0])
        if len(nodes) == 1:
            return value
        truth = self.truth(value)
        if isinstance(truth, ir.Constant):
            return self._choice(every, nodes[1:]) if bool(truth.constant) == every else value

        def more() -> Value:
            return self._choice(every, nodes[1:])

        ways = (more, lambda: value) if every else (lambda: value, more)
        return self.if_else(truth, *ways)

    def _expr_Compare(self, node: ast.Compare) -> Value:
        return self._chain(self.expr(node.left), node.ops, node.comparators)

    def _chain(self, left: Value, ops: list[ast.cmpop], nodes: list[ast.expr]) -> Value:
        right = self.expr(nodes[0])
        result = self.compare(ops[0], left, right)
        if len(ops) == 1:
            return result
        truth = self.truth(result)
        if isinstance(truth, ir.Constant):
            return self._chain(right, ops[1:], nodes[1:]) if truth.constant else result
        return self.if_else(
            truth, lambda: self._chain(right, ops[1:], nodes[1:]), lambda: Const(False)
        )

    def _expr_IfExp(self, node: ast.IfExp) -> Value:
        test = self.condition(node.test)
        if isinstance(test, ir.Constant):
            return self.expr(node.body if test.constant else node.orelse)
        return self.if_else(test, lambda: self.expr(node.body), lambda: self.expr(node.orelse))

    def _expr_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.expr(node.value)
        self.write_name(node.target.id, value)
        return value

    def _items(self, nodes: list[ast.expr]) -> tuple[Value, ...]:
        items: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                value = self.expr(node.value)
                if isinstance(value, Const) and isinstance(value.obj, range):
                    items += [Const(number) for number in value.obj[:MAX_SPREAD]]
                    if len(value.obj) > MAX_SPREAD:
                        raise Unsupported(f"more than {MAX_SPREAD} items", self.line)
                else:
                    items += self.as_tuple(value).items
            else:
                items.append(self.expr(node))
        return tuple(items)

    def _expr_Tuple(self, node: ast.Tuple) -> Value:
        items = self._items(node.elts)
        if all(isinstance(item, Const) and not isinstance(item.obj, list) for item in items):
            return Const(tuple(item.obj for item in items if isinstance(item, Const)))
        return Tup(items)

    def _expr_List(self, node: ast.List) -> Value:
        site = ("list", self.place())
        table = self._literal(node, site)
        if table is not None:
            return table
        items = self._items(node.elts)
        known = [i.obj for i in items if isinstance(i, Const) and type(i.obj) in SCALARS]
        if len(known) == len(items) > MAX_STATIC and site not in self.facts.dynamic:
            return Const(self.facts.made.setdefault((site, "literal"), known))
        return self.make_list(site, items)

    def _literal(self, node: ast.List, site: Any) -> Value | None:
        """A long list of constants as one object, as long as nobody changes it."""
        if len(node.elts) <= MAX_STATIC or site in self.facts.dynamic:
            return None
        if (site, "literal") not in self.facts.made:
            try:
                self.facts.made[site, "literal"] = ast.literal_eval(node)
            except ValueError:
                return None
        return Const(self.facts.made[site, "literal"])

    def _expr_Set(self, node: ast.Set) -> Value:
        items = self._items(node.elts)
        if all(isinstance(item, Const) for item in items):
            known = frozenset(item.obj for item in items if isinstance(item, Const))
            return Const(self.facts.made.setdefault(("set", id(node)), known))
        raise Unsupported("a set made while it runs", self.line)

    def _expr_Dict(self, node: ast.Dict) -> Value:
        items: list[tuple[Any, Value]] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                source = self.expr(value)
                items += [(k, self._present(source, k)) for k in self.keys_of(source)]
                continue
            name = self.expr(key)
            if not isinstance(name, Const):
                raise Unsupported("a dict key that is not known before it runs", self.line)
            items.append((self._hashable(name), self.expr(value)))
        return self.new_dict(("dict", self.place()), items)

    def _expr_JoinedStr(self, node: ast.JoinedStr) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.expr(part.value)
        return Opaque()

    def _expr_Lambda(self, node: ast.Lambda) -> Value:
        self.frame.captured = True
        defaults = tuple(self.expr(d) for d in node.args.defaults)
        return Fn(node, self.frame, defaults)

    def _expr_Slice(self, node: ast.Slice) -> Value:
        parts = self._slice_bounds(node)
        if all(isinstance(part, Const) for part in parts):
            return Const(slice(*(part.obj for part in parts if isinstance(part, Const))))
        raise Unsupported("such a slice of an array", self.line)

    def _slice_bounds(self, node: ast.Slice) -> tuple[Value, Value, Value]:
        low, high, step = (
            NONE if part is None else self.expr(part)
            for part in (node.lower, node.upper, node.step)
        )
        return low, high, step

    def _expr_Subscript(self, node: ast.Subscript) -> Value:
        owner = self.plain(self.expr(node.value))
        if isinstance(node.slice, ast.Slice):
            bounds = self._slice_bounds(node.slice)
            if self.is_array(owner):
                array = self.array_of(owner)
                cut = self.sliced(("slice", self.place()), array.inner, bounds)
                return self.array_of(cut)
            return self.sliced(("slice", self.place()), owner, bounds)
        if isinstance(node.slice, ast.Tuple):
            return self.subscript(owner, Tup(tuple(self.expr(e) for e in node.slice.elts)))
        return self.subscript(owner, self.expr(node.slice))

    def _expr_Call(self, node: ast.Call) -> Value:
        fn = self.expr(node.func)
        if isinstance(fn, Const) and fn.obj is zip and _is_spread(node.args):
            assert isinstance(node.args[0], ast.Starred)
            return self.columns(self.expr(node.args[0].value))
        args = self._items(node.args)
        kwargs: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.expr(keyword.value)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            else:
                kwargs |= {k: self._present(value, k) for k in self.keys_of(value)}
        self.line = node.lineno
        return self.call(fn, args, kwargs)

    # Comprehensions

    def _expr_GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        return Gen(self._runner(node, node.elt)[1])

    def _runner(
        self, node: Comprehension, elt: ast.expr
    ) -> tuple[Value, Callable[[Callable[[Value], None]], None]]:
        """What a comprehension runs over first, and what calls a body with each of its items."""
        frame = self._comprehension_frame(node)
        first = self.expr(node.generators[0].iter)

        def run(body: Callable[[Value], None]) -> None:
            outer = (self.frame, self.node)
            self.frame, self.node = frame, node

            def one() -> None:
                item = self.expr(elt)
                inner = (self.frame, self.node)
                self.frame, self.node = outer
                body(item)
                self.frame, self.node = inner

            try:
                self._generate(node, 0, first, one)
            finally:
                self.frame, self.node = outer
            self.forget(frame.path)

        return first, run

    def _comprehension_frame(self, node: Comprehension) -> Frame:
        targets = [n for g in node.generators for n in ast.walk(g.target)]
        names = frozenset(n.id for n in targets if isinstance(n, ast.Name))
        path = self.path_of(self.frame.path, id(node), "comprehension")
        return Frame(path, names, self.frame, depth=self.frame.depth)

    def _generate(
        self, node: Comprehension, k: int, iterable: Value | None, body: Callable[[], None]
    ) -> None:
        if k == len(node.generators):
            body()
            return
        generator = node.generators[k]
        items = self.expr(generator.iter) if iterable is None else iterable

        def one(item: Value) -> None:
            self.assign(generator.target, item)
            self._filtered(generator.ifs, lambda: self._generate(node, k + 1, None, body))

        site = (self.frame.path, id(node), "generator", k)
        self.for_each(site, self.gathered(items) if k else items, one)

    def _filtered(self, tests: list[ast.expr], action: Callable[[], None]) -> None:
        if not tests:
            action()
            return
        self.when(self.condition(tests[0]), lambda: self._filtered(tests[1:], action))

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds a target (`statements`)."""
        raise NotImplementedError

    def _expr_ListComp(self, node: ast.ListComp) -> Value:
        site = ("list", self.place())
        first, run = self._runner(node, node.elt)
        generator = node.generators[0]
        plain = len(node.generators) == 1 and not generator.ifs
        if plain and site not in self.facts.dynamic and self._is_short(first):
            items: list[Value] = []
            run(items.append)
            return Tup(tuple(items), True, frozenset([site]))
        lst = self.new_list(site, i64(8))
        run(lambda item: self.append(lst, item))
        return lst

    def _is_short(self, value: Value) -> bool:
        """Whether a value has a few items, whose number is known."""
        if isinstance(value, Gen):
            return False
        static = self.seq(value).static
        return static is not None and static <= MAX_STATIC

    def _expr_DictComp(self, node: ast.DictComp) -> Value:
        pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node)
        pair = self.facts.made.setdefault(("pair", id(node)), pair)
        items: list[tuple[Any, Value]] = []

        def put(item: Value) -> None:
            parts = self.as_tuple(item).items
            if not isinstance(parts[0], Const) or any(frame.runtime for frame in self.loops):
                raise Unsupported("a dict whose keys are not known before it runs", self.line)
            items.append((parts[0].obj, parts[1]))

        self._runner(node, pair)[1](put)
        return self.new_dict(("dict", self.place()), items)


def _words(node: ast.AST) -> str:
    names = {"SetComp": "a set comprehension", "Await": "await", "Yield": "yield"}
    return names.get(type(node).__name__, f"the construct {type(node).__name__}")


__all__ = ["TRUE", "Expressions"]
