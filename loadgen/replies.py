"""What a reply of the ingest service means for each of the events that were asked about."""

from typing import Any, Final

import msgspec

from schema.errors import SetupError

ACCEPTED: Final = "accepted"
UNAVAILABLE: Final = "unavailable"
"""Not acknowledged in time: stored or not, nobody knows; to be sent again with the same id."""

UNKNOWN: Final = "unknown"
"""Given up without an answer."""

_RETRYABLE: Final = frozenset({408, 425, 429})
_MISCONFIGURED: Final = {
    401: "the ingest key is missing or not known",
    403: "the ingest key may not write events",
    404: "there is no ingest service at this URL",
    405: "there is no ingest service at this URL",
    415: "the service does not read this content type or encoding",
}


def judge(status: int, payload: bytes, count: int) -> list[str]:
    """Return an outcome for each event of a request, in order.

    Args:
        status: of the reply.
        payload: of the reply.
        count: how many events the request held.

    Returns:
        ACCEPTED, UNAVAILABLE, or the code of the error for which an event was refused.

    Raises:
        SetupError: the request can never succeed; the message names the reason.
    """
    if status == 202:
        return [ACCEPTED] * count
    if status >= 500 or status in _RETRYABLE:
        return [UNAVAILABLE] * count
    if reason := _MISCONFIGURED.get(status):
        raise SetupError(f"{reason} (HTTP {status})")
    members = _members(payload)
    ids = members.get("event_ids")
    if isinstance(ids, list) and len(ids) == count:
        return _each(ids, members.get("errors"))
    return [str(members.get("code", f"http_{status}"))] * count


def retry_after_seconds(header: str | None) -> float:
    """Return what a Retry-After header asks for; 0 for none, or one that gives a date."""
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0


def _members(payload: bytes) -> dict[str, Any]:
    try:
        members = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return members if isinstance(members, dict) else {}


def _each(ids: list[Any], errors: Any) -> list[str]:
    """Read a 207, or a 422 of a batch. What it refuses without a reason is asked again."""
    outcomes = [UNAVAILABLE if event_id is None else ACCEPTED for event_id in ids]
    for error in errors if isinstance(errors, list) else ():
        outcomes[error["index"]] = str(error["error"])
    return outcomes
