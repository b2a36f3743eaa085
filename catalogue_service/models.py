"""Authors, posts and users: as clients send them, with normalised text, and as they are stored."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from schema.event import MAX_EXTERNAL_ID, MAX_ID, TEXT_PATTERN
from schema.times import read_date, read_rfc3339

UNTITLED: Final = "(untitled)"
"""Replaces an empty title."""

_LINE_BREAK_OR_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RUN_OF_SPACE: Final = re.compile(r"\s{2,}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
MAX_TAGS = 50
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _in_range(instant: datetime) -> datetime:
    """Reject times that PostgreSQL can store but clients cannot read in every time zone."""
    if not _FIRST <= instant < _LAST:
        raise ValueError("expected a year from 1000 to 8999")
    return instant


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT_PATTERN)]
_Id = Annotated[int, Field(ge=1, le=MAX_ID)]
_Date = Annotated[date, BeforeValidator(read_date)]
ExternalId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=TEXT_PATTERN),
]


class Kind(StrEnum):
    AUTHOR = "author"
    POST = "post"
    USER = "user"


class _Content(BaseModel):
    """Fields of an author, post or user. ``null`` means absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    TEXTS: ClassVar[frozenset[str]] = frozenset()
    _notes: list[str] = PrivateAttr(default_factory=list)

    external_id: ExternalId | None = Field(
        default=None, description="ID in your own system, which events can use."
    )

    @property
    def notes(self) -> list[str]:
        """Fields that were normalised."""
        return self._notes

    @model_validator(mode="wrap")
    @classmethod
    def _normalise(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return validate(value)
        present = {
            name: field
            for name, field in value.items()
            if field is not None or name not in cls.model_fields
        }
        clean, notes = normalise_all(present, cls.TEXTS)
        valid = validate(clean)
        valid._notes = notes  # noqa: SLF001  (the same class)
        return valid


class Author(_Content):
    """An author of posts. ``null`` means absent."""

    TEXTS: ClassVar[frozenset[str]] = frozenset({"name", "author_category"})

    name: _Text
    author_category: _Text
    joined_date: _Date = Field(description="YYYY-MM-DD.")


class Post(_Content):
    """A post with its metadata. ``null`` means absent."""

    TEXTS: ClassVar[frozenset[str]] = frozenset({"category", "title", "tags", "language"})

    author_id: _Id | None = Field(default=None, description="Number of the author; or author.")
    author: ExternalId | None = Field(default=None, description="External ID of the author.")
    category: _Text
    title: _Text = Field(description="An empty title becomes (untitled).")
    publish_timestamp: Annotated[
        AwareDatetime, BeforeValidator(read_rfc3339), AfterValidator(_in_range)
    ] = Field(description="RFC 3339 with an offset; years 1000 to 8999.")
    content_length: int = Field(default=0, ge=0, le=2**31 - 1)
    has_media: bool = False
    tags: list[_Text] = Field(
        default=[], max_length=MAX_TAGS, description="A set: duplicates are removed."
    )
    is_promoted: bool = False
    language: _Text = "en"

    @model_validator(mode="after")
    def _names_one_author(self) -> "Post":
        if (self.author_id is None) == (self.author is None):
            raise ValueError("expected either author_id or author")
        return self


class User(_Content):
    """A user. ``null`` means absent."""

    TEXTS: ClassVar[frozenset[str]] = frozenset({"user_segment"})

    signup_date: _Date = Field(description="YYYY-MM-DD.")
    user_segment: _Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        default=None, description="ISO 3166-1 alpha-2."
    )


MODELS: dict[Kind, type[_Content]] = {Kind.AUTHOR: Author, Kind.POST: Post, Kind.USER: User}


class Change(BaseModel):
    """A change: an author, post or user to create, replace or delete.

    ``id`` is a number, or an external ID, which gets a number when it is new.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    kind: Kind
    id: int | str
    content: Any = Field(description="Author, Post or User; null: delete.")


class _Stored(BaseModel):
    id: int = Field(description="Number of the author, post or user.")
    external_id: str | None = Field(description="ID in your own system.")


class StoredAuthor(_Stored):
    """An author of the catalogue."""

    name: str
    author_category: str
    joined_date: date


class StoredPost(_Stored):
    """A post of the catalogue. Without metadata, the last three fields are null."""

    author_id: int
    author: str | None = Field(description="External ID of the author.")
    category: str
    title: str
    publish_timestamp: datetime
    content_length: int
    has_media: bool
    tags: list[str] | None
    is_promoted: bool | None
    language: str | None


class StoredUser(_Stored):
    """A user of the catalogue."""

    signup_date: date
    user_segment: str
    country: str | None


Stored = StoredAuthor | StoredPost | StoredUser


class Outcome(BaseModel):
    """The result of a change."""

    kind: Kind
    id: int = Field(description="Number of the author, post or user.")
    external_id: str | None
    outcome: Literal["created", "updated", "unchanged", "deleted"]
    notes: list[str] = Field(
        default=[],
        description="Normalised texts, as FIELD_normalised or title_empty.",
    )


class BatchOutcome(BaseModel):
    """The results of a batch."""

    received: int
    created: int
    updated: int
    unchanged: int
    deleted: int
    errors: list[dict[str, Any]] = Field(
        description="index, error and detail of rejected lines; no detail after 100."
    )
    notes: list[dict[str, Any]] = Field(
        description="index and notes of lines with normalised texts."
    )


def normalise_all(
    given: Mapping[str, Any], names: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """Normalise texts, so that a line break is no reason to reject an author or a post.

    Args:
        given: an author, a post or a user as it was sent.
        names: the fields that are texts or lists of texts.

    Returns:
        The fields, and a note for each that changed.
    """
    changed = {
        name: clean
        for name, value in given.items()
        if name in names and (clean := _normalised(name, value)) != value
    }
    notes = [f"{name}_{'empty' if changed[name] == UNTITLED else 'normalised'}" for name in changed]
    return {**given, **changed}, notes


def normalise(text: str) -> str:
    """Trim a text, and replace control characters and runs of white space by one space.

    An unpaired surrogate, which remains where a text was cut, becomes U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", _LINE_BREAK_OR_CONTROL.sub(" ", text))
    return _RUN_OF_SPACE.sub(" ", text).strip()


def _normalised(name: str, value: Any) -> Any:
    if isinstance(value, str):
        clean = normalise(value)
        return UNTITLED if name == "title" and not clean else clean
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        # A set, in the given order.
        return list(dict.fromkeys(filter(None, map(normalise, value))))
    return value
