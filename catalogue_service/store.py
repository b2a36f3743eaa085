"""Changes of the catalogue, in one transaction: ids resolved, unchanged rows left alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

import sql
from catalogue_service.models import Item, Kind, Outcome
from sql.pool import AnyConnection, Pool

# One writer at a time: what a change depends on must not change meanwhile.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('catalogue.write'))"
# What others refer to comes first, and goes last.
_PUT_ORDER: Final = (Kind.AUTHOR, Kind.USER, Kind.POST)


@dataclass(frozen=True)
class Refusal:
    """Why a change was not made: a stable tag and a sentence."""

    error: str
    detail: str


Result = Outcome | Refusal


@dataclass
class _Change:
    """An item on its way: its number, once that is known, and the row it becomes."""

    item: Item
    number: int | None = None
    row: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None

    @property
    def name(self) -> str | None:
        """The external id it is given with."""
        given = self.item.id
        return given if isinstance(given, str) else getattr(self.item.content, "external_id", None)

    def refuse(self, error: str, detail: str) -> None:
        self.result = Refusal(error, detail)

    def done(self, outcome: Any) -> None:
        self.result = Outcome(
            kind=self.item.kind, id=self.number or 0, external_id=self.name, outcome=outcome
        )


async def apply(pool: Pool, items: Sequence[Item], *, is_rehearsal: bool = False) -> list[Result]:
    """Make the changes and return what came of each; all or, on an error, none are made.

    Doing the same again changes nothing. A rehearsal makes the changes and takes them back.
    Raises what sql.pool.OUTAGES names.
    """
    changes = [_Change(item) for item in items]
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await _apply(connection, changes)
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.rollback() if is_rehearsal else transaction.commit())
    return [cast("Result", change.result) for change in changes]


async def _apply(connection: AnyConnection, changes: Sequence[_Change]) -> None:
    await connection.execute(_LOCK)
    # First, as the consumer too asks for erasures before external ids.
    await _refuse_erased(connection, [c for c in changes if _is_put(c, Kind.USER)])
    puts = {kind: [c for c in changes if _is_put(c, kind)] for kind in _PUT_ORDER}
    # Moves lock out consumers, who may wait for a name that is reserved here: they go first.
    for kind in _PUT_ORDER:
        await _attach(connection, kind, _open(puts[kind]))
    for kind in _PUT_ORDER:
        await _number(connection, kind, _open(puts[kind]), is_reserving=True)
    for kind in _PUT_ORDER:
        await _put(connection, kind, _open(puts[kind]))
    for kind in reversed(_PUT_ORDER):
        gone = [c for c in changes if c.item.kind is kind and c.item.content is None]
        await _delete(connection, kind, gone)


def _is_put(change: _Change, kind: Kind) -> bool:
    return change.item.kind is kind and change.item.content is not None


async def _put(connection: AnyConnection, kind: Kind, changes: Sequence[_Change]) -> None:
    for change in changes:
        change.row = change.item.content.model_dump(exclude={"external_id", "author"})
        change.row["id"] = change.number
    if kind is Kind.POST:
        await _name_authors(connection, changes)
    # The last of several changes of the same thing is the one that stays.
    latest = {change.number: change for change in _open(changes)}
    found = await _rows(connection, f"catalogue_{kind}s", ids=list(latest))
    known = {row["id"]: dict(row) for row in found}
    write = [c for c in latest.values() if known.get(c.number or 0) != c.row]
    for change in _open(changes):
        is_written = change in write
        change.done(
            ("updated" if change.number in known else "created") if is_written else "unchanged"
        )
    if write:
        rows = msgspec.json.encode([change.row for change in write]).decode()
        await _rows(connection, f"put_{kind}s", rows=rows)


async def _number(
    connection: AnyConnection, kind: Kind, changes: Sequence[_Change], *, is_reserving: bool
) -> None:
    """Give each change its number; a new external id gets one of its own when *is_reserving*."""
    names = sorted({c.item.id for c in changes if isinstance(c.item.id, str)})
    numbers: dict[str, int] = {}
    if names and is_reserving:
        found = await _rows(connection, "resolve_external_ids", kind=kind, external_ids=names)
        numbers = {row["external_id"]: row["id"] for row in found}
    elif names:
        numbers = await _known_names(connection, kind, names)
    for change in changes:
        given = change.item.id
        change.number = given if isinstance(given, int) else numbers.get(given)
        content = change.item.content
        if isinstance(given, str) and content and content.external_id not in (None, given):
            change.refuse(
                "external_id_mismatch", "external_id: differs from the id it is put under"
            )


async def _attach(connection: AnyConnection, kind: Kind, changes: Sequence[_Change]) -> None:
    """Let the external ids of things that have a number stand for it."""
    wanted: dict[str, _Change] = {}
    for change in (c for c in changes if isinstance(c.item.id, int) and c.name):
        if wanted.setdefault(change.name or "", change).item.id != change.item.id:
            change.refuse("external_id_taken", f"external_id: another {kind} has it")
    known = await _known_names(connection, kind, list(wanted)) if wanted else {}
    moved = [name for name in wanted if known.get(name) != wanted[name].item.id]
    taken = await _rows(
        connection, f"catalogue_{kind}s", ids=[known[name] for name in moved if name in known]
    )
    numbers_taken = {row["id"] for row in taken}
    for name in moved:
        change = wanted[name]
        if known.get(name) in numbers_taken:
            change.refuse("external_id_taken", f"external_id: another {kind} has it")
        else:
            await _rows(connection, "move_external_id", kind=kind, name=name, id=change.item.id)


async def _refuse_erased(connection: AnyConnection, changes: Sequence[_Change]) -> None:
    """Refuse users who were erased; none is erased before the transaction ends."""
    if not changes:
        return
    numbers = [c.item.id for c in changes if isinstance(c.item.id, int)]
    names = [c.item.id for c in changes if isinstance(c.item.id, str)]
    names += [c.item.content.external_id for c in changes if c.item.content.external_id]
    found = await _rows(connection, "find_erased", numbers=numbers, names=names)
    erased = {value for row in found for value in row if value is not None}
    for change in changes:
        if not erased.isdisjoint((change.item.id, change.name)):
            change.refuse("user_erased", "the user was erased for good: use another id")


async def _name_authors(connection: AnyConnection, changes: Sequence[_Change]) -> None:
    """Replace authors' external ids, and refuse posts whose author is not there."""
    names = sorted({c.item.content.author for c in changes if c.item.content.author})
    numbers = await _known_names(connection, Kind.AUTHOR, names) if names else {}
    for change in changes:
        if change.item.content.author:
            change.row["author_id"] = numbers.get(change.item.content.author)
    given = list({c.row["author_id"] for c in changes if c.row["author_id"]})
    there = {row["id"] for row in await _rows(connection, "catalogue_authors", ids=given)}
    for change in changes:
        if change.row["author_id"] not in there:
            change.refuse("unknown_author", "author: not in the catalogue; put the author first")


