"""Erased users against a real broker and a real database: nothing brings them back."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import sql
from consumer.scrub import ERASED_DETAIL
from engage.erasing import Found, Subject, erase, look
from engage.verification import verify
from schema.errors import SetupError
from schema.event import Record
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, until

ANN, BOB = 42, 43


def did(user: int | str | None, *, days_ago: float = 0, **fields: Any) -> Record:
    now = datetime.now(UTC)
    named = {"user": user} if isinstance(user, str) else {"user_id": user}
    times = {"engaged_timestamp": now - timedelta(days=days_ago), "received_timestamp": now}
    return record(**(times | named | fields))


async def forget(pipeline: Pipeline, user_id: int | None = ANN, **given: Any) -> Found:
    options = {"requested_by": "a test", "is_linked": True} | given
    subject = Subject(user_id, options.pop("external_id", None))
    return await erase(pipeline.settings.database_url.get_secret_value(), subject, **options)


async def users(pipeline: Pipeline) -> list[int | None]:
    rows = await pipeline.connection.fetch(
        "SELECT user_id FROM engagements ORDER BY engaged_timestamp"
    )
    return [row[0] for row in rows]


async def know(pipeline: Pipeline, user_id: int, name: str | None = None) -> None:
    await pipeline.connection.execute(
        "INSERT INTO users VALUES ($1, '2024-02-29', 'NP', 'reader')", user_id
    )
    if name:
        await pipeline.connection.execute(
            "INSERT INTO external_ids VALUES ('user', $1, $2)", name, user_id
        )


async def patterns(pipeline: Pipeline) -> list[Any]:
    query = sql.load("engagement_patterns")
    values = query.bind(since=datetime.now(UTC) - timedelta(days=365), zone="Asia/Kathmandu")
    return [tuple(row) for row in await pipeline.connection.fetch(query.text, *values)]


async def assert_all_is_verified(pipeline: Pipeline) -> None:
    checks = await verify(pipeline.settings.database_url.get_secret_value())
    assert [check.name for check in checks if not check.is_right] == []


async def test_an_erased_user_is_nowhere_and_every_number_stays(pipeline: Pipeline) -> None:
    await know(pipeline, ANN, "ann@example.com")
    await know(pipeline, BOB, "bob")
    of_ann = [did(ANN, days_ago=days) for days in range(5)] + [did("ann@example.com")]
    async with pipeline.consumer():
        await pipeline.produce([*of_ann, did(BOB), did("bob"), did(None)])
        await pipeline.until_accounted(9)
    before = await patterns(pipeline)

    assert await look(pipeline.settings.database_url.get_secret_value(), Subject(ANN)) == Found(
        events=6, dead_letters=0, catalogue_rows=2
    )
    assert await forget(pipeline) == Found(events=6, dead_letters=0, catalogue_rows=2)

    left = set(await users(pipeline))
    [stand_in] = left - {BOB, None}
    assert stand_in is not None
    assert stand_in < 0, "no client may send such a number"
    assert await patterns(pipeline) == before
    await assert_all_is_verified(pipeline)
    for table, column in (("users", "user_id"), ("external_ids", "id")):
        kept = await pipeline.connection.fetch(f"SELECT {column} FROM {table}")
        assert [row[0] for row in kept] == [BOB]


async def test_an_erasure_is_audited_and_forgets_whom_it_was_about(pipeline: Pipeline) -> None:
    await know(pipeline, ANN, "ann")
    async with pipeline.consumer():
        await pipeline.produce([did(ANN)])
        await pipeline.until_accounted(1)

    await forget(pipeline, requested_by="support, ticket 7")

    [audit] = await pipeline.connection.fetch("SELECT * FROM erasures")
    assert (audit["requested_by"], audit["events"], audit["catalogue_rows"]) == (
        "support, ticket 7",
        1,
        2,
    )
    assert audit["finished_timestamp"] >= audit["started_timestamp"]
    assert [audit[name] for name in ("user_id", "external_ids", "stand_in")] == [None] * 3
    assert await pipeline.connection.fetchval("SELECT user_id FROM erased_users") == ANN
    [digest] = await pipeline.connection.fetch("SELECT digest FROM erased_external_ids")
    assert b"ann" not in digest["digest"]


async def test_late_events_and_records_read_again_come_from_nobody(pipeline: Pipeline) -> None:
    await know(pipeline, ANN, "ann")
    old = [did(ANN, days_ago=1), did("ann", days_ago=1), did(BOB, days_ago=1)]
    async with pipeline.consumer():
        await pipeline.produce(old, partition=0)
        await pipeline.until_accounted(3)
        await forget(pipeline)
        await pipeline.produce([did(ANN), did("ann"), did(BOB)], partition=0)
        await pipeline.until_accounted(6)
    # As if nothing had ever been read: the log still names the user.
    await pipeline.connection.execute(
        "TRUNCATE engagements, post_totals, quarter_hours;"
        "UPDATE consumer_offsets SET next_offset = first_offset, stored = 0,"
        " fingerprint_offset = NULL"
    )
    async with pipeline.consumer():
        await pipeline.until_accounted(6)

    assert await users(pipeline) == [None, None, BOB, None, None, BOB]
    assert await pipeline.connection.fetchval("SELECT count(*) FROM external_ids") == 0
    await assert_all_is_verified(pipeline)


async def test_a_user_who_is_known_by_an_external_id_alone_is_erased_by_it(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer():
        await pipeline.produce([did("ann"), did("bob")])
        await pipeline.until_accounted(2)
        found = await forget(pipeline, None, external_id="ann")
        await forget(pipeline, None, external_id="never seen")
        await pipeline.produce([did("ann"), did("never seen")])
        await pipeline.until_accounted(4)

    assert found == Found(events=1, dead_letters=0, catalogue_rows=1)
    left = await users(pipeline)
    assert [user is None for user in left] == [False, False, True, True]
    names = await pipeline.connection.fetch("SELECT external_id FROM external_ids")
    assert [row[0] for row in names] == ["bob"]


async def test_a_batch_under_way_is_waited_for_and_then_erased(pipeline: Pipeline) -> None:
    other = await asyncpg.connect(pipeline.settings.database_url.get_secret_value())
    try:
        await other.execute("SELECT ensure_partition(now()::date)")
        writing = other.transaction()
        await writing.start()
        await other.fetchval(sql.load("erasure_version").text)
        await other.execute(
            "INSERT INTO engagements VALUES (gen_random_uuid(), 1, $1, 'view', now(), now())", ANN
        )
        erasing = asyncio.create_task(forget(pipeline))

        async def waits() -> bool:
            return bool(
                await pipeline.connection.fetchval(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'"
                    " AND NOT granted AND database = (SELECT oid FROM pg_database"
                    " WHERE datname = current_database()))"
                )
            )

        await until(waits)
        assert not erasing.done()
        await writing.commit()
        found = await asyncio.wait_for(erasing, 10)
    finally:
        await other.close()

    assert found.events == 1
    assert ANN not in await users(pipeline)


async def test_events_that_come_while_users_are_erased_do_not_survive_it(
    pipeline: Pipeline,
) -> None:
    counter = itertools.count()
    sent = 0
    stopping = asyncio.Event()

    async def keep_sending() -> None:
        nonlocal sent
        while not stopping.is_set():
            some = [next(counter) for _ in range(40)]
            who = [1 + n % 12 if n % 2 else f"name {1 + n % 12}" for n in some]
            await pipeline.produce(
                [did(user, post_id=1 + n % 8) for n, user in zip(some, who, strict=True)]
            )
            sent += len(some)

    async with pipeline.consumer(batch_max_rows=50), pipeline.consumer(batch_max_rows=50):
        sending = asyncio.create_task(keep_sending())
        for user in range(1, 11):
            stored = await pipeline.stored()

            async def goes_on(stored: int = stored) -> bool:
                return await pipeline.stored() > stored

            await until(goes_on)
            name = f"name {user}" if user % 2 else None
            await forget(pipeline, None if name else user, external_id=name)
        stopping.set()
        await sending
        await pipeline.until_accounted(sent)

    even = [user for user in await users(pipeline) if user in {2, 4, 6, 8, 10}]
    names = await pipeline.connection.fetch("SELECT external_id FROM external_ids ORDER BY 1")
    assert even == []
    assert {row[0] for row in names} == {"name 11"}
    # Erasing a name that is known by then has found events; what came after has nobody.
    by_number = "SELECT count(*) FROM engagements WHERE user_id > 0 AND user_id <> ALL ($1)"
    kept = await pipeline.connection.fetchval("SELECT id FROM external_ids")
    assert await pipeline.connection.fetchval(by_number, [12, kept]) == 0
    assert await pipeline.stored() == sent
    await assert_all_is_verified(pipeline)


async def test_an_interrupted_erasure_goes_on_with_the_same_stand_in(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([did(ANN, days_ago=days) for days in range(4)])
        await pipeline.until_accounted(4)

    def cut_the_power(_step: str, done: int, _total: int, _remark: str) -> None:
        if done == 2:
            raise ConnectionResetError

    with pytest.raises(Exception, match="ConnectionResetError"):
        await forget(pipeline, progress=cut_the_power)
    assert (await users(pipeline)).count(ANN) == 2

    assert (await forget(pipeline)).events == 4
    assert len(set(await users(pipeline))) == 1
    assert await pipeline.connection.fetchval("SELECT count(*) FROM erasures") == 1


async def test_erasing_again_changes_nothing(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([did(ANN)])
        await pipeline.until_accounted(1)
    await forget(pipeline)
    before = await users(pipeline)

    assert await forget(pipeline) == Found(events=0, dead_letters=0, catalogue_rows=0)
    assert await users(pipeline) == before


async def test_without_a_stand_in_events_have_nobody(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([did(ANN)])
        await pipeline.until_accounted(1)

    version = await pipeline.connection.fetchval("SELECT version FROM catalogue_version")

    await forget(pipeline, is_linked=False)

    assert await users(pipeline) == [None]
    # Answers that were kept, and counted the user as active, are made anew.
    new_version = await pipeline.connection.fetchval("SELECT version FROM catalogue_version")
    assert new_version > version


async def test_dead_letters_lose_the_user_before_and_after(pipeline: Pipeline) -> None:
    await know(pipeline, ANN, "ann")
    letters = [
        b'{"post_id":42,"user_id":42,"type":"stare"}',
        b'{"user":"ann"',
        b'{"user_id":43,"type":"stare"}',
    ]
    async with pipeline.consumer():
        await pipeline.produce_raw(*letters)
        await pipeline.until_accounted(3)
        found = await forget(pipeline)
        await pipeline.produce_raw(*letters)
        await pipeline.until_accounted(6)

    assert found.dead_letters == 2
    kept = await pipeline.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"')
    left = [b'{"post_id":42,"user_id":null,"type":"stare"}', None, letters[2]]
    assert [row["value"] for row in kept] == left * 2
    reasons = [row["reason"] for row in kept]
    assert reasons[:3] == reasons[3:]
    assert ERASED_DETAIL not in {row["detail"] for row in kept}
    await assert_all_is_verified(pipeline)


async def test_what_postgresql_refuses_is_kept_and_logged_without_its_row(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT small CHECK (user_id < 900000)"
    )
    async with pipeline.consumer():
        await pipeline.produce([did(987_654), did(BOB)])
        await pipeline.until_accounted(2)

    detail = await pipeline.connection.fetchval("SELECT detail FROM dead_letters")
    assert "small" in detail
    assert "987654" not in detail + caplog.text + "".join(capfd.readouterr())


async def test_two_names_of_different_users_are_refused(pipeline: Pipeline) -> None:
    await know(pipeline, BOB, "bob")
    url = pipeline.settings.database_url.get_secret_value()

    with pytest.raises(SetupError, match="another user"):
        await forget(pipeline, ANN, external_id="bob")
    with pytest.raises(SetupError, match="another user"):
        await look(url, Subject(ANN, "bob"))
    assert await pipeline.connection.fetchval("SELECT count(*) FROM erasures") == 0


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("engage_consumer", "DELETE FROM erased_users"),
        ("engage_consumer", "INSERT INTO erased_users VALUES (1, 1)"),
        ("engage_consumer", "SELECT begin_erasure(1, NULL, '', NULL)"),
        ("engage_reader", "SELECT * FROM erased_users"),
        ("engage_reader", "SELECT key FROM erasure_state"),
        ("engage_reader", "SELECT erasure_version()"),
        ("engage_refresher", "SELECT * FROM erasures"),
        ("engage_editor", "SELECT * FROM erased_external_ids"),
        ("engage_editor", "SELECT begin_erasure(1, NULL, '', NULL)"),
        ("engage_eraser", "UPDATE engagements SET user_id = NULL"),
        ("engage_eraser", "DELETE FROM erasures"),
        ("engage_eraser", "UPDATE user_exports SET requested_by = ''"),
        ("engage_eraser", "DELETE FROM users"),
    ],
)
async def test_no_role_may_do_more_than_its_part(
    pipeline: Pipeline, role: str, statement: str
) -> None:
    await pipeline.connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pipeline.connection.execute(statement)


async def test_the_consumer_obeys_with_its_own_rights(pipeline: Pipeline) -> None:
    await forget(pipeline)
    async with pipeline.consumer(database_role="engage_consumer"):
        await pipeline.produce([did(ANN), did(BOB), did("a name")])
        await pipeline.until_accounted(3)

    assert (await users(pipeline))[:2] == [None, BOB]
