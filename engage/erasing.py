"""Erasing a user: remembered first, then day by day, so that no lock lasts and nothing is lost."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import asyncpg

import sql
from consumer.scrub import scrub
from engage.database import connected
from loadgen.progress import Progress, silent
from schema.errors import SetupError, Unavailable
from sql.pool import Connection

_ROLE: Final = "engage_eraser"
# Shorter than the consumer waits for a lock: who waits for a batch must not fail the others.
_LOCK_TIMEOUT: Final = "3s"
_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.5
_LETTERS_AT_ONCE: Final = 50
# JSON may spell any letter so, and UTF-16 is full of zeros.
_MAY_HIDE_NAMES: Final = (b"\\u", b"\x00")


@dataclass(frozen=True)
class Subject:
    """The user a person names: by the number, by the external id, or by both."""

    user_id: int | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Names:
    """What a user is known by."""

    user_id: int | None
    external_ids: tuple[str, ...]

    def has_number(self, number: float) -> bool:
        """Tell whether it is the user's number."""
        return number == self.user_id

    def has_name(self, name: str) -> bool:
        """Tell whether it is an external id of the user."""
        return name in self.external_ids

    @property
    def needles(self) -> list[bytes]:
        """What bytes that name the user contain."""
        number = [str(self.user_id).encode()] if self.user_id is not None else []
        names = [name.encode() for name in self.external_ids]
        return [*number, *names, *(_MAY_HIDE_NAMES if names else _MAY_HIDE_NAMES[1:])]


@dataclass(frozen=True)
class Found:
    """What a user has, or what an erasure did."""

    events: int
    dead_letters: int
    catalogue_rows: int


@asynccontextmanager
async def as_eraser(url: str) -> AsyncIterator[Connection]:
    """Yield a connection that may erase and export, and nothing else.

    Raises as engage.database.connected does; SetupError as well where the login may not be it.
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
    """Look up what the user is known by. Raises SetupError: the two are different users."""
    [row] = await ask(connection, "user_names", **asdict(subject))
    if row["stands_for"] not in (None, row["user_id"]):
        raise SetupError("the external id stands for another user: erase or export each alone")
    return Names(row["user_id"], tuple(row["external_ids"]))


async def look(url: str, subject: Subject) -> Found:
    """Count what there is of a user. Changes nothing. Raises as ``as_eraser`` does."""
    async with as_eraser(url) as connection:
        user = await names_of(connection, subject)
        events = 0
        for day in await days(connection):
            [row] = await ask(
                connection, "count_events_of_user", user_id=user.user_id, **bounds(day)
            )
            events += row["events"]
        letters = [letter async for letter in naming(connection, user)]
        numbers = [user.user_id] if user.user_id is not None else []
        users = await ask(connection, "catalogue_users", ids=numbers)
        known = await ask(
            connection,
            "external_ids_of",
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
    """Erase a user; an erasure that was interrupted goes on where it was.

    Args:
        url: the database.
        subject: the user; external ids that the catalogue knows need not be named.
        requested_by: for the audit.
        is_linked: whether a stand-in keeps the user's events together.
        progress: told of the days.

    Raises as ``as_eraser`` does; SetupError: the external id is another user's.
    """
    stand_in = -1 - secrets.randbelow(2**63 - 1) if is_linked else None
    async with as_eraser(url) as connection:
        await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        work = await _begin(
            connection,
            **asdict(subject),
            requested_by=requested_by,
            stand_in=stand_in,
        )
        number = work["erasure_id"]
        await connection.execute("SET lock_timeout = 0")
        if work["user_id"] is not None:
            await _erase_days(connection, number, work["done_through"], progress)
        user = Names(work["user_id"], tuple(work["external_ids"] or ()))
        async for letter in naming(connection, user):
            key, value, detail = scrub(letter["key"], letter["value"], letter["detail"], user)
            await ask(
                connection,
                "erase_in_dead_letter",
                erasure_id=number,
                dead_letter_id=letter["dead_letter_id"],
                key=key,
                value=value,
                detail=detail,
            )
        [done] = await ask(connection, "finish_erasure", erasure_id=number)
        return Found(done["events"], done["dead_letters"], done["catalogue_rows"])


async def has_archive(url: str) -> bool:
    """Tell whether days are archived, which an erasure does not reach. Raises as ``as_eraser``."""
    async with as_eraser(url) as connection:
        [row] = await ask(connection, "has_archive")
        return bool(row["has_archive"])


async def _begin(connection: Connection, **values: Any) -> Any:
    """Wait for the batches under way, a little at a time, so that nothing waits for us long."""
    for _ in range(_ATTEMPTS):
        try:
            [work] = await ask(connection, "begin_erasure", **values)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(_PAUSE_SECONDS)
        except asyncpg.InvalidParameterValueError:
            raise SetupError("the external id stands for another user: erase each alone") from None
        else:
            return work
    raise Unavailable("a transaction that stores events does not end; nothing was begun")


async def _erase_days(
    connection: Connection, erasure: int, done_through: date | None, progress: Progress
) -> None:
    """Go through the days, each in a transaction of its own."""
    todo = await days(connection)
    events = 0
    for count, day in enumerate(todo, 1):
        if done_through is None or day > done_through:
            [row] = await ask(connection, "erase_day", erasure_id=erasure, day=day)
            events += row["events"]
        progress("days", count, len(todo), f"{events:,} events")


async def naming(connection: Connection, user: Names) -> AsyncIterator[Any]:
    """Yield the dead letters that name the user, with a bounded number in memory."""
    after = 0
    while True:
        found = await ask(
            connection,
            "dead_letters_with",
            needles=user.needles,
            after=after,
            rows=_LETTERS_AT_ONCE,
        )
        for letter in found:
            was = (letter["key"], letter["value"], letter["detail"])
            if scrub(*was, user) != was:
                yield letter
        if len(found) < _LETTERS_AT_ONCE:
            return
        after = found[-1]["dead_letter_id"]


async def days(connection: Connection) -> list[date]:
    """Return the days of engagements, oldest first."""
    return [row["day"] for row in await ask(connection, "engagement_days")]


def bounds(day: date) -> dict[str, datetime]:
    """Return the instants a UTC day lies between, as the questions name them."""
    since = datetime.combine(day, time(), UTC)
    return {"since": since, "before": since + timedelta(days=1)}


async def ask(connection: Connection, question: str, /, **values: Any) -> Sequence[Any]:
    """Ask sql/<question>.sql."""
    query = sql.load(question)
    rows: Sequence[Any] = await connection.fetch(query.text, *query.bind(**values))
    return rows
