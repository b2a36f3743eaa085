"""Traffic: reproducible, inside its bounds, and shaped as the weights say."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from loadgen.events import Event
from loadgen.facts import Facts, PostFacts, to_us
from loadgen.traffic import HOUR_WEIGHTS, VIEW_SHARE, WEEKDAY_WEIGHTS, Shape, Traffic
from schema.errors import SetupError

DAY_US = 86_400_000_000


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event.engaged_timestamp)


def year(facts: Facts, now_us: int, count: int = 20_000, **shape: float) -> list[Event]:
    traffic = Traffic(facts, 1, Shape(**shape))
    return list(traffic.history(count, now_us - 365 * DAY_US, now_us))


@pytest.fixture(scope="module")
def events(facts: Facts, now_us: int) -> list[Event]:
    return year(facts, now_us)


def test_the_same_seed_gives_the_same_history(facts: Facts, now_us: int) -> None:
    assert year(facts, now_us, 500) == year(facts, now_us, 500)


def test_the_same_seed_gives_the_same_live_events(facts: Facts, now_us: int) -> None:
    one, other = Traffic(facts, 3), Traffic(facts, 3)

    assert [one.live(now_us + i) for i in range(50)] == [other.live(now_us + i) for i in range(50)]


def test_history_is_in_order_and_has_the_number_asked_for(events: list[Event]) -> None:
    assert len(events) == 20_000
    assert len({event.event_id for event in events}) == 20_000
    assert all(a.engaged_timestamp <= b.engaged_timestamp for a, b in pairwise(events))


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_no_event_is_outside_its_period_or_before_its_post(
    facts: Facts, now_us: int, late: float
) -> None:
    published = {post.post_id: post.published_us for post in facts.posts}
    start_us = now_us - 40 * DAY_US
    events = list(Traffic(facts, 2, Shape(late=late)).history(5_000, start_us, now_us))
    times = [to_us(time_of(event)) for event in events]

    assert all(start_us <= instant < now_us for instant in times)
    assert all(
        published[event.post_id] <= instant for event, instant in zip(events, times, strict=True)
    )


def test_ids_are_version_7_and_carry_the_time(events: list[Event]) -> None:
    for event in events[:200]:
        event_id = UUID(event.event_id)

        assert event_id.version == 7
        assert event_id.variant == "specified in RFC 4122"
        assert event_id.int >> 80 == to_us(time_of(event)) // 1000


def test_hours_and_weekdays_follow_their_weights(now_us: int) -> None:
    # Published long ago, so that their decay bends no single day.
    posts = [PostFacts(i, 1, now_us - 3000 * DAY_US, is_promoted=False) for i in range(1, 50)]
    times = [time_of(event) for event in year(Facts(posts, []), now_us, 40_000)]
    hours = Counter(instant.hour for instant in times)
    weekdays = Counter(instant.isoweekday() % 7 for instant in times)

    for hour, weight in enumerate(HOUR_WEIGHTS):
        expected = weight / sum(HOUR_WEIGHTS)
        assert hours[hour] / len(times) == pytest.approx(expected, rel=0.25)
    for day, weight in enumerate(WEEKDAY_WEIGHTS):
        expected = weight / sum(WEEKDAY_WEIGHTS)
        assert weekdays[day] / len(times) == pytest.approx(expected, rel=0.1)


def test_engagement_decays_with_a_posts_age(facts: Facts, now_us: int) -> None:
    published = {post.post_id: post.published_us for post in facts.posts}
    ages = [to_us(time_of(e)) - published[e.post_id] for e in year(facts, now_us)]
    first_days = sum(age < 2 * DAY_US for age in ages) / len(ages)

    assert first_days == pytest.approx(0.5, abs=0.1)
    assert 0.02 < sum(age > 30 * DAY_US for age in ages) / len(ages) < 0.15


def test_promoted_posts_are_lifted(facts: Facts, events: list[Event]) -> None:
    counts = Counter(event.post_id for event in events)
    promoted = [counts[post.post_id] for post in facts.posts if post.is_promoted]
    others = [counts[post.post_id] for post in facts.posts if not post.is_promoted]

    assert sum(promoted) / len(promoted) > 1.3 * sum(others) / len(others)


def test_a_few_viral_posts_take_a_large_share(facts: Facts, events: list[Event]) -> None:
    counts = Counter(event.post_id for event in events)
    top = sum(count for _, count in counts.most_common(len(facts.posts) // 20))

    assert 0.3 < top / len(events) < 0.7


def test_types_and_anonymous_readers_have_their_shares(events: list[Event]) -> None:
    types = Counter(event.type for event in events)
    anonymous = sum(event.user_id is None for event in events)

    assert types["view"] / len(events) == pytest.approx(VIEW_SHARE, abs=0.02)
    assert types["view"] > types["like"] > types["comment"] > types["share"] > 0
    assert anonymous / len(events) == pytest.approx(0.35, abs=0.02)


def test_late_events_break_the_order(facts: Facts, now_us: int) -> None:
    traffic = Traffic(facts, 1, Shape(late=0.1))
    events = list(traffic.history(20_000, now_us - 3 * DAY_US, now_us))
    newest, behind = time_of(events[0]), 0
    for event in events:
        behind += newest - time_of(event) > timedelta(seconds=59)
        newest = max(newest, time_of(event))

    assert behind / len(events) == pytest.approx(0.1, abs=0.03)


def test_unknown_posts_are_beyond_the_catalogue(facts: Facts, now_us: int) -> None:
    events = year(facts, now_us, 5_000, unknown_posts=0.1)
    strangers = [event for event in events if event.post_id > len(facts.posts)]

    assert len(strangers) / len(events) == pytest.approx(0.1, abs=0.02)


def test_live_events_happen_now_to_published_posts(facts: Facts, now_us: int) -> None:
    early_us = now_us - 200 * DAY_US
    published = {post.post_id: post.published_us for post in facts.posts}
    traffic = Traffic(facts, 5)
    events = [traffic.live(early_us) for _ in range(500)]

    assert {to_us(time_of(event)) for event in events} == {early_us}
    assert all(published[event.post_id] < early_us for event in events)


def test_without_posts_the_message_names_the_fix(now_us: int) -> None:
    with pytest.raises(SetupError, match="engage seed"):
        Traffic(Facts([], []), 1).live(now_us)
