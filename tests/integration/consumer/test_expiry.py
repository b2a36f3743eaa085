from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from prometheus_client import REGISTRY

import sql
from engage.archive_files import restore
from refresher.archive import Archive
from refresher.partitions import Partitions
from refresher.settings import RefresherSettings
from schema.event import Record
from tests.integration.consumer.conftest import Pipeline, now_record, totals

_AGE_DAYS = 5


def expired_records(count: int) -> list[Record]:
    """Return events of one UTC day, some days ago; longer lists begin with the shorter ones."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight - timedelta(days=_AGE_DAYS)
    return [
        now_record(post_id=count % 5 + 1, engaged_timestamp=first + timedelta(minutes=number))
        for number in range(count)
    ]


def expired_day() -> date:
    return datetime.now(UTC).date() - timedelta(days=_AGE_DAYS)


async def resume_from_earliest(pipeline: Pipeline) -> int:
    """Move each partition to offset 0. Return the number of records accounted for before."""
    accounted = await pipeline.accounted()
    for row in await pipeline.connection.fetch("SELECT partition FROM consumer_offsets"):
        await sql.load("resume_partition").execute(
            pipeline.connection,
            topic=pipeline.settings.topic,
            partition=row["partition"],
            target=0,
        )
    return accounted


async def counted(pipeline: Pipeline) -> int:
    query = "SELECT sum(views + likes + comments + shares) FROM post_totals"
    return int(await pipeline.connection.fetchval(query))


def skipped_as_expired() -> float:
    name = "engage_consumer_skipped_total"
    return REGISTRY.get_sample_value(name, {"reason": "expired"}) or 0.0


async def test_events_of_an_expired_day_are_skipped_when_the_log_is_read_again(
    pipeline: Pipeline,
) -> None:
    records = [*expired_records(20), *(now_record() for _ in range(10))]
    async with pipeline.consumer():
        await pipeline.produce(records)
        await pipeline.until_accounted(30)
    await pipeline.connection.execute("SELECT drop_partition($1)", expired_day())
    skipped = skipped_as_expired()
    accounted = await resume_from_earliest(pipeline)
    async with pipeline.consumer():
        await pipeline.until_accounted(accounted + 30)

    assert await pipeline.totals() == totals(stored=30, duplicates=10, skipped=20)
    assert await pipeline.stored() == 10
    assert await counted(pipeline) == 30
    assert await pipeline.failed_checks() == []
    assert skipped_as_expired() - skipped == 20


async def test_day_that_was_restored_without_some_events_stores_none_of_them_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    settings = RefresherSettings(
        database_url=pipeline.settings.database_url,
        archive_url=str(tmp_path / "archive"),
        retention_days=1,
        topic_retention_days=0,
    )
    archive = Archive(str(tmp_path / "archive"))
    without_archive = Partitions(settings.model_copy(update={"archive_url": None}))
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    async with pipeline.consumer():
        await pipeline.produce(expired_records(20))
        await pipeline.until_accounted(20)
        await Partitions(settings).expire(pipeline.connection)
        await restore(pipeline.url, archive, expired_day(), keep_until=yesterday)
        # These are in no file.
        await pipeline.produce(expired_records(5))
        await pipeline.until_accounted(25)
        await without_archive.expire(pipeline.connection)
        await restore(pipeline.url, archive, expired_day(), keep_until=yesterday)
        await pipeline.produce(expired_records(1))
        await pipeline.until_accounted(26)
    accounted = await resume_from_earliest(pipeline)
    async with pipeline.consumer():
        await pipeline.until_accounted(accounted + 26)

    assert await pipeline.stored() == 20
    assert await counted(pipeline) == 25
    assert await pipeline.failed_checks() == []
