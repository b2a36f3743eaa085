"""What posts earned in their first hours stays exact, whatever comes late, goes or changes."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from consumer import rollup
from consumer.rows import Row, copy, day, instant, microseconds
from sql import load
from tests.conftest import Database

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Desk:
    """Stores and takes back events as a consumer does, and refreshes."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def publish(self, post_id: int, age: timedelta) -> None:
        await self.connection.execute(
            "INSERT INTO posts VALUES ($1, 1, 'Tech', $2, 'a title', 1, false)", post_id, NOW - age
        )

    async def change(self, rows: Sequence[Row], gone: Sequence[Row] = ()) -> None:
        """One transaction: these are stored, those are taken back."""
        async with self.connection.transaction():
            await self.write(rows, gone)

    async def write(self, rows: Sequence[Row], gone: Sequence[Row] = ()) -> None:
        for needed in {day(row[0]) for row in rows}:
            await self.connection.execute("SELECT ensure_partition($1)", needed)
        await copy(self.connection, rows)
        for row in gone:
            await self.connection.execute(
                "DELETE FROM engagements WHERE engaged_timestamp = $1 AND event_id = $2",
                instant(row[0]),
                UUID(bytes=row[1]),
            )
        await self.connection.execute(load("add_post_totals").text, *rollup.by_post(rows, gone))
        await self.connection.execute(
            load("add_quarter_hours").text, *rollup.by_quarter(rows, gone)
        )

    async def refresh(self, moment: datetime = NOW) -> int:
        return int(await self.connection.fetchval("SELECT refresh_first_hours($1)", moment))

    async def views(self, post_id: int) -> list[int] | None:
        return await self.connection.fetchval(  # type: ignore[no-any-return]
            "SELECT views FROM first_hours WHERE post_id = $1", post_id
        )

    async def wrong(self) -> list[Any]:
        return list(await self.connection.fetch(load("verify_first_hours").text))


def view(post_id: int, at: datetime, event_id: UUID | None = None) -> Row:
    time = microseconds(at)
    return (time, (event_id or uuid4()).bytes, post_id, None, "view", time)


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Desk]:
    """Another consumer's connection."""
    connection = await asyncpg.connect(database.url)
    yield Desk(connection)
    await connection.close()


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """Post 1 is 30 hours old, and was viewed in its first and in its eighth hour."""
    connection = await asyncpg.connect(database.url)
    await connection.execute("INSERT INTO authors VALUES (1, 'Ann', '2020-01-01', 'Tech')")
    made = Desk(connection)
    await made.publish(1, 30 * HOUR)
    await made.change(
        [
            view(99, NOW - timedelta(days=60)),
            view(1, NOW - 30 * HOUR),
            view(1, NOW - 29.5 * HOUR),
            view(1, NOW - 22.5 * HOUR),
        ]
    )
    await made.refresh()
    yield made
    await connection.close()


async def test_a_post_is_counted_at_each_age_it_has_passed(desk: Desk) -> None:
    assert await desk.views(1) == [2, 2, 3]
    assert await desk.refresh() == 0
    assert await desk.refresh(NOW + 18 * HOUR - timedelta(microseconds=1)) == 0
    assert await desk.refresh(NOW + 18 * HOUR) == 1
    assert await desk.views(1) == [2, 2, 3, 3]
    assert await desk.refresh(NOW + timedelta(days=30)) == 1
    assert await desk.views(1) == [2, 2, 3, 3, 3]


async def test_what_comes_late_is_counted(desk: Desk) -> None:
    await desk.change([view(1, NOW - 29.2 * HOUR)])

    assert await desk.refresh() == 1
    assert await desk.views(1) == [3, 3, 4]


async def test_what_is_taken_back_is_not(desk: Desk) -> None:
    late = view(1, NOW - 29.2 * HOUR)
    await desk.change([late])
    await desk.refresh()
    await desk.change([], gone=[late])

    assert await desk.refresh() == 1
    assert await desk.views(1) == [2, 2, 3]


async def test_an_exchange_that_leaves_all_totals_alone_is_seen(desk: Desk) -> None:
    late = view(1, NOW - 29.2 * HOUR)
    await desk.change([late])
    await desk.refresh()
    await desk.change([view(1, NOW - 20 * HOUR)], gone=[late])

    await desk.refresh()
    assert await desk.views(1) == [2, 2, 4]


async def test_what_happens_at_later_ages_costs_nothing(desk: Desk) -> None:
    await desk.publish(2, timedelta(days=20))
    await desk.refresh()
    version = "SELECT xmin::text FROM first_hours WHERE post_id = 2"
    before = await desk.connection.fetchval(version)
    await desk.change([view(2, NOW - HOUR)])

    await desk.refresh()
    assert await desk.connection.fetchval(version) == before


async def test_a_transaction_that_was_open_during_a_refresh_is_seen_by_the_next(
    desk: Desk, other: Desk
) -> None:
    open_one = other.connection.transaction()
    await open_one.start()
    await other.write([view(1, NOW - 29.2 * HOUR)])
    for number in range(3):
        await desk.change([view(99, NOW - number * HOUR)])
        await desk.refresh()
    assert await desk.views(1) == [2, 2, 3]
    await open_one.commit()

    assert await desk.refresh() == 1
    assert await desk.views(1) == [3, 3, 4]


