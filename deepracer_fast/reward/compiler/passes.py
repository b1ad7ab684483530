"""The fixpoint: passes over the program, each with what the ones before it found out.

In: what is in the user's module (`rebuild`), and its syntax tree. Out: LLVM assembly, and the pass
that made it, which says what the caller has to hand in. A pass that finds a fact to be wider than
it took it for ends with `Restart`, or goes on and sets ``Facts.void``: its code is not for use.
"""

import ast
import time
from collections.abc import Callable
from typing import Any

from deepracer_fast.reward.compiler.codegen.arrays import array_attribute, array_map, array_of
from deepracer_fast.reward.compiler.codegen.calls import call
from deepracer_fast.reward.compiler.codegen.expressions import expr
from deepracer_fast.reward.compiler.codegen.lists import item_at, sequence_binary
from deepracer_fast.reward.compiler.codegen.numpy_functions import array_binary
from deepracer_fast.reward.compiler.codegen.statements import statements
from deepracer_fast.reward.compiler.kernel.columns import parameter
from deepracer_fast.reward.compiler.kernel.kernel import emit
from deepracer_fast.reward.compiler.lattice import values as py
from deepracer_fast.reward.compiler.lattice.joins import Facts, Restart
from deepracer_fast.reward.compiler.lattice.users import UserMethod
from deepracer_fast.reward.compiler.lattice.values import Unsupported, Value
from deepracer_fast.reward.compiler.lowering.context import TOO_MUCH, Context, Dead, Operations
from deepracer_fast.reward.loading import FUNCTION_NAME

MAX_SECONDS = 5.0  # of processor time for all passes
_UNSTEADY = {"random", "time", "datetime", "uuid", "secrets", "os", "sys"}
_OPERATIONS = Operations(
    expr=expr,
    statements=statements,
    call=call,
    parameter=parameter,
    item_at=item_at,
    sequence_binary=sequence_binary,
    array_binary=array_binary,
    array_of=array_of,
    array_attribute=array_attribute,
    array_map=array_map,
)


def translate(
    namespace: dict[str, Any],
    tree: ast.Module,
    follow: Callable[[Context, str], None] = lambda ctx, ending: None,
) -> tuple[str, Context]:
    """The assembly of a module's ``reward_function``, and the pass that made it.

    Args:
        namespace: what the module holds.
        tree: its syntax.
        follow: is told of each pass, and how it ended; "" for the one whose code is used.

    Raises:
        Unsupported: the compiler cannot follow this function.
    """
    _check_top_level(tree)
    facts, strings = Facts(), {"": 0}
    deadline = time.process_time() + MAX_SECONDS
    while time.process_time() < deadline:
        facts.void = False
        ctx = Context(_OPERATIONS, facts, strings, namespace, tree)
        try:
            assembly = emit(ctx, _entry(namespace))
            follow(ctx, "")
            return assembly, ctx
        except Restart:
            follow(ctx, "a fact became wider")
        except Dead:
            if not facts.void:
                raise Unsupported("it fails in every call", ctx.line) from None
            follow(ctx, "void, and nothing is left to translate")
        except Unsupported as error:
            if not facts.void:
                error.line = error.line or max(ctx.line, 0)
                raise
            follow(ctx, f"void, and stopped at line {ctx.line}: {error.what}")
    raise Unsupported(TOO_MUCH, 1)


def _check_top_level(tree: ast.Module) -> None:
    """Refuses a module that asks for the time or for chance when it is loaded."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            names = [n for n in ast.walk(node.func) if isinstance(n, ast.Name | ast.Attribute)]
            words = {n.id if isinstance(n, ast.Name) else n.attr for n in names}
            if words & _UNSTEADY:
                raise Unsupported("calls " + ast.unparse(node.func), node.lineno)
        waiting.extend(ast.iter_child_nodes(node))


def _entry(namespace: dict[str, Any]) -> Value:
    """What is called for each car."""
    function = namespace.get(FUNCTION_NAME)
    if isinstance(function, UserMethod):
        return py.Bound(py.Const(function.function), py.Const(function.owner))
    return py.Const(function)
