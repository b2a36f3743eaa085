"""Markdown of the generated pages of the reference."""

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "<!-- Written by `make docs` from the code: change the code, not this page. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars inside a cell are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )


def item_list(items: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms with their descriptions."""
    return "\n".join(f"* {term}: {description}" for term, description in items)


def text_block(rows: Sequence[Sequence[str]]) -> str:
    """Return a code block with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(["```text", *lines, "```"])


def page(title: str, *blocks: str) -> str:
    """Return a page with a title and a note about its origin."""
    return "\n\n".join([f"# {title}", NOTE, *blocks]) + "\n"
