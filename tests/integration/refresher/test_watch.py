"""The watch against a real database and a real broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from analytics_api.refresher.jobs import Refresher
from analytics_api.refresher.watch import Watch
from analytics_api.settings import RefresherSettings
from schema.settings import DatabaseSettings
from sql import load
from sql.pool import connect
from tests.conftest import Database, Kafka

READ = load("read_alarms")


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    opened = await connect(
        DatabaseSettings(database_url=SecretStr(database.url), database_role="engage_refresher"),
        "test",
    )
    yield opened
    await opened.close()


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database: Database, kafka: Kafka, topic: str) -> RefresherSettings:
    return RefresherSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
    )


@pytest.fixture
async def refresher(settings: RefresherSettings, owner: Any) -> Refresher:
    """Partitions and view in order: nothing is wrong."""
    refresher = Refresher(settings)
    await refresher.maintain(owner)
    await refresher.refresh(owner)
    return refresher


async def standing(connection: Any) -> dict[tuple[str, str], Any]:
    rows = await connection.fetch(READ.text, *READ.bind(watch_seconds=60))
    return {(row["alarm"], row["subject"]): row for row in rows}


@pytest.mark.usefixtures("refresher")
async def test_nothing_is_wrong_with_a_stack_in_order(
    settings: RefresherSettings, connection: Any
) -> None:
    watch = Watch(settings)
    await watch.watch(connection)

    assert await standing(connection) == {}
    assert watch.problem() is None


@pytest.mark.usefixtures("refresher")
async def test_an_alarm_stands_from_when_it_was_raised_until_it_is_over(
    settings: RefresherSettings, connection: Any, owner: Any
) -> None:
    watch = Watch(settings)
    await owner.execute("INSERT INTO ledger_totals VALUES (0) ON CONFLICT DO NOTHING")
    await owner.execute("UPDATE ledger_totals SET replayed = 3")
    await watch.watch(connection)
    raised = (await standing(connection))["imbalance", ""]["raised_timestamp"]
    await watch.watch(connection)

    assert (await standing(connection))["imbalance", ""]["raised_timestamp"] == raised
    assert "imbalance" in (watch.problem() or "")

    await owner.execute("UPDATE ledger_totals SET replayed = 0")
    await watch.watch(connection)
    assert await standing(connection) == {}
    assert watch.problem() is None


@pytest.mark.usefixtures("refresher")
async def test_a_halt_names_its_partition_and_reason(
    settings: RefresherSettings, connection: Any, owner: Any
) -> None:
    await owner.execute(
        "INSERT INTO consumer_offsets (topic, partition, first_offset, next_offset, halt_reason)"
        " VALUES ($1, 2, 0, 0, 'records_lost')",
        settings.topic,
    )
    await Watch(settings).watch(connection)

    found = await standing(connection)
    assert "records_lost" in found["halted", "partition 2"]["detail"]


async def test_a_full_disk_is_told(settings: RefresherSettings, connection: Any) -> None:
    watch = Watch(
        settings.model_copy(update={"watched_disks": "/, /none", "least_free_percent": 100.0})
    )
    await watch.watch(connection)

    expected = {("disk_filling_up", "/"), ("disk_filling_up", "/none")}
    assert expected == set(await standing(connection))


async def test_a_first_start_raises_no_alarm_and_days_that_are_never_made_do(
    settings: RefresherSettings, connection: Any
) -> None:
    now_seconds = 0.0
    watch = Watch(settings, lambda: now_seconds)
    await watch.watch(connection)

    assert await standing(connection) == {}
    assert watch.problem() is None

    now_seconds = 60.0
    await watch.watch(connection)
    assert ("partitions_running_out", "") in await standing(connection)
    assert "partitions_running_out" in (watch.problem() or "")


async def test_a_watch_that_does_not_look_is_an_alarm(connection: Any, owner: Any) -> None:
    await owner.execute("UPDATE alarm_watch SET looked_timestamp = now() - interval '61 seconds'")
    assert set(await standing(connection)) == {("unwatched", "")}


@pytest.mark.usefixtures("refresher")
async def test_the_refresher_is_not_ready_while_something_is_gravely_wrong(
    settings: RefresherSettings, owner: Any
) -> None:
    refresher = Refresher(settings)
    assert await refresher.lane.attempt(refresher.refresh)
    assert await refresher.watch_lane.attempt(refresher.watch.watch)
    assert refresher.not_ready() is None

    await owner.execute("UPDATE ledger_totals SET replayed = 3")
    assert await refresher.watch_lane.attempt(refresher.watch.watch)
    assert "imbalance" in (refresher.not_ready() or "")


async def test_the_watch_knows_the_lag_once_kafka_answers(
    settings: RefresherSettings,
) -> None:
    watch = Watch(settings)
    following = asyncio.create_task(watch.follow_the_log())
    deadline = time.monotonic() + 10
    while await watch.log_ends.read() is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.wait({following})
