"""The published JSON Schemas of events, generated from the pydantic model. Pure.

JSON Schema cannot express all rules. The service also rejects dates that do not exist, times too
far from their receipt, the nil and max UUIDs, and 1.0 as an integer.
"""

from typing import Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from schema.event_model import UUID_TEXT, Event
from schema.times import RFC3339

PATH: Final = "/schemas/"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UUID_PATTERN: Final = "^(?:" + UUID_TEXT.pattern.replace("a-f", "a-fA-F") + ")$"
_TIME_PATTERN: Final = f"^{RFC3339.pattern}$"
# "format" is an annotation in this dialect, and its UUID has no form without hyphens.
_TEXTS: Final = {
    "uuid": {"type": "string", "pattern": _UUID_PATTERN},
    "date-time": {"type": "string", "format": "date-time", "pattern": _TIME_PATTERN},
}


class StoredEvent(Event):
    """An event in Kafka."""

    event_id: UUID = Field(
        description="Together with engaged_timestamp it is the event's identity."
    )
    engaged_timestamp: AwareDatetime = Field(
        description="When it happened, RFC 3339 with an offset."
    )
    received_timestamp: AwareDatetime | None = Field(
        default=None,
        description="Time of receipt by ingest. Absent: the timestamp of the Kafka record.",
    )


def _given(name: str) -> dict[str, Any]:
    """Return the schema of an object that has a field, other than null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


_NAMES: Final = {
    "oneOf": [_given("post_id"), _given("post")],
    "not": {"allOf": [_given("user_id"), _given("user")]},
}
_ANONYMOUS: Final[dict[str, Any]] = {"post_id": 42, "type": "view"}
_EXTERNAL: Final[dict[str, Any]] = {"post": "why-we-count", "user": "reader-7", "type": "share"}
_COMPLETE: Final[dict[str, Any]] = {
    "event_id": "019cd8a6-0000-7000-8000-000000000001",
    "post_id": 42,
    "user_id": 7,
    "type": "like",
    "engaged_timestamp": "2026-03-10T12:00:00.250Z",
}
_STORED: Final = _COMPLETE | {"received_timestamp": "2026-03-10T12:00:01Z"}


def schemas() -> dict[str, dict[str, Any]]:
    """Return each published schema by its file name."""
    made = (
        ("engagement-event.v1.json", "Engagement event", Event, [_ANONYMOUS, _COMPLETE, _EXTERNAL]),
        ("engagement-record.v1.json", "Engagement record", StoredEvent, [_STORED]),
    )
    return {name: _schema(name, title, model, examples) for name, title, model, examples in made}


def _schema(
    name: str, title: str, model: type[BaseModel], examples: list[dict[str, Any]]
) -> dict[str, Any]:
    head = {"$schema": _DIALECT, "$id": PATH + name, "title": title}
    described = {key: value for key, value in model.model_json_schema().items() if key != "title"}
    described["properties"] = {
        field: _with_pattern(value) for field, value in described["properties"].items()
    }
    return head | described | _NAMES | {"examples": examples}


def _with_pattern(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the pattern of a string to its schema, which only names a format."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    if "anyOf" in kept:
        kept["anyOf"] = [_with_pattern(choice) for choice in kept["anyOf"]]
    return kept | _TEXTS[kept.pop("format")] if "format" in kept else kept
