"""What traffic must know of a catalogue: when posts were published, by whom, and the users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from loadgen.catalogue import Catalogue

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class PostFacts(NamedTuple):
    """One post, as traffic sees it; its time is in microseconds since 1970 (UTC)."""

    post_id: int
    author_id: int
    published_us: int
    is_promoted: bool


@dataclass(frozen=True)
class Facts:
    """A catalogue, as traffic sees it."""

    posts: Sequence[PostFacts]
    user_ids: Sequence[int]


def facts_of(catalogue: Catalogue) -> Facts:
    """Derive the facts without a database; its anchor must be that of the target's catalogue."""
    posts = [
        PostFacts(post.post_id, post.author_id, to_us(post.publish_timestamp), metadata.is_promoted)
        for post, metadata in catalogue.metadata(catalogue.posts())
    ]
    return Facts(posts, range(1, catalogue.user_count + 1))


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 (UTC)."""
    return (instant - _EPOCH) // _MICROSECOND


def to_text(instant_us: int) -> str:
    """Return microseconds since 1970 as RFC 3339."""
    return (_EPOCH + timedelta(microseconds=instant_us)).isoformat()[:-6] + "Z"
