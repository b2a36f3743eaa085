"""The event as the contract publishes it: pydantic writes it into OpenAPI and JSON Schema."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from schema.event import MAX_EXTERNAL_ID, MAX_ID, TEXT_PATTERN

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
UUID_TEXT: Final = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)


def _rfc3339(value: Any) -> Any:
    """Read RFC 3339 and nothing else; pydantic alone would take dates, numbers and more."""
    if not isinstance(value, str):
        return value
    if not _RFC3339.fullmatch(value):
        raise ValueError("expected an RFC 3339 date-time with an offset")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _uuid(value: Any) -> Any:
    """Read 32 hexadecimal digits, with or without hyphens; no braces and no urn."""
    if isinstance(value, str) and not UUID_TEXT.fullmatch(value):
        raise ValueError("expected a UUID")
    return UUID(value) if isinstance(value, str) else value


_ExternalName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=TEXT_PATTERN),
]


class Event(BaseModel):
    """One engagement, as a client sends it. ``null`` means absent."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={"oneOf": [{"required": ["post_id"]}, {"required": ["post"]}]},
    )

    post_id: int | None = Field(
        default=None, ge=1, le=MAX_ID, description="The post that was engaged with, or post."
    )
    post: _ExternalName | None = Field(
        default=None, description="Its external_id, as the catalogue has it or will have it."
    )
    type: Literal["view", "like", "comment", "share"] = Field(description="What was done.")
    event_id: Annotated[UUID, BeforeValidator(_uuid)] | None = Field(
        default=None,
        description="Chosen by the client so that a retry counts once; absent: the server mints a"
        " UUIDv7. With engaged_timestamp it is the event's identity.",
    )
    user_id: int | None = Field(
        default=None, ge=1, le=MAX_ID, description="Absent when the reader is anonymous."
    )
    user: _ExternalName | None = Field(default=None, description="The reader's external_id.")
    engaged_timestamp: Annotated[AwareDatetime, BeforeValidator(_rfc3339)] | None = Field(
        default=None,
        description="When it happened, RFC 3339 with an offset. Absent: the time inside a"
        " version-7 event_id, else the time of receipt.",
    )

    @model_validator(mode="after")
    def _names_one_post(self) -> "Event":
        if (self.post_id is None) == (self.post is None):
            raise ValueError("expected either post_id or post")
        if self.user_id is not None and self.user is not None:
            raise ValueError("expected either user_id or user")
        return self
