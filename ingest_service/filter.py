"""Filter events of browsers that are not to be counted: bots, prefetches, ignored users.

It applies to the browser's routes only, because a back end decides itself which events to send.
Filtered events are counted by reason, and the response names it. An operator can add a function

    def reason_to_filter(event: dict[str, Any], headers: dict[str, str]) -> str | None

which gets each event that is not filtered yet and the request's headers in HEADERS, and returns
None to count the event, or a reason. It runs in the event loop and must not block. If it fails,
the event is counted, and so is the failure.
"""

import importlib
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from ingest_service import metrics
from ingest_service.settings import IngestSettings
from runtime.logging import get_logger
from schema.errors import SetupError
from schema.event import Record

CustomFilter = Callable[[dict[str, Any], dict[str, str]], str | None]

HEADERS: Final = frozenset(
    {
        "accept-language",
        "origin",
        "purpose",
        "referer",
        "sec-ch-ua",
        "sec-fetch-site",
        "sec-purpose",
        "user-agent",
    }
)
_MAX_REASONS: Final = 50
# A prerendered page sends its own events immediately. Older events in its request are of earlier
# pages, and were queued in the browser.
_PRERENDER_AGE: Final = timedelta(seconds=10)
_NOT_A_LABEL: Final = re.compile(r"[^a-z0-9_]+")
# A brand of phones.
_NOT_A_BOT: Final = "cubot"

logger = get_logger("filter")


class EventFilter:
    """Finds the events of a browser's request that are not to be counted.

    Raises:
        SetupError: the operator's function cannot be imported, or a setting is malformed.
    """

    def __init__(self, settings: IngestSettings) -> None:
        tokens = settings.bot_tokens.lower() if settings.bot_filter else ""
        self._bot_tokens = _split(tokens)
        self._ignored_users = _users(settings.ignored_user_ids)
        self._custom_filter = _load(settings.event_filter) if settings.event_filter else None
        self._reasons: set[str] = set()
        self._has_failed = False

    def for_request(
        self, raw_headers: Iterable[tuple[bytes, bytes]], *, has_queue: bool
    ) -> Callable[[Record], str | None]:
        """Return a function from an event of a request to the reason to filter it, or None.

        Args:
            raw_headers: of the request.
            has_queue: whether the request can have events of earlier pages.
        """
        decoded = ((name.decode("latin-1"), value) for name, value in raw_headers)
        headers = {name: value.decode("latin-1") for name, value in decoded if name in HEADERS}
        is_bot, is_prefetch = self._is_bot(headers), _is_prefetch(headers)

        def reason(record: Record) -> str | None:
            if is_bot:
                return "bot"
            if is_prefetch and not (has_queue and _is_older_than_prerender(record)):
                return "prefetch"
            if record.user in self._ignored_users or record.user_id in self._ignored_users:
                return "ignored_user"
            return self._custom_reason(record, headers) if self._custom_filter else None

        return reason

    def _is_bot(self, headers: dict[str, str]) -> bool:
        agent = headers.get("user-agent", "").lower().replace(_NOT_A_BOT, "")
        return any(token in agent for token in self._bot_tokens)

    def _custom_reason(self, record: Record, headers: dict[str, str]) -> str | None:
        assert self._custom_filter is not None  # noqa: S101  (see for_request)
        try:
            found = self._custom_filter(asdict(record), dict(headers))
            return None if found is None else self._label(found)
        except Exception:  # the operator's code may raise anything, and must not stop ingest
            metrics.FILTER_ERRORS.inc()
            if not self._has_failed:
                logger.exception("event filter failed; its events are accepted")
            self._has_failed = True
            return None

    def _label(self, reason: str) -> str:
        """Return a metric label for a reason; ``other`` after 50 different ones."""
        label = _NOT_A_LABEL.sub("_", reason.lower())[:40].strip("_") or "unnamed"
        if len(self._reasons) < _MAX_REASONS:
            self._reasons.add(label)
        return label if label in self._reasons else "other"


def _is_prefetch(headers: dict[str, str]) -> bool:
    return "prefetch" in headers.get("sec-purpose", headers.get("purpose", "")).lower()


def _is_older_than_prerender(record: Record) -> bool:
    received = record.received_timestamp
    return received is not None and received - record.engaged_timestamp > _PRERENDER_AGE


def _split(text: str) -> tuple[str, ...]:
    return tuple(stripped for part in text.split(",") if (stripped := part.strip()))


def _users(text: str) -> frozenset[str | int]:
    """Parse the setting of ignored users. Raises SetupError.

    Between commas, digits are both a number and an external ID. A JSON array distinguishes them.
    """
    if not text.lstrip().startswith("["):
        names = _split(text)
        return frozenset(
            [*names, *(int(name) for name in names if name.isascii() and name.isdigit())]
        )
    try:
        return frozenset(msgspec.json.decode(text, type=list[int | str]))
    except msgspec.DecodeError:
        raise SetupError(
            "ENGAGE_IGNORED_USER_IDS: expected a JSON array of numbers and strings"
        ) from None


def _load(name: str) -> CustomFilter:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"ENGAGE_EVENT_FILTER: cannot import {name}: {error}") from None
    if not callable(found):
        raise SetupError(f"ENGAGE_EVENT_FILTER: {name} is not a function")
    return found  # type: ignore[no-any-return]
