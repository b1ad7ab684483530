"""Calls: methods of built-in types, and functions; a user's is translated where it is called."""

import ast
import collections
import logging
import time
import traceback
from contextlib import suppress
from types import BuiltinFunctionType, ModuleType
from typing import Any

from deepracer_fast.reward.compiler.codegen import arrays, kinds, numpy_functions
from deepracer_fast.reward.compiler.codegen.arithmetic import as_number, is_finite
from deepracer_fast.reward.compiler.codegen.attributes import attribute
from deepracer_fast.reward.compiler.codegen.builtins import BUILTINS, say
from deepracer_fast.reward.compiler.codegen.dicts import dict_method, new_dict
from deepracer_fast.reward.compiler.codegen.lists import list_method
from deepracer_fast.reward.compiler.codegen.names import definition_of, names_used, scope_of
from deepracer_fast.reward.compiler.codegen.numbers import as_scalar, math_function
from deepracer_fast.reward.compiler.codegen.slots import known
from deepracer_fast.reward.compiler.codegen.standard_library import BUILT_INS, stand_in
from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Args, Kwargs, Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import F64, Context, Dead, Frame, Merge, i64
from deepracer_fast.reward.compiler.lowering.merges import if_else, land
from deepracer_fast.reward.sandbox.kept_values import MISSING

MAX_DEPTH = 24  # calls within calls; a recursion ends here
_TEXT_TESTS = ("startswith", "endswith", "lower", "upper", "strip", "title", "capitalize")
_SAYS = (traceback.print_exc,)  # as print does
_TELLS = (traceback.format_exc, time.time, time.perf_counter, time.monotonic)  # for print only


def call(ctx: Context, fn: Value, args: Args, kwargs: Kwargs) -> Value:
    """Calls anything."""
    match fn:
        case py.Fn():
            return inline(ctx, fn, args, kwargs)
        case py.Bound(str() as name, py.Choice() as owner):
            return _call_chosen(ctx, owner, 0, args, kwargs, name)
        case py.Bound(str(), py.Const(logging.Logger())):
            return say(ctx, args, kwargs)
        case py.Bound(str() as name, owner):
            return call_method(ctx, owner, name, args, kwargs)
        case py.Bound(inner, owner):
            return call(ctx, inner, (owner, *args), kwargs)  # type: ignore[arg-type]
        case py.Const(obj):
            return _call_known(ctx, obj, args, kwargs)
        case py.Conflict():
            ctx.conflict(fn)
        case py.Choice():
            return _call_chosen(ctx, fn, 0, args, kwargs)
        case py.Obj(_, cls) if cls.find("__call__") is not MISSING:
            return call(ctx, attribute(ctx, fn, "__call__"), args, kwargs)
    raise Unsupported(f"calls {describe(py.type_of(fn))}", ctx.line)


def _call_chosen(
    ctx: Context, choice: py.Choice, k: int, args: Args, kw: Kwargs, name: str | None = None
) -> Value:
    """Calls the object that was chosen, or its method."""

    def here() -> Value:
        owner = known(ctx, choice.objs[k])
        return call(ctx, owner if name is None else attribute(ctx, owner, name), args, kw)

    if k == len(choice.objs) - 1:
        return here()
    chosen = ctx.b.icmp_signed("==", choice.leaf, i64(k))
    return if_else(ctx, chosen, here, lambda: _call_chosen(ctx, choice, k + 1, args, kw, name))


def _call_known(ctx: Context, obj: Any, args: Args, kw: Kwargs) -> Value:
    match obj:
        case users.UserFunction() if not obj.cached or _is_pure(ctx, obj):
            return inline(ctx, function_of(ctx, obj), args, kw)
        case users.UserClass():
            return _instance(ctx, obj, args, kw)
        case users.UserObject() | users.UserTuple() if obj.cls.find("__call__") is not MISSING:
            return call(ctx, attribute(ctx, py.Const(obj), "__call__"), args, kw)
        case users.UserMethod(function, owner):
            return call(ctx, py.Const(function), (py.Const(owner), *args), kw)
        case users.UserObject() | users.UserTuple():
            return ctx.fail(TypeError)
        case users.UserFunction() | users.Unknown():
            raise Unsupported(f"calls {_label(ctx, obj)}", ctx.line)
    return _call_library(ctx, obj, args, kw)


