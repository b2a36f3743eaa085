"""Listeners: what they miss, what they are spared, and that nobody waits for them."""

import asyncio

import pytest

from analytics_api.live.fan_out import FanOut, Listener, Message
from schema.http.problems import Problem

AT_ONCE = 0.0


def told(number: int) -> Message:
    return Message(f"life-{number}", b"%d" % number)


async def heard(listener: Listener) -> list[bytes]:
    found = []
    while (message := await listener.next(AT_ONCE)) is not None:
        found.append(message.data)
    return found


async def test_who_joins_hears_the_last_message_and_all_that_follow() -> None:
    fan_out = FanOut(2)
    for number in range(3):
        fan_out.tell(told(number))
    listener = fan_out.join(None)
    fan_out.tell(told(3))

    assert await heard(listener) == [b"2", b"3"]


@pytest.mark.parametrize(
    ("last_id", "expected"),
    [
        pytest.param("life-1", [b"2", b"3"], id="what was missed, once"),
        pytest.param("life-3", [], id="nothing, when nothing was missed"),
        pytest.param("another-1", [b"3"], id="the newest, after another process's message"),
    ],
)
async def test_who_comes_back_goes_on_after_the_message_it_had(
    last_id: str, expected: list[bytes]
) -> None:
    fan_out = FanOut(1)
    for number in range(4):
        fan_out.tell(told(number))

    assert await heard(fan_out.join(last_id)) == expected


async def test_a_slow_listener_is_dropped_and_the_others_hear_on() -> None:
    fan_out = FanOut(2)
    slow, quick = fan_out.join(None), fan_out.join(None)
    for number in range(40):
        fan_out.tell(told(number))
        assert await heard(quick) == [b"%d" % number]

    assert slow.is_ended
    assert len(await heard(slow)) < 40
    assert not quick.is_ended
    fan_out.join(None)  # its place is free


async def test_there_is_room_for_so_many_and_no_more() -> None:
    fan_out = FanOut(1)
    listener = fan_out.join(None)
    with pytest.raises(Problem, match="too_many_streams") as refused:
        fan_out.join(None)
    fan_out.leave(listener)

    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "10")
    fan_out.join(None)


async def test_closing_ends_those_who_wait_and_lets_nobody_in() -> None:
    fan_out = FanOut(5)
    listener = fan_out.join(None)
    waiting = asyncio.create_task(listener.next(60))
    await asyncio.sleep(0)
    fan_out.close()

    assert await waiting is None
    assert listener.is_ended
    with pytest.raises(Problem):
        fan_out.join(None)
