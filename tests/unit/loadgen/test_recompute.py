"""Reports compared with the oracle; the read API is a fake whose responses are old or wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from loadgen.ledger import Answer
from loadgen.verification import recompute
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from runtime.progress import silent

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
AUTHOR = Author(1, "Ann", "Tech")
POSTS = [Post(number, 1, "Tech", NOW - timedelta(days=40), "a title") for number in (1, 2)]
SEVEN_DAYS_AGO = NOW - timedelta(days=7) + timedelta(seconds=30)
"""In the last seven days, but not any more in half a minute."""
TIMES = (SEVEN_DAYS_AGO, NOW - timedelta(days=1), NOW - timedelta(days=8))
WORLD = World([AUTHOR], POSTS, [Engagement(2, "view", None, at) for at in TIMES])


def oracle(now: datetime = NOW + timedelta(seconds=59)) -> Oracle:
    return Oracle(WORLD, ZoneInfo("UTC"), now)


class Api:
    """Responds with trends as of the beginning of the minute."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.minutes = 0
        self.is_wrong = False
        monkeypatch.setattr(recompute, "ask_with_age", self.ask)
        monkeypatch.setattr(recompute, "_next_minute", self.next_minute)

    async def ask(self, _reader: Any, path: str) -> Answer:
        is_cached = path == "/author/1/trends" and not self.minutes
        current = oracle(NOW) if is_cached else oracle()
        [expect] = [q.expect for q in recompute._questions(current) if q.path == path]
        content = expect(current)
        for row in content if isinstance(content, list) else [content]:
            row |= {name: v.isoformat() for name, v in row.items() if isinstance(v, datetime)}
            if self.is_wrong and "views" in row:
                row["views"] += 1
        return Answer(content, None)

    async def next_minute(self) -> None:
        self.minutes += 1


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(monkeypatch)


async def compare() -> recompute.Recomputation:
    reader: Any = None
    return await recompute.compare_all(reader, oracle, silent)


async def test_trends_that_were_cached_earlier_in_this_minute_are_no_fault(api: Api) -> None:
    found = await compare()

    assert oracle(NOW).trends(1)["change_7d"] != oracle().trends(1)["change_7d"]
    assert (found.faults, api.minutes) == ([], 1)
    assert found.numbers["trends"] == len(oracle().trends(1))


async def test_wrong_number_is_still_a_fault_in_the_next_minute(api: Api) -> None:
    api.is_wrong = True
    faults = (await compare()).faults

    assert api.minutes == 1
    paths = {urlsplit(fault.split(" ")[0]).path for fault in faults}
    assert paths == {
        "/analytics/engagement-patterns", "/sample/posts", "/engagement/1", "/engagement/2",
    }  # fmt: skip
    assert "/engagement/2?period=all views: shown 4, should be 3" in faults


def test_posts_are_chosen_by_engagement() -> None:
    urls = [urlsplit(q.path) for q in recompute._questions(oracle()) if q.report == "post"]

    assert [url.path for url in urls] == ["/engagement/2"] * 4 + ["/engagement/1"] * 4
    assert parse_qs(urls[0].query) == {"period": ["7d"]}
