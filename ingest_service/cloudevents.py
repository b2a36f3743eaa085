"""CloudEvents 1.0, in the structured and the binary form of HTTP. Pure.

The result is the event's JSON, which is then validated like any other. The `cloudevents` package
stops at the first error, where a dry run reports all, and does not know UUIDs as identities.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from schema.errors import InvalidEvent
from schema.event import MAX_ID, TYPES
from schema.event_model import UUID_TEXT
from schema.uuid7 import is_uuid7

STRUCTURED: Final = b"application/cloudevents+json"
BATCHED: Final = b"application/cloudevents-batch+json"
ATTRIBUTES: Final = {
    "specversion": None,
    "id": "event_id",
    "source": None,
    "type": "type",
    "subject": "post_id",
    "time": "engaged_timestamp",
    "datacontenttype": None,
}
"""The attributes that are used, with the field of the event that each becomes."""

_REQUIRED: Final = ("specversion", "id", "source", "type")
_DATA_FIELDS: Final = frozenset({"post_id", "post", "user_id", "user"})
_POST_ATTRIBUTES: Final = frozenset({"subject", "data", "data_base64", "datacontenttype"})
_REQUIRED_HEADERS: Final = frozenset(f"ce-{name}".encode() for name in _REQUIRED)
_POST: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_JSON: Final = re.compile(r"[\w.+-]+/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.ASCII | re.IGNORECASE)
# Not in the standard's String type. A line end also separates source and id in derived_id.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_NULL: Final = b"null"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


class EnvelopeError(NamedTuple):
    """One error; ``attribute`` None: the envelope as a whole is invalid."""

    attribute: str | None
    code: str
    detail: str


class Extracted(NamedTuple):
    """The event in an envelope: its valid fields as JSON, and the errors."""

    fields: dict[str, msgspec.Raw]
    errors: list[EnvelopeError]

    def event_json(self) -> bytes:
        """Return the event as JSON. Raises InvalidEvent with the first error."""
        for error in self.errors:
            raise InvalidEvent(error.code, error.detail)
        return msgspec.json.encode(self.fields)


Reader = Callable[[bytes], Extracted]


def read_structured(raw: bytes) -> Extracted:
    """Read an envelope in the JSON format. ``null`` means that an attribute is not set."""
    try:
        raw.decode()  # also validates extensions, which are ignored
        members = {name: bytes(value) for name, value in _object(raw).items()}
    except msgspec.ValidationError:
        return _unreadable("not_an_object", "expected a JSON object")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unreadable("malformed_json", "expected one JSON object in UTF-8")
    attributes, errors = {}, []
    for name in ATTRIBUTES:
        if members.get(name, _NULL) != _NULL:
            try:
                attributes[name] = _text(members[name])
            except (msgspec.DecodeError, UnicodeDecodeError):
                errors.append(_invalid(name, "expected a string"))
    data, error = _embedded(members, attributes.get("datacontenttype"))
    return _read(attributes, data, [*errors, *error])


def reader_of_headers(headers: Iterable[tuple[bytes, bytes]]) -> Reader | None:
    """Return the reader of a body whose envelope is in the headers; None: they have none."""
    carried = [(name, value) for name, value in headers if name[:3] == b"ce-"]
    if not carried or _REQUIRED_HEADERS.isdisjoint(name for name, _ in carried):
        return None
    attributes: dict[str, str] = {}
    errors = []
    for header, value in carried:
        name = header[3:].decode("latin-1")
        if name not in ATTRIBUTES or name == "datacontenttype":
            continue
        if name in attributes:
            errors.append(_invalid(name, "repeated"))
        try:
            attributes[name] = unquote(_unquoted(value.decode("ascii")), errors="strict")
        except UnicodeDecodeError:
            errors.append(_invalid(name, "expected percent-encoded UTF-8"))
    return lambda body: _read(attributes, body.strip() or None, errors)


def _unquoted(value: str) -> str:
    """Return a header value, which may be a quoted string (CloudEvents HTTP, 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", value[1:-1])
    return value


def _embedded(
    members: Mapping[str, bytes], content_type: str | None
) -> tuple[bytes | None, list[EnvelopeError]]:
    """Return the data of an envelope in the JSON format, and its errors."""
    data, encoded = (members.get(name, _NULL) for name in ("data", "data_base64"))
    if data == encoded == _NULL:
        return None, []
    if not _JSON.fullmatch(content_type or "application/json"):
        return None, [_invalid("datacontenttype", "expected application/json")]
    if encoded == _NULL:
        return data, []
    try:
        decoded = base64.b64decode(_text(encoded), validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        return None, [_invalid("data_base64", "expected base64")]
    both = [] if data == _NULL else [_invalid("data_base64", "data is also given")]
    return decoded, both


def _read(
    attributes: Mapping[str, str], data: bytes | None, known: list[EnvelopeError]
) -> Extracted:
    errors = list(known)
    invalid = {error.attribute for error in errors}
    errors += [
        _invalid(name, "required, and not empty")
        for name in _REQUIRED
        if name not in invalid and not attributes.get(name)
    ]
    if attributes.get("specversion", "1.0") not in ("", "1.0"):
        errors.append(_invalid("specversion", "expected 1.0"))
    fields: dict[str, msgspec.Raw] = {}
    errors += _identity(attributes, fields)
    kind = attributes.get("type", "").rpartition(".")[2]
    if kind in TYPES:
        fields["type"] = _json(kind)
    elif attributes.get("type"):
        names = ", ".join(TYPES)
        errors.append(
            EnvelopeError(
                "type", "invalid_type", f"type: expected a type that ends with one of {names}"
            )
        )
    errors += _data(data, fields)
    if not any(f.attribute in _POST_ATTRIBUTES and f.code != "unknown_field" for f in errors):
        errors += _post(attributes.get("subject"), fields)
    return Extracted(fields, errors)


def _identity(attributes: Mapping[str, str], fields: dict[str, msgspec.Raw]) -> list[EnvelopeError]:
    """Fill in event_id and engaged_timestamp; return the errors."""
    identity, source, time = (attributes.get(name) for name in ("id", "source", "time"))
    if time is not None:
        fields["engaged_timestamp"] = _json(time)
    errors = [
        _invalid(name, "control characters")
        for name, text in (("id", identity), ("source", source))
        if text and _CONTROL.search(text)
    ]
    if not identity or not source or errors:
        return errors
    event_id = UUID(identity) if UUID_TEXT.fullmatch(identity) else derived_id(source, identity)
    fields["event_id"] = _json(str(event_id))
    if time is None and not is_uuid7(event_id):
        detail = (
            "time: required unless id is a version-7 UUID, because a retry must carry the same time"
        )
        errors.append(EnvelopeError("time", "timestamp_required", detail))
    return errors


def derived_id(source: str, identity: str) -> UUID:
    """Return the event ID of a CloudEvent whose id is not a UUID."""
    return uuid5(NAMESPACE_URL, f"{source}\n{identity}")


def _data(data: bytes | None, fields: dict[str, msgspec.Raw]) -> list[EnvelopeError]:
    """Fill in the fields of the data; return the errors."""
    if data is None:
        return []
    try:
        members = _object(data)
    except msgspec.ValidationError:
        return [_invalid("data", "expected an object")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [EnvelopeError("data", "malformed_json", "data: expected one JSON object in UTF-8")]
    fields |= {
        name: value
        for name, value in members.items()
        if name in _DATA_FIELDS and bytes(value) != _NULL
    }
    if members.keys() <= _DATA_FIELDS:
        return []
    known = ", ".join(sorted(_DATA_FIELDS))
    return [EnvelopeError("data", "unknown_field", f"data: unknown field; known are {known}")]


def _post(subject: str | None, fields: dict[str, msgspec.Raw]) -> list[EnvelopeError]:
    """Fill in the post from the subject, a number or an external ID, if the data has none."""
    if "post_id" in fields or "post" in fields:
        return []
    if not subject:
        detail = "post_id: required, in data or as the subject"
        return [EnvelopeError("subject", "missing_field", detail)]
    if _POST.fullmatch(subject) and int(subject) <= MAX_ID:
        fields["post_id"] = msgspec.Raw(subject.encode())
    else:
        fields["post"] = _json(subject)
    return []


def _json(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def _invalid(attribute: str, reason: str) -> EnvelopeError:
    return EnvelopeError(attribute, "invalid_cloudevent", f"{attribute}: {reason}")


def _unreadable(code: str, detail: str) -> Extracted:
    return Extracted({}, [EnvelopeError(None, code, detail)])
