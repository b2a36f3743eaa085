"""Subscribers get missed messages, and do not delay each other."""

import asyncio

import pytest

from analytics_api.live.broadcast import Broadcast, Message, Subscriber
from web.problems import Problem

NO_WAIT = 0.0


def message(number: int) -> Message:
    return Message(f"life-{number}", b"%d" % number)


async def received(subscriber: Subscriber) -> list[bytes]:
    found = []
    while (following := await subscriber.next(NO_WAIT)) is not None:
        found.append(following.data)
    return found


async def test_subscriber_gets_the_last_message_and_all_that_follow() -> None:
    broadcast = Broadcast(2)
    for number in range(3):
        broadcast.publish(message(number))
    subscriber = broadcast.subscribe(None)
    broadcast.publish(message(3))

    assert await received(subscriber) == [b"2", b"3"]


@pytest.mark.parametrize(
    ("last_id", "expected"),
    [
        pytest.param("life-1", [b"2", b"3"], id="what was missed, once"),
        pytest.param("life-3", [], id="nothing, when nothing was missed"),
        pytest.param("another-1", [b"3"], id="the newest, after another process's message"),
    ],
)
async def test_subscriber_that_reconnects_gets_what_it_missed(
    last_id: str, expected: list[bytes]
) -> None:
    broadcast = Broadcast(1)
    for number in range(4):
        broadcast.publish(message(number))

    assert await received(broadcast.subscribe(last_id)) == expected


async def test_slow_subscriber_is_dropped_and_others_get_all_messages() -> None:
    broadcast = Broadcast(2)
    slow, quick = broadcast.subscribe(None), broadcast.subscribe(None)
    for number in range(40):
        broadcast.publish(message(number))
        assert await received(quick) == [b"%d" % number]

    assert slow.is_ended
    assert len(await received(slow)) < 40
    assert not quick.is_ended
    broadcast.subscribe(None)  # its place is free


async def test_subscriber_is_rejected_when_there_are_too_many() -> None:
    broadcast = Broadcast(1)
    subscriber = broadcast.subscribe(None)
    with pytest.raises(Problem, match="too_many_streams") as refused:
        broadcast.subscribe(None)
    broadcast.unsubscribe(subscriber)

    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "10")
    broadcast.subscribe(None)


async def test_close_ends_subscribers_and_rejects_new_ones() -> None:
    broadcast = Broadcast(5)
    subscriber = broadcast.subscribe(None)
    waiting = asyncio.create_task(subscriber.next(60))
    await asyncio.sleep(0)
    broadcast.close()

    assert await waiting is None
    assert subscriber.is_ended
    with pytest.raises(Problem):
        broadcast.subscribe(None)
