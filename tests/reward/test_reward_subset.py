"""What the compiler takes and what it leaves to the interpreter: the guide's table is made here.

Each row is tried: what is taken gives what Python gives, what is not says why. Write the page anew
with ``python tests/reward/test_reward_subset.py``.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from test_reward_compiler import check, made_of, pairs_batch

import deepracer_fast
from deepracer_fast.reward.compiler.codegen.arrays import EACH, PAIRS, REDUCTIONS
from deepracer_fast.reward.compiler.codegen.builtins import BUILTINS
from deepracer_fast.reward.compiler.codegen.expressions import EXPRESSIONS
from deepracer_fast.reward.compiler.codegen.numbers import C_FUNCTIONS, MATH
from deepracer_fast.reward.compiler.codegen.numpy_functions import NUMPY, STATISTICS
from deepracer_fast.reward.compiler.codegen.statements import STATEMENTS
from deepracer_fast.reward.compiler.lattice.values import Unsupported

PAGE = Path(deepracer_fast.__file__).parent / "guide" / "reward_subset.md"

# Expressions of the floats x and y, by what they show.
TAKEN = {
    "operators": "x + y; x - y; 2 * x; x / 3; x // 2; x % 2; x ** 2; -x; int(x) & 1; int(x) | 1; "
    "int(x) ^ 1; ~int(x); int(x) << 1; int(x) >> 1",
    "comparisons": "x < y; 0 <= x < 9; x == y; x != y; x is None; x in (0, 1); not x; "
    "x > 0 and y > 0; x or y; 1 if x > y else 2",
    "built-ins": "abs(x); all([x, y]); any([x, y]); bool(x); callable(abs); divmod(x, 3)[0]; "
    "[k * v for k, v in enumerate([x, y])][1]; len(list(filter(None, [x, 1]))); float(int(x)); "
    "getattr(box, 'size'); hasattr(box, 'size'); int(x); isinstance(x, float); len([x, y]); "
    "list(range(3))[1]; list(map(abs, [x, y]))[0]; max(x, y); min([x, y], key=abs); "
    "next(v for v in [x, y]); pow(x, 2); round(x, 1); list(reversed([x, y]))[0]; "
    "sorted([x, y], reverse=True)[0]; sum([x, y]); tuple([x, y])[0]; type(x) is float; "
    "list(zip([x], [y]))[0][1]; dict(a=x)['a']; len(str('a'))",
    "math": "; ".join(
        f"math.{name}({arguments})"
        for names, arguments in (
            ("sin cos tan atan tanh asinh fabs radians degrees floor ceil trunc", "x"),
            ("isnan isinf isfinite cbrt erf erfc", "x"),
            ("asin acos atanh sinh cosh exp exp2 expm1", "x / 1e20"),
            ("sqrt log log2 log10 log1p acosh", "2 + abs(x)"),
            ("atan2 copysign hypot isclose", "x, y"),
            ("pow fmod", "x, 2.0"),
        )
        for name in names.split()
    )
    + "; math.dist((x, y), (1, 2)); math.pi * x",
    "statistics": "; ".join(
        f"statistics.{name}([x, 1.0, 2.0])"
        for name in ("mean", "median", "stdev", "pstdev", "variance", "pvariance")
    ),
    "NumPy, of each number": "; ".join(
        f"np.{name}({arguments})"
        for names, arguments in (
            ("abs sin cos tan tanh arctan floor ceil rint trunc fabs cbrt sign", "x"),
            ("radians degrees isnan isfinite square round float64", "x"),
            ("arcsin arccos sinh cosh exp expm1", "x / 1e20"),
            ("log log2 log10 log1p sqrt", "2 + abs(x)"),
            ("arctan2 copysign hypot maximum minimum isclose", "x, y"),
            ("add subtract multiply less greater less_equal greater_equal equal", "x, y"),
            ("divide true_divide power mod remainder floor_divide", "x, 2.0"),
            ("where", "x > y, 1, 2"),
            ("clip", "x, -1, 1"),
        )
        for name in names.split()
    ),
    "NumPy, of arrays": "; ".join(
        f"np.{name}([x, y, 1.0])"
        for names in ("sum mean median min max prod std var", "any all argmin argmax average")
        for name in names.split()
    )
    + "; np.linalg.norm([x, y]); np.dot([x, y], [1, 2]); "
    "np.inner([x, y], [1, 2]); np.cross([x, y], [1, 2]); "
    "np.diff([x, y])[0]; np.cumsum([x, y])[1]; np.sort([x, y])[0]; "
    "np.argsort([x, y])[0]; np.interp(x, [0, 1, 2], [1, 3, 2]); "
    "np.unwrap([0.1, 0.2])[1]; np.roll([x, y], 1)[0]; "
    "np.concatenate([[x], [y]])[1]; np.array([x, y]).sum(); "
    "np.zeros(2)[0]; np.ones(2)[0]; np.full(2, x)[0]; "
    "np.arange(3)[1]; np.linspace(0, 1, 3)[1]",
    "lists": "[x, y][0]; [x, y][-1:][0]; [v for v in [x, y] if v == v][0]; [1, *[x]][1]; "
    "[x, y].index(y); [x, x].count(x); [x, y].copy()[0]; [x] + [y] == [x, y]; ([x] * 2)[1]",
    "dicts and texts": "{'a': x}['a']; {'a': x}.get('b', y); list({'a': x}.items())[0][1]; "
    "list({'a': x}.values())[0]; 'a' in {'a': x}; {k: x for k in ('a', 'b')}['b']; "
    "'ab'.startswith('a'); {'a': x, **{'b': y}}['b']; 1 in {1, 2}",
    "functions and slices": "(lambda a, b=2: a * b)(x); (n := x + 1) * n; box.twice(x); "
    "np.array([[x, y], [1, 2]])[:, 1].sum(); [1, 2, 3][:2][1]",
}

# Bodies of a function that ends with a value in r, by what they show.
BODIES = {
    "`if`, `match`": "if x > y:\n    r = 1\nelse:\n    r = 2\n"
    "match int(x):\n    case 0 | 1:\n        r += 1\n    case _:\n        pass",
    "`for`, `while`, `break`, `continue`": "r = 0\nfor k in range(20):\n    if k == 3:\n"
    "        continue\n    r += k\nelse:\n    r += 1\nwhile r > 5:\n    r -= 7\n    break",
    "assignment to names, items, attributes and several at once": "a, (b, *c) = x, (y, 1, 2)\n"
    "d = [0, 0]\nd[0] = a\nd[1] += b\nr: float = d[0] + d[1]\ndel c[0]",
    "`try`, `raise`, `assert`": "try:\n    assert x > 0\n    r = 1 / x\n"
    "except (AssertionError, ZeroDivisionError):\n    r = 0\nif r > 1e300:\n    raise ValueError",
    "functions within functions, closures, `import`": "import math as m\nfrom math import pi\n"
    "def area(radius):\n    return m.pow(radius, 2.0) * pi + shift\nshift = 1\nr = area(1.5)",
    "module variables and objects, kept for each car": "global total\ntotal += 1\n"
    "kept.append(x)\nif len(kept) > 3:\n    kept.pop(0)\nbox.size = total\n"
    "setattr(box, 'size', box.size + 1)\nr = total + len(kept) + box.size\n"
    "print(repr(x), format(x), f'{x}')",
    "lists that grow, sort and shrink": "v = []\nfor k in range(6):\n    v.append(x * (k - 2))\n"
    "v.sort()\nv.insert(0, y)\nv.extend([1, 2])\nv.reverse()\nv.remove(2)\nr = v[0] + v.pop()\n"
    "v.clear()",
    "`nonlocal`": "n = 0\ndef count():\n    nonlocal n\n    n += 1\n    return n\n"
    "count()\nr = count()",
}

# Expressions that are left to the interpreter, and what it says.
REFUSED = {
    "id(x) % 2": "calls id",
    "len({x, y})": "a set made while it runs",
    "len({v for v in [x, y]})": "a set comprehension",
    "{x: 1}[x]": "a dict key that is not known before it runs",
    "len(params.copy())": "a copy of params",
    "np.random.rand()": "calls np.random.rand",
    "(np.ones((2, 2)) @ np.ones((2, 2))).sum()": "an array of a tuple items",
    "random.random()": "calls random.random",
    "int('1' + str(int(x)))": "int of a text",
    "round(x, int(y))": "round to a number of digits that is not known",
    "[g for g in iter([x])][0]": "calls iter",
    "len(collections.deque([x]))": "a deque made while it runs",
    "depth(int(x))": "calls itself, or nests too many calls",
}

MODULE = """
import collections, math, random, statistics
import numpy as np
total, kept = 0, []
class Box:
    size = 3
    def twice(self, v):
        return 2 * v
