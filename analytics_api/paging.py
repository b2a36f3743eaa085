"""Pages of long lists. Each begins after the place of the last row before it (keyset)."""

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel

from analytics_api.parameters import PageParameters
from analytics_api.responses import Page
from schema.event import MAX_ID
from web.problems import Problem

_Rank = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
_Key = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*\Z")]  # others were never in PostgreSQL
_read_place: Final = msgspec.json.Decoder(tuple[_Rank, float, _Key]).decode
Row = TypeVar("Row")
Model = TypeVar("Model", bound=BaseModel)


class Place(NamedTuple):
    """The last row before a page: its rank, sort value and key."""

    rank: int
    value: float | None
    key: str

    @property
    def number(self) -> int:
        """The key as an ID; 0 for the first page. Raises Problem 422 if it is none."""
        if not self.key:
            return 0
        if not (self.key.isascii() and self.key.isdigit() and int(self.key) <= MAX_ID):
            raise _invalid_place()
        return int(self.key)

    def encoded(self) -> str:
        """Return the place as the parameter `after`."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")


def place_of(query: PageParameters) -> Place:
    """Return the place before a page. Raises Problem 422 unless a page returned it."""
    if query.after is None:
        return Place(0, None, "")
    with contextlib.suppress(ValueError, RecursionError, msgspec.DecodeError):
        padding = "=" * (-len(query.after) % 4)
        return Place(*_read_place(base64.urlsafe_b64decode(query.after + padding)))
    raise _invalid_place()


def limited_page(
    rows: Sequence[Any],
    query: PageParameters,
    model: Callable[[dict[str, Any], int], Model],
    key: str,
) -> Page[Model]:
    """Return the page of rows that were queried with a LIMIT of one more than the page has.

    Args:
        rows: from the start of the page, each with its ``sort_value``.
        query: which page.
        model: returns the model of a row and its rank.
        key: the column that orders rows of equal sort values.
    """
    place = place_of(query)
    shown = rows[: query.limit]
    found = [model(dict(row), rank) for rank, row in enumerate(shown, place.rank + 1)]
    if len(rows) <= query.limit:
        return Page(found, None)
    last = Place(place.rank + query.limit, shown[-1]["sort_value"], str(shown[-1][key]))
    return Page(found, last.encoded())


def sliced_page(
    rows: Sequence[Row], query: PageParameters, sorted_by: Sequence[tuple[float, int]]
) -> Page[Row]:
    """Return one page of all rows.

    Args:
        rows: in their order.
        query: which page.
        sorted_by: the sort value of each row, which falls, and its ID, which rises among equals.

    Raises:
        Problem: 422 for an ``after`` that no page returned.
    """
    place = place_of(query)
    if place.value is None:
        first = 0
    else:
        last = (-place.value, place.number)
        first = sum((-value, number) <= last for value, number in sorted_by)
    end = first + query.limit
    if end >= len(rows):
        return Page(rows[first:], None)
    value, number = sorted_by[end - 1]
    return Page(rows[first:end], Place(end, value, str(number)).encoded())


def _invalid_place() -> Problem:
    return Problem(422, "invalid_parameter", "after: take it from the Link of the page before")
