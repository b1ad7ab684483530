"""Functions of Python's library in Python, translated at their call as the user's own are.

In: a function object of `bisect`, `functools`, `operator` or `numpy`. Out: the source to inline.
Each gives the numbers of the original for the arguments that rewards have; it may use built-ins.
"""

import ast
import bisect
import builtins
import functools
import operator
from typing import Any

import numpy

_SOURCES: dict[Any, str] = {
    object.__init__: "init = lambda self: None",
    bisect.bisect_right: """
def bisect_right(a, x, lo=0, hi=None):
    if hi is None:
        hi = len(a)
    while lo < hi:
        mid = (lo + hi) // 2
        if x < a[mid]:
            hi = mid
        else:
            lo = mid + 1
    return lo
""",
    bisect.bisect_left: """
def bisect_left(a, x, lo=0, hi=None):
    if hi is None:
        hi = len(a)
    while lo < hi:
        mid = (lo + hi) // 2
        if a[mid] < x:
            lo = mid + 1
        else:
            hi = mid
    return lo
""",
    functools.reduce: """
def reduce(function, sequence, *initial):
    if initial:
        value, rest = initial[0], sequence
    else:
        value, rest = sequence[0], sequence[1:]
    for item in rest:
        value = function(value, item)
    return value
""",
    numpy.polyval: """
def polyval(p, x):
    y = 0.0 * x
    for c in p:
        y = y * x + c
    return y
""",
    operator.add: "add = lambda a, b: a + b",
    operator.sub: "sub = lambda a, b: a - b",
    operator.mul: "mul = lambda a, b: a * b",
    operator.truediv: "truediv = lambda a, b: a / b",
}


@functools.cache
def stand_in(function: Any) -> ast.FunctionDef | ast.Lambda | None:
    """The definition to inline for a library function; None if there is none."""
    if function not in _SOURCES:
        return None
    statement = ast.parse(_SOURCES[function]).body[0]
    if isinstance(statement, ast.Assign):
        assert isinstance(statement.value, ast.Lambda)
        return statement.value
    assert isinstance(statement, ast.FunctionDef)
    return statement


BUILT_INS = {"len": builtins.len}  # what the definitions call
