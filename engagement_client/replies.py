"""The outcome of each event of a batch, by the response."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from engagement_client.buffer import Batch, Entry

_TOO_LARGE: Final = 413
_RETRIABLE: Final = frozenset({408, 425, 429})
_EXPLANATIONS: Final = {
    401: "the key is missing or not known",
    403: "the key may not write events",
    404: "there is no ingest service at this URL",
    405: "there is no ingest service at this URL",
}


class Reply(NamedTuple):
    """A response of the service.

    Attributes:
        status: the HTTP status.
        body: the unparsed body.
        retry_after: that header.
        date: that header, by which a Retry-After with a date is read.
    """

    status: int
    body: bytes = b""
    retry_after: str | None = None
    date: str | None = None


class Rejection(NamedTuple):
    """A rejected event, with the stable error code and a sentence."""

    entry: Entry
    error: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of a batch. Every event is in exactly one of the first four attributes.

    Attributes:
        delivered: number of accepted events.
        rejected: events that the service rejected.
        refused: events of a request that was rejected as a whole and must not be retried.
        to_retry: batches to send again, with the same identities.
        error_text: why the request failed; empty when it succeeded.
        retry_after_seconds: the seconds of Retry-After.
    """

    delivered: int = 0
    rejected: Sequence[Rejection] = ()
    refused: Batch = ()
    to_retry: Sequence[Batch] = field(default=())
    error_text: str = ""
    retry_after_seconds: float = 0.0


def verdict_without_reply(batch: Batch, reason: str) -> Verdict:
    """Return the outcome without a response: it is unknown whether the events are stored."""
    return Verdict(to_retry=(batch,), error_text=reason)


def verdict_of(batch: Batch, reply: Reply) -> Verdict:
    """Return the outcome by the response."""
    status = reply.status
    if status == 202:
        return Verdict(delivered=len(batch))
    if status == _TOO_LARGE:
        return _split(batch)
    if status >= 500 or status in _RETRIABLE:
        wait = retry_after_seconds(reply)
        return Verdict(to_retry=(batch,), error_text=f"HTTP {status}", retry_after_seconds=wait)
    members = _members(reply.body)
    if status == 207 or (status == 422 and members.get("errors")):
        return _each(batch, members, reply)
    explanation = _EXPLANATIONS.get(status) or str(members.get("code", "not understood"))
    return Verdict(refused=batch, error_text=f"HTTP {status}: {explanation}")


def retry_after_seconds(reply: Reply) -> float:
    """Return Retry-After in seconds, also where it is a date; 0 without one."""
    text = (reply.retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until, since = _instant(text), _instant(reply.date)
    if until is None:
        return 0.0
    return max((until - (since or datetime.now(UTC))).total_seconds(), 0.0)


def _split(batch: Batch) -> Verdict:
    if len(batch) == 1:
        rejection = Rejection(batch[0], "too_large", "the event exceeds the service's limit")
        return Verdict(rejected=(rejection,))
    middle = len(batch) // 2
    return Verdict(to_retry=(batch[:middle], batch[middle:]))


def _each(batch: Batch, members: dict[str, Any], reply: Reply) -> Verdict:
    errors = _errors_by_index(members, len(batch))
    if errors is None:
        return verdict_without_reply(batch, f"HTTP {reply.status} with an unreadable body")
    rejected, again = [], []
    for index, (error, detail) in errors.items():
        if error == "unavailable":
            again.append(batch[index])
        else:
            rejected.append(Rejection(batch[index], error, detail))
    return Verdict(
        delivered=len(batch) - len(errors),
        rejected=rejected,
        to_retry=(again,) if again else (),
        error_text="not all events were acknowledged in time" if again else "",
        retry_after_seconds=retry_after_seconds(reply),
    )


def _errors_by_index(members: dict[str, Any], count: int) -> dict[int, tuple[str, str]] | None:
    """Return the errors by index; None when they do not fit a batch of this size."""
    if members.get("received") != count or not isinstance(members.get("errors"), list):
        return None
    errors = {}
    for error in members["errors"]:
        index = error.get("index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < count:
            return None
        errors[index] = (str(error.get("error", "unknown")), str(error.get("detail", "")))
    return dict(sorted(errors.items()))


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _instant(text: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
