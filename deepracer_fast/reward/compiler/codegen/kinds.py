"""What kind of value it is: a text, a sequence, an array, an object; and its class."""

import ast
from collections.abc import Iterable
from typing import Any, TypeGuard

from deepracer_fast.reward.compiler.lattice import users
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import describe
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import Context

_NUMBER_TYPES = {"b": bool, "i": int, "f": float}
# Operator -> the method that defines it, which is also its name in `operator`.
METHODS = {
    ast.Add: "__add__",
    ast.Sub: "__sub__",
    ast.Mult: "__mul__",
    ast.Div: "__truediv__",
    ast.FloorDiv: "__floordiv__",
    ast.Mod: "__mod__",
    ast.Pow: "__pow__",
    ast.MatMult: "__matmul__",
    ast.BitAnd: "__and__",
    ast.BitOr: "__or__",
    ast.BitXor: "__xor__",
    ast.LShift: "__lshift__",
    ast.RShift: "__rshift__",
}


def plain(ctx: Context, value: Value) -> Value:
    """The value itself; TypeError at run time where it is None."""
    if isinstance(value, py.Conflict):
        ctx.conflict(value)
    if isinstance(value, py.Opt):
        ctx.fail_if(value.flag, TypeError)
        return value.value
    if is_known(value, users.Unknown):
        raise Unsupported(f"uses {value.obj.name}", ctx.line)
    return value


def is_known(value: Value, *types: Any) -> TypeGuard[py.Const]:
    """A known object of one of the types."""
    return isinstance(value, py.Const) and isinstance(value.obj, types)


def all_known(values: Iterable[Value]) -> TypeGuard[tuple[py.Const, ...]]:
    """Whether each of the values is a known object."""
    return all(isinstance(value, py.Const) for value in values)


def is_dict(value: Value) -> bool:
    """A dict of the module, or one made in this call."""
    return isinstance(value, py.Dct) or is_known(value, dict)


def is_text(value: Value) -> bool:
    """A string, known or one of several."""
    return isinstance(value, py.Str) or is_known(value, str)


def is_array(value: Value) -> bool:
    """A NumPy array of at least one dimension."""
    if isinstance(value, py.Const):
        return type(value.obj).__module__ == "numpy" and getattr(value.obj, "shape", ()) != ()
    return isinstance(value, py.Arr)


def is_sequence(value: Value) -> bool:
    """A tuple or a list."""
    return isinstance(value, py.Tup | py.Lst) or is_known(value, tuple, list)


def class_of_value(ctx: Context, value: Value) -> Any:
    """The class of a value made at run time."""
    match value:
        case py.Num(kind, _, 0, True):
            return _NUMBER_TYPES[kind]
        case py.Str():
            return str
        case py.Tup(_, is_list) if is_list is not None:
            return list if is_list else tuple
        case py.Lst(_, site) if not ctx.facts.may_be_tuple(site):
            return list
        case py.Obj(_, cls):
            return cls
        case py.Dct():
            return dict
    raise Unsupported(f"asks for the class of {describe(py.type_of(value))}", ctx.line)


def is_object(value: Value) -> bool:
    """An object of a class of the user's file."""
    return isinstance(value, py.Obj) or is_known(value, users.UserObject, users.UserTuple)


def object_binary(ctx: Context, op: ast.operator, a: Value, b: Value) -> Value:
    """An operator that a class defines."""
    name = METHODS[type(op)].strip("_")
    for owner, method, other in ((a, f"__{name}__", b), (b, f"__r{name}__", a)):
        if is_object(owner):
            cls = owner.cls if isinstance(owner, py.Obj) else users.class_of(owner.obj)  # type: ignore[attr-defined]
            found = cls.find(method)
            if isinstance(found, users.UserFunction):
                return ctx.ops.call(ctx, py.Const(found), (owner, other), {})
    raise Unsupported(f"the operator {name} of an object", ctx.line)
