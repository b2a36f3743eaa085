"""Counts of posts in their first hours stay exact, whatever arrives late, leaves or changes."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from analytics_api.parameters import AGES
from consumer.decode import RetractedEvent
from consumer.rows import Row, microseconds
from sql import load
from tests.databases import store_events

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Counts:
    """Stores and retracts events as a consumer does, and refreshes first_hours."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def publish(self, post_id: int, age: timedelta) -> None:
        await self.connection.execute(
            "INSERT INTO posts VALUES ($1, 1, 'Tech', $2, 'a title', 1, false)", post_id, NOW - age
        )

    async def unpublish(self, post_id: int) -> None:
        await self.connection.execute("DELETE FROM posts WHERE post_id = $1", post_id)

    async def commit(self, rows: Sequence[Row], retracted: Sequence[Row] = ()) -> None:
        async with self.connection.transaction():
            await self.write(rows, retracted)

    async def write(self, rows: Sequence[Row], retracted: Sequence[Row] = ()) -> None:
        events = [RetractedEvent(row[0], row[1], row[2], NOW) for row in retracted]
        await store_events(self.connection, rows, events)

    async def refresh(self, moment: datetime = NOW) -> int:
        """Refresh, and return the number of posts whose counts changed."""
        return int(await self.connection.fetchval("SELECT refresh_first_hours($1)", moment))

    async def views(self, post_id: int) -> list[int] | None:
        return await self.connection.fetchval(  # type: ignore[no-any-return]
            "SELECT views FROM first_hours WHERE post_id = $1", post_id
        )

    async def all(self) -> list[Any]:
        return list(await self.connection.fetch("SELECT * FROM first_hours ORDER BY post_id"))

    async def wrong(self) -> list[Any]:
        return await load("verify_first_hours").fetch(self.connection)


def view(post_id: int, at: datetime) -> Row:
    time = microseconds(at)
    return (time, uuid4().bytes, post_id, None, "view", time)


LATE = view(1, NOW - 29.2 * HOUR)
"""A view of post 1 in its first hour."""


@pytest.fixture
def other(other_connection: Any) -> Counts:
    """The connection of another consumer."""
    return Counts(other_connection)


@pytest.fixture
async def counts(connection: Any) -> Counts:
    """Post 1 is 30 hours old, and was viewed twice in its first hour and once in its eighth."""
    await connection.execute("INSERT INTO authors VALUES (1, 'Ann', '2020-01-01', 'Tech')")
    counts = Counts(connection)
    await counts.publish(1, 30 * HOUR)
    await counts.commit(
        [
            view(99, NOW - timedelta(days=60)),
            view(1, NOW - 30 * HOUR),
            view(1, NOW - 29.5 * HOUR),
            view(1, NOW - 22.5 * HOUR),
        ]
    )
    await counts.refresh()
    return counts


async def test_compared_ages_equal_those_of_the_reports(connection: Any) -> None:
    assert tuple(await connection.fetchval("SELECT compared_ages()")) == AGES


async def test_post_is_counted_at_each_age_that_it_has_passed(counts: Counts) -> None:
    assert await counts.views(1) == [2, 2, 3]
    assert await counts.refresh() == 0
    assert await counts.refresh(NOW + 18 * HOUR - timedelta(microseconds=1)) == 0
    assert await counts.refresh(NOW + 18 * HOUR) == 1
    assert await counts.views(1) == [2, 2, 3, 3]
    assert await counts.refresh(NOW + timedelta(days=30)) == 1
    assert await counts.views(1) == [2, 2, 3, 3, 3]


async def test_events_at_later_ages_cause_no_recount(counts: Counts) -> None:
    await counts.publish(2, timedelta(days=20))
    await counts.refresh()
    version = "SELECT xmin::text FROM first_hours WHERE post_id = 2"
    before = await counts.connection.fetchval(version)
    await counts.commit([view(2, NOW - HOUR)])

    await counts.refresh()
    assert await counts.connection.fetchval(version) == before


async def test_counts_of_expired_days_stay(counts: Counts) -> None:
    await counts.connection.execute(
        "SELECT drop_partition(day) FROM engagement_partitions WHERE day <= $1", NOW.date()
    )
    await counts.connection.execute("UPDATE post_totals SET views = views")
    await counts.connection.execute("UPDATE engagements_15m SET views = views")

    assert await counts.refresh() == 0
    assert await counts.views(1) == [2, 2, 3]


async def test_post_that_was_published_before_recording_began_is_not_counted(
    counts: Counts,
) -> None:
    await counts.publish(2, timedelta(days=70))
    await counts.publish(3, timedelta(days=50))

    await counts.refresh()
    assert await counts.views(2) is None
    assert await counts.views(3) == [0, 0, 0, 0, 0]


async def test_restored_database_with_other_transaction_ids_is_recounted(counts: Counts) -> None:
    await counts.connection.execute(
        "UPDATE first_hours_state SET unseen = (unseen::text::bigint + 1000000)::text::xid8"
    )
    await counts.commit([LATE])

    assert await counts.refresh() == 1
    assert await counts.views(1) == [3, 3, 4]


async def test_stats_view_is_refreshed_when_a_post_passed_an_age(counts: Counts) -> None:
    refresh = "SELECT refresh_engagement_stats()"
    await counts.connection.execute(refresh)
    await counts.publish(2, datetime.now(UTC) - NOW + timedelta(minutes=59))
    assert await counts.connection.fetchval(refresh) == "refreshed"
    assert await counts.connection.fetchval(refresh) == "unchanged"


@pytest.mark.parametrize("seed", range(5))
async def test_any_sequence_of_changes_ends_with_the_counts_of_a_full_recount(
    counts: Counts, other: Counts, seed: int
) -> None:
    draw = random.Random(seed)
    for post_id in range(2, 8):
        await counts.publish(post_id, draw.randint(2, 400) * HOUR)
    stored: list[Row] = []
    moment = NOW
    for _ in range(25):
        rows = [
            view(draw.randint(1, 9), NOW - draw.randint(0, 400) * HOUR / 2)
            for _ in range(draw.randint(0, 4))
        ]
        retracted = [
            stored.pop(draw.randrange(len(stored))) for _ in range(draw.randint(0, 2)) if stored
        ]
        if rows or retracted:
            if draw.random() < 0.3:
                async with other.connection.transaction():
                    await other.write(rows, retracted)
                    await counts.refresh(moment)
            else:
                await counts.commit(rows, retracted)
        stored += rows
        if draw.random() < 0.2:
            await counts.unpublish(changed := draw.randint(2, 9))
            if draw.random() < 0.5:
                await counts.refresh(moment)
            await counts.publish(changed, draw.randint(2, 400) * HOUR)
        if draw.random() < 0.6:
            moment += draw.randint(0, 6) * HOUR
            await counts.refresh(moment)
    await counts.refresh(moment)

    assert await counts.wrong() == []
    incremental = await counts.all()
    await counts.connection.execute("DELETE FROM first_hours")
    await counts.refresh(moment)
    assert await counts.all() == incremental


async def test_verify_finds_a_wrong_count(counts: Counts) -> None:
    # Transactions of other databases may be older than the last change.
    is_seen = (
        "SELECT age(min(unseen)::xid) < min(age(t.xmin)) FROM first_hours_state, post_totals AS t"
    )
    while not await counts.connection.fetchval(is_seen):
        await counts.refresh()
    assert await counts.wrong() == []
    await counts.connection.execute("UPDATE first_hours SET likes[2] = 7")

    (found,) = await counts.wrong()
    assert (found["post_id"], found["hours"], found["likes"], found["raw_likes"]) == (1, 6, 7, 0)
