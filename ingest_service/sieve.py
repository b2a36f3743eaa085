"""What browsers send and nobody meant: bots, prefetches, the authors' own views.

Only the browser's routes are sieved; a back end knows itself whom it counts. What is dropped
is counted by reason, and the reply tells. An operator's own filter is a function

    def keep_or_drop(event: dict[str, Any], headers: dict[str, str]) -> str | None

called for each event that is otherwise kept, with the complete event and the request's headers
of HEADERS; it returns None to keep the event, or why to drop it. It runs in the event loop and
must not wait for anything. If it fails the event is kept and the failure counted.
"""

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import asdict

from ingest_service import metrics
from ingest_service.settings import IngestSettings
from schema.errors import SetupError
from schema.event import Record
from schema.telemetry import get_logger

Filter = Callable[[dict[str, Any], dict[str, str]], str | None]

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
_NOT_A_LABEL: Final = re.compile(r"[^a-z0-9_]+")
# A make of telephones whose name ends like a robot's.
_NO_BOT: Final = "cubot"

logger = get_logger("sieve")


class Sieve:
    """Tells which events of a browser's request are not to be counted.

    Raises:
        SetupError: the operator's filter cannot be found.
    """

    def __init__(self, settings: IngestSettings) -> None:
        tokens = settings.bot_tokens.lower() if settings.bot_filter else ""
        self._bot_tokens = _parts(tokens)
        self._ignored_users = frozenset(_parts(settings.ignored_user_ids))
        self._filter = _load(settings.event_filter) if settings.event_filter else None
        self._reasons: set[str] = set()
        self._has_failed = False

    def judge(self, raw_headers: Iterable[tuple[bytes, bytes]]) -> Callable[[Record], str | None]:
        """Return what tells, event by event of one request, why to drop it; None: keep it."""
        decoded = ((name.decode("latin-1"), value) for name, value in raw_headers)
        headers = {name: value.decode("latin-1") for name, value in decoded if name in HEADERS}
        of_request = self._reason_of_request(headers)

        def reason(record: Record) -> str | None:
            if of_request is not None:
                return of_request
            user = record.user or record.user_id
            if user is not None and str(user) in self._ignored_users:
                return "ignored_user"
            return None if self._filter is None else self._ask(self._filter, record, headers)

        return reason

    def _reason_of_request(self, headers: dict[str, str]) -> str | None:
        agent = headers.get("user-agent", "").lower().replace(_NO_BOT, "")
        if any(token in agent for token in self._bot_tokens):
            return "bot"
        purpose = headers.get("sec-purpose", headers.get("purpose", ""))
        return "prefetch" if "prefetch" in purpose.lower() else None

    def _ask(self, keep_or_drop: Filter, record: Record, headers: dict[str, str]) -> str | None:
        try:
            found = keep_or_drop(asdict(record), dict(headers))
            return None if found is None else self._label(found)
        except Exception:
            metrics.FILTER_ERRORS.inc()
            if not self._has_failed:
                logger.exception("the event filter failed; its events are kept")
            self._has_failed = True
            return None

    def _label(self, reason: str) -> str:
        """Make a metric's label of the filter's text; beyond so many different ones: other."""
        label = _NOT_A_LABEL.sub("_", reason.lower())[:40].strip("_") or "unnamed"
        if len(self._reasons) < _MAX_REASONS:
            self._reasons.add(label)
        return label if label in self._reasons else "other"


def _parts(text: str) -> tuple[str, ...]:
    return tuple(stripped for part in text.split(",") if (stripped := part.strip()))


def _load(name: str) -> Filter:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"ENGAGE_EVENT_FILTER: cannot load {name}: {error}") from None
    if not callable(found):
        raise SetupError(f"ENGAGE_EVENT_FILTER: {name} is not a function")
    return found  # type: ignore[no-any-return]
