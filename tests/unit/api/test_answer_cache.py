"""Answers are asked for once, kept while there is room, and never given to the wrong question."""

import asyncio

from analytics_api.answering.cache import AnswerCache, Kept


class Asked:
    """Answers questions, and counts how often it was asked."""

    def __init__(self, body: bytes = b"x") -> None:
        self.body = body
        self.times = 0
        self.may_answer = asyncio.Event()

    async def __call__(self) -> Kept:
        self.times += 1
        await self.may_answer.wait()
        return Kept(self.body)


async def test_a_known_answer_is_not_asked_for_again() -> None:
    cache, asked = AnswerCache(), Asked()
    asked.may_answer.set()

    assert [(await cache.get("a", asked)).body for _ in range(3)] == [b"x"] * 3
    assert asked.times == 1


async def test_of_many_at_once_one_asks_and_who_leaves_takes_nothing_from_the_others() -> None:
    cache, asked = AnswerCache(), Asked()
    waiting = [asyncio.create_task(cache.get("a", asked)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    asked.may_answer.set()

    assert [kept.body for kept in await asyncio.gather(*waiting[1:])] == [b"x"] * 4
    assert asked.times == 1


async def test_the_least_recently_used_leaves_when_there_is_no_room() -> None:
    cache = AnswerCache(max_bytes=80)
    asked = Asked(b"0123456789")
    asked.may_answer.set()
    for etag in "abcdefgh":
        await cache.get(etag, asked)
    await cache.get("a", asked)
    await cache.get("i", asked)
    assert asked.times == 9

    await cache.get("a", asked)
    assert asked.times == 9
    await cache.get("b", asked)
    assert asked.times == 10


async def test_an_answer_that_would_fill_the_cache_is_not_kept() -> None:
    cache, asked = AnswerCache(max_bytes=80), Asked(b"01234567890")
    asked.may_answer.set()
    for _ in range(2):
        await cache.get("a", asked)
    assert asked.times == 2


async def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    cache = AnswerCache()
    answers = [RuntimeError("no"), Kept(b"yes")]

    async def ask() -> Kept:
        await asyncio.sleep(0)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    first = await asyncio.gather(*(cache.get("a", ask) for _ in range(2)), return_exceptions=True)
    assert [str(error) for error in first] == ["no", "no"]
    assert (await cache.get("a", ask)).body == b"yes"


async def test_an_answer_is_kept_with_what_it_was_told_with_last() -> None:
    cache, asked = AnswerCache(), Asked()
    asked.may_answer.set()
    await cache.get("a", asked)
    cache.tell("a", {"Data-As-Of": "later"})
    cache.tell("b", {"Data-As-Of": "never asked"})

    assert cache.find("a") == Kept(b"x", None, {"Data-As-Of": "later"})
    assert cache.find("b") is None
