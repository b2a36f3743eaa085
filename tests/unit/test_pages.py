"""What the pages show can be followed: links and anchors, commands and their options, code."""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docs.generate import pages
from docs.site import FOREIGN, navigation
from engage.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMMANDS = typer.main.get_command(app)
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
# What stands for a value, or for the words that are left out.
PLACEHOLDER = re.compile(r"[A-Z_]{2,}|\W*…\W*|<.*>|\|")

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of a page in these languages, without their indentation."""
    found = re.findall(
        r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", text_of(page), re.MULTILINE | re.DOTALL
    )
    return [
        re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        for indent, language, body in found
        if language in languages
    ]


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        if re.match(r"\w+:", path):
            continue
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@each_page
def test_code_parses(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(code, page.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for code in blocks(page, "json"):
        json.loads(code)
    for code in blocks(page, "bash"):
        checked = subprocess.run(
            ["bash", "-n"], input=code, text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command of ours that a page shows, in blocks and in prose."""
    code = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    shown = [*code.splitlines(), *re.findall(r"`((?:engage|make) [^`\\]+)", prose(page))]
    for line in shown:
        for found in re.findall(r"(?:^\s*|[(;&|]\s*|bin/)((?:engage|make) [^;&|)>#\"]*)", line):
            try:
                yield shlex.split(found)
            except ValueError:  # a quotation that goes on elsewhere
                yield found.split("'")[0].split()


def unknown(words: list[str]) -> str | None:
    """What of a command does not exist; None: all of it does."""
    if words[0] == "make":
        return None if {word for word in words[1:2] if "=" not in word} <= TARGETS else words[1]
    command: Any = COMMANDS
    for word in words[1:]:
        below = getattr(command, "commands", {})
        name = word.rstrip(",.:")
        if word.startswith("-"):
            known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            if name.split("=")[0] not in known | {"--help", "-h"}:
                return word
        elif name in below:
            command = below[name]
        elif below and not PLACEHOLDER.search(word) and not command.params:
            return word
    return None


@each_page
def test_commands_exist(page: Path) -> None:
    assert [words for words in commands(page) if unknown(words)] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("engage db verify -o json", None),
        ("engage users erase 42 --dry-run", None),
        ("engage db verfy", "verfy"),
        ("engage db verify --fast", "--fast"),
        ("make test", None),
        ("make tset", "tset"),
    ],
)
def test_what_does_not_exist_is_noticed(line: str, wrong: str | None) -> None:
    assert unknown(line.split()) == wrong


def test_every_page_is_in_the_index_once() -> None:
    listed = [place for section in navigation() for part in section.values() for place in part]
    names = [name for entry in listed for name in entry.values()]
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"index.md"}

    assert there - set(names) == set(), "list it in docs/index.md"
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "text"), pages().items(), ids=pages())
def test_the_reference_is_what_the_code_says(name: str, text: str) -> None:
    assert text_of(DOCS / "reference" / name) == text, "write it anew with `make docs`"


@pytest.mark.parametrize(
    ("html", "is_foreign"),
    [
        ('<script src="https://cdn.example/x.js"></script>', True),
        ("<img alt='' src=//cdn.example/x.png>", True),
        ('<link href="https://fonts.example/css" rel="stylesheet">', True),
        ('@import "https://fonts.example/css";', True),
        ("body{background:url(https://cdn.example/x.png)}", True),
        ('<a href="https://example.org/">elsewhere</a>', False),
        ('<script src="../assets/x.js"></script><img src="images/x.png">', False),
    ],
)
def test_what_a_page_of_the_site_would_load_from_elsewhere_is_found(
    html: str, is_foreign: bool
) -> None:
    assert bool(FOREIGN.search(html)) is is_foreign
