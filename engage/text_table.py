"""Tables of text that fit a width: no header is cut within a word, and no number is cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from rich.cells import cell_len, set_cell_size

from schema.bidi import isolated

_GAP: Final = "  "
_INDENT: Final = 4 * " "
_COMFORTABLE_WIDTH: Final = 30
_MIN_WIDTH: Final = 12
_DETAIL_LINES: Final = 2
_NONE: Final = "-"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        header: its words; lines are broken between them.
        cells: a text per row, without line breaks or control characters.
        is_number: aligned to the right, and never shortened.
        is_whole: never shortened.
        rank: columns with a rank are left out when the table is too wide, the highest first.
        is_detail: the text follows on lines of its own, under the row.
    """

    header: str
    cells: Sequence[str]
    is_number: bool = False
    is_whole: bool = False
    rank: int | None = None
    is_detail: bool = False

    @property
    def natural_width(self) -> int:
        return max(self.header_width, *map(cell_len, self.cells))

    @property
    def header_width(self) -> int:
        return max(map(cell_len, self.header.split()), default=0)

    def least_width(self, limit: int) -> int:
        """Return the width to which the column can shrink, when texts may shrink to *limit*."""
        if self.is_number or self.is_whole:
            return self.natural_width
        return max(self.header_width, min(self.natural_width, limit))


@dataclass(frozen=True)
class Layout:
    """Columns with their widths, columns that follow under each row, and those left out."""

    columns: Sequence[Column]
    widths: Sequence[int]
    below: Sequence[Column]
    omitted: Sequence[Column]


def fit(columns: Sequence[Column], width: int) -> Layout:
    """Choose the columns that fit.

    First columns with a rank are left out, then texts are shortened, and then the last columns
    follow under each row.
    """
    shown = [column for column in columns if not column.is_detail]
    omitted = []
    while _sum(shown, _COMFORTABLE_WIDTH) > width:
        ranked = [column for column in shown if column.rank is not None]
        if not ranked:
            break
        omitted.append(max(ranked, key=lambda column: column.rank or 0))
        shown.remove(omitted[-1])
    below = [column for column in columns if column.is_detail]
    while _sum(shown, _MIN_WIDTH) > width and len(shown) > 1:
        below.insert(0, shown.pop())
    return Layout(shown, _widths(shown, width), below, omitted)


def _sum(columns: Sequence[Column], limit: int) -> int:
    gaps = len(_GAP) * (len(columns) - 1)
    return sum(column.least_width(limit) for column in columns) + gaps


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    widths = [column.natural_width for column in columns]
    least = [column.least_width(_MIN_WIDTH) for column in columns]
    excess = sum(widths) + len(_GAP) * (len(columns) - 1) - width
    for _ in range(max(excess, 0)):
        place = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
        if widths[place] <= least[place]:
            break
        widths[place] -= 1
    return widths


def head(layout: Layout) -> list[str]:
    """Return the lines of the header."""
    pairs = list(zip(layout.columns, layout.widths, strict=True))
    headers = [wrap(column.header, width, break_long_words=False) for column, width in pairs]
    height = max(map(len, headers), default=0)
    padded = [[""] * (height - len(lines)) + lines for lines in headers]
    return [
        _joined(
            _aligned(lines[number], column, width)
            for lines, (column, width) in zip(padded, pairs, strict=True)
        )
        for number in range(height)
    ]


def body(layout: Layout, width: int) -> Iterator[str]:
    """Yield the lines of the rows."""
    pairs = list(zip(layout.columns, layout.widths, strict=True))
    count = len(layout.columns[0].cells) if layout.columns else 0
    for row in range(count):
        yield _joined(_aligned(column.cells[row], column, size) for column, size in pairs)
        named = [
            f"{column.header}: {column.cells[row]}"
            for column in layout.below
            if not column.is_detail and column.cells[row] != _NONE
        ]
        texts = [column.cells[row] for column in layout.below if column.is_detail]
        yield from _wrapped(", ".join(named), width, lines=None)
        for text in texts:
            yield from _wrapped(text, width, lines=_DETAIL_LINES)


def _wrapped(text: str, width: int, *, lines: int | None) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        max_lines=lines,
        placeholder=" …",
    )


def _joined(cells: Iterator[str]) -> str:
    return _GAP.join(cells).rstrip()


def _aligned(text: str, column: Column, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + "…"
    padding = (width - cell_len(text)) * " "
    text = isolated(text)
    return padding + text if column.is_number else text + padding
