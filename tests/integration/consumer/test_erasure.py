import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sql
from consumer.redaction import REDACTED_DETAIL
from engage.erasure import Found, Subject, count, erase
from schema.errors import SetupError
from schema.event import Record
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline
from tests.waiting import until

ANN, BOB = 42, 43


def event_of(user: int | str | None, *, days_ago: float = 0, **fields: Any) -> Record:
    now = datetime.now(UTC)
    given = {"user": user} if isinstance(user, str) else {"user_id": user}
    times = {"engaged_timestamp": now - timedelta(days=days_ago), "received_timestamp": now}
    return record(**(times | given | fields))


async def erase_user(pipeline: Pipeline, user: int | str = ANN, **options: Any) -> Found:
    subject = Subject(user) if isinstance(user, int) else Subject(external_id=user)
    return await erase(
        pipeline.url, subject, **({"requested_by": "a test", "is_linked": True} | options)
    )


async def stored_users(pipeline: Pipeline) -> list[int | None]:
    rows = await pipeline.connection.fetch(
        "SELECT user_id FROM engagements ORDER BY engaged_timestamp"
    )
    return [row[0] for row in rows]


async def insert_user(pipeline: Pipeline, user_id: int, external_id: str) -> None:
    await pipeline.connection.execute(
        "INSERT INTO users VALUES ($1, '2024-02-29', 'NP', 'reader')", user_id
    )
    await pipeline.connection.execute(
        "INSERT INTO external_ids VALUES ('user', $1, $2)", external_id, user_id
    )


async def engagement_patterns(pipeline: Pipeline) -> list[Any]:
    since = datetime.now(UTC) - timedelta(days=365)
    query = sql.load("engagement_patterns")
    return await query.fetch(pipeline.connection, since=since, zone="Asia/Kathmandu")


async def test_erased_user_is_removed_everywhere_and_counts_stay(pipeline: Pipeline) -> None:
    await insert_user(pipeline, ANN, "ann@example.com")
    await insert_user(pipeline, BOB, "bob")
    events = [event_of(ANN, days_ago=days) for days in range(5)] + [event_of("ann@example.com")]
    async with pipeline.consumer():
        await pipeline.produce([*events, event_of(BOB), event_of("bob"), event_of(None)])
        await pipeline.until_accounted(9)
    before = await engagement_patterns(pipeline)
    everything = Found(events=6, dead_letters=0, catalogue_rows=2)

    assert await count(pipeline.url, Subject(ANN)) == everything
    assert await erase_user(pipeline, requested_by="support, ticket 7") == everything
    assert await erase_user(pipeline) == Found(events=0, dead_letters=0, catalogue_rows=0)

    [pseudonym_id] = set(await stored_users(pipeline)) - {BOB, None}
    assert pseudonym_id is not None
    assert pseudonym_id < 0, "clients cannot send this number"
    assert await engagement_patterns(pipeline) == before
    assert await pipeline.failed_checks() == []
    for table, column in (("users", "user_id"), ("external_ids", "id")):
        rows = await pipeline.connection.fetch(f"SELECT {column} FROM {table}")
        assert [row[0] for row in rows] == [BOB]
    audit = await pipeline.connection.fetchrow("SELECT * FROM erasures ORDER BY 1 LIMIT 1")
    assert (audit["requested_by"], audit["events"], audit["catalogue_rows"]) == (
        "support, ticket 7",
        6,
        2,
    )
    assert [audit[name] for name in ("user_id", "external_ids", "pseudonym_id")] == [None] * 3


async def test_erasure_waits_for_a_transaction_that_stores_events(
    pipeline: Pipeline, connection: Any
) -> None:
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    await connection.execute("SELECT ensure_partition(now()::date)")
    async with connection.transaction():
        await sql.load("read_erasure_version").fetchval(connection)
        await connection.execute(
            "INSERT INTO engagements VALUES (gen_random_uuid(), 1, $1, 'view', now(), now())", ANN
        )
        erasing = asyncio.create_task(erase_user(pipeline))
        await until(lambda: pipeline.connection.fetchval(waiting))
        assert not erasing.done()
    found = await asyncio.wait_for(erasing, 10)

    assert found.events == 1
    assert ANN not in await stored_users(pipeline)


