"""Stories, events and posts of the live newsroom."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from loadgen import newsroom
from loadgen.catalogue import Catalogue, Draft
from loadgen.newsroom import Newsroom, Story
from loadgen.traffic import Facts, PostFacts, Traffic, facts_of, to_us

MINUTE_US = 60_000_000
NOW = datetime(2026, 3, 3, 11, tzinfo=UTC)


class ControlledNewsroom:
    """A newsroom with a clock of the test, and the posts that it published."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        catalogue = Catalogue(7, NOW, post_count=1_000, user_count=100)
        facts: Facts = facts_of(catalogue)
        traffic = Traffic(facts, 1)
        self.now_us = to_us(NOW)
        self.posts: list[Draft] = []
        intensity = traffic.intensity(90_000, self.now_us - 90 * 24 * 60 * MINUTE_US, self.now_us)
        self.newsroom = Newsroom(
            "",
            catalogue,
            traffic,
            intensity,
            since_us=self.now_us,
            published_us=max(post.published_us for post in facts.posts),
            clock_us=lambda: self.now_us,
        )
        monkeypatch.setattr(newsroom, "publish", self.publish)

    async def publish(self, _url: str, draft: Draft) -> PostFacts:
        self.posts.append(draft)
        post_id = 10_000 + len(self.posts)
        return PostFacts(post_id, draft.author_id, to_us(draft.publish_timestamp), False)


@pytest.fixture
def controlled(monkeypatch: pytest.MonkeyPatch) -> ControlledNewsroom:
    return ControlledNewsroom(monkeypatch)


def test_events_are_due_once_they_have_happened(controlled: ControlledNewsroom) -> None:
    times = []
    for _ in range(120):
        before_us, controlled.now_us = controlled.now_us, controlled.now_us + MINUTE_US // 2
        for event in controlled.newsroom.due():
            at_us = to_us(datetime.fromisoformat(event.engaged_timestamp))
            assert before_us - MINUTE_US < at_us <= controlled.now_us
            times.append(at_us)

    assert 30 < len(times) < 200
    assert len(set(times)) == len(times)


def test_events_of_a_pause_have_their_own_times(controlled: ControlledNewsroom) -> None:
    began_us = controlled.now_us
    controlled.now_us += 8 * 60 * MINUTE_US
    events = controlled.newsroom.due()
    times = [to_us(datetime.fromisoformat(event.engaged_timestamp)) for event in events]

    assert times == sorted(times)
    assert times[0] < began_us + 30 * MINUTE_US
    assert times[-1] > controlled.now_us - 30 * MINUTE_US


async def test_posts_of_the_catalogue_are_not_published_again(
    controlled: ControlledNewsroom,
) -> None:
    assert await controlled.newsroom.publish_due() == []


async def test_posts_appear_at_the_rate_of_the_newsroom(controlled: ControlledNewsroom) -> None:
    for _ in range(7 * 24):
        controlled.now_us += 60 * MINUTE_US
        for draft in await controlled.newsroom.publish_due():
            assert to_us(draft.publish_timestamp) <= controlled.now_us

    assert 8 <= len(controlled.posts) / 7 <= 12
    assert len({draft.title for draft in controlled.posts}) == len(controlled.posts)
    assert controlled.posts[-1].publish_timestamp > NOW + timedelta(days=6)


async def test_story_takes_off_within_minutes_and_fades(controlled: ControlledNewsroom) -> None:
    await controlled.newsroom.break_story()
    views = []
    for _ in range(12):
        controlled.now_us += 10 * MINUTE_US
        views.append(sum(event.post_id == 10_001 for event in controlled.newsroom.due()))

    assert controlled.posts[0].title.startswith("Breaking: ")
    assert views[1] > 15
    assert max(views) in views[:3]
    assert views[-1] < views[1] / 3


def test_views_of_a_story_have_the_stated_number() -> None:
    story = Story(1, 0)
    counts = [len(list(story.views(0, 300 * MINUTE_US, Random(seed)))) for seed in range(50)]

    assert sum(counts) / 50 == pytest.approx(story.expected_views, rel=0.05)
    assert story.rate_per_minute(int(10 * MINUTE_US)) == pytest.approx(story.peak_per_minute)