box = Box()
def depth(n):
    return depth(n - 1) + 1 if n > 0 else 0
def reward_function(params):
    x, y = params['x'], params['y']
"""


def source(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return MODULE + lines + "    return max(-9e4, min(9e4, float(r)))\n"


def expressions(row: str) -> list[str]:
    return TAKEN[row].split("; ")


def sources() -> dict[str, str]:
    found = {f"r = {each}": source(f"r = {each}") for row in TAKEN for each in expressions(row)}
    return found | {body: source(body) for body in BODIES.values()}


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors")  # of numpy.cross
@pytest.mark.parametrize("text", sources().values(), ids=sources().keys())
def test_what_is_taken_gives_what_python_gives(text: str) -> None:
    cars = np.arange(0, 225, 7)
    batch = {
        name: column[cars] if len(column) == 225 else column
        for name, column in pairs_batch().items()
    }
    check(text, batch)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_left_to_the_interpreter_says_why(text: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(reason)):
        made_of(source(f"r = {text}"))


def test_the_rows_show_whatever_the_compiler_has_a_translator_for() -> None:
    text = "\n".join(sources())
    nodes = {type(node) for each in sources().values() for node in ast.walk(ast.parse(each))}
    assert {*EXPRESSIONS, *STATEMENTS} - nodes == set()
    words = set(re.findall(r"\w+", text + "\n".join(REFUSED)))
    tables = (C_FUNCTIONS, MATH, NUMPY, EACH, PAIRS, REDUCTIONS, STATISTICS)
    names = {name for table in tables for name in table} | {each.__name__ for each in BUILTINS}
    assert names - words - {"float_"} == set()


def page() -> str:
    """The guide's page."""
    taken = {row: ", ".join(f"`{each}`" for each in expressions(row)) for row in TAKEN}
    rows = [f"| {row} | {text.replace('|', chr(92) + '|')} |" for row, text in taken.items()]
    refused = [f"| `{text}` | {reason} |" for text, reason in REFUSED.items()]
    return "\n".join(
        (
            "# What of Python is compiled",
            "",
            "A reward function may use all of Python. What the compiler follows runs many times "
            "faster; the rest is interpreted, and `deepracer-fast validate` says the line and why. "
            "The tests try every row, and write this page.",
            "",
            "| | compiled, here with two floats `x` and `y` |",
            "| --- | --- |",
            *rows,
            f"| statements | {'; '.join(BODIES)} |",
            "",
            "| interpreted | what is said |",
            "| --- | --- |",
            *refused,
            "",
            "A compiled call is given up, and made again in plain Python, where Python would raise "
            "outside a `try`, where an int leaves ±2**53, and where a loop turns too often.",
            "",
        )
    )


def test_the_page_is_what_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python tests/reward/test_reward_subset.py"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