def _call_library(ctx: Context, obj: Any, args: Args, kw: Kwargs) -> Value:
    try:
        action, inner = BUILTINS.get(obj), _library(ctx, obj)
    except TypeError:  # it has no hash
        action = inner = None
    if action is not None:
        try:
            return action(ctx, args, kw)
        except IndexError:
            return ctx.fail(TypeError)  # too few arguments
    if inner is not None:
        return inline(ctx, inner, args, kw)
    module = getattr(obj, "__module__", None) or ""
    if module == "logging" or obj in _SAYS:
        return say(ctx, args, kw)
    if obj in _TELLS:
        return py.Opaque()
    if isinstance(obj, BuiltinFunctionType) and module == "math":
        return math_function(ctx, obj.__name__, args)
    if module.split(".")[0] == "numpy" or type(obj).__module__.split(".")[0] == "numpy":
        if "random" in module:
            raise Unsupported("numpy.random", ctx.line)
        return numpy_functions.numpy_function(ctx, obj.__name__, args, dict(kw))
    if isinstance(obj, type) and issubclass(obj, BaseException):
        return py.Opaque()
    if module == "statistics" and obj.__name__ in numpy_functions.STATISTICS:
        return number_method(
            ctx, numpy_functions.statistics_function(ctx, obj.__name__, args[0]), "item", ()
        )
    if not callable(obj):
        return ctx.fail(TypeError)
    raise Unsupported(f"calls {_label(ctx, obj)}", ctx.line)


def _label(ctx: Context, obj: Any) -> str:
    if isinstance(ctx.node, ast.Call):
        return ast.unparse(ctx.node.func)
    return str(getattr(obj, "__qualname__", None) or getattr(obj, "name", type(obj).__name__))


def _library(ctx: Context, obj: Any) -> py.Fn | None:
    """What to inline for a function of the library."""
    node = stand_in(obj)
    if node is None:
        return None
    path = ctx.path_of("library", id(node))
    defaults = tuple(py.Const(ast.literal_eval(value)) for value in node.args.defaults)
    return py.Fn(node, Frame(path, frozenset(BUILT_INS), cells=BUILT_INS), defaults, (), obj)


def _is_pure(ctx: Context, function: users.UserFunction) -> bool:
    """Whether a cached function gives the same as one that is called each time."""
    names = names_used(definition_of(ctx, function))
    constant = (ModuleType, int, float, str, BuiltinFunctionType, type(None))
    return (
        not function.cells
        and all(isinstance(ctx.namespace.get(name), constant) for name in names)
        and not any(("global", name) in ctx.facts.slots for name in names)
    )


def function_of(ctx: Context, function: users.UserFunction) -> py.Fn:
    """The source of a function that exists since the module ran."""
    node = definition_of(ctx, function)
    parent = None
    if function.cells:
        path = ctx.path_of("cells", id(function))
        cells: dict[str, Any] = function.cells
        parent = Frame(path, frozenset(cells), cells=cells)
    defaults = tuple(known(ctx, d) for d in function.defaults)
    kw = function.kw_defaults
    names = [a.arg for a in node.args.kwonlyargs]
    kw_defaults = tuple(known(ctx, kw[n]) if n in kw else None for n in names)
    return py.Fn(node, parent, defaults, kw_defaults, function)


