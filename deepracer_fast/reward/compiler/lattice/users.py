"""What a user's module holds, as data: no code of the user's is in any of it.

In: what `rebuild` reads from a description. Out: stand-ins for the functions, classes and objects
of the user's file. The compiler translates a function from the syntax tree; a stand-in says which
one it is. Nothing here can be called, and what a class would do in Python - comparing, hashing,
counting - is refused where the class says more than Python itself does.
"""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from deepracer_fast.reward.compiler.lattice.values import Unsupported
from deepracer_fast.reward.sandbox.kept_values import MISSING


class Unknown:
    """An object that the compiler knows by a name only."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _refuse(self, *_: Any) -> NoReturn:
        raise Unsupported(f"uses {self.name}")

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = __iter__ = _refuse
    __hash__ = __contains__ = __getitem__ = __index__ = __int__ = __float__ = _refuse


@dataclass(eq=False)
class Cell:
    """A variable that closures share."""

    contents: Any = MISSING


@dataclass(eq=False)
class UserFunction:
    """A function or lambda of the user's file, found by its place.

    Attributes:
        name: "<lambda>" for a lambda.
        line: its first line, which is that of the first decorator.
        arguments: names of its first arguments, which tell lambdas of one line apart.
        cached: it is the function within an `functools.lru_cache`.
    """

    name: str
    line: int
    arguments: tuple[str, ...]
    defaults: tuple[Any, ...] = ()
    kw_defaults: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    cached: bool = False


@dataclass(eq=False)
class UserMethod:
    """A method that was taken from its object when the module ran."""

    function: Any
    owner: Any


class Field(NamedTuple):
    """A field of a dataclass that its ``__init__`` takes; `MISSING` where it has no default."""

    name: str
    default: Any
    factory: Any


@dataclass(eq=False)
class UserClass:
    """A class of the user's file.

    Attributes:
        order: the classes in which an attribute is looked up, itself first.
        attributes: its own; functions, properties and the like as stand-ins.
        fields: of a dataclass.
    """

    name: str
    order: tuple[Any, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] | None = None

    def find(self, name: str) -> Any:
        """What the class or one that it derives from has under a name, or `MISSING`."""
        for base in self.order:
            own = attributes_of(base)
            if name in own:
                return own[name]
        return MISSING

    def customises(self, *names: str) -> bool:
        """Whether Python's own way of doing something is replaced."""
        bases = [base for base in self.order if base not in (object, tuple)]
        return any(name in attributes_of(base) for base in bases for name in names)


class UserObject:
    """An object of a class of the user's file."""

    def __init__(self, cls: UserClass, attributes: dict[str, Any]) -> None:
        self.cls = cls
        self.attributes = attributes

    def _own(self, *names: str) -> None:
        if self.cls.customises(*names):
            raise Unsupported(f"{names[0]} of {self.cls.name}")

    def _refuse(self, *_: Any) -> NoReturn:
        raise Unsupported(f"what {self.cls.name} does in its own way")

    __lt__ = __le__ = __gt__ = __ge__ = __len__ = __iter__ = __contains__ = _refuse
    __getitem__ = __index__ = __int__ = __float__ = _refuse

    def __eq__(self, other: object) -> bool:
        self._own("__eq__")
        return self is other

    def __hash__(self) -> int:
        self._own("__eq__")
        return id(self)

    def __bool__(self) -> bool:
        self._own("__bool__", "__len__")
        return True


class UserTuple(tuple[Any, ...]):
    """A named tuple of a class of the user's file."""

    cls: UserClass
    fields: tuple[str, ...]


STAND_INS = (UserFunction, UserMethod, UserClass, UserObject, UserTuple, Unknown)


def attributes_of(cls: Any) -> Any:
    """The own attributes of a class; those of one that is not known are refused."""
    if isinstance(cls, UserClass):
        return cls.attributes
    if isinstance(cls, type):
        return cls.__dict__
    raise Unsupported(f"a class derived from {getattr(cls, 'name', cls)}")


def class_of(obj: Any) -> Any:
    """The class of a known object."""
    return obj.cls if isinstance(obj, UserObject | UserTuple) else type(obj)


def is_class(obj: Any) -> bool:
    """Whether an object is a class, of the user's file or of the library."""
    return isinstance(obj, type | UserClass)


def is_subclass(cls: Any, wanted: Any) -> bool:
    """``issubclass``, for one class or a tuple of them."""
    if isinstance(wanted, tuple):
        return any(is_subclass(cls, each) for each in wanted)
    if not is_class(cls) or not is_class(wanted):
        raise Unsupported("asks for a class that is not known")
    if isinstance(cls, UserClass):
        if not all(map(is_class, cls.order)) or type(wanted) not in (type, UserClass):
            raise Unsupported(f"asks for the classes of {cls.name}")
        return any(base is wanted for base in cls.order)
    return isinstance(wanted, type) and issubclass(cls, wanted)


def is_callable(obj: Any) -> bool:
    """``callable``."""
    if isinstance(obj, UserObject | UserTuple):
        return obj.cls.find("__call__") is not MISSING
    if isinstance(obj, Unknown):
        raise Unsupported(f"asks for what {obj.name} can do")
    return isinstance(obj, UserFunction | UserMethod | UserClass) or callable(obj)


def static_attribute(obj: Any, name: str) -> Any:
    """What an object or its class has under a name, as it is stored there, or `MISSING`."""
    match obj:
        case UserClass():
            return obj.find(name)
        case UserTuple():
            place = dict(zip(obj.fields, obj, strict=True))
            return place[name] if name in place else obj.cls.find(name)
        case UserObject():
            if name in obj.attributes:
                return obj.attributes[name]
            if obj.cls.customises("__getattr__", "__getattribute__"):
                raise Unsupported(f"attributes of {obj.cls.name}")
            return obj.cls.find(name)
        case UserFunction():
            return obj.attributes.get(name, MISSING)
        case ModuleType():
            return vars(obj).get(name, MISSING)
        case Unknown():
            raise Unsupported(f"uses {obj.name}")
    return getattr(obj, name, MISSING)


def type_name(obj: Any) -> str:
    """The name of an object's class, for messages."""
    if isinstance(obj, Unknown):
        return obj.name
    cls = class_of(obj)
    name: str = cls.name if isinstance(cls, UserClass) else cls.__name__
    words = {"UserFunction": "function", "UserMethod": "method", "UserClass": "class"}
    return words.get(name, name)
