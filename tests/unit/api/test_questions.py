"""Questions in use are asked anew before their readers do, and dear answers stand for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from analytics_api.answering.cache import Kept
from analytics_api.answering.questions import (
    DEAR_SECONDS,
    SAME_DATA_STANDS_SECONDS,
    STANDS_SECONDS,
    Questions,
    Tagged,
)
from analytics_api.answering.versions import Version

MOMENT = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


@dataclass
class World:
    """A report whose answer takes as long as it is told to, over data of a version."""

    took_seconds: float = 0.0
    now: float = 1000.0
    fails: bool = False
    found: list[str] = field(default_factory=list)
    follower: Any = field(default_factory=lambda: SimpleNamespace(view=Version("v1", MOMENT)))

    def __post_init__(self) -> None:
        self.questions = Questions(self.follower, clock=lambda: self.now)

    def refresh(self, label: str, *, later: timedelta = timedelta()) -> None:
        self.follower.view = Version(label, MOMENT + later)

    async def ask(self, *, by_itself: bool = False, may_be_older: bool = True) -> str:
        view = self.follower.view
        etag = view.label if view.as_of == MOMENT else f"{view.label} at {view.as_of:%M}"

        async def find() -> Kept:
            self.found.append(etag)
            self.now += self.took_seconds
            if self.fails:
                raise RuntimeError("no")
            return Kept(etag.encode())

        again = None if by_itself else self.again
        asked = Tagged("q", view.label, etag)
        kept = await self.questions.answer(asked, find, again, may_be_older=may_be_older)
        return kept.body.decode()

    async def again(self) -> None:
        await self.ask(by_itself=True)

    async def renewed(self) -> None:
        for is_dear in (False, True):
            await self.questions.renew_one(is_dear=is_dear)


async def dear() -> World:
    """A world whose report was dear twice."""
    world = World(took_seconds=DEAR_SECONDS)
    for label in ("v1", "v2"):
        world.refresh(label)
        await world.ask()
    return world


async def test_what_is_cheap_is_never_older_than_the_data() -> None:
    world = World(took_seconds=DEAR_SECONDS / 2)
    for label in ("v1", "v2", "v3"):
        world.refresh(label)
        assert await world.ask() == label


async def test_one_slow_start_makes_nothing_dear() -> None:
    world = World(took_seconds=10 * DEAR_SECONDS)
    await world.ask()
    world.refresh("v2")
    assert await world.ask() == "v2"


async def test_a_dear_answer_stands_for_a_while_and_no_longer() -> None:
    world = await dear()
    world.refresh("v3")
    assert await world.ask() == "v2"

    world.now += STANDS_SECONDS + 1
    assert await world.ask() == "v3"


async def test_an_answer_of_the_same_data_stands_until_it_is_renewed_for_its_minute() -> None:
    world = World()
    await world.ask()
    world.refresh("v1", later=timedelta(minutes=1))
    assert await world.ask() == "v1"

    await world.renewed()
    assert await world.ask() == "v1 at 31"


async def test_an_answer_of_the_same_data_does_not_stand_for_long() -> None:
    world = World()
    await world.ask()
    world.refresh("v1", later=timedelta(minutes=1))
    world.now += SAME_DATA_STANDS_SECONDS + 1
    assert await world.ask() == "v1 at 31"


async def test_what_must_be_new_is_new_however_dear() -> None:
    world = await dear()
    world.refresh("v3")
    assert await world.ask(may_be_older=False) == "v3"


@pytest.mark.parametrize("make", [dear, None])
async def test_a_question_in_use_is_asked_anew_before_its_reader_does(
    make: Callable[[], Awaitable[World]] | None,
) -> None:
    world = await make() if make else World()
    await world.ask()
    world.refresh("v3")
    await world.renewed()
    before = len(world.found)

    assert await world.ask() == "v3"
    assert len(world.found) == before


async def test_it_is_asked_anew_once_a_state_of_the_data_and_once_a_minute() -> None:
    world = World()
    await world.ask()
    asked: list[str] = []

    async def again() -> None:
        asked.append(world.follower.view.label)

    world.questions._known["q"].ask_again = again
    for label, later in (("v2", 0), ("v2", 10), ("v2", 90), ("v3", 90)):
        world.refresh(label, later=timedelta(seconds=later))
        await world.renewed()

    assert asked == ["v2", "v2", "v3"]


async def test_the_oldest_for_what_it_costs_is_asked_anew_first() -> None:
    world = World()
    order: list[str] = []

    async def ask(name: str, took_seconds: float) -> None:
        async def find() -> Kept:
            world.now += took_seconds
            return Kept(b"")

        async def again() -> None:
            order.append(name)

        label = world.follower.view.label
        asked = Tagged(name, label, label + name)
        await world.questions.answer(asked, find, again, may_be_older=True)

    for name, took_seconds in (("slow", 0.4), ("quick", 0.01), ("old and slow", 0.4)):
        await ask(name, took_seconds)
    world.questions._known["old and slow"].found_at -= 200
    world.refresh("v2")
    for _ in range(3):
        await world.renewed()

    assert order == ["old and slow", "quick", "slow"]


async def test_nobody_asks_for_readers_that_are_gone_or_while_postgresql_is_away() -> None:
    world = World()
    await world.ask()
    world.follower.view = None
    await world.renewed()
    world.now += 301
    world.refresh("v2")
    await world.renewed()

    assert world.found == ["v1"]


async def test_a_renewal_that_fails_leaves_the_older_answer() -> None:
    world = await dear()
    world.refresh("v3")
    world.fails = True
    await world.renewed()

    assert await world.ask() == "v2"


async def test_there_is_a_bound_on_how_many_questions_are_remembered() -> None:
    questions = World().questions

    async def find() -> Kept:
        return Kept(b"")

    async def again() -> None:
        await asyncio.sleep(0)

    for number in range(1000):
        await questions.answer(Tagged(number, "v1", "e"), find, again, may_be_older=True)

    assert len(questions._known) == 256
