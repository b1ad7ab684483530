"""How the engine's loops are compiled: without the GIL, and kept on disk between processes.

Numba keeps compiled code beside the source or, where that is read-only, in the user's own folder
(``NUMBA_CACHE_DIR`` names another). Helpers are compiled into the loops that call them.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from deepracer_fast.files.cache_folder import lend_to_libraries

lend_to_libraries()  # Numba reads its environment when it is loaded

from numba import njit  # noqa: E402

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compiles a loop when it is first called, with types of that call."""
    try:
        return cast(Function, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # Numba's word for: no folder can be written
        warnings.warn(
            f"{function.__name__} is compiled anew in each process, since nowhere can it be kept; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            stacklevel=2,
        )
        return cast(Function, njit(nogil=True)(function))
