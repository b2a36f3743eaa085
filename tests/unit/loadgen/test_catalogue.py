"""The generated catalogue: reproducible, and with every kind of author."""

from datetime import UTC, datetime, timedelta

import pytest

from loadgen.catalogue import CATEGORIES, COMMON_TAGS, SEGMENTS, TAGS, Catalogue, Post

ANCHOR = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return list(Catalogue(7, ANCHOR).posts())


def small(seed: int = 7, post_count: int = 300) -> Catalogue:
    return Catalogue(seed, ANCHOR, author_count=50, post_count=post_count, user_count=100)


def test_the_same_seed_gives_the_same_rows_and_a_larger_catalogue_begins_with_them() -> None:
    one, other = small(), small()

    assert list(one.authors()) == list(other.authors())
    assert list(one.metadata(one.posts())) == list(other.metadata(other.posts()))
    assert list(one.users()) == list(other.users())
    assert list(small(post_count=400).posts())[:300] == list(one.posts())
    assert list(small(seed=8).posts()) != list(one.posts())


def test_posts_are_published_in_the_year_before_the_anchor_and_after_their_author_joined(
    posts: list[Post],
) -> None:
    authors = {author.author_id: author for author in Catalogue(7, ANCHOR).authors()}

    assert posts[0].publish_timestamp == ANCHOR
    for post in posts:
        assert ANCHOR - timedelta(days=365) <= post.publish_timestamp <= ANCHOR
        assert post.publish_timestamp.date() >= authors[post.author_id].joined_date
    assert {post.category for post in posts} == set(CATEGORIES)


def test_metadata_belongs_to_its_post() -> None:
    catalogue = Catalogue(7, ANCHOR, post_count=4_000)
    rows = list(catalogue.metadata(catalogue.posts()))

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
