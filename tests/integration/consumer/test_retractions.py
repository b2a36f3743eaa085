"""Events that are taken back, whatever comes first."""

import random

import pytest

from schema.wire import encode
from sql import load
from tests.integration.consumer.conftest import Pipeline, now_record, retraction, sample


@pytest.mark.parametrize("is_first", [True, False], ids=["before its event", "after it"])
async def test_an_event_that_is_taken_back_is_gone_whatever_comes_first(
    pipeline: Pipeline, is_first: bool
) -> None:
    stays, goes = now_record(post_id=7, type="like"), now_record(post_id=7, type="like")
    taken_back, event = retraction(goes), encode(goes)
    values = [taken_back, event] if is_first else [event, taken_back]
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(stays), values[0])
        await pipeline.until_accounted(2)
        await pipeline.produce_raw(values[1], taken_back, event)
        await pipeline.until_accounted(5)

    assert await pipeline.stored() == 1
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []
    assert (await pipeline.totals())["dead_lettered"] == 0


async def test_an_event_and_what_takes_it_back_may_share_a_batch(pipeline: Pipeline) -> None:
    goes = now_record(post_id=7)
    await pipeline.produce_raw(encode(goes), retraction(goes), encode(goes))
    async with pipeline.consumer():
        await pipeline.until_accounted(3)

    assert await pipeline.stored() == 0
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def test_a_retraction_that_names_another_post_takes_nothing(pipeline: Pipeline) -> None:
    stays = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(stays), retraction(stays, post_id=8), b'{"x": 1}')
        await pipeline.until_accounted(3)

    assert await pipeline.stored() == 1
    assert (await pipeline.totals())["dead_lettered"] == 1


async def test_many_retractions_in_random_order_leave_what_was_not_taken_back(
    pipeline: Pipeline,
) -> None:
    draw = random.Random(5)
    records = sample(400, seed=5)
    gone = records[:150]
    values = (
        [encode(r) for r in records] + [retraction(r) for r in gone] + [encode(r) for r in gone]
    )
    draw.shuffle(values)
    async with pipeline.consumer():
        await pipeline.produce_raw(*values[:300])
        await pipeline.produce_raw(*values[300:], partition=0)
        await pipeline.until_accounted(len(values))

    assert await pipeline.stored() == 250
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def test_a_retraction_is_a_change_that_refreshes_the_view(pipeline: Pipeline) -> None:
    async def refresh() -> str:
        return str(await pipeline.connection.fetchval("SELECT refresh_engagement_stats()"))

    goes = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(goes))
        await pipeline.until_accounted(1)
        assert await refresh() == "refreshed"
        before = await pipeline.connection.fetchrow(load("versions").text)
        await pipeline.produce_raw(retraction(goes))
        await pipeline.until_accounted(2)

    after = await pipeline.connection.fetchrow(load("versions").text)
    assert after["live_version"] != before["live_version"]
    assert await refresh() == "refreshed"
    assert await refresh() == "unchanged"
