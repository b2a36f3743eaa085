import asyncio
from collections.abc import Iterable

from schema.event import Record
from sql import load
from tests.integration.consumer.conftest import Pipeline, now_record


def event_of(post: str, user: str | None = None) -> Record:
    return now_record(post_id=None, post=post, user_id=None, user=user)


def events_of(posts: int, users: int, events: int) -> Iterable[Record]:
    return (event_of(f"post {n % posts}", f"user {n % users}") for n in range(events))


async def stored_numbers(pipeline: Pipeline, column: str) -> set[int]:
    rows = await pipeline.connection.fetch(f"SELECT DISTINCT {column} FROM engagements")
    return {row[0] for row in rows}


async def test_external_id_has_one_number_for_all_consumers_and_batches(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer(batch_max_rows=50), pipeline.consumer(batch_max_rows=50):
        for partition in (0, 1, 2, 3):
            await pipeline.produce(events_of(20, 7, 200), partition)
        await pipeline.until_accounted(800)

    assert await pipeline.stored() == 800
    assert len(await stored_numbers(pipeline, "post_id")) == 20
    assert len(await stored_numbers(pipeline, "user_id")) == 7
    assert await pipeline.connection.fetchval("SELECT count(*) FROM external_ids") == 27
    assert await pipeline.failed_checks() == []


async def test_events_get_the_new_number_when_the_catalogue_changes_it_meanwhile(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer(batch_max_rows=20):
        producing = asyncio.create_task(pipeline.produce(events_of(3, 5, 2_000), 0))
        for number in (7, 8, 9):
            await pipeline.until_stored(100 * number)
            await load("move_external_id").execute(
                pipeline.connection, kind="post", name="post 0", id=number
            )
        await producing
        await pipeline.until_accounted(2_000)

    assert await pipeline.stored() == 2_000
    numbers = await stored_numbers(pipeline, "post_id")
    assert (len(numbers), 9 in numbers) == (3, True)
    assert await pipeline.failed_checks() == []
