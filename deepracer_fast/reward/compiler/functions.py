"""Names and calls: every function of the user's file is translated at the place of its call."""

from __future__ import annotations

import ast
import functools
import inspect
import logging
import time
import traceback
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeGuard

from deepracer_fast.reward.compiler.calls import BUILTIN_NAMES
from deepracer_fast.reward.compiler.emitter import Dead, Merge
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.scopes import Frame, Function, definitions_of, scope_of
from deepracer_fast.reward.compiler.standard_library import BUILT_INS, stand_in
from deepracer_fast.reward.compiler.values import (
    NONE,
    UNBOUND,
    Bound,
    Choice,
    Conflict,
    Const,
    Fn,
    Maybe,
    Obj,
    Opaque,
    Tup,
    Value,
    type_of,
)
from deepracer_fast.reward.compiler.vectors import Arrays

MAX_DEPTH = 24  # calls within calls; a recursion ends here

_SAYS = (traceback.print_exc,)  # as print does
_TELLS = (traceback.format_exc, time.time, time.perf_counter, time.monotonic)  # for print only
_METHODS = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
}


def _is_callable(cls: type) -> bool:
    return any("__call__" in base.__dict__ for base in cls.__mro__)


class Functions(Arrays):
    """Frames, names, and calls of anything."""

    frame: Frame
    node: ast.AST
    tree: ast.Module
    filename: str

    def expr(self, node: ast.expr) -> Value:
        """Translates an expression (`expressions`)."""
        raise NotImplementedError

    def statements(self, body: list[ast.stmt]) -> None:
        """Translates statements (`statements`)."""
        raise NotImplementedError

    def place(self) -> Any:
        """A name of the node that is being translated, in its frame; the same in every pass."""
        return (self.frame.path, id(self.node))

    def path_of(self, *parts: Any) -> int:
        """A short name for a place."""
        return self.facts.paths.setdefault(parts, len(self.facts.paths))

    # Names

    def resolve(self, name: str) -> tuple[Frame, Any] | None:
        """The frame and key of a name; None for a module variable or built-in."""
        frame: Frame | None = self.frame
        while frame is not None:
            if name in frame.outside:
                return None
            if name in frame.names:
                return frame, ("v", frame.path, name)
            frame = frame.parent
        return None

    def read_name(self, name: str) -> Value:
        """The value of a name."""
        found = self.resolve(name)
        if found is None:
            return self.read_global(name)
        frame, key = found
        if name in frame.holders:
            return self.read_cell(frame.holders[name])
        if key not in self.env and name in frame.cells:
            return self.known(frame.cells[name])
        value = self.env.get(key, UNBOUND)
        if isinstance(value, Maybe) or value is UNBOUND:
            value = self.bound(value, UnboundLocalError)
            self.env[key] = value
        return value

    def write_name(self, name: str, value: Value) -> None:
        """Binds a name."""
        found = self.resolve(name)
        if found is None:
            self.write_global(name, value)
            return
        frame, key = found
        if name in frame.holders:
            self.write_cell(frame.holders[name], value)
            return
        self.env[key] = value

    def inherited(self, name: str) -> Value:
        """``super().name``."""
        frame: Frame | None = self.frame
        while frame is not None and not (frame.parent and "__class__" in frame.parent.cells):
            frame = frame.parent
        if frame is None or frame.parent is None or frame.first is None:
            raise Unsupported("such a super()", self.line)
        owner = self.env["v", frame.path, frame.first]
        cls = owner.cls if isinstance(owner, Obj) else type(getattr(owner, "obj", None))
        order = cls.__mro__
        for base in order[order.index(frame.parent.cells["__class__"]) + 1 :]:
            if name in base.__dict__:
                found = base.__dict__[name]
                if isinstance(found, FunctionType) or found is object.__init__:
                    return Bound(Const(found), owner)
                raise Unsupported(f"super().{name}", self.line)
        return self.fail(AttributeError)

    # Calls

    def call(self, fn: Value, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
        """Calls anything."""
        match fn:
            case Fn():
                return self.inline(fn, args, kwargs)
            case Bound(str() as name, Choice() as owner):
                return self._call_chosen(owner, 0, args, kwargs, name)
            case Bound(str(), Const(logging.Logger())):
                return self.builtin("print", args, kwargs)
            case Bound(str() as name, owner):
                return self.method(owner, name, args, kwargs)
            case Bound(inner, owner):
                return self.call(inner, (owner, *args), kwargs)  # type: ignore[arg-type]
            case Const(obj):
                return self._call_known(obj, args, kwargs)
            case Conflict():
                self.conflict(fn)
            case Choice():
                return self._call_chosen(fn, 0, args, kwargs)
            case Obj(_, cls) if _is_callable(cls):
                return self.call(self.attribute(fn, "__call__"), args, kwargs)
        raise Unsupported(f"calls {describe(type_of(fn))}", self.line)

    def _call_chosen(
        self,
        choice: Choice,
        k: int,
        args: tuple[Value, ...],
        kw: dict[str, Value],
        name: str | None = None,
    ) -> Value:
        """Calls the object that was chosen, or its method."""

        def here() -> Value:
            owner = self.known(choice.objs[k])
            return self.call(owner if name is None else self.attribute(owner, name), args, kw)

        if k == len(choice.objs) - 1:
            return here()
        chosen = self.b.icmp_signed("==", choice.leaf, self.word(k))
        return self.if_else(chosen, here, lambda: self._call_chosen(choice, k + 1, args, kw, name))

    def _call_known(self, obj: Any, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if isinstance(obj, FunctionType) and obj.__code__.co_filename == self.filename:
            return self.inline(self.function_of(obj), args, kw)
        if isinstance(obj, type) and self.is_users(obj):
            return self._instance(obj, args, kw)
        if obj == self.namespace["__builtins__"]["print"]:
            return self.builtin("print", args, kw)
        try:
            name = BUILTIN_NAMES.get(obj)
        except TypeError:
            name = None
        if name is not None:
            return self._checked_builtin(name, args, kw)
        inner = self._library(obj)
        if inner is not None:
            return self.inline(inner, args, kw)
        module = getattr(obj, "__module__", None) or ""
        if module == "logging" or obj in _SAYS:
            return self.builtin("print", args, kw)
        if obj in _TELLS:
            return Opaque()
        if isinstance(obj, BuiltinFunctionType) and module == "math":
            return self.math_function(obj.__name__, args)
        if module.split(".")[0] == "numpy" or type(obj).__module__.split(".")[0] == "numpy":
            if "random" in module:
                raise Unsupported("numpy.random", self.line)
            return self.numpy_function(obj.__name__, args, dict(kw))
        if isinstance(obj, type) and issubclass(obj, BaseException):
            return Opaque()
        if self.is_users(type(obj)) and _is_callable(type(obj)):
            return self.call(self.attribute(Const(obj), "__call__"), args, kw)
        if module == "statistics" and hasattr(self, f"_statistics_{obj.__name__}"):
            return self.as_python(getattr(self, f"_statistics_{obj.__name__}")(args[0]))
        if not callable(obj):
            return self.fail(TypeError)
        label = getattr(obj, "__qualname__", type(obj).__name__)
        if isinstance(self.node, ast.Call):
            label = ast.unparse(self.node.func)
        raise Unsupported(f"calls {label}", self.line)

    def _library(self, obj: Any) -> Fn | None:
        """What to inline for a function of the library, or for one that it has wrapped."""
        try:
            node = stand_in(obj)
        except TypeError:  # it has no hash
            return None
        if node is not None:
            path = self.path_of("library", id(node))
            defaults = tuple(Const(ast.literal_eval(value)) for value in node.args.defaults)
            return Fn(node, Frame(path, frozenset(BUILT_INS), cells=BUILT_INS), defaults, (), obj)
        wrapped = getattr(obj, "__wrapped__", None)
        if isinstance(obj, functools._lru_cache_wrapper) and self._is_pure(wrapped):
            return self.function_of(wrapped)
        return None

    def _is_pure(self, function: Any) -> TypeGuard[FunctionType]:
        """Whether a cached function gives the same as one that is called each time."""
        if not isinstance(function, FunctionType) or function.__closure__:
            return False
        used = [self.namespace.get(name) for name in function.__code__.co_names]
        return all(
            value is None or isinstance(value, ModuleType | int | float | str | BuiltinFunctionType)
            for value in used
        ) and not any(("global", name) in self.facts.slots for name in function.__code__.co_names)

    def is_object(self, value: Value) -> bool:
        """An object of a class of the user's file."""
        return isinstance(value, Obj) or (
            isinstance(value, Const) and self.is_users(type(value.obj))
        )

    def object_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """An operator that a class defines."""
        name = _METHODS[type(op)]
        ways = ((a, f"__{name}__", b), (b, f"__r{name}__", a))
        for owner, method, other in ways:
            if self.is_object(owner):
                cls = owner.cls if isinstance(owner, Obj) else type(owner.obj)  # type: ignore[attr-defined]
                found = inspect.getattr_static(cls, method, None)
                if isinstance(found, FunctionType):
                    return self.call(Const(found), (owner, other), {})
        raise Unsupported(f"the operator {name} of an object", self.line)

    def as_python(self, value: Value) -> Value:
        """A NumPy scalar as a plain number."""
        return self.number_method(value, "item", ())

    def _checked_builtin(self, name: str, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        try:
            return self.builtin(name, args, kw)
        except IndexError:
            return self.fail(TypeError)  # too few arguments

    def function_of(self, function: FunctionType) -> Fn:
        """The source of a function that exists since the module ran."""
        code = function.__code__
        node = self._node_of(code)
        parent = None
        if function.__closure__:
            holders = dict(zip(code.co_freevars, function.__closure__, strict=True))
            cells = {name: cell.cell_contents for name, cell in holders.items()}
            path = self.path_of("cells", id(function))
            parent = Frame(path, frozenset(cells), cells=cells, holders=holders)
        defaults = tuple(self.known(d) for d in function.__defaults__ or ())
        kw = function.__kwdefaults__ or {}
        names = [a.arg for a in node.args.kwonlyargs]
        kw_defaults = tuple(self.known(kw[n]) if n in kw else None for n in names)
        return Fn(node, parent, defaults, kw_defaults, function)

    def _node_of(self, code: Any) -> Function:
        found = definitions_of(self.tree, code)
        if len(found) != 1:
            raise Unsupported(f"calls {code.co_name}, whose source is not clear", self.line)
        return found[0]

    def inline(self, fn: Fn, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """Translates a function's body here, with its arguments."""
        node, depth = fn.node, self.frame.depth + 1
        if depth > MAX_DEPTH:
            raise Unsupported("calls itself, or nests too many calls", self.line)
        names, outside, _ = scope_of(node)
        path = self.path_of(self.frame.path, id(self.node), id(node))
        first = node.args.args[0].arg if node.args.args else None
        frame = Frame(path, names, fn.frame, outside, depth=depth, first=first)
        arguments = self._bind(fn, args, kw)
        self.forget(path)
        for name, value in arguments.items():
            self.env["v", path, name] = value
        outer = (self.frame, self.node, self.line)
        self.frame = frame
        try:
            if isinstance(node, ast.Lambda):
                value = self.expr(node.body)
            else:
                value = self._body(node, frame)
        finally:
            self.frame, self.node, self.line = outer
        if not frame.captured:
            self.forget(path)
        return value

    def _body(self, node: ast.FunctionDef, frame: Frame) -> Value:
        if scope_of(node).generates:
            raise Unsupported("a generator function", node.lineno)
        frame.on_return = Merge(self)
        try:
            self.statements(node.body)
            self.leave(NONE)
        except Dead:
            pass
        frame.on_return.land()
        return self.env.pop(("return", frame.path))

    def leave(self, value: Value) -> None:
        """Returns a value from the present function."""
        frame = self.frame
        assert frame.on_return is not None
        if not frame.captured:
            self.env = {
                k: v for k, v in self.env.items() if not (k[0] == "v" and k[1] == frame.path)
            }
        self.env["return", frame.path] = value
        frame.on_return.jump()
        raise Dead

    def forget(self, path: int) -> None:
        """Drops the local variables of a frame."""
        for key in [k for k in self.env if k[0] == "v" and k[1] == path]:
            del self.env[key]

    def _bind(self, fn: Fn, args: tuple[Value, ...], kw: dict[str, Value]) -> dict[str, Value]:
        """Arguments to parameters, as Python binds them; TypeError where it would."""
        spec = fn.node.args
        names = [a.arg for a in [*spec.posonlyargs, *spec.args]]
        bound = dict(zip(names, args, strict=False))
        rest = args[len(names) :]
        if spec.vararg is not None:
            bound[spec.vararg.arg] = Tup(rest)
        elif rest:
            return self.fail(TypeError)
        extra = {}
        only = [a.arg for a in spec.kwonlyargs]
        for name, value in kw.items():
            if name in bound or name not in [*names, *only]:
                if spec.kwarg is None or name in bound:
                    return self.fail(TypeError)
                extra[name] = value
            else:
                bound[name] = value
        if spec.kwarg is not None:
            path = ("kwargs", self.place())
            bound[spec.kwarg.arg] = self.new_dict(path, list(extra.items()))
        if fn.defaults:
            for name, default in zip(names[-len(fn.defaults) :], fn.defaults, strict=True):
                bound.setdefault(name, default)
        for name, kw_default in zip(only, fn.kw_defaults, strict=False):
            if kw_default is not None:
                bound.setdefault(name, kw_default)
        if any(name not in bound for name in [*names, *only]):
            return self.fail(TypeError)
        return bound

    def _instance(self, cls: type, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """An object of a user's class, made in this call."""
        if issubclass(cls, BaseException):
            return Opaque()
        if any(base.__module__ not in (cls.__module__, "builtins") for base in cls.__mro__) or (
            issubclass(cls, tuple | dict | list | str | int | float)
        ):
            raise Unsupported(f"makes an object of {cls.__name__}", self.line)
        self.loop_guard("an object")
        path = self.path_of("object", self.nth(self.place()))
        for key in [k for k in self.env if k[0] == "attr" and k[1] == path]:
            del self.env[key]
        made = Obj(path, cls)
        init = inspect.getattr_static(cls, "__init__", None)
        if hasattr(cls, "__dataclass_fields__") and init.__code__.co_filename != self.filename:
            self._dataclass(made, cls, args, kw)
        elif isinstance(init, FunctionType):
            self.call(Const(init), (made, *args), kw)
        elif args or kw:
            return self.fail(TypeError)
        return made

    def _dataclass(
        self, made: Obj, cls: Any, args: tuple[Value, ...], kw: dict[str, Value]
    ) -> None:
        import dataclasses

        fields = [f for f in dataclasses.fields(cls) if f.init]
        values = dict(zip([f.name for f in fields], args, strict=False)) | kw
        for each in fields:
            if each.name in values:
                value = values[each.name]
            elif each.default is not dataclasses.MISSING:
                value = self.known(each.default)
            elif each.default_factory is not dataclasses.MISSING:
                value = self.call(Const(each.default_factory), (), {})
            else:
                self.fail(TypeError)
            self.env["attr", made.path, each.name] = value
        if hasattr(cls, "__post_init__"):
            self.call(self.attribute(made, "__post_init__"), (), {})
