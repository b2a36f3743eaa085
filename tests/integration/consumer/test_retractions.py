from schema.wire import encode
from sql import load
from tests.integration.consumer.conftest import Pipeline, now_record, retraction


async def test_retraction_with_another_post_retracts_nothing(pipeline: Pipeline) -> None:
    event = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(event), retraction(event, post_id=8), b'{"x": 1}')
        await pipeline.until_accounted(3)

    assert await pipeline.stored() == 1
    assert (await pipeline.totals())["dead_lettered"] == 1


async def test_stats_view_is_refreshed_after_a_retraction(pipeline: Pipeline) -> None:
    refresh = "SELECT refresh_engagement_stats()"
    event = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(event))
        await pipeline.until_accounted(1)
        refreshed = [await pipeline.connection.fetchval(refresh)]
        before = await load("versions").fetchrow(pipeline.connection)
        await pipeline.produce_raw(retraction(event))
        await pipeline.until_accounted(2)

    after = await load("versions").fetchrow(pipeline.connection)
    assert after["live_version"] != before["live_version"]
    refreshed += [await pipeline.connection.fetchval(refresh) for _ in range(2)]
    assert refreshed == ["refreshed", "refreshed", "unchanged"]