def inline(ctx: Context, fn: py.Fn, args: Args, kw: Kwargs) -> Value:
    """Translates a function's body here, with its arguments."""
    node, depth = fn.node, ctx.frame.depth + 1
    if depth > MAX_DEPTH:
        raise Unsupported("calls itself, or nests too many calls", ctx.line)
    names, outside, _ = scope_of(node)
    path = ctx.path_of(ctx.frame.path, id(ctx.node), id(node))
    first = node.args.args[0].arg if node.args.args else None
    frame = Frame(path, names, fn.frame, outside, depth=depth, first=first)
    arguments = _bind(ctx, fn, args, kw)
    forget(ctx, path)
    for name, value in arguments.items():
        ctx.env["v", path, name] = value
    outer = (ctx.frame, ctx.node, ctx.line)
    ctx.frame = frame
    try:
        if isinstance(node, ast.Lambda):
            value = ctx.ops.expr(ctx, node.body)
        else:
            value = _body(ctx, node, frame)
    finally:
        ctx.frame, ctx.node, ctx.line = outer
    if not frame.captured:
        forget(ctx, path)
    return value


def _body(ctx: Context, node: ast.FunctionDef, frame: Frame) -> Value:
    if scope_of(node).generates:
        raise Unsupported("a generator function", node.lineno)
    frame.on_return = Merge()
    with suppress(Dead):
        ctx.ops.statements(ctx, node.body)
        leave(ctx, py.NONE)
    land(ctx, frame.on_return)
    return ctx.env.pop(("return", frame.path))


def leave(ctx: Context, value: Value) -> None:
    """Returns a value from the present function."""
    frame = ctx.frame
    assert frame.on_return is not None
    if not frame.captured:
        ctx.env = {k: v for k, v in ctx.env.items() if not (k[0] == "v" and k[1] == frame.path)}
    ctx.env["return", frame.path] = value
    ctx.jump(frame.on_return)
    raise Dead


def forget(ctx: Context, path: int) -> None:
    """Drops the local variables of a frame."""
    for key in [k for k in ctx.env if k[0] == "v" and k[1] == path]:
        del ctx.env[key]


def _bind(ctx: Context, fn: py.Fn, args: Args, kw: Kwargs) -> dict[str, Value]:
    """Arguments to parameters, as Python binds them; TypeError where it would."""
    spec = fn.node.args
    names = [a.arg for a in [*spec.posonlyargs, *spec.args]]
    bound = dict(zip(names, args, strict=False))
    rest = args[len(names) :]
    if spec.vararg is not None:
        bound[spec.vararg.arg] = py.Tup(rest)
    elif rest:
        return ctx.fail(TypeError)
    extra = {}
    only = [a.arg for a in spec.kwonlyargs]
    for name, value in kw.items():
        if name in bound or name not in [*names, *only]:
            if spec.kwarg is None or name in bound:
                return ctx.fail(TypeError)
            extra[name] = value
        else:
            bound[name] = value
    if spec.kwarg is not None:
        path = ("kwargs", ctx.place())
        bound[spec.kwarg.arg] = new_dict(ctx, path, list(extra.items()))
    if fn.defaults:
        for name, default in zip(names[-len(fn.defaults) :], fn.defaults, strict=True):
            bound.setdefault(name, default)
    for name, kw_default in zip(only, fn.kw_defaults, strict=False):
        if kw_default is not None:
            bound.setdefault(name, kw_default)
    if any(name not in bound for name in [*names, *only]):
        return ctx.fail(TypeError)
    return bound


def _instance(ctx: Context, cls: users.UserClass, args: Args, kw: Kwargs) -> Value:
    """An object of a user's class, made in this call."""
    if users.is_subclass(cls, BaseException):
        return py.Opaque()
    if not all(isinstance(base, users.UserClass) or base is object for base in cls.order):
        raise Unsupported(f"makes an object of {cls.name}", ctx.line)
    if cls.customises("__new__", "__setattr__", "__getattribute__"):
        raise Unsupported(f"makes an object of {cls.name} in a way of its own", ctx.line)
    ctx.loop_guard("an object")
    path = ctx.path_of("object", ctx.nth(ctx.place()))
    for key in [k for k in ctx.env if k[0] == "attr" and k[1] == path]:
        del ctx.env[key]
    made = py.Obj(path, cls)
    init = cls.find("__init__")
    if isinstance(init, users.UserFunction):
        call(ctx, py.Const(init), (made, *args), kw)
    elif cls.fields is not None:
        _dataclass(ctx, made, cls, args, kw)
    elif init is not object.__init__:
        raise Unsupported(f"makes an object of {cls.name} in a way of its own", ctx.line)
    elif args or kw:
        return ctx.fail(TypeError)
    return made