async def test_events_that_are_stored_during_erasures_do_not_keep_erased_users(
    pipeline: Pipeline,
) -> None:
    numbers = itertools.count()
    stopping = asyncio.Event()
    sent = 0

    async def send_events() -> None:
        nonlocal sent
        while not stopping.is_set():
            some = [next(numbers) for _ in range(40)]
            users = [1 + n % 12 if n % 2 else f"name {1 + n % 12}" for n in some]
            await pipeline.produce(
                [event_of(user, post_id=1 + n % 8) for n, user in zip(some, users, strict=True)]
            )
            sent += len(some)

    async with pipeline.consumer(batch_max_rows=50), pipeline.consumer(batch_max_rows=50):
        sending = asyncio.create_task(send_events())
        for user in range(1, 11):
            await pipeline.until_stored(await pipeline.stored() + 1)
            await erase_user(pipeline, f"name {user}" if user % 2 else user)
        stopping.set()
        await sending
        await pipeline.until_accounted(sent)

    external_ids = await pipeline.connection.fetch("SELECT external_id, id FROM external_ids")
    [(external_id, number)] = external_ids
    assert external_id == "name 11"
    assert {user for user in await stored_users(pipeline) if user and user > 0} <= {12, number}
    assert await pipeline.stored() == sent
    assert await pipeline.failed_checks() == []


async def test_interrupted_erasure_continues_with_the_same_pseudonym(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([event_of(ANN, days_ago=days) for days in range(4)])
        await pipeline.until_accounted(4)

    def interrupt(_step: str, done: int, _total: int, _remark: str) -> None:
        if done == 2:
            raise ConnectionResetError

    with pytest.raises(Exception, match="ConnectionResetError"):
        await erase_user(pipeline, progress=interrupt)
    assert (await stored_users(pipeline)).count(ANN) == 2

    assert (await erase_user(pipeline)).events == 4
    assert len(set(await stored_users(pipeline))) == 1
    assert await pipeline.connection.fetchval("SELECT count(*) FROM erasures") == 1


async def test_erasure_without_a_pseudonym_leaves_no_user_and_changes_cached_responses(
    pipeline: Pipeline,
) -> None:
    version = "SELECT version FROM catalogue_version"
    async with pipeline.consumer():
        await pipeline.produce([event_of(ANN)])
        await pipeline.until_accounted(1)
    before = await pipeline.connection.fetchval(version)
    await erase_user(pipeline, is_linked=False)

    assert await stored_users(pipeline) == [None]
    assert await pipeline.connection.fetchval(version) > before


async def test_dead_letters_are_redacted_before_and_after_the_erasure(pipeline: Pipeline) -> None:
    await insert_user(pipeline, ANN, "ann")
    values = [
        b'{"post_id":42,"user_id":42,"type":"stare"}',
        b'{"user":"ann"',
        b'{"user_id":43,"type":"stare"}',
    ]
    async with pipeline.consumer():
        await pipeline.produce_raw(*values)
        await pipeline.until_accounted(3)
        found = await erase_user(pipeline)
        await pipeline.produce_raw(*values)
        await pipeline.until_accounted(6)

    assert found.dead_letters == 2
    letters = await pipeline.dead_letters()
    redacted = [b'{"post_id":42,"user_id":null,"type":"stare"}', None, values[2]]
    assert [row["value"] for row in letters] == redacted * 2
    reasons = [row["reason"] for row in letters]
    assert reasons[:3] == reasons[3:]
    assert REDACTED_DETAIL not in {row["detail"] for row in letters}
    assert await pipeline.failed_checks() == []


async def test_rejected_row_is_quoted_in_no_dead_letter_and_no_log(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT small CHECK (user_id < 900000)"
    )
    async with pipeline.consumer():
        await pipeline.produce([event_of(987_654), event_of(BOB)])
        await pipeline.until_accounted(2)

    detail = await pipeline.connection.fetchval("SELECT detail FROM dead_letters")
    assert "small" in detail
    assert "987654" not in detail + caplog.text + "".join(capfd.readouterr())


async def test_number_and_external_id_of_different_users_are_rejected(pipeline: Pipeline) -> None:
    await insert_user(pipeline, BOB, "bob")
    subject = Subject(ANN, "bob")

    with pytest.raises(SetupError, match="different users"):
        await erase(pipeline.url, subject, requested_by="a test", is_linked=True)
    with pytest.raises(SetupError, match="different users"):
        await count(pipeline.url, subject)
    assert await pipeline.connection.fetchval("SELECT count(*) FROM erasures") == 0
