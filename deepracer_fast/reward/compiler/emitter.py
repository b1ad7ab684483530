"""The code under construction: blocks, the environment, errors and merges.

In: what the translators ask for. Out: LLVM instructions in one function. Every value that a name,
an attribute or a key holds is in `Emitter.env`; where ways meet, a `Merge` joins the environments.
Neighbour: `memory` knows how values lie in leaves and in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir

from deepracer_fast.reward.compiler.joins import Facts, Unsupported
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Conflict,
    Leaf,
    Type,
    Value,
    leaf_kinds,
    type_of,
    value_from,
)

I1, I8, I32, I64, F64 = (
    ir.IntType(1),
    ir.IntType(8),
    ir.IntType(32),
    ir.IntType(64),
    ir.DoubleType(),
)
WORDS = I64.as_pointer()
LEAF = {"b": I1, "i": I64, "f": F64}
MAX_INSTRUCTIONS = 150_000
PARAMS = ("dct", ("params",))  # begins the keys of what params holds


class Dead(Exception):
    """What follows in this block is never reached."""


def i64(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def f64(value: float) -> ir.Constant:
    """A float constant."""
    return ir.Constant(F64, value)


TRUE, FALSE = ir.Constant(I1, 1), ir.Constant(I1, 0)


class Merge:
    """A place that several ways lead to."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self.entries: list[tuple[Any, dict[Any, Value]]] = []

    def jump(self) -> None:
        """Leads the present way here; the present block gets its branch in `land`."""
        self.entries.append((self._emitter.b.block, dict(self._emitter.env)))

    def land(self) -> None:
        """Goes on from here with the joined environment; Dead if no way leads here."""
        emitter = self._emitter
        if not self.entries:
            raise Dead
        if len(self.entries) == 1:
            block, emitter.env = self.entries[0]
            emitter.b.position_at_end(block)
            return
        keys = dict.fromkeys(key for _, env in self.entries for key in env)
        envs = [env for _, env in self.entries]
        types, joined = self._joined_types(keys, envs)
        target = emitter.block("merge")
        phis = self._phis(target, types)
        for block, env in self.entries:
            emitter.b.position_at_end(block)
            leaves = [
                leaf
                for key, typ in types.items()
                for leaf in emitter.coerce(emitter.held(env, key), typ)
            ]
            for phi, leaf in zip(phis, leaves, strict=True):
                phi.add_incoming(leaf, emitter.b.block)
            emitter.b.branch(target)
        rest = list(phis)
        joined |= {key: value_from(typ, rest) for key, typ in types.items()}
        emitter.b.position_at_end(target)
        emitter.env = joined

    def _joined_types(
        self, keys: Iterable[Any], envs: list[dict[Any, Value]]
    ) -> tuple[dict[Any, Type], dict[Any, Value]]:
        """The types of what differs between the ways, and the values of what does not."""
        facts = self._emitter.facts
        types: dict[Any, Type] = {}
        joined: dict[Any, Value] = {}
        for key in keys:
            values = [self._emitter.held(env, key) for env in envs]
            if all(value is values[0] for value in values):
                joined[key] = values[0]
                continue
            distinct = {id(value): value for value in values}.values()
            typ = None
            for value in distinct:
                found = type_of(value)
                typ = found if typ is None else facts.join(typ, found)
            assert typ is not None
            types[key] = typ
        return types, joined

    def _phis(self, target: Any, types: dict[Any, Type]) -> list[Any]:
        builder = ir.IRBuilder(target)
        return [builder.phi(LEAF[kind]) for typ in types.values() for kind in leaf_kinds(typ)]


class Handler:
    """One ``try``: where its exceptions lead."""

    def __init__(self, merge: Merge, catches: Callable[[type[BaseException]], bool]) -> None:
        self.merge = merge
        self.catches = catches


