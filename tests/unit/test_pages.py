"""Links, commands, options, settings and tests of the documentation exist."""

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
from engage.commands.config import settings_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMMANDS = typer.main.get_command(app)
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Placeholders of values and of omitted words.
PLACEHOLDER = re.compile(r"[A-Z_]{2,}|\W*…\W*|<.*>|\|")

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page in these languages, without their indentation."""
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
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@each_page
def test_links_lead_to_a_page_and_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        if not re.match(r"\w+:", path):
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


@each_page
def test_tests_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"`(tests/[^`]+)`", text_of(page)):
        path, _, test = name.partition("::")
        assert (ROOT / path).exists(), name
        assert not test or f"def {test}(" in text_of(ROOT / path), name


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
    """Yield the words of each command of ours that a page shows, in blocks and in prose."""
    code = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    shown = [*code.splitlines(), *re.findall(r"`((?:engage|make) [^`\\]+)", prose(page))]
    for line in shown:
        for found in re.findall(r"(?:^\s*|[(;&|]\s*|bin/)((?:engage|make) [^;&|)>#\"]*)", line):
            try:
                yield shlex.split(found)
            except ValueError:  # a quotation that continues elsewhere
                yield found.split("'")[0].split()


def unknown(words: list[str]) -> str | None:
    """Return the word of a command that does not exist; None: all of them do."""
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


def test_every_page_is_in_the_index_once() -> None:
    listed = [place for section in navigation() for part in section.values() for place in part]
    names = [name for entry in listed for name in entry.values()]
    existing = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"index.md"}

    assert existing - set(names) == set(), "list it in docs/index.md"
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "text"), pages().items(), ids=pages())
def test_reference_is_generated_from_the_code(name: str, text: str) -> None:
    assert text_of(DOCS / "reference" / name) == text, "generate it with `make docs`"


def test_readme_has_every_setting_with_its_default() -> None:
    readme = text_of(ROOT / "README.md")
    table = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert table, "the README has no table of settings"
    assert table[1] == settings_table(), "generate it with `engage config table`"


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
def test_files_that_a_page_would_load_from_elsewhere_are_found(html: str, is_foreign: bool) -> None:
    assert bool(FOREIGN.search(html)) is is_foreign
