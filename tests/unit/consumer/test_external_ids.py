"""What is remembered of external ids, and for how long. The database is one in memory."""

from typing import Any

from consumer.external_ids import ExternalIds
from consumer.rows import Row
from tests.factories import record

NUMBER = 4503599627370496


class Names:
    """Numbers external ids as the database does, and notes which it was asked for."""

    def __init__(self) -> None:
        self.stamp = "first"
        self.numbers: dict[str, int] = {}
        self.asked: list[str] = []

    async def fetchval(self, _query: str) -> str:
        return self.stamp

    async def fetch(self, _query: str, kind: str, names: list[str]) -> list[tuple[str, int]]:
        self.asked += names
        return [
            (name, self.numbers.setdefault(f"{kind} {name}", NUMBER + len(self.numbers)))
            for name in names
        ]


def row(post: int | str, user: int | str | None = None) -> Row:
    return (0, record().event_id.bytes, post, user, "view", 0)


async def resolved(ids: ExternalIds, names: Any, *rows: Row) -> list[tuple[Any, Any]]:
    return [found[2:4] for found in await ids.resolve(names, list(rows))]


async def test_numbers_alone_are_left_as_they_are_and_nothing_is_asked() -> None:
    rows = [row(7, 8), row(7)]

    assert await ExternalIds().resolve(None, rows) is rows  # type: ignore[arg-type]


async def test_a_post_and_a_user_of_one_name_are_two_things() -> None:
    names = Names()

    [(post, user)] = await resolved(ExternalIds(), names, row("x", "x"))

    assert post != user
    assert names.numbers == {"post x": post, "user x": user}


async def test_what_a_committed_batch_found_is_not_asked_again() -> None:
    ids, names = ExternalIds(), Names()
    first = await resolved(ids, names, row("a", "u"), row(7, "u"))
    ids.keep()
    names.asked.clear()
    again = await resolved(ids, names, row("a", "u"), row(7, "u"), row("b"))

    assert again[:2] == first
    assert names.asked == ["b"]


async def test_what_a_failed_batch_found_is_forgotten() -> None:
    ids, names = ExternalIds(), Names()
    await resolved(ids, names, row("a", "u"))
    await resolved(ids, names, row(7))  # the next one, which is committed
    ids.keep()
    names.asked.clear()
    await resolved(ids, names, row("a", "u"))

    assert names.asked == ["a", "u"]


async def test_under_another_stamp_everything_is_asked_anew() -> None:
    ids, names = ExternalIds(), Names()
    await resolved(ids, names, row("a", "u"))
    ids.keep()
    names.stamp, names.numbers = "second", {"post a": 7, "user u": 8}

    assert await resolved(ids, names, row("a", "u")) == [(7, 8)]


async def test_names_in_use_stay_known_while_those_that_passed_are_forgotten() -> None:
    ids, names = ExternalIds(), Names()
    for part in range(20):
        passing = [row(f"post-{part}-{n}") for n in range(5_000)]
        await resolved(ids, names, row("always"), *passing)
        ids.keep()
    names.asked.clear()
    await resolved(ids, names, row("always"), row("post-19-0"), row("post-0-0"))

    assert names.asked == ["post-0-0"]
