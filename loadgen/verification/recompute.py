"""Comparison of every number of the reports with a recomputation from journals."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp

from loadgen.events import Event
from loadgen.journal import Follower
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
_STORED_WITHIN: Final = timedelta(seconds=3)
_RETRY_SECONDS: Final = 1.0

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
    """

    numbers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Oracles:
    """Oracles with which a report agrees that is true as of a moment.

    Events that are sent meanwhile are stored within moments, so a report includes those well before
    its Data-As-Of, and none or the first ones of those around it.
    """

    def __init__(self, follower: Follower, known: Known, zone: ZoneInfo) -> None:
        self._follower = follower
        self._known = known
        self._zone = zone
        self._engagements = [_engagement(e) for e in follower.account.identities.values()]
        self._at_first = len(self._engagements)
        self._world = World(known.authors, known.posts, self._engagements)

    @property
    def first(self) -> Oracle:
        return Oracle(self._world, self._zone, datetime.now(UTC))

    def as_of(self, moment: datetime) -> Iterator[Oracle]:
        """Yield the oracles, the most likely one first."""
        self._follower.read_on()
        identities = self._follower.account.identities
        new = islice(identities.values(), len(self._engagements), None)
        self._engagements += map(_engagement, new)
        later = sorted(self._engagements[self._at_first :], key=lambda one: one.at)
        certain = sum(one.at < moment - _STORED_WITHIN for one in later)
        for count in range(certain, len(later) + 1):
            if self._at_first + count != len(self._world.engagements):
                engagements = [*self._engagements[: self._at_first], *later[:count]]
                self._world = World(self._known.authors, self._known.posts, engagements)
            yield Oracle(self._world, self._zone, moment)


def _engagement(event: Event) -> Engagement:
    at = datetime.fromisoformat(event.engaged_timestamp)
    return Engagement(event.post_id, event.type, event.user_id, at)


async def recompute(  # noqa: PLR0913, PLR0917  (verify's own)
    reader: aiohttp.ClientSession,
    follower: Follower,
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
    return await compare_all(reader, Oracles(follower, known, zone), progress)


async def compare_all(
    reader: aiohttp.ClientSession, oracles: Oracles, progress: Progress
) -> Recomputation:
    """Compare each report with the oracle of its Data-As-Of. Raises as ``recompute`` does."""
    result = Recomputation()
    questions = list(_questions(oracles.first))
    for done, question in enumerate(questions, 1):
        shown, differences = await _compare(question, reader, oracles)
        result.numbers[question.report] = result.numbers.get(question.report, 0) + _size(shown)
        result.faults += _first_differences(question.path, differences)
        remark = f"{len(result.faults)} differences" if result.faults else ""
        progress("reports compared", done, len(questions), remark)
    return result


def _first_differences(path: str, differences: Sequence[str]) -> Iterator[str]:
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
    question: Question, reader: aiohttp.ClientSession, oracles: Oracles
) -> tuple[Any, list[str]]:
    """Return a response and its differences. A day may end before the report's own Data-As-Of."""
    differences: list[str] = []
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_RETRY_SECONDS)
        answer = await ask_with_age(reader, question.path)
        shown = answer.content if answer else None
        moment = (answer and answer.as_of) or datetime.now(UTC)
        for oracle in oracles.as_of(moment):
            differences = list(_differences(shown, question.expect(oracle)))
            if not differences:
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
