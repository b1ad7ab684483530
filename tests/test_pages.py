"""README and guide: links that lead somewhere, commands that exist, tables that are the code's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_layering
import typer.main

from deepracer_fast import cli
from deepracer_fast.reward import load_reward
from deepracer_fast.reward.params_table import PARAMETERS
from deepracer_fast.training.config import TrainConfig, read_config

ROOT = test_layering.ROOT
README = ROOT / "README.md"
GUIDE = ROOT / "deepracer_fast" / "guide"
PAGES = [README, *sorted(GUIDE.glob("*.md")), *sorted((ROOT / ".github").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"deepracer-fast((?: +[^\s`|]+)+)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHERS = {"--help", "--debug", "--version", "--peer-python", "--no-build-isolation"}


def every_page() -> Any:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(text: str) -> str:
    return FENCE.sub("", text)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    heads = re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def options() -> dict[str, set[str]]:
    """The commands of ``deepracer-fast`` and their options."""
    group = typer.main.get_command(cli.app)
    return {
        name: {word for param in command.params for word in (*param.opts, *param.secondary_opts)}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each call of ``deepracer-fast`` in a page's code, and the whole line that it stands in."""
    code = [block for language, block in FENCE.findall(text) if language in ("sh", "")]
    code += re.findall(r"`([^`\n]+)`", prose(text))
    for block in code:
        for line in block.replace("\\\n", " ").splitlines():
            for found in COMMAND.finditer(line.partition(" #")[0]):
                yield found[1].split()[0], found[0]


@every_page()
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and (not anchor or anchor in anchors(target))
        if not (link.startswith("https://") or is_there):
            broken.append(link)
    assert broken == []


@every_page()
def test_commands_and_their_options_exist(page: Path) -> None:
    known, text = options(), page.read_text(encoding="utf-8")
    wrong = []
    for command, line in commands(text):
        of_it = known.get(command, set()) | {"--help", "--debug"}
        is_general = command in ("--help", "--version", "--debug")
        if not is_general and (command not in known or set(OPTION.findall(line)) - of_it):
            wrong.append(line)
    every = set().union(*known.values(), OTHERS)
    named = {
        word for code in re.findall(r"`([^`\n]+)`", prose(text)) for word in OPTION.findall(code)
    }
    assert (wrong, named - every) == ([], set())


def test_the_reader_of_commands_sees_them() -> None:
    text = (
        "```sh\n.venv/bin/deepracer-fast train --a \\\n  --b  # --c\n```\n`deepracer-fast race x`\n"
    )
    found = [("train", "deepracer-fast train --a    --b"), ("race", "deepracer-fast race x")]
    assert list(commands(text)) == found


def test_every_page_of_the_guide_is_reached_from_the_readme() -> None:
    seen, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8"))
            waiting += [(page.parent / link).resolve() for link in links if "//" not in link]
    assert set(GUIDE.glob("*.md")) <= seen


def test_the_two_commands_stand_where_machines_read_them() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    start = "python3 -m venv .venv && .venv/bin/pip install "
    assert lines[18] == f"{start}. && .venv/bin/deepracer-fast train"
    assert lines[24] == f"{start}'.[test]' && .venv/bin/pytest -n auto"


def test_the_readmes_reward_is_compiled() -> None:
    blocks = [code for _, code in FENCE.findall(README.read_text(encoding="utf-8"))]
    (text,) = (code for code in blocks if "def reward_function" in code)
    assert load_reward(text).mode == "compiled"


@every_page()
def test_settings_are_those_that_a_training_reads(page: Path, tmp_path: Path) -> None:
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "toml":
            (tmp_path / "config.toml").write_text(text, encoding="utf-8")
            assert read_config(tmp_path / "config.toml") != TrainConfig()


def test_the_parameters_of_a_reward_are_those_of_the_table() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (bool|float|int)(?: \[(.*)\])? \| (.*?) \| (.*) \|$",
        (GUIDE / "rewards.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    told = [
        (p.name, p.kind, ", ".join(str(n) for n in p.shape if n != "B"), p.unit, p.meaning)
        for p in PARAMETERS
    ]
    assert rows == told


@pytest.mark.parametrize(
    ("head", "folders"),
    [
        ("| folder of `deepracer_fast/` |", test_layering.FOLDERS),
        ("| folder of `csrc/` |", test_layering.CORE_FOLDERS),
    ],
    ids=["Python", "C++"],
)
def test_the_architecture_names_the_folders_and_what_they_import(
    head: str, folders: dict[str, set[str]]
) -> None:
    text = (GUIDE / "architecture.md").read_text(encoding="utf-8")
    table = text.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.split("|")[1:-1] for row in table]
    found = {row[0].strip(" `"): set(re.findall(r"`(\w+)`", row[-1])) for row in cells}
    assert found == folders


@pytest.mark.parametrize("page", [GUIDE / "architecture.md", ROOT / ".github" / "CONTRIBUTING.md"])
def test_files_that_are_named_are_there(page: Path) -> None:
    words = re.findall(r"`([\w.-]+/[\w./-]*)`", page.read_text(encoding="utf-8"))
    package = ROOT / "deepracer_fast"
    assert words
    assert [
        word for word in words if not any((top / word).exists() for top in (ROOT, package))
    ] == []
