"""Markdown as the generated pages of the reference are written in."""

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "<!-- Written by `make docs` from the code: change the code, not this page. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a cell's own bars are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )


def page(title: str, *blocks: str) -> str:
    """Return a page that says where it comes from."""
    return "\n\n".join([f"# {title}", NOTE, *blocks]) + "\n"
