"""Export of all stored data of a user, row by row."""

import base64
import csv
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, datetime
from typing import IO, Any, Final

from engage.erasure import Names, Subject, as_eraser, bounds, days, names_of, naming
from sql import load
from sql.pool import Connection

_PREFETCH_ROWS: Final = 500
_COLUMNS: Final = (
    "kind", "user_id", "external_id", "signup_date", "country", "user_segment",
    "event_id", "post_id", "type", "engaged_timestamp", "received_timestamp",
    "dead_letter_id", "reason", "detail", "record_timestamp", "dead_lettered_timestamp",
    "topic", "partition", "offset", "key", "value",
)  # fmt: skip
# Starts of cells that a spreadsheet takes for a formula, and of those escaped here.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")

Row = Mapping[str, Any]


async def export(
    url: str,
    subject: Subject,
    *,
    requested_by: str,
    write: Callable[[Row], None],
) -> dict[str, int]:
    """Pass all stored data of a user to *write*, from one snapshot. Return the counts by kind.

    Raises as engage.erasure.as_eraser does; SetupError when the two IDs belong to different users.
    """
    async with as_eraser(url) as connection:
        user = await names_of(connection, subject)
        [record] = await load("begin_export").fetch(
            connection, user_id=user.user_id, requested_by=requested_by
        )
        counts: dict[str, int] = {}
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for row in _all_of(connection, user):
                write(row)
                counts[row["kind"]] = counts.get(row["kind"], 0) + 1
        await load("finish_export").fetch(
            connection,
            export_id=record["export_id"],
            events=counts.get("event", 0),
            dead_letters=counts.get("dead_letter", 0),
        )
    return counts


async def _all_of(connection: Connection, user: Names) -> AsyncIterator[Row]:
    for name in user.external_ids:
        yield {"kind": "external_id", "user_id": user.user_id, "external_id": name}
    if user.user_id is not None:
        for row in await load("catalogue_users").fetch(connection, ids=[user.user_id]):
            known = dict(row)
            yield {"kind": "user", "user_id": known.pop("id"), **known}
        async for event in _events(connection, user.user_id):
            yield {"kind": "event", **event}
    async for letter in naming(connection, user):
        yield {
            "kind": "dead_letter",
            **{name: value for name, value in letter.items() if name in _COLUMNS},
        }


async def _events(connection: Connection, user_id: int) -> AsyncIterator[Row]:
    query = load("events_of_user")
    for day in await days(connection):
        values = query.bind(user_id=user_id, **bounds(day))
        async for row in connection.cursor(query.text, *values, prefetch=_PREFETCH_ROWS):
            yield dict(row)


def writer(file: IO[str], *, is_csv: bool) -> Callable[[Row], None]:
    """Return a function that writes a row to *file*, as CSV or as NDJSON."""
    if not is_csv:
        return lambda row: print(json.dumps(_plain(row), ensure_ascii=False), file=file)
    rows = csv.DictWriter(file, fieldnames=_COLUMNS, lineterminator="\n")
    rows.writeheader()
    return lambda row: rows.writerow(
        {name: _harmless(value) for name, value in _plain(row).items()}
    )


def _plain(row: Row) -> dict[str, Any]:
    return {name: _readable(value) for name, value in row.items()}


def _readable(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"base64:{base64.b64encode(value).decode()}"
    return value if value is None or isinstance(value, int) else str(value)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
