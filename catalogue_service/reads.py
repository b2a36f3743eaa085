"""What stands in the catalogue, each with what its own system calls it."""

from collections.abc import Sequence
from typing import Any

import sql
from catalogue_service.models import Kind
from sql.pool import AnyConnection, Pool


async def read(pool: Pool, kind: Kind, identifier: int | str) -> dict[str, Any] | None:
    """Return an author, post or user; None: there is none. Raises what sql.pool.OUTAGES names."""
    async with pool.acquire() as connection, _snapshot(connection):
        number = identifier
        if isinstance(identifier, str):
            named = await _names(connection, kind, names=[identifier])
            number = next(iter(named), 0)
        found = await _described(connection, kind, [int(number)])
    return found[0] if found else None


async def page(pool: Pool, kind: Kind, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return what comes after a number, by number. Raises as ``read`` does."""
    query = sql.load("list_catalogue")
    async with pool.acquire() as connection, _snapshot(connection):
        rows = await connection.fetch(query.text, *query.bind(kind=kind, after=after, limit=limit))
        return await _described(connection, kind, [row["id"] for row in rows])


def _snapshot(connection: AnyConnection) -> Any:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _described(
    connection: AnyConnection, kind: Kind, ids: Sequence[int]
) -> list[dict[str, Any]]:
    query = sql.load(f"catalogue_{kind}s")
    rows = [dict(row) for row in await connection.fetch(query.text, *query.bind(ids=ids))]
    names = await _names(connection, kind, ids=ids)
    for row in rows:
        row["external_id"] = names.get(row["id"])
    if kind is Kind.POST:
        authors = await _names(connection, Kind.AUTHOR, ids=[row["author_id"] for row in rows])
        for row in rows:
            row["author"] = authors.get(row["author_id"])
    return sorted(rows, key=lambda row: int(row["id"]))


async def _names(
    connection: AnyConnection, kind: Kind, *, ids: Sequence[int] = (), names: Sequence[str] = ()
) -> dict[int, str]:
    """Return external ids by number."""
    query = sql.load("external_ids_of")
    rows = await connection.fetch(query.text, *query.bind(kind=kind, ids=ids, names=names))
    return {row["id"]: row["external_id"] for row in rows}
