"""What users import from the package itself: lazy, complete, typed."""

import ast
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import deepracer_fast

STUB = Path(deepracer_fast.__file__).with_suffix(".pyi")
IMPORTS = [
    node for node in ast.parse(STUB.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)
]
HOMES = {each.name: str(node.module) for node in IMPORTS for each in node.names}


def test_the_door_has_a_name_where_it_lives() -> None:
    for name, module in HOMES.items():
        assert getattr(deepracer_fast, name) is getattr(import_module(module), name)


def test_each_name_is_told_to_type_checkers_and_to_dir() -> None:
    told = [each for node in IMPORTS for each in node.names]
    assert all(each.asname == each.name for each in told)  # or they would not be re-exported
    assert HOMES.keys() <= set(dir(deepracer_fast))
    assert len(HOMES) == len(told)


def test_what_stands_behind_the_door_is_checked_strictly() -> None:
    settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    strict = [
        override["module"]
        for override in settings["tool"]["mypy"]["overrides"]
        if override.get("warn_return_any")
    ]
    assert strict == [sorted(set(HOMES.values()))]


def test_every_error_is_at_the_door() -> None:
    errors = import_module("deepracer_fast.errors")
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert {name for name, module in HOMES.items() if module == errors.__name__} == kinds


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    message = "module 'deepracer_fast' has no attribute 'Simulater'"
    with pytest.raises(AttributeError, match=message):
        deepracer_fast.Simulater  # noqa: B018
    assert not hasattr(deepracer_fast, "__wrapped__")
