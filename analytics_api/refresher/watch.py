"""Looks every few seconds for what is wrong, and keeps it where operators and programs see it."""

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

from prometheus_client import Gauge

import sql
from analytics_api.ledger.books import RowCounts, balance, read_books
from analytics_api.ledger.log_ends import LogEnds
from analytics_api.ledger.models import Ledger
from analytics_api.refresher import alarms
from analytics_api.refresher.alarms import Alarm, LagWatch, PartitionsWatch
from analytics_api.settings import RefresherSettings
from schema.http.side_port import PersonNeeded
from schema.telemetry import get_logger
from sql.pool import Connection

ALARM: Final = Gauge("engage_alarm", "1 while an alarm is on.", ["alarm", "subject"])
# The consumers tell it too, but not while they are away.
IN_FLIGHT: Final = Gauge(
    "engage_watch_in_flight_records", "Records in Kafka that are not stored yet.", ["partition"]
)

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.watch'))"

logger = get_logger("watch")


class Watch:
    """Compares the facts with what they should be; of several watches one writes."""

    def __init__(
        self, settings: RefresherSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.log_ends = LogEnds(settings)
        self._lags = LagWatch()
        self._partitions = PartitionsWatch()
        self._counts = RowCounts()
        self._standing: dict[tuple[str, str], Alarm] = {}

    async def follow_the_log(self) -> None:
        """Keep a connection to Kafka open, until cancelled."""
        await self.log_ends.run()

    def problem(self) -> str | None:
        """Return the gravest thing that is wrong, or None."""
        grave = [alarm for alarm in self._standing.values() if alarm.alarm in alarms.GRAVE]
        return PersonNeeded(min(grave)) if grave else None

    async def watch(self, connection: Connection) -> None:
        """Look once, and keep what is wrong."""
        found = await self._look(connection)
        self._tell({(alarm.alarm, alarm.subject): alarm for alarm in found})
        query = sql.load("note_alarms")
        values = query.bind(
            alarms=[alarm.alarm for alarm in found],
            subjects=[alarm.subject for alarm in found],
            details=[alarm.detail for alarm in found],
        )
        async with connection.transaction():
            if await connection.fetchval(_LOCK):
                await connection.execute(query.text, *values)

    async def _look(self, connection: Connection) -> list[Alarm]:
        settings = self._settings
        books = await read_books(connection, settings.topic, self._counts)
        ledger = balance(books, settings.topic, await self.log_ends.read())
        _count_in_flight(ledger)
        query = sql.load("watch_facts")
        a_day_ago = datetime.now(UTC).date() - timedelta(days=1)
        values = query.bind(expired_before=settings.first_kept(a_day_ago))
        facts = await connection.fetchrow(query.text, *values)
        assert facts is not None  # noqa: S101  (a SELECT without FROM has one row)
        now = self._clock()
        free = {path: await asyncio.to_thread(_free_percent, path) for path in settings.disks}
        return list(
            chain(
                alarms.of_the_ledger(ledger),
                self._lags.look(ledger, now),
                alarms.of_the_view(facts["view_age_seconds"], settings.view_limit_seconds),
                self._partitions.look(facts["partitions_ahead"], now),
                alarms.of_expiry(facts["oldest_overdue"]),
                alarms.of_the_disks(free, settings.least_free_percent),
            )
        )

    def _tell(self, found: dict[tuple[str, str], Alarm]) -> None:
        before, self._standing = self._standing, found
        for key in found.keys() - before.keys():
            logger.error("alarm raised", alarm=key[0], subject=key[1], why=found[key].detail)
        for key in before.keys() - found.keys():
            logger.info("alarm ended", alarm=key[0], subject=key[1])
            ALARM.remove(*key)
        for key in found:
            ALARM.labels(*key).set(1)


def _count_in_flight(ledger: Ledger) -> None:
    """Tell each partition's lag, and nothing while Kafka does not say where its log ends."""
    IN_FLIGHT.clear()
    for partition in ledger.partitions:
        if partition.in_flight is not None:
            IN_FLIGHT.labels(partition.partition).set(partition.in_flight)


def _free_percent(path: str) -> float:
    """Return the free space of the file system that holds *path*, in percent of it."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return 0.0
    return 100 * usage.free / usage.total
