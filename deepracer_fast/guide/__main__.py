"""``python -m deepracer_fast.guide`` writes the pages that are made from the code.

In: the front door and the source of what stands there; the table of renamed names. Out: ``api.md``
and ``renamed.md`` beside this file. Nothing is imported for it, so a page is the same wherever it
is made.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from deepracer_fast.renamed import MEMBERS, MODULES, NAMES, PACKAGE

GUIDE = Path(__file__).parent
ROOT = GUIDE.parent

_ORDER = ["world", "tracks", "files", "reward", "policy", "driving", "racing", "validation"]
_ORDER += ["training", "errors"]

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns):")
_ITEM = re.compile(r"([\w, ]+): (.*)")


def api_page() -> str:
    """What users import from the package, by the folder where it lives."""
    stub = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
    names: dict[str, dict[str, str]] = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            home = str(node.module)
            names.setdefault(home.split(".")[1], {})[node.names[0].name] = home
    page = [
        "# What there is to import",
        "Made from the docstrings by `python -m deepracer_fast.guide`. All of it is imported from "
        "the package itself, `from deepracer_fast import Simulator`; a name is loaded when it is "
        "first asked for.",
    ]
    for folder in sorted(names, key=_ORDER.index):
        title, _, says = _paragraphs(_module(f"{PACKAGE}.{folder}"))[0].partition(": ")
        page += [f"## {title}", f"{says[:1].upper()}{says[1:]}"]
        for name, home in names[folder].items():
            page += _entry(name, _module(home))
    return "\n\n".join(filter(None, page)) + "\n"


def renamed_page() -> str:
    """What changed its name, as ``renamed.py`` has it."""
    page = [
        "# What is called otherwise now",
        "Made from `deepracer_fast/renamed.py` by `python -m deepracer_fast.guide`. The old names "
        "work for one version more, with a warning.",
        "## Modules",
        "What lay side by side in the package lies in folders; in brackets, what is called "
        "otherwise there. What users need is imported from the package itself, see "
        "[api.md](api.md).",
        "| is in | was in `deepracer_fast` |\n| --- | --- |",
    ]
    for folder, entries in MODULES.items():
        pairs = [entry.partition(":") for entry in entries.split()]
        olds = [f"`{old}`" + (f" (`{new}`)" if new else "") for old, _, new in pairs]
        page[-1] += f"\n| `{folder}` | {', '.join(olds)} |"
    page += ["## Names in modules", "| was in | called | is |\n| --- | --- | --- |"]
    for module, names in NAMES.items():
        for old, new in names.items():
            page[-1] += f"\n| `{module}` | `{old}` | `{new}` |"
    page += ["## Arguments and attributes", "| of | was | is |\n| --- | --- | --- |"]
    for kind, members in MEMBERS.items():
        for old, new in members.items():
            page[-1] += f"\n| `{kind}` | `{old}` | `{new}` |"
    return "\n\n".join(page) + "\n"


PAGES = {"api.md": api_page, "renamed.md": renamed_page}


def _module(name: str) -> ast.Module:
    path = ROOT.joinpath(*name.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _paragraphs(node: ast.Module | ast.ClassDef | ast.FunctionDef | str) -> list[str]:
    """A docstring in Google's style as Markdown: its sections as lists."""
    text = node if isinstance(node, str) else ast.get_docstring(node) or ""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return [_section(each) for each in text.split("\n\n")]


def _entry(name: str, module: ast.Module) -> Iterator[str]:
    """A name with its docstring; a class with what is public of it, too."""
    for node, following in zip(module.body, [*module.body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield from (f"### {name}", _code(_signature(node)), *_paragraphs(node))
        elif isinstance(node, ast.ClassDef) and node.name == name:
            yield from _class(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and name in _targets(node):
            yield from (f"### {name}", _code(ast.unparse(node)))
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                yield from _paragraphs(str(following.value.value))


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    return list(map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target]))


def _class(node: ast.ClassDef) -> Iterator[str]:
    yield f"### {node.name}"
    fields = [_field(each) for each in node.body if isinstance(each, ast.AnnAssign)]
    if fields:
        yield _code(f"{node.name}(\n    " + ",\n    ".join(fields) + ",\n)")
    yield from _paragraphs(node)
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and re.match("[^_]|__call__", each.name):
            yield from (f"#### {node.name}.{each.name}", _code(_signature(each)))
            yield from _paragraphs(each)


def _field(node: ast.AnnAssign) -> str:
    """A field of a dataclass, with a value that a factory makes as the call that makes it."""
    return re.sub(r"field\(default_factory=([\w.]+)\)", r"\1()", ast.unparse(node))


def _signature(node: ast.FunctionDef) -> str:
    if any(ast.unparse(each) == "property" for each in node.decorator_list):
        return f"{node.name}: {ast.unparse(node.returns) if node.returns else 'object'}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    node.args.args = [each for each in node.args.args if each.arg != "self"]
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _section(paragraph: str) -> str:
    first, *lines = paragraph.split("\n")
    if not _SECTION.fullmatch(first):
        return paragraph
    items: list[str] = []
    for line in lines:
        item = _ITEM.fullmatch(line.strip()) if not line.startswith(" " * 5) else None
        if item and not first.startswith("Returns"):
            items.append(f"- `{item[1]}`: {item[2]}")
        elif items and not first.startswith("Returns"):
            items[-1] += f" {line.strip()}"
        else:
            items.append(line.strip())
    return f"{first}\n\n" + "\n".join(items)


if __name__ == "__main__":
    for name, page in PAGES.items():
        (GUIDE / name).write_text(page(), encoding="utf-8")
