import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from consumer.replay import Outcome, Replayer
from schema.event import Record
from schema.validation import Window
from schema.wire import encode
from tests.integration.consumer.conftest import Pipeline, now_record

WINDOW = Window(past=timedelta(days=400), future=timedelta(minutes=5))


async def dead_letter_ids(pipeline: Pipeline, *values: bytes) -> list[int]:
    """Let a consumer with a window of a day make dead letters of these values."""
    await pipeline.produce_raw(*values)
    async with pipeline.consumer(retention_days=1):
        await pipeline.until_accounted(len(values))
    return sorted(row["dead_letter_id"] for row in await pipeline.dead_letters())


def old_record(**fields: object) -> Record:
    return now_record(engaged_timestamp=datetime.now(UTC) - timedelta(days=3), **fields)


async def replay(connection: Any, ids: list[int], *, is_dry_run: bool = False) -> list[Outcome]:
    replayer = Replayer(connection, WINDOW, "ann")
    return [await replayer.replay(each, is_dry_run=is_dry_run) for each in ids]


async def recorded_replays(pipeline: Pipeline) -> list[tuple[str, str]]:
    rows = await pipeline.connection.fetch("SELECT * FROM dead_letter_replays ORDER BY 1")
    return [(row["replayed_by"], row["outcome"]) for row in rows]


async def test_dry_run_changes_nothing(pipeline: Pipeline) -> None:
    ids = await dead_letter_ids(pipeline, encode(old_record()), b"[]")
    outcomes = await replay(pipeline.connection, ids, is_dry_run=True)

    assert [outcome.outcome for outcome in outcomes] == ["stored", "rejected"]
    assert "not_an_object" in outcomes[1].detail
    assert await pipeline.stored() == 0
    assert await recorded_replays(pipeline) == []


async def test_dead_letters_are_stored_and_recorded_once_when_two_replay_them_concurrently(
    pipeline: Pipeline, connection: Any
) -> None:
    ids = await dead_letter_ids(pipeline, *(encode(old_record()) for _ in range(20)))
    found = await asyncio.gather(
        replay(pipeline.connection, ids), replay(connection, list(reversed(ids)))
    )

    outcomes = [outcome.outcome for outcomes in found for outcome in outcomes]
    assert (outcomes.count("stored"), outcomes.count("gone")) == (20, 20)
    assert await pipeline.stored() == 20
    assert await recorded_replays(pipeline) == [("ann", "stored")] * 20
    assert await pipeline.failed_checks() == []


async def test_rejected_dead_letter_is_stored_when_its_cause_is_repaired(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    ids = await dead_letter_ids(pipeline, encode(now_record(post_id=666)))
    [rejected] = await replay(pipeline.connection, ids)
    await pipeline.connection.execute("ALTER TABLE engagements DROP CONSTRAINT of_the_operator")
    await replay(pipeline.connection, ids)

    assert "of_the_operator" in rejected.detail
    assert await recorded_replays(pipeline) == [("ann", "rejected"), ("ann", "stored")]
    assert await pipeline.failed_checks() == []
