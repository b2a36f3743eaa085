import asyncio

from sql import load
from tests.integration.consumer.conftest import Pipeline, now_record


async def test_events_get_the_new_number_when_the_catalogue_changes_it_meanwhile(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer(batch_max_rows=20):
        events = (now_record(post_id=None, post=f"post {n % 3}") for n in range(2_000))
        producing = asyncio.create_task(pipeline.produce(events, 0))
        for number in (7, 8, 9):
            await pipeline.until_stored(100 * number)
            await load("move_external_id").execute(
                pipeline.connection, kind="post", name="post 0", id=number
            )
        await producing
        await pipeline.until_accounted(2_000)

    assert await pipeline.stored() == 2_000
    posts = await pipeline.connection.fetch("SELECT DISTINCT post_id FROM engagements")
    assert (len(posts), 9 in {row["post_id"] for row in posts}) == (3, True)
    assert await pipeline.failed_checks() == []
