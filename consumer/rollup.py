"""Counts of a batch's new rows by post and by quarter of an hour, as columns. Pure."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from consumer.rows import SECOND, Row, instant
from schema.event import TYPES

_QUARTER: Final = 900 * SECOND
_POSITION: Final = {name: position for position, name in enumerate(TYPES)}

Columns = tuple[list[Any], list[int], list[int], list[int], list[int]]
"""Keys ascending, then views, likes, comments and shares of each."""


def by_post(rows: Sequence[Row], gone: Sequence[Row] = ()) -> Columns:
    """Count rows by post id; rows that are *gone* count less than nothing."""
    post_and_type = itemgetter(2, 4)
    return _columns(map(post_and_type, rows), map(post_and_type, gone))


def by_quarter(rows: Sequence[Row], gone: Sequence[Row] = ()) -> Columns:
    """Count rows by the quarter of an hour (UTC) they were engaged in; likewise."""
    keys, *counts = _columns(_quarters(rows), _quarters(gone))
    return ([instant(key * _QUARTER) for key in keys], *counts)  # type: ignore[return-value]


def _quarters(rows: Sequence[Row]) -> list[tuple[int, str]]:
    return [(row[0] // _QUARTER, row[4]) for row in rows]


def _columns(
    pairs: Iterable[tuple[Hashable, str]], gone: Iterable[tuple[Hashable, str]]
) -> Columns:
    """Count (key, type) pairs; Counter does the work in C."""
    counted = Counter(pairs)
    counted.subtract(gone)
    counts: dict[Any, list[int]] = {}
    for (key, kind), number in counted.items():
        counts.setdefault(key, [0, 0, 0, 0])[_POSITION[kind]] = number
    keys = sorted(counts)
    views, likes, comments, shares = zip(*(counts[key] for key in keys), strict=True)
    return keys, list(views), list(likes), list(comments), list(shares)
