"""Erasure of a user: recorded first, then applied day by day, so that no lock is held for long."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import asyncpg

from consumer.redaction import redact
from runtime.progress import Progress, silent
from schema.errors import SetupError, Unavailable
from sql import load
from sql.command import connected
from sql.pool import Connection

_ROLE: Final = "engage_eraser"
# Shorter than the consumer's timeout: while this waits for a batch, other batches wait behind it.
_LOCK_TIMEOUT: Final = "3s"
_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.5
_LETTERS_AT_ONCE: Final = 50
# JSON may escape any character, and must escape some; UTF-16 is full of zeros.
_MAY_HIDE_NAMES: Final = (b"\\", b"\x00")


@dataclass(frozen=True)
class Subject:
    """A user, named by ID, external ID or both."""

    user_id: int | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Names:
    user_id: int | None
    external_ids: tuple[str, ...]

    def has_user_id(self, number: float) -> bool:
        return number == self.user_id

    def has_external_id(self, name: str) -> bool:
        return name in self.external_ids

    @property
    def needles(self) -> list[bytes]:
        """Byte strings of which one is in every text that names the user."""
        number = [str(self.user_id).encode()] if self.user_id is not None else []
        names = [name.encode() for name in self.external_ids]
        return [*number, *names, *_MAY_HIDE_NAMES]


@dataclass(frozen=True)
class Found:
    """Counts of a user's data, or of erased data."""

    events: int
    dead_letters: int
    catalogue_rows: int


@asynccontextmanager
async def as_eraser(url: str) -> AsyncIterator[Connection]:
    """Yield a connection that may erase and export, and nothing else.

    Raises as sql.command.connected does; SetupError as well where the login may not be it.
    """
    async with connected(url) as connection:
        try:
            await connection.execute(f"SET ROLE {_ROLE}")
        except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError):
            raise SetupError(
                f"this login may not erase: run schema/roles.sql, and GRANT {_ROLE} to it"
            ) from None
        # Only a plan for one day's instants leaves the other partitions alone.
        await connection.execute("SET plan_cache_mode = force_custom_plan")
        yield connection


async def names_of(connection: Connection, subject: Subject) -> Names:
    """Look up the user's IDs. Raises SetupError when the two belong to different users."""
    [row] = await load("user_identifiers").fetch(connection, **asdict(subject))
    if row["id_of_external_id"] not in (None, row["user_id"]):
        raise SetupError("--user-id and --external-id belong to different users: name one of them")
    return Names(row["user_id"], tuple(row["external_ids"]))


async def count(url: str, subject: Subject) -> Found:
    """Count a user's data without a change. Raises as ``as_eraser`` does."""
    async with as_eraser(url) as connection:
        user = await names_of(connection, subject)
        events = 0
        for day in await days(connection):
            [row] = await load("count_events_of_user").fetch(
                connection, user_id=user.user_id, **bounds(day)
            )
            events += row["events"]
        letters = [letter async for letter in naming(connection, user)]
        numbers = [user.user_id] if user.user_id is not None else []
        users = await load("catalogue_users").fetch(connection, ids=numbers)
        known = await load("external_ids_of").fetch(
            connection,
            kind="user",
            ids=numbers,
            names=list(user.external_ids),
        )
        return Found(events, len(letters), len(users) + len(known))


async def erase(
    url: str,
    subject: Subject,
    *,
    requested_by: str,
    is_linked: bool,
    progress: Progress = silent,
) -> Found:
    """Erase a user, or continue an interrupted erasure.

    Args:
        url: the database.
        subject: the user; the catalogue's external IDs of the user are included.
        requested_by: for the audit record.
        is_linked: whether a pseudonym links the user's events.
        progress: called with the days that are done.

    Raises as ``as_eraser`` does; SetupError when the external ID belongs to another user.
    """
    pseudonym_id = -1 - secrets.randbelow(2**63 - 1) if is_linked else None
    async with as_eraser(url) as connection:
        await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        work = await _begin(
            connection,
            **asdict(subject),
            requested_by=requested_by,
            pseudonym_id=pseudonym_id,
        )
        number = work["erasure_id"]
        await connection.execute("SET lock_timeout = 0")
        if work["user_id"] is not None:
            await _erase_days(connection, number, work["erased_through"], progress)
        user = Names(work["user_id"], tuple(work["external_ids"] or ()))
        async for letter in naming(connection, user):
            key, value, detail = redact(letter["key"], letter["value"], letter["detail"], user)
            await load("redact_dead_letter").fetch(
                connection,
                erasure_id=number,
                dead_letter_id=letter["dead_letter_id"],
                key=key,
                value=value,
                detail=detail,
            )
        [done] = await load("finish_erasure").fetch(connection, erasure_id=number)
        return Found(done["events"], done["dead_letters"], done["catalogue_rows"])


async def has_archive(url: str) -> bool:
    """Whether days are archived; an erasure does not change them. Raises as ``as_eraser`` does."""
    async with as_eraser(url) as connection:
        [row] = await load("has_archive").fetch(connection)
        return bool(row["has_archive"])


async def _begin(connection: Connection, **values: Any) -> Any:
    """Record the erasure between two batches; give up the lock again and again while waiting."""
    for _ in range(_ATTEMPTS):
        try:
            [work] = await load("begin_erasure").fetch(connection, **values)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(_PAUSE_SECONDS)
        except asyncpg.InvalidParameterValueError:
            raise SetupError(
                "--user-id and --external-id belong to different users: name one of them"
            ) from None
        else:
            return work
    raise Unavailable("timed out waiting for a running write transaction; nothing was changed")


async def _erase_days(
    connection: Connection, erasure: int, erased_through: date | None, progress: Progress
) -> None:
    todo = await days(connection)
    events = 0
    for count, day in enumerate(todo, 1):
        if erased_through is None or day > erased_through:
            [row] = await load("erase_day").fetch(connection, erasure_id=erasure, day=day)
            events += row["events"]
        progress("days", count, len(todo), f"{events:,} events")


async def naming(connection: Connection, user: Names) -> AsyncIterator[Any]:
    """Yield the dead letters that name the user, with a bounded number in memory."""
    after = 0
    while True:
        found = await load("dead_letters_containing").fetch(
            connection,
            needles=user.needles,
            after=after,
            rows=_LETTERS_AT_ONCE,
        )
        for letter in found:
            was = (letter["key"], letter["value"], letter["detail"])
            if redact(*was, user) != was:
                yield letter
        if len(found) < _LETTERS_AT_ONCE:
            return
        after = found[-1]["dead_letter_id"]


async def days(connection: Connection) -> list[date]:
    """Return the days of engagements, oldest first."""
    return [row["day"] for row in await load("engagement_days").fetch(connection)]


def bounds(day: date) -> dict[str, datetime]:
    since = datetime.combine(day, time(), UTC)
    return {"since": since, "before": since + timedelta(days=1)}