async def _delete(connection: AnyConnection, kind: Kind, changes: Sequence[_Change]) -> None:
    await _number(connection, kind, changes, is_reserving=False)
    ids = [change.number for change in changes if change.number]
    busy: set[int] = set()
    if kind is Kind.AUTHOR and ids:
        busy = {row["id"] for row in await _rows(connection, "authors_with_posts", ids=ids)}
    goes = [number for number in ids if number not in busy]
    gone = (
        {r["id"] for r in await _rows(connection, f"delete_{kind}s", ids=goes)} if goes else set()
    )
    for change in changes:
        if change.number in busy:
            change.refuse("author_has_posts", "the author has posts: delete or reassign them first")
        elif change.number in gone:
            change.done("deleted")
        else:
            change.refuse(f"unknown_{kind}", f"there is no such {kind} in the catalogue")


async def _known_names(
    connection: AnyConnection, kind: Kind, names: Iterable[str]
) -> dict[str, int]:
    found = await _rows(connection, "external_ids_of", kind=kind, ids=[], names=list(names))
    return {row["external_id"]: row["id"] for row in found}


def _open(changes: Iterable[_Change]) -> list[_Change]:
    return [change for change in changes if change.result is None]


async def _rows(connection: AnyConnection, question: str, /, **values: Any) -> list[Any]:
    query = sql.load(question)
    found: list[Any] = await connection.fetch(query.text, *query.bind(**values))
    return found
