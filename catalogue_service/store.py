"""The catalogue in PostgreSQL: changes in one transaction, and reads.

A change resolves external IDs and writes only rows that differ.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

import sql
from catalogue_service.models import Change, Kind, Outcome
from sql.pool import AnyConnection, Pool, retry_stale_statements, transaction

# One writer at a time, so that rows a change depends on do not change.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('catalogue.write'))"
# Referenced rows are created first and deleted last.
_PUT_ORDER: Final = (Kind.AUTHOR, Kind.USER, Kind.POST)


@dataclass(frozen=True)
class Rejection:
    """The reason why a change was rejected: a stable tag and a sentence."""

    error: str
    detail: str


Result = Outcome | Rejection


@dataclass
class _Pending:
    """A change, with its number when that is known, and the row that it becomes."""

    wanted: Change
    number: int | None = None
    row: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None

    @property
    def name(self) -> str | None:
        """The external ID of the change."""
        given = self.wanted.id
        return (
            given if isinstance(given, str) else getattr(self.wanted.content, "external_id", None)
        )

    def reject(self, error: str, detail: str) -> None:
        self.result = Rejection(error, detail)

    def done(self, outcome: Any) -> None:
        self.result = Outcome(
            kind=self.wanted.kind,
            id=self.number or 0,
            external_id=self.name,
            outcome=outcome,
            notes=self.wanted.content.notes if self.wanted.content else [],
        )


@retry_stale_statements
async def apply(pool: Pool, wanted: Sequence[Change], *, is_dry_run: bool = False) -> list[Result]:
    """Apply changes in one transaction and return their results. Repeating it changes nothing.

    A dry run rolls the transaction back. Raises the exceptions in sql.pool.OUTAGES.
    """
    changes = [_Pending(change) for change in wanted]
    async with pool.acquire() as connection, transaction(connection, is_dry_run=is_dry_run):
        await _apply(connection, changes)
    return [cast("Result", change.result) for change in changes]


async def _apply(connection: AnyConnection, changes: Sequence[_Pending]) -> None:
    await connection.execute(_LOCK)
    # The same order as in the consumer: erasures, then external IDs.
    await _reject_erased(connection, [c for c in changes if _is_put(c, Kind.USER)])
    puts = {kind: [c for c in changes if _is_put(c, kind)] for kind in _PUT_ORDER}
    # First, because moving an ID locks out consumers that may wait for an ID reserved here.
    for kind in _PUT_ORDER:
        await _move_external_ids(connection, kind, _undecided(puts[kind]))
    for kind in _PUT_ORDER:
        await _assign_numbers(connection, kind, _undecided(puts[kind]), is_reserving=True)
    for kind in _PUT_ORDER:
        await _put(connection, kind, _undecided(puts[kind]))
    for kind in reversed(_PUT_ORDER):
        deletions = [c for c in changes if c.wanted.kind is kind and c.wanted.content is None]
        await _delete(connection, kind, deletions)


def _is_put(change: _Pending, kind: Kind) -> bool:
    return change.wanted.kind is kind and change.wanted.content is not None


async def _put(connection: AnyConnection, kind: Kind, changes: Sequence[_Pending]) -> None:
    for change in changes:
        change.row = change.wanted.content.model_dump(exclude={"external_id", "author"})
        change.row["id"] = change.number
    if kind is Kind.POST:
        await _resolve_authors(connection, changes)
    # The last of several changes to one row wins.
    latest = {change.number: change for change in _undecided(changes)}
    found = await _rows(connection, f"catalogue_{kind}s", ids=list(latest))
    known = {row["id"]: dict(row) for row in found}
    write = [c for c in latest.values() if known.get(c.number or 0) != c.row]
    for change in _undecided(changes):
        is_written = change in write
        change.done(
            ("updated" if change.number in known else "created") if is_written else "unchanged"
        )
    if write:
        rows = msgspec.json.encode([change.row for change in write]).decode()
        await _rows(connection, f"upsert_{kind}s", rows=rows)


async def _assign_numbers(
    connection: AnyConnection, kind: Kind, changes: Sequence[_Pending], *, is_reserving: bool
) -> None:
    """Set the number of each change. With *is_reserving*, new external IDs get a number."""
    names = sorted({c.wanted.id for c in changes if isinstance(c.wanted.id, str)})
    numbers: dict[str, int] = {}
    if names and is_reserving:
        found = await _rows(connection, "resolve_external_ids", kind=kind, external_ids=names)
        numbers = {row["external_id"]: row["id"] for row in found}
    elif names:
        numbers = await _known_names(connection, kind, names)
    for change in changes:
        given = change.wanted.id
        change.number = given if isinstance(given, int) else numbers.get(given)
        content = change.wanted.content
        if isinstance(given, str) and content and content.external_id not in (None, given):
            change.reject(
                "external_id_mismatch", "external_id: differs from the ID in the URL or the line"
            )


async def _move_external_ids(
    connection: AnyConnection, kind: Kind, changes: Sequence[_Pending]
) -> None:
    """Assign external IDs to the numbers that changes give for them."""
    by_name: dict[str, _Pending] = {}
    for change in (c for c in changes if isinstance(c.wanted.id, int) and c.name):
        if by_name.setdefault(change.name or "", change).wanted.id != change.wanted.id:
            change.reject("external_id_taken", f"external_id: another {kind} has it")
    known = await _known_names(connection, kind, list(by_name)) if by_name else {}
    moved = [name for name in by_name if known.get(name) != by_name[name].wanted.id]
    taken = await _rows(
        connection, f"catalogue_{kind}s", ids=[known[name] for name in moved if name in known]
    )
    numbers_taken = {row["id"] for row in taken}
    for name in moved:
        change = by_name[name]
        if known.get(name) in numbers_taken:
            change.reject("external_id_taken", f"external_id: another {kind} has it")
        else:
            await _rows(connection, "move_external_id", kind=kind, name=name, id=change.wanted.id)


async def _reject_erased(connection: AnyConnection, changes: Sequence[_Pending]) -> None:
    """Reject erased users. No user can be erased before the transaction ends."""
    if not changes:
        return
    numbers = [c.wanted.id for c in changes if isinstance(c.wanted.id, int)]
    names = [c.wanted.id for c in changes if isinstance(c.wanted.id, str)]
    names += [c.wanted.content.external_id for c in changes if c.wanted.content.external_id]
    found = await _rows(connection, "find_erased", numbers=numbers, names=names)
    erased = {value for row in found for value in row if value is not None}
    for change in changes:
        if not erased.isdisjoint((change.wanted.id, change.name)):
            change.reject("user_erased", "the user was erased: use another ID")


async def _resolve_authors(connection: AnyConnection, changes: Sequence[_Pending]) -> None:
    """Resolve external IDs of authors, and reject posts whose author is not in the catalogue."""
    names = sorted({c.wanted.content.author for c in changes if c.wanted.content.author})
    numbers = await _known_names(connection, Kind.AUTHOR, names) if names else {}
    for change in changes:
        if change.wanted.content.author:
            change.row["author_id"] = numbers.get(change.wanted.content.author)
    given = list({c.row["author_id"] for c in changes if c.row["author_id"]})
    known = {row["id"] for row in await _rows(connection, "catalogue_authors", ids=given)}
    for change in changes:
        if change.row["author_id"] not in known:
            change.reject("unknown_author", "author: not in the catalogue; create the author first")


async def _delete(connection: AnyConnection, kind: Kind, changes: Sequence[_Pending]) -> None:
    await _assign_numbers(connection, kind, changes, is_reserving=False)
    ids = [change.number for change in changes if change.number]
    with_posts: set[int] = set()
    if kind is Kind.AUTHOR and ids:
        with_posts = {row["id"] for row in await _rows(connection, "authors_with_posts", ids=ids)}
    deletable = [number for number in ids if number not in with_posts]
    deleted = (
        {r["id"] for r in await _rows(connection, f"delete_{kind}s", ids=deletable)}
        if deletable
        else set()
    )
    for change in changes:
        if change.number in with_posts:
            change.reject(
                "author_has_posts",
                "the author has posts: delete or reassign them first",
            )
        elif change.number in deleted:
            change.done("deleted")
        else:
            change.reject(f"unknown_{kind}", f"the catalogue has no such {kind}")


async def _known_names(
    connection: AnyConnection, kind: Kind, names: Iterable[str]
) -> dict[str, int]:
    found = await _rows(connection, "external_ids_of", kind=kind, ids=[], names=list(names))
    return {row["external_id"]: row["id"] for row in found}


def _undecided(changes: Iterable[_Pending]) -> list[_Pending]:
    return [change for change in changes if change.result is None]


async def _rows(connection: AnyConnection, query: str, /, **values: Any) -> list[Any]:
    return await sql.load(query).fetch(connection, **values)


@retry_stale_statements
async def read(pool: Pool, kind: Kind, identifier: int | str) -> dict[str, Any] | None:
    """Return an author, post or user, or None. Raises the exceptions in sql.pool.OUTAGES."""
    async with pool.acquire() as connection, _snapshot(connection):
        number = identifier
        if isinstance(identifier, str):
            named = await _external_ids(connection, kind, names=[identifier])
            number = next(iter(named), 0)
        found = await _described(connection, kind, [int(number)])
    return found[0] if found else None


@retry_stale_statements
async def list_after(pool: Pool, kind: Kind, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return those after a number, by number. Raises like ``read``."""
    async with pool.acquire() as connection, _snapshot(connection):
        rows = await _rows(connection, "list_catalogue", kind=kind, after=after, limit=limit)
        return await _described(connection, kind, [row["id"] for row in rows])


def _snapshot(connection: AnyConnection) -> Any:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _described(
    connection: AnyConnection, kind: Kind, ids: Sequence[int]
) -> list[dict[str, Any]]:
    rows = [dict(row) for row in await _rows(connection, f"catalogue_{kind}s", ids=ids)]
    names = await _external_ids(connection, kind, ids=ids)
    for row in rows:
        row["external_id"] = names.get(row["id"])
    if kind is Kind.POST:
        authors = await _external_ids(
            connection, Kind.AUTHOR, ids=[row["author_id"] for row in rows]
        )
        for row in rows:
            row["author"] = authors.get(row["author_id"])
    return sorted(rows, key=lambda row: int(row["id"]))


async def _external_ids(
    connection: AnyConnection, kind: Kind, *, ids: Sequence[int] = (), names: Sequence[str] = ()
) -> dict[int, str]:
    """Return external IDs by number."""
    rows = await _rows(connection, "external_ids_of", kind=kind, ids=ids, names=names)
    return {row["id"]: row["external_id"] for row in rows}
