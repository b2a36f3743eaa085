"""Looking at a system for what is wrong or unusual, and telling it to a webhook."""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from engage.client import get_json
from engage.embedded.files import write_whole
from engage.monitoring.findings import Finding, Severity, of_movers, of_pipeline, of_weak_hours
from engage.monitoring.notices import QuietHours, Sent, due
from engage.settings import MonitorSettings
from engage.target import Target
from schema.errors import Unavailable

_MOST: Final = 1000


def look(target: Target, checks: Iterable[str], hours: int, least_z: float) -> list[Finding]:
    """Return what is wrong or unusual at this moment.

    Raises:
        Unavailable: the read API does not answer.
        Refused: it says no.
    """

    def ask(path: str, **parameters: Any) -> Any:
        return get_json(target.api_url, path, target.read_key, **parameters)

    found: list[Finding] = []
    for check in checks:
        if check == "pipeline":
            found += of_pipeline(ask("/ops/ledger"))
        elif check == "movers":
            found += of_movers(ask("/reports/movers", hours=hours, least_z=least_z, limit=_MOST))
        else:
            found += of_weak_hours(ask("/reports/posting-hours", period="7d", limit=_MOST))
    return found


def unreachable(error: Unavailable) -> Finding:
    """Return what is told when nobody answers."""
    return Finding("pipeline", Severity.UNKNOWN, "unreachable", str(error), "/readyz")


class Notifier:
    """Sends what is due to the webhook, and remembers in a file what was sent.

    Args:
        settings: where to and when.
        path: of the file; None: nothing is remembered, so all is sent each time.
    """

    def __init__(self, settings: MonitorSettings, path: Path | None) -> None:
        self._settings = settings
        self._path = path
        self._sent = _read(path)

    def tell(self, findings: Sequence[Finding]) -> int:
        """Send what is due; return how many findings that were.

        Raises:
            Unavailable: the webhook did not take them; they are due again at the next look.
        """
        webhook, settings, now = self._settings.webhook, self._settings, time.time()
        if webhook is None:
            return 0
        quiet = QuietHours.parse(settings.webhook_quiet_hours)
        is_quiet = quiet.include(datetime.fromtimestamp(now, UTC).astimezone(settings.zone))
        cooldown = settings.webhook_cooldown_seconds
        news = due(findings, self._sent, cooldown, now, is_quiet=is_quiet)
        if news:
            webhook.send("engage.findings", {"findings": [finding.as_row() for finding in news]})
        known = self._sent.with_sent(news, now).still_standing(findings, cooldown, now)
        if known != self._sent:
            self._sent = known
            if self._path is not None:
                write_whole(self._path, json.dumps(known.at).encode())
        return len(news)


def _read(path: Path | None) -> Sent:
    """Read what was sent; a broken file counts as none: being told twice is the lesser evil."""
    try:
        stored = json.loads(path.read_bytes()) if path else {}
        return Sent({str(key): (float(at), int(grave)) for key, (at, grave) in stored.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return Sent()