class Emitter:
    """Blocks and values of one kernel; the translators are subclasses."""

    def __init__(self, facts: Facts, strings: dict[str, int]) -> None:
        self.facts = facts
        self.strings = strings
        self.module = ir.Module(name="reward")
        self.env: dict[Any, Value] = {}
        self.handlers: list[Handler] = []
        self.line = 0
        self.give_ups: list[tuple[Any, int]] = []
        self.prints = False
        self._count = 0
        self._tables: dict[Any, Any] = {}
        self._functions: dict[str, Any] = {}
        self.fn: Any = None
        self.b: Any = None
        self.give_up_block: Any = None
        self.fuel: Any = None
        self.arena_top: Any = None
        self.arena_end: Any = None
        self.alloca_builder: Any = None

    # Blocks and ways

    def held(self, env: dict[Any, Value], key: Any) -> Value:
        """What an environment holds; params hold their column until they are overwritten."""
        if key not in env and key[:2] == PARAMS:
            return self.parameter(key[2])
        return env.get(key, UNBOUND)

    def parameter(self, key: Any) -> Value:
        """What ``params`` holds under a key (`program`)."""
        raise NotImplementedError

    def unique(self) -> int:
        """A number that no other place of this pass has."""
        self._count += 1
        return self._count

    def block(self, name: str) -> Any:
        """A new basic block at the end of the kernel."""
        if len(self.fn.blocks) > MAX_INSTRUCTIONS // 8:
            raise Unsupported(
                "more code than the compiler takes (inlined calls or loops)", self.line
            )
        return self.fn.append_basic_block(name)

    def start(self, block: Any) -> None:
        """Goes on in another block."""
        self.b.position_at_end(block)

    def alloca(self, kind: Any) -> Any:
        """A slot on the stack, made once per call of the kernel."""
        return self.alloca_builder.alloca(kind)

    def if_else(
        self, condition: Leaf, then: Callable[[], Value], other: Callable[[], Value]
    ) -> Value:
        """The value of one of two ways."""
        yes, no = self.block("then"), self.block("else")
        self.b.cbranch(condition, yes, no)
        merge, key, before = Merge(self), ("result", self.unique()), self.env
        for block, way in ((yes, then), (no, other)):
            self.start(block)
            self.env = dict(before)
            try:
                self.env[key] = way()
                merge.jump()
            except Dead:
                pass
        merge.land()
        return self.env.pop(key)

    def fail(self, kind: type[BaseException] | None) -> Any:
        """Raises; None gives the call up to the interpreter whatever ``try`` is around it."""
        self._leave(kind)
        raise Dead

    def fail_if(self, condition: Leaf, kind: type[BaseException] | None) -> None:
        """Raises where the condition holds."""
        if isinstance(condition, ir.Constant):
            if condition.constant:
                self.fail(kind)
            return
        bad, good = self.block("bad"), self.block("good")
        self.b.cbranch(condition, bad, good)
        self.start(bad)
        before = self.env
        self._leave(kind)
        self.env = before
        self.start(good)

    def _leave(self, kind: type[BaseException] | None) -> None:
        if kind is not None:
            for handler in reversed(self.handlers):
                if handler.catches(kind):
                    handler.merge.jump()
                    return
        self.give_ups.append((self.b.block, self.line))
        self.b.branch(self.give_up_block)

    def times(self, count: Leaf, action: Callable[[Leaf], None]) -> None:
        """Does something so many times; it gets the turn, and must not bind anything."""
        turn, done, before = self.block("turn"), self.block("done"), self.b.block
        self.b.cbranch(self.b.icmp_signed(">", count, i64(0)), turn, done)
        self.start(turn)
        number = self.b.phi(I64)
        number.add_incoming(i64(0), before)
        action(number)
        after = self.b.add(number, i64(1))
        number.add_incoming(after, self.b.block)
        self.b.cbranch(self.b.icmp_signed("<", after, count), turn, done)
        self.start(done)

    def burn(self) -> None:
        """Counts a turn of a loop; a call that turns too often is given up."""
        left = self.b.sub(self.b.load(self.fuel), i64(1))
        self.b.store(left, self.fuel)
        self.fail_if(self.b.icmp_signed("<", left, i64(0)), None)

    def native(self, name: str, result: Any, *arguments: Any) -> Any:
        """Calls a C or LLVM function by name."""
        if name not in self._functions:
            kind = ir.FunctionType(result, [a.type for a in arguments])
            self._functions[name] = ir.Function(self.module, kind, name)
        return self.b.call(self._functions[name], arguments)

    def coerce(self, value: Value, typ: Type) -> list[Leaf]:
        """The leaves of a value as one of the (wider) type (`memory`)."""
        raise NotImplementedError

    def conflict(self, value: Conflict) -> Any:
        """Refuses a value that cannot be used."""
        raise Unsupported(f"a value that is {value.why}", self.line)
