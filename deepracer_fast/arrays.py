"""What people hand in as arrays: checked, in the form that an engine takes.

In: numbers, lists, arrays of any layout. Out: arrays of the right type and shape, or one line that
says what is wrong. Neighbour: ``simulator`` asks for actions, cars and poses.
"""

import operator
import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.errors import ActionError

Array = npt.NDArray[Any]


def numbers(values: npt.ArrayLike, name: str) -> Array:
    """Values as an array of real numbers, of whatever size of float or integer they have.

    Raises:
        ActionError: they are not numbers, or lists of different lengths.
    """
    array = _as_array(values, name, "numbers")
    if array.dtype.kind not in "fiu":
        raise ActionError(f"{name} must be numbers, got {_found(values, array)}")
    return array


def narrowed(array: Array) -> npt.NDArray[np.float32]:
    """As contiguous float32; what does not fit becomes infinite, without a warning."""
    if array.dtype.kind != "f" or array.dtype.itemsize <= 4:
        return np.ascontiguousarray(array, dtype=np.float32)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def within(
    values: npt.ArrayLike,
    name: str,
    shape: tuple[int, ...],
    bounds: tuple[float, float],
    rule: str,
    zero: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Numbers broadcast to a shape, each within bounds (both included), as float32.

    Args:
        values: what was handed in.
        name: of the argument.
        shape: to which they must broadcast.
        bounds: least and greatest value.
        rule: what the bounds mean, for the message.
        zero: what is taken from each, so that float32 holds what is left.

    Raises:
        ActionError: another shape, not numbers, or out of bounds.
    """
    array = numbers(values, name)
    try:
        array = np.broadcast_to(array, shape)
    except ValueError:
        raise ActionError(
            f"{name} must be a number or have shape {shape}, got {array.shape}"
        ) from None
    low, high = bounds
    if not ((array >= low) & (array <= high)).all():  # nan is in no bounds
        bad = array[~((array >= low) & (array <= high))][0]
        raise ActionError(f"{name} must lie in [{low:g}, {high:g}] {rule}, got {bad:g}")
    return narrowed(array - np.float64(zero) if zero else array)


def car_numbers(cars: npt.ArrayLike, num_cars: int) -> npt.NDArray[np.int32]:
    """Numbers of different cars of a batch, int32 [n]; one number is a list of one.

    Raises:
        ActionError: not integers, a car that is not there, or one that is named twice.
    """
    array = np.atleast_1d(_as_array(cars, "cars", "integers"))
    is_integer = array.dtype.kind in "iu" or (array.dtype.kind == "f" and array.size == 0)
    if not is_integer or array.ndim > 1:
        mask = "; for a mask use np.flatnonzero(mask)" if array.dtype.kind == "b" else ""
        shape = f" of shape {array.shape}" if array.ndim > 1 else ""
        raise ActionError(f"cars must be integers [n], got {_found(cars, array)}{shape}{mask}")
    if array.size == 0:
        return np.zeros(0, np.int32)
    low, high = int(array.min()), int(array.max())  # before a narrower type could wrap them
    if low < 0 or high >= num_cars:
        raise ActionError(f"cars must lie in [0, {num_cars}), got {low} to {high}")
    counts = np.bincount(array.astype(np.int64))
    if counts.max() > 1:
        raise ActionError(f"cars must name each car once, got car {int(counts.argmax())} twice")
    return array.astype(np.int32)


def whole_number(value: Any, name: str, end: int) -> int:
    """An integer in [0, end), also one of NumPy's.

    Raises:
        ActionError: it is not.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if isinstance(value, bool | np.bool_) or not 0 <= number < end:
        raise ActionError(f"{name} must be an integer in [0, {end}), got {reprlib.repr(value)}")
    return number


def _as_array(values: npt.ArrayLike, name: str, kind: str) -> Array:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError, RecursionError, AttributeError):
        raise ActionError(
            f"{name} must be {kind}, in lists of one length each, got {reprlib.repr(values)}"
        ) from None


def _found(values: Any, array: Array) -> str:
    """An array by its type, anything else as it is, shortened to one line."""
    if isinstance(values, np.ndarray):
        return str(array.dtype)
    return " ".join(reprlib.repr(values).split())
