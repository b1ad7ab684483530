"""What a reward function's text tells its user to look after.

In: source text. Out: a sentence each. Neighbours: ``commands.train`` says them at the start,
``validate`` among its warnings.
"""

import ast
from collections.abc import Iterator

_READERS = {"open", "load", "loadtxt", "genfromtxt", "fromfile", "read_csv", "read_text"}
_IN_MEMORY = {"json", "pickle", "yaml"}  # their ``load`` takes what ``open`` has opened


def about_files(text: str) -> Iterator[str]:
    """Files that are read: no model folder has them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # whoever loads it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _reads(node.func):
            yield (
                f"line {node.lineno}: reads a file; it may lie beside the reward function, and a "
                "training that is resumed looks for it in the model folder: copy it there"
            )
            return


def _reads(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in _READERS - {"load"}
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return name in _READERS and module not in _IN_MEMORY
        case ast.Attribute(attr=name):
            return name in _READERS
        case _:
            return False
