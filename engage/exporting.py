"""Exporting all there is about a user, a row at a time."""

import base64
import csv
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, Final

import sql
from engage.erasing import Names, Subject, as_eraser, ask, bounds, days, names_of, naming
from schema.errors import SetupError
from sql.pool import Connection

_PREFETCH_ROWS: Final = 500
_COLUMNS: Final = (
    "kind", "user_id", "external_id", "signup_date", "country", "user_segment",
    "event_id", "post_id", "type", "engaged_timestamp", "received_timestamp",
    "dead_letter_id", "reason", "detail", "record_timestamp", "dead_lettered_timestamp",
    "topic", "partition", "offset", "key", "value",
)  # fmt: skip
# What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Thing = Mapping[str, Any]


async def export(
    url: str,
    subject: Subject,
    *,
    requested_by: str,
    write: Callable[[Thing], None],
) -> dict[str, int]:
    """Give all there is about a user to *write*, from one snapshot; return how many of what.

    Raises as engage.erasing.as_eraser does; SetupError: the two names are different users'.
    """
    async with as_eraser(url) as connection:
        user = await names_of(connection, subject)
        [noted] = await ask(
            connection, "begin_export", user_id=user.user_id, requested_by=requested_by
        )
        counts: dict[str, int] = {}
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for thing in _all_of(connection, user):
                write(thing)
                counts[thing["kind"]] = counts.get(thing["kind"], 0) + 1
        await ask(
            connection,
            "finish_export",
            export_id=noted["export_id"],
            events=counts.get("event", 0),
            dead_letters=counts.get("dead_letter", 0),
        )
    return counts


async def _all_of(connection: Connection, user: Names) -> AsyncIterator[Thing]:
    for name in user.external_ids:
        yield {"kind": "external_id", "user_id": user.user_id, "external_id": name}
    if user.user_id is not None:
        for row in await ask(connection, "catalogue_users", ids=[user.user_id]):
            known = dict(row)
            yield {"kind": "user", "user_id": known.pop("id"), **known}
        async for event in _events(connection, user.user_id):
            yield {"kind": "event", **event}
    async for letter in naming(connection, user):
        yield {
            "kind": "dead_letter",
            **{name: value for name, value in letter.items() if name in _COLUMNS},
        }


async def _events(connection: Connection, user_id: int) -> AsyncIterator[Thing]:
    query = sql.load("events_of_user")
    for day in await days(connection):
        values = query.bind(user_id=user_id, **bounds(day))
        async for row in connection.cursor(query.text, *values, prefetch=_PREFETCH_ROWS):
            yield dict(row)


@contextmanager
def destination(name: str) -> Iterator[IO[str]]:
    """Yield a new file that only its owner may read, or stdout for ``-``. Raises SetupError.

    The file has its name when all is in it, never half of it.
    """
    if name == "-":
        yield sys.stdout
        return
    path = Path(name)
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SetupError(f"{part} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def writer(file: IO[str], *, is_csv: bool) -> Callable[[Thing], None]:
    """Return what writes a thing to *file*, as CSV or as NDJSON."""
    if not is_csv:
        return lambda thing: print(json.dumps(_plain(thing), ensure_ascii=False), file=file)
    rows = csv.DictWriter(file, fieldnames=_COLUMNS, lineterminator="\n")
    rows.writeheader()
    return lambda thing: rows.writerow(
        {name: _harmless(value) for name, value in _plain(thing).items()}
    )


def _plain(thing: Thing) -> dict[str, Any]:
    return {name: _readable(value) for name, value in thing.items()}


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
