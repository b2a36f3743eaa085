"""The catalogue: the same seed gives the same rows, and every role is there."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from loadgen.catalogue import Catalogue, Post
from loadgen.roles import CATEGORIES, role_of
from loadgen.vocabulary import COMMON_TAGS, SEGMENTS, TAGS

ANCHOR = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return list(Catalogue(7, ANCHOR).posts())


def small(seed: int = 7, post_count: int = 300) -> Catalogue:
    return Catalogue(seed, ANCHOR, author_count=50, post_count=post_count, user_count=100)


def test_the_same_seed_gives_the_same_rows() -> None:
    one, other = small(), small()

    assert list(one.authors()) == list(other.authors())
    assert list(one.metadata(one.posts())) == list(other.metadata(other.posts()))
    assert list(one.users()) == list(other.users())


def test_another_seed_gives_other_rows() -> None:
    assert list(small(seed=7).posts()) != list(small(seed=8).posts())


def test_a_larger_catalogue_begins_with_the_rows_of_a_smaller_one() -> None:
    smaller = list(small(post_count=100).posts())

    assert list(small(post_count=300).posts())[:100] == smaller


def test_posts_are_published_in_the_year_before_the_anchor_and_after_their_author_joined(
    posts: list[Post],
) -> None:
    joined = {author.author_id: author.joined_date for author in Catalogue(7, ANCHOR).authors()}

    assert posts[0].publish_timestamp == ANCHOR
    assert all(ANCHOR - timedelta(days=365) <= post.publish_timestamp <= ANCHOR for post in posts)
    assert all(post.publish_timestamp.date() >= joined[post.author_id] for post in posts)


def test_about_three_posts_in_ten_are_outside_the_authors_category(posts: list[Post]) -> None:
    home = {a.author_id: a.author_category for a in Catalogue(7, ANCHOR).authors()}
    elsewhere = sum(post.category != home[post.author_id] for post in posts)

    assert elsewhere / len(posts) == pytest.approx(0.3, abs=0.02)
    assert {post.category for post in posts} == set(CATEGORIES)


def test_excellent_authors_are_rare_and_most_others_are_not(posts: list[Post]) -> None:
    recent = Counter(
        post.author_id for post in posts if post.publish_timestamp >= ANCHOR - timedelta(days=90)
    )
    rare = [author for author in range(1, 51) if role_of(author).share == 0]

    assert len(rare) == len(CATEGORIES)
    assert all(1 <= recent[author] < 5 for author in rare)
    assert sum(count >= 10 for count in recent.values()) >= 36


def test_metadata_belongs_to_its_post() -> None:
    catalogue = Catalogue(7, ANCHOR, post_count=4_000)
    rows = list(catalogue.metadata(catalogue.posts()))
    promoted = sum(metadata.is_promoted for _, metadata in rows)

    assert all(post.post_id == metadata.post_id for post, metadata in rows)
    assert all(
        set(metadata.tags) <= {*TAGS[post.category], *COMMON_TAGS} for post, metadata in rows
    )
    assert promoted / len(rows) == pytest.approx(0.05, abs=0.015)


def test_users_have_a_country_and_each_segment_occurs() -> None:
    users = list(Catalogue(7, ANCHOR).users())

    assert len(users) == 5_000
    assert {user.user_segment for user in users} == set(SEGMENTS)
    assert all(len(user.country) == 2 and user.country.isupper() for user in users)
    assert max(user.signup_date for user in users) <= ANCHOR.date()
