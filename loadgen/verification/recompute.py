"""Comparison of every number of the reports with a recomputation from journals."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp

from loadgen.journal import Account
from loadgen.ledger import ask_with_age
from loadgen.verification.oracle import PERIOD_DAYS, Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from runtime.progress import Progress
from sql.command import connected

ZONES: Final = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York")
"""Zones whose hours are compared, besides the reporting zone."""

_SELECT_AUTHORS: Final = "SELECT author_id, name, author_category FROM authors ORDER BY author_id"
_SELECT_POSTS: Final = """
SELECT post_id, author_id, category, publish_timestamp, title FROM posts ORDER BY post_id"""
_ATTEMPTS: Final = 3
_POLL_SECONDS: Final = 0.2
_MAX_EXAMPLES: Final = 3
_POSTS: Final = 25
_AUTHORS: Final = 100
# The service's clock and ours, where they are not the same.
_CLOCKS_APART: Final = timedelta(seconds=1)

Expect = Callable[[Oracle], Any]
Refresh = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Known:
    """The part of the catalogue that reports need."""

    authors: Sequence[Author]
    posts: Sequence[Post]


async def read_known(database_url: str) -> Known:
    """Read the catalogue from the database. Raises as sql.command.connected does."""
    async with connected(database_url) as connection:
        authors = [Author(*row) for row in await connection.fetch(_SELECT_AUTHORS)]
        posts = [Post(*row) for row in await connection.fetch(_SELECT_POSTS)]
    return Known(authors, posts)


class Question(NamedTuple):
    """A report: its name, its path, and its expected content."""

    report: str
    path: str
    expect: Expect


@dataclass
class Recomputation:
    """The result of the comparison.

    Attributes:
        numbers: how many values were compared, by report.
        faults: a sentence for each of the first differences of a report.
        why_not: why nothing was compared, if so.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    why_not: str = ""


async def recompute(  # noqa: PLR0913, PLR0917  (verify's own)
    reader: aiohttp.ClientSession,
    account: Account,
    known: Known,
    progress: Progress,
    timeout_seconds: float,
    refresh: Refresh | None,
) -> Recomputation:
    """Compare each report; the journals must cover everything that is stored.

    Raises as loadgen.ledger.ask_with_age does.
    """
    zone = await _reporting_zone(reader)
    fresh_from = datetime.now(UTC) + _CLOCKS_APART
    if refresh:
        await asyncio.sleep(_CLOCKS_APART.total_seconds())
        await refresh()
    await _view_is_fresh(reader, fresh_from, timeout_seconds)
    engagements = [
        Engagement(e.post_id, e.type, e.user_id, datetime.fromisoformat(e.engaged_timestamp))
        for e in account.identities.values()
    ]

    world = World(known.authors, known.posts, engagements)

    def oracle() -> Oracle:
        return Oracle(world, zone, datetime.now(UTC))

    return await compare_all(reader, oracle, progress)


async def compare_all(
    reader: aiohttp.ClientSession, oracle: Callable[[], Oracle], progress: Progress
) -> Recomputation:
    """Compare each report with the oracle of that moment. Raises as ``recompute`` does."""
    result = Recomputation()
    questions = list(_questions(oracle()))
    differing = []
    for done, question in enumerate(questions, 1):
        shown, differences = await _compare(question, reader, oracle)
        result.numbers[question.report] = result.numbers.get(question.report, 0) + _size(shown)
        if differences:
            differing.append(question)
        progress("reports compared", done, len(questions), "")
    if differing:
        # Windows that end now move once a minute, and somebody may have asked early in it.
        await _next_minute()
    for question in differing:
        _, differences = await _compare(question, reader, oracle)
        result.faults += _told(question.path, differences)
    return result


async def _next_minute() -> None:
    await asyncio.sleep(60.0 - time.time() % 60.0)


def _told(path: str, differences: Sequence[str]) -> Iterator[str]:
    yield from (f"{path} {text}" for text in differences[:_MAX_EXAMPLES])
    if (more := len(differences) - _MAX_EXAMPLES) > 0:
        yield f"{path} and {more:,} more differences"


