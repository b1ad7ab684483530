"""Attributes of objects, classes and modules."""

from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from deepracer_fast.reward import library
from deepracer_fast.reward.compiler.codegen import kinds, slots
from deepracer_fast.reward.compiler.codegen.sequences import of_each
from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context
from deepracer_fast.reward.sandbox.kept_values import MISSING


def attribute(ctx: Context, owner: Value, name: str) -> Value:
    """``owner.name``."""
    if not kinds.is_known(owner, users.Unknown):
        owner = kinds.plain(ctx, owner)
    match owner:
        case py.Obj(path, cls):
            value = ctx.env.get(("attr", path, name), py.UNBOUND)
            if isinstance(value, py.Maybe) and cls.find(name) is MISSING:
                return slots.bound(ctx, value, AttributeError)
            of_class = partial(_class_attribute, ctx, cls, name, owner)
            return slots.where_bound(ctx, value, lambda own: own, of_class)
        case py.Const(obj):
            if not kinds.is_array(owner):
                return _const_attribute(ctx, obj, name)
        case py.Fn() if owner.key is not None:
            return _const_attribute(ctx, owner.key, name)
        case py.Choice():
            if not any(_is_method(obj, name) for obj in owner.objs):
                return of_each(ctx, owner, lambda v: attribute(ctx, v, name))
    if kinds.is_array(owner) and name in ("shape", "size", "ndim", "T"):
        return ctx.ops.array_attribute(ctx, owner, name)
    return py.Bound(name, owner)


def _is_method(obj: Any, name: str) -> bool:
    found = users.static_attribute(obj, name)
    if isinstance(found, staticmethod | classmethod):
        return True
    return found is not MISSING and not isinstance(found, property) and users.is_callable(found)


def _const_attribute(ctx: Context, obj: Any, name: str) -> Value:
    key = ("attr", id(obj), name)
    if key in ctx.facts.slots:
        return slots.read_slot(ctx, key, AttributeError)
    match obj:
        case ModuleType():
            return module_member(ctx, obj, name)
        case users.Unknown():
            return by_name(ctx, f"{obj.name}.{name}")
        case users.UserClass():
            return _class_attribute(ctx, obj, name, None)
        case users.UserFunction() | users.UserObject() if name in obj.attributes:
            return slots.known(ctx, obj.attributes[name])
        case users.UserTuple() if name in obj.fields:
            return slots.known(ctx, obj[obj.fields.index(name)])
        case users.UserObject() | users.UserTuple():
            return _class_attribute(ctx, obj.cls, name, py.Const(obj))
        case FunctionType() | users.UserFunction():
            return ctx.fail(AttributeError)
    if name in ("pi", "e", "inf", "nan", "real", "imag", "start", "stop", "step"):
        return py.Const(getattr(obj, name))
    return py.Bound(name, py.Const(obj))


def module_member(ctx: Context, module: ModuleType, name: str) -> Value:
    """What a module of the library holds."""
    try:
        return py.Const(library.member(module, name))
    except LookupError:
        return ctx.fail(AttributeError)
    except ValueError:
        return by_name(ctx, f"{module.__name__}.{name}")


def by_name(ctx: Context, name: str) -> py.Const:
    """An object of which a name is known; in every pass the same."""
    return py.Const(ctx.facts.made.setdefault(("unknown", name), users.Unknown(name)))


def _class_attribute(ctx: Context, cls: users.UserClass, name: str, owner: Value | None) -> Value:
    if name == "__class__" and owner is not None:
        return py.Const(cls)
    if name == "__name__" and owner is None:
        return py.Const(cls.name)
    found: Any = MISSING
    for base in cls.order:
        if ("attr", id(base), name) in ctx.facts.slots:
            return slots.read_slot(ctx, ("attr", id(base), name), AttributeError)
        if name in (own := users.attributes_of(base)):
            if not isinstance(base, users.UserClass):
                raise Unsupported(f"the attribute {name}", ctx.line)
            found = own[name]
            break
    if found is MISSING:
        if owner is not None and cls.customises("__getattr__", "__getattribute__"):
            raise Unsupported(f"the attributes of {cls.name}", ctx.line)
        return ctx.fail(AttributeError)
    match found:
        case property(fget=function):
            return ctx.ops.call(ctx, py.Const(function), (owner or py.Const(None),), {})
        case staticmethod():
            return py.Const(found.__func__)
        case classmethod():
            return py.Bound(py.Const(found.__func__), py.Const(cls))
        case users.UserFunction() if owner is not None:
            return py.Bound(py.Const(found), owner)
        case users.UserObject() if found.cls.customises("__get__", "__set__"):
            raise Unsupported(f"the attribute {name}", ctx.line)
    if isinstance(found, FunctionType) and owner is not None:  # it becomes a method
        raise Unsupported(f"the attribute {name}", ctx.line)
    return slots.known(ctx, found)


def set_attribute(ctx: Context, owner: Value, name: str, value: Value) -> Value:
    """``owner.name = value``; gives None."""
    owner = kinds.plain(ctx, owner)
    if isinstance(owner, py.Obj):
        ctx.env[("attr", owner.path, name)] = value
        return py.NONE
    obj = owner.obj if isinstance(owner, py.Const) else getattr(owner, "key", None)
    if not isinstance(obj, users.UserObject | users.UserClass | users.UserFunction):
        raise Unsupported(f"sets the attribute {name} of something else", ctx.line)
    if isinstance(obj, users.UserObject):
        _check_setting(ctx, obj.cls, name)
    what = (obj, name, users.static_attribute(obj, name))
    slots.write_slot(ctx, ("attr", id(obj), name), what, value)
    return py.NONE


def _check_setting(ctx: Context, cls: users.UserClass, name: str) -> None:
    """Refuses what a class does in its own way when an attribute is set."""
    held = cls.find(name)
    descriptor = isinstance(held, users.UserObject) and held.cls.customises("__set__")
    if descriptor or isinstance(held, property | users.Unknown) or cls.customises("__setattr__"):
        raise Unsupported(f"sets the property {name}", ctx.line)


def has_attribute(ctx: Context, owner: Value, name: str) -> Value:
    """``hasattr(owner, name)``."""
    owner = kinds.plain(ctx, owner)
    if isinstance(owner, py.Obj):
        return _is_bound(ctx, ctx.env.get(("attr", owner.path, name), py.UNBOUND), owner.cls, name)
    obj = owner.obj if isinstance(owner, py.Const) else getattr(owner, "key", None)
    if kinds.is_sequence(owner) and hasattr(list, name) == hasattr(tuple, name):
        return py.Const(hasattr(list, name))
    if obj is None:
        cls = kinds.class_of_value(ctx, owner)
        return py.Const(users.static_attribute(cls, name) is not MISSING)
    key = ("attr", id(obj), name)
    if key in ctx.facts.slots:
        return _is_bound(ctx, ctx.env[("slot", key)], users.class_of(obj), name)
    found = users.static_attribute(obj, name)
    if isinstance(found, property):  # it may raise AttributeError itself
        raise Unsupported(f"asks for the property {name}", ctx.line)
    return py.Const(found is not MISSING)


def _is_bound(ctx: Context, value: Value, cls: Any, name: str) -> Value:
    if value is py.UNBOUND:
        return py.Const(users.static_attribute(cls, name) is not MISSING)
    if isinstance(value, py.Maybe):
        return py.Num("b", ctx.b.not_(value.flag))
    return py.Const(True)
