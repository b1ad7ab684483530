"""State that outlives a call: module variables, attributes, keys of dicts, and lists.

A piece of state gets a `Slot` when the program is seen to write it; from the next pass on, reads
and writes go to the environment, which the kernel fills from the car's columns and writes back.
What is never written is a constant.
"""

from __future__ import annotations

import builtins
import collections
from types import FunctionType, ModuleType
from typing import Any

from deepracer_fast.reward import library
from deepracer_fast.reward.compiler.comparisons import Comparisons
from deepracer_fast.reward.compiler.joins import Restart, Slot, Unsupported, describe
from deepracer_fast.reward.compiler.users import (
    MISSING,
    Cell,
    Unknown,
    UserClass,
    UserFunction,
    UserObject,
    UserTuple,
    attributes_of,
    class_of,
    is_callable,
    static_attribute,
)
from deepracer_fast.reward.compiler.values import (
    UNBOUND,
    Bound,
    Choice,
    Const,
    Dct,
    Fn,
    Maybe,
    Num,
    Obj,
    TConst,
    TLst,
    TMaybe,
    TNum,
    TOpt,
    TStr,
    TTup,
    TUnbound,
    Tup,
    Type,
    Value,
    const_key,
    type_of,
)


def can_be_kept(typ: Type) -> bool:
    """Whether a type has words that say all about its value."""
    match typ:
        case TOpt(inner) | TMaybe(inner):
            return can_be_kept(inner)
        case TTup(items, is_list):
            return is_list is not None and all(can_be_kept(item) for item in items)
        case TConst(_, obj):
            return obj is None
    return isinstance(typ, TNum | TStr | TLst | TUnbound)


