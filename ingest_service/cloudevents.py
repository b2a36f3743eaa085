"""CloudEvents 1.0: an envelope many systems speak, read as the event that it carries. Pure.

What comes out is the event's JSON, which is then judged like any other.
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
from schema.event import TYPES
from schema.event_model import UUID_TEXT

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
"""The attributes that are read, and the field of the event that each becomes."""

_REQUIRED: Final = ("specversion", "id", "source", "type")
_DATA_FIELDS: Final = frozenset({"post_id", "post", "user_id", "user"})
_OF_THE_POST: Final = frozenset({"subject", "data", "data_base64", "datacontenttype"})
_MARKS: Final = frozenset(f"ce-{name}".encode() for name in _REQUIRED)
_VERSION_7: Final = 7
_POST: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)
_JSON: Final = re.compile(r"[\w.+-]+/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.ASCII | re.IGNORECASE)
# What the standard's String type leaves out; a line end also separates source from id.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NULL: Final = b"null"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


class Fault(NamedTuple):
    """One thing that is wrong; ``attribute`` None: with the envelope as a whole."""

    attribute: str | None
    code: str
    detail: str


class Reading(NamedTuple):
    """What an envelope holds: fields of an event as JSON, as far as they could be read."""

    fields: dict[str, msgspec.Raw]
    faults: list[Fault]

    def event_json(self) -> bytes:
        """Return the event. Raises InvalidEvent with the first fault."""
        for fault in self.faults:
            raise InvalidEvent(fault.code, fault.detail)
        return msgspec.json.encode(self.fields)


Read = Callable[[bytes], Reading]


def structured(raw: bytes) -> Reading:
    """Read an envelope in the JSON format; ``null`` means that an attribute is not set."""
    try:
        raw.decode()  # also where an extension is passed over
        members = {name: bytes(value) for name, value in _object(raw).items()}
    except msgspec.ValidationError:
        return _unreadable("not_an_object", "expected a JSON object")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unreadable("malformed_json", "expected one JSON object in UTF-8")
    attributes, faults = {}, []
    for name in ATTRIBUTES:
        if members.get(name, _NULL) != _NULL:
            try:
                attributes[name] = _text(members[name])
            except (msgspec.DecodeError, UnicodeDecodeError):
                faults.append(_invalid(name, "expected a string"))
    data, fault = _embedded(members, attributes.get("datacontenttype"))
    return _read(attributes, data, [*faults, *fault])


def binary(headers: Iterable[tuple[bytes, bytes]]) -> Read | None:
    """Return how to read the body under these headers; None: they carry no envelope."""
    carried = [(name, value) for name, value in headers if name[:3] == b"ce-"]
    if not carried or _MARKS.isdisjoint(name for name, _ in carried):
        return None
    attributes: dict[str, str] = {}
    faults = []
    for header, value in carried:
        name = header[3:].decode("latin-1")
        if name not in ATTRIBUTES or name == "datacontenttype":
            continue
        if name in attributes:
            faults.append(_invalid(name, "given twice"))
        try:
            # A quoted value is none of the standard's, and yet in use.
            attributes[name] = unquote(value.decode("ascii"), errors="strict").strip('"')
        except UnicodeDecodeError:
            faults.append(_invalid(name, "expected percent-encoded UTF-8"))
    return lambda body: _read(attributes, body.strip() or None, faults)


def _embedded(
    members: Mapping[str, bytes], content_type: str | None
) -> tuple[bytes | None, list[Fault]]:
    """Return the data of an envelope in the JSON format, or what is wrong with it."""
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
    both = [] if data == _NULL else [_invalid("data_base64", "not beside data")]
    return decoded, both


def _read(attributes: Mapping[str, str], data: bytes | None, known: list[Fault]) -> Reading:
    faults = list(known)
    complained = {fault.attribute for fault in faults}
    faults += [
        _invalid(name, "required, and not empty")
        for name in _REQUIRED
        if name not in complained and not attributes.get(name)
    ]
    if attributes.get("specversion", "1.0") not in ("", "1.0"):
        faults.append(_invalid("specversion", "expected 1.0"))
    fields: dict[str, msgspec.Raw] = {}
    faults += _identity(attributes, fields)
    kind = attributes.get("type", "").rpartition(".")[2]
    if kind in TYPES:
        fields["type"] = _json(kind)
    elif attributes.get("type"):
        names = ", ".join(TYPES)
        faults.append(Fault("type", "invalid_type", f"type: expected its last part of {names}"))
    faults += _data(data, fields)
    if not any(f.attribute in _OF_THE_POST and f.code != "unknown_field" for f in faults):
        faults += _post(attributes.get("subject"), fields)
    return Reading(fields, faults)


def _identity(attributes: Mapping[str, str], fields: dict[str, msgspec.Raw]) -> list[Fault]:
    """Fill in event_id and engaged_timestamp; return what is wrong with them."""
    identity, source, time = (attributes.get(name) for name in ("id", "source", "time"))
    if time is not None:
        fields["engaged_timestamp"] = _json(time)
    faults = [
        _invalid(name, "control characters")
        for name, text in (("id", identity), ("source", source))
        if text and _CONTROL.search(text)
    ]
    if not identity or not source or faults:
        return faults
    event_id = UUID(identity) if UUID_TEXT.fullmatch(identity) else derived_id(source, identity)
    fields["event_id"] = _json(str(event_id))
    if time is None and event_id.version != _VERSION_7:
        detail = "time: required, unless id is a UUID of version 7: a retry must carry the same"
        faults.append(Fault("time", "timestamp_required", detail))
    return faults


def derived_id(source: str, identity: str) -> UUID:
    """Return the event_id of a CloudEvent whose id is no UUID."""
    return uuid5(NAMESPACE_URL, f"{source}\n{identity}")


def _data(data: bytes | None, fields: dict[str, msgspec.Raw]) -> list[Fault]:
    """Fill in what stands in the data; return what is wrong with it."""
    if data is None:
        return []
    try:
        members = _object(data)
    except msgspec.ValidationError:
        return [_invalid("data", "expected an object")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Fault("data", "malformed_json", "data: expected one JSON object in UTF-8")]
    fields |= {
        name: value
        for name, value in members.items()
        if name in _DATA_FIELDS and bytes(value) != _NULL
    }
    if members.keys() <= _DATA_FIELDS:
        return []
    known = ", ".join(sorted(_DATA_FIELDS))
    return [Fault("data", "unknown_field", f"data: an unknown field; known are {known}")]


def _post(subject: str | None, fields: dict[str, msgspec.Raw]) -> list[Fault]:
    """Take the post from the subject, a number or an external id, where the data names none."""
    if "post_id" in fields or "post" in fields:
        return []
    if not subject:
        detail = "post_id: required, in data or as the subject"
        return [Fault("subject", "missing_field", detail)]
    if _POST.fullmatch(subject):
        fields["post_id"] = msgspec.Raw(subject.encode())
    else:
        fields["post"] = _json(subject)
    return []


def _json(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def _invalid(attribute: str, finding: str) -> Fault:
    return Fault(attribute, "invalid_cloudevent", f"{attribute}: {finding}")


def _unreadable(code: str, detail: str) -> Reading:
    return Reading({}, [Fault(None, code, detail)])
