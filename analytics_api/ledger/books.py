"""Whether every record is accounted for: the offset rows, the log's ends, and a true count."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

import sql
from analytics_api.ledger.models import AlarmRow, Ledger, LedgerTotals, PartitionLedger
from sql.pool import AnyConnection

_WATCH_SECONDS: Final = 60


_Signs = tuple[int, ...]
"""By which a count made earlier is known to stand: all of them as they were."""


class RowCounts:
    """The number of events, counted again only in the daily partitions where something changed.

    Counting 5 million rows takes most of a second. What the consumer's own accounts say in the
    same snapshot tells what it added; the server's counters tell what others did.
    """

    def __init__(self) -> None:
        self._by_day: dict[date, tuple[_Signs, int]] = {}
        self._in_all: tuple[_Signs, int] | None = None

    async def total(self, connection: AnyConnection, accounts: Iterable[int]) -> int:
        """Return the number of rows in engagements, in the connection's snapshot.

        Args:
            connection: in a transaction.
            accounts: what it says was stored and taken away.
        """
        row = await connection.fetchrow(sql.load("ledger_signs").text)
        assert row is not None  # noqa: S101  (an aggregate always has a row)
        signs = (*accounts, *row.values())
        if self._in_all is None or self._in_all[0] != signs:
            self._in_all = (signs, await self._sum_of_days(connection))
        return self._in_all[1]

    async def _sum_of_days(self, connection: AnyConnection) -> int:
        fresh: dict[date, tuple[_Signs, int]] = {}
        count = sql.load("count_day")
        for day, *signs in await connection.fetch(sql.load("ledger_days").text):
            known = self._by_day.get(day)
            if known is None or known[0] != tuple(signs):
                rows = await connection.fetchval(count.text, *count.bind(day=day))
                known = (tuple(signs), rows)
            fresh[day] = known
        self._by_day = fresh
        return sum(rows for _, rows in fresh.values())


class Books(NamedTuple):
    """What the database says, all of one snapshot."""

    offsets: list[Any]
    stored_and_replayed: int
    replayed: int
    expired: int
    retracted: int
    engagements: int


async def read_books(connection: AnyConnection, topic: str, counts: RowCounts) -> Books:
    """Read the offset rows and count the events in one snapshot."""
    offsets = sql.load("ledger_offsets")
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(offsets.text, *offsets.bind(topic=topic))
        totals = await connection.fetchrow(sql.load("ledger_totals").text)
        assert totals is not None  # noqa: S101  (an aggregate always has a row)
        engagements = await counts.total(connection, totals.values())
    stored_and_replayed = totals["stored"] + totals["replayed"]
    return Books(
        offsets=rows,
        stored_and_replayed=stored_and_replayed,
        replayed=totals["replayed"],
        expired=totals["expired"],
        retracted=totals["retracted"],
        engagements=engagements,
    )


async def raised_alarms(connection: AnyConnection) -> list[AlarmRow]:
    """Return what is wrong at this moment."""
    query = sql.load("read_alarms")
    rows = await connection.fetch(query.text, *query.bind(watch_seconds=_WATCH_SECONDS))
    return [AlarmRow(**row) for row in rows]


def balance(books: Books, topic: str, ends: Mapping[int, int] | None) -> Ledger:
    """Draw up the ledger. *ends*: the log's end by partition; None while Kafka is away. Pure."""
    partitions = _partitions(books.offsets, topic, ends)
    balanced = (
        all(_adds_up(partition) for partition in partitions)
        and books.stored_and_replayed == books.engagements + books.expired + books.retracted
    )
    flying = [p.in_flight for p in partitions if p.in_flight is not None]
    return Ledger(
        balanced=balanced,
        partitions=partitions,
        totals=LedgerTotals(
            stored=sum(p.stored for p in partitions),
            duplicates=sum(p.duplicates for p in partitions),
            dead_lettered=sum(p.dead_lettered for p in partitions),
            skipped=sum(p.skipped for p in partitions),
            in_flight=None
            if ends is None or None in flying
            else sum(n for n in flying if n is not None),
            replayed=books.replayed,
            engagements=books.engagements,
            expired=books.expired,
            retracted=books.retracted,
        ),
    )


def _partitions(
    offsets: Iterable[Any], topic: str, ends: Mapping[int, int] | None
) -> list[PartitionLedger]:
    """Return every partition of the topic, those never read included."""
    rows = {row["partition"]: dict(row) for row in offsets}
    for partition in ends or ():
        rows.setdefault(partition, _unread(topic, partition))
    found = []
    for partition, row in sorted(rows.items()):
        end = None if ends is None else ends.get(partition)
        in_flight = None if end is None else end - row["next_offset"]
        found.append(PartitionLedger(**row, log_end_offset=end, in_flight=in_flight))
    return found


def _unread(topic: str, partition: int) -> dict[str, Any]:
    counters = ("first_offset", "next_offset", "stored", "duplicates", "dead_lettered", "skipped")
    return {"topic": topic, "partition": partition, **dict.fromkeys(counters, 0)}


def _adds_up(p: PartitionLedger) -> bool:
    accounted = p.stored + p.duplicates + p.dead_lettered + p.skipped
    return p.next_offset - p.first_offset == accounted and (p.in_flight or 0) >= 0
