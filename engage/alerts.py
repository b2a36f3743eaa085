"""Alerts: what is wrong or unusual in the system, and which of it to send. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import IntEnum
from typing import Any, Final, NamedTuple

from schema.errors import SetupError

_MIN_POSTS: Final = 3
_MAX_WEAK_PCT: Final = 50.0


class Severity(IntEnum):
    """Severity, as the exit code of a monitoring plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Alert(NamedTuple):
    """A condition that needs attention.

    Attributes:
        check: pipeline, movers or weak-hours.
        subject: identifies the condition within the check as long as it lasts.
        detail: the condition in words.
        report: path of the read API with details.
    """

    check: str
    severity: Severity
    subject: str
    detail: str
    report: str

    @property
    def key(self) -> str:
        return f"{self.check}:{self.subject}"

    def as_row(self) -> dict[str, Any]:
        return self._asdict() | {"severity": self.severity.name.lower()}


def pipeline_alerts(ledger: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield the alerts of the ledger, and one if it does not balance."""
    alerts = ledger["alerts"]
    if not ledger["balanced"] and "ledger_unbalanced" not in {alert["name"] for alert in alerts}:
        detail = "the ledger does not balance: see `engage ledger`"
        yield Alert("pipeline", Severity.CRITICAL, "ledger_unbalanced", detail, "/ops/ledger")
    for alert in alerts:
        severity = Severity[alert["severity"].upper()]
        subject = f"{alert['name']} {alert['subject']}".rstrip()
        yield Alert("pipeline", severity, subject, alert["detail"], "/ops/ledger")


def mover_alerts(movers: Iterable[Mapping[str, Any]]) -> Iterator[Alert]:
    for mover in movers:
        subject = f"{mover['dimension']} {mover['key']}".rstrip() + f" {mover['direction']}"
        report = f"/reports/movers?dimension={mover['dimension']}"
        yield Alert("movers", Severity.WARNING, subject, mover["sentence"], report)


def weak_hour_alerts(authors: Iterable[Mapping[str, Any]]) -> Iterator[Alert]:
    """Yield an alert for each author who published mostly in weak hours."""
    for author in authors:
        if author["posts"] >= _MIN_POSTS and author["weak_pct"] > _MAX_WEAK_PCT:
            detail = (
                f"{author['author_name']} published {author['in_weak']} of {author['posts']}"
                " posts in weak hours: see `engage report when-to-post`"
            )
            report = f"/reports/posting-hours?author={author['author_id']}"
            subject = f"author {author['author_id']}"
            yield Alert("weak-hours", Severity.WARNING, subject, detail, report)


def worst(alerts: Iterable[Alert]) -> Severity:
    return max((alert.severity for alert in alerts), default=Severity.OK)


def summary(alerts: Sequence[Alert], checks: Iterable[str]) -> str:
    """Return the line of a monitoring plugin: severity, details, and counts after the bar."""
    counts = {check: sum(alert.check == check for alert in alerts) for check in checks}
    ordered = sorted(alerts, key=lambda alert: -alert.severity)
    details = "; ".join(alert.detail for alert in ordered) or "no alerts"
    numbers = " ".join(f"{check.replace('-', '_')}={number}" for check, number in counts.items())
    return f"{worst(alerts).name}: {details} | {numbers}".replace("\n", " ")


@dataclass(frozen=True)
class QuietHours:
    """A period of each local day, which may include midnight. Equal times: no period."""

    start: time = time(0)
    end: time = time(0)

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """Parse ``22:00-07:00``; empty: no period. Raises SetupError."""
        if not text.strip():
            return cls()
        try:
            start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
        except ValueError:
            raise SetupError(
                "ENGAGE_WEBHOOK_QUIET_HOURS must be two times of day, such as 22:00-07:00"
            ) from None
        return cls(start, end)

    def include(self, moment: datetime) -> bool:
        """Whether a moment is in the period, in the moment's time zone."""
        now = moment.time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(frozen=True)
class Sent:
    """The last notification of each alert, by key: seconds since 1970, and the severity."""

    at: dict[str, tuple[float, int]] = field(default_factory=dict)

    def with_sent(self, alerts: Iterable[Alert], now: float) -> "Sent":
        """Return a copy after these alerts were sent."""
        return Sent(self.at | {f.key: (now, int(f.severity)) for f in alerts})

    def without_resolved(
        self, alerts: Iterable[Alert], cooldown_seconds: float, now: float
    ) -> "Sent":
        """Return a copy without alerts that were resolved before the cooldown."""
        keys = {alert.key for alert in alerts}
        return Sent(
            {
                key: value
                for key, value in self.at.items()
                if key in keys or now - value[0] < cooldown_seconds
            }
        )


def due(
    alerts: Iterable[Alert], sent: Sent, cooldown_seconds: float, now: float, *, is_quiet: bool
) -> list[Alert]:
    """Return the alerts to send.

    An alert is sent again after the cooldown, or immediately if its severity rose. In quiet hours
    only critical alerts are sent; others are sent afterwards if they are still active.
    """
    found = []
    for alert in alerts:
        if is_quiet and alert.severity < Severity.CRITICAL:
            continue
        at, severity = sent.at.get(alert.key, (float("-inf"), 0))
        if now - at >= cooldown_seconds or alert.severity > severity:
            found.append(alert)
    return found