async def test_a_new_publishing_time_counts_anew(desk: Desk) -> None:
    await desk.connection.execute(
        "UPDATE posts SET publish_timestamp = $1 WHERE post_id = 1", NOW - 29.6 * HOUR
    )

    assert await desk.refresh() == 1
    assert await desk.views(1) == [1, 1, 2]


async def test_a_post_that_comes_after_its_events_is_counted(desk: Desk) -> None:
    await desk.change([view(2, NOW - 3 * HOUR)])
    await desk.refresh()
    await desk.publish(2, 3.5 * HOUR)

    assert await desk.refresh() == 1
    assert await desk.views(2) == [1]


async def test_a_post_that_was_deleted_and_came_back_is_counted_anew(desk: Desk) -> None:
    await desk.connection.execute("DELETE FROM posts WHERE post_id = 1")
    await desk.change([view(1, NOW - 29.2 * HOUR)])
    await desk.refresh()
    assert await desk.views(1) is None
    await desk.publish(1, 30 * HOUR)

    await desk.refresh()
    assert await desk.views(1) == [3, 3, 4]


async def test_what_was_counted_of_a_day_that_expired_stays(desk: Desk) -> None:
    await desk.connection.execute(
        "SELECT drop_partition(day) FROM engagement_partitions WHERE day <= $1", NOW.date()
    )
    await desk.connection.execute("UPDATE post_totals SET views = views")
    await desk.connection.execute("UPDATE quarter_hours SET views = views")

    assert await desk.refresh() == 0
    assert await desk.views(1) == [2, 2, 3]


async def test_posts_of_days_that_nobody_recorded_are_not_counted(desk: Desk) -> None:
    await desk.publish(2, timedelta(days=70))
    await desk.publish(3, timedelta(days=50))

    await desk.refresh()
    assert await desk.views(2) is None
    assert await desk.views(3) == [0, 0, 0, 0, 0]


async def test_a_database_that_was_restored_among_other_transactions_counts_all_anew(
    desk: Desk,
) -> None:
    await desk.connection.execute(
        "UPDATE first_hours_state SET unseen = (unseen::text::bigint + 1000000)::text::xid8"
    )
    await desk.change([view(1, NOW - 29.2 * HOUR)])

    assert await desk.refresh() == 1
    assert await desk.views(1) == [3, 3, 4]


async def test_the_view_is_new_when_a_post_passed_an_age(desk: Desk) -> None:
    await desk.connection.execute("SELECT refresh_engagement_stats()")
    await desk.publish(2, datetime.now(UTC) - NOW + timedelta(minutes=59))
    refresh = "SELECT refresh_engagement_stats()"
    assert await desk.connection.fetchval(refresh) == "refreshed"
    assert await desk.connection.fetchval(refresh) == "unchanged"


@pytest.mark.parametrize("seed", range(6))
async def test_any_sequence_of_changes_ends_where_counting_anew_ends(
    desk: Desk, other: Desk, seed: int
) -> None:
    draw = random.Random(seed)
    for post_id in range(2, 8):
        await desk.publish(post_id, draw.randint(2, 400) * HOUR)
    stored: list[Row] = []
    moment = NOW
    for _ in range(25):
        rows = [
            view(draw.randint(1, 9), NOW - draw.randint(0, 400) * HOUR / 2)
            for _ in range(draw.randint(0, 4))
        ]
        gone = [
            stored.pop(draw.randrange(len(stored))) for _ in range(draw.randint(0, 2)) if stored
        ]
        if rows or gone:
            if draw.random() < 0.3:
                async with other.connection.transaction():
                    await other.write(rows, gone)
                    await desk.refresh(moment)
            else:
                await desk.change(rows, gone)
        stored += rows
        if draw.random() < 0.6:
            moment += draw.randint(0, 6) * HOUR
            await desk.refresh(moment)
    await desk.refresh(moment)

    assert await desk.wrong() == []
    kept = await desk.connection.fetch("SELECT * FROM first_hours ORDER BY post_id")
    await desk.connection.execute("DELETE FROM first_hours")
    await desk.refresh(moment)
    assert await desk.connection.fetch("SELECT * FROM first_hours ORDER BY post_id") == kept


async def test_a_wrong_count_is_found(desk: Desk) -> None:
    # Other databases' transactions may be older than the last change.
    is_seen = (
        "SELECT age(min(unseen)::xid) < min(age(t.xmin)) FROM first_hours_state, post_totals AS t"
    )
    while not await desk.connection.fetchval(is_seen):
        await desk.refresh()
    assert await desk.wrong() == []
    await desk.connection.execute("UPDATE first_hours SET likes[2] = 7")

    (found,) = await desk.wrong()
    assert (found["post_id"], found["hours"], found["likes"], found["raw_likes"]) == (1, 6, 7, 0)
