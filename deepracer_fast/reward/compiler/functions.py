"""Names and calls: every function of the user's file is translated at the place of its call."""

from __future__ import annotations

import ast
import builtins
import logging
import time
import traceback
from types import BuiltinFunctionType, ModuleType
from typing import Any

from deepracer_fast.reward.compiler.calls import BUILTIN_NAMES
from deepracer_fast.reward.compiler.emitter import Dead, Merge
from deepracer_fast.reward.compiler.joins import Unsupported, describe
from deepracer_fast.reward.compiler.scopes import (
    Frame,
    Function,
    definitions_of,
    names_used,
    scope_of,
)
from deepracer_fast.reward.compiler.standard_library import BUILT_INS, stand_in
from deepracer_fast.reward.compiler.users import (
    MISSING,
    Cell,
    Unknown,
    UserClass,
    UserFunction,
    UserMethod,
    UserObject,
    UserTuple,
    attributes_of,
    class_of,
    is_subclass,
)
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


class Functions(Arrays):
    """Frames, names, and calls of anything."""

    frame: Frame
    node: ast.AST
    tree: ast.Module

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
        held = frame.cells.get(name)
        if isinstance(held, Cell):
            return self.read_cell(held)
        if key not in self.env and name in frame.cells:
            return Const(held)
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
        held = frame.cells.get(name)
        if isinstance(held, Cell):
            self.write_cell(held, value)
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
        cls = owner.cls if isinstance(owner, Obj) else class_of(getattr(owner, "obj", None))
        own = frame.parent.cells["__class__"].contents
        order = cls.order if isinstance(cls, UserClass) else ()
        if own not in order:
            raise Unsupported("such a super()", self.line)
        for base in order[order.index(own) + 1 :]:
            found = attributes_of(base).get(name, MISSING)
            if isinstance(found, UserFunction) or found is object.__init__:
                return Bound(Const(found), owner)
            if found is not MISSING:
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
            case Obj(_, cls) if cls.find("__call__") is not MISSING:
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
        match obj:
            case UserFunction() if not obj.cached or self._is_pure(obj):
                return self.inline(self.function_of(obj), args, kw)
            case UserClass():
                return self._instance(obj, args, kw)
            case UserObject() | UserTuple() if obj.cls.find("__call__") is not MISSING:
                return self.call(self.attribute(Const(obj), "__call__"), args, kw)
            case UserMethod(function, owner):
                return self.call(Const(function), (Const(owner), *args), kw)
            case UserObject() | UserTuple():
                return self.fail(TypeError)
            case UserFunction() | Unknown():
                raise Unsupported(f"calls {self._label(obj)}", self.line)
        return self._call_library(obj, args, kw)

    def _call_library(self, obj: Any, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        if obj is builtins.print:
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
        if module == "statistics" and hasattr(self, f"_statistics_{obj.__name__}"):
            return self.as_python(getattr(self, f"_statistics_{obj.__name__}")(args[0]))
        if not callable(obj):
            return self.fail(TypeError)
        raise Unsupported(f"calls {self._label(obj)}", self.line)

    def _label(self, obj: Any) -> str:
        if isinstance(self.node, ast.Call):
            return ast.unparse(self.node.func)
        return str(getattr(obj, "__qualname__", None) or getattr(obj, "name", type(obj).__name__))

    def _library(self, obj: Any) -> Fn | None:
        """What to inline for a function of the library."""
        try:
            node = stand_in(obj)
        except TypeError:  # it has no hash
            return None
        if node is None:
            return None
        path = self.path_of("library", id(node))
        defaults = tuple(Const(ast.literal_eval(value)) for value in node.args.defaults)
        return Fn(node, Frame(path, frozenset(BUILT_INS), cells=BUILT_INS), defaults, (), obj)

    def _is_pure(self, function: UserFunction) -> bool:
        """Whether a cached function gives the same as one that is called each time."""
        names = names_used(self._node_of(function))
        kinds = (ModuleType, int, float, str, BuiltinFunctionType, type(None))
        return (
            not function.cells
            and all(isinstance(self.namespace.get(name), kinds) for name in names)
            and not any(("global", name) in self.facts.slots for name in names)
        )

    def is_object(self, value: Value) -> bool:
        """An object of a class of the user's file."""
        return isinstance(value, Obj) or (
            isinstance(value, Const) and isinstance(value.obj, UserObject | UserTuple)
        )

    def object_binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """An operator that a class defines."""
        name = _METHODS[type(op)]
        ways = ((a, f"__{name}__", b), (b, f"__r{name}__", a))
        for owner, method, other in ways:
            if self.is_object(owner):
                found = self.class_of_any(owner).find(method)
                if isinstance(found, UserFunction):
                    return self.call(Const(found), (owner, other), {})
        raise Unsupported(f"the operator {name} of an object", self.line)

    def class_of_any(self, owner: Value) -> Any:
        """The class of an object of the user's file."""
        return owner.cls if isinstance(owner, Obj) else class_of(owner.obj)  # type: ignore[attr-defined]

    def as_python(self, value: Value) -> Value:
        """A NumPy scalar as a plain number."""
        return self.number_method(value, "item", ())

    def _checked_builtin(self, name: str, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        try:
            return self.builtin(name, args, kw)
        except IndexError:
            return self.fail(TypeError)  # too few arguments

    def function_of(self, function: UserFunction) -> Fn:
        """The source of a function that exists since the module ran."""
        node = self._node_of(function)
        parent = None
        if function.cells:
            path = self.path_of("cells", id(function))
            cells: dict[str, Any] = function.cells
            parent = Frame(path, frozenset(cells), cells=cells)
        defaults = tuple(self.known(d) for d in function.defaults)
        kw = function.kw_defaults
        names = [a.arg for a in node.args.kwonlyargs]
        kw_defaults = tuple(self.known(kw[n]) if n in kw else None for n in names)
        return Fn(node, parent, defaults, kw_defaults, function)

    def _node_of(self, function: UserFunction) -> Function:
        found = definitions_of(self.tree, function)
        if len(found) != 1:
            raise Unsupported(f"calls {function.name}, whose source is not clear", self.line)
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

    def _instance(self, cls: UserClass, args: tuple[Value, ...], kw: dict[str, Value]) -> Value:
        """An object of a user's class, made in this call."""
        if is_subclass(cls, BaseException):
            return Opaque()
        if not all(isinstance(base, UserClass) or base is object for base in cls.order):
            raise Unsupported(f"makes an object of {cls.name}", self.line)
        if cls.customises("__new__", "__setattr__", "__getattribute__"):
            raise Unsupported(f"makes an object of {cls.name} in a way of its own", self.line)
        self.loop_guard("an object")
        path = self.path_of("object", self.nth(self.place()))
        for key in [k for k in self.env if k[0] == "attr" and k[1] == path]:
            del self.env[key]
        made = Obj(path, cls)
        init = cls.find("__init__")
        if isinstance(init, UserFunction):
            self.call(Const(init), (made, *args), kw)
        elif cls.fields is not None:
            self._dataclass(made, cls, args, kw)
        elif init is not object.__init__:
            raise Unsupported(f"makes an object of {cls.name} in a way of its own", self.line)
        elif args or kw:
            return self.fail(TypeError)
        return made

    def _dataclass(
        self, made: Obj, cls: UserClass, args: tuple[Value, ...], kw: dict[str, Value]
    ) -> None:
        fields = cls.fields or ()
        values = dict(zip([f.name for f in fields], args, strict=False)) | kw
        for each in fields:
            if each.name in values:
                value = values[each.name]
            elif each.default is not MISSING:
                value = self.known(each.default)
            elif each.factory is not MISSING:
                value = self.call(Const(each.factory), (), {})
            else:
                self.fail(TypeError)
            self.env["attr", made.path, each.name] = value
        if cls.find("__post_init__") is not MISSING:
            self.call(self.attribute(made, "__post_init__"), (), {})