def _questions(oracle: Oracle) -> Iterator[Question]:
    yield Question("top-authors", "/analytics/top-authors", Oracle.top_authors)
    yield Question(
        "opportunity-authors", "/analytics/opportunity-authors", Oracle.opportunity_authors
    )
    for name in dict.fromkeys((oracle.zone.key, *ZONES)):
        path = f"/analytics/engagement-patterns?tz={quote(name)}"
        yield Question("engagement-patterns", path, partial(Oracle.patterns, zone=ZoneInfo(name)))
    for metric in ("engagement", "posts"):
        path = f"/categories/top?limit=50&metric={metric}"
        yield Question("categories", path, _first(50, partial(Oracle.categories, metric=metric)))
    yield Question("posts", "/sample/posts?limit=100", _first(100, Oracle.sample_posts))
    yield Question("authors", "/sample/authors?limit=50", _first(50, Oracle.sample_authors))
    for author in oracle.world.authors[:_AUTHORS]:
        path = f"/author/{author.author_id}/trends"
        yield Question("trends", path, partial(Oracle.trends, author_id=author.author_id))
    for post_id in oracle.world.busiest(_POSTS):
        for period in (*PERIOD_DAYS, "all"):
            path = f"/engagement/{post_id}?period={period}"
            yield Question("post", path, partial(Oracle.engagement, post_id=post_id, period=period))


def _first(rows: int, expect: Expect) -> Expect:
    return lambda oracle: expect(oracle)[:rows]


async def _compare(
    question: Question, reader: aiohttp.ClientSession, oracle: Callable[[], Oracle]
) -> tuple[Any, list[str]]:
    """Return a response and its differences. A day may end between request and computation."""
    for _ in range(_ATTEMPTS):
        before = oracle()
        answer = await ask_with_age(reader, question.path)
        shown = answer.content if answer else None
        differences = list(_differences(shown, question.expect(before)))
        if not differences or not list(_differences(shown, question.expect(oracle()))):
            return shown, []
    return shown, differences


def _differences(shown: Any, want: Any) -> Iterator[str]:
    """Yield differences. Members that the oracle does not have are ignored."""
    if not isinstance(want, list):
        yield from _row_differences("", shown, want)
        return
    if len(shown) != len(want):
        yield f"has {len(shown):,} rows, should have {len(want):,}"
    for place, (row, wanted) in enumerate(zip(shown, want, strict=False)):
        yield from _row_differences(f"row {place} ", row, wanted)


def _row_differences(place: str, shown: Any, want: dict[str, Any]) -> Iterator[str]:
    if shown is None:
        yield "is not known"
        return
    for name, wanted in want.items():
        value = shown.get(name)
        if isinstance(wanted, datetime):
            value = datetime.fromisoformat(value)
        if value != wanted:
            yield f"{place}{name}: shown {value}, should be {wanted}"


def _size(shown: Any) -> int:
    rows = shown if isinstance(shown, list) else [shown or {}]
    return sum(len(row) for row in rows)


async def _reporting_zone(reader: aiohttp.ClientSession) -> ZoneInfo:
    answer = await ask_with_age(reader, "/")
    return ZoneInfo(answer.content["time_zone"] if answer else "UTC")


async def _view_is_fresh(
    reader: aiohttp.ClientSession, since: datetime, timeout_seconds: float
) -> None:
    """Wait until reports of the stats view include *since*, or the timeout has passed."""

    async def as_of() -> datetime | None:
        answer = await ask_with_age(reader, "/sample/posts?limit=1")
        return answer.as_of if answer else None

    await _until(as_of, since, time.monotonic() + timeout_seconds)


async def _until(
    as_of: Callable[[], Awaitable[datetime | None]], since: datetime, deadline: float
) -> None:
    while time.monotonic() < deadline:
        found = await as_of()
        if found is not None and found >= since:
            return
        await asyncio.sleep(_POLL_SECONDS)
