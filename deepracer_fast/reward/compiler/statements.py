"""Statements of the user's file."""

from __future__ import annotations

import ast
import importlib.util
import sys
from typing import Any

from llvmlite import ir

from deepracer_fast.reward import library
from deepracer_fast.reward.compiler.emitter import FALSE, TRUE, Dead, Handler, Merge, i64
from deepracer_fast.reward.compiler.expressions import Expressions
from deepracer_fast.reward.compiler.joins import Unsupported
from deepracer_fast.reward.compiler.sequences import Seq
from deepracer_fast.reward.compiler.users import Unknown, is_class, is_subclass
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Bound,
    Const,
    Dct,
    Fn,
    Leaf,
    Opaque,
    Tup,
    Value,
)

_MAX_UNROLLED = 3000  # nodes of a loop's body, times its turns


class Statements(Expressions):
    """One method a kind of statement."""

    finals: int

    def statements(self, body: list[ast.stmt]) -> None:
        """Translates statements in order; Dead where they never end."""
        for node in body:
            self.node, self.line = node, node.lineno
            action = getattr(self, f"_stmt_{type(node).__name__}", None)
            if action is None:
                name = type(node).__name__.lower()
                raise Unsupported(f"the statement {name}", node.lineno)
            action(node)

    def _way(self, merge: Merge, body: list[ast.stmt]) -> None:
        """Statements that lead to a merge if they end."""
        try:
            self.statements(body)
            merge.jump()
        except Dead:
            pass

    # Simple statements

    def _stmt_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.expr(node.value)

    def _stmt_Pass(self, node: ast.Pass) -> None:
        pass

    _stmt_Global = _stmt_Nonlocal = _stmt_Pass

    def _stmt_Assign(self, node: ast.Assign) -> None:
        value = self.expr(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _stmt_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.expr(node.value))

    def _stmt_AugAssign(self, node: ast.AugAssign) -> None:
        target = node.target
        match target:
            case ast.Name():
                old = self.read_name(target.id)
                self.write_name(target.id, self._augmented(node, old))
            case ast.Attribute():
                owner = self.expr(target.value)
                old = self.attribute(owner, target.attr)
                self.set_attribute(owner, target.attr, self._augmented(node, old))
            case ast.Subscript():
                owner, index = self.expr(target.value), self.expr(target.slice)
                old = self.subscript(owner, index)
                self.set_item(owner, index, self._augmented(node, old))

    def _augmented(self, node: ast.AugAssign, old: Value) -> Value:
        value = self.expr(node.value)
        self.node, self.line = node, node.lineno
        if isinstance(node.op, ast.Add) and self.is_sequence(old) and self._is_a_list(old):
            lst = self.mutable(old)
            self.method(lst, "extend", (value,), {})
            return lst
        return self.binary(node.op, old, value)

    def _is_a_list(self, value: Value) -> bool:
        if isinstance(value, Tup):
            return bool(value.is_list)
        return not (isinstance(value, Const) and isinstance(value.obj, tuple))

    def assign(self, target: ast.expr, value: Value) -> None:
        """Binds a target."""
        match target:
            case ast.Name(id=name):
                self.write_name(name, value)
            case ast.Attribute(value=owner, attr=name):
                self.set_attribute(self.expr(owner), name, value)
            case ast.Subscript(value=owner, slice=index):
                if isinstance(index, ast.Slice):
                    raise Unsupported("assigns to a slice", target.lineno)
                holder = self.expr(owner)
                self.set_item(holder, self.expr(index), value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self._unpack(targets, value)
            case _:
                raise Unsupported("such an assignment", target.lineno)

    def _unpack(self, targets: list[ast.expr], value: Value) -> None:
        if any(isinstance(target, ast.Starred) for target in targets):
            self._unpack_starred(targets, value)
            return
        if isinstance(value, Opaque):
            raise Unsupported("unpacks a text", self.line)
        seq = self.seq(self.gathered(value))
        if seq.static is None:
            count = ir.Constant(ir.IntType(64), len(targets))
            self.fail_if(self.b.icmp_signed("!=", seq.length(), count), ValueError)
        elif seq.static != len(targets):
            self.fail(ValueError)
        for target, item in zip(targets, [seq.get(k) for k in range(len(targets))], strict=True):
            self.assign(target, item)

    def _unpack_starred(self, targets: list[ast.expr], value: Value) -> None:
        seq = self.seq(self.gathered(value))
        if seq.static is None:
            self._unpack_long(targets, seq)
            return
        value = self.as_tuple(value)
        star = next(k for k, target in enumerate(targets) if isinstance(target, ast.Starred))
        after = len(targets) - star - 1
        items = value.items
        if len(items) < len(targets) - 1:
            self.fail(ValueError)
        middle = items[star : len(items) - after]
        site = ("star", self.place())
        for target, item in zip(targets[:star], items, strict=False):
            self.assign(target, item)
        starred = targets[star]
        assert isinstance(starred, ast.Starred)
        self.assign(starred.value, self.make_list(site, middle))
        for target, item in zip(targets[star + 1 :], items[len(items) - after :], strict=True):
            self.assign(target, item)

    def _unpack_long(self, targets: list[ast.expr], seq: Seq) -> None:
        """``first, *rest = ...`` of what has a length at run time only."""
        star = next(k for k, target in enumerate(targets) if isinstance(target, ast.Starred))
        after, length = len(targets) - star - 1, seq.length()
        count = self.b.sub(length, i64(star + after))
        self.fail_if(self.b.icmp_signed("<", count, i64(0)), ValueError)
        middle = self.copy_range(("star", self.place()), seq, i64(star), count)
        heads = [seq.get(i64(k)) for k in range(star)]
        tails = [seq.get(self.b.sub(length, i64(after - k))) for k in range(after)]
        starred = targets[star]
        assert isinstance(starred, ast.Starred)
        values = [*heads, middle, *tails]
        for target, item in zip(
            [*targets[:star], starred.value, *targets[star + 1 :]], values, strict=True
        ):
            self.assign(target, item)

    def _stmt_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
                owner = self.expr(target.value)
                if self.is_sequence(owner):
                    self.method(owner, "pop", (self.expr(target.slice),), {})
                    continue
                if isinstance(owner, Dct):
                    self.dict_remove(owner, self.expr(target.slice))
                    continue
            found = self.resolve(target.id) if isinstance(target, ast.Name) else None
            if found is None or found[0].cells:
                raise Unsupported("such a del", node.lineno)
            self.env[found[1]] = UNBOUND

    def _stmt_Return(self, node: ast.Return) -> None:
        value = Const(None) if node.value is None else self.expr(node.value)
        if self.finals:
            raise Unsupported("a return within try ... finally", node.lineno)
        self.leave(self.gathered(value))

    def _stmt_Raise(self, node: ast.Raise) -> None:
        if node.exc is None:
            self.fail(None)
            return
        thrown = node.exc
        if isinstance(thrown, ast.Call):
            thrown = thrown.func
        kind = self.expr(thrown)
        known = isinstance(kind, Const) and is_class(kind.obj)
        self.fail(kind.obj if known else None)  # type: ignore[attr-defined]

    def _stmt_Assert(self, node: ast.Assert) -> None:
        test = self.condition(node.test)
        if isinstance(test, ir.Constant):
            if not test.constant:
                self.fail(AssertionError)
            return
        self.fail_if(self.b.not_(test), AssertionError)

    def _stmt_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            module = self._module(alias.name)
            top = alias.name.split(".")[0]
            found = module if alias.asname else self._module(top)
            self.write_name(alias.asname or top, Const(found))

    def _module(self, name: str) -> Any:
        """A module of the library, or one that is known by name; nothing else is imported."""
        module = library.module(name)
        if module is not None:
            return module
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names and importlib.util.find_spec(top) is None:
            self.fail(ModuleNotFoundError)
        return self.by_name(name).obj

    def _stmt_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            raise Unsupported("such an import", node.lineno)
        module = self._module(str(node.module))
        for alias in node.names:
            if isinstance(module, Unknown):
                found: Value = self.by_name(f"{module.name}.{alias.name}")
            elif hasattr(module, alias.name):
                found = self.module_member(module, alias.name)
            else:
                raise Unsupported("such an import", node.lineno)
            self.write_name(alias.asname or alias.name, found)

    def _stmt_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            raise Unsupported("a decorated function within a function", node.lineno)
        self.frame.captured = True
        defaults = tuple(self.expr(default) for default in node.args.defaults)
        if any(isinstance(default, Tup) and default.is_list for default in defaults):
            raise Unsupported("a list as a default within a function", node.lineno)
        kw = tuple(None if d is None else self.expr(d) for d in node.args.kw_defaults)
        self.write_name(node.name, Fn(node, self.frame, defaults, kw))

    # Ways

    def _stmt_If(self, node: ast.If) -> None:
        test = self.condition(node.test)
        if isinstance(test, ir.Constant):
            self.statements(node.body if test.constant else node.orelse)
            return
        yes, no = self.block("if"), self.block("else")
        self.b.cbranch(test, yes, no)
        merge, before = Merge(self), self.env
        for block, body in ((yes, node.body), (no, node.orelse)):
            self.start(block)
            self.env = dict(before)
            self._way(merge, body)
        merge.land()

    def _stmt_While(self, node: ast.While) -> None:
        def test() -> Leaf:
            return self.condition(node.test)

        self.loop(
            (self.frame.path, id(node)),
            test,
            lambda: self.statements(node.body),
            otherwise=lambda: self.statements(node.orelse),
        )

    def _stmt_For(self, node: ast.For) -> None:
        seq = self.seq(self.gathered(self.expr(node.iter)))
        self.node = node
        if seq.static is not None and seq.static > 4:
            size = sum(1 for statement in node.body for _ in ast.walk(statement))
            if size * seq.static > _MAX_UNROLLED:
                seq = Seq(None, seq.length, seq.get)

        def body(item: Value) -> None:
            self.assign(node.target, item)
            self.statements(node.body)

        self.each((self.frame.path, id(node)), seq, body, lambda: self.statements(node.orelse))

    def _stmt_Match(self, node: ast.Match) -> None:
        subject, merge = self.expr(node.subject), Merge(self)
        self._cases(subject, node.cases, merge)
        merge.land()

    def _cases(self, subject: Value, cases: list[ast.match_case], merge: Merge) -> None:
        if not cases:
            merge.jump()
            return
        case = cases[0]
        fits = self._fits(subject, case.pattern)
        if case.guard is not None:
            if not isinstance(fits, ir.Constant):
                raise Unsupported("a case with a guard", case.guard.lineno)
            fits = self.condition(case.guard) if fits.constant else fits
        if isinstance(fits, ir.Constant):
            if fits.constant:
                self._way(merge, case.body)
            else:
                self._cases(subject, cases[1:], merge)
            return
        yes, no = self.block("case"), self.block("other")
        self.b.cbranch(fits, yes, no)
        before = self.env
        self.start(yes)
        self.env = dict(before)
        self._way(merge, case.body)
        self.start(no)
        self.env = dict(before)
        self._cases(subject, cases[1:], merge)

    def _fits(self, subject: Value, pattern: ast.pattern) -> Leaf:
        match pattern:
            case ast.MatchValue(value=value):
                return self.truth(self.equal(subject, self.expr(value)))
            case ast.MatchSingleton(value=value):
                return self.truth(self.same(subject, Const(value)))
            case ast.MatchAs(pattern=None, name=name):
                if name is not None:
                    self.write_name(name, subject)
                return TRUE
            case ast.MatchOr(patterns=patterns):
                found: Leaf = FALSE
                for each in patterns:
                    found = self.b.or_(found, self._fits(subject, each))
                return found
        raise Unsupported("such a case", pattern.lineno)

    def _stmt_Break(self, node: ast.Break) -> None:
        self._refuse_finally(node)
        self.loops[-1].on_break.jump()
        raise Dead

    def _stmt_Continue(self, node: ast.Continue) -> None:
        self._refuse_finally(node)
        self.loops[-1].on_continue.jump()
        raise Dead

    def _refuse_finally(self, node: ast.stmt) -> None:
        if self.finals:
            raise Unsupported("leaves a loop within try ... finally", node.lineno)

    def _stmt_Try(self, node: ast.Try) -> None:
        self.finals += bool(node.finalbody)
        after, depth = Merge(self), len(self.handlers)
        merges = [Merge(self) for _ in node.handlers]
        clauses = list(zip(node.handlers, merges, strict=True))
        for clause, merge in reversed(clauses):
            self.handlers.append(Handler(merge, self._catches(clause)))
        loops = len(self.loops)
        try:
            self.statements(node.body)
            del self.handlers[depth:]
            self.statements(node.orelse)
            after.jump()
        except Dead:
            del self.handlers[depth:]
        assert len(self.loops) == loops
        for clause, merge in clauses:
            try:
                merge.land()
                if clause.name:
                    self.write_name(clause.name, Opaque("an exception"))
                self.statements(clause.body)
                after.jump()
            except Dead:
                pass
        self.finals -= bool(node.finalbody)
        after.land()
        self.statements(node.finalbody)

    def _catches(self, clause: ast.ExceptHandler) -> Any:
        if clause.type is None:
            return lambda kind: True
        value = self.expr(clause.type)
        kinds = getattr(value, "obj", None)
        if isinstance(value, Tup):
            kinds = tuple(getattr(item, "obj", None) for item in value.items)
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if not all(map(is_class, kinds)):
            raise Unsupported("such an except", clause.lineno)
        return lambda kind: is_subclass(kind, kinds)


__all__ = ["Bound", "Statements"]
