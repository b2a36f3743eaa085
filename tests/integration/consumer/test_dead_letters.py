import json
import uuid
from datetime import UTC, datetime

import pytest

from schema.event import MAX_EVENT_BYTES
from schema.wire import encode
from sql import load
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, now_record, retraction
from tests.waiting import until


def event_with(**fields: object) -> bytes:
    now = datetime.now(UTC).isoformat()
    valid = {"event_id": str(uuid.uuid4()), "post_id": 1, "type": "view", "engaged_timestamp": now}
    return json.dumps(valid | fields).encode()


def with_member(member: bytes) -> bytes:
    """Return an event with a member that no encoder writes."""
    return event_with()[:-1] + b", " + member + b"}"


INVALID: dict[str, bytes | None] = {
    "no value": None,
    "empty": b"",
    "not JSON": b"no event",
    "an array": b"[]",
    "not UTF-8": b"\xff\xfe",
    "NUL in an external ID": event_with(post_id=None, post="a\0b"),
    "a lone surrogate in an external ID": with_member(rb'"user": "\ud800"'),
    "raw surrogate bytes": with_member(b'"user": "\xed\xa0\x80"'),
    "a number beyond floats": with_member(b'"user_id": 1e200000'),
    "an integer of 5,000 digits": with_member(b'"user_id": ' + b"9" * 5_000),
    "deeply nested": b"[" * 100_000,
    "no type": json.dumps({"event_id": str(uuid.uuid4()), "post_id": 1}).encode(),
    "unknown type": event_with(type="dislike"),
    "an ID of 2^63": event_with(post_id=2**63),
    "the year 10000": event_with(engaged_timestamp="9999-12-31T23:59:59-14:00"),
    "the year 0": event_with(engaged_timestamp="0000-01-01T00:00:00Z"),
    "no time zone": event_with(engaged_timestamp="2026-01-01T00:00:00"),
    "the nil UUID": event_with(event_id=str(uuid.UUID(int=0))),
    "too large": event_with(user="x" * (MAX_EVENT_BYTES + 1)),
    "almost a megabyte": b"x" * (2**20 - 1_000),
}  # fmt: skip


@pytest.fixture
async def constraint(pipeline: Pipeline) -> str:
    """The name of an operator's constraint that rejects events of post 666."""
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    return "of_the_operator"


async def test_each_kind_of_invalid_record_becomes_a_dead_letter_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    values = []
    for invalid in INVALID.values():
        values += [*(encode(now_record()) for _ in range(5)), invalid]
    async with pipeline.consumer():
        await pipeline.produce_raw(*values)
        await pipeline.until_accounted(len(values))

    letters = await pipeline.dead_letters()
    assert [(row["offset"], row["value"]) for row in letters] == [
        (offset, value) for offset, value in enumerate(values) if value in INVALID.values()
    ]
    assert await pipeline.stored() == 5 * len(INVALID)
    assert await pipeline.failed_checks() == []
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def test_event_with_a_forged_time_of_receipt_becomes_a_dead_letter(
    pipeline: Pipeline,
) -> None:
    forged = datetime(2099, 1, 1, tzinfo=UTC)
    event = record(engaged_timestamp=forged, received_timestamp=forged)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(event), encode(now_record()))
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1
    assert [row["reason"] for row in await pipeline.dead_letters()] == ["day_out_of_range"]


async def test_event_that_postgresql_rejects_becomes_a_dead_letter_and_its_neighbours_are_stored(
    pipeline: Pipeline, constraint: str
) -> None:
    bad = [now_record(post_id=666) for _ in range(3)]
    good = [now_record() for _ in range(500)]
    mixed = [*good[:200], bad[0], bad[1], *good[200:450], bad[2], *good[450:]]
    await pipeline.produce(mixed, partition=0)
    async with pipeline.consumer():
        await pipeline.until_accounted(len(mixed))

    letters = await pipeline.dead_letters()
    assert [(row["offset"], row["value"]) for row in letters] == [
        (200, encode(bad[0])),
        (201, encode(bad[1])),
        (452, encode(bad[2])),
    ]
    assert {row["reason"] for row in letters} == {"rejected_by_database"}
    assert all(constraint in row["detail"] for row in letters)
    assert await pipeline.stored() == len(good)
    assert await pipeline.failed_checks() == []


async def test_retraction_that_postgresql_rejects_becomes_a_dead_letter(pipeline: Pipeline) -> None:
    await pipeline.connection.execute(
        "CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not post %', NEW.post_id; END $$;"
        "CREATE TRIGGER reject BEFORE INSERT ON retractions FOR EACH ROW"
        " WHEN (NEW.post_id = 666) EXECUTE FUNCTION reject()"
    )
    rejected, applied = now_record(post_id=666), now_record(post_id=42)
    await pipeline.produce_raw(retraction(rejected), encode(applied), retraction(applied))
    async with pipeline.consumer():
        await pipeline.until_accounted(3)

    letters = await pipeline.dead_letters()
    assert [(row["offset"], row["reason"]) for row in letters] == [(0, "rejected_by_database")]
    assert await pipeline.stored() == 0


@pytest.mark.usefixtures("constraint")
async def test_partition_halts_at_the_limit_when_postgresql_rejects_every_event(
    pipeline: Pipeline,
) -> None:
    await pipeline.produce([now_record(post_id=666) for _ in range(300)], partition=0)
    async with pipeline.consumer(dead_letter_limit=10) as worker:
        await until(lambda: worker.not_ready() == "partition 0 is halted: too_many_dead_letters")

    assert len(await pipeline.dead_letters()) == 10
    assert await pipeline.accounted() == 10
