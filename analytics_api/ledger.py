"""The ledger: what became of each record, from the offset rows, end offsets and a row count."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field

import sql
from sql.pool import AnyConnection, retry_stale_statements

_MAX_HEALTH_CHECK_AGE_SECONDS: Final = 60

_Counters = tuple[int, ...]
"""The count of a partition is still right while none of these has changed."""


class PartitionLedger(BaseModel):
    """Counts of the records of one partition of the topic."""

    topic: str
    partition: int
    first_offset: int = Field(
        description="First offset of the counts. Rereading offsets moves it back by as many, also"
        " below the log's start and below 0: next_offset - first_offset records were read."
    )
    next_offset: int
    log_end_offset: int | None = Field(description="null while it is unknown.")
    stored: int
    duplicates: int
    dead_lettered: int
    skipped: int
    in_flight: int | None = Field(description="log_end_offset - next_offset, or null.")
    halt_reason: str | None = Field(default=None, description="Set while the partition is halted.")
    halt_detail: str | None = Field(
        default=None, description="Cause and offset of the halt, for the operator."
    )


class LedgerTotals(BaseModel):
    """Sums over the partitions, and counts of the tables."""

    stored: int
    duplicates: int
    dead_lettered: int
    skipped: int
    in_flight: int | None = Field(description="null unless that of all partitions is known.")
    replayed: int
    engagements: int = Field(description="Rows of the table engagements, counted.")
    expired: int = Field(description="Rows of partitions that were dropped.")
    retracted: int = Field(description="Rows that retractions deleted.")


class Alert(BaseModel):
    """An active alert."""

    name: str = Field(description="Name of the alert; docs/guarantees.md lists them.")
    subject: str = Field(description="Affected partition or disk; may be empty.")
    severity: Literal["critical", "warning"]
    detail: str
    raised_timestamp: datetime


class Ledger(BaseModel):
    """Whether every record is accounted for."""

    balanced: bool = Field(
        description="For each partition next_offset - first_offset = stored + duplicates +"
        " dead_lettered + skipped; over all, stored + replayed = engagements + expired +"
        " retracted; and"
        " nothing in flight is negative."
    )
    partitions: list[PartitionLedger]
    totals: LedgerTotals
    alerts: list[Alert] = Field(default=[], description="Active alerts of the last health check.")


class RowCounts:
    """The number of events, counted again only in the daily partitions where something changed.

    Counting 5 million rows takes most of a second. The consumer's counters, read in the same
    snapshot, show what it added; the server's counters show what others changed.
    """

    def __init__(self) -> None:
        self._by_day: dict[date, tuple[_Counters, int]] = {}
        self._total: tuple[_Counters, int] | None = None

    async def total(self, connection: AnyConnection, accounts: Iterable[int]) -> int:
        """Return the number of rows in engagements, in the connection's snapshot.

        Args:
            connection: in a transaction.
            accounts: the consumer's counters of rows stored and removed.
        """
        row = await sql.load("ledger_counters").fetchrow(connection)
        assert row is not None  # noqa: S101  (an aggregate always has a row)
        counters = (*accounts, *row.values())
        if self._total is None or self._total[0] != counters:
            self._total = (counters, await self._sum_of_days(connection))
        return self._total[1]

    async def _sum_of_days(self, connection: AnyConnection) -> int:
        fresh: dict[date, tuple[_Counters, int]] = {}
        count = sql.load("count_day")
        for day, *counters in await sql.load("ledger_days").fetch(connection):
            known = self._by_day.get(day)
            if known is None or known[0] != tuple(counters):
                rows = await count.fetchval(connection, day=day)
                known = (tuple(counters), rows)
            fresh[day] = known
        self._by_day = fresh
        return sum(rows for _, rows in fresh.values())


class LedgerCounts(NamedTuple):
    """The offset rows and counts of one snapshot."""

    offsets: list[Any]
    stored_and_replayed: int
    replayed: int
    expired: int
    retracted: int
    engagements: int


@retry_stale_statements
async def read_counts(connection: AnyConnection, topic: str, row_counts: RowCounts) -> LedgerCounts:
    """Read the offset rows and count the events in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # Before the snapshot: a partition that is dropped after it would be missing in the count.
        await connection.execute("LOCK TABLE ONLY engagements IN ACCESS SHARE MODE")
        rows = await sql.load("ledger_offsets").fetch(connection, topic=topic)
        totals = await sql.load("ledger_totals").fetchrow(connection)
        assert totals is not None  # noqa: S101  (an aggregate always has a row)
        engagements = await row_counts.total(connection, totals.values())
    stored_and_replayed = totals["stored"] + totals["replayed"]
    return LedgerCounts(
        offsets=rows,
        stored_and_replayed=stored_and_replayed,
        replayed=totals["replayed"],
        expired=totals["expired"],
        retracted=totals["retracted"],
        engagements=engagements,
    )


async def active_alerts(connection: AnyConnection) -> list[Alert]:
    """Return the active alerts."""
    rows = await sql.load("active_alerts").fetch(
        connection, max_age_seconds=_MAX_HEALTH_CHECK_AGE_SECONDS
    )
    return [Alert(**row) for row in rows]


def balance(counts: LedgerCounts, topic: str, ends: Mapping[int, int] | None) -> Ledger:
    """Return the ledger. *ends*: end offset by partition; None while Kafka does not answer."""
    partitions = _partitions(counts.offsets, topic, ends)
    balanced = (
        all(_adds_up(partition) for partition in partitions)
        and counts.stored_and_replayed == counts.engagements + counts.expired + counts.retracted
    )
    in_flight = [p.in_flight for p in partitions]
    return Ledger(
        balanced=balanced,
        partitions=partitions,
        totals=LedgerTotals(
            stored=sum(p.stored for p in partitions),
            duplicates=sum(p.duplicates for p in partitions),
            dead_lettered=sum(p.dead_lettered for p in partitions),
            skipped=sum(p.skipped for p in partitions),
            in_flight=None if ends is None or None in in_flight else sum(filter(None, in_flight)),
            replayed=counts.replayed,
            engagements=counts.engagements,
            expired=counts.expired,
            retracted=counts.retracted,
        ),
    )


def _partitions(
    offsets: Iterable[Any], topic: str, ends: Mapping[int, int] | None
) -> list[PartitionLedger]:
    """Return all partitions of the topic, also those without an offset row."""
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
