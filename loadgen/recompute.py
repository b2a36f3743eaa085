"""Every report of the read API compared, number by number, with what journals say it must be."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp

from loadgen.account import Account
from loadgen.known import Known
from loadgen.ledger import ask_with_age
from loadgen.oracle import PERIOD_DAYS, Oracle
from loadgen.progress import Progress
from loadgen.world import Engagement, World

ZONES: Final = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York")
"""Zones whose hours are compared, besides the reporting zone."""

_ATTEMPTS: Final = 3
_POLL_SECONDS: Final = 0.2
_MAX_EXAMPLES: Final = 3
_POSTS: Final = 25
_AUTHORS: Final = 100
# The service's clock and ours, where they are not the same.
_CLOCKS_APART: Final = timedelta(seconds=1)

Expect = Callable[[Oracle], Any]


@dataclass
class Recomputation:
    """What came of the comparison.

    Attributes:
        numbers: how many values were compared, by report.
        faults: a sentence for each of the first differences of a report.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


async def recompute(
    reader: aiohttp.ClientSession,
    account: Account,
    known: Known,
    progress: Progress,
    timeout_seconds: float,
) -> Recomputation:
    """Compare each report; the journals must cover everything that is stored.

    Raises as loadgen.ledger.ask_with_age does.
    """
    zone = await _reporting_zone(reader)
    await _view_is_fresh(reader, datetime.now(UTC) + _CLOCKS_APART, timeout_seconds)
    engagements = [
        Engagement(e.post_id, e.type, e.user_id, datetime.fromisoformat(e.engaged_timestamp))
        for e in account.identities.values()
    ]

    world = World(known.authors, known.posts, engagements)

    def oracle() -> Oracle:
        return Oracle(world, zone, datetime.now(UTC))

    result = Recomputation()
    questions = list(_questions(oracle()))
    for done, (report, path, expect) in enumerate(questions, 1):
        await _compare(result, report, path, expect, reader, oracle)
        progress("reports compared", done, len(questions), "")
    return result


def _questions(oracle: Oracle) -> Iterator[tuple[str, str, Expect]]:
    """Yield what to ask: the report's name, its path, and what the answer must be."""
    yield "top-authors", "/analytics/top-authors", Oracle.top_authors
    yield "opportunity-authors", "/analytics/opportunity-authors", Oracle.opportunity_authors
    for name in dict.fromkeys((oracle.zone.key, *ZONES)):
        path = f"/analytics/engagement-patterns?tz={quote(name)}"
        yield "engagement-patterns", path, partial(Oracle.patterns, zone=ZoneInfo(name))
    for metric in ("engagement", "posts"):
        path = f"/categories/top?limit=50&metric={metric}"
        yield "categories", path, _first(50, partial(Oracle.categories, metric=metric))
    yield "posts", "/sample/posts?limit=100", _first(100, Oracle.sample_posts)
    yield "authors", "/sample/authors?limit=50", _first(50, Oracle.sample_authors)
    for author in oracle.world.authors[:_AUTHORS]:
        path = f"/author/{author.author_id}/trends"
        yield "trends", path, partial(Oracle.trends, author_id=author.author_id)
    for row in oracle.sample_posts()[:_POSTS]:
        for period in (*PERIOD_DAYS, "all"):
            path = f"/engagement/{row['post_id']}?period={period}"
            yield "post", path, partial(Oracle.engagement, post_id=row["post_id"], period=period)


def _first(rows: int, expect: Expect) -> Expect:
    return lambda oracle: expect(oracle)[:rows]


async def _compare(  # noqa: PLR0913, PLR0917  (each is a thing of its own)
    result: Recomputation,
    report: str,
    path: str,
    expect: Expect,
    reader: aiohttp.ClientSession,
    oracle: Callable[[], Oracle],
) -> None:
    """Compare one answer; windows that end now may move between asking and computing."""
    for _ in range(_ATTEMPTS):
        before = oracle()
        answer = await ask_with_age(reader, path)
        shown = answer.content if answer else None
        differences = list(_differences(shown, expect(before)))
        if not differences or not list(_differences(shown, expect(oracle()))):
            differences = []
            break
    result.numbers[report] = result.numbers.get(report, 0) + _size(shown)
    more = len(differences) - _MAX_EXAMPLES
    result.faults += [f"{path} {text}" for text in differences[:_MAX_EXAMPLES]]
    if more > 0:
        result.faults.append(f"{path} and {more:,} more differences")


def _differences(shown: Any, want: Any) -> Iterator[str]:
    """Yield where an answer differs; members that the oracle does not know are not judged."""
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
    """Wait until reports of the view show what was true at *since*, or give it up."""

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
