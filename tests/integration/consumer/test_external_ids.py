"""Events that name posts and users by external ids, on a real broker and a real database."""

import asyncio
from collections.abc import Iterable
from functools import partial
from uuid import uuid4

import pytest

from consumer.external_ids import ExternalIds
from consumer.rows import Row
from schema.event import Record
from schema.wire import encode
from sql import load
from tests.integration.consumer.conftest import Pipeline, now_record, retraction, until


def named(post: str, user: str | None = None) -> Record:
    return now_record(post_id=None, post=post, user_id=None, user=user)


def taken_back(event: Record) -> bytes:
    return retraction(event, post_id=None, post=event.post)


async def move(pipeline: Pipeline, name: str, number: int) -> None:
    query = load("move_external_id")
    values = query.bind(kind="post", name=name, id=number)
    await pipeline.connection.execute(query.text, *values)


async def numbers(pipeline: Pipeline, column: str) -> set[int]:
    found = await pipeline.connection.fetch(f"SELECT DISTINCT {column} FROM engagements")
    return {row[0] for row in found}


async def assert_books_balance(pipeline: Pipeline) -> None:
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def has_stored(pipeline: Pipeline, events: int) -> bool:
    return await pipeline.stored() >= events


def spread(posts: int, users: int, events: int) -> Iterable[Record]:
    return (named(f"post {n % posts}", f"user {n % users}") for n in range(events))


async def test_each_name_has_one_number_for_all_consumers_and_batches(pipeline: Pipeline) -> None:
    async with pipeline.consumer(batch_max_rows=50), pipeline.consumer(batch_max_rows=50):
        for partition in (0, 1, 2, 3):
            await pipeline.produce(spread(20, 7, 200), partition)
        await pipeline.until_accounted(800)

    assert await pipeline.stored() == 800
    assert len(await numbers(pipeline, "post_id")) == 20
    assert len(await numbers(pipeline, "user_id")) == 7
    assert await pipeline.connection.fetchval("SELECT count(*) FROM external_ids") == 27
    await assert_books_balance(pipeline)


async def test_events_follow_a_name_that_moves_while_they_come(pipeline: Pipeline) -> None:
    async with pipeline.consumer(batch_max_rows=20):
        producing = asyncio.create_task(pipeline.produce(spread(3, 5, 2_000), 0))
        for number in (7, 8, 9):
            await until(partial(has_stored, pipeline, 100 * number))
            await move(pipeline, "post 0", number)
        await producing
        await pipeline.until_accounted(2_000)

    assert await pipeline.stored() == 2_000
    assert len(await numbers(pipeline, "post_id")) == 3
    assert 9 in await numbers(pipeline, "post_id")
    await assert_books_balance(pipeline)


@pytest.mark.parametrize("is_first", [True, False], ids=["before its event", "after it"])
async def test_what_was_taken_back_stays_so_when_its_post_gets_another_number(
    pipeline: Pipeline, is_first: bool
) -> None:
    goes, stays = named("slug"), named("slug")
    values = [encode(stays), taken_back(goes)]
    if not is_first:
        values.insert(0, encode(goes))
    async with pipeline.consumer():
        await pipeline.produce_raw(*values)
        await pipeline.until_accounted(len(values))
        await move(pipeline, "slug", 7)
        await pipeline.produce_raw(encode(goes))
        await pipeline.until_accounted(len(values) + 1)

    assert await pipeline.stored() == 1
    assert await numbers(pipeline, "post_id") == {7}
    await assert_books_balance(pipeline)


async def test_a_number_that_was_rolled_back_is_never_used(pipeline: Pipeline) -> None:
    ids = ExternalIds()

    async def resolve(post: int | str) -> Row:
        row = (0, uuid4().bytes, post, None, "view", 0)
        [found] = await ids.resolve(pipeline.connection, [row])
        return found

    lost = pipeline.connection.transaction()
    await lost.start()
    await resolve("slug")
    await lost.rollback()
    async with pipeline.connection.transaction():
        await resolve(7)
    ids.keep()
    async with pipeline.connection.transaction():
        found = await resolve("slug")

    assert found[2] == await pipeline.connection.fetchval("SELECT id FROM external_ids")


async def test_a_correction_by_hand_is_followed(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([named("slug")], 0)
        await pipeline.until_accounted(1)
        await pipeline.connection.execute("UPDATE external_ids SET id = 7")
        await pipeline.produce([named("slug")], 0)
        await pipeline.until_accounted(2)

    assert 7 in await numbers(pipeline, "post_id")
