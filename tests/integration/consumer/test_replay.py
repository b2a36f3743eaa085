"""Dead letters that are stored after all, exactly once, with a record of who asked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from consumer.replay import Outcome, Replayer
from schema.admission import Window
from schema.event import Record
from schema.wire import encode
from tests.conftest import Database
from tests.integration.consumer.conftest import Pipeline, now_record, retraction

WIDE = Window(past=timedelta(days=400), future=timedelta(minutes=5))
NARROW = {"retention_days": 1}
CONSTRAINT = "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
RELEASED = "ALTER TABLE engagements DROP CONSTRAINT of_the_operator"
BALANCE = """
    SELECT (SELECT coalesce(sum(stored), 0) FROM consumer_offsets)
         + (SELECT replayed FROM ledger_totals)
         = (SELECT count(*) FROM engagements)
         + (SELECT count(*) FROM retractions WHERE is_removed)
"""


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


async def dead(pipeline: Pipeline, *values: bytes) -> list[int]:
    """Let a consumer find that these cannot be stored, and return their ids."""
    before = await pipeline.accounted()
    await pipeline.produce_raw(*values)
    async with pipeline.consumer(**NARROW):
        await pipeline.until_accounted(before + len(values))
    rows = await pipeline.connection.fetch("SELECT dead_letter_id FROM dead_letters ORDER BY 1")
    return [row[0] for row in rows]


def old_record(**fields: object) -> Record:
    return now_record(engaged_timestamp=datetime.now(UTC) - timedelta(days=3), **fields)


async def replay(connection: Any, *ids: int, is_dry_run: bool = False) -> list[Outcome]:
    replayer = Replayer(connection, WIDE, "ann")
    return [await replayer.replay(one, is_dry_run=is_dry_run) for one in ids]


async def test_a_dry_run_tells_and_changes_nothing(pipeline: Pipeline) -> None:
    ids = await dead(pipeline, encode(old_record()), b"[]")
    outcomes = await replay(pipeline.connection, *ids, is_dry_run=True)

    assert [outcome.outcome for outcome in outcomes] == ["stored", "refused"]
    assert "not_an_object" in outcomes[1].detail
    assert await pipeline.stored() == 0
    assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letter_replays") == 0


async def test_what_is_stored_counts_once_however_often_it_is_replayed(pipeline: Pipeline) -> None:
    ids = await dead(pipeline, encode(old_record(post_id=7)))
    first = await replay(pipeline.connection, *ids)
    again = await replay(pipeline.connection, *ids)

    assert [outcome.outcome for outcome in first + again] == ["stored", "gone"]
    assert await pipeline.stored() == 1
    assert await pipeline.connection.fetchval(BALANCE)
    await pipeline.assert_rollups_match()
    replays = await pipeline.connection.fetch("SELECT * FROM dead_letter_replays")
    assert [(row["replayed_by"], row["outcome"]) for row in replays] == [("ann", "stored")]


async def test_the_same_event_twice_among_dead_letters_is_one_row(pipeline: Pipeline) -> None:
    value = encode(old_record())
    outcomes = await replay(pipeline.connection, *await dead(pipeline, value, value))

    assert [outcome.outcome for outcome in outcomes] == ["stored", "duplicate"]
    assert await pipeline.stored() == 1
    assert await pipeline.connection.fetchval(BALANCE)


async def test_two_who_replay_at_once_store_each_once(pipeline: Pipeline, other: Any) -> None:
    ids = await dead(pipeline, *(encode(old_record()) for _ in range(20)))
    found = await asyncio.gather(replay(pipeline.connection, *ids), replay(other, *reversed(ids)))

    outcomes = [outcome.outcome for outcomes in found for outcome in outcomes]
    assert (outcomes.count("stored"), outcomes.count("gone")) == (20, 20)
    assert await pipeline.stored() == 20
    assert await pipeline.connection.fetchval(BALANCE)
    await pipeline.assert_rollups_match()


async def test_what_the_operator_repaired_is_stored_and_what_not_is_refused_again(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(CONSTRAINT)
    ids = await dead(pipeline, encode(now_record(post_id=666)))
    (still,) = await replay(pipeline.connection, *ids)
    await pipeline.connection.execute(RELEASED)
    (repaired,) = await replay(pipeline.connection, *ids)

    assert (still.outcome, repaired.outcome) == ("refused", "stored")
    assert "of_the_operator" in still.detail
    replays = await pipeline.connection.fetch("SELECT * FROM dead_letter_replays ORDER BY 1")
    assert [row["outcome"] for row in replays] == ["refused", "stored"]
    await pipeline.assert_rollups_match()


async def test_an_event_that_was_taken_back_stays_so(pipeline: Pipeline) -> None:
    event = old_record(post_id=7)
    ids = await dead(pipeline, encode(event))
    await pipeline.produce_raw(retraction(event))
    async with pipeline.consumer(**NARROW):
        await pipeline.until_accounted(2)

    assert [outcome.outcome for outcome in await replay(pipeline.connection, *ids)] == ["retracted"]
    assert await pipeline.stored() == 0
    assert await pipeline.connection.fetchval(BALANCE)


async def test_the_same_place_in_a_topic_made_anew_is_another_dead_letter(
    pipeline: Pipeline,
) -> None:
    await dead(pipeline, b"first")
    await pipeline.connection.execute(
        "UPDATE dead_letters SET record_timestamp = record_timestamp - interval '1 day'"
    )
    await pipeline.connection.execute("DELETE FROM consumer_offsets")
    async with pipeline.consumer():
        await pipeline.until_accounted(1)
    async with pipeline.consumer():
        await pipeline.connection.execute("DELETE FROM consumer_offsets")
    async with pipeline.consumer():
        await pipeline.until_accounted(1)

    rows = await pipeline.connection.fetch('SELECT "offset" FROM dead_letters')
    assert [row[0] for row in rows] == [0, 0]


async def test_the_event_id_is_kept_where_it_can_be_read(pipeline: Pipeline) -> None:
    event = old_record()
    await dead(pipeline, encode(event), b"[]", b'{"event_id": "no"}', b"\xff")
    rows = await pipeline.connection.fetch("SELECT event_id FROM dead_letters ORDER BY 1")

    assert {row[0] for row in rows} == {event.event_id, None}
