"""Reports compared with oracles; the read API is a fake whose responses are old or wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from loadgen.events import ACCEPTED, Event, new_event_id
from loadgen.journal import Follower
from loadgen.ledger import Answer
from loadgen.traffic import to_us
from loadgen.verification import recompute
from loadgen.verification.oracle import Oracle
from loadgen.verification.recompute import Known, Oracles
from loadgen.verification.world import Author, Post
from runtime.progress import silent

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
AUTHOR = Author(1, "Ann", "Tech")
POSTS = [Post(number, 1, "Tech", NOW - timedelta(days=40), "a title") for number in (1, 2)]
SEVEN_DAYS_AGO = NOW - timedelta(days=7) + timedelta(seconds=30)
"""In the last seven days, but not any more in half a minute."""
TIMES = (SEVEN_DAYS_AGO, NOW - timedelta(days=1), NOW - timedelta(days=8))


def event(at: datetime) -> Event:
    event_id = new_event_id(to_us(at), int(at.timestamp()))
    return Event(event_id, 2, "view", at.isoformat())


@pytest.fixture
def follower() -> Follower:
    """The account of three views of post 2."""
    found = Follower([])
    for at in TIMES:
        found.account.add(event(at), ACCEPTED)
    return found


def oracles(follower: Follower) -> Oracles:
    return Oracles(follower, Known([AUTHOR], POSTS), ZONE)


class Api:
    """Responds with what it has stored, as of the beginning of the minute."""

    def __init__(self, follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
        self.added = 0
        self._follower = follower
        self.later: list[datetime] = []
        monkeypatch.setattr(recompute, "ask_with_age", self.ask)
        monkeypatch.setattr(recompute, "_RETRY_SECONDS", 0)

    async def ask(self, _reader: Any, path: str) -> Answer:
        for at in self.later:
            self._follower.account.add(event(at), ACCEPTED)
        current = oracles(self._follower).first
        stored = Oracle(current.world, ZONE, NOW)
        [expect] = [q.expect for q in recompute._questions(stored) if q.path == path]
        content = expect(stored)
        for row in content if isinstance(content, list) else [content]:
            row |= {name: v.isoformat() for name, v in row.items() if isinstance(v, datetime)}
            if "views" in row:
                row["views"] += self.added
        return Answer(content, NOW)


@pytest.fixture
def api(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(follower, monkeypatch)


async def compare(follower: Follower) -> recompute.Recomputation:
    reader: Any = None
    return await recompute.compare_all(reader, oracles(follower), silent)


async def test_reports_are_compared_as_of_their_own_time(api: Api, follower: Follower) -> None:
    found = await compare(follower)
    world = oracles(follower).first.world
    later = Oracle(world, ZONE, NOW + timedelta(minutes=1))

    assert Oracle(world, ZONE, NOW).trends(1)["change_7d"] != later.trends(1)["change_7d"]
    assert found.faults == []
    assert found.numbers["trends"] == len(later.trends(1))


async def test_wrong_number_is_a_fault(api: Api, follower: Follower) -> None:
    api.added = 1
    faults = (await compare(follower)).faults

    paths = {urlsplit(fault.split(" ")[0]).path for fault in faults}
    assert paths == {
        "/analytics/engagement-patterns", "/sample/posts", "/engagement/1", "/engagement/2",
    }  # fmt: skip
    assert "/engagement/2?period=all views: shown 4, should be 3" in faults


async def test_events_that_are_sent_meanwhile_are_no_fault(api: Api, follower: Follower) -> None:
    """A report includes some of the events around its time, those of the journals so far."""
    expected = oracles(follower)
    api.later = [NOW - timedelta(seconds=2), NOW - timedelta(seconds=1)]
    reader: Any = None
    found = await recompute.compare_all(reader, expected, silent)

    assert len(follower.account.identities) == len(TIMES) + 2
    assert found.faults == []


def test_oracles_include_events_well_before_the_report(follower: Follower) -> None:
    expected = oracles(follower)
    for seconds in (60, 1):
        follower.account.add(event(NOW - timedelta(seconds=seconds)), ACCEPTED)

    counts = [len(oracle.world.engagements) for oracle in expected.as_of(NOW)]
    assert counts == [len(TIMES) + 1, len(TIMES) + 2]


def test_posts_are_chosen_by_engagement(follower: Follower) -> None:
    urls = [
        urlsplit(q.path)
        for q in recompute._questions(oracles(follower).first)
        if q.report == "post"
    ]

    assert [url.path for url in urls] == ["/engagement/2"] * 4 + ["/engagement/1"] * 4
    assert parse_qs(urls[0].query) == {"period": ["7d"]}