def _dataclass(ctx: Context, made: py.Obj, cls: users.UserClass, args: Args, kw: Kwargs) -> None:
    fields = cls.fields or ()
    values = dict(zip([f.name for f in fields], args, strict=False)) | kw
    for each in fields:
        if each.name in values:
            value = values[each.name]
        elif each.default is not MISSING:
            value = known(ctx, each.default)
        elif each.factory is not MISSING:
            value = call(ctx, py.Const(each.factory), (), {})
        else:
            ctx.fail(TypeError)
        ctx.env["attr", made.path, each.name] = value
    if cls.find("__post_init__") is not MISSING:
        call(ctx, attribute(ctx, made, "__post_init__"), (), {})


def array_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``array.name(...)``."""
    if name == "tolist":
        return arrays.array_of(ctx, owner).inner
    copies = name in ("copy", "flatten", "ravel")
    if copies and arrays.dimensions_of(ctx, arrays.operand(ctx, owner)) == 1:
        return arrays.array_of(ctx, owner)
    if name == "astype":
        return arrays.cast_array(ctx, owner, args[0])
    if name == "item" and not args:
        return as_scalar(ctx, arrays.array_of(ctx, owner))
    return numpy_functions.numpy_function(ctx, name, (owner, *args), kw)


def call_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    """``owner.name(...)`` of a built-in type."""
    if isinstance(owner, py.Opaque):
        return py.Opaque()
    if kinds.is_dict(owner):
        return dict_method(ctx, owner, name, args, kw)
    if kinds.is_text(owner):
        return _text_method(ctx, owner, name, args, kw)
    if kinds.is_array(owner):
        return array_method(ctx, owner, name, args, kw)
    if kinds.is_known(owner, set, frozenset):
        raise Unsupported(f"the method {name} of a set", ctx.line)
    if kinds.is_sequence(owner) or kinds.is_known(owner, collections.deque):
        return list_method(ctx, owner, name, args, kw)
    return number_method(ctx, owner, name, args)


def _text_method(ctx: Context, owner: Value, name: str, args: Args, kw: Any) -> Value:
    if name in ("format", "join", "ljust", "rjust", "center", "zfill", "replace"):
        joined = py.Opaque | py.Lazy | py.Tup | py.Lst | py.Const | py.Arr
        if name == "join" and args and not isinstance(args[0], joined):
            raise Unsupported("join of something else", ctx.line)
        return py.Opaque()
    if isinstance(owner, py.Const) and kinds.all_known(args) and name in _TEXT_TESTS:
        try:
            return py.Const(getattr(owner.obj, name)(*(arg.obj for arg in args)))
        except TypeError:
            return ctx.fail(TypeError)
    raise Unsupported(f"the string method {name}", ctx.line)


def number_method(ctx: Context, owner: Value, name: str, args: Args) -> Value:
    """``number.name()``."""
    number = as_number(ctx, owner)
    if name == "is_integer" and number.kind == "f" and number.exact:
        floor = ctx.native("llvm.floor.f64", F64, number.leaf)
        whole = ctx.b.fcmp_ordered("==", floor, number.leaf)
        return py.Num("b", ctx.b.and_(whole, is_finite(ctx, number.leaf)))
    if name in ("item", "conjugate") and not args:
        return py.Num(number.kind, number.leaf, 0, number.exact)
    if name == "astype" or not number.np:
        raise Unsupported(f"the method {name} of {describe(py.type_of(owner))}", ctx.line)
    return array_method(ctx, owner, name, args, {})
