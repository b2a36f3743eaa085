"""Authors, posts and users as they are put into the catalogue."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from schema.event import MAX_EXTERNAL_ID, MAX_ID, TEXT_PATTERN

MAX_TAGS = 50
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _in_range(instant: datetime) -> datetime:
    """Refuse what PostgreSQL could store and nobody could read back, in any time zone."""
    if not _FIRST <= instant < _LAST:
        raise ValueError("expected a year from 1000 to 8999")
    return instant


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT_PATTERN)]
_Id = Annotated[int, Field(ge=1, le=MAX_ID, strict=True)]
ExternalId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=TEXT_PATTERN),
]


class Kind(StrEnum):
    """What the catalogue knows."""

    AUTHOR = "author"
    POST = "post"
    USER = "user"


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    external_id: ExternalId | None = Field(
        default=None, description="What your own system calls it; events may name it so."
    )


class Author(_Given):
    """Who writes posts."""

    name: _Text
    author_category: _Text
    joined_date: date = Field(description="YYYY-MM-DD.")


class Post(_Given):
    """What is engaged with, with its metadata."""

    author_id: _Id | None = Field(default=None, description="The author's number, or author.")
    author: ExternalId | None = Field(default=None, description="The author's external_id.")
    category: _Text
    title: _Text
    publish_timestamp: Annotated[AwareDatetime, AfterValidator(_in_range)] = Field(
        description="RFC 3339 with an offset; years 1000 to 8999."
    )
    content_length: int = Field(default=0, ge=0, le=2**31 - 1)
    has_media: bool = False
    tags: list[_Text] = Field(default=[], max_length=MAX_TAGS)
    is_promoted: bool = False
    language: _Text = "en"

    @model_validator(mode="after")
    def _names_one_author(self) -> "Post":
        if (self.author_id is None) == (self.author is None):
            raise ValueError("expected either author_id or author")
        return self


class User(_Given):
    """A reader who is known."""

    signup_date: date = Field(description="YYYY-MM-DD.")
    user_segment: _Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="ISO 3166-1 alpha-2."
    )


MODELS: dict[Kind, type[_Given]] = {Kind.AUTHOR: Author, Kind.POST: Post, Kind.USER: User}


class Item(BaseModel):
    """One thing to be put into the catalogue, or out of it.

    ``id`` is its number; a text is its external_id, which gets a number of its own.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    kind: Kind
    id: int | str
    content: Any = Field(description="Author, Post or User; null deletes it.")


class _Stored(BaseModel):
    id: int = Field(description="Its number.")
    external_id: str | None = Field(description="What your own system calls it.")


class StoredAuthor(_Stored):
    """An author of the catalogue."""

    name: str
    author_category: str
    joined_date: date


class StoredPost(_Stored):
    """A post of the catalogue. Without metadata, as SQL may leave it, the last three are null."""

    author_id: int
    author: str | None = Field(description="The author's external_id.")
    category: str
    title: str
    publish_timestamp: datetime
    content_length: int
    has_media: bool
    tags: list[str] | None
    is_promoted: bool | None
    language: str | None


class StoredUser(_Stored):
    """A reader of the catalogue."""

    signup_date: date
    user_segment: str
    country: str | None


Stored = StoredAuthor | StoredPost | StoredUser


class Outcome(BaseModel):
    """What a change came to."""

    kind: Kind
    id: int = Field(description="The number it has.")
    external_id: str | None
    outcome: Literal["created", "updated", "unchanged", "deleted"]


class BatchOutcome(BaseModel):
    """What the lines of a batch came to."""

    received: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    errors: list[dict[str, Any]] = Field(
        description="index, error and detail of refused lines; no detail beyond 100."
    )
