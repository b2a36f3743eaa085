"""Pages of long lists: each tells where the next one begins, by the last row's place (keyset)."""

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel

from analytics_api.answering.answers import Paged
from schema.event import MAX_ID
from schema.http.problems import Problem

_Rank = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]
_Key = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*\Z")]  # others were never in PostgreSQL
_read_place: Final = msgspec.json.Decoder(tuple[_Rank, float, _Key]).decode
Row = TypeVar("Row")


class Page(NamedTuple):
    """How many rows, and after which: None, from the first one on."""

    limit: int
    after: str | None = None


class Place(NamedTuple):
    """Before the first row of a page: how many came before, the last one's sort value and key."""

    rank: int
    value: float | None
    key: str

    @property
    def number(self) -> int:
        """The key as an id; 0 before the first page. Raises Problem 422 for what is none."""
        if not self.key:
            return 0
        if not (self.key.isascii() and self.key.isdigit() and int(self.key) <= MAX_ID):
            raise _no_place()
        return int(self.key)

    def written(self) -> str:
        """Return the place as ``after`` takes it."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")


def place_of(page: Page) -> Place:
    """Read where a page begins. Raises Problem 422 for an ``after`` that no page gave."""
    if page.after is None:
        return Place(0, None, "")
    with contextlib.suppress(ValueError, RecursionError, msgspec.DecodeError):
        padding = "=" * (-len(page.after) % 4)
        return Place(*_read_place(base64.urlsafe_b64decode(page.after + padding)))
    raise _no_place()


def head(
    rows: Sequence[Any], page: Page, told: Callable[[dict[str, Any], int], BaseModel], key: str
) -> Paged:
    """Return the page whose rows are *rows*, found with LIMIT one more than it may have.

    Args:
        rows: from the page's place on, each with its ``sort_value``.
        page: which.
        told: makes what is shown of a row and its rank.
        key: the column that tells equals apart.
    """
    place = place_of(page)
    shown = rows[: page.limit]
    found = [told(dict(row), rank) for rank, row in enumerate(shown, place.rank + 1)]
    if len(rows) <= page.limit:
        return Paged(found, None)
    last = Place(place.rank + page.limit, shown[-1]["sort_value"], str(shown[-1][key]))
    return Paged(found, last.written())


def cut(
    rows: Sequence[Row], page: Page, sorted_by: Sequence[tuple[float, int]]
) -> tuple[Sequence[Row], str | None]:
    """Return one page of *rows*, all of which are there, and what ``after`` is for the next one.

    Args:
        rows: in their order.
        page: which.
        sorted_by: of each row its sort value, which falls, and its id, which rises among equals.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    place = place_of(page)
    if place.value is None:
        first = 0
    else:
        last = (-place.value, place.number)
        first = sum((-value, number) <= last for value, number in sorted_by)
    end = first + page.limit
    if end >= len(rows):
        return rows[first:], None
    value, number = sorted_by[end - 1]
    return rows[first:end], Place(end, value, str(number)).written()


def _no_place() -> Problem:
    return Problem(422, "invalid_parameter", "after: take it from the Link of the page before")