class State(Comparisons):
    """Names, attributes and keys that belong to the user's module."""

    namespace: dict[str, Any]
    visits: dict[Any, int]

    # Slots

    def known(self, obj: Any) -> Value:
        """An object of the user's module: a constant, or the list that it is for this car."""
        if isinstance(obj, list | collections.deque):
            key = ("list", id(obj))
            if key in self.facts.slots:
                return self.env[("slot", key)]
            if isinstance(obj, collections.deque):
                self.list_slot(obj)
        return Const(obj)

    def list_slot(self, obj: Any) -> None:
        """Makes a list of the module state, because it is changed."""
        for made_key, made in self.facts.made.items():
            if obj is made:
                self.facts.make_dynamic([made_key[0]])
        key = ("list", id(obj))
        site = ("state", id(obj))
        for item in obj:
            found = self.facts.element(site)
            typ = self.facts.widen(TConst(const_key(item), item))
            wider = typ if found is None else self.facts.join(found, typ)
            self.facts.set_element(site, wider)
            self.facts._element[self.facts.root(site)] = wider
        if isinstance(obj, collections.deque) and obj.maxlen is not None:
            self.facts.maxlen[self.facts.root(site)] = obj.maxlen
        self.facts.slots[key] = Slot(obj, "list", None, list(obj), TLst(site))
        raise Restart

    def read_slot(self, key: Any, error: type[BaseException]) -> Value:
        """The value of a slot; raises where it is not bound."""
        return self.bound(self.env[("slot", key)], error)

    def bound(self, value: Value, error: type[BaseException]) -> Value:
        """The value of something that may not be bound."""
        if value is UNBOUND:
            return self.fail(error)
        if isinstance(value, Maybe):
            self.fail_if(value.flag, error)
            return value.value
        return value

    def write_slot(self, key: Any, slot: Slot, value: Value) -> None:
        """Gives a slot a new value, and the slot if it is the first time."""
        present = self.facts.slots.get(key)
        if isinstance(value, Tup) and value.is_list and not value.sites <= self.facts.dynamic:
            self.facts.make_dynamic(value.sites)
        typ = self._storable(type_of(value))
        if present is None:
            slot.type = self.facts.join(slot.type, typ)
            self.facts.slots[key] = slot
            raise Restart
        wider = self.facts.join(present.type, typ)
        if wider != present.type:
            present.type = self._storable(wider)
            raise Restart
        self.env[("slot", key)] = value

    def _storable(self, typ: Type) -> Type:
        wide = self.facts.widen(typ)
        if not can_be_kept(wide):
            raise Unsupported(f"keeps {describe(wide)} from one call to the next", self.line)
        return wide

    def initial_type(self, obj: Any) -> Type:
        """The type of a slot's first value."""
        if obj is MISSING:
            return TUnbound()
        if isinstance(obj, list):
            site = ("state", id(obj))
            for item in obj:
                self.facts.widen_element(site, TConst(const_key(item), item))
            return TLst(site)
        return self._storable(TConst(const_key(obj), obj))

    # Module variables

    def read_global(self, name: str) -> Value:
        """A module variable or a built-in."""
        key = ("global", name)
        if key in self.facts.slots:
            return self.read_slot(key, NameError)
        if name in self.namespace:
            return self.known(self.namespace[name])
        builtin = getattr(builtins, name, MISSING)
        if builtin is MISSING:
            return self.fail(NameError)
        return Const(builtin)

    def write_global(self, name: str, value: Value) -> None:
        """``global name; name = value``."""
        first = self.namespace.get(name, MISSING)
        slot = Slot(None, "global", name, first, self._slot_type(("global", name), first))
        self.write_slot(("global", name), slot, value)

    # Variables of a function that made the reward when the module ran

    def read_cell(self, cell: Cell) -> Value:
        """A variable that a closure shares with the function around it."""
        key = ("cell", id(cell))
        if key in self.facts.slots:
            return self.read_slot(key, NameError)
        return self.fail(NameError) if cell.contents is MISSING else self.known(cell.contents)

    def write_cell(self, cell: Cell, value: Value) -> None:
        """``nonlocal name; name = value``."""
        key, first = ("cell", id(cell)), cell.contents
        self.write_slot(key, Slot(cell, "cell", None, first, self._slot_type(key, first)), value)

    def _slot_type(self, key: Any, first: Any) -> Type:
        if key in self.facts.slots:
            return self.facts.slots[key].type
        return self.initial_type(first)

    # Attributes

    def attribute(self, owner: Value, name: str) -> Value:
        """``owner.name``."""
        if not (isinstance(owner, Const) and isinstance(owner.obj, Unknown)):
            owner = self.plain(owner)
        match owner:
            case Obj(path, cls):
                key = ("attr", path, name)
                value = self.env.get(key, UNBOUND)
                if value is UNBOUND:
                    return self._class_attribute(cls, name, owner)
                if isinstance(value, Maybe) and cls.find(name) is not MISSING:
                    own, made = value, owner
                    return self.if_else(
                        own.flag,
                        lambda: self._class_attribute(cls, name, made),
                        lambda: own.value,
                    )
                return self.bound(value, AttributeError)
            case Const(obj):
                if not self.is_array(owner):
                    return self._const_attribute(obj, name)
            case Fn() if owner.key is not None:
                return self._const_attribute(owner.key, name)
            case Choice():
                if not any(self._is_method(obj, name) for obj in owner.objs):
                    return self.of_each(owner, lambda v: self.attribute(v, name))
        if self.is_array(owner) and name in ("shape", "size", "ndim", "T"):
            return self.array_attribute(owner, name)
        return Bound(name, owner)

    def _is_method(self, obj: Any, name: str) -> bool:
        found = static_attribute(obj, name)
        if isinstance(found, staticmethod | classmethod):
            return True
        return found is not MISSING and not isinstance(found, property) and is_callable(found)

    def array_attribute(self, owner: Value, name: str) -> Value:
        """``array.shape`` and its kin (`arrays`)."""
        raise NotImplementedError

    def _const_attribute(self, obj: Any, name: str) -> Value:
        key = ("attr", id(obj), name)
        if key in self.facts.slots:
            return self.read_slot(key, AttributeError)
        match obj:
            case ModuleType():
                return self.module_member(obj, name)
            case Unknown():
                return self.by_name(f"{obj.name}.{name}")
            case UserClass():
                return self._class_attribute(obj, name, None)
            case UserFunction() if name in obj.attributes:
                return self.known(obj.attributes[name])
            case UserObject() if name in obj.attributes:
                return self.known(obj.attributes[name])
            case UserTuple() if name in obj.fields:
                return self.known(obj[obj.fields.index(name)])
            case UserObject() | UserTuple():
                return self._class_attribute(obj.cls, name, Const(obj))
            case FunctionType() | UserFunction():
                return self.fail(AttributeError)
        if name in ("pi", "e", "inf", "nan", "real", "imag", "start", "stop", "step"):
            return Const(getattr(obj, name))
        return Bound(name, Const(obj))

    def module_member(self, module: ModuleType, name: str) -> Value:
        """What a module of the library holds."""
        try:
            return Const(library.member(module, name))
        except LookupError:
            return self.fail(AttributeError)
        except ValueError:
            return self.by_name(f"{module.__name__}.{name}")

    def by_name(self, name: str) -> Const:
        """An object of which a name is known; in every pass the same."""
        return Const(self.facts.made.setdefault(("unknown", name), Unknown(name)))

    def _class_attribute(self, cls: UserClass, name: str, owner: Value | None) -> Value:
        if name == "__class__" and owner is not None:
            return Const(cls)
        if name == "__name__" and owner is None:
            return Const(cls.name)
        found: Any = MISSING
        for base in cls.order:
            if ("attr", id(base), name) in self.facts.slots:
                return self.read_slot(("attr", id(base), name), AttributeError)
            if name in (own := attributes_of(base)):
                if not isinstance(base, UserClass):
                    raise Unsupported(f"the attribute {name}", self.line)
                found = own[name]
                break
        if found is MISSING:
            if owner is not None and cls.customises("__getattr__", "__getattribute__"):
                raise Unsupported(f"the attributes of {cls.name}", self.line)
            return self.fail(AttributeError)
        match found:
            case property(fget=function):
                return self.call(Const(function), (owner or Const(None),), {})
            case staticmethod():
                return Const(found.__func__)
            case classmethod():
                return Bound(Const(found.__func__), Const(cls))
            case UserFunction() if owner is not None:
                return Bound(Const(found), owner)
            case UserObject() if found.cls.customises("__get__", "__set__"):
                raise Unsupported(f"the attribute {name}", self.line)
        if isinstance(found, FunctionType) and owner is not None:  # it becomes a method
            raise Unsupported(f"the attribute {name}", self.line)
        return self.known(found)

    def class_of(self, value: Value) -> Any:
        """The class of a value made at run time (`calls`)."""
        raise NotImplementedError

    def call(self, fn: Value, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
        """Calls anything (`functions`)."""
        raise NotImplementedError

    def set_attribute(self, owner: Value, name: str, value: Value) -> None:
        """``owner.name = value``."""
        owner = self.plain(owner)
        if isinstance(owner, Obj):
            self.env[("attr", owner.path, name)] = value
            return
        obj = owner.obj if isinstance(owner, Const) else getattr(owner, "key", None)
        if not isinstance(obj, UserObject | UserClass | UserFunction):
            raise Unsupported(f"sets the attribute {name} of something else", self.line)
        if isinstance(obj, UserObject):
            self._check_setting(obj.cls, name)
        key = ("attr", id(obj), name)
        first = static_attribute(obj, name)
        slot = Slot(obj, "attr", name, first, self._slot_type(key, first))
        self.write_slot(key, slot, value)

    def _check_setting(self, cls: UserClass, name: str) -> None:
        """Refuses what a class does in its own way when an attribute is set."""
        held = cls.find(name)
        if isinstance(held, property | Unknown) or cls.customises("__setattr__"):
            raise Unsupported(f"sets the property {name}", self.line)
        if isinstance(held, UserObject) and held.cls.customises("__set__"):
            raise Unsupported(f"sets the property {name}", self.line)

    def has_attribute(self, owner: Value, name: str) -> Value:
        """``hasattr(owner, name)``."""
        owner = self.plain(owner)
        if isinstance(owner, Obj):
            return self._is_bound(
                self.env.get(("attr", owner.path, name), UNBOUND), owner.cls, name
            )
        obj = owner.obj if isinstance(owner, Const) else getattr(owner, "key", None)
        if self.is_sequence(owner) and hasattr(list, name) == hasattr(tuple, name):
            return Const(hasattr(list, name))
        if obj is None:
            return Const(static_attribute(self.class_of(owner), name) is not MISSING)
        key = ("attr", id(obj), name)
        if key in self.facts.slots:
            return self._is_bound(self.env[("slot", key)], class_of(obj), name)
        found = static_attribute(obj, name)
        if isinstance(found, property):  # it may raise AttributeError itself
            raise Unsupported(f"asks for the property {name}", self.line)
        return Const(found is not MISSING)

    def _is_bound(self, value: Value, cls: Any, name: str) -> Value:
        if value is UNBOUND:
            return Const(static_attribute(cls, name) is not MISSING)
        if isinstance(value, Maybe):
            return Num("b", self.b.not_(value.flag))
        return Const(True)

    # Dicts

    def dict_keys(self, value: Dct) -> tuple[Any, ...]:
        """The keys of a dict made in this call, in order."""
        keys = self.env[("keys", value.path)]
        if not isinstance(keys, Const):
            raise Unsupported("a dict whose keys depend on the way taken", self.line)
        return keys.obj

    def dict_read(self, owner: Value, key: Any) -> Value:
        """The value under a known key, `UNBOUND` or a `Maybe` where it may be missing."""
        if isinstance(owner, Dct):
            return self.held(self.env, ("dct", owner.path, key))
        assert isinstance(owner, Const)
        slot = ("key", id(owner.obj), key)
        if slot in self.facts.slots:
            return self.env[("slot", slot)]
        return self.known(owner.obj[key]) if key in owner.obj else UNBOUND

    def dict_item(self, owner: Value, key: Value) -> Value:
        """``owner[key]`` of a dict."""
        if isinstance(key, Const):
            return self.bound(self.dict_read(owner, self._hashable(key)), KeyError)
        keys = self.keys_of(owner)
        found = self.find_key(key, keys)
        self.fail_if(self.b.icmp_signed("<", found, self.word(0)), KeyError)
        return self.pick(tuple(self.dict_read(owner, k) for k in keys), found)

    def word(self, number: int) -> Any:
        """An int constant."""
        from deepracer_fast.reward.compiler.emitter import i64

        return i64(number)

    def find_key(self, key: Value, keys: tuple[Any, ...]) -> Any:
        """The position of a key that is known at run time only; -1 if it is not there."""
        found = self.word(-1)
        for k, candidate in enumerate(keys):
            here = self.truth(self.equal(key, Const(candidate)))
            found = self.b.select(here, self.word(k), found)
        return found

    def keys_of(self, owner: Value) -> tuple[Any, ...]:
        """All keys of a dict, if they are the same for every car."""
        if isinstance(owner, Dct):
            return self.dict_keys(owner)
        assert isinstance(owner, Const)
        obj = owner.obj
        for kind, number, name in [k for k in self.facts.slots if k[0] == "key"]:
            if kind == "key" and number == id(obj) and name not in obj:
                raise Unsupported("a dict that gets keys while it runs", self.line)
        if len(obj) > 400:
            raise Unsupported("a dict with more than 400 keys", self.line)
        return tuple(obj)

    def dict_write(self, owner: Value, key: Value, value: Value) -> None:
        """``owner[key] = value`` of a dict."""
        if not isinstance(key, Const):
            raise Unsupported("a dict key that is not known before it runs", self.line)
        name = self._hashable(key)
        if isinstance(owner, Dct):
            keys = self.env[("keys", owner.path)]
            if isinstance(keys, Const) and name not in keys.obj:
                self.env[("keys", owner.path)] = Const((*keys.obj, name))
            self.env[("dct", owner.path, name)] = value
            return
        assert isinstance(owner, Const)
        slot_key = ("key", id(owner.obj), name)
        first = owner.obj.get(name, MISSING)
        slot = Slot(owner.obj, "key", name, first, self._slot_type(slot_key, first))
        self.write_slot(slot_key, slot, value)

    def dict_remove(self, owner: Value, key: Value) -> None:
        """Takes a key out of a dict; KeyError if it is not there."""
        if not isinstance(owner, Dct) or not isinstance(key, Const):
            raise Unsupported("takes a key out of a dict that is kept", self.line)
        name = self._hashable(key)
        self.bound(self.dict_read(owner, name), KeyError)
        keys = self.env[("keys", owner.path)]
        if isinstance(keys, Const):
            self.env[("keys", owner.path)] = Const(tuple(k for k in keys.obj if k != name))
        self.env[("dct", owner.path, name)] = UNBOUND

    def _hashable(self, key: Const) -> Any:
        try:
            hash(key.obj)
        except TypeError as error:
            return self.fail(type(error))
        return key.obj

    def dict_has(self, container: Value, item: Value) -> Value:
        """``item in container`` of a dict."""
        if not isinstance(item, Const):
            found = self.find_key(item, self.keys_of(container))
            return Num("b", self.b.icmp_signed(">=", found, self.word(0)))
        value = self.dict_read(container, self._hashable(item))
        if value is UNBOUND:
            return Const(False)
        return Num("b", self.b.not_(value.flag)) if isinstance(value, Maybe) else Const(True)

    def new_dict(self, path: Any, items: list[tuple[Any, Value]]) -> Dct:
        """A dict made in this call."""
        if self.loops:
            self.loop_guard("a dict")
        path = path if path == ("params",) else self.nth(path)
        for key in [k for k in self.env if k[0] == "dct" and k[1] == path]:
            del self.env[key]
        self.env[("keys", path)] = Const(tuple(dict.fromkeys(key for key, _ in items)))
        for key, value in items:
            self.env[("dct", path, key)] = value
        return Dct(path)

    def nth(self, path: Any) -> Any:
        """A place with the number of times that this pass has come there (unrolled loops)."""
        self.visits[path] = self.visits.get(path, 0) + 1
        return (path, self.visits[path])

    def loop_guard(self, what: str) -> None:
        """Refuses what has one identity per place where a loop would make many."""
        if any(frame.runtime for frame in self.loops):
            raise Unsupported(f"makes {what} in a loop", self.line)
