"""Promises of the door: what a user's Python hands in is what it should be, or one clear line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from deepracer_fast.checks.arrays import numbers
from deepracer_fast.checks.values import check_fields, path_of, shown
from deepracer_fast.errors import ActionError, ConfigError


@dataclass
class Record:
    """One field of each kind."""

    count: int = 1
    share: float = 0.5
    name: str = "a"
    is_on: bool = False
    speeds: tuple[float, ...] = ()
    names: Sequence[str] = ()
    limit: int | None = None
    call: Callable[[int], int] | None = None

    def __post_init__(self) -> None:
        check_fields(self)


def test_numpy_values_become_plain_ones() -> None:
    record = Record(
        np.int16(3), np.float32(0.25), is_on=np.bool_(True), speeds=[1, np.float64(2)], limit=None
    )
    assert record == Record(3, 0.25, is_on=True, speeds=(1.0, 2.0))
    assert [type(value) for value in (record.count, record.share, record.is_on)] == [
        int, float, bool,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("count", 64.0, r"^count must be a whole number, got 64\.0$"),
        ("count", True, "^count must be a whole number, got True$"),
        ("count", None, "^count must be a whole number, got None$"),
        ("share", "0.5", "^share must be a number, got '0.5'$"),
        ("share", True, "^share must be a number, got True$"),
        ("name", b"a", "^name must be text, got b'a'$"),
        ("is_on", 1, "^is_on must be true or false, got 1$"),
        ("speeds", 1.0, r"^speeds must be a list of numbers, got 1\.0$"),
        ("speeds", (1.0, "x"), r"^speeds\[1\] must be a number, got 'x'$"),
        ("names", "FRONT_FACING_CAMERA", "^names must be a list of texts, got 'FRONT"),
        ("limit", 1.5, r"^limit must be a whole number, got 1\.5$"),
    ],
)
def test_a_field_of_another_type_is_one_line(field: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Record(**{field: value})


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**400, 10**5000, [[0] * 1000] * 1000, "a\nb"],
    ids=["long", "huge", "more digits than Python prints", "nested", "two lines"],
)
def test_whatever_was_found_is_shown_on_a_short_line(value: Any) -> None:
    assert len(shown(value)) <= 80
    assert shown(value).isprintable()


@pytest.mark.parametrize("values", [[[1.0], [2.0, 3.0]], "x", [None], [True], 1j, object()])
def test_what_is_no_array_of_numbers_is_refused(values: Any) -> None:
    with pytest.raises(ActionError, match="actions must be "):
        numbers("actions", values, np.float32, ActionError)


def test_numbers_too_large_for_float32_become_infinite_without_a_warning() -> None:
    assert np.isposinf(numbers("actions", [1e300], np.float32)).all()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (5, "must be a path, as text or pathlib.Path, got 5"),
        (b"a", "must be a path, as text or pathlib.Path, got b'a'"),
        ("a\0b", "without control characters"),
        ("a\nb", "without control characters"),
        ("\ud800", "can be written in bytes"),
        ("x" * 300, "at most 4095 bytes, 255 in each name"),
        ("x/" * 3000, "at most 4095 bytes"),
    ],
)
def test_a_path_that_no_system_takes_is_refused(path: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        path_of("a path", path)
