"""Traffic: reproducible, inside its bounds, and with authors of every segment."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from loadgen.catalogue import Catalogue
from loadgen.events import Event
from loadgen.traffic import Facts, PostFacts, Shape, Traffic, facts_of, to_us
from loadgen.truth import ANONYMOUS_SHARE, AUTHORS, PROMOTED_LIFT, home_category
from loadgen.verification.world import percentile, segment
from schema.errors import SetupError

DAY_US = 86_400_000_000


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event.engaged_timestamp)


def year(facts: Facts, now_us: int, count: int = 20_000, **shape: float) -> list[Event]:
    traffic = Traffic(facts, 1, Shape(**shape))
    return list(traffic.history(count, now_us - 365 * DAY_US, now_us))


def ages(facts: Facts, events: list[Event]) -> list[int]:
    """Return the age of the post at each event, in microseconds."""
    published = {post.post_id: post.published_us for post in facts.posts}
    return [to_us(time_of(event)) - published[event.post_id] for event in events]


@pytest.fixture(scope="module")
def events(facts: Facts, now_us: int) -> list[Event]:
    return year(facts, now_us)


def test_same_seed_gives_the_same_events(facts: Facts, now_us: int) -> None:
    one, other = Traffic(facts, 3), Traffic(facts, 3)

    assert year(facts, now_us, 500) == year(facts, now_us, 500)
    assert [one.live(now_us + i) for i in range(50)] == [other.live(now_us + i) for i in range(50)]


def test_history_is_in_order_and_has_the_number_asked_for(events: list[Event]) -> None:
    assert len({event.event_id for event in events}) == len(events) == 20_000
    assert all(a.engaged_timestamp <= b.engaged_timestamp for a, b in pairwise(events))
    for event in events[:200]:
        event_id = UUID(event.event_id)
        assert (event_id.version, event_id.variant) == (7, "specified in RFC 4122")
        assert event_id.int >> 80 == to_us(time_of(event)) // 1000


def test_likes_comments_and_shares_follow_a_view_of_the_post_by_the_same_user(
    events: list[Event],
) -> None:
    viewed: set[tuple[int, int | None]] = set()
    for event in events:
        if event.type == "view":
            viewed.add((event.post_id, event.user_id))
        else:
            assert event.user_id is not None
            assert (event.post_id, event.user_id) in viewed


def test_live_reactions_follow_views_too(facts: Facts, now_us: int) -> None:
    traffic = Traffic(facts, 4)
    viewed: set[tuple[int, int | None]] = set()
    kinds = Counter[str]()
    for number in range(3_000):
        event = traffic.live(now_us + number * 500_000)
        kinds[event.type] += 1
        if event.type == "view":
            viewed.add((event.post_id, event.user_id))
        else:
            assert (event.post_id, event.user_id) in viewed

    assert set(kinds) == {"view", "like", "comment", "share"}


def test_most_readers_are_anonymous_and_most_views_come_in_the_first_two_days(
    facts: Facts, events: list[Event]
) -> None:
    views = [event for event in events if event.type == "view"]
    anonymous = sum(event.user_id is None for event in views) / len(views)

    assert anonymous == pytest.approx(ANONYMOUS_SHARE, abs=0.02)
    assert 0.6 <= ANONYMOUS_SHARE <= 0.8
    assert sum(age < 2 * DAY_US for age in ages(facts, events)) > 0.7 * len(events)


def test_live_rate_is_that_of_the_history_in_the_same_hours(facts: Facts, now_us: int) -> None:
    """Poisson counts of both differ by less than chance explains, in total and by hour of day."""
    days, count = 14, 8_000
    start_us = now_us - days * DAY_US
    traffic = Traffic(facts, 1, part=3)
    intensity = traffic.intensity(count, start_us, now_us)
    steps = range(start_us, now_us, 60_000_000)
    live = [e for at in steps for e in traffic.between(at, at + 60_000_000, intensity)]
    past = list(Traffic(facts, 1).history(count, start_us, now_us))

    hours = [Counter(time_of(event).hour for event in one) for one in (live, past)]
    chi_square = sum(
        (hours[0][hour] - hours[1][hour]) ** 2 / (hours[0][hour] + hours[1][hour])
        for hour in range(24)
    )
    assert abs(len(live) - count) < 4 * count**0.5
    assert chi_square < 24 + 4 * 48**0.5
    gaps = [b - a for a, b in pairwise(sorted(to_us(time_of(event)) for event in live))]
    assert len(set(gaps)) > 0.9 * len(gaps)


def test_added_post_gets_views(facts: Facts, now_us: int) -> None:
    traffic = Traffic(facts, 1)
    traffic.add_post(facts.posts[0]._replace(post_id=10**6, published_us=now_us - 60_000_000))
    seen = Counter(traffic.live(now_us).post_id for _ in range(500))

    assert seen[10**6] > 5
    assert {event.post_id for event in traffic.view_of(10**6, now_us)} == {10**6}


def test_truth_is_what_posts_earn() -> None:
    """Promoted posts and authors of quality earn more by about the factors of the truth."""
    anchor = datetime(2026, 3, 4, 15, tzinfo=UTC)
    facts, now_us = facts_of(Catalogue(42, anchor, post_count=4_000)), to_us(anchor)
    earned = Counter(event.post_id for event in year(facts, now_us, 60_000))
    old = [post for post in facts.posts if post.published_us < now_us - 10 * DAY_US]

    def mean(posts: list[PostFacts]) -> float:
        return sum(earned[post.post_id] / AUTHORS[post.author_id].quality for post in posts) / len(
            posts
        )

    others = mean([post for post in old if not post.is_promoted])
    assert mean([post for post in old if post.is_promoted]) / others == pytest.approx(
        PROMOTED_LIFT, rel=0.35
    )
    for author_id in (1, 7, 9):
        own = [post for post in old if post.author_id == author_id and not post.is_promoted]
        assert mean(own) / others == pytest.approx(1, rel=0.35)


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_no_event_is_outside_its_period_or_before_its_post(
    facts: Facts, now_us: int, late: float
) -> None:
    start_us = now_us - 40 * DAY_US
    events = list(Traffic(facts, 2, Shape(late=late)).history(5_000, start_us, now_us))

    assert all(start_us <= to_us(time_of(event)) < now_us for event in events)
    assert min(ages(facts, events)) >= 0


def test_late_events_and_those_of_unknown_posts_have_the_share_asked_for(
    facts: Facts, now_us: int
) -> None:
    events = list(Traffic(facts, 1, Shape(late=0.1)).history(20_000, now_us - 3 * DAY_US, now_us))
    newest, late = time_of(events[0]), 0
    for event in events:
        late += newest - time_of(event) > timedelta(seconds=59)
        newest = max(newest, time_of(event))
    unknown = [
        event
        for event in year(facts, now_us, 5_000, unknown_posts=0.1)
        if event.post_id > len(facts.posts)
    ]

    assert late / len(events) == pytest.approx(0.1, abs=0.03)
    assert len(unknown) / 5_000 == pytest.approx(0.1, abs=0.02)


def test_live_events_happen_now_to_published_posts(facts: Facts, now_us: int) -> None:
    early_us = now_us - 200 * DAY_US
    traffic = Traffic(facts, 5)
    events = [traffic.live(early_us) for _ in range(500)]

    assert {to_us(time_of(event)) for event in events} == {early_us}
    assert min(ages(facts, events)) > 0
    assert Traffic(Facts(facts.posts, []), 5).live(early_us).user_id is None


def test_error_without_posts_names_the_remedy(now_us: int) -> None:
    with pytest.raises(SetupError, match="engage seed"):
        Traffic(Facts([], []), 1).live(now_us)


def test_every_segment_of_authors_occurs_among_the_posts_of_90_days() -> None:
    anchor = datetime(2026, 3, 4, 15, tzinfo=UTC)
    facts, now_us = facts_of(Catalogue(42, anchor, post_count=2_000)), to_us(anchor)
    engagements = Counter(event.post_id for event in year(facts, now_us))
    of_author = defaultdict(list)
    for post in facts.posts:
        if post.published_us >= now_us - 90 * DAY_US:
            of_author[post.author_id].append(engagements[post.post_id])
    of_category = defaultdict(list)
    for author, earned in of_author.items():
        average = round(sum(earned) / len(earned), 2)
        of_category[home_category(author)].append((len(earned), average))
    segments = Counter[str]()
    for authors in of_category.values():
        averages = sorted(average for _, average in authors)
        median, p75 = percentile(averages, 0.5), percentile(averages, 0.75)
        segments.update(segment(*author, median, p75)["performance_segment"] for author in authors)

    assert len(segments) == 4
    assert segments["High Volume, Low Engagement"] >= 3
