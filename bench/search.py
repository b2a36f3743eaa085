"""search: response times of searches for words, words with a typo, and IDs.

The catalogue has --events posts, whose titles are seven of 50,000 words, as frequent as in English.
Floor: the same queries on a hundredth of the posts.
"""

import statistics
import time
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

import sql
from bench.result import Result, at_most
from bench.servers import Servers, connection

_SYLLABLES: Final = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu an er il os ul"
_WORDS: Final = 50_000
_TITLE_WORDS: Final = 7
_QUERIES: Final = 30
_COMMON_RANKS: Final = (20, 200)
_RARE_RANKS: Final = (2_000, 20_000)


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    sizes = (events // 100, events)
    urls = {size: await servers.database([]) for size in sizes}
    seen: dict[int, dict[str, list[float]]] = {size: {} for size in sizes}
    words = list(_words(Random(1)))
    for size, url in urls.items():
        async with connection(url) as database:
            await _fill(database, words, size)
    for number in range(rounds):
        for size, url in urls.items():
            async with connection(url) as database:
                await _round(database, words, size, Random(number), seen[size])
    for url in urls.values():
        await servers.drop(url)
    least, most = sizes
    return [
        Result(
            f"{kind}, {most:,} posts",
            "ms",
            seen[most][kind],
            seen[least][kind],
            at_most(400, 100) if kind != "refresh of the words" else None,
        )
        for kind in seen[most]
    ]


def _words(random: Random) -> Iterator[str]:
    known: set[str] = set()
    while len(known) < _WORDS:
        word = "".join(random.choices(_SYLLABLES.split(), k=random.randint(2, 5)))
        if word not in known:
            known.add(word)
            yield word


async def _fill(database: Any, words: list[str], posts: int) -> None:
    random = Random(2)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    now = datetime.now(UTC)

    def title() -> str:
        return " ".join(
            words[bisect(weights, random.random() * weights[-1])] for _ in range(_TITLE_WORDS)
        )

    await database.execute("INSERT INTO authors VALUES (1, 'Ann', '2020-01-01', 'Tech')")
    await database.copy_records_to_table(
        "posts",
        records=(
            (number, 1, "Tech", now - timedelta(minutes=number), title(), 5, False)
            for number in range(1, posts + 1)
        ),
        timeout=600,
    )
    await database.execute("VACUUM ANALYZE posts", timeout=600)
    await database.fetchval("SELECT refresh_search()", timeout=600)
    await database.execute("ANALYZE catalogue_words")


async def _round(
    database: Any, words: list[str], posts: int, random: Random, seen: dict[str, list[float]]
) -> None:
    async def measure(kind: str, texts: list[str]) -> None:
        seen.setdefault(kind, []).append(await _p95(database, texts))

    def any_of(ranks: tuple[int, int]) -> str:
        return words[random.randint(*ranks)]

    def typo(word: str) -> str:
        at = random.randrange(2, len(word) - 1)
        return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]

    queries = range(_QUERIES)
    long_words = [word for word in words[slice(*_RARE_RANKS)] if len(word) >= 6]
    await measure(
        "two common words", [f"{any_of(_COMMON_RANKS)} {any_of(_COMMON_RANKS)}" for _ in queries]
    )
    await measure("one of the 20 most common words", [words[number % 20] for number in queries])
    await measure("a rare word", [any_of(_RARE_RANKS) for _ in queries])
    await measure("the first three letters", [any_of(_COMMON_RANKS)[:3] for _ in queries])
    await measure("a word with a typo", [typo(random.choice(long_words)) for _ in queries])
    await measure("an ID", [str(random.randint(1, posts)) for _ in queries])
    await database.execute("UPDATE posts SET title = title || '!' WHERE post_id = 1")
    began = time.perf_counter()
    await database.fetchval("SELECT refresh_search()", timeout=600)
    seen.setdefault("refresh of the words", []).append(1e3 * (time.perf_counter() - began))


async def _p95(database: Any, texts: list[str]) -> float:
    """Return the 95th percentile of the milliseconds of these searches."""
    query = sql.load("search")
    found = []
    for text in texts:
        number = int(text) if text.isdecimal() else 0
        began = time.perf_counter()
        await query.fetch(database, q=text, number=number, limit=10)
        found.append(1e3 * (time.perf_counter() - began))
    return statistics.quantiles(found, n=20)[-1]
