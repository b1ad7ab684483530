"""The door for arrays from a user's Python: of numbers, of the right shape, or one clear line.

In: numbers, lists, arrays of any layout, with their name in messages. Out: arrays as an engine
takes them. Neighbours: ``checks.values`` for all that is no array; ``poses`` knows what bounds they
have.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from deepracer_fast.checks.values import Error, shown
from deepracer_fast.errors import ActionError, ConfigError

Array = npt.NDArray[Any]


def array(name: str, values: object, error: Error = ConfigError) -> Array:
    """An array of whatever kind."""
    try:
        return np.asarray(values)
    except Exception:  # ragged lists, or an object that fails when it is asked for its values
        raise error(f"{name} must be an array, every row as long, got {shown(values)}") from None


def numbers(
    name: str, values: object, dtype: npt.DTypeLike | None = None, error: Error = ConfigError
) -> Array:
    """An array of numbers of any shape; texts, truth values and None are none.

    Args:
        name: of the argument.
        values: what was handed in.
        dtype: of the result; None for what they have, of whatever size.
        error: the class of what is raised.
    """
    found = array(name, values, error)
    if found.dtype.kind not in "fiu":
        raise error(f"{name} must be numbers, got {_found(values, found)}")
    return found if dtype is None else _as_type(found, dtype)


def _as_type(numbers: Array, dtype: npt.DTypeLike) -> Array:
    """What does not fit becomes infinite: whoever needs finite numbers asks for them."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers, dtype=dtype, order="C")


def within(
    name: str,
    values: npt.ArrayLike,
    shape: tuple[int, ...],
    bounds: tuple[float, float],
    rule: str,
    zero: float = 0.0,
) -> npt.NDArray[np.float32]:
    """Numbers broadcast to a shape, each within bounds (both included), as float32.

    Args:
        name: of the argument.
        values: what was handed in.
        shape: to which they must broadcast.
        bounds: least and greatest value.
        rule: what the bounds mean, for the message.
        zero: what is taken from each, so that float32 holds what is left.

    Raises:
        ActionError: another shape, not numbers, or out of bounds.
    """
    found = numbers(name, values, error=ActionError)
    try:
        found = np.broadcast_to(found, shape)
    except ValueError:
        raise ActionError(
            f"{name} must be a number or have shape {shape}, got {found.shape}"
        ) from None
    low, high = bounds
    is_within = (found >= low) & (found <= high)  # before a narrower type; nan is in no bounds
    if not is_within.all():
        bad = found[~is_within][0]
        raise ActionError(f"{name} must lie in [{low:g}, {high:g}] {rule}, got {bad:g}")
    return _as_type(found - np.float64(zero) if zero else found, np.float32)


def car_numbers(cars: npt.ArrayLike, num_cars: int) -> npt.NDArray[np.int32]:
    """Numbers of different cars of a batch, int32 [n]; one number is a list of one.

    Raises:
        ActionError: not integers, a car that is not there, or one that is named twice.
    """
    found = np.atleast_1d(array("cars", cars, ActionError))
    is_integer = found.dtype.kind in "iu" or (found.dtype.kind == "f" and found.size == 0)
    if not is_integer or found.ndim > 1:
        mask = "; for a mask use np.flatnonzero(mask)" if found.dtype.kind == "b" else ""
        shape = f" of shape {found.shape}" if found.ndim > 1 else ""
        raise ActionError(f"cars must be integers [n], got {_found(cars, found)}{shape}{mask}")
    if found.size == 0:
        return np.zeros(0, np.int32)
    low, high = int(found.min()), int(found.max())  # before a narrower type could wrap them
    if low < 0 or high >= num_cars:
        raise ActionError(f"cars must lie in [0, {num_cars}), got {low} to {high}")
    counts = np.bincount(found.astype(np.int64))
    if counts.max() > 1:
        raise ActionError(f"cars must name each car once, got car {int(counts.argmax())} twice")
    return found.astype(np.int32)


def _found(values: object, array: Array) -> str:
    """An array by its type, anything else as it is."""
    return str(array.dtype) if isinstance(values, np.ndarray) else shown(values)


def read_only(array: Array) -> Array:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
