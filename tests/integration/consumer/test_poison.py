"""What cannot be stored: dead letters with their bytes, and halts where they come in a row."""

from datetime import UTC, datetime

from schema.wire import encode
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, now_record, retraction, until


async def test_poison_is_kept_with_its_bytes_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    good = [now_record() for _ in range(3)]
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(good[0]), b"\xff", None, encode(good[1]), b"[]")
        await pipeline.produce_raw(encode(good[2]))
        await pipeline.until_accounted(6)

    dead = await pipeline.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"')
    assert [(row["offset"], row["reason"], row["value"]) for row in dead] == [
        (1, "malformed_json", b"\xff"),
        (2, "empty_value", None),
        (4, "not_an_object", b"[]"),
    ]
    assert await pipeline.stored() == 3


async def test_a_forged_time_of_receipt_is_a_dead_letter(pipeline: Pipeline) -> None:
    forged = datetime(2099, 1, 1, tzinfo=UTC)
    async with pipeline.consumer():
        await pipeline.produce_raw(
            encode(record(engaged_timestamp=forged, received_timestamp=forged)),
            encode(now_record()),
        )
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1
    assert await pipeline.connection.fetchval("SELECT reason FROM dead_letters") == "day_refused"


async def test_what_postgresql_refuses_leaves_alone_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    """No such event is known; an operator's own constraint stands for those that are not."""
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    refused = [now_record(post_id=666) for _ in range(3)]
    good = [now_record() for _ in range(500)]
    mixed = [*good[:200], refused[0], refused[1], *good[200:450], refused[2], *good[450:]]

    await pipeline.produce(mixed, partition=0)
    async with pipeline.consumer():
        await pipeline.until_accounted(len(mixed))

    dead = await pipeline.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"')
    assert [(row["offset"], row["value"]) for row in dead] == [
        (200, encode(refused[0])),
        (201, encode(refused[1])),
        (452, encode(refused[2])),
    ]
    assert {row["reason"] for row in dead} == {"refused_by_database"}
    assert all("of_the_operator" in row["detail"] for row in dead)
    assert await pipeline.stored() == len(good)
    await pipeline.assert_rollups_match()


async def test_what_was_refused_is_stored_when_it_comes_again_and_the_cause_is_gone(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    refused = now_record(post_id=666)
    async with pipeline.consumer():
        await pipeline.produce([refused])
        await pipeline.until_accounted(1)
        await pipeline.connection.execute("ALTER TABLE engagements DROP CONSTRAINT of_the_operator")
        await pipeline.produce([refused])
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1


async def test_a_refused_retraction_leaves_alone(pipeline: Pipeline) -> None:
    await pipeline.connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not post %', NEW.post_id; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON retractions FOR EACH ROW"
        " WHEN (NEW.post_id = 666) EXECUTE FUNCTION refuse()"
    )
    gone, kept = now_record(post_id=666), now_record(post_id=42)
    await pipeline.produce_raw(retraction(gone), encode(kept), retraction(kept))
    async with pipeline.consumer():
        await pipeline.until_accounted(3)

    dead = await pipeline.connection.fetch("SELECT * FROM dead_letters")
    assert [(row["offset"], row["reason"]) for row in dead] == [(0, "refused_by_database")]
    assert await pipeline.stored() == 0


async def test_when_everything_is_refused_the_partition_halts_at_the_limit(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    await pipeline.produce([now_record(post_id=666) for _ in range(300)], partition=0)
    async with pipeline.consumer(dead_letter_limit=10) as worker:

        async def halted() -> bool:
            return "dead_letters_in_a_row" in (worker.not_ready() or "")

        await until(halted)
    assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 10
    assert await pipeline.accounted() == 10


async def test_a_run_of_poison_halts_at_the_limit_and_resumes_when_told(pipeline: Pipeline) -> None:
    async with pipeline.consumer(dead_letter_limit=10) as worker:
        await pipeline.produce_raw(*[b"x"] * 15)
        await pipeline.produce_raw(encode(now_record()), partition=1)

        async def halted() -> bool:
            return worker.not_ready() is not None and await pipeline.stored() == 1

        await until(halted)
        assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 10

        await pipeline.connection.execute(
            "UPDATE consumer_offsets SET halt_reason = NULL, dead_in_a_row = 0"
        )
        await pipeline.until_accounted(16)

    assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 15
