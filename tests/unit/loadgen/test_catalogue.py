"""The generated catalogue: reproducible, and that of a newsroom."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loadgen.catalogue import COMMON_TAGS, SEGMENTS, TAGS, Catalogue, Post
from loadgen.truth import AUTHORS, CATEGORIES, STAFF

ANCHOR = datetime(2026, 3, 4, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return list(Catalogue(7, ANCHOR, zone=ZONE).posts())


def small(seed: int = 7, post_count: int = 300) -> Catalogue:
    return Catalogue(seed, ANCHOR, author_count=50, post_count=post_count, user_count=100)


def test_same_seed_gives_the_same_rows_and_a_larger_catalogue_begins_with_them() -> None:
    one, other = small(), small()

    assert list(one.authors()) == list(other.authors())
    assert list(one.rows()) == list(other.rows())
    assert list(one.users()) == list(other.users())
    assert list(small(post_count=400).posts())[:300] == list(one.posts())
    assert list(small(seed=8).posts()) != list(one.posts())


@pytest.mark.parametrize("hour", [2, 9, 23])
def test_time_of_the_newest_post_gives_the_same_rows_as_the_anchor(hour: int) -> None:
    catalogue = Catalogue(7, ANCHOR.replace(hour=hour), post_count=50)
    newest = next(catalogue.posts()).publish_timestamp
    again = Catalogue(7, newest, post_count=50)

    assert list(again.rows()) == list(catalogue.rows())
    assert list(again.authors()) == list(catalogue.authors())


def test_days_after_the_anchor_are_those_of_a_later_catalogue() -> None:
    day = timedelta(days=1)
    later = [post.title for post in Catalogue(7, ANCHOR + day, post_count=15).posts()]
    drafts = small().published(ANCHOR, ANCHOR + day)

    assert 7 <= len(drafts) <= 15
    assert all(ANCHOR < draft.publish_timestamp <= ANCHOR + day for draft in drafts)
    assert len({draft.title for draft in drafts} & set(later)) >= 1


def test_posts_are_published_by_day_with_fewer_at_weekends(posts: list[Post]) -> None:
    local = [post.publish_timestamp.astimezone(ZONE) for post in posts[20:-20]]
    of_day = Counter(at.date() for at in local)
    weekend = [count for day, count in of_day.items() if day.isoweekday() > 5]
    week = [count for day, count in of_day.items() if day.isoweekday() <= 5]

    assert posts[0].publish_timestamp <= ANCHOR
    assert {6 <= at.hour <= 22 for at in local} == {True}
    assert sum(8 <= at.hour <= 19 for at in local) > 0.8 * len(local)
    assert 8 <= len(local) / len(of_day) <= 12
    assert sum(weekend) / len(weekend) < 0.85 * sum(week) / len(week)
    assert 7.5 * 365 < len(of_day) < 8.1 * 365


def test_authors_publish_while_they_are_with_the_newsroom(posts: list[Post]) -> None:
    authors = {author.author_id: author for author in Catalogue(7, ANCHOR, zone=ZONE).authors()}
    today = {p.author_id for p in posts if ANCHOR - p.publish_timestamp < timedelta(days=60)}

    assert len(authors) == 50
    assert 12 <= len(today & set(range(1, STAFF + 1))) <= 20
    assert {post.author_id for post in posts} == set(authors) == set(AUTHORS)
    assert {post.category for post in posts} == set(CATEGORIES)
    for post in posts:
        local = post.publish_timestamp.astimezone(ZONE)
        assert local.date() >= authors[post.author_id].joined_date


def test_hardly_any_title_repeats(posts: list[Post]) -> None:
    titles = Counter(post.title for post in posts)

    assert len(titles) > 0.99 * len(posts)
    assert max(titles.values()) <= 3
    assert all(20 <= len(title) <= 100 for title in titles)


def test_metadata_belongs_to_its_post() -> None:
    rows = list(Catalogue(7, ANCHOR, post_count=4_000).rows())

    for post, metadata in rows:
        assert post.post_id == metadata.post_id
        assert set(metadata.tags) <= {*TAGS[post.category], *COMMON_TAGS}
    assert {metadata.is_promoted for _, metadata in rows} == {True, False}


def test_users_have_a_country_and_each_segment_occurs() -> None:
    users = list(Catalogue(7, ANCHOR).users())

    assert len(users) == 5_000
    assert {user.user_segment for user in users} == set(SEGMENTS)
    assert all(len(user.country) == 2 and user.country.isupper() for user in users)
    assert max(user.signup_date for user in users) <= ANCHOR.date()
